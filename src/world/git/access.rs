//! The door to Git: options, one HTTP client for all repositories, and the shutdown signal. Opens repositories and
//! looks at remotes without one.

use super::address::{Address, Way};
use super::cache::Cache;
use super::error::{Failure, GitError, chain};
use super::options::{Basic, Credentials, GitOptions};
use super::remote::{self, Advertised};
use super::repository::Repository;
use super::transport::context::{self, Context};
use git2::Oid;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// A TCP connection, TLS or SSH handshake that takes longer than this fails.
const CONNECT: Duration = Duration::from_secs(30);
/// A server that says nothing for longer than this, in the middle of an answer, is hung.
const IDLE: Duration = Duration::from_mins(1);
/// Added to the deadline before a blocked thread (a hung disk) is left behind.
const GRACE: Duration = Duration::from_secs(2);

/// A tag of a remote, and the commit it stands for (annotated tags are followed).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// Name without `refs/tags/`.
    pub name: String,
    /// The commit.
    pub commit: Oid,
}

/// Access to Git remotes. Cheap to clone.
#[derive(Clone)]
pub struct Git {
    inner: Arc<Inner>,
}

struct Inner {
    options: GitOptions,
    shutdown: CancellationToken,
    client: OnceLock<Result<reqwest::Client, Failure>>,
}

impl std::fmt::Debug for Git {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Git").field("cache_dir", &self.inner.options.cache_dir).finish_non_exhaustive()
    }
}

impl Git {
    /// Access with these options. When `shutdown` is cancelled, every call under way ends with
    /// [`Failure::Cancelled`].
    pub fn new(options: GitOptions, shutdown: CancellationToken) -> Self {
        Self { inner: Arc::new(Inner { options, shutdown, client: OnceLock::new() }) }
    }

    /// The options.
    pub(super) fn options(&self) -> &GitOptions {
        &self.inner.options
    }

    /// The bare repository of a remote, with the configured credentials. Takes its cache directory; fails where
    /// another process has it. Asks no network. `name` only makes the directory recognisable.
    pub fn repository(&self, name: &str, url: &str) -> Result<Repository, GitError> {
        self.repository_with(name, url, self.inner.options.http.clone())
    }

    /// The same with credentials of its own: a forge's token for this remote.
    pub fn repository_with(
        &self,
        name: &str,
        url: &str,
        credentials: Arc<dyn Credentials>,
    ) -> Result<Repository, GitError> {
        let address = self.address(url)?;
        let cache = Cache::hold(&self.inner.options.cache_dir, name, &address.url)
            .map_err(|failure| failure.at(&address.shown))?;
        Ok(Repository::new(self.clone(), address, cache, credentials))
    }

    /// All tags of a remote, by name. With `credentials`, or anonymously.
    pub async fn tags(&self, url: &str, credentials: &dyn Credentials) -> Result<Vec<Tag>, GitError> {
        let address = self.address(url)?;
        let advertised: Advertised = self.run(&address, credentials, remote::list).await?;
        let mut tags: std::collections::BTreeMap<String, Oid> = std::collections::BTreeMap::new();
        for (name, oid) in advertised.refs.into_iter().chain(advertised.peeled) {
            if let Some(short) = name.strip_prefix("refs/tags/") {
                tags.insert(short.to_owned(), oid);
            }
        }
        Ok(tags.into_iter().map(|(name, commit)| Tag { name, commit }).collect())
    }

    fn address(&self, url: &str) -> Result<Address, GitError> {
        Address::parse(url, self.inner.options.insecure).map_err(|(shown, failure)| failure.at(&shown))
    }

    /// Runs blocking work that talks to the remote, with credentials, limits and cancellation in force.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        address: &Address,
        credentials: &dyn Credentials,
        work: impl FnOnce(&Address, &Arc<Context>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, GitError> {
        let cancel = self.inner.shutdown.child_token();
        let _ends_with_us = cancel.clone().drop_guard();
        let timeout = self.inner.options.timeout;
        let result = async {
            let started = Instant::now();
            let basic = self.basic(address, credentials, &cancel).await?;
            let context = Arc::new(self.context(address, basic, cancel.clone(), started)?);
            let address = address.clone();
            let job = tokio::task::spawn_blocking(move || {
                let result = context::with(&context, || work(&address, &context));
                result.map_err(|failure| context.take_failure().unwrap_or(failure))
            });
            match tokio::time::timeout(timeout.saturating_add(GRACE), job).await {
                Ok(Ok(result)) => result,
                Ok(Err(panicked)) => Err(Failure::Git { message: panicked.to_string(), damaged: false }),
                Err(_) => Err(Failure::Timeout { step: "the whole operation".to_owned(), limit: timeout }),
            }
        };
        result.await.map_err(|failure| failure.at(&address.shown))
    }

    async fn basic(
        &self,
        address: &Address,
        credentials: &dyn Credentials,
        cancel: &CancellationToken,
    ) -> Result<Option<Basic>, Failure> {
        if address.way != Way::Http {
            return Ok(None);
        }
        let limit = self.inner.options.timeout;
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Failure::Cancelled),
            given = tokio::time::timeout(limit, credentials.basic()) => match given {
                Ok(given) => given.map_err(Failure::Credentials),
                Err(_) => Err(Failure::Timeout { step: "the credentials".to_owned(), limit }),
            }
        }
    }

    fn context(
        &self,
        address: &Address,
        basic: Option<Basic>,
        cancel: CancellationToken,
        started: Instant,
    ) -> Result<Context, Failure> {
        let options = &self.inner.options;
        let http = if address.way == Way::Http { Some(self.client()?) } else { None };
        Ok(Context {
            runtime: tokio::runtime::Handle::current(),
            http,
            basic,
            ssh: options.ssh.clone(),
            known_hosts: options.known_hosts.clone(),
            connect_timeout: CONNECT.min(options.timeout),
            idle_timeout: IDLE.min(options.timeout),
            timeout: options.timeout,
            deadline: started + options.timeout,
            cancel,
            failure: Mutex::new(None),
        })
    }

    fn client(&self) -> Result<reqwest::Client, Failure> {
        self.inner.client.get_or_init(|| build_client(&self.inner.options)).clone()
    }
}

/// One client for every HTTP remote: proxies from the environment, the system's authorities and `git.http.caFile`.
fn build_client(options: &GitOptions) -> Result<reqwest::Client, Failure> {
    let mut builder = reqwest::Client::builder()
        .https_only(!options.insecure)
        .tls_danger_accept_invalid_certs(options.insecure)
        .connect_timeout(CONNECT.min(options.timeout))
        .redirect(reqwest::redirect::Policy::custom(follow));
    if let Some(file) = &options.ca_file {
        let unusable = |e: &dyn std::fmt::Display| Failure::Tls(format!("git.http.caFile {}: {e}", file.display()));
        let pem = std::fs::read(file).map_err(|e| unusable(&e))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| unusable(&chain(&e)))?;
        if certificates.is_empty() {
            return Err(unusable(&"it holds no certificate"));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|e| {
        Failure::Tls(format!("no HTTPS client: {} (is there a bundle of authorities on this system?)", chain(&e)))
    })
}

/// Within one origin only: credentials must not leave it.
fn follow(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.previous().len() > 5 {
        return attempt.error("too many redirects");
    }
    let same = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
    if same {
        return attempt.follow();
    }
    let target = attempt.url().host_str().unwrap_or("?").to_owned();
    attempt.error(format!("redirect to another place ({target}) is refused"))
}
