//! What the chart sources offer, asked once each however many releases want to know.

use crate::model::{Candidate, Candidates, Lookup, Problem, Reason};
use crate::world::registry::Round;
use futures_util::StreamExt as _;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Questions under way at once; the registry limits each host on its own.
const AT_ONCE: usize = 128;

/// Every question with its answer.
pub type Offers = HashMap<Arc<Lookup>, Result<Arc<Candidates>, Problem>>;

/// Asks every source.
pub async fn ask(round: &Round, lookups: &[Arc<Lookup>]) -> Offers {
    futures_util::stream::iter(lookups.to_vec())
        .map(|lookup| async {
            let answer = round.candidates(&lookup).await;
            (lookup, answer)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

/// Looks closer at single candidates. One that turns out to be no chart is dropped from its list; a look that fails
/// fails its whole source for this pass, for what is unknown may not be proposed.
pub async fn detail(round: &Round, offers: &mut Offers, wanted: BTreeSet<(Lookup, String)>) {
    let answers: Vec<(Lookup, String, Result<Candidate, Problem>)> = futures_util::stream::iter(wanted)
        .map(|(lookup, text)| async {
            let answer = round.detail(&lookup, &text).await;
            (lookup, text, answer)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    for (lookup, text, answer) in answers {
        let Some(Ok(candidates)) = offers.get_mut(&lookup) else { continue };
        let list = Arc::make_mut(candidates);
        match answer {
            Ok(detailed) => {
                if let Some(candidate) = list.versions.iter_mut().find(|c| c.text == text) {
                    *candidate = detailed;
                }
            }
            Err(problem) if problem.reason == Reason::SourceInvalid => {
                tracing::info!(source = %lookup.canonical(), tag = %text, error = %problem, "not a chart; left out");
                list.versions.retain(|c| c.text != text);
                list.ignored += 1;
            }
            Err(problem) => {
                offers.insert(Arc::new(lookup), Err(problem));
            }
        }
    }
}
