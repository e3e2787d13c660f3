//! What the bytes of one file say. Depends on nothing else, so that it can be remembered by blob id across restarts.

use crate::model::{Reason, Site};
use crate::yaml::Node;

/// The documents of one file that have a say in a release, and what is wrong with the others.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct FileFacts {
    /// Documents of a known kind, in order; the items of a `kind: List` stand for themselves.
    pub documents: Vec<DocumentFacts>,
    /// Documents that could not be read.
    pub problems: Vec<FileProblem>,
    /// The first document that kustomize takes for no object.
    pub strange: Option<Strange>,
    /// Comments of other bots.
    pub markers: Vec<Marker>,
    /// Scalars that hold a version or may, by their first byte.
    pub sites: Vec<SiteFacts>,
    /// What scalars hold as YAML text (inline patches), by the scalar's first byte; positions are the file's.
    pub embedded: Vec<(u32, Vec<Node>)>,
}

impl FileFacts {
    /// Whether the file has no say in anything.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty() && self.problems.is_empty()
    }

    /// The scalar whose content starts at a byte, where it may hold a version.
    pub fn site(&self, start: u32) -> Option<&SiteFacts> {
        self.sites.binary_search_by_key(&start, |site| site.start).ok().and_then(|index| self.sites.get(index))
    }
}

/// The kinds of document that have a say. Every API version of a group is one kind (Flux rule 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// `helm.toolkit.fluxcd.io`
    HelmRelease,
    /// `helm.fluxcd.io`: of Flux 1, which no controller of Flux 2 reads.
    HelmReleaseFlux1,
    /// `source.toolkit.fluxcd.io`
    HelmChart,
    /// `source.toolkit.fluxcd.io`
    HelmRepository,
    /// `source.toolkit.fluxcd.io`
    OciRepository,
    /// `source.toolkit.fluxcd.io`
    GitRepository,
    /// `source.toolkit.fluxcd.io`
    Bucket,
    /// `source.toolkit.fluxcd.io`
    ExternalArtifact,
    /// `kustomize.toolkit.fluxcd.io`: what the documentation calls a Flux Kustomization.
    FluxKustomization,
    /// `source.extensions.fluxcd.io`
    ArtifactGenerator,
    /// `fluxcd.controlplane.io`
    FluxInstance,
    /// `fluxcd.controlplane.io`
    ResourceSet,
    /// `fluxcd.controlplane.io`
    ResourceSetInputProvider,
    /// `kustomize.config.k8s.io` Kustomization or Component, also one without `apiVersion` and `kind`. It counts only in
    /// a file of the right name.
    Kustomization,
    /// A list of JSON 6902 operations. It counts only where a kustomization names its file.
    JsonPatch,
    /// `v1` ConfigMap: its short values may feed substitution.
    ConfigMap,
    /// `v1` Secret: the names of its keys, never a value, say which variables Git does not show.
    Secret,
    /// kustomize's `configurations`: which fields its transformers reach. It counts only where a kustomization names its
    /// file.
    Configuration,
    /// A list `dependencies` without `kind`: Chart.yaml, requirements.yaml and their locks. It counts only in a file of
    /// the right name.
    Chart,
    /// kustomize's `HelmChartInflationGenerator`. It counts only where a kustomization names its file.
    ChartInflation,
    /// `KEY=value` lines of a file that a generator's `envs` names.
    EnvFile,
    /// The patterns of a `.sourceignore`.
    IgnoreFile,
}

