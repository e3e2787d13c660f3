//! One repository of an OCI registry (the distribution specification's pull side): its tags and its manifests.

mod access;
mod challenge;
mod detail;
mod layer;
mod link;
mod manifest;
mod tags;

pub(super) use access::Tokens;
pub(super) use detail::{Detail, Layer};
pub(super) use tags::Tags;

use super::failure::{Failure, refused};
use super::http::{Answer, Http, Trip};
use crate::model::{Problem, Reason};
use crate::witness::Access;
use access::SignedAnswer;
use std::sync::Arc;
use tokio::time::Instant;
use url::Url;

/// Where a repository is, after the mirrors, and how it is asked.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    /// `https://host` or `http://host`.
    base: Url,
    /// `owner/charts/app`
    name: String,
    trip: Trip,
}

/// How a repository may be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Https,
    /// HTTPS, and plain HTTP where that is all the registry speaks.
    Either,
}

/// Host and name of `oci://host/name`; Docker Hub by its real names.
pub(super) fn parse(url: &str) -> Result<(Url, String), Problem> {
    let invalid = |why: &str| Problem::new(Reason::InvalidSource, format!("{}: {why}", without_user(url)));
    let text = match url.split_once("://") {
        Some(("oci", rest)) => format!("https://{rest}"),
        Some(("http" | "https", _)) => url.to_owned(),
        _ => return Err(invalid("not an oci:// URL")),
    };
    if text.contains(['%', '\\']) || text.split('/').any(|part| part == "." || part == "..") {
        return Err(invalid("the repository's name holds a path or an escape"));
    }
    let mut base = Url::parse(&text).map_err(|e| invalid(&format!("not a URL: {e}")))?;
    let mut name = base.path().trim_matches('/').to_owned();
    if name.is_empty() {
        return Err(invalid("the URL names no repository"));
    }
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-' | b'/');
    if !name.bytes().all(plain) || name.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
        return Err(invalid(
            "the repository's name holds characters that OCI does not allow (lower case, digits, . _ - /)",
        ));
    }
    if base.host_str().is_some_and(super::credentials::is_docker_hub) {
        if !name.contains('/') {
            name = format!("library/{name}");
        }
        base.set_host(Some("registry-1.docker.io")).map_err(|e| invalid(&e.to_string()))?;
    }
    base.set_path("/");
    base.set_query(None);
    base.set_fragment(None);
    // A user in an OCI URL means nothing to Flux.
    let _ = base.set_username("").and_then(|()| base.set_password(None));
    Ok((base, name))
}

fn without_user(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| rest.rsplit_once('@').map(|(_, rest)| (scheme, rest))) {
        Some((scheme, rest)) => format!("{scheme}://{rest}"),
        None => url.to_owned(),
    }
}

impl Repository {
    /// Finds out how the registry is spoken to. Plain HTTP only where it is allowed and the registry speaks no TLS.
    pub(super) async fn open(
        http: &Http,
        tokens: &Tokens,
        url: &str,
        scheme: Scheme,
        unchecked: bool,
        (since, access): (Instant, Option<Arc<Access>>),
    ) -> Result<Self, Problem> {
        let (mut base, name) = parse(url)?;
        let host = super::failure::authority(&base);
        let configured = http.options.registries.host(&host, &name).is_some_and(|entry| entry.insecure);
        let either = scheme == Scheme::Either || configured;
        let trip = http.trip(&base, unchecked, since).await.with(access);
        if either && base.scheme() == "https" && tokens.speaks_plain_http(http, &base, &trip).await {
            let _ = base.set_scheme("http");
        }
        Ok(Self { base, name, trip })
    }

    fn url(&self, rest: &str) -> Result<Url, Failure> {
        self.base
            .join(&format!("/v2/{}/{rest}", self.name))
            .map_err(|e| Failure::never(Reason::InvalidSource, format!("{}: {e}", self.name)))
    }
}

/// Anything but 200 as a failure.
fn expect_ok(answer: SignedAnswer) -> Result<Answer, Failure> {
    if answer.answer.status == reqwest::StatusCode::OK {
        return Ok(answer.answer);
    }
    Err(Failure::of(refused(answer.answer.status, &answer.answer.url, answer.origin.as_deref())))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn docker_hub_goes_by_its_real_host_and_library() {
        let (base, name) = parse("oci://docker.io/alpine").unwrap();
        assert_eq!((base.as_str(), name.as_str()), ("https://registry-1.docker.io/", "library/alpine"));
        assert_eq!(parse("oci://docker.io/bitnamicharts/redis").unwrap().1, "bitnamicharts/redis");
        assert_eq!(parse("oci://ghcr.io:443/a/b").unwrap().0.as_str(), "https://ghcr.io/");
    }

    #[test]
    fn names_that_would_leave_the_repository_are_refused_without_their_password() {
        for url in [
            "oci://ghcr.io",
            "oci://ghcr.io/a/%2e%2e/b",
            "oci://ghcr.io/A/b",
            "ftp://x/y",
            "oci://u:hunter2@ghcr.io/a b",
        ] {
            let problem = parse(url).unwrap_err();
            assert!(!problem.message.contains("hunter2"), "{problem}");
        }
    }
}
