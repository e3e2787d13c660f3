//! What the cluster has and Git lacks, and the reverse. Releases that another repository's Kustomization, a chart or a
//! ResourceSet made are told apart and not called missing.

use super::compare::{Statement, applies, is_named};
use super::{LiveRelease, LiveSource, Made, Sighting};
use crate::model::{Fact, Live, LiveState, NsName, Problem, Reason, Release, SourceKind};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Most findings of one kind; the rest is counted.
const SHOWN: usize = 50;

/// Most names in one sentence.
const NAMES: usize = 5;

/// A problem, with file and line where Git has the release.
type Found = (Option<(String, u32)>, Problem);

/// Both directions.
pub(super) fn find(
    statement: &Statement<'_>,
    roots: &BTreeSet<String>,
    all: &HashMap<NsName, LiveRelease>,
    live: &[Option<Live>],
) -> Vec<Found> {
    let mut findings = git_only(statement, live);
    findings.extend(cluster_only(statement, roots, all));
    findings
}

/// Releases that Git builds and the cluster does not have.
fn git_only(statement: &Statement<'_>, live: &[Option<Live>]) -> Vec<Found> {
    let absent = |live: &Option<Live>| live.as_ref().is_some_and(|live| live.state == LiveState::Absent);
    let rows = statement.releases.iter().zip(live).filter(|(release, live)| absent(live) && is_due(release));
    // A Kustomization that is not there takes all of its releases with it: one sentence says so.
    let mut lost: BTreeMap<&NsName, Vec<&Release>> = BTreeMap::new();
    let mut single: Vec<Found> = Vec::new();
    for (release, _) in rows {
        let Some(by) = &release.kustomization else { continue };
        if follows_another_ref(by, statement) {
            continue;
        }
        match &statement.seen.kustomizations {
            Fact::Known(known) if !known.contains_key(by) => lost.entry(by).or_default().push(release),
            known => {
                let suspended = known.known().and_then(|all| all.get(by)).is_some_and(|live| live.suspended);
                let why = if suspended { ", which is suspended in the cluster" } else { "" };
                let message = format!(
                    "Git builds the HelmRelease {} by Kustomization {by}{why}, and the cluster does not have it",
                    release.id()
                );
                single.push((Some((release.file.to_string(), release.line)), Problem::new(Reason::GitOnly, message)));
            }
        }
    }
    let mut findings: Vec<Found> = lost.into_iter().map(|(by, releases)| without(by, &releases)).collect();
    findings.extend(single);
    shortened(findings, Reason::GitOnly, "more releases that Git builds are not in the cluster")
}

/// Whether Flux is to have applied it: what can't be built, or is suspended in Git, is not expected.
fn is_due(release: &Release) -> bool {
    let reason = release.problem.as_ref().map(|problem| problem.reason);
    !matches!(reason, Some(Reason::BuildFailed | Reason::Suspended | Reason::ReleaseAmbiguous | Reason::InvalidRelease))
}

fn without(by: &NsName, releases: &[&Release]) -> Found {
    let names: Vec<String> = releases.iter().take(NAMES).map(|release| release.id().to_string()).collect();
    let more = releases.len() - names.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let message = format!("the cluster has no Kustomization {by}, so not its releases {}{more}", names.join(", "));
    let place = releases.first().map(|release| (release.file.to_string(), release.line));
    (place, Problem::new(Reason::GitOnly, message))
}

/// Releases that the cluster has and no row stands for.
fn cluster_only(statement: &Statement<'_>, roots: &BTreeSet<String>, all: &HashMap<NsName, LiveRelease>) -> Vec<Found> {
    let here = || statement.releases.iter().filter(|release| applies(release, Some(roots)));
    let named: HashSet<NsName> = here().filter(|release| is_named(release)).map(|release| release.id()).collect();
    let builders: HashSet<&NsName> = here().filter_map(|release| release.kustomization.as_deref()).collect();
    // What a release without a whole name may be called in the cluster is not known.
    let vague: HashSet<&NsName> =
        here().filter(|release| !is_named(release)).filter_map(|release| release.kustomization.as_deref()).collect();
    let mut extra: Vec<&LiveRelease> = all.values().filter(|live| !named.contains(&live.id)).collect();
    extra.sort_by(|a, b| a.id.cmp(&b.id));
    let findings = extra.into_iter().filter_map(|live| {
        let why = match &live.made {
            Made::Kustomization(by) if !statement.whole || vague.contains(by) => return None,
            // What stands on another branch is not what was read.
            Made::Kustomization(by) if follows_another_ref(by, statement) => return None,
            Made::Kustomization(by) if builders.contains(by) || builds_ours(by, statement) => {
                format!("Kustomization {by} made it, and Git does not have it there any more")
            }
            // Another repository's, or a source's that is none of ours; a chart's or a ResourceSet's.
            Made::Kustomization(_) | Made::Controller(_) => return None,
            Made::Unsaid if !(statement.lacks)(&live.id) => return None,
            Made::Unsaid => "no Flux Kustomization made it".to_owned(),
        };
        let message = format!("the cluster has the HelmRelease {}, and Git does not: {why}", live.id);
        Some((None, Problem::new(Reason::ClusterOnly, message)))
    });
    shortened(findings.collect(), Reason::ClusterOnly, "more releases of the cluster are not in Git")
}

/// Whether a Kustomization of the cluster builds this repository.
fn builds_ours(by: &NsName, statement: &Statement<'_>) -> bool {
    let url = source(by, statement.seen).and_then(|source| source.url.as_deref());
    url.is_some_and(|url| (statement.ours)(url))
}

/// Whether a Kustomization of the cluster builds another branch, a tag or a commit, and not what was read here.
fn follows_another_ref(by: &NsName, statement: &Statement<'_>) -> bool {
    let theirs = source(by, statement.seen).map(|source| source.git_ref.as_str());
    theirs.zip(statement.git_ref).is_some_and(|(theirs, ours)| theirs != ours)
}

/// The GitRepository that a Kustomization of the cluster builds.
fn source<'s>(by: &NsName, seen: &'s Sighting) -> Option<&'s LiveSource> {
    let source = seen.kustomizations.known()?.get(by)?.git_source.as_ref()?;
    seen.source(SourceKind::GitRepository, source).ok()?
}

fn shortened(mut findings: Vec<Found>, reason: Reason, what: &str) -> Vec<Found> {
    let more = findings.len().saturating_sub(SHOWN);
    if more > 0 {
        findings.truncate(SHOWN);
        findings.push((None, Problem::new(reason, format!("{more} {what}"))));
    }
    findings
}