impl Kind {
    /// The kind as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HelmRelease | Self::HelmReleaseFlux1 => "HelmRelease",
            Self::HelmChart => "HelmChart",
            Self::HelmRepository => "HelmRepository",
            Self::OciRepository => "OCIRepository",
            Self::GitRepository => "GitRepository",
            Self::Bucket => "Bucket",
            Self::ExternalArtifact => "ExternalArtifact",
            Self::FluxKustomization | Self::Kustomization => "Kustomization",
            Self::ArtifactGenerator => "ArtifactGenerator",
            Self::FluxInstance => "FluxInstance",
            Self::ResourceSet => "ResourceSet",
            Self::ResourceSetInputProvider => "ResourceSetInputProvider",
            Self::ChartInflation => "HelmChartInflationGenerator",
            Self::JsonPatch | Self::Configuration | Self::Chart | Self::EnvFile | Self::IgnoreFile => "",
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }

    /// The API group, for a patch's target.
    pub fn group(self) -> &'static str {
        match self {
            Self::HelmRelease => "helm.toolkit.fluxcd.io",
            Self::HelmReleaseFlux1 => "helm.fluxcd.io",
            Self::HelmChart
            | Self::HelmRepository
            | Self::OciRepository
            | Self::GitRepository
            | Self::Bucket
            | Self::ExternalArtifact => "source.toolkit.fluxcd.io",
            Self::FluxKustomization => "kustomize.toolkit.fluxcd.io",
            Self::ArtifactGenerator => "source.extensions.fluxcd.io",
            Self::FluxInstance | Self::ResourceSet | Self::ResourceSetInputProvider => "fluxcd.controlplane.io",
            Self::Kustomization => "kustomize.config.k8s.io",
            Self::JsonPatch
            | Self::ConfigMap
            | Self::Secret
            | Self::Configuration
            | Self::Chart
            | Self::ChartInflation
            | Self::EnvFile
            | Self::IgnoreFile => "",
        }
    }
}

/// One document, cut down to what resolving needs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DocumentFacts {
    /// What it is.
    pub kind: Kind,
    /// Its zero-based document in the file.
    pub document: usize,
    /// Line of the `kind:` key, from 1; of the document's start where it has none.
    pub line: u32,
    /// The document has a `sops:` block (Flux rule 13).
    pub encrypted: bool,
    /// The object is a template of a ResourceSet (Flux rule 19), the last one before it in the file.
    pub template: Option<Template>,
    /// The fields that matter, with the places they were read from.
    pub tree: Node,
}

/// How a template of a ResourceSet is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Template {
    /// An item of `resources`, which the operator writes anew before it fills it in: quotes do not count.
    Object,
    /// A document of the text `resourcesTemplate`, which is filled in as it stands.
    Text,
}

/// A version's place in its file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SiteFacts {
    /// First byte of the scalar's content.
    pub start: u32,
    /// The place, its `file` empty; nothing where it can't be edited.
    pub site: Option<Site>,
    /// Why it can't be edited, from `:line:` on, for the file's name to stand before it; empty where it can.
    pub refusal: String,
    /// Other values that the same bytes feed, by route; empty for most.
    pub shared: Vec<String>,
}

impl DocumentFacts {
    /// `metadata.name`, empty where there is none.
    pub fn name(&self) -> &str {
        self.text("metadata.name").unwrap_or_default()
    }

    /// `metadata.namespace`, empty where there is none.
    pub fn namespace(&self) -> &str {
        self.text("metadata.namespace").unwrap_or_default()
    }

    /// The text of a scalar, nothing where it is absent or empty.
    pub fn text(&self, route: &str) -> Option<&str> {
        self.tree.at(route)?.text().filter(|text| !text.is_empty())
    }

    /// `metadata.annotations[key]`; keys hold dots, so no dotted route reaches them.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.tree.at("metadata.annotations")?.get(key)?.text()
    }

    /// `metadata.labels[key]`
    pub fn label(&self, key: &str) -> Option<&str> {
        self.tree.at("metadata.labels")?.get(key)?.text()
    }
}

/// A document that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileProblem {
    /// Line, from 1.
    pub line: u32,
    /// The code.
    pub reason: Reason,
    /// For a person, without the file's name.
    pub message: String,
}

/// A document that is no Kubernetes object: a build fails that includes it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Strange {
    /// Line, from 1.
    pub line: u32,
    /// What it lacks, for a person.
    pub what: String,
}

/// A comment of another bot.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Marker {
    /// Line, from 1.
    pub line: u32,
    /// Whose.
    pub kind: MarkerKind,
    /// The comment's text after `#`, at most 200 bytes.
    pub text: String,
}

/// Whose comment it is (Flux rule 18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum MarkerKind {
    /// `# {"$imagepolicy": …}`: Flux image automation owns the value.
    ImagePolicy,
    /// `# renovate: …`: a look-up hint.
    Renovate,
}
