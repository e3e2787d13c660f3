use super::super::{Ignore, Policy, Range};
use super::{Consumer, DETAILS_PER_ROUND, Outcome, choose, choose_shared};
use crate::model::{
    Annotations, Bump, Candidate, Candidates, ChartKind, Contents, Decision, Inside, Problem, Reason, Version,
};
use jiff::Timestamp;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-21T12:00:00Z")
}

fn candidate(text: &str) -> Candidate {
    Candidate {
        text: text.to_owned(),
        version: Version::strict(&text.replace('_', "+")).unwrap(),
        created: None,
        deprecated: false,
        app_version: None,
        digest: None,
        detailed: true,
        inside: Inside::Opened(Contents::default().into()),
    }
}

fn offer(texts: &[&str]) -> Candidates {
    Candidates { versions: texts.iter().map(|text| candidate(text)).collect(), ..Candidates::default() }
}

fn decide_at(current: &str, kind: ChartKind, offer: &Candidates, policy: &Policy) -> Decision {
    match choose(current, kind, offer, policy, now(), &|_| None) {
        Outcome::Decided(decision) => decision,
        Outcome::NeedsDetail(texts) => panic!("asks for {texts:?}"),
    }
}

fn decide(current: &str, texts: &[&str], policy: &Policy) -> Decision {
    decide_at(current, ChartKind::Tag, &offer(texts), policy)
}

fn text(candidate: Option<&Candidate>) -> &str {
    candidate.map_or("-", |c| c.text.as_str())
}

/// Target, latest, reason.
fn brief(decision: &Decision) -> (&str, &str, Reason) {
    (text(decision.target.as_ref()), text(decision.latest.as_ref()), decision.reason)
}

fn with(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = Policy::default();
    change(&mut policy);
    policy
}

#[test]
fn the_highest_newer_version_is_the_target() {
    let decision = decide("4.4.0", &["4.4.0", "5.1.0", "4.5.0", "0.9.0", "10.0.0-rc.1"], &Policy::default());
    assert_eq!(brief(&decision), ("5.1.0", "5.1.0", Reason::NewerVersion));
    assert_eq!(decision.message, "4.4.0 can move to 5.1.0 (major)");
}

#[test]
fn nothing_newer_is_up_to_date_and_never_a_downgrade() {
    assert_eq!(brief(&decide("5.1.0", &["4.4.0", "5.1.0"], &Policy::default())), ("-", "5.1.0", Reason::UpToDate));
    assert_eq!(brief(&decide("6.0.0", &["4.4.0", "5.1.0"], &Policy::default())), ("-", "5.1.0", Reason::UpToDate));
}

#[test]
fn another_build_of_the_same_version_is_not_newer() {
    let decision = decide("1.2.3+a", &["1.2.3+a", "1.2.3+b", "v1.2.3"], &Policy::default());
    assert_eq!(brief(&decision), ("-", "1.2.3+a", Reason::UpToDate));
}

#[test]
fn flux_rule_07_the_text_written_is_the_candidates_and_the_same_v_is_preferred() {
    let policy = Policy::default();
    assert_eq!(text(decide("v1.2.3", &["1.3.0", "v1.3.0"], &policy).target.as_ref()), "v1.3.0");
    assert_eq!(text(decide("1.2.3", &["v1.3.0", "1.3.0"], &policy).target.as_ref()), "1.3.0");
    assert_eq!(text(decide("v1.0.61", &["1.0.65", "v1.0.62"], &policy).target.as_ref()), "1.0.65");
}

#[test]
fn flux_rule_05_an_underscore_in_a_tag_is_a_plus_in_the_version() {
    let offer = offer(&["1.2.3_build.1", "1.2.4_build.1"]);
    let decision = decide_at("1.2.3_build.1", ChartKind::Tag, &offer, &Policy::default());
    assert_eq!(brief(&decision), ("1.2.4_build.1", "1.2.4_build.1", Reason::NewerVersion));
}

#[test]
fn equal_versions_are_told_apart_by_date_as_flux_does() {
    let mut offer = offer(&["1.3.0+a", "1.3.0+b"]);
    offer.versions[0].created = Some(at("2026-11-02T00:00:00Z"));
    offer.versions[1].created = Some(at("2026-11-01T00:00:00Z"));
    assert_eq!(text(decide_at("1.2.0", ChartKind::Range, &offer, &Policy::default()).target.as_ref()), "1.3.0+a");
}

