use super::super::resolve_tests::resolved;
use crate::model::{Reason, Release};
use std::sync::Arc;

/// A set with inputs and a template: a release of an OCIRepository of the same set.
fn set(inputs: &str, tag: &str) -> String {
    format!(
        "=== apps/set.yaml
apiVersion: fluxcd.controlplane.io/v1
kind: ResourceSet
metadata: {{name: apps, namespace: flux-system}}
spec:
{inputs}
  resources:
  - apiVersion: source.toolkit.fluxcd.io/v1
    kind: OCIRepository
    metadata: {{name: app-<< inputs.tenant >>, namespace: media}}
    spec:
      url: oci://ghcr.io/acme/charts/app
      ref: {{tag: {tag}}}
  - apiVersion: helm.toolkit.fluxcd.io/v2
    kind: HelmRelease
    metadata: {{name: app-<< inputs.tenant >>, namespace: media}}
    spec:
      chartRef: {{kind: OCIRepository, name: app-<< inputs.tenant >>}}
"
    )
}

const TWO: &str = "  inputs:
  - {tenant: a, version: 1.2.3}
  - tenant: b
    version: 1.3.0 # of b
";

const ROOT: &str = "=== clusters/home/apps.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {path: ./apps, sourceRef: {kind: GitRepository, name: flux-system}}
";

fn reason(row: &Release) -> Option<Reason> {
    row.problem.as_ref().map(|problem| problem.reason)
}

fn message(row: &Release) -> &str {
    row.problem.as_ref().map_or("", |problem| problem.message.as_str())
}

/// Name, version, site and reason of each row.
fn rows(text: &str) -> Vec<(String, Option<String>, String, Option<Reason>)> {
    let shown = |row: &Arc<Release>| {
        let site = row.site.as_ref().map(|site| format!("{}:{}", site.line, site.shown_path()));
        (row.name.clone(), row.current.clone(), site.unwrap_or_default(), reason(row))
    };
    resolved(text).releases.iter().map(shown).collect()
}

fn row(name: &str, version: &str, site: &str) -> (String, Option<String>, String, Option<Reason>) {
    (name.to_owned(), Some(version.to_owned()), site.to_owned(), None)
}

#[test]
fn flux_rule_19_each_set_of_inputs_makes_rows_of_its_own_and_the_site_is_the_input() {
    let wanted = [row("app-a", "1.2.3", "6:spec.inputs[0].version"), row("app-b", "1.3.0", "8:spec.inputs[1].version")];
    for tag in ["<< inputs.version >>", "<<inputs.version>>", "'<< inputs.version >>'", "<< inputs.version | quote >>"]
    {
        assert_eq!(rows(&set(TWO, tag)), wanted, "{tag}");
        assert_eq!(rows(&format!("{}{ROOT}", set(TWO, tag))), wanted, "{tag}");
    }
    let resolution = resolved(&format!("{}{ROOT}", set(TWO, "<< inputs.version >>")));
    let first = &resolution.releases[0];
    assert_eq!(
        (first.cluster.as_deref(), first.file.as_ref(), first.line),
        (Some("clusters/home"), "apps/set.yaml", 18)
    );
    assert!(first.chain.iter().any(|step| step.field == "version" && step.line == 6), "{:#?}", first.chain);
}

#[test]
fn flux_rule_19_an_input_inside_larger_text_keeps_the_text_around_it() {
    let resolution = resolved(&set(TWO, "v<< inputs.version >>-ent"));
    let release = &resolution.releases[0];
    assert_eq!(release.current.as_deref(), Some("v1.2.3-ent"));
    assert_eq!(release.at_site("v2.0.0-ent"), Some("2.0.0"));
    assert_eq!(release.at_site("v2.0.0"), None);
    assert_eq!((reason(release), release.site.as_ref().unwrap().text.as_str()), (None, "1.2.3"));
    let nested = "  inputs:\n  - {tenant: a, app: {version: 1.2.3}}\n";
    assert_eq!(rows(&set(nested, "<< inputs.app.version >>")), [row("app-a", "1.2.3", "6:spec.inputs[0].app.version")]);
    let composed = "  inputs:\n  - {tenant: a, major: '1', rest: 2.3}\n";
    let resolution = resolved(&set(composed, "<< inputs.major >>.<< inputs.rest >>"));
    assert_eq!(reason(&resolution.releases[0]), Some(Reason::ResourceSet), "a number is not printed as it is written");
    let resolution = resolved(&set(&composed.replace("2.3", "'2.3'"), "<< inputs.major >>.<< inputs.rest >>"));
    let release = &resolution.releases[0];
    assert_eq!((release.current.as_deref(), reason(release)), (Some("1.2.3"), Some(Reason::VersionInSubstitution)));
}

#[test]
fn flux_rule_19_a_literal_version_of_a_template_is_one_site_of_every_row() {
    let wanted = "16:spec.resources[0].spec.ref.tag";
    assert_eq!(rows(&set(TWO, "2.0.0").replace("TWO", "")).len(), 2);
    let found = rows(&set(TWO, "2.0.0"));
    assert_eq!(found.len(), 2);
    assert!(
        found.iter().all(|(_, version, site, reason)| {
            (version.as_deref(), site.as_str(), *reason) == (Some("2.0.0"), wanted, None)
        }),
        "{found:#?}"
    );
}

