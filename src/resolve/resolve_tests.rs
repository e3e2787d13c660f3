//! Small trees, each with the rows it gives.

use super::{Resolution, resolve};
use crate::inventory::{self, Context};
use crate::model::{Reason, Release};
use std::sync::Arc;

/// A tree of files as a text: `=== path` starts a file.
pub(super) fn tree(text: &str) -> Vec<(String, Arc<inventory::FileFacts>)> {
    let files = text.split("=== ").filter(|part| !part.trim().is_empty()).map(|part| {
        let (path, content) = part.split_once('\n').unwrap();
        (path.trim().to_owned(), Arc::new(inventory::read_file(content.as_bytes())))
    });
    files.collect()
}

pub(super) fn resolved(text: &str) -> Resolution {
    resolve(&inventory::gather(&tree(text), Context::default()))
}

fn only(resolution: &Resolution) -> &Release {
    assert_eq!(resolution.releases.len(), 1, "{:#?}", resolution.releases);
    &resolution.releases[0]
}

fn reason(release: &Release) -> Option<Reason> {
    release.problem.as_ref().map(|problem| problem.reason)
}

/// A HelmRelease by `chart.spec`, without a namespace of its own.
const RELEASE: &str = "=== app/release.yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: plex
spec:
  chart:
    spec:
      chart: plex
      version: 1.2.3
      sourceRef:
        kind: HelmRepository
        name: charts
  values: {a: 1}
=== app/repository.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata:
  name: charts
spec:
  url: https://charts.example.com/
";

const KUSTOMIZATION: &str = "=== app/kustomization.yaml
namespace: media
resources: [release.yaml, ./repository.yaml]
";

/// A root that builds `./app` of a repository whose GitRepository is not in Git.
const ROOT: &str = "=== clusters/home/apps.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: apps
  namespace: flux-system
spec:
  path: ./app
  sourceRef:
    kind: GitRepository
    name: flux-system
";

#[test]
fn flux_rule_25_a_plain_folder_takes_the_namespace_from_its_kustomization() {
    let resolution = resolved(&format!("{RELEASE}{KUSTOMIZATION}"));
    let row = only(&resolution);
    assert_eq!((row.namespace.as_str(), row.name.as_str(), reason(row)), ("media", "plex", None));
    assert_eq!((row.cluster.as_deref(), row.kustomization.as_ref()), (None, None));
    let site = row.site.as_ref().unwrap();
    assert_eq!((site.file.as_str(), site.line, site.column), ("app/release.yaml", 9, 16));
    assert_eq!(row.lookup.as_ref().unwrap().canonical(), "https://charts.example.com#plex");
    let resolution = resolved(RELEASE);
    assert_eq!((only(&resolution).namespace.as_str(), reason(only(&resolution))), ("", None));
}

#[test]
fn flux_rule_24_a_root_is_a_kustomization_that_nothing_builds() {
    let resolution = resolved(&format!("{RELEASE}{KUSTOMIZATION}{ROOT}"));
    let row = only(&resolution);
    assert_eq!(row.cluster.as_deref(), Some("clusters/home"));
    assert_eq!(row.kustomization.as_ref().unwrap().to_string(), "flux-system/apps");
    assert_eq!((row.namespace.as_str(), reason(row)), ("media", None));
}

#[test]
fn flux_rule_11_target_namespace_overrides_the_kustomization() {
    let root = format!("{ROOT}  targetNamespace: games\n");
    let resolution = resolved(&format!("{RELEASE}{KUSTOMIZATION}{root}"));
    assert_eq!(only(&resolution).namespace, "games");
    assert_eq!(reason(only(&resolution)), None);
}

#[test]
fn a_release_that_no_kustomization_builds_is_a_row_with_its_site() {
    let release = RELEASE.replace("app/", "attic/");
    let resolution = resolved(&format!("{release}{ROOT}=== app/kustomization.yaml\nresources: []\n"));
    let row = only(&resolution);
    assert_eq!((reason(row), row.kustomization.as_ref()), (Some(Reason::NotBuilt), None));
    assert!(row.site.is_some());
}

#[test]
fn flux_rule_11_a_patch_counts_only_where_it_reaches_the_version() {
    let patched = |patch: &str| {
        let kustomization = format!("{KUSTOMIZATION}patches:\n- target: {{kind: HelmRelease}}\n  patch: |-\n{patch}");
        let resolution = resolved(&format!("{RELEASE}{kustomization}{ROOT}"));
        (reason(only(&resolution)), only(&resolution).current.clone())
    };
    let pinned = Some("1.2.3".to_owned());
    assert_eq!(patched("    - {op: add, path: /spec/install, value: {}}\n"), (None, pinned.clone()));
    assert_eq!(
        patched("    - {op: replace, path: /spec/chart/spec/version, value: 1.0.0}\n"),
        (Some(Reason::VersionInPatch), None)
    );
    let strategic = "    apiVersion: x\n    kind: HelmRelease\n    metadata: {name: _}\n    spec:\n";
    assert_eq!(patched(&format!("{strategic}      install: {{crds: Skip}}\n")), (None, pinned));
    assert_eq!(
        patched(&format!("{strategic}      chart: {{spec: {{version: 2.0.0}}}}\n")).0,
        Some(Reason::VersionInPatch)
    );
}
