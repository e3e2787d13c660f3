//! Flux rule 23: the tree of an artifact that an ArtifactGenerator composes of this repository's files, each led back to
//! its file in Git. What Git does not show (other sources, archives, merges of two files) is an answer of its own.

use super::path;
use crate::inventory::{self, Context, FileFacts, Inventory, Kind};
use crate::yaml::Node;
use globset::{GlobBuilder, GlobMatcher};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A composed tree.
#[derive(Debug)]
pub(super) struct Artifact {
    /// The files at their places in the artifact.
    pub(super) tree: Inventory,
    /// The repository's number of each of its files.
    pub(super) back: Vec<usize>,
}

/// Where an artifact is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'w> {
    pub(super) namespace: &'w str,
    pub(super) name: &'w str,
    /// Directory of the cluster that asks.
    pub(super) cluster: &'w str,
}

/// Composes the artifact that a name stands for. `ours` tells whether a source of the generator is this repository.
///
/// # Errors
/// Why it can't be told, for a person.
pub(super) fn compose(
    inventory: &Inventory,
    wanted: Wanted<'_>,
    ours: &dyn Fn(&Node, &str) -> bool,
) -> Result<Artifact, String> {
    let mut found = Vec::new();
    for (file, _, generator) in inventory.of_kind(Kind::ArtifactGenerator) {
        let artifacts = generator.tree.at("spec.artifacts").map(Node::items).unwrap_or_default();
        let named = |listed: &&Node| listed.get("name").and_then(Node::text) == Some(wanted.name);
        let fits = generator.namespace().is_empty() || wanted.namespace.is_empty();
        if fits || generator.namespace() == wanted.namespace {
            found.extend(artifacts.iter().filter(named).map(|listed| (file, generator, listed)));
        }
    }
    let here = |file: usize| !wanted.cluster.is_empty() && path::within(wanted.cluster, inventory.path(file));
    if found.iter().any(|(file, ..)| here(*file)) {
        found.retain(|(file, ..)| here(*file));
    }
    let mut trees = Vec::new();
    for (_, generator, listed) in &found {
        let foreign = |alias: &str| {
            let sources = generator.tree.at("spec.sources").map(Node::items).unwrap_or_default();
            let source = sources.iter().find(|source| source.get("alias").and_then(Node::text) == Some(alias));
            source.is_none_or(|source| !ours(source, generator.namespace()))
        };
        let files = copied(inventory, listed, &foreign)?;
        if !trees.contains(&files) {
            trees.push(files);
        }
    }
    match (trees.pop(), trees.is_empty()) {
        (Some(files), true) => Ok(artifact(inventory, files)),
        (Some(_), false) => Err("several ArtifactGenerators make it of different files".to_owned()),
        (None, _) => Err("no ArtifactGenerator in the tree makes it".to_owned()),
    }
}

type Files = BTreeMap<String, usize>;

fn artifact(inventory: &Inventory, files: Files) -> Artifact {
    let listed: Vec<(String, Arc<FileFacts>)> = files
        .iter()
        .filter_map(|(path, file)| Some((path.clone(), inventory.files.get(*file)?.1.clone())))
        .collect();
    let tree = inventory::gather(&listed, Context { repository_url: inventory.repository_url.as_deref() });
    let back = tree.files.iter().filter_map(|(path, _)| files.get(path).copied()).collect();
    Artifact { tree, back }
}

/// The files that the copies of an artifact give, in order.
fn copied(inventory: &Inventory, listed: &Node, foreign: &dyn Fn(&str) -> bool) -> Result<Files, String> {
    let mut files = Files::new();
    for copy in listed.get("copy").map(Node::items).unwrap_or_default() {
        let text = |key: &str| copy.get(key).and_then(Node::text).unwrap_or_default();
        let (from, to) = (text("from"), text("to"));
        let form = || format!("the copy from {from} to {to} (line {}) is not followed", copy.line);
        let (alias, pattern) = from.strip_prefix('@').and_then(|from| from.split_once('/')).ok_or_else(form)?;
        let target = to.strip_prefix("@artifact").ok_or_else(form)?;
        if foreign(alias) {
            let directory = path::join("", target).ok_or_else(form)?;
            if files.keys().any(|known| path::within(&directory, known)) {
                return Err(format!("the copy from {from} may put files of another source over this repository's"));
            }
            continue;
        }
        if !matches!(text("strategy"), "" | "Overwrite") && !(text("strategy") == "Merge" && files.is_empty()) {
            return Err(format!("the copy from {from} has the strategy {}", text("strategy")));
        }
        let excluded = excluded(copy).ok_or_else(form)?;
        let mut any = false;
        for (name, file) in chosen(inventory, pattern, target).ok_or_else(form)? {
            any = true;
            if !excluded.iter().any(|glob| glob.is_match(inventory.path(file))) {
                files.insert(name, file);
            }
        }
        // A plain directory, whose place below the target two readers would not agree on.
        if !any && !pattern.contains('*') && inventory.directory(pattern.trim_end_matches('/')).is_some() {
            return Err(form());
        }
    }
    Ok(files)
}

fn glob(pattern: &str) -> Option<GlobMatcher> {
    GlobBuilder::new(pattern).literal_separator(true).build().ok().map(|glob| glob.compile_matcher())
}

/// `exclude`: nothing where a pattern is not one.
fn excluded(copy: &Node) -> Option<Vec<GlobMatcher>> {
    let patterns = copy.get("exclude").map(Node::items).unwrap_or_default();
    patterns.iter().map(|pattern| glob(&format!("**/{}", pattern.text()?.trim_start_matches("**/")))).collect()
}

/// The files that a pattern takes, with their places in the artifact.
fn chosen(inventory: &Inventory, pattern: &str, target: &str) -> Option<Vec<(String, usize)>> {
    let is_directory = target.ends_with('/') || target.is_empty();
    let directory = path::join("", target)?;
    if !pattern.contains(['*', '?', '[', '{']) {
        let source = path::join("", pattern)?;
        let Some(file) = inventory.file(&source) else { return Some(Vec::new()) };
        let name = source.rsplit('/').next().unwrap_or(&source);
        let place = if is_directory { path::join(&directory, name)? } else { directory };
        return Some(vec![(place, file)]);
    }
    // What stands before the first segment with a wildcard is left out of the artifact.
    let fixed: Vec<&str> =
        pattern.split('/').take_while(|part| !part.contains(['*', '?', '[', '{'])).filter(|part| *part != ".").collect();
    let base = fixed.join("/");
    let matcher = glob(pattern.trim_start_matches("./"))?;
    let files = inventory.files.iter().enumerate().filter(|(_, (path, _))| matcher.is_match(path));
    files.map(|(file, (path, _))| Some((path::join(&directory, path.get(base.len()..)?.trim_start_matches('/'))?, file))).collect()
}
