//! Another reader's opinion: serde-saphyr, which agrees with Flux's own on real manifests, must see the same values.
//! With `DAVIT_CORPORA` also on every YAML file of the tree archives there.

use super::{Node, NodeKind, ScalarType, parse};
use serde_json::Value;
use std::io::Read;

const FORMS: [&str; 14] = [
    "apiVersion: v1\nkind: A\nspec:\n  chart:\n    spec: {chart: x, version: 1.2.3} # c\n",
    "# head\n---\n# c\na: 1\n---\n---\nb: [x, 'y', \"z\\u00e9\\n\"]\n...\n---\nc: ~\n",
    "a: &x one\nb: *x\nc: &x two\nd: [*x, *x]\n",
    "base: &base {image: {tag: 1.10, pull: Always}, port: 80}\nown:\n  <<: *base\n  port: 81\n",
    "l: &l {a: 1, b: 1}\nr: &r {b: 2, c: 2}\nm: {<<: [*l, *r], d: 3}\n",
    "a: 1\nb: 2\na: 3\n",
    "lit: |\n  one\n   two\n\n  ---\n  three\nkeep: |+\n  x\n\nstrip: |-\n  x\n\nfold: >-\n  a\n  b\n\n  c\nind: |2\n   d\n",
    "multi: plain over\n  two lines\n\n  and a break\nq: 'single\n  and more'\nd: \"double \\\n  joined\"\n",
    "{\n\t\"json\": [1, -2.5e3, true, null, \"\\ud83d\\ude00\"],\n\t\"o\": {}\n}",
    "crlf: 1\r\nlist:\r\n- a\r\n- |\r\n  b\r\n",
    "words: [true, False, null, ~, '', 'true', !!str 1, 0x1F, .5, 1e3, 1.2.3, v1, 1.10, -7]\n",
    "legacy: {mode: 0775, on: 'x', n: 1_000}\n",
    "? key\n: value\n? - not\n  - scalar\n: x\n",
    "kind: List\nitems:\n- a: {b: [c, {d: e}]}\n-\n  f:\n    - g\n    -\n",
];

/// What a tree means, numbers as text.
fn meaning(node: &Node) -> Value {
    match &node.kind {
        // Flux's own reader gives an empty text for a tag with nothing behind it, this referee gives null.
        NodeKind::Scalar { text, tag: Some(tag), .. } if text.is_empty() && &**tag != "!!str" => Value::Null,
        NodeKind::Scalar { text, .. } => match node.scalar_type() {
            Some(ScalarType::Null) => Value::Null,
            Some(ScalarType::Bool(value)) => value.into(),
            Some(ScalarType::Number) => serde_json::json!({ "number": &**text }),
            _ => Value::from(&**text),
        },
        NodeKind::Sequence(items) => items.iter().map(meaning).collect(),
        NodeKind::Mapping(_) => node.pairs().into_iter().map(|(key, value)| (key.to_owned(), meaning(value))).collect(),
    }
}

/// Whether our meaning is the referee's value. Numbers must be numbers, and equal where the text is a plain decimal.
fn agrees(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Object(number), Value::Number(theirs)) => {
            let text = number.get("number").and_then(Value::as_str).unwrap_or_default();
            let legacy = text.len() > 1 && text.starts_with('0') && !text.contains('.');
            number.len() == 1
                && (legacy || text.parse::<f64>().is_ok_and(|n| Some(n) == theirs.as_f64()) || text.contains('_'))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(key, value)| theirs.get(key).is_some_and(|t| agrees(value, t)))
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| agrees(ours, theirs))
        }
        _ => ours == theirs,
    }
}

#[track_caller]
fn compare(name: &str, text: &str) {
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        legacy_octal_numbers: true,
    };
    let theirs = serde_saphyr::from_multiple_with_options::<Value>(text, options);
    let stream = parse(text.as_bytes());
    let broken = stream.documents.iter().find_map(|d| d.root.as_ref().err());
    let theirs = match (theirs, broken) {
        (Ok(theirs), None) => theirs,
        (Err(_), Some(_)) => return,
        (theirs, ours) => panic!("{name}: referee {:?}, ours {ours:?}", theirs.err().map(|e| e.to_string())),
    };
    // The referee leaves empty documents out.
    let ours: Vec<_> = stream.roots().map(|(_, root)| meaning(root)).filter(|value| !value.is_null()).collect();
    assert_eq!(ours.len(), theirs.len(), "{name}");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!(agrees(ours, theirs), "{name}:\nours   {ours}\ntheirs {theirs}");
    }
}

#[test]
fn every_form_means_what_the_referee_reads() {
    for text in FORMS.iter().filter(|text| !text.contains("? - not")) {
        compare(text, text);
    }
}

#[test]
fn the_referee_can_disagree() {
    assert!(!agrees(&meaning(parse(b"a: 1.10\n").roots().next().unwrap().1), &serde_json::json!({"a": "1.10"})));
    assert!(!agrees(&serde_json::json!(["x"]), &serde_json::json!(["y"])));
}

#[test]
fn a_key_that_is_no_scalar_stays_in_the_tree_and_hides_nothing() {
    let stream = parse(FORMS[12].as_bytes());
    let root = stream.roots().next().unwrap().1;
    assert_eq!((root.entries().len(), root.pairs().len()), (2, 1));
    assert_eq!(root.get("key").and_then(Node::text), Some("value"));
}

#[test]
fn every_file_of_the_corpora_means_what_the_referee_reads() {
    let Some(directory) = std::env::var_os("DAVIT_CORPORA") else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().ends_with(".tree.tar.gz") {
            continue;
        }
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()));
        for file in archive.entries().unwrap() {
            let mut file = file.unwrap();
            if !file.header().entry_type().is_file() {
                continue;
            }
            let name = file.path().unwrap().display().to_string();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            compare(&name, &text);
            seen += 1;
        }
    }
    assert!(seen > 0, "DAVIT_CORPORA has no *.tree.tar.gz");
}
