//! What one repository's looks remember between the passes of one process: a commit that was seen is not read, resolved
//! or judged again while its sources say the same.
//!
//! One recollection belongs to one repository under one configuration, so that a commit stands for its files and for
//! the rules in force (the repository's own file is one of them).

use super::look::Look;
use super::offers::Offers;
use super::read::Memory;
use super::report::Finding;
use crate::model::{Lookup, Problem};
use crate::policy::Effective;
use crate::resolve::Resolution;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// How long a judgement may be repeated: what a closer look at single versions said can change at its source.
const JUDGED: SignedDuration = SignedDuration::from_hours(1);

/// What a look rests on, apart from the sources' answers.
#[derive(Debug)]
pub(super) struct Ground {
    pub resolution: Arc<Resolution>,
    pub problems: Vec<Finding>,
    pub effective: Vec<Arc<Effective>>,
    pub lookups: BTreeSet<Lookup>,
}

/// Memory of one repository.
#[derive(Debug, Default)]
pub struct Recollection {
    pub(super) files: Memory,
    last: Mutex<Option<Last>>,
}

#[derive(Debug)]
struct Last {
    commit: String,
    ground: Arc<Ground>,
    judged: Option<Judged>,
}

#[derive(Debug)]
struct Judged {
    asked: Offers,
    at: Timestamp,
    look: Arc<Look>,
}

impl Recollection {
    /// Whether the files of this commit need not be listed.
    pub fn holds(&self, commit: &str) -> bool {
        self.ground(commit).is_some()
    }

    pub(super) fn ground(&self, commit: &str) -> Option<Arc<Ground>> {
        self.lock().as_ref().filter(|last| last.commit == commit).map(|last| last.ground.clone())
    }

    pub(super) fn keep_ground(&self, commit: &str, ground: &Arc<Ground>) {
        *self.lock() = Some(Last { commit: commit.to_owned(), ground: ground.clone(), judged: None });
    }

    /// The last look, if it stood on this ground and the sources said the same then.
    pub(super) fn look(&self, ground: &Arc<Ground>, asked: &Offers, now: Timestamp) -> Option<Arc<Look>> {
        let last = self.lock();
        let judged = last.as_ref().filter(|last| Arc::ptr_eq(&last.ground, ground))?.judged.as_ref()?;
        let fresh = now >= judged.at && now.duration_since(judged.at) < JUDGED;
        (fresh && same(&judged.asked, asked)).then(|| judged.look.clone())
    }

    /// Keeps a look. One that depends on the time, or on a closer look that failed, is not kept.
    pub(super) fn keep_look(&self, ground: &Arc<Ground>, asked: Offers, look: &Arc<Look>, now: Timestamp) {
        let ages = ground.effective.iter().any(|effective| !effective.policy.minimum_age.is_zero());
        let failed = |lookup| matches!(asked.get(lookup), Some(Err(_)));
        let broken = look.offers.iter().any(|(lookup, offer)| offer.is_err() && !failed(lookup));
        if let Some(last) = self.lock().as_mut().filter(|last| Arc::ptr_eq(&last.ground, ground)) {
            last.judged = (!ages && !broken).then(|| Judged { asked, at: now, look: look.clone() });
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Last>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn same(a: &Offers, b: &Offers) -> bool {
    let equal = |one: &Result<Arc<_>, Problem>, other: &Result<Arc<_>, Problem>| match (one, other) {
        (Ok(one), Ok(other)) => Arc::ptr_eq(one, other) || one == other,
        (Err(one), Err(other)) => one == other,
        _ => false,
    };
    a.len() == b.len() && a.iter().all(|(lookup, offer)| b.get(lookup).is_some_and(|other| equal(offer, other)))
}

/// Most releases of a repository have the same in force: equal ones are kept once.
pub(super) fn shared(effective: impl Iterator<Item = Effective>) -> Vec<Arc<Effective>> {
    let mut known: HashMap<String, Vec<Arc<Effective>>> = HashMap::new();
    effective
        .map(|effective| {
            // Groups and ignored versions are what differs between releases; the rest comes from few rules.
            let alike = known.entry(effective.policy.group.clone()).or_default();
            if let Some(found) = alike.iter().take(16).find(|other| ***other == effective) {
                return found.clone();
            }
            let new = Arc::new(effective);
            alike.push(new.clone());
            new
        })
        .collect()
}

#[cfg(test)]
#[path = "recollection_tests.rs"]
mod tests;
