//! Releases on the same bytes, judged by what is in force for each; and how often a place is judged.

use super::*;
use crate::inventory::{self, Context};
use crate::model::{Contents, Inside};
use crate::policy::{Mover, Other};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

fn kustomization(cluster: &str, more: &str) -> String {
    format!(
        "=== clusters/{cluster}/apps.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: apps, namespace: flux-system}}
spec:
  path: ./apps
  sourceRef: {{kind: GitRepository, name: flux-system}}
{more}"
    )
}

const APP: &str = "=== apps/release.yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: media}
spec: {chart: {spec: {chart: web, version: 1.0.0, sourceRef: {kind: HelmRepository, name: charts}}}}
=== apps/source.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: media}
spec: {url: https://charts.example.com}
";

fn resolved(text: &str) -> Vec<Arc<Release>> {
    let files: Vec<_> = (text.split("=== ").filter(|part| !part.trim().is_empty()))
        .map(|part| {
            let (path, content) = part.split_once('\n').unwrap();
            (path.trim().to_owned(), Arc::new(inventory::read_file(path.trim(), content.as_bytes())))
        })
        .collect();
    crate::resolve::resolve(&inventory::gather(&files, Context::default())).releases
}

fn effective(releases: &[Arc<Release>]) -> Vec<Arc<Effective>> {
    let of = |release: &Arc<Release>| {
        let default = Effective::default();
        Arc::new(Effective { policy: default.policy.with_annotations(&release.annotations).0, ..default })
    };
    releases.iter().map(of).collect()
}

fn offered(releases: &[Arc<Release>], versions: &[&str], detailed: bool) -> Offers {
    let candidate = |text: &&str| Candidate {
        text: (*text).to_owned(),
        version: Version::strict(text).unwrap(),
        created: None,
        deprecated: false,
        app_version: None,
        digest: None,
        detailed,
        inside: Inside::Opened(Contents::default().into()),
    };
    let candidates = Candidates { versions: versions.iter().map(candidate).collect(), ..Candidates::default() };
    let lookups = releases.iter().filter_map(|release| release.lookup.clone());
    lookups.map(|lookup| (lookup, Ok(Arc::new(candidates.clone())))).collect()
}

/// Each row's cluster with its target or the reason for none, and who stands in the updates.
fn judged(text: &str) -> (Vec<(String, String)>, Vec<Vec<usize>>) {
    let releases = resolved(text);
    let effective = effective(&releases);
    let offers = offered(&releases, &["1.0.0", "1.0.1", "2.0.0"], true);
    let docket = Docket {
        releases: &releases,
        effective: &effective,
        stands: &|_| false,
        now: Timestamp::UNIX_EPOCH,
        seen: &|_, _| None,
        kube_version: &|_| None,
        awaits_kube: &|_| None,
    };
    let mut sitting = Sitting::new(&docket);
    assert!(sitting.first(&offers).is_empty());
    let verdicts: Vec<Judgement> = sitting.rise(&offers).into_iter().map(Option::unwrap).collect();
    let told = |(release, verdict): (&Arc<Release>, &Judgement)| {
        let said = match verdict {
            Judgement::Decided(decision) => match &decision.target {
                Some(target) => target.text.clone(),
                None => format!("{}: {}", decision.reason, decision.message),
            },
            Judgement::Held(problem, _) => problem.reason.to_string(),
            Judgement::GivenUp(_) => panic!(),
        };
        (release.cluster.as_deref().unwrap_or_default().to_owned(), said)
    };
    let rows = releases.iter().zip(&verdicts).map(told).collect();
    let (mut movers, mut others) = (Vec::new(), Vec::new());
    for (index, (release, verdict)) in releases.iter().zip(&verdicts).enumerate() {
        match verdict.decision().filter(|decision| decision.target.is_some()) {
            Some(decision) => movers.push(Mover { index, release, decision, group: "", separate: false }),
            None => others.push(Other { index, release, group: "" }),
        }
    }
    let updates = policy::updates(&movers, &others, "davit/");
    (rows, updates.into_iter().map(|update| update.releases).collect())
}

fn annotated(annotation: &str) -> String {
    format!(
        "  suspend: true
  patches:
  - patch: |
      apiVersion: helm.toolkit.fluxcd.io/v2
      kind: HelmRelease
      metadata: {{name: web, namespace: media, annotations: {{{annotation}}}}}
"
    )
}

#[test]
fn flux_rule_21_a_suspended_consumer_of_the_same_bytes_has_its_say_and_is_named() {
    let both = |production: &str| judged(&format!("{APP}{}{}", kustomization("a", ""), kustomization("b", production)));
    let row = |cluster: &str, said: &str| (format!("clusters/{cluster}"), said.to_owned());
    let (rows, updates) = both("  suspend: true\n");
    assert_eq!(rows, [row("a", "2.0.0"), row("b", "suspended")]);
    assert_eq!(updates, [[0, 1]], "the merge is the suspended one's too");
    let (rows, updates) = both(&annotated("davit.dev/bump: patch"));
    assert_eq!((rows, updates), (vec![row("a", "1.0.1"), row("b", "suspended")], vec![vec![0, 1]]));
    let (rows, updates) = both(&annotated("davit.dev/enabled: 'false'"));
    assert!(rows[0].1.starts_with("held-by-consumer: media/web of clusters/b"), "{rows:?}");
    assert_eq!((rows[1].1.as_str(), updates.len()), ("suspended", 0));
}

#[test]
fn a_consumer_that_no_kustomization_builds_has_no_say() {
    let mut release = resolved(APP)[0].as_ref().clone();
    assert!(release.has_a_say());
    for (reason, say) in [(Reason::NotBuilt, false), (Reason::Suspended, true), (Reason::BuildFailed, true)] {
        release.problem = Some(Problem::new(reason, ""));
        assert_eq!(release.has_a_say(), say, "{reason}");
    }
}

#[test]
fn a_place_is_judged_again_only_where_its_source_was_looked_at() {
    let other = APP.replace("apps/", "more/").replace("web", "tool");
    let other = other.replace("charts", "others").replace("https://others.", "https://more.");
    let releases = resolved(&format!("{APP}{other}"));
    assert_eq!(releases.len(), 2, "{releases:?}");
    let effective = effective(&releases);
    let judged: [AtomicUsize; 2] = Default::default();
    let count = |index: usize| {
        judged[index].fetch_add(1, Ordering::Relaxed);
        None
    };
    let docket = Docket {
        releases: &releases,
        effective: &effective,
        stands: &|_| false,
        now: Timestamp::UNIX_EPOCH,
        seen: &|_, _| None,
        kube_version: &count,
        awaits_kube: &|_| None,
    };
    let mut offers = offered(&releases[..1], &["1.0.0", "1.1.0"], true);
    offers.extend(offered(&releases[1..], &["1.0.0", "1.1.0"], false));
    let mut sitting = Sitting::new(&docket);
    let mut wanted = sitting.first(&offers);
    let rounds = Cell::new(0);
    while !wanted.is_empty() && rounds.get() < 5 {
        rounds.set(rounds.get() + 1);
        let looked_at: BTreeSet<Lookup> = wanted.into_iter().map(|(lookup, _)| lookup).collect();
        assert_eq!(looked_at.iter().collect::<Vec<_>>(), [releases[1].lookup.as_deref().unwrap()]);
        if rounds.get() == 3 {
            offers.extend(offered(&releases[1..], &["1.0.0", "1.1.0"], true));
        }
        wanted = sitting.again(&looked_at, &offers);
    }
    let targets: Vec<_> = (sitting.rise(&offers).iter())
        .map(|verdict| verdict.as_ref().unwrap().decision().unwrap().target.as_ref().unwrap().text.clone())
        .collect();
    assert_eq!((targets, rounds.get()), (vec!["1.1.0".to_owned(); 2], 3));
    assert_eq!(judged.map(AtomicUsize::into_inner), [1, 4]);
}

#[test]
fn who_asks_without_an_end_is_never_told_that_nothing_newer_is_there() {
    let releases = resolved(APP);
    let effective = effective(&releases);
    let mut offers = offered(&releases, &["1.0.0", "2.0.0"], true);
    for candidates in offers.values_mut() {
        let candidates = Arc::make_mut(candidates.as_mut().unwrap());
        candidates.versions.iter_mut().for_each(|candidate| candidate.inside = Inside::Unopened);
    }
    let docket = Docket {
        releases: &releases,
        effective: &effective,
        stands: &|_| false,
        now: Timestamp::UNIX_EPOCH,
        seen: &|_, _| None,
        kube_version: &|_| None,
        awaits_kube: &|_| None,
    };
    let mut sitting = Sitting::new(&docket);
    assert_eq!(sitting.first(&offers).len(), 1);
    sitting.hold(&offers);
    let verdicts = sitting.rise(&offers);
    let Some(Judgement::GivenUp(decision)) = &verdicts[0] else { panic!("{verdicts:?}") };
    assert_eq!(decision.reason, Reason::InternalError, "{}", decision.message);
    assert!(decision.message.starts_with("2.0.0 was looked at"), "{}", decision.message);
}
