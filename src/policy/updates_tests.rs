use super::{Mover, Other, updates};
use crate::model::{
    Bump, Candidate, ChartKind, Contents, Decision, Inside, Lookup, Problem, Reason, Release, Site, TagRules, Update,
    Version,
};
use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};
use std::collections::{BTreeMap, BTreeSet};

fn candidate(text: &str) -> Candidate {
    Candidate {
        text: text.to_owned(),
        version: Version::strict(text).unwrap(),
        created: None,
        deprecated: false,
        app_version: None,
        digest: None,
        detailed: true,
        inside: Inside::Opened(Contents::default().into()),
    }
}

fn decision(target: &str, within: Option<&str>) -> Decision {
    Decision {
        latest: Some(candidate(target)),
        target: Some(candidate(target)),
        within_major: within.map(candidate),
        reason: Reason::NewerVersion,
        message: String::new(),
        dropped: Vec::new(),
        dropped_more: 0,
    }
}

/// A release on a site of that file, with that chart URL.
fn release(name: &str, file: &str, url: &str, current: &str) -> Release {
    let site = Site {
        file: file.into(),
        line: 9,
        column: 10,
        path: "spec.ref.tag".into(),
        start: 100,
        end: 100 + current.len(),
        text: current.to_owned(),
        document: 0,
        inner: None,
    };
    Release {
        kind: crate::model::RowKind::HelmRelease,
        cluster: None,
        kustomization: None,
        namespace: "media".to_owned(),
        name: name.to_owned(),
        file: file.into(),
        line: 1,
        chart: None,
        source: None,
        site: Some(site),
        current: Some(current.to_owned()),
        chart_kind: Some(ChartKind::Tag),
        lookup: Some(
            Lookup::oci(url, TagRules { leading_v: true, by_version: false, underscore_is_plus: true }, false).into(),
        ),
        annotations: std::sync::Arc::default(),
        notes: Vec::new(),
        digest_site: None,
        digest_stays: false,
        problem: None,
        credentials: None,
        crds: crate::model::CrdUpgrade::Skip,
        frame: None,
        chain: Vec::new(),
    }
}

const APP: &str = "oci://ghcr.io/org/app";

#[derive(Debug)]
struct Case {
    release: Release,
    decision: Decision,
    group: String,
}

fn case(release: Release, target: &str) -> Case {
    Case { release, decision: decision(target, None), group: String::new() }
}

fn run(cases: &[Case]) -> Vec<Update> {
    updates(&movers(cases), &[], "davit/")
}

fn movers(cases: &[Case]) -> Vec<Mover<'_>> {
    cases
        .iter()
        .enumerate()
        .map(|(index, case)| Mover {
            index,
            release: &case.release,
            decision: &case.decision,
            group: &case.group,
            separate: case.decision.within_major.is_some(),
        })
        .collect()
}

fn keys(updates: &[Update]) -> Vec<&str> {
    updates.iter().map(|update| update.key.as_str()).collect()
}

#[test]
fn flux_rule_10_every_site_of_one_chart_is_one_update_whatever_its_source_is_called() {
    let cases = [
        case(release("one", "a.yaml", "oci://GHCR.io/org/app/", "4.4.0"), "5.1.0"),
        case(release("two", "b.yaml", APP, "5.0.0"), "5.1.0"),
        case(release("other", "c.yaml", "oci://ghcr.io/org/other", "5.0.0"), "5.1.0"),
    ];
    let updates = run(&cases);
    assert_eq!(keys(&updates), ["oci://ghcr.io/org/app@5.x", "oci://ghcr.io/org/other@5.x"]);
    let update = &updates[0];
    assert_eq!((update.chart.as_str(), update.bump, update.target.text.as_str()), ("app", Bump::Major, "5.1.0"));
    assert_eq!(
        update.sites.iter().map(|s| (s.site.file.as_ref(), s.from.as_str())).collect::<Vec<_>>(),
        [("a.yaml", "4.4.0"), ("b.yaml", "5.0.0")]
    );
    assert_eq!(update.releases, [0, 1]);
    assert!(update.branch.starts_with("davit/app-") && update.branch.ends_with("-5.x"));
}

