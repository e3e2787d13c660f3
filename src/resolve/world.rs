//! The whole tree built as Flux would: from the roots down (Flux rules 24 and 25), each Flux Kustomization once per
//! cluster; what no Kustomization builds is read as it stands.

use super::build::{Builder, FluxLayer, is_object, patch_files, places};
use super::flux::{self, Judge, Reach};
use super::layer::{At, Object, Say};
use super::path;
use crate::inventory::{DocumentFacts, Found, Inventory, Kind};
use crate::model::{NsName, Reason};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The Flux Kustomization that builds an object.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) id: NsName,
    pub(super) cluster: String,
    pub(super) suspended: bool,
    /// `file:line` of the Kustomization.
    pub(super) origin: String,
    /// The artifact that its path lies in.
    pub(super) artifact: Option<String>,
    /// Why membership of this repository is assumed.
    pub(super) assumed: Option<String>,
    /// Who has a say in what it builds.
    pub(super) says: Vec<Say>,
}

/// What an object was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// A cluster's Kustomizations.
    Cluster(String),
    /// A kustomization.yaml that nothing includes, by number.
    Plain(usize),
    /// A file that nothing includes.
    Loose,
}

/// An object with what built it.
#[derive(Debug, Clone)]
pub(super) struct Built<'a> {
    pub(super) object: Object<'a>,
    pub(super) scope: Scope,
    pub(super) context: Option<Rc<Context>>,
}

/// Everything that is built.
pub(super) struct World<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) releases: Vec<Built<'a>>,
    pub(super) sources: Vec<Built<'a>>,
    pub(super) problems: Vec<Found>,
    /// This repository's URL, where it is known or was found out.
    pub(super) url: Option<String>,
    /// The repository has Flux Kustomizations of its own.
    pub(super) rooted: bool,
    /// Kustomizations of this repository whose directory could not be found out: what nothing builds may be theirs.
    pub(super) lost: Vec<Lost>,
}

/// A Kustomization that builds nobody knows which directory.
pub(super) struct Lost {
    /// Directory that what it builds lies in.
    pub(super) within: String,
    /// `file:line`
    pub(super) origin: String,
    /// Why it is lost.
    pub(super) reason: Reason,
}

/// A Flux Kustomization of the tree with what it builds.
struct Known<'a> {
    object: Object<'a>,
    reach: Reach,
}

/// Where a pass from the roots starts.
struct Root<'a> {
    cluster: String,
    start: Start<'a>,
}

enum Start<'a> {
    Kustomization(Object<'a>),
    /// FluxInstance `spec.sync`: the directory, and the Kustomization that the operator makes of it.
    Sync {
        directory: String,
        context: Context,
    },
}

/// Builds the tree.
pub(super) fn build(inventory: &Inventory) -> World<'_> {
    let judge = Judge::new(inventory);
    let patches = patch_files(inventory);
    let mut builder = Builder::new(inventory);
    let known: Vec<Known<'_>> = inventory
        .of_kind(Kind::FluxKustomization)
        .filter(|(file, _, facts)| !patches.contains(file) && facts.resource_set.is_none())
        .map(|(file, index, facts)| Known { object: Object::new((file, index), facts), reach: judge.reach(facts) })
        .collect();
    let mut world = World {
        inventory,
        releases: Vec::new(),
        sources: Vec::new(),
        problems: Vec::new(),
        url: judge.url.clone(),
        rooted: false,
        lost: Vec::new(),
    };
    world.note_reach(&known);
    let syncs = syncs(&mut world, &judge);
    world.rooted = !syncs.is_empty() || known.iter().any(|known| known.reach.directory().is_some());

    let graph = Graph::new(&known, &mut builder);
    let mut reached: HashSet<usize> = builder.files.clone();
    for (directory, _) in &syncs {
        builder.directory(directory, None);
    }
    reached.extend(&builder.files);
    let plain = plain_builds(&mut builder, &reached);

    let mut roots = graph.roots(&known, &syncs, &mut builder, &plain);
    roots.extend(syncs.into_iter().map(|(directory, context)| Root {
        cluster: context.cluster.clone(),
        start: Start::Sync { directory, context },
    }));
    let mut pass = Pass {
        judge: &judge,
        builder: &mut builder,
        world: &mut world,
        visited: HashSet::new(),
        places: HashSet::new(),
    };
    for root in roots {
        pass.run(root);
    }
    let built = pass.places;
    let read: HashSet<usize> = builder.files.clone();
    for (number, build) in plain.into_iter().enumerate() {
        let objects = build.objects.into_iter().filter(|object| !built.contains(&object.at));
        world.take(objects, &Scope::Plain(number), None);
    }
    let loose = loose(inventory, |file| !read.contains(&file) && !patches.contains(&file));
    world.take(loose.into_iter().filter(|object| !built.contains(&object.at)), &Scope::Loose, None);
    world.problems.append(&mut builder.problems);
    world
}

