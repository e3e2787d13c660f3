//! What the version in use is: pinned, moving by itself, or no version at all. Reads the text as its place would
//! (Flux rules 3 to 5) and never changes it.

use super::Range;
use crate::model::{Candidate, Candidates, ChartKind, Problem, Reason, Version};

/// A version in use, as its place reads it.
#[derive(Debug, Clone)]
pub(super) enum Current {
    /// It stays until somebody edits it.
    Pinned(Version),
    /// It moves without a commit, or can't be compared.
    Unmovable(Problem),
}

/// Reads the text of a version site.
pub(super) fn read(text: &str, kind: ChartKind, candidates: &Candidates) -> Current {
    match kind {
        ChartKind::Range => read_range(text.trim(), candidates),
        ChartKind::Tag | ChartKind::GitTag => read_tag(text, candidates),
    }
}

/// Flux rule 3: a full version pins; everything else that is a range moves by itself.
fn read_range(text: &str, candidates: &Candidates) -> Current {
    if let Some(version) = Version::pin(text) {
        return Current::Pinned(version);
    }
    let every = text.is_empty();
    if let Some(problem) = unreadable(text) {
        return Current::Unmovable(problem);
    }
    let what = if every { "without a version, the chart".to_owned() } else { format!("the range {text:?}") };
    let message = format!("{what} moves to a new version without a commit, so without a review");
    Current::Unmovable(with_pin(&Problem::new(Reason::FloatingRange, message), text, candidates))
}

/// What floats only by its place: a text that is no range moves nowhere, and Flux fails on it (Flux rule 3). Nothing where
/// it is one, or the problem is another.
pub fn no_range(problem: &Problem, text: &str) -> Option<Problem> {
    matches!(problem.reason, Reason::FloatingRange | Reason::FloatingSemver).then(|| unreadable(text.trim()))?
}

fn unreadable(text: &str) -> Option<Problem> {
    let message = || format!("{text:?} is neither a version nor a range that Flux can read");
    let bad = !text.is_empty() && Range::parse(text).is_err();
    bad.then(|| Problem::new(Reason::VersionNotSemver, message()))
}

/// The problem of a version that floats, with the version to pin it to: the one that Flux takes today from a range, the
/// newest in place of a tag that is none. What does not float stays as it is.
pub fn with_pin(problem: &Problem, text: &str, candidates: &Candidates) -> Problem {
    let highest = |admits: &dyn Fn(&Candidate) -> bool| {
        let admitted = candidates.versions.iter().filter(|c| admits(c));
        admitted.max_by(|a, b| a.version.cmp(&b.version)).map(|c| c.text.as_str())
    };
    let range = || Range::parse(if text.trim().is_empty() { "*" } else { text.trim() }).ok();
    let in_range = || range().map(|range| highest(&|c| range.admits(&c.version)));
    let pin = match problem.reason {
        Reason::FloatingRange => in_range().map(|found| found.map(|version| format!("write {version} to pin it"))),
        Reason::FloatingSemver => {
            in_range().map(|found| found.map(|version| format!("set spec.ref.tag instead, such as {version}")))
        }
        Reason::FloatingTag => {
            let newest = highest(&|c| !c.version.is_prerelease() && !c.deprecated);
            Some(newest.map(|version| format!("set spec.ref.tag to a version, such as {version}")))
        }
        _ => None,
    };
    match pin {
        Some(Some(pin)) => Problem::new(problem.reason, format!("{}; {pin}", problem.message)),
        Some(None) if problem.reason != Reason::FloatingTag => {
            Problem::new(problem.reason, format!("{}; nothing on offer is in it", problem.message))
        }
        _ => problem.clone(),
    }
}

/// Flux rules 5 and 7: a tag is an exact string. What the source itself offers under that text comes first.
fn read_tag(text: &str, candidates: &Candidates) -> Current {
    let offered = |c: &&Candidate| c.text == text;
    let version = Version::strict(text)
        .or_else(|| candidates.versions.iter().find(offered).map(|c| c.version.clone()))
        .or_else(|| Version::strict(&text.replacen('_', "+", 1)))
        .or_else(|| Version::loose(text));
    if let Some(version) = version {
        return Current::Pinned(version);
    }
    let problem = if text.is_empty() {
        Problem::new(Reason::FloatingTag, "without a tag, `latest` is followed")
    } else if text.bytes().any(|b| b.is_ascii_digit()) {
        Problem::new(
            Reason::VersionNotSemver,
            format!("the tag {text:?} is not a semantic version: nothing can be newer"),
        )
    } else {
        let message = format!("the tag {text:?} names no version and moves by itself");
        Problem::new(Reason::FloatingTag, message)
    };
    Current::Unmovable(with_pin(&problem, text, candidates))
}
