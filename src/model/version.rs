//! A version that keeps its text. Comparison is semver precedence, without build metadata (what Flux does).

use std::cmp::Ordering;

/// A semantic version and the text it was read from.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    text: String,
    semver: semver::Version,
}

impl Version {
    /// A strict version with an optional leading `v`: what Flux takes from an index or a tag list (Flux rules 4, 5).
    pub fn strict(text: &str) -> Option<Self> {
        let semver = semver::Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()?;
        Some(Self { text: text.to_owned(), semver })
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The numbers, pre-release and build metadata.
    pub fn semver(&self) -> &semver::Version {
        &self.semver
    }
}

impl TryFrom<String> for Version {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::strict(&text).ok_or_else(|| format!("{text:?} is not a semantic version"))
    }
}
impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.text
    }
}
impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.semver.cmp_precedence(&other.semver) == Ordering::Equal
    }
}
impl Eq for Version {}
impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.semver.cmp_precedence(&other.semver)
    }
}
