//! Small trees, each with the rows it gives.

use super::{Resolution, resolve};
use crate::inventory::{self, Context};
use crate::model::{Reason, Release, RowKind};
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

/// The reason of the one row when a text of the sample is another.
fn reason_with(from: &str, to: &str) -> Option<Reason> {
    assert!(RELEASE.contains(from), "{from}");
    reason(only(&resolved(&RELEASE.replace(from, to))))
}

#[test]
fn flux_rule_01_a_release_has_exactly_one_of_chart_and_chart_ref() {
    let both = "spec:\n  chartRef: {kind: OCIRepository, name: x}\n  chart:\n";
    assert_eq!(reason_with("spec:\n  chart:\n", both), Some(Reason::InvalidRelease));
    assert_eq!(reason_with("spec:\n  chart:\n", "spec:\n  other:\n"), Some(Reason::InvalidRelease));
}

#[test]
fn flux_rule_03_only_a_full_version_pins() {
    assert_eq!(reason_with("1.2.3", "v1.2.3-rc.1+b"), None);
    for range in ["1.2", "1", "'*'", "'>=1.0.0'", "1.2.x", "^1.2.3"] {
        assert_eq!(reason_with("1.2.3", range), Some(Reason::FloatingRange), "{range}");
    }
    assert_eq!(reason_with("      version: 1.2.3\n", ""), Some(Reason::FloatingRange));
    assert_eq!(reason_with("1.2.3", "2024.01.15"), Some(Reason::VersionNotSemver));
}

