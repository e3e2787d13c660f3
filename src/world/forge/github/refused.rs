//! What a refused request means. Octocrab's own text of an API error is just "GitHub": here it is taken apart.

use super::service::{TooLarge, causes};
use crate::proposal::plain;
use crate::world::forge::ForgeError;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::time::Duration;

/// The wait where a limit does not say how long.
const UNSAID: SignedDuration = SignedDuration::from_secs(60);

pub(super) enum Refusal {
    /// A rate limit, until then.
    Limit(Timestamp),
    Error(ForgeError),
}

pub(super) fn classify(what: &str, permission: &'static str, error: &octocrab::Error, now: Timestamp) -> Refusal {
    let octocrab::Error::GitHub { source, .. } = error else {
        return Refusal::Error(transport(what, Duration::ZERO, error));
    };
    let (what, message, status) = (what.to_owned(), plain(&source.message), source.status_code.as_u16());
    let headers = source.headers.clone().unwrap_or_default();
    if let Some(until) = limit(status, &source.message, &headers, now) {
        return Refusal::Limit(until);
    }
    let errors = || source.errors.iter().flatten().map(one_error).collect();
    Refusal::Error(match status {
        401 => ForgeError::Unauthorized { what, message },
        403 if message.to_ascii_lowercase().contains("archived") => ForgeError::Archived { what },
        403 => ForgeError::Forbidden { what, message, permission },
        404 | 410 => ForgeError::NotFound { what },
        409 => ForgeError::Conflict { what, message },
        400 | 422 => ForgeError::Validation { what, message, errors: errors() },
        500.. => ForgeError::Server { what, status },
        _ => ForgeError::Protocol { what, detail: format!("status {status}: {message}") },
    })
}

fn limit(status: u16, message: &str, headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    if !matches!(status, 403 | 429) {
        return None;
    }
    if let Some(until) = retry_after(headers, now) {
        return Some(until);
    }
    if number(headers, "x-ratelimit-remaining") == Some(0) {
        return Some(reset(headers).unwrap_or_else(|| later(now, UNSAID)));
    }
    let said = message.to_ascii_lowercase();
    (status == 429 || said.contains("secondary rate limit") || said.contains("abuse detection"))
        .then(|| later(now, UNSAID))
}

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// When a secondary limit says to come back.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    number(headers, "retry-after").map(|seconds| later(now, SignedDuration::from_secs(seconds.clamp(1, 86_400))))
}

/// What one of GitHub's `errors` says: an object of resource, field, code and message, or a text.
fn one_error(error: &Value) -> String {
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let said = match (error.as_str(), text("message")) {
        (Some(said), _) => said.to_owned(),
        (None, "") => format!("{} {}: {}", text("resource"), text("field"), text("code")),
        (None, message) => message.to_owned(),
    };
    plain(&said)
}

pub(super) fn graphql(what: &str, permission: &'static str, errors: &[Value], now: Timestamp) -> ForgeError {
    let what = what.to_owned();
    let kind = errors.first().and_then(|e| e.get("type")).and_then(Value::as_str).unwrap_or_default();
    let message = errors.iter().map(one_error).collect::<Vec<_>>().join("; ");
    let secondary = message.to_ascii_lowercase().contains("secondary rate limit");
    match kind {
        _ if secondary => ForgeError::RateLimited { what, until: later(now, UNSAID) },
        "NOT_FOUND" => ForgeError::NotFound { what },
        "FORBIDDEN" | "INSUFFICIENT_SCOPES" => ForgeError::Forbidden { what, message, permission },
        "RATE_LIMITED" => ForgeError::RateLimited { what, until: later(now, UNSAID) },
        "UNPROCESSABLE" | "STALE_DATA" => ForgeError::Conflict { what, message },
        _ => ForgeError::Validation { what, message, errors: Vec::new() },
    }
}

/// No answer, or none that can be read.
pub(super) fn transport(what: &str, limit: Duration, error: &octocrab::Error) -> ForgeError {
    let what = what.to_owned();
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if cause.is::<TooLarge>() {
            return ForgeError::Protocol { what, detail: cause.to_string() };
        }
        if cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout) {
            return ForgeError::Timeout { what, limit };
        }
        next = cause.source();
    }
    match error {
        octocrab::Error::InvalidUtf8 { .. } => ForgeError::Protocol { what, detail: "not UTF-8".to_owned() },
        // Its own Display repeats the source's.
        octocrab::Error::Service { source, .. } => ForgeError::Unreachable { what, detail: plain(&causes(&**source)) },
        error => ForgeError::Unreachable { what, detail: plain(&causes(error)) },
    }
}

pub(super) fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// When the primary limit starts anew; a second is added for clocks that differ.
pub(super) fn reset(headers: &HeaderMap) -> Option<Timestamp> {
    Timestamp::from_second(number(headers, "x-ratelimit-reset")?.checked_add(1)?).ok()
}
