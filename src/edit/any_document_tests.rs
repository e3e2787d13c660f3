//! Any document, any scalar, any quoting: an edit changes exactly its span, and for another parser than ours exactly that
//! node.

use super::{Swap, apply};
use crate::model::ScalarStyle;
use crate::yaml::{self, Route};
use proptest::collection::vec;
use proptest::prelude::*;
use std::fmt::Write as _;

/// A document as it is meant.
#[derive(Debug, Clone)]
enum Tree {
    /// The text as it stands, quotes included, and what it says.
    Scalar(String, String),
    Map(Vec<Tree>, Form),
    List(Vec<Tree>, Form),
}

/// How a collection is written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Block,
    Flow,
}

fn scalar() -> impl Strategy<Value = Tree> {
    let plain = prop_oneof![
        "v?[0-9]{1,3}(\\.[0-9]{1,2}){0,2}(-rc\\.[0-9])?",
        "[a-z][a-z0-9./_+-]{0,12}[a-z0-9]",
        "true|null|~|1e3|0x1F"
    ];
    prop_oneof![
        3 => plain.prop_map(|text| Tree::Scalar(text.clone(), text)),
        1 => "[ -~é]{0,12}".prop_map(|text| Tree::Scalar(super::property_tests::quoted(&text, ScalarStyle::Single), text)),
        1 => "[ -~é]{0,12}".prop_map(|text| Tree::Scalar(super::property_tests::quoted(&text, ScalarStyle::Double), text)),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let form = || prop_oneof![3 => Just(Form::Block), 1 => Just(Form::Flow)];
    scalar().prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            (vec(inner.clone(), 1..5), form()).prop_map(|(items, form)| Tree::Map(items, form)),
            (vec(inner, 1..5), form()).prop_map(|(items, form)| Tree::List(items, form)),
        ]
    })
}

/// Line ends, indents and comments of a rendering.
#[derive(Debug, Clone)]
struct Style {
    end: &'static str,
    step: usize,
    comments: bool,
    bom: bool,
    last: bool,
}

fn style() -> impl Strategy<Value = Style> {
    let (end, step) = (prop_oneof![Just("\n"), Just("\r\n")], 1_usize..4);
    (end, step, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(end, step, comments, bom, last)| Style {
        end,
        step,
        comments,
        bom,
        last,
    })
}

impl Style {
    /// A value after its key or dash; the cursor stands behind these.
    fn value(&self, out: &mut String, tree: &Tree, indent: usize) {
        match tree {
            Tree::Scalar(text, _) => write!(out, " {text}").unwrap(),
            Tree::Map(_, Form::Flow) | Tree::List(_, Form::Flow) => {
                out.push(' ');
                flow(out, tree);
            }
            Tree::Map(..) | Tree::List(..) => {
                out.push_str(if self.comments { " # of this" } else { "" });
                out.push_str(self.end);
                return self.block(out, tree, indent + self.step);
            }
        }
        out.push_str(if self.comments { "  # 1.2.3: \"x\"" } else { "" });
        out.push_str(self.end);
    }

    fn block(&self, out: &mut String, tree: &Tree, indent: usize) {
        let (items, map) = match tree {
            Tree::Map(items, _) => (items, true),
            Tree::List(items, _) => (items, false),
            Tree::Scalar(..) => return,
        };
        for (number, item) in items.iter().enumerate() {
            if self.comments && number % 2 == 1 {
                write!(out, "{}{}# between{}", self.end, " ".repeat(indent), self.end).unwrap();
            }
            out.push_str(&" ".repeat(indent));
            if map {
                write!(out, "k{number}:").unwrap();
            } else {
                out.push('-');
            }
            self.value(out, item, indent);
        }
    }

    fn document(&self, trees: &[Tree]) -> String {
        let mut out = String::from(if self.bom { "\u{feff}" } else { "" });
        for tree in trees {
            write!(out, "---{}", self.end).unwrap();
            match tree {
                Tree::Map(_, Form::Block) | Tree::List(_, Form::Block) => self.block(&mut out, tree, 0),
                Tree::Map(..) | Tree::List(..) => {
                    flow(&mut out, tree);
                    out.push_str(self.end);
                }
                Tree::Scalar(text, _) => write!(out, "{text}{}", self.end).unwrap(),
            }
        }
        if self.last { out } else { out.trim_end_matches(['\n', '\r']).to_owned() }
    }
}

