//! Rules of Flux that no other file of tests is about, each by its number.

use super::resolve_tests::resolved;
use crate::model::{Note, Reason, Release};

/// A release and its source in one namespace; `{}` in the order of the arguments.
fn release(release: &str, spec: &str, source: &str, of_source: &str) -> Release {
    let text = format!(
        "=== app.yaml
apiVersion: helm.toolkit.fluxcd.io/{release}
kind: HelmRelease
metadata: {{name: plex, namespace: media}}
spec:
  chart:
    spec: {{chart: plex, version: 1.2.3, sourceRef: {{kind: HelmRepository, name: charts}}{spec}}}
  releaseName: other
  targetNamespace: elsewhere
---
apiVersion: source.toolkit.fluxcd.io/{source}
kind: HelmRepository
metadata: {{name: charts, namespace: media}}
spec: {{url: 'https://charts.example.com'{of_source}}}
"
    );
    let resolution = resolved(&text);
    assert_eq!(resolution.releases.len(), 1, "{:#?}", resolution.releases);
    resolution.releases[0].as_ref().clone()
}

fn reason(release: &Release) -> Option<Reason> {
    release.problem.as_ref().map(|problem| problem.reason)
}

#[test]
fn flux_rule_02_a_row_is_called_as_the_object_whatever_its_helm_release_is_called() {
    let row = release("v2", "", "v1", "");
    assert_eq!((row.namespace.as_str(), row.name.as_str(), reason(&row)), ("media", "plex", None));
    // References are looked up in the object's namespace, not in the target's.
    assert_eq!(row.source.as_ref().map(|source| source.namespace.as_str()), Some("media"));
}

#[test]
fn flux_rule_13_a_version_in_an_encrypted_file_is_known_and_never_edited() {
    let text = "=== app.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: app}
spec:
  url: oci://ghcr.io/acme/app
  layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip}
  ref: {tag: 1.2.3}
sops: {mac: 'ENC[x]', version: 3.9.0, lastmodified: '2026-01-01T00:00:00Z'}
";
    let resolution = resolved(text);
    assert_eq!(reason(&resolution.releases[0]), Some(Reason::Encrypted));
    let open = text.split("sops:").next().unwrap();
    assert_eq!(reason(&resolved(open).releases[0]), None);
}

#[test]
fn flux_rule_14_the_secret_of_a_source_is_named_in_the_sources_own_namespace() {
    let row = release("v2", "", "v1", ", secretRef: {name: login}");
    let hint = row.credentials.unwrap();
    assert_eq!((hint.source.namespace.as_str(), hint.references.secret.as_deref()), ("media", Some("login")));
    assert_eq!(release("v2", "", "v1", "").credentials, None);
}

#[test]
fn flux_rule_14_what_a_source_names_is_what_its_kind_has() {
    let all = ", secretRef: {name: login}, certSecretRef: {name: tls}, proxySecretRef: {name: proxy}, \
               serviceAccountName: puller, passCredentials: true, provider: aws";
    let hint = release("v2", "", "v1", all).credentials.unwrap();
    let references = &hint.references;
    assert_eq!((references.certificates.as_deref(), references.pass_credentials), (Some("tls"), true));
    assert_eq!(
        (&references.proxy, &references.service_account, &hint.provider),
        (&None, &None, &None),
        "HelmRepository"
    );
    let oci = format!(
        "=== app.yaml\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: app, namespace: media}}\n\
         spec: {{url: 'oci://registry.example.com/app', ref: {{tag: 1.2.3}}, layerSelector: {{mediaType: \
         application/vnd.cncf.helm.chart.content.v1.tar+gzip}}{all}}}\n"
    );
    let hint = resolved(&oci).releases[0].credentials.clone().unwrap();
    assert_eq!(hint.references.service_account.as_deref(), Some("puller"));
    assert_eq!((hint.references.proxy.as_deref(), hint.provider.as_deref()), (Some("proxy"), Some("aws")));
    assert!(!hint.references.pass_credentials, "an OCIRepository has no such field");
    assert_eq!(resolved(&oci.replace(all, ", provider: generic")).releases[0].credentials, None);
}

#[test]
fn flux_rule_15_a_source_that_asks_for_signatures_has_a_note_that_none_was_checked() {
    let unchecked = |row: &Release| row.notes.iter().any(|note| matches!(note, Note::SignatureUnchecked(_)));
    assert!(unchecked(&release("v2", ", verify: {provider: cosign}", "v1", "")));
    assert!(!unchecked(&release("v2", "", "v1", "")));
}

