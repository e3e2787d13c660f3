//! The proof itself, shown edits that went wrong: each must be refused, or the proof proves nothing.

use super::{Host, Leaf, Side, Splice, prove};
use crate::model::ScalarStyle;
use crate::yaml::{self, Source};

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

/// `old` becomes `to` in the YAML that the first scalar of the file holds as text.
fn held(before: &str, old: &str, to: &str) -> Splice {
    let stream = yaml::parse(before.as_bytes());
    let node = stream.roots().next().unwrap().1.get("p").unwrap();
    let source = Source::file(before.as_bytes()).within(node).unwrap();
    let start = before.find(old).unwrap();
    let local = source.local(start, start + old.len()).unwrap();
    let (from, end) = (local.start, local.end);
    let host = Host { start: node.start as usize, end: node.end as usize, from, to: end, text: to.to_owned() };
    Splice { hosts: vec![host], documents: vec![0, 0], ..splice(before, old, to) }
}

#[test]
fn an_edit_in_a_text_that_changed_more_or_less_than_was_wanted_is_refused() {
    for (before, good, bad) in [
        // Outside.
        ("p: |\n  a: 1.2.3\nb: x\n", "p: |\n  a: 2.0.0\nb: x\n", "p: |\n  a: 2.0.0\nb: y\n"),
        ("p: |\n  a: 1.2.3\nb: x\n", "p: |\n  a: 2.0.0\nb: x\n", "p: |\n  a: 1.2.3\nb: x\n"),
        ("p: |\n  a: 1.2.3\nb: x\n", "p: |\n  a: 2.0.0\nb: x\n", "p: |\n  a: 2.0.1\nb: x\n"),
        ("p: |\n  a: 1.2.3\nb: x\n", "p: |\n  a: 2.0.0\nb: x\n", "p: |-\n  a: 2.0.0\nb: x\n"),
        ("p: |\n  a: 1.2.3\nb: x\n", "p: |\n  a: 2.0.0\nb: x\n", "p: >\n  a: 2.0.0\nb: x\n"),
        ("p: |\n  a: 1.2.3\nb: x\n", "p: |\n  a: 2.0.0\nb: x\n", "p: |\n   a: 2.0.0\nb: x\n"),
        ("p: |\n  a: 1.2.3\nb: x\n", "p: |\n  a: 2.0.0\nb: x\n", "p: |\n  a: 2.0.0\n\nb: x\n"),
        ("p: |\n  a: 1.2.3\nb: x\n", "p: |\n  a: 2.0.0\nb: x\n", "p: !!str |\n  a: 2.0.0\nb: x\n"),
        ("p: |\n  a: 1.2.3\nb: x\n", "p: |\n  a: 2.0.0\nb: x\n", "p: {a: 2.0.0}\nb: x\n"),
        ("p: 'a: 1.2.3'\n", "p: 'a: 2.0.0'\n", "p: \"a: 2.0.0\"\n"),
        // Inside.
        ("p: |\n  a: 1.2.3\n  b: x\n", "p: |\n  a: 2.0.0\n  b: x\n", "p: |\n  a: 2.0.0\n  b: y\n"),
        ("p: |\n  a: 1.2.3\n  b: x\n", "p: |\n  a: 2.0.0\n  b: x\n", "p: |\n  b: x\n  a: 2.0.0\n"),
        ("p: |\n  a: 1.2.3\n  b: x\n", "p: |\n  a: 2.0.0\n  b: x\n", "p: |\n  a: \"2.0.0\"\n  b: x\n"),
        ("p: |\n  a: 1.2.3\n  b: x\n", "p: |\n  a: 2.0.0\n  b: x\n", "p: |\n  a: 2.0.0\n  b: x\n  c: 1\n"),
        ("p: |\n  a: 1.2.3 # c\n", "p: |\n  a: 2.0.0 # c\n", "p: |\n  a: 2.0.0 # d\n"),
        (
            "p: |\n  a: 1.2.3\n  ---\n  b: x\n",
            "p: |\n  a: 2.0.0\n  ---\n  b: x\n",
            "p: |\n  a: 2.0.0\n  --- \n  b: x\n",
        ),
        ("p: 'a: 1.2.3'\n", "p: 'a: 2.0.0'\n", "p: 'a: 2.0.0 '\n"),
    ] {
        let splices = [held(before, "1.2.3", "2.0.0")];
        assert_eq!(proof(before, good, &splices), Ok(()), "{before:?} to {good:?}");
        assert!(proof(before, bad, &splices).is_err(), "{before:?} to {bad:?} is let through");
    }
}

