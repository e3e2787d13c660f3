//! What kustomize makes of rarer forms, each as its own library builds it.

use super::resolve_tests::resolved;
use crate::model::{Reason, Release};
use std::sync::Arc;

/// A Flux Kustomization that builds `apps`, with a HelmRelease and its HelmRepository in `apps/hr.yaml`.
fn rows(files: &str) -> Vec<Arc<Release>> {
    resolved(&(BASE.to_owned() + files)).releases
}

const BASE: &str = "=== clusters/prod/flux.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {path: ./apps, sourceRef: {kind: GitRepository, name: flux-system}}
=== apps/hr.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: repo, namespace: media}
spec: {url: https://charts.example.com}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: a, namespace: media}
spec:
  chart:
    spec:
      chart: app
      version: 1.0.0
      sourceRef: {kind: HelmRepository, name: repo}
";

/// A kustomization.yaml in `apps` that names `hr.yaml`.
fn layer(text: &str) -> String {
    format!("=== apps/kustomization.yaml\nresources: [hr.yaml]\n{text}")
}

fn reason(row: &Release) -> Option<Reason> {
    row.problem.as_ref().map(|problem| problem.reason)
}

/// The version of the one release, and where it stands; or why not.
fn told(files: &str) -> Result<(String, String), Reason> {
    let rows = rows(files);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    let site = rows[0].site.as_ref().map(|site| format!("{}:{}", site.file, site.line));
    match reason(&rows[0]) {
        Some(reason) => Err(reason),
        None => Ok((rows[0].current.clone().unwrap(), site.unwrap())),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with one that may fail")]
fn found(version: &str, site: &str) -> Result<(String, String), Reason> {
    Ok((version.to_owned(), site.to_owned()))
}

const PRUNE: &str = "[{op: add, path: /metadata/annotations/kustomize.toolkit.fluxcd.io~1prune, value: disabled}]";

#[test]
fn a_json_patch_finds_annotations_where_kustomize_remembers_a_name() {
    let patch = |list: &str, patch: &str| {
        layer(&format!("{list}:\n- target: {{version: v2, kind: HelmRelease, name: a}}\n  patch: '{patch}'\n"))
    };
    assert_eq!(told(&patch("patches", PRUNE)), found("1.0.0", "apps/hr.yaml:13"));
    let removed = "[{op: remove, path: /metadata/annotations}]";
    assert_eq!(told(&patch("patches", removed)), found("1.0.0", "apps/hr.yaml:13"));
    // The old list remembers no name itself; what changes the namespace does.
    let old = patch("patchesJson6902", PRUNE).replace("name: a}", "name: a, namespace: media}");
    assert_eq!(told(&old), Err(Reason::BuildFailed));
    assert_eq!(told(&(old + "namespace: media\n")), found("1.0.0", "apps/hr.yaml:13"));
}

#[test]
fn davits_own_annotation_set_by_a_json_patch_counts() {
    let patch = "[{op: add, path: /metadata/annotations/davit.dev~1range, value: 1.x}]";
    let rows = rows(&layer(&format!("patches:\n- target: {{kind: HelmRelease}}\n  patch: '{patch}'\n")));
    assert!(rows[0].problem.is_none(), "{rows:#?}");
    assert_eq!(rows[0].annotations.range.as_deref(), Some("1.x"));
}

#[test]
fn a_negative_index_inside_a_json_pointer_counts_from_the_end() {
    let child = "=== apps/kustomization.yaml
resources: [ks.yaml]
patches:
- target: {kind: Kustomization}
  patch: |
    - op: replace
      path: /spec/patches/-1/patch
      value: |
        - {op: replace, path: /spec/chart/spec/version, value: 3.0.0}
=== apps/ks.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: child, namespace: flux-system}
spec:
  path: ./sub
  sourceRef: {kind: GitRepository, name: flux-system}
  patches:
  - target: {kind: HelmRelease}
    patch: '[{op: replace, path: /spec/chart/spec/version, value: 2.0.0}]'
";
    let text = BASE.replace("=== apps/hr.yaml", "=== sub/hr.yaml") + child;
    let rows = resolved(&text).releases;
    assert_eq!((rows[0].current.as_deref(), reason(&rows[0])), (Some("3.0.0"), None), "{rows:#?}");
    assert_eq!(rows[0].site.as_ref().unwrap().file.as_ref(), "apps/kustomization.yaml");
}

#[test]
fn a_generated_config_map_has_a_hash_only_where_all_of_its_generators_want_one() {
    let flux = "=== clusters/prod/vars.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: vars, namespace: flux-system}
spec: {path: ./over, sourceRef: {kind: GitRepository, name: flux-system}}
";
    let reader = BASE
        .replace("spec: {path", "spec: {postBuild: {substituteFrom: [{kind: ConfigMap, name: vars}]}, path")
        .replace("version: 1.0.0", "version: ${V}");
    let generator = "configMapGenerator:\n- name: vars\n  namespace: flux-system\n";
    let text = |base: &str, over: &str| {
        let below = format!("=== base/kustomization.yaml\n{generator}  literals: [V=1.0.0]\n{base}");
        let above = format!("{generator}  behavior: merge\n  literals: [V=2.0.0]\n{over}");
        format!("{flux}{reader}{below}=== over/kustomization.yaml\nresources: [../base]\n{above}")
    };
    let off = "  options: {disableNameSuffixHash: true}\n";
    for (base, over) in [(off, off), (off, ""), ("", off)] {
        let rows = resolved(&text(base, over)).releases;
        assert_eq!((rows[0].current.as_deref(), reason(&rows[0])), (Some("2.0.0"), None), "{rows:#?}");
    }
    let rows = resolved(&text("", "")).releases;
    assert_eq!(reason(&rows[0]), Some(Reason::VersionInSubstitution), "{rows:#?}");
}

#[test]
fn a_range_or_a_floating_tag_in_a_patch_or_a_variable_floats_and_has_its_site() {
    let patch = |version: &str| {
        layer(&format!(
            "patches:\n- patch: |\n    apiVersion: helm.toolkit.fluxcd.io/v2\n    kind: HelmRelease\n    metadata: {{name: a, \
             namespace: media}}\n    spec: {{chart: {{spec: {{version: \"{version}\"}}}}}}\n"
        ))
    };
    let json = |file: &str, version: &str| {
        let operation = format!("[{{op: replace, path: /spec/chart/spec/version, value: \"{version}\"}}]");
        if file.is_empty() {
            layer(&format!("patches:\n- target: {{kind: HelmRelease}}\n  patch: '{operation}'\n"))
        } else {
            layer(&format!("patches:\n- target: {{kind: HelmRelease}}\n  path: {file}\n=== apps/{file}\n{operation}\n"))
        }
    };
    for version in ["1.x", "^1.0.0", ">=1.0.0 <2", "*", "1.0.0 - 2.0.0"] {
        for files in [patch(version), json("", version), json("p.json", version)] {
            let rows = rows(&files);
            assert_eq!(reason(&rows[0]), Some(Reason::FloatingRange), "{rows:#?}");
            assert_eq!(rows[0].current.as_deref(), Some(version));
            assert_ne!(rows[0].site.as_ref().unwrap().file.as_ref(), "apps/hr.yaml", "{rows:#?}");
        }
    }
    let variable = BASE.replace("version: 1.0.0", "version: ${V}");
    for (value, seen) in [("1.x", true), ("latest", false)] {
        let text = variable.replace("spec: {path", &format!("spec: {{postBuild: {{substitute: {{V: {value}}}}}, path"));
        let rows = resolved(&text).releases;
        assert_eq!(reason(&rows[0]), Some(Reason::FloatingRange), "{rows:#?}");
        assert_eq!(rows[0].site.is_some(), seen, "{rows:#?}");
    }
}

#[test]
fn a_floating_tag_in_an_inline_patch_floats() {
    let text = "=== app/source.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: src, namespace: media}
spec:
  url: oci://ghcr.io/x/app
  layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip}
  ref: {tag: 1.0.0}
=== app/kustomization.yaml
resources: [source.yaml]
patches:
- target: {kind: OCIRepository}
  patch: '[{op: replace, path: /spec/ref/tag, value: main}]'
";
    let rows = resolved(text).releases;
    assert_eq!(reason(&rows[0]), Some(Reason::FloatingTag), "{rows:#?}");
    assert_eq!(rows[0].site.as_ref().unwrap().file.as_ref(), "app/kustomization.yaml");
}

#[test]
fn a_patch_without_kind_or_name_fails_whatever_its_target_says() {
    for patch in [
        "$patch: delete",
        "kind: HelmRelease\n    spec: {chart: {spec: {version: 4.0.0}}}",
        "metadata: {name: a}\n    spec: {chart: {spec: {version: 4.0.0}}}",
        "{op: replace, path: /spec/chart/spec/version, value: 4.0.0}",
    ] {
        let files = layer(&format!("patches:\n- target: {{kind: HelmRelease}}\n  patch: |\n    {patch}\n"));
        assert_eq!(told(&files), Err(Reason::BuildFailed), "{patch}");
    }
    // An apiVersion is not asked for where a target says what is meant; nothing is nothing.
    let named = "patches:\n- target: {kind: HelmRelease}\n  patch: '{kind: HelmRelease, metadata: {name: z}, spec: {chart: {spec: {version: 4.0.0}}}}'\n- target: {kind: HelmRelease}\n  patch: '{}'\n";
    assert_eq!(told(&layer(named)), found("4.0.0", "apps/kustomization.yaml:4"));
}

#[test]
fn what_a_build_deletes_before_it_fails_has_its_row() {
    let files = "patches:
- target: {kind: HelmRelease}
  patch: '{$patch: delete, kind: HelmRelease, metadata: {name: z}}'
";
    assert_eq!(rows(&layer(files)).len(), 0);
    let failing = format!(
        "{files}- patch: '{{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {{name: gone}}}}'\n"
    );
    assert_eq!(told(&layer(&failing)), Err(Reason::BuildFailed));
}

#[test]
fn a_test_that_guards_a_version_is_a_reason_and_one_that_was_overtaken_is_none() {
    let guard = "{op: test, path: /spec/chart/spec/version, value: 1.0.0}";
    let patch = |more: &str| layer(&format!("patches:\n- target: {{kind: HelmRelease}}\n  patch: '[{guard}{more}]'\n"));
    assert_eq!(told(&patch(", {op: add, path: /spec/suspend, value: false}")), Err(Reason::VersionInPatch));
    let replaced = ", {op: replace, path: /spec/chart/spec/version, value: 2.0.0}";
    assert_eq!(told(&patch(replaced)), found("2.0.0", "apps/kustomization.yaml:4"));
    assert_eq!(told(&patch(replaced).replace("value: 1.0.0", "value: 1.2.0")), Err(Reason::BuildFailed));
    let other = patch("").replace("/version, value: 1.0.0", "/chart, value: app");
    assert_eq!(told(&other), found("1.0.0", "apps/hr.yaml:13"));
}

#[test]
fn labels_that_reach_a_version_by_their_fields_are_a_reason() {
    let labels = |pairs: &str, path: &str| {
        layer(&format!("labels: [{{pairs: {pairs}, fields: [{{path: {path}, kind: HelmRelease, create: true}}]}}]\n"))
    };
    assert_eq!(told(&labels("{version: 7.0.0}", "spec/chart/spec")), Err(Reason::VersionInComponent));
    let harmless = found("1.0.0", "apps/hr.yaml:13");
    assert_eq!(told(&labels("{version: 7.0.0}", "spec/values/podLabels")), harmless);
    assert_eq!(told(&labels("{}", "spec/chart/spec")), harmless);
}

#[test]
fn a_patch_that_is_a_list_patches_with_each_item() {
    let item = "{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: a, namespace: media}, spec: {chart: {spec: {version: 1.5.0}}}}";
    let files = layer(&format!("patches:\n- patch: '{{apiVersion: v1, kind: List, items: [{item}]}}'\n"));
    assert_eq!(told(&files), found("1.5.0", "apps/kustomization.yaml:3"));
}

#[test]
fn replace_at_the_top_of_a_patch_leaves_the_object_as_it_is() {
    let patch = "{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: a, namespace: media}, $patch: replace, spec: {chart: {spec: {version: 7.0.0}}}}";
    assert_eq!(told(&layer(&format!("patches:\n- patch: '{patch}'\n"))), found("1.0.0", "apps/hr.yaml:13"));
}

#[test]
fn two_kustomization_files_in_one_directory_fail() {
    let one = layer("");
    assert_eq!(told(&one), found("1.0.0", "apps/hr.yaml:13"));
    assert_eq!(told(&format!("{one}=== apps/kustomization.yml\nresources: [hr.yaml]\n")), Err(Reason::BuildFailed));
}

#[test]
fn a_list_in_a_list_holds_objects() {
    let text = BASE.replace("=== apps/hr.yaml\n", "=== apps/hr.yaml\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: b, namespace: media}, spec: {chart: {spec: {chart: app, version: 1.1.0, sourceRef: {kind: HelmRepository, name: repo}}}}}\n---\n");
    let rows = resolved(&text).releases;
    assert_eq!((rows.len(), rows[1].current.as_deref()), (2, Some("1.1.0")), "{rows:#?}");
    assert_eq!(rows[1].site.as_ref().unwrap().path.as_ref(), "items[0].items[0].spec.chart.spec.version");
}

#[test]
fn a_build_that_fails_is_told_and_what_it_was_to_apply_is_not_raised() {
    let child = "=== apps/ks.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: two, namespace: flux-system}
spec:
  path: ./two
  sourceRef: {kind: GitRepository, name: flux-system}
";
    let patch = "  patches: [{target: {kind: HelmRelease}, patch: '[{op: replace, path: /spec/chart/spec/version, value: 2.0.0}]'}]\n";
    let text = |patch: &str, resources: &str| {
        BASE.replace("=== apps/hr.yaml", "=== two/hr.yaml")
            + child
            + patch
            + &format!("=== apps/kustomization.yaml\nresources: {resources}\n")
    };
    let fails = resolved(&text(patch, "[ks.yaml, ks.yaml]"));
    assert_eq!(reason(&fails.releases[0]), Some(Reason::BuildFailed), "{fails:#?}");
    let told: Vec<_> = fails.problems.iter().filter(|found| found.problem.reason == Reason::BuildFailed).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!((told[0].file.as_str(), told[0].line), ("apps/kustomization.yaml", 1), "{told:#?}");
    assert!(told[0].problem.message.contains("flux-system/apps"), "{told:#?}");
    // What stands in the child's own directory takes effect where the child is there already.
    let own = resolved(&text("", "[ks.yaml, ks.yaml]"));
    assert_eq!(reason(&own.releases[0]), None, "{own:#?}");
    assert!(own.problems.iter().any(|found| found.problem.reason == Reason::BuildFailed));
    let good = resolved(&text(patch, "[ks.yaml]"));
    assert_eq!((reason(&good.releases[0]), good.problems.len()), (None, 0), "{good:#?}");
}

#[test]
fn what_a_build_that_fails_holds_is_applied_where_another_build_of_the_cluster_holds_it() {
    let text = BASE.replace("=== apps/hr.yaml", "=== base/hr.yaml")
        + "=== base/kustomization.yaml\nresources: [hr.yaml]\n=== apps/kustomization.yaml\nresources: [../base]\n\
           === bad/kustomization.yaml\nresources: [../base, ../base]\n=== clusters/prod/bad.yaml\n"
        + &BASE.split("=== apps").next().unwrap().split_once('\n').unwrap().1.replace("apps", "bad");
    let found = resolved(&text);
    let reasons: Vec<_> =
        found.releases.iter().map(|row| (row.kustomization.as_ref().unwrap().name.clone(), reason(row))).collect();
    assert_eq!(reasons, [("apps".to_owned(), None), ("bad".to_owned(), Some(Reason::BuildFailed))], "{found:#?}");
}

#[test]
fn values_of_a_chart_among_generated_resources_fail_the_build() {
    assert_eq!(
        told("=== apps/other.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: x}\n"),
        found("1.0.0", "apps/hr.yaml:13")
    );
    for file in
        ["# values\nreplicas: 1\nimage: {tag: 2}\n", "kind: ConfigMap\napiVersion: v1\n", "- a\n", "namespace: x\n"]
    {
        assert_eq!(told(&format!("=== apps/values.yaml\n{file}")), Err(Reason::BuildFailed), "{file}");
    }
    // Nobody names them, nobody reads them.
    let named = layer("") + "=== apps/values.yaml\nreplicas: 1\n";
    assert_eq!(told(&named), found("1.0.0", "apps/hr.yaml:13"));
    for file in ["# nothing\n", "---\n", "kind: Service\napiVersion: v1\nmetadata: {name: x}\n", "{}\n", "--- {}\n"] {
        assert_eq!(told(&format!("=== apps/values.yaml\n{file}")), found("1.0.0", "apps/hr.yaml:13"), "{file}");
    }
}

#[test]
fn a_kustomization_that_is_no_component_fails_where_components_are_named_and_the_other_way_round() {
    let files = |kind: &str, list: &str| {
        format!("=== apps/kustomization.yaml\nresources: [hr.yaml]\n{list}: [../c]\n=== c/kustomization.yaml\nkind: {kind}\nnamePrefix: ''\nnamespace: media\n")
            .replace("resources: [hr.yaml]\nresources: [", "resources: [hr.yaml, ")
    };
    let good = found("1.0.0", "apps/hr.yaml:13");
    assert_eq!(told(&files("Component", "components")), good);
    assert_eq!(told(&files("Kustomization", "components")), Err(Reason::BuildFailed));
    assert_eq!(told(&files("Kustomization", "resources")), good);
    assert_eq!(told(&files("Component", "resources")), Err(Reason::BuildFailed));
}

#[test]
fn a_kustomization_file_of_a_wrong_form_fails_and_strictly_below_the_first() {
    let good = found("1.0.0", "apps/hr.yaml:13");
    let top = |text: &str| format!("=== apps/kustomization.yaml\nresources: [hr.yaml]\n{text}\n");
    for text in ["patches: {}", "labels: {a: b}", "components: c", "namePrefix: {}"] {
        assert_eq!(told(&top(text)), Err(Reason::BuildFailed), "{text}");
    }
    let text = resolved(&(BASE.to_owned() + "=== apps/kustomization.yaml\nresources: hr.yaml\n"));
    assert!(text.problems.iter().any(|found| found.problem.message.contains("`resources` is no list of texts")));
    // Flux writes the first file anew, so that what no field is for is gone, and a number is a text.
    for text in ["x-mine: {a: b}", "commonLabels: {a: 1}", "patches:", "labels: []"] {
        assert_eq!(told(&top(text)), good, "{text}");
    }
    let below = |text: &str| {
        let base = format!("=== base/kustomization.yaml\nresources: [hr.yaml]\n{text}\n");
        let files = BASE.replace("=== apps/hr.yaml", "=== base/hr.yaml") + &base;
        let found = resolved(&(files + "=== apps/kustomization.yaml\nresources: [../base]\n"));
        reason(&found.releases[0])
    };
    for text in ["x-mine: {a: b}", "commonLabels: {a: 1}", "namespace: 12"] {
        assert_eq!(below(text), Some(Reason::BuildFailed), "{text}");
    }
    assert_eq!(below("patches:"), None);
}

#[test]
fn what_is_not_read_is_told_as_it_is() {
    let told = |files: &str| {
        let found = resolved(&(BASE.to_owned() + files));
        found.problems.iter().map(|found| found.problem.message.clone()).collect::<Vec<_>>().join("\n")
    };
    assert!(told("=== apps/kustomization.yaml\nresources: [hr.yaml, more.txt]\n").contains("more.txt is not read"));
    assert!(
        told("=== apps/kustomization.yaml\nresources: [hr.yaml, more.yaml]\n").contains("more.yaml is not in the tree")
    );
    let directory = "=== apps/kustomization.yaml\nresources: [hr.yaml, sub]\n=== apps/sub/a.yaml\nkind: A\n";
    assert!(told(directory).contains("sub is a directory without a kustomization.yaml"));
    let component = "=== apps/kustomization.yaml\nresources: [hr.yaml]\ncomponents: [../gone]\n";
    assert!(told(component).contains("the component ../gone is not in the tree"));
}

#[test]
fn a_variable_in_quotes_in_an_env_file_is_told_as_the_cause() {
    let text = BASE
        .replace("spec: {path", "spec: {postBuild: {substituteFrom: [{kind: ConfigMap, name: vars}]}, path")
        .replace("version: 1.0.0", "version: ${V}")
        + "=== clusters/prod/vars/kustomization.yaml\nconfigMapGenerator:\n- name: vars\n  namespace: flux-system\n  envs: [v.env]\n  options: {disableNameSuffixHash: true}\n=== clusters/prod/vars/v.env\nV=\"1.0.0\"\n"
        + "=== clusters/prod/root.yaml\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: root, namespace: flux-system}\nspec: {path: ./clusters/prod, sourceRef: {kind: GitRepository, name: flux-system}}\n";
    let rows = resolved(&text).releases;
    assert_eq!(reason(&rows[0]), Some(Reason::VersionInSubstitution), "{rows:#?}");
    let message = &rows[0].problem.as_ref().unwrap().message;
    assert!(message.contains("quotes and"), "{message}");
}

#[test]
fn a_key_twice_in_an_env_file_fails() {
    let files = layer("configMapGenerator: [{name: vars, envs: [v.env]}]\n");
    assert_eq!(told(&format!("{files}=== apps/v.env\nV=1.0.0\n")), found("1.0.0", "apps/hr.yaml:13"));
    assert_eq!(told(&format!("{files}=== apps/v.env\nV=1.0.0\nV=1.1.0\n")), Err(Reason::BuildFailed));
}

#[test]
fn a_file_in_utf_16_is_told() {
    let wide: Vec<u8> = [b"\xff\xfe".to_vec(), BASE.bytes().flat_map(|byte| [byte, 0]).collect()].concat();
    let facts = crate::inventory::read_file("a.yaml", &wide);
    assert!(facts.problems[0].message.contains("UTF-16"), "{facts:?}");
}
