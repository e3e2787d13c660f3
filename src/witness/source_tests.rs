use super::super::test_objects::{denied, id, sighting};
use super::super::{LiveSource, Sighting};
use super::may_read;
use crate::model::{CredentialsHint, Fact, References, SourceKind};
use serde_json::{Value, json};

const URL: &str = "https://charts.example.com/private";

/// What Git says.
fn git() -> CredentialsHint {
    CredentialsHint {
        kind: SourceKind::HelmRepository,
        source: id("team-a/charts"),
        url: URL.to_owned(),
        references: References { secret: Some("charts-auth".to_owned()), ..References::default() },
        provider: None,
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
    let (parent, key) = path.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[key] = value;
    object
}

#[test]
fn flux_rule_27_the_secret_of_a_source_that_is_the_same_in_git_and_cluster_may_be_read() {
    assert_eq!(may_read(&git(), &cluster(&live())).unwrap().secret.unwrap().id(), &id("team-a/charts-auth"));
    let slash = with("/spec/url", json!("https://Charts.example.com/private/"));
    assert!(may_read(&git(), &cluster(&slash)).is_ok(), "the same place, written otherwise");
}

#[test]
fn flux_rule_27_a_source_that_says_something_else_in_the_cluster_reads_nothing() {
    for (object, why) in [
        (with("/spec/url", json!("https://charts.example.com/other")), "another URL"),
        (with("/spec/url", json!("https://evil.example.com/private")), "another URL"),
        (with("/spec/url", json!(null)), "another URL"),
        (with("/spec/secretRef/name", json!("other-auth")), "another secretRef"),
        (with("/spec/secretRef", json!(null)), "another secretRef"),
        (with("/spec/certSecretRef", json!({"name": "tls"})), "another certSecretRef"),
        (with("/spec/proxySecretRef", json!({"name": "proxy"})), "another proxySecretRef"),
        (with("/spec/serviceAccountName", json!("puller")), "another serviceAccountName"),
        (with("/spec/passCredentials", json!(true)), "another passCredentials"),
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

#[test]
fn flux_rule_27_every_reference_of_git_must_stand_in_the_cluster_too() {
    let named = |references: References| CredentialsHint { references, ..git() };
    let all = || References {
        secret: Some("charts-auth".to_owned()),
        certificates: Some("tls".to_owned()),
        proxy: Some("proxy".to_owned()),
        service_account: Some("puller".to_owned()),
        pass_credentials: true,
    };
    let mut object = live();
    for (field, value) in [
        ("certSecretRef", json!({"name": "tls"})),
        ("proxySecretRef", json!({"name": "proxy"})),
        ("serviceAccountName", json!("puller")),
        ("passCredentials", json!(true)),
    ] {
        object["spec"][field] = value;
    }
    let permit = may_read(&named(all()), &cluster(&object)).unwrap();
    let names = [permit.secret, permit.certificates, permit.proxy].map(|name| name.unwrap().id().to_string());
    assert_eq!(names, ["team-a/charts-auth", "team-a/tls", "team-a/proxy"]);
    assert_eq!(permit.account.unwrap().id(), &id("team-a/puller"));
    for (less, why) in [
        (References { secret: None, ..all() }, "secretRef"),
        (References { certificates: Some("other".to_owned()), ..all() }, "certSecretRef"),
        (References { proxy: None, ..all() }, "proxySecretRef"),
        (References { service_account: Some("default".to_owned()), ..all() }, "serviceAccountName"),
        (References { pass_credentials: false, ..all() }, "passCredentials"),
    ] {
        let refused = may_read(&named(less), &cluster(&object)).unwrap_err().to_string();
        assert!(refused.contains(&format!("another {why} in the cluster")), "{refused}");
    }
}

#[test]
fn flux_rule_14_a_service_account_names_secrets_of_its_own_namespace_alone() {
    let hint = CredentialsHint {
        references: References { service_account: Some("puller".to_owned()), ..References::default() },
        ..git()
    };
    let object = with("/spec/secretRef", json!(null));
    let mut object = object;
    object["spec"]["serviceAccountName"] = json!("puller");
    let account = may_read(&hint, &cluster(&object)).unwrap().account.unwrap();
    let live = json!({
        "metadata": {"name": "puller", "namespace": "kube-system"},
        "secrets": [{"name": "puller-token"}],
        "imagePullSecrets": [{"name": "one"}, {"name": ""}, {}, {"name": "two", "namespace": "kube-system"}]
    });
    let names: Vec<String> = account.pull_secrets(&live).iter().map(|name| name.id().to_string()).collect();
    assert_eq!(names, ["team-a/one", "team-a/two"]);
    assert!(account.pull_secrets(&json!({})).is_empty());
}
