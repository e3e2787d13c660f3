//! The whole tree built as Flux would: from the roots down (Flux rules 24 and 25), each Flux Kustomization once per
//! cluster; what no Kustomization builds is read as it stands.

use super::build::{Builder, Output, Reads, View, is_object, patch_files, places};
use super::flux::{self, Judge, Reach};
use super::inflation;
use super::instance::syncs;
use super::memo::{self, Frame, Recall, Visit, VisitKey};
use super::neighbours::{Abroad, ClusterId, Name, Neighbours, Published, same_cluster};
use super::object::{At, Fault, Object, Place, Say};
use super::path;
use super::pool::Pools;
use super::resource_set::{self, Set};
use super::roots::{Graph, Known, Plain, Root, claimed, cluster_directory, included, plain_builds, selves};
use super::substitute;
use super::unapplied::Unapplied;
use super::variables::{Store, Variables, missing, references};
use crate::inventory::{Found, Inventory, Kind};
use crate::model::{NsName, Reason};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Most different names under which one Kustomization's document is built in a cluster, and most objects that these
/// builds hold together: a ring of prefixes has no end.
pub(super) const MAX_NAMES: usize = 1_000;
pub(super) const MAX_MADE: usize = 20_000;
/// Kubernetes takes no longer name.
pub(super) const LONGEST_NAME: usize = 253;

/// The Flux Kustomization that builds an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) id: NsName,
    pub(super) cluster: String,
    /// Why nothing that it builds is applied until somebody resumes (Flux rule 21).
    pub(super) suspended: Option<String>,
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
    Cluster(Arc<str>),
    /// A kustomization.yaml that nothing includes, by number.
    Plain(usize),
    /// A file that nothing includes.
    Loose,
}

/// An object with what built it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Built {
    pub(super) object: Arc<Object>,
    pub(super) scope: Scope,
    pub(super) context: Option<Arc<Context>>,
    /// Why a kustomization.yaml that no Flux Kustomization builds fails.
    pub(super) fault: Option<Arc<Fault>>,
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
    /// It has none that is surely its own: a source under another URL may be this repository.
    pub(super) claimed: bool,
    /// Kustomizations of this repository whose directory could not be found out: what nothing builds may be theirs.
    pub(super) lost: Vec<Lost>,
    /// The Flux Kustomizations that build a kustomization.yaml with charts for kustomize to inflate, by its file.
    pub(super) inflated: HashMap<usize, Vec<Arc<Context>>>,
    /// Files whose facts the row at hand hangs on, beside what was built.
    pub(super) reads: RefCell<Vec<usize>>,
    pub(super) neighbours: &'a Neighbours,
    /// What they lend.
    pub(super) abroad: Abroad<'a>,
    /// This repository's number and standing among them.
    pub(super) me: Published,
    /// Kustomizations that build other members: cluster, members, and what they say.
    pub(super) links: Vec<(String, Vec<u32>, Arc<Object>)>,
    /// What variables come from, by cluster; kept where there are neighbours.
    pub(super) data: Vec<(String, Store)>,
    /// Names that Kustomizations look for and that are not built here.
    pub(super) wants: BTreeSet<Name>,
    /// What rows share.
    pub(super) pools: Pools,
    /// Files that Flux does not see, and what leaves them out.
    pub(super) hidden: BTreeMap<usize, String>,
    /// Files that builds which fail were to apply.
    pub(super) unapplied: Unapplied,
    /// Files that suspended Kustomizations of a cluster alone apply, and why it waits.
    pub(super) waiting: BTreeMap<(String, usize), String>,
    clusters: HashMap<String, ClusterId>,
}

/// A Kustomization that builds nobody knows which directory, or a directory of nobody knows which repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    /// Directory that what it builds lies in.
    pub(super) within: String,
    /// Why it is lost.
    pub(super) reason: Reason,
    /// What a row of a file in there is told.
    pub(super) message: String,
}

