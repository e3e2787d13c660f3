//! What a walk from the roots says beside what it builds: Kustomizations that lead elsewhere or have no end, and the names
//! that neighbours may know.

use super::flux::{self, Reach};
use super::object::Object;
use super::roots::static_part;
use super::world::{Context, LONGEST_NAME, Lost, MAX_MADE, MAX_NAMES, World};
use crate::inventory::{Inventory, Kind};
use crate::model::Reason;
use std::sync::Arc;

impl World<'_> {
    /// A Kustomization that leads elsewhere, or nowhere.
    pub(super) fn note_reach(&mut self, object: &Object, reach: &Reach) {
        let (file, line) = (self.inventory.path(object.at.0), object.line);
        let name = object.name();
        match reach {
            Reach::Away { reason, message, .. } => {
                let written = object.text("spec.path").unwrap_or_default();
                let within = match reason {
                    Reason::ArtifactGenerator => Some(String::new()),
                    Reason::VersionInSubstitution => Some(static_part(written).unwrap_or_default()),
                    _ => None,
                };
                let lost = within.map(|within| Lost {
                    within,
                    reason: *reason,
                    message: format!(
                        "it may be built by the Kustomization at {file}:{line}, whose directory is not known"
                    ),
                });
                self.lost.extend(lost);
                self.problems.push(Inventory::problem(file, line, *reason, message));
            }
            Reach::Here { directory, .. }
                if reach.tree().map_or(self.inventory, |part| &part.tree).directory(directory).is_none() =>
            {
                let left = if reach.tree().is_some() { ", or its source leaves it out" } else { "" };
                let message =
                    format!("Kustomization {name} builds {directory}; no such path is in the tree that was read{left}");
                self.problems.push(Inventory::problem(file, line, Reason::OutOfReach, message));
            }
            _ => {}
        }
    }

    /// Which Kustomization builds the charts of these files.
    pub(super) fn note_inflated(&mut self, files: &[usize], context: &Arc<Context>) {
        if !self.inflated.is_empty() {
            for file in files {
                if let Some(contexts) = self.inflated.get_mut(file) {
                    contexts.push(context.clone());
                }
            }
        }
    }

    /// A document that is built under too many names.
    pub(super) fn note_cut(&mut self, object: &Object, cluster: &str) {
        let (file, line) = (self.inventory.path(object.at.0), object.line);
        let message = format!(
            "this Kustomization is built under more than {MAX_NAMES} names in {cluster}, or under one of more than \
             {LONGEST_NAME} bytes, or these builds hold more than {MAX_MADE} objects: the rest is not followed; does it \
             build itself?"
        );
        self.problems.push(Inventory::problem(file, line, Reason::OutOfReach, message));
    }

    /// Takes down where Kustomizations lead, built or not: a neighbour may say what lies there.
    pub(super) fn want_repositories<'o>(&mut self, kustomizations: impl IntoIterator<Item = &'o Arc<Object>>) {
        if self.neighbours.others.is_empty() {
            return;
        }
        for object in kustomizations {
            let (kind, name, namespace) = flux::source_ref(object);
            // One of another repository leads here: that is why it came.
            let open = !self.inventory.is_elsewhere(object.at.0);
            if open && kind == "GitRepository" && !namespace.is_empty() {
                self.wants.insert((Kind::GitRepository, namespace.to_owned(), name.to_owned()));
            }
        }
    }
}
