use super::*;
use crate::engine::report::{Deed, DeedKind, Finding, Findings, Outcome, Pull, Report, Row};
use crate::model::{Bump, Live, LiveState, NsName, Problem, Reason, Release, Witness};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use std::sync::Mutex;
use std::time::Duration;
use tower::ServiceExt as _;

const NOW: i64 = 1_780_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn release(name: &str) -> Release {
    Release {
        kind: crate::model::RowKind::HelmRelease,
        cluster: Some("clusters/production".into()),
        kustomization: Some(Arc::new(NsName { namespace: "flux-system".to_owned(), name: "apps".to_owned() })),
        namespace: "media".to_owned(),
        name: name.to_owned(),
        file: format!("apps/{name}.yaml").into(),
        line: 3,
        chart: Some("app-template".to_owned()),
        source: None,
        site: None,
        current: Some("4.4.0".to_owned()),
        chart_kind: None,
        lookup: None,
        annotations: Arc::default(),
        notes: Vec::new(),
        digest_site: None,
        digest_stays: false,
        problem: None,
        credentials: None,
        crds: crate::model::CrdUpgrade::Skip,
        frame: None,
        chain: Vec::new(),
    }
}

fn report(finished: i64, error: Option<Problem>) -> Report {
    let held = Row::held(release("<script>"), Problem::new(Reason::SourceTls, "no trust & \"quotes\""), None);
    let newer = Row {
        release: Arc::new(release("plex")),
        latest: Some("5.1.0".to_owned()),
        target: Some("5.1.0".to_owned()),
        bump: Bump::Major,
        reason: Reason::NewerVersion,
        message: "5.1.0 is newer".to_owned(),
        dropped: Vec::new(),
        dropped_more: 0,
        unsettled: false,
        witness: None,
    };
    Report {
        pass: "fleet-1".to_owned(),
        name: "fleet".to_owned(),
        started: at(finished - 2),
        finished: at(finished),
        findings: Arc::new(Findings {
            repository: "https://github.com/acme/fleet.git".to_owned(),
            revision: Some("0123456789abcdef0123".to_owned()),
            rows: vec![Arc::new(held), Arc::new(newer)],
            updates: Vec::new(),
            problems: vec![Finding {
                file: Some("x.yaml".to_owned()),
                line: Some(4),
                problem: Problem::new(Reason::InvalidDocument, "not YAML"),
            }],
            cluster_read: None,
        }),
        pulls: vec![Pull {
            number: 7,
            url: "https://github.com/acme/fleet/pull/7".to_owned(),
            title: "chore(deps): app-template 5.1.0".to_owned(),
            branch: "davit/app-template-abc123-5.x".to_owned(),
        }],
        deeds: vec![Deed {
            kind: DeedKind::Open,
            outcome: Outcome::Done,
            branch: "davit/app-template-abc123-5.x".to_owned(),
            number: Some(7),
            message: "opened #7".to_owned(),
        }],
        error,
    }
}

pub(super) struct Stage {
    pub(super) surfaces: Surfaces,
    pub(super) woken: Arc<Mutex<Vec<String>>>,
}

pub(super) fn stage() -> Stage {
    let board = Arc::new(Board::default());
    board.enlist("fleet", "https://github.com/acme/fleet.git", Duration::from_mins(10));
    board.beat(at(NOW));
    let woken = Arc::new(Mutex::new(Vec::new()));
    let seen = woken.clone();
    let surfaces = Surfaces {
        board,
        wake: Arc::new(move |name| {
            seen.lock().unwrap().push(name.to_owned());
            usize::from(name == "acme/fleet")
        }),
        api_token: Arc::new(|| Ok(None)),
        webhook_secret: Arc::new(|| Ok(Some("hush".into()))),
        status_page: true,
        now: Arc::new(|| at(NOW)),
    };
    Stage { surfaces, woken }
}

async fn get(surfaces: &Surfaces, path: &str) -> (StatusCode, String) {
    call(surfaces, Request::get(path).body(Body::empty()).unwrap()).await
}

