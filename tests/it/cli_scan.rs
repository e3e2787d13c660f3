//! What a person can point `davit scan` at, and what comes back.

use crate::person::{Person, oci_repository, release, release_of_oci, said};
use davit::demo::fault::{Fault, Kind, Moment};
use std::fmt::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};

#[test]
fn a_folder_is_named_in_every_way_people_name_folders() {
    let person = Person::with_one_release();
    std::fs::create_dir(person.repo().join(".git")).unwrap();
    person.write("repo/.git/web.yaml", release("git", "internal", "podinfo", "6.4.0", ""));
    let absolute = person.repo().display().to_string();
    for path in ["repo", "repo/", "./repo", "./repo/../repo", &absolute] {
        let found = person.davit(&["scan", path, "--format", "json"]).expect(0);
        assert_eq!(found.row("media/web")["site"]["file"], "web.yaml", "{path}: relative to PATH");
        assert_eq!(found.json()["releases"].as_array().unwrap().len(), 1, "{path}: nothing of .git is read");
    }
    let here = said(person.command().args(["scan", "--format", "json"]).current_dir(person.repo()).output().unwrap());
    assert_eq!(here.expect(0).row("media/web")["site"]["file"], "web.yaml");
    let above = person.davit(&["scan", ".", "--format", "json"]).expect(0);
    assert_eq!(above.row("media/web")["site"]["file"], "repo/web.yaml");
}

#[test]
fn what_is_no_folder_costs_one_sentence_and_exit_code_1() {
    let person = Person::new();
    person.write("file.yaml", "a: 1\n");
    for path in ["absent", "file.yaml", "/dev/null"] {
        for command in ["scan", "apply"] {
            let said = person.davit(&[command, path]).expect(1);
            assert_eq!((said.out.as_str(), said.err.lines().count()), ("", 1), "{said:?}");
            assert_eq!(said.err.matches(path).count(), 1, "named once: {said:?}");
        }
    }
}

#[test]
fn a_folder_without_releases_says_so_and_is_no_failure() {
    let person = Person::new();
    let said = person.davit(&["scan", "repo"]).expect(0);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("No HelmRelease in repo.\n", ""));
    assert_eq!(person.scan().json()["releases"], serde_json::json!([]));
    assert!(person.davit(&["scan", "repo", "--format", "markdown"]).expect(0).out.contains("0 releases"));
    person.davit(&["scan", "repo", "--exit-code"]).expect(0);
}

#[test]
fn files_that_cannot_be_read_cost_themselves_only() {
    let person = Person::with_one_release();
    symlink(".", person.repo().join("loop")).unwrap();
    symlink("web.yaml", person.repo().join("link.yaml")).unwrap();
    symlink("absent", person.repo().join("dangling.yaml")).unwrap();
    let huge = std::fs::File::create(person.repo().join("huge.yaml")).unwrap();
    huge.set_len(100 << 20).unwrap();
    person.write("repo/latin1.yaml", b"apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nname: caf\xe9\n");
    let template = release("media", "{{ .Values.name }}", "podinfo", "{{ .Values.version }}", "");
    person.write("repo/template.yaml", template.replace("spec:", "{{- if .Values.on }}\nspec:"));
    let mut bomb =
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..30 {
        let below = format!("*a{}", level - 1);
        writeln!(bomb, "a{level}: &a{level} [{}]", [below.as_str(); 10].join(",")).unwrap();
    }
    person.write("repo/bomb.yaml", bomb);
    let said = person.scan();
    assert_eq!(said.row("media/web")["status"], "outdated");
    let problems = said.json()["problems"].as_array().unwrap().clone();
    for file in ["link.yaml", "dangling.yaml", "huge.yaml", "latin1.yaml", "template.yaml", "bomb.yaml"] {
        let told = problems.iter().filter(|p| p["file"] == file).count()
            + said.json()["releases"].as_array().unwrap().iter().filter(|r| r["file"] == file).count();
        assert!(told >= 1, "{file} is not skipped in silence: {problems:#?}");
    }
    assert_eq!(said.err, "");
}

#[test]
fn a_file_that_the_user_may_not_read_is_named() {
    let person = Person::with_one_release();
    person.write("repo/secret.yaml", release("media", "hidden", "podinfo", "6.4.0", ""));
    let path = person.repo().join("secret.yaml");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let said = person.scan();
    // Root reads everything: then the release is there.
    let seen = said.out.contains("\"hidden\"");
    let named = said.json()["problems"].as_array().unwrap().iter().any(|p| p["file"] == "secret.yaml");
    assert!(seen != named, "{said:?}");
}

