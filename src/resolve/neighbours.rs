//! What the repositories of one fleet know of each other (Flux rules 1, 12 and 24): a platform repository holds the
//! sources that tenants use, and the Flux Kustomizations that build the tenants' repositories. Pure: who reads which
//! repository when is `engine/fleet.rs`'s.
//!
//! The names. A [`Member`] is a repository of the configuration. What its last resolving lets the others see is a
//! [`Published`]: [`Link`]s (Kustomizations that build another member, as the cluster has them), [`Shown`] sources, the
//! data that variables come from, what it looks for and does not build itself ([`Published::wants`]), and whom of the
//! others' sources it uses. A [`ClusterId`] is the root's directory in the member that holds the root. [`Neighbours`] is
//! one member's view of the rest, by the state of each.
//!
//! Two members are together in a cluster when one builds the other in it; or when both have a root of that directory and
//! do not both call themselves by the same GitRepository (Flux has one object per name, so two that do are two
//! clusters); or, by assumption only, when one of them has no root and nobody builds it.
//!
//! Nothing is published per row: of the names that are built only a hash each, whole objects only where somebody may
//! ask for them.

use super::entrusted::Entrusted;
use super::object::Object;
use super::taken::{Shares, Taken, is_beside};
use super::variables::Data;
use super::world::Built;
use crate::inventory::{Elsewhere, Kind, is_file_of, same_repository};
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

/// A repository of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its place in the configuration.
    pub number: u32,
    /// Its name there.
    pub name: Arc<str>,
    /// Its URL; nothing for a path, which says nothing of where Flux fetches from.
    pub url: Option<String>,
}

/// What is known of a neighbour.
#[derive(Debug, Clone)]
pub enum State {
    /// Its first look is still to come.
    Unread,
    /// It was never read: why the last try failed.
    Failed(Arc<str>),
    /// Its last look.
    Read(Arc<Published>),
    /// Its last look that was one, and why those since failed.
    Stale(Arc<Published>, Arc<str>),
}

/// Another member and what is known of it.
#[derive(Debug, Clone)]
pub struct Neighbour {
    /// Who.
    pub member: Arc<Member>,
    /// What.
    pub state: State,
}

/// A member's view of the others. The default is that of a repository that stands alone.
#[derive(Debug, Clone, Default)]
pub struct Neighbours {
    /// Who looks.
    pub own: Option<Arc<Member>>,
    /// The others.
    pub others: Vec<Neighbour>,
}

/// A cluster of the fleet: the member that holds its root, and the root's directory there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ClusterId {
    pub(super) home: u32,
    pub(super) directory: Arc<str>,
}

/// A source that others may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// Nothing where its repository has no root and nobody builds it.
    pub(super) cluster: Option<ClusterId>,
    pub(super) built: Built,
}

/// A Flux Kustomization that builds another member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// Members at its URL; several where the configuration takes a repository in parts.
    pub(super) to: Vec<u32>,
    pub(super) cluster: ClusterId,
    pub(super) object: Arc<Object>,
}

/// Kind, namespace and name.
pub(super) type Name = (Kind, String, String);

/// Where a member stands in the fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Clusters in which something of it is built.
    pub(super) clusters: BTreeSet<ClusterId>,
    /// By directory of an own root: namespace and name of the GitRepositories that are this repository.
    pub(super) selves: BTreeMap<String, BTreeSet<(String, String)>>,
    /// It has no root, and nobody builds it.
    pub(super) loose: bool,
}

/// What a member lets the others see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    pub(super) number: u32,
    pub(super) standing: Standing,
    /// The files that stand in what is published.
    pub(super) files: Elsewhere,
    pub(super) links: Vec<Link>,
    pub(super) sources: BTreeMap<Name, Vec<Shown>>,
    /// ConfigMaps, and the keys of Secrets, by cluster.
    pub(super) data: BTreeMap<(ClusterId, Name), Arc<Data>>,
    /// Names that it refers to and does not build.
    pub(super) wants: BTreeSet<Name>,
    /// Hashes of the names that it builds, sorted.
    pub(super) defined: Vec<u64>,
    /// The same of its HelmReleases.
    pub(super) releases: Vec<u64>,
    /// Whose sources it uses: member, file, document; by whom.
    pub(super) uses: BTreeMap<(u32, Arc<str>, usize), Vec<String>>,
    /// Versions that its releases read and others hold.
    pub(super) entrusted: Vec<Arc<Entrusted>>,
    /// What it had taken of those others.
    pub(super) seen: Vec<(u32, Arc<Shares>)>,
    /// A document of it is broken: what it holds may be missing here.
    pub(super) broken: bool,
    /// Rows wait for a neighbour that was never read.
    pub waits: bool,
}