pub(super) async fn call(surfaces: &Surfaces, request: Request<Body>) -> (StatusCode, String) {
    let response = router(surfaces.clone()).oneshot(request).await.unwrap();
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

pub(super) fn signed(body: &str, secret: &str, event: &str) -> Request<Body> {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, body.as_bytes());
    Request::post("/webhook/github")
        .header("x-github-event", event)
        .header("x-hub-signature-256", format!("sha256={}", hex::encode(tag.as_ref())))
        .body(Body::from(body.to_owned()))
        .unwrap()
}

#[tokio::test]
async fn health_fails_when_the_heartbeat_is_a_minute_old() {
    let stage = stage();
    assert_eq!(get(&stage.surfaces, "/health").await.0, StatusCode::OK);
    stage.surfaces.board.beat(at(NOW - 61));
    let (status, body) = get(&stage.surfaces, "/health").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("stuck"));
}

#[tokio::test]
async fn ready_comes_with_the_first_pass_and_a_broken_repository_shows_in_the_body_only() {
    let stage = stage();
    assert_eq!(get(&stage.surfaces, "/ready").await.0, StatusCode::SERVICE_UNAVAILABLE);
    let broken = Problem::new(Reason::SourceUnauthorized, "the token lost its rights");
    stage.surfaces.board.ended(Arc::new(report(NOW - 60, Some(broken))), at(NOW));
    let (status, body) = get(&stage.surfaces, "/ready").await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("the token lost its rights"));
}

#[tokio::test]
async fn ready_goes_when_the_last_pass_is_older_than_three_intervals() {
    let stage = stage();
    stage.surfaces.board.ended(Arc::new(report(NOW - 1801, None)), at(NOW));
    assert_eq!(get(&stage.surfaces, "/ready").await.0, StatusCode::SERVICE_UNAVAILABLE);
    stage.surfaces.board.ended(Arc::new(report(NOW - 1799, None)), at(NOW));
    assert_eq!(get(&stage.surfaces, "/ready").await.0, StatusCode::OK);
}

