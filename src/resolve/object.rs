//! An object on its way through a build: its tree, the names it had, and who had a say in it.

use super::patch_reach::Aspect;
use super::value::{Origin, Ref, Value};
use crate::inventory::{DocumentFacts, Kind, Template};
use crate::model::{Reason, Step};
use std::sync::Arc;

/// Where a document lies: file and place in its documents.
pub(super) type At = (usize, usize);

/// Something that has a say in an object and is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Say {
    pub(super) aspect: Aspect,
    /// The key of a ConfigMap that it is about alone; nothing where it is about the whole object.
    pub(super) key: Option<Arc<str>>,
    pub(super) reason: Reason,
    pub(super) message: String,
}

/// A place in a file, as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: Arc<str>,
    pub(super) line: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What Flux fails on, so that nothing of the build is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) message: String,
}

/// A name that an object had before, as kustomize remembers it: effective namespace and name.
pub(super) type Id = (Arc<str>, Arc<str>);

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) at: At,
    pub(super) kind: Kind,
    pub(super) line: u32,
    pub(super) encrypted: bool,
    /// It is a template of a ResourceSet, not filled in.
    pub(super) template: Option<Template>,
    /// Why a template could not be filled in.
    pub(super) unfilled: Option<Arc<str>>,
    tree: Value,
    /// What a layer set, ahead of the tree: most objects get a namespace and nothing else.
    namespace: Option<Arc<str>>,
    name: Option<Arc<str>>,
    /// The oldest first.
    pub(super) previous: Vec<Id>,
    pub(super) says: Vec<Say>,
    pub(super) steps: Vec<Step>,
    /// A generated ConfigMap or Secret whose name gets a hash at the end of the build.
    pub(super) hashed: bool,
    /// `config.kubernetes.io/local-config` and the like: gone at the end of the build.
    pub(super) deleted: bool,
}

impl Object {
    pub(super) fn new(at: At, facts: &DocumentFacts) -> Self {
        Self {
            at,
            kind: facts.kind,
            line: facts.line,
            encrypted: facts.encrypted,
            template: facts.template,
            unfilled: None,
            tree: Value::Written(facts.tree.clone(), at.0),
            namespace: None,
            name: None,
            previous: Vec::new(),
            says: Vec::new(),
            steps: Vec::new(),
            hashed: false,
            deleted: false,
        }
    }

    /// What a generator of a kustomization.yaml makes.
    pub(super) fn generated(at: At, kind: Kind, line: u32, tree: Value, hashed: bool) -> Self {
        Self {
            at,
            kind,
            line,
            encrypted: false,
            template: None,
            unfilled: None,
            tree,
            namespace: None,
            name: None,
            previous: Vec::new(),
            says: Vec::new(),
            steps: Vec::new(),
            hashed,
            deleted: false,
        }
    }

    pub(super) fn namespace(&self) -> &str {
        let written = || self.tree.look().at("metadata.namespace").and_then(Ref::text).unwrap_or_default();
        self.namespace.as_deref().unwrap_or_else(written)
    }

    pub(super) fn name(&self) -> &str {
        let written = || self.tree.look().at("metadata.name").and_then(Ref::text).unwrap_or_default();
        self.name.as_deref().unwrap_or_else(written)
    }

    /// What a template makes, with another tree.
    pub(super) fn filled(&self, tree: Value) -> Self {
        Self { tree, template: None, namespace: None, name: None, ..self.clone() }
    }

