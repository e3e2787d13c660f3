//! Flux Kustomizations: which directory of this repository each one builds, if any (Flux rules 23 and 24), and what it
//! adds to the kustomization.yaml there (Flux rule 11).

use super::artifact;
use super::build::FluxLayer;
use super::layer::{Layer, Object};
use super::patch::{Parsed, Reader};
use super::path;
use crate::inventory::{DocumentFacts, Inventory, Kind, same_repository};
use crate::model::Reason;
use crate::yaml::Node;
use std::collections::HashMap;

/// What a Flux Kustomization builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    /// A directory of this repository; where that was assumed, why.
    Here {
        /// The directory.
        directory: String,
        /// Why membership of this repository is an assumption.
        assumed: Option<String>,
    },
    /// A path inside an artifact that an ArtifactGenerator makes of this repository: the directory it stands for.
    Artifact {
        /// The directory in Git.
        directory: String,
        /// The artifact's name.
        artifact: String,
    },
    /// Something else.
    Away {
        /// The code.
        reason: Reason,
        /// For a person.
        message: String,
    },
}

impl Reach {
    /// The directory, where there is one.
    pub(super) fn directory(&self) -> Option<&str> {
        match self {
            Self::Here { directory, .. } | Self::Artifact { directory, .. } => Some(directory),
            Self::Away { .. } => None,
        }
    }
}

/// Judges Flux Kustomizations of one tree.
pub(super) struct Judge<'a> {
    inventory: &'a Inventory,
    /// Namespace and URL of every GitRepository in the tree, by name.
    git: HashMap<&'a str, Vec<(&'a str, &'a str)>>,
    /// This repository's URL: told, or that of a Kustomization which builds the file it stands in.
    pub(super) url: Option<String>,
    /// The URL was not told.
    inferred: bool,
}

impl<'a> Judge<'a> {
    pub(super) fn new(inventory: &'a Inventory) -> Self {
        let mut git: HashMap<&str, Vec<(&str, &str)>> = HashMap::new();
        for (_, _, facts) in inventory.of_kind(Kind::GitRepository) {
            if let Some(url) = facts.text("spec.url").filter(|url| !url.contains("${")) {
                git.entry(facts.name()).or_default().push((facts.namespace(), url));
            }
        }
        // A place on this disk that no GitRepository names says nothing of where Flux fetches from (Flux rule 24).
        let named =
            |url: &String| !url.starts_with("file://") || git.values().flatten().any(|(_, theirs)| theirs == url);
        let url = inventory.repository_url.clone().filter(named);
        let mut judge = Self { inventory, git, url, inferred: false };
        if judge.url.is_none() {
            judge.url = judge.own_url();
            judge.inferred = judge.url.is_some();
        }
        judge
    }

    /// Bootstrap leaves a Kustomization that builds the directory it stands in: its GitRepository is this repository.
    fn own_url(&self) -> Option<String> {
        let mut urls = self.inventory.of_kind(Kind::FluxKustomization).filter_map(|(file, _, facts)| {
            let directory = path::join("", facts.text("spec.path")?).filter(|directory| !directory.is_empty())?;
            path::within(&directory, self.inventory.path(file)).then(|| self.url_of(facts))?
        });
        let first = urls.next()?;
        urls.all(|other| same_repository(&first, &other)).then_some(first)
    }

    /// The URL of the GitRepository that a Kustomization names, where it is in the tree.
    fn url_of(&self, facts: &DocumentFacts) -> Option<String> {
        let (kind, name, namespace) = source_ref(facts);
        let fits = |a: &str, b: &str| a.is_empty() || b.is_empty() || a == b;
        let named = self.git.get(name).filter(|_| kind == "GitRepository")?;
        let mut fitting = named.iter().filter(|(own, _)| fits(own, namespace)).map(|(_, url)| *url);
        let first = fitting.next()?;
        // Every cluster of a repository has its own `flux-system`: one that is this repository counts.
        let ours = |url: &&str| self.url.as_deref().is_some_and(|ours| same_repository(ours, url));
        let chosen = if ours(&first) { first } else { fitting.find(ours).unwrap_or(first) };
        Some(chosen.to_owned())
    }

