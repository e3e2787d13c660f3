//! Reads a commit's files from the object database, without a checkout. Shows regular files only: no symlinks, no
//! submodules, no names that could not be written down.

use super::cache::Cache;
use super::error::Failure;
use crate::model::{BlobId, TreeFile};
use crate::world::tree::{Listing, Skipped, Stretch, unfit};
use git2::{ObjectType, Oid, Repository};
use std::collections::HashMap;
use std::sync::Arc;

/// Directories nested deeper than this are not entered.
const LEVELS: usize = 64;
/// A tree with more files than this is refused.
const FILES: usize = 1_000_000;

/// The files of a commit. Directories that `before`, another commit's listing, has under the same path and id are taken
/// out of it: the result is the same, and costs what differs.
pub(super) fn listing(repository: &Repository, commit: Oid, before: Listing) -> Result<Listing, Failure> {
    let found = repository.find_commit(commit).map_err(|e| missing(e, || format!("commit {commit}")))?;
    let mut walk = Walk { repository, odb: repository.odb()?, before, out: Listing::default() };
    walk.out.tree.revision = Some(commit.to_string());
    walk.directory(&found.tree()?, "", 0)?;
    let mut out = walk.out;
    // Git's own order, but for a tree that some other program wrote badly.
    if !out.tree.files.is_sorted_by(|a, b| a.path <= b.path) {
        out.tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        out.directories.clear();
    }
    Ok(out)
}

struct Walk<'a> {
    repository: &'a Repository,
    odb: git2::Odb<'a>,
    before: Listing,
    out: Listing,
}

impl Walk<'_> {
    fn directory(&mut self, tree: &git2::Tree<'_>, prefix: &str, level: usize) -> Result<(), Failure> {
        let (files, skipped) = (self.out.tree.files.len(), self.out.skipped.len());
        self.entries(tree, prefix, level)?;
        let stretch = Stretch {
            id: bytes(tree.id()),
            files: files..self.out.tree.files.len(),
            skipped: skipped..self.out.skipped.len(),
        };
        self.out.directories.insert(prefix.to_owned(), stretch);
        Ok(())
    }

    /// Takes a directory over from the listing before, where it is the same there.
    fn known(&mut self, prefix: &str, id: Oid) -> Result<bool, Failure> {
        let Some(known) = self.before.directories.get(prefix).filter(|known| known.id == bytes(id)).cloned() else {
            return Ok(false);
        };
        let (files, skipped) = (self.out.tree.files.len(), self.out.skipped.len());
        if files + known.files.len() > FILES {
            return Err(too_many());
        }
        let moved =
            |range: &std::ops::Range<usize>, from: usize, to: usize| range.start - from + to..range.end - from + to;
        let below = self.before.directories.range(prefix.to_owned()..).take_while(|(path, _)| path.starts_with(prefix));
        for (path, stretch) in below {
            let stretch = Stretch {
                id: stretch.id,
                files: moved(&stretch.files, known.files.start, files),
                skipped: moved(&stretch.skipped, known.skipped.start, skipped),
            };
            self.out.directories.insert(path.clone(), stretch);
        }
        // Nothing of it is asked for again: a path stands in one directory only.
        let taken = self.before.tree.files.get_mut(known.files).unwrap_or_default();
        self.out.tree.files.extend(taken.iter_mut().map(std::mem::take));
        self.out.skipped.extend(self.before.skipped.get(known.skipped).unwrap_or_default().iter().cloned());
        Ok(true)
    }

    fn entries(&mut self, tree: &git2::Tree<'_>, prefix: &str, level: usize) -> Result<(), Failure> {
        for entry in tree {
            let raw = String::from_utf8_lossy(entry.name_bytes());
            let path = format!("{prefix}{raw}");
            let directory = entry.kind() == Some(ObjectType::Tree);
            let skipped = |why| if directory { Skipped::directory(&path, why) } else { Skipped::new(&path, why) };
            let mut skip = |why| self.out.skipped.push(skipped(why));
            if let Some(why) = unfit(entry.name_bytes()) {
                skip(why);
                continue;
            }
            match (entry.kind(), entry.filemode()) {
                (Some(ObjectType::Tree), _) if level >= LEVELS => skip("the directories are nested too deeply"),
                (Some(ObjectType::Tree), _) => {
                    let below = format!("{path}/");
                    if !self.known(&below, entry.id())? {
                        self.directory(&self.repository.find_tree(entry.id())?, &below, level + 1)?;
                    }
                }
                (Some(ObjectType::Blob), 0o120_000) => skip("symlink"),
                (Some(ObjectType::Blob), _) => {
                    if self.out.tree.files.len() >= FILES {
                        return Err(too_many());
                    }
                    let (size, _) = self.odb.read_header(entry.id())?;
                    let blob = BlobId(entry.id().to_string());
                    self.out.tree.files.push(TreeFile { path, blob, size: size as u64 });
                }
                (Some(ObjectType::Commit), _) => skip("submodule"),
                _ => skip("neither a file nor a directory"),
            }
        }
        Ok(())
    }
}

fn too_many() -> Failure {
    Failure::Invalid(format!("the tree holds more than {FILES} files"))
}

fn bytes(id: Oid) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes.copy_from_slice(id.as_bytes());
    bytes
}

