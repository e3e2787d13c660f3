//! What kustomize would gather for a directory: the kustomization.yaml there with all it names, or, where there is none,
//! what kustomize-controller generates. Nothing is fetched: what lies elsewhere is a problem worth a word.

use super::layer::{At, Layer, Object};
use super::patch::{Parsed, Reader};
use super::path;
use crate::inventory::{DocumentFacts, Found, Inventory, Kind};
use crate::model::Reason;
use crate::yaml::Node;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Deepest nesting of kustomizations.
const MAX_DEPTH: usize = 64;
/// Most objects of one build: a graph of bases that include each other twice at every level grows without bound.
const MAX_OBJECTS: usize = 200_000;

/// What a Flux Kustomization adds to the kustomization.yaml at its path.
#[derive(Debug, Default)]
pub(super) struct FluxLayer {
    /// Its `targetNamespace`, prefix, suffix and patches; what it leaves open, kustomization.yaml says.
    pub(super) layer: Layer,
    /// `spec.components`, relative to the path.
    pub(super) components: Vec<String>,
}

/// Builds directories and remembers what was read and what could not be.
pub(super) struct Builder<'a> {
    pub(super) inventory: &'a Inventory,
    /// What could not be followed.
    pub(super) problems: Vec<Found>,
    /// Files that a build read as kustomization.yaml or as resources.
    pub(super) files: HashSet<usize>,
    /// Inline patches, parsed once.
    pub(super) parsed: Rc<Parsed>,
    layers: HashMap<usize, Rc<Layer>>,
    stack: Vec<String>,
    objects: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(inventory: &'a Inventory) -> Self {
        Self {
            inventory,
            problems: Vec::new(),
            files: HashSet::new(),
            parsed: Rc::default(),
            layers: HashMap::new(),
            stack: Vec::new(),
            objects: 0,
        }
    }

    /// The objects of a directory, as the Flux Kustomization (where there is one) builds it.
    pub(super) fn directory(&mut self, directory: &str, flux: Option<&FluxLayer>) -> Vec<Object<'a>> {
        self.stack.clear();
        self.objects = 0;
        if self.inventory.kustomization(directory).is_some() {
            return self.kustomization(directory, flux);
        }
        let mut objects = Vec::new();
        self.generated(directory, &mut objects);
        let none = FluxLayer::default();
        let flux = flux.unwrap_or(&none);
        self.components(directory, &flux.components, &mut objects);
        flux.layer.apply(&mut objects);
        objects
    }

    /// A directory with a kustomization.yaml of its own.
    fn kustomization(&mut self, directory: &str, flux: Option<&FluxLayer>) -> Vec<Object<'a>> {
        let mut objects = Vec::new();
        self.layer(directory, flux, &mut objects);
        objects
    }

    /// Adds what a kustomization.yaml names to the objects and applies its layer to all of them: to its own, or, for a
    /// component, to everything gathered by the kustomization that includes it.
    fn layer(&mut self, directory: &str, flux: Option<&FluxLayer>, objects: &mut Vec<Object<'a>>) {
        let Some((file, facts)) = self.inventory.kustomization(directory) else { return };
        self.files.insert(file);
        let name = self.inventory.path(file);
        let Some(facts) = facts else {
            self.problem(
                name,
                1,
                Reason::InvalidDocument,
                "this kustomization.yaml has no content that kustomize reads",
            );
            return;
        };
        if self.stack.len() >= MAX_DEPTH || self.stack.iter().any(|open| open == directory) {
            self.problem(name, facts.line, Reason::InvalidDocument, "this kustomization.yaml includes itself");
            return;
        }
        self.stack.push(directory.to_owned());
        for key in ["resources", "bases"] {
            for entry in facts.tree.get(key).map(Node::items).unwrap_or_default() {
                self.resource(directory, name, entry, objects);
            }
        }
        let listed = facts.tree.get("components").map(Node::items).unwrap_or_default();
        let listed: Vec<String> = listed.iter().filter_map(|node| node.text().map(str::to_owned)).collect();
        let added = flux.map(|flux| flux.components.as_slice()).unwrap_or_default();
        self.components(directory, &listed, objects);
        self.components(directory, added, objects);
        self.helm_charts(name, facts);
        let layer = self.read(file, facts, directory);
        match flux {
            None => layer.apply(objects),
            Some(flux) => {
                let mut layer = (*layer).clone();
                layer.take(&flux.layer);
                layer.apply(objects);
            }
        }
        self.stack.pop();
    }

    /// The layer of a kustomization.yaml, read once however often it is built.
    fn read(&mut self, file: usize, facts: &DocumentFacts, directory: &str) -> Rc<Layer> {
        let (inventory, parsed) = (self.inventory, &self.parsed);
        let read = || {
            let file = inventory.path(file);
            Rc::new(Layer::read(facts, Reader { inventory, file, directory: Some(directory), parsed }))
        };
        self.layers.entry(file).or_insert_with(read).clone()
    }

    fn components(&mut self, directory: &str, components: &[String], objects: &mut Vec<Object<'a>>) {
        for component in components {
            if let Some(directory) = path::join(directory, component).filter(|_| !path::is_remote(component)) {
                self.layer(&directory, None, objects);
            }
        }
    }

    fn resource(&mut self, directory: &str, holder: &str, entry: &Node, objects: &mut Vec<Object<'a>>) {
        let Some(name) = entry.text() else { return };
        let target = path::join(directory, name).filter(|_| !path::is_remote(name));
        if let Some(file) = target.as_deref().and_then(|target| self.inventory.file(target)) {
            self.documents(file, objects);
        } else if let Some(target) = target.filter(|target| self.inventory.kustomization(target).is_some()) {
            objects.extend(self.kustomization(&target, None));
        } else if path::is_remote(name) {
            let message = format!("the resource {name} lies outside this repository and is not followed");
            self.problem(holder, entry.line, Reason::OutOfReach, &message);
        } else {
            let message = format!("the resource {name} is not in the tree that was read");
            self.problem(holder, entry.line, Reason::OutOfReach, &message);
        }
    }

    /// What kustomize-controller generates: every YAML file below, but a sub-directory with a kustomization.yaml is a
    /// unit of its own and is not descended into.
    fn generated(&mut self, directory: &str, objects: &mut Vec<Object<'a>>) {
        let Some(entry) = self.inventory.directory(directory) else { return };
        for file in &entry.files {
            let name = self.inventory.path(*file);
            // The generator takes no other extension.
            if matches!(name.rsplit_once('.'), Some((_, "yaml" | "yml"))) {
                self.documents(*file, objects);
            }
        }
        for below in &entry.directories {
            if self.inventory.kustomization(below).is_some() {
                objects.extend(self.kustomization(below, None));
            } else {
                self.generated(below, objects);
            }
        }
    }

    fn documents(&mut self, file: usize, objects: &mut Vec<Object<'a>>) {
        self.files.insert(file);
        for (index, facts) in self.inventory.documents(file).iter().enumerate() {
            if self.objects < MAX_OBJECTS && is_object(facts) {
                self.objects += 1;
                objects.push(Object::new((file, index), facts));
            }
        }
    }

    /// Flux rule 26: Flux builds with that plugin off.
    fn helm_charts(&mut self, file: &str, facts: &DocumentFacts) {
        if let Some(charts) = facts.tree.get("helmCharts").filter(|charts| !charts.items().is_empty()) {
            let message = "helmCharts is not applied by Flux, which builds with that plugin off; it is not read yet";
            self.problem(file, charts.line, Reason::OutOfReach, message);
        }
    }

    pub(super) fn problem(&mut self, file: &str, line: u32, reason: Reason, message: &str) {
        self.problems.push(Inventory::problem(file, line, reason, message));
    }
}

/// Documents that Flux or kustomize would apply.
pub(super) fn is_object(facts: &DocumentFacts) -> bool {
    !matches!(facts.kind, Kind::Kustomization | Kind::JsonPatch | Kind::ConfigMap)
}

/// The documents that kustomizations of the tree use as patches, which are no objects by themselves.
pub(super) fn patch_files(inventory: &Inventory) -> HashSet<usize> {
    let mut files = HashSet::new();
    for (directory, entry) in inventory.directories() {
        let Some((_, Some(facts))) = entry.kustomization.and_then(|_| inventory.kustomization(directory)) else {
            continue;
        };
        let list = |key: &str| facts.tree.get(key).map(Node::items).unwrap_or_default();
        let named = list("patches").iter().chain(list("patchesJson6902")).filter_map(|entry| entry.get("path"));
        for name in named.chain(list("patchesStrategicMerge")).filter_map(Node::text) {
            files.extend(path::join(directory, name).and_then(|path| inventory.file(&path)));
        }
    }
    files
}

/// The place of an object, for sets.
pub(super) fn places(objects: &[Object<'_>]) -> impl Iterator<Item = At> {
    objects.iter().map(|object| object.at)
}
