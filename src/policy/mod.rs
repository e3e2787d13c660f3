//! F2. Candidates become a decision, with a reason for every no. Pure: no clock, no lookups, no clients.

mod annotations;
mod branch;
mod choose;
mod current;
mod effective;
mod opened;
mod range;
mod rules;
mod updates;
mod verdict;

pub use branch::MAX_BRANCH_LEN;
pub use choose::{Consumer, DETAILS_PER_ROUND, Outcome, choose, choose_shared, highest, ruled_out};
pub use current::{no_range, with_pin};
pub use effective::{Ignore, Policy};
pub use opened::{kube_refusal, opened, type_refusal};
pub use range::{Range, RangeError};
pub use rules::{Effective, PolicyIssue, Rules, Subject};
pub use updates::{Mover, Other, updates};
