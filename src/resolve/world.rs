//! The whole tree built as Flux would: from the roots down (Flux rules 24 and 25), each Flux Kustomization once per
//! cluster; what no Kustomization builds is read as it stands.

use super::build::{Builder, Output, View, is_object, patch_files, places};
use super::flux::{self, Judge, Reach};
use super::object::{At, Fault, Object, Place, Say};
use super::path;
use super::roots::{Graph, Known, Root, Start, cluster_directory, plain_builds, static_part, syncs};
use super::substitute;
use super::variables::{Store, Variables, missing};
use crate::inventory::{Found, Inventory, Kind};
use crate::model::{NsName, Reason};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

/// Most different names under which one Kustomization's document is built in a cluster: a ring of prefixes has no end.
const MAX_NAMES: usize = 64;

/// The Flux Kustomization that builds an object.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) id: NsName,
    pub(super) cluster: String,
    pub(super) suspended: bool,
    /// `file:line` of the Kustomization.
    pub(super) origin: String,
    /// Why membership of this repository is assumed.
    pub(super) assumed: Option<String>,
    /// Who has a say in what it builds.
    pub(super) says: Vec<Say>,
    /// Why Flux cannot build it.
    pub(super) fault: Option<Fault>,
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
pub(super) struct Built {
    pub(super) object: Object,
    pub(super) scope: Scope,
    pub(super) context: Option<Rc<Context>>,
    /// Why a kustomization.yaml that no Flux Kustomization builds fails.
    pub(super) fault: Option<Rc<Fault>>,
}

/// Everything that is built.
pub(super) struct World<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) releases: Vec<Built>,
    pub(super) sources: Vec<Built>,
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

/// Builds the tree.
pub(super) fn build(inventory: &Inventory) -> World<'_> {
    let judge = Judge::new(inventory);
    let patches = patch_files(inventory);
    let mut builder = Builder::new(inventory);
    let known: Vec<Known> = inventory
        .of_kind(Kind::FluxKustomization)
        .filter(|(file, _, facts)| !patches.contains(file) && facts.resource_set.is_none())
        .map(|(file, index, facts)| {
            let object = Object::new((file, index), facts);
            let reach = judge.reach(&object, &cluster_directory(path::parent(inventory.path(file))));
            Known { object, reach }
        })
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
    let syncs = syncs(&mut world, &judge);
    world.rooted = !syncs.is_empty() || known.iter().any(|known| known.reach.is_here());

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
        seen: HashSet::new(),
        below: HashSet::new(),
        names: HashMap::new(),
        places: HashSet::new(),
    };
    pass.all(roots);
    let (built, seen) = (pass.places, pass.seen);
    for known in known.iter().filter(|known| !seen.contains(&known.object.at)) {
        world.note_reach(&known.object, &known.reach);
    }
    let read: HashSet<usize> = builder.files.clone();
    for (number, build) in plain.into_iter().enumerate() {
        let objects = build.objects.into_iter().filter(|object| !built.contains(&object.at));
        world.take(objects, &Scope::Plain(number), None, build.fault.as_ref());
    }
    let patched = &builder.patches;
    let loose = loose(inventory, |file| !read.contains(&file) && !patches.contains(&file) && !patched.contains(&file));
    world.take(loose.into_iter().filter(|object| !built.contains(&object.at)), &Scope::Loose, None, None);
    world.problems.append(&mut builder.problems);
    world
}

/// Documents of files that nothing includes.
fn loose(inventory: &Inventory, wanted: impl Fn(usize) -> bool) -> Vec<Object> {
    let files = (0..inventory.files.len()).filter(|file| wanted(*file));
    let documents = files.flat_map(|file| {
        let documents = inventory.documents(file).iter().enumerate();
        documents.filter(|(_, facts)| is_object(facts)).map(move |(index, facts)| Object::new((file, index), facts))
    });
    documents.collect()
}

/// A walk from the roots down.
struct Pass<'p, 'a> {
    judge: &'p Judge<'a>,
    builder: &'p mut Builder<'a>,
    world: &'p mut World<'a>,
    /// Cluster, document, namespace and name.
    visited: HashSet<(String, At, String, String)>,
    seen: HashSet<At>,
    /// Those that another Kustomization builds.
    below: HashSet<At>,
    names: HashMap<(String, At), usize>,
    places: HashSet<At>,
}

impl Pass<'_, '_> {
    /// Every cluster, with all of its roots at once: they share their ConfigMaps.
    fn all(&mut self, roots: Vec<Root>) {
        let mut clusters: BTreeMap<usize, (String, Vec<Start>)> = BTreeMap::new();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        for root in roots {
            let next = numbers.len();
            let number = *numbers.entry(root.cluster.clone()).or_insert(next);
            clusters.entry(number).or_insert_with(|| (root.cluster, Vec::new())).1.push(root.start);
        }
        for (cluster, starts) in clusters.into_values() {
            self.cluster(&cluster, starts);
        }
    }

