//! What holds `davit once` back, and what goes wrong around it: limits, pauses, windows, failures of one part.

use crate::stage::{Stage, TOKEN};
use davit::demo::chart::chart;
use davit::demo::fault::Fault;

fn open(stage: &Stage) -> usize {
    stage.pulls().iter().filter(|pull| pull.open).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_put_the_rest_off_and_a_merge_makes_room() {
    let mut stage = Stage::new().await;
    stage.settings.insert("limits", "{openPullRequests: 2, perHour: 3}".into());
    let run = stage.good().await;
    assert_eq!(open(&stage), 2);
    assert_eq!(run.out.matches("as many are open as limits.openPullRequests allows").count(), 2, "{}", run.out);
    stage.silent().await;
    let first = stage.pulls()[0].number;
    stage.casey().merge(first).unwrap();
    stage.good().await;
    assert_eq!((open(&stage), stage.pulls().len()), (2, 3));
    let second = stage.pulls()[1].number;
    stage.casey().merge(second).unwrap();
    let run = stage.good().await;
    assert_eq!(stage.pulls().len(), 3);
    assert!(run.out.contains("as many were opened within the hour as limits.perHour allows"), "{}", run.out);
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn report_mode_a_pause_and_a_closed_window_write_nothing() {
    let mut stage = Stage::new().await;
    let hour = |shift: i64| {
        let then = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(shift);
        then.strftime("%H:00").to_string()
    };
    for (key, value, words) in [("mode", "report", "mode is report"), ("paused", "true", "paused")] {
        stage.settings.insert(key, value.into());
        let run = stage.silent().await;
        assert_eq!(run.out.matches(&format!("waits: {words}")).count(), 4, "{}", run.out);
        stage.settings.remove(key);
    }
    stage.entry = format!(", schedule: [\"mon-sun {}-{} UTC\"]", hour(6), hour(12));
    let run = stage.silent().await;
    assert_eq!(run.out.matches("waits: outside the schedule").count(), 4, "{}", run.out);
    stage.entry = String::new();
    stage.good().await;
    // What would be closed and deleted waits as well.
    stage.rewrite("apps/web.yaml", "6.5.0", "6.7.1");
    stage.settings.insert("paused", "true".into());
    let run = stage.silent().await;
    assert!(run.out.contains("close waits: paused"), "{}", run.out);
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_closed_for_a_source_that_fails_or_a_document_that_is_broken() {
    let stage = Stage::new().await;
    stage.good().await;
    stage.charts.server.fail(Fault::status("GET", "index", 404).times(100));
    let run = stage.silent().await;
    assert!(run.out.contains("nothing is closed on a guess"), "{}", run.out);
    stage.charts.server.faults.clear();
    // So many unusable versions that nobody looked as far down as the proposed one.
    for number in 0..70 {
        stage.charts.add(chart("web", &format!("6.99.{number}")).called("other"));
    }
    let run = stage.silent().await;
    assert!(run.out.contains("nothing is closed on a guess"), "{}", run.out);
    assert_eq!(open(&stage), 4);
    for number in 0..70 {
        stage.charts.remove("web", &format!("6.99.{number}"));
    }
    let (web, sources) = (stage.file("main", "apps/web.yaml"), stage.file("main", "sources.yaml"));
    for (path, text) in [("apps/web.yaml", &web), ("sources.yaml", &sources)] {
        stage.casey().push("main", "oops", &[(path, Some(&format!("{text}\nbroken: [\n")))]).unwrap();
        stage.silent().await;
        assert_eq!(open(&stage), 4, "{path}");
        stage.casey().push("main", "mended", &[(path, Some(text))]).unwrap();
    }
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_revoked_in_the_middle_and_a_forge_that_is_down_leave_one_clear_error() {
    let stage = Stage::new().await;
    for (method, path) in [("POST", "/pulls$"), ("POST", "/labels$"), ("PATCH", "/pulls/")] {
        stage.forge.server.fail(Fault::status(method, path, 401).after(1).times(100));
    }
    let run = stage.once().await;
    assert_eq!(run.code, Some(1), "{}", run.out);
    assert!(
        run.out.contains("✓ davit/app-template") && run.out.matches("refused the credentials").count() == 3,
        "{}",
        run.out
    );
    stage.forge.server.faults.clear();
    stage.forge.revoke_token(TOKEN);
    let run = stage.once().await;
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("fleet: 8 releases, 4 updates"), "{}", run.out);
    assert!(run.out.contains("refused the credentials") && !run.out.contains(TOKEN), "{}", run.out);
    stage.forge.server.fail(Fault::status("", "", 502).times(1000));
    let run = stage.once().await;
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("fleet: 8 releases, 4 updates") && run.out.contains("status 502"), "{}", run.out);
    stage.forge.server.faults.clear();
    stage.forge.add_token(TOKEN, "davit");
    stage.good().await;
    assert_eq!((open(&stage), stage.pulls().len()), (4, 4));
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_that_are_refused_are_named_with_their_pull_request_and_set_later() {
    let stage = Stage::new().await;
    stage.forge.server.fail(Fault::status("POST", "/issues/1/labels$", 403));
    let run = stage.once().await;
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("✗ davit/app-template-b89b57-5.x  opened #1, but"), "{}", run.out);
    assert_eq!(open(&stage), 4);
    stage.good().await;
    assert_eq!(stage.pull("davit/app-template").labels, ["charts", "davit"]);
    assert_eq!(stage.pulls().len(), 4);
    stage.silent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reviewers_that_the_credentials_may_not_ask_are_named_once_and_not_asked_again() {
    let mut stage = Stage::new().await;
    stage.settings.insert("pullRequests", "{reviewers: [casey]}".into());
    stage.forge.server.fail(Fault::status("POST", "/requested_reviewers$", 403).times(1000));
    let run = stage.good().await;
    assert!(run.out.contains("reviewers were refused"), "{}", run.out);
    assert_eq!(open(&stage), 4);
    stage.silent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_a_rule_rejects_costs_that_pull_request_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = Stage::new().await;
    let hook = stage.bare.path().join("hooks/update");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let script = "#!/bin/sh\ncase $1 in refs/heads/davit/cache-*) echo 'GH013: rule violations' >&2; exit 1;; esac\n";
    std::fs::write(&hook, script).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = stage.once().await;
    assert_eq!((run.code, open(&stage)), (Some(1), 3), "{}", run.out);
    let failed: Vec<&str> = run.out.lines().filter(|line| line.contains('✗')).collect();
    assert!(matches!(failed.as_slice(), [one] if one.contains("davit/cache") && one.contains("GH013")), "{failed:?}");
    std::fs::remove_file(&hook).unwrap();
    stage.good().await;
    assert_eq!(open(&stage), 4);
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_that_is_force_pushed_rebuilds_what_stood_on_it() {
    let stage = Stage::new().await;
    let before = stage.tip("main").id().to_string();
    stage.casey().push("main", "feat: too soon", &[("README.md", Some("# soon\n"))]).unwrap();
    stage.good().await;
    stage.casey().force("main", &before).unwrap();
    stage.good().await;
    for branch in stage.branches() {
        assert_eq!(stage.tip(&branch).parent_id(0).unwrap().to_string(), before, "{branch}");
    }
    assert_eq!((open(&stage), stage.pulls().len()), (4, 4));
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_neighbour_holds_nothing_up_and_shows_in_the_exit_code() {
    let mut stage = Stage::new().await;
    stage.neighbours.push(format!("{{url: \"{}/none.git\", name: none, forge: none, branch: main}}", stage.git.url));
    let run = stage.once().await;
    assert_eq!((run.code, open(&stage)), (Some(1), 4), "{}", run.out);
    let none = run.out.split("none: ").nth(1).unwrap_or_default();
    assert!(none.contains('✗') && none.contains("none.git"), "{}", run.out);
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_branch_that_is_gone_is_one_error_and_nothing_is_written() {
    let stage = Stage::new().await;
    stage.good().await;
    stage.bare.find_reference("refs/heads/main").unwrap().delete().unwrap();
    let (mark, run) = (stage.mark(), stage.once().await);
    assert_eq!((run.code, stage.mark()), (Some(1), mark), "{}", run.out);
    assert!(run.out.contains("main"), "{}", run.out);
}