#[test]
fn an_edit_that_is_right_outside_and_wrong_inside_is_refused() {
    // The outer text is as wanted; what it means inside is not.
    for (before, old, to) in [
        ("p: |\n  a: 1.2.3\n", "1.2.3", "1.10"),
        ("p: |\n  a: 1.2.3\n", "1.2.3", "true"),
        ("p: |\n  a: 1.2.3\n", "1.2.3", "x: y"),
        ("p: |\n  a: 1.2.3\n", "1.2.3", "x #y"),
        ("p: |\n  a: 1.2.3\n", "1.2.3", "*b"),
        ("p: |\n  a: [1.2.3]\n", "1.2.3", "2, 3"),
        ("p: |\n  a: 1.2.3\n  b: x\n", "1.2.3\n  b", "2"),
    ] {
        let after = before.replace(old, to);
        let splices = [if old.contains('\n') {
            let start = before.find("1.2.3").unwrap();
            let host = Host { start: 7, end: before.len(), from: 3, to: 10, text: to.to_owned() };
            Splice {
                start,
                end: start + old.len(),
                hosts: vec![host],
                documents: vec![0, 0],
                ..splice(before, old, to)
            }
        } else {
            held(before, old, to)
        }];
        assert!(proof(before, &after, &splices).is_err(), "{before:?} to {after:?} is let through");
    }
}

#[test]
fn the_same_bytes_in_another_document_of_a_text_are_not_the_wanted_ones() {
    let before = "p: |\n  a: 1.2.3\n  ---\n  a: x\n";
    let after = before.replace("1.2.3", "2.0.0");
    let right = held(before, "1.2.3", "2.0.0");
    assert_eq!(proof(before, &after, std::slice::from_ref(&right)), Ok(()));
    for documents in [vec![0, 1], vec![1, 0], vec![0]] {
        let wrong = Splice { documents, ..right.clone() };
        assert!(proof(before, &after, &[wrong]).is_err());
    }
}

#[test]
fn a_part_that_changed_more_or_less_than_was_wanted_is_refused() {
    let part = |before: &str, to: &str| {
        let whole = before.find("${").unwrap();
        let end = before.rfind('}').unwrap() + 1;
        let from = before.find("1.2.3").unwrap() - whole;
        let host = Host { start: whole, end, from, to: from + 5, text: to.to_owned() };
        Splice { hosts: vec![host], leaf: Leaf::Part, ..splice(before, "1.2.3", to) }
    };
    for (before, good, bad) in [
        ("v: ${V:=1.2.3}\nb: x\n", "v: ${V:=2.0.0}\nb: x\n", "v: ${V:=1.2.3}\nb: x\n"),
        ("v: ${V:=1.2.3}\nb: x\n", "v: ${V:=2.0.0}\nb: x\n", "v: ${V:=2.0.1}\nb: x\n"),
        ("v: ${V:=1.2.3}\nb: x\n", "v: ${V:=2.0.0}\nb: x\n", "v: ${W:=2.0.0}\nb: x\n"),
        ("v: ${V:=1.2.3}\nb: x\n", "v: ${V:=2.0.0}\nb: x\n", "v: ${V:-2.0.0}\nb: x\n"),
        ("v: ${V:=1.2.3}\nb: x\n", "v: ${V:=2.0.0}\nb: x\n", "v: \"${V:=2.0.0}\"\nb: x\n"),
        ("v: ${V:=1.2.3}\nb: x\n", "v: ${V:=2.0.0}\nb: x\n", "v: ${V:=2.0.0}\nb: y\n"),
        ("v: ${V:=1.2.3}\nb: x\n", "v: ${V:=2.0.0}\nb: x\n", "v: ${V:=2.0.0}\nc: x\n"),
        ("v: '${V:=1.2.3}' # c\n", "v: '${V:=2.0.0}' # c\n", "v: '${V:=2.0.0} '# c\n"),
        ("- ${V:=1.2.3}\n- ${V:=1.2.3}\n", "- ${V:=2.0.0}\n- ${V:=1.2.3}\n", "- ${V:=2.0.0}\n- ${V:=2.0.0}\n"),
        ("a: &v ${V:=1.2.3}\nb: *v\n", "a: &v ${V:=2.0.0}\nb: *v\n", "a: &v ${V:=2.0.0}\nb: z\n"),
    ] {
        let first = if before.starts_with('-') { &before[..before.find('\n').unwrap()] } else { before };
        let splices = [part(first, "2.0.0")];
        assert_eq!(proof(before, good, &splices), Ok(()), "{before:?} to {good:?}");
        assert!(proof(before, bad, &splices).is_err(), "{before:?} to {bad:?} is let through");
    }
}
