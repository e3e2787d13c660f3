//! Small trees, each with the rows it gives.

use super::{Resolution, resolve};
use crate::inventory::{self, Context};
use crate::model::{Reason, Release, RowKind};
use std::sync::Arc;

/// A tree of files as a text: `=== path` starts a file.
pub(super) fn tree(text: &str) -> Vec<(String, Arc<inventory::FileFacts>)> {
    let files = text.split("=== ").filter(|part| !part.trim().is_empty()).map(|part| {
        let (path, content) = part.split_once('\n').unwrap();
        (path.trim().to_owned(), Arc::new(inventory::read_file(path.trim(), content.as_bytes())))
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

fn message(release: &Release) -> &str {
    release.problem.as_ref().map_or("", |problem| &problem.message)
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
    assert_eq!((site.file.as_ref(), site.line, site.column), ("app/release.yaml", 9, 16));
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
    let set = |version: &str| (None, Some(version.to_owned()));
    assert_eq!(patched("    - {op: replace, path: /spec/chart/spec/version, value: 1.0.0}\n"), set("1.0.0"));
    let strategic = "    apiVersion: x\n    kind: HelmRelease\n    metadata: {name: _}\n    spec:\n";
    assert_eq!(patched(&format!("{strategic}      install: {{crds: Skip}}\n")), (None, pinned));
    assert_eq!(patched(&format!("{strategic}      chart: {{spec: {{version: 2.0.0}}}}\n")), set("2.0.0"));
}

/// The reason of the one row when a text of the sample is another.
fn reason_with(from: &str, to: &str) -> Option<Reason> {
    assert!(RELEASE.contains(from), "{from}");
    reason(only(&resolved(&RELEASE.replace(from, to))))
}

#[test]
fn flux_rule_21_every_word_for_true_suspends() {
    let with = |word: &str| reason_with("  chart:\n", &format!("  suspend: {word}\n  chart:\n"));
    for word in ["true", "True", "TRUE", "yes", "on", "!!bool true", "'true'"] {
        assert_eq!(with(word), Some(Reason::Suspended), "{word}");
    }
    for word in ["false", "False", "no", "off", "~", "'True'"] {
        assert_eq!(with(word), None, "{word}");
    }
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
    for range in ["'1.2'", "'1'", "'*'", "'>=1.0.0'", "1.2.x", "^1.2.3"] {
        assert_eq!(reason_with("1.2.3", range), Some(Reason::FloatingRange), "{range}");
    }
    // YAML reads them as a number, a boolean, a list: the API server takes a string alone.
    for other in ["1.2", "1", "1.10", "true", "[1.2.3]", "{a: b}"] {
        assert_eq!(reason_with("1.2.3", other), Some(Reason::InvalidRelease), "{other}");
    }
    assert_eq!(reason_with("chart: plex", "chart: 123"), Some(Reason::InvalidRelease));
    assert_eq!(reason_with("name: plex", "name: 123"), Some(Reason::InvalidRelease));
    assert_eq!(reason_with("      version: 1.2.3\n", ""), Some(Reason::FloatingRange));
    // Read as Masterminds reads it: three numbers, whatever zeros they start with.
    assert_eq!(reason_with("1.2.3", "2024.01.15"), None);
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
    assert_eq!((both.current.as_deref(), both.digest_site.unwrap().path.as_ref()), (Some("1.2.3"), "spec.ref.digest"));
    assert_eq!(only(&with("tag: 1.2.3")).digest_site, None);
    assert_eq!(of("tag: 1.2.3, semver: '1.x'"), Some(Reason::FloatingSemver));
    assert_eq!(of("tag: latest"), Some(Reason::FloatingTag));
    assert_eq!(of("tag: 1.10"), Some(Reason::InvalidRelease));
    assert_eq!(of(""), Some(Reason::FloatingTag));
    assert_eq!(of("tag: 2024.01.15"), None);
    assert_eq!(of("tag: '1.2'"), Some(Reason::FloatingTag));
    // Where the layer is said to be a chart's, `_` stands for `+`.
    let layer = "layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip}";
    assert_eq!(of("tag: v1.2.3_build.7"), Some(Reason::FloatingTag));
    assert_eq!(of(&format!("tag: v1.2.3_build.7}}, {layer}, x: {{")), None);
    assert_eq!(of(&format!("tag: 1.2.3_build.7, {digest}}}, {layer}, x: {{")), None);
    assert_eq!(of(&format!("tag: v1_2}}, {layer}, x: {{")), Some(Reason::FloatingTag));
    let filtered = only(&with("semver: '1.x', semverFilter: '-debian$'")).clone();
    assert_eq!((filtered.lookup, filtered.current.as_deref()), (None, Some("1.x")));
    assert!(only(&with("tag: 1.2.3, semverFilter: '-debian$'")).lookup.is_some());
    let row = only(&with("tag: 1.2.3")).clone();
    assert_eq!((row.chart.as_deref(), row.site.unwrap().path.as_ref()), (Some("chart"), "spec.ref.tag"));
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
fn flux_rule_09_a_chart_source_without_a_release_is_listed_where_its_layer_says_chart() {
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
fn a_chart_s_name_that_flux_refuses_makes_the_release_invalid() {
    assert_eq!(reason_with("chart: plex", "chart: My_Plex"), Some(Reason::InvalidRelease));
    assert_eq!(reason_with("chart: plex", "chart: library/plex"), None);
}

#[test]
fn an_oci_url_with_a_query_is_invalid_and_its_values_name_nothing() {
    let source = "=== s.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: c}
spec: {url: 'oci://x.example.com/web?sig=hunter2', ref: {tag: 1.0.0}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web}
spec: {chartRef: {kind: OCIRepository, name: c}}
";
    let helm = "=== s.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: c}
spec: {type: oci, url: 'oci://x.example.com/charts#hunter2'}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web}
spec: {chart: {spec: {chart: web, version: 1.0.0, sourceRef: {kind: HelmRepository, name: c}}}}
";
    for text in [source, helm] {
        let resolution = resolved(text);
        let row = only(&resolution);
        assert_eq!((reason(row), &row.lookup), (Some(Reason::InvalidSource), &None), "{row:#?}");
        assert_eq!(row.chart.as_deref(), Some("web"));
        assert!(!row.source.as_ref().unwrap().url.as_ref().unwrap().contains("hunter2"), "{row:#?}");
        assert!(!row.problem.as_ref().unwrap().message.contains("hunter2"), "{row:#?}");
    }
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

/// The sample built by a Kustomization with a `postBuild`, its version a text with variables.
fn substituted(version: &str, post_build: &str, beside: &str) -> Release {
    let release = RELEASE.replace("1.2.3", version);
    let text = format!("{release}{KUSTOMIZATION}{ROOT}  postBuild: {post_build}\n---\n{beside}");
    let resolution = resolved(&text);
    Release::clone(resolution.releases.iter().find(|row| row.name == "plex").unwrap())
}

fn place(release: &Release) -> Option<(String, u32, String)> {
    release.site.as_ref().map(|site| (site.file.to_string(), site.line, site.text.clone()))
}

const SETTINGS: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: flux-system}
data: {PLEX: 2.0.0, LONG: x}
";

#[test]
fn flux_rule_12_the_site_of_a_substituted_version_is_its_definition() {
    let cluster = |text: &str| format!("{text}---\n{CLUSTER}");
    let row = substituted("${PLEX}", "{substitute: {PLEX: 2.0.0}}", "");
    assert_eq!((reason(&row), row.current.as_deref()), (None, Some("2.0.0")));
    assert_eq!(place(&row), Some(("clusters/home/apps.yaml".to_owned(), 11, "2.0.0".to_owned())));
    assert!(row.chain.iter().any(|step| step.field == "version" && step.what.contains("PLEX")), "{:?}", row.chain);

    let row = substituted("v${PLEX}", "{substituteFrom: [{kind: ConfigMap, name: settings}]}", &cluster(SETTINGS));
    assert_eq!((reason(&row), row.current.as_deref()), (None, Some("v2.0.0")));
    assert_eq!(place(&row).unwrap().2, "2.0.0");
    assert_eq!((row.at_site("v3.0.0"), row.at_site("3.0.0")), (Some("3.0.0"), None));

    let row = substituted("${OTHER:=1.5.0}", "{substitute: {PLEX: 2.0.0}}", "");
    assert_eq!((reason(&row), row.current.as_deref()), (None, Some("1.5.0")));
    assert_eq!(place(&row), Some(("app/release.yaml".to_owned(), 9, "1.5.0".to_owned())));
}

/// A root above the sample's, so that the ConfigMap beside it is built.
const CLUSTER: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: cluster, namespace: flux-system}
spec: {path: ./clusters/home, sourceRef: {kind: GitRepository, name: flux-system}}
";

#[test]
fn flux_rule_12_substitute_beats_substitute_from_and_composed_versions_have_no_site() {
    let both = "{substitute: {PLEX: 3.0.0}, substituteFrom: [{kind: ConfigMap, name: settings}]}";
    let row = substituted("${PLEX}", both, &format!("{SETTINGS}---\n{CLUSTER}"));
    assert_eq!((reason(&row), row.current.as_deref()), (None, Some("3.0.0")));
    let row = substituted("${A}.${B}.0", "{substitute: {A: '1', B: '2'}}", "");
    assert_eq!((reason(&row), row.current.as_deref()), (Some(Reason::VersionInSubstitution), Some("1.2.0")));
    assert!(row.site.is_none());
}

#[test]
fn flux_rule_12_a_secrets_variable_is_a_reason_for_the_field_that_needs_it_alone() {
    let from = "{substitute: {OTHER: x}, substituteFrom: [{kind: Secret, name: secrets}]}";
    let row = substituted("${PLEX}", from, "");
    assert_eq!(reason(&row), Some(Reason::VersionInSubstitution));
    assert!(row.chain.iter().any(|step| step.what.contains("Secret flux-system/secrets is not in Git")), "{row:#?}");
    assert_eq!(reason(&substituted("1.2.3", from, "")), None);
    // The keys of a Secret in Git are known, its values never.
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: secrets, namespace: flux-system}\nstringData: {TOKEN: t}\n";
    let row = substituted("${PLEX:=4.0.0}", from, &format!("{secret}---\n{CLUSTER}"));
    assert_eq!((reason(&row), row.current.as_deref()), (None, Some("4.0.0")));
    let hidden = secret.replace("TOKEN", "PLEX");
    let row = substituted("${PLEX:=4.0.0}", from, &format!("{hidden}---\n{CLUSTER}"));
    assert_eq!(reason(&row), Some(Reason::VersionInSubstitution));
}

#[test]
fn flux_rule_12_what_is_no_string_any_more_and_what_flux_refuses_are_reasons() {
    assert_eq!(reason(&substituted("${V}", "{substitute: {V: '1.10'}}", "")), Some(Reason::InvalidRelease));
    assert_eq!(reason(&substituted("${V-1}", "{substitute: {V: 1.2.3}}", "")), Some(Reason::BuildFailed));
    assert_eq!(reason(&substituted("1.2.3", "{substitute: {a-b: x}}", "")), Some(Reason::BuildFailed));
    // Without a variable Flux substitutes nothing, not even defaults.
    assert_eq!(reason(&substituted("${V:=1.2.3}", "{}", "")), Some(Reason::VersionInSubstitution));
}

#[test]
fn flux_rule_12_what_git_does_not_show_is_said_with_its_cause() {
    let map = |name: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: flux-system}}\ndata: {{V: 1.2.3}}\n"
        )
    };
    let two = format!("{}---\n{}---\n{CLUSTER}", map("a"), map("a").replace("1.2.3", "1.2.4"));
    let from = "{substituteFrom: [{kind: ConfigMap, name: a}]}";
    let cases = [
        (from, two.as_str(), "two objects named a define it"),
        (from, "", "the ConfigMap flux-system/a is not in Git"),
        ("{substituteFrom: [{kind: Secret, name: s}]}", "", "the Secret flux-system/s is not in Git"),
        ("{substitute: {V: 1.10}}", "", "is no string: put it in quotes"),
        ("{}", "", "nothing is substituted there"),
    ];
    for (post, more, cause) in cases {
        let row = substituted("${V}", post, more);
        assert_eq!(reason(&row), Some(Reason::VersionInSubstitution));
        let said = message(&row);
        assert!(said.contains(cause) && said.contains("variable V") && said.ends_with(": ${V}"), "{post}: {said}");
    }
}

