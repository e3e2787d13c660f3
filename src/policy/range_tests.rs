use super::{MAX_ALTERNATIVES, MAX_RANGE_LEN, Range, RangeError};
use crate::model::Version;

/// What the Go referee says of a pair.
fn answer(range: &str, version: &str) -> &'static str {
    let Ok(range) = Range::parse(range) else { return "CERR" };
    match Version::loose(version) {
        None => "ERR",
        Some(version) if range.admits(&version) => "true",
        Some(_) => "false",
    }
}

fn check_table(table: &str) -> usize {
    let mut wrong = Vec::new();
    for line in table.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let [range, version, expected] = fields[..] else { panic!("not three fields: {line:?}") };
        let got = answer(range, version);
        if got != expected {
            wrong.push(format!("{range:?} {version:?}: {expected} expected, {got} answered"));
        }
    }
    assert!(wrong.is_empty(), "{} pairs differ:\n{}", wrong.len(), wrong.join("\n"));
    table.lines().count()
}

#[test]
fn the_committed_pairs_of_the_go_original_agree() {
    let pairs = check_table(include_str!("../../fixtures/semver/pairs.tsv"));
    assert!(pairs >= 300, "only {pairs} pairs");
}

#[test]
fn the_corpora_table_agrees_where_it_is_there() {
    if let Some(dir) = std::env::var_os("DAVIT_CORPORA") {
        let path = std::path::Path::new(&dir).join("semver.truth.tsv");
        let table = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(check_table(&table) > 0);
    }
}

#[test]
fn a_bare_full_version_is_exact_and_a_partial_one_is_a_wildcard() {
    assert_eq!(
        [answer("1.2.3", "1.2.3"), answer("1.2.3", "1.2.4"), answer("1.2.3", "1.3.0")],
        ["true", "false", "false"]
    );
    assert_eq!([answer("1.2", "1.2.9"), answer("1.2", "1.3.0"), answer("1", "1.9.0")], ["true", "false", "true"]);
}

#[test]
fn a_range_without_a_prerelease_admits_none() {
    assert_eq!([answer(">=1.0.0", "2.0.0-rc.1"), answer(">=1.0.0-0", "2.0.0-rc.1")], ["false", "true"]);
    let range = Range::parse(">=1.0.0").unwrap();
    assert!(range.admits_prereleases_too(&Version::loose("2.0.0-rc.1").unwrap()) && !range.names_prereleases());
}

#[test]
fn limits_are_those_of_the_original() {
    let long = format!("1.2.3 {}", " ".repeat(MAX_RANGE_LEN - 5));
    assert_eq!(Range::parse(&long), Err(RangeError::TooLong(MAX_RANGE_LEN + 1)));
    assert!(Range::parse(&long[..MAX_RANGE_LEN]).is_ok());
    assert!(Range::parse(&vec!["1.2.3"; MAX_ALTERNATIVES].join("||")).is_ok());
    assert_eq!(
        Range::parse(&vec!["1.2.3"; MAX_ALTERNATIVES + 1].join("||")),
        Err(RangeError::TooManyAlternatives(MAX_ALTERNATIVES + 1))
    );
}

#[test]
fn white_space_is_ascii_only_and_an_empty_text_is_no_range() {
    for bad in ["", " ", ">=\u{a0}1.2", "1.2.3\u{3000}", "latest", ">=1;<2", "1.2.3.4", ">>1", "||"] {
        assert!(Range::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn the_error_names_the_text_and_shows_a_range() {
    let error = Range::parse("newest").unwrap_err().to_string();
    assert!(error.contains("\"newest\"") && error.contains(">=1.2.0, <2.0.0"), "{error}");
}

/// The texts in backquotes of one cell; `\|` stands for `|`.
fn code_spans(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(|text| text.replace("\\|", "|")).collect()
}

#[test]
fn every_row_of_the_documentation_is_true() {
    let mut rows = 0;
    for line in include_str!("../../docs/ranges.md").lines().filter(|line| line.starts_with("| `")) {
        let line = line.replace("\\|", "\u{1}");
        let cells: Vec<_> = line.split('|').map(|cell| cell.replace('\u{1}', "\\|")).collect();
        let [_, range, _, admits, refuses, _] = &cells[..] else { panic!("not four cells: {line}") };
        let range = &code_spans(range)[0];
        for (cell, expected) in [(admits, "true"), (refuses, "false")] {
            let versions = code_spans(cell);
            assert!(!versions.is_empty(), "{range} has an empty cell");
            for version in versions {
                assert_eq!(answer(range, &version), expected, "{range} {version}");
            }
        }
        rows += 1;
    }
    assert!(rows >= 30, "only {rows} rows found");
}
