//! One request to GitHub: signed in, within its rate limits and ours, repeated only where that is safe.

use super::auth::{Auth, Installation, Need};
use super::refused::{self, Refusal};
use super::service;
use crate::config::web_host;
use crate::proposal::Signatures;
use crate::world::forge::ForgeError;
use crate::world::retry::{Backoff, Clock, idempotent};
use http::header::{ACCEPT, AUTHORIZATION, ETAG, IF_NONE_MATCH, LINK, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::Url;

/// Longest wait for a rate limit within a pass; beyond it the call fails with the time to come back.
const WAIT_LIMIT: SignedDuration = SignedDuration::from_secs(60);
/// Waits for a limit in one call.
const WAITS: usize = 3;
const REDIRECTS: usize = 5;
const BACKOFF: Backoff = Backoff { attempts: 3, first: Duration::from_millis(500), longest: Duration::from_secs(10) };
/// GitHub asks for a second between writes; a forge of one's own does not.
const WRITE_GAP: Duration = Duration::from_secs(1);
/// Remembered answers of polled lists.
const CACHE_ENTRIES: usize = 512;
/// Largest answer that is remembered, in bytes.
const CACHE_BODY: usize = 1 << 20;

pub(super) struct Client {
    octocrab: octocrab::Octocrab,
    api: String,
    graphql: String,
    pub(super) auth: Auth,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    gap: Duration,
    /// Nothing is asked before this time.
    quiet_until: Mutex<Option<Timestamp>>,
    /// Writes go one after the other; when the last one ended.
    writes: tokio::sync::Mutex<Option<Timestamp>>,
    cache: Mutex<Cache>,
    /// What the commits that this process made through the API were signed with.
    made: Mutex<Signatures>,
}

/// One request.
pub(super) struct Ask<'a> {
    /// The attempt, for messages.
    pub(super) what: &'a str,
    pub(super) method: Method,
    /// Below the API's URL, with a leading slash; or a whole URL of the same host.
    pub(super) path: &'a str,
    pub(super) body: Option<Value>,
    /// Safe to send twice.
    pub(super) repeatable: bool,
    /// The permission that a 403 means is missing.
    pub(super) permission: &'static str,
    /// Signed as the App itself, not its installation.
    pub(super) as_app: bool,
}

impl<'a> Ask<'a> {
    pub(super) fn get(what: &'a str, path: &'a str, permission: &'static str) -> Self {
        Self { what, method: Method::GET, path, body: None, repeatable: true, permission, as_app: false }
    }

    pub(super) fn write(what: &'a str, method: Method, path: &'a str, body: Value, permission: &'static str) -> Self {
        Self { what, method, path, body: Some(body), repeatable: true, permission, as_app: false }
    }

    /// Must not be sent twice.
    pub(super) fn once(mut self) -> Self {
        self.repeatable = false;
        self
    }
}

/// An answer that is a success.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) body: String,
    /// The next page's URL.
    pub(super) next: Option<String>,
}

impl Client {
    pub(super) fn new(
        api: &Url,
        auth: Auth,
        octocrab: octocrab::Octocrab,
        clock: Arc<dyn Clock>,
        timeout: Duration,
    ) -> Self {
        let base = api.as_str().trim_end_matches('/').to_owned();
        let graphql = match base.strip_suffix("/api/v3") {
            Some(host) => format!("{host}/api/graphql"),
            None => format!("{base}/graphql"),
        };
        let public = api.host_str().is_some_and(|h| h == "api.github.com" || h.ends_with(".ghe.com"));
        Self {
            octocrab,
            api: base,
            graphql,
            auth,
            clock,
            timeout,
            gap: if public { WRITE_GAP } else { Duration::ZERO },
            quiet_until: Mutex::new(None),
            writes: tokio::sync::Mutex::new(None),
            cache: Mutex::new(Cache::default()),
            made: Mutex::default(),
        }
    }

    /// Where GitHub's own addresses end: after the host of its pages, or as on github.com.
    pub(super) fn mail_hosts(&self) -> Vec<String> {
        let api = Url::parse(&self.api).ok();
        let web = api.as_ref().and_then(Url::host_str).map(web_host);
        let web = web.filter(|host| *host != "github.com").map(str::to_owned);
        web.into_iter().chain(["github.com".to_owned()]).collect()
    }

