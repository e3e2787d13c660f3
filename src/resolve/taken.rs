//! What a member takes of its neighbours, object by object: of all that they show, what one resolving looked up by name,
//! or was told. Two that are equal give the same rows, so a commit of a platform that moves nothing which a tenant uses
//! is no news to that tenant.
//!
//! By name, not by what was found: a name that nobody had is one that somebody may have next time.

use super::entrusted::Entrusted;
use super::mentioned::Mentioned;
use super::neighbours::{ClusterId, Link, Name, Neighbours, Published, Shown, common, hash_of, merged, together};
use super::variables::Data;
use crate::inventory::{Foreign, is_file_of};
use std::sync::Arc;

/// What one resolving of a member hangs on in the other repositories. The default is that of one that stands alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// What builds and rows are made of.
    pub(super) rows: Rows,
    /// Own names that others look for, or build too: they say what is shown to them.
    asked: Vec<u64>,
    /// Versions that they read and that lie here, and whether their reader is behind what is shown of here.
    entrusted: Vec<(Arc<Entrusted>, bool)>,
    /// A document of one of them is broken: what is left alone hangs on it.
    broken: bool,
}

/// What builds and rows are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rows {
    /// How many others there are: one that stands alone takes down no name.
    others: usize,
    /// The first of those that were never read, and why.
    unread: Option<(Arc<str>, Option<Arc<str>>)>,
    /// The first whose first look is still to come.
    awaited: Option<Arc<str>>,
    pub(super) shares: Shares,
}

/// What others show that counts here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) of: Vec<Share>,
    /// The files that stand in it, by number.
    files: Vec<(usize, Arc<Foreign>)>,
}

/// What is taken of one neighbour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Share {
    number: u32,
    /// Directories of roots that are one cluster.
    merged: Vec<String>,
    links: Vec<Link>,
    sources: Vec<(Name, Vec<Shown>)>,
    data: Vec<(ClusterId, Name, Arc<Data>)>,
    /// Own documents that it uses, with their users.
    uses: Vec<(Arc<str>, usize, Vec<String>)>,
}

impl Taken {
    /// Of all that is known of the others.
    pub(super) fn of(neighbours: &Neighbours, own: &Published) -> Self {
        let mut taken = Self::from(own, &neighbours.read().map(Arc::as_ref).collect::<Vec<_>>());
        let name = |(name, why): (&str, Option<&str>)| (Arc::from(name), why.map(Arc::from));
        taken.rows.others = neighbours.others.len();
        taken.rows.unread = neighbours.unread().map(name);
        taken.rows.awaited = neighbours.awaited().map(Arc::from);
        taken
    }

    fn from(own: &Published, others: &[&Published]) -> Self {
        let mut taken = Self::default();
        for other in others {
            if is_beside(own, other) {
                let entrusted = other.entrusted.iter().filter(|entrusted| entrusted.to == own.number);
                let behind = is_behind(other, own);
                taken.entrusted.extend(entrusted.map(|entrusted| (entrusted.clone(), behind)));
                taken.asked.extend(asked(own, other));
                taken.broken |= other.broken;
            }
        }
        taken.asked.sort_unstable();
        taken.asked.dedup();
        taken.rows.shares = Shares::of(own, others);
        taken
    }

    /// Whether anything is.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Shares {
    /// What a member takes of these.
    pub(super) fn of(own: &Published, others: &[&Published]) -> Self {
        let of: Vec<Share> = others.iter().filter_map(|other| Share::of(own, other)).collect();
        let mut mentioned = Mentioned::default();
        for share in &of {
            share.mention(&mut mentioned);
        }
        let file = |number: usize| Some((number, file(others, number)?.clone()));
        let files = mentioned.files().filter_map(file).collect();
        Self { of, files }
    }
}

/// Whether a member has taken something else of a holder of its versions than what that one shows now.
pub(super) fn is_behind(member: &Published, holder: &Published) -> bool {
    let seen = member.seen.iter().find(|(number, _)| *number == holder.number);
    seen.is_some_and(|(_, seen)| **seen != Shares::of(member, &[holder]))
}

/// What a member takes of one other.
pub fn taken_of(own: &Published, other: &Published) -> Taken {
    Taken::from(own, &[other])
}

/// Whether what a member shows is news to another: its rows, or what it shows itself, may be others now. Whether a
/// document is broken is not: nothing but what is left alone hangs on it, and that is looked at in the next pass.
pub fn is_news(to: &Published, before: Option<&Published>, now: &Published) -> bool {
    let before = before.map(|before| taken_of(to, before)).unwrap_or_default();
    let now = taken_of(to, now);
    (before.rows, before.asked, before.entrusted) != (now.rows, now.asked, now.entrusted)
}

/// Whether two members share a cluster, or one builds the other.
pub(super) fn is_beside(own: &Published, other: &Published) -> bool {
    let builds = |a: &Published, b: &Published| a.links.iter().any(|link| link.to.contains(&b.number));
    together(own, other) || builds(other, own) || builds(own, other)
}

/// Hashes of own names that another looks for, or builds too.
pub(super) fn asked(own: &Published, other: &Published) -> Vec<u64> {
    let wanted = other.wants.iter().filter(|name| own.defines(name));
    let wanted = wanted.map(|(kind, namespace, name)| hash_of(*kind, namespace, name));
    wanted.chain(common(&own.defined, &other.defined)).collect()
}

/// What a file is: as its own repository says, where that is known, else as the last of those that hold it.
pub(super) fn file<'p>(others: &[&'p Published], number: usize) -> Option<&'p Arc<Foreign>> {
    let owner = others.iter().find(|other| is_file_of(number, other.number)).and_then(|owner| owner.files.get(&number));
    owner.or_else(|| others.iter().rev().find_map(|other| other.files.get(&number)))
}

impl Share {
    /// Nothing where nothing is taken.
    fn of(own: &Published, other: &Published) -> Option<Self> {
        let beside = is_beside(own, other);
        let looked_up = |name: &Name| own.wants.contains(name) || own.defines(name);
        let links = other.links.iter().filter(|link| link.to.contains(&own.number));
        let sources = other.sources.iter().filter(|_| beside);
        let data = other.data.iter().filter(|_| beside);
        let uses = other.uses.iter().filter(|((owner, ..), _)| beside && *owner == own.number);
        let share = Self {
            number: other.number,
            merged: Vec::new(),
            links: links.cloned().collect(),
            sources: sources.filter(|(name, _)| looked_up(name)).map(|(n, shown)| (n.clone(), shown.clone())).collect(),
            data: data
                .filter(|((_, name), _)| looked_up(name))
                .map(|((cluster, name), data)| (cluster.clone(), name.clone(), data.clone()))
                .collect(),
            uses: uses.map(|((_, file, document), users)| (file.clone(), *document, users.clone())).collect(),
        };
        let any =
            !(share.links.is_empty() && share.sources.is_empty() && share.data.is_empty() && share.uses.is_empty());
        any.then(|| Self { merged: merged(own, other).map(str::to_owned).collect(), ..share })
    }

    fn mention(&self, mentioned: &mut Mentioned) {
        for link in &self.links {
            mentioned.object(&link.object);
        }
        for shown in self.sources.iter().flat_map(|(_, shown)| shown) {
            mentioned.object(&shown.built.object);
        }
        for (.., data) in &self.data {
            mentioned.data(data);
        }
    }
}

#[cfg(test)]
#[path = "taken_tests.rs"]
mod tests;
