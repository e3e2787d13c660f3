//! Where to ask for a chart's versions: canonical, so that every source on one URL is one question.

use super::{CredentialsHint, shown_url, without_user};
use sha2::{Digest, Sha256};

/// Which tags count as versions (Flux rules 4 and 5).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct TagRules {
    /// Tags with a leading `v` count: for an OCIRepository, and for a HelmRepository of type `oci` where the version in use
    /// has one, since a pin is the tag itself; a range does not see them.
    pub leading_v: bool,
    /// Git names a chart and a version, with `+` where the tag has `_` (HelmRepository of type `oci`); else the tag
    /// itself, and no name.
    #[serde(default)]
    pub by_version: bool,
    /// `_` in a tag stands for `+` in the version (Helm chart layers).
    pub underscore_is_plus: bool,
}

/// One question to one chart source. Equal questions are asked once per pass.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Lookup {
    /// An HTTP chart repository (`index.yaml`) and the chart's name in it.
    Index {
        /// URL of the repository, canonical.
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
        /// URL, canonical.
        url: String,
    },
    /// Another question, asked for a source that names credentials: what one Secret shows is no answer for another one's
    /// source on the same URL. Made only where Secrets may be read (Flux rule 27).
    Signed {
        /// The source.
        source: Box<CredentialsHint>,
        /// What is asked.
        question: Box<Lookup>,
    },
}

impl Lookup {
    /// An index's question, with the URL made canonical.
    pub fn index(url: &str, chart: &str) -> Self {
        Self::Index { url: canonical_url(url), chart: chart.to_owned() }
    }

    /// A question for an OCI repository's tags, with the URL made canonical.
    pub fn oci(url: &str, rules: TagRules, insecure: bool) -> Self {
        Self::Oci { url: canonical_url(url), rules, insecure }
    }

    /// A question for a Git repository's tags, with the URL made canonical.
    pub fn git_tags(url: &str) -> Self {
        Self::GitTags { url: canonical_url(url) }
    }

    /// The question for a source that names credentials. Tags of Git repositories are asked without.
    #[must_use]
    pub fn signed(self, source: &CredentialsHint) -> Self {
        match self {
            Self::Index { .. } | Self::Oci { .. } if source.references.names_any() => {
                Self::Signed { source: Box::new(source.clone()), question: Box::new(self) }
            }
            other => other,
        }
    }

    /// What is asked, whoever asks.
    pub fn question(&self) -> &Self {
        match self {
            Self::Signed { question, .. } => question,
            other => other,
        }
    }

    /// The source that names credentials, where they may have a say.
    pub fn source(&self) -> Option<&CredentialsHint> {
        match self {
            Self::Signed { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The URL that identifies the chart in an update's key: the OCI URL, or repository URL, `#` and chart name.
    /// Credentials are left out, and the values of a query: the key is shown, and names branches. Sources that differ in
    /// nothing else have one key, so a token that is replaced makes no other update.
    pub fn canonical(&self) -> String {
        match self {
            Self::Index { url, chart } => format!("{}#{chart}", apart(url)),
            Self::Oci { url, .. } | Self::GitTags { url } => apart(url),
            Self::Signed { question, .. } => question.canonical(),
        }
    }

    /// The URL to ask: the one in Git, made canonical. For display take the source's own.
    pub fn url(&self) -> &str {
        match self {
            Self::Index { url, .. } | Self::Oci { url, .. } | Self::GitTags { url } => url,
            Self::Signed { question, .. } => question.url(),
        }
    }

    /// The chart's name: from the index, or the last segment of the path.
    pub fn chart(&self) -> &str {
        match self {
            Self::Index { chart, .. } => chart,
            Self::Oci { url, .. } | Self::GitTags { url } => {
                let last = last_segment(url);
                last.strip_suffix(".git").unwrap_or(last)
            }
            Self::Signed { question, .. } => question.chart(),
        }
    }
}

/// The last segment of a URL's path: what an OCI repository calls its chart. No query, no fragment and no user is a part of
/// it: names are shown, and name branches.
pub fn last_segment(url: &str) -> &str {
    let url = url.trim();
    let path = url[..url.find(['?', '#']).unwrap_or(url.len())].trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or(path);
    last.rsplit('@').next().unwrap_or(last)
}

/// One writing for all that mean the same place: scheme and host in lower case, no default port, no trailing slash, no
/// white space around it. Path, query and user stay as they are; `git@host:path` keeps its form.
pub fn canonical_url(url: &str) -> String {
    let url = url.trim();
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.trim_end_matches('/').to_owned();
    };
    let scheme = scheme.to_ascii_lowercase();
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(user, host)| (user, host));
    let mut host = host.to_ascii_lowercase();
    let port = match scheme.as_str() {
        "https" | "oci" => ":443",
        "http" => ":80",
        "ssh" => ":22",
        _ => "",
    };
    if let Some(bare) = host.strip_suffix(port).filter(|bare| !bare.is_empty()) {
        host = bare.to_owned();
    }
    let path = if path.contains(['?', '#']) { path } else { path.trim_end_matches('/') };
    let at = if user.is_empty() { "" } else { "@" };
    format!("{scheme}://{user}{at}{host}{path}")
}

/// A URL as it may be shown. Two that differ only in what is not shown are two places: some digits of their digests tell
/// them apart.
fn apart(url: &str) -> String {
    let url = canonical_url(url);
    let (own, shown) = (without_user(&url), shown_url(&url));
    if own == shown { shown } else { format!("{shown}~{}", chart_digest(&own)) }
}

/// The first six hexadecimal digits of the SHA-256 of a chart's canonical URL: what its branches carry.
pub fn chart_digest(canonical: &str) -> String {
    let mut digest = hex::encode(Sha256::digest(canonical.as_bytes()));
    digest.truncate(6);
    digest
}

#[cfg(test)]
mod tests {
    use super::super::{CredentialsHint, NsName, References, SourceKind};
    use super::{Lookup, TagRules, canonical_url, last_segment};

