use super::*;
use crate::inventory::{Context, gather, read_file};
use crate::resolve::{Memo, resolve_after};
use futures_util::FutureExt as _;

const PLATFORM: &str = "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: shop, namespace: flux-system}
spec: {url: \"https://git.example.com/shop\"}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: shop, namespace: flux-system}
spec: {path: ./, sourceRef: {kind: GitRepository, name: shop}}
";

const SHOP: &str = "apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: shop}
spec: {chart: {spec: {chart: web, version: 1.0.0, sourceRef: {kind: HelmRepository, name: charts}}}}
";

fn fleet(names: &[&str]) -> Fleet {
    Fleet::new(names.iter().map(|name| ((*name).to_owned(), Some(format!("https://git.example.com/{name}")))))
}

/// A member's look at a file.
fn look(fleet: &Fleet, number: usize, text: &str) -> Arc<Published> {
    let files = [("clusters/home/all.yaml".to_owned(), Arc::new(read_file("", text.as_bytes())))];
    let url = format!("https://git.example.com/{}", fleet.members[number].name);
    let inventory = gather(&files, Context { repository_url: Some(&url) });
    resolve_after(&inventory, &fleet.view(number), &mut Memo::default()).published
}

fn woken(fleet: &Fleet) -> Vec<bool> {
    let wakes = (0..fleet.members.len()).map(|number| fleet.wake(number).unwrap());
    wakes.map(|wake| wake.notified().now_or_never().is_some()).collect()
}

#[test]
fn a_repository_that_stands_alone_takes_no_part() {
    let fleet = fleet(&["shop"]);
    assert!(fleet.view(0).own.is_none() && fleet.view(0).others.is_empty());
}

#[test]
fn news_wakes_those_that_it_concerns_and_nobody_else() {
    let fleet = fleet(&["platform", "shop", "other"]);
    assert!(fleet.read(1, &look(&fleet, 1, SHOP)));
    assert!(fleet.read(2, &look(&fleet, 2, PLATFORM.replace("shop", "elsewhere").as_str())));
    assert_eq!(woken(&fleet), [false, false, false], "nobody else was read yet");
    assert!(fleet.read(0, &look(&fleet, 0, PLATFORM)));
    assert_eq!(woken(&fleet), [false, true, false]);
    // The same again is no news, and stays the very same value.
    let shown = |fleet: &Fleet| fleet.view(1).others[0].state.published().cloned().unwrap();
    let before = shown(&fleet);
    assert!(!fleet.read(0, &look(&fleet, 0, PLATFORM)));
    assert!(Arc::ptr_eq(&before, &shown(&fleet)));
    assert_eq!((woken(&fleet), fleet.news()), (vec![false; 3], 3));
}

#[test]
fn those_that_wait_for_a_first_look_are_woken_by_its_failure_too() {
    let fleet = fleet(&["platform", "shop"]);
    fleet.read(1, &look(&fleet, 1, SHOP));
    fleet.failed(0, "no route to host");
    assert_eq!(woken(&fleet), [false, true]);
    fleet.failed(0, "no route to host");
    assert_eq!(woken(&fleet), [false, false]);
    let found = findings(&fleet.view(1), &look(&fleet, 1, SHOP), true);
    assert!(found[0].problem.message.contains("platform was never read") && found.len() == 1, "{found:?}");
    // What waits for one that failed is woken when that is read after all, whether it has anything for it or not.
    fleet.read(1, &look(&fleet, 1, SHOP));
    assert!(look(&fleet, 1, SHOP).waits);
    let other = PLATFORM.replace("shop", "elsewhere");
    fleet.read(0, &look(&fleet, 0, &other));
    assert_eq!(woken(&fleet), [false, true]);
    fleet.read(0, &look(&fleet, 0, &other.replace("clusters", "c")));
    assert_eq!(woken(&fleet), [false, false]);
    // A pass that breaks off is a failure, and one that was read before is not.
    let fleet = self::fleet(&["platform", "shop"]);
    fleet.given_up(0);
    assert!(matches!(fleet.view(1).others[0].state, State::Failed(_)));
    fleet.read(0, &look(&fleet, 0, PLATFORM));
    fleet.given_up(0);
    assert!(matches!(fleet.view(1).others[0].state, State::Read(_)));
}

#[test]
fn a_failure_keeps_what_was_shown_last_and_is_said_where_it_counts() {
    let fleet = fleet(&["platform", "shop", "other"]);
    fleet.read(0, &look(&fleet, 0, PLATFORM));
    let (shop, other) = (look(&fleet, 1, SHOP), look(&fleet, 2, "kind: Nothing\n"));
    let before = fleet.view(1).taken_by(&shop);
    fleet.failed(0, "no route to host");
    assert_eq!(before, fleet.view(1).taken_by(&shop), "the rows stay");
    let said = |number, own| -> Vec<String> {
        findings(&fleet.view(number), own, false).into_iter().map(|finding| finding.problem.message).collect()
    };
    assert!(said(1, &shop).contains(&"the repository platform is taken as it was read last: no route to host".into()));
    assert_eq!(said(2, &other), ["still to be read: shop; nothing is closed until then"]);
}

#[test]
fn two_that_give_each_other_news_for_ever_are_not_woken_for_ever() {
    let fleet = fleet(&["platform", "shop"]);
    fleet.read(0, &look(&fleet, 0, PLATFORM));
    fleet.read(1, &look(&fleet, 1, SHOP));
    let mut wakes = 0;
    for number in 0..100 {
        fleet.read(0, &look(&fleet, 0, &PLATFORM.replace("path: ./", &format!("path: ./{number}"))));
        wakes += u32::from(woken(&fleet)[1]);
    }
    assert_eq!(wakes, WAKES);
    fleet.read(1, &look(&fleet, 1, SHOP));
    fleet.read(1, &look(&fleet, 1, SHOP));
    fleet.read(0, &look(&fleet, 0, PLATFORM));
    assert!(woken(&fleet)[1], "a pass without news of its own begins anew");
}
