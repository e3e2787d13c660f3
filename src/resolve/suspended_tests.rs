//! Flux rule 21: what is suspended beside the release itself. The bytes of its version may be applied by somebody else.

use super::resolve_tests::resolved;
use crate::model::{Reason, Release};
use std::fmt::Write as _;

fn kustomization(name: &str, path: &str, more: &str) -> String {
    format!(
        "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: \
         flux-system}}\nspec:\n  path: {path}\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n{more}"
    )
}

/// The row of the release `web`, in a cluster whose roots are these Kustomizations; more files after them.
fn row(roots: &[String], git: &str, more: &str) -> Release {
    let mut text = format!(
        "=== clusters/one/all.yaml\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: \
         flux-system, namespace: flux-system}}\nspec: {{url: 'https://git.example.com/fleet'{git}}}\n"
    );
    for root in roots {
        text += root;
    }
    write!(
        text,
        "=== charts/repository.yaml\napiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: \
         charts, namespace: apps}}\nspec: {{url: https://charts.example.com}}\n{more}"
    )
    .unwrap();
    let resolution = resolved(&text);
    let mut rows = resolution.releases.iter().filter(|row| row.name == "web");
    let row = rows.next().unwrap();
    assert!(rows.next().is_none(), "{:#?}", resolution.releases);
    row.as_ref().clone()
}

fn release(version: &str) -> String {
    format!(
        "=== apps/web.yaml\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: web, namespace: \
         apps}}\nspec: {{chart: {{spec: {{chart: web, version: \"{version}\", sourceRef: {{kind: HelmRepository, name: \
         charts}}}}}}}}\n"
    )
}

fn told(row: &Release) -> (Option<Reason>, &str) {
    row.problem.as_ref().map_or((None, ""), |problem| (Some(problem.reason), problem.message.as_str()))
}

const SUSPENDED: &str = "  suspend: true\n";

#[test]
fn flux_rule_21_a_suspended_kustomization_that_applies_the_version_holds_it() {
    let substitution = "  postBuild: {substituteFrom: [{kind: ConfigMap, name: vars}]}\n";
    let variables = "=== vars/vars.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: vars, namespace: flux-system}\n\
                     data: {V: 1.2.3}\n";
    let files = release("${V}") + variables;
    let with = |suspended: &str| {
        let roots = [
            kustomization("vars", "./vars", suspended),
            kustomization("apps", "./apps", substitution),
            kustomization("charts", "./charts", ""),
        ];
        row(&roots, "", &files)
    };
    assert_eq!(told(&with("")), (None, ""));
    let held = with(SUSPENDED);
    let (reason, message) = told(&held);
    assert_eq!(reason, Some(Reason::Suspended));
    assert!(
        message.contains("Kustomization flux-system/vars is true") && message.contains("vars/vars.yaml"),
        "{message}"
    );
    // The source's own object is in the cluster already: no version stands in it.
    let roots = [kustomization("apps", "./apps", ""), kustomization("charts", "./charts", SUSPENDED)];
    assert_eq!(told(&row(&roots, "", &release("1.2.3"))), (None, ""));
}

#[test]
fn flux_rule_21_a_suspended_parent_holds_what_it_sets_for_its_children_and_not_what_they_read() {
    let patch = "  patches:\n    - target: {kind: HelmRelease}\n      patch: |\n        - {op: replace, path: \
                 /spec/chart/spec/version, value: 2.0.0}\n";
    let with = |patch: &str, also: &[String]| {
        let child =
            format!("=== top/apps.yaml\n{}", kustomization("apps", "./apps", patch).trim_start_matches("---\n"));
        let top = kustomization("top", "./top", SUSPENDED);
        row(&[&[top, kustomization("charts", "./charts", "")], also].concat(), "", &(release("1.2.3") + &child))
    };
    assert_eq!(told(&with("", &[])), (None, ""));
    let held = with(patch, &[]);
    assert_eq!((held.current.as_deref(), told(&held).0), (Some("2.0.0"), Some(Reason::Suspended)));
    // Another Kustomization of the cluster applies the same file.
    assert_eq!(told(&with(patch, &[kustomization("second", "./top", "")])), (None, ""));
}

#[test]
fn flux_rule_21_a_suspended_git_repository_brings_no_commit() {
    let roots = [kustomization("apps", "./apps", ""), kustomization("charts", "./charts", "")];
    assert_eq!(told(&row(&roots, "", &release("1.2.3"))), (None, ""));
    let held = row(&roots, ", suspend: true", &release("1.2.3"));
    let (reason, message) = told(&held);
    assert_eq!(reason, Some(Reason::Suspended));
    assert!(message.contains("GitRepository flux-system is true (clusters/one/all.yaml:2)"), "{message}");
}
