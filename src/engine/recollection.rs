//! What one repository's looks remember between the passes of one process: a commit that was seen is not read, resolved
//! or judged again while its sources say the same, and of the next commit only what differs. Memory decides nothing:
//! what it gives back is what the same work on the same facts would give.
//!
//! One recollection belongs to one repository under one configuration, so that a commit stands for its files and for
//! the rules in force (the repository's own file is one of them).

use super::drafts::Drafts;
use super::look::Look;
use super::offers::Offers;
use super::read::Memory;
use super::report::Finding;
use crate::inventory::FileFacts;
use crate::model::{Lookup, Problem, Release};
use crate::policy::{Effective, Rules};
use crate::resolve::{Memo, Neighbours, Resolution, Taken};
use crate::world::tree::Listing;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// How long a judgement may be repeated: what a closer look at single versions said can change at its source.
pub(super) const JUDGED: SignedDuration = SignedDuration::from_hours(1);

/// Releases of all repositories together whose files and drafts are kept in memory, at about 10 kB a release. Beyond
/// that, the repositories that changed last have them; the others find theirs in the cache on disk. The last one has its
/// own, however many.
const RELEASES_KEPT: usize = 1_000;

/// What a look rests on, apart from the sources' answers.
#[derive(Debug)]
pub(super) struct Ground {
    /// The files, while they are kept: by identity.
    pub files: Weak<Vec<(String, Arc<FileFacts>)>>,
    pub resolution: Arc<Resolution>,
    pub problems: Vec<Finding>,
    /// What is in force for each release, by these rules.
    pub effective: Arc<Vec<Arc<Effective>>>,
    pub rules: Rules,
    pub lookups: Vec<Arc<Lookup>>,
    /// What it hangs on in the other repositories.
    pub taken: Taken,
}

impl Ground {
    /// Whether the other repositories say what they said.
    pub fn is_beside(&self, neighbours: &Neighbours) -> bool {
        neighbours.taken_by(&self.resolution.published) == self.taken
    }
}

/// Memory of one repository.
#[derive(Debug, Default)]
pub struct Recollection {
    /// There is no next look: nothing is kept for it.
    once: bool,
    pub(super) files: Memory,
    pub(super) drafts: Drafts,
    memo: Mutex<Memo>,
    last: Mutex<Option<Last>>,
}

#[derive(Debug)]
struct Last {
    commit: String,
    ground: Arc<Ground>,
    judged: Option<Arc<Earlier>>,
}

/// A look that was made, with what it was made of.
#[derive(Debug)]
pub(super) struct Earlier {
    pub ground: Arc<Ground>,
    /// What the sources said before any closer look.
    pub asked: Offers,
    /// When the oldest of its judgements was made.
    pub at: Timestamp,
    pub look: Arc<Look>,
}

impl Recollection {
    /// For a look that is the only one: what only the next one would want is let go before the sources are asked.
    pub fn of_one_look() -> Self {
        Self { once: true, ..Self::default() }
    }

    /// A tree was resolved.
    pub(super) fn resolved(&self, memo: Memo) {
        if self.once {
            drop(memo);
            self.clear();
        } else {
            self.keep_memo(memo);
        }
    }

    /// Gives away the listing of the commit that was read last, for the next one's to be made from.
    pub fn listing(&self) -> Listing {
        self.files.listing()
    }

    /// Whether the files of this commit need not be listed: beside these neighbours it is what it was.
    pub fn holds(&self, commit: &str, neighbours: &Neighbours) -> bool {
        self.ground(commit).is_some_and(|ground| ground.is_beside(neighbours))
    }

    pub(super) fn ground(&self, commit: &str) -> Option<Arc<Ground>> {
        self.lock().as_ref().filter(|last| last.commit == commit).map(|last| last.ground.clone())
    }

    /// The last commit's ground.
    pub(super) fn last_ground(&self) -> Option<Arc<Ground>> {
        self.lock().as_ref().map(|last| last.ground.clone())
    }

    pub(super) fn keep_ground(&self, commit: &str, ground: &Arc<Ground>) {
        let mut last = self.lock();
        let judged = last.take().and_then(|last| last.judged);
        *last = Some(Last { commit: commit.to_owned(), ground: ground.clone(), judged });
    }

