use super::{Seen, Store, StoreError, StoreHandle, migrations::STEPS};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn seen(source: &str, version: &str) -> Seen {
    Seen { source: source.into(), version: version.into() }
}

fn schema(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut select = connection.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn a_version_keeps_the_time_it_was_first_seen_across_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new/directory/davit.db");
    let mut store = Store::open(&path).unwrap();
    store.note_seen(&[seen("oci://a", "1.0.0"), seen("oci://a", "v1.0.0"), seen("oci://b", "1.0.0")], at(10)).unwrap();
    drop(store);
    let mut store = Store::open(&path).unwrap();
    store.note_seen(&[seen("oci://a", "1.0.0"), seen("oci://a", "2.0.0")], at(20)).unwrap();
    let known = store.first_seen("oci://a").unwrap();
    let expected = [("1.0.0", 10), ("2.0.0", 20), ("v1.0.0", 10)];
    assert_eq!(known, expected.into_iter().map(|(v, s)| (v.to_owned(), at(s))).collect());
}

#[test]
fn a_version_is_forgotten_a_month_after_its_source_listed_it_last_and_not_by_a_month_of_standing_still() {
    const DAY: i64 = 86_400;
    let mut store = Store::in_memory().unwrap();
    store.note_seen(&[seen("a", "kept"), seen("a", "withdrawn")], at(0)).unwrap();
    store.prune(at(90 * DAY)).unwrap();
    assert_eq!(store.first_seen("a").unwrap().len(), 2, "nothing was listed since: Davit did not run");
    store.note_seen(&[seen("a", "kept")], at(29 * DAY)).unwrap();
    store.prune(at(29 * DAY)).unwrap();
    assert_eq!(store.first_seen("a").unwrap().len(), 2);
    store.note_seen(&[seen("a", "kept")], at(31 * DAY)).unwrap();
    store.prune(at(31 * DAY)).unwrap();
    assert_eq!(store.first_seen("a").unwrap(), [("kept".to_owned(), at(0))].into());
}

#[test]
fn the_check_sees_a_store_that_was_deleted_or_replaced_or_is_held_and_one_that_is_well_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("davit.db");
    let mut store = Store::open(&path).unwrap();
    store.check(at(1)).unwrap();
    store.connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(store.check(at(2)), Err(StoreError::Busy { .. })));
    other.execute_batch("COMMIT").unwrap();
    store.check(at(3)).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(store.check(at(4)), Err(StoreError::Gone { .. })));
    std::fs::write(&path, "").unwrap();
    assert!(matches!(store.check(at(5)), Err(StoreError::Gone { .. })));
}

#[test]
fn opened_pull_requests_are_counted_per_repository_and_forgotten_after_a_month() {
    let mut store = Store::in_memory().unwrap();
    for (repository, second) in [("a", 100), ("a", 200), ("b", 150), ("a", 300)] {
        store.opened(repository, at(second)).unwrap();
    }
    assert_eq!(store.opened_since("a", at(100)).unwrap(), [at(200), at(300)]);
    store.prune(at(250 + 30 * 86_400)).unwrap();
    assert_eq!(store.opened_since("a", at(0)).unwrap(), [at(300)]);
}

#[test]
fn every_older_schema_comes_to_the_present_one() {
    let directory = tempfile::tempdir().unwrap();
    let fresh = directory.path().join("fresh.db");
    Store::open(&fresh).unwrap();
    for version in 0..=STEPS.len() {
        let path = directory.path().join(format!("{version}.db"));
        let connection = Connection::open(&path).unwrap();
        for step in &STEPS[..version] {
            connection.execute_batch(step).unwrap();
        }
        connection.pragma_update(None, "user_version", i64::try_from(version).unwrap()).unwrap();
        drop(connection);
        Store::open(&path).unwrap().note_seen(&[seen("a", "1")], at(1)).unwrap();
        assert_eq!(schema(&path), schema(&fresh), "from version {version}");
    }
}

#[test]
fn a_store_of_a_newer_davit_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("davit.db");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 999).unwrap();
    drop(connection);
    let error = Store::open(&path).unwrap_err().to_string();
    assert!(error.contains("schema 999") && error.contains("davit.db"), "{error}");
    assert!(schema(&path).is_empty());
}

#[test]
fn a_full_disk_is_one_clear_error_and_what_was_there_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("davit.db");
    let mut store = Store::open(&path).unwrap();
    store.note_seen(&[seen("a", "before")], at(1)).unwrap();
    let pages: i64 = store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    store.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    let error = store.note_seen(&[seen("a", &"x".repeat(1 << 20))], at(2)).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    assert!(error.to_string().contains("davit.db"));
    assert_eq!(store.first_seen("a").unwrap(), [("before".to_owned(), at(1))].into());
}

#[test]
fn a_store_that_cannot_be_written_is_found_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("davit.db");
    Store::open(&path).unwrap();
    let read_only = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let error = Store::prepared(read_only, &path).unwrap_err();
    assert!(matches!(error, StoreError::NotWritable { .. }), "{error:?}");
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(Store::open(&file.join("davit.db")), Err(StoreError::Directory { .. })));
    assert!(matches!(Store::open(directory.path()), Err(StoreError::NotWritable { .. })));
}

#[test]
fn a_file_that_is_no_store_is_refused_and_not_overwritten() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "my thesis, chapter one. ".repeat(400);
    std::fs::write(file.path(), &text).unwrap();
    assert!(matches!(Store::open(file.path()), Err(StoreError::Damaged { .. })));
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), text);
}

#[tokio::test]
async fn the_handle_serves_many_tasks_at_once() {
    let handle = StoreHandle::new(Store::in_memory().unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for second in 1..=20 {
        let handle = handle.clone();
        tasks.spawn(async move { handle.opened("a".into(), at(second)).await });
    }
    assert!(tasks.join_all().await.into_iter().all(|result| result.is_ok()));
    assert_eq!(handle.opened_since("a".into(), at(0)).await.unwrap().len(), 20);
}