#[test]
fn prereleases_are_left_out_unless_policy_wants_them() {
    let texts = ["1.0.0", "1.1.0-rc.1"];
    let decision = decide("1.0.0", &texts, &Policy::default());
    assert_eq!(brief(&decision), ("-", "1.0.0", Reason::UpToDate));
    assert_eq!(decision.dropped[0].reason, Reason::Prerelease);
    let wanted = decide("1.0.0", &texts, &with(|p| p.prereleases = true));
    assert_eq!(brief(&wanted), ("1.1.0-rc.1", "1.1.0-rc.1", Reason::NewerVersion));
}

#[test]
fn a_release_on_a_prerelease_may_move_to_the_next_until_a_release_proper_is_there() {
    let policy = Policy::default();
    let target = |current, texts: &[&str]| text(decide(current, texts, &policy).target.as_ref()).to_owned();
    assert_eq!(target("1.0.0-RC6", &["1.0.0-RC6", "1.0.0-RC7"]), "1.0.0-RC7");
    assert_eq!(target("1.0.0-RC7", &["1.0.0-RC7", "1.0.0"]), "1.0.0");
    assert_eq!(target("0.15.0-rc.3", &["0.15.0-rc.4", "0.16.0-rc.1", "0.14.0"]), "0.16.0-rc.1");
    assert_eq!(target("2.0.0-beta.1", &["2.0.0-beta.2", "2.0.0", "2.1.0-alpha.1"]), "2.0.0");
}

#[test]
fn what_is_newer_and_held_back_is_skipped_with_its_reason_and_still_the_latest() {
    let held = |policy: &Policy| decide("1.0.0", &["1.0.0", "2.0.0"], policy);
    let range = with(|p| p.range = Some(Range::parse("<2.0.0").unwrap()));
    assert_eq!(brief(&held(&range)), ("-", "2.0.0", Reason::HeldByRange));
    assert_eq!(brief(&held(&with(|p| p.bump = Bump::Minor))), ("-", "2.0.0", Reason::HeldByBump));
    let ignore = with(|p| p.ignore = vec![Ignore::parse("2.x").unwrap()]);
    assert_eq!(brief(&held(&ignore)), ("-", "2.0.0", Reason::HeldByIgnore));
    assert_eq!(held(&ignore).message, "2.0.0 is ignored (2.x)");
}

#[test]
fn a_lower_target_names_what_is_held_back_above_it() {
    let decision = decide("1.0.0", &["1.5.0", "2.0.0", "1.4.0", "3.0.0"], &with(|p| p.bump = Bump::Minor));
    assert_eq!(brief(&decision), ("1.5.0", "3.0.0", Reason::NewerVersion));
    assert!(decision.message.contains("held back: 3.0.0 is a major step"), "{}", decision.message);
    assert_eq!(decision.dropped.iter().map(|d| d.text.as_str()).collect::<Vec<_>>(), ["3.0.0", "2.0.0"]);
}

#[test]
fn a_range_that_names_no_prerelease_says_so() {
    let policy = with(|p| {
        p.prereleases = true;
        p.range = Some(Range::parse(">=1.0.0").unwrap());
    });
    let decision = decide("1.0.0", &["1.1.0-rc.1"], &policy);
    assert_eq!(decision.reason, Reason::HeldByRange);
    assert!(decision.message.contains("names no pre-release"), "{}", decision.message);
}

#[test]
fn deprecated_versions_are_passed_over() {
    let mut offer = offer(&["1.0.0", "1.1.0", "1.2.0"]);
    offer.versions[2].deprecated = true;
    let decision = decide_at("1.0.0", ChartKind::Range, &offer, &Policy::default());
    assert_eq!(brief(&decision), ("1.1.0", "1.2.0", Reason::NewerVersion));
    offer.versions[1].deprecated = true;
    let decision = decide_at("1.0.0", ChartKind::Range, &offer, &Policy::default());
    assert_eq!(brief(&decision), ("-", "1.2.0", Reason::Deprecated));
}

