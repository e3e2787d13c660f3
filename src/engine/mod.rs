//! F4. One pass: gather, plan, act, report. The engine is the one place that asks the time.

pub mod board;
pub mod daemon;
pub mod edits;
pub mod json;
pub mod report;
