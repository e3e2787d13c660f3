//! Releases and offers become rows: pure and synchronous. Releases that share bytes are judged together, because they
//! move together.

use super::offers::Offers;
use super::remedy;
use super::report::Row;
use crate::model::{Bump, Candidate, Candidates, Decision, Lookup, Note, Problem, Reason, Release, RowKind, Version};
use crate::policy::{self, Consumer, Effective, Outcome, Policy};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// When a candidate of a source was first seen by us, for the minimum age of those without a date.
pub type FirstSeen<'a> = dyn Fn(&Lookup, &Candidate) -> Option<Timestamp> + 'a;

/// What came of judging.
pub enum Judged {
    /// One decision or problem per release, in their order; nothing for those whose earlier row stands.
    Done(Vec<Option<Judgement>>),
    /// These candidates must be looked at closer first.
    NeedsDetail(BTreeSet<(Lookup, String)>),
}

/// One release's verdict.
#[derive(Debug, Clone)]
pub enum Judgement {
    /// Policy decided.
    Decided(Arc<Decision>),
    /// Nothing can be proposed; the highest admissible version where it is known.
    Held(Problem, Option<String>),
}

impl Judgement {
    /// Policy's decision, where it came to that.
    pub fn decision(&self) -> Option<&Arc<Decision>> {
        match self {
            Self::Decided(decision) => Some(decision),
            Self::Held(..) => None,
        }
    }
}

/// The bytes that hold a version: releases with the same ones move together.
type Place<'a> = (&'a str, usize, usize);

/// What is judged, and by what.
pub struct Docket<'a> {
    /// The releases.
    pub releases: &'a [Arc<Release>],
    /// What is in force for each.
    pub effective: &'a [Arc<Effective>],
    /// Whether a release is left out, its earlier row standing: all of those on one site, or none.
    pub stands: &'a dyn Fn(usize) -> bool,
    /// The time.
    pub now: Timestamp,
    /// When candidates were first seen.
    pub seen: &'a FirstSeen<'a>,
    /// Version of the cluster that a release runs on, where that is known.
    pub kube_version: &'a dyn Fn(usize) -> Option<&'a Version>,
    /// Whether that version is still to be heard of from a cluster that never answered.
    pub awaits_kube: &'a dyn Fn(usize) -> bool,
}

impl Docket<'_> {
    fn policy(&self, index: usize) -> &Policy {
        &self.effective[index].policy
    }
}

/// Judges every release that does not stand.
pub fn judge(docket: &Docket<'_>, offers: &Offers) -> Judged {
    let releases = docket.releases;
    let mut judgements: Vec<Option<Judgement>> = vec![None; releases.len()];
    let mut missing = BTreeSet::new();
    let mut places: BTreeMap<Place<'_>, Vec<usize>> = BTreeMap::new();
    for (index, release) in releases.iter().enumerate().filter(|(index, _)| !(docket.stands)(*index)) {
        match (&release.site, &release.problem) {
            (Some(site), None) => places.entry((&site.file, site.start, site.end)).or_default().push(index),
            (_, problem) => {
                let latest = latest(release, docket.policy(index), offers);
                let problem = problem.as_ref().map_or_else(|| no_site(release), |p| with_pin(release, p, offers));
                judgements[index] = Some(Judgement::Held(problem, latest));
            }
        }
    }
    for members in places.values() {
        match together(members, docket, offers) {
            Ok(verdicts) => {
                for (index, verdict) in members.iter().zip(verdicts) {
                    judgements[*index] = Some(verdict);
                }
            }
            Err(wanted) => missing.extend(wanted),
        }
    }
    if missing.is_empty() { Judged::Done(judgements) } else { Judged::NeedsDetail(missing) }
}

/// Whether Flux installs the chart itself, on the cluster that is known.
pub(super) fn is_installed(kind: RowKind) -> bool {
    match kind {
        RowKind::HelmRelease | RowKind::OciRepository | RowKind::HelmChart => true,
        RowKind::ChartDependency | RowKind::HelmChartInflationGenerator => false,
    }
}

