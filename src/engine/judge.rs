//! Releases and offers become rows: pure and synchronous. Releases that share bytes are judged together, because they
//! move together.

use super::offers::Offers;
use super::report::Row;
use crate::model::{Bump, Candidate, Candidates, Decision, Lookup, Note, Problem, Reason, Release, Version};
use crate::policy::{self, Consumer, Outcome, Policy};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// When a candidate of a source was first seen by us, for the minimum age of those without a date.
pub type FirstSeen<'a> = dyn Fn(&Lookup, &Candidate) -> Option<Timestamp> + 'a;

/// What came of judging.
pub enum Judged {
    /// One decision or problem per release, in their order.
    Done(Vec<Judgement>),
    /// These candidates must be looked at closer first.
    NeedsDetail(BTreeSet<(Lookup, String)>),
}

/// One release's verdict.
#[derive(Debug, Clone)]
pub enum Judgement {
    /// Policy decided.
    Decided(Box<Decision>),
    /// Nothing can be proposed; the highest admissible version where it is known.
    Held(Problem, Option<String>),
}

impl Judgement {
    /// Policy's decision, where it came to that.
    pub fn decision(&self) -> Option<&Decision> {
        match self {
            Self::Decided(decision) => Some(decision),
            Self::Held(..) => None,
        }
    }
}

/// The bytes that hold a version: releases with the same ones move together.
type Place<'a> = (&'a str, usize, usize);

/// Judges every release.
pub fn judge(
    releases: &[Release],
    policies: &[Policy],
    offers: &Offers,
    now: Timestamp,
    seen: &FirstSeen<'_>,
) -> Judged {
    let mut judgements: Vec<Option<Judgement>> = vec![None; releases.len()];
    let mut missing = BTreeSet::new();
    let mut places: BTreeMap<Place<'_>, Vec<usize>> = BTreeMap::new();
    for (index, release) in releases.iter().enumerate() {
        match (&release.site, &release.problem) {
            (Some(site), None) => places.entry((&site.file, site.start, site.end)).or_default().push(index),
            (_, problem) => {
                let latest = latest(release, &policies[index], offers, now, seen);
                let problem = problem.clone().unwrap_or_else(|| no_site(release));
                judgements[index] = Some(Judgement::Held(problem, latest));
            }
        }
    }
    for members in places.values() {
        match together(members, releases, policies, offers, now, seen) {
            Ok(verdicts) => {
                for (index, verdict) in members.iter().zip(verdicts) {
                    judgements[*index] = Some(verdict);
                }
            }
            Err(wanted) => missing.extend(wanted),
        }
    }
    if missing.is_empty() {
        Judged::Done(judgements.into_iter().flatten().collect())
    } else {
        Judged::NeedsDetail(missing)
    }
}

/// The verdicts of the releases on one site.
fn together(
    members: &[usize],
    releases: &[Release],
    policies: &[Policy],
    offers: &Offers,
    now: Timestamp,
    seen: &FirstSeen<'_>,
) -> Result<Vec<Judgement>, BTreeSet<(Lookup, String)>> {
    let all = |problem: &Problem| Ok(vec![Judgement::Held(problem.clone(), None); members.len()]);
    let first = &releases[members[0]];
    let (Some(lookup), Some(current), Some(kind)) = (&first.lookup, &first.current, first.chart_kind) else {
        return all(&no_site(first));
    };
    if let Some(other) = members.iter().map(|i| &releases[*i]).find(|r| r.lookup.as_ref() != Some(lookup)) {
        let names = format!("{} and {}", first.id(), other.id());
        let message =
            format!("{names} read the same version for charts of different places; one edit can't serve both");
        return all(&Problem::new(Reason::SourceAmbiguous, message));
    }
    let candidates = match offers.get(lookup) {
        Some(Ok(candidates)) => candidates,
        Some(Err(problem)) => {
            return Ok(members.iter().map(|i| Judgement::Held(with_secret(&releases[*i], problem), None)).collect());
        }
        None => return all(&Problem::new(Reason::InternalError, "the source was not asked: a bug, please report it")),
    };
    let wanted = in_git_by_digest(members, releases, candidates, current);
    let consumers: Vec<Consumer<'_>> =
        members.iter().map(|i| Consumer { name: releases[*i].id().to_string(), policy: &policies[*i] }).collect();
    let first_seen = |candidate: &Candidate| seen(lookup, candidate);
    match policy::choose_shared(current, kind, candidates, &consumers, now, &first_seen) {
        Outcome::Decided(_) if wanted.is_some() => Err(wanted.map(|text| (lookup.clone(), text)).into_iter().collect()),
        Outcome::Decided(decisions) => {
            Ok(decisions.into_iter().map(|decision| Judgement::Decided(Box::new(decision))).collect())
        }
        Outcome::NeedsDetail(texts) => {
            Err(texts.into_iter().chain(wanted).map(|text| (lookup.clone(), text)).collect())
        }
    }
}

