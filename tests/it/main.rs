//! Tests that need nothing but cargo.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

#[path = "../shared/corpora.rs"]
mod corpus;
#[path = "../shared/openapi.rs"]
mod description;

mod corpora;
mod floors;
mod openapi;
mod process;
mod run_life;
mod run_surfaces;
mod trees;