/// Reads blobs of one repository for the length of a pass. Blocking; safe to share between threads.
pub struct Blobs {
    repository: std::sync::Mutex<Repository>,
    cache: Arc<Cache>,
    shown: String,
}

impl Blobs {
    pub(super) fn new(repository: Repository, cache: Arc<Cache>, shown: String) -> Self {
        Self { repository: std::sync::Mutex::new(repository), cache, shown }
    }

    /// The content of a blob of at most `limit` bytes.
    pub fn blob(&self, id: &BlobId, limit: u64) -> Result<Vec<u8>, super::GitError> {
        let repository = self.repository.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        blob(&repository, id, limit).map_err(|failure| {
            if failure.damaged() {
                self.cache.suspect();
            }
            failure.at(&self.shown)
        })
    }
}

impl std::fmt::Debug for Blobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Blobs").field(&self.shown).finish()
    }
}

pub(super) fn blob(repository: &Repository, id: &BlobId, limit: u64) -> Result<Vec<u8>, Failure> {
    let oid = Oid::from_str(&id.0).map_err(|_| Failure::Missing(format!("blob {}", id.0)))?;
    read(repository, oid, limit, || format!("blob {oid}"))
}

pub(super) fn file(repository: &Repository, commit: Oid, path: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let found = repository.find_commit(commit).map_err(|e| missing(e, || format!("commit {commit}")))?;
    let entry =
        found.tree()?.get_path(std::path::Path::new(path)).map_err(|e| missing(e, || format!("{path} at {commit}")))?;
    if entry.kind() != Some(ObjectType::Blob) || entry.filemode() == 0o120_000 {
        return Err(Failure::Missing(format!("{path} at {commit} is no regular file and so")));
    }
    read(repository, entry.id(), limit, || path.to_owned())
}

/// The same, where nothing but absence is nothing: a symlink, a directory or a submodule in the file's place, or in that of
/// a directory on the way, is an error.
pub(super) fn file_if_any(
    repository: &Repository,
    commit: Oid,
    path: &str,
    limit: u64,
) -> Result<Option<Vec<u8>>, Failure> {
    let found = repository.find_commit(commit).map_err(|e| missing(e, || format!("commit {commit}")))?;
    let mut tree = found.tree()?;
    let mut way = String::new();
    let mut names = path.split('/').peekable();
    while let Some(name) = names.next() {
        way.push_str(name);
        let Some(entry) = tree.get_name(name) else { return Ok(None) };
        let odd = |wanted: &str| Err(Failure::Invalid(format!("{way} is {}, not {wanted}", shape(&entry))));
        let id = entry.id();
        if names.peek().is_none() {
            if shape(&entry) != "a file" {
                return odd("a regular file");
            }
            return read(repository, id, limit, || path.to_owned()).map(Some);
        }
        match shape(&entry) {
            "a directory" => {}
            // Nothing is below a file.
            "a file" => return Ok(None),
            _ => return odd("a directory"),
        }
        let below = repository.find_tree(id)?;
        drop(entry);
        tree = below;
        way.push('/');
    }
    Ok(None)
}

fn shape(entry: &git2::TreeEntry<'_>) -> &'static str {
    match (entry.kind(), entry.filemode()) {
        (Some(ObjectType::Blob), 0o120_000) => "a symlink",
        (Some(ObjectType::Blob), _) => "a file",
        (Some(ObjectType::Tree), _) => "a directory",
        (Some(ObjectType::Commit), _) => "a submodule",
        _ => "neither a file nor a directory",
    }
}

/// Git's id of a content.
pub fn blob_id(content: &[u8]) -> Option<Oid> {
    Oid::hash_object(ObjectType::Blob, content).ok()
}

/// Ids of the regular files among these paths; what is missing or something else is left out.
pub(super) fn ids(repository: &Repository, commit: Oid, paths: &[String]) -> Result<HashMap<String, Oid>, Failure> {
    let tree = repository.find_commit(commit).map_err(|e| missing(e, || format!("commit {commit}")))?.tree()?;
    let regular = |path: &String| {
        let entry = tree.get_path(std::path::Path::new(path)).ok()?;
        (entry.kind() == Some(ObjectType::Blob) && entry.filemode() != 0o120_000).then(|| (path.clone(), entry.id()))
    };
    Ok(paths.iter().filter_map(regular).collect())
}

pub(super) fn executable(repository: &Repository, commit: Oid, path: &str) -> Result<bool, Failure> {
    let found = repository.find_commit(commit).map_err(|e| missing(e, || format!("commit {commit}")))?;
    match found.tree()?.get_path(std::path::Path::new(path)) {
        Ok(entry) => Ok(entry.filemode() == 0o100_755),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn read(repository: &Repository, oid: Oid, limit: u64, what: impl Fn() -> String) -> Result<Vec<u8>, Failure> {
    let odb = repository.odb()?;
    let (size, kind) = odb.read_header(oid).map_err(|e| missing(e, &what))?;
    if kind != ObjectType::Blob {
        return Err(Failure::Missing(what()));
    }
    if size as u64 > limit {
        return Err(Failure::TooBig { what: what(), size: size as u64, limit });
    }
    Ok(odb.read(oid)?.data().to_vec())
}

pub(super) fn missing(error: git2::Error, what: impl FnOnce() -> String) -> Failure {
    if error.code() == git2::ErrorCode::NotFound { Failure::Missing(what()) } else { error.into() }
}
