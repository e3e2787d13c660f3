//! Somebody pushes to our branch between our look and our write. Their commit survives, the report says so, and the
//! next run leaves the branch to them.

use crate::git_server::Fault as GitFault;
use crate::stage::{Run, Stage};
use davit::demo::chart::chart;
use davit::demo::fault::Fault;

const WEB: &str = "davit/web-ca7dd8-6.x";

/// Casey's commit, on whatever the branch holds.
fn push(stage: &Stage, branch: &str) -> String {
    stage.casey().push(branch, "fix: mine", &[("README.md", Some("# mine\n"))]).unwrap()
}

/// The run failed at this branch alone.
fn failed_at(run: &Run, branch: &str) {
    assert_eq!(run.code, Some(1), "{}", run.out);
    let failed: Vec<&str> = run.out.lines().filter(|line| line.contains('✗')).collect();
    assert!(matches!(failed.as_slice(), [one] if one.contains(branch)), "{}", run.out);
}

/// Their commit is there, and stays in runs that write nothing.
async fn left_to_them(stage: &Stage, branch: &str, theirs: &str, words: &str) {
    assert_eq!(stage.tip(branch).id().to_string(), theirs);
    let run = stage.silent().await;
    assert!(run.out.contains(words), "{}", run.out);
    assert_eq!(stage.tip(branch).id().to_string(), theirs);
    stage.lawful();
}

/// A run whose first push waits while Casey pushes.
async fn raced(stage: &Stage, branch: &str, fault: GitFault) -> (Run, String) {
    stage.git.fault(Some(fault));
    let mut theirs = String::new();
    let meanwhile = |_: &tokio::process::Child| {
        theirs = push(stage, branch);
        stage.git.fault(None);
    };
    let run = stage.once_while(|| stage.git.hanging(), meanwhile).await;
    (run, theirs)
}

async fn update_by_git(fault: GitFault) {
    let stage = Stage::new().await;
    stage.good().await;
    let before = stage.pull("davit/web");
    stage.charts.add(chart("web", "6.8.0"));
    let (run, theirs) = raced(&stage, WEB, fault).await;
    failed_at(&run, WEB);
    assert!(run.out.contains("moved"), "{}", run.out);
    assert_eq!(stage.pull("davit/web").title, before.title, "the text tells of no version that is not there");
    left_to_them(&stage, WEB, &theirs, "a person's commits are on the branch").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_between_our_look_and_our_push_survives() {
    update_by_git(GitFault::HoldPushRefs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_between_the_refs_and_the_pack_of_our_push_survives() {
    update_by_git(GitFault::HoldPush(0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_of_our_name_that_appears_before_our_first_push_is_theirs() {
    let stage = Stage::new().await;
    let branch = "davit/app-template-b89b57-5.x";
    let (run, theirs) = raced(&stage, branch, GitFault::HoldPush(0)).await;
    failed_at(&run, branch);
    assert_eq!(stage.pulls().len(), 3);
    left_to_them(&stage, branch, &theirs, "the branch holds commits that are not ours").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_before_our_deletion_keeps_the_branch() {
    let stage = Stage::new().await;
    stage.good().await;
    stage.rewrite("apps/web.yaml", "6.5.0", "6.7.1");
    let (run, theirs) = raced(&stage, WEB, GitFault::HoldPush(0)).await;
    failed_at(&run, WEB);
    left_to_them(&stage, WEB, &theirs, "the branch holds commits that are not ours").await;
}

/// `updateRefs` is the second GraphQL request of a run: the first one reads the repository's id.
async fn by_api(change: impl Fn(&Stage), words: &str) {
    let mut stage = Stage::new().await;
    stage.settings.insert("commitVia", "api".into());
    stage.good().await;
    change(&stage);
    let (hold, go_on) = Fault::hold("POST", "/graphql$");
    stage.forge.server.fail(hold.after(1));
    let asked = stage.forge.server.traffic.count("POST", "/graphql$");
    let mut theirs = String::new();
    let meanwhile = |_: &tokio::process::Child| {
        theirs = push(&stage, WEB);
        go_on.notify_one();
    };
    let waits = || stage.forge.server.traffic.count("POST", "/graphql$") == asked + 2;
    let run = stage.once_while(waits, meanwhile).await;
    failed_at(&run, WEB);
    assert!(run.out.contains("changed in the meantime"), "{}", run.out);
    left_to_them(&stage, WEB, &theirs, words).await;
    assert_eq!(stage.git.pushes(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_between_our_look_and_the_update_of_refs_survives() {
    by_api(|stage| stage.charts.add(chart("web", "6.8.0")), "a person's commits are on the branch").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_before_our_deletion_by_the_api_keeps_the_branch() {
    let change = |stage: &Stage| stage.rewrite("apps/web.yaml", "6.5.0", "6.7.1");
    by_api(change, "the branch holds commits that are not ours").await;
}
