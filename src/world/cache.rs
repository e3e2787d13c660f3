//! What parsing gave, remembered by blob id across restarts. Safe to delete at any time: a damaged file is made anew,
//! one that can't be written is replaced by memory, and no failure here ever fails a pass.

use crate::model::BlobId;
use jiff::{SignedDuration, Timestamp};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// File name in the cache directory.
const FILE: &str = "cache.db";
/// Layout of the file; any other one is made anew.
const LAYOUT: i64 = 1;
/// What nobody asked for in this time is forgotten.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How exactly it is known when something was asked for: not every pass writes.
const TOUCH: SignedDuration = SignedDuration::from_hours(24);
/// Size of the file in bytes beyond which the oldest half is forgotten.
const MAX_SIZE: i64 = 512 << 20;

/// Remembered results. Calls block for a moment: use it from a blocking thread.
#[derive(Debug)]
pub struct Cache {
    connection: Mutex<Option<Connection>>,
    /// Nothing for memory.
    path: Option<PathBuf>,
}

impl Cache {
    /// Opens `cache.db` in a directory, which is made where it is missing.
    pub fn open(directory: &Path) -> Self {
        let path = directory.join(FILE);
        match std::fs::create_dir_all(directory).map_err(|e| e.to_string()).and_then(|()| open_or_renew(&path)) {
            Ok(connection) => Self { connection: Mutex::new(Some(connection)), path: Some(path) },
            Err(error) => {
                tracing::warn!(path = %path.display(), error, "the cache can't be used; results are kept in memory only");
                Self::in_memory()
            }
        }
    }

    /// A cache that is gone with the process.
    pub fn in_memory() -> Self {
        let connection = Connection::open_in_memory().and_then(prepared).ok();
        Self { connection: Mutex::new(connection), path: None }
    }

    /// Whether results survive the process.
    pub fn on_disk(&self) -> bool {
        self.path.is_some()
    }

    /// The remembered results of those blobs that are known. `format` is the version of the code that made them.
    pub fn get(&self, format: u32, blobs: &[BlobId], now: Timestamp) -> HashMap<BlobId, Vec<u8>> {
        self.run(|connection| read(connection, format, blobs, now)).unwrap_or_default()
    }

    /// Remembers results, all in one transaction.
    pub fn put(&self, format: u32, results: &[(BlobId, Vec<u8>)], now: Timestamp) {
        if results.is_empty() {
            return;
        }
        self.run(|connection| {
            let transaction = connection.transaction()?;
            {
                let insert = "INSERT OR REPLACE INTO parsed (blob, format, touched, data) VALUES (?1, ?2, ?3, ?4)";
                let mut insert = transaction.prepare_cached(insert)?;
                for (blob, data) in results {
                    insert.execute(params![blob.0, format, now.as_second(), data])?;
                }
            }
            transaction.commit()
        });
    }

    /// Forgets results of other formats, those that nobody asked for in 30 days, and the oldest of a file too large.
    pub fn prune(&self, format: u32, now: Timestamp) {
        self.prune_to(format, now, MAX_SIZE);
    }

    fn prune_to(&self, format: u32, now: Timestamp, max_size: i64) {
        let before = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN).as_second();
        self.run(|connection| {
            connection.execute("DELETE FROM parsed WHERE format <> ?1 OR touched < ?2", params![format, before])?;
            if size(connection)? > max_size {
                let half = "DELETE FROM parsed WHERE id IN (SELECT id FROM parsed ORDER BY touched, id \
                    LIMIT (SELECT (count(*) + 1) / 2 FROM parsed))";
                connection.execute(half, [])?;
            }
            connection.execute_batch("PRAGMA incremental_vacuum")
        });
    }

    /// Runs a call; a failure is a warning, and a damaged file is made anew.
    fn run<T>(&self, call: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Option<T> {
        let mut guard = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let error = match call(guard.as_mut()?) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        tracing::warn!(path = ?self.path, %error, "the cache failed; going on without it");
        if let Some(path) = self.path.as_ref().filter(|_| is_damage(&error)) {
            *guard = None;
            *guard = renew(path).ok();
        }
        None
    }
}

fn read(
    connection: &mut Connection,
    format: u32,
    blobs: &[BlobId],
    now: Timestamp,
) -> rusqlite::Result<HashMap<BlobId, Vec<u8>>> {
    let stale = now.checked_sub(TOUCH).unwrap_or(Timestamp::MIN).as_second();
    let mut found = HashMap::with_capacity(blobs.len());
    let mut untouched = Vec::new();
    let transaction = connection.transaction()?;
    {
        let select = "SELECT data, touched, id FROM parsed WHERE blob = ?1 AND format = ?2";
        let mut select = transaction.prepare_cached(select)?;
        for blob in blobs {
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
            if let Some((data, touched, id)) = select.query_row(params![blob.0, format], row).optional()? {
                found.insert(blob.clone(), data);
                if touched < stale {
                    untouched.push(id);
                }
            }
        }
    }
    if !untouched.is_empty() {
        let mut update = transaction.prepare_cached("UPDATE parsed SET touched = ?1 WHERE id = ?2")?;
        for id in untouched {
            update.execute(params![now.as_second(), id])?;
        }
    }
    transaction.commit()?;
    Ok(found)
}

fn size(connection: &Connection) -> rusqlite::Result<i64> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((pragma("page_count")? - pragma("freelist_count")?) * pragma("page_size")?)
}

fn open_or_renew(path: &Path) -> Result<Connection, String> {
    match Connection::open(path).and_then(prepared) {
        Ok(connection) => Ok(connection),
        Err(error) if is_damage(&error) => {
            tracing::warn!(path = %path.display(), %error, "the cache is damaged; it is made anew");
            renew(path).map_err(|e| e.to_string())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Deletes the file with its journal and makes an empty one.
fn renew(path: &Path) -> rusqlite::Result<Connection> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        // What can't be deleted shows when the file is opened.
        let _ = std::fs::remove_file(PathBuf::from(name));
    }
    Connection::open(path).and_then(prepared)
}

fn prepared(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(Duration::from_secs(2))?;
    let layout: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // What is made here can be made again: nobody waits for the disk.
    connection.pragma_update(None, "synchronous", "OFF")?;
    if layout == 0 {
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    if layout != LAYOUT {
        connection.execute_batch(
            "BEGIN IMMEDIATE; DROP TABLE IF EXISTS parsed; CREATE TABLE parsed (id INTEGER PRIMARY KEY, \
             blob TEXT NOT NULL, format INTEGER NOT NULL, touched INTEGER NOT NULL, data BLOB NOT NULL, \
             UNIQUE (blob, format)) STRICT; PRAGMA user_version = 1; COMMIT",
        )?;
    }
    // Closing leaves the log for the next opening: a command that ends waits for no disk.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // A lost transaction costs one parse; WAL keeps the file whole.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.query_row("SELECT count(*) FROM (SELECT 1 FROM parsed LIMIT 1)", [], |_| Ok(()))?;
    Ok(connection)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || error.to_string().contains("no such table")
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
