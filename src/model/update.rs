//! One update is one pull request: every site of one chart that moves to one target (product.md, "What one update is").

use super::{Bump, Candidate, Lookup, NsName, Site, Version};
use std::collections::BTreeSet;

/// One place that an update changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateSite {
    /// Where.
    pub site: Site,
    /// The version there before.
    pub from: String,
    /// The text to write; the target, or for a tag its exact string.
    pub to: String,
    /// The digest beside a tag, which moves with it or not at all (Flux rule 6).
    pub digest: Option<Box<DigestMove>>,
}

/// The digest that stands beside a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestMove {
    /// Where, in the file of the tag; its text is the digest there before.
    pub site: Site,
    /// The digest of the new tag's manifest.
    pub to: String,
}

/// A set of sites that move together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The update's identity: canonical chart URL, `@`, `<major>.x` or `<major>.<minor>.x`, and `@<group>` where there is one.
    pub key: String,
    /// Chart name.
    pub chart: String,
    /// Where its versions come from.
    pub lookup: Lookup,
    /// The version that every site moves to.
    pub target: Candidate,
    /// `davit/<chart>-<first 6 of sha256(canonical URL)>-<major>.x`
    pub branch: String,
    /// The group, empty where there is none.
    pub group: String,
    /// The largest step of its sites.
    pub bump: Bump,
    /// Sites sorted by file and position.
    pub sites: Vec<UpdateSite>,
    /// Indexes into the pass's releases: the consumers.
    pub releases: Vec<usize>,
    /// Names of the consumers, sorted, each once.
    pub consumers: Vec<NsName>,
}

impl Update {
    /// The clusters that the update touches, sorted: those whose Kustomizations build a consumer. `cluster` gives
    /// that of the pass's release of an index.
    pub fn clusters<'r>(&self, cluster: impl Fn(usize) -> Option<&'r str>) -> Vec<String> {
        let clusters: BTreeSet<&str> = self.releases.iter().filter_map(|i| cluster(*i)).collect();
        clusters.into_iter().map(str::to_owned).collect()
    }

    /// Whether this text is the version that it moves to; sites may write equal versions differently (`1.2.3`, `v1.2.3`).
    pub fn is_to(&self, text: &str) -> bool {
        text == self.target.text || Version::of_tag(text).is_some_and(|version| version == self.target.version)
    }
}
