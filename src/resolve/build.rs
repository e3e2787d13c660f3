//! What kustomize would make of a directory: the kustomization.yaml there with all it names, or, where there is none,
//! what kustomize-controller generates. Nothing is fetched: what lies elsewhere is a problem worth a word.

pub(super) use super::view::{Reads, View};

use super::artifact::Artifact;
use super::form;
use super::generator;
use super::layer::{Configured, Layer, unique};
use super::memo::{Recall, Unit};
use super::object::{At, Fault, Object, Place};
use super::patch::{Parsed, Reader};
use super::path;
use super::value::Ref;
use super::variables::hashed;
use crate::inventory::{self, DocumentFacts, Found, Inventory, Kind};
use crate::model::Reason;
use crate::yaml::{Node, ScalarType, is_env_file};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// Deepest nesting of kustomizations.
const MAX_DEPTH: usize = 64;
/// Most objects and kustomization files of one build: a graph of bases that include each other twice at every level grows without bound.
const MAX_OBJECTS: usize = 20_000;

/// What a Flux Kustomization adds to the kustomization.yaml at its path.
#[derive(Debug, Default)]
pub(super) struct FluxLayer {
    /// Its `targetNamespace`, prefix, suffix and patches; what it leaves open, kustomization.yaml says.
    pub(super) layer: Layer,
    /// `spec.components`, relative to the path.
    pub(super) components: Vec<String>,
    /// `spec.ignoreMissingComponents`
    pub(super) ignore_missing: bool,
    /// Where the Flux Kustomization stands.
    pub(super) place: Option<Place>,
}

impl FluxLayer {
    fn listed(&self, directory: &str) -> Listed {
        let place = self.place.clone().unwrap_or_else(|| Place { file: Arc::from(directory), line: 1 });
        let names = self.components.iter().map(|name| (name.clone(), place.line)).collect();
        Listed { holder: place.file, names, optional: self.ignore_missing }
    }
}

/// Components with the lines that name them.
struct Listed {
    /// The file that names them.
    holder: Arc<str>,
    names: Vec<(String, u32)>,
    /// One that is not there is no matter.
    optional: bool,
}

/// What a build gives.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) objects: Vec<Object>,
    /// The first thing that kustomize fails on.
    pub(super) fault: Option<Fault>,
    /// Files that it read as kustomization.yaml or as resources.
    pub(super) files: Vec<usize>,
    /// Files whose facts it hangs on.
    pub(super) reads: Vec<usize>,
    /// What it could not follow.
    pub(super) problems: Vec<Found>,
}

/// Builds directories and remembers what was read and what could not be.
pub(super) struct Builder<'a> {
    pub(super) inventory: &'a Inventory,
    /// What could not be followed.
    pub(super) problems: Vec<Found>,
    /// Files that a build read as kustomization.yaml or as resources.
    pub(super) files: HashSet<usize>,
    /// Files that an artifact's kustomizations use as patches.
    pub(super) patches: HashSet<usize>,
    /// Inline patches, parsed once.
    pub(super) parsed: Rc<Parsed>,
    /// What earlier builds left.
    pub(super) recall: Recall,
    layers: HashMap<usize, Rc<Known>>,
    names: HashMap<usize, Arc<str>>,
    stack: Vec<String>,
    count: usize,
    fault: Option<Fault>,
}

/// A layer with the files that it hangs on, and those of them that count as read.
struct Known {
    layer: Rc<Layer>,
    reads: Vec<usize>,
    files: Vec<usize>,
}

/// One gathering: the objects so far, and whether every object of it was read.
struct Gathered {
    objects: Vec<Object>,
    /// What patches deleted.
    gone: Vec<Object>,
    complete: bool,
}

impl Default for Gathered {
    fn default() -> Self {
        Self { objects: Vec::new(), gone: Vec::new(), complete: true }
    }
}

impl<'a> Builder<'a> {
    pub(super) fn new(inventory: &'a Inventory, recall: Recall) -> Self {
        Self {
            inventory,
            recall,
            problems: Vec::new(),
            files: HashSet::new(),
            patches: HashSet::new(),
            parsed: Rc::default(),
            layers: HashMap::new(),
            names: HashMap::new(),
            stack: Vec::new(),
            count: 0,
            fault: None,
        }
    }

    /// The build of a directory of the repository without a Flux Kustomization: `whole`, or only the Flux
    /// Kustomizations that it holds.
    pub(super) fn directory(&mut self, directory: &str, whole: bool) -> Arc<Unit> {
        if let Some(known) = self.recall.unit(directory, whole) {
            self.again(&known.files, &known.problems);
            return known;
        }
        let output = self.build(&View::whole(self.inventory), directory, None);
        self.recall.keep_unit(directory, whole, output)
    }

