//! What a patch can change of an object that matters to a release: which of its aspects, or nothing. A patch of
//! `spec.values` or `spec.install` is harmless; one that could move the version, the source or the name is not.

use super::patch::{Body, Patch};
use super::selector::Subject;
use crate::inventory::Kind;
use crate::yaml::{Node, NodeKind};

/// What of an object somebody else has a say in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Aspect {
    /// Which version.
    Version,
    /// Which chart, from where.
    Source,
    /// Namespace or name.
    Identity,
    /// Whether it is suspended.
    Suspended,
    /// What a Flux Kustomization builds.
    Build,
    /// `davit.dev/…` annotations.
    Annotations,
}

impl Aspect {
    /// As a message names it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Version => "the version",
            Self::Source => "the chart's source",
            Self::Identity => "the name or the namespace",
            Self::Suspended => "whether it is suspended",
            Self::Build => "what the Kustomization builds",
            Self::Annotations => "davit.dev annotations",
        }
    }
}

type Route = (&'static [&'static str], Aspect);

const HELM_RELEASE: [Route; 6] = [
    (&["spec", "chart", "spec", "version"], Aspect::Version),
    (&["spec", "chart", "spec", "chart"], Aspect::Source),
    (&["spec", "chart", "spec", "sourceRef"], Aspect::Source),
    (&["spec", "chartRef"], Aspect::Source),
    (&["spec", "suspend"], Aspect::Suspended),
    (&["metadata", "annotations", "davit.dev/"], Aspect::Annotations),
];
const SOURCE: [Route; 9] = [
    (&["spec", "ref"], Aspect::Version),
    (&["spec", "version"], Aspect::Version),
    (&["spec", "url"], Aspect::Source),
    (&["spec", "type"], Aspect::Source),
    (&["spec", "chart"], Aspect::Source),
    (&["spec", "sourceRef"], Aspect::Source),
    (&["spec", "layerSelector", "mediaType"], Aspect::Source),
    (&["spec", "suspend"], Aspect::Suspended),
    (&["metadata", "annotations", "davit.dev/"], Aspect::Annotations),
];
const FLUX_KUSTOMIZATION: [Route; 7] = [
    (&["spec", "path"], Aspect::Build),
    (&["spec", "sourceRef"], Aspect::Build),
    (&["spec", "targetNamespace"], Aspect::Build),
    (&["spec", "namePrefix"], Aspect::Build),
    (&["spec", "nameSuffix"], Aspect::Build),
    (&["spec", "components"], Aspect::Build),
    (&["spec", "suspend"], Aspect::Suspended),
];
const NAMES: [Route; 2] = [(&["metadata", "name"], Aspect::Identity), (&["metadata", "namespace"], Aspect::Identity)];

fn routes(kind: Kind) -> &'static [Route] {
    match kind {
        Kind::HelmRelease | Kind::HelmReleaseFlux1 => &HELM_RELEASE,
        Kind::FluxKustomization => &FLUX_KUSTOMIZATION,
        _ => &SOURCE,
    }
}

/// The aspects of the object that the patch may change, each once.
pub(super) fn aspects(patch: &Patch, kind: Kind, subject: &Subject<'_>) -> Vec<Aspect> {
    let Some(documents) = patch.documents_for(subject) else { return Vec::new() };
    let mut found: Vec<Aspect> = match &patch.body {
        Body::Unknown(_) => routes(kind).iter().map(|(_, aspect)| *aspect).collect(),
        Body::Operations(_) => documents.iter().flat_map(|operation| operation_aspects(operation, kind)).collect(),
        Body::Strategic(_) => {
            let names = if patch.renames { NAMES.as_slice() } else { &[] };
            let routes = routes(kind).iter().chain(names);
            let documents = documents.as_slice();
            routes.filter(|(route, _)| documents.iter().any(|d| reaches(d, route))).map(|(_, aspect)| *aspect).collect()
        }
    };
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a strategic merge patch sets, deletes or replaces something at, above or below a route.
fn reaches(node: &Node, route: &[&str]) -> bool {
    let NodeKind::Mapping(entries) = &node.kind else { return true };
    if node.get("$patch").and_then(Node::text).is_some_and(|word| word != "merge") {
        return true;
    }
    match route {
        [] => true,
        [prefix] if prefix.ends_with('/') => {
            entries.iter().any(|entry| entry.key.text().is_some_and(|key| key.starts_with(prefix)))
        }
        [key, rest @ ..] => node.get(key).is_some_and(|value| rest.is_empty() || reaches(value, rest)),
    }
}

fn operation_aspects(operation: &Node, kind: Kind) -> Vec<Aspect> {
    let text = |key: &str| operation.get(key).and_then(Node::text);
    if text("op") == Some("test") {
        return Vec::new();
    }
    let moved = text("from").filter(|_| text("op") == Some("move"));
    let pointers: Vec<Vec<String>> = text("path").into_iter().chain(moved).map(segments).collect();
    let touched = |route: &[&str]| pointers.iter().any(|pointer| overlaps(pointer, route));
    routes(kind).iter().chain(&NAMES).filter(|(route, _)| touched(route)).map(|(_, aspect)| *aspect).collect()
}

/// The segments of a JSON pointer, unescaped.
fn segments(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

/// Whether a pointer is at, above or below a route.
fn overlaps(pointer: &[String], route: &[&str]) -> bool {
    pointer.iter().zip(route).all(|(a, b)| a == b || (b.ends_with('/') && a.starts_with(b)))
}

/// The patches that a patch gives a Flux Kustomization for its own build: lists of `spec.patches` and its older forms.
pub(super) fn given(patch: &Patch, subject: &Subject<'_>) -> Vec<Node> {
    let Some(documents) = patch.documents_for(subject) else { return Vec::new() };
    match &patch.body {
        Body::Unknown(_) => Vec::new(),
        Body::Strategic(_) => documents.iter().filter_map(|document| document.get("spec")).cloned().collect(),
        Body::Operations(_) => documents.iter().filter_map(|operation| given_by(operation)).collect(),
    }
}

/// `add /spec/patches` with a list, or `add /spec/patches/-` with one item, as a spec of its own.
fn given_by(operation: &Node) -> Option<Node> {
    let pointer = segments(operation.get("path")?.text()?);
    let value = operation.get("value")?;
    let [spec, rest @ ..] = pointer.as_slice() else { return None };
    if spec != "spec" {
        return None;
    }
    let Some(list) = rest.first() else { return Some(value.clone()) };
    if !matches!(list.as_str(), "patches" | "patchesStrategicMerge" | "patchesJson6902") {
        return None;
    }
    let value = if rest.len() == 1 { value.clone() } else { wrap_sequence(value) };
    Some(wrap_mapping(list, value))
}

fn wrap_sequence(item: &Node) -> Node {
    Node { kind: NodeKind::Sequence(std::sync::Arc::new(vec![item.clone()])), ..item.clone() }
}

fn wrap_mapping(key: &str, value: Node) -> Node {
    let text = NodeKind::Scalar { text: key.into(), style: crate::model::ScalarStyle::Plain, tag: None };
    let key = Node { kind: text, ..value.clone() };
    let place = value.clone();
    Node { kind: NodeKind::Mapping(std::sync::Arc::new(vec![crate::yaml::Entry { key, value }])), ..place }
}
