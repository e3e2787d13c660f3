//! Which roots the clusters of a fleet are known to have, and which of them are one cluster. Decides nothing: which of
//! them the configured cluster applies is `engine/applied.rs`'s.

use super::neighbours::{ClusterId, Neighbours, Published, same_cluster};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A root of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetRoot {
    /// The repository that holds it, by its name in the configuration; empty where it has none.
    pub repository: Arc<str>,
    /// Its directory there.
    pub directory: Arc<str>,
    /// As the rows of the repository that looks call it: [`Release::cluster`](crate::model::Release::cluster).
    pub called: String,
}

/// The roots of every repository that was read, and this one's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FleetRoots {
    /// Each once, by repository and directory.
    pub all: Vec<FleetRoot>,
    /// A repository was never read: what it holds is not known.
    pub partial: bool,
    /// Pairs that are one cluster, the smaller number first.
    one: BTreeSet<(usize, usize)>,
}

impl FleetRoots {
    /// Those of a repository that stands alone: what its rows say.
    pub fn alone<'r>(repository: &str, called: impl Iterator<Item = &'r str>) -> Self {
        let repository: Arc<str> = Arc::from(repository);
        let called: BTreeSet<&str> = called.collect();
        let root = |called: &str| FleetRoot {
            repository: repository.clone(),
            directory: Arc::from(called),
            called: called.to_owned(),
        };
        Self { all: called.into_iter().map(root).collect(), ..Self::default() }
    }

    /// Those of a fleet, as one member sees it. Nothing for one that stands alone.
    pub fn of(neighbours: &Neighbours, own: &Published) -> Option<Self> {
        neighbours.own.as_ref()?;
        let members: Vec<&Published> = neighbours.read().map(Arc::as_ref).chain([own]).collect();
        let ids: BTreeSet<&ClusterId> = members.iter().flat_map(|member| &member.standing.clusters).collect();
        let ids: Vec<&ClusterId> = ids.into_iter().collect();
        let holder = |id: &ClusterId| members.iter().find(|member| member.number == id.home);
        let same = |a: &ClusterId, b: &ClusterId| {
            a.directory == b.directory
                && holder(a).zip(holder(b)).is_some_and(|(one, two)| same_cluster(one, a, two, b))
        };
        let pairs = (0..ids.len()).flat_map(|a| (a + 1..ids.len()).map(move |b| (a, b)));
        let one = pairs.filter(|(a, b)| same(ids[*a], ids[*b])).collect();
        let root = |id: &&ClusterId| FleetRoot {
            repository: neighbours.name(id.home).cloned().unwrap_or_else(|| Arc::from("")),
            directory: id.directory.clone(),
            called: neighbours.called(id),
        };
        Some(Self { all: ids.iter().map(root).collect(), partial: neighbours.unread().is_some(), one })
    }

    /// Whether two of them, by their numbers, are one cluster.
    pub fn are_one(&self, a: usize, b: usize) -> bool {
        a == b || self.one.contains(&(a.min(b), a.max(b)))
    }
}
