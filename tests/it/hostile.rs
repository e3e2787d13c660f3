//! A repository that means harm, read from Git: each bad file is one line beside the releases, and the good ones are as
//! if nothing were.

use crate::process::Stage;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

/// A document that stands for billions of values with its aliases expanded.
fn bomb() -> String {
    let mut text = String::from("kind: HelmRelease\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let _ = writeln!(text, "a{n}: &a{n} [{}]", vec![format!("*a{}", n - 1); 9].join(", "));
    }
    text
}

/// Puts files beside those of `main`, as blobs of a mode.
fn commit(stage: &Stage, files: &[(&str, &[u8], i32)]) {
    let bare = git2::Repository::open_bare(&stage.neighbours.git).unwrap();
    let parent = bare.find_reference("refs/heads/main").unwrap().peel_to_commit().unwrap();
    let mut root = bare.treebuilder(Some(&parent.tree().unwrap())).unwrap();
    for (name, content, mode) in files {
        root.insert(name, bare.blob(content).unwrap(), *mode).unwrap();
    }
    let tree = bare.find_tree(root.write().unwrap()).unwrap();
    let who = git2::Signature::new("M", "m@example.com", &git2::Time::new(1_700_000_000, 0)).unwrap();
    bare.commit(Some("refs/heads/main"), &who, &who, "harm", &tree, &[&parent]).unwrap();
}

fn scan(stage: &Stage, format: &str) -> String {
    let config = stage.file("davit.yaml", &stage.config);
    let url = format!("file://{}", stage.neighbours.git.display());
    let output = Command::new(env!("CARGO_BIN_EXE_davit"))
        .args(["scan", &url, "--format", format, "--config"])
        .arg(config)
        .env_clear()
        .env("HOME", stage.dir.path())
        .current_dir(stage.dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{err}");
    String::from_utf8(output.stdout).unwrap()
}

/// How many releases there are, and how many are outdated.
fn counted(stage: &Stage) -> (usize, usize) {
    let json: serde_json::Value = serde_json::from_str(&scan(stage, "json")).unwrap();
    let rows = json["releases"].as_array().unwrap();
    (rows.len(), rows.iter().filter(|row| row["status"] == "outdated").count())
}

#[test]
fn a_bomb_a_hundred_megabytes_broken_text_and_links_out_cost_one_line_each() {
    let stage = Stage::new();
    let before = counted(&stage);
    assert!(before.1 > 0);
    let huge = format!("kind: HelmRelease\n{}", "# nothing to see here, go along\n".repeat(100_000_000 / 32));
    commit(
        &stage,
        &[
            ("zz-bomb.yaml", bomb().as_bytes(), 0o100_644),
            ("zz-huge.yaml", huge.as_bytes(), 0o100_644),
            ("zz-text.yaml", b"kind: HelmRelease\nmetadata: {name: \xff\xfe}\n", 0o100_644),
            ("zz-link.yaml", b"/etc/passwd", 0o120_000),
            ("zz-up", b"../../../etc", 0o120_000),
        ],
    );
    assert_eq!(counted(&stage), before, "the good ones are as if nothing were");
    let table = scan(&stage, "table");
    for (name, says) in [
        ("zz-bomb.yaml", "with its aliases expanded"),
        ("zz-huge.yaml", "files over 16 MiB are not read"),
        ("zz-text.yaml", "not valid UTF-8"),
        ("zz-link.yaml", "symlink"),
    ] {
        let lines: Vec<&str> = table.lines().filter(|line| line.contains(name)).collect();
        assert!(matches!(lines.as_slice(), [one] if one.contains(says)), "{name}: {table}");
    }
    assert!(!table.contains("root:"), "{table}");
}
