//! One polite client: at most so many requests at once per host, pauses that servers ask for, redirects followed by
//! hand so that every hop is judged, a limit on everything. It knows neither indexes nor registries.

use super::body::Body;
use super::client::{Way, Ways};
use super::contact::Leave;
use super::failure::{Again, Failure, authority, shown};
use super::options::Options;
use super::pause::HostState;
use crate::config::PrivateAddresses;
use crate::model::{Problem, Reason};
use crate::witness::Access;
use crate::world::address::{Guard, Reach};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use secrecy::{ExposeSecret, SecretString};
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;
use url::{Host, Url};

/// The client of one [`super::Registry`].
pub(super) struct Http {
    pub(super) options: Arc<Options>,
    pub(super) ways: Mutex<Ways>,
    pub(super) hosts: Mutex<HashMap<String, Arc<HostState>>>,
    /// Per host name: whether it has a private address, and when that was found out.
    private: Mutex<HashMap<String, Arc<FoundOut>>>,
    /// Hosts that the configuration names.
    pub(super) named: HashSet<String>,
    pub(super) proxies: Arc<HashSet<String>>,
}

/// A fact with the time of finding out; held while somebody does.
type FoundOut = tokio::sync::Mutex<Option<(Instant, bool)>>;

/// What all requests for one source share.
#[derive(Debug, Clone)]
pub(super) struct Trip {
    pub(super) reach: Reach,
    deadline: Instant,
    /// Start of the round: a host that was down since then is not asked.
    since: Instant,
    /// The source's own way: its login, certificates and proxy.
    pub(super) access: Option<Arc<Access>>,
    /// Without the source's own authorities: the operator's credentials are on the way.
    pub(super) strict: bool,
    /// Certificates are not checked (a mirror's `insecure`; a host's own is looked up per hop).
    pub(super) unchecked: bool,
    /// Bodies are taken as they come: a server that calls an archive's own gzip an encoding is not obeyed.
    pub(super) raw: bool,
}

impl Trip {
    /// The same trip for an archive.
    #[must_use]
    pub(super) fn raw(self) -> Self {
        Self { raw: true, ..self }
    }

    /// The same, with the access of one source.
    #[must_use]
    pub(super) fn with(self, access: Option<Arc<Access>>) -> Self {
        Self { access, ..self }
    }

    /// The same, for credentials of the operator's: no server is trusted on a source's word.
    #[must_use]
    pub(super) fn strict(&self) -> Self {
        Self { strict: true, ..self.clone() }
    }
}

/// One request, before redirects.
pub(super) struct Ask {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// Asks for the head only.
    pub(super) head: bool,
    /// Sent to this URL's own host only.
    pub(super) authorization: Option<Authorization>,
    /// Largest body in bytes, after decompression.
    pub(super) limit: u64,
}

