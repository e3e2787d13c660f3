//! Bounds the cache of the registry on disk: what nobody used for long goes, and the least recently used of what is too
//! much. Safe beside a pass and at a crash: a directory is renamed before it is deleted, and what a pass used a moment
//! ago stays.

use super::cache::{LAYOUT, set_used};
use jiff::{SignedDuration, Timestamp};
use std::fs::{DirEntry, read_dir, remove_dir_all, remove_file, rename};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How much may stay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// What nobody used in this time goes.
    pub(super) kept: SignedDuration,
    /// Directories.
    pub(super) count: usize,
    /// Bytes of all files.
    pub(super) size: u64,
}

/// The product's bounds: some sixty indexes of the largest kind, and every tag that was looked up in a month.
pub(super) const BOUNDS: Bounds = Bounds { kept: SignedDuration::from_hours(30 * 24), count: 200_000, size: 4 << 30 };

/// What was used so recently may be in use.
const IN_USE: SignedDuration = SignedDuration::from_hours(1);
/// A file that a killed process was writing.
const ABANDONED: SignedDuration = SignedDuration::from_hours(24);
/// Begins the name of a directory that is being deleted.
const GONE: &str = "gone-";

struct Found {
    path: PathBuf,
    used: SystemTime,
    size: u64,
}

/// Deletes what is beyond the bounds; gives the number of directories that went. What can't be deleted stays for the
/// next time.
pub(super) fn prune(cache_dir: &Path, bounds: Bounds, now: Timestamp) -> usize {
    let ago = |time: SignedDuration| SystemTime::from(now.checked_sub(time).unwrap_or(Timestamp::MIN));
    let (old, abandoned, in_use) = (ago(bounds.kept), ago(ABANDONED), ago(IN_USE));
    let mut found = Vec::new();
    for kind in entries(&cache_dir.join(LAYOUT)) {
        for shelf in entries(&kind.path()) {
            if shelf.file_name().to_string_lossy().starts_with(GONE) {
                let _ = remove_dir_all(shelf.path());
            } else {
                found.extend(look(&shelf, abandoned));
            }
        }
    }
    found.sort_unstable_by_key(|shelf| shelf.used);
    let (mut count, mut size) = (found.len(), found.iter().map(|shelf| shelf.size).sum::<u64>());
    let mut gone = 0;
    for shelf in found {
        let surplus = count > bounds.count || size > bounds.size;
        if shelf.used >= old && (!surplus || shelf.used >= in_use) {
            break;
        }
        if remove(&shelf.path) {
            gone += 1;
            count -= 1;
            size -= shelf.size;
        }
    }
    gone
}

/// One directory, without what a killed process left in it.
fn look(shelf: &DirEntry, abandoned: SystemTime) -> Option<Found> {
    let path = shelf.path();
    let used = shelf.metadata().ok().filter(std::fs::Metadata::is_dir)?.modified().ok()?;
    let (mut size, mut swept) = (0, false);
    for file in entries(&path) {
        let Ok(metadata) = file.metadata() else { continue };
        let left = file.file_name().to_string_lossy().starts_with(".tmp");
        if left && metadata.modified().is_ok_and(|at| at < abandoned) && remove_file(file.path()).is_ok() {
            swept = true;
        } else {
            size += metadata.len();
        }
    }
    if swept {
        set_used(&path, used);
    }
    Some(Found { path, used, size })
}

fn remove(shelf: &Path) -> bool {
    let (Some(kind), Some(name)) = (shelf.parent(), shelf.file_name()) else { return false };
    let gone = kind.join(format!("{GONE}{}", name.to_string_lossy()));
    rename(shelf, &gone).is_ok() && remove_dir_all(&gone).is_ok()
}

fn entries(directory: &Path) -> impl Iterator<Item = DirEntry> {
    read_dir(directory).into_iter().flatten().flatten()
}
