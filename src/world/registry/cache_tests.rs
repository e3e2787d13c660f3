use super::super::prune::{BOUNDS, Bounds, prune};
use super::{LAYOUT, Shelf, Stamp};
use crate::model::Reason;
use jiff::{SignedDuration, Timestamp};
use std::io::Write;
use std::path::{Path, PathBuf};

fn at(days: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * (20_000 + days))
}

/// A shelf with a body of so many bytes, used on that day.
fn shelf(cache: &Path, url: &str, bytes: usize, day: i64) -> Shelf {
    let shelf = Shelf::new(cache, "index", url);
    let mut body = shelf.spool().unwrap();
    body.write_all(&vec![b'x'; bytes]).unwrap();
    shelf.keep(body, &stamp(url, bytes)).unwrap();
    shelf.used(at(day));
    shelf
}

fn stamp(url: &str, bytes: usize) -> Stamp {
    Stamp { hash: super::digest(url.as_bytes()), size: bytes as u64, ..Stamp::default() }
}

fn directories(cache: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(cache.join(LAYOUT).join("index")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_nobody_used_for_a_month_goes_and_what_was_used_stays_with_its_time() {
    let cache = tempfile::tempdir().unwrap();
    let forgotten = shelf(cache.path(), "forgotten", 10, 0);
    let reused = shelf(cache.path(), "reused", 10, 0);
    reused.used(at(20));
    assert_eq!(prune(cache.path(), BOUNDS, at(29)), 0);
    assert_eq!(prune(cache.path(), BOUNDS, at(31)), 1);
    assert_eq!((forgotten.stamp(), reused.stamp()), (None, Some(stamp("reused", 10))));
    assert_eq!(directories(cache.path()).len(), 1, "nothing is left of it");
    // The same place is as good as new.
    shelf(cache.path(), "forgotten", 10, 31);
    assert_eq!(prune(cache.path(), BOUNDS, at(49)), 0);
    assert_eq!(prune(cache.path(), BOUNDS, at(51)), 1);
    assert!(forgotten.stamp().is_some());
}

#[test]
fn too_much_loses_what_was_used_longest_ago_but_nothing_that_a_pass_just_used() {
    let cache = tempfile::tempdir().unwrap();
    let all: Vec<_> = (0..6).map(|n| shelf(cache.path(), &format!("n{n}"), 10_000, n)).collect();
    let count = Bounds { count: 4, ..BOUNDS };
    assert_eq!(prune(cache.path(), count, at(6)), 2);
    assert_eq!(
        all.iter().map(|shelf| shelf.stamp().is_some()).collect::<Vec<_>>(),
        [false, false, true, true, true, true]
    );
    let size = Bounds { size: 25_000, ..BOUNDS };
    assert_eq!(prune(cache.path(), size, at(6)), 2);
    assert_eq!(prune(cache.path(), Bounds { size: 0, ..BOUNDS }, at(5)), 1, "the one of this moment stays");
    assert!(all[5].stamp().is_some());
}

#[test]
fn what_a_killed_process_left_is_swept_and_is_no_use() {
    let cache = tempfile::tempdir().unwrap();
    let busy = shelf(cache.path(), "busy", 10, 0);
    let directory = directories(cache.path())[0].clone();
    let (half, fresh) = (directory.join(".tmpAAAA"), directory.join(".tmpBBBB"));
    std::fs::write(&half, "half").unwrap();
    std::fs::File::options().write(true).open(&half).unwrap().set_modified(at(0).into()).unwrap();
    std::fs::write(&fresh, "being written").unwrap();
    std::fs::File::options().write(true).open(&fresh).unwrap().set_modified(at(2).into()).unwrap();
    busy.used(at(0));
    // A directory whose deletion was cut off.
    let gone = directory.with_file_name("gone-0123");
    std::fs::create_dir(&gone).unwrap();
    std::fs::write(gone.join("body"), "x").unwrap();
    assert_eq!(prune(cache.path(), BOUNDS, at(2)), 0);
    assert_eq!((half.exists(), fresh.exists(), gone.exists()), (false, true, false));
    assert!(busy.stamp().is_some());
    assert_eq!(prune(cache.path(), BOUNDS, at(31)), 1, "sweeping was no use of it");
    assert_eq!(prune(&cache.path().join("none"), BOUNDS, at(31)), 0, "no cache, no work");
}

#[test]
fn a_body_that_a_crash_cut_short_is_no_body() {
    let cache = tempfile::tempdir().unwrap();
    let index = shelf(cache.path(), "index", 10, 0);
    let body = index.body(&index.stamp().unwrap());
    std::fs::File::options().write(true).open(&body).unwrap().set_len(4).unwrap();
    assert_eq!(index.stamp(), None);
    std::fs::remove_file(&body).unwrap();
    assert_eq!(index.stamp(), None);
}

#[test]
fn a_place_that_cannot_be_written_is_named_with_the_remedy() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let problem = Shelf::new(file.path(), "index", "url").spool().unwrap_err();
    assert_eq!(problem.reason, Reason::SourceError);
    let path = file.path().display().to_string();
    assert!(problem.message.contains(&path) && problem.message.contains("git.cacheDir"), "{problem}");
}
