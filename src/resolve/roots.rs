//! Where a tree's builds start (Flux rules 24 and 25): the Flux Kustomizations that no other one builds, and the
//! kustomization.yamls that nothing includes.

use super::build::{Builder, places};
use super::flux::{Reach, source_ref};
use super::memo::Unit;
use super::object::{At, Object};
use super::path;
use super::world::{Lost, World};
use crate::inventory::{Inventory, Kind};
use crate::model::{NsName, Reason};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// A Flux Kustomization of the tree with what it builds, as far as its own document says.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) object: Arc<Object>,
    pub(super) reach: Reach,
}

/// By directory of an own root, the GitRepositories that its Kustomizations call this repository.
pub(super) fn selves<'s>(
    known: &[Known],
    roots: &[Root],
    syncs: impl Iterator<Item = (&'s str, &'s NsName)>,
) -> BTreeMap<String, BTreeSet<(String, String)>> {
    let mut selves: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    let here: HashSet<At> = known.iter().filter(|k| k.reach.is_here()).map(|known| known.object.at).collect();
    for root in roots {
        if here.contains(&root.kustomization.at) {
            let own = selves.entry(root.cluster.clone()).or_default();
            let (kind, name, namespace) = source_ref(&root.kustomization);
            own.extend((kind == "GitRepository").then(|| (namespace.to_owned(), name.to_owned())));
        }
    }
    for (cluster, id) in syncs {
        selves.entry(cluster.to_owned()).or_default().insert((id.namespace.clone(), id.name.clone()));
    }
    selves
}

/// Where a pass from the roots starts.
pub(super) struct Root {
    pub(super) cluster: String,
    pub(super) kustomization: Arc<Object>,
}

/// A kustomization.yaml that nothing includes, and what it gathers.
pub(super) struct Plain {
    pub(super) directory: String,
    pub(super) build: Arc<Unit>,
}

pub(super) fn plain_builds(
    builder: &mut Builder<'_>,
    reached: &HashSet<usize>,
    included: &HashSet<String>,
) -> Vec<Plain> {
    let inventory = builder.inventory;
    let mut plain = Vec::new();
    for (directory, entry) in inventory.directories() {
        if entry.kustomization.is_none_or(|file| reached.contains(&file)) {
            continue;
        }
        let Some((_, Some(facts))) = inventory.kustomization(directory) else { continue };
        let component = facts.text("kind") == Some("Component");
        if !component && !included.contains(directory) {
            plain.push(Plain { directory: directory.to_owned(), build: builder.directory(directory, true) });
        }
    }
    plain
}

/// Directories that some kustomization.yaml names.
pub(super) fn included(inventory: &Inventory) -> HashSet<String> {
    let mut included = HashSet::new();
    for (directory, entry) in inventory.directories() {
        let found = entry.kustomization.and_then(|_| inventory.kustomization(directory));
        let Some((_, Some(facts))) = found else { continue };
        for key in ["resources", "bases", "components"] {
            let entries = facts.tree.get(key).map(crate::yaml::Node::items).unwrap_or_default();
            let named = entries.iter().filter_map(|entry| path::join(directory, entry.text()?));
            included.extend(named.filter(|named| named != directory));
        }
    }
    included
}

/// Kustomizations of sources with another URL whose paths exist here: a repository that has no other root is no plain
/// folder by that, since Flux may well build it under that URL.
pub(super) fn claimed(world: &mut World<'_>, known: &[Known]) {
    for known in known {
        let Reach::Away { reason: _, message, claims: Some(within) } = &known.reach else { continue };
        let message = format!("{}: {message}", world.place(&known.object));
        world.lost.push(Lost { within: within.clone(), reason: Reason::NotBuilt, message });
    }
    if let Some(first) = world.lost.first().filter(|_| !world.rooted) {
        let everywhere = Lost { within: String::new(), ..first.clone() };
        world.lost.push(everywhere);
        world.rooted = true;
        world.claimed = true;
    }
}

/// A root's directory without the `flux-system` that bootstrap adds.
pub(super) fn cluster_directory(directory: &str) -> String {
    let directory = directory.strip_suffix("flux-system").map_or(directory, |parent| parent.trim_end_matches('/'));
    if directory.is_empty() { ".".to_owned() } else { directory.to_owned() }
}

/// Which Kustomizations each Kustomization's build holds.
pub(super) struct Graph {
    children: Vec<Vec<usize>>,
}

