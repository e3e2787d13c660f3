use super::super::test_objects::{denied, id, sighting};
use super::super::{LiveSource, Sighting};
use super::may_read;
use crate::model::{CredentialsHint, Fact, SourceKind};
use serde_json::{Value, json};

const URL: &str = "https://charts.example.com/private";

/// What Git says.
fn git() -> CredentialsHint {
    CredentialsHint {
        kind: SourceKind::HelmRepository,
        source: id("team-a/charts"),
        url: URL.to_owned(),
        secret: "charts-auth".to_owned(),
    }
}

/// A cluster with one HelmRepository.
fn cluster(object: &Value) -> Sighting {
    let mut seen = sighting(&[]);
    let source = LiveSource::read(object).unwrap();
    seen.sources.insert(SourceKind::HelmRepository, Fact::Known([(source.id.clone(), source)].into()));
    seen
}

fn live() -> Value {
    json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository",
        "metadata": {"name": "charts", "namespace": "team-a"},
        "spec": {"url": URL, "secretRef": {"name": "charts-auth"}, "interval": "1h"}
    })
}

fn with(path: &str, value: Value) -> Value {
    let mut object = live();
    *object.pointer_mut(path).unwrap() = value;
    object
}

#[test]
fn flux_rule_27_the_secret_of_a_source_that_is_the_same_in_git_and_cluster_may_be_read() {
    assert_eq!(may_read(&git(), &cluster(&live())).unwrap().id(), &id("team-a/charts-auth"));
    let slash = with("/spec/url", json!("https://Charts.example.com/private/"));
    assert!(may_read(&git(), &cluster(&slash)).is_ok(), "the same place, written otherwise");
}

#[test]
fn flux_rule_27_a_source_that_says_something_else_in_the_cluster_reads_nothing() {
    for (object, why) in [
        (with("/spec/url", json!("https://charts.example.com/other")), "another URL"),
        (with("/spec/url", json!("https://evil.example.com/private")), "another URL"),
        (with("/spec/url", json!(null)), "another URL"),
        (with("/spec/secretRef/name", json!("other-auth")), "another Secret"),
        (with("/spec/secretRef", json!(null)), "another Secret"),
        (with("/metadata/namespace", json!("team-b")), "has no HelmRepository team-a/charts"),
        (with("/metadata/name", json!("charts2")), "has no HelmRepository team-a/charts"),
    ] {
        let refused = may_read(&git(), &cluster(&object)).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
        assert!(!refused.contains("evil") && !refused.contains("example.com"), "no URL is repeated: {refused}");
    }
}

#[test]
fn flux_rule_27_a_tenants_url_for_another_tenants_secret_reads_nothing() {
    // Team B commits a source into team A's namespace, with a URL of its own.
    let theirs = CredentialsHint { url: "https://team-b.example.com".to_owned(), ..git() };
    assert!(may_read(&theirs, &cluster(&live())).unwrap_err().to_string().contains("another URL"));
    // And one under a name that the cluster does not have.
    let theirs = CredentialsHint { source: id("team-a/mine"), ..git() };
    assert!(may_read(&theirs, &cluster(&live())).is_err());
}

#[test]
fn flux_rule_27_what_could_not_be_listed_allows_nothing() {
    let mut seen = sighting(&[]);
    seen.sources.insert(SourceKind::HelmRepository, Fact::Unknown(denied()));
    assert!(may_read(&git(), &seen).unwrap_err().to_string().contains("forbidden"));
    seen.sources.clear();
    assert!(may_read(&git(), &seen).is_err());
}
