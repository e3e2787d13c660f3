//! What a chart source offers.

use super::{Inside, Version};

/// One version on offer, with what the source says of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Candidate {
    /// What an edit would write: the index's version or the tag, byte for byte (Flux rule 7: a tag is an exact string).
    pub text: String,
    /// The version it stands for.
    pub version: Version,
    /// When it was made: index `created`, or the annotation `org.opencontainers.image.created`.
    pub created: Option<jiff::Timestamp>,
    /// Marked deprecated by its author.
    pub deprecated: bool,
    /// `appVersion` of the chart.
    pub app_version: Option<String>,
    /// Manifest digest (`sha256:…`), where asked for.
    pub digest: Option<String>,
    /// Whether `created`, `deprecated` and `app_version` were looked up (always for an index; per tag for OCI).
    pub detailed: bool,
    /// What its archive says, once it was opened.
    #[serde(default, skip_serializing_if = "Inside::is_unopened")]
    pub inside: Inside,
}

/// Everything a source offers for one chart.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Candidates {
    /// Usable versions, in no particular order.
    pub versions: Vec<Candidate>,
    /// How many entries were not versions by Flux's rules (other tags, `1.2`).
    pub ignored: usize,
    /// The MiB, rounded up, of the index that they come from, where it is larger than Flux takes by default
    /// ([`super::flux_limits::INDEX`]); nothing for any other, so that its growth makes no other answer.
    #[serde(default)]
    pub large_index: Option<u64>,
}
