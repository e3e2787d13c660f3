//! F3. SQLite: only what cannot be derived again. When a version was first seen, when pull requests were opened (for
//! the limit per hour), and each repository's last report, so that the status page has content right after a start.
//! Never holds secrets, nor anything that the forge or Git can tell.

mod error;
mod handle;
mod migrations;

pub use error::StoreError;
pub use handle::StoreHandle;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long logs are kept.
pub const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);
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

/// A repository's last finished pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassRecord {
    /// Name of the repository.
    pub repository: String,
    /// When it began.
    pub started: Timestamp,
    /// When it was over.
    pub finished: Timestamp,
    /// Its report as JSON.
    pub report: String,
}

/// The open store. One process writes it; calls block for a moment (use [`StoreHandle`] from async code).
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
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
        Self::prepared(connection, path)
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
        let mut store = Self { connection, path: path.to_owned() };
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
        self.run(|connection| {
            let transaction = connection.transaction()?;
            {
                let insert = "INSERT INTO first_seen (source, version, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
                let mut insert = transaction.prepare_cached(insert)?;
                for Seen { source, version } in seen {
                    insert.execute(params![source, version, now.as_millisecond()])?;
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

    /// Writes down a finished pass; only the last one of a repository is kept.
    pub fn record_pass(&mut self, pass: &PassRecord) -> Result<(), StoreError> {
        self.run(|connection| {
            let upsert = "INSERT INTO pass (repository, started, finished, report) VALUES (?1, ?2, ?3, ?4) \
                ON CONFLICT (repository) DO UPDATE SET started = ?2, finished = ?3, report = ?4";
            let (started, finished) = (pass.started.as_millisecond(), pass.finished.as_millisecond());
            connection.prepare_cached(upsert)?.execute(params![pass.repository, started, finished, pass.report])?;
            Ok(())
        })
    }

    /// The last finished pass of a repository.
    pub fn last_pass(&mut self, repository: &str) -> Result<Option<PassRecord>, StoreError> {
        self.run(|connection| {
            let select = "SELECT started, finished, report FROM pass WHERE repository = ?1";
            let record = |row: &rusqlite::Row<'_>| {
                Ok(PassRecord {
                    repository: repository.to_owned(),
                    started: time(row.get(0)?),
                    finished: time(row.get(1)?),
                    report: row.get(2)?,
                })
            };
            connection.prepare_cached(select)?.query_row([repository], record).optional()
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

    /// Forgets what is older than [`RETENTION`], and the reports of repositories that are no longer configured.
    pub fn prune(&mut self, now: Timestamp, repositories: &[String]) -> Result<(), StoreError> {
        let before = now.checked_sub(RETENTION).unwrap_or(Timestamp::MIN).as_millisecond();
        self.run(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute("DELETE FROM opened WHERE at < ?1", [before])?;
            let known: Vec<String> = {
                let mut select = transaction.prepare("SELECT repository FROM pass")?;
                let rows = select.query_map([], |row| row.get(0))?;
                rows.collect::<Result<_, _>>()?
            };
            for gone in known.iter().filter(|name| !repositories.contains(name)) {
                transaction.execute("DELETE FROM pass WHERE repository = ?1", [gone])?;
            }
            transaction.commit()
        })
    }

    fn run<T>(&mut self, call: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        call(&mut self.connection).map_err(|error| StoreError::of(&self.path, error))
    }
}

/// Milliseconds since 1970; a number that is no time (a damaged row) counts as long ago.
fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
