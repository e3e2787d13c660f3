//! Flux rule 23: a path inside an artifact that an ArtifactGenerator composes, led back to the directory in Git. Only
//! the plain form is followed (`from: "@alias/dir/**"`, `to: "@artifact/dir/"`); its releases stay unresolved for now.

use super::path;
use crate::inventory::{Inventory, Kind};
use crate::yaml::Node;

/// The directory of the tree that a path of an artifact stands for.
pub(super) fn directory(inventory: &Inventory, artifact: &str, inside: &str) -> Option<String> {
    let mut found: Vec<String> = Vec::new();
    for (_, _, generator) in inventory.of_kind(Kind::ArtifactGenerator) {
        let artifacts = generator.tree.at("spec.artifacts").map(Node::items).unwrap_or_default();
        for listed in artifacts.iter().filter(|listed| listed.get("name").and_then(Node::text) == Some(artifact)) {
            let copies = listed.get("copy").map(Node::items).unwrap_or_default();
            found.extend(copies.iter().filter_map(|copy| led_back(copy, inside)));
        }
    }
    found.retain(|directory| inventory.directory(directory).is_some());
    found.sort();
    found.dedup();
    // Two clusters may name their artifacts alike and copy the same directory; different ones can't be told apart.
    if found.len() == 1 { found.pop() } else { None }
}

/// One copy: `@monorepo/apps/production/**` to `@artifact/production/`.
fn led_back(copy: &Node, inside: &str) -> Option<String> {
    let text = |key: &str| copy.get(key).and_then(Node::text);
    let (_, from) = text("from")?.strip_prefix('@')?.split_once('/')?;
    let from = path::join("", from.strip_suffix("**")?)?;
    let to = path::join("", text("to")?.strip_prefix("@artifact")?)?;
    if from.contains('*') || !path::within(&to, inside) {
        return None;
    }
    path::join(&from, inside.get(to.len()..)?.trim_start_matches('/'))
}
