//! From where a value was last written to the bytes that an edit may swap, with what other bots say of them.

use super::pool::Pools;
use super::row::{Concerns, Weight};
use super::value::Origin;
use super::world::World;
use crate::inventory::{MarkerKind, SiteFacts};
use crate::model::{Frame, Note, Reason, Site};

/// A version's bytes, and the fixed text around them.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) site: Option<Site>,
    pub(super) frame: Option<Box<Frame>>,
}

/// The place of a version in force.
pub(super) fn place(
    world: &World<'_>,
    origin: &Origin,
    substituted: bool,
    notes: &mut Vec<Note>,
    concerns: &mut Concerns,
) -> Placed {
    let (file, start, part, frame) = match origin {
        Origin::None(why) => {
            let (weight, reason) = if substituted {
                (Weight::Substitution, Reason::VersionInSubstitution)
            } else {
                (Weight::Say, Reason::VersionInPatch)
            };
            concerns.add(weight, reason, format!("the version can't be edited: {why}"));
            return Placed::default();
        }
        Origin::Scalar { file, start } => (*file, *start, None, None),
        Origin::Part { file, start, part, prefix, suffix } => {
            let framed = !prefix.is_empty() || !suffix.is_empty();
            let frame = framed.then(|| Box::new(Frame { prefix: prefix.clone(), suffix: suffix.clone() }));
            (*file, *start, *part, frame)
        }
    };
    if let Some(foreign) = world.inventory.elsewhere(file) {
        let name = foreign.name.split_once(':').map_or("", |(name, _)| name);
        let message = format!("the version is set at {}, in the repository {name}", foreign.place(start));
        concerns.add(Weight::Elsewhere, Reason::InAnotherRepository, message);
        return Placed::default();
    }
    world.note(file);
    let path = world.inventory.path(file);
    let Some(facts) = world.inventory.site(file, start) else {
        // What floats is told so, and the version to pin it to: that it can't be edited there is the lesser news.
        if concerns.floats() {
            return Placed::default();
        }
        let message = format!("the version is written in {path} at a place that Davit does not edit");
        let (weight, reason) = if substituted {
            (Weight::Substitution, Reason::VersionInSubstitution)
        } else {
            (Weight::Say, Reason::VersionInPatch)
        };
        concerns.add(weight, reason, message);
        return Placed::default();
    };
    let site = match (at(&world.pools, path, facts), part) {
        (None, _) => {
            concerns.add(Weight::NotEditable, Reason::NotEditable, format!("{path}{}", facts.refusal));
            return Placed::default();
        }
        (Some(site), None) => unpadded(site),
        (Some(site), Some((from, to))) => match site.part(from..to) {
            Ok(site) => site,
            Err(problem) => {
                concerns.push(Weight::NotEditable, problem);
                return Placed::default();
            }
        },
    };
    if !facts.shared.is_empty() {
        notes.push(Note::SharedAnchor(facts.shared.join(", ")));
        let selected = |route: &&String| route.contains("metadata.labels.") || route.contains("metadata.annotations.");
        if let Some(route) = facts.shared.iter().find(selected) {
            let message = format!("{route} changes with the version: a patch that selects by it may no longer apply");
            notes.push(Note::Other(message));
        }
    }
    if substituted && part.is_none() {
        let message = format!("the version is the variable at {path}:{}: all that reads it moves too", site.line);
        notes.push(Note::Other(message));
    }
    marked(world, file, &site, notes, concerns);
    Placed { site: Some(site), frame }
}

/// The version alone, where blanks stand around it in quotes: an edit leaves them.
fn unpadded(site: Site) -> Site {
    let text = site.text.trim();
    let from = site.text.len() - site.text.trim_start().len();
    if text.len() == site.text.len() { site } else { site.part(from..from + text.len()).unwrap_or(site) }
}

/// The site in its file.
pub(super) fn at(pools: &Pools, file: &str, facts: &SiteFacts) -> Option<Site> {
    let site = facts.site.clone()?;
    Some(Site { file: pools.texts.one(file), path: pools.texts.one(site.path), ..site })
}

/// Flux rule 18.
fn marked(world: &World<'_>, file: usize, site: &Site, notes: &mut Vec<Note>, concerns: &mut Concerns) {
    let markers = world.inventory.files.get(file).map(|(_, facts)| facts.markers.as_slice()).unwrap_or_default();
    for marker in markers {
        match marker.kind {
            MarkerKind::ImagePolicy if marker.line == site.line => {
                let message = format!("the version belongs to Flux image automation: {}", marker.text);
                concerns.add(Weight::ImageAutomation, Reason::ImageAutomation, message);
            }
            MarkerKind::Renovate if marker.line < site.line && site.line - marker.line <= 3 => {
                notes.push(Note::RenovateHint(marker.text.clone()));
            }
            _ => {}
        }
    }
}