#[test]
fn minimum_age_counts_from_created_then_from_first_seen_then_not_at_all() {
    let policy = with(|p| p.minimum_age = 7 * DAY);
    let mut offer = offer(&["1.1.0", "1.2.0"]);
    offer.versions[0].created = Some(at("2026-11-14T12:00:00Z"));
    offer.versions[1].created = Some(at("2026-11-14T12:00:01Z"));
    let decision = decide_at("1.0.0", ChartKind::Tag, &offer, &policy);
    assert_eq!(brief(&decision), ("1.1.0", "1.2.0", Reason::NewerVersion));
    assert_eq!(decision.dropped[0].message, "1.2.0 is 6d 23h old; 7d are asked for");

    offer.versions.remove(0);
    offer.versions[0].created = None;
    let seen = |when: Option<Timestamp>| match choose("1.0.0", ChartKind::Tag, &offer, &policy, now(), &|_| when) {
        Outcome::Decided(decision) => decision.reason,
        Outcome::NeedsDetail(_) => panic!("every detail is known"),
    };
    assert_eq!(seen(Some(at("2026-11-01T00:00:00Z"))), Reason::NewerVersion);
    assert_eq!(seen(Some(at("2026-11-20T00:00:00Z"))), Reason::HeldByAge);
    assert_eq!(seen(Some(at("2027-01-01T00:00:00Z"))), Reason::HeldByAge);
    assert_eq!(seen(None), Reason::HeldByAge);
}

#[test]
fn flux_rule_03_a_range_floats_and_the_message_offers_to_pin_it() {
    for range in ["1.x", "*", "", ">=1.0.0", "1.2", "=1.2.3", "^1.2.3", " 1 "] {
        let decision = decide_at(range, ChartKind::Range, &offer(&["1.2.3", "1.9.0", "2.0.0"]), &Policy::default());
        assert_eq!(brief(&decision), ("-", "2.0.0", Reason::FloatingRange), "{range}");
    }
    let decision = decide_at("1.x", ChartKind::Range, &offer(&["1.9.0", "2.0.0"]), &Policy::default());
    assert!(decision.message.contains("write 1.9.0 to pin it"), "{}", decision.message);
}

#[test]
fn flux_rule_03_a_full_version_pins_whatever_its_dress() {
    for pin in ["1.2.3", "v1.2.3", "1.2.3-rc.1", "1.2.3+build", "01.2.3", " 1.2.3"] {
        let decision = decide_at(pin, ChartKind::Range, &offer(&["1.2.3", "1.9.0"]), &Policy::default());
        assert_eq!(brief(&decision), ("1.9.0", "1.9.0", Reason::NewerVersion), "{pin}");
    }
}

#[test]
fn what_is_neither_version_nor_range_says_so() {
    for (current, kind, reason) in [
        ("newest", ChartKind::Range, Reason::VersionNotSemver),
        ("latest", ChartKind::Tag, Reason::FloatingTag),
        ("", ChartKind::Tag, Reason::FloatingTag),
        ("main", ChartKind::GitTag, Reason::FloatingTag),
        ("sha-1234abc", ChartKind::Tag, Reason::VersionNotSemver),
        ("1.2.3.4", ChartKind::Tag, Reason::VersionNotSemver),
    ] {
        let decision = decide_at(current, kind, &offer(&["1.0.0"]), &Policy::default());
        assert_eq!(brief(&decision), ("-", "1.0.0", reason), "{current}");
    }
}

#[test]
fn a_loose_tag_is_compared_loosely() {
    assert_eq!(
        brief(&decide("1.2", &["1.2.0", "1.2.5"], &Policy::default())),
        ("1.2.5", "1.2.5", Reason::NewerVersion)
    );
    assert_eq!(brief(&decide("v1", &["1.0.0"], &Policy::default())), ("-", "1.0.0", Reason::UpToDate));
}

#[test]
fn a_source_without_versions_is_no_proof_of_being_up_to_date() {
    let decision = decide_at(
        "1.0.0",
        ChartKind::Tag,
        &Candidates { versions: vec![], ignored: 7, ..Candidates::default() },
        &Policy::default(),
    );
    assert_eq!(brief(&decision), ("-", "-", Reason::NoVersions));
    assert!(decision.message.contains('7'));
}

#[test]
fn a_held_release_shows_the_latest_and_why_it_is_held() {
    let disabled = Annotations { enabled: Some("false".to_owned()), ..Annotations::default() };
    let (policy, _) = Policy::default().with_annotations(&disabled);
    let decision = decide("1.0.0", &["2.0.0"], &policy);
    assert_eq!(brief(&decision), ("-", "2.0.0", Reason::Disabled));
    assert_eq!(decision.dropped, []);
}