/// Builds the tree.
pub(super) fn build<'a>(inventory: &'a Inventory, neighbours: &'a Neighbours, recall: Recall) -> (World<'a>, Recall) {
    let judge = Judge::new(inventory, neighbours);
    let mut builder = Builder::new(inventory, recall);
    let (patches, included, known) = frame(inventory, &judge, &mut builder.recall);
    let mut world = World {
        inventory,
        releases: Vec::new(),
        sources: Vec::new(),
        problems: Vec::new(),
        url: judge.url.clone(),
        rooted: false,
        claimed: false,
        lost: Vec::new(),
        inflated: inflation::holders(inventory),
        reads: RefCell::default(),
        neighbours,
        abroad: Abroad::default(),
        me: Published { number: neighbours.own.as_ref().map_or(0, |own| own.number), ..Published::default() },
        links: Vec::new(),
        data: Vec::new(),
        wants: BTreeSet::new(),
        pools: Pools::default(),
        hidden: BTreeMap::new(),
        unapplied: Unapplied::new(),
        waiting: BTreeMap::new(),
        clusters: HashMap::new(),
    };
    world.want_repositories(known.iter().map(|known| &known.object));
    let syncs = syncs(&mut world, &judge);
    let linked: Vec<_> = neighbours.links().collect();
    world.rooted = !linked.is_empty() || !syncs.is_empty() || known.iter().any(|known| known.reach.is_here());
    claimed(&mut world, &known);

    let graph = Graph::new(&known, &mut builder);
    let mut reached: HashSet<usize> = builder.files.clone();
    let mut synced: HashSet<At> = HashSet::new();
    let starts = syncs.iter().map(|sync| judge.reach(&sync.object, &sync.cluster));
    let starts = starts.chain(linked.iter().map(|link| judge.reach(&link.object, &neighbours.called(&link.cluster))));
    for reach in starts {
        if let Reach::Here { directory, .. } = &reach {
            let unit = builder.directory_of(reach.tree().map(Arc::as_ref), directory, true);
            synced.extend(unit.objects.iter().filter(|object| object.kind == Kind::FluxKustomization).map(|o| o.at));
        }
    }
    reached.extend(&builder.files);
    let plain = plain_builds(&mut builder, &reached, &included);

    let mut roots = graph.roots(&known, &synced, &mut builder, &plain);
    let named = syncs.iter().map(|sync| (sync.cluster.as_str(), &sync.id));
    world.me.standing.selves = selves(&known, &roots, named);
    roots.extend(syncs.into_iter().map(|sync| Root { cluster: sync.cluster, kustomization: sync.object }));
    world.clusters = linked.iter().map(|link| (neighbours.called(&link.cluster), link.cluster.clone())).collect();
    roots.extend(
        linked
            .iter()
            .map(|link| Root { cluster: neighbours.called(&link.cluster), kustomization: link.object.clone() }),
    );
    world.me.standing.clusters = roots.iter().map(|root| world.cluster_id(&root.cluster)).collect();
    world.me.standing.loose = !world.rooted;
    world.abroad = Abroad::new(neighbours, &world.me);
    let mut pass = Pass {
        judge: &judge,
        builder: &mut builder,
        world: &mut world,
        visited: HashSet::new(),
        seen: HashSet::new(),
        below: HashSet::new(),
        names: HashMap::new(),
        places: HashSet::new(),
        providers: Vec::new(),
        held: Vec::new(),
        visits: Vec::new(),
    };
    pass.all(roots);
    let (built, seen) = (pass.places, pass.seen);
    world.hidden = judge.hidden();
    world.waiting = waiting(builder.recall.visits());
    world.note_failed(builder.recall.visits());
    for known in known.iter().filter(|known| !seen.contains(&known.object.at)) {
        world.note_reach(&known.object, &known.reach);
    }
    let read: HashSet<usize> = builder.files.clone();
    let patched = &builder.patches;
    let loose = loose(inventory, |file| !read.contains(&file) && !patches.contains(&file) && !patched.contains(&file));
    let units = plain.iter().map(|plain| plain.build.objects.as_slice());
    let providers: Vec<_> = units.chain([loose.as_slice()]).flat_map(resource_set::providers).collect();
    let left = |objects: &[Arc<Object>]| -> Vec<Arc<Object>> {
        let left: Vec<_> = objects.iter().filter(|object| !built.contains(&object.at)).cloned().collect();
        resource_set::filled(inventory, &left, &providers)
    };
    for (number, Plain { build, .. }) in plain.iter().enumerate() {
        world.take(left(&build.objects).iter(), &Scope::Plain(number), None, build.fault.as_ref());
    }
    world.take(left(&loose).iter(), &Scope::Loose, None, None);
    world.problems.append(&mut builder.problems);
    (world, builder.recall)
}

