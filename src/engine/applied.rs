//! Which roots of the fleet the configured cluster applies, and the version of Kubernetes that each row's chart must
//! support. Pure. Where that is not known, no version of one cluster is taken for another's, and a cluster that can be
//! asked makes no check less than there was without it.

use crate::config;
use crate::model::{Problem, Reason, Release, Version};
use crate::resolve::FleetRoots;
use crate::world::cluster::Sight;
use std::collections::BTreeSet;

/// Most roots that a message names.
const NAMED: usize = 8;

/// The roots that the cluster applies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Applied {
    /// There is no root: which rows are the cluster's only their names could say.
    #[default]
    Rootless,
    /// These, as the rows of one repository call them; empty: no row that has a root is the cluster's.
    Roots(BTreeSet<String>),
    /// Nobody knows; a finding for a person.
    Unknown(Problem),
}

impl Applied {
    /// By the configuration's `cluster.root`: a directory, or a repository's name, a colon and the directory.
    pub fn of(configured: Option<&str>, roots: &FleetRoots) -> Self {
        let meant: Vec<usize> = match configured {
            Some(text) => (0..roots.all.len()).filter(|number| is_called(roots, *number, text)).collect(),
            None => (0..roots.all.len()).collect(),
        };
        let Some(first) = meant.first() else {
            return match configured {
                Some(_) if roots.partial => Self::Roots(BTreeSet::new()),
                Some(text) if !roots.all.is_empty() => Self::Unknown(no_such_root(roots, text)),
                _ => Self::Rootless,
            };
        };
        if meant.iter().any(|a| meant.iter().any(|b| !roots.are_one(*a, *b))) {
            return Self::Unknown(several(roots, &meant, configured));
        }
        let all = (0..roots.all.len()).filter(|number| roots.are_one(*first, *number));
        Self::Roots(all.map(|number| roots.all[number].called.clone()).collect())
    }

    /// Whether the cluster may have what Git builds for this release.
    pub(super) fn concerns(&self, release: &Release) -> bool {
        match self {
            Self::Roots(roots) => release.cluster.as_deref().is_none_or(|cluster| roots.contains(cluster)),
            Self::Rootless | Self::Unknown(_) => true,
        }
    }
}

/// Whether the configuration's words are for a root. A repository without a name (a folder) may be any.
fn is_called(roots: &FleetRoots, number: usize, text: &str) -> bool {
    let root = &roots.all[number];
    let of = |(repository, directory): (&str, &str)| {
        *directory == *root.directory && (root.repository.is_empty() || *repository == *root.repository)
    };
    *text == *root.directory || text.split_once(':').is_some_and(of)
}

fn several(roots: &FleetRoots, meant: &[usize], configured: Option<&str>) -> Problem {
    let named = names(roots, meant);
    let message = match configured {
        Some(text) => format!(
            "cluster.root {text} is a root of several clusters ({named}), and which one is meant is not known: set \
             cluster.root to one of them"
        ),
        None => format!(
            "there are several roots ({named}), and which one the cluster applies is not known: set cluster.root to one \
             of them"
        ),
    };
    Problem::new(Reason::ClusterAmbiguous, message)
}

fn no_such_root(roots: &FleetRoots, text: &str) -> Problem {
    let named = names(roots, &(0..roots.all.len()).collect::<Vec<_>>());
    Problem::new(
        Reason::ClusterAmbiguous,
        format!("cluster.root {text} is none of the roots that are known here ({named})"),
    )
}

/// Roots as the configuration may name them: with the repository where the directory alone says not which.
fn names(roots: &FleetRoots, numbers: &[usize]) -> String {
    let directory = |number: &usize| &*roots.all[*number].directory;
    let name = |number: &usize| {
        let root = &roots.all[*number];
        let twins = (0..roots.all.len()).filter(|other| directory(other) == directory(number)).count();
        if twins > 1 { format!("{}:{}", root.repository, root.directory) } else { root.directory.to_string() }
    };
    let mut named: Vec<String> = numbers.iter().take(NAMED).map(name).collect();
    named.extend((numbers.len() > NAMED).then(|| format!("and {} more", numbers.len() - NAMED)));
    named.join(", ")
}

/// What is known of the version of Kubernetes, before it is known which rows it is for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kube<'a> {
    /// The cluster's own answer, now or the last time.
    pub live: Option<&'a Version>,
    /// The configuration's.
    pub configured: Option<&'a Version>,
    /// The configuration's `cluster.root`.
    pub root: Option<&'a str>,
    /// There is a cluster to ask.
    pub asked: bool,
}

impl<'a> Kube<'a> {
    /// What configuration and cluster say.
    pub fn of(config: &'a config::Cluster, sight: Option<&'a Sight>) -> Self {
        Self {
            live: sight.and_then(|sight| sight.kube_version.as_ref()),
            configured: config.kube_version.as_ref(),
            root: config.root.as_deref(),
            asked: sight.is_some(),
        }
    }

    /// For the rows of one repository.
    pub(super) fn among(self, roots: &FleetRoots) -> Kubernetes {
        let mut applied = Applied::of(self.root, roots);
        let (live, awaits) = match &mut applied {
            Applied::Unknown(problem) => {
                let counts = match (self.configured, self.asked) {
                    (Some(version), _) => {
                        format!("; until then cluster.kubeVersion ({version}) counts for all of them")
                    }
                    (None, true) => "; until then a chart with a kubeVersion waits".to_owned(),
                    (None, false) => String::new(),
                };
                problem.message.push_str(&counts);
                (None, Awaits::Root)
            }
            Applied::Rootless | Applied::Roots(_) => (self.live, Awaits::Answer),
        };
        let version = live.or(self.configured).cloned();
        Kubernetes { awaits: Some(awaits).filter(|_| self.asked && version.is_none()), version, applied }
    }
}

/// What a version of Kubernetes still hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaits {
    /// The cluster never answered.
    Answer,
    /// Nobody knows which rows are the cluster's.
    Root,
}

/// The version of Kubernetes that charts must run on, and the rows that it is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kubernetes {
    /// Nothing where it is not known.
    pub version: Option<Version>,
    /// The rows.
    pub applied: Applied,
    awaits: Option<Awaits>,
}

impl Kubernetes {
    /// For one release: the version of another cluster says nothing.
    pub fn for_release(&self, release: &Release) -> Option<&Version> {
        self.version.as_ref().filter(|_| self.applied.concerns(release))
    }

    /// What the version that a release's chart must support still hangs on.
    pub(super) fn awaited_by(&self, release: &Release) -> Option<Awaits> {
        self.awaits.filter(|_| self.applied.concerns(release))
    }
}

#[cfg(test)]
#[path = "applied_tests.rs"]
mod tests;
