//! The door to Git: options, one HTTP client for all repositories, and the shutdown signal. Opens repositories and
//! looks at remotes without one.

use super::address::{Address, Way};
use super::cache::Cache;
use super::error::{Failure, GitError};
use super::http_client::Clients;
use super::options::{Anonymous, Basic, Credentials, GitOptions};
use super::remote::{self, Advertised};
use super::repository::Repository;
use super::transport::context::{self, Context};
use crate::model::Problem;
use crate::world::address::Guard;
use crate::world::registry::GitTags;
use git2::Oid;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// A TCP connection, TLS or SSH handshake that takes longer than this fails.
pub(super) const CONNECT: Duration = Duration::from_secs(30);
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
    clients: Clients,
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
        Self { inner: Arc::new(Inner { options, shutdown, clients: Clients::default() }) }
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
        self.tags_of(&self.address(url)?, credentials, None).await
    }

    async fn tags_of(
        &self,
        address: &Address,
        credentials: &dyn Credentials,
        guard: Option<Guard>,
    ) -> Result<Vec<Tag>, GitError> {
        let advertised: Advertised = self.run_within(address, credentials, guard, remote::list).await?;
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
        self.run_within(address, credentials, None, work).await
    }

    /// As [`Git::run`]; with a guard, for a remote that the configuration does not name.
    async fn run_within<T: Send + 'static>(
        &self,
        address: &Address,
        credentials: &dyn Credentials,
        guard: Option<Guard>,
        work: impl FnOnce(&Address, &Arc<Context>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, GitError> {
        let cancel = self.inner.shutdown.child_token();
        let _ends_with_us = cancel.clone().drop_guard();
        let timeout = self.inner.options.timeout;
        let result = async {
            let started = Instant::now();
            let basic = self.basic(address, credentials, &cancel).await?;
            let context = Arc::new(self.context(address, basic, guard, cancel.clone(), started)?);
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
        guard: Option<Guard>,
        cancel: CancellationToken,
        started: Instant,
    ) -> Result<Context, Failure> {
        let options = &self.inner.options;
        let http = match address.way {
            Way::Http => Some(self.inner.clients.client(options, &address.url, guard.as_ref())?),
            Way::Ssh | Way::Local => None,
        };
        Ok(Context {
            runtime: tokio::runtime::Handle::current(),
            http,
            guard: guard.unwrap_or_else(Guard::open),
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
}

/// Tags of a chart's repository: nobody's credentials go over HTTP, and nothing on this machine's disk is one.
#[async_trait::async_trait]
impl GitTags for Git {
    async fn tags(&self, url: &str, guard: &Guard) -> Result<Vec<String>, Problem> {
        let listed = async {
            let address = self.address(url)?;
            if address.way == Way::Local {
                let failure = Failure::Address("a chart's repository is https://, http:// or ssh://".to_owned());
                return Err(failure.at(&address.shown));
            }
            self.tags_of(&address, &Anonymous, Some(guard.clone())).await
        };
        let tags = listed.await.map_err(|error| error.problem())?;
        Ok(tags.into_iter().map(|tag| tag.name).collect())
    }
}
