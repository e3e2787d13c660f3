//! The bytes of one file become facts. Reads every document, keeps those of a known kind, and says of the broken ones
//! what is wrong; a broken document costs that document.

use super::facts::{DocumentFacts, FileFacts, FileProblem, Kind, SiteFacts};
use super::{prune, scan};
use crate::model::{Reason, ScalarStyle, Site};
use crate::yaml::{self, Node, NodeKind};

/// Most objects of one file that are kept.
pub const MAX_DOCUMENTS_KEPT: usize = 20_000;

/// Keys of which a kustomization.yaml without `apiVersion` and `kind` has at least one at its top.
const KUSTOMIZATION_KEYS: [&str; 16] = [
    "resources", "bases", "components", "patches", "patchesStrategicMerge", "patchesJson6902", "namespace", "namePrefix",
    "nameSuffix", "replacements", "transformers", "generators", "configurations", "configMapGenerator", "images",
    "helmCharts",
];

/// Whether a file of this name is read: YAML, JSON, and `Kustomization`, the third name that kustomize knows.
pub fn reads(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    name == "Kustomization" || matches!(extension, Some("yaml" | "yml" | "json"))
}

/// Reads a file. The facts depend on the bytes alone, so that equal blobs share them.
pub fn read_file(bytes: &[u8]) -> FileFacts {
    let mut facts = FileFacts::default();
    if !scan::may_matter(bytes) {
        return facts;
    }
    for document in yaml::parse(bytes).documents {
        match document.root {
            Ok(None) => {}
            Ok(Some(root)) => object(&mut facts, &root, document.index, document.start_line, ""),
            Err(error) if scan::names_flux(bytes) => facts.problems.push(FileProblem {
                line: error.line,
                reason: Reason::InvalidDocument,
                message: broken(bytes, &error.message),
            }),
            Err(_) => {}
        }
    }
    if !facts.documents.is_empty() {
        facts.markers = scan::markers(bytes);
    }
    facts
}

fn broken(bytes: &[u8], message: &str) -> String {
    if scan::looks_like_template(bytes) {
        format!("skipped: a template that is not YAML ({message})")
    } else {
        format!("not YAML: {message}")
    }
}

/// One object, or the items of a List.
fn object(facts: &mut FileFacts, root: &Node, document: usize, start_line: u32, prefix: &str) {
    if facts.documents.len() >= MAX_DOCUMENTS_KEPT {
        return;
    }
    if root.get("kind").and_then(Node::text).is_some_and(|kind| kind.ends_with("List")) && root.get("items").is_some() {
        for (number, item) in root.get("items").map(Node::items).unwrap_or_default().iter().enumerate() {
            if prefix.is_empty() {
                object(facts, item, document, item.line, &format!("items[{number}]."));
            }
        }
        return;
    }
    let Some(kind) = kind_of(root) else { return };
    let line = root.key_node("kind").map_or(start_line, |key| key.line);
    let entry = |kind, tree: &Node, line, prefix: String, resource_set| DocumentFacts {
        kind,
        document,
        line,
        encrypted: root.get("sops").is_some_and(|sops| !sops.entries().is_empty()),
        resource_set,
        tree: prune::prune(kind, tree),
        sites: sites(kind, tree, document, &prefix),
        prefix,
    };
    facts.documents.push(entry(kind, root, line, prefix.to_owned(), None));
    if kind == Kind::ResourceSet {
        let set = root.at("metadata.name").and_then(Node::text).unwrap_or_default().to_owned();
        let templates = root.at("spec.resources").map(Node::items).unwrap_or_default();
        for (number, template) in templates.iter().enumerate() {
            let Some(kind) = kind_of(template).filter(|kind| *kind != Kind::ResourceSet) else { continue };
            let line = template.key_node("kind").map_or(template.line, |key| key.line);
            let prefix = format!("{prefix}spec.resources[{number}].");
            facts.documents.push(entry(kind, template, line, prefix, Some(set.clone())));
        }
    }
}

/// What an object is, by group and kind; every version of a group counts (Flux rule 16).
fn kind_of(root: &Node) -> Option<Kind> {
    if let NodeKind::Sequence(items) = &root.kind {
        let operation = |item: &Node| item.get("op").is_some() && item.get("path").is_some();
        return items.first().filter(|item| operation(item)).map(|_| Kind::JsonPatch);
    }
    let Some(kind) = root.get("kind").and_then(Node::text) else {
        let known = |key: &str| root.own_entry(key).is_some();
        return KUSTOMIZATION_KEYS.iter().any(|key| known(key)).then_some(Kind::Kustomization);
    };
    let api_version = root.get("apiVersion").and_then(Node::text).unwrap_or_default();
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let of = |wanted: &str, kind: Kind| (group == wanted || group.is_empty()).then_some(kind);
    let source = |kind: Kind| of("source.toolkit.fluxcd.io", kind);
    match kind {
        "HelmRelease" if group == "helm.fluxcd.io" => Some(Kind::HelmReleaseFlux1),
        "HelmRelease" => of("helm.toolkit.fluxcd.io", Kind::HelmRelease),
        "HelmChart" => source(Kind::HelmChart),
        "HelmRepository" => source(Kind::HelmRepository),
        "OCIRepository" => source(Kind::OciRepository),
        "GitRepository" => source(Kind::GitRepository),
        "Bucket" => source(Kind::Bucket),
        "ExternalArtifact" => source(Kind::ExternalArtifact),
        "ArtifactGenerator" => of("source.extensions.fluxcd.io", Kind::ArtifactGenerator),
        "FluxInstance" => of("fluxcd.controlplane.io", Kind::FluxInstance),
        "ResourceSet" => of("fluxcd.controlplane.io", Kind::ResourceSet),
        "Kustomization" if group == "kustomize.toolkit.fluxcd.io" => Some(Kind::FluxKustomization),
        "Kustomization" | "Component" => of("kustomize.config.k8s.io", Kind::Kustomization),
        "ConfigMap" if api_version == "v1" => Some(Kind::ConfigMap),
        _ => None,
    }
}

/// The routes at which an object of a kind holds its version.
fn version_routes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::HelmRelease => &["spec.chart.spec.version"],
        Kind::HelmChart => &["spec.version"],
        Kind::OciRepository | Kind::GitRepository => &["spec.ref.tag", "spec.ref.semver"],
        _ => &[],
    }
}

fn sites(kind: Kind, tree: &Node, document: usize, prefix: &str) -> Vec<(String, SiteFacts)> {
    let routes = version_routes(kind).iter();
    routes.filter_map(|route| Some(((*route).to_owned(), site(tree, route, document, prefix)?))).collect()
}

fn site(tree: &Node, route: &str, document: usize, prefix: &str) -> Option<SiteFacts> {
    let node = tree.at(route)?;
    let text = node.text()?;
    let style = match &node.kind {
        NodeKind::Scalar { style, .. } => *style,
        _ => return None,
    };
    let refuse = |refusal: &str| Some(SiteFacts { site: None, refusal: refusal.to_owned(), shared: Vec::new() });
    if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
        return refuse("it is a block scalar");
    }
    let site = Site {
        file: String::new(),
        line: node.line,
        column: node.column,
        path: format!("{prefix}{route}"),
        start: node.start as usize,
        end: node.end as usize,
        text: text.to_owned(),
        document,
    };
    Some(SiteFacts { site: Some(site), refusal: String::new(), shared: Vec::new() })
}
