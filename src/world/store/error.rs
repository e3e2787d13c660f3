//! What can go wrong with the store: each names the file and the remedy.

use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its directory can't be made.
    #[error("store directory {path} can't be made: {error}; set store.path to where Davit may write")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file or its directory can't be written.
    #[error("store {path} can't be written; set store.path to a file in a directory where Davit may write")]
    NotWritable {
        /// The file.
        path: PathBuf,
    },
    /// Deleted while it was open, or another file put in its place: what is written is lost.
    #[error("store {path} was deleted or replaced while Davit runs; start Davit again")]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// No space left.
    #[error("store {path}: the disk is full; free some space, nothing was written")]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// Reading or writing failed for another reason: a limit on the size of files, a quota, a failing disk.
    #[error("store {path} can't be read or written ({error}); free some space on its disk, or check the disk")]
    Failing {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
    },
    /// Not SQLite, or damaged.
    #[error("store {path} is damaged or not a Davit store; move it away and start again")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds it.
    #[error("store {path} is in use by another process; one Davit runs on a store")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// Written by a newer Davit.
    #[error(
        "store {path} has schema {found}, this Davit knows up to {known}; use the newer Davit or another store.path"
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: usize,
        /// The newest schema known here.
        known: usize,
    },
    /// Anything else.
    #[error("store {path}: {error}")]
    Other {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
    },
    /// The blocking task was lost (the process is going down).
    #[error("the store's task was cancelled")]
    Cancelled,
}

impl StoreError {
    pub(super) fn of(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::NotWritable { path }
            }
            Some(ErrorCode::DiskFull) => Self::DiskFull { path },
            Some(ErrorCode::SystemIoFailure) => Self::Failing { path, error },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            _ => Self::Other { path, error },
        }
    }
}
