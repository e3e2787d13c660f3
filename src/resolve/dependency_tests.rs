use super::super::resolve_tests::resolved;
use crate::model::{Lookup, Reason, Release, RowKind};
use std::sync::Arc;

/// A chart of the repository; `{}` is what follows in its one dependency.
fn chart(dependency: &str, more: &str) -> Vec<Arc<Release>> {
    let text = format!(
        "=== charts/app/Chart.yaml
apiVersion: v2
name: app
version: 0.1.0
dependencies:
- name: redis
  repository: https://charts.example.com/
{dependency}{more}"
    );
    resolved(&text).releases
}

fn reason(row: &Release) -> Option<Reason> {
    row.problem.as_ref().map(|problem| problem.reason)
}

fn message(row: &Release) -> &str {
    row.problem.as_ref().map_or("", |problem| problem.message.as_str())
}

fn notes(row: &Release) -> String {
    format!("{:?}", row.notes)
}

#[test]
fn a_dependency_of_a_chart_without_a_lock_is_a_row_with_its_site_and_question() {
    let rows = chart("  version: 17.0.0 # pinned\n", "");
    let [row] = rows.as_slice() else { panic!("{rows:#?}") };
    assert_eq!((row.kind, row.id().to_string().as_str(), reason(row)), (RowKind::ChartDependency, "app:redis", None));
    assert_eq!((row.file.as_ref(), row.line, row.cluster.as_deref()), ("charts/app/Chart.yaml", 5, None));
    let site = row.site.as_ref().unwrap();
    assert_eq!((site.line, site.column, site.path.as_ref()), (7, 12, "dependencies[0].version"));
    assert_eq!(row.lookup.as_deref(), Some(&Lookup::index("https://charts.example.com", "redis")));
    assert_eq!(row.source.as_ref().unwrap().url.as_deref(), Some("https://charts.example.com/"));
    assert!(notes(row).contains("no HelmRelease of this repository uses the chart"));
}

#[test]
fn a_dependency_from_a_registry_is_asked_for_by_the_url_with_its_name() {
    let text = "=== Chart.yaml
name: top
annotations: {davit.dev/bump: minor}
dependencies: [{name: redis, version: 17.0.0, repository: 'oci://ghcr.io/acme/charts'}]
";
    let rows = resolved(text).releases;
    assert_eq!(rows[0].lookup.as_ref().unwrap().canonical(), "oci://ghcr.io/acme/charts/redis");
    assert_eq!((rows[0].name.as_str(), rows[0].annotations.bump.as_deref()), ("top:redis", Some("minor")));
}

#[test]
fn a_range_floats_only_where_no_lock_pins_it() {
    for range in ["~1.2.0", "^1", "'>=1.0.0'", "1.2.x", "'*'"] {
        assert_eq!(reason(&chart(&format!("  version: {range}\n"), "")[0]), Some(Reason::FloatingRange), "{range}");
    }
    assert_eq!(reason(&chart("", "")[0]), Some(Reason::FloatingRange));
    let lock = "=== charts/app/Chart.lock\ndependencies: [{name: redis, version: 1.2.7, repository: x}]\ndigest: y\n";
    let rows = chart("  version: ~1.2.0\n", lock);
    assert_eq!(reason(&rows[0]), Some(Reason::ChartLock));
    assert!(rows[0].lookup.is_some(), "what is newer is still shown");
    let said = message(&rows[0]);
    assert!(said.contains("charts/app/Chart.lock pins 1.2.7") && said.contains("helm dependency update"), "{said}");
}

#[test]
fn a_copy_in_charts_is_what_is_packaged() {
    let version = "  version: 17.0.0\n";
    let archive = "=== charts/app/charts/redis-17.0.0.tgz\nx\n";
    assert_eq!(reason(&chart(version, archive)[0]), Some(Reason::ChartLock));
    let unpacked = "=== charts/app/charts/redis/Chart.yaml\nname: redis\n";
    assert_eq!(reason(&chart(version, unpacked)[0]), Some(Reason::ChartLock));
    // Another chart's copy says nothing of this one, unless there are as many copies as dependencies.
    let other = "=== charts/app/charts/redis-cluster-1.0.0.tgz\nx\n";
    let two = format!("{version}- {{name: minio, repository: 'https://charts.example.com', version: 1.0.0}}\n");
    let rows = chart(&two, other);
    assert_eq!(rows.iter().map(|row| reason(row)).collect::<Vec<_>>(), [None, None]);
    assert_eq!(reason(&chart(version, other)[0]), Some(Reason::ChartLock));
    // What is packaged inside another chart is not looked up for itself.
    let inner = "=== charts/app/charts/sub/Chart.yaml
name: sub
dependencies: [{name: x, repository: 'https://charts.example.com', version: 1.0.0}]
";
    let rows = chart(&two, inner);
    let inner = rows.iter().find(|row| row.name == "sub:x").unwrap();
    assert_eq!(reason(inner), Some(Reason::ChartLock));
    assert!(message(inner).contains("inside the one of charts/app/Chart.yaml"));
}