impl Published {
    /// Whether nothing in it builds it: another repository may.
    pub fn is_loose(&self) -> bool {
        self.standing.loose
    }
}

impl State {
    /// What it published last.
    pub fn published(&self) -> Option<&Arc<Published>> {
        match self {
            Self::Read(published) | Self::Stale(published, _) => Some(published),
            Self::Unread | Self::Failed(_) => None,
        }
    }
}

impl Neighbours {
    /// What was read of the others.
    pub(super) fn read(&self) -> impl Iterator<Item = &Arc<Published>> {
        self.others.iter().filter_map(|other| other.state.published())
    }

    /// The members that a URL of Git leads to; none where it leads to this one.
    pub(super) fn at_url(&self, url: &str) -> Vec<u32> {
        let leads = |member: &&Member| member.url.as_deref().is_some_and(|theirs| same_repository(theirs, url));
        if self.own.as_deref().is_some_and(|own| leads(&own)) {
            return Vec::new();
        }
        self.others.iter().map(|other| &*other.member).filter(leads).map(|member| member.number).collect()
    }

    /// Whether this one speaks for a cluster of these roots, as its rows call them, and no other repository has a
    /// HelmRelease of this name, as far as all of them are known: what is nowhere in Git is said once, not by each.
    #[must_use]
    pub fn lacks(&self, own: &Published, roots: &BTreeSet<String>, namespace: &str, name: &str) -> bool {
        let Some(me) = &self.own else { return true };
        let holds = |cluster: &ClusterId| cluster.home == me.number && roots.contains(&*cluster.directory);
        let hash = hash_of(Kind::HelmRelease, namespace, name);
        own.standing.clusters.iter().any(holds)
            && self.unread().is_none()
            && !self.read().any(|other| other.releases.binary_search(&hash).is_ok())
    }

    /// The Kustomizations of others that build this repository.
    pub(super) fn links(&self) -> impl Iterator<Item = &Link> {
        let own = self.own.as_ref().map(|own| own.number);
        self.read()
            .flat_map(|published| &published.links)
            .filter(move |link| own.is_some_and(|own| link.to.contains(&own)))
    }

    /// The first of those that were never read, and why, where that is known.
    pub(super) fn unread(&self) -> Option<(&str, Option<&str>)> {
        self.others.iter().find_map(|other| match &other.state {
            State::Unread => Some((&*other.member.name, None)),
            State::Failed(why) => Some((&*other.member.name, Some(&**why))),
            _ => None,
        })
    }

    /// The first whose first look is still to come.
    pub(super) fn awaited(&self) -> Option<&str> {
        let waits = |other: &&Neighbour| matches!(other.state, State::Unread);
        self.others.iter().find(waits).map(|other| &*other.member.name)
    }

    pub(super) fn name(&self, number: u32) -> Option<&Arc<str>> {
        let members = self.own.iter().chain(self.others.iter().map(|other| &other.member));
        members.into_iter().find(|member| member.number == number).map(|member| &member.name)
    }

    /// The cluster as this repository's rows call it: its directory; with the member's name before it where the root
    /// lies in another one.
    pub(super) fn called(&self, cluster: &ClusterId) -> String {
        match self.name(cluster.home) {
            Some(name) if self.own.as_ref().is_none_or(|own| own.number != cluster.home) => {
                format!("{name}:{}", cluster.directory)
            }
            _ => cluster.directory.to_string(),
        }
    }

    /// What of this view the last resolving of a repository, which published this, hangs on. What is not in it may change
    /// as it likes.
    #[must_use]
    pub fn taken_by(&self, own: &Published) -> Taken {
        Taken::of(self, own)
    }
}