#[test]
fn a_site_that_several_releases_share_stands_once_with_all_of_them() {
    let cases = ["b", "a", "c"].map(|name| case(release(name, "a.yaml", APP, "1.0.0"), "1.1.0"));
    let updates = run(&cases);
    assert_eq!((updates.len(), updates[0].sites.len()), (1, 1));
    assert_eq!(updates[0].releases, [0, 1, 2]);
    let names: Vec<_> = updates[0].consumers.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["media/a", "media/b", "media/c"]);
}

#[test]
fn flux_rule_06_a_digest_moves_with_its_tag_or_the_tag_stays() {
    let mut cases = vec![case(release("one", "a.yaml", APP, "4.0.0"), "5.1.0")];
    let site = cases[0].release.site.clone().unwrap();
    let (start, text) = (200, "sha256:old".to_owned());
    cases[0].release.digest_site = Some(Box::new(Site { start, end: start + text.len(), text, ..site }));
    assert_eq!(run(&cases), [], "the digest of the target is not known");
    if let Some(target) = &mut cases[0].decision.target {
        target.digest = Some("sha256:new".to_owned());
    }
    let updates = run(&cases);
    let digest = updates[0].sites[0].digest.as_ref().unwrap();
    assert_eq!((digest.site.start, digest.site.text.as_str(), digest.to.as_str()), (200, "sha256:old", "sha256:new"));
}

#[test]
fn lower_targets_are_updates_of_their_own_with_the_minor_in_key_and_branch() {
    let files = ["a", "b", "c", "d", "e"];
    let targets = ["5.1.0", "4.9.1", "4.9.3", "5.0.2", "4.9.3-rc.1"];
    let cases: Vec<_> =
        files.iter().zip(targets).map(|(file, target)| case(release(file, file, APP, "4.0.0"), target)).collect();
    let updates = run(&cases);
    let labels: BTreeSet<_> = keys(&updates).iter().map(|key| key.rsplit('@').next().unwrap().to_owned()).collect();
    let expected = ["4.9.1.x", "4.9.3-rc.1.x", "4.9.x", "5.0.x", "5.x"].map(str::to_owned);
    assert_eq!(labels, BTreeSet::from(expected));
    let branches: BTreeSet<_> = updates.iter().map(|update| &update.branch).collect();
    assert_eq!(branches.len(), 5);
    assert!(updates.iter().all(|update| update.sites.len() == 1));
}

#[test]
fn separate_majors_adds_a_second_update_within_the_current_major() {
    let mut cases = vec![case(release("one", "a.yaml", APP, "4.0.0"), "5.1.0")];
    cases[0].decision = decision("5.1.0", Some("4.9.0"));
    assert_eq!(keys(&run(&cases)), ["oci://ghcr.io/org/app@4.x", "oci://ghcr.io/org/app@5.x"]);
    cases.push(case(release("two", "b.yaml", APP, "4.1.0"), "4.9.0"));
    let updates = run(&cases);
    assert_eq!(keys(&updates), ["oci://ghcr.io/org/app@4.9.x", "oci://ghcr.io/org/app@5.x"]);
    assert_eq!((updates[0].sites.len(), updates[1].sites.len()), (2, 1));
}

#[test]
fn a_group_splits_and_is_appended_to_key_and_branch() {
    let mut cases = vec![
        case(release("one", "a.yaml", APP, "1.0.0"), "1.1.0"),
        case(release("two", "b.yaml", APP, "1.0.0"), "1.1.0"),
    ];
    cases[1].group = "blue".to_owned();
    let updates = run(&cases);
    assert_eq!(keys(&updates), ["oci://ghcr.io/org/app@1.x", "oci://ghcr.io/org/app@1.x@blue"]);
    assert!(updates[1].branch.ends_with("-1.x-blue") && updates[1].group == "blue");
}

