//! How one live release stands to the version that Git asks for (Flux rules 8, 21 and 22).

use super::Sighting;
use super::object::{Condition, LiveRelease};
use crate::model::{ChartKind, Live, LiveState, NsName, Reason, Release, SourceKind, Version};

/// Longest text of a controller that is repeated.
const LONGEST: usize = 200;

/// What the cluster says of a release that Git builds. `seen` is everything that was seen with it.
pub fn live(release: &Release, found: &LiveRelease, seen: &Sighting) -> Live {
    let wanted = wanted(release);
    let running = found.running();
    let differs = match (&wanted, running.and_then(Version::strict)) {
        (Some(wanted), Some(running)) => *wanted != running,
        _ => false,
    };
    let (state, message) = judge(release, found, seen, differs);
    Live {
        state,
        attempted: found.attempted.clone(),
        running: running.map(str::to_owned),
        ready: found.ready.as_ref().and_then(|ready| ready.status),
        reason: found.ready.as_ref().map(|ready| ready.reason.clone()).filter(|reason| !reason.is_empty()),
        differs,
        suspended: suspended(release, found, seen),
        message,
    }
}

/// The one version that Git asks for; nothing where it asks for a range, a branch or a digest.
fn wanted(release: &Release) -> Option<Version> {
    let current = release.current.as_deref()?;
    match release.chart_kind? {
        // A tag of an OCI artifact has `_` for `+` (Flux rule 5).
        ChartKind::Tag => Version::strict(&current.replacen('_', "+", 1)),
        ChartKind::Range => Version::strict(current),
        // The chart's own version in a Git repository is not the tag.
        ChartKind::GitTag => None,
    }
}

fn judge(release: &Release, found: &LiveRelease, seen: &Sighting, differs: bool) -> (LiveState, String) {
    let at = found.running().unwrap_or("nothing");
    if found.observed != found.generation {
        let generation = found.generation.unwrap_or_default();
        let message = format!("helm-controller has not observed generation {generation} yet; {at} runs");
        return (LiveState::Progressing, message);
    }
    if let Some(why) = failure(found) {
        let attempted = found.attempted.as_deref().unwrap_or("the last attempt");
        return (LiveState::Failed, format!("{attempted} failed: {why}; {at} runs"));
    }
    let Some(Condition { status: Some(true), .. }) = &found.ready else {
        let why = found.ready.as_ref().map_or_else(|| "it has no condition Ready".to_owned(), said);
        return (LiveState::Progressing, format!("not ready: {why}; {at} runs"));
    };
    if found.running().is_none() {
        let message = match &found.newest {
            Some(newest) => format!("Ready, but Helm's status is {}; nothing runs", newest.status),
            None => "Ready, but no release is in its history yet".to_owned(),
        };
        return (LiveState::Progressing, message);
    }
    if differs {
        let git = release.current.as_deref().unwrap_or_default();
        return (LiveState::Differs, format!("Git says {git}, the cluster runs {at}"));
    }
    if let Some((runs, offered)) = other_artifact(found, seen) {
        let message = format!("{at} runs from {}, and its source holds {} now", short(&runs), short(&offered));
        return (LiveState::Progressing, message);
    }
    (LiveState::Deployed, format!("{at} runs"))
}

/// Why the last attempt counts as failed (Flux rule 22).
fn failure(found: &LiveRelease) -> Option<String> {
    let is_true = |condition: &&Condition| condition.status == Some(true);
    if let Some(stalled) = found.stalled.as_ref().filter(is_true) {
        return Some(format!("stalled: {}", said(stalled)));
    }
    if let Some(remediated) = &found.remediated {
        return Some(format!("remediated: {}", said(remediated)));
    }
    if let Some(released) = found.released.as_ref().filter(|released| released.status == Some(false)) {
        return Some(said(released));
    }
    if let Some(newest) = &found.newest
        && newest.status == "failed"
    {
        return Some("Helm's status is failed".to_owned());
    }
    (found.failures > 0).then(|| format!("{} in a row", count(found.failures)))
}

fn count(failures: i64) -> String {
    if failures == 1 { "1 failure".to_owned() } else { format!("{failures} failures") }
}

/// The digests of the running artifact and of the source's, where they are two.
fn other_artifact(found: &LiveRelease, seen: &Sighting) -> Option<(String, String)> {
    let runs = found.newest.as_ref()?.oci_digest.clone()?;
    let source = seen.source(SourceKind::OciRepository, found.oci_source.as_ref()?).ok()??;
    // `5.1.0@sha256:…`, or the digest alone.
    let revision = source.revision.as_deref()?;
    let offered = revision.rsplit_once('@').map_or(revision, |(_, digest)| digest);
    (offered.starts_with("sha256:") && offered != runs).then(|| (runs, offered.to_owned()))
}

/// Objects that are suspended in the cluster though Git does not say so.
fn suspended(release: &Release, found: &LiveRelease, seen: &Sighting) -> Vec<String> {
    if release.problem.as_ref().is_some_and(|problem| problem.reason == Reason::Suspended) {
        return Vec::new();
    }
    let mut all = Vec::new();
    if found.suspended {
        all.push(format!("HelmRelease {}", found.id));
    }
    if let Some(source) = &release.source {
        let id = NsName { namespace: source.namespace.clone(), name: source.name.clone() };
        if seen.source(source.kind, &id).ok().flatten().is_some_and(|live| live.suspended) {
            all.push(format!("{} {id}", source.kind.as_str()));
        }
    }
    if let Some(id) = &release.kustomization
        && seen.kustomizations.known().and_then(|all| all.get(id)).is_some_and(|live| live.suspended)
    {
        all.push(format!("Kustomization {id}"));
    }
    all
}

/// A condition for a person.
fn said(condition: &Condition) -> String {
    let text = match (condition.reason.as_str(), condition.message.as_str()) {
        ("", message) => message,
        (reason, "") => reason,
        (reason, message) => return cut(&format!("{reason}: {message}")),
    };
    cut(text)
}

/// Controllers repeat whole manifests in their messages.
fn cut(text: &str) -> String {
    let text = text.lines().next().unwrap_or_default();
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// As much of a digest as tells it from another.
fn short(digest: &str) -> &str {
    digest.get(.."sha256:".len() + 12).unwrap_or(digest)
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
