//! Patches as kustomization.yaml and Flux Kustomizations hold them: inline or in a file, strategic merge or JSON 6902.
//! They are read to judge what they reach (`patch_reach`), not applied.

use super::path;
use super::selector::{Selector, Subject};
use crate::inventory::{Inventory, Kind};
use crate::yaml::{self, Node, NodeKind};
use std::cell::RefCell;
use std::collections::HashMap;

/// One patch.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    /// File and line it stands in, as a person reads it.
    pub(super) origin: String,
    /// What it says.
    pub(super) body: Body,
    /// What it is for; a strategic merge patch without one names its object itself.
    pub(super) target: Option<Selector>,
    /// `options.allowNameChange`
    pub(super) renames: bool,
}

/// The patch itself.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Partial objects.
    Strategic(Vec<Node>),
    /// JSON 6902 operations.
    Operations(Vec<Node>),
    /// It could not be read: why.
    Unknown(String),
}

impl Patch {
    /// Whether the patch, or one of its documents, is for the object; the documents that are.
    pub(super) fn documents_for<'a>(&'a self, subject: &Subject<'_>) -> Option<Vec<&'a Node>> {
        let selected = self.target.as_ref().map(|target| target.selects(subject));
        match (&self.body, selected) {
            (_, Some(false)) => None,
            (Body::Operations(operations), _) => selected.map(|_| operations.iter().collect()),
            (Body::Strategic(documents), Some(true)) => Some(documents.iter().collect()),
            (Body::Strategic(documents), _) => {
                let named: Vec<_> = documents.iter().filter(|document| names(document, subject)).collect();
                (!named.is_empty()).then_some(named)
            }
            (Body::Unknown(_), _) => Some(Vec::new()),
        }
    }
}

/// Whether a strategic merge patch without target is for the object.
fn names(document: &Node, subject: &Subject<'_>) -> bool {
    let text = |route: &str| document.at(route).and_then(Node::text).unwrap_or_default();
    let (kind, name) = (text("kind"), text("metadata.name"));
    kind == subject.kind && subject.identities.iter().any(|(_, own)| own == name)
}

/// Inline patches that were parsed: one of a cluster's Kustomization comes back for each of its thousand children.
#[derive(Debug, Default)]
pub(super) struct Parsed(RefCell<HashMap<String, Body>>);

impl Parsed {
    fn body(&self, text: &str) -> Body {
        if let Some(known) = self.0.borrow().get(text) {
            return known.clone();
        }
        let body = parse(text);
        self.0.borrow_mut().insert(text.to_owned(), body.clone());
        body
    }
}

/// Where patches are read from: a directory of the tree, or a Flux Kustomization's own text.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) inventory: &'a Inventory,
    /// The file that holds the list of patches.
    pub(super) file: &'a str,
    /// Directory that file names in it are relative to; nothing where none are allowed.
    pub(super) directory: Option<&'a str>,
    /// What was parsed before.
    pub(super) parsed: &'a Parsed,
}

impl Reader<'_> {
    /// The three lists of patches that a kustomization.yaml (or a Flux Kustomization's spec) may have, in the order in
    /// which kustomize applies them.
    pub(super) fn patches(&self, holder: &Node) -> Vec<Patch> {
        let list = |key: &str| holder.get(key).map(Node::items).unwrap_or_default();
        let strategic = list("patchesStrategicMerge").iter().map(|entry| self.strategic(entry));
        let patches = list("patches").iter().map(|entry| self.entry(entry));
        let json = list("patchesJson6902").iter().map(|entry| self.entry(entry));
        strategic.chain(patches).chain(json).collect()
    }

    /// An item of `patches` or `patchesJson6902`.
    pub(super) fn entry(&self, entry: &Node) -> Patch {
        let body = match (entry.get("patch"), entry.get("path").and_then(Node::text)) {
            (Some(inline), _) => match inline.text() {
                Some(text) => self.parsed.body(text),
                None => body(vec![inline.clone()]),
            },
            (None, Some(path)) => self.file(path),
            (None, None) => Body::Strategic(Vec::new()),
        };
        let target = entry.get("target").map(Selector::read);
        // A patch for a Flux kind whose file says another kind, which kustomize allows: its content was not kept.
        let body = match body {
            Body::Strategic(documents)
                if documents.is_empty() && target.as_ref().is_some_and(Selector::names_flux_kind) =>
            {
                Body::Unknown("its file holds no document of a kind that Davit reads".to_owned())
            }
            body => body,
        };
        Patch {
            origin: format!("{}:{}", self.file, entry.line),
            body,
            target,
            renames: entry.at("options.allowNameChange").and_then(Node::text) == Some("true"),
        }
    }

    /// An item of `patchesStrategicMerge`: a file's name, the text itself, or (Flux) the object itself.
    fn strategic(&self, entry: &Node) -> Patch {
        let body = match entry.text() {
            Some(text) if !text.contains('\n') && !text.contains(": ") => self.file(text),
            Some(text) => self.parsed.body(text),
            None => body(vec![entry.clone()]),
        };
        Patch { origin: format!("{}:{}", self.file, entry.line), body, target: None, renames: false }
    }

    fn file(&self, name: &str) -> Body {
        let Some(directory) = self.directory else { return Body::Unknown(format!("{name} is not inline")) };
        let Some(file) = path::join(directory, name).and_then(|path| self.inventory.file(&path)) else {
            return Body::Unknown(format!("{name} is not in the tree"));
        };
        let documents = self.inventory.documents(file);
        if let Some((_, facts)) = self.inventory.files.get(file)
            && !facts.problems.is_empty()
        {
            return Body::Unknown(format!("{name} is not readable YAML"));
        }
        if documents.iter().any(|document| document.encrypted) {
            return Body::Unknown(format!("{name} is encrypted"));
        }
        // A file without a document of a kind that matters patches something else: its facts are empty.
        let kept = documents.iter().filter(|document| document.kind != Kind::ConfigMap);
        body(kept.map(|document| document.tree.clone()).collect())
    }
}

fn parse(text: &str) -> Body {
    let mut roots = Vec::new();
    for document in yaml::parse(text.as_bytes()).documents {
        match document.root {
            Ok(Some(root)) => roots.push(root),
            Ok(None) => {}
            Err(error) => return Body::Unknown(format!("not readable YAML: {}", error.message)),
        }
    }
    body(roots)
}

/// Operations are a sequence, partial objects are mappings.
fn body(roots: Vec<Node>) -> Body {
    match roots.first().map(|root| &root.kind) {
        Some(NodeKind::Sequence(operations)) => Body::Operations(operations.to_vec()),
        _ => Body::Strategic(roots),
    }
}