/// Documents of files that nothing includes.
fn loose(inventory: &Inventory, wanted: impl Fn(usize) -> bool) -> Vec<Object<'_>> {
    let files = (0..inventory.files.len()).filter(|file| wanted(*file));
    let documents = files.flat_map(|file| {
        let documents = inventory.documents(file).iter().enumerate();
        documents.filter(|(_, facts)| is_object(facts)).map(move |(index, facts)| Object::new((file, index), facts))
    });
    documents.collect()
}

/// A kustomization.yaml that nothing includes, and what it gathers.
struct Plain<'a> {
    directory: String,
    objects: Vec<Object<'a>>,
}

fn plain_builds<'a>(builder: &mut Builder<'a>, reached: &HashSet<usize>) -> Vec<Plain<'a>> {
    let inventory = builder.inventory;
    let included = included(inventory);
    let mut plain = Vec::new();
    for (directory, _) in inventory.directories() {
        let Some((file, Some(facts))) = inventory.kustomization(directory) else { continue };
        let component = facts.text("kind") == Some("Component");
        if !component && !reached.contains(&file) && !included.contains(directory) {
            plain.push(Plain { directory: directory.to_owned(), objects: builder.directory(directory, None) });
        }
    }
    plain
}

/// Directories that some kustomization.yaml names.
fn included(inventory: &Inventory) -> HashSet<String> {
    let mut included = HashSet::new();
    for (directory, _) in inventory.directories() {
        let Some((_, Some(facts))) = inventory.kustomization(directory) else { continue };
        for key in ["resources", "bases", "components"] {
            let entries = facts.tree.get(key).map(crate::yaml::Node::items).unwrap_or_default();
            let named = entries.iter().filter_map(|entry| path::join(directory, entry.text()?));
            included.extend(named.filter(|named| named != directory));
        }
    }
    included
}

/// FluxInstances that sync this repository: the directory, and the Kustomization that the operator makes.
fn syncs(world: &mut World<'_>, judge: &Judge<'_>) -> Vec<(String, Context)> {
    let mut found = Vec::new();
    let inventory = world.inventory;
    for (file, _, facts) in inventory.of_kind(Kind::FluxInstance) {
        let (Some(url), Some(written)) = (facts.text("spec.sync.url"), facts.text("spec.sync.path")) else { continue };
        let kind = facts.text("spec.sync.kind").unwrap_or("GitRepository");
        let ours = judge.url.as_deref().is_none_or(|ours| crate::inventory::same_repository(ours, url));
        let directory = path::join("", written).filter(|directory| inventory.directory(directory).is_some());
        let (name, origin) = (inventory.path(file), format!("{}:{}", inventory.path(file), facts.line));
        if let Some(directory) = directory.filter(|_| kind == "GitRepository" && ours) {
            let namespace = if facts.namespace().is_empty() { "flux-system" } else { facts.namespace() };
            let sync = facts.text("spec.sync.name").unwrap_or(namespace);
            let cluster = if directory.is_empty() { cluster_directory(path::parent(name)) } else { directory.clone() };
            let id = NsName { namespace: namespace.to_owned(), name: sync.to_owned() };
            let assumed =
                judge.url.is_none().then(|| format!("{url} is taken for this repository: the path exists here"));
            let context = Context { id, cluster, suspended: false, origin, artifact: None, assumed, says: Vec::new() };
            found.push((directory, context));
        } else {
            let message = format!("FluxInstance {} syncs {written} of {kind} {url}, not this repository", facts.name());
            world.problems.push(Inventory::problem(name, facts.line, Reason::OutOfReach, message));
        }
    }
    found
}

