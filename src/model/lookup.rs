//! Where to ask for a chart's versions: canonical, so that every source on one URL is one question.

/// Which tags count as versions (Flux rules 4 and 5).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct TagRules {
    /// A leading `v` is allowed when listing (OCIRepository yes; HelmRepository of type `oci` no).
    pub leading_v: bool,
    /// `_` in a tag stands for `+` in the version (Helm chart layers).
    pub underscore_is_plus: bool,
}

/// One question to one chart source. Equal questions are asked once per pass.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Lookup {
    /// An HTTP chart repository (`index.yaml`) and the chart's name in it.
    Index {
        /// URL of the repository as in Git, without a trailing slash.
        url: String,
        /// Chart name.
        chart: String,
    },
    /// The tags of an OCI repository.
    Oci {
        /// `oci://host/path` of the chart itself (for a HelmRepository: its URL and the chart's name joined).
        url: String,
        /// Which tags count.
        rules: TagRules,
        /// `spec.insecure`: plain HTTP allowed.
        insecure: bool,
    },
    /// The tags of a Git repository.
    GitTags {
        /// URL as in Git.
        url: String,
    },
}

impl Lookup {
    /// The URL that identifies the chart in an update's key: the OCI URL, or repository URL, `#` and chart name.
    pub fn canonical(&self) -> String {
        match self {
            Self::Index { url, chart } => format!("{url}#{chart}"),
            Self::Oci { url, .. } | Self::GitTags { url } => url.clone(),
        }
    }

    /// The URL as written in Git.
    pub fn url(&self) -> &str {
        match self {
            Self::Index { url, .. } | Self::Oci { url, .. } | Self::GitTags { url } => url,
        }
    }

    /// The chart's name: from the index, or the last segment of the path.
    pub fn chart(&self) -> &str {
        match self {
            Self::Index { chart, .. } => chart,
            Self::Oci { url, .. } | Self::GitTags { url } => {
                let last = url.trim_end_matches('/').rsplit('/').next().unwrap_or(url);
                last.strip_suffix(".git").unwrap_or(last)
            }
        }
    }
}

/// That a source in Git names a Secret; without a cluster its content is unknown, and an authentication failure says so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct CredentialsHint {
    /// Namespace and name of the Secret, as text.
    pub secret: String,
}