#[test]
fn each_site_is_given_its_own_writing_of_the_version() {
    let cases = [
        case(release("one", "a.yaml", APP, "v1.0.0"), "v1.1.0"),
        case(release("two", "b.yaml", APP, "1.0.0"), "1.1.0"),
    ];
    let updates = run(&cases);
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0].sites.iter().map(|site| site.to.as_str()).collect::<Vec<_>>(), ["v1.1.0", "1.1.0"]);
}

#[test]
fn what_does_not_move_is_in_no_update() {
    let mut cases = vec![case(release("one", "a.yaml", APP, "1.0.0"), "1.1.0")];
    cases[0].decision.target = None;
    assert_eq!(run(&cases), []);
}

/// Releases on a handful of files, charts, targets and groups; those on one file share site and target.
fn any_cases() -> impl Strategy<Value = Vec<Case>> {
    let one = (0..12_usize, 0..6_usize, 0..3_usize, proptest::bool::ANY);
    proptest::collection::vec(one, 0..30).prop_map(|rows| {
        let urls = [APP, "oci://ghcr.io/org/other", "oci://example.com/app"];
        let targets = ["5.1.0", "4.9.1", "4.9.3", "4.8.0", "5.0.0", "v5.1.0"];
        let groups = ["", "blue", "green"];
        let mut of_file: BTreeMap<usize, (usize, usize, bool)> = BTreeMap::new();
        rows.into_iter()
            .enumerate()
            .map(|(i, (file, target, group, within))| {
                let (target, group, within) = *of_file.entry(file).or_insert((target, group, within));
                let release = release(&format!("r{i}"), &format!("{file}.yaml"), urls[file % 3], "4.0.0");
                let within = (within && targets[target].contains("5.")).then_some("4.9.3");
                Case { release, decision: decision(targets[target], within), group: groups[group].to_owned() }
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn the_order_of_the_releases_changes_nothing(cases in any_cases(), seed in 0..1000_usize) {
        let ordered = movers(&cases);
        let mut turned = ordered.clone();
        turned.reverse();
        let middle = if turned.is_empty() { 0 } else { seed % turned.len() };
        turned.rotate_left(middle);
        prop_assert_eq!(updates(&ordered, &[], "davit/"), updates(&turned, &[], "davit/"));
    }

    #[test]
    fn keys_and_branches_are_unique_and_every_site_moves_once(cases in any_cases()) {
        let updates = run(&cases);
        let keys: BTreeSet<_> = updates.iter().map(|update| &update.key).collect();
        let branches: BTreeSet<_> = updates.iter().map(|update| &update.branch).collect();
        prop_assert_eq!(keys.len(), updates.len());
        prop_assert_eq!(branches.len(), updates.len());
        for case in &cases {
            let site = case.release.site.as_ref().unwrap();
            let moves: Vec<_> =
                updates.iter().flat_map(|u| &u.sites).filter(|s| s.site == *site).map(|s| s.to.as_str()).collect();
            let target = case.decision.target.as_ref().map(|c| c.text.as_str());
            let within = case.decision.within_major.as_ref().map(|c| c.text.as_str());
            let wanted: BTreeSet<_> = target.into_iter().chain(within).collect();
            prop_assert_eq!(moves.len(), wanted.len());
            prop_assert_eq!(moves.into_iter().collect::<BTreeSet<_>>(), wanted);
        }
        prop_assert!(updates.iter().all(|update| !update.sites.is_empty() && !update.consumers.is_empty()));
    }
}

#[test]
fn a_version_in_use_that_does_not_move_keeps_the_lower_ones_lower() {
    let cases = [case(release("b", "b.yaml", APP, "4.8.0"), "4.9.0")];
    let at_rest = release("a", "a.yaml", "oci://GHCR.io/org/app", "5.1.0");
    let with = |release: &Release, group| {
        keys(&updates(&movers(&cases), &[Other { index: 7, release, group }], "davit/")).join(" ")
    };
    assert_eq!(with(&at_rest, ""), "oci://ghcr.io/org/app@4.9.x");
    assert_eq!(with(&at_rest, "blue"), "oci://ghcr.io/org/app@4.x", "another group is another chart");
    let floating = Some(Problem::new(Reason::FloatingTag, ""));
    assert_eq!(with(&Release { problem: floating, ..at_rest.clone() }, ""), "oci://ghcr.io/org/app@4.x");
    let suspended = Some(Problem::new(Reason::Suspended, ""));
    assert_eq!(with(&Release { problem: suspended, ..at_rest }, ""), "oci://ghcr.io/org/app@4.9.x");
}

#[test]
fn versions_in_use_between_the_targets_change_no_name() {
    let resting = |text: &str| release(text, &format!("{text}.yaml"), APP, text);
    let (staging, canary) = (resting("5.4.0"), resting("5.3.8"));
    let others = [&staging, &canary].map(|release| Other { index: 7, release, group: "" });
    for target in ["5.3.7", "5.3.8", "5.3.9"] {
        let production = [case(release("b", "b.yaml", APP, "5.3.5"), target)];
        assert_eq!(keys(&updates(&movers(&production), &others, "davit/")), ["oci://ghcr.io/org/app@5.3.x"]);
    }
}

#[test]
fn one_who_shares_the_bytes_and_is_held_stands_in_the_update_and_not_beside_it() {
    let cases = [case(release("a", "a.yaml", APP, "4.8.0"), "4.9.0")];
    let twin = Release { problem: Some(Problem::new(Reason::Suspended, "")), ..release("b", "a.yaml", APP, "4.8.0") };
    let updates = updates(&movers(&cases), &[Other { index: 5, release: &twin, group: "" }], "davit/");
    assert_eq!((updates.len(), &updates[0].releases), (1, &vec![0, 5]));
    assert_eq!(updates[0].consumers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["media/a", "media/b"]);
}

/// The cases after an update was merged: its sites hold its version, and move only to what is higher.
fn merged(cases: &[Case], update: &Update) -> (Vec<Case>, Vec<(usize, Release, String)>) {
    let (mut moving, mut still) = (Vec::new(), Vec::new());
    for (index, case) in cases.iter().enumerate() {
        let Case { release, decision, group } = case;
        let (mut release, mut decision) = (release.clone(), decision.clone());
        if update.releases.contains(&index) {
            release.current = Some(update.target.text.clone());
            decision.within_major = None;
            decision.target = decision.target.filter(|target| target.version > update.target.version);
        }
        match decision.target {
            Some(_) => moving.push((index, Case { release, decision, group: group.clone() })),
            None => still.push((index, release, group.clone())),
        }
    }
    (moving.into_iter().map(|(_, case)| case).collect(), still)
}

proptest! {
    #[test]
    fn an_update_that_is_merged_changes_no_other_ones_key(cases in any_cases(), chosen in 0..30_usize) {
        let separate = |case: &Case| cases.iter().any(|known| {
            known.release.name == case.release.name && known.decision.within_major.is_some()
        });
        let before = run(&cases);
        if before.is_empty() {
            return Ok(());
        }
        let update = &before[chosen % before.len()];
        let (moving, still) = merged(&cases, update);
        let movers: Vec<Mover<'_>> = moving.iter().zip(0..).map(|(case, index)| Mover {
            index, release: &case.release, decision: &case.decision, group: &case.group, separate: separate(case),
        }).collect();
        let others: Vec<Other<'_>> =
            still.iter().map(|(index, release, group)| Other { index: 100 + index, release, group }).collect();
        let after = updates(&movers, &others, "davit/");
        let sites = |update: &Update| -> Vec<(String, usize)> {
            update.sites.iter().map(|site| (site.site.file.to_string(), site.site.start)).collect()
        };
        // Of two in one minor the lower has its whole version in its name, until the higher one is merged.
        let whole = |key: &str| key.rsplit('@').any(|label| label.split('-').next().unwrap_or("").matches('.').count() > 2);
        for other in before.iter().filter(|other| other.key != update.key && !whole(&other.key)) {
            let same = after.iter().find(|after| {
                after.target.version == other.target.version && sites(after).iter().any(|site| sites(other).contains(site))
            });
            // What only `separateMajors` added is gone with the major.
            if let Some(same) = same {
                prop_assert_eq!(&same.key, &other.key);
            }
        }
    }
}
