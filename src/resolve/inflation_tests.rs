use super::super::resolve_tests::resolved;
use crate::model::{Reason, Release, RowKind};
use std::sync::Arc;

const CHARTS: &str = "=== app/kustomization.yaml
namespace: media
helmCharts:
- {name: redis, repo: 'https://charts.example.com', version: 1.2.3, releaseName: cache}
- {name: minio, repo: 'oci://ghcr.io/acme/charts', version: ~4.0.0, namespace: store}
- {name: own}
";

const ROOT: &str = "=== clusters/home/apps.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {path: ./app, sourceRef: {kind: GitRepository, name: flux-system}}
";

fn charts(text: &str) -> Vec<Arc<Release>> {
    let rows = resolved(text).releases;
    rows.into_iter().filter(|row| row.kind == RowKind::HelmChartInflationGenerator).collect()
}

fn named<'r>(rows: &'r [Arc<Release>], name: &str) -> &'r Release {
    rows.iter().find(|row| row.name == name).unwrap()
}

fn reason(row: &Release) -> Option<Reason> {
    row.problem.as_ref().map(|problem| problem.reason)
}

#[test]
fn flux_rule_26_a_chart_that_kustomize_inflates_is_a_site_where_flux_does_not_build_it() {
    let rows = charts(CHARTS);
    let row = named(&rows, "cache");
    assert_eq!((row.namespace.as_str(), row.line, reason(row)), ("media", 3, None));
    let site = row.site.as_ref().unwrap();
    assert_eq!((site.path.as_ref(), site.text.as_str()), ("helmCharts[0].version", "1.2.3"));
    assert_eq!(row.lookup.as_ref().unwrap().canonical(), "https://charts.example.com#redis");
    assert!(format!("{:?}", row.notes).contains("not applied by Flux"));
    let row = named(&rows, "minio");
    assert_eq!((row.namespace.as_str(), reason(row)), ("store", Some(Reason::FloatingRange)));
    assert_eq!(row.lookup.as_ref().unwrap().canonical(), "oci://ghcr.io/acme/charts/minio");
    assert_eq!(reason(named(&rows, "own")), Some(Reason::ChartInGit));
}

#[test]
fn flux_rule_26_where_flux_builds_it_the_row_says_that_it_fails() {
    let rows = charts(&format!("{CHARTS}{ROOT}"));
    let row = named(&rows, "cache");
    assert_eq!(reason(row), Some(Reason::BuildFailed));
    assert!(row.problem.as_ref().unwrap().message.contains("not applied by Flux: Kustomization flux-system/apps"));
    let by = row.kustomization.as_ref().map(ToString::to_string);
    assert_eq!((row.cluster.as_deref(), by.as_deref()), (Some("clusters/home"), Some("flux-system/apps")));
    assert!(row.site.is_some() && row.lookup.is_some());
    // A base below it counts as well, once for each cluster.
    let above = "=== over/kustomization.yaml\nresources: [../app]\n";
    let second = ROOT.replace("clusters/home", "clusters/away");
    let text = format!("{CHARTS}{above}{ROOT}{second}").replace("path: ./app", "path: ./over");
    let rows = charts(&text);
    let clusters: Vec<_> = rows.iter().filter(|r| r.name == "cache").map(|r| r.cluster.as_deref().unwrap()).collect();
    assert_eq!(clusters, ["clusters/away", "clusters/home"]);
}

#[test]
fn flux_rule_26_a_generator_object_counts_where_a_kustomization_names_it() {
    let object = "=== app/redis.yaml
apiVersion: builtin
kind: HelmChartInflationGenerator
metadata: {name: any}
name: redis
repo: https://charts.example.com
version: 1.2.3
releaseName: cache
valuesInline: {a: 1}
";
    assert!(charts(object).is_empty());
    let text = format!("{object}=== app/kustomization.yaml\nnamespace: media\ngenerators: [redis.yaml]\n");
    let rows = charts(&text);
    let row = named(&rows, "cache");
    assert_eq!((row.file.as_ref(), row.line, reason(row)), ("app/redis.yaml", 2, None));
    assert_eq!((row.site.as_ref().unwrap().path.as_ref(), row.namespace.as_str()), ("version", "media"));
    assert_eq!(reason(named(&charts(&format!("{text}{ROOT}")), "cache")), Some(Reason::BuildFailed));
}
