//! Flux rule 23: the tree of an artifact that an ArtifactGenerator composes of this repository's files, each led back to
//! its file in Git. What Git does not show (other sources, archives, merges of two files) is an answer of its own.

use super::left_out::Seen;
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

/// What is seen of this repository through a source of a generator (the source, and the generator's namespace); nothing
/// where it is another one, nothing in it where all is seen.
type Sight<'s> = dyn Fn(&Node, &str) -> Option<Option<Arc<Seen>>> + 's;

/// Composes the artifact that a name stands for.
///
/// # Errors
/// Why it can't be told, for a person.
pub(super) fn compose(inventory: &Inventory, wanted: Wanted<'_>, sight: &Sight<'_>) -> Result<Artifact, String> {
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
        let own = |alias: &str| {
            let sources = generator.tree.at("spec.sources").map(Node::items).unwrap_or_default();
            let source = sources.iter().find(|source| source.get("alias").and_then(Node::text) == Some(alias));
            sight(source?, generator.namespace())
        };
        let files = copied(inventory, listed, &own)?;
        if !trees.contains(&files) {
            trees.push(files);
        }
    }
    match (trees.pop(), trees.is_empty()) {
        (Some(files), true) => Ok(artifact(inventory, &files)),
        (Some(_), false) => Err("several ArtifactGenerators make it of different files".to_owned()),
        (None, _) => Err("no ArtifactGenerator in the tree makes it".to_owned()),
    }
}

type Files = BTreeMap<String, usize>;

fn artifact(inventory: &Inventory, files: &Files) -> Artifact {
    let listed: Vec<(String, Arc<FileFacts>)> =
        files.iter().filter_map(|(path, file)| Some((path.clone(), inventory.files.get(*file)?.1.clone()))).collect();
    let tree = inventory::gather(&listed, Context { repository_url: inventory.repository_url.as_deref() });
    let back = tree.files.iter().filter_map(|(path, _)| files.get(path).copied()).collect();
    Artifact { tree, back }
}

/// The files that the copies of an artifact give, in order.
fn copied(
    inventory: &Inventory,
    listed: &Node,
    own: &dyn Fn(&str) -> Option<Option<Arc<Seen>>>,
) -> Result<Files, String> {
    let mut files = Files::new();
    for copy in listed.get("copy").map(Node::items).unwrap_or_default() {
        let text = |key: &str| copy.get(key).and_then(Node::text).unwrap_or_default();
        let (from, to) = (text("from"), text("to"));
        let form = || format!("the copy from {from} to {to} (line {}) is not followed", copy.line);
        let (alias, pattern) = from.strip_prefix('@').and_then(|from| from.split_once('/')).ok_or_else(form)?;
        let target = to.strip_prefix("@artifact").ok_or_else(form)?;
        let Some(seen) = own(alias) else {
            let directory = path::join("", target).ok_or_else(form)?;
            if files.keys().any(|known| path::within(&directory, known)) {
                return Err(format!("the copy from {from} may put files of another source over this repository's"));
            }
            continue;
        };
        let plain = match text("strategy") {
            "" | "Overwrite" => true,
            "Merge" => files.is_empty(),
            _ => false,
        };
        if !plain {
            return Err(format!("the copy from {from} has the strategy {}", text("strategy")));
        }
        let excluded = Excluded::read(copy, pattern).ok_or_else(form)?;
        let tree = seen.as_ref().map_or(inventory, |seen| &seen.artifact.tree);
        for (name, file) in chosen(tree, pattern, target, &files).ok_or_else(form)? {
            if !excluded.has(tree.path(file)) {
                let real = seen.as_ref().map_or(Some(file), |seen| seen.artifact.back.get(file).copied());
                files.extend(real.map(|real| (name, real)));
            }
        }
    }
    Ok(files)
}

fn glob(pattern: &str) -> Option<GlobMatcher> {
    GlobBuilder::new(pattern).literal_separator(true).build().ok().map(|glob| glob.compile_matcher())
}

/// `exclude`: patterns against the path in the source, the path below what is copied, and the name.
struct Excluded {
    globs: Vec<GlobMatcher>,
    base: String,
}

impl Excluded {
    /// Nothing where a pattern is not one.
    fn read(copy: &Node, pattern: &str) -> Option<Self> {
        let patterns = copy.get("exclude").map(Node::items).unwrap_or_default();
        let globs: Option<Vec<_>> = patterns.iter().map(|pattern| glob(pattern.text()?)).collect();
        let fixed = pattern.split('/').take_while(|part| !is_glob(part)).filter(|part| !matches!(*part, "" | "."));
        Some(Self { globs: globs?, base: fixed.collect::<Vec<_>>().join("/") })
    }

    fn has(&self, path: &str) -> bool {
        let below = if path::within(&self.base, path) { path.get(self.base.len()..) } else { None };
        let below = below.unwrap_or(path).trim_start_matches('/');
        let name = path.rsplit('/').next().unwrap_or(path);
        // A directory that is excluded takes everything below with it.
        let ends = |text: &str| text.match_indices('/').map(|(at, _)| at).chain([text.len()]).collect::<Vec<_>>();
        let upwards =
            |text: &str| ends(text).into_iter().any(|end| self.globs.iter().any(|g| g.is_match(&text[..end])));
        self.globs.iter().any(|glob| glob.is_match(name)) || upwards(path) || upwards(below)
    }
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', ']'])
}

/// The files that a pattern takes, with their places in the artifact (source-watcher, calculateGlobDestination):
/// `dir/**` leaves the directory out, every other pattern keeps the whole path, a directory keeps its name.
fn chosen(inventory: &Inventory, pattern: &str, target: &str, files: &Files) -> Option<Vec<(String, usize)>> {
    let directory = path::join("", target)?;
    let all = inventory.files.iter().enumerate();
    if !is_glob(pattern) {
        let source = path::join("", pattern)?;
        let name = source.rsplit('/').next().unwrap_or(&source);
        if let Some(file) = inventory.file(&source) {
            let below = target.ends_with('/')
                || directory.is_empty()
                || files.keys().any(|known| *known != directory && path::within(&directory, known));
            let place = if below { path::join(&directory, name)? } else { directory };
            return Some(vec![(place, file)]);
        }
        let parent = path::parent(&source);
        let within = all.filter(|(_, (path, _))| path::within(&source, path));
        return within.map(|(file, (path, _))| Some((below(&directory, parent, path)?, file))).collect();
    }
    if let Some(prefix) = pattern.strip_suffix("/**").filter(|prefix| !is_glob(prefix)) {
        let prefix = path::join("", prefix)?;
        let within = all.filter(|(_, (path, _))| path::within(&prefix, path));
        return within.map(|(file, (path, _))| Some((below(&directory, &prefix, path)?, file))).collect();
    }
    if pattern.contains("**") && pattern != "**" {
        return None;
    }
    // A match may be a directory, which is copied whole.
    let depth = pattern.split('/').count();
    let matcher = glob(pattern)?;
    let head = |path: &str| path.split('/').take(depth).collect::<Vec<_>>().join("/");
    let matching = all.filter(|(_, (path, _))| pattern == "**" || matcher.is_match(head(path)));
    matching.map(|(file, (path, _))| Some((below(&directory, "", path)?, file))).collect()
}

/// The place of a file below a target, without what stands before it.
fn below(directory: &str, before: &str, file: &str) -> Option<String> {
    path::join(directory, file.get(before.len()..)?.trim_start_matches('/'))
}
