//! The table for a terminal.

use super::table;
use crate::engine::report::{Findings, Row};
use crate::model::{Annotations, Problem, Reason, Release, RowKind};

fn failed(name: &str, why: &str) -> Row {
    let release = Release {
        kind: RowKind::HelmRelease,
        cluster: None,
        kustomization: None,
        namespace: "media".to_owned(),
        name: name.to_owned(),
        file: format!("a/long/path/to/the/manifests/of/{name}.yaml"),
        line: 2,
        chart: Some("app".to_owned()),
        source: None,
        site: None,
        current: Some("1.0.0".to_owned()),
        chart_kind: None,
        lookup: None,
        annotations: Annotations::default(),
        notes: Vec::new(),
        digest_site: None,
        problem: None,
        credentials: None,
    };
    Row::held(release, Problem::new(Reason::SourceError, why), None)
}

#[test]
fn on_a_terminal_one_reason_stands_once_below_all_of_its_rows() {
    let rows = vec![failed("a", "one is down"), failed("b", "two is down"), failed("c", "one is down")];
    let findings = Findings { repository: ".".to_owned(), rows, ..Findings::default() };
    let shown = table(&findings, true);
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
    let piped = table(&findings, false);
    let piped = anstream::adapter::strip_str(&piped).to_string();
    assert_eq!(piped.matches("one is down (a/long").count(), 2, "elsewhere every line is whole: {piped}");
}
