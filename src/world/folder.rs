//! A folder's files as they lie on disk, a Git checkout or not, and the safe way to write one back. Follows no
//! symlink, enters no `.git`, and knows no ignore rules: what is there is what is read.

use super::tree::{Listing, Skipped, unfit};
use crate::inventory;
use crate::model::{BlobId, Problem, Reason, TreeFile};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// A larger file is listed as a problem and never read: 16 MiB.
pub const FILE_LIMIT: u64 = 16 << 20;
/// A folder with more files than this is refused.
const FILES: usize = 1_000_000;
/// Directories nested deeper than this are not entered.
const LEVELS: usize = 64;

/// A folder, by its real path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder at `path`; the problem says why there is none.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let root = fs::canonicalize(path).map_err(|e| problem(path, &e))?;
        if !root.is_dir() {
            return Err(Problem::new(Reason::SourceInvalid, format!("{} is no directory", path.display())));
        }
        Ok(Self { root })
    }

    /// The real path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The places that the folder is a checkout of: its own, as a URL, and that of the remote `origin`.
    pub fn places(&self) -> Vec<String> {
        let origin = || {
            let repository = git2::Repository::open(&self.root).ok()?;
            let origin = repository.find_remote("origin").ok()?;
            origin.url().ok().map(str::to_owned)
        };
        [format!("file://{}", self.root.display())].into_iter().chain(origin()).collect()
    }

    /// Every regular file, sorted by path. Blob ids are computed for what [`inventory::reads`] takes, of at most
    /// [`FILE_LIMIT`]; they are empty for the rest, which nobody reads. `revision` is none: the files may differ
    /// from every commit.
    pub fn read(&self) -> Result<Listing, Problem> {
        let mut out = Listing::default();
        self.walk(&self.root, "", 0, &mut out)?;
        out.tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        out.skipped.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(out)
    }

    fn walk(&self, dir: &Path, prefix: &str, level: usize, out: &mut Listing) -> Result<(), Problem> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if level == 0 => return Err(problem(dir, &error)),
            Err(_) => {
                out.skipped.push(Skipped::directory(prefix, "the directory can't be read"));
                return Ok(());
            }
        };
        for entry in entries {
            let Ok(entry) = entry else {
                out.skipped.push(Skipped::directory(prefix, "the directory can't be read to its end"));
                break;
            };
            let name = entry.file_name();
            if name == ".git" {
                continue;
            }
            let path = format!("{prefix}{}", name.to_string_lossy());
            if let Some(why) = unfit(name.as_encoded_bytes()) {
                let directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
                out.skipped.push(if directory { Skipped::directory(&path, why) } else { Skipped::new(&path, why) });
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => out.skipped.push(Skipped::new(&path, "symlink")),
                Ok(kind) if kind.is_dir() && level >= LEVELS => {
                    out.skipped.push(Skipped::directory(&path, "the directories are nested too deeply"));
                }
                Ok(kind) if kind.is_dir() => self.walk(&entry.path(), &format!("{path}/"), level + 1, out)?,
                Ok(kind) if kind.is_file() => self.list(path, out)?,
                Ok(_) => out.skipped.push(Skipped::new(&path, "neither a file nor a directory")),
                Err(_) => out.skipped.push(Skipped::new(&path, "the file can't be looked at")),
            }
        }
        Ok(())
    }

    fn list(&self, path: String, out: &mut Listing) -> Result<(), Problem> {
        if out.tree.files.len() >= FILES {
            let text = format!("{} holds more than {FILES} files", self.root.display());
            return Err(Problem::new(Reason::SourceTooLarge, text));
        }
        let Ok(meta) = fs::symlink_metadata(self.root.join(&path)) else {
            out.skipped.push(Skipped::new(&path, "the file can't be looked at"));
            return Ok(());
        };
        let mut file = TreeFile { path, blob: BlobId(String::new()), size: meta.len() };
        if inventory::reads(&file.path) {
            if meta.len() > FILE_LIMIT {
                out.skipped.push(Skipped::new(&file.path, "the file is larger than 16 MiB"));
                return Ok(());
            }
            let Ok(content) = self.content(&file.path, FILE_LIMIT) else {
                out.skipped.push(Skipped::new(&file.path, "the file can't be read"));
                return Ok(());
            };
            file.blob = blob_id(&content);
            file.size = content.len() as u64;
        }
        out.tree.files.push(file);
        Ok(())
    }

    /// The content of a file of at most `limit` bytes, by its path from the root.
    pub fn content(&self, path: &str, limit: u64) -> Result<Vec<u8>, Problem> {
        let place = self.regular(path)?;
        let mut content = Vec::new();
        File::open(&place)
            .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut content))
            .map_err(|e| problem(&place, &e))?;
        if content.len() as u64 > limit {
            let text = format!("{} has more than {limit} bytes", place.display());
            return Err(Problem::new(Reason::SourceTooLarge, text));
        }
        Ok(content)
    }

    /// Replaces a file's content in one step: whoever reads sees the old bytes or the new ones, also after a crash.
    /// Keeps mode and, where allowed, owner. Refuses symlinks, and paths that leave the folder.
    pub fn write(&self, path: &str, content: &[u8]) -> Result<(), Problem> {
        let place = self.regular(path)?;
        let dir = place.parent().unwrap_or(&self.root);
        let written = fs::metadata(&place).and_then(|old| {
            let mut new = tempfile::Builder::new().prefix(".davit-").tempfile_in(dir)?;
            new.write_all(content)?;
            adopt(new.path(), &old);
            new.as_file().set_permissions(old.permissions())?;
            new.as_file().sync_all()?;
            new.persist(&place)?;
            File::open(dir)?.sync_all()
        });
        written.map_err(|e| problem(&place, &e))
    }

    /// The place of a regular file on disk; every step to it is a real directory.
    fn regular(&self, path: &str) -> Result<PathBuf, Problem> {
        let refuse =
            |why: &str| Err(Problem::new(Reason::SourceInvalid, format!("{}: {why}", self.root.join(path).display())));
        let mut place = self.root.clone();
        for part in path.split('/') {
            if let Some(why) = unfit(part.as_bytes()) {
                return refuse(why);
            }
            place.push(part);
            let kind = fs::symlink_metadata(&place).map_err(|e| problem(&place, &e))?.file_type();
            if kind.is_symlink() {
                return refuse("a symlink is not followed");
            }
        }
        if place.is_file() { Ok(place) } else { refuse("no regular file") }
    }
}

/// Gives the new file the old one's owner, as far as this user may.
#[cfg(unix)]
fn adopt(new: &Path, old: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, chown};
    let _ = chown(new, Some(old.uid()), Some(old.gid())).or_else(|_| chown(new, None, Some(old.gid())));
}

#[cfg(not(unix))]
fn adopt(_: &Path, _: &fs::Metadata) {}

/// Git's id of a content. Computing it can't fail for a blob; an empty id would only mean "parse it again".
fn blob_id(content: &[u8]) -> BlobId {
    BlobId(git2::Oid::hash_object(git2::ObjectType::Blob, content).map(|oid| oid.to_string()).unwrap_or_default())
}

fn problem(path: &Path, error: &std::io::Error) -> Problem {
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => Reason::SourceNotFound,
        std::io::ErrorKind::PermissionDenied => Reason::SourceUnauthorized,
        _ => Reason::SourceError,
    };
    Problem::new(reason, format!("{}: {error}", path.display()))
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