#[test]
fn flux_rule_12_a_generated_config_map_feeds_substitution_from_its_literal() {
    let release = RELEASE.replace("1.2.3", "${PLEX}");
    let generator = "=== clusters/home/kustomization.yaml
resources: [apps.yaml]
configMapGenerator:
- name: settings
  namespace: flux-system
  literals: [PLEX=2.0.0]
  options: {disableNameSuffixHash: true}
";
    let post = "  postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}]}\n";
    let sync = format!("=== flux/sync.yaml\n{CLUSTER}");
    let text = format!("{release}{KUSTOMIZATION}{ROOT}{post}{generator}{sync}");
    let resolution = resolved(&text);
    let row = only(&resolution);
    assert_eq!((reason(row), row.current.as_deref()), (None, Some("2.0.0")));
    let site = row.site.as_ref().unwrap();
    assert_eq!((site.file.as_ref(), site.line, site.text.as_str()), ("clusters/home/kustomization.yaml", 5, "2.0.0"));
    let hashed = resolved(&text.replace("disableNameSuffixHash: true", "disableNameSuffixHash: false"));
    assert_eq!(reason(only(&hashed)), Some(Reason::VersionInSubstitution));
    assert!(message(only(&hashed)).contains("disableNameSuffixHash"), "{}", message(only(&hashed)));
}

