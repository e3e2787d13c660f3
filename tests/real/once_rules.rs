//! Rules of product.md, "The pull request", that hang on the forge: protection, forks, branches of other people, markers
//! that were tampered with, people who can't be asked, repositories that moved or take no writes.

use crate::stage::{REPO, Stage};
use davit::demo::chart::chart;
use davit::demo::forge::Protection;

fn open(stage: &Stage) -> usize {
    stage.pulls().iter().filter(|pull| pull.open).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_protected_base_holds_nothing_up_and_only_a_demand_for_freshness_rebuilds() {
    let stage = Stage::new().await;
    let approvals = Protection { approvals: 1, contexts: vec!["ci".into()], strict: false, pull_request_only: true };
    stage.forge.protect(REPO, "main", Some(approvals));
    stage.good().await;
    assert_eq!(open(&stage), 4);
    stage.casey().push("main", "docs: a page", &[("README.md", Some("# The fleet\n"))]).unwrap();
    stage.silent().await;
    stage.forge.protect(REPO, "main", Some(Protection { strict: true, ..Protection::default() }));
    // GitHub computes whether it can be merged after the first look.
    stage.forge.lazy_mergeability(REPO, true);
    stage.casey().push("main", "docs: more", &[("README.md", Some("# Fleet\n"))]).unwrap();
    stage.silent().await;
    let run = stage.good().await;
    assert_eq!(run.out.matches("on the base (behind)").count(), 4, "{}", run.out);
    for branch in stage.branches() {
        assert_eq!(stage.tip(&branch).parent_id(0).unwrap(), stage.tip("main").id(), "{branch}");
    }
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branches_of_other_people_under_our_prefix_and_forks_of_our_name_are_theirs() {
    let stage = Stage::new().await;
    let (web, cache) = ("davit/web-ca7dd8-6.x", "davit/cache-ea1400-18.x");
    let mallory = stage.forge.person(REPO, "mallory");
    let fork = mallory.open_from_fork(web, "main", "mine", &[("README.md", Some("# mine\n"))]).unwrap();
    stage.casey().push("davit/mine", "feat: mine", &[("README.md", Some("# mine\n"))]).unwrap();
    stage.casey().push(cache, "feat: mine", &[("README.md", Some("# mine\n"))]).unwrap();
    let before = stage.refs();
    let run = stage.good().await;
    assert!(run.out.contains("the branch holds commits that are not ours"), "{}", run.out);
    let ours: Vec<_> = stage.pulls().into_iter().filter(|p| p.author == "davit").map(|p| p.branch).collect();
    assert_eq!(ours, ["davit/app-template-b89b57-5.x", "davit/cron-bf08b9-1.x", web]);
    for branch in ["davit/mine", cache] {
        let name = format!("refs/heads/{branch}");
        assert_eq!(stage.refs()[&name], before[&name], "{branch}");
    }
    stage.silent().await;
    mallory.close(fork).unwrap();
    stage.silent().await;
    // Somebody else's pull request on a branch of our name stands in the way, and is left.
    let taken = stage.casey().open(cache, "main", "mine", "").unwrap();
    let run = stage.silent().await;
    assert!(run.out.contains("another author's pull request is on this branch"), "{}", run.out);
    assert!(stage.pulls().iter().any(|pull| pull.number == taken && pull.open));
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_marker_that_claims_our_close_makes_no_persons_close_ours() {
    let stage = Stage::new().await;
    stage.good().await;
    let (web, cron) = (stage.pull("davit/web"), stage.pull("davit/cron"));
    let forged = web.body.replace("\"target\":\"6.7.1\"", "\"target\":\"6.7.1\",\"closed\":\"obsolete\"");
    assert_ne!(forged, web.body);
    stage.casey().edit(web.number, None, Some(&forged)).unwrap();
    stage.casey().close(web.number).unwrap();
    // A marker that is gone or of somebody's making costs nothing either while the pull request is open.
    stage.casey().edit(cron.number, None, Some("<!-- davit:{\"v\":1,\"key\":\"x\",\"target\":\"9.9.9\"} -->")).unwrap();
    let run = stage.good().await;
    assert!(run.out.contains("a person closed it for this version"), "{}", run.out);
    assert!(!stage.pull("davit/web").open);
    let now = stage.pull("davit/cron");
    assert!(now.open && now.number == cron.number, "{now:#?}");
    stage.silent().await;
    stage.charts.add(chart("cron", "1.0.5"));
    stage.good().await;
    assert!(stage.pull("davit/cron").title.ends_with("to 1.0.5"));
    assert_eq!(stage.pulls().len(), 4);
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_and_teams_that_can_be_asked_are_and_the_others_are_named_once() {
    let mut stage = Stage::new().await;
    stage.forge.add_team(REPO, "ops");
    let people = "{reviewers: [casey, davit, nobody, acme/ops, acme/none], assignees: [casey, stranger]}";
    stage.settings.insert("pullRequests", people.into());
    let run = stage.good().await;
    for pull in stage.pulls() {
        assert_eq!((pull.reviewers.as_slice(), pull.teams.as_slice()), (&["casey".into()][..], &["ops".into()][..]));
        assert_eq!(pull.assignees, ["casey"]);
    }
    for words in ["stranger", "davit: Review cannot be requested from pull request author", "nobody: ", "acme/none: "] {
        assert_eq!(run.out.matches(words).count(), 4, "{words}: {}", run.out);
    }
    assert!(!run.out.contains("acme/ops: ") && !run.out.contains("casey: "), "{}", run.out);
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_that_is_not_there_is_made_and_one_that_cannot_be_is_named_once() {
    let stage = Stage::new().await;
    let long = "x".repeat(51);
    let text = format!("pullRequests: {{labels: [{long}]}}\n");
    stage.casey().push("main", "labels", &[(".davit/config.yaml", Some(&text))]).unwrap();
    let run = stage.good().await;
    assert_eq!(run.out.matches("labels were refused: ").count(), 5, "{}", run.out);
    assert!(run.out.contains("name is too long"), "{}", run.out);
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_without_drafts_is_named_with_its_key() {
    let mut stage = Stage::new().await;
    stage.settings.insert("pullRequests", "{draft: true}".into());
    stage.forge.set_drafts(REPO, false);
    let run = stage.once().await;
    assert_eq!((run.code, stage.pulls().len()), (Some(1), 0), "{}", run.out);
    assert_eq!(run.out.matches("set pullRequests.draft: false").count(), 4, "{}", run.out);
    stage.forge.set_drafts(REPO, true);
    stage.good().await;
    assert!(stage.pulls().len() == 4 && stage.pulls().iter().all(|pull| pull.draft));
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_that_was_given_away_keeps_its_history_and_takes_new_ones() {
    let stage = Stage::new().await;
    stage.good().await;
    stage.casey().close(stage.pull("davit/web").number).unwrap();
    let new = "umbrella/flotilla";
    stage.forge.rename_repository(REPO, new);
    let run = stage.silent().await;
    assert!(run.out.contains("a person closed it for this version"), "{}", run.out);
    stage.charts.add(chart("web", "6.8.0"));
    stage.good().await;
    let pulls = stage.forge.pulls(new);
    assert_eq!(pulls.len(), 5, "{pulls:#?}");
    assert!(pulls[4].open && pulls[4].title.ends_with("to 6.8.0") && pulls[4].labels == ["charts", "davit"]);
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archived_repository_is_read_and_nothing_is_tried() {
    let stage = Stage::new().await;
    stage.good().await;
    stage.charts.add(chart("web", "6.8.0"));
    stage.forge.set_archived(REPO, true);
    let (mark, run) = (stage.mark(), stage.once().await);
    assert_eq!((run.code, stage.mark()), (Some(1), mark), "{}", run.out);
    assert!(run.out.contains("fleet: 8 releases, 4 updates") && run.out.contains("is archived"), "{}", run.out);
    stage.forge.set_archived(REPO, false);
    stage.good().await;
    assert!(stage.pull("davit/web").title.ends_with("to 6.8.0"));
    stage.lawful();
}
