//! Releases and offers become rows: pure and synchronous. Releases that share bytes are judged together, because they
//! move together.

use super::applied::Awaits;
use super::notes;
use super::offers::Offers;
use super::remedy;
use super::report::Row;
use crate::model::{Bump, Candidate, Candidates, Decision, Lookup, Problem, Reason, Release, RowKind, Version};
use crate::policy::{self, Consumer, Effective, Outcome, Policy};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// When a candidate of a source was first seen by us, for the minimum age of those without a date.
pub type FirstSeen<'a> = dyn Fn(&Lookup, &Candidate) -> Option<Timestamp> + Sync + 'a;

/// One release's verdict.
#[derive(Debug, Clone)]
pub enum Judgement {
    /// Policy decided.
    Decided(Arc<Decision>),
    /// No more candidates are looked at in this pass: those before were ruled out, what comes after them is not known.
    GivenUp(Arc<Decision>),
    /// Nothing can be proposed; the highest admissible version where it is known.
    Held(Problem, Option<String>),
}

impl Judgement {
    /// Nothing moves, because too many versions were ruled out. What comes next was not looked at: nobody is told that
    /// nothing newer is there.
    fn given_up(decision: Decision, next: &str) -> Self {
        let (reason, message) = match decision.reason {
            Reason::UpToDate | Reason::NoVersions => {
                let message = format!("{next} was looked at again and again without an end: a bug, please report it");
                (Reason::InternalError, message)
            }
            reason => {
                let message = format!(
                    "{}; too many of the newest versions are unusable like this: {next}, and what is older, was not looked at",
                    decision.message
                );
                (reason, message)
            }
        };
        Self::GivenUp(Arc::new(Decision { reason, message, ..decision }))
    }

    /// Policy's decision, where it came to that.
    pub fn decision(&self) -> Option<&Arc<Decision>> {
        match self {
            Self::Decided(decision) | Self::GivenUp(decision) => Some(decision),
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
    pub stands: &'a (dyn Fn(usize) -> bool + Sync),
    /// The time.
    pub now: Timestamp,
    /// When candidates were first seen.
    pub seen: &'a FirstSeen<'a>,
    /// Version of the cluster that a release runs on, where that is known.
    pub kube_version: &'a (dyn Fn(usize) -> Option<&'a Version> + Sync),
    /// What that version still hangs on.
    pub awaits_kube: &'a (dyn Fn(usize) -> Option<Awaits> + Sync),
}

impl Docket<'_> {
    fn policy(&self, index: usize) -> &Policy {
        &self.effective[index].policy
    }
}

/// Releases on the same bytes.
struct Sharers {
    /// Those that move, where anything does.
    moving: Vec<usize>,
    /// Those that are held by themselves, and whose policy counts all the same: the edit is theirs too.
    held: Vec<usize>,
}

/// The judging of a docket, in rounds: what was judged stays, unless its source was looked at closer since.
pub struct Sitting<'d> {
    docket: &'d Docket<'d>,
    places: Vec<Sharers>,
    /// The places that ask a source, by their number.
    askers: HashMap<&'d Lookup, Vec<usize>>,
    judgements: Vec<Option<Judgement>>,
}

impl<'d> Sitting<'d> {
    /// Opens one.
    pub fn new(docket: &'d Docket<'d>) -> Self {
        let mut places: BTreeMap<Place<'d>, Sharers> = BTreeMap::new();
        let left = docket.releases.iter().enumerate().filter(|(index, _)| !(docket.stands)(*index));
        for (index, release) in left {
            let Some(site) = release.site.as_ref().filter(|_| release.has_a_say()) else { continue };
            let sharers = places
                .entry((&site.file, site.start, site.end))
                .or_insert_with(|| Sharers { moving: Vec::new(), held: Vec::new() });
            if release.problem.is_none() { sharers.moving.push(index) } else { sharers.held.push(index) }
        }
        let places: Vec<Sharers> = places.into_values().filter(|sharers| !sharers.moving.is_empty()).collect();
        let mut askers: HashMap<&Lookup, Vec<usize>> = HashMap::new();
        for (number, place) in places.iter().enumerate() {
            let asked: BTreeSet<&Lookup> =
                place.moving.iter().filter_map(|index| docket.releases[*index].lookup.as_deref()).collect();
            for lookup in asked {
                askers.entry(lookup).or_default().push(number);
            }
        }
        Self { docket, places, askers, judgements: vec![None; docket.releases.len()] }
    }

