//! F2. Candidates become a decision, with a reason for every no. Pure.

mod range;

pub use range::{Range, RangeError};
