//! Reads a commit's files from the object database, without a checkout. Shows regular files only: no symlinks, no
//! submodules, no names that could not be written down.

use super::cache::Cache;
use super::error::Failure;
use crate::model::{BlobId, TreeFile};
use crate::world::tree::{Listing, Skipped, unfit};
use git2::{ObjectType, Oid, Repository};
use std::sync::Arc;

/// Directories nested deeper than this are not entered.
const LEVELS: usize = 64;
/// A tree with more files than this is refused.
const FILES: usize = 1_000_000;

pub(super) fn listing(repository: &Repository, commit: Oid) -> Result<Listing, Failure> {
    let found = repository.find_commit(commit).map_err(|e| missing(e, || format!("commit {commit}")))?;
    let odb = repository.odb()?;
    let mut out = Listing::default();
    out.tree.revision = Some(commit.to_string());
    walk(repository, &odb, &found.tree()?, "", 0, &mut out)?;
    out.tree.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(out)
}

fn walk(
    repository: &Repository,
    odb: &git2::Odb<'_>,
    tree: &git2::Tree<'_>,
    prefix: &str,
    level: usize,
    out: &mut Listing,
) -> Result<(), Failure> {
    for entry in tree {
        let raw = String::from_utf8_lossy(entry.name_bytes());
        let path = format!("{prefix}{raw}");
        let mut skip = |why| out.skipped.push(Skipped::new(&path, why));
        if let Some(why) = unfit(entry.name_bytes()) {
            skip(why);
            continue;
        }
        match (entry.kind(), entry.filemode()) {
            (Some(ObjectType::Tree), _) if level >= LEVELS => skip("the directories are nested too deeply"),
            (Some(ObjectType::Tree), _) => {
                let inner = repository.find_tree(entry.id())?;
                walk(repository, odb, &inner, &format!("{path}/"), level + 1, out)?;
            }
            (Some(ObjectType::Blob), 0o120_000) => skip("symlink"),
            (Some(ObjectType::Blob), _) => {
                if out.tree.files.len() >= FILES {
                    return Err(Failure::Invalid(format!("the tree holds more than {FILES} files")));
                }
                let (size, _) = odb.read_header(entry.id())?;
                let blob = BlobId(entry.id().to_string());
                out.tree.files.push(TreeFile { path, blob, size: size as u64 });
            }
            (Some(ObjectType::Commit), _) => skip("submodule"),
            _ => skip("neither a file nor a directory"),
        }
    }
    Ok(())
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
