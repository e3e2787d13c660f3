//! `davit run`: starting, ending and starting again; what stops it and what does not.

use crate::process::{LIMIT, Stage};
use davit::demo::fault::{Fault, Kind, Moment};
use std::time::Duration;

/// Far less than the time limits of a call that is never answered, with its repetitions.
const SOON: Duration = Duration::from_secs(25);

fn hang(method: &str, path: &str) -> Fault {
    Fault::new(method, path, Moment::Before, Kind::Hang).times(100)
}

/// What an undisturbed run leaves on the forge.
fn undisturbed() -> Vec<(String, String, Vec<String>)> {
    let stage = Stage::new();
    let davit = stage.run();
    davit.await_ready();
    davit.stop();
    let pulls = stage.pulls();
    assert!(pulls.len() > 2, "{pulls:?}");
    pulls
}

#[test]
fn sigterm_ends_a_pass_that_waits_for_a_registry_and_the_next_start_goes_on() {
    let mut stage = Stage::new();
    stage.swap("registries:\n", "registries:\n  timeout: 5m\n");
    stage.neighbours.charts.server.fail(hang("GET", "index.yaml$"));
    let davit = stage.run();
    assert!(stage.neighbours.charts.server.traffic.wait("GET", "index.yaml$", 1, LIMIT));
    davit.signal();
    let (status, log) = davit.end(SOON);
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
    assert!(stage.writes().is_empty(), "{:?}", stage.writes());
    stage.neighbours.charts.server.faults.clear();
    let davit = stage.run();
    davit.await_ready();
    davit.stop();
    assert_eq!(stage.pulls(), undisturbed());
}

#[test]
fn sigterm_ends_a_pass_that_waits_for_the_forge() {
    let stage = Stage::new();
    stage.neighbours.forge.server.fail(hang("GET", "/pulls$"));
    let davit = stage.run();
    assert!(stage.neighbours.forge.server.traffic.wait("GET", "/pulls$", 1, LIMIT));
    davit.signal();
    let (status, log) = davit.end(SOON);
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn sigterm_after_any_write_finishes_that_step_and_the_next_start_does_the_rest() {
    let wanted = undisturbed();
    for count in 1..=3 {
        let stage = Stage::new();
        let davit = stage.run();
        let traffic = &stage.neighbours.forge.server.traffic;
        assert!(traffic.wait("POST", "/pulls$|/labels$", count, LIMIT));
        davit.stop();
        for (branch, _, labels) in stage.pulls() {
            assert_eq!(labels, ["davit"], "{branch} was left half done after write {count}");
        }
        let davit = stage.run();
        davit.await_ready();
        davit.stop();
        assert_eq!(stage.pulls(), wanted, "after write {count}");
    }
}

#[test]
fn sigterm_during_a_write_without_an_answer_gives_up_and_the_next_start_adopts_what_was_done() {
    let stage = Stage::new();
    stage.neighbours.forge.server.fail(Fault::hang_after("POST", "/pulls$"));
    let davit = stage.run();
    assert!(stage.neighbours.forge.server.traffic.wait("POST", "/pulls$", 1, LIMIT));
    davit.signal();
    let (status, log) = davit.end(SOON);
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("cut off"), "{log}");
    assert_eq!(stage.pulls().len(), 1);
    let davit = stage.run();
    davit.await_ready();
    davit.stop();
    assert_eq!(stage.pulls(), undisturbed());
}

#[test]
fn a_second_instance_on_the_same_cache_directory_is_refused_with_one_line() {
    let mut stage = Stage::new();
    let first = stage.run();
    first.await_ready();
    stage.swap("davit.db", "other.db");
    let (status, said) = stage.start("run").end(LIMIT);
    assert_eq!(status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("another") && said.contains("cache"), "{said}");
    assert_eq!(first.get("/health").0, 200);
}

#[test]
fn a_store_that_cannot_be_made_is_refused_with_the_remedy() {
    let mut stage = Stage::new();
    stage.file("file", "");
    stage.swap("davit.db", "file/davit.db");
    let (status, said) = stage.start("run").end(LIMIT);
    assert_eq!(status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("set store.path"), "{said}");
}

#[test]
fn a_port_in_use_is_refused_with_the_remedy() {
    let mut stage = Stage::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    stage.swap("127.0.0.1:0", &taken.local_addr().unwrap().to_string());
    let (status, said) = stage.start("run").end(LIMIT);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("server.listen 127.0.0.1:") && said.contains("free the port"), "{said}");
}

