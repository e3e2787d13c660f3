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
    ($( $(#[doc = $doc:expr])+ $name:ident = $code:literal => $status:ident, $remedy:literal, )+) => {
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
            /// What a person can do, in one sentence or two; docs/reasons.md says the same.
            pub fn remedy(self) -> &'static str { match self { $( Self::$name => $remedy, )+ } }
        }
    };
}

reasons! {
    /// A newer version is admissible and proposed.
    NewerVersion = "newer-version" => Outdated, "Review the pull request, or run `davit apply`.",
    /// The highest admissible version is in use.
    UpToDate = "up-to-date" => Current, "Nothing.",
    /// `spec.chart.spec.version` is a range (Flux rule 3).
    FloatingRange = "floating-range" => Floating, "Pin it to the version that the message names.",
    /// `spec.ref.semver` is in force (Flux rule 5).
    FloatingSemver = "floating-semver" => Floating, "Replace it by `spec.ref.tag` with the version that the message names.",
    /// No tag, or one that is not a version: `latest`, `main` (Flux rule 5).
    FloatingTag = "floating-tag" => Floating, "Set `spec.ref.tag` to a version; the message names the newest.",
    /// A GitRepository that follows a branch or a range.
    FloatingBranch = "floating-branch" => Floating, "Set `spec.ref.tag` if you want pull requests.",

    /// Held back by the configured or annotated range.
    HeldByRange = "held-by-range" => Skipped, "Widen `policy.range` or `davit.dev/range`.",
    /// Held back by the largest step allowed.
    HeldByBump = "held-by-bump" => Skipped, "Allow it by a rule or by `davit.dev/bump`.",
    /// Held back until it is old enough.
    HeldByAge = "held-by-age" => Skipped, "Wait, or lower `minimumAge`.",
    /// Held back by an ignore rule.
    HeldByIgnore = "held-by-ignore" => Skipped, "Remove the entry.",
    /// The chart's `kubeVersion` leaves out the cluster's version: Helm refuses it there.
    HeldByKubeVersion = "held-by-kube-version" => Skipped, "Upgrade the cluster, or correct `cluster.kubeVersion`.",
    /// The chart has a `kubeVersion`, and the cluster that is to be asked for its version never answered.
    KubeVersionUnknown = "kube-version-unknown" => Failed, "Wait until the cluster answers, set `cluster.root`, or `cluster.kubeVersion`.",
    /// Its archive holds another chart or version than its source says, which Flux refuses (Flux rule 7).
    ChartDiffers = "chart-differs" => Skipped, "Tell whoever publishes the chart.",
    /// A pre-release that the pre-release rule leaves out; stands in a list of dropped versions, never on a row.
    Prerelease = "prerelease" => Skipped, "`prereleases: true`, if you want them.",
    /// Everything newer is marked deprecated by its author.
    Deprecated = "deprecated" => Skipped, "Look for the chart's successor.",
    /// Another release on the same bytes has a stricter policy, or a digest beside them that can't move along.
    HeldByConsumer = "held-by-consumer" => Skipped, "Give each release a source of its own, align the policies, or put tag and digest into one file.",
    /// `davit.dev/enabled: "false"`.
    Disabled = "disabled" => Skipped, "Remove the annotation.",
    /// A `davit.dev/…` annotation can't be read: nothing moves until it can.
    InvalidAnnotation = "invalid-annotation" => Skipped, "Correct it; the message says what is wrong.",
    /// The release, its source or its Kustomization is suspended (Flux rule 21).
    Suspended = "suspended" => Skipped, "Resume it.",
    /// Flux image automation owns the value (Flux rule 18).
    ImageAutomation = "image-automation" => Skipped, "Leave it, or remove the marker.",
    /// Somebody else's open pull request sets the site to the target or beyond.
    ProposedElsewhere = "proposed-elsewhere" => Skipped, "Merge or close that one.",
    /// A person closed the pull request for this version.
    ClosedByPerson = "closed-by-person" => Skipped, "Reopen it, or wait for the next version.",
    /// No Flux Kustomization builds the file (in a repository that has some).
    NotBuilt = "not-built" => Skipped, "Add the file to a Kustomization, or delete it.",
    /// The chart's own version in a Git or Bucket source is used, whatever the range says (Flux rule 3).
    ChartInGit = "chart-in-git" => Skipped, "Nothing; commit to the chart.",

    /// Neither or both of `chart` and `chartRef`, or a field of the wrong type.
    InvalidRelease = "invalid-release" => Unresolved, "Correct the release.",
    /// No source of that kind, namespace and name is in Git.
    SourceMissing = "source-missing" => Unresolved, "Correct the reference, or include the file in `paths`.",
    /// Several sources answer to that name; the message lists them.
    SourceAmbiguous = "source-ambiguous" => Unresolved, "Rename or remove all but one.",
    /// The source has no usable URL.
    InvalidSource = "invalid-source" => Unresolved, "Correct `spec.url`.",
    /// The kind of source cannot be followed from Git.
    SourceUnsupported = "source-unsupported" => Unresolved, "Nothing yet.",
    /// A patch sets the version, the source or the name.
    VersionInPatch = "version-in-patch" => Unresolved, "Move the version out of the patch, or raise it by hand.",
    /// A kustomize component, `replacements` or another transformer has a say in the version.
    VersionInComponent = "version-in-component" => Unresolved, "Move the version out of the component, or raise it by hand.",
    /// The version or the source hangs on `${…}` substitution.
    VersionInSubstitution = "version-in-substitution" => Unresolved, "Write the version where it is used, without `${…}`, or raise it by hand.",
    /// The path comes out of an ArtifactGenerator (Flux rule 23).
    ArtifactGenerator = "artifact-generator" => Unresolved, "Raise the version by hand.",
    /// A form of a ResourceSet's templates or inputs that is not followed (Flux rule 19).
    ResourceSet = "resource-set" => Unresolved, "Raise the version by hand.",
    /// A lock or a vendored copy decides which version of a chart dependency is packaged.
    ChartLock = "chart-lock" => Unresolved, "Change the version by hand, run `helm dependency update`, and commit what it writes.",
    /// What it names lies outside this repository, or outside the paths that are read.
    OutOfReach = "out-of-reach" => Unresolved, "Watch the other repository too, or widen `paths`.",
    /// The bytes that set the version lie in another configured repository; the message names repository, file and line.
    InAnotherRepository = "in-another-repository" => Unresolved, "Raise it there: that repository's pass proposes what it can.",
    /// A `ref.digest` decides; the tag is only documentation (Flux rule 6).
    DigestPinned = "digest-pinned" => Unresolved, "Put the version's tag beside the digest: both then move together.",
    /// The version in use is not semver: nothing can be newer than it.
    VersionNotSemver = "version-not-semver" => Unresolved, "Set a semver version.",
    /// The file is encrypted with SOPS (Flux rule 13).
    Encrypted = "encrypted" => Unresolved, "Keep the version outside the encrypted file.",
    /// The scalar's form can't be edited safely: folded, merged, doubled.
    NotEditable = "not-editable" => Unresolved, "Write the version as a plain or quoted scalar.",
    /// Flux cannot build the Kustomization, so nothing of it is applied; the message says why.
    BuildFailed = "build-failed" => Unresolved, "Correct what the message names.",
    /// The same release is built twice from different files.
    ReleaseAmbiguous = "release-ambiguous" => Unresolved, "Remove one.",
    /// The document is not YAML that Flux would accept; templates too.
    InvalidDocument = "invalid-document" => Unresolved, "Correct the document, or exclude the path.",

    /// The host does not answer: DNS, connection, timeout, a broken body.
    SourceUnreachable = "source-unreachable" => Failed, "Check the host, proxy and `registries.timeout`.",
    /// TLS: an unknown authority, a wrong name, an old certificate.
    SourceTls = "source-tls" => Failed, "Set `caFile` for the host, or correct known_hosts.",
    /// 401 or 403.
    SourceUnauthorized = "source-unauthorized" => Failed, "Give `username` and `passwordFile` in `registries.hosts`, or a token with the right.",
    /// 404: no such repository or index.
    SourceNotFound = "source-not-found" => Failed, "Correct the URL in Git.",
    /// 429, or a Retry-After that is further away than the pass waits.
    SourceRateLimited = "source-rate-limited" => Failed, "Sign in to the registry, or watch less often.",
    /// Any other answer that is not success.
    SourceError = "source-error" => Failed, "Read the message; the next pass tries again.",
    /// A body, a list or an archive over its limit.
    SourceTooLarge = "source-too-large" => Failed, "Raise `registries.maxIndexSize` or `maxChartSize`.",
    /// The answer is not what the protocol says: HTML for an index, a broken JSON.
    SourceInvalid = "source-invalid" => Failed, "Check the URL; a login page often stands behind it.",
    /// A private address behind a public URL.
    SourcePrivateAddress = "source-private-address" => Failed, "Name the host in `registries.hosts`, if it is meant.",
    /// The index or the registry has no such chart.
    ChartMissing = "chart-missing" => Failed, "Correct the chart's name.",
    /// The chart is there, without one usable version.
    NoVersions = "no-versions" => Failed, "Check the tags: Flux takes semver only.",
    /// The chart's archive can't be opened, or holds what Flux can't install: never proposed unseen (Flux rule 7).
    ChartInvalid = "chart-invalid" => Failed, "Tell whoever publishes the chart; the message says what is wrong.",
    /// The cluster, or a part of what Davit looks at there, could not be read; stands beside the releases.
    ClusterUnknown = "cluster-unknown" => Unresolved, "Check `cluster.access` and the rights that the message names.",
    /// Several roots, and `cluster.root` says not which one the cluster applies; stands beside the releases.
    ClusterAmbiguous = "cluster-ambiguous" => Unresolved, "Set `cluster.root` to one of those that the message names.",
    /// The cluster has a release that Git lacks; stands beside the releases.
    ClusterOnly = "cluster-only" => Skipped, "Commit it, or delete it in the cluster.",
    /// Git builds a release that the cluster does not have; stands beside the releases.
    GitOnly = "git-only" => Skipped, "Look at its Kustomization with `flux get kustomizations`.",
    /// What the release hangs on may stand in another configured repository that was never read since the start.
    RepositoryUnread = "repository-unread" => Failed, "Wait for its first pass, or correct what keeps it from being read.",
    /// A bug in Davit or a broken disk: the pass could not go on.
    InternalError = "internal-error" => Failed, "Read the log; please report it.",
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
