//! Chart sources that misbehave: one clear sentence on each of their releases, the others as if nothing were.

use crate::person::{Person, helm_repository, oci_repository, release_from, release_of_oci};
use davit::demo::chart::chart;
use davit::demo::charts::ChartServer;
use davit::demo::fault::{Fault, Kind, Moment};
use std::time::{Duration, Instant};

/// A name, what goes wrong, the reason's code, and a word of the sentence.
fn cases() -> Vec<(&'static str, Fault, &'static str, &'static str)> {
    let status = |code| Fault::status("", "", code).times(100);
    vec![
        ("unauthorized", status(401), "source-unauthorized", "401"),
        ("forbidden", status(403), "source-unauthorized", "403"),
        ("missing", status(404), "source-not-found", "404"),
        ("limited", status(429), "source-rate-limited", "429"),
        ("broken", status(500), "source-error", "500"),
        (
            "truncated",
            Fault::new("", "", Moment::After, Kind::Truncate(40)).times(100),
            "source-unreachable",
            "broke off",
        ),
        ("dropped", Fault::new("", "", Moment::Before, Kind::Drop).times(100), "source-unreachable", "unreachable"),
    ]
}

#[test]
fn a_bad_source_costs_its_own_releases_one_sentence_each() {
    let person = Person::with_one_release();
    let mut servers = Vec::new();
    for (name, fault, ..) in cases() {
        let server = ChartServer::start(vec![chart("podinfo", "6.4.0")]).unwrap();
        server.server.faults.add(fault);
        let secret = "  secretRef: {name: login}\n";
        person.write(&format!("repo/{name}.yaml"), helm_repository(name, &server.url(), secret));
        servers.push(server);
    }
    let html = ChartServer::start(vec![]).unwrap();
    html.put("/index.yaml", "text/html", "<!doctype html><html><body>Sign in: <b>now</b></body></html>");
    person.write("repo/html.yaml", helm_repository("html", &html.url(), ""));
    person.write("repo/dead.yaml", helm_repository("dead", "http://127.0.0.1:1", ""));
    let mut wanted: Vec<(&str, &str, &str)> =
        cases().iter().map(|(name, _, code, word)| (*name, *code, *word)).collect();
    wanted.push(("html", "source-invalid", "web page"));
    wanted.push(("dead", "source-unreachable", "127.0.0.1:1"));
    for (name, ..) in &wanted {
        for copy in ["a", "b"] {
            let id = format!("{name}-{copy}");
            person.write(&format!("repo/{id}.yaml"), release_from(name, "media", &id, "podinfo", "6.4.0", ""));
        }
    }
    let begun = Instant::now();
    let said = person.scan();
    // Not a measurement: the limit of a hang.
    assert!(begun.elapsed() < Duration::from_mins(2), "{:?}", begun.elapsed());
    assert_eq!(said.err, "");
    assert_eq!(said.row("media/web")["status"], "outdated", "the others are as if nothing were");
    for (name, code, word) in wanted {
        for copy in ["a", "b"] {
            let row = said.row(&format!("media/{name}-{copy}"));
            let message = row["message"].as_str().unwrap();
            assert_eq!(row["reason"], code, "{name}: {row:#}");
            assert_eq!((&row["status"], &row["target"]), (&"failed".into(), &"6.4.0".into()), "{name}");
            assert!(message.contains(word) && !message.contains('\n') && message.len() < 400, "{name}: {message}");
        }
    }
    for name in ["unauthorized", "forbidden"] {
        let row = said.row(&format!("media/{name}-a"));
        let message = row["message"].as_str().unwrap();
        for word in ["flux-system/login", "registries.hosts", "passwordFile"] {
            assert!(message.contains(word), "{word}: {message}");
        }
    }
    let missing = said.row("media/missing-a")["message"].to_string();
    assert!(!missing.contains("flux-system/login"), "no Secret helps against a 404: {missing}");
    person.davit(&["scan", "repo", "--exit-code"]).expect(2);
}

#[test]
fn a_refusing_registry_names_the_secret_and_the_key_and_a_password_opens_it() {
    let person = Person::new();
    person.registry.require_basic("me", "hush");
    let url = format!("{}/charts/app", person.registry.url());
    let source = oci_repository("app", "flux-system", &url, "6.4.0") + "  secretRef: {name: pull}\n";
    person.write("repo/app.yaml", source);
    person.write("repo/a.yaml", release_of_oci("a", "media", "app", ""));
    let row = person.scan().row("media/a");
    assert_eq!(row["reason"], "source-unauthorized", "{row:#}");
    let message = row["message"].as_str().unwrap();
    for word in ["flux-system/pull", "registries.hosts", "passwordFile"] {
        assert!(message.contains(word), "{word}: {message}");
    }
    person.write("password", "hush\n");
    let host = person.registry.authority();
    let password = person.dir().join("password").display().to_string();
    person.write(
        "davit.yaml",
        format!("registries: {{hosts: [{{host: \"{host}\", username: me, passwordFile: \"{password}\", insecure: true}}]}}\n"),
    );
    let said = person.scan();
    assert_eq!(said.row("media/a")["target"], "7.0.0", "{said:?}");
    assert!(!said.out.contains("hush"));
    person.write("password", "wrong-secret\n");
    let refused = person.scan();
    assert_eq!(refused.row("media/a")["reason"], "source-unauthorized");
    assert!(!refused.out.contains("wrong-secret"));
}