    /// Judges everything.
    pub fn first(&mut self, offers: &Offers) -> BTreeSet<(Lookup, String)> {
        self.round(0..self.places.len(), offers, false)
    }

    /// Judges what asks the sources that were looked at closer.
    pub fn again(&mut self, looked_at: &BTreeSet<Lookup>, offers: &Offers) -> BTreeSet<(Lookup, String)> {
        let askers = looked_at.iter().filter_map(|lookup| self.askers.get(lookup)).flatten();
        let numbers: BTreeSet<usize> = askers.copied().collect();
        self.round(numbers, offers, false)
    }

    /// Judges for the last time what still asks for a closer look: it is held, with the first refusal's reason.
    pub fn hold(&mut self, offers: &Offers) {
        let open: Vec<usize> = (self.places.iter().enumerate())
            .filter(|(_, sharers)| sharers.moving.iter().any(|index| self.judgements[*index].is_none()))
            .map(|(number, _)| number)
            .collect();
        self.round(open, offers, true);
    }

    /// Judges places; gives back the candidates to be looked at closer first.
    fn round(
        &mut self,
        numbers: impl IntoIterator<Item = usize>,
        offers: &Offers,
        last: bool,
    ) -> BTreeSet<(Lookup, String)> {
        let mut missing = BTreeSet::new();
        for number in numbers {
            let sharers = &self.places[number];
            let verdicts: Vec<Option<Judgement>> = match together(sharers, self.docket, offers, last) {
                Ok(verdicts) => verdicts.into_iter().map(Some).collect(),
                Err(wanted) => {
                    missing.extend(wanted);
                    vec![None; sharers.moving.len()]
                }
            };
            for (index, verdict) in sharers.moving.iter().zip(verdicts) {
                self.judgements[*index] = verdict;
            }
        }
        missing
    }

