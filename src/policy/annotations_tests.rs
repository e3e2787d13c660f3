use super::super::{Ignore, Policy, Range};
use crate::model::{Annotations, Bump, Reason, Version};
use std::time::Duration;

#[expect(clippy::unnecessary_wraps, reason = "the fields are options")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn ignores(text: &str, version: &str) -> bool {
    let (policy, problems) =
        Policy::default().with_annotations(&Annotations { ignore: some(text), ..Annotations::default() });
    assert_eq!(problems, []);
    policy.ignore.iter().any(|ignore| ignore.covers(&Version::strict(version).unwrap()))
}

#[test]
fn annotations_replace_what_the_configuration_says_key_by_key() {
    let base = Policy { prereleases: true, group: "infra".to_owned(), bump: Bump::Patch, ..Policy::default() };
    let annotations = Annotations {
        range: some(">=1, <3"),
        bump: some("minor"),
        minimum_age: some("7d"),
        ignore: some("1.2.3"),
        enabled: some("true"),
        ..Annotations::default()
    };
    let (policy, problems) = base.with_annotations(&annotations);
    assert_eq!(problems, []);
    assert_eq!(policy.range, Some(Range::parse(">=1, <3").unwrap()));
    assert_eq!((policy.bump, policy.minimum_age), (Bump::Minor, Duration::from_hours(7 * 24)));
    assert_eq!(policy.ignore, [Ignore::parse("1.2.3").unwrap()]);
    assert_eq!((policy.prereleases, policy.group.as_str(), policy.hold), (true, "infra", None));
}

#[test]
fn an_empty_annotation_takes_the_setting_away() {
    let base = Policy { range: Some(Range::parse("1.x").unwrap()), group: "a".to_owned(), ..Policy::default() };
    let annotations = Annotations { range: some(""), group: some(" "), ..Annotations::default() };
    assert_eq!(base.with_annotations(&annotations), (Policy::default(), vec![]));
}

#[test]
fn a_disabled_release_is_held_with_that_reason() {
    let annotations = Annotations { enabled: some("false"), ..Annotations::default() };
    let (policy, problems) = Policy::default().with_annotations(&annotations);
    assert_eq!((policy.hold.unwrap().reason, problems.len()), (Reason::Disabled, 0));
}

#[test]
fn every_annotation_that_cannot_be_read_is_named_and_holds_the_release_back() {
    let annotations = Annotations {
        range: some("newest"),
        bump: some("none"),
        minimum_age: some("a week"),
        ignore: some("1.2.3, latest"),
        group: some("a/b"),
        enabled: some("no"),
        others: vec![],
    };
    let (policy, problems) = Policy::default().with_annotations(&annotations);
    let keys = ["range", "bump", "ignore", "minimum-age", "group", "enabled"];
    assert_eq!(problems.len(), keys.len());
    for (problem, key) in problems.iter().zip(keys) {
        assert!(problem.message.contains(&format!("davit.dev/{key} ")), "{}", problem.message);
        assert_eq!(problem.reason, Reason::InvalidAnnotation);
    }
    assert_eq!(policy.hold.as_ref(), problems.first());
}

#[test]
fn a_list_of_full_versions_is_separated_by_commas() {
    assert!(ignores("1.2.3, v1.2.4", "1.2.3") && ignores("1.2.3, v1.2.4", "1.2.4"));
    assert!(!ignores("1.2.3, v1.2.4", "1.2.5"));
}

#[test]
fn commas_within_a_range_stay_in_it() {
    assert!(ignores(">=1.2.0, <1.3.0", "1.2.9"));
    assert!(!ignores(">=1.2.0, <1.3.0", "1.3.0"));
    assert!(ignores("1.x, !=1.5.0", "1.4.0"));
    assert!(ignores("2.0.0; >=1.2, <1.3", "2.0.0") && ignores("2.0.0, >=1.2, <1.3", "1.2.5"));
    assert!(!ignores("2.0.0, >=1.2, <1.3", "1.3.5"));
}

#[test]
fn a_list_of_partial_versions_ignores_each_of_them() {
    assert!(ignores("1.x, 3.x", "1.9.0") && ignores("1.x, 3.x", "3.0.0") && !ignores("1.x, 3.x", "2.0.0"));
    assert!(ignores("2.x", "2.0.0-rc.1"), "a pre-release of what is ignored is ignored too");
}

#[test]
fn an_annotation_that_nobody_knows_holds_the_release_and_one_of_a_later_version_does_not() {
    for key in ["davit.dev/enable", "davit.dev/bmp", "davit.dev/prereleases"] {
        let (policy, problems) = Policy::default().with_annotations(&Annotations::of([(key, "false")]));
        let hold = policy.hold.expect(key);
        assert_eq!((hold.reason, problems.len()), (Reason::InvalidAnnotation, 1));
        assert!(hold.message.contains(key) && hold.message.contains("minimum-age"), "{}", hold.message);
    }
    let others = [("davit.dev/backup", "required"), ("davit.dev/backup-plan", "db"), ("example.com/enable", "x")];
    let annotations = Annotations::of(others);
    assert_eq!(annotations.later().collect::<Vec<_>>(), ["backup", "backup-plan"]);
    assert_eq!(Policy::default().with_annotations(&annotations), (Policy::default(), vec![]));
}
