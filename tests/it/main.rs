//! Tests that need nothing but cargo.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

#[path = "../shared/openapi.rs"]
mod description;

mod demo;
mod floors;
mod openapi;
mod process;
mod run_life;
mod run_surfaces;
