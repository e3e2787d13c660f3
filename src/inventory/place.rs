//! All files together: which path holds what, which directories there are, which repository this is.

use super::facts::{DocumentFacts, FileFacts, Kind, SiteFacts};
use crate::model::{Problem, Reason};
use crate::yaml::Node;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What is known of the tree beside its files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// The repository's URL; nothing for a folder.
    pub repository_url: Option<&'a str>,
}

/// Something worth a word that belongs to no release: a broken document, a Kustomization out of reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// File, from the repository's root.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// What, with its code.
    pub problem: Problem,
}

/// One directory of the tree that holds files that are read, itself or below.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// Indexes of its own files, sorted by path.
    pub files: Vec<usize>,
    /// Paths of its sub-directories, sorted.
    pub directories: Vec<String>,
    /// The file that kustomize reads here.
    pub kustomization: Option<usize>,
    /// Which of kustomize's file names it has.
    rank: usize,
}

/// The facts of a whole tree.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Path and facts, sorted by path.
    pub files: Vec<(String, Arc<FileFacts>)>,
    /// Broken documents.
    pub problems: Vec<Found>,
    /// The repository's URL, where it is known.
    pub repository_url: Option<String>,
    by_path: HashMap<String, usize>,
    directories: BTreeMap<String, Directory>,
}

/// Puts the files together. Every file that the tree has and that [`super::reads`] takes belongs here, also those
/// without facts: a kustomization may name them.
pub fn gather(files: &[(String, Arc<FileFacts>)], context: Context<'_>) -> Inventory {
    let mut files = files.to_vec();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files.dedup_by(|a, b| a.0 == b.0);
    let mut inventory = Inventory {
        by_path: files.iter().enumerate().map(|(i, (path, _))| (path.clone(), i)).collect(),
        repository_url: context.repository_url.map(str::to_owned),
        ..Inventory::default()
    };
    inventory.directories.insert(String::new(), Directory::default());
    for (index, (path, facts)) in files.iter().enumerate() {
        inventory.place(index, path);
        inventory.problems.extend(facts.problems.iter().map(|problem| Found {
            file: path.clone(),
            line: problem.line,
            problem: Problem::new(problem.reason, problem.message.clone()),
        }));
    }
    inventory.files = files;
    inventory
}

impl Inventory {
    fn place(&mut self, index: usize, path: &str) {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.make_directory(directory);
        let Some(entry) = self.directories.get_mut(directory) else { return };
        entry.files.push(index);
        // kustomize takes the first of these names.
        let rank = ["kustomization.yaml", "kustomization.yml", "Kustomization"].iter().position(|known| *known == name);
        if let Some(rank) = rank
            && entry.kustomization.is_none_or(|_| rank < entry.rank)
        {
            (entry.kustomization, entry.rank) = (Some(index), rank);
        }
    }

    fn make_directory(&mut self, path: &str) {
        if self.directories.contains_key(path) {
            return;
        }
        self.directories.insert(path.to_owned(), Directory::default());
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
        self.make_directory(&parent);
        if let Some(entry) = self.directories.get_mut(&parent) {
            entry.directories.push(path.to_owned());
        }
    }

    /// The index of a file.
    pub fn file(&self, path: &str) -> Option<usize> {
        self.by_path.get(path).copied()
    }

    /// A directory; the root is the empty path.
    pub fn directory(&self, path: &str) -> Option<&Directory> {
        self.directories.get(path)
    }

    /// Every directory with its path, sorted.
    pub fn directories(&self) -> impl Iterator<Item = (&str, &Directory)> {
        self.directories.iter().map(|(path, directory)| (path.as_str(), directory))
    }

    /// Path of a file.
    pub fn path(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |(path, _)| path)
    }

    /// Documents of a file.
    pub fn documents(&self, file: usize) -> &[DocumentFacts] {
        self.files.get(file).map_or(&[], |(_, facts)| &facts.documents)
    }

    /// The scalar of a file whose content starts at a byte, where it may hold a version.
    pub fn site(&self, file: usize, start: u32) -> Option<&SiteFacts> {
        self.files.get(file)?.1.site(start)
    }

    /// The documents that the scalar of a file whose content starts at a byte holds as text.
    pub fn embedded(&self, file: usize, start: u32) -> Option<&[Node]> {
        let embedded = &self.files.get(file)?.1.embedded;
        let index = embedded.binary_search_by_key(&start, |(start, _)| *start).ok()?;
        embedded.get(index).map(|(_, roots)| roots.as_slice())
    }

    /// Every document of a kind with its file and its place in it, in order.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (usize, usize, &DocumentFacts)> {
        self.files.iter().enumerate().flat_map(move |(file, (_, facts))| {
            let documents = facts.documents.iter().enumerate();
            documents.filter(move |(_, d)| d.kind == kind).map(move |(i, d)| (file, i, d))
        })
    }

    /// What kustomize reads in a directory: the file's index and its first document.
    pub fn kustomization(&self, directory: &str) -> Option<(usize, Option<&DocumentFacts>)> {
        let file = self.directory(directory)?.kustomization?;
        Some((file, self.documents(file).iter().find(|d| d.kind == Kind::Kustomization)))
    }

    /// Notes a problem of a file.
    pub fn problem(file: &str, line: u32, reason: Reason, message: impl Into<String>) -> Found {
        Found { file: file.to_owned(), line, problem: Problem::new(reason, message) }
    }
}