    /// The value at a dotted route; not for name and namespace.
    pub(super) fn get(&self, route: &str) -> Option<Ref<'_>> {
        self.tree.look().at(route)
    }

    /// The text of a scalar, nothing where it is absent or empty.
    pub(super) fn text(&self, route: &str) -> Option<&str> {
        self.get(route)?.text().filter(|text| !text.is_empty())
    }

    /// Whether a boolean field is true.
    pub(super) fn is_true(&self, route: &str) -> bool {
        self.get(route).is_some_and(Ref::is_true)
    }

    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.get("metadata.labels")?.get(key)?.text()
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.get("metadata.annotations")?.get(key)?.text()
    }

    /// Group and version.
    pub(super) fn group_version(&self) -> (&str, &str) {
        let written = self.text("apiVersion").unwrap_or_default();
        written.split_once('/').unwrap_or(("", written))
    }

    /// The namespace and name in force, as kustomize compares them.
    pub(super) fn id(&self) -> (&str, &str) {
        (effective(self.namespace()), self.name())
    }

    /// The namespace and name at the start of the build.
    pub(super) fn first_id(&self) -> (&str, &str) {
        self.previous.first().map_or_else(|| self.id(), |(namespace, name)| (&**namespace, &**name))
    }

    /// Remembers the name in force, as kustomize does before it changes one.
    pub(super) fn remember(&mut self) {
        let (namespace, name) = self.id();
        let id = (Arc::from(namespace), Arc::from(name));
        self.previous.push(id);
    }

    pub(super) fn set_namespace(&mut self, namespace: &Arc<str>) {
        self.namespace = Some(namespace.clone());
    }

    pub(super) fn set_name(&mut self, name: Arc<str>) {
        self.name = Some(name);
    }

    /// The whole tree, to be changed, with name and namespace in it.
    pub(super) fn tree_mut(&mut self) -> &mut Value {
        let unknown = || Origin::None("a name".to_owned());
        if let Some(namespace) = self.namespace.take() {
            self.tree.set_at(&["metadata", "namespace"], Value::string(&namespace, unknown()));
        }
        if let Some(name) = self.name.take() {
            self.tree.set_at(&["metadata", "name"], Value::string(&name, unknown()));
        }
        &mut self.tree
    }

    /// Another tree that says the same.
    pub(super) fn set_tree(&mut self, tree: Value) {
        self.tree = tree;
    }

    /// The tree as it was read; name and namespace may stand beside it.
    pub(super) fn tree(&self) -> &Value {
        &self.tree
    }

    /// Notes where a field that matters was changed by `change`.
    pub(super) fn watch<T>(&mut self, place: &Place, what: &str, change: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.clone_tree();
        let result = change(self);
        let mut steps = Vec::new();
        for (field, route) in fields(self.kind) {
            let (old, new) = (before.look().at(route), self.tree.look().at(route));
            let moved = match (old, new) {
                (None, None) => false,
                // A version that stays is still written elsewhere now; a name has no place that matters.
                (Some(old), Some(new)) => {
                    !old.same(new) || field != &"name" && old.kind().is_some() && old.origin() != new.origin()
                }
                _ => true,
            };
            if moved {
                steps.push(step(field, place, what, old, new));
            }
        }
        self.steps.extend(steps);
        result
    }

    fn clone_tree(&mut self) -> Value {
        self.tree_mut().clone()
    }
}

fn step(field: &'static str, place: &Place, what: &str, old: Option<Ref<'_>>, new: Option<Ref<'_>>) -> Step {
    let shown = |value: Option<Ref<'_>>| match value {
        None => "nothing".to_owned(),
        Some(value) => value.text().map_or_else(|| "other fields".to_owned(), str::to_owned),
    };
    let what = format!("{what} sets it to {} (before: {})", shown(new), shown(old));
    Step { field, file: place.file.clone(), line: place.line, what: Arc::from(&*crate::model::shown(&what)) }
}

/// `default` where none is written.
pub(super) fn effective(namespace: &str) -> &str {
    if namespace.is_empty() { "default" } else { namespace }
}

/// The fields that matter to a release, with their routes.
pub(super) fn fields(kind: Kind) -> &'static [(&'static str, &'static str)] {
    match kind {
        Kind::HelmRelease | Kind::HelmReleaseFlux1 => &[
            ("name", "metadata.name"),
            ("version", "spec.chart.spec.version"),
            ("chart", "spec.chart.spec.chart"),
            ("source", "spec.chart.spec.sourceRef"),
            ("source", "spec.chartRef"),
            ("suspend", "spec.suspend"),
        ],
        Kind::FluxKustomization => &[
            ("name", "metadata.name"),
            ("path", "spec.path"),
            ("source", "spec.sourceRef"),
            ("namespace", "spec.targetNamespace"),
            ("patches", "spec.patches"),
            ("components", "spec.components"),
            ("substitution", "spec.postBuild"),
            ("suspend", "spec.suspend"),
        ],
        Kind::ConfigMap => &[("name", "metadata.name"), ("data", "data")],
        _ => &[
            ("name", "metadata.name"),
            ("version", "spec.ref"),
            ("version", "spec.version"),
            ("chart", "spec.chart"),
            ("source", "spec.sourceRef"),
            ("url", "spec.url"),
            ("type", "spec.type"),
            ("suspend", "spec.suspend"),
        ],
    }
}
