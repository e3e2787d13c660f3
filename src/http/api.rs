//! `/api/v1`: the status page's facts as JSON, for scripts. With a token configured, only with that token.

use super::Surfaces;
use crate::engine::board::Entry;
use crate::engine::json;
use crate::engine::report::Report;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Answer = (StatusCode, Json<Value>);

/// Constant-time check of `Authorization: Bearer …`; a token file that can't be read closes the door.
fn admitted(s: &Surfaces, headers: &HeaderMap) -> Result<(), Answer> {
    let refuse = |code, message: &str| Err((code, Json(json!({"error": message}))));
    let token = match (s.api_token)() {
        Ok(Some(token)) if token.expose_secret().is_empty() => {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "the API token is empty");
        }
        Ok(None) => return Ok(()),
        Ok(Some(token)) => token,
        Err(message) => {
            tracing::error!(error = %message, "the API token can't be read");
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "the API token can't be read; see the log");
        }
    };
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let given = given.and_then(|v| v.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let given = given.map_or("", |(_, token)| token.trim());
    if aws_lc_rs::constant_time::verify_slices_are_equal(given.as_bytes(), token.expose_secret().as_bytes()).is_ok() {
        Ok(())
    } else {
        refuse(StatusCode::UNAUTHORIZED, "a bearer token is needed: Authorization: Bearer …")
    }
}

pub(super) async fn repositories(State(s): State<Surfaces>, headers: HeaderMap) -> Answer {
    if let Err(refusal) = admitted(&s, &headers) {
        return refusal;
    }
    let list: Vec<Value> = s.board.entries().iter().map(|(name, entry)| summary(name, entry)).collect();
    (StatusCode::OK, Json(json!({"version": 1, "repositories": list})))
}

pub(super) async fn repository(State(s): State<Surfaces>, headers: HeaderMap, Path(name): Path<String>) -> Answer {
    if let Err(refusal) = admitted(&s, &headers) {
        return refusal;
    }
    let Some(entry) = s.board.entry(&name) else {
        return (StatusCode::NOT_FOUND, Json(json!({"error": format!("no repository is called {name:?}")})));
    };
    let mut body = summary(&name, &entry);
    if let (Some(map), Some(report)) = (body.as_object_mut(), &entry.last) {
        map.insert("scan".to_owned(), value(&json::scan(&report.findings)));
        map.insert("pulls".to_owned(), value(&report.pulls));
        map.insert("actions".to_owned(), value(&report.deeds));
    }
    (StatusCode::OK, Json(body))
}

/// Every release of every repository; `?status=outdated` keeps one status.
pub(super) async fn releases(
    State(s): State<Surfaces>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    if let Err(refusal) = admitted(&s, &headers) {
        return refusal;
    }
    let wanted = query.get("status").map(String::as_str);
    let mut rows = Vec::new();
    for (name, report) in reports(&s) {
        let scan = value(&json::scan(&report.findings));
        let Some(releases) = scan.get("releases").and_then(Value::as_array) else { continue };
        for release in releases.iter().filter(|r| wanted.is_none_or(|w| r["status"] == w)) {
            let mut release = release.clone();
            release["repository"] = json!(name);
            rows.push(release);
        }
    }
    (StatusCode::OK, Json(json!({"version": 1, "releases": rows})))
}

pub(super) async fn pulls(State(s): State<Surfaces>, headers: HeaderMap) -> Answer {
    if let Err(refusal) = admitted(&s, &headers) {
        return refusal;
    }
    let mut rows = Vec::new();
    for (name, report) in reports(&s) {
        for pull in &report.pulls {
            let mut pull = value(pull);
            pull["repository"] = json!(name);
            rows.push(pull);
        }
    }
    (StatusCode::OK, Json(json!({"version": 1, "pulls": rows})))
}

fn reports(s: &Surfaces) -> Vec<(String, std::sync::Arc<Report>)> {
    s.board.entries().into_iter().filter_map(|(name, entry)| Some((name, entry.last?))).collect()
}

fn summary(name: &str, entry: &Entry) -> Value {
    let last = entry.last.as_ref();
    let counts: BTreeMap<&str, usize> = last
        .map(|_| crate::model::Status::ALL.iter().map(|s| (s.code(), entry.tally.count(*s))).collect())
        .unwrap_or_default();
    json!({
        "name": name,
        "url": entry.url,
        "revision": last.and_then(|r| r.findings.revision.clone()),
        "running": entry.running.is_some(),
        "lastPass": last.map(|r| json!({
            "id": r.pass,
            "started": r.started.to_string(),
            "finished": r.finished.to_string(),
            "ok": !r.failed(),
        })),
        "nextPass": entry.next.map(|t| t.to_string()),
        "error": last.and_then(|r| r.error.as_ref()).map(|p| json!({"reason": p.reason.code(), "message": p.message})),
        "statuses": counts,
        "openPulls": last.map_or(0, |r| r.pulls.len()),
    })
}

fn value(thing: &impl serde::Serialize) -> Value {
    serde_json::to_value(thing).unwrap_or(Value::Null)
}