#[test]
fn separate_majors_adds_the_highest_within_the_current_major() {
    let policy = with(|p| p.separate_majors = true);
    let texts = ["1.0.0", "1.9.0", "1.8.0", "2.0.0", "3.0.0"];
    let decision = decide("1.0.0", &texts, &policy);
    assert_eq!((text(decision.target.as_ref()), text(decision.within_major.as_ref())), ("3.0.0", "1.9.0"));
    let decision = decide("1.0.0", &["1.9.0", "1.8.0"], &policy);
    assert_eq!((text(decision.target.as_ref()), text(decision.within_major.as_ref())), ("1.9.0", "-"));
    let decision = decide("1.0.0", &["2.0.0"], &policy);
    assert_eq!((text(decision.target.as_ref()), text(decision.within_major.as_ref())), ("2.0.0", "-"));
}

fn without_details(texts: &[&str]) -> Candidates {
    let mut offer = offer(texts);
    offer.versions.iter_mut().for_each(|c| c.detailed = false);
    offer
}

fn asked(current: &str, offer: &Candidates, policy: &Policy) -> Vec<String> {
    match choose(current, ChartKind::Tag, offer, policy, now(), &|_| None) {
        Outcome::NeedsDetail(texts) => texts,
        Outcome::Decided(decision) => panic!("decided {:?}", brief(&decision)),
    }
}

#[test]
fn details_are_asked_only_of_the_would_be_target_and_the_latest() {
    let offer = without_details(&["1.0.0", "1.5.0", "1.4.0", "2.0.0", "2.1.0", "3.0.0-rc.1"]);
    assert_eq!(asked("1.0.0", &offer, &Policy::default()), ["2.1.0"]);
    assert_eq!(asked("1.0.0", &offer, &with(|p| p.bump = Bump::Minor)), ["1.5.0", "2.1.0"]);
    assert_eq!(decide_at("2.1.0", ChartKind::Tag, &offer, &Policy::default()).reason, Reason::UpToDate);
}

#[test]
fn with_a_minimum_age_a_few_are_asked_at_once_and_rounds_come_to_an_end() {
    let texts: Vec<String> = (1..40).map(|i| format!("1.{i}.0")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut offer = without_details(&texts);
    let policy = with(|p| p.minimum_age = DAY);
    let mut rounds = 0;
    let decision = loop {
        match choose("1.0.0", ChartKind::Tag, &offer, &policy, now(), &|_| None) {
            Outcome::Decided(decision) => break decision,
            Outcome::NeedsDetail(texts) => {
                assert!(!texts.is_empty() && texts.len() <= DETAILS_PER_ROUND + 1);
                for candidate in offer.versions.iter_mut().filter(|c| texts.contains(&c.text)) {
                    candidate.detailed = true;
                    let old = candidate.version <= Version::strict("1.34.0").unwrap();
                    candidate.created = Some(at(if old { "2026-11-01T00:00:00Z" } else { "2026-11-21T00:00:00Z" }));
                }
                rounds += 1;
            }
        }
    };
    assert_eq!(brief(&decision), ("1.34.0", "1.39.0", Reason::NewerVersion));
    assert_eq!(rounds, 2);
}

fn shared(current: &str, texts: &[&str], policies: &[Policy]) -> Vec<Decision> {
    let names = ["media/one", "media/two", "media/three"];
    let consumers: Vec<_> = policies
        .iter()
        .zip(names)
        .map(|(policy, name)| Consumer { name: name.to_owned(), policy, kube_version: None, part: false })
        .collect();
    match choose_shared(current, ChartKind::Tag, &offer(texts), &consumers, now(), &|_| None) {
        Outcome::Decided(decisions) => decisions,
        Outcome::NeedsDetail(texts) => panic!("asks for {texts:?}"),
    }
}

#[test]
fn a_shared_site_takes_the_strictest_policy_and_names_who_holds_it_back() {
    let policies = [Policy::default(), with(|p| p.bump = Bump::Patch)];
    let decisions = shared("1.0.0", &["1.0.0", "2.0.0"], &policies);
    assert_eq!(brief(&decisions[0]), ("-", "2.0.0", Reason::HeldByConsumer));
    assert!(decisions[0].message.starts_with("media/two, which shares the version, holds it back"));
    assert_eq!(brief(&decisions[1]), ("-", "2.0.0", Reason::HeldByBump));

    let decisions = shared("1.0.0", &["1.0.1", "2.0.0"], &policies);
    assert!(decisions.iter().all(|d| brief(d) == ("1.0.1", "2.0.0", Reason::NewerVersion)));
}

#[test]
fn one_disabled_consumer_holds_a_shared_site() {
    let disabled = Annotations { enabled: Some("false".to_owned()), ..Annotations::default() };
    let (disabled, _) = Policy::default().with_annotations(&disabled);
    let decisions = shared("1.0.0", &["2.0.0"], &[Policy::default(), disabled]);
    assert_eq!(decisions.iter().map(|d| d.reason).collect::<Vec<_>>(), [Reason::HeldByConsumer, Reason::Disabled]);
}

#[test]
fn a_long_list_of_dropped_versions_is_cut_and_the_rest_counted_but_its_reason_is_still_found() {
    let mut texts: Vec<String> = (0..60).map(|i| format!("3.0.0-weekly.{i}")).collect();
    texts.push("2.0.0".to_owned());
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let decision = decide("1.0.0", &texts, &with(|p| p.bump = Bump::Minor));
    assert_eq!((decision.dropped.len(), decision.dropped_more), (50, 11));
    assert_eq!(decision.reason, Reason::HeldByBump);
}

fn unopened(texts: &[&str]) -> Candidates {
    let mut offer = offer(texts);
    offer.versions.iter_mut().for_each(|c| c.inside = Inside::Unopened);
    offer
}

fn inside<'c>(offer: &'c mut Candidates, text: &str) -> &'c mut Inside {
    &mut offer.versions.iter_mut().find(|c| c.text == text).unwrap().inside
}

