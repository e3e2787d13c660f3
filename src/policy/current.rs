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
    let numbers = text.split(['-', '+']).next().unwrap_or(text).split('.').count();
    if let Some(version) = Version::loose(text).filter(|_| numbers == 3) {
        return Current::Pinned(version);
    }
    let every = text.is_empty();
    let Ok(range) = Range::parse(if every { "*" } else { text }) else {
        let message = format!("{text:?} is neither a version nor a range that Flux can read");
        return Current::Unmovable(Problem::new(Reason::VersionNotSemver, message));
    };
    let what = if every { "without a version, the chart".to_owned() } else { format!("the range {text:?}") };
    let highest =
        candidates.versions.iter().filter(|c| range.admits(&c.version)).max_by(|a, b| a.version.cmp(&b.version));
    let pin = highest.map_or_else(
        || "nothing on offer is in it".to_owned(),
        |c| format!("write {} to pin it, and Davit raises it by pull request", c.text),
    );
    let message = format!("{what} moves to a new version without a commit, so without a review; {pin}");
    Current::Unmovable(Problem::new(Reason::FloatingRange, message))
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
        Problem::new(Reason::FloatingTag, "without a tag, `latest` is followed; write a version's tag to pin it")
    } else if text.bytes().any(|b| b.is_ascii_digit()) {
        Problem::new(
            Reason::VersionNotSemver,
            format!("the tag {text:?} is not a semantic version: nothing can be newer"),
        )
    } else {
        let message = format!("the tag {text:?} names no version and moves by itself; write a version's tag to pin it");
        Problem::new(Reason::FloatingTag, message)
    };
    Current::Unmovable(problem)
}
