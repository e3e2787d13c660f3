//! `/webhook/github`: a signed call wakes the loop of the repository it names. No payload instructs the engine: what
//! changed is read from Git and the API in the pass that follows. Anybody can call it: nothing of a body is read without
//! a secret and a signature to compare it with, and few bodies are held at once.

use super::Surfaces;
use aws_lc_rs::{constant_time, hmac};
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, StatusCode};
use futures_util::StreamExt;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Semaphore;

/// GitHub cuts its payloads at 25 MB (docs.github.com, "Webhook events and payloads").
const LIMIT: u64 = 25 * 1024 * 1024;
/// What nearly every payload is smaller than.
const SMALL: u64 = 256 * 1024;
/// Small payloads that are read at once: 16 MiB of them. Many, because anybody can begin one and send nothing.
const SMALL_AT_ONCE: usize = 64;
/// Larger ones, and those that do not say how large they are.
const LARGE_AT_ONCE: usize = 1;
/// Longest time for a payload, waiting for its turn included; GitHub gives up then itself.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest time between two pieces of a payload whose turn it is.
const PAUSE: Duration = Duration::from_secs(1);

type Answer = (StatusCode, &'static str);

/// The turns of the payloads: what is held of them in memory is bounded by these.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { small: Arc::new(Semaphore::new(SMALL_AT_ONCE)), large: Arc::new(Semaphore::new(LARGE_AT_ONCE)) }
    }
}

/// The one field that is read.
#[derive(serde::Deserialize)]
struct Payload {
    repository: Option<Repository>,
}

#[derive(serde::Deserialize)]
struct Repository {
    full_name: String,
}

pub(super) async fn github(s: Surfaces, turns: Turns, headers: HeaderMap, body: Body) -> Answer {
    let (code, text) = match payload(&s, &turns, &headers, body).await {
        Ok(payload) => answer(&s, &headers, &payload),
        Err(refusal) => refusal,
    };
    let counter = if code.is_success() { &s.board.webhooks.0 } else { &s.board.webhooks.1 };
    counter.fetch_add(1, Ordering::Relaxed);
    (code, text)
}

/// The body of a call that carries its signature.
async fn payload(s: &Surfaces, turns: &Turns, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Answer> {
    let key = key(s)?;
    let signature = signature(headers).ok_or(UNSIGNED)?;
    let expected = body.size_hint().exact();
    if expected.is_some_and(|size| size > LIMIT) {
        return Err(TOO_LARGE);
    }
    let (turn, limit) =
        if expected.is_some_and(|size| size <= SMALL) { (&turns.small, SMALL) } else { (&turns.large, LIMIT) };
    let read = async {
        let _turn = turn.acquire().await;
        read_signed(body, &key, &signature, limit).await
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap_or(Err(LATE))
}

const LATE: Answer = (StatusCode::REQUEST_TIMEOUT, "the payload did not come within 10 s, or paused for more than 1 s");
const UNSIGNED: Answer = (StatusCode::UNAUTHORIZED, "X-Hub-Signature-256 does not match the body");
const TOO_LARGE: Answer = (StatusCode::PAYLOAD_TOO_LARGE, "the payload is over 25 MB or broke off");

/// The key of the configured secret.
fn key(s: &Surfaces) -> Result<hmac::Key, Answer> {
    match (s.webhook_secret)() {
        Ok(Some(secret)) if secret.expose_secret().is_empty() => {
            Err((StatusCode::SERVICE_UNAVAILABLE, "the webhook secret is empty"))
        }
        Ok(Some(secret)) => Ok(hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes())),
        Ok(None) => Err((StatusCode::NOT_FOUND, "no webhook secret is configured (github.webhookSecretFile)")),
        Err(message) => {
            tracing::error!(error = %message, "the webhook secret can't be read");
            Err((StatusCode::SERVICE_UNAVAILABLE, "the webhook secret can't be read; see the log"))
        }
    }
}

/// What the call says its signature is: SHA-256 in hexadecimal.
fn signature(headers: &HeaderMap) -> Option<Vec<u8>> {
    let text = headers.get("x-hub-signature-256")?.to_str().ok()?;
    hex::decode(text.strip_prefix("sha256=")?).ok().filter(|bytes| bytes.len() == 32)
}

/// Reads a body and computes its signature on the way; compares in constant time (docs.github.com, "Validating webhook
/// deliveries").
async fn read_signed(body: Body, key: &hmac::Key, signature: &[u8], limit: u64) -> Result<Vec<u8>, Answer> {
    let mut context = hmac::Context::with_key(key);
    let (mut pieces, mut all) = (body.into_data_stream(), Vec::new());
    while let Some(piece) = tokio::time::timeout(PAUSE, pieces.next()).await.map_err(|_| LATE)? {
        let piece = piece.map_err(|_| TOO_LARGE)?;
        if (all.len() + piece.len()) as u64 > limit {
            return Err(TOO_LARGE);
        }
        context.update(&piece);
        all.extend_from_slice(&piece);
    }
    match constant_time::verify_slices_are_equal(context.sign().as_ref(), signature) {
        Ok(()) => Ok(all),
        Err(_) => Err(UNSIGNED),
    }
}

/// What a signed call does.
fn answer(s: &Surfaces, headers: &HeaderMap, body: &[u8]) -> Answer {
    if headers.get("x-github-event").is_some_and(|event| event == "ping") {
        return (StatusCode::OK, "pong");
    }
    match serde_json::from_slice::<Payload>(body) {
        Ok(Payload { repository: Some(repository) }) => {
            if (s.wake)(&repository.full_name) > 0 {
                (StatusCode::ACCEPTED, "woken")
            } else {
                (StatusCode::ACCEPTED, "not a repository of ours")
            }
        }
        Ok(Payload { repository: None }) => (StatusCode::ACCEPTED, "no repository named"),
        Err(_) => (StatusCode::BAD_REQUEST, "not GitHub's JSON: set the content type to application/json"),
    }
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
