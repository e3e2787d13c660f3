//! Odd folders, names and wishes: a person gets one sentence that helps, and the right exit code.

use crate::person::{Person, release, said};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

#[test]
fn a_symlink_to_the_folder_is_followed_for_it_is_the_person_who_names_it() {
    let person = Person::with_one_release();
    symlink("repo", person.dir().join("link")).unwrap();
    let found = person.davit(&["scan", "link", "--format", "json"]).expect(0);
    assert_eq!(found.row("media/web")["site"]["file"], "web.yaml");
    person.davit(&["apply", "link"]).expect(0);
    assert!(person.read("repo/web.yaml").contains("7.0.0"));
}

#[test]
fn a_folder_below_a_checkout_is_the_root_of_what_is_read() {
    let person = Person::with_one_release();
    git2::Repository::init(person.dir()).unwrap();
    let found = person.davit(&["scan", "repo", "--format", "json"]).expect(0);
    assert_eq!((&found.row("media/web")["site"]["file"], &found.json()["revision"]), (&"web.yaml".into(), &().into()));
}

#[test]
fn a_name_that_is_no_utf_8_costs_itself_and_is_told() {
    let person = Person::with_one_release();
    let name = OsStr::from_bytes(b"caf\xe9.yaml");
    std::fs::write(person.repo().join(name), release("media", "hidden", "podinfo", "6.4.0", "")).unwrap();
    let found = person.scan();
    assert_eq!(found.row("media/web")["status"], "outdated");
    let told = found.json()["problems"].as_array().unwrap().iter().any(|p| p.to_string().contains("caf"));
    assert!(told, "not passed over in silence: {found:?}");
    let folder = OsStr::from_bytes(b"d\xe9p\xf4t");
    std::fs::create_dir(person.dir().join(folder)).unwrap();
    for command in ["scan", "apply"] {
        let wrong = person.command().arg(command).arg(folder).output().unwrap();
        assert_eq!(wrong.status.code(), Some(64), "{wrong:?}");
        assert_eq!(
            (wrong.stdout.len(), String::from_utf8_lossy(&wrong.stderr).contains("UTF-8")),
            (0, true),
            "{wrong:?}"
        );
    }
}

#[test]
fn a_dirty_checkout_is_edited_as_it_lies_and_nothing_else_of_it_changes() {
    let person = Person::with_one_release();
    git2::Repository::init(person.repo()).unwrap();
    person.write("repo/notes.txt", "not committed\n");
    let before = person.read("repo/web.yaml") + "# half a thought\n";
    person.write("repo/web.yaml", &before);
    person.davit(&["apply", "repo"]).expect(0);
    assert_eq!(person.read("repo/web.yaml"), before.replace("6.4.0", "7.0.0"));
    assert_eq!(person.read("repo/notes.txt"), "not committed\n");
}

#[test]
fn a_name_in_two_namespaces_moves_both_and_says_so() {
    let person = Person::with_one_release();
    person.write("repo/other.yaml", release("tools", "web", "podinfo", "6.4.0", ""));
    let both = person.davit(&["apply", "repo", "--only", "web", "--dry-run"]).expect(0);
    assert_eq!(both.err, "Would move: media/web, tools/web.\n");
    let one = person.davit(&["apply", "repo", "--only", "tools/web"]).expect(0);
    assert!(one.out.ends_with("Moved: tools/web.\n"), "{one:?}");
}

#[test]
fn a_repository_that_cannot_be_cloned_is_one_sentence_and_exit_code_1() {
    let person = Person::new();
    std::fs::create_dir(person.dir().join("empty")).unwrap();
    for url in ["https://127.0.0.1:1/fleet.git", "ssh://git@127.0.0.1:1/fleet", "file:///nowhere/fleet.git", "git@:x"] {
        for args in [&["scan", url][..], &["explain", "web", url]] {
            let told = person.davit(args).expect(1);
            assert_eq!((told.out.as_str(), told.err.lines().count()), ("", 1), "{told:?}");
        }
    }
    assert!(person.davit(&["scan", "empty"]).expect(0).out.contains("No HelmRelease in empty."));
}

#[test]
fn explain_tells_what_to_do_next_in_the_words_of_the_documentation() {
    let person = Person::with_one_release();
    person.write("repo/range.yaml", release("media", "range", "podinfo", "6.x", ""));
    let text = person.davit(&["explain", "range", "repo"]).expect(0).out;
    assert!(text.contains("next       Pin it to the version that the message names.\n"), "{text}");
    let mut command = person.command();
    let coloured = said(command.env("CLICOLOR_FORCE", "1").args(["explain", "range", "repo"]).output().unwrap());
    assert!(coloured.expect(0).out.contains('\u{1b}'));
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn without_a_home_that_can_be_written_a_scan_keeps_what_it_fetches_for_itself_alone() {
    let person = Person::with_one_release();
    person.write("no-directory", "");
    let temporary = person.dir().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let no_home = person.dir().join("no-directory/home");
    let mut command = person.command();
    command.env("HOME", &no_home).env("XDG_CACHE_HOME", &no_home).env("TMPDIR", &temporary);
    let said = crate::person::said(command.args(["scan", "repo", "--format", "json"]).output().unwrap()).expect(0);
    assert!(said.json()["releases"].as_array().unwrap().iter().all(|row| row["status"] != "failed"), "{said:?}");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "nothing is left");
    let mut command = person.command();
    command.env("HOME", &no_home).env("XDG_CACHE_HOME", &no_home).env("TMPDIR", &no_home);
    let said = crate::person::said(command.args(["scan", "repo"]).output().unwrap()).expect(1);
    assert!(said.err.contains("XDG_CACHE_HOME"), "{said:?}");
}

#[test]
fn a_repositorys_own_policy_behind_a_symlink_is_an_error_and_not_nothing() {
    let person = Person::with_one_release();
    person.write("elsewhere/config.yaml", "policy: {bump: patch}\n");
    symlink("../elsewhere", person.repo().join(".davit")).unwrap();
    let refused = person.davit(&["apply", "repo"]).expect(1);
    assert!(refused.err.contains(".davit: symlink"), "{refused:?}");
    assert!(person.read("repo/web.yaml").contains("6.4.0"));
    std::fs::remove_file(person.repo().join(".davit")).unwrap();
    std::fs::create_dir_all(person.repo().join(".davit/config.yaml")).unwrap();
    person.write("repo/.davit/config.yaml/more.yaml", "a: 1\n");
    let refused = person.davit(&["scan", "repo"]).expect(1);
    assert!(refused.err.contains("is a directory, not a regular file"), "{refused:?}");
}