    /// [`Self::directory`], of another tree than the repository's where one is given. That build is not remembered.
    pub(super) fn directory_of(&mut self, tree: Option<&Artifact>, directory: &str, whole: bool) -> Arc<Unit> {
        let Some(part) = tree else { return self.directory(directory, whole) };
        let output = self.build(&View::part(self.inventory, &part.tree, &part.back), directory, None);
        Arc::new(Unit::of(output, whole))
    }

    /// Takes over what an earlier build read and could not follow.
    pub(super) fn again(&mut self, files: &[usize], problems: &[Found]) {
        self.files.extend(files);
        self.problems.extend_from_slice(problems);
    }

    /// The objects of a directory, as the Flux Kustomization (where there is one) builds it.
    pub(super) fn build(&mut self, view: &View<'_>, directory: &str, flux: Option<&FluxLayer>) -> Output {
        self.stack.clear();
        (self.count, self.fault) = (0, None);
        let (before, problems) = (std::mem::take(&mut self.files), self.problems.len());
        let reads = Reads::default();
        let view = &view.noted(&reads);
        let mut gathered = Gathered::default();
        if view.kustomization(directory).is_some() {
            self.layer(view, directory, flux, &mut gathered);
        } else {
            self.generated(view, directory, &mut gathered);
            let place = Place { file: Arc::from(directory), line: 1 };
            self.note(unique(&gathered.objects, &place));
            let none = FluxLayer::default();
            let flux = flux.unwrap_or(&none);
            self.components(view, directory, &flux.listed(directory), &mut gathered);
            let result = flux.layer.apply(&mut gathered.objects, gathered.complete, &mut gathered.gone);
            self.note(result);
        }
        let mut objects = gathered.objects;
        // Nothing is deleted where nothing is applied.
        if self.fault.is_some() {
            gathered.gone.iter_mut().for_each(|object| object.deleted = false);
            objects.append(&mut gathered.gone);
        }
        objects.retain(|object| {
            object.annotation("config.kubernetes.io/local-config").is_none_or(|value| value == "false")
        });
        for object in objects.iter_mut().filter(|object| object.hashed) {
            // The hash itself does not matter: nobody refers to a name that changes with its content.
            let name = Arc::from(hashed(object.name()));
            object.set_name(name);
        }
        let files: Vec<usize> = std::mem::replace(&mut self.files, before).into_iter().collect();
        self.files.extend(&files);
        let problems = self.problems.get(problems..).unwrap_or_default().to_vec();
        Output { objects, fault: self.fault.take(), files, reads: reads.all(), problems }
    }

    fn note(&mut self, result: Result<(), Fault>) {
        if let Err(fault) = result {
            self.fault.get_or_insert(fault);
        }
    }

    /// A file's name, shared.
    pub(super) fn name(&mut self, file: usize) -> Arc<str> {
        let inventory = self.inventory;
        self.names.entry(file).or_insert_with(|| Arc::from(inventory.path(file))).clone()
    }

