//! F5. The surfaces over HTTP: health, readiness, metrics, webhook, API, status page. All of them read the board;
//! none of them instructs the engine beyond waking a repository's loop.

mod api;
mod metrics;
mod page;
mod probes;
mod webhook;

use crate::engine::board::Board;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use secrecy::SecretString;
use std::sync::Arc;

/// Reads a secret at each use, so that a rotated file needs no restart. Nothing where none is configured.
pub type SecretReader = Arc<dyn Fn() -> Result<Option<SecretString>, String> + Send + Sync>;

/// What the surfaces need.
#[derive(Clone)]
pub struct Surfaces {
    /// The last word of every repository.
    pub board: Arc<Board>,
    /// Wakes the loops of the repositories that a forge calls by this name (`owner/name`); how many were woken.
    pub wake: Arc<dyn Fn(&str) -> usize + Send + Sync>,
    /// The bearer token of `/api/v1`.
    pub api_token: SecretReader,
    /// The webhook's shared secret; without one the webhook is off.
    pub webhook_secret: SecretReader,
    /// Whether `/` shows the status page.
    pub status_page: bool,
    /// The clock.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// Every route.
pub fn router(surfaces: Surfaces) -> Router {
    let turns = webhook::Turns::default();
    let github =
        move |State(s): State<Surfaces>, headers: HeaderMap, body: Body| webhook::github(s, turns, headers, body);
    let mut router = Router::new()
        .route("/health", get(probes::health))
        .route("/ready", get(probes::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/webhook/github", post(github))
        .route("/api/v1/repositories", get(api::repositories))
        .route("/api/v1/repositories/{name}", get(api::repository))
        .route("/api/v1/releases", get(api::releases))
        .route("/api/v1/pulls", get(api::pulls));
    if surfaces.status_page {
        router = router.route("/", get(page::index)).route("/repositories/{name}", get(page::repository));
    }
    router.layer(axum::middleware::map_response(hardened)).with_state(surfaces)
}

/// Headers for every answer: nothing here is to be framed, sniffed, cached or to load anything.
async fn hardened(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ];
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
