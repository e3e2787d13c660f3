//! What the engine reads files through: a commit in a bare repository, or a folder as it lies on disk.

use super::folder::Folder;
use super::git::Blobs;
use crate::model::{Problem, SourceTree, TreeFile};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A tree, and what was left out of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The regular files.
    pub tree: SourceTree,
    /// What is there and not listed, each with the reason.
    pub skipped: Vec<Skipped>,
    /// Where what each directory of a commit holds stands in the lists above, so that the next commit's listing takes
    /// it over where the directory is the same; empty for a folder.
    pub(crate) directories: BTreeMap<String, Stretch>,
}

/// What one directory of a commit gave, everything below it included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Git's id of the directory: equal ids are equal content.
    pub(crate) id: [u8; 20],
    /// In the files.
    pub(crate) files: Range<usize>,
    /// Among what was skipped.
    pub(crate) skipped: Range<usize>,
}

/// A name that is there and not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its path, made printable.
    pub path: String,
    /// Why.
    pub why: &'static str,
    /// A directory, with everything in it.
    pub directory: bool,
}

impl Skipped {
    pub(crate) fn new(path: &str, why: &'static str) -> Self {
        Self { path: path.escape_debug().to_string(), why, directory: false }
    }

    pub(crate) fn directory(path: &str, why: &'static str) -> Self {
        Self { directory: true, ..Self::new(path.trim_end_matches('/'), why) }
    }
}

/// Why a name in a directory can't stand in a listing, if so. For Git's names and for those on disk.
pub(crate) fn unfit(name: &[u8]) -> Option<&'static str> {
    let Ok(text) = std::str::from_utf8(name) else { return Some("the name is not UTF-8") };
    if text.chars().any(char::is_control) {
        return Some("the name holds control characters");
    }
    let git = text.eq_ignore_ascii_case(".git");
    (git || matches!(text, "" | "." | "..") || text.contains('/')).then_some("the name is no file name")
}

/// Reads the contents of listed files. Blocking; cheap to clone; threads may share it.
#[derive(Debug, Clone)]
pub enum TreeReader {
    /// From the object database, by blob id.
    Git(Arc<Blobs>),
    /// From disk, by path.
    Folder(Arc<Folder>),
}

impl TreeReader {
    /// The content of a listed file of at most `limit` bytes. The problem names the file.
    pub fn read(&self, file: &TreeFile, limit: u64) -> Result<Vec<u8>, Problem> {
        match self {
            Self::Git(blobs) => blobs.blob(&file.blob, limit).map_err(|error| {
                let problem = error.problem();
                Problem::new(problem.reason, format!("{}: {}", file.path, problem.message))
            }),
            Self::Folder(folder) => folder.content(&file.path, limit),
        }
    }
}