    /// Adds what a kustomization.yaml names to the objects and applies its layer to all of them: to its own, or, for a
    /// component, to everything gathered by the kustomization that includes it.
    fn layer(&mut self, view: &View<'_>, directory: &str, flux: Option<&FluxLayer>, gathered: &mut Gathered) {
        let Some((file, facts)) = view.kustomization(directory) else { return };
        let real = view.real(file);
        self.files.insert(real);
        let name = self.name(real);
        let Some(facts) = facts else {
            gathered.complete = false;
            let what = "this kustomization.yaml has no content that kustomize reads";
            return self.problem(&name, 1, Reason::InvalidDocument, what);
        };
        if self.is_full(real, facts.line) {
            gathered.complete = false;
            return;
        }
        if self.stack.len() >= MAX_DEPTH || self.stack.iter().any(|open| open == directory) {
            gathered.complete = false;
            let place = Place { file: name.clone(), line: facts.line };
            self.note(Err(Fault { place, message: "this kustomization.yaml includes itself".to_owned() }));
            return self.problem(&name, facts.line, Reason::InvalidDocument, "this kustomization.yaml includes itself");
        }
        let said = facts.tree.pairs().into_iter().filter(|(key, _)| !matches!(*key, "apiVersion" | "kind"));
        if said.filter(|(_, value)| value.scalar_type() != Some(ScalarType::Null)).count() == 0 {
            let place = Place { file: name.clone(), line: facts.line };
            self.note(Err(Fault { place, message: "this kustomization.yaml is empty".to_owned() }));
        }
        if view.seen().directory(directory).is_some_and(|entry| entry.several) {
            let message = "kustomize takes no directory with more than one kustomization file".to_owned();
            self.note(Err(Fault { place: Place { file: name.clone(), line: facts.line }, message }));
        }
        if let Some((line, message)) = form::fault(&facts.tree, !self.stack.is_empty()) {
            self.note(Err(Fault { place: Place { file: name.clone(), line }, message }));
        }
        self.stack.push(directory.to_owned());
        for key in ["resources", "bases"] {
            for entry in facts.tree.get(key).map(Node::items).unwrap_or_default() {
                self.resource(view, directory, &name, entry, gathered);
            }
        }
        let place = Place { file: name.clone(), line: facts.line };
        let tree = Ref::Written(&facts.tree, real);
        let index = view.facts(file).and_then(|f| f.documents.iter().position(|d| std::ptr::eq(d, facts)));
        let env_file = |name: &str| {
            let path = path::join(directory, name).filter(|path| is_env_file(path))?;
            let file = view.file(&path)?;
            let facts = view.facts(file)?.documents.first().filter(|facts| facts.kind == Kind::EnvFile)?;
            (!facts.encrypted).then(|| Ref::Written(&facts.tree, view.real(file)))
        };
        let at = (real, index.unwrap_or_default());
        let made = generator::run(tree, at, &name, &env_file, &mut gathered.objects);
        self.note(made);
        self.note(unique(&gathered.objects, &place));
        let listed = facts.tree.get("components").map(Node::items).unwrap_or_default();
        let listed: Vec<(String, u32)> =
            listed.iter().filter_map(|node| Some((node.text()?.to_owned(), node.line))).collect();
        self.components(view, directory, &Listed { holder: name.clone(), names: listed, optional: false }, gathered);
        if let Some(flux) = flux {
            self.components(view, directory, &flux.listed(directory), gathered);
        }
        self.helm_charts(view, directory, &name, facts);
        let layer = self.read(view, file, facts, directory);
        let result = match flux {
            None => layer.apply(&mut gathered.objects, gathered.complete, &mut gathered.gone),
            Some(flux) => {
                let mut layer = (*layer).clone();
                layer.take(&flux.layer);
                layer.apply(&mut gathered.objects, gathered.complete, &mut gathered.gone)
            }
        };
        self.note(result);
        self.stack.pop();
    }

    /// The layer of a kustomization.yaml, read once however often it is built.
    fn read(&mut self, view: &View<'_>, file: usize, facts: &DocumentFacts, directory: &str) -> Rc<Layer> {
        let real = view.real(file);
        if view.is_part() {
            self.patches.extend(patches_of(view, directory, facts));
        }
        if let Some(known) = self.layers.get(&real).filter(|_| !view.is_part()) {
            view.note(known.reads.iter().copied());
            self.files.extend(&known.files);
            return known.layer.clone();
        }
        let reads = Reads::default();
        let outer = view;
        let view = &view.noted(&reads);
        let name = self.name(real);
        let tree = Ref::Written(&facts.tree, real);
        let component = facts.text("kind") == Some("Component");
        let reader =
            Reader { view, file: &name, line: facts.line, directory: Some(directory), component, parsed: &self.parsed };
        let mut layer = Layer::read(tree, reader);
        let (configured, files) = self.configured(view, directory, facts);
        layer.configured.extend(configured);
        let layer = Rc::new(layer);
        let reads = reads.all();
        outer.note(reads.iter().copied());
        self.files.extend(&files);
        if !view.is_part() {
            self.layers.insert(real, Rc::new(Known { layer: layer.clone(), reads, files }));
        }
        layer
    }

    /// The fields that its `configurations` name, and the files.
    fn configured(&mut self, view: &View<'_>, directory: &str, facts: &DocumentFacts) -> (Vec<Configured>, Vec<usize>) {
        let (mut found, mut files) = (Vec::new(), Vec::new());
        for entry in facts.tree.get("configurations").map(Node::items).unwrap_or_default() {
            let file = entry.text().and_then(|name| view.file(&path::join(directory, name)?));
            let Some((file, facts)) = file.and_then(|file| Some((file, view.facts(file)?))) else { continue };
            let name = self.name(view.real(file));
            files.push(view.real(file));
            for document in facts.documents.iter().filter(|d| matches!(d.kind, Kind::Configuration)) {
                fields(&document.tree, &name, &mut found);
            }
        }
        (found, files)
    }

