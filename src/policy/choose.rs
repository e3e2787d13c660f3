//! From what a source offers to what a release should move to, with a reason for every no. Pure: the time and the
//! first-seen times are arguments, and a lookup that is still needed is an answer ([`Outcome::NeedsDetail`]).
//!
//! Never a downgrade, and never a step between versions of equal precedence: `1.2.3+b` is not newer than `1.2.3+a`.

use super::Policy;
use super::current::{self, Current};
use super::verdict::{Look, No, Verdict};
use crate::model::{Bump, Candidate, Candidates, ChartKind, Decision, Dropped, Problem, Reason, Version};
use jiff::Timestamp;
use std::cell::OnceCell;
use std::cmp::Reverse;

/// The most candidates whose details are asked for in one round.
pub const DETAILS_PER_ROUND: usize = 4;

/// A release on the bytes in question, and what it lets through.
#[derive(Debug, Clone)]
pub struct Consumer<'a> {
    /// Namespace and name, for messages to the others.
    pub name: String,
    /// Its policy, annotations included.
    pub policy: &'a Policy,
    /// Version of the cluster that it runs on, where that is known.
    pub kube_version: Option<&'a Version>,
    /// It takes the chart as a part of another one: Helm looks neither at its type nor at its `kubeVersion`.
    pub part: bool,
}

/// A decision, or what must be known first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// Decided.
    Decided(T),
    /// Look at these candidates (by text) closer and ask again: set `detailed` where that is not set, found or not; else
    /// open the archive and set `inside`. Never empty, at most [`DETAILS_PER_ROUND`] and one more.
    NeedsDetail(Vec<String>),
}

/// What one release on a version site of its own should do.
///
/// `first_seen` tells when Davit saw a candidate first, for the minimum age of those without a date.
pub fn choose(
    current: &str,
    kind: ChartKind,
    candidates: &Candidates,
    policy: &Policy,
    now: Timestamp,
    first_seen: &dyn Fn(&Candidate) -> Option<Timestamp>,
) -> Outcome<Decision> {
    let consumers = [Consumer { name: "the release".to_owned(), policy, kube_version: None, part: false }];
    let archives = kind != ChartKind::GitTag;
    let site = Site::new(current, kind, candidates, Look { consumers: &consumers, now, archives, first_seen });
    match site.settle() {
        Ok(choice) => Outcome::Decided(site.decision(0, &choice)),
        Err(texts) => Outcome::NeedsDetail(texts),
    }
}

/// The highest version that Flux's own rules and the pre-release rule admit, by what is known: nothing is looked up for a
/// release that is held anyway.
pub fn highest(current: &str, kind: ChartKind, candidates: &Candidates, policy: &Policy) -> Option<Candidate> {
    let consumers = [Consumer { name: String::new(), policy, kube_version: None, part: false }];
    let look = Look { consumers: &consumers, now: Timestamp::UNIX_EPOCH, archives: false, first_seen: &|_| None };
    Site::new(current, kind, candidates, look).latest(0).cloned()
}