/// What is read by suspended Kustomizations of a cluster and by no other one there.
fn waiting<'v>(visits: impl Iterator<Item = &'v Visit> + Clone) -> BTreeMap<(String, usize), String> {
    let mut waiting: BTreeMap<(String, usize), String> = BTreeMap::new();
    for visit in visits.clone() {
        let Some(why) = &visit.context.suspended else { continue };
        for file in &visit.files {
            // Of several the same one each time, in whatever order they come.
            let told = waiting.entry((visit.context.cluster.clone(), *file)).or_insert_with(|| why.clone());
            if why < told {
                told.clone_from(why);
            }
        }
    }
    if !waiting.is_empty() {
        for visit in visits.filter(|visit| visit.context.suspended.is_none()) {
            for file in &visit.files {
                waiting.remove(&(visit.context.cluster.clone(), *file));
            }
        }
    }
    waiting
}

type Parts = (Arc<HashSet<usize>>, Arc<HashSet<String>>, Arc<Vec<Known>>);

/// The files that are patches, the directories that others include, and the Flux Kustomizations as they are written.
fn frame(inventory: &Inventory, judge: &Judge<'_>, recall: &mut Recall) -> Parts {
    let stands = recall.frame.take();
    let (patches, included) = match &stands {
        Some(frame) => (frame.patches.clone(), frame.included.clone()),
        None => (Arc::new(patch_files(inventory)), Arc::new(included(inventory))),
    };
    let known = stands.and_then(|frame| frame.known).unwrap_or_else(|| {
        let all = inventory.of_kind(Kind::FluxKustomization);
        let ours = all.filter(|(file, _, facts)| !patches.contains(file) && facts.template.is_none());
        let known = ours.map(|(file, index, facts)| {
            let object = Arc::new(Object::new((file, index), facts));
            let reach = judge.reach(&object, &cluster_directory(path::parent(inventory.path(file))));
            Known { object, reach }
        });
        Arc::new(known.collect())
    });
    let settled = known.iter().all(|known| known.reach.tree().is_none())
        && inventory.of_kind(Kind::ArtifactGenerator).next().is_none();
    recall.keep_frame(Frame {
        patches: patches.clone(),
        included: included.clone(),
        known: settled.then(|| known.clone()),
    });
    (patches, included, known)
}

/// Documents of files that nothing includes.
fn loose(inventory: &Inventory, wanted: impl Fn(usize) -> bool) -> Vec<Arc<Object>> {
    let files = (0..inventory.files.len()).filter(|file| wanted(*file));
    let documents = files.flat_map(|file| {
        let documents = inventory.documents(file).iter().enumerate();
        documents
            .filter(|(_, facts)| is_object(facts))
            .map(move |(index, facts)| Arc::new(Object::new((file, index), facts)))
    });
    documents.collect()
}

