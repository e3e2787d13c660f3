//! One entry of an index, as any of the readers finds it, and what Flux makes of it.

use crate::model::{Candidate, Candidates, Inside, Version};

/// The fields of an entry that count, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RawEntry {
    pub(super) version: Option<String>,
    pub(super) created: Option<String>,
    pub(super) app_version: Option<String>,
    pub(super) deprecated: bool,
    /// The first of `urls`: Flux takes no other.
    pub(super) url: Option<String>,
    pub(super) digest: Option<String>,
}

/// Where the archive of one version is, as an index writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(in crate::world::registry) struct Place {
    pub(in crate::world::registry) url: Option<String>,
    pub(in crate::world::registry) digest: Option<String>,
}

/// The entries of one chart while they are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Collected {
    pub(super) candidates: Candidates,
    /// The version whose place is sought.
    pub(super) sought: Option<String>,
    /// Its place; the first entry of that text counts, as in Flux.
    pub(super) place: Option<Place>,
}

/// More versions than any real chart has; an index over it is refused.
pub(super) const MOST_VERSIONS: usize = 100_000;

impl Collected {
    /// Takes an entry in: strict versions with an optional `v` (Flux rule 3), others are counted.
    pub(super) fn take(&mut self, entry: RawEntry) -> Result<(), super::IndexError> {
        if self.candidates.versions.len() + self.candidates.ignored >= MOST_VERSIONS {
            return Err(super::IndexError::TooLarge(format!("a chart has more than {MOST_VERSIONS} versions")));
        }
        let Some(version) = entry.version.as_deref().and_then(Version::strict) else {
            self.candidates.ignored += 1;
            return Ok(());
        };
        if self.place.is_none() && self.sought.as_deref() == Some(version.text()) {
            self.place = Some(Place { url: entry.url, digest: entry.digest });
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

/// RFC 3339; Go's zero time means none.
pub(in crate::world::registry) fn timestamp(text: &str) -> Option<jiff::Timestamp> {
    text.trim().parse::<jiff::Timestamp>().ok().filter(|at| at.as_second() > 0)
}
