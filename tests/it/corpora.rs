//! Bump commits, written by hand and, where `DAVIT_CORPORA` names a directory, real ones with real trees.

use super::corpus::{self, Tally};
use std::path::{Path, PathBuf};

fn fixtures(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn clean(tally: &Tally) {
    assert!(tally.is_clean(), "{tally:#?}");
}

#[test]
fn every_written_bump_is_found_proposed_alone_and_reproduced_byte_for_byte() {
    let text = std::fs::read(fixtures("corpus/cases.jsonl")).unwrap();
    let mut tally = Tally::default();
    for case in corpus::cases(text.as_slice()).unwrap() {
        tally.add(corpus::replay(&case));
    }
    clean(&tally);
    assert!(tally.sites > 15 && tally.upgrades > 12, "{tally:?}");
}

#[test]
fn a_wrong_expectation_is_noticed() {
    let text = std::fs::read_to_string(fixtures("corpus/cases.jsonl")).unwrap();
    let first = text.lines().next().unwrap();
    for (from, to) in [("\"line\": 11", "\"line\": 12"), ("interval: 1h", "interval: 2h"), ("1.3.0", "1.2.3")] {
        assert!(first.contains(from), "{from}");
        // Only the last one differs: the text after.
        let at = first.rfind(from).unwrap();
        let changed = format!("{}{to}{}", &first[..at], &first[at + from.len()..]);
        let cases = corpus::cases(changed.as_bytes()).unwrap();
        assert!(!corpus::replay(&cases[0]).is_clean(), "{from} → {to} went unnoticed");
    }
}

#[test]
fn every_release_document_of_the_sample_trees_has_a_row() {
    let files = |text: &str| vec![("a.yaml".to_owned(), text.as_bytes().to_vec())];
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: x}\n";
    let tally = corpus::census("one", &files(&format!("{release}---\n{}", release.replace("kind", "\"kind\""))));
    clean(&tally);
    assert_eq!((tally.documents, tally.reasons["HelmRelease invalid-release"]), (2, 2));
    // A document that no parser reads is no row, and is noticed.
    assert!(!corpus::census("broken", &files(&format!("{release}  : : [\n"))).is_clean());
}

#[test]
fn real_commits_and_real_trees_hold_where_they_are_given() {
    let Some(directory) = std::env::var_os("DAVIT_CORPORA") else { return };
    let directory = Path::new(&directory);
    let bumps = corpus::bumps(directory).unwrap();
    clean(&bumps);
    assert!(bumps.sites > 0);
    let trees = corpus::trees(directory).unwrap();
    clean(&trees);
    assert!(trees.documents > 0);
}
