//! A HelmRelease as Flux would apply it: who it is, where its chart comes from, which bytes hold its version.

use super::{Lookup, Problem, Reason, Site};
use std::sync::Arc;

/// Namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct NsName {
    /// Namespace; empty where nothing says which.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl std::fmt::Display for NsName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

/// The kinds of object a chart can come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum SourceKind {
    /// `source.toolkit.fluxcd.io` HelmRepository, of type `default` or `oci`.
    HelmRepository,
    /// OCIRepository.
    #[serde(rename = "OCIRepository")]
    OciRepository,
    /// GitRepository.
    GitRepository,
    /// Bucket.
    Bucket,
    /// HelmChart, by `chartRef`.
    HelmChart,
    /// ExternalArtifact, by `chartRef`.
    ExternalArtifact,
    /// A chart repository that is named by its URL alone, in Chart.yaml or in `helmCharts`: no object, so no name.
    ChartRepository,
}

impl SourceKind {
    /// The kind as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HelmRepository => "HelmRepository",
            Self::OciRepository => "OCIRepository",
            Self::GitRepository => "GitRepository",
            Self::Bucket => "Bucket",
            Self::HelmChart => "HelmChart",
            Self::ExternalArtifact => "ExternalArtifact",
            Self::ChartRepository => "ChartRepository",
        }
    }
}

/// The object a release takes its chart from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct SourceRef {
    /// Its kind.
    pub kind: SourceKind,
    /// Its namespace (the release's, where the reference has none).
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its URL as written in Git, for people: without credentials ([`super::shown()`]). Nothing where the object is not in
    /// Git. What is asked is the [`Lookup`]'s.
    pub url: Option<String>,
}

/// How the version reaches the release: which rules read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChartKind {
    /// `spec.chart.spec.version` or `HelmChart.spec.version`: a Masterminds range, a full version pins.
    Range,
    /// `OCIRepository.spec.ref.tag`: an exact string.
    Tag,
    /// `GitRepository.spec.ref.tag`: an exact string.
    GitTag,
}

/// `davit.dev/…` annotations in force: the release's own, else its source's. Text as written, checked by policy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Annotations {
    /// `davit.dev/range`
    pub range: Option<String>,
    /// `davit.dev/bump`
    pub bump: Option<String>,
    /// `davit.dev/ignore`: versions or ranges, separated by commas that stand outside a range, or `;`.
    pub ignore: Option<String>,
    /// `davit.dev/minimum-age`
    pub minimum_age: Option<String>,
    /// `davit.dev/group`
    pub group: Option<String>,
    /// `davit.dev/enabled`
    pub enabled: Option<String>,
    /// Every other key of `davit.dev/`, without that, in order.
    pub others: Vec<String>,
}

impl Annotations {
    /// The keys that are read, without `davit.dev/`.
    pub const KEYS: [&str; 6] = ["range", "bump", "ignore", "minimum-age", "group", "enabled"];

    /// The keys that a later version will read: no mistake, and without effect.
    const LATER: [&str; 3] = ["backup", "backup-plan", "backup-reason"];

    /// From annotations of any kind, those that win first.
    pub fn of<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut found = Self::default();
        for (key, text) in all {
            let Some(key) = key.strip_prefix("davit.dev/") else { continue };
            let field = match key {
                "range" => &mut found.range,
                "bump" => &mut found.bump,
                "ignore" => &mut found.ignore,
                "minimum-age" => &mut found.minimum_age,
                "group" => &mut found.group,
                "enabled" => &mut found.enabled,
                _ => {
                    found.others.push(key.to_owned());
                    continue;
                }
            };
            field.get_or_insert_with(|| text.to_owned());
        }
        found.others.sort();
        found.others.dedup();
        found
    }

    /// Keys that mean nothing: mistyped, most likely.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.others.iter().map(String::as_str).filter(|key| !Self::LATER.contains(key))
    }

    /// Keys that mean nothing yet.
    pub fn later(&self) -> impl Iterator<Item = &str> {
        self.others.iter().map(String::as_str).filter(|key| Self::LATER.contains(key))
    }
}

/// Something a person should know that stops nothing: shown on the pull request and by `explain`.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "text")]
pub enum Note {
    /// The anchor that is edited feeds other values too; the text names them.
    SharedAnchor(String),
    /// A `# renovate:` hint stands above the site.
    RenovateHint(String),
    /// The source asks for signature verification, which Davit did not do (Flux rule 15).
    SignatureUnchecked(String),
    /// Membership of this repository was assumed, not proven (Flux rule 24).
    AssumedSource(String),
    /// The target's archive is larger than source-controller takes by default.
    LargeArchive(String),
    /// The chart repository's index is larger than source-controller takes by default.
    LargeIndex(String),
    /// Anything else worth a line.
    Other(String),
}

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
pub enum RowKind {
    /// A HelmRelease.
    #[default]
    HelmRelease,
    /// An OCIRepository that says it holds a chart and that no release here uses: its releases live elsewhere (Flux
    /// rule 9).
    #[serde(rename = "OCIRepository")]
    OciRepository,
    /// A HelmChart that no release here uses.
    HelmChart,
    /// An entry of `dependencies` of a chart that lies in the repository. No object: its name is the chart's and its
    /// own, with a colon between.
    ChartDependency,
    /// An entry of kustomize's `helmCharts`, or an object of that kind; Flux applies neither (Flux rule 26).
    HelmChartInflationGenerator,
}