/// A walk from the roots down.
struct Pass<'p, 'a> {
    judge: &'p Judge<'a>,
    builder: &'p mut Builder<'a>,
    world: &'p mut World<'a>,
    /// Cluster, document, namespace and name.
    visited: HashSet<VisitKey>,
    seen: HashSet<At>,
    /// Those that another Kustomization builds.
    below: HashSet<At>,
    /// Builds of one document in a cluster, and what they hold.
    names: HashMap<(String, At), (usize, usize)>,
    places: HashSet<At>,
    /// Input providers of the cluster's ResourceSets.
    providers: Vec<Arc<Object>>,
    /// ResourceSets that wait for them, until all else is built.
    held: Vec<(Set, Arc<Context>)>,
    /// The Kustomizations of the cluster at hand, where there are neighbours.
    visits: Vec<Arc<Object>>,
}

impl Pass<'_, '_> {
    /// Every cluster, with all of its roots at once: they share their ConfigMaps.
    fn all(&mut self, roots: Vec<Root>) {
        let mut clusters: BTreeMap<usize, (String, Vec<Arc<Object>>)> = BTreeMap::new();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        for root in roots {
            let next = numbers.len();
            let number = *numbers.entry(root.cluster.clone()).or_insert(next);
            clusters.entry(number).or_insert_with(|| (root.cluster, Vec::new())).1.push(root.kustomization);
        }
        for (cluster, starts) in clusters.into_values() {
            self.cluster(&cluster, starts);
        }
    }

    /// One cluster, with what neighbours lend to it.
    fn cluster(&mut self, cluster: &str, starts: Vec<Arc<Object>>) {
        self.providers.clear();
        if self.world.neighbours.others.is_empty() {
            return self.walk(cluster, starts, &mut Store::default());
        }
        let (mut store, id) = (Store::of_fleet(), self.world.cluster_id(cluster));
        for peer in &self.world.abroad.peers {
            for ((of, name), data) in &peer.data {
                if same_cluster(&self.world.me, &id, peer, of) {
                    store.lend(name, data);
                }
            }
        }
        self.walk(cluster, starts, &mut store);
        let visits = std::mem::take(&mut self.visits);
        let named = visits.iter().flat_map(|object| references(object)).filter(|name| !store.builds(name));
        self.world.wants.extend(named);
        self.world.want_repositories(&visits);
        self.world.data.push((cluster.to_owned(), store));
    }

