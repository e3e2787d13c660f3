//! One GET at a time, with a limit on its time and on its body. kube's own helpers that parse an answer write its text
//! into the log where it is not what they expect; so nothing but bytes is taken from them.

use super::refused;
use crate::model::Problem;
use futures_util::AsyncReadExt as _;
use std::time::Duration;
use tokio::time::Instant;

/// Largest answer in bytes: a page of releases with large values stays far below.
const LARGEST: u64 = 64 << 20;

/// How long a busy server is left alone before it is asked again; twice as long each time.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// A client with its server's name.
#[derive(Clone)]
pub(super) struct Connection {
    client: kube::Client,
    /// `https://host:port`, with the path before the API's own, for messages.
    server: String,
    timeout: Duration,
}

/// Why a GET gave nothing.
#[derive(Debug)]
pub(super) struct NoAnswer {
    /// The server's status; nothing where it gave none.
    pub(super) status: Option<u16>,
    pub(super) problem: Problem,
}

impl Connection {
    pub(super) fn new(client: kube::Client, server: String, timeout: Duration) -> Self {
        Self { client, server, timeout }
    }

    pub(super) fn server(&self) -> &str {
        &self.server
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The body of an answer. A server that is busy is asked again until the deadline; then its own word is the reason.
    pub(super) async fn get(&self, path: &str, deadline: Instant) -> Result<Vec<u8>, NoAnswer> {
        let (mut wait, mut last) = (FIRST_WAIT, None);
        loop {
            let Ok(answer) = tokio::time::timeout_at(deadline, self.body(path)).await else {
                let late = || {
                    let message = format!("{}: not finished within cluster.timeout ({:?})", self.server, self.timeout);
                    NoAnswer { status: None, problem: refused::unknown(&message) }
                };
                return Err(last.unwrap_or_else(late));
            };
            match answer {
                Err(no) if no.status.is_some_and(is_busy) && Instant::now() + wait < deadline => last = Some(no),
                answer => return answer,
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }

    async fn body(&self, path: &str) -> Result<Vec<u8>, NoAnswer> {
        let place = format!("{}{}", self.server, bare(path));
        let request = http::Request::get(path).header(http::header::ACCEPT, "application/json").body(Vec::new());
        let failed = |message: String| NoAnswer { status: None, problem: refused::unknown(&message) };
        let request = request.map_err(|_| failed(format!("{place} is not a path")))?;
        let stream = self.client.request_stream(request).await.map_err(|error| NoAnswer {
            status: refused::status(&error),
            problem: refused::problem(&self.server, bare(path), &error),
        })?;
        let mut body = Vec::new();
        let read = std::pin::pin!(stream).take(LARGEST + 1).read_to_end(&mut body).await;
        read.map_err(|error| failed(format!("{}: an answer broke off: {error}", self.server)))?;
        if body.len() as u64 > LARGEST {
            return Err(failed(format!("{place}: the answer is larger than {LARGEST} bytes")));
        }
        Ok(body)
    }

    /// The body as JSON.
    pub(super) async fn json(&self, path: &str, deadline: Instant) -> Result<serde_json::Value, NoAnswer> {
        let body = self.get(path, deadline).await?;
        serde_json::from_slice(&body).map_err(|_| {
            let message = format!("{}{}: the answer is not JSON: is it a Kubernetes API?", self.server, bare(path));
            NoAnswer { status: None, problem: refused::unknown(&message) }
        })
    }
}

/// Too many requests, or not there at the moment.
fn is_busy(status: u16) -> bool {
    matches!(status, 429 | 503 | 504)
}

/// A path without its query.
fn bare(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}
