//! What is set by somebody whose doing is not followed, or after all else: replacements into a ConfigMap that feeds
//! substitution, and what a Flux Kustomization sets on everything that it applies.

use super::resolve_tests::resolved;
use crate::model::{Reason, Release};

/// A root that builds the variables, and one that substitutes them.
fn built(more: &str, version: &str, kustomization: &str) -> Release {
    let root = |name: &str, path: &str, more: &str| {
        format!(
            "=== clusters/home/{name}.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: flux-system}}
spec:
  path: {path}
  sourceRef: {{kind: GitRepository, name: flux-system}}
{more}"
        )
    };
    let resolution = resolved(&format!(
        "{}{}=== vars/vars.yaml
apiVersion: v1
kind: ConfigMap
metadata: {{name: versions, namespace: flux-system}}
data: {{VERSION: 1.2.3, OTHER: 2.0.0}}
=== vars/kustomization.yaml
resources: [vars.yaml]
{kustomization}=== app/release.yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: plex, namespace: media, annotations: {{davit.dev/bump: major}}}}
spec: {{chart: {{spec: {{chart: plex, version: '{version}', sourceRef: {{kind: HelmRepository, name: charts}}}}}}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {{name: charts, namespace: media}}
spec: {{url: https://charts.example.com}}
",
        root("vars", "./vars", ""),
        root(
            "app",
            "./app",
            &format!("  postBuild: {{substituteFrom: [{{kind: ConfigMap, name: versions}}]}}\n{more}")
        ),
    ));
    assert_eq!(resolution.releases.len(), 1, "{resolution:#?}");
    resolution.releases[0].as_ref().clone()
}

fn reason(row: &Release) -> Option<Reason> {
    row.problem.as_ref().map(|problem| problem.reason)
}

const REPLACEMENT: &str = "replacements:
- source: {kind: ConfigMap, name: versions, fieldPath: data.OTHER}
  targets:
  - select: {kind: ConfigMap, name: versions}
    fieldPaths: [PATH]
";

#[test]
fn flux_rule_12_a_variable_that_a_replacement_sets_is_a_reason_and_the_others_are_not() {
    let with = |version: &str, path: &str| built("", version, &REPLACEMENT.replace("PATH", path));
    assert_eq!(reason(&built("", "${VERSION}", "")), None);
    for path in ["data.VERSION", "data", "'data.[VERSION]'", "metadata.name"] {
        let row = with("${VERSION}", path);
        assert_eq!(reason(&row), Some(Reason::VersionInSubstitution), "{path}");
        let chain = format!("{:?}", row.chain);
        assert!(chain.contains("the replacement at vars/kustomization.yaml:"), "{chain}");
        assert_ne!(row.current.as_deref(), Some("1.2.3"), "{path}");
    }
    let other = with("${OTHER}", "data.VERSION");
    assert_eq!((reason(&other), other.current.as_deref()), (None, Some("2.0.0")));
    assert_eq!(reason(&with("${VERSION}", "metadata.labels.app")), None);
    // One that it makes beats the default.
    assert_eq!(reason(&with("${NEW:=1.0.0}", "data.NEW")), Some(Reason::VersionInSubstitution));
}

#[test]
fn flux_rule_12_transformers_that_are_not_followed_hide_the_variables_of_their_config_maps() {
    let row = built("", "${VERSION}", "transformers: [transformer.yaml]\n");
    assert_eq!(reason(&row), Some(Reason::VersionInSubstitution));
    assert!(format!("{:?}", row.chain).contains("names transformers"), "{:?}", row.chain);
}

#[test]
fn flux_rule_11_common_metadata_is_set_last_and_switches_no_substitution_off() {
    let metadata = "  commonMetadata:
    annotations: {davit.dev/bump: patch, kustomize.toolkit.fluxcd.io/substitute: disabled}
    labels: {kustomize.toolkit.fluxcd.io/substitute: disabled}
";
    let row = built(metadata, "${VERSION}", "");
    assert_eq!(row.annotations.bump.as_deref(), Some("patch"), "over the release's own");
    assert_eq!((reason(&row), row.current.as_deref()), (None, Some("1.2.3")));
    assert_eq!(built("", "1.0.0", "").annotations.bump.as_deref(), Some("major"));
}
