//! The bytes of one file become facts. Reads every document, keeps those of a known kind, and says of the broken ones
//! what is wrong; a broken document costs that document.

use super::facts::{DocumentFacts, FileFacts, FileProblem, Kind, Strange, Template};
use super::{env_file, ignore_file, prune, scan, sites};
use crate::model::Reason;
use crate::yaml::{self, Node, NodeKind, Route, Survey};
use std::collections::HashSet;

/// Most objects of one file that are kept.
pub const MAX_DOCUMENTS_KEPT: usize = 20_000;

/// Keys of which a kustomization.yaml without `apiVersion` and `kind` has at least one at its top.
const KUSTOMIZATION_KEYS: [&str; 16] = [
    "resources",
    "bases",
    "components",
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
    "namespace",
    "namePrefix",
    "nameSuffix",
    "replacements",
    "transformers",
    "generators",
    "configurations",
    "configMapGenerator",
    "images",
    "helmCharts",
];

/// Whether a file of this name is read: YAML, JSON, `Kustomization` (the third name that kustomize knows), variables of a
/// generator (`.env`), what Flux leaves out (`.sourceignore`), and what decides beside Chart.yaml which dependencies are packaged: a lock, and archives in `charts/`, of which only the name
/// counts.
pub fn reads(path: &str) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    let vendored = || directory == "charts" || directory.ends_with("/charts");
    matches!(name, "Kustomization" | "Chart.lock" | "requirements.lock")
        || ignore_file::is_ignore_file(name)
        || matches!(extension, Some("yaml" | "yml" | "json"))
        || yaml::is_env_file(path)
        || extension == Some("tgz") && vendored()
}

/// Reads a file. The facts depend on the bytes alone, so that equal blobs share them; but for a `.sourceignore`
/// ([`is_ignore_file`](super::is_ignore_file)), which its name alone tells from any other text.
pub fn read_file(path: &str, bytes: &[u8]) -> FileFacts {
    if ignore_file::is_ignore_file(path) {
        return ignore_file::read(bytes);
    }
    if let Some(facts) = env_file::read(bytes) {
        return facts;
    }
    let mut facts = FileFacts::default();
    if let Some(text) = utf16(bytes) {
        if scan::names_flux(&text) {
            let message = "it is UTF-16, which kustomize reads and Davit does not: store it as UTF-8".to_owned();
            facts.problems.push(FileProblem { line: 1, reason: Reason::InvalidDocument, message });
        }
        return facts;
    }
    if !scan::may_matter(bytes) {
        facts.strange = scan::kindless(bytes).map(|line| Strange { line, what: "it has no kind".to_owned() });
        return facts;
    }
    if let Some(line) = scan::directive(bytes) {
        let message =
            "a directive (`%`) at the head of a file, which kustomize takes for content: Flux refuses the file";
        if scan::names_flux(bytes) {
            facts.problems.push(FileProblem { line, reason: Reason::InvalidDocument, message: message.to_owned() });
        }
        return facts;
    }
    let (template, old_ends) = (scan::looks_like_template(bytes), scan::has_old_line_ends(bytes));
    for document in yaml::parse(bytes).documents {
        match document.root {
            Ok(Some(root)) if template && let Some(line) = scan::braces_as_key(&root) => {
                if scan::names_flux(bytes) || path.ends_with("Chart.yaml") {
                    facts.problems.push(FileProblem {
                        line,
                        reason: Reason::InvalidDocument,
                        message: broken(bytes, "braces without quotes are a mapping, and Flux takes none as a key"),
                    });
                }
            }
            Ok(Some(root)) if old_ends && let Some(line) = scan::comment_that_ends(bytes, &root) => {
                if scan::names_flux(bytes) {
                    let message = "a comment holds a line end of YAML 1.1 (U+0085, U+2028 or U+2029): Flux takes what is behind it for content";
                    facts.problems.push(FileProblem {
                        line,
                        reason: Reason::InvalidDocument,
                        message: message.to_owned(),
                    });
                }
            }
            Ok(Some(root)) => {
                if facts.strange.is_none() {
                    facts.strange = strange(&root, document.start_line);
                }
                let survey = Survey::new(&root);
                let (start_line, document) = (document.start_line, document.index);
                let first = HashSet::new();
                let mut reader = Reader { facts: &mut facts, bytes, survey: &survey, document, first };
                reader.objects(&root, start_line, &Route::root());
            }
            Err(error) if scan::names_flux(bytes) => facts.problems.push(FileProblem {
                line: error.line,
                reason: Reason::InvalidDocument,
                message: broken(bytes, &error.message),
            }),
            Ok(None) | Err(_) => {}
        }
    }
    facts.sites.sort_by_key(|site| site.start);
    facts.sites.dedup_by_key(|site| site.start);
    facts.embedded.sort_by_key(|(start, _)| *start);
    if !facts.documents.is_empty() {
        facts.markers = scan::markers(bytes);
    }
    facts
}

