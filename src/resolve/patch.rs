//! Patches as kustomization.yaml and Flux Kustomizations hold them: inline or in a file, strategic merge or JSON 6902,
//! with or without a target; and what they do to the objects of a build.

use super::build::{View, absent};
use super::json_patch::{Guard, Operation, Refused};
use super::layer::unique;
use super::merge::{Merged, merge};
use super::object::{Fault, Object, Place, Say, effective};
use super::patch_reach;
use super::path;
use super::selector::Selector;
use super::value::{NOWHERE, Origin, Ref, Value};
use crate::inventory::{self, Kind};
use crate::model::Reason;
use crate::yaml::{self, Node, NodeKind};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// One patch.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    /// Where it stands.
    pub(super) place: Place,
    /// As a message calls it.
    pub(super) called: &'static str,
    body: Body,
    target: Option<Selector>,
    /// `options.allowNameChange`
    renames: bool,
    /// An item of the old list `patchesJson6902`.
    old_json: bool,
}

/// What it says.
#[derive(Debug, Clone)]
enum Body {
    /// Partial objects.
    Strategic(Vec<Value>),
    /// JSON 6902 operations.
    Operations(Vec<Operation>),
    /// It could not be read: why.
    Unknown(String),
    /// kustomize fails on it: why.
    Broken(String),
}

/// Which kinds a build shows whole: where one is missing, it is missing.
fn is_followed(document: Ref<'_>) -> Option<Kind> {
    let Ref::Written(node, _) = document else { return None };
    inventory::kind_of(node).filter(|kind| !matches!(kind, Kind::Kustomization | Kind::JsonPatch | Kind::Secret))
}

impl Patch {
    /// Applies it to what a layer has gathered. `complete`: every object of the layer was read.
    pub(super) fn apply(&self, objects: &mut [Object], complete: bool) -> Result<(), Fault> {
        let fault = |message: String| Fault { place: self.place.clone(), message };
        if let Some(message) = self.target.as_ref().and_then(|target| target.fault.clone()) {
            return Err(fault(message));
        }
        match (&self.body, &self.target) {
            (Body::Broken(message), _) => Err(fault(message.clone())),
            (Body::Unknown(why), target) => {
                let chosen = objects.iter_mut().filter(|o| target.as_ref().is_none_or(|target| target.selects(o)));
                chosen.for_each(|object| self.unknown(object, why));
                Ok(())
            }
            (Body::Operations(_), None) => Err(fault("a JSON 6902 patch needs a target".to_owned())),
            (Body::Operations(_), Some(target)) if self.old_json && !target.has_name() => {
                Err(fault("patchesJson6902 needs the target's name".to_owned()))
            }
            (Body::Operations(operations), Some(target)) => {
                for object in objects.iter_mut().filter(|object| !object.deleted && target.selects(object)) {
                    if !self.old_json {
                        object.remember();
                    }
                    self.operate(object, operations).map_err(fault)?;
                }
                Ok(())
            }
            (Body::Strategic(documents), Some(target)) => {
                if documents.len() > 1 {
                    return Err(fault("a strategic merge patch with a target must be one document".to_owned()));
                }
                for object in objects.iter_mut().filter(|object| !object.deleted && target.selects(object)) {
                    for document in documents {
                        self.merge(object, document.look()).map_err(fault)?;
                    }
                }
                unique(objects, &self.place)
            }
            (Body::Strategic(documents), None) => {
                documents.iter().try_for_each(|document| self.named(objects, document.look(), complete).map_err(fault))
            }
        }
    }

