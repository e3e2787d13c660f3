//! Getting in: a request first as it is, then as the registry's challenge asks (basic, or a Bearer token of its token
//! service, anonymous or with credentials). Tokens are kept while they last; a token never leaves its host.

use super::Repository;
use super::challenge::Challenge;
use crate::model::Reason;
use crate::world::registry::credentials::{self, Credential, Secret};
use crate::world::registry::failure::{Failure, Link, authority, refused, shown};
use crate::world::registry::grants;
use crate::world::registry::http::{Answer, Ask, Authorization, Http, Trip};
use crate::world::registry::secret;
use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// What was learnt of registries: tokens by host and repository, and who speaks plain HTTP.
#[derive(Default)]
pub(in crate::world::registry) struct Tokens {
    by_repository: Mutex<HashMap<TokenKey, (Authorization, Instant)>>,
    plain_http: Mutex<HashMap<PlainKey, Arc<PlainHttp>>>,
}

/// Host, repository, and the objects that the token was had with.
type TokenKey = (String, String, Option<String>);

/// Whose credentials they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The source's own, from its Secrets.
    Source,
    /// The operator's, from the configuration.
    Operator,
}

/// The objects that a question is asked with.
fn account(trip: &Trip) -> Option<String> {
    trip.access.as_ref().map(|access| access.account.clone())
}

/// Host, and the objects that it is asked with: behind a source's proxy another one may answer.
type PlainKey = (String, Option<String>);

/// Whether a registry speaks plain HTTP only; held while somebody finds out, so that the others do not ask too.
type PlainHttp = tokio::sync::Mutex<Option<bool>>;

#[derive(serde::Deserialize)]
struct TokenAnswer {
    #[serde(default, deserialize_with = "secret::optional")]
    token: Option<SecretString>,
    #[serde(default, deserialize_with = "secret::optional")]
    access_token: Option<SecretString>,
    expires_in: Option<u64>,
}

impl Tokens {
    fn known(&self, key: &TokenKey) -> Option<Authorization> {
        let tokens = self.by_repository.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(key).filter(|(_, until)| *until > Instant::now()).map(|(token, _)| token.clone())
    }

    fn keep(&self, key: TokenKey, value: Authorization, lasts: Duration) {
        let mut tokens = self.by_repository.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() > 10_000 {
            tokens.retain(|_, (_, until)| *until > Instant::now());
        }
        tokens.insert(key, (value, Instant::now() + lasts));
    }

    fn forget(&self, key: &TokenKey) {
        self.by_repository.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Whether a registry that may be insecure answers to plain HTTP only. Asked once. A certificate that is refused
    /// is no reason to ask in plain text: somebody in the middle could make us do so.
    pub(super) async fn speaks_plain_http(&self, http: &Http, base: &Url, trip: &Trip) -> bool {
        let known = {
            let mut hosts = self.plain_http.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(hosts.entry((authority(base), account(trip))).or_default())
        };
        let mut known = known.lock().await;
        if let Some(known) = *known {
            return known;
        }
        let Ok(ping) = base.join("/v2/") else { return false };
        let over_tls = http.get(trip, ask(ping.clone(), None, 1 << 20)).await;
        let plain = match over_tls {
            Ok(_) => false,
            Err(failure) if !failure.is_connection() => false,
            // Nothing was learnt: it may be back in the next round.
            Err(failure) if failure.link != Link::NoTls => return false,
            Err(_) => {
                let mut ping = ping;
                let _ = ping.set_scheme("http");
                match http.get(trip, ask(ping, None, 1 << 20)).await {
                    Ok(_) => true,
                    // Neither answers: nothing was learnt.
                    Err(_) => return false,
                }
            }
        };
        *known = Some(plain);
        plain
    }
}

fn ask(url: Url, authorization: Option<Authorization>, limit: u64) -> Ask {
    Ask { url, headers: HeaderMap::new(), head: false, authorization, limit }
}

/// What is asked of a registry.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) url: &'a Url,
    pub(super) accept: &'a str,
    pub(super) limit: u64,
    /// For the head only.
    pub(super) head: bool,
    /// `If-None-Match`.
    pub(super) etag: Option<&'a str>,
}

