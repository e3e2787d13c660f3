//! Every form that real repositories hold (Flux rule 17), edited and compared byte for byte.

use super::{Refusal, Swap, apply};
use crate::model::{Problem, Reason, Site};
use crate::yaml;

/// The site at a route of a document.
fn site(text: &str, document: usize, route: &str) -> Site {
    let stream = yaml::parse(text.as_bytes());
    let root = stream.documents[document].root.clone().unwrap().unwrap();
    yaml::site("a.yaml", document, &root, &route.parse().unwrap()).unwrap()
}

fn swap(text: &str, document: usize, route: &str, to: &str) -> Swap {
    Swap { site: site(text, document, route), to: to.to_owned() }
}

fn edited(text: &str, document: usize, route: &str, to: &str) -> String {
    String::from_utf8(apply(text.as_bytes(), &[swap(text, document, route, to)]).unwrap()).unwrap()
}

#[track_caller]
fn becomes(before: &str, document: usize, route: &str, after: &str) {
    assert_eq!(edited(before, document, route, "2.0.0-rc.1"), after);
}

#[test]
fn flux_rule_17_quoting_comments_and_line_ends_stay() {
    becomes("v: 1.2.3\n", 0, "v", "v: 2.0.0-rc.1\n");
    becomes("v: '1.2.3'   # keep", 0, "v", "v: '2.0.0-rc.1'   # keep");
    becomes("v: \"1.2.3\"\r\nw: 1\r\n", 0, "v", "v: \"2.0.0-rc.1\"\r\nw: 1\r\n");
    becomes("\u{feff}v: 1.2.3", 0, "v", "\u{feff}v: 2.0.0-rc.1");
    becomes("v: \"1\\u002e2\"\n", 0, "v", "v: \"2.0.0-rc.1\"\n");
    becomes("v:\t1.2.3\t# tab\n", 0, "v", "v:\t2.0.0-rc.1\t# tab\n");
    becomes("v:\n  1.2.3\n", 0, "v", "v:\n  2.0.0-rc.1\n");
}

#[test]
fn flux_rule_17_several_documents_with_empty_and_broken_ones_stay() {
    let before = "# head\n---\n# none\n---\n{{ if }}\nx: {{ y }}\n---\na: {v: 1.2.3}\n...\n";
    becomes(before, 2, "a.v", &before.replace("1.2.3", "2.0.0-rc.1"));
}

#[test]
fn flux_rule_17_json_and_flow_maps() {
    let json = "{\n\t\"spec\": {\"ref\": {\"tag\":\"1.2.3\"}},\"x\":[1,\"1.2.3\"]\n}";
    becomes(json, 0, "spec.ref.tag", &json.replacen("1.2.3", "2.0.0-rc.1", 1));
    becomes("a: {v: 1.2.3, w: [1.2.3]}\n", 0, "a.w[0]", "a: {v: 1.2.3, w: [2.0.0-rc.1]}\n");
    becomes("{v: 1.2.3}", 0, "v", "{v: 2.0.0-rc.1}");
}

#[test]
fn flux_rule_17_an_anchor_is_edited_where_it_is_defined_and_feeds_its_aliases() {
    becomes("a: &v 1.2.3\nb: *v\nc: [*v]\n", 0, "c[0]", "a: &v 2.0.0-rc.1\nb: *v\nc: [*v]\n");
    becomes("a: &v !!str 1.2\nb: *v\n", 0, "b", "a: &v !!str 2.0.0-rc.1\nb: *v\n");
    becomes("a: &x 1\nb: &x 1.2.3\nc: *x\n", 0, "c", "a: &x 1\nb: &x 2.0.0-rc.1\nc: *x\n");
    becomes("a: &m {v: 1.2.3}\nb: *m\nc: {<<: *m}\n", 0, "b.v", "a: &m {v: 2.0.0-rc.1}\nb: *m\nc: {<<: *m}\n");
}

#[test]
fn flux_rule_17_a_bare_number_is_text_and_may_become_a_string() {
    becomes("v: 1.10\n", 0, "v", "v: 2.0.0-rc.1\n");
    assert_eq!(edited("v: 1.10\n", 0, "v", "1.11"), "v: 1.11\n");
    assert_eq!(edited("v: '1.10'\n", 0, "v", "1.11"), "v: '1.11'\n");
}

