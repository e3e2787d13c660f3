//! What changes inside a chart between the version in use and the target, for `explain`; and the archive of the version
//! that a person names for `apply --to`, which is opened like any other before it is written.

use super::judge::is_installed;
use super::local::is;
use super::look::Look;
use super::offers::{self, replace};
use super::report::Row;
use crate::model::{Candidate, Change, Contents, DependencyChange, Inside, Lookup, Problem, Reason, RowKind, Version};
use crate::policy;
use crate::world::registry::{Registry, Round};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// What changes inside a row's chart.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// The Kubernetes versions that the target can be installed on; nothing where it does not say.
    pub kube_version: Option<String>,
    /// The cluster's version, where it is known.
    pub cluster_version: Option<String>,
    /// `appVersion` in use, where it is known.
    pub app_version_from: Option<String>,
    /// `appVersion` of the target.
    pub app_version_to: Option<String>,
    /// The target is marked deprecated by its author.
    pub deprecated: bool,
    /// Bytes of the archive in use, where it could be opened.
    pub archive_bytes_from: Option<u64>,
    /// Bytes of the target's archive.
    pub archive_bytes_to: u64,
    /// Dependencies that differ.
    pub dependencies: Vec<DependencyChange>,
    /// Files below `crds/` that differ.
    pub crds: Vec<CrdChange>,
    /// Why the two last are not known: the version in use could not be opened.
    pub unknown: Option<String>,
}

/// One file below `crds/` that differs.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CrdChange {
    /// How.
    pub change: Change,
    /// Its path in the chart.
    pub path: String,
    /// Whether the upgrade brings the change to the cluster (`spec.upgrade.crds`, Flux rule 20).
    pub applied: bool,
}

/// What the row's target changes; nothing where nothing is proposed. Opens the version in use, nothing else.
pub async fn changes(registry: &Arc<Registry>, look: &Look, row: &Row, cluster: Option<&Version>) -> Option<Changes> {
    let lookup = row.release.lookup.as_ref()?;
    let offered = look.offers.get(lookup)?.as_ref().ok()?;
    let (current, target) = (row.release.current.as_deref()?, row.target.as_deref()?);
    let by_text = |text: &str| offered.versions.iter().find(|candidate| candidate.text == text);
    if current == target {
        return None;
    }
    let to = by_text(target)?.inside.contents()?;
    let before = match by_text(current) {
        Some(candidate) => {
            inside_of(&registry.round_with([lookup.as_ref()], look.grants.clone()), lookup, candidate.clone()).await
        }
        None => Err(format!("the source offers no {current} any more")),
    };
    let (crds, dependencies) = match &before {
        Ok(before) => (to.crd_changes(before), to.dependency_changes(before)),
        Err(_) => (Vec::new(), Vec::new()),
    };
    let applied = |change| row.release.crds.applies(change);
    Some(Changes {
        kube_version: to.kube_version.clone(),
        cluster_version: cluster.map(Version::to_string),
        app_version_from: before.as_ref().ok().and_then(|before| before.app_version.clone()),
        app_version_to: to.app_version.clone(),
        deprecated: to.deprecated,
        archive_bytes_from: before.as_ref().ok().map(|before| before.size),
        archive_bytes_to: to.size,
        dependencies,
        crds: crds.into_iter().map(|(change, path)| CrdChange { change, path, applied: applied(change) }).collect(),
        unknown: before.err(),
    })
}

/// The contents, or why they are not known.
async fn inside_of(round: &Round, lookup: &Lookup, candidate: Candidate) -> Result<Arc<Contents>, String> {
    let text = candidate.text.clone();
    let opened = offers::opened(round, lookup, candidate).await.map_err(|problem| problem.message)?;
    match opened.inside {
        Inside::Opened(contents) => Ok(contents),
        Inside::Refused(problem) => Err(problem.message),
        Inside::Unopened => Err(format!("{text} has no archive")),
    }
}

/// The look with the archives opened of the version that a person names for these releases, and what they should know.
/// A version that no source offers is left to [`super::local::select`], which says so.
///
/// # Errors
/// An archive can't be fetched or opened, or holds another chart or version.
pub async fn named(
    registry: &Arc<Registry>,
    look: &Look,
    (only, to): (&[String], &str),
    cluster: Option<&Version>,
) -> Result<(Look, Vec<String>), Problem> {
    let mut look = look.clone();
    let mut notes: Vec<String> = Vec::new();
    let rows = look.findings.clone();
    for row in rows.rows.iter().filter(|row| only.iter().any(|name| is(row, name))) {
        let Some(lookup) = row.release.lookup.as_ref().filter(|_| row.release.site.is_some()) else { continue };
        let Some(Ok(candidates)) = look.offers.get(lookup) else { continue };
        let Some(text) = super::local::offered(candidates, to) else { continue };
        let Some(candidate) = candidates.versions.iter().find(|candidate| candidate.text == text) else { continue };
        let opened =
            offers::opened(&registry.round_with([lookup.as_ref()], look.grants.clone()), lookup, candidate.clone())
                .await?;
        match &opened.inside {
            Inside::Refused(problem) => return Err(Problem::clone(problem)),
            Inside::Opened(_) if row.release.kind == RowKind::ChartDependency => {}
            Inside::Opened(contents) => {
                if let Some(message) = policy::type_refusal(&text, contents) {
                    return Err(Problem::new(Reason::ChartInvalid, format!("{}: {message}", row.release.id())));
                }
                let cluster = cluster.filter(|_| is_installed(row.release.kind));
                notes.extend(policy::kube_refusal(&text, contents, cluster));
            }
            Inside::Unopened => {}
        }
        if let Some(Ok(candidates)) = look.offers.get_mut(lookup) {
            replace(Arc::make_mut(candidates), opened);
        }
    }
    notes.dedup();
    Ok((look, notes))
}