    /// What the commits that this process made through the API were signed with.
    pub(super) fn made(&self) -> Signatures {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers what a new commit was signed with: an Enterprise server may have addresses of its own.
    pub(super) fn note_made(&self, author: String, committer: String) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if author != committer && !made.forge.contains(&committer) {
            made.forge.push(committer);
        }
        if !made.authors.contains(&author) {
            made.authors.push(author);
        }
    }

    /// Sends, and repeats where the call may be repeated and the failure is worth it.
    pub(super) async fn call(&self, ask: Ask<'_>) -> Result<Answer, ForgeError> {
        let again = |e: &ForgeError| {
            matches!(e, ForgeError::Server { .. } | ForgeError::Timeout { .. } | ForgeError::Unreachable { .. })
        };
        let backoff = Backoff { attempts: if ask.repeatable { BACKOFF.attempts } else { 1 }, ..BACKOFF };
        idempotent(&*self.clock, backoff, again, || self.within_limits(&ask)).await
    }

    pub(super) async fn json<T: serde::de::DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, ForgeError> {
        let what = ask.what.to_owned();
        let answer = self.call(ask).await?;
        parse(&what, &answer.body)
    }

    /// A GraphQL request; `data` of the answer.
    pub(super) async fn graphql(&self, ask: Ask<'_>) -> Result<Value, ForgeError> {
        let (what, permission) = (ask.what.to_owned(), ask.permission);
        let answer: Value = self.json(Ask { path: &self.graphql, ..ask }).await?;
        match answer.get("errors").and_then(Value::as_array).filter(|errors| !errors.is_empty()) {
            Some(errors) => {
                let error = refused::graphql(&what, permission, errors, self.clock.now());
                if let ForgeError::RateLimited { until, .. } = &error {
                    self.be_quiet(*until);
                }
                Err(error)
            }
            None => Ok(answer.get("data").cloned().unwrap_or_default()),
        }
    }

    /// The token for a request and for Git; an App's installation token is renewed here.
    pub(super) async fn token(&self) -> Result<Option<SecretString>, ForgeError> {
        let mut kept = self.auth.kept().await;
        match self.auth.need(kept.as_ref(), self.clock.now())? {
            Need::Token(token) => Ok(token),
            Need::Installation { id, jwt } => {
                let fresh = self.installation_token(id, &jwt).await?;
                let token = fresh.token.clone();
                *kept = Some(fresh);
                Ok(Some(token))
            }
        }
    }

    async fn installation_token(&self, id: u64, jwt: &SecretString) -> Result<Installation, ForgeError> {
        #[derive(serde::Deserialize)]
        struct Wire {
            token: String,
            expires_at: Timestamp,
        }
        let what = "asking for the GitHub App's installation token";
        let path = format!("/app/installations/{id}/access_tokens");
        let ask = Ask::write(what, Method::POST, &path, Value::Object(serde_json::Map::new()), "an installation");
        let backoff = BACKOFF;
        let again = |e: &ForgeError| matches!(e, ForgeError::Server { .. } | ForgeError::Unreachable { .. });
        let answer = idempotent(&*self.clock, backoff, again, || self.send(&ask, Some(jwt), None)).await?;
        let wire: Wire = parse(what, &answer.body)?;
        Ok(Installation { token: SecretString::from(wire.token), until: wire.expires_at })
    }

    /// Waits for a limit that ends soon. A refused request was not carried out: sending it again is safe for any.
    async fn within_limits(&self, ask: &Ask<'_>) -> Result<Answer, ForgeError> {
        for _ in 0..WAITS {
            self.wait(ask.what).await?;
            match self.signed(ask).await {
                Err(ForgeError::RateLimited { .. }) => {}
                other => return other,
            }
        }
        let until = self.quiet().unwrap_or_else(|| self.clock.now());
        Err(ForgeError::RateLimited { what: ask.what.to_owned(), until })
    }

