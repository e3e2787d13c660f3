//! What the sources' answers add to a release's notes: worth a word on row and pull request, and a reason for nothing.

use super::offers::Offers;
use crate::model::{Candidate, Candidates, Decision, Note, Release, flux_limits};
use std::sync::Arc;

/// The release with what is to be said of its version in use, its source and its target.
pub(super) fn noted(release: &Arc<Release>, decision: Option<&Decision>, offers: &Offers) -> Arc<Release> {
    let Some(candidates) = offered(release, offers) else { return release.clone() };
    let target = decision.and_then(|decision| decision.target.as_ref());
    let found = [moved_tag(release, candidates), large_index(release, candidates), large_archive(release, target)];
    let mut found = found.into_iter().flatten().peekable();
    if found.peek().is_none() {
        return release.clone();
    }
    let mut noted = release.as_ref().clone();
    noted.notes.extend(found);
    Arc::new(noted)
}

fn offered<'o>(release: &Release, offers: &'o Offers) -> Option<&'o Candidates> {
    offers.get(release.lookup.as_ref()?)?.as_ref().ok().map(Arc::as_ref)
}

/// Tags that name another manifest now than the digest beside them in Git: worth a word, and no update of its own.
fn moved_tag(release: &Release, candidates: &Candidates) -> Option<Note> {
    let (site, tag) = (release.digest_site.as_ref()?, release.current.as_ref()?);
    let now = candidates.versions.iter().find(|candidate| candidate.text == *tag)?.digest.as_ref()?;
    (*now != site.text).then(|| {
        Note::Other(format!(
            "the tag {tag} was moved: the registry names {} now, and Git {}. Flux runs what the digest in Git names",
            short(now),
            short(&site.text)
        ))
    })
}

/// As much of a digest as tells it from another.
fn short(digest: &str) -> String {
    digest
        .char_indices()
        .nth("sha256:".len() + 12)
        .map_or_else(|| digest.to_owned(), |(at, _)| format!("{}…", &digest[..at]))
}

/// A target that source-controller refuses for its size, unless its flag says otherwise.
fn large_archive(release: &Release, target: Option<&Candidate>) -> Option<Note> {
    let target = target?;
    let size = target.inside.contents()?.size;
    let limited = flux_limits::chart_is_limited(release.kind, release.lookup.as_ref()?);
    (limited && size > flux_limits::CHART).then(|| {
        Note::LargeArchive(format!(
            "the archive of {} has {}: source-controller refuses one of more than {} unless it was started with a larger \
             --helm-chart-max-size",
            target.text,
            flux_limits::mebibytes(size),
            flux_limits::mebibytes(flux_limits::CHART)
        ))
    })
}

/// The same for an index; the version in use was read out of it too, or is not any more.
fn large_index(release: &Release, candidates: &Candidates) -> Option<Note> {
    let size = candidates.large_index.filter(|_| flux_limits::index_is_limited(release.kind))?;
    Some(Note::LargeIndex(format!(
        "the index of its chart repository has about {size} MiB: source-controller refuses one of more than {} unless it was \
         started with a larger --helm-index-max-size",
        flux_limits::mebibytes(flux_limits::INDEX)
    )))
}

#[cfg(test)]
#[path = "notes_tests.rs"]
mod tests;
