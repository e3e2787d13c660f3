//! One entry of an index, as any of the readers finds it, and what Flux makes of it.

use crate::model::{Candidate, Candidates, Version};

/// The fields of an entry that count, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RawEntry {
    pub(super) version: Option<String>,
    pub(super) created: Option<String>,
    pub(super) app_version: Option<String>,
    pub(super) deprecated: bool,
}

/// The entries of one chart while they are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Collected(pub(super) Candidates);

/// More versions than any real chart has; an index over it is refused.
pub(super) const MOST_VERSIONS: usize = 100_000;

impl Collected {
    /// Takes an entry in: strict versions with an optional `v` (Flux rule 3), others are counted.
    pub(super) fn take(&mut self, entry: RawEntry) -> Result<(), super::IndexError> {
        if self.0.versions.len() + self.0.ignored >= MOST_VERSIONS {
            return Err(super::IndexError::TooLarge(format!("a chart has more than {MOST_VERSIONS} versions")));
        }
        let Some(version) = entry.version.as_deref().and_then(Version::strict) else {
            self.0.ignored += 1;
            return Ok(());
        };
        self.0.versions.push(Candidate {
            text: version.text().to_owned(),
            version,
            created: entry.created.as_deref().and_then(timestamp),
            deprecated: entry.deprecated,
            app_version: entry.app_version,
            digest: None,
            detailed: true,
        });
        Ok(())
    }
}

/// RFC 3339; Go's zero time means none.
pub(in crate::world::registry) fn timestamp(text: &str) -> Option<jiff::Timestamp> {
    text.trim().parse::<jiff::Timestamp>().ok().filter(|at| at.as_second() > 0)
}
