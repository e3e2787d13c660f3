//! What stands in Git and is not applied, because Flux cannot build what holds it: an edit there changes nothing until
//! the build is mended. A child that was applied before goes on with what the cluster has of it.

use super::memo::{Unit, Visit};
use super::object::Fault;
use super::row::{Concerns, Weight};
use super::world::{Built, Context, World};
use crate::inventory::Inventory;
use crate::model::{Reason, Site};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Cluster and file, with the build that fails.
pub(super) type Unapplied = BTreeMap<(String, usize), Arc<str>>;

/// A build that starts at no Kustomization, and its context.
pub(super) type Sync = (Arc<Unit>, Arc<Context>);

impl World<'_> {
    /// Notes each build of a cluster that fails, and the files that no other build of the cluster reads.
    pub(super) fn note_failed(&mut self, cluster: &str, visits: &[&Visit], syncs: &[Sync]) {
        let mut failed: BTreeMap<String, (&Context, &Fault, Vec<usize>)> = BTreeMap::new();
        let visits: Vec<&&Visit> = visits.iter().filter(|visit| visit.context.cluster == cluster).collect();
        for visit in &visits {
            failed.extend(failure(&visit.context, held(visit)));
        }
        failed.extend(syncs.iter().filter_map(|(unit, context)| failure(context, unit.files.iter().copied())));
        let mut unapplied: BTreeMap<usize, Arc<str>> = BTreeMap::new();
        for (id, (context, fault, files)) in failed {
            let (file, line) = if fault.place.file.is_empty() {
                context
                    .origin
                    .rsplit_once(':')
                    .map_or((&*context.origin, 1), |(file, line)| (file, line.parse().unwrap_or(1)))
            } else {
                (&*fault.place.file, fault.place.line)
            };
            let message = format!("Flux can't build {id}, and applies nothing of it: {}", fault.message);
            self.problems.push(Inventory::problem(file, line, Reason::BuildFailed, message));
            let why: Arc<str> = Arc::from(format!("{id} fails at {}: {}", fault.place, fault.message));
            for file in files {
                unapplied.entry(file).or_insert_with(|| why.clone());
            }
        }
        if unapplied.is_empty() {
            return;
        }
        let sound = visits.iter().filter(|visit| visit.context.fault.is_none());
        let sound = sound.flat_map(|visit| held(visit));
        let syncs = syncs
            .iter()
            .filter(|(_, context)| context.fault.is_none())
            .flat_map(|(unit, _)| unit.files.iter().copied());
        for file in sound.chain(syncs) {
            unapplied.remove(&file);
        }
        self.unapplied.extend(unapplied.into_iter().map(|(file, why)| ((cluster.to_owned(), file), why)));
    }
}

/// The files that a build hangs on. Where the Kustomization itself stands, others apply.
fn held(visit: &Visit) -> impl Iterator<Item = usize> {
    visit.files.iter().chain(&visit.reads).copied().filter(|file| *file != visit.object.at.0)
}

type Failure<'c> = (String, (&'c Context, &'c Fault, Vec<usize>));

fn failure(context: &Context, files: impl Iterator<Item = usize>) -> Option<Failure<'_>> {
    let fault = context.fault.as_ref()?;
    Some((format!("the Kustomization {}", context.id), (context, fault, files.collect())))
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