/// The verdicts of the releases on one site.
fn together(
    members: &[usize],
    docket: &Docket<'_>,
    offers: &Offers,
) -> Result<Vec<Judgement>, BTreeSet<(Lookup, String)>> {
    let all = |problem: &Problem| Ok(vec![Judgement::Held(problem.clone(), None); members.len()]);
    let releases = docket.releases;
    let first = &releases[members[0]];
    let (Some(lookup), Some(current), Some(kind)) = (&first.lookup, &first.current, first.chart_kind) else {
        return all(&no_site(first));
    };
    let asked = |release: &Release| release.lookup.as_ref().map(Lookup::question) == Some(lookup.question());
    if let Some(other) = members.iter().map(|i| &releases[*i]).find(|release| !asked(release)) {
        let names = format!("{} and {}", first.id(), other.id());
        let message =
            format!("{names} read the same version for charts of different places; one edit can't serve both");
        return all(&Problem::new(Reason::SourceAmbiguous, message));
    }
    // Sources with different Secrets may stand on one variable: what one of them may see is there for all.
    let all_asked = || members.iter().filter_map(|i| releases[*i].lookup.as_ref());
    let lookup = all_asked().find(|lookup| matches!(offers.get(*lookup), Some(Ok(_)))).unwrap_or(lookup);
    let candidates = match offers.get(lookup) {
        Some(Ok(candidates)) => candidates,
        Some(Err(problem)) => {
            return Ok(members.iter().map(|i| Judgement::Held(remedy::told(&releases[*i], problem), None)).collect());
        }
        None => return all(&Problem::new(Reason::InternalError, "the source was not asked: a bug, please report it")),
    };
    let wanted = in_git_by_digest(members, releases, candidates, current);
    let consumers: Vec<Consumer<'_>> = members
        .iter()
        .map(|i| Consumer {
            name: releases[*i].id().to_string(),
            policy: docket.policy(*i),
            kube_version: (docket.kube_version)(*i).filter(|_| is_installed(releases[*i].kind)),
            part: releases[*i].kind == RowKind::ChartDependency,
        })
        .collect();
    let first_seen = |candidate: &Candidate| (docket.seen)(lookup, candidate);
    match policy::choose_shared(current, kind, candidates, &consumers, docket.now, &first_seen) {
        Outcome::Decided(_) if wanted.is_some() => Err(wanted.map(|text| (lookup.clone(), text)).into_iter().collect()),
        Outcome::Decided(decisions) if let Some(problem) = awaited(members, &decisions, docket) => {
            let held = |decision: Decision| Judgement::Held(problem.clone(), decision.latest.map(|latest| latest.text));
            Ok(decisions.into_iter().map(held).collect())
        }
        Outcome::Decided(decisions) => Ok(members
            .iter()
            .zip(decisions)
            .map(|(index, decision)| {
                let Some(target) = out_of_frame(&releases[*index], &decision) else {
                    return Judgement::Decided(Arc::new(decision));
                };
                Judgement::Held(target, decision.latest.map(|latest| latest.text))
            })
            .collect()),
        Outcome::NeedsDetail(texts) => {
            Err(texts.into_iter().chain(wanted).map(|text| (lookup.clone(), text)).collect())
        }
    }
}

/// A target that asks for a version of Kubernetes, on a cluster that never said which it has: the whole site waits, and what
/// is open for it stays open.
fn awaited(members: &[usize], decisions: &[Decision], docket: &Docket<'_>) -> Option<Problem> {
    members.iter().zip(decisions).find_map(|(index, decision)| {
        let release = &docket.releases[*index];
        if !is_installed(release.kind) || !(docket.awaits_kube)(*index) {
            return None;
        }
        let mut targets = decision.target.iter().chain(&decision.within_major);
        let wants = |target: &Candidate| Some((target.text.clone(), target.inside.contents()?.kube_version.clone()?));
        let (text, wanted) = targets.find_map(wants)?;
        let message = format!(
            "{text} needs Kubernetes {wanted}, and the cluster of {} has not said yet which version it has",
            release.id()
        );
        Some(Problem::new(Reason::KubeVersionUnknown, message))
    })
}

