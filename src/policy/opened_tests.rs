use super::{kube_refusal, opened, type_refusal};
use crate::model::{Candidate, Contents, Inside, Lookup, Reason, TagRules, Version};
use std::sync::Arc;

fn candidate(text: &str) -> Candidate {
    Candidate {
        text: text.to_owned(),
        version: Version::strict(&text.replace('_', "+")).unwrap(),
        created: None,
        deprecated: false,
        app_version: Some("of the index".to_owned()),
        digest: None,
        detailed: true,
        inside: Inside::Unopened,
    }
}

fn contents(name: &str, version: &str) -> Contents {
    Contents { name: name.into(), version: version.into(), ..Contents::default() }
}

/// The reason and the message of a refusal.
fn refused(lookup: &Lookup, text: &str, contents: Contents) -> Option<(Reason, String)> {
    match opened(lookup, candidate(text), &Arc::new(contents)).inside {
        Inside::Refused(problem) => Some((problem.reason, problem.message)),
        Inside::Opened(_) => None,
        Inside::Unopened => panic!("it was opened"),
    }
}

fn index() -> Lookup {
    Lookup::index("https://charts.example.com", "web")
}

/// Of an OCIRepository, or of a HelmRepository of type `oci` for a pin without a `v`.
fn oci(of_tags: bool) -> Lookup {
    let rules = TagRules { leading_v: of_tags, by_version: !of_tags, underscore_is_plus: true };
    Lookup::oci("oci://ghcr.io/acme/web", rules, false)
}

/// Of a HelmRepository of type `oci` for a pin with a `v`.
fn oci_with_v() -> Lookup {
    let rules = TagRules { leading_v: true, by_version: true, underscore_is_plus: true };
    Lookup::oci("oci://ghcr.io/acme/web", rules, false)
}

#[test]
fn flux_rule_07_name_and_version_must_be_those_that_git_asks_for() {
    for lookup in [index(), oci(false), oci(true)] {
        assert_eq!(refused(&lookup, "1.2.0", contents("web", "1.2.0")), None);
        let (reason, message) = refused(&lookup, "1.2.0", contents("web", "1.3.0")).unwrap();
        assert_eq!(reason, Reason::ChartDiffers);
        assert_eq!(message, "web 1.2.0 holds a chart of version 1.3.0, which Flux refuses");
    }
    assert_eq!(refused(&oci_with_v(), "v1.2.0", contents("web", "1.2.0")), None);
    for lookup in [index(), oci(false), oci_with_v()] {
        let (reason, message) = refused(&lookup, "1.2.0", contents("other", "1.2.0")).unwrap();
        assert_eq!(reason, Reason::ChartDiffers);
        assert_eq!(message, "web 1.2.0 holds a chart that calls itself \"other\"");
    }
    assert_eq!(refused(&oci(true), "1.2.0", contents("other", "1.2.0")), None, "an OCIRepository asks for no name");
}

#[test]
fn flux_rule_07_versions_are_compared_as_semver() {
    for (tag, inner) in
        [("v1.2.0", "1.2.0"), ("1.2.0", "v1.2.0"), ("1.2.0_b5", "1.2.0+b5"), ("1.2.0_b5", "1.2.0"), ("1.2.0", "1.2")]
    {
        assert_eq!(refused(&oci(true), tag, contents("web", inner)), None, "{tag} {inner}");
    }
    assert!(refused(&oci(true), "1.2.0-rc.1", contents("web", "1.2.0")).is_some());
}

#[test]
fn only_applications_are_installed() {
    let refusal = |kind: &str| type_refusal("1.2.0", &Contents { kind: kind.into(), ..contents("web", "1.2.0") });
    assert_eq!((refusal(""), refusal("application")), (None, None));
    assert_eq!(refusal("library").unwrap(), "1.2.0 is a chart of type \"library\", which Helm does not install");
}

#[test]
fn what_the_archive_says_beats_the_index() {
    let said = Contents { app_version: Some("9".into()), deprecated: true, ..contents("web", "1.2.0") };
    let candidate = opened(&index(), candidate("1.2.0"), &Arc::new(said));
    assert_eq!((candidate.app_version.as_deref(), candidate.deprecated), (Some("9"), true));
}

/// Helm's check is Masterminds' range on the API server's `gitVersion`, suffix and all (`IsCompatibleRange`).
#[test]
fn flux_rule_07_kube_version_is_checked_as_helm_does() {
    let refusal = |range: Option<&str>, cluster: Option<&str>| {
        let contents = Contents { kube_version: range.map(str::to_owned), ..Contents::default() };
        kube_refusal("2.0.0", &contents, cluster.map(|text| Version::strict(text).unwrap()).as_ref())
    };
    for (range, cluster) in [
        (None, Some("1.31.2")),
        (Some(">=1.25.0"), None),
        (Some(">=1.25.0"), Some("1.31.2")),
        (Some(">=1.25.0"), Some("v1.31.2+k3s1")),
        (Some(">=1.25.0-0"), Some("v1.31.2-gke.100")),
        (Some(">= 1.19.0-0 < 1.32.0-0"), Some("v1.31.2-eks-1234567")),
        (Some("^1.25-0"), Some("v1.31.2-gke.100")),
        (Some("1.31.x"), Some("1.31.2")),
        (Some("1.31"), Some("1.31.2")),
        (Some("<1.20 || >=1.30"), Some("1.31.2")),
    ] {
        assert_eq!(refusal(range, cluster), None, "{range:?} {cluster:?}");
    }
    for (range, cluster) in [
        (">=1.32.0", "1.31.2"),
        (">=1.32.0-0", "1.31.2"),
        ("<1.31.0", "v1.31.2+k3s1"),
        (">=1.25.0", "v1.31.2-gke.100"),
        ("1.30.x", "1.31.2"),
        ("1.31.0", "1.31.2"),
    ] {
        let message = refusal(Some(range), Some(cluster)).unwrap_or_else(|| panic!("{range} {cluster}"));
        assert!(message.contains(range) && message.contains(cluster), "names both: {message}");
    }
    assert!(refusal(Some(">=1.25.0"), Some("v1.31.2-gke.100")).unwrap().contains("suffix"));
    assert!(refusal(Some("any"), None).unwrap().contains("every cluster"), "Helm refuses it wherever it is");
}
