//! One polite client: at most so many requests at once per host, pauses that servers ask for, redirects followed by
//! hand so that every hop is judged, a limit on everything. It knows neither indexes nor registries.

use super::address::{GuardedResolver, Network, Reach};
use super::body::Body;
use super::failure::{Again, Failure, authority, private_address, shown};
use super::options::Options;
use crate::config::PrivateAddresses;
use crate::model::{Problem, Reason};
use crate::world::loopback::Place;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::{Host, Url};

/// The client of one [`super::Registry`].
pub(super) struct Http {
    pub(super) options: Arc<Options>,
    clients: Mutex<HashMap<ClientKey, reqwest::Client>>,
    hosts: Mutex<HashMap<String, Arc<HostState>>>,
    named: HashSet<String>,
    proxies: Arc<HashSet<String>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct ClientKey {
    reach: Reach,
    unchecked: bool,
    ca_file: Option<PathBuf>,
    place: Place,
}

struct HostState {
    permits: Arc<Semaphore>,
    not_before: Mutex<Option<Instant>>,
}

/// What all requests for one source share.
#[derive(Debug, Clone)]
pub(super) struct Trip {
    reach: Reach,
    deadline: Instant,
    /// Certificates are not checked (a mirror's `insecure`; a host's own is looked up per hop).
    pub(super) unchecked: bool,
}

/// One request, before redirects.
pub(super) struct Ask {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// Sent to this URL's own host only.
    pub(super) authorization: Option<SecretString>,
    /// Largest body in bytes, after decompression.
    pub(super) limit: u64,
}

/// An answer whose body is still to be read.
pub(super) struct Answer {
    pub(super) status: reqwest::StatusCode,
    pub(super) headers: HeaderMap,
    /// Where it came from, after redirects.
    pub(super) url: Url,
    pub(super) body: Body,
}

impl Http {
    pub(super) fn new(options: Arc<Options>) -> Self {
        let hosts = options.registries.hosts.iter().map(|entry| entry.host.to_ascii_lowercase());
        let mirrors = options.registries.mirrors.0.iter().filter_map(|mirror| {
            Url::parse(&mirror.to.replacen("oci://", "https://", 1)).ok().map(|url| authority(&url))
        });
        Self {
            named: hosts.chain(mirrors).collect(),
            proxies: Arc::new(options.proxies.iter().cloned().collect()),
            clients: Mutex::default(),
            hosts: Mutex::default(),
            options,
        }
    }

    /// Starts the requests for one source: how far they may reach hangs on the URL itself.
    pub(super) async fn trip(&self, origin: &Url, unchecked: bool) -> Trip {
        let deadline = Instant::now() + self.options.limits.overall;
        let reach = match self.options.registries.allow_private_addresses {
            PrivateAddresses::Always => Reach::Any,
            PrivateAddresses::Auto if self.is_private(origin).await => Reach::Private,
            PrivateAddresses::Auto | PrivateAddresses::Never => Reach::Public,
        };
        Trip { reach, deadline, unchecked }
    }

    async fn is_private(&self, url: &Url) -> bool {
        let network = &self.options.network;
        match url.host() {
            Some(Host::Ipv4(address)) => network.is_private(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => network.is_private(IpAddr::V6(address)),
            Some(Host::Domain(name)) => {
                let resolved = tokio::time::timeout(self.options.registries.timeout, network.resolve(name)).await;
                matches!(resolved, Ok(Ok(all)) if all.iter().any(|address| network.is_private(*address)))
            }
            None => false,
        }
    }

    /// Runs an idempotent attempt again where that can help: few times, with backoff, jitter and what the server asks.
    pub(super) async fn retrying<T, F, Fut>(&self, trip: &Trip, mut attempt: F) -> Result<T, Problem>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        let limits = &self.options.limits;
        let (mut pause, mut turn) = (limits.backoff, 1);
        loop {
            let failure = match attempt().await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let wait = match failure.again {
                Again::Never => return Err(failure.problem),
                _ if turn >= limits.attempts => return Err(failure.problem),
                Again::Soon => pause.mul_f64(0.5 + (self.options.jitter)()),
                Again::After(wait) => wait,
            };
            let left = trip.deadline.saturating_duration_since(Instant::now());
            if wait > left || wait > self.options.registries.timeout {
                return Err(failure.problem);
            }
            tokio::time::sleep(wait).await;
            pause = pause.saturating_mul(2);
            turn += 1;
        }
    }

