//! Cuts a document down to the fields that resolving reads. A HelmRelease of 2,000 lines of values keeps a dozen.

use super::facts::Kind;
use crate::yaml::{Entry, Node, NodeKind};
use std::sync::Arc;

/// Longest ConfigMap value that is kept: substitution variables are short.
const LONGEST_VALUE: usize = 256;

/// The fields of Chart.yaml that are kept; of its templates' values none.
const CHART_FIELDS: [&str; 4] = ["apiVersion", "name", "annotations", "dependencies"];
/// The fields of a HelmChartInflationGenerator that are kept: those that say which chart it is.
const INFLATION_FIELDS: [&str; 8] =
    ["apiVersion", "kind", "metadata", "name", "repo", "version", "releaseName", "namespace"];

/// The fields of `spec` that are kept; nothing stands for all of them.
fn spec_fields(kind: Kind) -> Option<&'static [&'static str]> {
    Some(match kind {
        Kind::HelmRelease | Kind::HelmReleaseFlux1 => {
            &["chart", "chartRef", "suspend", "releaseName", "targetNamespace", "upgrade"]
        }
        Kind::HelmChart => &["chart", "version", "sourceRef", "suspend", "verify", "reconcileStrategy"],
        Kind::HelmRepository | Kind::OciRepository | Kind::GitRepository | Kind::Bucket | Kind::ExternalArtifact => &[
            "url",
            "type",
            "suspend",
            "secretRef",
            "certSecretRef",
            "proxySecretRef",
            "serviceAccountName",
            "passCredentials",
            "insecure",
            "provider",
            "ref",
            "layerSelector",
            "verify",
            "endpoint",
            "bucketName",
            "sourceRef",
            "ignore",
        ],
        Kind::FluxKustomization => &[
            "path",
            "targetNamespace",
            "namePrefix",
            "nameSuffix",
            "patches",
            "patchesStrategicMerge",
            "patchesJson6902",
            "components",
            "ignoreMissingComponents",
            "sourceRef",
            "suspend",
            "postBuild",
            "commonMetadata",
        ],
        Kind::FluxInstance => &["sync", "kustomize"],
        Kind::ResourceSet => &["inputs", "inputsFrom", "inputStrategy", "commonMetadata"],
        Kind::ResourceSetInputProvider => &["type", "defaultValues"],
        Kind::ArtifactGenerator
        | Kind::Kustomization
        | Kind::JsonPatch
        | Kind::Configuration
        | Kind::Chart
        | Kind::ChartInflation => return None,
        Kind::ConfigMap | Kind::Secret | Kind::EnvFile | Kind::IgnoreFile => &[],
    })
}

/// The document without what nobody reads.
pub(super) fn prune(kind: Kind, tree: &Node) -> Node {
    match kind {
        Kind::JsonPatch | Kind::Configuration => tree.clone(),
        Kind::Chart => keep(tree, |key, value| CHART_FIELDS.contains(&key).then(|| value.clone())),
        Kind::ChartInflation => keep(tree, |key, value| INFLATION_FIELDS.contains(&key).then(|| value.clone())),
        Kind::Kustomization => keep(tree, |key, value| Some(kustomization_field(key, value))),
        _ => keep(tree, |key, value| match key {
            "apiVersion" | "kind" | "$patch" => Some(value.clone()),
            "metadata" => Some(keep(value, |key, value| metadata_field(key).then(|| value.clone()))),
            "spec" => Some(match spec_fields(kind) {
                None => value.clone(),
                Some(fields) => {
                    keep(value, |key, value| (fields.contains(&key) || key == "$patch").then(|| value.clone()))
                }
            }),
            "data" if kind == Kind::ConfigMap => {
                Some(keep(value, |_, value| Some(if short(value) { value.clone() } else { withheld(value) })))
            }
            "data" | "stringData" if kind == Kind::Secret => Some(keep(value, |_, value| Some(withheld(value)))),
            _ => None,
        }),
    }
}

/// Whether `prune` keeps the field of an object at these keys, the outermost first.
pub fn keeps(kind: Kind, keys: &[&str]) -> bool {
    match (kind, keys) {
        (Kind::JsonPatch | Kind::Kustomization | Kind::Configuration, _)
        | (_, [] | ["apiVersion" | "kind", ..] | ["metadata" | "spec"])
        | (Kind::ConfigMap, ["data", ..]) => true,
        (_, ["metadata", field, ..]) => metadata_field(field),
        (_, ["spec", field, ..]) => spec_fields(kind).is_none_or(|fields| fields.contains(field)),
        _ => false,
    }
}

/// A value that is there and is not remembered: the key stays, with an empty sequence.
fn withheld(value: &Node) -> Node {
    Node { kind: NodeKind::Sequence(Arc::new(Vec::new())), ..value.clone() }
}

fn metadata_field(key: &str) -> bool {
    matches!(key, "name" | "namespace" | "labels" | "annotations" | "$patch")
}

fn short(value: &Node) -> bool {
    value.text().is_some_and(|text| text.len() <= LONGEST_VALUE)
}

/// Secrets' literals must not be remembered, images say nothing about releases: the key stays, empty.
fn kustomization_field(key: &str, value: &Node) -> Node {
    match key {
        "secretGenerator" | "images" => withheld(value),
        _ => value.clone(),
    }
}

/// The mapping with the entries that `choose` keeps; merge keys stay, since they may feed any of them.
fn keep(node: &Node, choose: impl Fn(&str, &Node) -> Option<Node>) -> Node {
    let NodeKind::Mapping(entries) = &node.kind else { return node.clone() };
    let kept = entries.iter().filter_map(|entry| {
        if entry.is_merge() {
            return Some(entry.clone());
        }
        let value = choose(entry.key.text()?, &entry.value)?;
        Some(Entry { key: entry.key.clone(), value })
    });
    Node { kind: NodeKind::Mapping(Arc::new(kept.collect())), ..node.clone() }
}
