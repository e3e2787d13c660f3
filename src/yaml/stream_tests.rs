//! Streams as real repositories hold them.

use std::fmt::Write;

use super::{Node, NodeKind, ScalarType, Stream, parse};

fn only(text: &str) -> Node {
    let stream = parse(text.as_bytes());
    assert_eq!(stream.documents.len(), 1, "{stream:?}");
    stream.documents[0].root.clone().expect("parses").expect("is not empty")
}

/// `ok`, `empty` or `broken@LINE` for each document.
fn outline(text: &str) -> Vec<String> {
    let Stream { documents } = parse(text.as_bytes());
    assert!(documents.iter().enumerate().all(|(index, d)| d.index == index));
    let word = |d: &super::Document| match &d.root {
        Ok(Some(_)) => "ok".to_owned(),
        Ok(None) => "empty".to_owned(),
        Err(error) => format!("broken@{}", error.line),
    };
    documents.iter().map(word).collect()
}

fn slice<'a>(text: &'a str, node: &Node) -> &'a str {
    &text[node.start as usize..node.end as usize]
}

#[test]
fn spans_hold_the_content_without_quotes_anchor_and_tag() {
    let text = "a: 'x''y'\nb: \"q\\n\" # c\nc: &v !!str 1.2\nd: *v\ne: ''\nf:\n";
    let root = only(text);
    let of = |key: &str| slice(text, root.get(key).expect(key));
    assert_eq!([of("a"), of("b"), of("c"), of("d"), of("e"), of("f")], ["x''y", "q\\n", "1.2", "1.2", "", ""]);
    let c = root.get("c").unwrap();
    assert_eq!((c.line, c.column, c.anchor.as_deref(), c.aliased), (3, 13, Some("v"), false));
    let d = root.get("d").unwrap();
    assert_eq!((d.line, d.start, d.aliased), (3, c.start, true));
    assert_eq!(root.get("f").unwrap().text(), Some(""));
}

#[test]
fn collections_end_with_their_last_byte() {
    let text = "a:\n  b: 1\n  c: [1, 2] # tail\n\n# more\nd: {e: f}\n";
    let root = only(text);
    assert_eq!(slice(text, root.get("a").unwrap()), "b: 1\n  c: [1, 2]");
    assert_eq!(slice(text, root.get("d").unwrap()), "{e: f}");
}

#[test]
fn lines_and_columns_count_from_one_in_bytes_with_bom_and_crlf() {
    let text = "\u{feff}a: 'é'\r\nö: {b: 1}\r\n";
    let root = only(text);
    let a = root.get("a").unwrap();
    assert_eq!((a.line, a.column, slice(text, a)), (1, 5, "é"));
    let b = root.at("ö.b").unwrap();
    assert_eq!((b.line, b.column, slice(text, b)), (2, 9, "1"));
    assert_eq!(root.key_node("a").map(|k| (k.line, k.column, k.start)), Some((1, 1, 3)));
}

#[test]
fn documents_are_counted_with_comments_before_them_and_empty_ones() {
    assert_eq!(outline(""), Vec::<String>::new());
    assert_eq!(outline("# only a comment\n"), Vec::<String>::new());
    assert_eq!(outline("# c\n---\na: 1\n---\n# nothing\n---\nb: 2\n...\n---\n"), ["ok", "empty", "ok", "empty"]);
    assert_eq!(outline("%YAML 1.2\n---\na: 1\n...\nb: 2\n"), ["ok", "ok"]);
    assert_eq!(outline("{\n\t\"a\": [1, {\"b\": null}]\n}"), ["ok"]);
}

#[test]
fn a_marker_inside_a_scalar_is_no_boundary() {
    assert_eq!(outline("a: |\n  x\n  ---\n  y\nb: 'q\n  --- z'\n---\nc: 1\n"), ["ok", "ok"]);
}

#[test]
fn a_template_between_two_documents_costs_only_itself() {
    let text = "a: 1\n---\n{{ if .Values.x }}\nb: {{ .Values.y }}\n{{ end }}\n---\nc: 3\n";
    assert_eq!(outline(text), ["ok", "broken@4", "ok"]);
    assert_eq!(parse(text.as_bytes()).roots().nth(1).unwrap().1.get("c").unwrap().line, 7);
}

#[test]
fn every_kind_of_fault_ends_at_the_next_document() {
    let faults = [
        "a: [1, 2",
        "a: 'open",
        "a: \"open",
        "a: \"bad \\q\"",
        "a: *nowhere",
        "a: &x {b: *x}",
        "a: b: c",
        "- 1\nb: 2",
        "a: 1\n b: 2\n  - c",
        "\tx: 1\n\ty: 2",
        "a: @b",
        "{{- range }}\na: 1",
        "%YAML 9.9",
        "a: \u{1}",
        "? [a\n: b",
        "a: |9x\n  b",
        "key: value\n}",
        "a: 'x' y",
    ];
    for fault in faults {
        let text = format!("first: 1\n---\n{fault}\n---\nlast: '---'\n---\n{fault}\n");
        let seen = outline(&text);
        assert!(
            seen.len() == 4 && seen[0] == "ok" && seen[2] == "ok" && seen[1].starts_with("broken@"),
            "{fault:?}: {seen:?}"
        );
        assert!(seen[3].starts_with("broken@"), "{fault:?}: {seen:?}");
    }
}

