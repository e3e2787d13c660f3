//! The tree that a build reads: the repository's, or that of an artifact composed of its files, each led back to the
//! file in Git.

use crate::inventory::{DocumentFacts, FileFacts, Inventory};
use crate::yaml::Node;

/// A tree as a build sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'v> {
    /// The repository.
    whole: &'v Inventory,
    /// The tree that is built.
    seen: &'v Inventory,
    /// The repository's number of each of its files; nothing where they are the same.
    back: Option<&'v [usize]>,
}

impl<'v> View<'v> {
    pub(super) fn whole(inventory: &'v Inventory) -> Self {
        Self { whole: inventory, seen: inventory, back: None }
    }

    pub(super) fn part(whole: &'v Inventory, seen: &'v Inventory, back: &'v [usize]) -> Self {
        Self { whole, seen, back: Some(back) }
    }

    /// Whether it is an artifact's tree.
    pub(super) fn is_part(&self) -> bool {
        self.back.is_some()
    }

    /// The tree that is built.
    pub(super) fn seen(&self) -> &'v Inventory {
        self.seen
    }

    /// A file's number in the repository.
    pub(super) fn real(&self, file: usize) -> usize {
        self.back.map_or(Some(file), |back| back.get(file).copied()).unwrap_or(file)
    }

    pub(super) fn file(&self, path: &str) -> Option<usize> {
        self.seen.file(path)
    }

    pub(super) fn facts(&self, file: usize) -> Option<&'v FileFacts> {
        self.seen.files.get(file).map(|(_, facts)| facts.as_ref())
    }

    pub(super) fn kustomization(&self, directory: &str) -> Option<(usize, Option<&'v DocumentFacts>)> {
        self.seen.kustomization(directory)
    }

    /// The documents that a scalar of a file of the repository holds as text.
    pub(super) fn embedded(&self, file: usize, start: u32) -> Option<&'v [Node]> {
        self.whole.embedded(file, start)
    }
}