impl Graph {
    pub(super) fn new(known: &[Known], builder: &mut Builder<'_>) -> Self {
        let numbers: HashMap<At, usize> = known.iter().enumerate().map(|(i, known)| (known.object.at, i)).collect();
        let mut cache: HashMap<(usize, String), Vec<usize>> = HashMap::new();
        let children = known.iter().map(|known| {
            let (Reach::Here { directory, .. } | Reach::Artifact { directory, .. }) = &known.reach else {
                return Vec::new();
            };
            let tree = known.reach.tree();
            let number = tree.map_or(0, |tree| Arc::as_ptr(tree).addr());
            let held = cache.entry((number, directory.clone())).or_insert_with(|| {
                let held = builder.directory_of(tree.map(Arc::as_ref), directory, false);
                places(&held.objects).filter_map(|at| numbers.get(&at).copied()).collect()
            });
            held.clone()
        });
        Self { children: children.collect() }
    }

    /// Kustomizations that no other one builds; of those that build each other in a ring, the first. What a variable
    /// may lead to comes last: it is no root if it was built meanwhile.
    pub(super) fn roots(
        &self,
        known: &[Known],
        synced: &HashSet<At>,
        builder: &mut Builder<'_>,
        plain: &[Plain],
    ) -> Vec<Root> {
        let mut below: HashSet<usize> = HashSet::new();
        for (parent, children) in self.children.iter().enumerate() {
            below.extend(children.iter().filter(|child| **child != parent));
        }
        let mut seen: HashSet<usize> = HashSet::new();
        for (number, known) in known.iter().enumerate() {
            if synced.contains(&known.object.at) {
                self.mark(number, &mut seen);
            }
        }
        let mut held: HashMap<At, Vec<(&Plain, &Arc<Object>)>> = HashMap::new();
        for plain in plain {
            for object in plain.build.objects.iter().filter(|object| object.kind == Kind::FluxKustomization) {
                held.entry(object.at).or_default().push((plain, object));
            }
        }
        let mut roots = Vec::new();
        let free = (0..known.len()).filter(|number| !below.contains(number));
        for number in free.chain(0..known.len()) {
            if !seen.contains(&number) {
                self.mark(number, &mut seen);
                let held = held.get(&known[number].object.at).map(Vec::as_slice).unwrap_or_default();
                roots.extend(starts(&known[number], builder.inventory, held));
            }
        }
        let dynamic: Vec<String> =
            known.iter().filter_map(|known| static_part(known.object.text("spec.path")?)).collect();
        let may_be_below = |root: &Root| {
            let file = builder.inventory.path(root.kustomization.at.0);
            dynamic.iter().any(|within| path::within(within, file))
        };
        roots.sort_by_cached_key(may_be_below);
        roots
    }

    fn mark(&self, number: usize, seen: &mut HashSet<usize>) {
        let mut open = vec![number];
        while let Some(number) = open.pop() {
            if seen.insert(number) {
                open.extend(&self.children[number]);
            }
        }
    }
}

/// A root as it stands, or as each kustomization.yaml that nothing includes gives it.
fn starts(known: &Known, inventory: &Inventory, held: &[(&Plain, &Arc<Object>)]) -> Vec<Root> {
    let dynamic = known.object.text("spec.path").is_some_and(|path| path.contains("${"));
    if matches!(known.reach, Reach::Away { .. }) && !dynamic {
        return Vec::new();
    }
    let file = inventory.path(known.object.at.0);
    let root = |object: Arc<Object>, anchor: &str| {
        let own = match &known.reach {
            Reach::Here { directory, .. } if !directory.is_empty() && path::within(directory, file) => Some(directory),
            _ => None,
        };
        let cluster = own.cloned().unwrap_or_else(|| cluster_directory(anchor));
        Root { cluster, kustomization: object }
    };
    let mut roots: Vec<Root> = Vec::new();
    for (plain, object) in held {
        let anchor = if path::within(&plain.directory, file) && plain.directory.is_empty() {
            path::parent(file)
        } else {
            &plain.directory
        };
        roots.push(root(Arc::clone(object), anchor));
    }
    if roots.is_empty() {
        roots.push(root(known.object.clone(), path::parent(file)));
    }
    roots
}

/// The directory before the first variable of a path; nothing where it has none.
pub(super) fn static_part(written: &str) -> Option<String> {
    let (before, _) = written.split_once("${")?;
    path::join("", before.rsplit_once('/').map_or("", |(directory, _)| directory))
}