    /// One GET with its redirects. Statuses other than 429 and 5xx are the caller's to judge.
    pub(super) async fn get(&self, trip: &Trip, ask: Ask) -> Result<Answer, Failure> {
        let Ask { mut url, mut headers, mut authorization, limit } = ask;
        for _ in 0..=self.options.limits.redirects {
            let answer = self.hop(trip, &url, &headers, authorization.as_ref(), None, limit).await?;
            if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let next = redirect_target(&url, &answer.headers)?;
            if (next.scheme(), authority(&next)) != (url.scheme(), authority(&url)) {
                authorization = None;
                headers.remove(reqwest::header::COOKIE);
            }
            url = next;
        }
        let (place, most) = (shown(&url), self.options.limits.redirects);
        Err(Failure::never(Reason::SourceError, format!("{place}: more than {most} redirects")))
    }

    /// One POST of a form to a token service; it only reads there. Not redirected.
    pub(super) async fn post_form(
        &self,
        trip: &Trip,
        url: &Url,
        form: &SecretString,
        limit: u64,
    ) -> Result<Answer, Failure> {
        let mut target = url.clone();
        target.set_query(None);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self.hop(trip, &target, &headers, None, Some(form), limit).await
    }

    async fn hop(
        &self,
        trip: &Trip,
        url: &Url,
        headers: &HeaderMap,
        authorization: Option<&SecretString>,
        form: Option<&SecretString>,
        limit: u64,
    ) -> Result<Answer, Failure> {
        let place = shown(url);
        let host = self.host(url);
        self.pause_of(&host, &place)?;
        let client = self.client(trip, url)?;
        let permit = tokio::time::timeout_at(trip.deadline, host.permits.clone().acquire_owned())
            .await
            .map_err(|_| out_of_time(&place))?
            .map_err(|_| out_of_time(&place))?;
        let mut request = match form {
            Some(form) => client.post(url.clone()).body(form.expose_secret().to_owned()),
            None => client.get(url.clone()),
        }
        .headers(headers.clone());
        if let Some(secret) = authorization {
            let mut value = HeaderValue::from_str(secret.expose_secret()).map_err(|_| {
                Failure::never(
                    Reason::SourceUnauthorized,
                    format!("{place}: the credentials hold characters that HTTP does not allow"),
                )
            })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let idle = self.options.registries.timeout;
        let until = trip.deadline.min(Instant::now() + idle);
        let response = match tokio::time::timeout_at(until, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(Failure::from_request(&error, url)),
            Err(_) => {
                return Err(Failure::soon(
                    Reason::SourceUnreachable,
                    format!("{place} did not answer within {idle:?}"),
                ));
            }
        };
        let (status, headers) = (response.status(), response.headers().clone());
        if status.as_u16() == 429 || status.is_server_error() {
            return Err(self.overloaded(&host, status, &headers, &place));
        }
        let body = Body::new(response, permit, limit, idle, trip.deadline, place);
        Ok(Answer { status, headers, url: url.clone(), body })
    }

    /// 429 and 5xx: when to come back, and that nobody else asks this host before.
    fn overloaded(&self, host: &HostState, status: reqwest::StatusCode, headers: &HeaderMap, place: &str) -> Failure {
        let wait = headers.get(RETRY_AFTER).and_then(|value| self.retry_after(value));
        let limited = status.as_u16() == 429 || (status.as_u16() == 503 && wait.is_some());
        if !limited {
            return Failure::soon(Reason::SourceError, format!("{place} answers {status}"));
        }
        let Some(wait) = wait else {
            return Failure::soon(Reason::SourceRateLimited, format!("{place} answers {status}: too many requests"));
        };
        let mut not_before = host.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *not_before = Some(Instant::now() + wait);
        Failure { problem: self.limited(place, wait), again: Again::After(wait) }
    }

    fn limited(&self, place: &str, wait: Duration) -> Problem {
        let at =
            jiff::SignedDuration::try_from(wait).ok().and_then(|wait| (self.options.clock)().checked_add(wait).ok());
        let when = at.map_or_else(|| "much later".to_owned(), |at| format!("{at:.0}"));
        Problem::new(
            Reason::SourceRateLimited,
            format!("{place}: too many requests; the server asks to come back at {when}"),
        )
    }

    /// Seconds or an HTTP date (RFC 9110, 10.2.3); at most a day.
    fn retry_after(&self, value: &HeaderValue) -> Option<Duration> {
        let text = value.to_str().ok()?.trim();
        let wait = if let Ok(seconds) = text.parse::<u64>() {
            Duration::from_secs(seconds)
        } else {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(at.duration_since((self.options.clock)())).unwrap_or(Duration::ZERO)
        };
        Some(wait.min(Duration::from_hours(24)))
    }

    /// Refuses, or asks to wait, while a host wants no requests.
    fn pause_of(&self, host: &HostState, place: &str) -> Result<(), Failure> {
        let not_before = *host.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        if wait.is_zero() {
            return Ok(());
        }
        Err(Failure { problem: self.limited(place, wait), again: Again::After(wait) })
    }

    fn host(&self, url: &Url) -> Arc<HostState> {
        let name = authority(url);
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let concurrency = || {
            let entry = self.options.registries.hosts.iter().find(|entry| entry.host.eq_ignore_ascii_case(&name));
            entry.map_or(self.options.limits.concurrency, |entry| entry.concurrency).max(1)
        };
        hosts
            .entry(name.clone())
            .or_insert_with(|| {
                let permits = Arc::new(Semaphore::new(concurrency()));
                Arc::new(HostState { permits, not_before: Mutex::new(None) })
            })
            .clone()
    }

    fn client(&self, trip: &Trip, url: &Url) -> Result<reqwest::Client, Failure> {
        let name = authority(url);
        let reach = if self.named.contains(&name) { Reach::Any } else { trip.reach };
        self.judge_literal(reach, url)?;
        let entry = self.options.registries.host(&name, url.path());
        let key = ClientKey {
            reach,
            unchecked: trip.unchecked || entry.is_some_and(|entry| entry.insecure),
            ca_file: entry.and_then(|entry| entry.ca_file.clone()),
            place: Place::of(url),
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = self.build(&key)?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    /// The resolver never sees an address that is written out.
    fn judge_literal(&self, reach: Reach, url: &Url) -> Result<(), Failure> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(()),
        };
        if reach.admits(address, self.options.network.as_ref()) {
            return Ok(());
        }
        Err(Failure::never(Reason::SourcePrivateAddress, private_address(&address.to_string(), &shown(url))))
    }

    fn build(&self, key: &ClientKey) -> Result<reqwest::Client, Failure> {
        let resolver = GuardedResolver {
            network: Arc::clone(&self.options.network) as Arc<dyn Network>,
            reach: key.reach,
            proxies: Arc::clone(&self.proxies),
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("davit/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.options.registries.timeout)
            .pool_max_idle_per_host(2)
            .pool_idle_timeout(Duration::from_secs(20))
            .tls_danger_accept_invalid_certs(key.unchecked)
            .dns_resolver(Arc::new(resolver));
        builder = key.place.fit(builder);
        if let Some(file) = &key.ca_file {
            let broken = |why: String| {
                Failure::never(Reason::SourceTls, format!("registries.hosts: caFile {}: {why}", file.display()))
            };
            let pem = std::fs::read(file).map_err(|e| broken(e.to_string()))?;
            let bundle =
                reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| broken("holds no PEM certificate".into()))?;
            if bundle.is_empty() {
                return Err(broken("holds no PEM certificate".into()));
            }
            builder = builder.tls_certs_merge(bundle);
        }
        builder.build().map_err(|_| {
            let message =
                "no HTTP client: the system has no usable CA bundle (install ca-certificates, or set SSL_CERT_FILE)";
            Failure::never(Reason::SourceTls, message)
        })
    }
}

fn out_of_time(place: &str) -> Failure {
    Failure::never(Reason::SourceUnreachable, format!("{place}: not finished within ten times registries.timeout"))
}

/// Where a redirect leads; never from https to http.
fn redirect_target(from: &Url, headers: &HeaderMap) -> Result<Url, Failure> {
    let place = shown(from);
    let target = headers.get(LOCATION).and_then(|value| value.to_str().ok()).and_then(|text| from.join(text).ok());
    let Some(target) = target.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) else {
        return Err(Failure::never(Reason::SourceError, format!("{place}: a redirect without a usable Location")));
    };
    if from.scheme() == "https" && target.scheme() == "http" {
        let to = shown(&target);
        return Err(Failure::never(Reason::SourceError, format!("{place}: a redirect from https to {to}: refused")));
    }
    Ok(target)
}
