use super::super::{Ignore, Policy, Range};
use super::{Rules, Subject};
use crate::config::{PolicyConfig, RuleConfig, RuleMatch};
use crate::model::Bump;
use std::time::Duration;

fn subject<'a>(namespace: &'a str, release: &'a str, chart: &'a str) -> Subject<'a> {
    Subject { repository: "fleet", namespace, release, chart, url: "oci://ghcr.io/org/charts" }
}

fn config(rules: Vec<RuleConfig>) -> PolicyConfig {
    PolicyConfig {
        range: String::new(),
        bump: Bump::Major,
        prereleases: false,
        minimum_age: Duration::ZERO,
        ignore: Vec::new(),
        separate_majors: false,
        group: String::new(),
        rules,
    }
}

fn rule(matching: RuleMatch, change: impl FnOnce(&mut RuleConfig)) -> RuleConfig {
    let mut rule = RuleConfig { matching, path: "policy.rules[0]".to_owned(), ..RuleConfig::default() };
    change(&mut rule);
    rule
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn without_rules_the_configurations_own_keys_are_in_force() {
    let config = PolicyConfig {
        range: " >=1 ".to_owned(),
        ignore: texts(&["1.2.3", "2.x"]),
        separate_majors: true,
        ..config(vec![])
    };
    let effective = Rules::from_config(&config).unwrap().effective(&subject("media", "plex", "app-template"));
    let ignore = vec![Ignore::parse("1.2.3").unwrap(), Ignore::parse("2.x").unwrap()];
    let range = Some(Range::parse(">=1").unwrap());
    assert_eq!(effective.policy, Policy { range, ignore, separate_majors: true, ..Policy::default() });
}

#[test]
fn a_later_rule_wins_key_by_key() {
    let all = RuleMatch::default;
    let media = || RuleMatch { namespaces: texts(&["media"]), ..RuleMatch::default() };
    let rules = vec![
        rule(media(), |r| {
            r.bump = Some(Bump::Minor);
            r.range = Some("<9".to_owned());
            r.labels = Some(texts(&["media"]));
            r.schedule = Some(texts(&["sat 08:00-18:00"]));
        }),
        rule(media(), |r| {
            r.bump = Some(Bump::Patch);
            r.range = Some(String::new());
        }),
        rule(all(), |r| r.minimum_age = Some(Duration::from_mins(1))),
    ];
    let rules = Rules::from_config(&config(rules)).unwrap();
    let media = rules.effective(&subject("media", "plex", "app-template"));
    assert_eq!((media.policy.bump, media.policy.range), (Bump::Patch, None));
    assert_eq!(media.policy.minimum_age, Duration::from_mins(1));
    assert_eq!(media.labels, Some(texts(&["media"])));
    assert_eq!(media.schedule.unwrap().windows()[0].text(), "sat 08:00-18:00");
    let other = rules.effective(&subject("games", "minecraft", "minecraft"));
    assert_eq!((other.policy.bump, other.labels, other.schedule), (Bump::Major, None, None));
    assert_eq!(other.policy.minimum_age, Duration::from_mins(1));
}

#[test]
fn every_list_that_is_not_empty_must_match_and_a_star_matches_a_slash() {
    let matches = |matching: RuleMatch| {
        let rules = Rules::from_config(&config(vec![rule(matching, |r| r.prereleases = Some(true))])).unwrap();
        rules.effective(&subject("media", "plex", "app-template")).policy.prereleases
    };
    let none = RuleMatch::default;
    assert!(matches(none()));
    assert!(matches(RuleMatch { charts: texts(&["nginx", "app-*"]), ..none() }));
    assert!(matches(RuleMatch { urls: texts(&["oci://*"]), repositories: texts(&["fleet"]), ..none() }));
    assert!(matches(RuleMatch { releases: texts(&["media/p*"]), ..none() }));
    assert!(matches(RuleMatch { releases: texts(&["plex"]), ..none() }));
    assert!(!matches(RuleMatch { releases: texts(&["games/plex"]), ..none() }));
    assert!(!matches(RuleMatch { charts: texts(&["app"]), ..none() }));
    assert!(!matches(RuleMatch { charts: texts(&["app-*"]), namespaces: texts(&["games"]), ..none() }));
}

#[test]
fn everything_that_cannot_be_read_is_told_at_once_with_its_path() {
    let matching = RuleMatch { charts: texts(&["ok", "["]), ..RuleMatch::default() };
    let rule = rule(matching, |r| {
        r.range = Some("newest".to_owned());
        r.schedule = Some(texts(&["daily 01:00-02:00", "whenever"]));
        r.group = Some("a b".to_owned());
    });
    let config = PolicyConfig { ignore: texts(&["1.2.3", "latest"]), range: "nope".to_owned(), ..config(vec![rule]) };
    let issues = Rules::from_config(&config).unwrap_err();
    let paths: Vec<_> = issues.iter().map(|issue| issue.path.as_str()).collect();
    let expected = [
        "policy.range",
        "policy.ignore[1]",
        "policy.rules[0].match.charts[1]",
        "policy.rules[0].range",
        "policy.rules[0].group",
        "policy.rules[0].schedule[1]",
    ];
    assert_eq!(paths, expected);
}
