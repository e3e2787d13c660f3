//! F2. A release becomes where its chart comes from and which bytes hold its version. Pure.
//!
//! Builds the tree as Flux would ([`Inventory`] in, rows out): Flux Kustomizations from their roots, kustomization.yaml
//! with its resources, components, patches, namespaces and names, and substitution. Every value knows the bytes that it
//! was last written at. What is not followed (replacements, transformers, what Git does not show) becomes a typed reason
//! on the release, never a guess.

mod artifact;
mod build;
mod chart;
mod dependency;
mod envsubst;
mod flux;
mod generator;
mod inflation;
mod json_patch;
mod layer;
mod listed;
mod memo;
mod merge;
mod object;
mod patch;
mod patch_reach;
mod path;
mod resource_set;
mod roots;
mod row;
mod selector;
mod site;
mod sources;
mod substitute;
mod template;
mod value;
mod variables;
mod version;
mod view;
mod world;

pub use memo::Memo;

use crate::inventory::{Found, Inventory};
use crate::model::{Release, Site};
use std::sync::Arc;

/// What a tree holds.
#[derive(Debug, Clone, Default)]
pub struct Resolution {
    /// One row per cluster, Flux Kustomization, namespace and name, sorted by that and by file; chart sources with a
    /// version of their own that no release of the tree uses are rows too (Flux rule 9), and so are versions that no Flux
    /// object holds: chart dependencies, kustomize's `helmCharts`.
    pub releases: Vec<Arc<Release>>,
    /// What is worth a word and belongs to no release, sorted: broken documents, Kustomizations and resources out of
    /// reach.
    pub problems: Vec<Found>,
}

/// Resolves a whole tree.
pub fn resolve(inventory: &Inventory) -> Resolution {
    resolve_after(inventory, &mut Memo::default())
}

/// [`resolve`], with what the last resolving of the same repository left: builds and rows that nothing changed for are
/// taken over. The result is the same.
pub fn resolve_after(inventory: &Inventory, memo: &mut Memo) -> Resolution {
    let (world, mut recall) = world::build(inventory, memo.recall(inventory));
    let releases = row::rows(&world, &mut recall);
    memo.keep(inventory, recall);
    let mut problems = inventory.problems.clone();
    problems.extend(world.problems);
    let key = |found: &Found| (found.file.clone(), found.line, found.problem.reason, found.problem.message.clone());
    problems.sort_by_cached_key(key);
    problems.dedup();
    Resolution { releases, problems }
}

/// The rows alone.
pub fn releases(inventory: &Inventory) -> Vec<Arc<Release>> {
    resolve(inventory).releases
}

/// Every place of the tree that holds a chart's version, each once, sorted.
pub fn sites(inventory: &Inventory) -> Vec<Site> {
    let mut sites: Vec<Site> = releases(inventory).into_iter().filter_map(|release| release.site.clone()).collect();
    sites.sort();
    sites.dedup();
    sites
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod resolve_tests;

#[cfg(test)]
#[path = "rule_tests.rs"]
mod rule_tests;
