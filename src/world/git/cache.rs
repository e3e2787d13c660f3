//! The cache directory of one repository: a bare repository that may be thrown away at any time, and a lock that
//! keeps a second process out. What is damaged is deleted; the next fetch is then a fresh clone.

use super::error::Failure;
use sha2::{Digest, Sha256};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// Beyond this many packs a fresh clone is cheaper than looking through them all: libgit2 repacks nothing.
const PACKS: usize = 100;

/// How often, and how long apart, a lock that is held is tried again.
const TRIES: u32 = 25;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// Left in a directory whose objects turned out damaged, so that the next fetch starts afresh, in any process.
const SUSPECT: &str = "davit-damaged";

/// One repository's directory, held for as long as this lives.
pub(super) struct Cache {
    dir: PathBuf,
    _lock: File,
}

impl Cache {
    /// Takes the directory `<root>/<name>-<hash of the URL>`, or says that another process has it.
    pub fn hold(root: &Path, name: &str, url: &str) -> Result<Self, Failure> {
        let dir = root.join(directory_name(name, url));
        let unusable = |detail: String| Failure::Cache { dir: root.to_path_buf(), detail };
        std::fs::create_dir_all(root).map_err(|e| unusable(e.to_string()))?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(dir.with_extension("lock"))
            .map_err(|e| unusable(e.to_string()))?;
        // A program that somebody starts at this moment holds our lock too, from its fork to its exec.
        let mut taken = lock.try_lock();
        for _ in 0..TRIES {
            if !matches!(taken, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(PAUSE);
            taken = lock.try_lock();
        }
        match taken {
            Ok(()) => Ok(Self { dir, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Failure::Locked(dir)),
            Err(TryLockError::Error(e)) => Err(unusable(e.to_string())),
        }
    }

    /// Where the bare repository lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens the bare repository for reading.
    pub fn open(&self) -> Result<git2::Repository, Failure> {
        Ok(git2::Repository::open_bare(&self.dir)?)
    }

    /// Opens the bare repository for a fetch: makes it where it is missing, and makes it anew where it can't be used.
    pub fn ready(&self) -> Result<git2::Repository, Failure> {
        if self.dir.join(SUSPECT).exists() {
            tracing::warn!(directory = %self.dir.display(), "the cached repository is damaged; cloning it again");
            self.wipe()?;
        }
        if self.packs() > PACKS {
            tracing::info!(directory = %self.dir.display(), "the cached repository holds many packs; cloning it again");
            self.wipe()?;
        }
        self.sweep();
        if self.dir.exists() {
            match git2::Repository::open_bare(&self.dir) {
                Ok(repository) => return Ok(repository),
                Err(error) => {
                    let detail = error.message().to_owned();
                    tracing::warn!(directory = %self.dir.display(), detail, "the cached repository can't be opened; cloning it again");
                    self.wipe()?;
                }
            }
        }
        let mut options = git2::RepositoryInitOptions::new();
        options.bare(true).external_template(false);
        Ok(git2::Repository::init_opts(&self.dir, &options)?)
    }

    /// Deletes the repository.
    pub fn wipe(&self) -> Result<(), Failure> {
        let gone = if self.dir.is_dir() { std::fs::remove_dir_all(&self.dir) } else { std::fs::remove_file(&self.dir) };
        match gone {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::Cache { dir: self.dir.clone(), detail: e.to_string() })
            }
            _ => Ok(()),
        }
    }

    /// Remembers on disk that the objects are damaged.
    pub fn suspect(&self) {
        if let Err(error) = std::fs::write(self.dir.join(SUSPECT), "") {
            tracing::warn!(directory = %self.dir.display(), %error, "can't mark the damaged repository");
        }
    }

    fn packs(&self) -> usize {
        let Ok(entries) = std::fs::read_dir(self.dir.join("objects/pack")) else { return 0 };
        entries.flatten().filter(|e| e.path().extension().is_some_and(|x| x == "pack")).count()
    }

    /// Removes what a killed process left: half a pack, and locks that nobody holds (we hold the directory's own).
    fn sweep(&self) {
        for (dir, left) in [("objects/pack", "pack_git2_"), ("", ".lock")] {
            let Ok(entries) = std::fs::read_dir(self.dir.join(dir)) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if entry.path().is_file() && (name.starts_with(left) || (dir.is_empty() && name.ends_with(left))) {
                    let _ = std::fs::remove_file(entry.path());
                }
            }
        }
    }
}

/// `<name, made harmless>-<12 hex digits of SHA-256 of the URL>`.
fn directory_name(name: &str, url: &str) -> String {
    let tame = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let name: String = name.chars().map(tame).take(40).collect();
    let hash = hex::encode(Sha256::digest(url.as_bytes()));
    format!("{name}-{}", &hash[..12])
}

#[cfg(test)]
mod tests {
    use super::{Cache, Failure, directory_name};

    #[test]
    fn a_repository_name_cannot_leave_the_cache_directory() {
        let name = directory_name("../../etc/passwd", "https://h/a");
        assert!(!name.contains('/') && !name.contains('.'), "{name}");
        assert_ne!(directory_name("a", "https://h/a"), directory_name("a", "https://h/b"));
    }

    #[test]
    fn a_second_holder_of_the_same_directory_is_refused_until_the_first_lets_go() {
        let root = tempfile::tempdir().unwrap();
        let first = Cache::hold(root.path(), "fleet", "https://h/a").unwrap();
        assert!(matches!(Cache::hold(root.path(), "fleet", "https://h/a"), Err(Failure::Locked(_))));
        drop(first);
        assert!(Cache::hold(root.path(), "fleet", "https://h/a").is_ok());
    }

    #[test]
    fn what_a_killed_process_left_is_swept_or_replaced() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::hold(root.path(), "fleet", "https://h/a").unwrap();
        drop(cache.ready().unwrap());
        let half = cache.dir().join("objects/pack/pack_git2_abc");
        let lock = cache.dir().join("shallow.lock");
        std::fs::write(&half, "half").unwrap();
        std::fs::write(&lock, "").unwrap();
        drop(cache.ready().unwrap());
        assert!(!half.exists() && !lock.exists());
        std::fs::write(cache.dir().join("HEAD"), "").unwrap();
        std::fs::remove_dir_all(cache.dir().join("objects")).unwrap();
        assert!(cache.open().is_err());
        assert!(cache.ready().is_ok());
        assert!(cache.open().is_ok());
    }
}
