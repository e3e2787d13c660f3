//! Flux Kustomizations: which directory of this repository each one builds, if any (Flux rules 23 and 24), and what it
//! adds to the kustomization.yaml there (Flux rule 11).

use super::artifact::{self, Artifact};
use super::build::{FluxLayer, View, texts};
use super::layer::{Layer, Said};
use super::left_out::{self, Seen};
use super::neighbours::{ClusterId, Neighbours};
use super::object::{Object, Place};
use super::patch::{Parsed, Reader};
use super::path;
use super::value::Ref;
use crate::inventory::{DocumentFacts, Inventory, Kind, same_repository};
use crate::model::{Reason, shown};
use crate::yaml::Node;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What a Flux Kustomization builds.
#[derive(Debug, Clone)]
pub(super) enum Reach {
    /// A directory of this repository; where that was assumed, why.
    Here {
        /// The directory.
        directory: String,
        /// Why membership of this repository is an assumption.
        assumed: Option<String>,
        /// What is seen of the tree, where the source leaves out some of it.
        seen: Option<Arc<Seen>>,
        /// Where the source itself is suspended, so that no commit arrives.
        stopped: Option<String>,
    },
    /// A path inside an artifact that an ArtifactGenerator makes of this repository.
    Artifact {
        /// The directory in the artifact.
        directory: String,
        /// The artifact.
        artifact: Arc<Artifact>,
    },
    /// Another repository of the fleet, whose own pass builds it.
    Elsewhere {
        /// By number.
        members: Vec<u32>,
    },
    /// Something else.
    Away {
        /// The code.
        reason: Reason,
        /// For a person.
        message: String,
        /// Where its source has another URL than this repository and yet its path is one here: the directory. Nobody
        /// knows whether both URLs are one place, so nothing in it may be read as a plain folder.
        claims: Option<String>,
    },
}

impl Reach {
    /// Whether it builds something that is in the tree.
    pub(super) fn is_here(&self) -> bool {
        matches!(self, Self::Here { .. } | Self::Artifact { .. })
    }

    /// Whether both are the same directory of this repository, for the same reason.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Here { directory, assumed, seen, stopped },
                Self::Here { directory: theirs, assumed: why, seen: their_view, stopped: their_stop },
            ) => {
                (directory, assumed, stopped) == (theirs, why, their_stop)
                    && back(seen.as_ref()) == back(their_view.as_ref())
            }
            _ => false,
        }
    }

    /// The tree that it is built from, where that is not the repository's.
    pub(super) fn tree(&self) -> Option<&Arc<Artifact>> {
        match self {
            Self::Artifact { artifact, .. } => Some(artifact),
            Self::Here { seen, .. } => seen.as_ref().map(|seen| &seen.artifact),
            Self::Elsewhere { .. } | Self::Away { .. } => None,
        }
    }
}

/// Which files of the repository are seen; their paths are the repository's.
fn back(seen: Option<&Arc<Seen>>) -> Option<&[usize]> {
    seen.map(|seen| seen.artifact.back.as_slice())
}

/// Artifacts by the cluster that asks, namespace and name.
type Artifacts = HashMap<(String, String, String), Result<Arc<Artifact>, String>>;

/// What is seen of the tree, by the `spec.ignore` of the GitRepository, and where that stands.
type Views = HashMap<Option<(String, String)>, Option<Arc<Seen>>>;

