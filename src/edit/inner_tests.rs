//! Versions inside scalars: YAML that a scalar holds as text, and parts of a text.

use super::{Refusal, Swap, apply};
use crate::model::Site;
use crate::yaml::{self, Embedded};

fn opened(text: &str, route: &str) -> Embedded {
    let stream = yaml::parse(text.as_bytes());
    let root = stream.roots().next().unwrap().1.clone();
    yaml::embedded("a.yaml", text.as_bytes(), 0, &root, &route.parse().unwrap()).unwrap()
}

/// The site of a scalar in what another holds.
fn inner(text: &str, outer: &str, document: usize, route: &str) -> Site {
    opened(text, outer).site(document, &route.parse().unwrap()).unwrap()
}

/// The part `old` of the scalar at a route.
fn part(text: &str, route: &str, old: &str) -> Site {
    let stream = yaml::parse(text.as_bytes());
    let root = stream.roots().next().unwrap().1.clone();
    let whole = yaml::site("a.yaml", 0, &root, &route.parse().unwrap()).unwrap();
    let from = whole.text.find(old).unwrap();
    whole.part(from..from + old.len()).unwrap()
}

fn swap(site: Site, to: &str) -> Swap {
    Swap { site, to: to.to_owned() }
}

#[track_caller]
fn becomes(text: &str, site: Site, to: &str, after: &str) {
    let old = &text.as_bytes()[site.start..site.end];
    assert_eq!(old, site.text.as_bytes(), "the site's bytes are its text");
    let before: Vec<&str> = text[..site.start].split('\n').collect();
    assert_eq!(site.line as usize, before.len(), "{site:?}");
    let bom = if before.len() == 1 && text.starts_with('\u{feff}') { 3 } else { 0 };
    assert_eq!(site.column as usize, before.last().unwrap().len() + 1 - bom, "{site:?}");
    match apply(text.as_bytes(), &[swap(site, to)]) {
        Ok(edited) => assert_eq!(String::from_utf8(edited).unwrap(), after),
        Err(refused) => panic!("{text:?}: {refused}"),
    }
}

#[track_caller]
fn refused(text: &str, swap: Swap, word: &str) {
    let refused = apply(text.as_bytes(), &[swap]).unwrap_err();
    assert!(refused.to_string().contains(word), "{refused}");
}

#[test]
fn flux_rule_11_an_inline_patch_is_edited_in_every_kind_of_block() {
    for header in ["|-", "|", "|+", "|4", "|4-", "| # c"] {
        let patch = "    - op: replace\n\n      path: /spec/ref/tag\n      value: 1.2.3 # x\n  \n";
        let text = format!("patches:\n- patch: {header}\n{patch}  target: {{kind: A}}\n");
        let text = if header.contains('4') { text.replace("    ", "      ") } else { text };
        becomes(&text, inner(&text, "patches[0].patch", 0, "[0].value"), "2.0.0", &text.replace("1.2.3", "2.0.0"));
    }
    for text in [
        "p: |\r\n  a: 1\r\n\r\n  v: 1.2.3\r\nb: 1\r\n",
        "\u{feff}p: |\n\n\n  v: '1.2.3'\n \n\n",
        "p: |\n  é: ü\n  v: \"1.2.3\"",
        "p: >\n  {\"a\":\n  \"b\", \"v\": \"1.2.3\"}\n",
        "p: >-\n\n  {\"a\":\n\n    \"b\",\n  \"v\": \"1.2.3\"}\n\n\nb: 1\n",
        "p: '{\"it''s\": 1, \"v\": \"1.2.3\"}'\n",
        "p: \"{\\\"a\\\": \\\"\\u00e9\\n\\\", \\\"v\\\": \\\"1.2.3\\\"}\" # c\n",
        "{\"p\": \"\\ud83d\\ude00: 2\\nv: 1.2.3\\nw: 1\"}",
        "\u{feff}p: 'v: 1.2.3'",
        "p: &p !!str |\n  # c\n  v: &v 1.2.3\n  w: *v\nq: *p\n",
    ] {
        becomes(text, inner(text, "p", 0, "v"), "2.0.0", &text.replace("1.2.3", "2.0.0"));
    }
}