#[test]
fn a_text_that_would_read_as_something_else_is_quoted() {
    for to in ["1.10", "1e3", "null", "~", "yes", "0x1F", "", "*", "&a", "- a", "a: b", "a #b", "a:", "%x", " a", "---"]
    {
        assert_eq!(edited("v: 1.2.3 # c\n", 0, "v", to), format!("v: \"{to}\" # c\n"));
    }
    for to in ["a,b", "a]", "{a}", "-,"] {
        assert_eq!(edited("m: [1.2.3]\n", 0, "m[0]", to), format!("m: [\"{to}\"]\n"));
    }
    for to in ["a,b", "a]b", "-a", ":a", "?a", "v1", "a:b", "a#b", "1.2.x"] {
        assert_eq!(edited("v: 1.2.3\n", 0, "v", to), format!("v: {to}\n"));
    }
    assert_eq!(edited("v: 1.10\n", 0, "v", "null"), "v: \"null\"\n");
}

#[test]
fn quotes_inside_quotes_are_escaped() {
    assert_eq!(edited("v: 'a'\n", 0, "v", "it's"), "v: 'it''s'\n");
    assert_eq!(edited("v: \"a\"\n", 0, "v", "\"\\\t\n"), "v: \"\\\"\\\\\\t\\n\"\n");
    let refused = apply(b"v: 'a'\n", &[swap("v: 'a'\n", 0, "v", "a\nb")]).unwrap_err();
    assert!(refused.to_string().contains("quoting"), "{refused}");
}

#[test]
fn several_swaps_of_one_file_are_done_at_once_and_equal_ones_once() {
    let text = "a: &v 1.2.3\nb: *v\n---\nc: ['1.2.3', \"\"]\n";
    let swaps = [
        swap(text, 1, "c[0]", "10.0.0"),
        swap(text, 0, "b", "2.0.0"),
        swap(text, 0, "a", "2.0.0"),
        swap(text, 1, "c[1]", "x"),
    ];
    let after = apply(text.as_bytes(), &swaps).unwrap();
    assert_eq!(String::from_utf8(after).unwrap(), "a: &v 2.0.0\nb: *v\n---\nc: ['10.0.0', \"x\"]\n");
    assert_eq!(apply(text.as_bytes(), &[]).unwrap(), text.as_bytes());
}

#[test]
fn two_texts_for_one_place_are_refused() {
    let text = "a: &v 1.2.3\nb: *v\n";
    let refused = apply(text.as_bytes(), &[swap(text, 0, "a", "2.0.0"), swap(text, 0, "b", "3.0.0")]).unwrap_err();
    assert!(matches!(&refused, Refusal::Conflict { first, second, .. } if first == "a" && second == "b"), "{refused}");
}

#[test]
fn a_file_that_changed_is_refused() {
    let found = swap("a: 1.2.3\n", 0, "a", "2.0.0");
    for now in ["a: 1.2.4\n", "\na: 1.2.3\n", "b: 1.2.3\n", "", "a: [\n", "x: 1.2.3\na: 1.2.3\n", "a: 1.2.30\n"] {
        let refused = apply(now.as_bytes(), std::slice::from_ref(&found)).unwrap_err();
        assert!(matches!(refused, Refusal::Moved { .. }), "{now:?}: {refused}");
    }
    let problem = Problem::from(apply(b"a: 1.2.4\n", &[found]).unwrap_err());
    assert_eq!(problem.reason, Reason::NotEditable);
    assert!(problem.message.starts_with("a.yaml:1: `a` no longer reads \"1.2.3\""), "{problem}");
}

#[test]
fn a_form_that_became_uneditable_is_refused_with_its_name() {
    let found = swap("a: 1.2.3\n", 0, "a", "2.0.0");
    let refused = apply(b"a: 1.2.3\na: 1.2.3\n", &[found]).unwrap_err();
    assert!(matches!(&refused, Refusal::NotEditable(p) if p.message.contains("more than once")), "{refused}");
    let text = "a: 'x\n  y'\n";
    let refused = apply(text.as_bytes(), &[swap(text, 0, "a", "2.0.0")]).unwrap_err();
    assert!(refused.to_string().contains("several lines"), "{refused}");
}
