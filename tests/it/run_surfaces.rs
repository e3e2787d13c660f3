//! `davit run`: what its HTTP surfaces and its log say, and what they never say.

use crate::process::{Davit, Stage};
use base64::Engine as _;
use davit::demo::fault::{Fault, Kind, Moment};
use davit::demo::neighbours::TOKEN;
use std::collections::BTreeMap;

/// With token, webhook secret and registry password in files, each value findable by grep.
fn guarded() -> Stage {
    let mut stage = Stage::new();
    stage.file("webhook", "hush-webhook-7731\n");
    stage.file("api", "api-token-4482\n");
    stage.file("password", "registry-password-9915");
    stage.swap("  apiUrl", "  webhookSecretFile: {dir}/webhook\n  apiUrl");
    stage.swap("server: {", "server: {apiTokenFile: \"{dir}/api\", ");
    let host = stage.neighbours.charts.server.authority();
    stage.neighbours.charts.require_login("reader", "registry-password-9915");
    let hosts = format!(
        "  hosts:\n    - {{host: \"{host}\", username: reader, passwordFile: \"{{dir}}/password\", insecure: true}}\n"
    );
    stage.swap("registries:\n", &format!("registries:\n{hosts}"));
    stage
}

fn webhook(davit: &Davit, secret: &str, repository: &str) -> u16 {
    let body = format!(r#"{{"repository":{{"full_name":"{repository}"}}}}"#);
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let signature = format!("sha256={}", hex::encode(aws_lc_rs::hmac::sign(&key, body.as_bytes()).as_ref()));
    davit
        .ask(|client, base| {
            let post = client.post(base + "/webhook/github").header("x-github-event", "push");
            post.header("x-hub-signature-256", signature).body(body)
        })
        .0
}

#[test]
fn it_is_healthy_at_once_and_ready_after_the_first_pass() {
    let mut stage = Stage::new();
    stage.swap("registries:\n", "registries:\n  timeout: 2s\n");
    let hang = Fault::new("GET", "index.yaml$", Moment::Before, Kind::Hang);
    stage.neighbours.charts.server.fail(hang);
    let davit = stage.run();
    assert_eq!(davit.get("/health").0, 200);
    assert!(stage.neighbours.charts.server.traffic.wait("GET", "index.yaml$", 1, crate::process::LIMIT));
    let (status, body) = davit.get("/ready");
    assert_eq!(status, 503, "{body}");
    assert_eq!(davit.get("/").0, 200, "the page shows before the first pass too");
    davit.await_ready();
    let log = davit.stop();
    assert!(log.contains("davit has ended"), "{log}");
}

#[test]
fn the_metrics_are_well_formed_open_metrics_that_agree_with_the_api() {
    let stage = Stage::new();
    let davit = stage.run();
    davit.await_ready();
    let (status, kind, body) = davit.ask(|client, base| client.get(base + "/metrics"));
    assert_eq!((status, kind.as_str()), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(body.ends_with("# EOF\n"), "{body}");
    let mut families: BTreeMap<&str, (bool, bool, usize)> = BTreeMap::new();
    let mut current = "";
    for line in body.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# ") {
            let (what, rest) = rest.split_once(' ').unwrap();
            let (name, text) = rest.split_once(' ').unwrap();
            assert!(!text.is_empty(), "{line}");
            let family = families.entry(name).or_default();
            match what {
                "HELP" => family.0 = true,
                "TYPE" => family.1 = true,
                other => panic!("{other}: {line}"),
            }
            assert_eq!(family.2, 0, "{name}: metadata after its samples");
            current = name;
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            value.parse::<f64>().unwrap();
            let name = name.split('{').next().unwrap();
            assert!(name.starts_with(current), "{line} stands under {current}");
            families.get_mut(current).unwrap().2 += 1;
        }
    }
    assert!(families.values().all(|(help, kind, _)| *help && *kind), "{families:?}");
    assert!(families.len() > 8, "{families:?}");
    let api = davit.json("/api/v1/repositories");
    let outdated = &api["repositories"][0]["statuses"]["outdated"];
    assert!(outdated.as_u64().unwrap() > 0, "{api}");
    let line = format!("davit_releases{{repository=\"fleet\",status=\"outdated\"}} {outdated}.0");
    assert!(body.contains(&line), "{line} is not in\n{body}");
    let open = format!("davit_open_pull_requests{{repository=\"fleet\"}} {}.0", stage.pulls().len());
    assert!(body.contains(&open), "{open} is not in\n{body}");
}

#[test]
fn a_signed_webhook_wakes_a_pass_and_a_forged_one_does_not() {
    let stage = guarded();
    let davit = stage.run();
    davit.await_ready();
    let before = stage.looks();
    assert_eq!(webhook(&davit, "wrong", "acme/fleet"), 401);
    assert_eq!(webhook(&davit, "hush-webhook-7731", "acme/other"), 202);
    assert_eq!(webhook(&davit, "hush-webhook-7731", "Acme/Fleet"), 202);
    davit.wait("the next pass", || stage.looks() > before);
    davit.wait("the pass counts", || davit.get("/metrics").1.contains("result=\"ok\"} 2"));
    assert!(davit.get("/metrics").1.contains("davit_webhooks_total{result=\"refused\"} 1"));
}

