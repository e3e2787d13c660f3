//! The tree that a build reads: the repository's, or that of an artifact composed of its files, each led back to the
//! file in Git. A view may take down which files' facts were looked at.

use crate::inventory::{DocumentFacts, FileFacts, Inventory};
use crate::yaml::Node;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Files whose facts were looked at, by their number in the repository.
#[derive(Debug, Default)]
pub(super) struct Reads(RefCell<BTreeSet<usize>>);

impl Reads {
    pub(super) fn add(&self, files: impl IntoIterator<Item = usize>) {
        self.0.borrow_mut().extend(files);
    }

    /// Sorted, each once.
    pub(super) fn all(&self) -> Vec<usize> {
        self.0.borrow().iter().copied().collect()
    }
}

/// A tree as a build sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'v> {
    /// The repository.
    whole: &'v Inventory,
    /// The tree that is built.
    seen: &'v Inventory,
    /// The repository's number of each of its files; nothing where they are the same.
    back: Option<&'v [usize]>,
    reads: Option<&'v Reads>,
}

impl<'v> View<'v> {
    pub(super) fn whole(inventory: &'v Inventory) -> Self {
        Self { whole: inventory, seen: inventory, back: None, reads: None }
    }

    pub(super) fn part(whole: &'v Inventory, seen: &'v Inventory, back: &'v [usize]) -> Self {
        Self { whole, seen, back: Some(back), reads: None }
    }

    /// The same view, which takes down what is looked at.
    pub(super) fn noted<'n>(&self, reads: &'n Reads) -> View<'n>
    where
        'v: 'n,
    {
        View { reads: Some(reads), ..*self }
    }

    /// Takes down that facts of these files count.
    pub(super) fn note(&self, files: impl IntoIterator<Item = usize>) {
        if let Some(reads) = self.reads {
            reads.add(files);
        }
    }

    /// Whether it is an artifact's tree.
    pub(super) fn is_part(&self) -> bool {
        self.back.is_some()
    }

    /// The tree that is built, for what its paths alone say.
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
        self.note([self.real(file)]);
        self.seen.files.get(file).map(|(_, facts)| facts.as_ref())
    }

    pub(super) fn kustomization(&self, directory: &str) -> Option<(usize, Option<&'v DocumentFacts>)> {
        let found = self.seen.kustomization(directory)?;
        self.note([self.real(found.0)]);
        Some(found)
    }

    /// The documents that a scalar of a file of the repository holds as text.
    pub(super) fn embedded(&self, file: usize, start: u32) -> Option<&'v [Node]> {
        self.note([file]);
        self.whole.embedded(file, start)
    }
}