/// An answer, and where the credentials that it was given to come from.
pub(super) struct SignedAnswer {
    pub(super) answer: Answer,
    pub(super) origin: Option<String>,
}

impl Repository {
    /// One question to the registry, signed in where it asks for it. Gives any status below 500 but 429.
    pub(super) async fn get(
        &self,
        http: &Http,
        tokens: &Tokens,
        question: Question<'_>,
    ) -> Result<SignedAnswer, Failure> {
        let Question { url, accept, limit, head, etag } = question;
        let host = authority(&self.base);
        let key = (host, self.name.clone(), account(&self.trip));
        let mut authorization = tokens.known(&key);
        let (mut signed_in, mut origin) = (false, None);
        loop {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(accept) {
                headers.insert(header::ACCEPT, value);
            }
            if let Some(value) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
                headers.insert(header::IF_NONE_MATCH, value);
            }
            let request = Ask { url: url.clone(), headers, head, authorization: authorization.clone(), limit };
            let answer = http.get(&self.trip, request).await?;
            if answer.status != reqwest::StatusCode::UNAUTHORIZED || signed_in || authority(&answer.url) != key.0 {
                return Ok(SignedAnswer { answer, origin });
            }
            tokens.forget(&key);
            let Some(challenge) = challenge_of(&answer.headers) else { return Ok(SignedAnswer { answer, origin }) };
            drop(answer.body);
            let credential = match grants::at_home(self.trip.access.as_ref(), &key.0) {
                Some(own) => Some((own, Owner::Source)),
                None if !http.may_take_ours(&self.trip, &self.base) => None,
                None => {
                    let ours =
                        credentials::for_registry(&http.options, &key.0, &self.name).await.map_err(Failure::of)?;
                    ours.map(|ours| (ours, Owner::Operator))
                }
            };
            let Some((value, lasts)) = self.answer(http, &challenge, credential.as_ref()).await? else {
                return Err(Failure::of(refused(answer.status, &answer.url, None)));
            };
            origin = credential.map(|(credential, _)| credential.origin);
            tokens.keep(key.clone(), value.clone(), lasts);
            authorization = Some(value);
            signed_in = true;
        }
    }

    /// The header's value that answers a challenge, and for how long it is good.
    async fn answer(
        &self,
        http: &Http,
        challenge: &Challenge,
        signer: Option<&(Credential, Owner)>,
    ) -> Result<Option<(Authorization, Duration)>, Failure> {
        let credential = signer.map(|(credential, _)| credential);
        match challenge {
            Challenge::Basic => Ok(credential.and_then(Credential::basic).map(|value| (value, Duration::from_mins(5)))),
            Challenge::Bearer { realm, service, scope } => {
                let pull = format!("repository:{}:pull", self.name);
                let url = self.realm(realm, service.as_deref(), scope.as_deref().unwrap_or(&pull))?;
                // Another host than the registry: the operator's credentials go to no server that a source vouches for.
                let trip = match signer {
                    Some((_, Owner::Operator)) => self.trip.strict(),
                    _ => self.trip.clone(),
                };
                let credential = credential.filter(|_| !trip.strict || http.may_take_ours(&trip, &url));
                Ok(Some(token(http, &trip, url, credential).await?))
            }
        }
    }

    fn realm(&self, realm: &str, service: Option<&str>, scope: &str) -> Result<Url, Failure> {
        let registry = shown(&self.base);
        let invalid = |why: &str| Failure::never(Reason::SourceInvalid, format!("{registry}: {why}"));
        let mut url = Url::parse(realm).map_err(|_| invalid("its token realm is not a URL"))?;
        match (self.base.scheme(), url.scheme()) {
            (_, "https") | ("http", "http") => {}
            ("https", "http") => {
                let place = shown(&url);
                return Err(invalid(&format!(
                    "its token realm {place} is plain HTTP though the registry is HTTPS: refused"
                )));
            }
            _ => return Err(invalid("its token realm is neither https nor http")),
        }
        let mut query = url.query_pairs_mut();
        if let Some(service) = service {
            query.append_pair("service", service);
        }
        query.append_pair("scope", scope);
        drop(query);
        Ok(url)
    }
}