    #[test]
    fn urls_that_mean_one_place_have_one_canonical_form() {
        for (written, canonical) in [
            ("HTTPS://Charts.Example.com:443/stable/", "https://charts.example.com/stable"),
            ("https://charts.example.com/Stable", "https://charts.example.com/Stable"),
            ("https://charts.example.com:8443/", "https://charts.example.com:8443"),
            ("http://charts.example.com:80", "http://charts.example.com"),
            ("oci://GHCR.io:443/Org/Chart//", "oci://ghcr.io/Org/Chart"),
            ("oci://[::1]:5000/chart", "oci://[::1]:5000/chart"),
            (" https://user:Secret@Example.com/x ", "https://user:Secret@example.com/x"),
            ("https://example.com/charts/?ref=Main/", "https://example.com/charts/?ref=Main/"),
            ("ssh://git@Example.com:22/a/b.git", "ssh://git@example.com/a/b.git"),
            ("git@example.com:a/b.git", "git@example.com:a/b.git"),
        ] {
            assert_eq!(canonical_url(written), canonical);
            assert_eq!(canonical_url(canonical), canonical, "a canonical URL stays");
        }
    }

    #[test]
    fn a_chart_is_called_by_the_path_alone() {
        for url in ["oci://h/charts/web", "oci://h/web/", "oci://h/web?sig=hunter2", "oci://u:hunter2@h/web#hunter2/x"]
        {
            assert_eq!(last_segment(url), "web", "{url}");
        }
        assert_eq!(last_segment("oci://u:hunter2@h"), "h");
        assert_eq!(last_segment("git@h:a/web.git"), "web.git");
    }

    #[test]
    fn a_signed_question_is_another_one_about_the_same_chart() {
        let source = |namespace: &str| CredentialsHint {
            kind: SourceKind::HelmRepository,
            source: NsName { namespace: namespace.to_owned(), name: "charts".to_owned() },
            url: "https://example.com".to_owned(),
            references: References { secret: Some("auth".to_owned()), ..References::default() },
            provider: None,
        };
        let plain = Lookup::index("https://Example.com/", "app");
        let (one, two) = (plain.clone().signed(&source("a")), plain.clone().signed(&source("b")));
        assert!(one != two && one != plain);
        assert_eq!((one.question(), one.canonical()), (&plain, plain.canonical()));
        assert_eq!((one.url(), one.chart()), (plain.url(), "app"));
        assert_eq!(one.source().unwrap().beside("auth").to_string(), "a/auth");
        let nothing = CredentialsHint {
            references: References { pass_credentials: true, ..References::default() },
            provider: Some("aws".to_owned()),
            ..source("a")
        };
        assert_eq!(plain.clone().signed(&nothing), plain, "a source that names nothing to read asks as everybody does");
        assert_eq!(one.clone().signed(&source("b")), one, "a question is signed once");
        let tags = Lookup::git_tags("ssh://git@example.com/a");
        assert_eq!(tags.clone().signed(&source("a")), tags, "a Git repository's Secret is none for charts");
    }

    #[test]
    fn the_constructors_make_equal_questions_of_equal_places() {
        let rules = TagRules { leading_v: true, by_version: false, underscore_is_plus: true };
        let one = Lookup::oci("oci://GHCR.io/org/chart/", rules.clone(), false);
        assert_eq!(one, Lookup::oci("oci://ghcr.io/org/chart", rules, false));
        assert_eq!(one.chart(), "chart");
        assert_eq!(Lookup::index("https://Example.com/", "app").canonical(), "https://example.com#app");
        assert_eq!(Lookup::index("https://me:secret@example.com", "app").canonical(), "https://example.com#app");
        let with = |token: &str| Lookup::index(&format!("https://example.com/x?token={token}"), "app").canonical();
        assert!(
            with("a").starts_with("https://example.com/x?token=***~") && with("a").ends_with("#app"),
            "{}",
            with("a")
        );
        assert_ne!(with("a"), with("b"), "what is asked for may differ");
        assert_eq!(Lookup::git_tags("ssh://git@example.com/a").canonical(), "ssh://git@example.com/a");
    }
}