    /// Where a Kustomization leads.
    pub(super) fn reach(&self, facts: &DocumentFacts) -> Reach {
        let (kind, name, _) = source_ref(facts);
        let written = facts.text("spec.path").unwrap_or_default();
        let away = |reason, message: String| Reach::Away { reason, message };
        let what = format!("Kustomization {}", facts.name());
        if written.contains("${") || name.contains("${") {
            let message = format!("{what}: its path or source hangs on substitution ({written} of {kind} {name})");
            return away(Reason::VersionInSubstitution, message);
        }
        let Some(directory) = path::join("", written) else {
            return away(Reason::OutOfReach, format!("{what}: its path {written} leads out of the repository"));
        };
        match kind {
            "GitRepository" => self.in_git(facts, name, directory),
            "ExternalArtifact" => match artifact::directory(self.inventory, name, &directory) {
                Some(directory) => Reach::Artifact { directory, artifact: name.to_owned() },
                None => away(
                    Reason::ArtifactGenerator,
                    format!("{what}: its path {written} in ExternalArtifact {name} could not be led back to Git"),
                ),
            },
            _ => away(Reason::OutOfReach, format!("{what} builds {kind} {name}, not this repository")),
        }
    }

    fn in_git(&self, facts: &DocumentFacts, name: &str, directory: String) -> Reach {
        let exists = self.inventory.directory(&directory).is_some();
        let what = format!("Kustomization {}", facts.name());
        let away = |message: String| Reach::Away { reason: Reason::OutOfReach, message };
        match (self.url_of(facts), &self.url) {
            (Some(theirs), Some(ours)) if same_repository(&theirs, ours) => {
                let assumed = self.inferred.then(|| format!("this folder is taken for a checkout of {ours}"));
                Reach::Here { directory, assumed }
            }
            (Some(theirs), Some(_)) => away(format!("{what} builds another repository, {theirs}")),
            // The root of any repository exists: that proves nothing.
            (Some(theirs), None) if directory.is_empty() => {
                away(format!("{what} builds {theirs}; whether that is this repository is not known"))
            }
            _ if exists => {
                let assumed = Some(format!("GitRepository {name} is taken for this repository: the path exists here"));
                Reach::Here { directory, assumed }
            }
            _ => away(format!(
                "{what} builds {directory} of GitRepository {name}; no such path is in the tree that was read"
            )),
        }
    }
}

/// Kind, name and namespace of `spec.sourceRef`; the namespace defaults to the Kustomization's.
fn source_ref(facts: &DocumentFacts) -> (&str, &str, &str) {
    let namespace = facts.text("spec.sourceRef.namespace").unwrap_or_else(|| facts.namespace());
    let kind = facts.text("spec.sourceRef.kind").unwrap_or("GitRepository");
    (kind, facts.text("spec.sourceRef.name").unwrap_or_default(), namespace)
}

/// What a Kustomization adds on top, with the patches that its parents gave it.
pub(super) fn layer(inventory: &Inventory, object: &Object<'_>, parsed: &Parsed) -> FluxLayer {
    let facts = object.facts;
    let text = |route: &str| facts.text(route).map(str::to_owned);
    let reader = |file| Reader { inventory, file, directory: None, parsed };
    let mut patches =
        facts.tree.get("spec").map(|spec| reader(inventory.path(object.at.0)).patches(spec)).unwrap_or_default();
    for (origin, spec) in &object.given {
        let mut given = reader("").patches(spec);
        for patch in &mut given {
            patch.origin = origin.to_string();
        }
        patches.extend(given);
    }
    let components = facts.tree.at("spec.components").map(Node::items).unwrap_or_default();
    FluxLayer {
        layer: Layer {
            namespace: text("spec.targetNamespace"),
            prefix: text("spec.namePrefix").unwrap_or_default(),
            suffix: text("spec.nameSuffix").unwrap_or_default(),
            patches,
            ..Layer::default()
        },
        components: components.iter().filter_map(|node| node.text().map(str::to_owned)).collect(),
    }
}