/// Judges Flux Kustomizations of one tree.
pub(super) struct Judge<'a> {
    inventory: &'a Inventory,
    neighbours: &'a Neighbours,
    /// The clusters of others in which this repository is built, as its rows call them.
    clusters: HashMap<String, ClusterId>,
    /// Namespace and URL of every GitRepository in the tree, by name.
    git: HashMap<&'a str, Vec<(&'a str, &'a str)>>,
    /// This repository's URL: told, or that of a Kustomization which builds the file it stands in.
    pub(super) url: Option<String>,
    /// The URL was not told.
    inferred: bool,
    artifacts: RefCell<Artifacts>,
    views: RefCell<Views>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(inventory: &'a Inventory, neighbours: &'a Neighbours) -> Self {
        let mut git: HashMap<&str, Vec<(&str, &str)>> = HashMap::new();
        for (_, _, facts) in inventory.of_kind(Kind::GitRepository) {
            if let Some(url) = facts.text("spec.url").filter(|url| !url.contains("${")) {
                git.entry(facts.name()).or_default().push((facts.namespace(), url));
            }
        }
        // A place on this disk that no GitRepository names says nothing of where Flux fetches from (Flux rule 24).
        let linked = neighbours.links().next().is_some();
        let named = |url: &String| {
            linked || !url.starts_with("file://") || git.values().flatten().any(|(_, theirs)| theirs == url)
        };
        let url = inventory.repository_url.clone().filter(named);
        let clusters =
            neighbours.links().map(|link| (neighbours.called(&link.cluster), link.cluster.clone())).collect();
        let (artifacts, views) = (RefCell::default(), RefCell::default());
        let mut judge = Self { inventory, neighbours, clusters, git, url, inferred: false, artifacts, views };
        if judge.url.is_none() {
            judge.url = judge.own_url();
            judge.inferred = judge.url.is_some();
        }
        judge
    }

    /// Bootstrap leaves a Kustomization that builds the directory it stands in: its GitRepository is this repository.
    fn own_url(&self) -> Option<String> {
        let mut urls = self.inventory.of_kind(Kind::FluxKustomization).filter_map(|(file, _, facts)| {
            let directory = Some(path::clamped(facts.text("spec.path")?)).filter(|directory| !directory.is_empty())?;
            let kustomization = Object::new((file, 0), facts);
            path::within(&directory, self.inventory.path(file)).then(|| self.url_of(&kustomization))?
        });
        let first = urls.next()?;
        urls.all(|other| same_repository(&first, &other)).then_some(first)
    }

    /// The URL of the GitRepository that a Kustomization names, where it is in the tree.
    fn url_of(&self, object: &Object) -> Option<String> {
        let (kind, name, namespace) = source_ref(object);
        if kind == "GitRepository" { self.url_named(name, namespace) } else { None }
    }

    /// The cluster, as the whole fleet knows it.
    pub(super) fn cluster_id(&self, cluster: &str) -> ClusterId {
        let home = self.neighbours.own.as_ref().map_or(0, |own| own.number);
        self.clusters.get(cluster).cloned().unwrap_or_else(|| ClusterId { home, directory: Arc::from(cluster) })
    }

    /// The GitRepositories of a name that other repositories build in a cluster.
    fn abroad(&self, name: &str, namespace: &str, cluster: &str) -> impl Iterator<Item = &'a Object> {
        let key = (Kind::GitRepository, namespace.to_owned(), name.to_owned());
        let cluster = self.cluster_id(cluster);
        let shown = self.neighbours.read().filter_map(move |published| published.sources.get(&key)).flatten();
        shown.filter(move |shown| shown.cluster.as_ref() == Some(&cluster)).map(|shown| &*shown.built.object)
    }

    /// The URL of a GitRepository that another repository builds in a cluster.
    fn url_abroad(&self, name: &str, namespace: &str, cluster: &str) -> Option<String> {
        let mut urls = self.abroad(name, namespace, cluster).filter_map(|object| object.text("spec.url"));
        let first = urls.next()?;
        urls.all(|other| same_repository(first, other)).then(|| first.to_owned())
    }

    fn url_named(&self, name: &str, namespace: &str) -> Option<String> {
        let fits = |a: &str, b: &str| a.is_empty() || b.is_empty() || a == b;
        let named = self.git.get(name)?;
        let mut fitting = named.iter().filter(|(own, _)| fits(own, namespace)).map(|(_, url)| *url);
        let first = fitting.next()?;
        // Every cluster of a repository has its own `flux-system`: one that is this repository counts.
        let ours = |url: &&str| self.url.as_deref().is_some_and(|ours| same_repository(ours, url));
        let chosen = if ours(&first) { first } else { fitting.find(ours).unwrap_or(first) };
        Some(chosen.to_owned())
    }

    /// Where a Kustomization of a cluster leads.
    pub(super) fn reach(&self, object: &Object, cluster: &str) -> Reach {
        let (kind, name, namespace) = source_ref(object);
        let written = object.text("spec.path").unwrap_or_default();
        let away = |reason, message: String| Reach::Away { reason, message, claims: None };
        let what = format!("Kustomization {}", object.name());
        if written.contains("${") || name.contains("${") {
            let message = format!("{what}: its path or source hangs on substitution ({written} of {kind} {name})");
            return away(Reason::VersionInSubstitution, message);
        }
        let directory = path::clamped(written);
        match kind {
            // What the operator makes is this repository's, or it is not made (`instance.rs`).
            _ if self.is_synced(object) => {
                let assumed = self.url.is_none().then(|| {
                    let url = self.inventory.documents(object.at.0).get(object.at.1);
                    let url = url.and_then(|facts| facts.text("spec.sync.url")).unwrap_or_default();
                    format!("{} is taken for this repository: the path exists here", shown(url))
                });
                Reach::Here { directory, assumed, seen: self.seen(None), stopped: None }
            }
            // It came here because another repository's Kustomization leads to this one.
            _ if self.inventory.is_elsewhere(object.at.0) => {
                let (assumed, seen) = self.sight(name, namespace, cluster);
                Reach::Here { directory, assumed, seen, stopped: self.stopped(name, namespace, cluster) }
            }
            "GitRepository" => {
                let url = self.url_of(object).or_else(|| self.url_abroad(name, namespace, cluster));
                let members = url.as_deref().map(|url| self.neighbours.at_url(url)).unwrap_or_default();
                if members.is_empty() {
                    self.in_git(object, cluster, directory, url)
                } else {
                    Reach::Elsewhere { members }
                }
            }
            "ExternalArtifact" => match self.artifact(name, namespace, cluster) {
                Ok(artifact) if artifact.tree.directory(&directory).is_some() => {
                    Reach::Artifact { directory, artifact }
                }
                Ok(_) => away(
                    Reason::ArtifactGenerator,
                    format!("{what}: nothing of this repository lies at {written} in ExternalArtifact {name}"),
                ),
                Err(why) => away(
                    Reason::ArtifactGenerator,
                    format!(
                        "{what}: its path {written} in ExternalArtifact {name} could not be led back to Git: {why}"
                    ),
                ),
            },
            _ => away(Reason::OutOfReach, format!("{what} builds {kind} {name}, not this repository")),
        }
    }

    /// Whether the Flux Operator makes it.
    fn is_synced(&self, object: &Object) -> bool {
        let written = self.inventory.documents(object.at.0).get(object.at.1);
        written.is_some_and(|facts| facts.kind == Kind::FluxInstance)
    }

    fn artifact(&self, name: &str, namespace: &str, cluster: &str) -> Result<Arc<Artifact>, String> {
        let key = (cluster.to_owned(), namespace.to_owned(), name.to_owned());
        if let Some(known) = self.artifacts.borrow().get(&key) {
            return known.clone();
        }
        let ours = |source: &Node, home: &str| {
            let text = |key: &str| source.get(key).and_then(Node::text);
            let namespace = text("namespace").unwrap_or(home);
            let name = text("name").unwrap_or_default();
            let ours = text("kind") == Some("GitRepository")
                && match (self.url_named(name, namespace), &self.url) {
                    (Some(theirs), Some(ours)) => same_repository(&theirs, ours),
                    // As for a Kustomization: what is not known is taken for this repository.
                    _ => true,
                };
            ours.then(|| self.sight(name, namespace, cluster).1)
        };
        let wanted = artifact::Wanted { namespace, name, cluster };
        let composed = artifact::compose(self.inventory, wanted, &ours).map(Arc::new);
        self.artifacts.borrow_mut().insert(key, composed.clone());
        composed
    }

    /// The GitRepositories of a name that may be this repository's: those of the cluster's own directory, if there are
    /// any.
    fn own_sources(&self, name: &str, namespace: &str, cluster: &str) -> Vec<(usize, &'a DocumentFacts)> {
        let fits = |facts: &DocumentFacts| {
            let own = facts.namespace();
            facts.name() == name && (own.is_empty() || namespace.is_empty() || own == namespace)
        };
        let ours = |facts: &DocumentFacts| match (facts.text("spec.url"), &self.url) {
            (Some(theirs), Some(ours)) => same_repository(theirs, ours),
            _ => true,
        };
        let all = self.inventory.of_kind(Kind::GitRepository).filter(|(_, _, facts)| fits(facts) && ours(facts));
        let mut all: Vec<_> = all.map(|(file, _, facts)| (file, facts)).collect();
        let here = |file: usize| !cluster.is_empty() && path::within(cluster, self.inventory.path(file));
        if all.iter().any(|(file, _)| here(*file)) {
            all.retain(|(file, _)| here(*file));
        }
        all
    }

    /// What Flux sees of this repository by a GitRepository: where that is not the branch, a word on it; and the tree,
    /// where it is not all of it.
    fn sight(&self, name: &str, namespace: &str, cluster: &str) -> (Option<String>, Option<Arc<Seen>>) {
        let own = self.own_sources(name, namespace, cluster);
        let mut said: Vec<String> = own.iter().find_map(|(_, facts)| otherwise(facts)).into_iter().collect();
        let written = own.iter().map(|(file, facts)| {
            let node = left_out::of_spec(&facts.tree)?;
            Some((node.text()?.to_owned(), format!("spec.ignore at {}:{}", self.inventory.path(*file), node.line)))
        });
        let abroad = self.abroad(name, namespace, cluster).map(|object| {
            Some((object.text("spec.ignore")?.to_owned(), format!("spec.ignore of GitRepository {name}")))
        });
        let mut ignores: Vec<Option<(String, String)>> =
            if own.is_empty() { abroad.collect() } else { written.collect() };
        ignores.dedup_by(|a, b| a.as_ref().map(|a| &a.0) == b.as_ref().map(|b| &b.0));
        let ignore = match ignores.as_slice() {
            [] => None,
            [Some((text, _))] if text.contains("${") => {
                said.push(format!("the spec.ignore of GitRepository {name} hangs on substitution and is not followed"));
                None
            }
            [one] => one.clone(),
            _ => {
                said.push(format!("several GitRepositories {name} have each their own spec.ignore: none is followed"));
                None
            }
        };
        ((!said.is_empty()).then(|| said.join("; ")), self.seen(ignore))
    }

    /// Whether the GitRepository of a name is suspended (Flux rule 21), for a person.
    fn stopped(&self, name: &str, namespace: &str, cluster: &str) -> Option<String> {
        let told = |place: &str| format!("spec.suspend of the GitRepository {name} is true{place}");
        let own = self.own_sources(name, namespace, cluster).into_iter().find_map(|(file, facts)| {
            let place = || format!(" ({}:{})", self.inventory.path(file), facts.line);
            Object::new((file, 0), facts).is_true("spec.suspend").then(|| told(&place()))
        });
        own.or_else(|| self.abroad(name, namespace, cluster).find(|o| o.is_true("spec.suspend")).map(|_| told("")))
    }

    /// The tree as a GitRepository of this repository with this `spec.ignore` gives it; nothing where it is all there.
    pub(super) fn seen(&self, ignore: Option<(String, String)>) -> Option<Arc<Seen>> {
        if let Some(known) = self.views.borrow().get(&ignore) {
            return known.clone();
        }
        let spec = ignore.as_ref().map(|(text, place)| (text.as_str(), place.as_str()));
        let seen = left_out::seen(self.inventory, spec).map(Arc::new);
        self.views.borrow_mut().insert(ignore, seen.clone());
        seen
    }

    /// Files that are left out of what Flux sees, by whichever source, and by what.
    pub(super) fn hidden(&self) -> BTreeMap<usize, String> {
        let views = self.views.borrow();
        let mut hidden = BTreeMap::new();
        for (file, why) in views.values().flatten().flat_map(|seen| &seen.hidden) {
            let told: &mut String = hidden.entry(*file).or_insert_with(|| why.clone());
            if why < told {
                told.clone_from(why);
            }
        }
        hidden
    }

    fn in_git(&self, object: &Object, cluster: &str, directory: String, url: Option<String>) -> Reach {
        let (_, name, namespace) = source_ref(object);
        let here = |assumed: Option<String>| {
            let (otherwise, seen) = self.sight(name, namespace, cluster);
            let all: Vec<String> = assumed.into_iter().chain(otherwise).collect();
            let assumed = (!all.is_empty()).then(|| all.join("; "));
            let stopped = self.stopped(name, namespace, cluster);
            Reach::Here { directory: directory.clone(), assumed, seen, stopped }
        };
        let exists = self.inventory.directory(&directory).is_some();
        let what = format!("Kustomization {}", object.name());
        let away = |message: String| Reach::Away { reason: Reason::OutOfReach, message, claims: None };
        match (url, &self.url) {
            (Some(theirs), Some(ours)) if same_repository(&theirs, ours) => {
                here(self.inferred.then(|| format!("this folder is taken for a checkout of {ours}")))
            }
            (Some(theirs), Some(ours)) => {
                let file = self.inventory.path(object.at.0);
                if self.claims(&directory, file) {
                    Reach::Away {
                        reason: Reason::OutOfReach,
                        message: format!("{what} builds {}", two_urls(&theirs, ours)),
                        claims: Some(directory),
                    }
                } else {
                    away(format!("{what} builds another repository, {}", shown(&theirs)))
                }
            }
            // The root of any repository exists: that proves nothing.
            (Some(theirs), None) if directory.is_empty() => {
                away(format!("{what} builds {theirs}; whether that is this repository is not known"))
            }
            _ if exists => {
                here(Some(format!("GitRepository {name} is taken for this repository: the path exists here")))
            }
            _ => away(format!(
                "{what} builds {directory} of GitRepository {name}; no such path is in the tree that was read"
            )),
        }
    }
}