#[test]
fn flux_rule_12_a_generated_config_map_feeds_substitution_from_its_env_file() {
    let release = RELEASE.replace("1.2.3", "${PLEX}");
    let generator = "=== clusters/home/kustomization.yaml
resources: [apps.yaml]
configMapGenerator:
- name: settings
  namespace: flux-system
  envs: [versions.env]
  options: {disableNameSuffixHash: true}
";
    let env = "=== clusters/home/versions.env\n# the cluster's\nPASSWORD=hunter2\nPLEX=2.0.0\n";
    let post = "  postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}]}\n";
    let text = format!("{release}{KUSTOMIZATION}{ROOT}{post}{generator}=== flux/sync.yaml\n{CLUSTER}");
    let resolution = resolved(&format!("{text}{env}"));
    let row = only(&resolution);
    assert_eq!((reason(row), row.current.as_deref()), (None, Some("2.0.0")));
    let site = row.site.as_ref().unwrap();
    assert_eq!((site.file.as_ref(), site.line, site.column), ("clusters/home/versions.env", 3, 6));
    assert_eq!((site.path.as_ref(), site.text.as_str()), ("PLEX", "2.0.0"));
    let facts = inventory::read_file("a.env", b"PASSWORD=hunter2\nPLEX=2.0.0\n");
    assert!(!format!("{facts:?}").contains("hunter2"), "only versions are remembered");
    // A file of another name, one that kustomize refuses and one that is not there are named.
    for (files, named) in [
        (env.replace("versions.env", "versions.txt"), "versions.txt"),
        (env.replace("PLEX=2.0.0", "PLEX 2.0.0"), "versions.env"),
        (String::new(), "versions.env"),
    ] {
        let text = text.replace("versions.env", named);
        let resolution = resolved(&format!("{text}{files}"));
        let row = only(&resolution);
        assert_eq!(reason(row), Some(Reason::VersionInSubstitution), "{named} {row:#?}");
        let said = format!("{:?} {:?}", row.problem, row.chain);
        assert!(said.contains(&format!("the variables of {named}, which is not read")), "{said}");
    }
    // Quotes and a comment are part of the value, which is none that Davit remembers.
    for value in ["\"2.0.0\"", "2.0.0 # the newest"] {
        let found = resolved(&format!("{text}{}", env.replace("2.0.0", value)));
        assert_eq!(reason(only(&found)), Some(Reason::VersionInSubstitution));
        assert!(message(only(&found)).contains("quotes and comments"), "{}", message(only(&found)));
    }
    // The same key in a literal: kustomize fails.
    let twice = format!("{text}{env}").replace("  envs:", "  literals: [PLEX=1.0.0]\n  envs:");
    assert_eq!(reason(only(&resolved(&twice))), Some(Reason::VersionInSubstitution));
}