/// What the releases that share one version site should do: one decision each, in their order. They share the target,
/// which every one of their policies lets through; a release whose own policy would go further is held by the other.
pub fn choose_shared(
    current: &str,
    kind: ChartKind,
    candidates: &Candidates,
    consumers: &[Consumer<'_>],
    now: Timestamp,
    first_seen: &dyn Fn(&Candidate) -> Option<Timestamp>,
) -> Outcome<Vec<Decision>> {
    let archives = kind != ChartKind::GitTag;
    let site = Site::new(current, kind, candidates, Look { consumers, now, archives, first_seen });
    match site.settle() {
        Ok(choice) => Outcome::Decided((0..consumers.len()).map(|i| site.decision(i, &choice)).collect()),
        Err(texts) => Outcome::NeedsDetail(texts),
    }
}

/// What the releases on one version site are told where so many candidates in a row were ruled out by closer looks that
/// nobody looks further: nothing moves, and the first of those refusals is the reason.
pub fn ruled_out(
    current: &str,
    kind: ChartKind,
    candidates: &Candidates,
    consumers: &[Consumer<'_>],
    now: Timestamp,
    first_seen: &dyn Fn(&Candidate) -> Option<Timestamp>,
) -> Vec<Decision> {
    let archives = kind != ChartKind::GitTag;
    let site = Site::new(current, kind, candidates, Look { consumers, now, archives, first_seen });
    let told = |i| {
        let decision = site.decision(i, &Choice::default());
        match site.refused(i, None).find(|dropped| takes_a_look(dropped.reason)) {
            Some(Dropped { reason, message, .. }) => Decision { reason, message, ..decision },
            None => decision,
        }
    };
    (0..consumers.len()).map(told).collect()
}

/// Whether a candidate can be refused for this only after a closer look at it.
fn takes_a_look(reason: Reason) -> bool {
    !matches!(reason, Reason::Prerelease | Reason::HeldByRange | Reason::HeldByBump | Reason::HeldByIgnore)
}

/// One version site, read.
struct Site<'a> {
    text: &'a str,
    candidates: &'a Candidates,
    current: Current,
    /// Newer than the version in use, the best first.
    newer: Vec<&'a Candidate>,
    /// For each of them the first no of all consumers, once it was asked for.
    first_no: Vec<OnceCell<Option<No>>>,
    look: Look<'a>,
}

/// What all consumers of a site let through.
#[derive(Default)]
struct Choice<'a> {
    target: Option<&'a Candidate>,
    within_major: Option<&'a Candidate>,
}

impl<'a> Site<'a> {
    fn new(text: &'a str, kind: ChartKind, candidates: &'a Candidates, look: Look<'a>) -> Self {
        let current = current::read(text, kind, candidates);
        let mut newer: Vec<_> = match &current {
            Current::Pinned(version) => candidates.versions.iter().filter(|c| c.version > *version).collect(),
            Current::Unmovable(_) => Vec::new(),
        };
        newer.sort_by(|a, b| rank(b, text).cmp(&rank(a, text)));
        let first_no = newer.iter().map(|_| OnceCell::new()).collect();
        Self { text, candidates, current, newer, first_no, look }
    }

    /// The pinned version.
    fn pinned(&self) -> Option<&Version> {
        match &self.current {
            Current::Pinned(version) => Some(version),
            Current::Unmovable(_) => None,
        }
    }

    /// Whether something newer is a release proper: then no pre-release of a higher one is admitted.
    fn newer_release(&self) -> bool {
        self.newer.iter().any(|c| !c.version.is_prerelease() && !c.inside.is_refused())
    }

