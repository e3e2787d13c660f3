//! Judging and closer looks in turns, until every release has its verdict. The turns are bounded: who still asks at their
//! end is held, with what the looks found; everybody else is judged as ever.

use super::judge::{Docket, Judgement, Sitting};
use super::offers::{self, Offers};
use crate::model::Lookup;
use crate::world::registry::Round;
use std::collections::BTreeSet;

/// Closer looks one after the other; each that is needed rules candidates out, so this bounds how far down the list a
/// pass goes. An OCI candidate takes two: its manifest, its archive.
const MOST: usize = 64;

/// The verdicts, and in `offers` what the closer looks said.
pub(super) async fn verdicts<'d>(round: &Round, offers: &mut Offers, docket: &'d Docket<'d>) -> Vec<Option<Judgement>> {
    let mut sitting = Sitting::new(docket);
    let mut wanted = sitting.first(offers);
    for _ in 0..MOST {
        if wanted.is_empty() {
            return sitting.rise(offers);
        }
        let looked_at: BTreeSet<Lookup> = wanted.iter().map(|(lookup, _)| lookup.clone()).collect();
        offers::look_closer(round, offers, wanted).await;
        wanted = sitting.again(&looked_at, offers);
    }
    if !wanted.is_empty() {
        sitting.hold(offers);
    }
    sitting.rise(offers)
}
