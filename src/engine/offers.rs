//! What the chart sources offer, asked once each however many releases want to know.

use crate::model::{Candidate, Candidates, Inside, Lookup, Problem, Reason};
use crate::policy;
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

/// Looks closer at single candidates: what the source says of them, then what their archives say. One that is no chart,
/// or can't be installed as what Git asks for, stays, with the reason: somebody means this place to hold charts (Flux rule
/// 9). A look that fails fails its whole source for this pass, for what is unknown may not be proposed.
pub async fn look_closer(round: &Round, offers: &mut Offers, wanted: BTreeSet<(Lookup, String)>) {
    let known = |lookup: &Lookup, text: &str| {
        let offered = offers.get(lookup)?.as_ref().ok()?;
        offered.versions.iter().find(|candidate| candidate.text == text).cloned()
    };
    let wanted: Vec<_> =
        wanted.into_iter().filter_map(|(lookup, text)| Some((known(&lookup, &text)?, lookup))).collect();
    round.seek(wanted.iter().filter(|(known, _)| known.detailed).map(|(known, lookup)| (lookup, known.text.as_str())));
    let answers: Vec<(Lookup, Result<Candidate, Problem>)> = futures_util::stream::iter(wanted)
        .map(|(candidate, lookup)| async {
            let answer = closer(round, &lookup, candidate).await;
            (lookup, answer)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    for (lookup, answer) in answers {
        let Some(Ok(candidates)) = offers.get_mut(&lookup) else { continue };
        let list = Arc::make_mut(candidates);
        match answer {
            Ok(known) => replace(list, known),
            Err(problem) => {
                offers.insert(Arc::new(lookup), Err(problem));
            }
        }
    }
}

/// A candidate with the next thing that is not known of it: its details, else its inside.
async fn closer(round: &Round, lookup: &Lookup, candidate: Candidate) -> Result<Candidate, Problem> {
    let answer = if candidate.detailed {
        round.open(lookup, &candidate.text).await.map(|contents| policy::opened(lookup, candidate.clone(), &contents))
    } else {
        round.detail(lookup, &candidate.text).await
    };
    answer.or_else(|problem| match problem.reason {
        // The next try would find the same: a fault of this version, not of its source.
        Reason::ChartDiffers | Reason::ChartInvalid | Reason::SourceTooLarge => {
            Ok(Candidate { detailed: true, inside: Inside::Refused(Box::new(problem)), ..candidate })
        }
        _ => Err(problem),
    })
}

/// A candidate with everything that can be known of it; what is known already is not asked again.
///
/// # Errors
/// A look failed. A chart that can't be installed is no error: its [`Candidate::inside`] says so.
pub async fn opened(round: &Round, lookup: &Lookup, candidate: Candidate) -> Result<Candidate, Problem> {
    let mut candidate = candidate;
    if !candidate.detailed {
        candidate = closer(round, lookup, candidate).await?;
    }
    if candidate.inside.is_unopened() && !matches!(lookup, Lookup::GitTags { .. }) {
        candidate = closer(round, lookup, candidate).await?;
    }
    Ok(candidate)
}

/// Puts a candidate in the place of the one with its text; a second one of that text is no other version.
pub fn replace(list: &mut Candidates, known: Candidate) {
    let text = known.text.clone();
    let mut known = Some(known);
    list.versions.retain_mut(|candidate| {
        if candidate.text != text {
            return true;
        }
        let Some(known) = known.take() else { return false };
        *candidate = known;
        true
    });
}

#[cfg(test)]
mod tests {
    use super::replace;
    use crate::model::{Candidate, Candidates, Inside, Version};

    #[test]
    fn a_candidate_takes_the_place_of_every_one_with_its_text() {
        let candidate = |text: &str, detailed| Candidate {
            text: text.to_owned(),
            version: Version::strict(text).unwrap(),
            created: None,
            deprecated: false,
            app_version: None,
            digest: None,
            detailed,
            inside: Inside::Unopened,
        };
        let versions = ["2.0.0", "1.0.0", "2.0.0"].map(|text| candidate(text, false)).into();
        let mut list = Candidates { versions, ..Candidates::default() };
        replace(&mut list, candidate("2.0.0", true));
        assert_eq!(list.versions, [candidate("2.0.0", true), candidate("1.0.0", false)]);
    }
}