#[test]
fn flux_rule_07_only_what_is_about_to_be_the_target_is_opened() {
    let offer = unopened(&["1.0.0", "1.5.0", "1.4.0", "2.0.0", "3.0.0-rc.1"]);
    assert_eq!(asked("1.0.0", &offer, &Policy::default()), ["2.0.0"]);
    assert_eq!(asked("1.0.0", &offer, &with(|p| p.bump = Bump::Minor)), ["1.5.0"], "what is held back stays closed");
    assert_eq!(decide_at("2.0.0", ChartKind::Tag, &offer, &Policy::default()).reason, Reason::UpToDate);
    let decided = decide_at("1.0.0", ChartKind::GitTag, &offer, &Policy::default());
    assert_eq!(text(decided.target.as_ref()), "2.0.0", "a chart in Git has no archive");
}

#[test]
fn flux_rule_07_a_refused_version_is_told_and_the_next_lower_one_tried() {
    let mut offer = unopened(&["1.0.0", "1.4.0", "1.5.0", "2.0.0"]);
    *inside(&mut offer, "2.0.0") = Inside::Refused(Box::new(Problem::new(Reason::ChartDiffers, "another chart")));
    assert_eq!(asked("1.0.0", &offer, &Policy::default()), ["1.5.0"]);
    *inside(&mut offer, "1.5.0") = Inside::Opened(Contents::default().into());
    let decision = decide_at("1.0.0", ChartKind::Tag, &offer, &Policy::default());
    assert_eq!(brief(&decision), ("1.5.0", "1.5.0", Reason::NewerVersion), "what can't be installed is not the latest");
    assert_eq!((decision.dropped[0].text.as_str(), decision.dropped[0].reason), ("2.0.0", Reason::ChartDiffers));
    for text in ["1.4.0", "1.5.0"] {
        *inside(&mut offer, text) = Inside::Refused(Box::new(Problem::new(Reason::ChartInvalid, "broken")));
    }
    let decision = decide_at("1.0.0", ChartKind::Tag, &offer, &Policy::default());
    assert_eq!(brief(&decision), ("-", "1.0.0", Reason::ChartDiffers));
}

