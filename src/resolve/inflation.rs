//! Charts that kustomize inflates (Flux rule 26): `helmCharts` of a kustomization.yaml, and
//! HelmChartInflationGenerator objects that its `generators` name. Flux builds with that plugin off, so it fails where
//! it builds one; elsewhere another tool may apply it, and its version is one like any other.

use super::listed::Entry;
use super::path;
use super::row::{Concerns, Weight};
use super::world::{Context, World};
use crate::inventory::{DocumentFacts, Inventory, Kind};
use crate::model::{Note, Reason, Release, RowKind};
use crate::yaml::Node;
use std::collections::HashMap;
use std::sync::Arc;

/// Every kustomization.yaml that has charts to inflate; nobody builds them yet.
pub(super) fn holders(inventory: &Inventory) -> HashMap<usize, Vec<Arc<Context>>> {
    let files = charts(inventory).into_iter().map(|(holder, ..)| holder);
    files.map(|file| (file, Vec::new())).collect()
}

/// One row per chart, and per Flux Kustomization that builds it.
pub(super) fn rows(world: &World<'_>) -> Vec<Release> {
    let mut rows = Vec::new();
    for (holder, facts, file, node) in charts(world.inventory) {
        let contexts = world.inflated.get(&holder).map(Vec::as_slice).unwrap_or_default();
        let built = contexts.iter().map(Some).chain(contexts.is_empty().then_some(None));
        rows.extend(built.filter_map(|context| row(world, (holder, facts), (file, node), context)));
    }
    rows
}

/// Kustomization.yaml, its document, and the file and mapping of each chart.
fn charts(inventory: &Inventory) -> Vec<(usize, &DocumentFacts, usize, &Node)> {
    let mut found = Vec::new();
    for (file, _, facts) in inventory.of_kind(Kind::Kustomization) {
        let directory = path::parent(inventory.path(file));
        // It counts only in a file of the right name.
        if inventory
            .kustomization(directory)
            .is_none_or(|(counts, first)| counts != file || first.is_none_or(|first| !std::ptr::eq(first, facts)))
        {
            continue;
        }
        let list = |key: &str| facts.tree.get(key).map(Node::items).unwrap_or_default();
        found.extend(list("helmCharts").iter().map(|node| (file, facts, file, node)));
        let named = list("generators").iter().filter_map(Node::text);
        for other in named.filter_map(|name| inventory.file(&path::join(directory, name)?)) {
            let objects = inventory.documents(other).iter().filter(|facts| facts.kind == Kind::ChartInflation);
            found.extend(objects.map(|object| (file, facts, other, &object.tree)));
        }
    }
    found
}

fn row(
    world: &World<'_>,
    (holder, facts): (usize, &DocumentFacts),
    (file, node): (usize, &Node),
    context: Option<&Arc<Context>>,
) -> Option<Release> {
    let text = |key: &str| node.get(key)?.text().filter(|text| !text.is_empty());
    let chart = text("name")?;
    let entry = Entry {
        kind: RowKind::HelmChartInflationGenerator,
        namespace: text("namespace").or_else(|| facts.text("namespace")).unwrap_or_default().to_owned(),
        name: text("releaseName").unwrap_or(chart).to_owned(),
        file,
        line: node.key_node("kind").map_or(node.line, |key| key.line),
        node,
        chart,
        repository: text("repo").unwrap_or_default(),
        reader: "kustomize",
    };
    let place = entry.place(world);
    let mut concerns = Concerns::default();
    if let Some(context) = context {
        let fault = context.fault.as_ref().map_or(String::new(), |fault| format!(" ({})", fault.place));
        let message = format!(
            "{place} is not applied by Flux: Kustomization {} builds with that plugin off and fails{fault}",
            context.id
        );
        concerns.add(Weight::Fault, Reason::BuildFailed, message);
    }
    let lookup = if entry.repository.is_empty() {
        let message = format!("{place}: the chart {chart} lies in this repository and moves with it");
        concerns.add(Weight::Source, Reason::ChartInGit, message);
        None
    } else {
        entry.ask(&place, &mut concerns)
    };
    let built = world.inventory.path(holder);
    let note = format!("not applied by Flux, which builds {built} with that plugin off: another tool may");
    let by = context.map(|context| (context.cluster.clone(), context.id.clone()));
    Some(entry.row(world, by, lookup, vec![Note::Other(note)], concerns))
}

#[cfg(test)]
#[path = "inflation_tests.rs"]
mod tests;
