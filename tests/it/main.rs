//! Tests that need nothing but cargo.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

#[path = "../shared/corpora.rs"]
mod corpus;
#[path = "../shared/openapi.rs"]
mod description;

mod cli_apply;
mod cli_contract;
mod cli_edges;
mod cli_fleet;
mod cli_folder;
mod cli_opened;
mod cli_policy;
mod cli_scan;
mod cli_sites;
mod cli_sources;
mod cli_words;
mod corpora;
mod credentials;
mod demo;
mod disk;
mod docs;
mod floors;
mod forge_seam;
mod fuzz_seeds;
mod hostile;
mod openapi;
mod person;
mod process;
mod run_life;
mod run_surfaces;
mod trees;