    fn components(&mut self, view: &View<'_>, directory: &str, listed: &Listed, gathered: &mut Gathered) {
        let holder = &listed.holder;
        for (component, line) in listed.names.iter().map(|(name, line)| (name, *line)) {
            let found = path::join(directory, component)
                .filter(|target| !path::is_remote(component) && view.kustomization(target).is_some());
            match found {
                Some(directory) => {
                    self.expect_kind(view, &directory, true, (holder, line));
                    self.layer(view, &directory, None, gathered);
                }
                None if listed.optional && !path::is_remote(component) => {}
                None => {
                    gathered.complete = false;
                    let target = path::join(directory, component).filter(|_| !path::is_remote(component));
                    let what = match target {
                        Some(target) => absent(view, &target),
                        None => "lies outside this repository and is not followed",
                    };
                    self.problem(holder, line, Reason::OutOfReach, &format!("the component {component} {what}"));
                }
            }
        }
    }

    /// A Component counts where components are named, a Kustomization where resources are, and neither elsewhere.
    fn expect_kind(&mut self, view: &View<'_>, directory: &str, component: bool, (holder, line): (&str, u32)) {
        let Some((_, Some(facts))) = view.kustomization(directory) else { return };
        if (facts.text("kind") == Some("Component")) != component {
            let (is, named) = if component { ("a Kustomization", "component") } else { ("a Component", "resource") };
            let message = format!("{directory} is {is}, and is named as a {named}");
            self.note(Err(Fault { place: Place { file: Arc::from(holder), line }, message }));
        }
    }

    fn resource(&mut self, view: &View<'_>, directory: &str, holder: &str, entry: &Node, gathered: &mut Gathered) {
        let Some(name) = entry.text() else { return };
        let target = path::join(directory, name).filter(|_| !path::is_remote(name));
        if let Some(file) = target.as_deref().and_then(|target| view.file(target)) {
            self.documents(view, file, gathered);
        } else if let Some(target) = target.as_deref().filter(|target| view.kustomization(target).is_some()) {
            self.expect_kind(view, target, false, (holder, entry.line));
            let mut below = Gathered::default();
            self.layer(view, target, None, &mut below);
            gathered.complete &= below.complete;
            gathered.objects.append(&mut below.objects);
            gathered.gone.append(&mut below.gone);
        } else {
            gathered.complete = false;
            let message = match target {
                Some(target) => format!("the resource {name} {}", absent(view, &target)),
                None => format!("the resource {name} lies outside this repository and is not followed"),
            };
            self.problem(holder, entry.line, Reason::OutOfReach, &message);
        }
    }

    /// What kustomize-controller generates: every YAML file below, but a sub-directory with a kustomization.yaml is a
    /// unit of its own and is not descended into.
    fn generated(&mut self, view: &View<'_>, directory: &str, gathered: &mut Gathered) {
        let Some(entry) = view.seen().directory(directory) else { return };
        for file in &entry.files {
            // The generator takes no other extension.
            if matches!(view.seen().path(*file).rsplit_once('.'), Some((_, "yaml" | "yml"))) {
                self.documents(view, *file, gathered);
            }
        }
        for below in &entry.directories {
            if let Some((file, _)) = view.kustomization(below) {
                let name = self.name(view.real(file));
                self.expect_kind(view, below, false, (&name, 1));
                let mut unit = Gathered::default();
                self.layer(view, below, None, &mut unit);
                gathered.complete &= unit.complete;
                gathered.objects.append(&mut unit.objects);
                gathered.gone.append(&mut unit.gone);
            } else {
                self.generated(view, below, gathered);
            }
        }
    }

    fn documents(&mut self, view: &View<'_>, file: usize, gathered: &mut Gathered) {
        let real = view.real(file);
        self.files.insert(real);
        let Some(facts) = view.facts(file) else { return };
        gathered.complete &= facts.problems.is_empty();
        if let Some(strange) = &facts.strange {
            let message = format!("{}: kustomize takes no such document among resources", strange.what);
            let place = Place { file: self.name(real), line: strange.line };
            self.note(Err(Fault { place, message }));
        }
        for (index, facts) in facts.documents.iter().enumerate() {
            if is_object(facts) {
                if self.is_full(real, facts.line) {
                    gathered.complete = false;
                    return;
                }
                gathered.objects.push(Object::new((real, index), facts));
            }
        }
    }

