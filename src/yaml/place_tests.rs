//! Which forms become a site, and which are refused by name.

use super::{Node, is_sops, parse, shared_by, site};
use crate::model::Reason;

fn root(text: &str) -> Node {
    parse(text.as_bytes()).roots().next().expect("has a document").1.clone()
}

fn refusal(text: &str, route: &str) -> String {
    let problem = site("a.yaml", 0, &root(text), &route.parse().unwrap()).unwrap_err();
    assert_eq!(problem.reason, Reason::NotEditable);
    problem.message
}

#[test]
fn a_site_is_the_scalar_with_its_position() {
    let text = "spec:\n  ref: {tag: '1.2.3'}\n";
    let site = site("apps/a.yaml", 4, &root(text), &"spec.ref.tag".parse().unwrap()).unwrap();
    assert_eq!((site.file.as_ref(), site.document, site.path.as_ref()), ("apps/a.yaml", 4, "spec.ref.tag"));
    assert_eq!((site.line, site.column, &text[site.start..site.end], site.text.as_str()), (2, 15, "1.2.3", "1.2.3"));
}

#[test]
fn an_alias_is_placed_where_its_anchor_is_defined_and_the_others_are_named() {
    let text = "a: &v 1.2.3\nb:\n  - *v\n  - {c: *v}\nd: 1.2.3\n";
    let root = root(text);
    let route = "b[0]".parse().unwrap();
    let site = site("a.yaml", 0, &root, &route).unwrap();
    assert_eq!((site.line, site.start, site.path.as_ref()), (1, 6, "b[0]"));
    let shared: Vec<_> = shared_by(&root, &route).iter().map(ToString::to_string).collect();
    assert_eq!(shared, ["a", "b[1].c"]);
    assert!(shared_by(&root, &"d".parse().unwrap()).is_empty());
}

#[test]
fn a_shared_mapping_shares_its_values_through_aliases_and_merges() {
    let root = root("x: &x {v: 1.0.0}\ny: *x\nz: {<<: *x}\nw: {<<: *x, v: 2.0.0}\n");
    let shared: Vec<_> = shared_by(&root, &"x.v".parse().unwrap()).iter().map(ToString::to_string).collect();
    assert_eq!(shared, ["y.v", "z.v"]);
    assert_eq!(site("a.yaml", 0, &root, &"w.v".parse().unwrap()).unwrap().text, "2.0.0");
}

#[test]
fn forms_that_cannot_be_edited_are_named() {
    let cases = [
        ("v: |\n  1.2.3\n", "v", "literal block"),
        ("v: >-\n  1.2.3\n", "v", "folded block"),
        ("v: 1.2\n  .3\n", "v", "several lines"),
        ("x: &x {v: 1.0.0}\ny:\n  <<: *x\n", "y.v", "merge key"),
        ("v: 1.0.0\nv: 2.0.0\n", "v", "more than once"),
        ("a: {v: 1.0.0}\na: {v: 2.0.0}\n", "a.v", "more than once"),
        ("v: {a: b}\n", "v", "is a mapping"),
        ("v: [a]\n", "v", "is a sequence"),
        ("v: !custom 1.2.3\n", "v", "a tag other than"),
        ("v: !!int 1\n", "v", "a tag other than"),
        ("v:\n", "v", "is empty"),
        ("v: null\n", "v", "is empty"),
        ("v: 1.2.3\n", "w", "is not there"),
        ("v: &v 1.2.3\n*v : x\n", "v", "stands for a mapping key"),
        ("&k a: x\nv: *k\n", "v", "stands for a mapping key"),
    ];
    for (text, route, form) in cases {
        let message = refusal(text, route);
        assert!(message.contains(form) && message.starts_with("a.yaml:"), "{text:?}: {message}");
    }
}

#[test]
fn a_tag_of_str_is_no_obstacle() {
    for text in ["v: !!str 1.2\n", "v: ! 1.2\n", "v: !<tag:yaml.org,2002:str> 1.2\n"] {
        assert_eq!(site("a.yaml", 0, &root(text), &"v".parse().unwrap()).unwrap().text, "1.2", "{text}");
    }
}

#[test]
fn flux_rule_13_a_sops_block_is_known_by_its_parts() {
    assert!(is_sops(&root("a: ENC[AES256]\nsops:\n  mac: ENC[x]\n")));
    assert!(is_sops(&root("sops: {version: 3.9.0, lastmodified: '2024-01-01T00:00:00Z'}\n")));
    for text in ["a: 1\n", "sops: yes\n", "sops: {version: 1}\n", "spec: {sops: {mac: x}}\n", "- sops\n"] {
        assert!(!is_sops(&root(text)), "{text}");
    }
}