#[test]
fn invalid_utf8_says_where() {
    let stream = parse(b"a: 1\nb: \xff\n");
    let error = stream.documents[0].root.clone().unwrap_err();
    assert_eq!((error.line, error.column), (2, 4));
    assert!(error.message.contains("not valid UTF-8"), "{error}");
}

#[test]
fn an_alias_takes_the_latest_definition_before_it() {
    let root = only("a: &x one\nb: *x\nc: &x two\nd: *x\n");
    assert_eq!((root.get("b").unwrap().text(), root.get("d").unwrap().text()), (Some("one"), Some("two")));
}

#[test]
fn merge_keys_yield_to_own_keys_and_to_earlier_ones() {
    let root = only("x: &x {a: 1, b: 1, c: 1}\ny: &y {a: 2, d: 2}\nz:\n  a: 3\n  <<: [*y, *x]\n  d: 4\n'<<': {q: 1}\n");
    let z = |key: &str| root.get("z").unwrap().get(key).and_then(Node::text);
    assert_eq!([z("a"), z("b"), z("c"), z("d"), z("e")], [Some("3"), Some("1"), Some("1"), Some("4"), None]);
    assert_eq!(root.get("q"), None);
}

#[test]
fn the_last_duplicate_wins_and_is_known() {
    let root = only("a: 1\nb: 2\na: 3\n");
    assert_eq!(root.get("a").unwrap().text(), Some("3"));
    assert!(root.has_duplicate("a") && !root.has_duplicate("b"));
    assert_eq!(root.entries().len(), 3);
}

#[test]
fn an_alias_bomb_is_refused_and_the_next_document_is_read() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        writeln!(text, "a{level}: &a{level} [{}]", vec![before; 10].join(", ")).unwrap();
    }
    assert_eq!(outline(&format!("{text}---\nb: 1\n")), ["broken@6", "ok"]);
}

#[test]
fn deep_nesting_is_refused_however_it_is_written() {
    let flow = format!("a: {}{}\n---\nb: 1\n", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(outline(&flow), ["broken@1", "ok"]);
    let mut block = String::new();
    for depth in 0..300 {
        writeln!(block, "{}a:", " ".repeat(depth)).unwrap();
    }
    assert_eq!(outline(&format!("{block}---\nb: 1\n")).last().map(String::as_str), Some("ok"));
    let mut chain = String::from("n0: &n0 [x]\n");
    for level in 1..200 {
        writeln!(chain, "n{level}: &n{level} [*n{}]", level - 1).unwrap();
    }
    assert!(outline(&chain)[0].starts_with("broken@"));
}

#[test]
fn a_file_over_the_limit_is_one_broken_document() {
    let stream = parse(&vec![b'#'; super::MAX_FILE + 1]);
    assert!(stream.documents[0].root.as_ref().unwrap_err().message.contains("limit"));
}

#[test]
fn plain_words_mean_what_flux_reads() {
    use ScalarType::{Bool, Null, Number, String};
    let cases = [
        ("", Null),
        ("~", Null),
        ("NULL", Null),
        ("yes", Bool(true)),
        ("off", Bool(false)),
        ("nope", String),
        ("1.10", Number),
        ("1e3", Number),
        ("0o17", Number),
        ("017", Number),
        ("0x1F", Number),
        ("1_000", Number),
        (".5", Number),
        ("-.inf", Number),
        ("1.2.3", String),
        ("v1", String),
        ("1.2.x", String),
        (".", String),
        ("-", String),
        ("e3", String),
        ("_1", String),
        ("=", String),
        ("12:30", String),
        ("-0b1", Number),
        ("0x", String),
        ("1e", String),
        ("2024-01-15", String),
    ];
    for (text, expected) in cases {
        assert_eq!(ScalarType::of_plain(text), expected, "{text:?}");
    }
    let root = only("a: '1'\nb: !!str 1\nc: !!int '1'\nd: {}\n");
    let of = |key: &str| root.get(key).unwrap().scalar_type();
    assert_eq!([of("a"), of("b"), of("c"), of("d")], [Some(String), Some(String), Some(Number), None]);
    assert!(matches!(root.get("d").unwrap().kind, NodeKind::Mapping(_)));
}

#[test]
fn a_mark_behind_a_document_marker_is_none_of_its_text() {
    for end in ["\n", "\r\n"] {
        let text = format!("a: 1{end}---{end}\u{feff}b: 2.0.0{end}");
        let stream = parse(text.as_bytes());
        let root = stream.roots().nth(1).unwrap().1;
        let node = root.get("b").unwrap();
        assert_eq!((node.line, node.column, &text[node.start as usize..node.end as usize]), (3, 4, "2.0.0"), "{end:?}");
    }
    assert!(parse("a: 1\n\u{feff}b: 2\n".as_bytes()).documents[0].root.is_err(), "inside a document it is a fault");
}
