//! Faults that a service on loopback can be told to have: what crash and retry tests need.

use super::serve::{Cut, Reply, Request, response};
use axum::body::Body;
use bytes::Bytes;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// Whether the service does the work before it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The work is not done.
    Before,
    /// The work is done, then the answer is lost or spoilt.
    After,
}

/// How a request fails.
#[derive(Debug, Clone)]
pub enum Kind {
    /// This answer instead.
    Answer(Reply),
    /// No answer, ever; the connection stays open until the client or the server ends.
    Hang,
    /// The connection ends without an answer.
    Drop,
    /// The true length is announced, then the body ends after so many bytes.
    Truncate(usize),
    /// A body that never ends.
    Endless,
    /// The request waits here until it is told to go on, then is answered as ever: the moment for somebody else.
    Hold(Arc<Notify>),
}

/// The next `times` requests that match fail.
#[derive(Debug, Clone)]
pub struct Fault {
    method: String,
    path: Option<regex::Regex>,
    skip: usize,
    times: usize,
    pub(super) moment: Moment,
    pub(super) kind: Kind,
}

impl Fault {
    /// A fault for the next request of this method (empty: any) whose path matches this regular expression (found
    /// anywhere). An invalid expression matches every path.
    pub fn new(method: &str, path: &str, moment: Moment, kind: Kind) -> Self {
        Self { method: method.into(), path: regex::Regex::new(path).ok(), skip: 0, times: 1, moment, kind }
    }

    /// This status with a JSON message as body, without doing the work.
    pub fn status(method: &str, path: &str, status: u16) -> Self {
        let body = serde_json::json!({"message": "injected fault", "status": status.to_string()}).to_string();
        Self::new(method, path, Moment::Before, Kind::Answer(Reply::new(status, "application/json", body)))
    }

    /// The work is done, the connection ends without an answer.
    pub fn lost_answer(method: &str, path: &str) -> Self {
        Self::new(method, path, Moment::After, Kind::Drop)
    }

    /// The work is done, the answer never comes: the moment to kill a client.
    pub fn hang_after(method: &str, path: &str) -> Self {
        Self::new(method, path, Moment::After, Kind::Hang)
    }

    /// GitHub's primary rate limit: 403 with nothing remaining until `reset` (Unix seconds).
    pub fn rate_limit(method: &str, path: &str, reset: i64) -> Self {
        let body = r#"{"message":"API rate limit exceeded for user ID 1.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api","status":"403"}"#;
        let reply = Reply::new(403, "application/json; charset=utf-8", body)
            .with("x-ratelimit-limit", "5000")
            .with("x-ratelimit-remaining", "0")
            .with("x-ratelimit-used", "5000")
            .with("x-ratelimit-reset", reset.to_string())
            .with("x-ratelimit-resource", "core");
        Self::new(method, path, Moment::Before, Kind::Answer(reply))
    }

    /// GitHub's secondary rate limit: 403 with `retry-after` in seconds.
    pub fn secondary_limit(method: &str, path: &str, retry_after: u32) -> Self {
        let body = r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits","status":"403"}"#;
        let reply =
            Reply::new(403, "application/json; charset=utf-8", body).with("retry-after", retry_after.to_string());
        Self::new(method, path, Moment::Before, Kind::Answer(reply))
    }

    /// Waits before the work is done until the handle is notified.
    pub fn hold(method: &str, path: &str) -> (Self, Arc<Notify>) {
        let go_on = Arc::new(Notify::new());
        (Self::new(method, path, Moment::Before, Kind::Hold(go_on.clone())), go_on)
    }

    /// How many requests fail (default 1).
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// How many matching requests pass first (default 0).
    #[must_use]
    pub fn after(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }
}

/// The faults to come of one server.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Adds one; the first that matches a request is taken.
    pub fn add(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(fault);
    }

    /// No faults any more.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }

    pub(super) fn take(&self, request: &Request) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let matches = |fault: &Fault| {
            (fault.method.is_empty() || fault.method == request.method)
                && fault.path.as_ref().is_none_or(|path| path.is_match(&request.path))
        };
        for fault in faults.iter_mut().filter(|fault| fault.times > 0 && matches(fault)) {
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            fault.times -= 1;
            return Some(fault.clone());
        }
        None
    }
}

impl Kind {
    /// Fails the request; `note` is told the status that the client will see, where it sees one.
    pub(super) async fn inflict(
        self,
        reply: Reply,
        cut: &Cut,
        note: impl FnOnce(Option<u16>),
    ) -> axum::response::Response {
        match self {
            Self::Answer(instead) => {
                note(Some(instead.status));
                response(instead, false)
            }
            // The server waits before it asks this.
            Self::Hold(_) => response(reply, false),
            Self::Hang => {
                note(None);
                std::future::pending().await
            }
            Self::Drop => {
                note(None);
                cut.now();
                response(Reply::empty(200), false)
            }
            Self::Truncate(length) => {
                note(Some(reply.status));
                let announced = reply.body.len();
                let part = reply.body.slice(..length.min(announced));
                let part = futures_util::stream::iter([Ok::<Bytes, std::io::Error>(part)]);
                let end = futures_util::stream::once(async {
                    // Pending once, so that what is there leaves before the connection ends.
                    tokio::task::yield_now().await;
                    Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
                });
                let stream = futures_util::StreamExt::chain(part, end);
                let (mut parts, _) = response(reply.with("content-length", announced.to_string()), false).into_parts();
                parts.extensions.clear();
                axum::response::Response::from_parts(parts, Body::from_stream(stream))
            }
            Self::Endless => {
                note(Some(reply.status));
                let block = Bytes::from(vec![b' '; 64 * 1024]);
                let stream = futures_util::stream::repeat_with(move || Ok::<Bytes, std::io::Error>(block.clone()));
                let (parts, _) = response(reply, false).into_parts();
                axum::response::Response::from_parts(parts, Body::from_stream(stream))
            }
        }
    }
}