    fn cluster(&mut self, cluster: &str, starts: Vec<Start>) {
        let mut store = Store::default();
        // The last is taken first: what the roots hold comes before the next root.
        let mut open: Vec<(Object, bool)> = Vec::new();
        for start in starts.into_iter().rev() {
            match start {
                Start::Kustomization(object) => open.push((object, true)),
                Start::Sync { directory, context } => {
                    let Output { objects, fault } = self.builder.directory(&directory, None);
                    let context = Rc::new(Context { fault, ..context });
                    open.extend(self.take(objects, &context, &mut store).into_iter().map(|object| (object, false)));
                }
            }
        }
        let mut waiting: Vec<(Object, bool)> = Vec::new();
        let mut patient = true;
        loop {
            let Some((object, root)) = open.pop() else {
                if waiting.is_empty() {
                    return;
                }
                // What still waits waits for what nobody builds.
                patient = waiting.iter().any(|(object, _)| missing(object, &store).is_none());
                open = std::mem::take(&mut waiting);
                open.reverse();
                continue;
            };
            if patient && missing(&object, &store).is_some() {
                waiting.push((object, root));
                continue;
            }
            // A root only because a variable hid who builds it.
            if root && self.below.contains(&object.at) {
                continue;
            }
            if !root {
                self.below.insert(object.at);
            }
            let below = self.visit(&object, cluster, &mut store);
            open.extend(below.into_iter().map(|object| (object, false)));
        }
    }

    /// Builds one Kustomization; gives back those that it holds.
    fn visit(&mut self, object: &Object, cluster: &str, store: &mut Store) -> Vec<Object> {
        let key = (cluster.to_owned(), object.at, object.namespace().to_owned(), object.name().to_owned());
        let names = self.names.entry((cluster.to_owned(), object.at)).or_default();
        if *names >= MAX_NAMES || !self.visited.insert(key) {
            return Vec::new();
        }
        *names += 1;
        self.seen.insert(object.at);
        let reach = self.judge.reach(object, cluster);
        self.world.note_reach(object, &reach);
        let parsed = self.builder.parsed.clone();
        let inventory = self.world.inventory;
        let file = self.builder.name(object.at.0);
        let whole = View::whole(inventory);
        let layer = flux::layer(&whole, object, &file, &parsed);
        let output = match &reach {
            Reach::Here { directory, .. } => self.builder.build(&whole, directory, Some(&layer)),
            Reach::Artifact { directory, artifact } => {
                let view = View::part(inventory, &artifact.tree, &artifact.back);
                self.builder.build(&view, directory, Some(&layer))
            }
            Reach::Away { .. } => return Vec::new(),
        };
        let mut context = self.context(object, cluster, &reach);
        let Output { mut objects, fault } = output;
        context.fault = fault;
        self.substitute(object, &mut objects, store, &mut context);
        self.take(objects, &Rc::new(context), store)
    }

    fn substitute(&mut self, kustomization: &Object, objects: &mut [Object], store: &Store, context: &mut Context) {
        let Some(variables) = Variables::of(kustomization, store) else { return };
        let line = kustomization.get("spec.postBuild").and_then(super::value::Ref::line).map(|(_, line)| line);
        let place = Place {
            file: self.builder.name(kustomization.at.0),
            line: line.map_or(kustomization.line, |line| line.saturating_sub(1).max(1)),
        };
        let fault = |message: String| Fault { place: place.clone(), message: format!("substitution fails: {message}") };
        if let Some(message) = &variables.fault {
            context.fault.get_or_insert(fault(message.clone()));
        }
        let builder = &mut *self.builder;
        for object in objects {
            if let Err(message) = substitute::apply(object, &variables, &place, &mut |file| builder.name(file)) {
                context.fault.get_or_insert(fault(message));
            }
        }
    }

    fn context(&self, object: &Object, cluster: &str, reach: &Reach) -> Context {
        let file = self.world.inventory.path(object.at.0);
        let assumed = match reach {
            Reach::Here { assumed, .. } => assumed.clone(),
            _ => None,
        };
        Context {
            id: NsName { namespace: object.namespace().to_owned(), name: object.name().to_owned() },
            cluster: cluster.to_owned(),
            suspended: object.is_true("spec.suspend"),
            origin: format!("{file}:{}", object.line),
            assumed,
            says: object.says.clone(),
            fault: None,
        }
    }

    /// Keeps the releases, sources and variables of a build; gives back its Kustomizations.
    fn take(&mut self, objects: Vec<Object>, context: &Rc<Context>, store: &mut Store) -> Vec<Object> {
        self.places.extend(places(&objects));
        for object in objects.iter().filter(|object| matches!(object.kind, Kind::ConfigMap | Kind::Secret)) {
            store.add(object);
        }
        let (below, objects): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|object| object.kind == Kind::FluxKustomization);
        self.world.take(objects.into_iter(), &Scope::Cluster(context.cluster.clone()), Some(context), None);
        below
    }
}

impl World<'_> {
    fn take(
        &mut self,
        objects: impl Iterator<Item = Object>,
        scope: &Scope,
        context: Option<&Rc<Context>>,
        fault: Option<&Rc<Fault>>,
    ) {
        for object in objects {
            let kind = object.kind;
            let built = Built { object, scope: scope.clone(), context: context.cloned(), fault: fault.cloned() };
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

    /// A Kustomization that leads elsewhere, or nowhere.
    fn note_reach(&mut self, object: &Object, reach: &Reach) {
        let (file, line) = (self.inventory.path(object.at.0), object.line);
        let name = object.name();
        match reach {
            Reach::Away { reason, message } => {
                let written = object.text("spec.path").unwrap_or_default();
                let within = match reason {
                    Reason::ArtifactGenerator => Some(String::new()),
                    Reason::VersionInSubstitution => Some(static_part(written).unwrap_or_default()),
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

    /// `file:line` of an object.
    pub(super) fn place(&self, object: &Object) -> String {
        format!("{}:{}", self.inventory.path(object.at.0), object.line)
    }
}
