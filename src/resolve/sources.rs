//! Finds the source object that a reference names, as the cluster that the release runs in would. The nearest answer
//! counts; several different ones are a reason, never a choice. What other repositories of the fleet build in the same
//! cluster counts like what this one builds there: Flux has one object per name.

use super::neighbours::{Published, Shown, same_cluster};
use super::world::{Built, Scope, World};
use crate::inventory::Kind;
use crate::model::{Problem, Reason};
use std::cell::RefCell;
use std::collections::HashMap;

/// What a release refers to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'w> {
    pub(super) kind: Kind,
    /// Empty where neither the reference nor the release says one.
    pub(super) namespace: &'w str,
    pub(super) name: &'w str,
}

/// Sources by kind and name, and by namespace: a tenant's every namespace may hold one of the same name.
pub(super) struct Sources<'w> {
    world: &'w World<'w>,
    by_name: HashMap<(Kind, &'w str), HashMap<&'w str, Vec<usize>>>,
    /// What the row at hand looked for.
    asked: RefCell<Vec<(Kind, String)>>,
}

impl<'w> Sources<'w> {
    pub(super) fn new(world: &'w World<'w>) -> Self {
        let mut by_name: HashMap<(Kind, &'w str), HashMap<&'w str, Vec<usize>>> = HashMap::new();
        for (number, source) in world.sources.iter().enumerate() {
            let named = by_name.entry((source.object.kind, source.object.name())).or_default();
            named.entry(source.object.namespace()).or_default().push(number);
        }
        Self { world, by_name, asked: RefCell::default() }
    }

    /// What was looked for since the last time: what is said of it hangs on all sources of that kind and name.
    pub(super) fn asked(&self) -> Vec<(Kind, String)> {
        self.asked.take()
    }

    /// Every source of a kind and name, whatever its namespace.
    pub(super) fn named<'s>(&'s self, kind: Kind, name: &'s str) -> impl Iterator<Item = &'w Built> + use<'s, 'w> {
        self.asked.borrow_mut().push((kind, name.to_owned()));
        let numbers = self.by_name.get(&(kind, name)).into_iter().flat_map(HashMap::values).flatten();
        numbers.map(|number| &self.world.sources[*number])
    }

    /// Those that may be the one: of the wanted namespace, or of none that is known.
    fn candidates(&self, wanted: Wanted<'_>) -> Vec<usize> {
        self.asked.borrow_mut().push((wanted.kind, wanted.name.to_owned()));
        let Some(named) = self.by_name.get(&(wanted.kind, wanted.name)) else { return Vec::new() };
        let mut numbers: Vec<usize> = if wanted.namespace.is_empty() {
            named.values().flatten().copied().collect()
        } else {
            [wanted.namespace, ""].iter().filter_map(|namespace| named.get(namespace)).flatten().copied().collect()
        };
        numbers.sort_unstable();
        numbers
    }

    /// The source, or why there is none.
    pub(super) fn find(&self, of: &Built, wanted: Wanted<'_>) -> Result<&'w Built, Problem> {
        let ranked = self.candidates(wanted).into_iter().filter_map(|number| {
            let source = &self.world.sources[number];
            Some((rank(of, source, wanted.namespace)?, source))
        });
        let mut ranked: Vec<_> = ranked.collect();
        let best = ranked.iter().map(|(rank, _)| *rank).min();
        ranked.extend(self.lent(of, wanted, best));
        let Some(best) = ranked.iter().map(|(rank, _)| *rank).min() else { return Err(self.missing(of, wanted)) };
        // One that nobody builds stands for the cluster's own only where that can't be another repository's.
        if of.context.is_some() && best.1 >= UNBUILT && self.world.neighbours.awaited().is_some() {
            return Err(self.missing(of, wanted));
        }
        ranked.retain(|(rank, _)| *rank == best);
        // One document that several Kustomizations build alike is one source; the one with most to say about it counts.
        ranked.sort_by_key(|(_, source)| (source.object.at, std::cmp::Reverse(source.object.says.len())));
        ranked.dedup_by(|(_, a), (_, b)| {
            a.object.at == b.object.at && a.object.tree().look().same(b.object.tree().look())
        });
        match ranked.as_slice() {
            [] => Err(self.missing(of, wanted)),
            [(_, first), rest @ ..] if rest.iter().all(|(_, other)| alike(first, other)) => Ok(first),
            several => {
                let places = several.iter().map(|(_, s)| self.world.place(&s.object));
                let places = places.collect::<Vec<_>>().join(", ");
                let foreign = several.iter().any(|(_, s)| self.world.inventory.is_elsewhere(s.object.at.0));
                let own = self.world.neighbours.own.as_ref().filter(|_| foreign).map(|own| &*own.name);
                let own = own.map(|own| format!(" (a path without a repository is of {own})")).unwrap_or_default();
                let places = format!("{places}{own}");
                let what = describe(wanted);
                Err(Problem::new(Reason::SourceAmbiguous, format!("several sources answer to {what}: {places}")))
            }
        }
    }

    /// Those that other repositories build: in the release's own cluster they are as near as the best of this one; where
    /// a side has no root, they count only where there is nothing else.
    fn lent(&self, of: &Built, wanted: Wanted<'_>, best: Option<(u8, u8)>) -> Vec<((u8, u8), &'w Built)> {
        let lent = self.world.abroad.sources(wanted.kind, wanted.namespace, wanted.name);
        // Who was never read may have the one that is meant: nothing is assumed until then.
        let known = self.world.neighbours.unread().is_none();
        let near = best.filter(|best| *best <= (0, 1)).unwrap_or((0, 1));
        let rank = |peer: &Published, shown: &Shown| match (&of.context, &shown.cluster) {
            (Some(context), Some(theirs)) => {
                let own = self.world.cluster_id(&context.cluster);
                same_cluster(&self.world.me, &own, peer, theirs).then_some(near)
            }
            (None, _) if self.world.rooted => None,
            _ => (best.is_none() && known).then_some((0, 3)),
        };
        lent.iter().filter_map(|(peer, shown)| Some((rank(peer, shown)?, &shown.built))).collect()
    }

    /// Why there is none: nowhere, or only where another cluster builds it.
    fn missing(&self, of: &Built, wanted: Wanted<'_>) -> Problem {
        let what = describe(wanted);
        let elsewhere = self.candidates(wanted).into_iter().map(|number| &self.world.sources[number]);
        let elsewhere = elsewhere.filter_map(|source| {
            let cluster = &source.context.as_ref()?.cluster;
            Some(format!("{cluster} has one ({})", self.world.place(&source.object)))
        });
        let other = elsewhere.min();
        if let Some((name, why)) = self.world.neighbours.unread() {
            let why = why.map_or_else(|| "is still to be read".to_owned(), |why| format!("could not be read: {why}"));
            let message = format!("{what} is not in the tree that was read; the repository {name} {why}");
            return Problem::new(Reason::RepositoryUnread, message);
        }
        let message = match (&of.context, other) {
            (Some(context), Some(other)) => format!("{what} is not among what {} builds; {other}", context.cluster),
            _ => format!("{what} is not in the tree that was read"),
        };
        Problem::new(Reason::SourceMissing, message)
    }
}

/// How near a source is that no Kustomization builds.
const UNBUILT: u8 = 2;

/// How near a source is to a release: smaller is nearer. Nothing where it can't be the one.
fn rank(of: &Built, source: &Built, namespace: &str) -> Option<(u8, u8)> {
    let exact = source.object.namespace() == namespace && !namespace.is_empty();
    if !exact && !namespace.is_empty() && !source.object.namespace().is_empty() {
        return None;
    }
    let same_build = match (&of.context, &source.context) {
        (Some(a), Some(b)) => a.id == b.id && a.cluster == b.cluster,
        (None, None) => of.scope == source.scope && of.scope != Scope::Loose || of.object.at.0 == source.object.at.0,
        _ => false,
    };
    let near = if same_build {
        0
    } else if of.scope == source.scope {
        1
    } else if source.context.is_none() || of.context.is_none() {
        UNBUILT
    } else {
        // What another cluster builds is not there for this one, whatever it is called.
        return None;
    };
    Some((u8::from(!exact), near))
}

/// Two objects that lead to the same question and hold no version: either will do.
fn alike(a: &Built, b: &Built) -> bool {
    let same = |route: &&str| a.object.text(route) == b.object.text(route);
    let way = ["spec.url", "spec.type", "spec.suspend", "spec.insecure"];
    let credentials = ["spec.secretRef.name", "spec.certSecretRef.name", "spec.passCredentials", "spec.provider"];
    a.object.kind == Kind::HelmRepository && way.iter().chain(&credentials).all(same) && a.object.says == b.object.says
}

fn describe(wanted: Wanted<'_>) -> String {
    let Wanted { kind, namespace, name } = wanted;
    let slash = if namespace.is_empty() { "" } else { "/" };
    format!("{} {namespace}{slash}{name}", kind.as_str())
}
