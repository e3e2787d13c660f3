//! All files together: which path holds what, which directories there are, which repository this is.

use super::elsewhere::{self, Elsewhere, Foreign};
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
    /// The file that kustomize reads here; the first of several.
    pub kustomization: Option<usize>,
    /// There are several, and kustomize refuses all.
    pub several: bool,
    /// Which of kustomize's file names it has.
    rank: usize,
}

/// The facts of a whole tree.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Path and facts, sorted by path.
    pub files: Arc<Vec<(String, Arc<FileFacts>)>>,
    /// Broken documents.
    pub problems: Vec<Found>,
    /// The repository's URL, where it is known.
    pub repository_url: Option<String>,
    places: Arc<Places>,
    /// Files of other repositories that a build may name.
    elsewhere: Arc<Elsewhere>,
    /// Documents by kind: file and place in it, in order.
    kinds: Arc<HashMap<Kind, Vec<(usize, usize)>>>,
}

/// What the paths alone say.
#[derive(Debug, Default)]
struct Places {
    by_path: HashMap<String, usize>,
    directories: BTreeMap<String, Directory>,
}

/// Puts the files together. Every file that the tree has and that [`super::reads`] takes belongs here, also those
/// without facts: a kustomization may name them.
pub fn gather(files: &[(String, Arc<FileFacts>)], context: Context<'_>) -> Inventory {
    let mut files = files.to_vec();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files.dedup_by(|a, b| a.0 == b.0);
    together(Arc::new(files), context)
}

/// [`gather`], from what an earlier tree gave: where the paths are the same, only what differs is looked at. The files
/// must be sorted by path, each path once; where they are not, they are gathered anew.
pub fn gather_after(
    earlier: Option<&Inventory>,
    files: &Arc<Vec<(String, Arc<FileFacts>)>>,
    context: Context<'_>,
) -> Inventory {
    if let Some(next) = earlier.and_then(|earlier| earlier.with(files, context)) {
        return next;
    }
    if files.is_sorted_by(|a, b| a.0 < b.0) { together(files.clone(), context) } else { gather(files, context) }
}

fn together(files: Arc<Vec<(String, Arc<FileFacts>)>>, context: Context<'_>) -> Inventory {
    let mut places = Places {
        by_path: files.iter().enumerate().map(|(i, (path, _))| (path.clone(), i)).collect(),
        directories: BTreeMap::from([(String::new(), Directory::default())]),
    };
    for (index, (path, _)) in files.iter().enumerate() {
        places.place(index, path);
    }
    Inventory {
        problems: problems(&files),
        kinds: Arc::new(kinds(&files)),
        files,
        repository_url: context.repository_url.map(str::to_owned),
        places: Arc::new(places),
        elsewhere: Arc::default(),
    }
}

fn problems(files: &[(String, Arc<FileFacts>)]) -> Vec<Found> {
    let of = |(path, facts): &(String, Arc<FileFacts>)| {
        let found = facts.problems.iter().map(|problem| Found {
            file: path.clone(),
            line: problem.line,
            problem: Problem::new(problem.reason, problem.message.clone()),
        });
        found.collect::<Vec<_>>()
    };
    files.iter().flat_map(of).collect()
}

fn kinds(files: &[(String, Arc<FileFacts>)]) -> HashMap<Kind, Vec<(usize, usize)>> {
    let mut kinds: HashMap<Kind, Vec<(usize, usize)>> = HashMap::new();
    for (file, (_, facts)) in files.iter().enumerate() {
        for (index, document) in facts.documents.iter().enumerate() {
            kinds.entry(document.kind).or_default().push((file, index));
        }
    }
    kinds
}

impl Places {
    fn place(&mut self, index: usize, path: &str) {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.make_directory(directory);
        let Some(entry) = self.directories.get_mut(directory) else { return };
        entry.files.push(index);
        // One of these names; of several kustomize takes none.
        let rank = ["kustomization.yaml", "kustomization.yml", "Kustomization"].iter().position(|known| *known == name);
        entry.several |= rank.is_some() && entry.kustomization.is_some();
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
}

impl Inventory {
    /// This tree with other facts at the same paths; nothing where the paths differ.
    fn with(&self, files: &Arc<Vec<(String, Arc<FileFacts>)>>, context: Context<'_>) -> Option<Self> {
        let alike = files.len() == self.files.len() && files.iter().zip(self.files.iter()).all(|(a, b)| a.0 == b.0);
        if !alike || self.repository_url.as_deref() != context.repository_url {
            return None;
        }
        let mut next = Self { files: files.clone(), ..self.clone() };
        let changed = next.changed_since(self)?;
        let pairs = || changed.iter().filter_map(|file| Some((&self.files.get(*file)?.1, &files.get(*file)?.1)));
        let documents = |facts: &FileFacts| facts.documents.iter().map(|document| document.kind).collect::<Vec<_>>();
        if pairs().any(|(before, now)| documents(before) != documents(now)) {
            next.kinds = Arc::new(kinds(files));
        }
        if pairs().any(|(before, now)| !before.problems.is_empty() || !now.problems.is_empty()) {
            next.problems = problems(files);
        }
        Some(next)
    }

    /// The files with other facts than in a tree of the very paths, ascending; nothing where the paths may differ.
    pub fn changed_since(&self, earlier: &Self) -> Option<Vec<usize>> {
        let same = Arc::ptr_eq(&self.places, &earlier.places) && self.repository_url == earlier.repository_url;
        let pairs = || self.files.iter().zip(earlier.files.iter()).enumerate();
        same.then(|| pairs().filter(|(_, (a, b))| !Arc::ptr_eq(&a.1, &b.1)).map(|(file, _)| file).collect())
    }

    /// The index of a file.
    pub fn file(&self, path: &str) -> Option<usize> {
        self.places.by_path.get(path).copied()
    }

    /// A directory; the root is the empty path.
    pub fn directory(&self, path: &str) -> Option<&Directory> {
        self.places.directories.get(path)
    }

    /// Every directory with its path, sorted.
    pub fn directories(&self) -> impl Iterator<Item = (&str, &Directory)> {
        self.places.directories.iter().map(|(path, directory)| (path.as_str(), directory))
    }

    /// This tree with files of other repositories beside it.
    #[must_use]
    pub fn beside(&self, elsewhere: Arc<Elsewhere>) -> Self {
        Self { elsewhere, ..self.clone() }
    }

    /// Path of a file; `repository:path` for one of another repository.
    pub fn path(&self, file: usize) -> &str {
        match self.files.get(file) {
            Some((path, _)) => path,
            None => self.elsewhere.get(&file).map_or("", |foreign| &foreign.name),
        }
    }

    /// Whether a file is one of another repository.
    pub fn is_elsewhere(&self, file: usize) -> bool {
        self.elsewhere.contains_key(&file)
    }

    /// A file of another repository.
    pub fn elsewhere(&self, file: usize) -> Option<&Arc<Foreign>> {
        self.elsewhere.get(&file)
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
        match self.files.get(file) {
            Some((_, facts)) => elsewhere::held(&facts.embedded, start),
            None => elsewhere::held(&self.elsewhere.get(&file)?.embedded, start),
        }
    }

    /// Every document of a kind with its file and its place in it, in order.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (usize, usize, &DocumentFacts)> {
        let places = self.kinds.get(&kind).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|(file, index)| Some((*file, *index, self.files.get(*file)?.1.documents.get(*index)?)))
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