/// Whether two members share a cluster, for all that is known.
pub(super) fn together(a: &Published, b: &Published) -> bool {
    let (one, other) = (&a.standing, &b.standing);
    one.loose || other.loose || !one.clusters.is_disjoint(&other.clusters) || merged(a, b).next().is_some()
}

/// Directories of roots that both hold for the same cluster.
pub(super) fn merged<'p>(a: &'p Published, b: &'p Published) -> impl Iterator<Item = &'p str> {
    let both = a
        .standing
        .selves
        .iter()
        .filter_map(|(directory, own)| Some((directory, own, b.standing.selves.get(directory)?)));
    both.filter(|(_, own, theirs)| own.is_disjoint(theirs)).map(|(directory, ..)| directory.as_str())
}

/// Whether a cluster of one member is the cluster of another's.
pub(super) fn same_cluster(a: &Published, of_a: &ClusterId, b: &Published, of_b: &ClusterId) -> bool {
    let own = of_a.home == a.number && of_b.home == b.number && of_a.directory == of_b.directory;
    of_a == of_b || own && merged(a, b).any(|directory| *directory == *of_a.directory)
}

/// What stands in both of two sorted lists.
pub(super) fn common<'h>(a: &'h [u64], b: &'h [u64]) -> impl Iterator<Item = u64> {
    let mut rest = b;
    a.iter().copied().filter(move |hash| {
        let before = rest.partition_point(|other| other < hash);
        rest = rest.get(before..).unwrap_or_default();
        rest.first() == Some(hash)
    })
}

/// A name as it is compared before anybody asks for more.
pub(super) fn hash_of(kind: Kind, namespace: &str, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, namespace, name).hash(&mut hasher);
    hasher.finish()
}

impl Published {
    pub(super) fn defines(&self, (kind, namespace, name): &Name) -> bool {
        self.defined.binary_search(&hash_of(*kind, namespace, name)).is_ok()
    }
}

/// What a resolving takes from the others.
#[derive(Debug, Default)]
pub(super) struct Abroad<'n> {
    /// Members that this one is, or may be, together with.
    pub(super) peers: Vec<&'n Arc<Published>>,
    sources: HashMap<&'n Name, Vec<(&'n Published, &'n Shown)>>,
    /// By file and document.
    users: HashMap<&'n str, BTreeMap<usize, Vec<&'n str>>>,
}

impl<'n> Abroad<'n> {
    /// `own` has its standing, and need not have more.
    pub(super) fn new(neighbours: &'n Neighbours, own: &Published) -> Self {
        let peers: Vec<_> = neighbours.read().filter(|other| is_beside(own, other)).collect();
        let mut abroad = Self { peers, ..Self::default() };
        for peer in abroad.peers.clone() {
            for (name, shown) in &peer.sources {
                let known = abroad.sources.entry(name).or_default();
                known.extend(shown.iter().map(|shown| (&**peer, shown)));
            }
            for ((owner, file, document), users) in &peer.uses {
                if *owner == own.number {
                    let known = abroad.users.entry(file).or_default().entry(*document).or_default();
                    known.extend(users.iter().map(String::as_str));
                }
            }
        }
        abroad
    }

    pub(super) fn sources(&self, kind: Kind, namespace: &str, name: &str) -> &[(&'n Published, &'n Shown)] {
        if self.sources.is_empty() {
            return &[];
        }
        self.sources.get(&(kind, namespace.to_owned(), name.to_owned())).map(Vec::as_slice).unwrap_or_default()
    }

    /// Who of the others uses a document of this repository.
    pub(super) fn users(&self, file: &str, document: usize) -> &[&'n str] {
        self.users.get(file).and_then(|known| known.get(&document)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Every file that stands in what the others published.
pub(super) fn files(neighbours: &Neighbours) -> Elsewhere {
    let mut files = Elsewhere::new();
    // Who holds a file says what it is; what others hold of it may be older, and is overwritten.
    for own in [false, true] {
        for published in neighbours.read() {
            let those = published.files.iter().filter(|(number, _)| is_file_of(**number, published.number) == own);
            files.extend(those.map(|(number, file)| (*number, file.clone())));
        }
    }
    files
}

#[cfg(test)]
#[path = "neighbours_tests.rs"]
pub(super) mod tests;
