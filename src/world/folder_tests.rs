//! Folders on a real disk.

use super::{FILE_LIMIT, Folder};
use crate::model::Reason;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let place = dir.path().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
    }
    let folder = Folder::open(dir.path()).unwrap();
    (dir, folder)
}

fn paths(folder: &Folder) -> Vec<String> {
    folder.read().unwrap().tree.files.into_iter().map(|f| f.path).collect()
}

#[test]
fn files_are_listed_as_they_lie_with_the_id_that_git_gives_their_content() {
    let (_dir, folder) = folder(&[("b/x.yaml", "hello\n"), ("a.txt", "t"), (".hidden/y.yml", ""), (".gitignore", "*")]);
    let listing = folder.read().unwrap();
    assert_eq!(listing.tree.revision, None);
    assert_eq!(paths(&folder), [".gitignore", ".hidden/y.yml", "a.txt", "b/x.yaml"]);
    let ids: Vec<&str> = listing.tree.files.iter().map(|f| f.blob.0.as_str()).collect();
    assert_eq!(ids, ["", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", "", "ce013625030ba8dba906f756967f9e9ca394464a"]);
    assert_eq!(listing.tree.files[3].size, 6);
}

#[test]
fn dot_git_is_not_entered_and_symlinks_are_not_followed() {
    let (dir, folder) = folder(&[("a.yaml", "a"), (".git/config.yaml", "x"), ("sub/.git", "gitdir: x")]);
    symlink("a.yaml", dir.path().join("link.yaml")).unwrap();
    symlink("/etc", dir.path().join("etc")).unwrap();
    let listing = folder.read().unwrap();
    assert_eq!(paths(&folder), ["a.yaml"]);
    assert_eq!(listing.skipped.iter().map(|s| s.path.as_str()).collect::<Vec<_>>(), ["etc", "link.yaml"]);
}

#[test]
fn names_that_cannot_be_written_down_are_skipped_and_said_so() {
    use std::os::unix::ffi::OsStrExt;
    let (dir, folder) = folder(&[("a.yaml", "a")]);
    fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"bad\xff.yaml")), "x").unwrap();
    fs::write(dir.path().join("new\nline.yaml"), "x").unwrap();
    let listing = folder.read().unwrap();
    assert_eq!(paths(&folder), ["a.yaml"]);
    assert_eq!(listing.skipped.len(), 2);
    assert!(listing.skipped.iter().all(|s| !s.path.contains('\n')));
}

#[test]
fn a_huge_manifest_is_named_and_never_read() {
    let (dir, folder) = folder(&[("a.yaml", "a")]);
    fs::File::create(dir.path().join("huge.yaml")).unwrap().set_len(FILE_LIMIT + 1).unwrap();
    let listing = folder.read().unwrap();
    assert_eq!(listing.tree.files.len(), 1);
    assert_eq!(listing.skipped[0].path, "huge.yaml");
    assert_eq!(folder.content("huge.yaml", 10).unwrap_err().reason, Reason::SourceTooLarge);
}

#[test]
fn writing_keeps_the_mode_and_leaves_no_other_file() {
    let (dir, folder) = folder(&[("a/x.yaml", "old")]);
    let place = dir.path().join("a/x.yaml");
    fs::set_permissions(&place, fs::Permissions::from_mode(0o640)).unwrap();
    folder.write("a/x.yaml", b"new").unwrap();
    assert_eq!(fs::read(&place).unwrap(), b"new");
    assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(dir.path().join("a")).unwrap().count(), 1);
}

#[test]
fn writing_through_a_symlink_or_out_of_the_folder_is_refused() {
    let (dir, folder) = folder(&[("a.yaml", "a")]);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("x.yaml"), "safe").unwrap();
    symlink(outside.path().join("x.yaml"), dir.path().join("link.yaml")).unwrap();
    symlink(outside.path(), dir.path().join("dir")).unwrap();
    for path in ["link.yaml", "dir/x.yaml", "../x.yaml", "/etc/passwd", "", ".git/config", "missing.yaml", "."] {
        assert!(folder.write(path, b"bad").is_err(), "{path}");
    }
    assert_eq!(fs::read(outside.path().join("x.yaml")).unwrap(), b"safe");
}

#[test]
fn a_path_that_is_missing_or_no_directory_is_a_clear_problem() {
    assert_eq!(Folder::open(Path::new("/nonexistent")).unwrap_err().reason, Reason::SourceNotFound);
    let (dir, _) = folder(&[("a.yaml", "a")]);
    assert!(Folder::open(&dir.path().join("a.yaml")).unwrap_err().message.contains("no directory"));
}