    /// A strategic merge patch that names its object itself.
    fn named(&self, objects: &mut [Object], document: Ref<'_>, complete: bool) -> Result<(), String> {
        let text = |route: &str| document.at(route).and_then(Ref::text).unwrap_or_default();
        let (version, kind, name) = (text("apiVersion"), text("kind"), text("metadata.name"));
        let namespace = effective(text("metadata.namespace"));
        let is = |object: &Object| {
            let same = |id: (&str, &str)| id == (namespace, name);
            object.text("apiVersion").unwrap_or_default() == version
                && object.text("kind").unwrap_or_default() == kind
                && (same(object.id()) || object.previous.iter().any(|(n, own)| same((n, own))))
        };
        let mut found = objects.iter_mut().filter(|object| !object.deleted && is(object));
        match (found.next(), found.next()) {
            (Some(object), None) => self.merge(object, document),
            (Some(_), Some(_)) => Err(format!("several objects are {kind} {namespace}/{name} of {version}")),
            (None, _) if complete && is_followed(document).is_some() => {
                Err(format!("no object is {kind} {namespace}/{name} of {version}"))
            }
            (None, _) => Ok(()),
        }
    }

    fn merge(&self, object: &mut Object, document: Ref<'_>) -> Result<(), String> {
        // At its top kustomize reads the word and leaves the object as it is.
        if document.get("$patch").and_then(Ref::text) == Some("replace") {
            return Ok(());
        }
        if self.renames {
            object.remember();
        }
        let (namespace, name) = (object.namespace().to_owned(), object.name().to_owned());
        let kind = object.text("kind").unwrap_or_default().to_owned();
        let renames = self.renames;
        let merged = object.watch(&self.place, self.called, |object| {
            let version = object.text("apiVersion").unwrap_or_default().to_owned();
            let tree = object.tree_mut();
            let merged = merge(tree, document)?;
            let text = |text: &str| Value::string(text, Origin::None("a name".to_owned()));
            // kustomize puts back what a patch must not change.
            tree.set("kind", text(&kind));
            tree.set("apiVersion", text(&version));
            if !renames {
                tree.set_at(&["metadata", "name"], text(&name));
            }
            if namespace.is_empty() {
                if let Some(metadata) = tree.get_mut("metadata") {
                    metadata.remove("namespace");
                }
            } else {
                tree.set_at(&["metadata", "namespace"], text(&namespace));
            }
            Ok::<_, String>(merged)
        })?;
        object.deleted |= merged == Merged::Deleted;
        Ok(())
    }

    fn operate(&self, object: &mut Object, operations: &[Operation]) -> Result<(), String> {
        let kind = object.kind;
        // kustomize keeps the names that an object had in its annotations: then it has some.
        let annotated = !object.previous.is_empty();
        let mut guards: Vec<Guard> = Vec::new();
        let result = object.watch(&self.place, self.called, |object| {
            let tree = object.tree_mut();
            let mut apply = |tree: &mut Value| {
                operations.iter().try_for_each(|operation| {
                    operation.apply(tree, kind)?;
                    guards.extend(operation.guard(tree.look(), kind));
                    Ok(())
                })
            };
            let result = if annotated { with_annotations(tree, apply) } else { apply(tree) };
            guards.retain(|guard| guard.stands(object.tree().look()));
            result
        });
        for guard in guards {
            let message = format!(
                "{} at {} holds only while {} is as it is: raise both by hand",
                self.called, self.place, guard.path
            );
            let reason = Reason::VersionInPatch;
            object.says.push(Say { aspect: guard.aspect, key: guard.key.map(Arc::from), reason, message });
        }
        match result {
            Ok(()) => Ok(()),
            Err(Refused::Fault(message)) => Err(message),
            Err(Refused::Unsure(why)) => {
                self.unknown(object, &why);
                Ok(())
            }
        }
    }

    /// It may change everything that matters.
    fn unknown(&self, object: &mut Object, why: &str) {
        for aspect in patch_reach::all(object.kind) {
            let message = format!("{} at {} may set {}: {why}", self.called, self.place, aspect.words());
            let reason =
                if self.called.contains("component") { Reason::VersionInComponent } else { Reason::VersionInPatch };
            object.says.push(Say { aspect: *aspect, key: None, reason, message });
        }
    }
}