    fn quiet(&self) -> Option<Timestamp> {
        *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait(&self, what: &str) -> Result<(), ForgeError> {
        let now = self.clock.now();
        let Some(until) = self.quiet().filter(|until| *until > now) else { return Ok(()) };
        let rest = until.duration_since(now);
        if rest > WAIT_LIMIT {
            return Err(ForgeError::RateLimited { what: what.to_owned(), until });
        }
        self.clock.sleep(rest.unsigned_abs()).await;
        Ok(())
    }

    /// Signs in; where the token is refused and another one is to be had (rotated file, revoked installation token),
    /// once more with that.
    async fn signed(&self, ask: &Ask<'_>) -> Result<Answer, ForgeError> {
        if ask.as_app {
            return self.send(ask, Some(&self.auth.jwt()?), None).await;
        }
        let token = self.token().await?;
        let first = self.paced(ask, token.as_ref()).await;
        let Err(ForgeError::Unauthorized { .. }) = first else { return first };
        if self.auth.is_app() {
            let mut kept = self.auth.kept().await;
            if kept.as_ref().map(|k| k.token.expose_secret()) == token.as_ref().map(ExposeSecret::expose_secret) {
                *kept = None;
            }
        }
        let second = self.token().await?;
        if second.as_ref().map(ExposeSecret::expose_secret) == token.as_ref().map(ExposeSecret::expose_secret) {
            return first;
        }
        self.paced(ask, second.as_ref()).await
    }

    /// Reads as they come, writes one after the other.
    async fn paced(&self, ask: &Ask<'_>, token: Option<&SecretString>) -> Result<Answer, ForgeError> {
        if ask.method == Method::GET {
            return self.remembered(ask, token).await;
        }
        let mut last = self.writes.lock().await;
        if let Some(end) = *last {
            let since = self.clock.now().duration_since(end).unsigned_abs();
            if since < self.gap {
                self.clock.sleep(self.gap.saturating_sub(since)).await;
            }
        }
        let answer = self.send(ask, token, None).await;
        *last = Some(self.clock.now());
        answer
    }

    /// A conditional request where the list was seen before: an unchanged one costs nothing of the rate limit.
    async fn remembered(&self, ask: &Ask<'_>, token: Option<&SecretString>) -> Result<Answer, ForgeError> {
        let url = self.url(ask.path);
        let known = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(&url);
        self.send(ask, token, known).await
    }

    fn url(&self, path: &str) -> String {
        if path.starts_with('/') { format!("{}{path}", self.api) } else { path.to_owned() }
    }

    /// One exchange within the time limit, redirects on the same host included.
    async fn send(
        &self,
        ask: &Ask<'_>,
        token: Option<&SecretString>,
        known: Option<(HeaderValue, Answer)>,
    ) -> Result<Answer, ForgeError> {
        let exchange = self.exchange(ask, token, known);
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(result) => result,
            Err(_) => Err(ForgeError::Timeout { what: ask.what.to_owned(), limit: self.timeout }),
        }
    }

    async fn exchange(
        &self,
        ask: &Ask<'_>,
        token: Option<&SecretString>,
        known: Option<(HeaderValue, Answer)>,
    ) -> Result<Answer, ForgeError> {
        let mut url = self.url(ask.path);
        for _ in 0..REDIRECTS {
            let request = self.request(ask, &url, token, known.as_ref().map(|(etag, _)| etag))?;
            let response =
                self.octocrab.send(request).await.map_err(|e| refused::transport(ask.what, self.timeout, &e))?;
            let (status, headers) = (response.status(), response.headers().clone());
            self.note_limit(&headers);
            if status == StatusCode::NOT_MODIFIED
                && let Some((_, answer)) = known
            {
                return Ok(answer);
            }
            if status.is_redirection() {
                url = redirect(ask, &url, status, &headers)?;
                continue;
            }
            let response = match octocrab::map_github_error(response).await {
                Ok(response) => response,
                Err(error) => return Err(self.refuse(ask, &error)),
            };
            let body = self
                .octocrab
                .body_to_string(response)
                .await
                .map_err(|e| refused::transport(ask.what, self.timeout, &e))?;
            let answer = Answer { body, next: next_page(&headers, &url) };
            if ask.method == Method::GET
                && let Some(etag) = headers.get(ETAG)
            {
                let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                cache.put(self.url(ask.path), etag.clone(), answer.clone());
            }
            return Ok(answer);
        }
        let detail = format!("more than {REDIRECTS} redirects");
        Err(ForgeError::Protocol { what: ask.what.to_owned(), detail })
    }

