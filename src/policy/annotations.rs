//! `davit.dev/…` annotations over a policy. What can't be read holds the release back: a typing mistake must never let
//! through more than its author meant.

use super::{Ignore, Policy, Range};
use crate::config::duration;
use crate::model::{Annotations, Bump, Problem, Reason, Version};

/// The longest group name, in bytes.
pub const MAX_GROUP_LEN: usize = 63;

impl Policy {
    /// The policy with a release's annotations over it, and every annotation that can't be read. One bad annotation
    /// sets [`Policy::hold`]. An annotation that is empty takes the setting away (no range, nothing ignored, no group).
    #[must_use]
    pub fn with_annotations(&self, annotations: &Annotations) -> (Self, Vec<Problem>) {
        let mut policy = self.clone();
        let mut problems = Vec::new();
        let mut read = |name: &str, text: &Option<String>, set: &mut dyn FnMut(&str) -> Result<(), String>| {
            let Some(Err(wrong)) = text.as_deref().map(|text| set(text.trim())) else { return };
            let message = format!("the annotation davit.dev/{name} can't be read: {wrong}; nothing moves until it can");
            problems.push(Problem::new(Reason::InvalidAnnotation, message));
        };
        read("range", &annotations.range, &mut |text| optional_range(text).map(|range| policy.range = range));
        read("bump", &annotations.bump, &mut |text| bump(text).map(|bump| policy.bump = bump));
        read("ignore", &annotations.ignore, &mut |text| ignore(text).map(|ignore| policy.ignore = ignore));
        read("minimum-age", &annotations.minimum_age, &mut |text| duration(text).map(|age| policy.minimum_age = age));
        read("group", &annotations.group, &mut |text| group(text).map(|group| policy.group = group));
        let mut disabled = false;
        read("enabled", &annotations.enabled, &mut |text| enabled(text).map(|enabled| disabled = !enabled));
        problems.extend(annotations.unknown().map(|name| {
            let known = Annotations::KEYS.join(", ");
            let message = format!("the annotation davit.dev/{name} is not known, and nothing moves until it is gone; after davit.dev/ may stand {known}");
            Problem::new(Reason::InvalidAnnotation, message)
        }));
        if disabled {
            policy.hold = Some(Problem::new(Reason::Disabled, "davit.dev/enabled is \"false\""));
        } else if let Some(problem) = problems.first() {
            policy.hold = Some(problem.clone());
        }
        (policy, problems)
    }
}

fn optional_range(text: &str) -> Result<Option<Range>, String> {
    if text.is_empty() { Ok(None) } else { Range::parse(text).map(Some).map_err(|e| e.to_string()) }
}

fn bump(text: &str) -> Result<Bump, String> {
    [Bump::Patch, Bump::Minor, Bump::Major]
        .into_iter()
        .find(|bump| bump.as_str() == text)
        .ok_or_else(|| format!("{text:?} is none of patch, minor, major"))
}

fn enabled(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("{text:?} is neither \"true\" nor \"false\""))
}

/// A group name: letters, digits, `.`, `_`, `-`.
pub(super) fn group(text: &str) -> Result<String, String> {
    let good = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) && text.len() <= MAX_GROUP_LEN;
    if good {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is not a group name (letters, digits, \".\", \"_\", \"-\"; at most {MAX_GROUP_LEN})"))
    }
}

/// Versions and ranges separated by `;`, or by commas: full versions stand alone (`1.2.3, 1.2.4`), so do partial ones
/// where there is nothing else (`1.x, 2.x`); everything else between two `;` is one range (`>=1.2, <1.3`).
fn ignore(text: &str) -> Result<Vec<Ignore>, String> {
    let mut found = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let pieces = part.split(',').map(str::trim).filter(|piece| !piece.is_empty());
        let (exact, rest): (Vec<_>, Vec<_>) = pieces.partition(|piece| Version::strict(piece).is_some());
        let bare = rest.iter().all(|piece| piece.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '*'));
        let ranges = if bare { rest.iter().map(|piece| (*piece).to_owned()).collect() } else { vec![rest.join(", ")] };
        for text in exact.into_iter().map(str::to_owned).chain(ranges) {
            found.push(Ignore::parse(&text).map_err(|e| e.to_string())?);
        }
    }
    Ok(found)
}

#[cfg(test)]
#[path = "annotations_tests.rs"]
mod tests;
