//! The releases that Git builds for one cluster, beside those that it has.

use super::differences;
use super::{LiveRelease, Sighting, verdict};
use crate::model::{Fact, Live, LiveState, NsName, Problem, Release, RowKind};
use std::collections::{BTreeSet, HashMap};

/// What is compared.
pub struct Statement<'a> {
    /// Every release of the repository, in the order of the rows.
    pub releases: &'a [&'a Release],
    /// The roots that the cluster applies, as the rows call them; nothing for a repository that has none, of which it is
    /// not known what the cluster applies.
    pub roots: Option<&'a BTreeSet<String>>,
    /// What the cluster showed.
    pub seen: &'a Sighting,
    /// Whether a Git URL is this repository's.
    pub ours: &'a dyn Fn(&str) -> bool,
    /// The ref that was read here, by its full name; nothing where that is not known.
    pub git_ref: Option<&'a str>,
    /// Whether a release that nothing says who made is in nobody's Git, and this repository's to say so.
    pub lacks: &'a dyn Fn(&NsName) -> bool,
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

/// Compares. Releases that could not be listed are unknown, and nothing is said to be missing.
pub fn testify(statement: &Statement<'_>) -> Testimony {
    let all = match &statement.seen.releases {
        Fact::Known(all) => all,
        Fact::Unknown(problem) => {
            let unknown = |release: &&Release| {
                applies(release, statement.roots).then(|| Live::bare(LiveState::Unknown, problem.message.clone()))
            };
            return Testimony { live: statement.releases.iter().map(unknown).collect(), findings: Vec::new() };
        }
    };
    let live = statement.releases.iter().map(|release| one(release, statement, all)).collect::<Vec<_>>();
    let findings = match statement.roots {
        Some(roots) => differences::find(statement, roots, all, &live),
        None => Vec::new(),
    };
    Testimony { live, findings }
}

fn one(release: &Release, statement: &Statement<'_>, all: &HashMap<NsName, LiveRelease>) -> Option<Live> {
    if !applies(release, statement.roots) {
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
pub(super) fn applies(release: &Release, roots: Option<&BTreeSet<String>>) -> bool {
    let cluster = release.cluster.as_deref();
    let built = match roots {
        Some(roots) => release.kustomization.is_some() && cluster.is_some_and(|cluster| roots.contains(cluster)),
        None => cluster.is_none(),
    };
    release.kind == RowKind::HelmRelease && built
}

/// Whether namespace and name are known, without a variable.
pub(super) fn is_named(release: &Release) -> bool {
    !release.namespace.is_empty() && !release.namespace.contains("${") && !release.name.contains("${")
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
