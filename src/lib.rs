//! Davit raises Helm chart versions in Flux repositories by pull request.
//!
//! The crate is a house of floors; imports point down only (see ARCHITECTURE.md, held by `tests/it/floors.rs`):
//! F0 [`model`], F1 [`config`] and [`yaml`], F2 [`inventory`] [`resolve`] [`chart`] [`policy`] [`edit`] [`proposal`]
//! [`witness`],
//! F3 [`world`], F4 [`engine`], F5 [`http`] [`telemetry`] [`demo`], F6 [`cli`].

pub mod chart;
pub mod cli;
pub mod config;
pub mod demo;
pub mod edit;
pub mod engine;
pub mod http;
pub mod inventory;
pub mod model;
pub mod policy;
pub mod proposal;
pub mod resolve;
pub mod telemetry;
pub mod witness;
pub mod world;
pub mod yaml;
