//! What Davit says when it is asked wrongly, asked for help, or not listened to; `check` and `explain`.

use crate::person::{Person, helm_repository, release, release_from, said};
use serde_json::json;
use std::io::Read;
use std::process::Stdio;

#[test]
fn wrong_usage_is_64_and_help_is_not_a_failure() {
    let person = Person::new();
    for args in [
        &["--bogus"][..],
        &["scan", "--bogus"],
        &["scan", "--format"],
        &["scan", "--format", "xml"],
        &["scan", "a", "b"],
        &["apply", "--to", "1.2.3"],
        &["explain"],
        &["frobnicate"],
        &["scan", "--config"],
        &[],
    ] {
        let said = person.davit(args).expect(64);
        assert!(said.out.is_empty() && said.err.contains("--help") || args.is_empty(), "{args:?}: {said:?}");
    }
    for args in [&["--help"][..], &["-h"], &["help"], &["scan", "--help"], &["help", "apply"]] {
        let said = person.davit(args).expect(0);
        assert!(said.err.is_empty() && said.out.contains("Usage: davit"), "{args:?}: {said:?}");
    }
    for args in [&["--version"][..], &["-V"], &["scan", "--version"]] {
        assert!(person.davit(args).expect(0).out.trim_end().ends_with(env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure_and_a_full_disk_is_one() {
    let person = Person::with_one_release();
    for index in 0..400 {
        person.write(&format!("repo/{index}.yaml"), release("many", &format!("r{index}"), "podinfo", "6.4.0", ""));
    }
    let mut child = person
        .command()
        .args(["scan", "repo", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 1];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ended = said(child.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let full = said(person.command().args(["scan", "repo"]).stdout(full).output().unwrap());
    assert_eq!(full.code, 1);
    assert!(full.err.contains("can't be written"), "{full:?}");
}

#[test]
fn every_problem_of_the_configuration_is_said_at_once_with_its_place() {
    let person = Person::with_one_release();
    person.write(
        "davit.yaml",
        "colour: red\npolicy:\n  bump: huge\n  range: \"&&\"\n  rules:\n    - {match: {names: [x]}, minimumAge: soon}\nregistries:\n  timeout: 5\n",
    );
    for args in [&["check"][..], &["scan", "repo"], &["apply", "repo"], &["explain", "web", "repo"]] {
        let said = person.davit(args).expect(78);
        assert!(said.out.is_empty());
        for place in ["davit.yaml:1:1: colour", "davit.yaml:3:9: policy.bump", "davit.yaml:4:11: policy.range"] {
            assert!(said.err.contains(place), "{place}: {}", said.err);
        }
        for place in ["davit.yaml:6:", "davit.yaml:8:12: registries.timeout"] {
            assert!(said.err.contains(place), "{place}: {}", said.err);
        }
    }
    assert_eq!(person.davit(&["check", "--config", "absent.yaml"]).expect(78).err.matches("absent.yaml").count(), 1);
    person.davit(&["scan", "repo", "--config", "absent.yaml"]).expect(78);
    person.write("davit.yaml", "policy: [\n");
    assert!(person.davit(&["check"]).expect(78).err.contains("davit.yaml:"));
}

#[test]
fn the_environment_configures_and_is_checked_too() {
    let person = Person::with_one_release();
    let scan = |value: &str| {
        let mut command = person.command();
        said(command.env("DAVIT__POLICY__BUMP", value).args(["scan", "repo", "--format", "json"]).output().unwrap())
    };
    assert_eq!(scan("minor").expect(0).row("media/web")["target"], "6.5.0");
    let wrong = scan("gigantic").expect(78);
    assert!(wrong.err.contains("DAVIT__POLICY__BUMP"), "{wrong:?}");
}

#[test]
fn check_tells_which_file_it_found_valid() {
    let person = Person::new();
    let none = person.davit(&["check"]).expect(0);
    assert!(none.out.contains("no davit.yaml here"), "{none:?}");
    person.write("davit.yaml", include_str!("../../docs/davit.sample.yaml"));
    assert_eq!(person.davit(&["check"]).expect(0).out, "davit.yaml is valid: 0 repositories.\n");
    person.write("other.yaml", "repositories: [{url: /srv/fleet, forge: none}]\n");
    assert_eq!(person.davit(&["check", "-c", "other.yaml"]).expect(0).out, "other.yaml is valid: 1 repository.\n");
}

#[test]
fn the_schema_is_json() {
    let person = Person::new();
    assert_eq!(person.davit(&["schema", "config"]).expect(0).json()["type"], "object");
}

#[test]
fn explain_tells_how_a_release_resolves_and_what_was_dropped() {
    let person = Person::with_one_release();
    person.write("davit.yaml", "policy: {bump: minor, ignore: [6.5.0]}\n");
    let text = person.davit(&["explain", "media/web", "repo"]).expect(0).out;
    for part in [
        "media/web (web.yaml:2)",
        "HelmRepository flux-system/charts: http://",
        "6.4.0, at web.yaml:11:16 (spec.chart.spec.version)",
        "steps up to minor; ignoring 6.5.0",
        "target     6.4.1 (patch step)",
        "7.0.0: held-by-bump",
        "6.5.0: held-by-ignore",
        "7.1.0-rc.1: prerelease",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = person.davit(&["explain", "web", "repo", "--format", "json"]).expect(0).json();
    let row = &json["releases"][0];
    assert_eq!((&row["target"], &row["policy"]["bump"]), (&json!("6.4.1"), &json!("minor")));
    assert_eq!(row["policy"]["ignore"], json!(["6.5.0"]));
    assert!(
        row["dropped"].as_array().unwrap().iter().any(|d| d["version"] == "7.0.0" && d["reason"] == "held-by-bump")
    );
}

#[test]
fn explain_has_a_word_for_every_status_and_shows_all_of_one_name() {
    let person = Person::with_one_release();
    person.write("repo/dead.yaml", helm_repository("dead", "http://127.0.0.1:1/", ""));
    for (name, text, status) in [
        ("current", release("media", "current", "podinfo", "7.0.0", ""), "current, up-to-date"),
        ("floating", release("media", "floating", "podinfo", "\"*\"", ""), "floating, floating-range"),
        (
            "skipped",
            release("media", "skipped", "podinfo", "6.4.0", "davit.dev/enabled: \"false\""),
            "skipped, disabled",
        ),
        ("lost", release_from("none", "media", "lost", "podinfo", "1.0.0", ""), "unresolved, source-missing"),
        ("failed", release_from("dead", "media", "failed", "podinfo", "1.0.0", ""), "failed, source-unreachable"),
        ("web2", release("other", "web", "podinfo", "6.4.1", ""), "outdated, newer-version"),
    ] {
        person.write(&format!("repo/{name}.yaml"), text);
        let asked = if name == "web2" { "other/web" } else { name };
        let said = person.davit(&["explain", asked, "repo"]).expect(0);
        assert!(said.out.contains(&format!("verdict    {status}")), "{said:?}");
    }
    let both = person.davit(&["explain", "web", "repo"]).expect(0).out;
    assert!(both.contains("media/web") && both.contains("other/web"), "{both}");
    let unknown = person.davit(&["explain", "media/wbe", "repo"]).expect(1);
    assert!(unknown.out.is_empty() && unknown.err.contains("media/wbe") && unknown.err.contains("media/web"));
}

#[test]
fn colours_come_when_asked_for_and_never_against_no_color() {
    let person = Person::with_one_release();
    let scan = |forced: &str, none: &str| {
        let mut command = person.command();
        let command = command.env("CLICOLOR_FORCE", forced).env("NO_COLOR", none).args(["scan", "repo"]);
        said(command.output().unwrap()).expect(0).out.contains('\u{1b}')
    };
    assert!(scan("1", ""));
    assert!(!scan("1", "1"));
}
