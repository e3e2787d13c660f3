//! What the rows of `/api/v1` say where something stands between a version and its pull request.

use crate::service::{Service, actions, row};
use crate::stage::Stage;
use davit::demo::chart::chart;
use serde_json::{Value, json};

/// Status, reason, version in use, target and newest version.
fn said(row: &Value) -> [&str; 5] {
    ["status", "reason", "current", "target", "latest"].map(|key| row[key].as_str().unwrap())
}

const WEB_OUTDATED: [&str; 5] = ["outdated", "newer-version", "6.5.0", "6.7.1", "6.7.1"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_and_somebody_elses_proposal_stand_on_the_row_with_their_link_until_they_are_lifted() {
    let mut stage = Stage::new().await;
    let theirs = stage.file("main", "apps/cache.yaml").replace("18.0.0", "18.2.0");
    stage.casey().push("renovate/cache", "chore: cache", &[("apps/cache.yaml", Some(&theirs))]).unwrap();
    let other = stage.casey().open("renovate/cache", "main", "cache 18.2.0", "").unwrap();
    let service = Service::start(&mut stage).await;
    let fleet = service.pass().await;
    assert_eq!(said(row(&fleet, "shop", "web")), WEB_OUTDATED);
    let cache = row(&fleet, "shop", "cache");
    assert_eq!(said(cache), ["skipped", "proposed-elsewhere", "18.0.0", "18.0.0", "18.2.0"]);
    assert!(
        cache["bump"] == "none" && cache["message"].as_str().unwrap().ends_with(&format!("/pull/{other}")),
        "{cache}"
    );
    assert_eq!(fleet["statuses"]["outdated"], 6, "{fleet}");

    let (web, cron) = (stage.pull("davit/web"), stage.pull("davit/cron"));
    stage.casey().close(web.number).unwrap();
    stage.casey().push(&cron.branch, "fix: mine", &[("README.md", Some("# mine\n"))]).unwrap();
    stage.casey().close(other).unwrap();
    let fleet = service.pass().await;
    let closed = row(&fleet, "shop", "web");
    assert_eq!(said(closed), ["skipped", "closed-by-person", "6.5.0", "6.5.0", "6.7.1"]);
    assert!(closed["bump"] == "none" && closed["message"].as_str().unwrap().ends_with(&web.url), "{closed}");
    // A person's commits are no policy: the version is still proposed, and the actions say who has the branch.
    assert_eq!(said(row(&fleet, "shop", "weekly"))[..2], ["outdated", "newer-version"]);
    assert!(actions(&fleet, "davit/cron")[0].starts_with("held: a person's commits"), "{fleet}");
    assert_eq!(said(row(&fleet, "shop", "cache"))[..2], ["outdated", "newer-version"]);
    assert!(actions(&fleet, "davit/cache")[0].starts_with("done: opened"), "{fleet}");

    stage.casey().reopen(web.number).unwrap();
    let fleet = service.pass().await;
    assert_eq!(said(row(&fleet, "shop", "web")), WEB_OUTDATED);
    assert_eq!(fleet["pulls"].as_array().unwrap().len(), 4, "{fleet}");
    service.stop().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_close_of_a_lower_update_leaves_the_row_of_the_higher_one() {
    let mut stage = Stage::new().await;
    stage.registry.push("acme/charts/app-template", &crate::oci_registry::chart("app-template", "4.6.0"), None).await;
    stage.settings.insert("policy", "{separateMajors: true}".into());
    let service = Service::start(&mut stage).await;
    service.pass().await;
    let lower = stage.pulls().into_iter().find(|p| p.branch.ends_with("-4.x")).expect("a pull request within 4.x");
    stage.casey().close(lower.number).unwrap();
    let fleet = service.pass().await;
    assert!(actions(&fleet, &lower.branch)[0].starts_with("held: a person closed it"), "{fleet}");
    assert_eq!(said(row(&fleet, "media", "plex")), ["outdated", "newer-version", "4.4.0", "5.1.0", "5.1.0"]);
    let higher = stage.pulls().into_iter().find(|p| p.branch.ends_with("-5.x")).unwrap();
    stage.casey().close(higher.number).unwrap();
    let fleet = service.pass().await;
    assert_eq!(said(row(&fleet, "media", "plex")), ["skipped", "closed-by-person", "4.4.0", "4.4.0", "5.1.0"]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_goes_back_to_a_closed_version_says_so_in_the_pass_that_closes_the_newer_one() {
    let mut stage = Stage::new().await;
    stage.charts.add(chart("web", "6.6.0"));
    let without = Some("policy: {ignore: [\"6.7.1\"]}\n");
    stage.casey().push("main", "policy", &[(".davit/config.yaml", without)]).unwrap();
    let opened =
        |stage: &Stage| stage.pulls().into_iter().find(|p| p.open && p.branch.starts_with("davit/web")).unwrap();
    stage.good().await;
    stage.casey().close(opened(&stage).number).unwrap();
    stage.casey().push("main", "policy", &[(".davit/config.yaml", None)]).unwrap();
    let service = Service::start(&mut stage).await;
    assert_eq!(said(row(&service.pass().await, "shop", "web")), WEB_OUTDATED);
    let newer = opened(&stage);
    stage.casey().push("main", "policy", &[(".davit/config.yaml", without)]).unwrap();
    let fleet = service.pass().await;
    assert!(actions(&fleet, &newer.branch)[0].starts_with("done: closed"), "{fleet}");
    let web = row(&fleet, "shop", "web");
    assert_eq!(said(web), ["skipped", "closed-by-person", "6.5.0", "6.5.0", "6.7.1"]);
    assert!(web["message"].as_str().unwrap().ends_with(&format!("the open one goes too: {}", newer.url)), "{web}");
    service.stop().await;
    stage.lawful();
}

/// What waits is not held back by policy: the row says what is newer, the actions say why it waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_windows_and_pauses_leave_the_rows_and_stand_in_the_actions() {
    let mut stage = Stage::new().await;
    let hour = |shift: i64| (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(shift)).strftime("%H:00");
    let window = format!(", schedule: [\"mon-sun {}-{} UTC\"]", hour(6), hour(12));
    let cases = [
        ("paused", "true", String::new(), "waits: paused"),
        ("mode", "report", String::new(), "waits: mode is report"),
        ("log", "{level: info}", window, "waits: outside the schedule"),
        ("limits", "{openPullRequests: 1, perHour: 9}", String::new(), "limits.openPullRequests"),
        ("limits", "{openPullRequests: 9, perHour: 1}", String::new(), "limits.perHour"),
    ];
    for (key, value, entry, words) in cases {
        let before = stage.settings.insert(key, value.into());
        stage.entry = entry;
        let service = Service::start(&mut stage).await;
        let fleet = service.pass().await;
        service.stop().await;
        assert_eq!(said(row(&fleet, "shop", "web")), WEB_OUTDATED, "{words}");
        let web = actions(&fleet, "davit/web");
        assert!(web.iter().any(|action| action.starts_with("held: ") && action.contains(words)), "{words}: {web:?}");
        assert_eq!(fleet["error"], json!(null));
        match before {
            Some(before) => stage.settings.insert(key, before),
            None => stage.settings.remove(key),
        };
    }
    assert_eq!(stage.pulls().len(), 1);
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_of_the_repository_that_cannot_be_read_costs_no_row_and_names_its_line() {
    let mut stage = Stage::new().await;
    let good = stage.file("main", ".davit/config.yaml");
    let bad = [
        ("policy:\n  range: \"not a range\"\n", 2, "policy.range"),
        ("policy:\n  rules:\n    - {match: {charts: [\"{\"]}, bump: minor}\n", 3, "policy.rules[0].match.charts[0]"),
        (
            "policy:\n  rules:\n    - bump: minor\n      ignore:\n        - \"nor this\"\n",
            5,
            "policy.rules[0].ignore[0]",
        ),
        ("policy:\n  bmup: minor\n", 2, "bump"),
    ];
    let service = Service::start(&mut stage).await;
    service.pass().await;
    let refs = stage.refs();
    for (text, line, key) in bad {
        stage.casey().push("main", "oops", &[(".davit/config.yaml", Some(text))]).unwrap();
        let fleet = service.pass().await;
        let error = fleet["error"]["message"].as_str().unwrap_or_else(|| panic!("{text}: {fleet}"));
        assert!(error.contains(&format!(".davit/config.yaml:{line}: ")) && error.contains(key), "{error}");
        let problems = fleet["scan"]["problems"].as_array().unwrap();
        assert!(problems.iter().any(|p| p["file"] == ".davit/config.yaml" && p["line"] == line), "{problems:?}");
        // The daemon's own policy judges: the chart that the good file holds back is outdated meanwhile.
        assert_eq!(said(row(&fleet, "shop", "web")), WEB_OUTDATED);
        assert_eq!(said(row(&fleet, "shop", "frozen"))[0], "outdated");
        assert_eq!(fleet["pulls"].as_array().unwrap().len(), 4, "{fleet}");
    }
    let now: Vec<_> = stage.refs().into_iter().filter(|(name, _)| !name.ends_with("/main")).collect();
    assert_eq!(now, refs.into_iter().filter(|(name, _)| !name.ends_with("/main")).collect::<Vec<_>>());
    stage.casey().push("main", "mended", &[(".davit/config.yaml", Some(&good))]).unwrap();
    let fleet = service.pass().await;
    assert_eq!((&fleet["error"], said(row(&fleet, "shop", "frozen"))[1]), (&json!(null), "held-by-ignore"));
    service.stop().await;
    assert_eq!(stage.pulls().len(), 4);
    stage.lawful();
}
