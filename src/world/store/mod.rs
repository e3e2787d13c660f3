//! F3. SQLite: only what cannot be derived again. When a version was first seen, and when pull requests were opened
//! (for the limit per hour). Never holds secrets, nor anything that the forge or Git can tell.

mod error;
mod handle;
mod migrations;

pub use error::StoreError;
pub use handle::StoreHandle;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an opening is kept, and a version that its source no longer lists.
pub const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How exactly it is known when a version was listed last: not every pass writes.
const LISTED: SignedDuration = SignedDuration::from_hours(24);
/// How long a call waits for another process's transaction.
const BUSY: Duration = Duration::from_secs(5);

/// A version of a chart source: its canonical URL, and the version's text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seen {
    /// `Lookup::canonical`.
    pub source: String,
    /// Version or tag, byte for byte.
    pub version: String,
}

/// The open store. One process writes it; calls block for a moment (use [`StoreHandle`] from async code).
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    /// The file that was opened (device and inode); nothing for memory.
    file: Option<(u64, u64)>,
}

impl Store {
    /// Opens or makes the file (its directory too), and brings it to the present schema.
    ///
    /// # Errors
    /// The file can't be made or written, is not a store, or comes from a newer Davit.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory)
                .map_err(|error| StoreError::Directory { path: directory.to_owned(), error })?;
        }
        let connection = Connection::open(path).map_err(|error| StoreError::of(path, error))?;
        let mut store = Self::prepared(connection, path)?;
        store.file = identity(path);
        Ok(store)
    }

    /// A store that is gone with the process, for tests and the demo.
    pub fn in_memory() -> Result<Self, StoreError> {
        let path = Path::new(":memory:");
        let connection = Connection::open_in_memory().map_err(|error| StoreError::of(path, error))?;
        Self::prepared(connection, path)
    }

    fn prepared(connection: Connection, path: &Path) -> Result<Self, StoreError> {
        // SQLite opens a file it can't write without a word, and BEGIN IMMEDIATE does not mind either.
        if connection.is_readonly("main").map_err(|error| StoreError::of(path, error))? {
            return Err(StoreError::NotWritable { path: path.to_owned() });
        }
        let mut store = Self { connection, path: path.to_owned(), file: None };
        let set_up = |connection: &Connection| {
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", "ON")
        };
        store.run(|connection| set_up(connection))?;
        migrations::migrate(&mut store.connection, path)?;
        Ok(store)
    }

    /// Remembers when versions were first seen; those that are known keep their time.
    pub fn note_seen(&mut self, seen: &[Seen], now: Timestamp) -> Result<(), StoreError> {
        let stale = now.checked_sub(LISTED).unwrap_or(Timestamp::MIN).as_millisecond();
        self.run(|connection| {
            let transaction = connection.transaction()?;
            {
                let upsert = "INSERT INTO first_seen (source, version, at, listed) VALUES (?1, ?2, ?3, ?3) \
                    ON CONFLICT DO UPDATE SET listed = ?3 WHERE listed < ?4";
                let mut upsert = transaction.prepare_cached(upsert)?;
                for Seen { source, version } in seen {
                    upsert.execute(params![source, version, now.as_millisecond(), stale])?;
                }
            }
            transaction.commit()
        })
    }

    /// When each known version of a source was first seen.
    pub fn first_seen(&mut self, source: &str) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        self.run(|connection| {
            let mut select = connection.prepare_cached("SELECT version, at FROM first_seen WHERE source = ?1")?;
            let rows = select.query_map([source], |row| Ok((row.get::<_, String>(0)?, time(row.get(1)?))))?;
            rows.collect()
        })
    }

    /// Logs that a pull request was opened.
    pub fn opened(&mut self, repository: &str, at: Timestamp) -> Result<(), StoreError> {
        self.run(|connection| {
            let insert = "INSERT INTO opened (repository, at) VALUES (?1, ?2)";
            connection.prepare_cached(insert)?.execute(params![repository, at.as_millisecond()])?;
            Ok(())
        })
    }

    /// When pull requests were opened in a repository after `since`, oldest first.
    pub fn opened_since(&mut self, repository: &str, since: Timestamp) -> Result<Vec<Timestamp>, StoreError> {
        self.run(|connection| {
            let select = "SELECT at FROM opened WHERE repository = ?1 AND at > ?2 ORDER BY at";
            let mut select = connection.prepare_cached(select)?;
            let rows = select.query_map(params![repository, since.as_millisecond()], |row| Ok(time(row.get(0)?)))?;
            rows.collect()
        })
    }

    /// Forgets openings older than [`RETENTION`], and versions that their source has not listed for so long. Time in
    /// which Davit did not run does not count for these: a version's age must survive a long holiday.
    pub fn prune(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let before = now.checked_sub(RETENTION).unwrap_or(Timestamp::MIN).as_millisecond();
        let kept = i64::try_from(RETENTION.as_millis()).unwrap_or(i64::MAX);
        self.run(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute("DELETE FROM opened WHERE at < ?1", [before])?;
            let unlisted = "DELETE FROM first_seen WHERE listed < (SELECT max(listed) FROM first_seen) - ?1";
            transaction.execute(unlisted, [kept])?;
            transaction.commit()
        })
    }

    /// Writes one row, to know that writing still goes.
    ///
    /// # Errors
    /// The file can't be written, or is not the one that was opened (deleted, or another one put in its place).
    pub fn check(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.file.is_some() && self.file != identity(&self.path) {
            return Err(StoreError::Gone { path: self.path.clone() });
        }
        self.run(|connection| {
            let upsert = "INSERT INTO alive (id, at) VALUES (1, ?1) ON CONFLICT DO UPDATE SET at = ?1";
            connection.prepare_cached(upsert)?.execute([now.as_millisecond()])?;
            Ok(())
        })
    }

    fn run<T>(&mut self, call: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        call(&mut self.connection).map_err(|error| StoreError::of(&self.path, error))
    }
}

/// Device and inode of a file.
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Milliseconds since 1970; a number that is no time (a damaged row) counts as long ago.
fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
