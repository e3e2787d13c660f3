//! The life of a pull request, run by run, with the real binary: what people and charts do in between.

use crate::stage::Stage;
use davit::demo::chart::chart;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_version_moves_the_same_pull_request() {
    let stage = Stage::new().await;
    stage.good().await;
    let (before, others) = (stage.pull("davit/web"), stage.refs());
    stage.charts.add(chart("web", "6.8.0"));
    stage.good().await;
    let after = stage.pull("davit/web");
    assert_eq!((after.number, stage.pulls().len()), (before.number, 4));
    assert!(after.title.ends_with("to 6.8.0") && after.body.contains("**6.8.0**"), "{after:#?}");
    assert_eq!(
        stage.file(&after.branch, "apps/web.yaml"),
        stage.file("main", "apps/web.yaml").replace("6.5.0", "6.8.0")
    );
    assert_eq!(stage.tip(&after.branch).parent_id(0).unwrap(), stage.tip("main").id());
    let moved: Vec<_> =
        stage.refs().into_iter().filter(|(name, id)| others[name] != *id).map(|(name, _)| name).collect();
    assert_eq!(moved, [format!("refs/heads/{}", after.branch)]);
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_ends_the_branch_and_rebuilds_no_neighbour() {
    let stage = Stage::new().await;
    stage.good().await;
    let others = stage.refs();
    stage.casey().merge(stage.pull("davit/cron").number).unwrap();
    stage.casey().squash(stage.pull("davit/web").number).unwrap();
    stage.good().await;
    let rest = stage.branches();
    assert_eq!(rest.len(), 2, "{rest:?}");
    for branch in rest {
        let name = format!("refs/heads/{branch}");
        assert_eq!(stage.refs()[&name], others[&name]);
    }
    assert_eq!(stage.pulls().len(), 4);
    stage.silent().await;
    // A later version is a pull request of its own.
    stage.charts.add(chart("web", "6.8.0"));
    stage.good().await;
    assert_eq!((stage.pull("davit/web").number, stage.pull("davit/web").open), (5, true));
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_file_and_a_conflict_rebuild_their_own_branch_only() {
    let stage = Stage::new().await;
    stage.charts.add(chart("web", "6.6.0"));
    stage.good().await;
    let before = stage.refs();
    stage.rewrite("apps/cache.yaml", "kind: HelmRelease", "kind: HelmRelease # warm");
    stage.rewrite("apps/web.yaml", "6.5.0", "6.6.0");
    stage.good().await;
    for (branch, path, from, to) in [
        ("davit/cache-ea1400-18.x", "apps/cache.yaml", "18.0.0", "18.2.0"),
        ("davit/web-ca7dd8-6.x", "apps/web.yaml", "6.6.0", "6.7.1"),
    ] {
        assert_eq!(stage.file(branch, path), stage.file("main", path).replace(from, to));
        assert_eq!(stage.tip(branch).parent_id(0).unwrap(), stage.tip("main").id(), "{branch}");
    }
    for branch in ["davit/app-template-b89b57-5.x", "davit/cron-bf08b9-1.x"] {
        let name = format!("refs/heads/{branch}");
        assert_eq!(stage.refs()[&name], before[&name], "{branch}");
    }
    assert!(stage.pull("davit/web").body.contains("| `6.6.0` | `6.7.1` |"));
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persons_commit_is_left_alone_and_update_branch_is_nobodys() {
    let stage = Stage::new().await;
    stage.good().await;
    let (web, cron) = (stage.pull("davit/web"), stage.pull("davit/cron"));
    let values = stage.file(&web.branch, "apps/web.yaml") + "  values: {replicas: 2}\r\n";
    let theirs = stage.casey().push(&web.branch, "fix: two of them", &[("apps/web.yaml", Some(&values))]).unwrap();
    stage.casey().push("main", "docs: a page", &[("README.md", Some("# The fleet\n"))]).unwrap();
    stage.casey().update_branch(cron.number).unwrap();
    stage.silent().await;
    stage.charts.add(chart("web", "6.8.0"));
    stage.charts.add(chart("cron", "1.0.5"));
    let run = stage.good().await;
    assert!(run.out.contains("a person's commits are on the branch"), "{}", run.out);
    assert_eq!(stage.tip(&web.branch).id().to_string(), theirs);
    assert_eq!(stage.pull("davit/web").title, web.title);
    assert!(stage.pull("davit/cron").title.ends_with("to 1.0.5"));
    assert_eq!(stage.tip(&cron.branch).parent_id(0).unwrap(), stage.tip("main").id());
    // Not closed either when the base has the version.
    stage.rewrite("apps/web.yaml", "6.5.0", "6.8.0");
    stage.silent().await;
    assert!(stage.pull("davit/web").open);
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persons_close_counts_for_that_version_and_reopening_lifts_it() {
    let stage = Stage::new().await;
    stage.good().await;
    let (web, cron) = (stage.pull("davit/web").number, stage.pull("davit/cron").number);
    stage.casey().close(web).unwrap();
    stage.casey().close(cron).unwrap();
    let run = stage.silent().await;
    assert!(run.out.contains("a person closed it for this version"), "{}", run.out);
    stage.casey().reopen(cron).unwrap();
    stage.silent().await;
    stage.charts.add(chart("web", "6.8.0"));
    stage.charts.add(chart("cron", "1.0.5"));
    stage.good().await;
    let new = stage.pull("davit/web");
    assert!(new.number > 4 && new.open && new.title.ends_with("to 6.8.0"), "{new:#?}");
    let reopened = stage.pull("davit/cron");
    assert!(reopened.number == cron && reopened.open && reopened.title.ends_with("to 1.0.5"), "{reopened:#?}");
    assert_eq!(stage.pulls().len(), 5);
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_the_base_has_is_closed_with_the_reason_and_its_branch_deleted() {
    let stage = Stage::new().await;
    stage.good().await;
    stage.rewrite("apps/web.yaml", "6.5.0", "6.7.1");
    stage.good().await;
    let web = stage.pull("davit/web");
    assert!(!web.open && !web.merged && web.closed_by.as_deref() == Some("davit"), "{web:#?}");
    let [(author, comment)] = web.comments.as_slice() else { panic!("{:?}", web.comments) };
    assert!(author == "davit" && comment.contains("nothing wants this update any more"), "{comment}");
    assert!(!stage.branches().contains(&web.branch));
    stage.silent().await;
    // Our own close is no person's: when the base goes back, the version is proposed again.
    stage.rewrite("apps/web.yaml", "6.7.1", "6.5.0");
    stage.good().await;
    assert!(stage.pull("davit/web").open && stage.pull("davit/web").number > web.number);
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_pull_request_for_the_same_site_is_pointed_to() {
    let stage = Stage::new().await;
    let theirs = stage.file("main", "apps/web.yaml").replace("6.5.0", "6.7.1");
    let less = stage.file("main", "apps/cache.yaml").replace("18.0.0", "18.1.0");
    stage.casey().push("renovate/web", "chore: web", &[("apps/web.yaml", Some(&theirs))]).unwrap();
    stage.casey().push("renovate/cache", "chore: cache", &[("apps/cache.yaml", Some(&less))]).unwrap();
    let other = stage.casey().open("renovate/web", "main", "web 6.7.1", "").unwrap();
    stage.casey().open("renovate/cache", "main", "cache 18.1.0", "").unwrap();
    let run = stage.good().await;
    assert!(run.out.contains(&format!("/acme/fleet/pull/{other}")), "{}", run.out);
    assert!(run.out.contains("somebody else's pull request proposes the same or more"), "{}", run.out);
    let ours: Vec<_> = stage.pulls().into_iter().filter(|p| p.author == "davit").map(|p| p.branch).collect();
    assert_eq!(ours.len(), 3, "{ours:?}");
    assert!(!ours.iter().any(|branch| branch.contains("web")), "{ours:?}");
    stage.silent().await;
    stage.casey().close(other).unwrap();
    stage.good().await;
    assert!(stage.pull("davit/web").open);
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_merge_of_the_base_in_somebody_elses_branch_proposes_nothing() {
    let stage = Stage::new().await;
    // Branched off while the base had the version; the base has gone back since.
    stage.rewrite("apps/web.yaml", "6.5.0", "6.7.1");
    stage.casey().push("casey/docs", "docs: a page", &[("README.md", Some("# The fleet\n"))]).unwrap();
    stage.rewrite("apps/web.yaml", "6.7.1", "6.5.0");
    stage.casey().open("casey/docs", "main", "docs", "").unwrap();
    stage.good().await;
    assert!(stage.pull("davit/web").open);
    stage.silent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_repositorys_own_configuration_closes_what_it_holds_back_and_stops_all_where_it_is_broken() {
    let stage = Stage::new().await;
    stage.good().await;
    let text = stage.file("main", ".davit/config.yaml");
    stage.casey().push("main", "oops", &[(".davit/config.yaml", Some("registries: {timeout: 1s}\n"))]).unwrap();
    let (before, run) = (stage.refs(), stage.once().await);
    assert_eq!((run.code, stage.refs()), (Some(1), before), "{}", run.out);
    assert!(run.out.contains(".davit/config.yaml") && run.out.contains("registries"), "{}", run.out);
    stage
        .casey()
        .push("main", "hold", &[(".davit/config.yaml", Some(&text.replace("[frozen]", "[frozen, web]")))])
        .unwrap();
    stage.good().await;
    let open: Vec<_> = stage.pulls().into_iter().filter(|p| p.open).map(|p| p.branch).collect();
    assert_eq!(open.len(), 3, "{open:?}");
    assert!(!stage.pull("davit/web").open);
    stage.silent().await;
    stage.lawful();
}
