//! What can go wrong with a forge: each names the attempt, and the remedy where a person has one. Holds no secret.

use jiff::Timestamp;
use std::time::Duration;

/// A failed call to a forge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForgeError {
    /// No such thing, or the token may not see it.
    #[error(
        "{what}: not found. The forge answers so too where the token may not see it: check the name, and that the token or App has access to this repository"
    )]
    NotFound {
        /// The attempt.
        what: String,
    },
    /// The token is not accepted (any more).
    #[error(
        "{what}: the forge refused the credentials ({message}). Check that the token is not expired or revoked, and that it is for this host"
    )]
    Unauthorized {
        /// The attempt.
        what: String,
        /// The forge's words.
        message: String,
    },
    /// The token is accepted, and may not do this.
    #[error(
        "{what}: the credentials lack the right ({message}). Give the token or App {permission} on this repository"
    )]
    Forbidden {
        /// The attempt.
        what: String,
        /// The forge's words.
        message: String,
        /// The permission that the attempt needs, such as `pull requests: write`.
        permission: &'static str,
    },
    /// The repository is archived: it can be read, and nothing else.
    #[error(
        "{what}: the repository is archived and takes no writes. Unarchive it, or take it out of `repositories` (`forge: none` only reports)"
    )]
    Archived {
        /// The attempt.
        what: String,
    },
    /// Too many requests, and the wait is longer than a pass waits.
    #[error("{what}: the forge's rate limit is used up until {until}; nothing is asked before")]
    RateLimited {
        /// The attempt.
        what: String,
        /// When to ask again.
        until: Timestamp,
    },
    /// The forge refused what was sent.
    #[error("{what}: refused: {}", if errors.is_empty() { message.clone() } else { format!("{message} ({})", errors.join("; ")) })]
    Validation {
        /// The attempt.
        what: String,
        /// The forge's words.
        message: String,
        /// What GitHub's `errors` say, one each.
        errors: Vec<String>,
    },
    /// Somebody was faster: a ref is not where it was.
    #[error("{what}: it changed in the meantime ({message}); the next pass looks again")]
    Conflict {
        /// The attempt.
        what: String,
        /// The forge's words.
        message: String,
    },
    /// The forge failed.
    #[error("{what}: the forge failed with status {status}; the next pass tries again")]
    Server {
        /// The attempt.
        what: String,
        /// HTTP status.
        status: u16,
    },
    /// No answer in time. A write may or may not have happened.
    #[error("{what}: no answer within {limit:?}")]
    Timeout {
        /// The attempt.
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// No connection: DNS, TCP, TLS, proxy.
    #[error(
        "{what}: the forge cannot be reached ({detail}). Check github.apiUrl, DNS, proxy and, for an own authority, the CA file"
    )]
    Unreachable {
        /// The attempt.
        what: String,
        /// What failed.
        detail: String,
    },
    /// The answer is not what the forge's API says: HTML, a cut JSON, a list without end.
    #[error(
        "{what}: the answer is not what the API promises ({detail}). Check that github.apiUrl is the API's base URL (Enterprise: https://HOST/api/v3)"
    )]
    Protocol {
        /// The attempt.
        what: String,
        /// What is wrong.
        detail: String,
    },
    /// The credentials cannot be read or used: a missing file, a broken PEM.
    #[error("{what}: {detail}")]
    Credentials {
        /// The attempt.
        what: String,
        /// What is wrong and what to do.
        detail: String,
    },
}

impl ForgeError {
    /// The message without the attempt, to stand in a sentence that names it.
    pub fn detail(&self) -> String {
        match self {
            Self::Validation { message, errors, .. } if errors.is_empty() => message.clone(),
            Self::Validation { message, errors, .. } => format!("{message} ({})", errors.join("; ")),
            other => other.to_string(),
        }
    }

    /// The word in metric labels.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::Archived { .. } => "archived",
            Self::RateLimited { .. } => "rate-limited",
            Self::Validation { .. } => "validation",
            Self::Conflict { .. } => "conflict",
            Self::Server { .. } => "server",
            Self::Timeout { .. } => "timeout",
            Self::Unreachable { .. } => "unreachable",
            Self::Protocol { .. } => "protocol",
            Self::Credentials { .. } => "credentials",
        }
    }
}
