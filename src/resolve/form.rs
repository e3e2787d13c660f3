//! The form of a kustomization.yaml, as it is read (api/types/kustomization.go): which of its fields are lists, mappings
//! and texts, and which fields there are. What is wrong in form fails as a whole, before anything is built. Flux writes
//! the file at a Kustomization's path anew, and then scalars count for texts and strange fields are gone; kustomize
//! reads all others strictly.

use crate::yaml::{Node, NodeKind, ScalarType};

/// Lists of texts.
const LISTS_OF_TEXTS: [&str; 9] = [
    "resources",
    "bases",
    "components",
    "configurations",
    "crds",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
];
/// Lists of anything else.
const LISTS: [&str; 13] = [
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
    "labels",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "configMapGenerator",
    "secretGenerator",
    "helmCharts",
    "helmChartInflationGenerator",
];
/// Texts.
const TEXTS: [&str; 5] = ["apiVersion", "kind", "namespace", "namePrefix", "nameSuffix"];
/// Mappings of texts.
const TEXTS_BY_KEY: [&str; 3] = ["commonLabels", "commonAnnotations", "openapi"];
/// Other mappings.
const MAPPINGS: [&str; 4] = ["metadata", "sortOptions", "helmGlobals", "generatorOptions"];

/// What reading it fails on, with the line.
pub(super) fn fault(tree: &Node, strict: bool) -> Option<(u32, String)> {
    tree.pairs().into_iter().find_map(|(key, value)| Some((value.line, wrong(key, value, strict)?)))
}

fn wrong(key: &str, value: &Node, strict: bool) -> Option<String> {
    // Go takes a name in any case.
    let known = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(key));
    let text = |value: &Node| match value.scalar_type() {
        Some(ScalarType::String | ScalarType::Null) => true,
        Some(_) => !strict,
        None => false,
    };
    let list = matches!(value.kind, NodeKind::Sequence(_));
    let mapping = matches!(value.kind, NodeKind::Mapping(_));
    let (good, what) = if known(&LISTS_OF_TEXTS) {
        (list && value.items().iter().all(text), "list of texts")
    } else if known(&LISTS) {
        (list, "list")
    } else if known(&TEXTS) {
        (text(value), "text")
    } else if known(&TEXTS_BY_KEY) {
        (mapping && value.pairs().iter().all(|(_, value)| text(value)), "mapping of texts")
    } else if known(&MAPPINGS) {
        (mapping, "mapping")
    } else {
        return strict.then(|| format!("kustomize knows no field `{key}`"));
    };
    (!good && value.scalar_type() != Some(ScalarType::Null)).then(|| format!("`{key}` is no {what}"))
}
