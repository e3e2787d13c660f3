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
mod entrusted;
mod envsubst;
mod fleet_roots;
mod flux;
mod form;
mod generator;
mod inflation;
mod instance;
mod json_patch;
mod layer;
mod left_out;
mod listed;
mod memo;
mod mentioned;
mod merge;
mod neighbours;
mod noted;
mod object;
mod patch;
mod patch_reach;
mod path;
mod pool;
mod publish;
mod resource_set;
mod roots;
mod row;
mod selector;
mod site;
mod sources;
mod substitute;
mod taken;
mod template;
mod unapplied;
mod value;
mod variables;
mod version;
mod view;
mod world;

pub use fleet_roots::{FleetRoot, FleetRoots};
pub use memo::Memo;
pub use neighbours::{Member, Neighbour, Neighbours, Published, State};
pub use taken::{Taken, is_news, taken_of};

use crate::inventory::{Found, Inventory, Kind};
use crate::model::{Reason, Release, Site, Status};
use std::collections::BTreeSet;
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
    /// Files that may want more than is seen: while a document is broken, a neighbour was never read, or an object of one
    /// makes a source ambiguous.
    pub doubtful: BTreeSet<String>,
    /// What other repositories of the fleet may use of it.
    pub published: Arc<Published>,
}

/// Resolves a whole tree.
pub fn resolve(inventory: &Inventory) -> Resolution {
    resolve_after(inventory, &Neighbours::default(), &mut Memo::default())
}

/// [`resolve`], with what the last resolving of the same repository left: builds and rows that nothing changed for are
/// taken over. The result is the same.
pub fn resolve_after(inventory: &Inventory, neighbours: &Neighbours, memo: &mut Memo) -> Resolution {
    let recall = memo.recall(inventory, neighbours);
    let whole = inventory.beside(Arc::new(neighbours::files(neighbours)));
    let (world, mut recall) = world::build(&whole, neighbours, recall);
    let mut rows = row::rows(&world, &mut recall);
    let published = Arc::new(publish::publish(&world, &rows));
    rows.releases.extend(entrusted::rows(&world, &published));
    row::settle(&mut rows.releases, &mut recall);
    memo.keep(inventory, recall, &published, neighbours);
    let mut doubtful = doubtful(&world, &rows);
    doubtful.extend(entrusted::undecided(&world, &published));
    let releases = rows.releases;
    let mut problems = inventory.problems.clone();
    problems.extend(world.problems);
    let key = |found: &Found| (found.file.clone(), found.line, found.problem.reason, found.problem.message.clone());
    problems.sort_by_cached_key(key);
    problems.dedup();
    Resolution { releases, problems, doubtful, published }
}

/// While a document is broken, here or in a neighbour's tree, or a neighbour was never read, or a source may be this
/// repository by another name, what nobody builds or finds here may be wanted all the same; and so may what an object of a neighbour made ambiguous.
fn doubtful(world: &world::World<'_>, rows: &row::Rows) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let ambiguous =
        |release: &Release| release.problem.as_ref().is_some_and(|problem| problem.reason == Reason::SourceAmbiguous);
    // A neighbour that is not seen whole may read a version that stands here.
    let unseen = world.neighbours.unread().is_some() || world.abroad.peers.iter().any(|peer| peer.broken);
    let unknown = publish::is_broken(world)
        || unseen
        || world.claimed
        || !world.neighbours.others.is_empty() && rows.releases.iter().any(|release| ambiguous(release));
    if !unknown {
        return files;
    }
    let open = |reason: Reason| {
        reason.status() == Status::Unresolved || matches!(reason, Reason::NotBuilt | Reason::RepositoryUnread)
    };
    for release in rows.releases.iter().filter(|r| r.problem.as_ref().is_some_and(|problem| open(problem.reason))) {
        files.insert(release.file.to_string());
        files.extend(release.site.as_ref().map(|site| site.file.to_string()));
    }
    let unused = world.sources.iter().filter(|source| !rows.used.contains(&source.object.at));
    files.extend(unused.map(|source| world.inventory.path(source.object.at.0).to_owned()));
    // Where a version may stand that a row would have: what defines variables, and what patches.
    if unseen || !files.is_empty() {
        for kind in [Kind::ConfigMap, Kind::EnvFile, Kind::Kustomization, Kind::FluxKustomization] {
            files.extend(world.inventory.of_kind(kind).map(|(file, ..)| world.inventory.path(file).to_owned()));
        }
    }
    files
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
mod claims_tests;
#[cfg(test)]
#[path = "resolve_tests.rs"]
mod resolve_tests;
#[cfg(test)]
mod set_elsewhere_tests;
#[cfg(test)]
mod suspended_tests;

#[cfg(test)]
#[path = "rule_tests.rs"]
mod rule_tests;

#[cfg(test)]
#[path = "bounds_tests.rs"]
mod bounds_tests;

#[cfg(test)]
#[path = "kustomize_tests.rs"]
mod kustomize_tests;