impl RowKind {
    /// The kind as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HelmRelease => "HelmRelease",
            Self::OciRepository => "OCIRepository",
            Self::HelmChart => "HelmChart",
            Self::ChartDependency => "ChartDependency",
            Self::HelmChartInflationGenerator => "HelmChartInflationGenerator",
        }
    }
}

/// One place that had a say in a release beside its own document and its source's: a patch, a namespace, a variable.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Step {
    /// What it changed: `version`, `chart`, `source`, `url`, `suspend`, `namespace`, `name`, ….
    pub field: &'static str,
    /// File.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// What happened there, for a person.
    pub what: Arc<str>,
}

/// Fixed text around the variable that a version is made of: `v${VERSION}`. The site holds what is between.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// Before it.
    pub prefix: String,
    /// After it.
    pub suffix: String,
}

/// One row: a release in one Flux Kustomization of one cluster; or a chart source that none of them uses. A daemon keeps
/// the rows of all its repositories, so what many rows have in common is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// What the row stands for.
    pub kind: RowKind,
    /// Directory of the root in Git (`clusters/production`), until the configuration names the cluster; nothing where
    /// the repository has no root.
    pub cluster: Option<Arc<str>>,
    /// The Flux Kustomization that builds it; nothing where none does.
    pub kustomization: Option<Arc<NsName>>,
    /// Namespace in force; empty where nothing says which.
    pub namespace: String,
    /// Name in force.
    pub name: String,
    /// File of its document.
    pub file: Arc<str>,
    /// Line of its `kind:` key, from 1.
    pub line: u32,
    /// Chart name: `spec.chart.spec.chart`, or the last segment of the source's URL.
    pub chart: Option<String>,
    /// Where the chart comes from.
    pub source: Option<Arc<SourceRef>>,
    /// The bytes that hold the version.
    pub site: Option<Site>,
    /// The bytes that hold the manifest's digest, in the same file, where it stands beside the tag for this release or for
    /// another reader of that tag (Flux rule 6).
    pub digest_site: Option<Box<Site>>,
    /// For this release or for another reader of its tag a digest stands beside that can't move with it: an edit of the tag
    /// would leave the old chart there.
    pub digest_stays: bool,
    /// Where the site holds only a part of the version: what stands around it.
    pub frame: Option<Box<Frame>>,
    /// The version in force; nothing where there is only a digest or no version.
    pub current: Option<String>,
    /// Which rules read the version.
    pub chart_kind: Option<ChartKind>,
    /// What to ask for newer versions.
    pub lookup: Option<Arc<Lookup>>,
    /// Annotations in force.
    pub annotations: Arc<Annotations>,
    /// What a person should know.
    pub notes: Vec<Note>,
    /// Why nothing can be proposed, known before any registry is asked: unresolved, floating, suspended, not built.
    pub problem: Option<Problem>,
    /// Who else had a say, in the order of the build; empty for most.
    pub chain: Vec<Step>,
    /// What an upgrade may do to CRDs (Flux rule 20).
    pub crds: super::CrdUpgrade,
    /// The credentials that the source names, for the message of a refused request.
    pub credentials: Option<Arc<super::CredentialsHint>>,
}

impl Frame {
    /// What stands between the fixed text in a version; nothing where the version does not have that text.
    pub fn inside<'v>(&self, version: &'v str) -> Option<&'v str> {
        version.strip_prefix(self.prefix.as_str())?.strip_suffix(self.suffix.as_str()).filter(|text| !text.is_empty())
    }
}

impl Release {
    /// Whether an edit of the bytes that hold its version reaches its cluster, now or when what holds it is gone: then its
    /// policy counts for everybody on these bytes, and it is named among the consumers. A suspended one is applied as soon
    /// as it resumes, one whose build fails as soon as that is mended; what no Kustomization builds is applied never.
    pub fn has_a_say(&self) -> bool {
        let reason = self.problem.as_ref().map(|problem| problem.reason);
        self.site.is_some() && !matches!(reason, Some(Reason::NotBuilt | Reason::RepositoryUnread))
    }

    /// What the site must hold for the release to have a version; nothing where the fixed text around it says otherwise.
    pub fn at_site<'v>(&self, version: &'v str) -> Option<&'v str> {
        match &self.frame {
            None => Some(version),
            Some(frame) => frame.inside(version),
        }
    }

    /// Namespace and name.
    pub fn id(&self) -> NsName {
        NsName { namespace: self.namespace.clone(), name: self.name.clone() }
    }
}
