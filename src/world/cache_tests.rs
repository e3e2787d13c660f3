use super::{BlobId, Cache, FILE};
use jiff::Timestamp;
use std::path::Path;

const DAY: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn blob(name: &str) -> BlobId {
    BlobId(name.to_owned())
}

fn put(cache: &Cache, format: u32, name: &str, second: i64) {
    cache.put(format, &[(blob(name), name.as_bytes().to_vec())], at(second));
}

fn has(cache: &Cache, format: u32, name: &str, second: i64) -> bool {
    cache.get(format, &[blob(name)], at(second)).get(&blob(name)).is_some_and(|data| data == name.as_bytes())
}

#[test]
fn results_survive_a_restart_and_belong_to_their_format() {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::open(directory.path());
    assert!(cache.on_disk());
    put(&cache, 1, "a", 0);
    drop(cache);
    let cache = Cache::open(directory.path());
    assert!(has(&cache, 1, "a", 0));
    assert!(!has(&cache, 2, "a", 0));
    assert!(!has(&cache, 1, "b", 0));
}

#[test]
fn an_upgrade_forgets_and_so_does_a_month_without_a_question() {
    let cache = Cache::in_memory();
    for name in ["asked", "unasked"] {
        put(&cache, 2, name, 0);
    }
    put(&cache, 1, "old", 0);
    assert!(has(&cache, 2, "asked", 20 * DAY));
    cache.prune(2, at(31 * DAY));
    assert!(has(&cache, 2, "asked", 31 * DAY));
    assert!(!has(&cache, 2, "unasked", 31 * DAY));
    assert!(!has(&cache, 1, "old", 31 * DAY));
}

#[test]
fn a_file_too_large_loses_its_oldest_half() {
    let cache = Cache::in_memory();
    for index in 0..10 {
        put(&cache, 1, &format!("{index}"), index);
    }
    cache.prune_to(1, at(20), 1);
    let kept: Vec<i64> = (0..10).filter(|index| has(&cache, 1, &format!("{index}"), 20)).collect();
    assert_eq!(kept, [5, 6, 7, 8, 9]);
}

fn spoil(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_file_is_made_anew() {
    for garbage in [b"not a database at all, but long enough to have a header of a hundred bytes ".repeat(20), {
        let mut bytes = b"SQLite format 3\0".to_vec();
        bytes.resize(8192, 0xff);
        bytes
    }] {
        let directory = tempfile::tempdir().unwrap();
        spoil(&directory.path().join(FILE), &garbage);
        let cache = Cache::open(directory.path());
        assert!(cache.on_disk());
        put(&cache, 1, "a", 0);
        assert!(has(&cache, 1, "a", 0));
    }
}

#[test]
fn a_file_of_another_layout_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let other = rusqlite::Connection::open(directory.path().join(FILE)).unwrap();
    other.execute_batch("CREATE TABLE parsed (x); PRAGMA user_version = 7").unwrap();
    drop(other);
    let cache = Cache::open(directory.path());
    put(&cache, 1, "a", 0);
    assert!(has(&cache, 1, "a", 0));
}

#[test]
fn a_table_that_vanishes_under_way_costs_its_content_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::open(directory.path());
    put(&cache, 1, "a", 0);
    let other = rusqlite::Connection::open(directory.path().join(FILE)).unwrap();
    other.execute_batch("DROP TABLE parsed").unwrap();
    drop(other);
    assert!(!has(&cache, 1, "a", 0));
    put(&cache, 1, "b", 0);
    assert!(has(&cache, 1, "b", 0));
}

#[test]
fn a_directory_that_cannot_be_made_leaves_a_cache_in_memory() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let cache = Cache::open(&file.path().join("cache"));
    assert!(!cache.on_disk());
    put(&cache, 1, "a", 0);
    assert!(has(&cache, 1, "a", 0));
}