/// Fixed text around a variable that the target does not have: no value of the variable could make it.
fn out_of_frame(release: &Release, decision: &Decision) -> Option<Problem> {
    let target = &decision.target.as_ref()?.text;
    if release.at_site(target).is_some() {
        return None;
    }
    let (current, site) = (release.current.as_deref().unwrap_or_default(), release.site.as_ref()?);
    let message = format!(
        "{target} does not fit: {current} is {:?} of {}:{} with fixed text around it",
        site.text, site.file, site.line
    );
    Some(Problem::new(Reason::NotEditable, message))
}

/// The version in use, where a digest stands beside its tag and the registry's own is not known yet.
fn in_git_by_digest(
    members: &[usize],
    releases: &[Arc<Release>],
    candidates: &Candidates,
    current: &str,
) -> Option<String> {
    members.iter().find(|index| releases[**index].digest_site.is_some())?;
    let known = candidates.versions.iter().find(|candidate| candidate.text == current)?;
    (!known.detailed).then(|| current.to_owned())
}

/// Tags that name another manifest now than the digest beside them in Git: worth a word, and no update of its own.
fn moved_tag(release: &Release, offers: &Offers) -> Option<Note> {
    let (site, tag) = (release.digest_site.as_ref()?, release.current.as_ref()?);
    let candidates = offers.get(release.lookup.as_ref()?)?.as_ref().ok()?;
    let now = candidates.versions.iter().find(|candidate| candidate.text == *tag)?.digest.as_ref()?;
    (*now != site.text).then(|| {
        Note::Other(format!(
            "the tag {tag} was moved: the registry names {} now, and Git {}. Flux runs what the digest in Git names",
            short(now),
            short(&site.text)
        ))
    })
}

/// As much of a digest as tells it from another.
fn short(digest: &str) -> String {
    digest
        .char_indices()
        .nth("sha256:".len() + 12)
        .map_or_else(|| digest.to_owned(), |(at, _)| format!("{}…", &digest[..at]))
}

/// The highest admissible version for a release that is held anyway: no detail is fetched for it.
fn latest(release: &Release, policy: &Policy, offers: &Offers) -> Option<String> {
    let (lookup, kind) = (release.lookup.as_ref()?, release.chart_kind?);
    let candidates = offers.get(lookup)?.as_ref().ok()?;
    let current = release.current.as_deref().unwrap_or("*");
    policy::highest(current, kind, candidates, policy).map(|candidate| candidate.text)
}

/// What floats, with the version to pin it to where the source has said which it offers.
fn with_pin(release: &Release, problem: &Problem, offers: &Offers) -> Problem {
    match release.lookup.as_ref().and_then(|lookup| offers.get(lookup)) {
        Some(Ok(candidates)) => policy::with_pin(problem, release.current.as_deref().unwrap_or_default(), candidates),
        _ => problem.clone(),
    }
}

fn no_site(release: &Release) -> Problem {
    let message = format!("{} has no version that could be edited", release.id());
    Problem::new(Reason::NotEditable, message)
}

/// The row of a verdict.
pub fn row(release: &Arc<Release>, judgement: Judgement, offers: &Offers) -> Arc<Row> {
    let release = match moved_tag(release, offers) {
        None => release.clone(),
        Some(note) => {
            let mut noted = release.as_ref().clone();
            noted.notes.push(note);
            Arc::new(noted)
        }
    };
    Arc::new(match judgement {
        Judgement::Decided(decision) => {
            let step = step(&release, &decision);
            Row::decided(release, Arc::unwrap_or_clone(decision), step)
        }
        Judgement::Held(problem, latest) => Row::held(release, problem, latest),
    })
}

fn step(release: &Release, decision: &Decision) -> Bump {
    let from = release.current.as_deref().and_then(|text| Version::loose(text).or_else(|| Version::of_tag(text)));
    match (from, &decision.target) {
        (Some(from), Some(target)) => Bump::between(&from, &target.version),
        _ => Bump::None,
    }
}
