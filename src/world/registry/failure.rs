//! A failed request: the problem for a person, and whether trying again can help.

use super::address::OutOfReach;
use crate::model::{Problem, Reason};
use reqwest::StatusCode;
use std::error::Error;
use std::time::Duration;
use url::Url;

/// Whether another attempt makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    Soon,
    After(Duration),
}

/// A problem and whether another attempt makes sense.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) problem: Problem,
    pub(super) again: Again,
}

impl Failure {
    pub(super) fn never(reason: Reason, message: impl Into<String>) -> Self {
        Self { problem: Problem::new(reason, message), again: Again::Never }
    }

    pub(super) fn soon(reason: Reason, message: impl Into<String>) -> Self {
        Self { problem: Problem::new(reason, message), again: Again::Soon }
    }

    /// From reqwest's error, by what its chain holds. Never its own text, which repeats the URL.
    pub(super) fn from_request(error: &reqwest::Error, url: &Url) -> Self {
        let place = shown(url);
        if let Some(out) = in_chain::<OutOfReach>(error) {
            return Self::never(Reason::SourcePrivateAddress, private_address(&out.host, &place));
        }
        if let Some(tls) = in_chain::<rustls::Error>(error) {
            let message = format!(
                "{place}: TLS failed: {tls}; for a private authority set caFile of this host in registries.hosts"
            );
            return Self::never(Reason::SourceTls, message);
        }
        if error.is_timeout() {
            return Self::soon(Reason::SourceUnreachable, format!("{place} did not answer within registries.timeout"));
        }
        let cause = last_cause(error);
        if error.is_decode() || error.is_body() {
            return Self::soon(Reason::SourceUnreachable, format!("{place}: the answer broke off: {cause}"));
        }
        Self::soon(Reason::SourceUnreachable, format!("{place} is unreachable: {cause}"))
    }
}

/// The sentence for a private address behind a public URL.
pub(super) fn private_address(host: &str, place: &str) -> String {
    format!(
        "{place}: {host} is a private address, and the URL in Git is public: refused; \
         if this is meant, name the host in registries.hosts or set registries.allowPrivateAddresses"
    )
}

/// The problem of a status that is not success.
pub(super) fn refused(status: StatusCode, url: &Url) -> Problem {
    let (place, host) = (shown(url), authority(url));
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Problem::new(
            Reason::SourceUnauthorized,
            format!("{place} answers {status}: give username and passwordFile for {host} in registries.hosts"),
        ),
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            Problem::new(Reason::SourceNotFound, format!("{place} answers {status}: check the source's URL in Git"))
        }
        _ => Problem::new(Reason::SourceError, format!("{place} answers {status}")),
    }
}

/// A URL for messages: without user, password, query and fragment.
pub(super) fn shown(url: &Url) -> String {
    let path = url.path().trim_end_matches('/');
    format!("{}://{}{}", url.scheme(), authority(url), path)
}

/// Host and, where it is not the scheme's, port: the key of `registries.hosts`.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or("").to_ascii_lowercase();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

fn in_chain<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<T>() {
            return Some(found);
        }
        if let Some(inner) = current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref)
            && let Some(found) = in_chain::<T>(inner)
        {
            return Some(found);
        }
        next = current.source();
    }
    None
}

fn last_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
