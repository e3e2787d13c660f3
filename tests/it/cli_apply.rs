//! `davit apply`: which bytes it writes, which it does not, and what it says.

use crate::person::{Person, helm_repository, oci_repository, release, release_from, release_of_oci, said};
use davit::demo::fault::{Fault, Kind, Moment};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;
use std::time::Duration;

/// Forms of one file with `6.4.0` in force; apply must change these five bytes and nothing else.
fn forms() -> Vec<(&'static str, String)> {
    let plain = release("media", "web", "podinfo", "6.4.0", "");
    let json = r#"{"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "web", "namespace": "media"},
	"spec": {"chart": {"spec": {"chart": "podinfo", "version": "6.4.0", "sourceRef": {"kind": "HelmRepository", "name": "charts", "namespace": "flux-system"}}}}}"#;
    vec![
        ("web.yaml", plain.clone()),
        ("crlf.yaml", plain.replace('\n', "\r\n")),
        ("bom.yaml", format!("\u{feff}{plain}")),
        ("end.yaml", plain.trim_end().to_owned()),
        ("single.yaml", plain.replace("6.4.0", "'6.4.0' # keep: '6'")),
        ("double.yaml", plain.replace("6.4.0", "\"6.4.0\"")),
        ("anchor.yaml", plain.replace("version: 6.4.0", "version: &v 6.4.0") + "  values:\n    tag: 1\n"),
        ("many.yaml", format!("# é\n---\n---\na: [1,   2]\n...\n---\n{plain}---\n# end")),
        ("spaced name.yaml", plain),
        ("web.json", json.to_owned()),
    ]
}

#[test]
fn exactly_the_version_changes_in_every_form() {
    for (file, before) in forms() {
        let person = Person::new();
        person.source();
        person.write(&format!("repo/{file}"), &before);
        let diff = person.davit(&["apply", "repo", "--dry-run"]).expect(0);
        assert_eq!(person.read(&format!("repo/{file}")), before, "{file}: a dry run writes nothing");
        assert_eq!(diff.err, "Would move: media/web.\n", "{file}");
        let said = person.davit(&["apply", "repo"]).expect(0);
        let after = before.replace("6.4.0", "7.0.0");
        assert_eq!(person.read(&format!("repo/{file}")), after, "{file}");
        assert!(said.out.contains("6.4.0 → 7.0.0\n1 file changed.\nMoved: media/web.\n"), "{file}: {said:?}");

        // The diff of the dry run is what Git itself applies.
        person.write(&format!("repo/{file}"), &before);
        let repository = git2::Repository::init(person.repo()).unwrap();
        let patch = git2::Diff::from_buffer(diff.out.as_bytes()).unwrap();
        repository
            .apply(&patch, git2::ApplyLocation::WorkDir, None)
            .unwrap_or_else(|e| panic!("{file}: {e}: {diff:?}"));
        assert_eq!(person.read(&format!("repo/{file}")), after, "{file}: by git");
        let again = person.davit(&["apply", "repo"]).expect(0);
        assert_eq!((again.out.as_str(), again.err.lines().count()), ("", 1), "{file}: {again:?}");
        assert!(again.err.starts_with("Nothing to do"), "{again:?}");
    }
}

#[test]
fn only_moves_what_is_named_and_every_consumer_of_its_site() {
    let person = Person::with_one_release();
    let url = format!("{}/charts/app", person.registry.url());
    person.write("repo/app.yaml", oci_repository("app", "flux-system", &url, "6.4.0"));
    person.write("repo/a.yaml", release_of_oci("a", "media", "app", ""));
    person.write("repo/b.yaml", release_of_oci("b", "tools", "app", ""));
    let said = person.davit(&["apply", "repo", "--only", "a"]).expect(0);
    assert!(said.out.ends_with("1 file changed.\nMoved: media/a, tools/b.\n"), "{said:?}");
    assert!(person.read("repo/app.yaml").contains("tag: 7.0.0"));
    assert!(person.read("repo/web.yaml").contains("6.4.0"), "not named, not moved");
    let several = person.davit(&["apply", "repo", "--only", "tools/b", "--only", "media/web"]).expect(0);
    assert!(several.out.ends_with("Moved: media/web.\n"), "{several:?}");
    let none = person.davit(&["apply", "repo", "--only", "media/wbe"]).expect(1);
    assert!(none.out.is_empty() && none.err.contains("media/web"), "{none:?}");
    assert!(person.davit(&["apply", "repo", "--only", "tools/web"]).expect(1).err.contains("media/web"));
}

