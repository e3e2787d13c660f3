//! What a forge says of a pull request and of a branch: facts, in no forge's own words. Decides nothing.

use jiff::Timestamp;

/// One pull request, of whoever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number in the repository.
    pub number: u64,
    /// Title as it is now.
    pub title: String,
    /// Body as it is now; empty where there is none. Written by anybody: never trusted.
    pub body: String,
    /// Login of who opened it; empty for a deleted account.
    pub author: String,
    /// Branch it wants to go to.
    pub base: String,
    /// Branch it comes from, without the owner.
    pub head: String,
    /// Commit at its head.
    pub head_sha: String,
    /// Whether the head branch lies in the base repository itself, not in a fork.
    pub same_repository: bool,
    /// A draft.
    pub draft: bool,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// Open, closed or merged.
    pub state: PullState,
    /// When it was opened.
    pub created: Timestamp,
    /// When anything on it last changed.
    pub updated: Timestamp,
    /// Page for a person.
    pub url: String,
    /// Who closed it, where it is closed, not merged, and the forge was asked.
    pub closed_by: Option<String>,
    /// Whether it can be merged; [`Mergeable::Unknown`] where the forge was not asked or is still computing.
    pub mergeable: Mergeable,
}

/// Whether a pull request is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullState {
    /// Open.
    Open,
    /// Closed without a merge.
    Closed,
    /// Merged.
    Merged,
}

/// What the forge says of merging. On GitHub `mergeable_state` of one pull request, which lists do not carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mergeable {
    /// Nothing stands in the way (`clean`, `has_hooks`, `unstable`: checks that are not required may fail).
    Clean,
    /// Conflicts with the base (`dirty`).
    Dirty,
    /// Not up to date, *and* the base's protection demands it (`behind`: GitHub says it only then).
    Behind,
    /// Protection is not satisfied (`blocked`, `draft`).
    Blocked,
    /// Not asked, or not computed yet.
    #[default]
    Unknown,
}

/// One commit that a branch has and the base has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchCommit {
    /// Its id.
    pub sha: String,
    /// E-mail address of its author.
    pub author_email: String,
    /// E-mail address of its committer.
    pub committer_email: String,
    /// Its whole message.
    pub message: String,
    /// Committed well after it was written: amended, or put on another base.
    pub retouched: bool,
    /// It has two parents, the second is on the base, and its files are what merging them gives by itself: what "Update
    /// branch" makes. A conflict that somebody resolved in it is that person's work.
    pub merge_of_base: bool,
    /// A commit of ours stands on it: it was on the base when that was made (ours stand on nothing else), and the base
    /// has been put elsewhere since. Nobody's.
    pub former_base: bool,
}

/// A branch in the base repository whose name starts with our prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OurBranch {
    /// Name, without `refs/heads/`.
    pub name: String,
    /// Commit at its head.
    pub head: String,
    /// What it has and the base has not, newest first. Known only where the branch was fetched and its history read:
    /// `None` means "not known", and such a branch is left alone.
    pub commits: Option<Vec<BranchCommit>>,
    /// Every file of the wanted update has, at the head, exactly the bytes that the edit of the base's file of today
    /// gives, and no other file differs from the merge base. `false` where the branch belongs to no wanted update.
    pub holds_wanted: bool,
    /// The base's head of today is an ancestor of its head: making it anew could change nothing.
    pub contains_base: bool,
}