#[test]
fn flux_rule_11_a_build_that_kustomize_refuses_is_a_reason_for_all_of_it() {
    let patched = |patch: &str| {
        let kustomization = format!("{KUSTOMIZATION}patches:\n- patch: |-\n{patch}");
        reason(only(&resolved(&format!("{RELEASE}{kustomization}{ROOT}"))))
    };
    let named = |version: &str, name: &str| {
        let head = format!("    apiVersion: helm.toolkit.fluxcd.io/{version}\n    kind: HelmRelease\n");
        patched(&format!("{head}    metadata: {{name: {name}}}\n    spec: {{suspend: false}}\n"))
    };
    assert_eq!(named("v2", "plex"), None);
    assert_eq!(named("v2", "sonarr"), Some(Reason::BuildFailed));
    assert_eq!(named("v2beta2", "plex"), Some(Reason::BuildFailed));
    // A kind that Davit does not read may well be there.
    let deployment = "    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: x}\n";
    assert_eq!(patched(deployment), None);
    let twice = KUSTOMIZATION.replace("[release.yaml,", "[release.yaml, release.yaml,");
    let resolution = resolved(&format!("{RELEASE}{twice}{ROOT}"));
    assert!(resolution.releases.iter().all(|row| reason(row) == Some(Reason::BuildFailed)));
}

#[test]
fn flux_rule_11_a_kustomization_found_through_a_variable_is_built_once() {
    let parent = "=== clusters/home/all.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: all, namespace: flux-system}
spec:
  path: ./sets/${SET}
  sourceRef: {kind: GitRepository, name: flux-system}
";
    let cluster = format!(
        "=== flux/sync.yaml\n{}  postBuild: {{substitute: {{SET: one}}}}\n",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: cluster, namespace: flux-system}
spec:
  path: ./clusters/home
  sourceRef: {kind: GitRepository, name: flux-system}
"
    );
    let child = ROOT.replace("clusters/home/apps.yaml", "sets/one/apps.yaml");
    let resolution = resolved(&format!("{RELEASE}{KUSTOMIZATION}{parent}{cluster}{child}"));
    let row = only(&resolution);
    assert_eq!((reason(row), row.cluster.as_deref()), (None, Some("flux")));
}
