//! `davit once` against real parts: the first run opens the pull requests, the second writes nothing.

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_run_opens_the_pull_requests_and_the_second_writes_nothing() {
    let stage = Stage::new().await;
    let run = stage.good().await;
    println!("{}\n{}", run.out, run.err);
    for pull in stage.pulls() { println!("{pull:#?}"); println!("{}", pull.body); println!("{}", stage.forge.diff("acme/fleet", pull.number).unwrap()); }
    stage.silent().await;
    stage.lawful();
}