/// Changes an object that has annotations whether it says so or not; they are gone again where nothing was added.
fn with_annotations<T>(tree: &mut Value, change: impl FnOnce(&mut Value) -> T) -> T {
    let there = tree.look().at("metadata.annotations").is_some_and(|annotations| !annotations.is_null());
    if !there {
        tree.set_at(&["metadata", "annotations"], Value::empty_map());
    }
    let result = change(tree);
    let empty = tree.look().at("metadata.annotations").is_some_and(|annotations| !annotations.is_filled());
    if !there
        && empty
        && let Some(metadata) = tree.get_mut("metadata")
    {
        metadata.remove("annotations");
    }
    result
}

/// Inline patches that were parsed: one of a cluster's Kustomization comes back for each of its thousand children.
#[derive(Debug, Default)]
pub(super) struct Parsed(RefCell<HashMap<String, Body>>);

/// Where patches are read from.
#[derive(Clone, Copy)]
pub(super) struct Reader<'r> {
    pub(super) view: &'r View<'r>,
    /// The file that holds the list of patches, as people know it.
    pub(super) file: &'r Arc<str>,
    /// Line for what a build made.
    pub(super) line: u32,
    /// Directory that file names in it are relative to; nothing where none are allowed.
    pub(super) directory: Option<&'r str>,
    pub(super) component: bool,
    pub(super) parsed: &'r Parsed,
}

/// The three lists of patches, which kustomize applies at different times.
#[derive(Debug, Clone, Default)]
pub(super) struct Patches {
    /// `patchesStrategicMerge`, then `patches`: before the names change.
    pub(super) early: Vec<Patch>,
    /// `patchesJson6902`: after.
    pub(super) late: Vec<Patch>,
}

impl Reader<'_> {
    /// The lists of a kustomization.yaml or of a Flux Kustomization's spec.
    pub(super) fn patches(&self, holder: Ref<'_>) -> Patches {
        let list = |key: &str| holder.get(key).map(Ref::items).unwrap_or_default();
        let strategic = list("patchesStrategicMerge").into_iter().map(|entry| self.strategic(entry));
        let patches = list("patches").into_iter().map(|entry| self.entry(entry, false));
        let late = list("patchesJson6902").into_iter().map(|entry| self.entry(entry, true)).collect();
        Patches { early: strategic.chain(patches).collect(), late }
    }

    fn patch(&self, node: Ref<'_>, body: Body) -> Patch {
        let line = node.line().map_or(self.line, |(_, line)| line);
        let called = if self.component { "a component's patch" } else { "the patch" };
        let place = Place { file: self.file.clone(), line };
        Patch { place, called, body, target: None, renames: false, old_json: false }
    }

    /// An item of `patches` or `patchesJson6902`.
    fn entry(&self, entry: Ref<'_>, old_json: bool) -> Patch {
        let target = entry.get("target").filter(|target| target.is_map()).map(Selector::read);
        let body = match (entry.get("patch"), entry.get("path").and_then(Ref::text)) {
            (Some(inline), path) if inline.text().is_none_or(|text| !text.trim().is_empty()) => match inline.text() {
                _ if path.is_some() => Body::Broken("patch and path can't both be set".to_owned()),
                Some(_) => self.inline(inline),
                None => body(vec![inline.to_value()]),
            },
            (_, Some(path)) => self.file(path, target.is_some()),
            (_, None) => Body::Broken("neither patch nor path is set".to_owned()),
        };
        let option = |key: &str| entry.get("options").and_then(|o| o.get(key)).is_some_and(Ref::is_true);
        let body = match body {
            Body::Strategic(_) if old_json => Body::Broken("it is no list of JSON 6902 operations".to_owned()),
            Body::Strategic(_) if option("allowKindChange") => {
                Body::Unknown("it may change the object's kind".to_owned())
            }
            body => body,
        };
        Patch { target, renames: option("allowNameChange"), old_json, ..self.patch(entry, body) }
    }

    /// An item of `patchesStrategicMerge`: a file's name, the text itself, or (Flux) the object itself.
    fn strategic(&self, entry: Ref<'_>) -> Patch {
        let body = match entry.text() {
            Some(text) if !text.contains('\n') && !text.contains(": ") => self.file(text, false),
            Some(_) => self.inline(entry),
            None => body(vec![entry.to_value()]),
        };
        self.patch(entry, body)
    }

    /// The documents of a text; their places are known where the text is written as it is.
    fn inline(&self, scalar: Ref<'_>) -> Body {
        let text = scalar.text().unwrap_or_default();
        if let Origin::Scalar { file, start } = scalar.origin()
            && let Some(roots) = self.view.embedded(file, start)
        {
            return body(roots.iter().map(|root| Value::Written(root.clone(), file)).collect());
        }
        if let Some(known) = self.parsed.0.borrow().get(text) {
            return known.clone();
        }
        let parsed = match roots(text) {
            Ok(roots) => body(roots.into_iter().map(|root| Value::Written(root, NOWHERE)).collect()),
            Err(error) => Body::Broken(error),
        };
        self.parsed.0.borrow_mut().insert(text.to_owned(), parsed.clone());
        parsed
    }

    fn file(&self, name: &str, targeted: bool) -> Body {
        let Some(directory) = self.directory else { return Body::Unknown(format!("{name} is not inline")) };
        if path::is_remote(name) {
            return Body::Unknown(format!("{name} lies outside this repository"));
        }
        let path = path::join(directory, name).unwrap_or_default();
        let Some(file) = self.view.file(&path) else {
            return Body::Unknown(format!("{name} {}", absent(self.view, &path)));
        };
        let facts = self.view.facts(file);
        let documents = facts.map(|facts| facts.documents.as_slice()).unwrap_or_default();
        if facts.is_some_and(|facts| !facts.problems.is_empty()) {
            return Body::Unknown(format!("{name} is not readable YAML"));
        }
        if documents.iter().any(|document| document.encrypted) {
            return Body::Unknown(format!("{name} is encrypted"));
        }
        if documents.is_empty() && targeted {
            return Body::Unknown(format!("{name} holds no document of a kind that Davit reads"));
        }
        // A file without a document of a kind that matters patches something else: its facts are empty.
        let real = self.view.real(file);
        body(documents.iter().map(|document| Value::Written(document.tree.clone(), real)).collect())
    }
}