/// A root's directory without the `flux-system` that bootstrap adds.
fn cluster_directory(directory: &str) -> String {
    let directory = directory.strip_suffix("flux-system").map_or(directory, |parent| parent.trim_end_matches('/'));
    if directory.is_empty() { ".".to_owned() } else { directory.to_owned() }
}

/// Which Kustomizations each Kustomization's build holds.
struct Graph {
    children: Vec<Vec<usize>>,
}

impl Graph {
    fn new<'a>(known: &[Known<'a>], builder: &mut Builder<'a>) -> Self {
        let numbers: HashMap<At, usize> = known.iter().enumerate().map(|(i, known)| (known.object.at, i)).collect();
        let mut cache: HashMap<String, Vec<usize>> = HashMap::new();
        let children = known.iter().map(|known| {
            let Some(directory) = known.reach.directory() else { return Vec::new() };
            let held = cache.entry(directory.to_owned()).or_insert_with(|| {
                let objects = builder.directory(directory, None);
                places(&objects).filter_map(|at| numbers.get(&at).copied()).collect()
            });
            held.clone()
        });
        Self { children: children.collect() }
    }

    /// Kustomizations that no other one builds; of those that build each other in a ring, the first.
    fn roots<'a>(
        &self,
        known: &[Known<'a>],
        syncs: &[(String, Context)],
        builder: &mut Builder<'a>,
        plain: &[Plain<'a>],
    ) -> Vec<Root<'a>> {
        let mut below: HashSet<usize> = HashSet::new();
        for (parent, children) in self.children.iter().enumerate() {
            below.extend(children.iter().filter(|child| **child != parent));
        }
        let synced: HashSet<At> = syncs
            .iter()
            .flat_map(|(directory, _)| places(&builder.directory(directory, None)).collect::<Vec<_>>())
            .collect();
        let mut seen: HashSet<usize> = HashSet::new();
        for (number, known) in known.iter().enumerate() {
            if synced.contains(&known.object.at) {
                self.mark(number, &mut seen);
            }
        }
        let mut held: HashMap<At, Vec<(&Plain<'a>, &Object<'a>)>> = HashMap::new();
        for build in plain {
            for object in build.objects.iter().filter(|object| object.facts.kind == Kind::FluxKustomization) {
                held.entry(object.at).or_default().push((build, object));
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
fn starts<'a>(known: &Known<'a>, inventory: &Inventory, held: &[(&Plain<'a>, &Object<'a>)]) -> Vec<Root<'a>> {
    if known.reach.directory().is_none() {
        return Vec::new();
    }
    let file = inventory.path(known.object.at.0);
    let root = |object: Object<'a>, anchor: &str| {
        let own = match &known.reach {
            Reach::Here { directory, .. } if !directory.is_empty() && path::within(directory, file) => Some(directory),
            _ => None,
        };
        let cluster = own.cloned().unwrap_or_else(|| cluster_directory(anchor));
        Root { cluster, start: Start::Kustomization(object) }
    };
    let mut roots: Vec<Root<'a>> = Vec::new();
    for (build, object) in held {
        let anchor = if path::within(&build.directory, file) && build.directory.is_empty() {
            path::parent(file)
        } else {
            &build.directory
        };
        roots.push(root((*object).clone(), anchor));
    }
    if roots.is_empty() {
        roots.push(root(known.object.clone(), path::parent(file)));
    }
    roots
}

/// A walk from the roots down.
struct Pass<'p, 'a> {
    judge: &'p Judge<'a>,
    builder: &'p mut Builder<'a>,
    world: &'p mut World<'a>,
    visited: HashSet<(String, At)>,
    places: HashSet<At>,
}

