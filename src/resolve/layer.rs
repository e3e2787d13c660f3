//! One layer of a build: what one kustomization.yaml, with the Flux Kustomization that builds it, does to the objects
//! gathered so far. Order as in kustomize: patches, namespace, prefix, suffix, then replacements and transformers.

use super::patch::{Body, Patch, Reader};
use super::patch_reach::{self, Aspect};
use super::selector::{Selector, Subject};
use crate::inventory::{DocumentFacts, Kind};
use crate::model::Reason;
use crate::yaml::Node;
use std::sync::Arc;

/// Where a document lies: file and place in its documents.
pub(super) type At = (usize, usize);

/// Something that has a say in an object and is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Say {
    pub(super) aspect: Aspect,
    pub(super) reason: Reason,
    pub(super) message: String,
}

/// An object on its way through a build.
#[derive(Debug, Clone)]
pub(super) struct Object<'a> {
    pub(super) at: At,
    pub(super) facts: &'a DocumentFacts,
    /// Namespace and name; the first is the one in force, the others are those before it.
    pub(super) identities: Vec<(String, String)>,
    pub(super) says: Vec<Say>,
    /// For a Flux Kustomization: specs whose patches a parent adds, each with the file:line of the parent's patch.
    pub(super) given: Vec<(Arc<str>, Node)>,
}

impl<'a> Object<'a> {
    pub(super) fn new(at: At, facts: &'a DocumentFacts) -> Self {
        let identities = vec![(facts.namespace().to_owned(), facts.name().to_owned())];
        Self { at, facts, identities, says: Vec::new(), given: Vec::new() }
    }

    pub(super) fn namespace(&self) -> &str {
        self.identities.first().map_or("", |(namespace, _)| namespace)
    }

    pub(super) fn name(&self) -> &str {
        self.identities.first().map_or("", |(_, name)| name)
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            group: self.facts.kind.group(),
            kind: self.facts.kind.as_str(),
            identities: &self.identities,
            labels: self.facts.tree.at("metadata.labels"),
            annotations: self.facts.tree.at("metadata.annotations"),
        }
    }

    fn rename(&mut self, namespace: String, name: String) {
        if self.identities.first().is_none_or(|now| *now != (namespace.clone(), name.clone())) {
            self.identities.insert(0, (namespace, name));
        }
    }
}

/// What one layer does.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    pub(super) namespace: Option<String>,
    pub(super) prefix: String,
    pub(super) suffix: String,
    pub(super) patches: Vec<Patch>,
    /// A component: its patches are named so.
    pub(super) component: bool,
    pub(super) replacements: Vec<Replacement>,
    /// File:line of transformers that are not followed.
    pub(super) transformers: Option<String>,
}

/// What a replacement writes to; without selectors it may write to anything.
#[derive(Debug, Clone)]
pub(super) struct Replacement {
    origin: String,
    targets: Option<Vec<(Selector, Vec<String>)>>,
}

impl Layer {
    /// The layer of a kustomization.yaml (the caller adds what the Flux Kustomization says).
    pub(super) fn read(kustomization: &DocumentFacts, reader: Reader<'_>) -> Self {
        let tree = &kustomization.tree;
        let text = |key: &str| tree.get(key).and_then(Node::text).filter(|t| !t.is_empty());
        let at = |node: &Node| format!("{}:{}", reader.file, node.line);
        let replacements = tree.get("replacements").map(Node::items).unwrap_or_default();
        Self {
            namespace: text("namespace").map(str::to_owned),
            prefix: text("namePrefix").unwrap_or_default().to_owned(),
            suffix: text("nameSuffix").unwrap_or_default().to_owned(),
            patches: reader.patches(tree),
            component: text("kind") == Some("Component"),
            replacements: replacements.iter().map(|node| Replacement::read(node, at(node))).collect(),
            transformers: tree.get("transformers").filter(|node| !node.items().is_empty()).map(at),
        }
    }

    /// Takes over what a Flux Kustomization says on top (Flux rule 11): its namespace, prefix and suffix replace those of
    /// the kustomization.yaml at its path, its patches come after them.
    pub(super) fn take(&mut self, flux: &Layer) {
        self.namespace = flux.namespace.clone().or(self.namespace.take());
        for (own, other) in [(&mut self.prefix, &flux.prefix), (&mut self.suffix, &flux.suffix)] {
            if !other.is_empty() {
                own.clone_from(other);
            }
        }
        self.patches.extend(flux.patches.iter().cloned());
    }

    /// Applies the layer.
    pub(super) fn apply(&self, objects: &mut [Object<'_>]) {
        for object in objects.iter_mut().filter(|object| object.facts.resource_set.is_none()) {
            for patch in &self.patches {
                self.patch(patch, object);
            }
            let namespace = self.namespace.clone().unwrap_or_else(|| object.namespace().to_owned());
            let name = format!("{}{}{}", self.prefix, object.name(), self.suffix);
            object.rename(namespace, name);
            for replacement in &self.replacements {
                replacement.judge(object);
            }
            if let Some(origin) = &self.transformers {
                let message = format!("{origin} names transformers, which are not followed yet");
                object.says.push(Say { aspect: Aspect::Version, reason: Reason::VersionInComponent, message });
            }
        }
    }

    fn patch(&self, patch: &Patch, object: &mut Object<'_>) {
        if object.facts.kind == Kind::FluxKustomization {
            let given = patch_reach::given(patch, &object.subject());
            object.given.extend(given.into_iter().map(|spec| (Arc::from(patch.origin.as_str()), spec)));
        }
        for aspect in patch_reach::aspects(patch, object.facts.kind, &object.subject()) {
            let (reason, what) = if self.component {
                (Reason::VersionInComponent, "a component's patch")
            } else {
                (Reason::VersionInPatch, "a patch")
            };
            let message = match &patch.body {
                Body::Unknown(why) => format!("{what} at {} may set {}: {why}", patch.origin, aspect.words()),
                _ => format!("{what} at {} sets {}", patch.origin, aspect.words()),
            };
            object.says.push(Say { aspect, reason, message });
        }
    }
}

impl Replacement {
    fn read(node: &Node, origin: String) -> Self {
        let targets = node.get("targets").map(|targets| {
            let target = |target: &Node| {
                let paths = target.get("fieldPaths").map(Node::items).unwrap_or_default();
                let paths = paths.iter().filter_map(|path| path.text().map(str::to_owned)).collect();
                (target.get("select").map(Selector::read).unwrap_or_default(), paths)
            };
            targets.items().iter().map(target).collect()
        });
        Self { origin, targets }
    }

    /// A field path such as `spec.ref.tag` or `spec.chart.spec.version`; anything that starts elsewhere is harmless.
    fn judge(&self, object: &mut Object<'_>) {
        const FIELDS: [&str; 9] = [
            "spec.chart",
            "spec.chartRef",
            "spec.ref",
            "spec.url",
            "spec.version",
            "spec.suspend",
            "spec.sourceRef",
            "metadata.name",
            "spec.path",
        ];
        let subject = object.subject();
        let touches =
            |path: &String| FIELDS.iter().any(|field| path.starts_with(field) || field.starts_with(path.as_str()));
        let hit = match &self.targets {
            None => true,
            Some(targets) => {
                targets.iter().any(|(select, paths)| select.selects(&subject) && paths.iter().any(touches))
            }
        };
        if hit {
            let message = format!("the replacement at {} may set the version, the source or the name", self.origin);
            object.says.push(Say { aspect: Aspect::Version, reason: Reason::VersionInComponent, message });
        }
    }
}
