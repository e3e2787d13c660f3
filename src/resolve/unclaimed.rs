//! Chart sources that hold a version and that no release of the tree uses (Flux rule 9): their releases may live in
//! another repository. They are listed, not proposed.

use super::row;
use super::version;
use super::world::World;
use crate::inventory::Kind;
use crate::model::{Lookup, Release, Site, SourceKind, SourceRef};
use std::collections::HashSet;

/// A source with a version of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnclaimedSource {
    /// File of the document.
    pub file: String,
    /// Line of its `kind:` key.
    pub line: u32,
    /// Who it is and its URL.
    pub source: SourceRef,
    /// The bytes that hold its version; nothing where they can't be edited.
    pub site: Option<Site>,
    /// The version as written.
    pub current: Option<String>,
    /// What to ask for newer versions.
    pub lookup: Option<Lookup>,
    /// It says of itself that it is a Helm chart (`layerSelector`, HelmChart); any OCI artifact may be one otherwise.
    pub is_chart: bool,
}

/// OCIRepositories and HelmCharts that no row's source names.
pub(super) fn unclaimed(world: &World<'_>, releases: &[Release]) -> Vec<UnclaimedSource> {
    let claimed: HashSet<(&str, usize)> =
        releases.iter().filter_map(|row| row.site.as_ref()).map(|site| (site.file.as_str(), site.document)).collect();
    let mut found: Vec<UnclaimedSource> = Vec::new();
    let mut seen = HashSet::new();
    for built in &world.sources {
        let (object, facts) = (&built.object, built.object.facts);
        let file = world.inventory.path(object.at.0);
        let place = world.place(object.at, facts);
        let (kind, route, lookup) = match facts.kind {
            Kind::OciRepository => (SourceKind::OciRepository, "spec.ref.tag", version::ask_oci(facts, &place).ok()),
            Kind::HelmChart => (SourceKind::HelmChart, "spec.version", None),
            _ => continue,
        };
        let Some(site) = facts.site(route) else { continue };
        if claimed.contains(&(file, facts.document)) || !seen.insert(object.at) {
            continue;
        }
        found.push(UnclaimedSource {
            file: file.to_owned(),
            line: facts.line,
            source: SourceRef {
                kind,
                namespace: object.namespace().to_owned(),
                name: object.name().to_owned(),
                url: facts.text("spec.url").map(str::to_owned),
            },
            site: row::at(file, site),
            current: facts.text(route).map(str::to_owned),
            lookup,
            is_chart: facts.kind == Kind::HelmChart || version::is_helm_layer(facts),
        });
    }
    found.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    found
}
