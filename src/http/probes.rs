//! `/health`: is the process alive. `/ready`: may traffic come. A broken repository or forge shows in the body, never
//! as "not ready": that would take the status page and the webhook down with it (product.md, "Service").

use super::Surfaces;
use crate::engine::board::{Entry, HEARTBEAT_LIMIT};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

pub(super) async fn health(State(s): State<Surfaces>) -> (StatusCode, Json<Value>) {
    let age = s.board.heartbeat_age((s.now)());
    let alive = age < HEARTBEAT_LIMIT;
    let code = if alive { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(json!({"status": if alive { "ok" } else { "stuck" }, "heartbeatAgeSeconds": age.as_secs()})))
}

pub(super) async fn ready(State(s): State<Surfaces>) -> (StatusCode, Json<Value>) {
    let now = (s.now)();
    let entries = s.board.entries();
    let store = s.board.store_problem();
    let ready = store.is_none() && entries.iter().all(|(_, entry)| entry.fresh(now));
    let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let repositories: Vec<Value> = entries.iter().map(|(name, entry)| state(name, entry, entry.fresh(now))).collect();
    (code, Json(json!({"ready": ready, "store": {"error": store}, "repositories": repositories})))
}

fn state(name: &str, entry: &Entry, fresh: bool) -> Value {
    let last = entry.last.as_ref();
    json!({
        "name": name,
        "fresh": fresh,
        "lastPass": last.map(|r| r.finished.to_string()),
        "lastSuccess": entry.last_success.map(|t| t.to_string()),
        "error": last.and_then(|r| r.error.as_ref()).map(|p| json!({"reason": p.reason.code(), "message": p.message})),
        "failedActions": entry.failed_deeds(),
    })
}