#[test]
fn a_broken_repository_and_one_that_hangs_hold_nobody_else() {
    let mut stage = Stage::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/fleet.git", silent.local_addr().unwrap());
    stage.swap(
        "github:\n  apiUrl",
        &format!(
            "- {{url: \"{{dir}}/missing.git\", name: gone, branch: main, forge: none}}\n\
             - {{url: \"{url}\", name: silent, branch: main, forge: none}}\ngithub:\n  apiUrl"
        ),
    );
    stage.swap("git:\n", "git:\n  http: {insecure: true}\n");
    let davit = stage.run();
    davit.wait("the good one's pull requests", || {
        davit.get("/metrics").1.contains("{repository=\"fleet\",result=\"ok\"} 1")
    });
    davit.wait("the broken one's report", || {
        davit.get("/metrics").1.contains("{repository=\"gone\",result=\"failed\"} 1")
    });
    let (status, body) = davit.get("/ready");
    assert_eq!(status, 503, "the silent one's first pass is not over: {body}");
    let api = davit.json("/api/v1/repositories/gone");
    assert!(api["error"]["message"].as_str().unwrap().contains("missing.git"), "{api}");
    davit.signal();
    let (status, log) = davit.end(SOON);
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(stage.pulls().len() > 2);
}

#[test]
fn an_unreachable_repository_does_not_make_the_daemon_unready() {
    let mut stage = Stage::new();
    let gone = "- {url: \"{dir}/missing.git\", name: gone, branch: main, forge: none}\ngithub:\n  apiUrl";
    stage.swap("github:\n  apiUrl", gone);
    let davit = stage.run();
    davit.await_ready();
    assert!(davit.get("/ready").1.contains("missing.git"));
}

#[test]
fn outside_the_schedule_everything_is_read_and_nothing_written() {
    let mut stage = Stage::new();
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let day = now.checked_add(jiff::Span::new().days(3)).unwrap().strftime("%a").to_string().to_lowercase();
    stage.repository(&format!("schedule: [\"{day} 08:00-18:00 UTC\"]"));
    nothing_written(&stage, "outside the schedule");
}

#[test]
fn while_paused_everything_is_read_and_nothing_written() {
    let mut stage = Stage::new();
    stage.add("paused: true\n");
    nothing_written(&stage, "paused");
}

#[test]
fn in_report_mode_everything_is_read_and_nothing_written() {
    let mut stage = Stage::new();
    stage.add("mode: report\n");
    nothing_written(&stage, "mode is report");
}

fn nothing_written(stage: &Stage, why: &str) {
    let davit = stage.run();
    davit.await_ready();
    let api = davit.json("/api/v1/repositories/fleet");
    assert!(api["statuses"]["outdated"].as_u64().unwrap() > 0, "{api}");
    let actions = api["actions"].as_array().unwrap();
    assert!(!actions.is_empty() && actions.iter().all(|a| a["outcome"] == "held"), "{api}");
    assert!(actions.iter().any(|a| a["message"].as_str().unwrap().contains(why)), "{api}");
    assert!(stage.writes().is_empty(), "{:?}", stage.writes());
    let git = git2::Repository::open_bare(&stage.neighbours.git).unwrap();
    let branches: Vec<_> =
        git.branches(None).unwrap().map(|b| b.unwrap().0.name().unwrap().map(str::to_owned)).collect();
    assert_eq!(branches, [Some("main".to_owned())]);
}

#[test]
fn the_interval_of_the_repository_is_kept() {
    let mut stage = Stage::new();
    stage.repository("interval: 1s");
    let davit = stage.run();
    davit.wait("five passes", || stage.looks() >= 5);
    davit.stop();
}

/// Waits for so many passes that failed.
fn failed_passes(davit: &crate::process::Davit, count: usize) {
    let line = |metrics: &str| {
        let found =
            metrics.lines().find_map(|l| l.strip_prefix("davit_passes_total{repository=\"fleet\",result=\"failed\"} "));
        found.and_then(|n| n.parse::<usize>().ok()).unwrap_or(0)
    };
    davit.wait("failed passes", || line(&davit.get("/metrics").1) >= count);
}

#[test]
fn a_rate_limit_is_obeyed_by_every_pass_until_its_end() {
    let mut stage = Stage::new();
    stage.repository("interval: 1s");
    let forge = &stage.neighbours.forge.server;
    forge.fail(Fault::rate_limit("GET", "/pulls$", jiff::Timestamp::now().as_second() + 3600));
    let davit = stage.run();
    failed_passes(&davit, 1);
    let asked = forge.traffic.exchanges().len();
    failed_passes(&davit, 4);
    assert_eq!(forge.traffic.exchanges().len(), asked, "the forge was asked before the limit's end");
    let api = davit.json("/api/v1/repositories/fleet");
    assert!(api["error"]["message"].as_str().unwrap().contains("rate limit is used up until"), "{api}");
    assert!(api["statuses"]["outdated"].as_u64().unwrap() > 0, "the releases are shown all the same: {api}");
    davit.stop();
}

#[test]
fn a_secondary_limit_at_a_write_ends_the_writing_of_that_pass_and_of_the_next() {
    let mut stage = Stage::new();
    stage.repository("interval: 1s");
    let forge = &stage.neighbours.forge.server;
    forge.fail(Fault::secondary_limit("POST", "/pulls$", 3600));
    let davit = stage.run();
    failed_passes(&davit, 3);
    assert_eq!(forge.traffic.count("POST", "/pulls$"), 1);
    assert!(stage.pulls().is_empty());
    davit.stop();
}
