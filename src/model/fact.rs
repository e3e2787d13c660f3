//! A failed look is never an empty answer: what was looked for is known, or unknown with the reason.

use super::Reason;

/// Why something could not be found out or done, for a person and for a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("{message}")]
pub struct Problem {
    /// The code from the closed list, also the label in metrics.
    pub reason: Reason,
    /// One sentence that names the object and, where there is one, the remedy. Holds no secret: the credentials of URLs
    /// are cut out when it is made.
    pub message: String,
}

impl Problem {
    /// A problem with its reason and the sentence for a person.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let message = message.into();
        let message = match super::shown(&message) {
            std::borrow::Cow::Borrowed(_) => message,
            std::borrow::Cow::Owned(clean) => clean,
        };
        Self { reason, message }
    }
}

/// What a look gave: the thing, or why it stays unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact<T> {
    /// The look succeeded.
    Known(T),
    /// The look failed; nothing may be concluded from it.
    Unknown(Problem),
}

impl<T> Fact<T> {
    /// The value, where it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<Result<T, Problem>> for Fact<T> {
    fn from(result: Result<T, Problem>) -> Self {
        match result {
            Ok(value) => Self::Known(value),
            Err(problem) => Self::Unknown(problem),
        }
    }
}