    fn walk(&mut self, cluster: &str, starts: Vec<Arc<Object>>, store: &mut Store) {
        // The last is taken first: what the roots hold comes before the next root.
        let mut open: Vec<(Arc<Object>, bool)> = starts.into_iter().rev().map(|object| (object, true)).collect();
        let mut waiting: Vec<(Arc<Object>, bool)> = Vec::new();
        let mut patient = true;
        loop {
            let Some((object, root)) = open.pop() else {
                if waiting.is_empty() {
                    open.extend(self.release(store).into_iter().map(|object| (object, false)));
                    if open.is_empty() {
                        return;
                    }
                    continue;
                }
                // What still waits waits for what nobody builds.
                patient = waiting.iter().any(|(object, _)| missing(object, store).is_none());
                open = std::mem::take(&mut waiting);
                open.reverse();
                continue;
            };
            if patient && missing(&object, store).is_some() {
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
            let below = self.visit(&object, cluster, store);
            open.extend(below.into_iter().map(|object| (object, false)));
        }
    }

    /// Builds one Kustomization; gives back those that it holds.
    fn visit(&mut self, object: &Arc<Object>, cluster: &str, store: &mut Store) -> Vec<Arc<Object>> {
        let key = (cluster.to_owned(), object.at, object.namespace().to_owned(), object.name().to_owned());
        if self.visited.contains(&key) {
            return Vec::new();
        }
        let (names, made) = self.names.entry((cluster.to_owned(), object.at)).or_default();
        let long = [object.name(), object.namespace()].iter().any(|name| name.len() > LONGEST_NAME);
        if *names >= MAX_NAMES || *made >= MAX_MADE || long {
            self.world.note_cut(object, cluster);
            return Vec::new();
        }
        *names += 1;
        self.visited.insert(key.clone());
        self.seen.insert(object.at);
        let reach = self.judge.reach(object, cluster);
        self.world.note_reach(object, &reach);
        if !self.world.neighbours.others.is_empty() {
            self.visits.push(object.clone());
        }
        if let Reach::Elsewhere { members } = &reach {
            self.world.links.push((cluster.to_owned(), members.clone(), object.clone()));
        }
        if !reach.is_here() {
            return Vec::new();
        }
        let variables = Variables::of(object, store);
        let earlier = self.builder.recall.visit(&key);
        let visit = match earlier {
            Some(visit) if self.builder.recall.stands(&visit, object, &reach, variables.as_ref()) => {
                self.builder.again(&visit.files, &visit.problems);
                visit
            }
            earlier => match self.build(object, cluster, reach, variables, earlier.as_ref()) {
                Some(visit) => visit,
                None => return Vec::new(),
            },
        };
        self.world.note_inflated(&visit.files, &visit.context);
        let built = self.names.entry((cluster.to_owned(), object.at)).or_default();
        built.1 += visit.objects.len();
        let below = self.take(&visit.objects, &visit.context, store);
        self.builder.recall.keep_visit(key, visit);
        below
    }

    /// Builds what a Kustomization reaches.
    fn build(
        &mut self,
        object: &Arc<Object>,
        cluster: &str,
        reach: Reach,
        variables: Option<Variables>,
        earlier: Option<&Visit>,
    ) -> Option<Visit> {
        let parsed = self.builder.parsed.clone();
        let inventory = self.world.inventory;
        let file = self.builder.name(object.at.0);
        let whole = View::whole(inventory);
        let reads = Reads::default();
        let layer = flux::layer(&whole.noted(&reads), object, &file, &parsed);
        let (Reach::Here { directory, .. } | Reach::Artifact { directory, .. }) = &reach else { return None };
        let view = reach.tree().map_or(whole, |part| View::part(inventory, &part.tree, &part.back));
        let output = self.builder.build(&view, directory, Some(&layer));
        let mut context = self.context(object, cluster, &reach);
        let Output { mut objects, fault, files, reads: built_of, problems } = output;
        reads.add(built_of);
        context.fault = fault;
        if let Some(variables) = &variables {
            self.substitute(object, &mut objects, variables, &mut context);
        }
        flux::common_metadata(object, &mut objects);
        let objects = memo::shared(objects, earlier.map(|visit| visit.objects.as_slice()).unwrap_or_default());
        // Rows are found by their context.
        let context = match earlier.filter(|visit| *visit.context == context) {
            Some(visit) => visit.context.clone(),
            None => Arc::new(context),
        };
        let object = object.clone();
        Some(Visit { object, reach, variables, reads: reads.all(), files, problems, objects, context })
    }

    fn substitute(
        &mut self,
        kustomization: &Object,
        objects: &mut [Object],
        variables: &Variables,
        context: &mut Context,
    ) {
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
        let off = objects.iter().filter(|object| object.kind == Kind::ResourceSet && substitute::is_off(object));
        let off: Vec<At> = off.map(|set| set.at).collect();
        for object in objects {
            // Templates are substituted with the set that holds them, or not at all.
            if !off.is_empty() && object.template.is_some() {
                let holder = resource_set::holder(builder.inventory, object.at);
                if holder.is_some_and(|holder| off.contains(&holder)) {
                    continue;
                }
            }
            if let Err(message) = substitute::apply(object, variables, &place, &mut |file| builder.name(file)) {
                context.fault.get_or_insert(fault(message));
            }
        }
    }

    fn context(&self, object: &Object, cluster: &str, reach: &Reach) -> Context {
        let file = self.world.inventory.path(object.at.0);
        let (assumed, stopped) = match reach {
            Reach::Here { assumed, stopped, .. } => (assumed.clone(), stopped.clone()),
            _ => (None, None),
        };
        let id = NsName { namespace: object.namespace().to_owned(), name: object.name().to_owned() };
        let origin = format!("{file}:{}", object.line);
        let own = object.is_true("spec.suspend");
        let own = own.then(|| format!("spec.suspend of its Kustomization {id} is true ({origin})"));
        Context {
            id,
            cluster: cluster.to_owned(),
            suspended: own.or(stopped),
            origin,
            assumed,
            says: object.says.clone(),
            fault: None,
        }
    }

    /// Fills in the ResourceSets that waited for input providers; gives back the Kustomizations that they make.
    fn release(&mut self, store: &mut Store) -> Vec<Arc<Object>> {
        let held = std::mem::take(&mut self.held);
        let inventory = self.world.inventory;
        let below = held.into_iter().flat_map(|(set, context)| {
            let made = set.objects(inventory, &self.providers);
            self.keep(&made, &context, store)
        });
        below.collect()
    }

    /// Keeps what a build holds, its ResourceSets filled in; gives back its Kustomizations.
    fn take(&mut self, objects: &[Arc<Object>], context: &Arc<Context>, store: &mut Store) -> Vec<Arc<Object>> {
        self.places.extend(places(objects));
        self.providers.extend(resource_set::providers(objects));
        if objects.iter().all(|object| object.template.is_none()) {
            return self.keep(objects, context, store);
        }
        let (mut objects, sets) = resource_set::apart(self.world.inventory, objects);
        for set in sets {
            if set.waits() {
                self.held.push((set, context.clone()));
            } else {
                objects.extend(set.objects(self.world.inventory, &self.providers));
            }
        }
        self.keep(&objects, context, store)
    }

    /// Keeps the releases, sources and variables of a build; gives back its Kustomizations.
    fn keep(&mut self, objects: &[Arc<Object>], context: &Arc<Context>, store: &mut Store) -> Vec<Arc<Object>> {
        for object in objects.iter().filter(|object| matches!(object.kind, Kind::ConfigMap | Kind::Secret)) {
            store.add(object);
        }
        let scope = Scope::Cluster(Arc::from(context.cluster.as_str()));
        self.world.take(objects.iter(), &scope, Some(context), None);
        objects.iter().filter(|object| object.kind == Kind::FluxKustomization).cloned().collect()
    }
}

impl World<'_> {
    /// A cluster, as the whole fleet knows it.
    pub(super) fn cluster_id(&self, cluster: &str) -> ClusterId {
        let own = || ClusterId { home: self.me.number, directory: Arc::from(cluster) };
        self.clusters.get(cluster).cloned().unwrap_or_else(own)
    }

    fn take<'o>(
        &mut self,
        objects: impl Iterator<Item = &'o Arc<Object>>,
        scope: &Scope,
        context: Option<&Arc<Context>>,
        fault: Option<&Arc<Fault>>,
    ) {
        for object in objects {
            let kind = object.kind;
            let built = || {
                let (object, scope) = (object.clone(), scope.clone());
                Built { object, scope, context: context.cloned(), fault: fault.cloned() }
            };
            match kind {
                Kind::HelmRelease | Kind::HelmReleaseFlux1 => self.releases.push(built()),
                Kind::HelmChart
                | Kind::HelmRepository
                | Kind::OciRepository
                | Kind::GitRepository
                | Kind::Bucket
                | Kind::ExternalArtifact => self.sources.push(built()),
                _ => {}
            }
        }
    }

    /// Takes down that the row at hand hangs on a file's facts.
    pub(super) fn note(&self, file: usize) {
        self.reads.borrow_mut().push(file);
    }

    /// `file:line` of an object.
    pub(super) fn place(&self, object: &Object) -> String {
        format!("{}:{}", self.inventory.path(object.at.0), object.line)
    }
}
