//! The releases that Git builds for one cluster, beside those that it has.

use super::differences;
use super::{LiveRelease, Sighting, verdict};
use crate::model::{Fact, Live, LiveState, NsName, Problem, Reason, Release, RowKind};
use std::collections::{BTreeSet, HashMap};

/// What is compared.
pub struct Statement<'a> {
    /// Every release of the repository, in the order of the rows.
    pub releases: &'a [&'a Release],
    /// The directory of the root that the cluster applies; nothing for a repository that has none, of which it is not known
    /// what the cluster applies.
    pub root: Option<&'a str>,
    /// What the cluster showed.
    pub seen: &'a Sighting,
    /// Whether a Git URL is this repository's.
    pub ours: &'a dyn Fn(&str) -> bool,
    /// The ref that was read here, by its full name; nothing where that is not known.
    pub git_ref: Option<&'a str>,
    /// Everything that Git builds was read: else what a Kustomization made may well be there.
    pub whole: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Testimony {
    /// What the cluster says of each release; nothing for those of another cluster and for what is no HelmRelease.
    pub live: Vec<Option<Live>>,
    /// What one of the two has and the other lacks: file and line where Git has it.
    pub findings: Vec<(Option<(String, u32)>, Problem)>,
}

/// The root that the cluster applies; nothing where this repository has none of that name, or no root at all.
///
/// # Errors
/// The configuration names none, and the repository has several: they are named.
pub fn root(releases: &[&Release], configured: Option<&str>) -> Result<Option<String>, Problem> {
    let roots: BTreeSet<&str> = releases.iter().filter_map(|release| release.cluster.as_deref()).collect();
    match (configured, roots.len()) {
        (Some(root), _) => Ok(roots.get(root).map(|root| (*root).to_owned())),
        (None, 0 | 1) => Ok(roots.first().map(|root| (*root).to_owned())),
        (None, _) => {
            let roots = roots.into_iter().collect::<Vec<_>>().join(", ");
            let message = format!(
                "the repository has several roots ({roots}), and which one the cluster applies is not known: set \
                 cluster.root to one of them"
            );
            Err(Problem::new(Reason::ClusterAmbiguous, message))
        }
    }
}

/// A configured root that the repository does not have.
pub fn no_such_root(releases: &[&Release], configured: &str) -> Problem {
    let roots: BTreeSet<&str> = releases.iter().filter_map(|release| release.cluster.as_deref()).collect();
    let roots = roots.into_iter().collect::<Vec<_>>().join(", ");
    let message = format!("cluster.root {configured} is no root of the repository; it has {roots}");
    Problem::new(Reason::ClusterAmbiguous, message)
}

/// Compares. Releases that could not be listed are unknown, and nothing is said to be missing.
pub fn testify(statement: &Statement<'_>) -> Testimony {
    let all = match &statement.seen.releases {
        Fact::Known(all) => all,
        Fact::Unknown(problem) => {
            let unknown = |release: &&Release| {
                applies(release, statement.root).then(|| Live::bare(LiveState::Unknown, problem.message.clone()))
            };
            return Testimony { live: statement.releases.iter().map(unknown).collect(), findings: Vec::new() };
        }
    };
    let live = statement.releases.iter().map(|release| one(release, statement, all)).collect::<Vec<_>>();
    let findings = match statement.root {
        Some(root) => differences::find(statement, root, all, &live),
        None => Vec::new(),
    };
    Testimony { live, findings }
}

fn one(release: &Release, statement: &Statement<'_>, all: &HashMap<NsName, LiveRelease>) -> Option<Live> {
    if !applies(release, statement.root) {
        return None;
    }
    if !is_named(release) {
        let message = "Git alone does not say its whole name, so it was not looked for";
        return Some(Live::bare(LiveState::Unknown, message));
    }
    Some(match all.get(&release.id()) {
        Some(found) => verdict::live(release, found, statement.seen),
        None => Live::bare(LiveState::Absent, "the cluster has no such release"),
    })
}

/// Whether the cluster is to have this release; without any root, whether it may have it.
pub(super) fn applies(release: &Release, root: Option<&str>) -> bool {
    let built = release.kustomization.is_some() || root.is_none();
    release.kind == RowKind::HelmRelease && built && release.cluster.as_deref() == root
}

/// Whether namespace and name are known, without a variable.
pub(super) fn is_named(release: &Release) -> bool {
    !release.namespace.is_empty() && !release.namespace.contains("${") && !release.name.contains("${")
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
