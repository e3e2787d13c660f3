//! `Retry-After`, held to by the server: whoever comes early is counted.

use super::test_hosts::{registry, serve, status};
use crate::model::{Lookup, Reason};
use axum::body::Body;
use axum::http::{HeaderMap, Response, header};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Gate {
    /// When the first request came, which was sent away.
    first: Option<Instant>,
    early: usize,
    served: Vec<String>,
}

/// Sends the first request away for a second; counts whoever comes before that.
async fn gate(retry_after: &'static str) -> (String, Arc<Mutex<Gate>>) {
    let gate: Arc<Mutex<Gate>> = Arc::default();
    let shared = Arc::clone(&gate);
    let host = serve(move |path: &str, _: &HeaderMap| -> Response<Body> {
        let mut gate = shared.lock().unwrap();
        let first = gate.first.is_none();
        let since = gate.first.get_or_insert_with(Instant::now).elapsed();
        if first || since < Duration::from_millis(900) {
            gate.early += 1;
            return status(429).header(header::RETRY_AFTER, retry_after).body(Body::empty()).unwrap();
        }
        gate.served.push(path.to_owned());
        status(200).body(Body::from("{apiVersion: v1, entries: {app: [{name: app, version: 1.0.0}]}}")).unwrap()
    })
    .await;
    (host, gate)
}

#[tokio::test]
async fn a_short_pause_is_kept_by_every_source_of_the_host() {
    for retry_after in ["1", "Thu, 01 Jan 2026 00:00:01 GMT"] {
        let (host, gate) = gate(retry_after).await;
        let (_cache, registry) = registry(|options| {
            options.registries.timeout = Duration::from_secs(10);
            options.limits.overall = Duration::from_mins(1);
        });
        let questions = ["one", "two", "three"].map(|name| Lookup::index(&format!("http://{host}/{name}"), "app"));
        let round = registry.round(&questions);
        let (first, second, third) = tokio::join!(
            round.candidates(&questions[0]),
            round.candidates(&questions[1]),
            round.candidates(&questions[2])
        );
        for answer in [first, second, third] {
            assert_eq!(answer.unwrap().versions.len(), 1, "{retry_after}");
        }
        let gate = gate.lock().unwrap();
        assert_eq!((gate.early, gate.served.len()), (1, 3), "{retry_after}: one was sent away, nobody came early");
    }
}

#[tokio::test]
async fn a_long_pause_given_as_a_date_is_a_problem_that_says_until_when() {
    let (host, gate) = gate("Thu, 01 Jan 2026 02:00:00 GMT").await;
    let (_cache, registry) = registry(|_| {});
    for name in ["one", "two"] {
        let lookup = Lookup::index(&format!("http://{host}/{name}"), "app");
        let problem = registry.candidates(&lookup).await.unwrap_err();
        assert_eq!(problem.reason, Reason::SourceRateLimited, "{problem}");
    }
    let problem = registry.candidates(&Lookup::index(&format!("http://{host}/x"), "app")).await.unwrap_err();
    assert!(
        problem.message.contains("2026-01-01T01:59:5") || problem.message.contains("2026-01-01T02:00:00Z"),
        "{problem}"
    );
    assert_eq!(gate.lock().unwrap().early, 1, "the host was left alone");
}
