//! `/webhook/github`: a signed call wakes the loop of the repository it names. No payload instructs the engine: what
//! changed is read from Git and the API in the pass that follows.

use super::Surfaces;
use aws_lc_rs::hmac;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use std::sync::atomic::Ordering;

/// GitHub cuts its payloads at 25 MB (docs.github.com, "Webhook events and payloads").
const LIMIT: usize = 25 * 1024 * 1024;

/// The one field that is read.
#[derive(serde::Deserialize)]
struct Payload {
    repository: Option<Repository>,
}

#[derive(serde::Deserialize)]
struct Repository {
    full_name: String,
}

pub(super) async fn github(
    State(s): State<Surfaces>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> (StatusCode, &'static str) {
    let Ok(body) = axum::body::to_bytes(body, LIMIT).await else {
        s.board.webhooks.1.fetch_add(1, Ordering::Relaxed);
        return (StatusCode::PAYLOAD_TOO_LARGE, "the payload is over 25 MB or broke off");
    };
    let (code, text) = answer(&s, &headers, &body);
    let counter = if code.is_success() { &s.board.webhooks.0 } else { &s.board.webhooks.1 };
    counter.fetch_add(1, Ordering::Relaxed);
    (code, text)
}

fn answer(s: &Surfaces, headers: &HeaderMap, body: &Bytes) -> (StatusCode, &'static str) {
    let secret = match (s.webhook_secret)() {
        Ok(Some(secret)) if secret.expose_secret().is_empty() => {
            return (StatusCode::SERVICE_UNAVAILABLE, "the webhook secret is empty");
        }
        Ok(Some(secret)) => secret,
        Ok(None) => return (StatusCode::NOT_FOUND, "no webhook secret is configured (github.webhookSecretFile)"),
        Err(message) => {
            tracing::error!(error = %message, "the webhook secret can't be read");
            return (StatusCode::SERVICE_UNAVAILABLE, "the webhook secret can't be read; see the log");
        }
    };
    if !signed(secret.expose_secret().as_bytes(), headers, body) {
        return (StatusCode::UNAUTHORIZED, "X-Hub-Signature-256 does not match the body");
    }
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

/// Compares the signature in constant time (docs.github.com, "Validating webhook deliveries").
fn signed(secret: &[u8], headers: &HeaderMap, body: &[u8]) -> bool {
    let signature = headers.get("x-hub-signature-256").and_then(|v| v.to_str().ok());
    let Some(signature) = signature.and_then(|v| v.strip_prefix("sha256=")).and_then(|v| hex::decode(v).ok()) else {
        return false;
    };
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), body, &signature).is_ok()
}