    /// One verdict per release that does not stand: those that are held anyway are told the newest by what is known now.
    pub fn rise(mut self, offers: &Offers) -> Vec<Option<Judgement>> {
        let docket = self.docket;
        for (index, release) in docket.releases.iter().enumerate().filter(|(index, _)| !(docket.stands)(*index)) {
            if release.site.is_some() && release.problem.is_none() {
                continue;
            }
            let latest = latest(release, docket.policy(index), offers);
            let problem = release.problem.as_ref();
            let problem = problem.map_or_else(|| no_site(release), |problem| with_pin(release, problem, offers));
            self.judgements[index] = Some(Judgement::Held(problem, latest));
        }
        self.judgements
    }
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
    sharers: &Sharers,
    docket: &Docket<'_>,
    offers: &Offers,
    last: bool,
) -> Result<Vec<Judgement>, BTreeSet<(Lookup, String)>> {
    let members = sharers.moving.as_slice();
    let all = |problem: &Problem| Ok(vec![Judgement::Held(problem.clone(), None); members.len()]);
    let everybody = || members.iter().chain(&sharers.held);
    let releases = docket.releases;
    let first = &releases[members[0]];
    let (Some(lookup), Some(current), Some(kind)) = (&first.lookup, &first.current, first.chart_kind) else {
        return all(&no_site(first));
    };
    let asked = |release: &Release| match &release.lookup {
        Some(theirs) => theirs.question() == lookup.question(),
        // What is held may be so because nobody knows what it asks.
        None => release.problem.is_some(),
    };
    if let Some(other) = everybody().map(|i| &releases[*i]).find(|release| !asked(release)) {
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
    let wanted = in_git_by_digest(members, releases, candidates, current).filter(|_| !last);
    let clusters: BTreeSet<Option<&str>> = everybody().map(|i| releases[*i].cluster.as_deref()).collect();
    let name = |release: &Release| match release.cluster.as_deref().filter(|_| clusters.len() > 1) {
        Some(cluster) => format!("{} of {cluster}", release.id()),
        None => release.id().to_string(),
    };
    // The decisions are for the first of them: those that move.
    let consumers: Vec<Consumer<'_>> = everybody()
        .map(|i| Consumer {
            name: name(&releases[*i]),
            policy: docket.policy(*i),
            kube_version: (docket.kube_version)(*i).filter(|_| is_installed(releases[*i].kind)),
            part: releases[*i].kind == RowKind::ChartDependency,
        })
        .collect();
    let first_seen = |candidate: &Candidate| (docket.seen)(lookup, candidate);
    match policy::choose_shared(current, kind, candidates, &consumers, docket.now, &first_seen) {
        Outcome::Decided(_) if wanted.is_some() => {
            Err(wanted.map(|text| (Lookup::clone(lookup), text)).into_iter().collect())
        }
        Outcome::Decided(decisions) if let Some(problem) = awaited(members, &decisions, docket) => {
            let held = |decision: Decision| Judgement::Held(problem.clone(), decision.latest.map(|latest| latest.text));
            Ok(decisions.into_iter().take(members.len()).map(held).collect())
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
        Outcome::NeedsDetail(texts) if last => {
            let next = texts.first().map_or("", String::as_str);
            let decisions = policy::ruled_out(current, kind, candidates, &consumers, docket.now, &first_seen);
            let told = |(index, decision): (&usize, Decision)| match docket.policy(*index).hold {
                Some(_) => Judgement::Decided(Arc::new(decision)),
                None => Judgement::given_up(decision, next),
            };
            Ok(members.iter().zip(decisions).map(told).collect())
        }
        Outcome::NeedsDetail(texts) => {
            Err(texts.into_iter().chain(wanted).map(|text| (Lookup::clone(lookup), text)).collect())
        }
    }
}

/// A target that asks for a version of Kubernetes, on a cluster that never said which it has: the whole site waits, and what
/// is open for it stays open.
fn awaited(members: &[usize], decisions: &[Decision], docket: &Docket<'_>) -> Option<Problem> {
    members.iter().zip(decisions).find_map(|(index, decision)| {
        let release = &docket.releases[*index];
        let awaits = (docket.awaits_kube)(*index).filter(|_| is_installed(release.kind))?;
        let mut targets = decision.target.iter().chain(&decision.within_major);
        let wants = |target: &Candidate| Some((target.text.clone(), target.inside.contents()?.kube_version.clone()?));
        let (text, wanted) = targets.find_map(wants)?;
        let id = release.id();
        let message = match awaits {
            Awaits::Answer => {
                format!("{text} needs Kubernetes {wanted}, and the cluster of {id} has not said yet which version it has")
            }
            Awaits::Root => format!(
                "{text} needs Kubernetes {wanted}, and whether {id} runs on the cluster that was asked is not known: set \
                 cluster.root, or cluster.kubeVersion"
            ),
        };
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

/// The highest admissible version for a release that is held anyway: no detail is fetched for it.
fn latest(release: &Release, policy: &Policy, offers: &Offers) -> Option<String> {
    let (lookup, kind) = (release.lookup.as_ref()?, release.chart_kind?);
    let candidates = offers.get(lookup)?.as_ref().ok()?;
    let current = release.current.as_deref().unwrap_or("*");
    policy::highest(current, kind, candidates, policy).map(|candidate| candidate.text)
}

/// What floats, with the version to pin it to where the source has said which it offers.
fn with_pin(release: &Release, problem: &Problem, offers: &Offers) -> Problem {
    if let Some(problem) = policy::no_range(problem, release.current.as_deref().unwrap_or_default()) {
        return problem;
    }
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
    let release = notes::noted(release, judgement.decision().map(Arc::as_ref), offers);
    Arc::new(match judgement {
        Judgement::Decided(decision) => {
            let step = step(&release, &decision);
            Row::decided(release, Arc::unwrap_or_clone(decision), step)
        }
        Judgement::GivenUp(decision) => {
            Row { unsettled: true, ..Row::decided(release, Arc::unwrap_or_clone(decision), Bump::None) }
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

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
