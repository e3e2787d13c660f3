//! What the cluster says, beside what a look found. The cluster is a witness: no row's target, status or reason hangs on
//! it, and what could not be read ends no pass.

use super::applied::Applied;
use super::look::Look;
use super::report::{Finding, Row};
use crate::config;
use crate::inventory::same_repository;
use crate::model::{Live, NsName, Problem, Reason, Release, Status, Witness};
use crate::resolve::Neighbours;
use crate::witness::{Statement, testify};
use crate::world::cluster::Sight;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is known of the cluster in one pass.
pub struct ClusterView<'a> {
    /// The configuration's section.
    pub config: &'a config::Cluster,
    /// What was seen; nothing without access.
    pub sight: Option<&'a Sight>,
    /// The repository's URL, where it is known.
    pub url: Option<String>,
    /// The branch that was read, where that is known.
    pub branch: Option<&'a str>,
    /// The configuration's `paths` leave nothing out.
    pub everything: bool,
    /// What is known of the other repositories of the configuration; the default for one that stands alone.
    pub neighbours: &'a Neighbours,
}

/// The look with the cluster's name and word on the rows that the cluster applies, and with what one of the two lacks.
/// Where the configuration says nothing of a cluster, it is the look itself.
pub fn beside(found: Arc<Look>, view: &ClusterView<'_>) -> Arc<Look> {
    let config = view.config;
    if config.name.is_none() && config.root.is_none() && view.sight.is_none() {
        return found;
    }
    let mut findings = found.findings.as_ref().clone();
    findings.cluster_read = view.sight.map(|sight| sight.seen.problems.is_empty());
    let seen = view.sight.map(|sight| sight.seen.problems.as_slice()).unwrap_or_default();
    findings.problems.extend(seen.iter().cloned().map(about_no_file));
    let releases: Vec<&Release> = found.findings.rows.iter().map(|row| row.release.as_ref()).collect();
    match &found.kube.applied {
        Applied::Roots(roots) if config.name.is_some() || view.sight.is_some() => {
            let (live, problems) = testimony((&found, &releases), Some(roots), view, is_whole(&found));
            findings.problems.extend(problems);
            for (row, live) in findings.rows.iter_mut().zip(live) {
                if let Some(root) = row.release.cluster.as_ref().filter(|root| roots.contains(root.as_ref())) {
                    let name = config.name.as_deref().map_or_else(|| root.clone(), Arc::from);
                    *row = named(row, &name, live);
                }
            }
        }
        // No root, and no other repository that may have one: what is there goes by its name.
        Applied::Rootless if view.neighbours.own.is_none() && view.sight.is_some() => {
            let (live, _) = testimony((&found, &releases), None, view, false);
            let name: Arc<str> = Arc::from(config.name.as_deref().unwrap_or_default());
            for (row, live) in findings.rows.iter_mut().zip(live) {
                if live.is_some() {
                    *row = named(row, &name, live);
                }
            }
        }
        Applied::Roots(_) | Applied::Rootless => {}
        Applied::Unknown(problem) => findings.problems.push(about_no_file(problem.clone())),
    }
    Arc::new(Look { findings: Arc::new(findings), ..found.as_ref().clone() })
}

/// What the cluster says of each release, and what one of the two lacks.
fn testimony(
    (found, releases): (&Look, &[&Release]),
    roots: Option<&BTreeSet<String>>,
    view: &ClusterView<'_>,
    whole: bool,
) -> (Vec<Option<Live>>, Vec<Finding>) {
    let Some(sight) = view.sight else { return (vec![None; releases.len()], Vec::new()) };
    let ours = |url: &str| view.url.as_deref().is_some_and(|ours| same_repository(ours, url));
    let git_ref = view.branch.map(|branch| format!("refs/heads/{branch}"));
    let (git_ref, whole) = (git_ref.as_deref(), whole && view.everything);
    let own = &found.resolution.published;
    let lacks = |id: &NsName| roots.is_some_and(|roots| view.neighbours.lacks(own, roots, &id.namespace, &id.name));
    let seen = &sight.seen;
    let testimony = testify(&Statement { releases, roots, seen, ours: &ours, git_ref, lacks: &lacks, whole });
    let finding = |(place, problem): (Option<(String, u32)>, Problem)| {
        let (file, line) = place.unzip();
        Finding { file, line, problem }
    };
    (testimony.live, testimony.findings.into_iter().map(finding).collect())
}

/// Whether everything that Git builds could be read: a broken document, a base elsewhere or a build that fails may hold
/// any release.
fn is_whole(found: &Look) -> bool {
    let open = |reason: Reason| {
        reason.status() == Status::Failed
            || matches!(reason, Reason::OutOfReach | Reason::InvalidDocument | Reason::BuildFailed)
    };
    let rows = found.findings.rows.iter().filter_map(|row| row.release.problem.as_ref());
    let problems = found.findings.problems.iter().map(|finding| &finding.problem);
    !rows.chain(problems).any(|problem| open(problem.reason))
}

fn named(row: &Row, cluster: &Arc<str>, live: Option<Live>) -> Arc<Row> {
    Arc::new(Row { witness: Some(Arc::new(Witness { cluster: cluster.clone(), live })), ..row.clone() })
}

fn about_no_file(problem: Problem) -> Finding {
    Finding { file: None, line: None, problem }
}

#[cfg(test)]
#[path = "witness_tests.rs"]
mod tests;
