//! The cache on disk: one directory per URL, safe to delete at any moment. Files are written beside and renamed, the
//! one that names the others last; a half-written directory is as good as none. A directory's own time says when it was
//! used last; `prune.rs` goes by it.

use super::conditional::Validators;
use super::index::{Extract, Place};
use crate::model::{Problem, Reason};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What the server said of the body, to ask again with conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Stamp {
    /// Hash of the body, which names its files.
    pub(super) hash: String,
    /// Bytes of the body: a file cut short by a crash is no body.
    #[serde(default)]
    pub(super) size: u64,
    #[serde(flatten)]
    pub(super) validators: Validators,
}

/// The directory of one URL.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    directory: PathBuf,
}

/// The directory of all shelves, named by their layout.
pub(super) const LAYOUT: &str = "charts-v1";
const STAMP: &str = "stamp.json";
/// What was read of a chart in an index is of this form and by these rules.
const EXTRACT: &str = "2";

impl Shelf {
    /// `kind` keeps apart what one URL can give.
    pub(super) fn new(cache_dir: &Path, kind: &str, url: &str) -> Self {
        Self { directory: cache_dir.join(LAYOUT).join(kind).join(&digest(url.as_bytes())[..32]) }
    }

    /// Notes that it is in use at this time.
    pub(super) fn used(&self, now: jiff::Timestamp) {
        set_used(&self.directory, now.into());
    }

    /// The last stamp, where its body is still there.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let stamp: Stamp = self.read(STAMP)?;
        let body = std::fs::metadata(self.body(&stamp)).ok()?;
        (body.is_file() && body.len() == stamp.size).then_some(stamp)
    }

    /// Where the body of a stamp lies.
    pub(super) fn body(&self, stamp: &Stamp) -> PathBuf {
        self.directory.join(format!("body-{}", stamp.hash))
    }

    /// A new file in the directory, to be given to [`Self::keep`].
    pub(super) fn spool(&self) -> Result<tempfile::NamedTempFile, Problem> {
        let made =
            std::fs::create_dir_all(&self.directory).and_then(|()| tempfile::NamedTempFile::new_in(&self.directory));
        made.map_err(|e| self.problem(&e))
    }

    /// Makes a spooled body the current one, and forgets what belongs to older ones.
    pub(super) fn keep(&self, body: tempfile::NamedTempFile, stamp: &Stamp) -> Result<(), Problem> {
        body.persist(self.body(stamp)).map_err(|e| self.problem(&e.error))?;
        self.restamp(stamp)?;
        self.forget_all_but(&stamp.hash);
        Ok(())
    }

    /// Writes the stamp of a body that is there.
    pub(super) fn restamp(&self, stamp: &Stamp) -> Result<(), Problem> {
        self.write(STAMP, stamp)
    }

    pub(super) fn extract(&self, stamp: &Stamp, chart: &str) -> Option<Extract> {
        self.read(&extract_name(stamp, chart))
    }

    pub(super) fn put_extract(&self, stamp: &Stamp, chart: &str, extract: &Extract) -> Result<(), Problem> {
        self.write(&extract_name(stamp, chart), extract)
    }

    pub(super) fn place(&self, stamp: &Stamp, chart: &str, version: &str) -> Option<Place> {
        self.read(&place_name(stamp, chart, version))
    }

    pub(super) fn put_place(&self, stamp: &Stamp, chart: &str, version: &str, place: &Place) -> Result<(), Problem> {
        self.write(&place_name(stamp, chart, version), place)
    }

    /// A value by name; nothing where it is missing or broken.
    pub(super) fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&std::fs::read(self.directory.join(name)).ok()?).ok()
    }

    pub(super) fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Problem> {
        let mut file = self.spool()?;
        let text = serde_json::to_vec(value).map_err(|e| self.problem(&e.into()))?;
        file.write_all(&text).map_err(|e| self.problem(&e))?;
        file.persist(self.directory.join(name)).map_err(|e| self.problem(&e.error))?;
        Ok(())
    }

    fn forget_all_but(&self, hash: &str) {
        let Ok(files) = std::fs::read_dir(&self.directory) else { return };
        for file in files.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if (name.starts_with("body-") || name.starts_with("chart-")) && !name.contains(hash) {
                let _ = std::fs::remove_file(file.path());
            }
        }
    }

    /// That it can't be written, with the remedy.
    pub(super) fn problem(&self, error: &std::io::Error) -> Problem {
        let directory = self.directory.display();
        let message = format!(
            "the cache directory {directory} can't be written: {error}; free some space there, or set git.cacheDir to \
             where Davit may write"
        );
        Problem::new(Reason::SourceError, message)
    }
}

/// Sets the time of a directory's last use. Where that fails, the time of its last change stands.
pub(super) fn set_used(directory: &Path, time: std::time::SystemTime) {
    let _ = std::fs::File::open(directory).and_then(|opened| opened.set_modified(time));
}

fn extract_name(stamp: &Stamp, chart: &str) -> String {
    format!("chart-{}-{EXTRACT}-{}.json", stamp.hash, &digest(chart.as_bytes())[..16])
}

fn place_name(stamp: &Stamp, chart: &str, version: &str) -> String {
    format!("chart-{}-place-{}.json", stamp.hash, &digest(format!("{chart}\n{version}").as_bytes())[..16])
}

/// SHA-256 in hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
