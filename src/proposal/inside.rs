//! What changes inside the chart, as far as its archives were opened: dependencies, and CRDs that the upgrade leaves as
//! they are. Raw texts of strangers; escaping happens when they are printed.

use super::render::Context;
use crate::model::{Change, Contents, Release, Update, flux_limits};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Dependency {
    name: String,
    from: String,
    to: String,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Crd {
    change: &'static str,
    path: String,
}

/// What each version in use that could be opened becomes.
pub(super) fn pairs<'a>(update: &'a Update, context: &'a Context<'_>) -> Vec<(&'a Contents, &'a Contents)> {
    let Some(to) = update.target.inside.contents() else { return Vec::new() };
    let from: BTreeSet<&str> = update.sites.iter().map(|site| site.from.as_str()).collect();
    let in_use = context.in_use.iter().filter(|candidate| from.contains(candidate.text.as_str()));
    in_use.filter_map(|candidate| Some((candidate.inside.contents()?.as_ref(), to.as_ref()))).collect()
}

/// Dependencies that differ from any version in use.
pub(super) fn dependencies(pairs: &[(&Contents, &Contents)]) -> Vec<Dependency> {
    let changes = pairs.iter().flat_map(|(from, to)| to.dependency_changes(from));
    let all: BTreeSet<Dependency> = changes
        .map(|change| Dependency {
            name: change.name,
            from: change.from.unwrap_or_default(),
            to: change.to.unwrap_or_default(),
        })
        .collect();
    all.into_iter().collect()
}

/// The CRDs that differ and that some release's upgrade leaves as they are, and these releases (Flux rule 20).
pub(super) fn crds_left(pairs: &[(&Contents, &Contents)], consumers: &[&Release]) -> (Vec<Crd>, Vec<String>) {
    let changes: BTreeMap<String, Change> =
        pairs.iter().flat_map(|(from, to)| to.crd_changes(from)).map(|(change, path)| (path, change)).collect();
    let leaves = |release: &&&Release| changes.values().any(|change| !release.crds.applies(*change));
    let leaving: Vec<&&Release> = consumers.iter().filter(leaves).collect();
    let left = changes.into_iter().filter(|(_, change)| leaving.iter().any(|release| !release.crds.applies(*change)));
    let left = left.map(|(path, change)| Crd { change: change.code(), path }).collect();
    (left, leaving.iter().map(|release| release.id().to_string()).collect())
}

/// What the archives of the versions in use say of a limit that the target's is over: one that is over it too is proof
/// that the limit was raised, if Flux runs it.
pub(super) fn in_use_is_large(context: &Context<'_>, update: &Update) -> String {
    let mut large = pairs(update, context).into_iter().filter(|(from, _)| from.size > flux_limits::CHART);
    let Some((from, _)) = large.next() else { return String::new() };
    let size = flux_limits::mebibytes(from.size);
    format!(". {} in use is over it too ({size}): where Flux runs that, the limit is raised already", from.version)
}

/// What could not be found out.
pub(super) fn unknown(update: &Update, context: &Context<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let Some(to) = update.target.inside.contents() else { return lines };
    if let Some(wanted) = to.kube_version.as_deref().filter(|_| context.kube_version.is_none()) {
        lines.push(format!(
            "Whether the cluster meets kubeVersion {wanted}: its version is not known (cluster.kubeVersion is not set)."
        ));
    }
    let opened = |text: &str| context.in_use.iter().any(|c| c.text == text && c.inside.contents().is_some());
    let closed: BTreeSet<&str> = update.sites.iter().map(|s| s.from.as_str()).filter(|text| !opened(text)).collect();
    if !closed.is_empty() {
        let texts = closed.into_iter().take(5).collect::<Vec<_>>().join(", ");
        lines.push(format!("Which CRDs and dependencies change: the archive of {texts} could not be opened."));
    }
    lines
}

#[cfg(test)]
#[path = "inside_tests.rs"]
mod tests;
