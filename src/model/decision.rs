//! What policy made of the candidates.

use super::{Candidate, Reason};

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
    /// Newer candidates that were not taken.
    pub dropped: Vec<Dropped>,
}
