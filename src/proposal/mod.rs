//! F2. Branch, title, body, marker; wanted and existing pull requests become actions. Pure: no clock, no forge client.

mod action;
mod data;
mod decide;
mod escape;
mod inside;
mod marker;
mod pull;
mod render;
mod text;
mod wanted;

pub use action::{Action, CloseReason, DeferReason, DeleteReason, Lease, LeaveReason, PullLink, RebuildReason, Verb};
pub use decide::{TRAILER, decide, is_ours};
pub use escape::{code, inline, plain};
pub use marker::{Marker, Stage, body_to_close, body_to_write, text_differs};
pub use pull::{BranchCommit, Mergeable, OurBranch, PullRequest, PullState};
pub use render::{Context, Style, check_templates, render};
pub use text::Text;
pub use wanted::{Signatures, Situation, Unsure, Wanted};

/// Longest title, in characters (GitHub takes 256).
pub const TITLE_LIMIT: usize = 200;
/// Longest body with its marker, in characters (GitHub takes 65,536).
pub const BODY_LIMIT: usize = 65_000;
