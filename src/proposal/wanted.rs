//! What `decide` is told: the updates that should have a pull request, and the rules of the moment.

use super::{PullLink, Text};
use jiff::Timestamp;

/// One update that should have a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The update's key ([`crate::model::Update::key`]).
    pub key: String,
    /// Its branch.
    pub branch: String,
    /// The text of the target version.
    pub target: String,
    /// The rendered pull request; its `branch` is the same.
    pub text: Text,
    /// Somebody else's open pull request that sets a site to the target or beyond.
    pub elsewhere: Option<PullLink>,
    /// Whether writes for it are allowed now (schedule of the repository and of the policy rules).
    pub in_schedule: bool,
}

/// E-mail addresses that our commits carry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signatures {
    /// As author, and as committer too: `git.author.email`, and the account's own where the API commits.
    pub authors: Vec<String>,
    /// As committer of what the forge makes itself, on its pages and through its API.
    pub forge: Vec<String>,
}

/// Who we are and what holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Situation {
    /// Our login on the forge, as it stands on pull requests that we open.
    pub login: String,
    /// What our commits are signed with.
    pub signatures: Signatures,
    /// Prefix of our branches.
    pub branch_prefix: String,
    /// The base branch.
    pub base: String,
    /// `mode: report`.
    pub report: bool,
    /// `paused: true`.
    pub paused: bool,
    /// Whether writes to the repository are allowed now, for what belongs to no wanted update.
    pub in_schedule: bool,
    /// `limits.openPullRequests`.
    pub open_limit: u32,
    /// `limits.perHour`.
    pub hourly_limit: u32,
    /// When we opened pull requests here, from the store; older than an hour does not count.
    pub opened: Vec<Timestamp>,
    /// What this pass could not find out.
    pub unsure: Unsure,
}

/// What may be wanted without our knowing: a failed look is never an empty answer, so nothing of this is closed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unsure {
    /// The repository itself was not read completely.
    pub all: bool,
    /// Digests ([`crate::model::chart_digest`]) of charts whose source could not be read.
    pub charts: Vec<String>,
    /// Branches that change a file of which a part could not be read or resolved, while a document is broken.
    pub branches: Vec<String>,
}