#[test]
fn flux_rule_16_every_api_version_of_a_group_is_read_and_one_of_another_group_is_not() {
    // Where the bytes are differs with the length of the version's name alone.
    let read = |of_release: &str, of_source: &str| {
        let mut row = release(of_release, "", of_source, "");
        let site = row.site.as_mut().unwrap();
        (site.start, site.end) = (0, 0);
        row
    };
    let wanted = read("v2", "v1");
    for of_release in ["v2beta1", "v2beta2", "v2"] {
        for of_source in ["v1beta1", "v1beta2", "v1"] {
            assert_eq!(read(of_release, of_source), wanted, "{of_release} {of_source}");
        }
    }
    let other = "=== app.yaml\napiVersion: example.com/v2\nkind: HelmRelease\nmetadata: {name: plex}\n";
    assert!(resolved(other).releases.is_empty());
}

#[test]
fn flux_rule_23_a_path_inside_an_artifact_is_led_back_to_the_file_in_git() {
    let text = "=== clusters/home/apps.yaml
apiVersion: source.extensions.fluxcd.io/v1beta1
kind: ArtifactGenerator
metadata: {name: apps, namespace: flux-system}
spec:
  sources: [{alias: repo, kind: GitRepository, name: flux-system}]
  artifacts: [{name: apps, copy: [{from: '@repo/apps/home/**', to: '@artifact/all/'}]}]
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {path: ./all, sourceRef: {kind: ExternalArtifact, name: apps}}
=== apps/home/app.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: app, namespace: media}
spec:
  url: oci://ghcr.io/acme/app
  layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip}
  ref: {tag: 1.2.3}
=== apps/home/settings.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: media}
";
    let resolution = resolved(text);
    let row = &resolution.releases[0];
    assert_eq!((row.cluster.as_deref(), reason(row)), (Some("clusters/home"), None), "{row:#?}");
    assert_eq!(row.site.as_ref().map(|site| (site.file.as_ref(), site.line)), Some(("apps/home/app.yaml", 7)));
    // What the artifact leaves out is not built by it.
    let other = text.replace("=== apps/home/app.yaml", "=== apps/away/app.yaml");
    assert_eq!(reason(&resolved(&other).releases[0]), Some(Reason::NotBuilt));
}

#[test]
fn while_a_kustomization_is_broken_all_that_it_may_build_is_doubtful() {
    let text = "=== clusters/home/apps.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {path: ./apps, sourceRef: {kind: GitRepository, name: flux-system}}
=== clusters/home/other.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: other, namespace: flux-system}
spec: {path: ./other, sourceRef: {kind: GitRepository, name: flux-system}}
=== other/settings.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: flux-system}
data: {TAG: 1.2.3}
=== apps/release.yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: plex, namespace: media}
spec: {chartRef: {kind: OCIRepository, name: plex}}
=== apps/source.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: plex, namespace: media}
spec: {url: 'oci://ghcr.io/acme/plex', ref: {tag: 1.2.3}}
";
    assert!(resolved(text).doubtful.is_empty());
    let broken = resolved(&text.replace("metadata: {name: apps", "<<<<<<< HEAD\nmetadata: {name: apps"));
    let row = broken.releases.iter().find(|release| release.name == "plex").unwrap();
    assert_eq!(reason(row), Some(Reason::NotBuilt));
    for file in ["apps/release.yaml", "apps/source.yaml", "other/settings.yaml"] {
        assert!(broken.doubtful.contains(file), "{file}: {:?}", broken.doubtful);
    }
}

