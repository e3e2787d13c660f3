//! The table for a terminal.

use super::{Reader, table};
use crate::engine::report::{Findings, Row};
use crate::model::{Problem, Reason, Release, RowKind};
use std::sync::Arc;

fn failed(name: &str, why: &str) -> Row {
    let release = Release {
        kind: RowKind::HelmRelease,
        cluster: None,
        kustomization: None,
        namespace: "media".to_owned(),
        name: name.to_owned(),
        file: format!("a/long/path/to/the/manifests/of/{name}.yaml").into(),
        line: 2,
        chart: Some("app".to_owned()),
        source: None,
        site: None,
        current: Some("1.0.0".to_owned()),
        chart_kind: None,
        lookup: None,
        annotations: Arc::default(),
        notes: Vec::new(),
        digest_site: None,
        digest_stays: false,
        frame: None,
        chain: Vec::new(),
        problem: None,
        credentials: None,
        crds: crate::model::CrdUpgrade::Skip,
    };
    Row::held(release, Problem::new(Reason::SourceError, why), None)
}

#[test]
fn on_a_terminal_one_reason_stands_once_below_all_of_its_rows() {
    let rows =
        [failed("a", "one is down"), failed("b", "two is down"), failed("c", "one is down")].map(Arc::new).to_vec();
    let findings = Findings { repository: ".".to_owned(), rows, ..Findings::default() };
    let shown = table(&findings, Reader::Terminal(80));
    let plain = anstream::adapter::strip_str(&shown).to_string();
    let starts: Vec<&str> = plain.lines().map(str::trim_start).map(|l| l.split("  ").next().unwrap()).collect();
    assert_eq!(
        starts,
        [
            "STATUS",
            "failed",
            "failed",
            "source-error: one is down",
            "failed",
            "source-error: two is down",
            "",
            "3 releases: 3 failed."
        ],
        "{plain}"
    );
    assert!(plain.lines().all(|line| line.chars().count() <= 80), "{plain}");
    let piped = table(&findings, Reader::Lines);
    let piped = anstream::adapter::strip_str(&piped).to_string();
    let whole = |line: &&str| line.ends_with(".yaml:2  source-error: one is down");
    assert_eq!(piped.lines().filter(whole).count(), 2, "elsewhere every line is whole: {piped}");
}

#[test]
fn a_terminal_of_any_width_shows_every_word_and_what_does_not_fit_stands_below_its_row() {
    let why =
        "a sentence of some length that goes on and on, as those of registries and their proxies do, with a remedy";
    let rows = vec![Arc::new(failed("a", why)), Arc::new(failed("b", "short"))];
    let findings = Findings { repository: ".".to_owned(), rows, ..Findings::default() };
    for width in [80, 120, 200] {
        let shown = table(&findings, Reader::Terminal(width));
        let plain = anstream::adapter::strip_str(&shown).to_string();
        assert!(plain.lines().all(|line| line.chars().count() <= width), "{width}: {plain}");
        assert!(plain.lines().all(|line| !line.ends_with(' ')), "{width}: {plain:?}");
        let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(why) && words.contains("a/long/path/to/the/manifests/of/b.yaml:2"), "{width}: {plain}");
    }
    let narrow = table(&findings, Reader::Terminal(60));
    let narrow = anstream::adapter::strip_str(&narrow).to_string();
    let below = narrow.lines().find(|line| line.contains("of/a.yaml:2")).unwrap();
    assert_eq!(below, "    a/long/path/to/the/manifests/of/a.yaml:2");
    assert!(!narrow.contains("WHERE"), "{narrow}");
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
}