/// The version in use, where a digest stands beside its tag and the registry's own is not known yet.
fn in_git_by_digest(members: &[usize], releases: &[Release], candidates: &Candidates, current: &str) -> Option<String> {
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
            "the digest beside the tag {tag} is {}; the registry's tag names {now} now: the tag was moved, or the two \
             never belonged together. Flux runs the digest",
            site.text
        ))
    })
}

/// The highest admissible version for a release that is held anyway: no detail is fetched for it.
fn latest(release: &Release, policy: &Policy, offers: &Offers, now: Timestamp, seen: &FirstSeen<'_>) -> Option<String> {
    let (lookup, kind) = (release.lookup.as_ref()?, release.chart_kind?);
    let candidates = offers.get(lookup)?.as_ref().ok()?;
    let current = release.current.as_deref().unwrap_or("*");
    match policy::choose(current, kind, candidates, policy, now, &|candidate| seen(lookup, candidate)) {
        Outcome::Decided(decision) => decision.latest.map(|c| c.text),
        Outcome::NeedsDetail(_) => {
            let stable = candidates.versions.iter().filter(|c| c.version.semver().pre.is_empty() && !c.deprecated);
            stable.max_by(|a, b| a.version.cmp(&b.version)).map(|c| c.text.clone())
        }
    }
}

/// A refused request where the source names a Secret: which one, and where its content belongs for Davit.
fn with_secret(release: &Release, problem: &Problem) -> Problem {
    match &release.credentials {
        Some(hint) if problem.reason == Reason::SourceUnauthorized => Problem::new(
            problem.reason,
            format!(
                "{}; the source's Secret {} is not readable from here: put its content into registries.hosts \
                 (username and passwordFile)",
                problem.message, hint.secret
            ),
        ),
        _ => problem.clone(),
    }
}

fn no_site(release: &Release) -> Problem {
    let message = format!("{} has no version that could be edited", release.id());
    Problem::new(Reason::NotEditable, message)
}

/// Rows from verdicts.
pub fn rows(releases: &[Release], judgements: &[Judgement], offers: &Offers) -> Vec<Row> {
    releases
        .iter()
        .zip(judgements)
        .map(|(release, judgement)| {
            let mut row = match judgement {
                Judgement::Decided(decision) => {
                    Row::decided(release.clone(), decision.as_ref().clone(), step(release, decision))
                }
                Judgement::Held(problem, latest) => Row::held(release.clone(), problem.clone(), latest.clone()),
            };
            row.release.notes.extend(moved_tag(release, offers));
            row
        })
        .collect()
}

fn step(release: &Release, decision: &Decision) -> Bump {
    let from = release.current.as_deref().and_then(Version::loose);
    match (from, &decision.target) {
        (Some(from), Some(target)) => Bump::between(&from, &target.version),
        _ => Bump::None,
    }
}
