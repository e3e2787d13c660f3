//! The closed list of reasons. Each has one code (a contract of `scan --format json`) and belongs to one status.

/// What a row of the scan says at a glance.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Something newer is there and policy lets it through.
    Outdated,
    /// Nothing newer is there.
    Current,
    /// The version moves without a commit (Flux rule 3 and 5).
    Floating,
    /// Something newer is held back, or the release is left alone on purpose.
    Skipped,
    /// Git does not say which version, or Davit can't tell from which bytes.
    Unresolved,
    /// The chart source could not be read.
    Failed,
}

impl Status {
    /// Every status, in the order tables show them.
    pub const ALL: [Self; 6] =
        [Self::Outdated, Self::Failed, Self::Unresolved, Self::Skipped, Self::Floating, Self::Current];

    /// The word in JSON, tables and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Outdated => "outdated",
            Self::Current => "current",
            Self::Floating => "floating",
            Self::Skipped => "skipped",
            Self::Unresolved => "unresolved",
            Self::Failed => "failed",
        }
    }
}

macro_rules! reasons {
    ($( $(#[doc = $doc:expr])+ $name:ident = $code:literal => $status:ident, )+) => {
        /// Why a row has its status. The code is a contract; a new reason is a new code, an old one never changes meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum Reason { $( $(#[doc = $doc])+ #[serde(rename = $code)] $name, )+ }
        impl Reason {
            /// Every reason, for documentation and metrics.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )+ ];
            /// The code in JSON and in metric labels.
            pub fn code(self) -> &'static str { match self { $( Self::$name => $code, )+ } }
            /// The status that this reason belongs to.
            pub fn status(self) -> Status { match self { $( Self::$name => Status::$status, )+ } }
        }
    };
}

reasons! {
    /// A newer version is admissible and proposed.
    NewerVersion = "newer-version" => Outdated,
    /// The highest admissible version is in use.
    UpToDate = "up-to-date" => Current,
    /// `spec.chart.spec.version` is a range (Flux rule 3).
    FloatingRange = "floating-range" => Floating,
    /// `spec.ref.semver` is in force (Flux rule 5).
    FloatingSemver = "floating-semver" => Floating,
    /// No tag, or one that is not a version: `latest`, `main` (Flux rule 5).
    FloatingTag = "floating-tag" => Floating,
    /// A GitRepository that follows a branch or a range.
    FloatingBranch = "floating-branch" => Floating,

    /// Held back by the configured or annotated range.
    HeldByRange = "held-by-range" => Skipped,
    /// Held back by the largest step allowed.
    HeldByBump = "held-by-bump" => Skipped,
    /// Held back until it is old enough.
    HeldByAge = "held-by-age" => Skipped,
    /// Held back by an ignore rule.
    HeldByIgnore = "held-by-ignore" => Skipped,
    /// A pre-release that the pre-release rule leaves out; stands in a list of dropped versions, never on a row.
    Prerelease = "prerelease" => Skipped,
    /// Everything newer is marked deprecated by its author.
    Deprecated = "deprecated" => Skipped,
    /// Another release on the same bytes has a stricter policy.
    HeldByConsumer = "held-by-consumer" => Skipped,
    /// `davit.dev/enabled: "false"`.
    Disabled = "disabled" => Skipped,
    /// A `davit.dev/…` annotation can't be read: nothing moves until it can.
    InvalidAnnotation = "invalid-annotation" => Skipped,
    /// The release, its source or its Kustomization is suspended (Flux rule 21).
    Suspended = "suspended" => Skipped,
    /// Flux image automation owns the value (Flux rule 18).
    ImageAutomation = "image-automation" => Skipped,
    /// Somebody else's open pull request sets the site to the target or beyond.
    ProposedElsewhere = "proposed-elsewhere" => Skipped,
    /// A person closed the pull request for this version.
    ClosedByPerson = "closed-by-person" => Skipped,
    /// No Flux Kustomization builds the file (in a repository that has some).
    NotBuilt = "not-built" => Skipped,
    /// The chart's own version in a Git or Bucket source is used, whatever the range says (Flux rule 3).
    ChartInGit = "chart-in-git" => Skipped,

    /// Neither or both of `chart` and `chartRef`, or a field of the wrong type.
    InvalidRelease = "invalid-release" => Unresolved,
    /// No source of that kind, namespace and name is in Git.
    SourceMissing = "source-missing" => Unresolved,
    /// Several sources answer to that name; the message lists them.
    SourceAmbiguous = "source-ambiguous" => Unresolved,
    /// The source has no usable URL.
    InvalidSource = "invalid-source" => Unresolved,
    /// The kind of source cannot be followed from Git.
    SourceUnsupported = "source-unsupported" => Unresolved,
    /// A patch sets the version, the source or the name.
    VersionInPatch = "version-in-patch" => Unresolved,
    /// A kustomize component, `replacements` or another transformer has a say in the version.
    VersionInComponent = "version-in-component" => Unresolved,
    /// The version or the source hangs on `${…}` substitution.
    VersionInSubstitution = "version-in-substitution" => Unresolved,
    /// The path comes out of an ArtifactGenerator (Flux rule 23).
    ArtifactGenerator = "artifact-generator" => Unresolved,
    /// The release is a template of a ResourceSet (Flux rule 19).
    ResourceSet = "resource-set" => Unresolved,
    /// What it names lies outside this repository, or outside the paths that are read.
    OutOfReach = "out-of-reach" => Unresolved,
    /// A `ref.digest` decides; the tag is only documentation (Flux rule 6).
    DigestPinned = "digest-pinned" => Unresolved,
    /// The version in use is not semver: nothing can be newer than it.
    VersionNotSemver = "version-not-semver" => Unresolved,
    /// The file is encrypted with SOPS (Flux rule 13).
    Encrypted = "encrypted" => Unresolved,
    /// The scalar's form can't be edited safely: folded, merged, doubled.
    NotEditable = "not-editable" => Unresolved,
    /// Flux cannot build the Kustomization, so nothing of it is applied; the message says why.
    BuildFailed = "build-failed" => Unresolved,
    /// The same release is built twice from different files.
    ReleaseAmbiguous = "release-ambiguous" => Unresolved,
    /// The document is not YAML that Flux would accept; templates too.
    InvalidDocument = "invalid-document" => Unresolved,

    /// The host does not answer: DNS, connection, timeout, a broken body.
    SourceUnreachable = "source-unreachable" => Failed,
    /// TLS: an unknown authority, a wrong name, an old certificate.
    SourceTls = "source-tls" => Failed,
    /// 401 or 403.
    SourceUnauthorized = "source-unauthorized" => Failed,
    /// 404: no such repository or index.
    SourceNotFound = "source-not-found" => Failed,
    /// 429, or a Retry-After that is further away than the pass waits.
    SourceRateLimited = "source-rate-limited" => Failed,
    /// Any other answer that is not success.
    SourceError = "source-error" => Failed,
    /// A body, a list or an archive over its limit.
    SourceTooLarge = "source-too-large" => Failed,
    /// The answer is not what the protocol says: HTML for an index, a broken JSON.
    SourceInvalid = "source-invalid" => Failed,
    /// A private address behind a public URL.
    SourcePrivateAddress = "source-private-address" => Failed,
    /// The index or the registry has no such chart.
    ChartMissing = "chart-missing" => Failed,
    /// The chart is there, without one usable version.
    NoVersions = "no-versions" => Failed,
    /// A bug in Davit or a broken disk: the pass could not go on.
    InternalError = "internal-error" => Failed,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn every_code_is_unique_and_kebab_case() {
        let mut codes: Vec<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        codes.sort_unstable();
        let all = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), all);
        assert!(codes.iter().all(|c| c.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }
}