    /// The last look, if it stood on this ground and the sources said the same then. One that depends on the time, or
    /// on a closer look that failed, is never it.
    pub(super) fn look(&self, ground: &Arc<Ground>, asked: &Offers, now: Timestamp) -> Option<Arc<Look>> {
        let earlier = self.earlier(now)?;
        let here = self.lock().as_ref().is_some_and(|last| {
            Arc::ptr_eq(&last.ground, ground) && earlier.look.findings.revision.as_ref() == Some(&last.commit)
        });
        let same = Arc::ptr_eq(&earlier.ground, ground)
            && asked.len() == earlier.asked.len()
            && asked.keys().all(|lookup| earlier.stands(lookup, asked));
        let ages = || ground.effective.iter().any(|effective| !effective.policy.minimum_age.is_zero());
        (here && same && !ages()).then(|| earlier.look.clone())
    }

    /// The last look of any commit, while it is young enough to be repeated.
    pub(super) fn earlier(&self, now: Timestamp) -> Option<Arc<Earlier>> {
        let earlier = self.lock().as_ref()?.judged.clone()?;
        (now >= earlier.at && now.duration_since(earlier.at) < JUDGED).then_some(earlier)
    }

    /// Keeps a look on the ground that was kept last.
    pub(super) fn keep_look(&self, ground: &Arc<Ground>, asked: Offers, look: &Arc<Look>, at: Timestamp) {
        if let Some(last) = self.lock().as_mut().filter(|last| Arc::ptr_eq(&last.ground, ground)) {
            last.judged = Some(Arc::new(Earlier { ground: ground.clone(), asked, at, look: look.clone() }));
        }
    }

