//! The schema as a list of steps; `user_version` counts those taken. A step that has shipped never changes.

use super::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Every step from an empty file to the present schema.
pub(super) const STEPS: &[&str] = &["
    CREATE TABLE first_seen (
        source TEXT NOT NULL, version TEXT NOT NULL, at INTEGER NOT NULL, listed INTEGER NOT NULL,
        PRIMARY KEY (source, version)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE alive (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
    CREATE TABLE opened (id INTEGER PRIMARY KEY, repository TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
    CREATE INDEX opened_by_repository ON opened (repository, at);
"];

/// Takes the missing steps in one transaction, so that a crash leaves the old schema whole.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let other = |error| StoreError::of(path, error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(other)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(other)?;
    let Ok(found) = usize::try_from(found) else { return Err(StoreError::Damaged { path: path.to_owned() }) };
    let Some(missing) = STEPS.get(found..) else {
        return Err(StoreError::TooNew { path: path.to_owned(), found, known: STEPS.len() });
    };
    for step in missing {
        transaction.execute_batch(step).map_err(other)?;
    }
    if !missing.is_empty() {
        transaction
            .pragma_update(None, "user_version", i64::try_from(STEPS.len()).unwrap_or(i64::MAX))
            .map_err(other)?;
    }
    transaction.commit().map_err(other)
}
