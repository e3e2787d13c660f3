//! Judging and closer looks in turns, until every release has its verdict. The turns are bounded: who still asks at their
//! end is held, with what the looks found; everybody else is judged as ever.

use super::judge::{Docket, Judged, Judgement, hold, judge};
use super::offers::{self, LeftOut, Offers};
use crate::world::registry::Round;

/// Closer looks one after the other; each that is needed rules candidates out, so this bounds how far down the list a
/// pass goes. An OCI candidate takes two: its manifest, its archive.
const MOST: usize = 64;

/// The verdicts, and in `offers` what the closer looks said.
pub(super) async fn verdicts(round: &Round, offers: &mut Offers, docket: &Docket<'_>) -> Vec<Option<Judgement>> {
    let mut left_out = LeftOut::default();
    for _ in 0..MOST {
        match judge(docket, offers) {
            Judged::Done(judgements) => return judgements,
            Judged::NeedsDetail(wanted) => offers::look_closer(round, offers, wanted, &mut left_out).await,
        }
    }
    hold(docket, offers, &left_out)
}
