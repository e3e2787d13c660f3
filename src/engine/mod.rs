//! F4. One pass: gather, plan, act, report. The engine is the one place that asks the time.

mod act;
pub mod board;
mod branches;
pub mod daemon;
mod drafts;
pub mod edits;
mod elsewhere;
mod first_seen;
pub mod fleet;
mod grants;
mod in_force;
pub mod inside;
pub mod json;
mod judge;
pub mod local;
pub mod look;
pub mod offers;
pub mod pass;
mod propose;
pub mod read;
pub mod recollection;
pub mod report;
pub mod services;
mod survey;
pub mod together;
pub mod upkeep;
pub mod witness;
