//! The proof itself, shown edits that went wrong: each must be refused, or the proof proves nothing.

use super::{Leaf, Side, Splice, prove};
use crate::model::ScalarStyle;

fn whole(to: &str, string: bool) -> Leaf {
    Leaf::Whole { quote: 0, style: ScalarStyle::Plain, to: to.to_owned(), string }
}

/// `old` in the first document becomes `to`, as a string, without quotes.
fn splice(before: &str, old: &str, to: &str) -> Splice {
    let start = before.find(old).unwrap();
    Splice {
        start,
        end: start + old.len(),
        written: to.to_owned(),
        hosts: Vec::new(),
        documents: vec![0],
        leaf: whole(to, true),
    }
}

fn proof(before: &str, after: &str, splices: &[Splice]) -> Result<(), String> {
    prove::only(splices, &Side::of(before.as_bytes()), &Side::of(after.as_bytes()))
}

#[test]
fn an_edit_that_changed_more_or_less_than_was_wanted_is_refused() {
    for (before, good, bad) in [
        ("a: 1.2.3\nb: x\n", "a: 2.0.0\nb: x\n", "a: 2.0.0\nb: y\n"),
        ("a: 1.2.3\nb: x\n", "a: 2.0.0\nb: x\n", "a: 1.2.3\nb: x\n"),
        ("a: 1.2.3\nb: x\n", "a: 2.0.0\nb: x\n", "a: 2.0.1\nb: x\n"),
        ("a: 1.2.3\nb: x\n", "a: 2.0.0\nb: x\n", "a: 2.0.0\nc: x\n"),
        ("a: 1.2.3\nb: x\n", "a: 2.0.0\nb: x\n", "a: 2.0.0\nb: x\nc: 1\n"),
        ("a: 1.2.3\nb: x\n", "a: 2.0.0\nb: x\n", "a: 2.0.0\n"),
        ("a: 1.2.3\nb: x\n", "a: 2.0.0\nb: x\n", "b: x\na: 2.0.0\n"),
        ("a: 1.2.3\nb: x\n", "a: 2.0.0\nb: x\n", "a: 2.0.0\nb:  x\n"),
        ("a: 1.2.3\nb: x\n", "a: 2.0.0\nb: x\n", "\na: 2.0.0\nb: x\n"),
        ("a: 1.2.3\nb: x\n", "a: 2.0.0\nb: x\n", "a: 2.0.0\nb: 'x'\n"),
        ("a: 1.2.3\nb: x\n", "a: 2.0.0\nb: x\n", "a: \"2.0.0\"\nb: x\n"),
        ("a: 1.2.3\nb: x\n", "a: 2.0.0\nb: x\n", "a: 2.0.0\nb: x\n---\nc: 1\n"),
        ("a: 1.2.3\nb: x\n", "a: 2.0.0\nb: x\n", "a: 2.0.0\nb: [\n"),
        ("a: 1.2.3\n---\nb: [\n", "a: 2.0.0\n---\nb: [\n", "a: 2.0.0\n---\nb: x\n"),
        ("a: 1.2.3\nb: [x, y]\n", "a: 2.0.0\nb: [x, y]\n", "a: 2.0.0\nb: [x]\n"),
        ("a: 1.2.3\nb: [x, y]\n", "a: 2.0.0\nb: [x, y]\n", "a: 2.0.0\nb: [x, z]\n"),
        ("a: 1.2.3\nb: &x y\n", "a: 2.0.0\nb: &x y\n", "a: 2.0.0\nb: &z y\n"),
        ("a: 1.2.3\nb: !!str y\n", "a: 2.0.0\nb: !!str y\n", "a: 2.0.0\nb: !!foo y\n"),
        ("a: &v 1.2.3\nb: *v\n", "a: &v 2.0.0\nb: *v\n", "a: &v 2.0.0\nb: zz\n"),
    ] {
        let splices = [splice(before, "1.2.3", "2.0.0")];
        assert_eq!(proof(before, good, &splices), Ok(()), "{before:?} to {good:?}");
        assert!(proof(before, bad, &splices).is_err(), "{before:?} to {bad:?} is let through");
    }
}

#[test]
fn a_string_that_became_a_number_is_refused() {
    let before = "a: 1.2.3\n";
    for to in ["1.10", "1e3", "null", "true"] {
        let string = splice(before, "1.2.3", to);
        assert!(proof(before, &format!("a: {to}\n"), std::slice::from_ref(&string)).is_err(), "{to}");
        let number = Splice { leaf: whole(to, false), ..string };
        assert_eq!(proof(before, &format!("a: {to}\n"), &[number]), Ok(()), "{to}");
    }
}

#[test]
fn the_same_bytes_in_another_document_are_not_the_wanted_ones() {
    let before = "a: 1.2.3\n---\nb: 1.2.3\n";
    let wrong = Splice { documents: vec![1], ..splice(before, "1.2.3", "2.0.0") };
    assert!(proof(before, "a: 2.0.0\n---\nb: 1.2.3\n", &[wrong]).is_err());
}