#[test]
fn no_secret_shows_on_any_surface_nor_in_the_log_and_every_json_line_names_its_pass() {
    let mut stage = guarded();
    stage.add("log: {level: trace, format: json}\n");
    let davit = stage.run();
    davit.await_ready();
    assert_eq!(webhook(&davit, "hush-webhook-7731", "acme/fleet"), 202);
    let paths = ["/", "/repositories/fleet", "/metrics", "/ready", "/health"];
    let api = ["/api/v1/repositories", "/api/v1/repositories/fleet", "/api/v1/releases", "/api/v1/pulls"];
    let mut said = String::new();
    for path in paths {
        let (status, body) = davit.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        said += &body;
    }
    for path in api {
        assert_eq!(davit.get(path).0, 401, "{path} is open");
        let (status, _, body) = davit.ask(|client, base| client.get(base + path).bearer_auth("api-token-4482"));
        assert_eq!(status, 200, "{path}: {body}");
        said += &body;
    }
    let log = davit.stop();
    assert!(said.contains("app-template") && log.contains("pass finished"), "{log}");
    for secret in [TOKEN, "hush-webhook-7731", "api-token-4482", "registry-password-9915"] {
        assert!(!said.contains(secret), "{secret} on a surface");
        assert!(!log.contains(secret), "{secret} in the log");
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("reader:{secret}"));
        assert!(!log.contains(&basic), "{secret} in the log, in Base64");
    }
    let mut passes = 0;
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        if event["message"] == "pass finished" {
            passes += 1;
            assert_eq!(event["span"]["repository"], "fleet", "{line}");
            assert!(event["span"]["pass"].as_str().unwrap().starts_with("fleet-2"), "{line}");
        }
    }
    assert!(passes > 0, "{log}");
}

#[test]
fn a_hostile_chart_name_breaks_no_log_line_and_no_page() {
    let stage = Stage::new();
    let evil = "chart: \"x\\n2026-01-01T00:00:00Z  INFO forged\\e[31m<script>alert(1)</script>\"";
    let person = stage.neighbours.forge.person("acme/fleet", "casey");
    let path = "apps/media/movies.yaml";
    let (_, text) = davit::demo::sample::FILES.iter().find(|(p, _)| *p == path).unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    let release = format!(
        "{text}\n---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: evil, namespace: media}}\n\
         spec:\n  interval: 1h\n  chart:\n    spec:\n      {evil}\n      version: 1.0.0\n      sourceRef: {{kind: HelmRepository, name: charts, namespace: flux-system}}\n"
    );
    person.push("main", "evil", &[(path, Some(&release))]).unwrap();
    let davit = stage.run();
    davit.await_ready();
    let api = davit.json("/api/v1/releases");
    let rows = api["releases"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["name"] == "evil" && row["chart"].as_str().unwrap().contains('\u{1b}')), "{api}");
    assert!(!davit.get("/").1.contains("<script>alert"));
    assert!(!davit.get("/repositories/fleet").1.contains("<script>alert"));
    let log = davit.stop();
    for line in log.lines() {
        assert!(!line.starts_with("2026-01-01") && !line.contains('\u{1b}'), "{line:?}");
    }
}

#[test]
fn a_rotated_token_file_is_used_without_a_restart() {
    let stage = guarded();
    let davit = stage.run();
    davit.await_ready();
    stage.neighbours.forge.revoke_token(TOKEN);
    stage.neighbours.forge.add_token("rotated-token-2205", davit::demo::neighbours::LOGIN);
    stage.file("token", "rotated-token-2205\n");
    stage.file("webhook", "rotated-hush");
    stage.file("api", "rotated-api");
    assert_eq!(webhook(&davit, "hush-webhook-7731", "acme/fleet"), 401);
    assert_eq!(webhook(&davit, "rotated-hush", "acme/fleet"), 202);
    davit.wait("a second good pass", || davit.get("/metrics").1.contains("result=\"ok\"} 2"));
    assert!(davit.get("/metrics").1.contains("result=\"failed\"} 0"));
    let ask = |token| davit.ask(|client, base| client.get(base + "/api/v1/pulls").bearer_auth(token)).0;
    assert_eq!((ask("api-token-4482"), ask("rotated-api")), (401, 200));
}

#[test]
fn it_is_not_ready_once_its_store_is_gone() {
    let stage = Stage::new();
    let davit = stage.run();
    davit.await_ready();
    std::fs::remove_file(stage.dir.path().join("davit.db")).unwrap();
    davit.wait("not ready", || davit.get("/ready").0 == 503);
    let body = davit.get("/ready").1;
    assert!(body.contains("was deleted or replaced"), "{body}");
    assert_eq!(davit.get("/health").0, 200);
}
