//! F3. The narrow seam to a forge, and GitHub behind it. A second forge is one more file that implements [`Forge`].
//!
//! It chooses nothing: what to open, close or leave is [`crate::proposal`]'s. Every write is safe to repeat.

mod error;
mod github;

pub use crate::proposal::{Mergeable, PullRequest, PullState, Signatures};
pub use error::ForgeError;
pub use github::{GitHub, GitHubForge};

use async_trait::async_trait;
use secrecy::SecretString;

/// One repository on one forge.
#[async_trait]
pub trait Forge: Send + Sync {
    /// `owner/name`, for messages.
    fn name(&self) -> &str;

    /// Our login, as it stands on pull requests that we open (`davit[bot]` for a GitHub App).
    async fn login(&self) -> Result<String, ForgeError>;

    /// What commits made by [`Forge::create_commit`] are signed with, and what the forge makes itself.
    async fn signatures(&self) -> Result<Signatures, ForgeError>;

    /// Every open pull request, of all authors, newest first. `mergeable` is [`Mergeable::Unknown`]. The first question
    /// of a pass: a repository that takes no writes is [`ForgeError::Archived`] here already.
    async fn open_pull_requests(&self) -> Result<Vec<PullRequest>, ForgeError>;

    /// The pull requests whose head is this branch of the repository itself, closed ones included, newest first.
    /// `closed_by` is filled in for those that are closed and not merged.
    async fn pull_requests_of(&self, branch: &str) -> Result<Vec<PullRequest>, ForgeError>;

    /// One pull request, with `mergeable` and `closed_by`.
    async fn pull_request(&self, number: u64) -> Result<PullRequest, ForgeError>;

    /// Opens, or adopts our own open one with the same head and base (its text is left as it is).
    async fn open(&self, new: &NewPullRequest) -> Result<Opened, ForgeError>;

    /// Writes title, body or both.
    async fn update(&self, number: u64, change: &TextChange) -> Result<(), ForgeError>;

    /// Closes, with the last body in the same request; closing what is closed is fine.
    async fn close(&self, number: u64, body: &str) -> Result<(), ForgeError>;

    /// Writes our comment that carries `marker` (a hidden text of ours), creating it where there is none.
    async fn comment(&self, number: u64, marker: &str, body: &str) -> Result<(), ForgeError>;

    /// Adds labels; others stay.
    async fn add_labels(&self, number: u64, labels: &[String]) -> Result<(), ForgeError>;

    /// Adds assignees; others stay. [`ForgeError::Validation`] names those that can't be assigned; the rest are.
    async fn add_assignees(&self, number: u64, assignees: &[String]) -> Result<(), ForgeError>;

    /// Asks for reviews; `org/team` is a team. [`ForgeError::Validation`] names those that can't be asked; the rest are.
    async fn request_reviewers(&self, number: u64, reviewers: &[String]) -> Result<(), ForgeError>;

    /// The reviews, oldest first.
    async fn reviews(&self, number: u64) -> Result<Vec<Review>, ForgeError>;

    /// Sets the commit's status of this context.
    async fn set_status(&self, sha: &str, status: &CommitStatus) -> Result<(), ForgeError>;

    /// The head of a branch; nothing where it is not there.
    async fn branch_head(&self, branch: &str) -> Result<Option<String>, ForgeError>;

    /// Makes a commit through the API (no ref moves) and gives its id. The forge chooses author and committer, and signs
    /// where it does so.
    async fn create_commit(&self, commit: &NewCommit) -> Result<String, ForgeError>;

    /// Creates, moves (also backwards) or deletes a branch, only where it still is at `before`; else
    /// [`ForgeError::Conflict`]. `before: None`: it must not exist. `after: None`: delete it; deleting a missing branch
    /// is fine.
    async fn move_branch(&self, branch: &str, before: Option<&str>, after: Option<&str>) -> Result<(), ForgeError>;

    /// User name and password for Git over HTTPS; nothing where this forge has none.
    async fn git_credentials(&self) -> Result<Option<GitCredentials>, ForgeError>;
}

/// What to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPullRequest {
    /// Title.
    pub title: String,
    /// Body.
    pub body: String,
    /// Branch of the repository itself.
    pub head: String,
    /// Base branch.
    pub base: String,
    /// As a draft.
    pub draft: bool,
}

/// An opened pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The pull request.
    pub pull: PullRequest,
    /// It was there already.
    pub adopted: bool,
}

/// What to write of a pull request; nothing stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextChange {
    /// New title.
    pub title: Option<String>,
    /// New body.
    pub body: Option<String>,
}

/// One review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Login of the reviewer.
    pub author: String,
    /// What it says.
    pub verdict: Verdict,
    /// The commit it is for.
    pub sha: Option<String>,
}

/// What a review says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Approved.
    Approved,
    /// Changes are asked for.
    ChangesRequested,
    /// Comments, pending, dismissed.
    Other,
}

/// State of a commit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusState {
    /// Still going.
    Pending,
    /// Good.
    Success,
    /// Bad.
    Failure,
    /// Could not be found out.
    Error,
}

/// A commit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    /// Which status: one per commit and context.
    pub context: String,
    /// State.
    pub state: StatusState,
    /// At most 140 characters; longer is cut.
    pub description: String,
    /// Page for a person.
    pub url: Option<String>,
}

/// A commit to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit {
    /// The one parent.
    pub parent: String,
    /// Message.
    pub message: String,
    /// Whole new contents; other files stay.
    pub files: Vec<FileChange>,
}

/// A file's new content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Path from the root.
    pub path: String,
    /// The bytes, exactly.
    pub content: Vec<u8>,
    /// Mode 100755 instead of 100644.
    pub executable: bool,
}

/// For Git over HTTPS.
#[derive(Debug, Clone)]
pub struct GitCredentials {
    /// User name.
    pub username: String,
    /// Password or token.
    pub password: SecretString,
}