fn flow(out: &mut String, tree: &Tree) {
    let (items, map) = match tree {
        Tree::Scalar(text, _) => return out.push_str(text),
        Tree::Map(items, _) => (items, true),
        Tree::List(items, _) => (items, false),
    };
    out.push(if map { '{' } else { '[' });
    for (number, item) in items.iter().enumerate() {
        out.push_str(if number > 0 { ", " } else { "" });
        if map {
            write!(out, "k{number}: ").unwrap();
        }
        flow(out, item);
    }
    out.push(if map { '}' } else { ']' });
}

/// Every scalar: its document, its route, what it says.
fn scalars(trees: &[Tree]) -> Vec<(usize, Route, String)> {
    fn below(tree: &Tree, document: usize, route: &Route, all: &mut Vec<(usize, Route, String)>) {
        match tree {
            Tree::Scalar(_, says) => all.push((document, route.clone(), says.clone())),
            Tree::Map(items, _) => {
                items.iter().enumerate().for_each(|(n, item)| below(item, document, &route.key(&format!("k{n}")), all));
            }
            Tree::List(items, _) => {
                items.iter().enumerate().for_each(|(n, item)| below(item, document, &route.index(n), all));
            }
        }
    }
    let mut all = Vec::new();
    trees.iter().enumerate().for_each(|(document, tree)| below(tree, document, &Route::root(), &mut all));
    all
}

/// Every leaf as serde_yaml reads it, with its place.
fn leaves(text: &str) -> Vec<(String, serde_yaml::Value)> {
    fn below(value: serde_yaml::Value, place: &str, all: &mut Vec<(String, serde_yaml::Value)>) {
        match value {
            serde_yaml::Value::Mapping(pairs) => {
                pairs
                    .into_iter()
                    .for_each(|(key, value)| below(value, &format!("{place}.{}", key.as_str().unwrap()), all));
            }
            serde_yaml::Value::Sequence(items) => {
                items.into_iter().enumerate().for_each(|(n, value)| below(value, &format!("{place}[{n}]"), all));
            }
            leaf => all.push((place.to_owned(), leaf)),
        }
    }
    let mut all = Vec::new();
    for (document, one) in serde_yaml::Deserializer::from_str(text.trim_start_matches('\u{feff}')).enumerate() {
        let value = serde::Deserialize::deserialize(one).unwrap_or_else(|error| panic!("{error}: {text:?}"));
        below(value, &document.to_string(), &mut all);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_of_any_scalar_changes_its_span_and_for_another_parser_its_node_alone(
        trees in vec(tree(), 1..4),
        style in style(),
        chosen in any::<prop::sample::Index>(),
        new in prop_oneof![3 => "v?[0-9]{1,2}\\.[0-9]{1,2}\\.[0-9]{1,2}(-rc\\.[0-9])?(\\+[a-z0-9]{1,3})?", 1 => "[ -~é]{1,10}"],
    ) {
        let before = style.document(&trees);
        let all = scalars(&trees);
        let (document, route, says) = chosen.get(&all);
        let stream = yaml::parse(before.as_bytes());
        prop_assert_eq!(stream.documents.len(), trees.len(), "{:?}", &before);
        let root = stream.documents[*document].root.as_ref().unwrap().as_ref().unwrap();
        let site = yaml::site("a.yaml", *document, root, route);
        // What says nothing is no version.
        if site.is_err() && matches!(says.as_str(), "null" | "~") {
            return Ok(());
        }
        let site = site.map_err(|problem| TestCaseError::fail(format!("{}: {before:?}", problem.message)))?;
        prop_assert_eq!(&site.text, says);
        let after = apply(before.as_bytes(), &[Swap { site: site.clone(), to: new.clone() }]);
        let after = after.map_err(|refused| TestCaseError::fail(format!("{refused}: {before:?} to {new:?}")))?;
        prop_assert_eq!(&after[..site.start], &before.as_bytes()[..site.start]);
        prop_assert_eq!(&after[after.len() - (before.len() - site.end)..], &before.as_bytes()[site.end..]);
        let after = String::from_utf8(after).unwrap();
        let (was, is) = (leaves(&before), leaves(&after));
        prop_assert_eq!(was.len(), all.len());
        prop_assert_eq!(is.len(), was.len(), "{:?} became {:?}", &before, &after);
        let number = all.iter().position(|one| std::ptr::eq(one, chosen.get(&all))).unwrap();
        for (at, ((place, old), (now, value))) in was.iter().zip(&is).enumerate() {
            prop_assert_eq!(place, now);
            if at != number {
                prop_assert_eq!(old, value, "{} of {:?} became {:?}", place, &before, &after);
            }
        }
        // A version is a text for whoever reads it, but where it was a number and is one.
        let read = &is[number].1;
        prop_assert!(read.as_str() == Some(new.as_str()) || !read.is_string(), "{:?} reads {:?}", &after, read);
    }
}