    /// The target, or the candidates to look up first.
    fn settle(&self) -> Result<Choice<'a>, Vec<String>> {
        let mut choice = Choice::default();
        let Some(current) = self.pinned() else { return Ok(choice) };
        let newer_release = self.newer_release();
        let within = self.look.consumers.iter().any(|c| c.policy.separate_majors);
        let mut asked: Vec<String> = Vec::new();
        for candidate in &self.newer {
            let same_major = candidate.version.core().0 == current.core().0;
            if choice.target.is_some() && !(within && same_major) {
                if within {
                    continue;
                }
                break;
            }
            match self.look.all(candidate, current, newer_release) {
                Verdict::Pass if choice.target.is_none() => {
                    choice.target = Some(candidate);
                    if same_major {
                        break;
                    }
                }
                Verdict::Pass => {
                    choice.within_major = Some(candidate);
                    break;
                }
                Verdict::Drop(..) => {}
                // About to become the target, unless one that is looked at first does.
                Verdict::Open => {
                    if asked.is_empty() {
                        asked.push(candidate.text.clone());
                    }
                    break;
                }
                Verdict::Ask => {
                    asked.push(candidate.text.clone());
                    // Without an age to wait for the first one is nearly always the answer.
                    if !self.look.wants_age() || asked.len() == DETAILS_PER_ROUND {
                        break;
                    }
                }
            }
        }
        let moving = (0..self.look.consumers.len()).filter(|i| self.look.hold(*i).is_none());
        for latest in moving.filter_map(|i| self.latest(i)) {
            if !latest.detailed && latest.version > *current && !asked.contains(&latest.text) {
                if asked.len() > DETAILS_PER_ROUND {
                    break;
                }
                asked.push(latest.text.clone());
            }
        }
        if asked.is_empty() { Ok(choice) } else { Err(asked) }
    }

    /// The highest version that the pre-release rule admits for this consumer.
    fn latest(&self, consumer: usize) -> Option<&'a Candidate> {
        let newer_release = self.newer_release();
        if let Some(current) = self.pinned() {
            let admitted = |c: &&&Candidate| {
                !c.inside.is_refused() && self.look.prerelease_admitted(consumer, c, current, newer_release)
            };
            if let Some(newest) = self.newer.iter().find(admitted) {
                return Some(newest);
            }
        }
        let prereleases = self.look.consumers.get(consumer).is_some_and(|c| c.policy.prereleases)
            || self.pinned().is_some_and(Version::is_prerelease);
        let usable = self.candidates.versions.iter().filter(|c| !c.inside.is_refused());
        let admitted = usable.filter(|c| prereleases || !c.version.is_prerelease());
        admitted.max_by(|a, b| rank(a, self.text).cmp(&rank(b, self.text)))
    }

    /// What the choice means for one consumer.
    fn decision(&self, consumer: usize, choice: &Choice<'_>) -> Decision {
        let latest = self.latest(consumer);
        let mut refused = self.refused(consumer, choice.target);
        let dropped: Vec<_> = refused.by_ref().take(Decision::DROPPED_SHOWN).collect();
        let dropped_more = refused.count();
        let Problem { reason, message } = self.reason(consumer, choice.target, latest);
        Decision {
            latest: latest.cloned(),
            target: choice.target.cloned(),
            within_major: choice.within_major.cloned(),
            reason,
            message,
            dropped,
            dropped_more,
        }
    }

    /// The newer candidates above the target that one consumer is refused, the highest first.
    fn refused(&self, consumer: usize, target: Option<&Candidate>) -> impl Iterator<Item = Dropped> {
        let newer_release = self.newer_release();
        let held = self.look.hold(consumer).is_some();
        let pinned = self.pinned().filter(|_| !held);
        let above = target.map(|target| target.version.clone());
        let newer = self.newer.iter().zip(&self.first_no);
        let newer = newer.take_while(move |(c, _)| above.as_ref().is_none_or(|above| c.version > *above));
        newer.filter_map(move |(c, no)| match self.look.for_one(consumer, c, (pinned?, newer_release), no) {
            Verdict::Drop(reason, message) => Some(Dropped { text: c.text.clone(), reason, message }),
            Verdict::Pass | Verdict::Ask | Verdict::Open => None,
        })
    }

    fn reason(&self, consumer: usize, target: Option<&Candidate>, latest: Option<&Candidate>) -> Problem {
        if let Some(hold) = self.look.hold(consumer) {
            return hold.clone();
        }
        let current = match &self.current {
            Current::Unmovable(problem) => return problem.clone(),
            Current::Pinned(current) => current,
        };
        let held = self.refused(consumer, target).find(|d| d.reason != Reason::Prerelease);
        if let Some(target) = target {
            let step = Bump::between(current, &target.version);
            let held = held.map(|d| format!("; held back: {}", d.message)).unwrap_or_default();
            let message = format!("{} can move to {} ({step}){held}", self.text, target.text);
            return Problem::new(Reason::NewerVersion, message);
        }
        if let Some(held) = held {
            return Problem::new(held.reason, held.message);
        }
        if self.candidates.versions.is_empty() {
            let message = format!("the source offers no usable version ({} others are none)", self.candidates.ignored);
            return Problem::new(Reason::NoVersions, message);
        }
        let deprecated = latest.is_some_and(|latest| latest.deprecated && latest.version == *current);
        let note = if deprecated { "; its author marks it deprecated" } else { "" };
        Problem::new(Reason::UpToDate, format!("nothing newer than {} is on offer{note}", self.text))
    }
}

/// Order among candidates: precedence, then the writing of the version in use (its text, its `v`), then the date (Flux
/// breaks ties by it), then the text.
fn rank<'c>(candidate: &'c Candidate, current: &str) -> (&'c Version, bool, bool, Option<Timestamp>, Reverse<&'c str>) {
    let same_style = candidate.text.starts_with('v') == current.trim_start().starts_with('v');
    (&candidate.version, candidate.text == current, same_style, candidate.created, Reverse(candidate.text.as_str()))
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
