//! F2. Branch, title, body, marker; wanted and existing pull requests become actions. Pure: no clock, no forge client.

mod action;
mod pull;
mod text;
mod wanted;

pub use action::{Action, CloseReason, DeferReason, DeleteReason, Lease, LeaveReason, PullLink, RebuildReason, Verb};
pub use pull::{BranchCommit, Mergeable, OurBranch, PullRequest, PullState};
pub use text::Text;
pub use wanted::{Situation, Wanted};

/// Longest title, in characters (GitHub takes 256).
pub const TITLE_LIMIT: usize = 200;
/// Longest body with its marker, in characters (GitHub takes 65,536).
pub const BODY_LIMIT: usize = 65_000;
