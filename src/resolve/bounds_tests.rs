//! What has no end is cut, and the cut is told.

use super::Resolution;
use super::resolve_tests::resolved;
use crate::model::Reason;
use std::fmt::Write as _;

const ROOT: &str = "=== clusters/home/apps.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {path: ./apps, sourceRef: {kind: GitRepository, name: flux-system}}
";

/// A Kustomization that builds `./PATH`, with one release in it.
fn nested(file: &str, path: &str) -> String {
    format!(
        "=== {file}
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: team, namespace: flux-system}}
spec: {{path: ./{path}, targetNamespace: x, sourceRef: {{kind: GitRepository, name: flux-system}}}}
"
    )
}

fn release(file: &str) -> String {
    format!(
        "=== {file}
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: web, namespace: x}}
spec: {{chart: {{spec: {{chart: web, version: 1.0.0, sourceRef: {{kind: HelmRepository, name: charts}}}}}}}}
"
    )
}

fn cuts(found: &Resolution) -> Vec<(&str, u32)> {
    let cut = found.problems.iter().filter(|found| found.problem.reason == Reason::OutOfReach);
    cut.map(|found| (found.file.as_str(), found.line)).collect()
}

#[test]
fn a_template_of_a_hundred_tenants_is_built_for_each() {
    let mut text = ROOT.to_owned() + &nested("base/team.yaml", "team") + &release("team/web.yaml");
    text += "=== base/kustomization.yaml\nresources: [team.yaml]\n=== apps/kustomization.yaml\nresources:\n";
    (0..100).for_each(|tenant| writeln!(text, "- ../tenants/t{tenant}").unwrap());
    for tenant in 0..100 {
        write!(text, "=== tenants/t{tenant}/kustomization.yaml\nnamePrefix: t{tenant}-\nresources: [../../base]\n")
            .unwrap();
    }
    let found = resolved(&text);
    assert_eq!((found.releases.len(), cuts(&found)), (100, Vec::new()), "{:#?}", found.problems);
}

#[test]
fn a_ring_of_names_ends_and_says_so() {
    let ring = nested("apps/team.yaml", "apps")
        .replace("name: team", "name: \"team${n}\"")
        .replace("targetNamespace: x,", "targetNamespace: x, postBuild: {substitute: {n: \"a${n}\"}},");
    let found = resolved(&(ROOT.to_owned() + &ring));
    assert_eq!(cuts(&found), [("apps/team.yaml", 2)], "{:#?}", found.problems);
    let told = &found.problems.iter().find(|found| found.problem.reason == Reason::OutOfReach).unwrap().problem;
    assert!(told.message.contains("more than 1000 names in clusters/home"), "{}", told.message);
}

#[test]
fn bases_that_double_at_every_level_are_cut_and_the_cut_is_told() {
    let mut text = ROOT.replace("path: ./apps", "path: ./l0") + &release("l40/hr.yaml");
    for level in 0..40 {
        let below = level + 1;
        write!(text, "=== l{level}/a/kustomization.yaml\nresources: [../../l{below}]\n").unwrap();
        write!(text, "=== l{level}/kustomization.yaml\nresources: [a, ../l{below}]\n").unwrap();
    }
    text += "=== l40/kustomization.yaml\nresources: [hr.yaml]\n";
    let found = resolved(&text);
    let cut = found.problems.iter().filter(|found| found.problem.message.contains("more than 20000")).count();
    assert_eq!(cut, 1, "{:#?}", found.problems);
}
