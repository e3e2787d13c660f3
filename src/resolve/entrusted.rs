//! Versions that a release of one repository reads and another one holds: a variable, a patch, a Git tag. The repository
//! that holds the bytes gets a row for them, so that its own pass raises them; an OCIRepository or a HelmChart of it is a
//! row there anyway (`row.rs`).
//!
//! What is entrusted was found in what the holder showed then. It counts while the holder shows the same: a place in a
//! file that has moved on is never taken for the one that was meant.

use super::chart::Chart;
use super::neighbours::{ClusterId, Published};
use super::row::{Concerns, Weight, digest_site};
use super::site;
use super::taken::is_behind;
use super::value::Origin;
use super::world::{Built, World};
use crate::inventory::is_file_of;
use crate::model::{Note, Problem, Release, SourceKind, Step};
use std::sync::Arc;

/// A release whose version another repository holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entrusted {
    /// Who holds it: the member's number, and the path there.
    pub(super) to: u32,
    path: Arc<str>,
    /// Where, in that file.
    origin: Origin,
    digest: Option<Origin>,
    substituted: bool,
    cluster: Option<ClusterId>,
    /// What else is the matter with it.
    problem: Option<(Weight, Problem)>,
    /// The row, without a place.
    release: Release,
    /// Who it is, with repository, file and line.
    user: String,
}

/// What is entrusted of a row that is refused because its version lies elsewhere.
pub(super) fn of(
    world: &World<'_>,
    built: &Built,
    chart: &Chart,
    release: &Release,
    beneath: Option<(Weight, Problem)>,
) -> Option<Arc<Entrusted>> {
    let origin = chart.site.clone()?;
    let file = file(&origin)?;
    let own = &world.neighbours.own.as_ref()?.name;
    let holder = world.neighbours.others.iter().find(|other| is_file_of(file, other.member.number))?;
    let name = &world.inventory.elsewhere(file)?.name;
    let path = name.strip_prefix(&*holder.member.name)?.strip_prefix(':')?;
    // It is a row of the holder's own: it learns who uses it.
    let source = chart.source.as_ref().map(|source| source.kind);
    let holds_source = chart.used.first().is_some_and(|at| is_file_of(at.0, holder.member.number));
    if holds_source && matches!(source, Some(SourceKind::OciRepository | SourceKind::HelmChart)) {
        return None;
    }
    let told = |text: &str| format!("in the repository {own}: {text}");
    let note = |note: &Note| match note {
        Note::AssumedSource(text) => Note::AssumedSource(told(text)),
        Note::SignatureUnchecked(text) => Note::SignatureUnchecked(told(text)),
        Note::Other(text) => Note::Other(told(text)),
        Note::SharedAnchor(_) | Note::RenovateHint(_) | Note::LargeArchive(_) | Note::LargeIndex(_) => note.clone(),
    };
    let step = |step: &Step| Step { file: abroad(world, own, &step.file), ..step.clone() };
    Some(Arc::new(Entrusted {
        to: holder.member.number,
        path: Arc::from(path),
        origin,
        digest: chart.digest.clone(),
        substituted: chart.substituted,
        cluster: built.context.as_ref().map(|context| world.cluster_id(&context.cluster)),
        problem: beneath.map(|(weight, problem)| (weight, Problem::new(problem.reason, told(&problem.message)))),
        release: Release {
            notes: release.notes.iter().map(note).collect(),
            chain: release.chain.iter().map(step).collect(),
            problem: None,
            ..release.clone()
        },
        user: format!("{} ({own}:{}:{})", release.id(), release.file, release.line),
    }))
}

fn file(origin: &Origin) -> Option<usize> {
    match origin {
        Origin::Scalar { file, .. } | Origin::Part { file, .. } => Some(*file),
        Origin::None(_) => None,
    }
}

/// A file as others call it.
fn abroad(world: &World<'_>, own: &str, file: &Arc<str>) -> Arc<str> {
    if world.inventory.file(file).is_some() { Arc::from(format!("{own}:{file}")) } else { file.clone() }
}

/// The rows that others entrust to this repository, which shows `published` now.
pub(super) fn rows(world: &World<'_>, published: &Published) -> Vec<Arc<Release>> {
    let peers = world.abroad.peers.iter().filter(|peer| !is_behind(peer, published));
    let entrusted = peers.flat_map(|peer| &peer.entrusted).filter(|entrusted| entrusted.to == published.number);
    let rows = entrusted.filter_map(|entrusted| entrusted.row(world)).map(Arc::new).collect();
    world.reads.take();
    rows
}

/// Files of this repository that hold versions for others who have not followed what it shows now: their branches wait.
pub(super) fn undecided<'w>(world: &'w World<'_>, published: &'w Published) -> impl Iterator<Item = String> + use<'w> {
    let behind = world.abroad.peers.iter().filter(|peer| is_behind(peer, published));
    let entrusted = behind.flat_map(|peer| &peer.entrusted).filter(|entrusted| entrusted.to == published.number);
    entrusted.map(|entrusted| entrusted.path.to_string())
}

impl Entrusted {
    fn row(&self, world: &World<'_>) -> Option<Release> {
        let file = world.inventory.file(&self.path)?;
        let here = |origin: &Origin| {
            let mut here = origin.clone();
            if let Origin::Scalar { file: there, .. } | Origin::Part { file: there, .. } = &mut here {
                *there = file;
            }
            here
        };
        let (mut notes, mut concerns) = (self.release.notes.clone(), Concerns::default());
        notes.push(Note::Other(format!("the release lies in another repository: {}", self.user)));
        let placed = site::place(world, &here(&self.origin), self.substituted, &mut notes, &mut concerns);
        let digest = self.digest.as_ref().map(here);
        let digest_site = digest_site(world, (digest.as_ref(), self.substituted), placed.site.as_ref(), &mut concerns);
        if let Some((weight, problem)) = &self.problem {
            concerns.push(*weight, problem.clone());
        }
        let own = world.neighbours.own.as_ref().map_or("", |own| &*own.name);
        let step = |step: &Step| {
            let home = step.file.strip_prefix(own).and_then(|rest| rest.strip_prefix(':')).map(Arc::from);
            Step { file: home.unwrap_or_else(|| step.file.clone()), ..step.clone() }
        };
        Some(Release {
            cluster: self.cluster.as_ref().map(|cluster| world.pools.texts.one(world.neighbours.called(cluster))),
            file: self.path.clone(),
            line: placed.site.as_ref().map_or(1, |site| site.line),
            site: placed.site,
            frame: placed.frame,
            digest_stays: self.release.digest_stays && digest_site.is_none(),
            digest_site,
            notes,
            chain: self.release.chain.iter().map(step).collect(),
            problem: concerns.first(),
            ..self.release.clone()
        })
    }
}

#[cfg(test)]
#[path = "entrusted_tests.rs"]
mod tests;
