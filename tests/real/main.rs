//! Tests against real programs. They never skip: a missing program is a failure that names it.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on fails")]

#[expect(dead_code, reason = "only the other test binary asks for the list of operations")]
#[path = "../shared/openapi.rs"]
mod description;
mod fleet_files;
mod git_fleet;
mod git_http;
mod git_server;
mod git_ssh;
mod once;
mod once_bounds;
mod once_crash;
mod once_life;
mod semver;
mod ssh_server;
mod stage;
mod tools;
