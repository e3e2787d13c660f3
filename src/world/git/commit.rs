//! A commit made from trees, without a checkout. The same base, changes, message, author and time give the same id.

use super::error::Failure;
use super::snapshot::missing;
use crate::config::Author;
use crate::world::tree::unfit;
use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Oid, Repository, Signature, Time};

/// What to commit.
#[derive(Debug, Clone)]
pub struct Change {
    /// The parent.
    pub base: Oid,
    /// Paths and their whole new content. A file keeps its mode; a new one gets 0644.
    pub files: Vec<(String, Vec<u8>)>,
    /// The message, as it shall stand.
    pub message: String,
    /// Author and committer; none for the configured one.
    pub author: Option<Author>,
    /// Author's and committer's time.
    pub time: jiff::Timestamp,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// A new commit, only in the bare repository so far.
    New(Oid),
    /// The files already stand like that on the base: no commit.
    Unchanged,
}

pub(super) fn commit(repository: &Repository, change: &Change, author: &Author) -> Result<Committed, Failure> {
    let parent = repository.find_commit(change.base).map_err(|e| missing(e, || format!("commit {}", change.base)))?;
    let old = parent.tree()?;
    let mut update = TreeUpdateBuilder::new();
    for (path, content) in &change.files {
        let mode = mode_of(&old, path)?;
        update.upsert(path.as_str(), repository.blob(content)?, mode);
    }
    let tree = if change.files.is_empty() { old.id() } else { update.create_updated(repository, &old)? };
    if tree == old.id() {
        return Ok(Committed::Unchanged);
    }
    let author = change.author.as_ref().unwrap_or(author);
    let time = Time::new(change.time.as_second(), 0);
    let signature = Signature::new(&author.name, &author.email, &time)
        .map_err(|e| Failure::Invalid(format!("git.author can't stand in a commit: {}", e.message())))?;
    let tree = repository.find_tree(tree)?;
    let id = repository.commit(None, &signature, &signature, &change.message, &tree, &[&parent])?;
    Ok(Committed::New(id))
}

/// The mode that the file has, or 0644 for a new one. Refuses to write through symlinks and over directories.
fn mode_of(tree: &git2::Tree<'_>, path: &str) -> Result<FileMode, Failure> {
    if path.split('/').any(|part| unfit(part.as_bytes()).is_some()) {
        return Err(Failure::Invalid(format!("{} is no path inside a repository", path.escape_debug())));
    }
    for (at, _) in path.match_indices('/') {
        let entry = tree.get_path(std::path::Path::new(&path[..at]));
        if entry.is_ok_and(|e| e.kind() != Some(git2::ObjectType::Tree)) {
            return Err(Failure::Invalid(format!("{} is no directory: {path} can't be written", &path[..at])));
        }
    }
    match tree.get_path(std::path::Path::new(path)) {
        Ok(entry) => match entry.filemode() {
            0o100_755 => Ok(FileMode::BlobExecutable),
            0o100_644 | 0o100_664 => Ok(FileMode::Blob),
            _ => Err(Failure::Invalid(format!("{path} is no regular file: it can't be written"))),
        },
        Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(FileMode::Blob),
        Err(e) => Err(e.into()),
    }
}
