//! The demo: as a person starts it, and its whole story held against GitHub's own description.

use crate::description::Description;
use davit::demo::story::{Scene, Story};
use std::io::BufRead;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn demo(temp: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_davit"));
    command.args(["demo"]).env("TMPDIR", temp).stdin(Stdio::null());
    command
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn it_tells_its_story_and_leaves_nothing_behind() {
    let temp = tempfile::tempdir().unwrap();
    let output = demo(temp.path()).arg("--once").output().unwrap();
    let (told, errors) = (text(&output), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success(), "{told}\n{errors}");
    assert_eq!(errors, "");
    for landmark in [
        "outdated (major)  media/movies",
        "+ opened #1: chore(deps)!: update chart app-template to 5.1.0",
        "✓ 4 pull requests are open, 1 update waits for its turn",
        "│ -    tag: 4.4.0",
        "│ +    tag: 5.1.0",
        "✓ not one write: no request that changes the forge, no push",
        "casey merges #2",
        "✓ #1 moved in place, same number, same branch",
        "✓ nothing is proposed again until there is a newer version",
        "All is as it should be",
    ] {
        assert!(told.contains(landmark), "{landmark:?} is not told:\n{told}");
    }
    // The sample's GitRepository names the very URL that Davit was given.
    assert!(!told.contains("Assumed"), "{told}");
    let too_wide: Vec<&str> =
        told.lines().filter(|line| line.chars().count() > 80 && !line.contains("directory")).collect();
    assert!(too_wide.is_empty(), "{too_wide:#?}");
    assert!(!told.contains('\u{1b}'), "colours where no terminal is");
    assert!(empty(temp.path()), "files stay");
}

/// No home, no certificates, no configuration that counts, a proxy that is not there; and two at the same time.
#[test]
fn it_needs_nothing_of_the_machine() {
    let temp = tempfile::tempdir().unwrap();
    let children = [0; 2].map(|_| {
        let mut command = demo(temp.path());
        command.arg("--once").env_remove("HOME").env_remove("NO_PROXY").env_remove("no_proxy");
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
            command.env(name, "http://127.0.0.1:9");
        }
        command.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent");
        command.env("DAVIT__MODE", "report").env("DOCKER_CONFIG", "/nonexistent");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}\n{}", text(&output), String::from_utf8_lossy(&output.stderr));
    }
    assert!(empty(temp.path()), "files stay");
}

#[test]
fn a_signal_in_the_middle_ends_it_and_leaves_nothing_behind() {
    let temp = tempfile::tempdir().unwrap();
    for signal in ["INT", "TERM", "HUP"] {
        let mut child = demo(temp.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        // The neighbours stand, and the first look is under way.
        while !line.starts_with("2  ") {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended by itself");
        }
        assert!(!empty(temp.path()), "it works in a directory of its own");
        let kill = Command::new("sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status().unwrap();
        assert!(kill.success());
        std::io::copy(&mut out, &mut std::io::sink()).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{signal}: the story was not told to its end");
        assert!(empty(temp.path()), "{signal}: files stay");
    }
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_begins() {
    let temp = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = demo(temp.path()).args(["--listen", &address]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), text(&output).as_str()), (Some(1), ""), "{errors}");
    assert!(errors.contains(&address) && errors.contains("leave --listen out"), "{errors}");
    assert!(empty(temp.path()), "files stay");
}

#[tokio::test]
async fn its_story_speaks_github_s_language_throughout() {
    let temp = tempfile::tempdir().unwrap();
    davit::world::init::process().unwrap();
    let mut story = Story::start(temp.path()).unwrap();
    let mut checked = 0;
    story.play(&mut |scene| checked += usize::from(matches!(scene, Scene::Checked(_)))).await.unwrap();
    assert_eq!(story.differences, Vec::<String>::new());
    assert!(checked >= 12, "only {checked} claims were checked");
    let exchanges = story.neighbours.forge.server.traffic.exchanges();
    let violations = Description::load().violations(&exchanges);
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}