    /// Gives away what the last resolving left; a resolving that breaks off leaves nothing.
    pub(super) fn memo(&self) -> Memo {
        std::mem::take(&mut *self.memo.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep_memo(&self, memo: Memo) {
        *self.memo.lock().unwrap_or_else(PoisonError::into_inner) = memo;
    }

    /// Lets go of the files, of what was built of them, and of drafts.
    fn clear(&self) {
        self.files.clear();
        self.drafts.clear();
        drop(self.memo());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Last>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Earlier {
    /// Whether what was judged by this source's answer may be repeated: it says the same, and no closer look failed.
    pub fn stands(&self, lookup: &Lookup, asked: &Offers) -> bool {
        let (Some(then), Some(now)) = (self.asked.get(lookup), asked.get(lookup)) else { return false };
        let closer = self.look.offers.get(lookup).is_some_and(|offer| offer.is_ok() == then.is_ok());
        closer && same(then, now)
    }
}

fn same(
    a: &Result<Arc<crate::model::Candidates>, Problem>,
    b: &Result<Arc<crate::model::Candidates>, Problem>,
) -> bool {
    match (a, b) {
        (Ok(one), Ok(other)) => Arc::ptr_eq(one, other) || one == other,
        (Err(one), Err(other)) => one == other,
        _ => false,
    }
}

/// Most releases of a repository have the same in force: equal ones are kept once.
pub(super) fn shared(effective: impl Iterator<Item = Arc<Effective>>) -> Vec<Arc<Effective>> {
    let mut known: HashMap<String, Vec<Arc<Effective>>> = HashMap::new();
    let mut last: Option<Arc<Effective>> = None;
    effective
        .map(|effective| {
            if let Some(last) = last.as_ref().filter(|last| Arc::ptr_eq(last, &effective) || **last == effective) {
                return last.clone();
            }
            // Groups and ignored versions are what differs between releases; the rest comes from few rules.
            let alike = known.entry(effective.policy.group.clone()).or_default();
            let found = alike.iter().take(16).find(|other| **other == effective).cloned();
            let kept = found.unwrap_or_else(|| {
                alike.push(effective.clone());
                effective
            });
            last = Some(kept.clone());
            kept
        })
        .collect()
}

/// The new rows, those that equal an earlier one as that very one: whoever comes later sees by identity what stands.
pub(super) fn same_releases(before: &[Arc<Release>], mut now: Vec<Arc<Release>>) -> Vec<Arc<Release>> {
    fn key(r: &Release) -> impl Ord + use<'_> {
        (&r.cluster, &r.kustomization, &r.namespace, &r.name, &r.file, r.line)
    }
    let (old, new) = differing(before, &now);
    let mut before = before[old].iter().peekable();
    for release in &mut now[new] {
        // Both are sorted by this key; were they not, less would be known again and nothing would be wrong.
        while before.next_if(|earlier| key(earlier) < key(release)).is_some() {}
        if let Some(earlier) = before.next_if(|earlier| earlier == &release) {
            *release = earlier.clone();
        }
    }
    now
}

/// What lies between the very same releases at both ends.
fn differing(before: &[Arc<Release>], now: &[Arc<Release>]) -> (Range<usize>, Range<usize>) {
    let alike = |(a, b): &(&Arc<Release>, &Arc<Release>)| Arc::ptr_eq(a, b);
    let head = before.iter().zip(now).take_while(alike).count();
    let tail = before[head..].iter().rev().zip(now[head..].iter().rev()).take_while(alike).count();
    (head..before.len() - tail, head..now.len() - tail)
}

/// For each release the number of the very same one among the earlier ones. Most trees differ in little: what they share
/// at both ends is walked in step, and only the middle is looked up.
pub(super) fn same_as(before: &[Arc<Release>], now: &[Arc<Release>]) -> Vec<Option<usize>> {
    let (old, new) = differing(before, now);
    let numbers: HashMap<*const Release, usize> =
        before[old.clone()].iter().map(Arc::as_ptr).zip(old.clone()).collect();
    let mut same: Vec<Option<usize>> = (0..old.start).map(Some).collect();
    same.extend(now[new].iter().map(|release| numbers.get(&Arc::as_ptr(release)).copied()));
    same.extend((old.end..before.len()).map(Some));
    same
}

/// The questions of all releases, each once, those known before as they were.
pub(super) fn lookups(releases: &[Arc<Release>], before: Option<&Ground>) -> Vec<Arc<Lookup>> {
    let none = (&[][..], &[][..]);
    let (earlier, known) = before.map_or(none, |before| (&before.resolution.releases[..], &before.lookups[..]));
    let same = same_as(earlier, releases);
    let new = releases.iter().zip(&same).filter(|(_, same)| same.is_none()).map(|(release, _)| release);
    let gone = others(earlier, &same);
    let unsure: HashSet<&Arc<Lookup>> = new.chain(gone).filter_map(|release| release.lookup.as_ref()).collect();
    if unsure.is_empty() {
        return known.to_vec();
    }
    let mut wanted: HashSet<&Arc<Lookup>> = HashSet::new();
    for lookup in releases.iter().filter_map(|release| release.lookup.as_ref()) {
        if among(&unsure, &lookup) {
            wanted.insert(lookup);
        }
    }
    let mut lookups: Vec<Arc<Lookup>> = Vec::with_capacity(known.len() + wanted.len());
    for lookup in known {
        if !unsure.contains(lookup) || wanted.remove(lookup) {
            lookups.push(lookup.clone());
        }
    }
    lookups.extend(wanted.into_iter().cloned());
    lookups.sort();
    lookups
}

/// The earlier releases that are not among those of now.
pub(super) fn others<'a>(
    before: &'a [Arc<Release>],
    same: &[Option<usize>],
) -> impl Iterator<Item = &'a Arc<Release>> + use<'a> {
    let mut gone = vec![true; before.len()];
    for number in same.iter().flatten() {
        gone[*number] = false;
    }
    before.iter().zip(gone).filter(|(_, gone)| *gone).map(|(release, _)| release)
}

/// Whether a value is in a set: comparing with a few is cheaper than hashing it.
pub(super) fn among<T: Eq + Hash>(set: &HashSet<T>, value: &T) -> bool {
    if set.len() <= 4 { set.iter().any(|other| other == value) } else { set.contains(value) }
}

/// Bounds what all repositories of the process keep of their files.
#[derive(Debug, Default)]
pub struct Shelf(Mutex<Vec<(Weak<Recollection>, usize)>>);

impl Shelf {
    /// The repository has just read its files, of so many releases. Who read theirs longest ago lets go of them where
    /// there is too much in all.
    pub fn used(&self, recollection: &Arc<Recollection>, releases: usize) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(other, _)| other.upgrade().is_some_and(|other| !Arc::ptr_eq(&other, recollection)));
        kept.push((Arc::downgrade(recollection), releases));
        let mut all: usize = kept.iter().map(|(_, releases)| releases).sum();
        while all > RELEASES_KEPT && kept.len() > 1 {
            let (oldest, releases) = kept.remove(0);
            all -= releases;
            if let Some(oldest) = oldest.upgrade() {
                oldest.clear();
            }
        }
    }
}

#[cfg(test)]
#[path = "recollection_tests.rs"]
mod tests;