/// What a document lacks for kustomize to take it for an object. A List needs no name.
fn strange(root: &Node, start_line: u32) -> Option<Strange> {
    let lacks = |route: &str| root.at(route).and_then(Node::text).is_none_or(str::is_empty);
    let list = root.get("kind").and_then(Node::text).is_some_and(|kind| kind.ends_with("List"));
    let what = match &root.kind {
        NodeKind::Mapping(entries) if entries.is_empty() => return None,
        NodeKind::Mapping(_) if lacks("kind") => "it has no kind",
        NodeKind::Mapping(_) if lacks("metadata.name") && !list => "it has no metadata.name",
        NodeKind::Mapping(_) if lacks("apiVersion") => "it has no apiVersion",
        NodeKind::Mapping(_) => return None,
        NodeKind::Scalar { .. } | NodeKind::Sequence(_) => "it is no mapping",
    };
    Some(Strange { line: start_line, what: what.to_owned() })
}

/// The bytes of UTF-16 text by its mark, without the zeros that make it wide.
fn utf16(bytes: &[u8]) -> Option<Vec<u8>> {
    let wide = bytes.strip_prefix(b"\xff\xfe").or_else(|| bytes.strip_prefix(b"\xfe\xff"))?;
    Some(wide.iter().copied().filter(|byte| *byte != 0).collect())
}

fn broken(bytes: &[u8], message: &str) -> String {
    if scan::looks_like_template(bytes) {
        format!("skipped: a template that is not YAML ({message})")
    } else {
        format!("not YAML: {message}")
    }
}

/// Takes the objects out of one document.
struct Reader<'a, 'n> {
    facts: &'a mut FileFacts,
    bytes: &'a [u8],
    /// Of the whole document, however many objects it lists.
    survey: &'a Survey<'n>,
    document: usize,
    /// Places that are kept: through aliases many routes lead to one.
    first: HashSet<u32>,
}