impl Judge<'_> {
    /// Whether a directory that a source of another URL is built from may be meant here: it exists, and it is not the
    /// root, which every repository has; but for what bootstrap leaves beside its own GitRepository.
    pub(super) fn claims(&self, directory: &str, file: &str) -> bool {
        let bootstrap = file.rsplit('/').next() == Some("gotk-sync.yaml");
        self.inventory.directory(directory).is_some() && (!directory.is_empty() || bootstrap)
    }

    /// Whether a URL leads to another configured repository.
    pub(super) fn is_member(&self, url: &str) -> bool {
        !self.neighbours.at_url(url).is_empty()
    }
}

/// What a GitRepository shows that is not a branch: `spec.ref` in the order of source-controller.
fn otherwise(facts: &DocumentFacts) -> Option<String> {
    let at = |field: &str| {
        let value = facts.text(&format!("spec.ref.{field}")).filter(|value| !value.starts_with("refs/heads/"))?;
        Some(format!("is at the {field} {value}: Flux sees that state, and what is merged only when it moves on"))
    };
    let fixed = ["commit", "name", "semver", "tag"].into_iter().find_map(at)?;
    Some(format!("GitRepository {} {fixed}", facts.name()))
}

/// What is said where a source's URL is not this repository's, and its path is one here.
pub(super) fn two_urls(theirs: &str, ours: &str) -> String {
    format!(
        "{}, and this repository is {}: if both are one place, write one host and path in both, in the source in Git \
         or in `repositories`",
        shown(theirs),
        shown(ours)
    )
}

