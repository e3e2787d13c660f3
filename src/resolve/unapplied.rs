//! What stands in Git and is not applied, because Flux cannot build what holds it: an edit there changes nothing until
//! the build is mended. A child that was applied before goes on with what the cluster has of it.

use super::memo::Visit;
use super::object::Fault;
use super::row::{Concerns, Weight};
use super::world::{Built, World};
use crate::inventory::Inventory;
use crate::model::{Reason, Site};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Cluster and file, with the build that fails.
pub(super) type Unapplied = BTreeMap<(String, usize), Arc<str>>;

impl World<'_> {
    /// Notes each build that fails, and its files that no other build of the cluster holds.
    pub(super) fn note_failed<'v>(&mut self, visits: impl Iterator<Item = &'v Visit> + Clone) {
        let failed = visits.clone().filter_map(|visit| Some((visit, visit.context.fault.as_ref()?)));
        let mut failed: Vec<(&Visit, &Fault)> = failed.collect();
        failed.sort_by(|(a, _), (b, _)| (&a.context.cluster, &a.context.id).cmp(&(&b.context.cluster, &b.context.id)));
        for (visit, fault) in &failed {
            let id = &visit.context.id;
            let own = (self.inventory.path(visit.object.at.0), visit.object.line);
            let told = (&*fault.place.file, fault.place.line);
            let (file, line) = if told.0.is_empty() { own } else { told };
            let message =
                format!("Flux can't build the Kustomization {id}, and applies nothing of it: {}", fault.message);
            self.problems.push(Inventory::problem(file, line, Reason::BuildFailed, message));
            let why: Arc<str> =
                Arc::from(format!("the Kustomization {id} fails at {}: {}", fault.place, fault.message));
            for file in held(visit) {
                self.unapplied.entry((visit.context.cluster.clone(), file)).or_insert_with(|| why.clone());
            }
        }
        if self.unapplied.is_empty() {
            return;
        }
        for visit in visits.filter(|visit| visit.context.fault.is_none()) {
            for file in held(visit) {
                self.unapplied.remove(&(visit.context.cluster.clone(), file));
            }
        }
    }
}

/// The files that a build hangs on. Where the Kustomization itself stands, others apply.
fn held(visit: &Visit) -> impl Iterator<Item = usize> {
    visit.files.iter().chain(&visit.reads).copied().filter(|file| *file != visit.object.at.0)
}

/// What is wrong with a version that stands in a file which a build that fails was to apply.
pub(super) fn judge(world: &World<'_>, built: &Built, site: Option<&Site>, concerns: &mut Concerns) {
    let Some((context, site)) = built.context.as_ref().zip(site).filter(|_| !world.unapplied.is_empty()) else {
        return;
    };
    let file = world.inventory.file(&site.file).filter(|_| context.fault.is_none());
    if let Some(why) = file.and_then(|file| world.unapplied.get(&(context.cluster.clone(), file))) {
        let message = format!("the version stands at {}:{}, which Flux does not apply: {why}", site.file, site.line);
        concerns.add(Weight::Fault, Reason::BuildFailed, message);
    }
}
