//! Tests against real programs. They never skip: a missing program is a failure that names it.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on fails")]

mod credential_helpers;
#[path = "../shared/openapi.rs"]
#[expect(dead_code, reason = "the other test binary uses the rest")]
mod description;
mod digest;
mod fleet_files;
mod flux_accepts;
mod flux_build;
mod flux_generated;
mod flux_generator;
mod flux_ignored;
mod flux_referee;
mod flux_repository;
mod flux_roots;
mod flux_rows;
mod flux_walk;
mod git_fleet;
mod git_guard;
mod git_http;
mod git_server;
mod git_ssh;
mod helm_chart;
mod kept;
mod kube_api;
mod oci_registry;
mod once;
mod once_bounds;
mod once_crash;
mod once_end;
mod once_fleet;
mod once_life;
mod once_race;
mod once_rows;
mod once_rules;
mod proxy;
mod registry;
mod scan;
mod semver;
mod service;
mod source_controller;
mod ssh_server;
mod stage;
mod token_service;
mod tools;
mod witness;