impl<'n> Reader<'_, 'n> {
    /// An object, or the items of a List, which may be Lists in their turn.
    fn objects(&mut self, node: &Node, start_line: u32, route: &Route) {
        let listed = node.get("kind").and_then(Node::text).is_some_and(|kind| kind.ends_with("List"));
        match node.get("items").filter(|_| listed) {
            None => self.object(node, start_line, route, None),
            Some(items) => {
                let route = route.key("items");
                for (number, item) in items.items().iter().enumerate() {
                    if self.facts.documents.len() < MAX_DOCUMENTS_KEPT {
                        self.objects(item, item.line, &route.index(number));
                    }
                }
            }
        }
    }

    fn object(&mut self, node: &Node, start_line: u32, route: &Route, template: Option<Template>) {
        if self.facts.documents.len() >= MAX_DOCUMENTS_KEPT {
            return;
        }
        let Some(kind) = kind_of(node) else { return };
        self.keep(kind, node, start_line, template);
        let mut finder = self.finder();
        finder.object(kind, node, route);
        if kind == Kind::ResourceSet && template.is_none() {
            let (Some(spec), route) = (node.get("spec"), route.key("spec")) else { return };
            self.templates(spec, &route);
            let steps = route.key("steps");
            for (number, step) in spec.get("steps").map(Node::items).unwrap_or_default().iter().enumerate() {
                self.templates(step, &steps.index(number));
            }
        }
    }

    /// `resources` and `resourcesTemplate` of a ResourceSet, or of one of its steps (Flux rule 19).
    fn templates(&mut self, holder: &Node, route: &Route) {
        let resources = route.key("resources");
        for (number, node) in holder.get("resources").map(Node::items).unwrap_or_default().iter().enumerate() {
            self.object(node, node.line, &resources.index(number), Some(Template::Object));
        }
        let Some(text) = holder.get("resourcesTemplate") else { return };
        if let Err(why) = self.text_template(text, &route.key("resourcesTemplate")) {
            self.facts.problems.push(FileProblem {
                line: text.line,
                reason: Reason::ResourceSet,
                message: format!("what this resourcesTemplate makes is not followed: {why}"),
            });
        }
    }

    /// The documents of a `resourcesTemplate` that is YAML before it is filled in.
    fn text_template(&mut self, node: &Node, route: &Route) -> Result<(), String> {
        if let Some(form) = scan::block_of_template(node.text().unwrap_or_default()) {
            return Err(format!("it has the block <<{form}>>"));
        }
        let embedded = yaml::embedded_in(self.survey, "", self.bytes, self.document, route);
        let embedded = embedded.map_err(|problem| problem.message)?;
        for document in &embedded.stream.documents {
            let root = document.root.as_ref().map_err(|error| format!("it is not YAML: {}", error.message))?;
            let Some((root, kind)) = root.as_ref().and_then(|root| Some((root, kind_of(root)?))) else { continue };
            self.keep(kind, root, document.start_line, Some(Template::Text));
        }
        let mut finder = self.finder();
        finder.documents(&embedded);
        Ok(())
    }

    fn finder(&mut self) -> sites::Finder<'_, 'n> {
        sites::Finder {
            facts: self.facts,
            bytes: self.bytes,
            survey: self.survey,
            document: self.document,
            first: &mut self.first,
        }
    }

    fn keep(&mut self, kind: Kind, node: &Node, start_line: u32, template: Option<Template>) {
        self.facts.documents.push(DocumentFacts {
            kind,
            document: self.document,
            line: node.key_node("kind").map_or(start_line, |key| key.line),
            encrypted: yaml::is_sops(self.survey.root()),
            template,
            tree: prune::prune(kind, node),
        });
    }
}

/// What an object is, by group and kind; every version of a group counts (Flux rule 16).
pub fn kind_of(root: &Node) -> Option<Kind> {
    if let NodeKind::Sequence(items) = &root.kind {
        let operation = |item: &Node| item.get("op").is_some() && item.get("path").is_some();
        return items.first().filter(|item| operation(item)).map(|_| Kind::JsonPatch);
    }
    let Some(kind) = root.get("kind").and_then(Node::text) else {
        let known = |key: &str| root.own_entry(key).is_some();
        if is_configuration(root) {
            return Some(Kind::Configuration);
        }
        let kustomization = KUSTOMIZATION_KEYS.iter().any(|key| known(key)).then_some(Kind::Kustomization);
        return kustomization.or_else(|| has_dependencies(root).then_some(Kind::Chart));
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
        "ResourceSetInputProvider" => of("fluxcd.controlplane.io", Kind::ResourceSetInputProvider),
        "HelmChartInflationGenerator" => Some(Kind::ChartInflation),
        "Kustomization" if group == "kustomize.toolkit.fluxcd.io" => Some(Kind::FluxKustomization),
        "Kustomization" | "Component" => of("kustomize.config.k8s.io", Kind::Kustomization),
        "ConfigMap" if api_version == "v1" => Some(Kind::ConfigMap),
        "Secret" if api_version == "v1" => Some(Kind::Secret),
        _ => None,
    }
}

/// Dependencies as Helm writes them.
fn has_dependencies(root: &Node) -> bool {
    let list = root.get("dependencies").map(Node::items).unwrap_or_default();
    list.iter().any(|dependency| dependency.get("name").is_some())
}

/// Lists of fields under the names of kustomize's transformers.
fn is_configuration(root: &Node) -> bool {
    const LISTS: [&str; 7] =
        ["nameReference", "varReference", "namespace", "namePrefix", "nameSuffix", "commonLabels", "commonAnnotations"];
    LISTS.iter().any(|key| root.own_entry(key).is_some_and(|entry| !entry.value.items().is_empty()))
}