/// Every document of a text.
fn roots(text: &str) -> Result<Vec<Node>, String> {
    let documents = yaml::parse(text.as_bytes()).documents.into_iter();
    let roots = documents.filter_map(|document| document.root.transpose());
    roots.collect::<Result<_, _>>().map_err(|error| format!("it is not readable YAML: {}", error.message))
}

/// Operations are a sequence, partial objects are mappings.
fn body(roots: Vec<Value>) -> Body {
    match roots.first() {
        Some(first) if first.is_list() => {
            Body::Operations(first.look().items().into_iter().map(Operation::read).collect())
        }
        Some(Value::Written(Node { kind: NodeKind::Scalar { .. }, .. }, _)) => {
            Body::Broken("it is neither an object nor a list of operations".to_owned())
        }
        _ => {
            let mut documents = Vec::with_capacity(roots.len());
            match roots.into_iter().try_for_each(|root| partial(root, 0, &mut documents)) {
                Ok(()) => Body::Strategic(documents),
                Err(message) => Body::Broken(message),
            }
        }
    }
}

/// Deepest lists in lists.
const MAX_LISTS: usize = 16;

/// A partial object, or those of a List. kustomize takes none without kind and name, whatever the target says.
fn partial(root: Value, depth: usize, documents: &mut Vec<Value>) -> Result<(), String> {
    let object = root.look();
    let text = |route: &str| object.at(route).and_then(Ref::text).unwrap_or_default();
    let list = text("kind").ends_with("List");
    if object.is_map() && !object.is_filled() {
        return Ok(());
    }
    if text("kind").is_empty() || !list && text("metadata.name").is_empty() {
        let missing = if text("kind").is_empty() { "kind" } else { "metadata.name" };
        return Err(format!("it is no list of operations, and as an object it has no {missing}"));
    }
    if let Some(items) = object.get("items").filter(|_| list && depth < MAX_LISTS) {
        return items.items().into_iter().try_for_each(|item| partial(item.to_value(), depth + 1, documents));
    }
    documents.push(root);
    Ok(())
}