#[test]
fn annotations_are_the_releases_own_then_its_sources_and_one_of_a_later_version_is_a_note() {
    let text = "=== app.yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: plex, namespace: media, annotations: {davit.dev/bump: minor, davit.dev/backup: required, davit.dev/enable: 'false'}}
spec: {chart: {spec: {chart: plex, version: 1.2.3, sourceRef: {kind: HelmRepository, name: charts}}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: media, annotations: {davit.dev/bump: patch, davit.dev/range: 1.x, davit.dev/bmp: patch}}
spec: {url: 'https://charts.example.com'}
";
    let resolution = resolved(text);
    let row = &resolution.releases[0];
    let annotations = &row.annotations;
    assert_eq!((annotations.bump.as_deref(), annotations.range.as_deref()), (Some("minor"), Some("1.x")));
    assert_eq!(annotations.unknown().collect::<Vec<_>>(), ["bmp", "enable"]);
    assert!(row.notes.iter().any(|note| matches!(note, Note::Other(text) if text.contains("davit.dev/backup"))));
}

#[test]
fn flux_rule_11_operations_of_a_patch_file_are_read_in_every_style_of_yaml() {
    let styles = [
        "- {op: replace, path: /spec/chart/spec/version, value: 1.1.0}",
        "- { path: /spec/chart/spec/version,\n    value: 1.1.0, op : replace }",
        "---\n[{'op': replace, path: /spec/chart/spec/version, value: 1.1.0}]",
        "- op: replace\n  path: /spec/chart/spec/version\n  value: 1.1.0",
    ];
    for (style, targeted) in styles.into_iter().flat_map(|style| [(style, true), (style, false)]) {
        let target = if targeted { ", target: {kind: HelmRelease}" } else { "" };
        let text = format!(
            "=== apps/app.yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: plex, namespace: media}}
spec: {{chart: {{spec: {{chart: plex, version: 1.0.0, sourceRef: {{kind: HelmRepository, name: charts}}}}}}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {{name: charts, namespace: media}}
spec: {{url: 'https://charts.example.com'}}
=== apps/p.yaml
{style}
=== apps/kustomization.yaml
resources: [app.yaml]
patches: [{{path: p.yaml{target}}}]
"
        );
        let resolution = resolved(&text);
        let row = &resolution.releases[0];
        if targeted {
            let site = row.site.as_ref().map(|site| (site.file.as_ref(), site.text.as_str()));
            assert_eq!((reason(row), site), (None, Some(("apps/p.yaml", "1.1.0"))), "{style}: {:?}", row.problem);
        } else {
            assert_eq!(reason(row), Some(Reason::BuildFailed), "{style}: {:?}", row.problem);
        }
    }
}

/// Two OCIRepositories that read the tag `${T}`, the first with a digest beside it, and a release on each.
fn one_tag_and_a_digest(digest: &str, variables: &str) -> Vec<std::sync::Arc<Release>> {
    let of = |name: &str, digest: &str| {
        format!(
            "---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {{name: {name}, namespace: media}}
spec: {{url: oci://ghcr.io/acme/app, ref: {{tag: '${{T}}'{digest}}}}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: {name}, namespace: media}}
spec: {{chartRef: {{kind: OCIRepository, name: {name}}}}}
"
        )
    };
    let (web, web2) = (of("web", &format!(", digest: '{digest}'")), of("web2", ""));
    let text = format!(
        "=== apps/a.yaml
{web}{web2}
=== clusters/a/apps.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: apps, namespace: flux-system}}
spec:
  path: ./apps
  sourceRef: {{kind: GitRepository, name: flux-system}}
  postBuild: {{substitute: {{T: 1.0.0{variables}}}}}
"
    );
    resolved(&text).releases
}

#[test]
fn flux_rule_06_a_tag_that_another_reads_with_a_digest_stays_or_moves_with_that_digest() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let rows = one_tag_and_a_digest(&digest, "");
    let [web, web2] = rows.as_slice() else { panic!("{rows:#?}") };
    assert_eq!((reason(web), reason(web2)), (Some(Reason::NotEditable), Some(Reason::HeldByConsumer)));
    assert!(web2.problem.as_ref().unwrap().message.contains("media/web reads"), "{:?}", web2.problem);
    // A digest that is no pin of a tag is none that moves.
    let rows = one_tag_and_a_digest(&digest.replace("sha256", "sha512"), "");
    assert_eq!(reason(&rows[1]), Some(Reason::HeldByConsumer));
    // In the same file both are one edit, whoever of the two moves.
    let rows = one_tag_and_a_digest("${D}", &format!(", D: '{digest}'"));
    assert_eq!((reason(&rows[0]), reason(&rows[1])), (None, None));
    assert!(rows.iter().all(|row| row.digest_site.as_ref().is_some_and(|site| site.text == digest)), "{rows:#?}");
}

/// A release with a chart, a version and a name as they are written.
fn written(name: &str, chart: &str, version: &str) -> crate::resolve::Resolution {
    resolved(&format!(
        "=== app.yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: {name}
  namespace: media
spec:
  chart:
    spec:
      chart: {chart}
      version: {version}
      sourceRef: {{kind: HelmRepository, name: charts}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {{name: charts, namespace: media}}
spec: {{url: 'https://charts.example.com'}}
"
    ))
}

#[test]
fn flux_rule_03_a_version_a_name_or_a_chart_that_is_no_string_is_refused_as_flux_does() {
    for (name, chart, version, what) in [
        ("a", "app", "1.10", "version 1.10 is a number"),
        ("a", "app", "1", "version 1 is a number"),
        ("a", "app", "true", "version true is a boolean"),
        ("a", "app", "[1.0.0]", "version is a list"),
        ("a", "app", "{a: 1.0.0}", "version is a mapping"),
        ("a", "123", "1.0.0", "chart 123 is a number"),
        ("123", "app", "1.0.0", "metadata.name 123 is a number"),
    ] {
        let found = written(name, chart, version);
        let problem = found.releases[0].problem.as_ref().unwrap_or_else(|| panic!("{what}"));
        assert_eq!(problem.reason, Reason::InvalidRelease, "{what}");
        assert!(problem.message.contains(what) && problem.message.contains("quotes"), "{}", problem.message);
    }
    // What is absent, null or quoted is another matter.
    for (version, wanted) in
        [("", Reason::FloatingRange), ("'1.10'", Reason::FloatingRange), ("~", Reason::FloatingRange)]
    {
        assert_eq!(reason(&written("a", "app", version).releases[0]), Some(wanted), "{version:?}");
    }
    assert_eq!(reason(&written("'123'", "app", "'1.0.0'").releases[0]), None);
}

#[test]
fn flux_rule_17_a_template_without_quotes_is_no_document_though_it_is_yaml() {
    for (name, version) in [("a", "{{ v }}"), ("{{ n }}", "1.0.0")] {
        let found = written(name, "app", version);
        assert_eq!(found.releases, [], "{name} {version}");
        let [problem] = found.problems.as_slice() else { panic!("{:?}", found.problems) };
        assert_eq!(problem.problem.reason, Reason::InvalidDocument);
        assert!(problem.problem.message.contains("template"), "{}", problem.problem.message);
    }
    let quoted = written("a", "app", "'{{ v }}'");
    assert_eq!(reason(&quoted.releases[0]), Some(Reason::InvalidDocument));
    let chart = resolved(
        "=== c/Chart.yaml
apiVersion: v2
name: c
dependencies:
- {name: redis, version: {{ v }}, repository: 'https://charts.example.com'}
",
    );
    assert_eq!((chart.releases.len(), chart.problems.len()), (0, 1));
}

#[test]
fn a_directive_at_the_head_of_a_file_is_said_for_flux_refuses_the_file() {
    let text = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a}\n";
    let found = resolved(&format!("=== app.yaml\n# why\n%YAML 1.1\n---\n{text}"));
    assert_eq!((found.releases.len(), found.problems.len(), found.problems[0].line), (0, 1, 2));
    assert_eq!(resolved(&format!("=== app.yaml\n---\n{text}")).releases.len(), 1);
}

#[test]
fn flux_rule_17_the_site_is_the_version_without_the_blanks_in_its_quotes() {
    let found = written("a", "app", "\" 1.0.0 \"");
    let site = found.releases[0].site.as_ref().unwrap();
    assert_eq!((site.text.as_str(), site.column), ("1.0.0", 18));
    // One that goes over two lines is known to be out of an edit's reach before anybody tries.
    let found = written("a", "app", "\"1.0.\\\n        0\"");
    let row = &found.releases[0];
    assert_eq!((reason(row), row.current.as_deref()), (Some(Reason::NotEditable), Some("1.0.0")));
}

#[test]
fn flux_rule_17_a_label_that_moves_with_the_version_is_a_note_for_patches_that_select_by_it() {
    let text = "=== app.yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: plex, namespace: media, labels: {ver: &v 1.0.0}}
spec: {chart: {spec: {chart: plex, version: *v, sourceRef: {kind: HelmRepository, name: charts}}}}
";
    let resolution = resolved(text);
    let said = |note: &Note| matches!(note, Note::Other(text) if text.contains("metadata.labels.ver changes with"));
    assert!(resolution.releases[0].notes.iter().any(said), "{:?}", resolution.releases[0].notes);
}

#[test]
fn a_comment_with_a_line_end_of_yaml_1_1_is_said_for_flux_reads_on_behind_it() {
    let with = |annotation: &str, comment: &str| {
        let head = "=== app.yaml\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: a";
        resolved(&format!("{head} # {comment}\n  annotations: {{a: \"{annotation}\"}}\n"))
    };
    for end in ['\u{85}', '\u{2028}', '\u{2029}'] {
        let found = with("x", &format!("{end} c d"));
        assert_eq!((found.releases.len(), found.problems.len(), found.problems[0].line), (0, 1, 4), "{end:?}");
        // In a text, and before nothing that counts, it is no matter.
        assert_eq!(with(&format!("x # {end} y"), &format!("c{end} # d{end}")).releases.len(), 1, "{end:?}");
    }
}