/// Asks the token service (Docker's token authentication specification).
async fn token(
    http: &Http,
    trip: &Trip,
    url: Url,
    credential: Option<&Credential>,
) -> Result<(Authorization, Duration), Failure> {
    let limit = 1 << 20;
    let answer = match credential {
        Some(Credential { secret: Secret::Identity(refresh), .. }) => {
            http.post_form(trip, &url, &refresh_form(&url, refresh), limit).await?
        }
        other => http.get(trip, ask(url, other.and_then(Credential::basic), limit)).await?,
    };
    if !answer.status.is_success() {
        let origin = credential.map(|credential| credential.origin.as_str());
        return Err(Failure::of(refused(answer.status, &answer.url, origin)));
    }
    let place = shown(&answer.url);
    let bytes = answer.body.bytes().await?;
    let invalid =
        || Failure::never(Reason::SourceInvalid, format!("{place}: the token service's answer holds no token"));
    let parsed: TokenAnswer = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
    let token = parsed.token.or(parsed.access_token).ok_or_else(invalid)?;
    let lasts = Duration::from_secs(parsed.expires_in.unwrap_or(60).clamp(20, 3600) - 10);
    if HeaderValue::from_str(token.expose_secret()).is_err() {
        let why = format!("{place}: the token service's answer holds a token with characters that HTTP does not allow");
        return Err(Failure::never(Reason::SourceInvalid, why));
    }
    let value = SecretString::from(format!("Bearer {}", token.expose_secret()));
    Ok((Authorization { value, personal: credential.is_some() }, lasts))
}

/// The form of an OAuth2 refresh, with the realm's own query repeated in it.
fn refresh_form(url: &Url, refresh: &SecretString) -> SecretString {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token").append_pair("client_id", "davit");
    form.extend_pairs(url.query_pairs());
    form.append_pair("refresh_token", refresh.expose_secret());
    SecretString::from(form.finish())
}

/// Bearer before basic, where a registry offers both.
fn challenge_of(headers: &HeaderMap) -> Option<Challenge> {
    let all: Vec<Challenge> = headers
        .get_all(header::WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| Challenge::parse(value.to_str().ok()?))
        .collect();
    let bearer = all.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
    bearer.or(all.first()).cloned()
}

#[cfg(test)]
mod tests {
    use super::{Repository, Tokens};
    use crate::model::Reason;
    use crate::world::registry::http::Http;
    use crate::world::registry::oci::Scheme;
    use crate::world::registry::options::Options;
    use std::sync::Arc;

    #[tokio::test]
    async fn an_http_realm_of_an_https_registry_is_refused() {
        let clock = Arc::new(|| jiff::Timestamp::UNIX_EPOCH);
        let registries = crate::config::Config::default().registries;
        let http = Http::new(Arc::new(Options::new(registries, "unused".into(), clock, &|_| None)));
        let tokens = Tokens::default();
        let repository = Repository::open(
            &http,
            &tokens,
            "oci://192.0.2.1/a/b",
            Scheme::Https,
            false,
            (tokio::time::Instant::now(), None),
        )
        .await
        .unwrap();
        let failure = repository.realm("http://auth.example.com/token", Some("s"), "x").unwrap_err();
        assert_eq!(failure.problem.reason, Reason::SourceInvalid);
        assert!(failure.problem.message.contains("plain HTTP"), "{}", failure.problem);
        let url = repository.realm("https://auth.example.com/token", Some("s"), "repository:a/b:pull").unwrap();
        assert_eq!(url.as_str(), "https://auth.example.com/token?service=s&scope=repository%3Aa%2Fb%3Apull");
    }
}