#[test]
fn flux_rule_19_what_is_not_followed_is_named() {
    for (tag, form) in [
        ("<< inputs.version | trunc 5 >>", "trunc 5"),
        ("<< get inputs \"version\" >>", "get inputs"),
        ("<< inputs.version | slugify >>", "slugify"),
        ("<< inputs.id >>", "the input id"),
        ("<< if eq inputs.tenant \"a\" >>1.0.0<< end >>", "if eq"),
    ] {
        let resolution = resolved(&set(TWO, &format!("'{tag}'")));
        let release = &resolution.releases[0];
        assert_eq!(
            (reason(release), &release.site, &release.current),
            (Some(Reason::ResourceSet), &None, &None),
            "{tag}"
        );
        assert!(message(release).contains(form), "{tag}: {}", message(release));
    }
    for (more, form) in [
        ("  inputsFrom: [{name: live}]\n", "ResourceSetInputProvider live, which is not in the tree"),
        ("  inputsFrom: [{selector: {matchLabels: {a: b}}}]\n", "selector"),
        ("  inputStrategy: {name: Permute}\n", "Permute"),
    ] {
        let resolution = resolved(&set(more, "<< inputs.version >>"));
        assert_eq!((resolution.releases.len(), reason(&resolution.releases[0])), (1, Some(Reason::ResourceSet)));
        assert!(message(&resolution.releases[0]).contains(form), "{}", message(&resolution.releases[0]));
    }
    // What is known beside it still has its rows.
    let both = format!("{TWO}  inputsFrom: [{{name: live}}]\n");
    let found = rows(&set(&both, "<< inputs.version >>"));
    assert_eq!(found.iter().filter(|(.., reason)| reason.is_none()).count(), 2, "{found:#?}");
    assert_eq!(found.len(), 3);
}

#[test]
fn flux_rule_19_a_missing_input_fails_the_whole_set() {
    let found = rows(&set("  inputs: [{tenant: a, version: 1.2.3}, {tenant: b}]\n", "<< inputs.version >>"));
    assert!(found.iter().all(|(.., reason)| *reason == Some(Reason::BuildFailed)), "{found:#?}");
    let found = rows(&set("  wait: true\n", "<< inputs.version >>"));
    assert!(found.iter().all(|(.., reason)| *reason == Some(Reason::BuildFailed)), "{found:#?}");
}

#[test]
fn flux_rule_19_a_static_provider_of_the_cluster_gives_inputs() {
    let provider = |kind: &str| {
        format!(
            "=== apps/zz-provider.yaml
apiVersion: fluxcd.controlplane.io/v1
kind: ResourceSetInputProvider
metadata: {{name: defaults, namespace: flux-system}}
spec:
  type: {kind}
  defaultValues: {{tenant: a, version: 1.2.3}}
"
        )
    };
    let text = set("  inputsFrom: [{kind: ResourceSetInputProvider, name: defaults}]\n", "<< inputs.version >>");
    let wanted = [row("app-a", "1.2.3", "6:spec.defaultValues.version")];
    assert_eq!(rows(&format!("{text}{}", provider("Static"))), wanted);
    assert_eq!(rows(&format!("{text}{}{ROOT}", provider("Static"))), wanted);
    let resolution = resolved(&format!("{text}{}", provider("GitHubTag")));
    assert!(message(&resolution.releases[0]).contains("of type GitHubTag"), "{}", message(&resolution.releases[0]));
    // An overlay's patch of the provider is the last writer.
    let over = "=== over/kustomization.yaml
resources: [../apps/set.yaml, ../apps/zz-provider.yaml]
patches:
- target: {kind: ResourceSetInputProvider}
  patch: |
    - {op: replace, path: /spec/defaultValues/version, value: 1.4.0}
";
    let root = ROOT.replace("./apps", "./over");
    let resolution = resolved(&format!("{text}{}{over}{root}", provider("Static")));
    let release = &resolution.releases[0];
    assert_eq!((release.current.as_deref(), reason(release)), (Some("1.4.0"), None));
    assert_eq!(&*release.site.as_ref().unwrap().file, "over/kustomization.yaml");
}