#[test]
fn a_patch_within_a_patch_is_edited() {
    let text = "k:\n  patch: |\n    spec:\n      patches:\n        - patch: |-\n            # c\n            - op: add\n              value: '1.2.3'\n          target: x\n    v: 1.2.3\n";
    let outer = opened(text, "k.patch");
    let deeper = outer.embedded(0, &"spec.patches[0].patch".parse().unwrap()).unwrap();
    let site = deeper.site(0, &"[0].value".parse().unwrap()).unwrap();
    assert_eq!(site.shown_path(), "k.patch: spec.patches[0].patch: [0].value");
    becomes(text, site.clone(), "2.0.0", &text.replacen("1.2.3", "2.0.0", 1));
    let both = [swap(outer.site(0, &"v".parse().unwrap()).unwrap(), "30.0.0"), swap(site, "2.0.0-rc.1")];
    let after = String::from_utf8(apply(text.as_bytes(), &both).unwrap()).unwrap();
    assert_eq!(after, text.replacen("1.2.3", "2.0.0-rc.1", 1).replace("v: 1.2.3", "v: 30.0.0"));
    let json = "p: \"{\\\"q\\\": \\\"{\\\\\\\"v\\\\\\\": \\\\\\\"1.2.3\\\\\\\"}\\\"}\"\n";
    let site = opened(json, "p").embedded(0, &"q".parse().unwrap()).unwrap().site(0, &"v".parse().unwrap()).unwrap();
    becomes(json, site, "2.0.0", &json.replace("1.2.3", "2.0.0"));
}

#[test]
fn several_documents_of_a_patch_and_several_patches_of_a_file_are_edited_at_once() {
    let text = "a: |\n  v: 1.2.3\n  ---\n  v: 1.2.3\nb: |\n  v: 1.2.3\nc: 1.2.3\n";
    let second = inner(text, "a", 1, "v");
    assert_eq!(second.shown_path(), "a#2: v");
    let swaps =
        [swap(second, "2.0.0"), swap(inner(text, "b", 0, "v"), "3.0"), swap(inner(text, "a", 0, "v"), "10.20.30")];
    let after = String::from_utf8(apply(text.as_bytes(), &swaps).unwrap()).unwrap();
    assert_eq!(after, "a: |\n  v: 10.20.30\n  ---\n  v: 2.0.0\nb: |\n  v: \"3.0\"\nc: 1.2.3\n");
}

#[test]
fn a_string_stays_a_string_in_the_quoting_of_every_scalar_around_it() {
    let text = "p: \"v: 1.2.3\"\n";
    becomes(text, inner(text, "p", 0, "v"), "1.10", "p: \"v: \\\"1.10\\\"\"\n");
    let text = "p: 'v: 1.2.3'\n";
    becomes(text, inner(text, "p", 0, "v"), "1.10", "p: 'v: \"1.10\"'\n");
    becomes(text, inner(text, "p", 0, "v"), "it's", "p: 'v: it''s'\n");
    let text = "p: |\n  v: 1.10\n";
    becomes(text, inner(text, "p", 0, "v"), "1.11", "p: |\n  v: 1.11\n");
    let text = "p: 'v: ''1.2.3'''\n";
    becomes(text, inner(text, "p", 0, "v"), "it's", "p: 'v: ''it''''s'''\n");
}

#[test]
fn a_version_with_an_escape_of_the_text_around_it_is_refused() {
    let text = "p: \"v: 1.2\\u002e3\"\n";
    let problem = opened(text, "p").site(0, &"v".parse().unwrap()).unwrap_err();
    assert!(problem.message.contains("escape"), "{problem}");
    let text = "p: \"v:\n  1.2.3\"\n";
    let root = yaml::parse(text.as_bytes()).roots().next().unwrap().1.clone();
    let problem = yaml::embedded("a.yaml", text.as_bytes(), 0, &root, &"p".parse().unwrap()).unwrap_err();
    assert!(problem.message.contains("several lines"), "{problem}");
}

#[test]
fn flux_rule_12_an_inline_default_is_edited_in_its_variable() {
    for text in
        ["tag: ${V:=1.2.3}\n", "tag: \"${V:=1.2.3}\" # c\r\n", "m: 1\ntag: 'v${V:-1.2.3}'", "{\"tag\": \"x-1.2.3-y\"}"]
    {
        becomes(text, part(text, "tag", "1.2.3"), "2.0.0-rc.1", &text.replace("1.2.3", "2.0.0-rc.1"));
    }
    let text = "tag: ${V:=1.2.3}\n";
    let site = part(text, "tag", "1.2.3");
    assert_eq!((site.shown_path().as_ref(), site.line, site.column), ("tag[5..10]", 1, 11));
    for to in ["1.10", "true", "a}b", "${W}", "a b", "", "it's", "a,b"] {
        refused(text, swap(site.clone(), to), "quoting");
    }
    refused("tag: ${W:=1.2.3}\n", swap(site, "2.0.0"), "no longer reads");
    let text = "p: |\n  tag: ${V:=1.2.3}\n";
    let whole = inner(text, "p", 0, "tag");
    becomes(text, whole.part(5..10).unwrap(), "2.0.0", "p: |\n  tag: ${V:=2.0.0}\n");
}