#[test]
fn to_goes_where_a_person_says_and_only_there() {
    let person = Person::with_one_release();
    let to = |version: &str| person.davit(&["apply", "repo", "--only", "web", "--to", version]);
    for version in ["6.5.0", "6.4.1", "7.1.0-rc.1", "v6.4.0"] {
        to(version).expect(0);
        let wanted = format!("version: {}\n", version.trim_start_matches('v'));
        assert!(person.read("repo/web.yaml").contains(&wanted), "{version}: as the index writes it");
    }
    let same = to("6.4.0").expect(0);
    assert_eq!(same.err, "Nothing to do: it stands there already.\n");
    let absent = to("9.9.9").expect(1);
    assert!(absent.out.is_empty() && absent.err.contains("9.9.9"), "{absent:?}");
    assert!(person.read("repo/web.yaml").contains("6.4.0"));

    person.write("repo/web.yaml", release("media", "web", "podinfo", "\">=6.0.0\"", "davit.dev/enabled: \"false\""));
    person.davit(&["apply", "repo", "--only", "web", "--to", "6.5.0"]).expect(0);
    assert!(person.read("repo/web.yaml").contains("version: \"6.5.0\"\n"), "a range is pinned in its own quotes");
}

#[test]
fn to_writes_with_a_note_where_the_source_does_not_answer() {
    let person = Person::new();
    person.write("repo/dead.yaml", helm_repository("dead", "http://127.0.0.1:1", ""));
    person.write("repo/web.yaml", release_from("dead", "media", "web", "podinfo", "6.4.0", ""));
    let said = person.davit(&["apply", "repo", "--only", "web", "--to", "6.6.6"]).expect(0);
    assert!(said.err.contains("not checked whether 6.6.6 is there"), "{said:?}");
    assert!(person.read("repo/web.yaml").contains("version: 6.6.6\n"));
    let wrong = person.davit(&["apply", "repo", "--only", "web", "--to", "newest"]).expect(1);
    assert!(wrong.err.contains("newest"), "{wrong:?}");
}

#[test]
fn a_form_that_cannot_be_edited_is_shown_and_the_rest_moves() {
    let person = Person::with_one_release();
    let folded = release("media", "folded", "podinfo", ">-\n        6.4.0", "");
    person.write("repo/folded.yaml", &folded);
    let said = person.davit(&["apply", "repo"]).expect(0);
    assert_eq!(person.read("repo/folded.yaml"), folded);
    assert!(said.out.ends_with("Moved: media/web.\n"), "only what moved is told: {said:?}");
    let row = person.scan().row("media/folded");
    assert_eq!(row["reason"], "not-editable", "{row:#}");
    let only = person.davit(&["apply", "repo", "--only", "folded"]).expect(0);
    assert!(only.err.contains("not-editable"), "{only:?}");
}

#[test]
fn a_symlink_is_neither_read_nor_written_and_modes_stay() {
    let person = Person::with_one_release();
    person.write("outside.yaml", release("media", "outside", "podinfo", "6.4.0", ""));
    symlink("../outside.yaml", person.repo().join("link.yaml")).unwrap();
    let web = person.repo().join("web.yaml");
    std::fs::set_permissions(&web, std::fs::Permissions::from_mode(0o440)).unwrap();
    person.davit(&["apply", "repo"]).expect(0);
    assert!(person.read("outside.yaml").contains("6.4.0"));
    assert!(person.repo().join("link.yaml").is_symlink());
    assert_eq!(std::fs::metadata(&web).unwrap().permissions().mode() & 0o777, 0o440);
    let names: Vec<_> = std::fs::read_dir(person.repo()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "no temporary file stays: {names:?}");
}

#[test]
fn a_url_is_not_edited() {
    let person = Person::new();
    let said = person.davit(&["apply", "https://github.com/acme/fleet.git"]).expect(1);
    assert!(said.err.contains("clone it"), "{said:?}");
}

#[test]
fn a_file_that_changed_while_its_source_was_asked_is_left_as_it_is() {
    let person = Person::with_one_release();
    person.write("repo/other.yaml", release("media", "other", "podinfo", "6.4.0", ""));
    person.write("davit.yaml", "registries: {timeout: 5s}\n");
    // The first question is never answered; the second one, after the timeout, is.
    person.charts.server.faults.add(Fault::new("GET", "index", Moment::Before, Kind::Hang));
    let mut command = person.command();
    let child = command.args(["apply", "repo"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    assert!(person.charts.server.traffic.wait("GET", "index", 1, Duration::from_mins(1)), "it asks");
    let now = release("media", "web", "podinfo", "6.5.0", "");
    person.write("repo/web.yaml", &now);
    let ended = said(child.wait_with_output().unwrap()).expect(0);
    assert_eq!(person.read("repo/web.yaml"), now, "{ended:?}");
    assert!(ended.err.contains("left as it is: web.yaml:11: "), "{ended:?}");
    assert!(person.read("repo/other.yaml").contains("7.0.0"), "the others move: {ended:?}");
    assert!(ended.out.ends_with("1 file changed.\nMoved: media/other.\n"), "{ended:?}");
}