#[test]
fn flux_rule_07_kube_version_holds_a_chart_back_on_the_cluster_that_does_not_meet_it() {
    let mut offer = unopened(&["1.0.0", "1.5.0", "2.0.0"]);
    let needs =
        |range: &str| Inside::Opened(Contents { kube_version: Some(range.to_owned()), ..Contents::default() }.into());
    *inside(&mut offer, "2.0.0") = needs(">=1.32.0-0");
    *inside(&mut offer, "1.5.0") = needs(">=1.30.0-0");
    let decide = |clusters: &[Option<&str>]| {
        let policy = Policy::default();
        let clusters: Vec<_> = clusters.iter().map(|text| text.and_then(Version::strict)).collect();
        let consumers: Vec<_> = clusters
            .iter()
            .map(|cluster| Consumer {
                name: "media/web".to_owned(),
                policy: &policy,
                kube_version: cluster.as_ref(),
                part: false,
            })
            .collect();
        match choose_shared("1.0.0", ChartKind::Tag, &offer, &consumers, now(), &|_| None) {
            Outcome::Decided(decisions) => decisions,
            Outcome::NeedsDetail(texts) => panic!("asks for {texts:?}"),
        }
    };
    assert_eq!(text(decide(&[None])[0].target.as_ref()), "2.0.0", "an unknown cluster holds nothing back");
    let held = decide(&[Some("1.31.2")]);
    assert_eq!(brief(&held[0]), ("1.5.0", "2.0.0", Reason::NewerVersion));
    assert_eq!(held[0].dropped[0].reason, Reason::HeldByKubeVersion);
    assert_eq!(held[0].dropped[0].message, "2.0.0 needs Kubernetes >=1.32.0-0, and the cluster has 1.31.2");
    assert_eq!(brief(&decide(&[Some("1.29.1")])[0]), ("-", "2.0.0", Reason::HeldByKubeVersion));
    let two = decide(&[Some("1.33.0"), Some("1.31.2")]);
    assert!(two.iter().all(|decision| text(decision.target.as_ref()) == "1.5.0"), "they share the version");
    assert_eq!(two[0].dropped[0].reason, Reason::HeldByConsumer);
}

#[test]
fn a_library_is_proposed_to_charts_that_are_made_with_it_and_to_no_release() {
    let mut offer = unopened(&["1.0.0", "2.0.0"]);
    let library = Contents { kind: "library".to_owned(), kube_version: Some(">=9".to_owned()), ..Contents::default() };
    *inside(&mut offer, "2.0.0") = Inside::Opened(library.into());
    let policy = Policy::default();
    let cluster = Version::strict("1.31.2");
    let decide = |part| {
        let consumer = Consumer { name: String::new(), policy: &policy, kube_version: cluster.as_ref(), part };
        match choose_shared("1.0.0", ChartKind::Range, &offer, &[consumer], now(), &|_| None) {
            Outcome::Decided(mut decisions) => decisions.remove(0),
            Outcome::NeedsDetail(texts) => panic!("asks for {texts:?}"),
        }
    };
    assert_eq!(text(decide(true).target.as_ref()), "2.0.0", "Helm asks a part for neither");
    assert_eq!(brief(&decide(false)), ("-", "2.0.0", Reason::ChartInvalid));
}

#[test]
fn who_holds_a_version_back_is_found_out_once_however_many_share_it() {
    let policies: Vec<Policy> = (0..200)
        .map(|i| {
            with(|p| {
                p.minimum_age = Duration::from_secs(1);
                p.bump = if i == 199 { Bump::Patch } else { Bump::Major };
            })
        })
        .collect();
    let consumers: Vec<_> = (policies.iter().enumerate())
        .map(|(i, policy)| Consumer { name: format!("media/{i}"), policy, kube_version: None, part: false })
        .collect();
    let asked = std::cell::Cell::new(0);
    let seen = |_: &Candidate| {
        asked.set(asked.get() + 1);
        Some(at("2026-01-01T00:00:00Z"))
    };
    let offer = offer(&["1.0.0", "2.0.0"]);
    let Outcome::Decided(decisions) = choose_shared("1.0.0", ChartKind::Tag, &offer, &consumers, now(), &seen) else {
        panic!()
    };
    assert_eq!(brief(&decisions[0]), ("-", "2.0.0", Reason::HeldByConsumer));
    assert!(decisions[198].message.starts_with("media/199, "), "{}", decisions[198].message);
    assert!(asked.get() <= 5 * consumers.len(), "{} verdicts for {} consumers", asked.get(), consumers.len());
}