#[test]
fn flux_rule_19_a_text_of_templates_is_read_unless_it_has_blocks() {
    let text = |tag: &str, more: &str| {
        format!(
            "=== apps/set.yaml
apiVersion: fluxcd.controlplane.io/v1
kind: ResourceSet
metadata: {{name: apps, namespace: flux-system}}
spec:
{TWO}
  resourcesTemplate: |
    ---
    apiVersion: source.toolkit.fluxcd.io/v1
    kind: OCIRepository
    metadata: {{name: app, namespace: << inputs.tenant >>}}
    spec:
      url: oci://ghcr.io/acme/charts/app
      layerSelector: {{mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip}}
      ref:
        tag: {tag}
{more}"
        )
    };
    let wanted = [row("app", "1.2.3", "6:spec.inputs[0].version"), row("app", "1.3.0", "8:spec.inputs[1].version")];
    assert_eq!(rows(&text("<< inputs.version >>", "")), wanted);
    assert_eq!(rows(&text("\"<< inputs.version >>\"", "")), wanted);
    let literal = rows(&text("2.0.0", ""));
    assert_eq!(literal[0].2, "19:spec.resourcesTemplate: spec.ref.tag", "{literal:#?}");
    let resolution = resolved(&text("<< inputs.version >>", "    <<- if inputs.more >>\n    a: b\n    <<- end >>\n"));
    assert!(resolution.releases.is_empty());
    let found = resolution.problems.iter().find(|found| found.problem.reason == Reason::ResourceSet).unwrap();
    assert!(found.problem.message.contains("<<- if inputs.more >>"), "{}", found.problem.message);
    // Steps hold the same two fields.
    let (head, resources) = text("<< inputs.version >>", "")
        .split_once("  resourcesTemplate")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let steps =
        format!("{head}  steps:\n  - name: one\n    resourcesTemplate{}", resources.replace("\n    ", "\n      "));
    assert_eq!(rows(&steps), wanted);
}

#[test]
fn flux_rule_19_the_first_of_equal_names_counts_and_what_is_switched_off_is_not_made() {
    let same = set(TWO, "<< inputs.version >>").replace("app-<< inputs.tenant >>", "app");
    assert_eq!(rows(&same), [row("app", "1.2.3", "6:spec.inputs[0].version")]);
    let off = "fluxcd.controlplane.io/reconcile: disabled";
    let one = set(TWO, "1.0.0").replace(
        "    metadata: {name: app-<< inputs.tenant >>, namespace: media}\n    spec:\n      chartRef",
        &format!(
            "    metadata: {{name: app-<< inputs.tenant >>, namespace: media, annotations: {{{off}}}}}\n    spec:\n      chartRef"
        ),
    );
    assert!(rows(&one).is_empty(), "{:#?}", rows(&one));
    let all = set(TWO, "1.0.0")
        .replace("namespace: flux-system}", &format!("namespace: flux-system, annotations: {{{off}}}}}"));
    assert!(rows(&all).iter().all(|(.., reason)| *reason == Some(Reason::Suspended)), "{:#?}", rows(&all));
}

#[test]
fn flux_rule_19_patches_and_substitution_reach_the_inputs_and_a_changed_template_is_a_reason() {
    let root = ROOT.replace("spec: {path", "spec: {postBuild: {substitute: {APP: 1.5.0}}, path");
    let resolution =
        resolved(&format!("{}{root}", set("  inputs: [{tenant: a, version: '${APP}'}]\n", "<< inputs.version >>")));
    let release = &resolution.releases[0];
    assert_eq!((release.current.as_deref(), reason(release)), (Some("1.5.0"), None));
    assert_eq!(&*release.site.as_ref().unwrap().file, "clusters/home/apps.yaml");
    let patched = |patch: &str| {
        let root = ROOT.replace(
            "spec: {path: ./apps,",
            &format!("spec: {{patches: [{{target: {{kind: ResourceSet}}, patch: '{patch}'}}], path: ./apps,"),
        );
        resolved(&format!("{}{root}", set(TWO, "<< inputs.version >>")))
    };
    let inputs = patched("[{op: replace, path: /spec/inputs/0/version, value: 9.0.0}]");
    assert_eq!(inputs.releases[0].current.as_deref(), Some("9.0.0"));
    let template = patched("[{op: replace, path: /spec/resources/0/spec/ref/tag, value: 9.0.0}]");
    let release = &template.releases[0];
    assert_eq!((reason(release), &release.site), (Some(Reason::VersionInPatch), &None));
}

#[test]
fn flux_rule_19_kustomizations_that_a_set_makes_are_followed() {
    let text = "=== clusters/home/set.yaml
apiVersion: fluxcd.controlplane.io/v1
kind: ResourceSet
metadata: {name: tenants, namespace: flux-system}
spec:
  inputs: [{tenant: a}, {tenant: b}]
  resources:
  - apiVersion: kustomize.toolkit.fluxcd.io/v1
    kind: Kustomization
    metadata: {name: << inputs.tenant >>, namespace: flux-system}
    spec:
      path: ./tenants/<< inputs.tenant >>
      sourceRef: {kind: GitRepository, name: flux-system}
=== flux/sync.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: cluster, namespace: flux-system}
spec: {path: ./clusters/home, sourceRef: {kind: GitRepository, name: flux-system}}
=== tenants/a/source.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: app, namespace: a}
spec: {url: 'oci://ghcr.io/acme/app', ref: {tag: 1.0.0}, layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip}}
";
    let resolution = resolved(text);
    let release = &resolution.releases[0];
    let by = release.kustomization.as_ref().map(ToString::to_string);
    assert_eq!((by.as_deref(), reason(release)), (Some("flux-system/a"), None));
}