    fn request(
        &self,
        ask: &Ask<'_>,
        url: &str,
        token: Option<&SecretString>,
        etag: Option<&HeaderValue>,
    ) -> Result<http::Request<octocrab::OctoBody>, ForgeError> {
        let mut builder =
            http::Request::builder().method(ask.method.clone()).uri(url).header(ACCEPT, "application/vnd.github+json");
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).map_err(|_| {
                let detail = "the token holds characters that no token has: check the file".to_owned();
                ForgeError::Credentials { what: ask.what.to_owned(), detail }
            })?;
            value.set_sensitive(true);
            builder = builder.header(AUTHORIZATION, value);
        }
        if let Some(etag) = etag {
            builder = builder.header(IF_NONE_MATCH, etag);
        }
        let request = self.octocrab.build_request(builder, ask.body.as_ref());
        request.map_err(|e| ForgeError::Protocol { what: ask.what.to_owned(), detail: service::causes(&e) })
    }

    fn refuse(&self, ask: &Ask<'_>, error: &octocrab::Error) -> ForgeError {
        match refused::classify(ask.what, ask.permission, error, self.clock.now()) {
            Refusal::Limit(until) => {
                self.be_quiet(until);
                ForgeError::RateLimited { what: ask.what.to_owned(), until }
            }
            Refusal::Error(error) => error,
        }
    }

    fn be_quiet(&self, until: Timestamp) {
        let mut quiet = self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        *quiet = Some(quiet.map_or(until, |now| now.max(until)));
    }

    /// The primary limit says before the last request what comes after it; GraphQL says a secondary one with status 200.
    fn note_limit(&self, headers: &HeaderMap) {
        if let Some(until) = refused::retry_after(headers, self.clock.now()) {
            self.be_quiet(until);
        }
        if refused::number(headers, "x-ratelimit-remaining") == Some(0)
            && let Some(until) = refused::reset(headers)
        {
            self.be_quiet(until);
        }
    }
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(what: &str, body: &str) -> Result<T, ForgeError> {
    serde_json::from_str(body).map_err(|e| {
        let html = if body.trim_start().starts_with('<') { "HTML, not JSON: " } else { "" };
        ForgeError::Protocol { what: what.to_owned(), detail: format!("{html}{e}") }
    })
}

/// Where to go instead: the same host only (the token goes along), and with a body only where the method stays.
fn redirect(ask: &Ask<'_>, from: &str, status: StatusCode, headers: &HeaderMap) -> Result<String, ForgeError> {
    let fail = |detail: String| ForgeError::Protocol { what: ask.what.to_owned(), detail };
    let target = headers.get(LOCATION).and_then(|v| v.to_str().ok());
    let target = Url::parse(from).ok().zip(target).and_then(|(from, to)| Some((from.join(to).ok()?, from)));
    let Some((to, from)) = target else { return Err(fail(format!("status {status} without a usable Location"))) };
    if to.origin() != from.origin() {
        return Err(fail("a redirect to another host".to_owned()));
    }
    if ask.method != Method::GET && !matches!(status.as_u16(), 307 | 308) {
        return Err(fail(format!("a write was redirected with status {status}; was the repository renamed?")));
    }
    Ok(to.into())
}

/// `rel="next"` of a Link header, on the same host.
fn next_page(headers: &HeaderMap, from: &str) -> Option<String> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let entry = link.split(',').find(|entry| entry.split(';').any(|part| part.trim() == "rel=\"next\""))?;
    let url = entry.split(';').next()?.trim().strip_prefix('<')?.strip_suffix('>')?;
    let (next, from) = (Url::parse(url).ok()?, Url::parse(from).ok()?);
    (next.origin() == from.origin()).then(|| next.into())
}

/// Answers by URL, the oldest forgotten first.
#[derive(Default)]
struct Cache {
    answers: HashMap<String, (HeaderValue, Answer)>,
    order: VecDeque<String>,
}

impl Cache {
    fn get(&self, url: &str) -> Option<(HeaderValue, Answer)> {
        self.answers.get(url).cloned()
    }

    fn put(&mut self, url: String, etag: HeaderValue, answer: Answer) {
        if answer.body.len() > CACHE_BODY {
            return;
        }
        if self.answers.insert(url.clone(), (etag, answer)).is_none() {
            self.order.push_back(url);
        }
        while self.order.len() > CACHE_ENTRIES {
            if let Some(oldest) = self.order.pop_front() {
                self.answers.remove(&oldest);
            }
        }
    }
}