impl<'a> Pass<'_, 'a> {
    fn run(&mut self, root: Root<'a>) {
        let mut open = Vec::new();
        match root.start {
            Start::Kustomization(object) => open.push(object),
            Start::Sync { directory, context } => {
                let objects = self.builder.directory(&directory, None);
                open.extend(self.take(objects, &Rc::new(context)));
            }
        }
        while let Some(object) = open.pop() {
            if !self.visited.insert((root.cluster.clone(), object.at)) {
                continue;
            }
            let reach = self.judge.reach(object.facts);
            let Some(directory) = reach.directory() else { continue };
            let parsed = self.builder.parsed.clone();
            let layer: FluxLayer = flux::layer(self.world.inventory, &object, &parsed);
            let objects = self.builder.directory(directory, Some(&layer));
            let context = Rc::new(self.context(&object, &root.cluster, &reach));
            open.extend(self.take(objects, &context));
        }
    }

    fn context(&self, object: &Object<'_>, cluster: &str, reach: &Reach) -> Context {
        let file = self.world.inventory.path(object.at.0);
        let (artifact, assumed) = match reach {
            Reach::Artifact { artifact, .. } => (Some(artifact.clone()), None),
            Reach::Here { assumed, .. } => (None, assumed.clone()),
            Reach::Away { .. } => (None, None),
        };
        Context {
            id: NsName { namespace: object.namespace().to_owned(), name: object.name().to_owned() },
            cluster: cluster.to_owned(),
            suspended: object.facts.is_true("spec.suspend"),
            origin: format!("{file}:{}", object.facts.line),
            artifact,
            assumed,
            says: object.says.clone(),
        }
    }

    /// Keeps the releases and sources of a build; gives back its Kustomizations.
    fn take(&mut self, objects: Vec<Object<'a>>, context: &Rc<Context>) -> Vec<Object<'a>> {
        self.places.extend(places(&objects));
        let (below, objects): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|object| object.facts.kind == Kind::FluxKustomization);
        self.world.take(objects.into_iter(), &Scope::Cluster(context.cluster.clone()), Some(context));
        below
    }
}

/// The directory before the first variable of a path.
fn static_part(written: &str) -> Option<String> {
    let before = written.split("${").next().unwrap_or_default();
    path::join("", before.rsplit_once('/').map_or("", |(directory, _)| directory))
}

impl<'a> World<'a> {
    fn take(&mut self, objects: impl Iterator<Item = Object<'a>>, scope: &Scope, context: Option<&Rc<Context>>) {
        for object in objects {
            let kind = object.facts.kind;
            let built = Built { object, scope: scope.clone(), context: context.cloned() };
            match kind {
                Kind::HelmRelease | Kind::HelmReleaseFlux1 => self.releases.push(built),
                Kind::HelmChart
                | Kind::HelmRepository
                | Kind::OciRepository
                | Kind::GitRepository
                | Kind::Bucket
                | Kind::ExternalArtifact => self.sources.push(built),
                _ => {}
            }
        }
    }

    /// Kustomizations that lead elsewhere, or nowhere.
    fn note_reach(&mut self, known: &[Known<'_>]) {
        for known in known {
            let (file, line) = (self.inventory.path(known.object.at.0), known.object.facts.line);
            let name = known.object.name();
            match &known.reach {
                Reach::Away { reason, message } => {
                    let written = known.object.facts.text("spec.path").unwrap_or_default();
                    let within = match reason {
                        Reason::ArtifactGenerator => Some(String::new()),
                        Reason::VersionInSubstitution => static_part(written),
                        _ => None,
                    };
                    let origin = format!("{file}:{line}");
                    self.lost.extend(within.map(|within| Lost { within, origin, reason: *reason }));
                    self.problems.push(Inventory::problem(file, line, *reason, message));
                }
                Reach::Here { directory, .. } if self.inventory.directory(directory).is_none() => {
                    let message =
                        format!("Kustomization {name} builds {directory}; no such path is in the tree that was read");
                    self.problems.push(Inventory::problem(file, line, Reason::OutOfReach, message));
                }
                _ => {}
            }
        }
    }

    /// `file:line` of a document.
    pub(super) fn place(&self, at: At, facts: &DocumentFacts) -> String {
        format!("{}:{}", self.inventory.path(at.0), facts.line)
    }
}
