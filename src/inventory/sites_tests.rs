//! What is kept of a document, and that keeping it takes time in proportion to it: each of these inputs would keep a
//! quadratic reader busy for an hour.

use crate::inventory::{FileFacts, read_file};
use std::fmt::Write as _;

/// Entries of each input.
const MANY: usize = 40_000;

fn kept(text: &str) -> FileFacts {
    read_file("", text.as_bytes())
}

fn lines(of: impl Fn(usize) -> String) -> String {
    (0..MANY).map(of).collect()
}

#[test]
fn aliases_of_aliases_cost_a_bounded_number_of_routes() {
    let mut text =
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a}\nspec:\n  chart: {spec: \
                    {version: 1.0.0}}\n  values:\n    a: &a [0,0,0,0,0,0,0,0,0,0]\n"
            .to_owned();
    for (of, name) in ["a", "b", "c", "d"].iter().zip(["b", "c", "d", "e"]) {
        let _ = writeln!(text, "    {name}: &{name} [{}]", vec![format!("*{of}"); 10].join(","));
    }
    let (open, close) = (format!("{{{}: ", "k".repeat(1_000)).repeat(100), "}".repeat(100));
    let _ = writeln!(text, "    z: {open}[*e,*e,*e,*e,*e,*e,*e]{close}");
    let facts = kept(&text);
    assert_eq!(facts.sites.len(), 1, "and it ends, in memory that does not grow with what aliases expand to");
}

#[test]
fn a_large_config_map_of_numbers_is_read_in_one_go() {
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n{}",
        lines(|i| format!("  k{i}: 1.{i}.0\n"))
    );
    let facts = kept(&text);
    assert_eq!(facts.sites.len(), MANY);
    let last = facts.sites.last().unwrap().site.as_ref().unwrap();
    assert_eq!((&*last.path, last.text.as_str()), ("data.k39999", "1.39999.0"));
}

#[test]
fn anchors_aliases_and_merge_keys_in_a_large_config_map_are_followed_once() {
    let values =
        lines(|i| if i % 2 == 0 { format!("  k{i}: &a{i} 1.{i}.0\n") } else { format!("  k{i}: *a{}\n", i - 1) });
    let facts = kept(&format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n{values}"));
    assert_eq!(facts.sites.len(), MANY / 2);
    assert!(facts.sites.iter().all(|site| site.shared.len() == 1), "each feeds the next");
    let one = lines(|i| format!("  k{i}: *one\n"));
    let facts = kept(&format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: &one 1.2.3}}\ndata:\n{one}"));
    assert_eq!((facts.sites.len(), facts.sites[0].shared.len()), (1, 20));
    let merged = format!(
        "x: &x\n{}apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  <<: *x\n",
        lines(|i| format!("  k{i}: 1.{i}.0\n"))
    );
    let facts = kept(&merged);
    assert_eq!(facts.sites.len(), MANY);
    assert!(facts.sites[0].refusal.contains("only through a merge key"), "{}", facts.sites[0].refusal);
}

#[test]
fn a_list_of_many_objects_and_a_patch_of_many_values_are_read_in_one_go() {
    let item =
        |i| format!("- {{apiVersion: v1, kind: ConfigMap, metadata: {{name: &n{i} a{i}}}, data: {{v: 1.{i}.0}}}}\n");
    let items: String = (0..MANY / 4).map(item).collect();
    let facts = kept(&format!("apiVersion: v1\nkind: List\nitems:\n{items}"));
    assert_eq!((facts.documents.len(), facts.sites.len()), (MANY / 4, MANY / 4));
    let values = lines(|i| format!("      k{i}: 1.{i}.0\n"));
    let facts = kept(&format!(
        "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\npatches:\n- patch: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {{name: a}}\n    data:\n{values}"
    ));
    assert_eq!(facts.sites.len(), MANY + 1, "with the `v1` of apiVersion");
    let patch = |i| {
        format!("- patch: &p{i} '{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}, data: {{v: 1.{i}.0}}}}'\n")
    };
    let patches: String = (0..MANY / 4).map(patch).collect();
    let facts = kept(&format!("kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\npatches:\n{patches}"));
    assert_eq!(facts.sites.len(), MANY / 2, "of each the version, and `v1`");
}
