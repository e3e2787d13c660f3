//! The walk of crashes: `davit once` is killed at every external write, once before the write is carried out and once
//! after it, unanswered. The next run ends where an undisturbed one does, and the one after it writes nothing.

use crate::stage::{Stage, State, Write};
use davit::demo::chart::chart;
use davit::demo::fault::Moment;
use futures_util::StreamExt as _;

/// Stages at once: the children wait more than they work.
const AT_ONCE: usize = 4;

/// The run that is walked.
struct Act {
    prepare: fn(&mut Stage),
    /// What happens between a first, good run and the one that is walked; nothing: the first run is walked.
    then: Option<fn(&Stage)>,
}

impl Act {
    async fn set(&self) -> Stage {
        let mut stage = Stage::new().await;
        (self.prepare)(&mut stage);
        if let Some(then) = self.then {
            stage.good().await;
            then(&stage);
        }
        stage
    }

    /// Walks every write; `kinds` must be among them, each so often.
    async fn walk(&self, kinds: &[(&str, usize)]) {
        let calm = self.set().await;
        let mark = calm.mark();
        calm.good().await;
        let writes = calm.writes_since(mark);
        for (kind, count) in kinds {
            let found = writes.iter().filter(|write| kind_of(write) == *kind).count();
            assert_eq!(found, *count, "{kind}: {writes:#?}");
        }
        assert_eq!(writes.len(), kinds.iter().map(|(_, count)| count).sum::<usize>(), "{writes:#?}");
        calm.silent().await;
        let wanted = calm.state();
        let cases = writes.iter().flat_map(|write| [(write, Moment::Before), (write, Moment::After)]);
        futures_util::stream::iter(cases)
            .map(|(write, moment)| self.crash(write, moment, &wanted))
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<()>>()
            .await;
    }

    async fn crash(&self, write: &Write, moment: Moment, wanted: &State) {
        let stage = self.set().await;
        stage.killed_at(write, moment).await;
        let run = stage.good().await;
        assert_eq!(&stage.state(), wanted, "killed at {write:?}, {moment:?}; the next run said:\n{}", run.out);
        stage.silent().await;
        stage.lawful();
    }
}

fn kind_of(write: &Write) -> String {
    match write {
        Write::Push(_) => "push".to_owned(),
        Write::Forge(method, path, _) => {
            let last = path.rsplit('/').next().unwrap_or_default();
            let last = if last.parse::<u64>().is_ok() { "pull" } else { last };
            format!("{method} {last}")
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_run_killed_at_any_write_is_made_good_by_the_next() {
    let act = Act { prepare: |_| {}, then: None };
    act.walk(&[("push", 4), ("POST pulls", 4), ("POST labels", 4), ("PATCH pull", 4)]).await;
}

/// One pull request is moved, one rebuilt, one closed with its branch, and one branch deleted after a merge.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_moves_rebuilds_closes_and_clears_away_killed_at_any_write_is_made_good_by_the_next() {
    let then: fn(&Stage) = |stage| {
        stage.charts.add(chart("web", "6.8.0"));
        stage.casey().merge(stage.pull("davit/cron").number).unwrap();
        stage.rewrite("sources.yaml", "# all of media", "# all of media, since May");
        stage.rewrite("apps/cache.yaml", "18.0.0", "18.2.0");
    };
    let act = Act { prepare: |_| {}, then: Some(then) };
    act.walk(&[("push", 4), ("PATCH pull", 3), ("POST comments", 1)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_commits_by_the_api_killed_at_any_write_is_made_good_by_the_next() {
    let prepare: fn(&mut Stage) = |stage| {
        stage.settings.insert("commitVia", "api".into());
        stage.settings.insert("limits", "{openPullRequests: 1, perHour: 9}".into());
    };
    // The one open pull request is closed and its branch deleted; in its place the next one is opened.
    let then: fn(&Stage) = |stage| stage.rewrite("sources.yaml", "4.4.0", "5.1.0");
    let kinds = [
        ("POST comments", 1),
        ("POST blobs", 1),
        ("POST trees", 1),
        ("POST commits", 1),
        // The first one reads the repository's id.
        ("POST graphql", 3),
        ("POST pulls", 1),
        ("POST labels", 1),
        ("PATCH pull", 2),
    ];
    Act { prepare, then: Some(then) }.walk(&kinds).await;
}

/// One pull request is moved, one rebuilt, and one branch deleted after a merge, all by the API. The hour's limit keeps
/// the fourth one out of the walk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_moves_and_rebuilds_by_the_api_killed_at_any_write_is_made_good_by_the_next() {
    let prepare: fn(&mut Stage) = |stage| {
        stage.settings.insert("commitVia", "api".into());
        stage.settings.insert("limits", "{openPullRequests: 9, perHour: 3}".into());
    };
    let then: fn(&Stage) = |stage| {
        stage.charts.add(chart("cron", "1.0.5"));
        stage.rewrite("sources.yaml", "# all of media", "# all of media, since May");
        stage.casey().merge(stage.pull("davit/cache").number).unwrap();
    };
    let kinds = [
        ("POST blobs", 2),
        ("POST trees", 2),
        ("POST commits", 2),
        // The first one reads the repository's id.
        ("POST graphql", 4),
        ("PATCH pull", 2),
    ];
    Act { prepare, then: Some(then) }.walk(&kinds).await;
}