#[test]
fn flux_rule_05_and_06_the_ref_of_an_oci_repository_is_read_in_flux_order() {
    let with = |reference: &str| {
        resolved(&format!(
            "=== a.yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: a, namespace: b}}
spec: {{chartRef: {{kind: OCIRepository, name: c}}}}
---
apiVersion: source.toolkit.fluxcd.io/v1beta2
kind: OCIRepository
metadata: {{name: c, namespace: b}}
spec: {{url: oci://ghcr.io/x/chart, ref: {{{reference}}}}}
"
        ))
    };
    let of = |reference: &str| reason(only(&with(reference)));
    assert_eq!(of("tag: 1.2.3"), None);
    assert_eq!(of("tag: 1.2.3, digest: 'sha256:00'"), Some(Reason::DigestPinned));
    let digest = format!("digest: 'sha256:{}'", "0a".repeat(32));
    assert_eq!(of(&format!("tag: 1.2.3, {digest}")), None);
    for held in ["tag: latest", "semver: '1.x'", "tag: 1.2.3, semver: '1.x'", "tag: '${V}'"] {
        assert!(of(&format!("{held}, {digest}")).is_some(), "{held}");
    }
    assert_eq!(of(&digest), Some(Reason::DigestPinned));
    let both = only(&with(&format!("tag: 1.2.3, {digest}"))).clone();
    assert_eq!((both.current.as_deref(), both.digest_site.unwrap().path.as_str()), (Some("1.2.3"), "spec.ref.digest"));
    assert_eq!(only(&with("tag: 1.2.3")).digest_site, None);
    assert_eq!(of("tag: 1.2.3, semver: '1.x'"), Some(Reason::FloatingSemver));
    assert_eq!(of("tag: latest"), Some(Reason::FloatingTag));
    assert_eq!(of(""), Some(Reason::FloatingTag));
    let row = only(&with("tag: 1.2.3")).clone();
    assert_eq!((row.chart.as_deref(), row.site.unwrap().path.as_str()), (Some("chart"), "spec.ref.tag"));
}

#[test]
fn flux_rule_12_what_hangs_on_substitution_is_named_and_never_asked_for() {
    let resolution = resolved(&RELEASE.replace("1.2.3", "${PLEX_VERSION:=1.2.3}"));
    let row = only(&resolution);
    assert_eq!((reason(row), row.lookup.as_ref()), (Some(Reason::VersionInSubstitution), None));
    assert!(row.problem.as_ref().unwrap().message.contains("PLEX_VERSION"));
    assert_eq!(reason_with("https://charts.example.com/", "https://${HOST}/"), Some(Reason::VersionInSubstitution));
}

#[test]
fn flux_rule_18_markers_of_other_bots_are_respected() {
    assert_eq!(reason_with("1.2.3", "1.2.3 # {\"$imagepolicy\": \"a:b:tag\"}"), Some(Reason::ImageAutomation));
    let resolution = resolved(&RELEASE.replace("      version", "      # renovate: registryUrl=x\n      version"));
    assert_eq!(reason(only(&resolution)), None);
    assert_eq!(only(&resolution).notes.len(), 1);
}

#[test]
fn flux_rule_21_the_message_says_what_is_suspended() {
    let resolution = resolved(&RELEASE.replace("  url:", "  suspend: true\n  url:"));
    let problem = only(&resolution).problem.as_ref().unwrap();
    assert_eq!(problem.reason, Reason::Suspended);
    assert!(
        problem.message.contains("spec.suspend of its source is true (app/repository.yaml:2)"),
        "{}",
        problem.message
    );
}

#[test]
fn several_different_sources_of_one_name_are_ambiguous_and_all_named() {
    let other = "=== other/repository.yaml
kind: HelmRepository
apiVersion: source.toolkit.fluxcd.io/v1
metadata: {name: charts}
spec: {url: https://other.example.com}
";
    let resolution = resolved(&format!("{RELEASE}{other}"));
    let problem = only(&resolution).problem.as_ref().unwrap();
    assert_eq!(problem.reason, Reason::SourceAmbiguous);
    assert!(problem.message.contains("app/repository.yaml:2") && problem.message.contains("other/repository.yaml:1"));
}

#[test]
fn kustomizations_that_include_or_build_each_other_end() {
    let ring = "=== a/kustomization.yaml\nresources: [../b]\n=== b/kustomization.yaml\nresources: [../a]\n";
    let resolution = resolved(&format!("{RELEASE}{ring}{}", ROOT.replace("./app", "./a")));
    assert_eq!(reason(only(&resolution)), Some(Reason::NotBuilt));
    let two =
        ROOT.replace("name: apps", "name: two").replace("clusters/home/apps", "two/two").replace("./app", "./clusters");
    let one = ROOT.replace("./app", "./two");
    assert_eq!(resolved(&format!("{RELEASE}{one}{two}")).releases.len(), 1);
}

#[test]
fn a_chart_source_without_a_release_is_listed() {
    let source = "=== s.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: c}
spec: {url: oci://x.example.com/c, ref: {tag: 1.0.0}}
";
    assert!(resolved(source).releases.is_empty(), "any other artifact is none of Davit's business");
    let layer = "layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip}, url:";
    let resolution = resolved(&source.replace("url:", layer));
    let row = only(&resolution);
    assert_eq!((row.kind, row.site.as_ref().unwrap().text.as_str()), (RowKind::OciRepository, "1.0.0"));
    assert_eq!((row.name.as_str(), reason(row)), ("c", None));
}

#[test]
fn a_place_on_disk_that_a_gitrepository_names_is_proven_and_any_other_says_nothing() {
    let text = format!(
        "=== clusters/a/sync.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: flux-system, namespace: flux-system}}
spec: {{url: file:///srv/fleet.git}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: flux-system, namespace: flux-system}}
spec: {{path: ./clusters/a, sourceRef: {{kind: GitRepository, name: flux-system}}}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: app, namespace: flux-system}}
spec: {{path: ./app, targetNamespace: media, sourceRef: {{kind: GitRepository, name: flux-system}}}}
{RELEASE}"
    );
    let notes = |url: &str| {
        let context = Context { repository_url: Some(url) };
        let resolution = resolve(&inventory::gather(&tree(&text), context));
        let release = only(&resolution).clone();
        assert!(release.kustomization.is_some(), "{release:#?}");
        release.notes.iter().any(|note| matches!(note, crate::model::Note::AssumedSource(_)))
    };
    assert!(!notes("file:///srv/fleet.git"));
    assert!(notes("file:///srv/mirror/fleet.git"));
}
