//! When we saw a version first: the age of versions whose source gives no date. Asked and written only where a policy
//! has a minimum age.

use super::offers::Offers;
use crate::model::{Candidate, Lookup, Release};
use crate::policy::Effective;
use crate::world::store::{Seen, StoreHandle};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Times by canonical source and text.
#[derive(Debug, Default)]
pub(super) struct FirstSeen(HashMap<String, BTreeMap<String, Timestamp>>);

impl FirstSeen {
    pub fn of(&self, lookup: &Lookup, candidate: &Candidate) -> Option<Timestamp> {
        // Nothing is kept where no policy asks: do not build a key for nothing.
        if self.0.is_empty() { None } else { self.0.get(&lookup.canonical())?.get(&candidate.text).copied() }
    }
}

/// Notes what is new and tells what is known. A store that fails means "not known": the version waits.
pub(super) async fn first_seen(
    store: Option<&StoreHandle>,
    effective: &[Arc<Effective>],
    releases: &[Arc<Release>],
    offers: &Offers,
    now: Timestamp,
) -> FirstSeen {
    let Some(store) = store else { return FirstSeen::default() };
    let aged: BTreeSet<&Lookup> = releases
        .iter()
        .zip(effective)
        .filter(|(_, effective)| !effective.policy.minimum_age.is_zero())
        .filter_map(|(release, _)| release.lookup.as_deref())
        .collect();
    let mut times = HashMap::new();
    for lookup in aged {
        let Some(Ok(candidates)) = offers.get(lookup) else { continue };
        let source = lookup.canonical();
        let undated = candidates.versions.iter().filter(|c| c.created.is_none());
        let seen = undated.map(|c| Seen { source: source.clone(), version: c.text.clone() }).collect();
        let known = match store.note_seen(seen, now).await {
            Ok(()) => store.first_seen(source.clone()).await,
            Err(error) => Err(error),
        };
        match known {
            Ok(known) => {
                times.insert(source, known);
            }
            Err(error) => {
                tracing::warn!(%source, %error, "first-seen times can't be kept; versions without a date wait");
            }
        }
    }
    FirstSeen(times)
}