    /// Counts one thing more; whether it is one too many. The first of those is told.
    fn is_full(&mut self, file: usize, line: u32) -> bool {
        self.count += 1;
        if self.count == MAX_OBJECTS + 1 {
            let name = self.name(file);
            let message =
                format!("the build holds more than {MAX_OBJECTS} objects and kustomizations: the rest is not followed");
            self.problem(&name, line, Reason::OutOfReach, &message);
        }
        self.count > MAX_OBJECTS
    }

    /// Flux rule 26: Flux builds with that plugin off.
    fn helm_charts(&mut self, view: &View<'_>, directory: &str, file: &Arc<str>, facts: &DocumentFacts) {
        let mut found: Vec<(u32, &str)> = Vec::new();
        for key in ["helmCharts", "helmChartInflationGenerator"] {
            found.extend(
                facts.tree.get(key).filter(|charts| !charts.items().is_empty()).map(|charts| (charts.line, key)),
            );
        }
        for entry in facts.tree.get("generators").map(Node::items).unwrap_or_default() {
            let named = entry.text().and_then(|name| view.file(&path::join(directory, name)?));
            let facts = named.and_then(|file| view.facts(file));
            if facts.is_some_and(|facts| facts.documents.iter().any(|d| d.kind == Kind::ChartInflation)) {
                found.push((entry.line, "HelmChartInflationGenerator"));
            }
        }
        for (line, what) in found {
            let message = format!("{what} is not applied by Flux, which builds with that plugin off");
            self.problem(file, line, Reason::OutOfReach, &message);
            self.note(Err(Fault { place: Place { file: file.clone(), line }, message }));
        }
    }

    pub(super) fn problem(&mut self, file: &str, line: u32, reason: Reason, message: &str) {
        self.problems.push(Inventory::problem(file, line, reason, message));
    }
}

/// Why what a path names was not read.
pub(super) fn absent(view: &View<'_>, path: &str) -> &'static str {
    if view.seen().directory(path).is_some() {
        "is a directory without a kustomization.yaml"
    } else if inventory::reads(path) || !path.rsplit('/').next().unwrap_or(path).contains('.') {
        "is not in the tree that was read"
    } else {
        "is not read: Davit reads .yaml, .yml and .json"
    }
}

/// Every `path:` of a configuration with the kind it is for.
fn fields(node: &Node, file: &Arc<str>, found: &mut Vec<Configured>) {
    if let Some(path) = node.get("path").and_then(Node::text) {
        let place = Place { file: file.clone(), line: node.line };
        let kind = node.get("kind").and_then(Node::text).map(str::to_owned);
        found.push(Configured { place, kind, path: path.to_owned() });
    }
    for (_, value) in node.pairs() {
        fields(value, file, found);
    }
    for item in node.items() {
        fields(item, file, found);
    }
}

/// Documents that Flux or kustomize would apply.
pub(super) fn is_object(facts: &DocumentFacts) -> bool {
    !matches!(
        facts.kind,
        Kind::Kustomization
            | Kind::JsonPatch
            | Kind::Configuration
            | Kind::Chart
            | Kind::ChartInflation
            | Kind::EnvFile
            | Kind::IgnoreFile
    )
}

/// The documents that kustomizations of the tree use as patches, which are no objects by themselves.
pub(super) fn patch_files(inventory: &Inventory) -> HashSet<usize> {
    let view = View::whole(inventory);
    let mut files = HashSet::new();
    for (directory, entry) in inventory.directories() {
        if let Some((_, Some(facts))) = entry.kustomization.and_then(|_| inventory.kustomization(directory)) {
            files.extend(patches_of(&view, directory, facts));
        }
    }
    files
}

/// The files that a kustomization.yaml names as patches.
fn patches_of(view: &View<'_>, directory: &str, facts: &DocumentFacts) -> Vec<usize> {
    let list = |key: &str| facts.tree.get(key).map(Node::items).unwrap_or_default();
    let named = list("patches").iter().chain(list("patchesJson6902")).filter_map(|entry| entry.get("path"));
    let names = named.chain(list("patchesStrategicMerge")).filter_map(Node::text);
    names.filter_map(|name| view.file(&path::join(directory, name)?)).map(|file| view.real(file)).collect()
}

/// The place of an object, for sets.
pub(super) fn places(objects: &[Arc<Object>]) -> impl Iterator<Item = At> {
    objects.iter().filter(|object| object.kind != Kind::ConfigMap).map(|object| object.at)
}

/// The value of a list of a Flux Kustomization's spec, as texts.
pub(super) fn texts(list: Option<Ref<'_>>) -> Vec<String> {
    list.map(Ref::items).unwrap_or_default().iter().filter_map(|node| node.text().map(str::to_owned)).collect()
}