#[test]
fn two_parts_of_one_text_change_together() {
    let text = "v: a-1.2.3-b-1.0.0\n";
    let swaps = [swap(part(text, "v", "1.0.0"), "10.0.0"), swap(part(text, "v", "1.2.3"), "2.0.0")];
    assert_eq!(apply(text.as_bytes(), &swaps).unwrap(), b"v: a-2.0.0-b-10.0.0\n");
    let whole = Swap { site: part("v: 1.2.3\n", "v", "1.2"), to: "2".to_owned() };
    assert!(apply(text.as_bytes(), &[whole]).is_err());
}

#[test]
fn a_part_is_had_only_of_a_text_that_is_its_bytes() {
    for text in ["v: \"1\\x2e2.3\"\n", "v: 'it''s 1.2.3'\n", "v: \"\\_1.2.3\"\n", "v: \"\\L1.2.3\"\n"] {
        let root = yaml::parse(text.as_bytes()).roots().next().unwrap().1.clone();
        let whole = yaml::site("a.yaml", 0, &root, &"v".parse().unwrap()).unwrap();
        assert!(whole.part(0..1).is_err(), "{text}");
    }
    let site = part("v: 1.2.3\n", "v", "2.3");
    assert!(site.part(0..1).is_err());
}

#[test]
fn what_overlaps_conflicts() {
    let text = "p: 'v: 1.2.3'\n";
    let root = yaml::parse(text.as_bytes()).roots().next().unwrap().1.clone();
    let outer = yaml::site("a.yaml", 0, &root, &"p".parse().unwrap()).unwrap();
    let swaps = [swap(outer, "x"), swap(inner(text, "p", 0, "v"), "2.0.0")];
    assert!(matches!(apply(text.as_bytes(), &swaps), Err(Refusal::Conflict { .. })));
}

#[test]
fn a_patch_that_changed_is_refused() {
    let site = inner("p: |\n  v: 1.2.3\n", "p", 0, "v");
    for now in [
        "p: |\n  w: 1.2.3\n",
        "p: |\n   v: 1.2.3\n",
        "p: x\n",
        "p: |\n  v: 1.2.4\n",
        "p: {v: 1}\n",
        "q: |\n  v: 1.2.3\n",
    ] {
        assert!(apply(now.as_bytes(), &[swap(site.clone(), "2.0.0")]).is_err(), "{now}");
    }
}

#[test]
fn what_stands_at_a_site_is_read_in_another_state_of_its_file() {
    let text = "p: |\n  - v: 1.2.3\nt: ${V:=1.2.3}\n";
    let (patch, default) = (inner(text, "p", 0, "[0].v"), part(text, "t", "1.2.3"));
    let now = "# c\np: '[{\"v\": \"2.0.0\"}]'\nt: \"${V:=3.0.0-rc.1}\"\n";
    assert_eq!(yaml::text_at(now.as_bytes(), &patch).as_deref(), Some("2.0.0"));
    assert_eq!(yaml::text_at(now.as_bytes(), &default).as_deref(), Some("3.0.0-rc.1"));
    for other in ["p: |\n  v: 1\nt: ${W:=3.0.0}\n", "p: {v: 1}\n", "", "p: [\n"] {
        assert_eq!(yaml::text_at(other.as_bytes(), &patch), None);
        assert_eq!(yaml::text_at(other.as_bytes(), &default), None);
    }
}

#[test]
fn a_site_of_a_whole_scalar_costs_nothing_for_the_others() {
    assert!(size_of::<Site>() <= 112, "{}", size_of::<Site>());
    let text = "p: |\n  t: ${V:=1.2.3}\nv: 1.2.3\n";
    let plain = serde_json::to_value(part(text, "v", "1.2.3").inner.unwrap().part.unwrap()).unwrap();
    assert_eq!(plain, serde_json::json!({"whole": "1.2.3", "from": 0, "to": 5}));
    let whole = inner(text, "p", 0, "t");
    for site in [whole.part(5..10).unwrap(), whole, Site { inner: None, ..part(text, "v", "1.2.3") }] {
        let json = serde_json::to_value(&site).unwrap();
        assert_eq!(json.get("inner").is_some(), site.inner.is_some());
        assert_eq!(serde_json::from_value::<Site>(json).unwrap(), site);
    }
}
