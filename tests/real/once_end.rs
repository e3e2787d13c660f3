//! SIGTERM in the middle of `davit once`: what was begun is finished or given up within the grace, the exit code says
//! that not everything was done, and the next run goes on from there.

use crate::git_server::Fault as GitFault;
use crate::stage::{Stage, terminate};
use davit::demo::fault::{Fault, Kind, Moment};

fn open(stage: &Stage) -> usize {
    stage.pulls().iter().filter(|pull| pull.open).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_reading_it_ends_at_once_and_nothing_is_written() {
    let stage = Stage::new().await;
    let hang = Fault::new("GET", "index.yaml$", Moment::Before, Kind::Hang).times(9);
    stage.charts.server.fail(hang);
    let mark = stage.mark();
    let waits = || stage.charts.server.traffic.count("GET", "index.yaml$") > 0;
    let run = stage.once_while(waits, terminate).await;
    assert_eq!((run.code, stage.mark()), (Some(1), mark), "{}", run.out);
    assert!(run.out.contains("the process is to end: the pass was cut short"), "{}", run.out);
    stage.charts.server.faults.clear();
    stage.good().await;
    assert_eq!(open(&stage), 4);
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_writing_the_step_is_finished_and_the_rest_is_left_to_the_next_run() {
    let stage = Stage::new().await;
    stage.git.fault(Some(GitFault::HoldPush(0)));
    let go_on = |child: &tokio::process::Child| {
        terminate(child);
        stage.git.fault(None);
    };
    let run = stage.once_while(|| stage.git.hanging(), go_on).await;
    assert_eq!((run.code, stage.pulls().len()), (Some(1), 1), "{}", run.out);
    let first = &stage.pulls()[0];
    assert_eq!(first.labels, ["charts", "davit"], "{first:#?}");
    assert_eq!(run.out.matches("put off: the process is to end").count(), 3, "{}", run.out);
    stage.good().await;
    assert_eq!((open(&stage), stage.pulls().len()), (4, 4));
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_without_an_answer_is_given_up_within_the_grace_and_found_by_the_next_run() {
    let stage = Stage::new().await;
    stage.git.fault(Some(GitFault::HangAfterPush(0)));
    let run = stage.once_while(|| stage.git.hanging(), terminate).await;
    stage.git.fault(None);
    assert_eq!((run.code, stage.pulls().len()), (Some(1), 0), "{}", run.out);
    assert!(run.out.contains("cut off: no answer came"), "{}", run.out);
    assert_eq!(stage.branches(), ["davit/app-template-b89b57-5.x"]);
    stage.good().await;
    assert_eq!((open(&stage), stage.pulls().len()), (4, 4));
    stage.silent().await;
    stage.lawful();
}
