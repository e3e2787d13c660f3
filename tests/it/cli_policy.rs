//! Policy end to end: a configuration and annotations in, one row out.

use crate::person::{Person, helm_repository, oci_repository, release, release_of_oci};
use davit::demo::chart::chart;
use serde_json::{Value, json};

/// One case: what davit.yaml says, the annotations, the version in use, then target and reason.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    ("", "", "6.4.0", "7.0.0", "newer-version"),
    ("policy: {range: 6.x}", "", "6.4.0", "6.5.0", "newer-version"),
    ("policy: {range: 6.4.x}", "", "6.4.1", "6.4.1", "held-by-range"),
    ("policy: {bump: minor}", "", "6.4.0", "6.5.0", "newer-version"),
    ("policy: {bump: patch}", "", "6.4.0", "6.4.1", "newer-version"),
    ("policy: {bump: patch}", "", "6.4.1", "6.4.1", "held-by-bump"),
    ("policy: {ignore: [7.0.0]}", "", "6.4.0", "6.5.0", "newer-version"),
    ("policy: {ignore: [\">=6.5\"]}", "", "6.4.1", "6.4.1", "held-by-ignore"),
    ("policy: {minimumAge: 7d}", "", "6.4.0", "7.0.0", "newer-version"),
    ("policy: {minimumAge: 3600d}", "", "6.4.0", "6.4.0", "held-by-age"),
    ("policy: {prereleases: true}", "", "7.0.0", "7.1.0-rc.1", "newer-version"),
    ("policy: {prereleases: false}", "", "7.0.0", "7.0.0", "up-to-date"),
    ("policy: {rules: [{match: {namespaces: [media]}, bump: patch}]}", "", "6.4.0", "6.4.1", "newer-version"),
    ("policy: {rules: [{match: {namespaces: [other]}, bump: patch}]}", "", "6.4.0", "7.0.0", "newer-version"),
    ("policy: {rules: [{match: {charts: [\"pod*\"]}, bump: minor}]}", "", "6.4.0", "6.5.0", "newer-version"),
    ("policy: {rules: [{match: {releases: [web]}, bump: minor}]}", "", "6.4.0", "6.5.0", "newer-version"),
    ("policy: {rules: [{match: {urls: [\"http://127.0.0.1*\"]}, bump: minor}]}", "", "6.4.0", "6.5.0", "newer-version"),
    (
        "policy: {bump: patch, rules: [{match: {charts: [\"*\"]}, bump: minor}, {match: {namespaces: [media]}, bump: major}]}",
        "",
        "6.4.0",
        "7.0.0",
        "newer-version",
    ),
    ("", "davit.dev/bump: minor", "6.4.0", "6.5.0", "newer-version"),
    ("policy: {bump: patch}", "davit.dev/bump: major", "6.4.0", "7.0.0", "newer-version"),
    ("", "davit.dev/range: \"<7\"", "6.4.0", "6.5.0", "newer-version"),
    ("", "davit.dev/ignore: 7.0.0, 6.5.0", "6.4.0", "6.4.1", "newer-version"),
    ("", "davit.dev/minimum-age: 3600d", "6.4.0", "6.4.0", "held-by-age"),
    ("", "davit.dev/enabled: \"false\"", "6.4.0", "6.4.0", "disabled"),
    ("", "davit.dev/bump: huge", "6.4.0", "6.4.0", "invalid-annotation"),
    ("", "", "\">=6 <7\"", ">=6 <7", "floating-range"),
    ("", "", "\"6.4.0\" # {\"$imagepolicy\": \"a:b\"}", "6.4.0", "image-automation"),
];

#[test]
fn each_policy_gives_its_row() {
    let person = Person::new();
    person.source();
    for (config, annotations, current, target, reason) in CASES {
        person.write("davit.yaml", config);
        person.write("repo/web.yaml", release("media", "web", "podinfo", current, annotations));
        let row = person.scan().row("media/web");
        assert_eq!(
            (&row["target"], &row["reason"]),
            (&json!(target), &json!(reason)),
            "{config} {annotations} {current}: {row:#}"
        );
    }
}

#[test]
fn a_suspended_release_and_a_deprecated_version_are_left_alone() {
    let person = Person::new();
    person.source();
    let web = release("media", "web", "podinfo", "6.4.0", "")
        .replace("spec:\n  interval", "spec:\n  suspend: true\n  interval");
    person.write("repo/web.yaml", web);
    assert_eq!(person.scan().row("media/web")["reason"], "suspended");
    person.charts.add(chart("old", "1.0.0"));
    person.charts.add(chart("old", "1.1.0").deprecated());
    person.write("repo/old.yaml", release("media", "old", "old", "1.0.0", ""));
    let old = person.scan().row("media/old");
    assert_eq!((&old["reason"], &old["target"]), (&json!("deprecated"), &json!("1.0.0")), "{old:#}");
}

/// Two releases on one OCIRepository.
fn shared(person: &Person, first: &str, second: &str) {
    let url = format!("{}/charts/app", person.registry.url());
    person.write("repo/app.yaml", oci_repository("app", "flux-system", &url, "6.4.0"));
    person.write("repo/a.yaml", release_of_oci("a", "media", "app", first));
    person.write("repo/b.yaml", release_of_oci("b", "tools", "app", second));
}

