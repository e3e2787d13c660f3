//! A failed request: the problem for a person, and whether trying again can help.

use crate::model::{Problem, Reason};
use crate::world::address::{OutOfReach, in_chain};
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

/// How far a request came before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// The host was talked to.
    Made,
    /// No connection: name, port, TLS, or time.
    Missing,
    /// As [`Self::Missing`], because what is there speaks no TLS: it answered with another protocol, or nothing
    /// listens. A bad certificate is never this.
    NoTls,
}

/// A problem and whether another attempt makes sense.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) problem: Problem,
    pub(super) again: Again,
    pub(super) link: Link,
}

impl Failure {
    pub(super) fn never(reason: Reason, message: impl Into<String>) -> Self {
        Self::of(Problem::new(reason, message))
    }

    /// A problem that stays.
    pub(super) fn of(problem: Problem) -> Self {
        Self { problem, again: Again::Never, link: Link::Made }
    }

    pub(super) fn soon(reason: Reason, message: impl Into<String>) -> Self {
        Self { again: Again::Soon, ..Self::never(reason, message) }
    }

    /// A private address behind a public URL.
    pub(super) fn out_of_reach(out: &OutOfReach, place: &str) -> Self {
        Self::never(Reason::SourcePrivateAddress, format!("{place}: {out}"))
    }

    /// From reqwest's error, by what its chain holds. Never its own text, which repeats the URL.
    pub(super) fn from_request(error: &reqwest::Error, url: &Url) -> Self {
        let link = if !error.is_connect() {
            Link::Made
        } else if speaks_no_tls(error) {
            Link::NoTls
        } else {
            Link::Missing
        };
        Self { link, ..Self::judge(error, url) }
    }

    fn judge(error: &reqwest::Error, url: &Url) -> Self {
        let place = shown(url);
        if let Some(out) = in_chain::<OutOfReach>(error) {
            return Self::out_of_reach(out, &place);
        }
        if let Some(tls) = in_chain::<rustls::Error>(error) {
            let message = format!(
                "{place}: TLS failed: {tls}; for a private authority set caFile of this host in registries.hosts"
            );
            return Self::never(Reason::SourceTls, message);
        }
        if error.is_timeout() && !error.is_connect() {
            return Self::soon(Reason::SourceUnreachable, format!("{place} did not answer within registries.timeout"));
        }
        let cause = last_cause(error);
        if error.is_decode() || error.is_body() {
            return Self::soon(Reason::SourceUnreachable, format!("{place}: the answer broke off: {cause}"));
        }
        Self::soon(Reason::SourceUnreachable, format!("{place} is unreachable: {cause}"))
    }
}

/// Whether the other side answered a TLS greeting with something else, or does not listen.
fn speaks_no_tls(error: &reqwest::Error) -> bool {
    use rustls::{Error as Tls, InvalidMessage};
    let other_protocol = matches!(
        in_chain::<Tls>(error),
        Some(Tls::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion))
    );
    let closed = in_chain::<std::io::Error>(error).is_some_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused);
    other_protocol || closed
}

/// The problem of a status that is not success. `origin` is where the credentials that were sent come from.
pub(super) fn refused(status: StatusCode, url: &Url, origin: Option<&str>) -> Problem {
    let (place, host) = (shown(url), authority(url));
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if origin.is_some() => Problem::new(
            Reason::SourceUnauthorized,
            format!("{place} answers {status} to the credentials from {}: check them", origin.unwrap_or("")),
        ),
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

fn last_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
