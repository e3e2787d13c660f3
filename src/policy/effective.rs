//! The policy in force for one release, checked. Holds no text that could still be wrong.

use super::Range;
use crate::model::{Bump, Problem, Version};
use std::time::Duration;

/// What one release lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Range that admissible versions must meet, as Masterminds has it: one without a pre-release admits none.
    pub range: Option<Range>,
    /// The largest step allowed.
    pub bump: Bump,
    /// Whether a release may move to a pre-release (one that is on one already may move to the next).
    pub prereleases: bool,
    /// How old a version must be.
    pub minimum_age: Duration,
    /// What is never taken.
    pub ignore: Vec<Ignore>,
    /// A second update within the current major.
    pub separate_majors: bool,
    /// Splits one chart's sites by name; empty where there is none.
    pub group: String,
    /// Why nothing moves at all: disabled, or an annotation that can't be read.
    pub hold: Option<Problem>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            range: None,
            bump: Bump::Major,
            prereleases: false,
            minimum_age: Duration::ZERO,
            ignore: Vec::new(),
            separate_majors: false,
            group: String::new(),
            hold: None,
        }
    }
}

/// One entry of `ignore`.
#[derive(Debug, Clone)]
pub enum Ignore {
    /// This version, whatever its build metadata.
    Exact(Version),
    /// Every version in the range, and every pre-release of one: `2.x` ignores 2.0.0-rc.1 too.
    Range(Range),
}

impl Ignore {
    /// Reads a full version (`1.2.3`, `v1.2.3-rc.1`) or a range.
    pub fn parse(text: &str) -> Result<Self, super::RangeError> {
        let text = text.trim();
        if let Some(version) = Version::strict(text) {
            return Ok(Self::Exact(version));
        }
        super::Range::parse(text).map(Self::Range)
    }

    /// Whether the version is ignored.
    pub fn covers(&self, version: &Version) -> bool {
        match self {
            Self::Exact(ignored) => ignored == version,
            Self::Range(range) => range.admits_prereleases_too(version) || range.admits(&version.release()),
        }
    }

    /// As written.
    pub fn text(&self) -> &str {
        match self {
            Self::Exact(version) => version.text(),
            Self::Range(range) => range.text(),
        }
    }
}

impl PartialEq for Ignore {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}
impl Eq for Ignore {}
