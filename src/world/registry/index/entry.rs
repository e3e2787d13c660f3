//! One entry of an index, as any of the readers finds it, and what Flux makes of it.

use crate::model::{Candidate, Candidates, Inside, Version};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The fields of an entry that count, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RawEntry {
    pub(super) name: Option<String>,
    /// `type`
    pub(super) kind: Option<String>,
    pub(super) version: Option<String>,
    pub(super) created: Option<String>,
    pub(super) app_version: Option<String>,
    pub(super) deprecated: bool,
    /// Where the archive is, in the entry's order; relative ones to the repository's URL.
    pub(super) urls: Vec<String>,
    /// SHA-256 of the archive, as Helm writes it.
    pub(super) digest: Option<String>,
}

/// Where the archive of one version is, as an index writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(in crate::world::registry) struct Place {
    /// The first of `urls`: Flux takes no other.
    pub(in crate::world::registry) url: Option<String>,
    pub(in crate::world::registry) digest: Option<String>,
}

/// A field of an entry that counts: what both readers know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// One scalar.
    Scalar(Scalar),
    /// `urls`: a list of scalars.
    Urls,
}

/// The scalars among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Name,
    Type,
    Version,
    Created,
    AppVersion,
    Deprecated,
    Digest,
}

impl Field {
    /// By its key; nothing for one that does not count.
    pub(super) fn of(key: &[u8]) -> Option<Self> {
        Some(match key {
            b"name" => Self::Scalar(Scalar::Name),
            b"type" => Self::Scalar(Scalar::Type),
            b"version" => Self::Scalar(Scalar::Version),
            b"created" => Self::Scalar(Scalar::Created),
            b"appVersion" => Self::Scalar(Scalar::AppVersion),
            b"deprecated" => Self::Scalar(Scalar::Deprecated),
            b"digest" => Self::Scalar(Scalar::Digest),
            b"urls" => Self::Urls,
            _ => return None,
        })
    }
}

impl RawEntry {
    /// Sets a scalar; the last of two counts. Nothing stands for null.
    pub(super) fn set(&mut self, field: Scalar, text: Option<String>) {
        match field {
            Scalar::Name => self.name = text,
            Scalar::Type => self.kind = text,
            Scalar::Version => self.version = text,
            Scalar::Created => self.created = text,
            Scalar::AppVersion => self.app_version = text,
            Scalar::Digest => self.digest = text,
            Scalar::Deprecated => {
                let yes = |text: String| ["true", "yes", "on", "y"].contains(&text.to_ascii_lowercase().as_str());
                self.deprecated = text.is_some_and(yes);
            }
        }
    }
}

impl RawEntry {
    /// Whether source-controller leaves it out of the index: without a name, or of a type that no chart has (Helm's own
    /// validation of its metadata).
    fn is_skipped(&self) -> bool {
        let kind = self.kind.as_deref().unwrap_or_default();
        self.name.as_deref().unwrap_or_default().is_empty() || !matches!(kind, "" | "application" | "library")
    }
}

/// A plain scalar that YAML reads as nothing.
pub(super) fn is_null(plain: &str) -> bool {
    matches!(plain, "" | "~" | "null" | "Null" | "NULL")
}

/// The entries of one chart while they are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Collected {
    pub(super) candidates: Candidates,
    /// The versions whose places are sought.
    pub(super) sought: BTreeSet<String>,
    /// Their places.
    pub(super) places: BTreeMap<String, Place>,
    /// The texts that were taken: the first entry of a text counts, as in Flux, and the others are none.
    pub(super) taken: HashSet<String>,
}

/// More versions than any real chart has; an index over it is refused.
pub(super) const MOST_VERSIONS: usize = 100_000;

/// Places of one archive that are remembered; Helm takes the first.
pub(super) const MOST_URLS: usize = 16;

impl Collected {
    /// Takes an entry in: strict versions with an optional `v` (Flux rule 3), others are counted.
    pub(super) fn take(&mut self, entry: RawEntry) -> Result<(), super::IndexError> {
        if self.candidates.versions.len() + self.candidates.ignored >= MOST_VERSIONS {
            return Err(super::IndexError::TooLarge(format!("a chart has more than {MOST_VERSIONS} versions")));
        }
        if let Some(odd) = entry.created.as_deref().filter(|text| !begins_with_a_year(text)) {
            let odd: String = odd.chars().take(64).collect();
            return Err(super::IndexError::Invalid(format!(
                "Flux refuses the index: created of a version is {odd:?}, which is no time"
            )));
        }
        let version = entry.version.as_deref().filter(|_| !entry.is_skipped());
        let Some(version) = version.and_then(Version::strict) else {
            self.candidates.ignored += 1;
            return Ok(());
        };
        if !self.taken.insert(version.text().to_owned()) {
            self.candidates.ignored += 1;
            return Ok(());
        }
        if let Some(text) = self.sought.take(version.text()) {
            self.places.insert(text, Place { url: entry.urls.into_iter().next(), digest: entry.digest });
        }
        self.candidates.versions.push(Candidate {
            text: version.text().to_owned(),
            version,
            created: entry.created.as_deref().and_then(timestamp),
            deprecated: entry.deprecated,
            app_version: entry.app_version,
            digest: None,
            detailed: true,
            inside: Inside::Unopened,
        });
        Ok(())
    }
}

/// What follows is left to whoever reads it: YAML takes more forms of a time than RFC 3339.
fn begins_with_a_year(text: &str) -> bool {
    let digits = text.trim().bytes().take_while(u8::is_ascii_digit).count();
    digits == 4 && text.trim().as_bytes().get(4) == Some(&b'-')
}

/// RFC 3339; Go's zero time means none.
pub(in crate::world::registry) fn timestamp(text: &str) -> Option<jiff::Timestamp> {
    text.trim().parse::<jiff::Timestamp>().ok().filter(|at| at.as_second() > 0)
}