/// The header `Authorization`.
#[derive(Debug, Clone)]
pub(super) struct Authorization {
    pub(super) value: SecretString,
    /// Made from somebody's credentials; an anonymous token is not.
    pub(super) personal: bool,
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
            named: hosts.chain(mirrors).chain(options.named.iter().map(|host| host.to_ascii_lowercase())).collect(),
            proxies: Arc::new(options.proxies.iter().cloned().collect()),
            ways: Mutex::default(),
            private: Mutex::default(),
            hosts: Mutex::default(),
            options,
        }
    }

    /// Starts the requests for one source: how far they may reach hangs on the URL itself.
    pub(super) async fn trip(&self, origin: &Url, unchecked: bool, since: Instant) -> Trip {
        let deadline = Instant::now() + self.options.limits.overall;
        let reach = self.reach(origin, since).await;
        Trip { reach, deadline, since, access: None, strict: false, unchecked, raw: false }
    }

    /// As [`Self::trip`], for what the operator's own mirror led to: no name is resolved that only Git knows.
    pub(super) fn mirrored_trip(&self, unchecked: bool, since: Instant) -> Trip {
        let reach = match self.options.registries.allow_private_addresses {
            PrivateAddresses::Always => Reach::Any,
            PrivateAddresses::Auto => Reach::Public,
            PrivateAddresses::Never => Reach::NeverPrivate,
        };
        let deadline = Instant::now() + self.options.limits.overall;
        Trip { reach, deadline, since, access: None, strict: false, unchecked, raw: false }
    }

    async fn reach(&self, origin: &Url, since: Instant) -> Reach {
        match self.options.registries.allow_private_addresses {
            PrivateAddresses::Always => Reach::Any,
            PrivateAddresses::Auto if self.is_private(origin, since).await => Reach::Private,
            PrivateAddresses::Auto => Reach::Public,
            PrivateAddresses::Never => Reach::NeverPrivate,
        }
    }

    /// What a source of a URL's own may reach, by another client than ours.
    pub(super) async fn guard(&self, origin: &Url, since: Instant) -> Guard {
        let reach = self.reach(origin, since).await;
        self.guard_at(origin, reach)
    }

    /// The guard of one hop: what the configuration names is within every reach.
    pub(super) fn guard_at(&self, url: &Url, reach: Reach) -> Guard {
        let reach = if self.named.contains(&authority(url)) { Reach::Any } else { reach };
        Guard::new(Arc::clone(&self.options.network), reach, Arc::clone(&self.proxies))
    }

    async fn is_private(&self, url: &Url, since: Instant) -> bool {
        let network = &self.options.network;
        match url.host() {
            Some(Host::Ipv4(address)) => network.is_private(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => network.is_private(IpAddr::V6(address)),
            Some(Host::Domain(name)) => {
                let known = {
                    let mut hosts = self.private.lock().unwrap_or_else(PoisonError::into_inner);
                    Arc::clone(hosts.entry(name.to_owned()).or_default())
                };
                let mut known = known.lock().await;
                if let Some((_, private)) = known.filter(|(at, _)| *at >= since) {
                    return private;
                }
                let resolved = tokio::time::timeout(self.connect_timeout(), network.resolve(name)).await;
                let private = matches!(resolved, Ok(Ok(all)) if all.iter().any(|address| network.is_private(*address)));
                *known = Some((Instant::now(), private));
                private
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
        let Ask { mut url, mut headers, head, mut authorization, limit } = ask;
        let method = if head { Method::HEAD } else { Method::GET };
        for _ in 0..=self.options.limits.redirects {
            let request = self.request(&url, &method, &headers, authorization.as_ref())?;
            let answer = self.hop(trip, &url, request, limit).await?;
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
        self.refuse_plain_text(&target)?;
        let mut request = self.request(&target, &Method::POST, &headers, None)?;
        *request.body_mut() = Some(form.expose_secret().to_owned().into());
        self.hop(trip, &target, request, limit).await
    }

    fn request(
        &self,
        url: &Url,
        method: &Method,
        headers: &HeaderMap,
        authorization: Option<&Authorization>,
    ) -> Result<reqwest::Request, Failure> {
        let mut request = reqwest::Request::new(method.clone(), url.clone());
        *request.headers_mut() = headers.clone();
        let Some(authorization) = authorization else { return Ok(request) };
        if authorization.personal {
            self.refuse_plain_text(url)?;
        }
        let mut value = HeaderValue::from_str(authorization.value.expose_secret()).map_err(|_| {
            let place = shown(url);
            Failure::never(
                Reason::SourceUnauthorized,
                format!("{place}: the credentials hold characters that HTTP does not allow"),
            )
        })?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(request)
    }

    /// Credentials go over plain HTTP only where the operator's entry for that host takes it; Git's word is not enough.
    fn refuse_plain_text(&self, url: &Url) -> Result<(), Failure> {
        if url.scheme() == "https" || self.entry(url).is_some_and(|entry| entry.insecure) {
            return Ok(());
        }
        let (place, host) = (shown(url), authority(url));
        Err(Failure::never(
            Reason::SourceUnauthorized,
            format!(
                "{place}: credentials are not sent over plain HTTP; use https, or set insecure: true for {host} in \
                 registries.hosts"
            ),
        ))
    }

    async fn hop(&self, trip: &Trip, url: &Url, request: reqwest::Request, limit: u64) -> Result<Answer, Failure> {
        let place = shown(url);
        let host = self.host(url);
        self.pause_of(&host, &place)?;
        let way = self.way(trip, url)?;
        let permit = tokio::time::timeout_at(trip.deadline, host.permits.clone().acquire_owned())
            .await
            .map_err(|_| out_of_time(&place))?
            .map_err(|_| out_of_time(&place))?;
        let response = self.connected(trip, &way, &host, &place, &request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = Body::new(response, permit, limit, self.options.registries.timeout, trip.deadline, place);
        Ok(Answer { status, headers, url: url.clone(), body })
    }

    /// Sends a request. Attempts to connect are repeated here, by one request for all of its host.
    async fn connected(
        &self,
        trip: &Trip,
        way: &Way,
        host: &HostState,
        place: &str,
        request: &reqwest::Request,
    ) -> Result<reqwest::Response, Failure> {
        let limits = &self.options.limits;
        let mut guard = None;
        let (mut pause, mut turn) = (limits.backoff, 1);
        loop {
            if guard.is_none() {
                let leave = tokio::time::timeout_at(trip.deadline, way.contact.leave(trip.since, place));
                if let Leave::First(first) = leave.await.map_err(|_| out_of_time(place))?? {
                    guard = Some(first);
                }
            }
            // Again: the host may have asked for a pause while this request waited.
            self.pause_of(host, place)?;
            let failure = match self.send(trip, way, place, request, &mut guard).await {
                Err(failure) if failure.is_connection() => failure,
                other => {
                    let judged = other.and_then(|response| self.admitted(host, response, place));
                    way.contact.made();
                    return judged;
                }
            };
            let wait = pause.mul_f64(0.5 + (self.options.jitter)());
            let left = trip.deadline.saturating_duration_since(Instant::now());
            if failure.again == Again::Never || turn >= limits.attempts || wait > left {
                return Err(way.contact.failed(place, failure));
            }
            way.contact.doubt();
            tokio::time::sleep(wait).await;
            pause = pause.saturating_mul(2);
            turn += 1;
        }
    }

    /// One attempt. What has not failed to connect in time is connected, however long the answer takes: then the
    /// guard goes, so that a slow answer does not hold up the host's other requests.
    async fn send(
        &self,
        trip: &Trip,
        way: &Way,
        place: &str,
        request: &reqwest::Request,
        guard: &mut Option<tokio::sync::OwnedMutexGuard<()>>,
    ) -> Result<reqwest::Response, Failure> {
        let idle = self.options.registries.timeout;
        let again = request.try_clone().ok_or_else(|| out_of_time(place))?;
        let mut sending = std::pin::pin!(way.client.execute(again));
        let connecting = tokio::time::timeout(self.connect_timeout().mul_f64(1.2), &mut sending).await;
        let sent = if let Ok(sent) = connecting {
            sent
        } else {
            way.contact.made();
            *guard = None;
            let until = trip.deadline.min(Instant::now() + idle);
            let late = |_| Failure::soon(Reason::SourceUnreachable, format!("{place} did not answer within {idle:?}"));
            tokio::time::timeout_at(until, sending).await.map_err(late)?
        };
        sent.map_err(|error| Failure::from_request(&error, request.url()))
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