#[test]
fn a_shared_site_takes_the_strictest_policy_of_its_consumers() {
    let person = Person::new();
    shared(&person, "davit.dev/bump: minor", "");
    let said = person.scan();
    for id in ["media/a", "tools/b"] {
        assert_eq!(said.row(id)["target"], "6.5.0", "{id}");
    }
    shared(&person, "davit.dev/enabled: \"false\"", "");
    let said = person.scan();
    assert_eq!(said.row("media/a")["reason"], "disabled");
    assert_eq!(said.row("tools/b")["reason"], "held-by-consumer");
    assert!(said.row("tools/b")["message"].as_str().unwrap().contains("media/a"));
    assert_eq!(said.json()["updates"], json!([]));
}

#[test]
fn a_tag_that_is_no_version_floats_and_a_digest_pins() {
    let person = Person::new();
    shared(&person, "", "");
    let app = person.read("repo/app.yaml");
    for (tag, reason) in [
        ("tag: latest", "floating-tag"),
        ("semver: 6.x", "floating-semver"),
        ("digest: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "digest-pinned"),
    ] {
        person.write("repo/app.yaml", app.replace("tag: 6.4.0", tag));
        let row = person.scan().row("media/a");
        assert_eq!(row["reason"], reason, "{row:#}");
    }
    assert_eq!(person.scan().row("media/a")["current"], Value::Null, "only a digest");
}

#[test]
fn groups_and_separate_majors_split_updates() {
    let person = Person::new();
    person.source();
    person.write("repo/a.yaml", release("media", "a", "podinfo", "6.4.0", "davit.dev/group: one"));
    person.write("repo/b.yaml", release("media", "b", "podinfo", "6.4.0", ""));
    let all = person.scan().json();
    let updates = all["updates"].as_array().unwrap();
    assert_eq!(updates.len(), 2, "{updates:#?}");
    assert!(updates.iter().any(|u| u["key"].as_str().unwrap().ends_with("@7.x@one")), "{updates:#?}");
    assert_ne!(updates[0]["branch"], updates[1]["branch"]);

    std::fs::remove_file(person.repo().join("a.yaml")).unwrap();
    person.write("davit.yaml", "policy: {separateMajors: true}\n");
    let said = person.scan();
    let all = said.json();
    let mut to: Vec<&str> = all["updates"].as_array().unwrap().iter().map(|u| u["to"].as_str().unwrap()).collect();
    to.sort_unstable();
    assert_eq!(to, ["6.5.0", "7.0.0"]);
    assert_eq!(said.row("media/b")["target"], "7.0.0", "a row shows the highest");
}

/// A Flux Kustomization of this folder that sets one variable.
fn with_variable(value: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: apps, namespace: flux-system}}\n\
         spec:\n  path: ./apps\n  prune: true\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n  postBuild:\n    \
         substitute:\n      MINOR: \"{value}\"\n"
    )
}

#[test]
fn fixed_text_around_a_variable_bounds_where_a_version_can_go() {
    let person = Person::new();
    person.write("repo/apps/charts.yaml", helm_repository("charts", &person.charts.url(), ""));
    person.write("repo/apps/web.yaml", release("media", "web", "podinfo", "6.${MINOR}.0", ""));
    person.write("repo/clusters/home/apps.yaml", with_variable("4"));
    let row = person.scan().row("media/web");
    assert_eq!((&row["current"], &row["reason"]), (&json!("6.4.0"), &json!("not-editable")), "{row:#}");
    assert_eq!(row["latest"], "7.0.0");
    person.write("davit.yaml", "policy: {bump: minor}");
    let row = person.scan().row("media/web");
    assert_eq!((&row["target"], &row["reason"]), (&json!("6.5.0"), &json!("newer-version")), "{row:#}");
    assert_eq!(row["site"]["path"], "spec.postBuild.substitute.MINOR");
    person.davit(&["apply", "repo"]).expect(0);
    assert_eq!(person.read("repo/clusters/home/apps.yaml"), with_variable("5"));
    assert_eq!(person.scan().row("media/web")["current"], "6.5.0");
}

#[test]
fn explain_names_each_file_that_had_a_say_in_the_version() {
    let person = Person::new();
    person.write("repo/apps/charts.yaml", helm_repository("charts", &person.charts.url(), ""));
    person.write("repo/apps/web.yaml", release("media", "web", "podinfo", "6.${MINOR}.0", ""));
    person.write("repo/clusters/home/apps.yaml", with_variable("4"));
    let text = person.davit(&["explain", "media/web", "repo"]).expect(0).out;
    let line = text.lines().find(|line| line.trim_start().starts_with("version, by ")).unwrap_or(&text);
    assert!(line.contains("clusters/home/apps.yaml:"), "{text}");
    let said = person.davit(&["explain", "media/web", "repo", "--format", "json"]).expect(0).json();
    let step = &said["releases"][0]["chain"][0];
    assert_eq!((&step["field"], &step["file"]), (&json!("version"), &json!("clusters/home/apps.yaml")), "{said:#}");
    assert!(step["line"].as_u64().is_some() && step["what"].as_str().is_some_and(|what| !what.is_empty()), "{said:#}");
}

#[test]
fn a_version_that_is_no_range_is_not_said_to_float() {
    let person = Person::new();
    person.source();
    for (name, version) in [("range", "6.x"), ("every", "\"*\""), ("word", "latest"), ("odd", "abc def")] {
        person.write(&format!("repo/{name}.yaml"), release("media", name, "podinfo", version, ""));
    }
    let found = person.scan();
    let reason = |name: &str| found.row(&format!("media/{name}"))["reason"].as_str().unwrap().to_owned();
    assert_eq!((reason("range"), reason("every")), ("floating-range".to_owned(), "floating-range".to_owned()));
    assert_eq!((reason("word"), reason("odd")), ("version-not-semver".to_owned(), "version-not-semver".to_owned()));
}