#[test]
fn local_and_aliased_repositories_are_named_as_what_they_are() {
    for (repository, wanted) in [
        ("file://../common", Reason::ChartInGit),
        ("''", Reason::ChartInGit),
        ("'@stable'", Reason::SourceUnsupported),
        ("alias:stable", Reason::SourceUnsupported),
        ("s3://bucket/charts", Reason::InvalidSource),
        ("'https://${HOST}/charts'", Reason::VersionInSubstitution),
    ] {
        let text =
            format!("=== Chart.yaml\nname: a\ndependencies: [{{name: x, version: 1.0.0, repository: {repository}}}]\n");
        let rows = resolved(&text).releases;
        assert_eq!((reason(&rows[0]), &rows[0].lookup), (Some(wanted), &None), "{repository}");
    }
}

#[test]
fn one_chart_under_two_aliases_is_two_rows_of_one_question() {
    let second = "  version: 17.0.0\n  alias: cache\n  condition: cache.enabled
- {name: redis, alias: queue, version: 17.0.0, repository: 'https://charts.example.com'}\n";
    let rows = chart(second, "");
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["app:cache", "app:queue"]);
    assert_eq!(rows[0].lookup, rows[1].lookup);
    assert_ne!(rows[0].site, rows[1].site);
    assert!(notes(&rows[0]).contains("only where the chart's value cache.enabled is true"));
}

#[test]
fn requirements_yaml_goes_before_chart_yaml_and_needs_it() {
    let old = "=== app/requirements.yaml
dependencies: [{name: redis, version: 17.0.0, repository: 'https://charts.example.com'}]
";
    assert!(resolved(old).releases.is_empty(), "no chart lies beside it");
    let text = format!("{old}=== app/Chart.yaml\napiVersion: v1\nname: first\n");
    let rows = resolved(&text).releases;
    assert_eq!((rows.len(), rows[0].file.as_ref(), rows[0].name.as_str()), (1, "app/requirements.yaml", "app:redis"));
    let both = format!("{text}dependencies: [{{name: other, version: 1.0.0, repository: 'https://x.example.com'}}]\n");
    let rows = resolved(&both).releases;
    assert_eq!((rows.len(), rows[0].name.as_str()), (1, "first:redis"));
    let rows = resolved(&format!("{both}=== app/requirements.lock\ndependencies: []\n")).releases;
    assert_eq!(reason(&rows[0]), Some(Reason::ChartLock));
    // A document that looks like one, in a file of another name.
    assert!(resolved(&old.replace("requirements.yaml", "values.yaml")).releases.is_empty());
}

#[test]
fn the_row_says_who_packages_the_chart_and_when() {
    let release = "=== apps/release.yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: app, namespace: media}
spec: {chart: {spec: {chart: ./charts/app, sourceRef: {kind: GitRepository, name: fleet}}}}
";
    let rows = chart("  version: 17.0.0\n", release);
    let row = rows.iter().find(|row| row.kind == RowKind::ChartDependency).unwrap();
    let said = notes(row);
    assert!(said.contains("HelmRelease media/app (apps/release.yaml:2) packages the chart, anew only when"), "{said}");
    let revision = release.replace("{chart: ./charts", "{reconcileStrategy: Revision, chart: ./charts");
    let rows = chart("  version: 17.0.0\n", &revision);
    let row = rows.iter().find(|row| row.kind == RowKind::ChartDependency).unwrap();
    assert!(notes(row).contains("packages the chart\""), "{}", notes(row));
    let elsewhere = release.replace("./charts/app", "./charts/other");
    let rows = chart("  version: 17.0.0\n", &elsewhere);
    let row = rows.iter().find(|row| row.kind == RowKind::ChartDependency).unwrap();
    assert!(notes(row).contains("no HelmRelease"));
}
