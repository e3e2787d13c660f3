//! What policy made of the candidates.

use super::{Candidate, Reason, Version};
use std::cmp::Ordering;

/// The size of a step between two versions.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Bump {
    /// No step.
    None,
    /// Third number, pre-release or build only.
    Patch,
    /// Second number.
    Minor,
    /// First number.
    Major,
}

impl Bump {
    /// The step from one version to another, by their numbers: 0.1 to 0.2 is a minor step, 2.0.0-rc.1 to 2.0.0 a patch.
    pub fn between(from: &Version, to: &Version) -> Self {
        let ((a, b, _), (c, d, _)) = (from.core(), to.core());
        if a != c {
            Self::Major
        } else if b != d {
            Self::Minor
        } else if from.cmp(to) == Ordering::Equal && from.semver().build == to.semver().build {
            Self::None
        } else {
            Self::Patch
        }
    }

    /// The word in configuration and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}

impl std::fmt::Display for Bump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One candidate that was not taken, and why, for `explain` and the row's message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Dropped {
    /// Text of the candidate.
    pub text: String,
    /// Why.
    pub reason: Reason,
    /// For a person.
    pub message: String,
}

/// What a release should move to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The highest version that Flux's rules and the pre-release rule admit.
    pub latest: Option<Candidate>,
    /// What policy lets through; nothing where nothing is proposed.
    pub target: Option<Candidate>,
    /// With `separateMajors`: the second update, within the current major.
    pub within_major: Option<Candidate>,
    /// `NewerVersion`, `UpToDate` or what held the newer ones back.
    pub reason: Reason,
    /// For a person.
    pub message: String,
    /// Versions newer than the target (or than the version in use, where there is no target) that were not taken, the
    /// highest first, at most [`Decision::DROPPED_SHOWN`].
    pub dropped: Vec<Dropped>,
    /// How many more were dropped than are listed.
    pub dropped_more: usize,
}

impl Decision {
    /// The most entries of [`Decision::dropped`].
    pub const DROPPED_SHOWN: usize = 50;
}