/// Kind, name and namespace of `spec.sourceRef`; the namespace defaults to the Kustomization's.
pub(super) fn source_ref(object: &Object) -> (&str, &str, &str) {
    let namespace = object.text("spec.sourceRef.namespace").unwrap_or_else(|| object.namespace());
    let kind = object.text("spec.sourceRef.kind").unwrap_or("GitRepository");
    (kind, object.text("spec.sourceRef.name").unwrap_or_default(), namespace)
}

/// What a Kustomization adds on top.
pub(super) fn layer(view: &View<'_>, object: &Object, file: &Arc<str>, parsed: &Parsed) -> FluxLayer {
    let spec = object.get("spec");
    let said = |key: &str| -> Option<Said> {
        let node = spec?.get(key)?;
        let line = node.line().map_or(object.line, |(_, line)| line);
        let text = node.text().filter(|text| !text.is_empty())?;
        Some((Arc::from(text), Place { file: file.clone(), line }))
    };
    let reader = Reader { view, file, line: object.line, directory: None, component: false, parsed };
    FluxLayer {
        layer: Layer::of_flux(
            [said("targetNamespace"), said("namePrefix"), said("nameSuffix")],
            spec.map(|spec| reader.patches(spec)).unwrap_or_default(),
        ),
        components: texts(object.get("spec.components")),
        ignore_missing: object.is_true("spec.ignoreMissingComponents"),
        place: Some(Place { file: file.clone(), line: object.line }),
    }
}

/// `spec.commonMetadata` of a Flux Kustomization or a ResourceSet: set on everything that is applied, over what is there, after substitution, so that it switches
/// no substitution off. Only annotations of Davit's own have a say in anything.
pub(super) fn common_metadata(kustomization: &Object, objects: &mut [Object]) {
    let all = kustomization.get("spec.commonMetadata.annotations").map(Ref::pairs).unwrap_or_default();
    let own: Vec<_> = all.into_iter().filter(|(key, _)| key.starts_with("davit.dev/")).collect();
    if own.is_empty() {
        return;
    }
    for object in objects.iter_mut().filter(|object| object.template.is_none()) {
        for (key, value) in &own {
            object.tree_mut().set_at(&["metadata", "annotations", key], value.to_value());
        }
    }
}
