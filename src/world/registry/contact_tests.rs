//! A host that can't be connected to costs one sequence of attempts per round. Counted, never timed.

use super::test_hosts::{oci, registry, serve, status};
use super::{Network, Registry};
use crate::model::{Lookup, Problem, Reason, TagRules};
use axum::body::Body;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Says of every host that it does not exist, and counts how often it was asked.
struct Nowhere(AtomicUsize);

#[async_trait::async_trait]
impl Network for Nowhere {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(std::io::Error::other("no such host"))
    }
}

/// Takes connections and closes them at once: no TLS comes about. Counts them.
async fn door_slammer() -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    (host, count)
}

fn https(host: &str, name: &str) -> Lookup {
    Lookup::oci(
        &format!("oci://{host}/{name}"),
        TagRules { leading_v: true, by_version: false, underscore_is_plus: true },
        false,
    )
}

async fn ask_all(registry: &Arc<Registry>, questions: &[Lookup]) -> Vec<Problem> {
    let round = registry.round(questions);
    let answers = futures_util::future::join_all(questions.iter().map(|one| round.candidates(one))).await;
    answers.into_iter().map(Result::unwrap_err).collect()
}

#[tokio::test]
async fn many_sources_on_one_host_that_is_down_are_one_sequence_of_attempts_per_round() {
    let (host, connections) = door_slammer().await;
    let (_cache, registry) = registry(|_| {});
    let mut questions: Vec<_> = (0..68).map(|n| https(&host, &format!("charts/app{n}"))).collect();
    questions.push(Lookup::index(&format!("https://{host}/stable"), "app"));
    for round in 1..=2 {
        let problems = ask_all(&registry, &questions).await;
        assert_eq!(connections.load(Ordering::SeqCst), 3 * round, "three attempts a round");
        for (n, problem) in problems.iter().enumerate() {
            assert_eq!(problem.reason, Reason::SourceUnreachable, "{problem}");
            let own = if n < 68 { format!("charts/app{n}/tags/list ") } else { "/stable/index.yaml ".to_owned() };
            assert!(problem.message.contains(&own), "each names its own place: {problem}");
        }
    }
}

#[tokio::test]
async fn a_host_without_an_address_is_looked_up_for_one_sequence_of_attempts() {
    let network = Arc::new(Nowhere(AtomicUsize::new(0)));
    let (_cache, registry) = registry(|options| options.network = network.clone());
    let questions: Vec<_> = (0..40).map(|n| https("nowhere.example", &format!("charts/app{n}"))).collect();
    let problems = ask_all(&registry, &questions).await;
    assert!(problems.iter().all(|problem| problem.reason == Reason::SourceUnreachable), "{problems:?}");
    assert_eq!(network.0.load(Ordering::SeqCst), 4, "once whether it is private, and three attempts");
}

#[tokio::test]
async fn a_source_that_may_be_plain_http_asks_a_dead_host_no_more_often() {
    let (host, connections) = door_slammer().await;
    let (_cache, registry) = registry(|_| {});
    let questions: Vec<_> = (0..20).map(|n| oci(&host, &format!("charts/app{n}"))).collect();
    ask_all(&registry, &questions).await;
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn the_verdict_is_the_hosts_own_and_its_neighbour_answers() {
    let (dead, _) = door_slammer().await;
    let alive = serve(|_, _| {
        status(200).body(Body::from("{apiVersion: v1, entries: {app: [{name: app, version: 1.0.0}]}}")).unwrap()
    })
    .await;
    let (_cache, registry) = registry(|_| {});
    let good = Lookup::index(&format!("http://{alive}"), "app");
    let questions = [https(&dead, "a/b"), good];
    let round = registry.round(&questions);
    let (down, up) = tokio::join!(round.candidates(&questions[0]), round.candidates(&questions[1]));
    assert_eq!(down.unwrap_err().reason, Reason::SourceUnreachable);
    assert_eq!(up.unwrap().versions.len(), 1);
}