#[tokio::test]
async fn ready_goes_while_the_store_cannot_be_written() {
    let stage = stage();
    stage.surfaces.board.ended(Arc::new(report(NOW, None)), at(NOW));
    stage.surfaces.board.store_checked(Some("the disk is full".to_owned()));
    let (status, body) = get(&stage.surfaces, "/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("the disk is full"), "{body}");
    assert!(get(&stage.surfaces, "/metrics").await.1.contains("davit_store_writable 0.0"));
    stage.surfaces.board.store_checked(None);
    assert_eq!(get(&stage.surfaces, "/ready").await.0, StatusCode::OK);
    assert!(get(&stage.surfaces, "/metrics").await.1.contains("davit_store_writable 1.0"));
}

#[tokio::test]
async fn metrics_are_open_metrics_with_every_status() {
    let stage = stage();
    stage.surfaces.board.ended(Arc::new(report(NOW, None)), at(NOW));
    let (status, body) = get(&stage.surfaces, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    for line in [
        "davit_releases{repository=\"fleet\",status=\"outdated\"} 1.0",
        "davit_releases{repository=\"fleet\",status=\"floating\"} 0.0",
        "davit_release_reasons{repository=\"fleet\",reason=\"source-tls\"} 1.0",
        "davit_passes_total{repository=\"fleet\",result=\"ok\"} 1",
        "davit_pass_duration_seconds_bucket{le=\"2.5\",repository=\"fleet\"} 1",
        "davit_pass_duration_seconds_bucket{le=\"+Inf\",repository=\"fleet\"} 1",
        "davit_actions_total{repository=\"fleet\",action=\"open\",outcome=\"done\"} 1",
        "davit_open_pull_requests{repository=\"fleet\"} 1.0",
        "# EOF",
    ] {
        assert!(body.contains(line), "{line} is missing in\n{body}");
    }
}

/// The report of a pass that looked at a cluster: one row of each of these states, and one that the cluster is not to have.
fn witnessed(read: Option<bool>, states: &[LiveState]) -> Report {
    let mut report = report(NOW, None);
    let findings = Arc::make_mut(&mut report.findings);
    findings.cluster_read = read;
    for (number, state) in states.iter().enumerate() {
        let live = Some(Live::bare(*state, "as the test says"));
        let mut row = Row::held(release(&format!("r{number}")), Problem::new(Reason::UpToDate, "newest"), None);
        row.witness = Some(Arc::new(Witness { cluster: "prod-eu".into(), live }));
        findings.rows.push(Arc::new(row));
    }
    report
}

#[tokio::test]
async fn the_metrics_say_whether_the_cluster_could_be_read_and_how_its_releases_stand() {
    let stage = stage();
    let states = [LiveState::Deployed, LiveState::Deployed, LiveState::Failed];
    stage.surfaces.board.ended(Arc::new(witnessed(Some(true), &states)), at(NOW));
    let body = get(&stage.surfaces, "/metrics").await.1;
    assert!(body.contains("# TYPE davit_live_releases gauge") && body.contains("# TYPE davit_cluster_readable gauge"));
    let has = |line: &str| assert!(body.lines().any(|found| found == line), "{line} is missing in\n{body}");
    has("davit_cluster_readable{repository=\"fleet\"} 1.0");
    for (state, count) in LiveState::ALL.map(|state| (state, states.iter().filter(|one| **one == state).count())) {
        has(&format!("davit_live_releases{{repository=\"fleet\",state=\"{}\"}} {count}.0", state.code()));
    }
}

#[tokio::test]
async fn a_cluster_that_could_not_be_read_is_a_zero_and_one_that_was_not_asked_is_no_number() {
    let stage = stage();
    stage.surfaces.board.ended(Arc::new(witnessed(Some(false), &[LiveState::Unknown])), at(NOW));
    let body = get(&stage.surfaces, "/metrics").await.1;
    assert!(body.contains("davit_cluster_readable{repository=\"fleet\"} 0.0"), "{body}");
    assert!(body.contains("davit_live_releases{repository=\"fleet\",state=\"unknown\"} 1.0"), "{body}");
    stage.surfaces.board.ended(Arc::new(witnessed(None, &[])), at(NOW));
    let body = get(&stage.surfaces, "/metrics").await.1;
    assert!(!body.contains("davit_cluster_readable{") && !body.contains("davit_live_releases{"), "{body}");
}

#[tokio::test]
async fn a_signed_webhook_wakes_its_repository_and_nothing_else_does() {
    let stage = stage();
    let push = r#"{"repository":{"full_name":"acme/fleet"}}"#;
    assert_eq!(call(&stage.surfaces, signed(push, "hush", "push")).await.0, StatusCode::ACCEPTED);
    assert_eq!(*stage.woken.lock().unwrap(), ["acme/fleet"]);
    assert_eq!(call(&stage.surfaces, signed(push, "wrong", "push")).await.0, StatusCode::UNAUTHORIZED);
    let unsigned = Request::post("/webhook/github").body(Body::from(push)).unwrap();
    assert_eq!(call(&stage.surfaces, unsigned).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(call(&stage.surfaces, signed("{}", "hush", "ping")).await, (StatusCode::OK, "pong".to_owned()));
    assert_eq!(call(&stage.surfaces, signed("payload=x", "hush", "push")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(stage.woken.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_secret_or_with_an_empty_one_the_webhook_is_shut() {
    let mut stage = stage();
    stage.surfaces.webhook_secret = Arc::new(|| Ok(None));
    assert_eq!(call(&stage.surfaces, signed("{}", "", "ping")).await.0, StatusCode::NOT_FOUND);
    stage.surfaces.webhook_secret = Arc::new(|| Ok(Some("".into())));
    assert_eq!(call(&stage.surfaces, signed("{}", "", "ping")).await.0, StatusCode::SERVICE_UNAVAILABLE);
    stage.surfaces.webhook_secret = Arc::new(|| Err("no such file".to_owned()));
    assert_eq!(call(&stage.surfaces, signed("{}", "", "ping")).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(stage.woken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_api_gives_the_scan_contract_and_needs_its_token() {
    let mut stage = stage();
    stage.surfaces.board.ended(Arc::new(report(NOW, None)), at(NOW));
    let (_, body) = get(&stage.surfaces, "/api/v1/repositories/fleet").await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["scan"]["version"], 1);
    assert_eq!(body["scan"]["releases"][1]["target"], "5.1.0");
    assert_eq!(body["pulls"][0]["number"], 7);
    assert_eq!(body["actions"][0]["kind"], "open");
    let (_, outdated) = get(&stage.surfaces, "/api/v1/releases?status=outdated").await;
    let outdated: serde_json::Value = serde_json::from_str(&outdated).unwrap();
    assert_eq!(outdated["releases"].as_array().unwrap().len(), 1);
    assert_eq!(get(&stage.surfaces, "/api/v1/repositories/none").await.0, StatusCode::NOT_FOUND);

    stage.surfaces.api_token = Arc::new(|| Ok(Some("t0ken".into())));
    for path in ["/api/v1/repositories", "/api/v1/repositories/fleet", "/api/v1/releases", "/api/v1/pulls"] {
        assert_eq!(get(&stage.surfaces, path).await.0, StatusCode::UNAUTHORIZED, "{path}");
        let request = |token: &str| Request::get(path).header("authorization", token).body(Body::empty()).unwrap();
        assert_eq!(call(&stage.surfaces, request("Bearer t0ken")).await.0, StatusCode::OK, "{path}");
        assert_eq!(call(&stage.surfaces, request("Bearer t0kex")).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    stage.surfaces.api_token = Arc::new(|| Ok(Some("".into())));
    assert_eq!(get(&stage.surfaces, "/api/v1/pulls").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_status_page_escapes_what_a_repository_says() {
    let stage = stage();
    stage.surfaces.board.ended(Arc::new(report(NOW, None)), at(NOW));
    for path in ["/", "/repositories/fleet"] {
        let (status, body) = get(&stage.surfaces, path).await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("&lt;script&gt;<span") && !body.contains("<script"), "{body}");
        assert!(body.contains("no trust &amp; &quot;quotes&quot;"));
        assert!(body.contains("4.4.0") && body.contains("5.1.0") && body.contains("#7"));
    }
    assert_eq!(get(&stage.surfaces, "/repositories/none").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_webhook_of_another_repository_wakes_nothing_and_a_huge_one_is_refused() {
    let stage = stage();
    let other = r#"{"repository":{"full_name":"acme/other"}}"#;
    let answer = call(&stage.surfaces, signed(other, "hush", "push")).await;
    assert_eq!(answer, (StatusCode::ACCEPTED, "not a repository of ours".to_owned()));
    let huge = format!(r#"{{"repository":{{"full_name":"acme/fleet"}},"x":"{}"}}"#, "x".repeat(26 * 1024 * 1024));
    assert_eq!(call(&stage.surfaces, signed(&huge, "hush", "push")).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(*stage.woken.lock().unwrap(), ["acme/other"]);
    let looked_at = Request::get("/webhook/github").body(Body::empty()).unwrap();
    assert_eq!(call(&stage.surfaces, looked_at).await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert!(get(&stage.surfaces, "/metrics").await.1.contains("davit_webhooks_total{result=\"refused\"} 1"));
}

#[tokio::test]
async fn a_signature_of_another_kind_or_of_another_body_is_refused() {
    let stage = stage();
    let push = r#"{"repository":{"full_name":"acme/fleet"}}"#;
    let good = signed(push, "hush", "push").headers()["x-hub-signature-256"].to_str().unwrap().to_owned();
    let hex = good.strip_prefix("sha256=").unwrap().to_owned();
    let wrong = ["", "sha256=", "sha256=zz", hex.as_str(), &format!("sha1={hex}"), &good[..good.len() - 2]];
    for signature in wrong {
        let request = Request::post("/webhook/github").header("x-hub-signature-256", signature);
        let answer = call(&stage.surfaces, request.body(Body::from(push)).unwrap()).await;
        assert_eq!(answer.0, StatusCode::UNAUTHORIZED, "{signature:?}");
    }
    let request = Request::post("/webhook/github").header("x-hub-signature-256", &good);
    let answer = call(&stage.surfaces, request.body(Body::from(push.replace("fleet", "other"))).unwrap()).await;
    assert_eq!(answer.0, StatusCode::UNAUTHORIZED);
    let old = Request::post("/webhook/github").header("x-hub-signature", format!("sha1={hex}"));
    assert_eq!(call(&stage.surfaces, old.body(Body::from(push)).unwrap()).await.0, StatusCode::UNAUTHORIZED);
    assert!(stage.woken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_metrics_have_their_own_content_type_and_an_end() {
    let stage = stage();
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = router(stage.surfaces.clone()).oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(get(&stage.surfaces, "/metrics").await.1.ends_with("# EOF\n"));
}

#[tokio::test]
async fn one_repository_of_two_that_is_late_makes_it_unready_and_is_named() {
    let stage = stage();
    stage.surfaces.board.enlist("other", "https://github.com/acme/other.git", Duration::from_hours(1));
    stage.surfaces.board.ended(Arc::new(report(NOW, None)), at(NOW));
    let (status, body) = get(&stage.surfaces, "/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "the other's first pass is not over");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let fresh: Vec<_> = body["repositories"].as_array().unwrap().iter().map(|r| r["fresh"].clone()).collect();
    assert_eq!(fresh, [true, false]);
    // Each by its own interval: an hour here, ten minutes there.
    stage.surfaces.board.ended(Arc::new(Report { name: "other".to_owned(), ..report(NOW - 10_000, None) }), at(NOW));
    assert_eq!(get(&stage.surfaces, "/ready").await.0, StatusCode::OK);
    assert_eq!(get(&stage.surfaces, "/health").await.0, StatusCode::OK);
}

/// A pass that never ends.
struct Hung;

#[async_trait::async_trait]
impl crate::engine::daemon::Pass for Hung {
    async fn pass(&self, _: &str, _: &tokio_util::sync::CancellationToken) -> Report {
        std::future::pending().await
    }
}

/// One thread: while a test blocks it, nothing else of the runtime moves, as in a process that stalls.
#[tokio::test(start_paused = true)]
async fn health_outlives_a_hung_pass_and_fails_once_the_runtime_stalls() {
    use crate::engine::daemon::{Daemon, Member};
    use std::sync::atomic::{AtomicI64, Ordering};
    let (mut stage, second) = (stage(), Arc::new(AtomicI64::new(NOW)));
    let clock = second.clone();
    let now: Arc<dyn Fn() -> Timestamp + Send + Sync> = Arc::new(move || at(clock.load(Ordering::SeqCst)));
    stage.surfaces.now = now.clone();
    let member = Member {
        name: "fleet".to_owned(),
        url: String::new(),
        forge_name: None,
        interval: Duration::from_mins(10),
        work: Arc::new(Hung),
    };
    let stop = tokio_util::sync::CancellationToken::new();
    let daemon = tokio::spawn(Daemon::new(vec![member], stage.surfaces.board.clone(), now).run(stop.clone()));
    for _ in 0..40 {
        second.fetch_add(15, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(15)).await;
        assert_eq!(get(&stage.surfaces, "/health").await.0, StatusCode::OK);
    }
    assert_eq!(get(&stage.surfaces, "/ready").await.0, StatusCode::SERVICE_UNAVAILABLE);
    // Ninety seconds of which the runtime sees nothing.
    second.fetch_add(90, Ordering::SeqCst);
    let (status, body) = get(&stage.surfaces, "/health").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert!(body.contains("\"heartbeatAgeSeconds\":90") || body.contains("\"heartbeatAgeSeconds\":105"), "{body}");
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(get(&stage.surfaces, "/health").await.0, StatusCode::OK, "it moves again");
    stop.cancel();
    daemon.abort();
}