#[test]
fn hostile_names_reach_neither_terminal_nor_markdown() {
    let person = Person::with_one_release();
    let hostile = "\"a\\e]0;owned\\a\\n| <img src=x> @everyone #1 [x](y) \\u009b31m \\u202e\"";
    person.write("repo/evil.yaml", release("media", hostile, "podinfo", "6.4.0", ""));
    for format in ["table", "markdown", "json"] {
        let said = person.davit(&["scan", "repo", "--format", format]).expect(0);
        for forbidden in ['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}'] {
            assert!(!said.out.contains(forbidden), "{format}: {said:?}");
        }
    }
    let json = person.scan().json();
    let names: Vec<&str> = json["releases"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert!(names.iter().any(|name| name.contains('\u{9b}')), "a reader of JSON gets the name itself: {names:?}");
    let markdown = person.davit(&["scan", "repo", "--format", "markdown"]).out;
    let row = markdown.lines().find(|line| line.contains("everyone")).unwrap();
    for forbidden in [" <img", "@everyone", " #1", " [x]"] {
        assert!(!row.contains(forbidden), "{row}");
    }
    assert_eq!(row.matches('|').count() - row.matches("\\|").count(), 7, "seven bars make six cells: {row}");
}

#[test]
fn the_table_is_one_line_a_release_without_escape_codes_where_nobody_looks() {
    let person = Person::with_one_release();
    person.write("repo/old.yaml", release("media", "old", "podinfo", "7.0.0", ""));
    person.write("repo/lost.yaml", release("media", "lost", "absent", "1.0.0", ""));
    let said = person.davit(&["scan", "repo"]).expect(0);
    assert_eq!(said.err, "");
    assert!(!said.out.contains('\u{1b}'));
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines[0].starts_with("STATUS"), "{}", said.out);
    assert!(lines[1].starts_with("outdated (major)  media/web") && lines[1].ends_with("6.4.0 → 7.0.0  web.yaml:11"));
    assert!(lines[2].contains("media/lost") && lines[2].contains("chart-missing: "), "{}", said.out);
    assert!(lines[3].starts_with("current") && lines[3].ends_with("7.0.0"), "{:?}", lines[3]);
    let summary =
        "\n3 releases: 1 outdated, 1 failed, 1 current.\n1 update would move 1 site; `davit apply` writes them here.\n";
    assert!(said.out.ends_with(summary), "{}", said.out);
}

#[test]
fn a_long_wait_is_one_plain_line_where_no_terminal_is_and_the_result_stays_pure() {
    let person = Person::with_one_release();
    person.write("davit.yaml", "registries: {timeout: 5s}\n");
    person.charts.server.faults.add(Fault::new("GET", "index", Moment::Before, Kind::Hang));
    let output = person.command().args(["scan", "repo", "--format", "json"]).output().unwrap();
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(errors, "Reading repo and asking its chart sources …\n");
    assert_eq!(said(output).expect(0).row("media/web")["status"], "outdated");
}

#[test]
fn what_floats_names_the_version_to_pin_it_to() {
    let person = Person::with_one_release();
    let url = format!("{}/charts/app", person.registry.url());
    let oci = |name: &str, how: &str| {
        let source = oci_repository(name, "flux-system", &url, "X").replace("tag: X", how);
        person.write(&format!("repo/{name}-source.yaml"), source);
        person.write(&format!("repo/{name}.yaml"), release_of_oci(name, "media", name, ""));
    };
    oci("by-range", "semver: 6.4.x");
    oci("by-tag", "tag: latest");
    oci("by-nothing", "{}");
    person.write("repo/range.yaml", release("media", "range", "podinfo", "6.x", ""));
    person.write("repo/none.yaml", release("media", "none", "podinfo", "\"\"", ""));
    person.write("repo/empty.yaml", release("media", "empty", "podinfo", "5.x", ""));
    let said = person.scan();
    for (name, reason, end) in [
        ("range", "floating-range", "; write 6.5.0 to pin it"),
        ("none", "floating-range", "; write 7.0.0 to pin it"),
        ("empty", "floating-range", "; nothing on offer is in it"),
        ("by-range", "floating-semver", "; set spec.ref.tag instead, such as 6.4.1"),
        ("by-tag", "floating-tag", "; set spec.ref.tag to a version, such as 7.0.0"),
        ("by-nothing", "floating-tag", "; set spec.ref.tag to a version, such as 7.0.0"),
    ] {
        let row = said.row(&format!("media/{name}"));
        assert_eq!(row["reason"], reason, "{row:#}");
        assert!(row["message"].as_str().unwrap().ends_with(end), "{row:#}");
    }
}

#[test]
fn a_message_never_repeats_the_place_of_its_row() {
    let person = Person::with_one_release();
    let suspended = release("media", "asleep", "podinfo", "6.4.0", "")
        .replace("spec:\n  interval", "spec:\n  suspend: true\n  interval");
    person.write("repo/asleep.yaml", suspended);
    let marked = release("media", "images", "podinfo", "6.4.0 # {\"$imagepolicy\": \"a:b\"}", "");
    person.write("repo/images.yaml", marked);
    for name in ["asleep", "images"] {
        let row = person.scan().row(&format!("media/{name}"));
        assert!(!row["message"].as_str().unwrap().contains(&format!("{name}.yaml")), "{row:#}");
    }
    let table = person.davit(&["scan", "repo"]).expect(0).out;
    for line in table.lines().filter(|line| line.contains("media/")) {
        assert!(line.matches(".yaml:").count() <= 1, "{line}");
    }
}

#[test]
fn exit_code_2_is_for_outdated_only() {
    let person = Person::with_one_release();
    person.davit(&["scan", "repo"]).expect(0);
    person.davit(&["scan", "repo", "--exit-code"]).expect(2);
    person.davit(&["scan", "repo", "--exit-code", "--format", "json"]).expect(2);
    for held in ["davit.dev/range: 6.4.0", "davit.dev/enabled: \"false\""] {
        person.write("repo/web.yaml", release("media", "web", "podinfo", "6.4.0", held));
        person.davit(&["scan", "repo", "--exit-code"]).expect(0);
    }
    person.write("repo/web.yaml", release("media", "web", "absent", "1.0.0", ""));
    person.davit(&["scan", "repo", "--exit-code"]).expect(0);
}
