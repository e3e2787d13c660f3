use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// Reports at once, hangs until it is stopped, or panics; tells of each start.
struct Act {
    name: &'static str,
    kind: Kind,
    starts: mpsc::UnboundedSender<&'static str>,
    ended: Arc<AtomicUsize>,
    wake: Arc<Notify>,
    opens: Option<Duration>,
}

enum Kind {
    Quick,
    Hangs,
    Panics,
}

#[async_trait]
impl Pass for Act {
    async fn pass(&self, id: &str, stop: &CancellationToken) -> Report {
        self.starts.send(self.name).unwrap();
        match self.kind {
            Kind::Quick => {}
            Kind::Hangs => stop.cancelled().await,
            Kind::Panics => panic!("a bug"),
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
        let now = Timestamp::UNIX_EPOCH;
        Report {
            pass: id.to_owned(),
            name: self.name.to_owned(),
            started: now,
            finished: now,
            findings: Arc::default(),
            pulls: Vec::new(),
            deeds: Vec::new(),
            error: None,
        }
    }

    fn opens(&self, now: Timestamp) -> Option<Timestamp> {
        self.opens.map(|after| now + after)
    }

    fn wake(&self) -> Option<Arc<Notify>> {
        Some(self.wake.clone())
    }
}

fn daemon(
    acts: Vec<(&'static str, Kind, Duration)>,
) -> (Daemon, Arc<Board>, mpsc::UnboundedReceiver<&'static str>, Arc<AtomicUsize>) {
    let (starts, receiver) = mpsc::unbounded_channel();
    let ended = Arc::new(AtomicUsize::new(0));
    let members = acts
        .into_iter()
        .map(|(name, kind, interval)| Member {
            name: name.to_owned(),
            url: format!("https://example.com/{name}"),
            forge_name: Some(format!("Acme/{name}")),
            interval,
            work: Arc::new(Act {
                name,
                kind,
                starts: starts.clone(),
                ended: ended.clone(),
                wake: Arc::default(),
                opens: (name == "window").then(|| Duration::from_hours(2)),
            }),
        })
        .collect();
    let board = Arc::new(Board::default());
    let daemon = Daemon::new(members, board.clone(), Arc::new(|| Timestamp::UNIX_EPOCH));
    (daemon, board, receiver, ended)
}

#[tokio::test(start_paused = true)]
async fn a_hung_repository_holds_nobody_else() {
    let hour = Duration::from_hours(1);
    let (daemon, board, mut starts, ended) =
        daemon(vec![("hung", Kind::Hangs, hour), ("quick", Kind::Quick, Duration::from_mins(1))]);
    let stop = CancellationToken::new();
    let running = tokio::spawn(daemon.run(stop.clone()));
    let mut quick = 0;
    while quick < 5 {
        quick += usize::from(starts.recv().await == Some("quick"));
    }
    assert!(board.entry("hung").unwrap().running.is_some());
    assert!(board.entry("hung").unwrap().last.is_none());
    stop.cancel();
    running.await.unwrap();
    assert!(ended.load(Ordering::Relaxed) >= 5, "the hung pass was told to stop and reported");
}

#[tokio::test(start_paused = true)]
async fn a_webhook_wakes_the_loop_of_its_repository_alone() {
    let day = Duration::from_hours(24);
    let (daemon, _, mut starts, _) = daemon(vec![("one", Kind::Quick, day), ("two", Kind::Quick, day)]);
    let wake = daemon.wake();
    let stop = CancellationToken::new();
    let running = tokio::spawn(daemon.run(stop.clone()));
    starts.recv().await.unwrap();
    starts.recv().await.unwrap();
    assert_eq!(wake.wake("acme/ONE"), 1);
    assert_eq!(wake.wake("acme/three"), 0);
    assert_eq!(starts.recv().await, Some("one"));
    assert!(starts.try_recv().is_err());
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn news_of_others_wakes_a_loop_also_while_its_pass_is_under_way() {
    let (daemon, _, mut starts, _) = daemon(vec![("one", Kind::Quick, Duration::from_hours(24))]);
    let wake = daemon.members[0].0.work.wake().unwrap();
    wake.notify_one();
    let stop = CancellationToken::new();
    let running = tokio::spawn(daemon.run(stop.clone()));
    assert_eq!([starts.recv().await, starts.recv().await], [Some("one"), Some("one")]);
    wake.notify_one();
    assert_eq!(starts.recv().await, Some("one"));
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_one_failed_pass_and_the_next_comes() {
    let (daemon, board, mut starts, _) = daemon(vec![("bug", Kind::Panics, Duration::from_mins(1))]);
    let stop = CancellationToken::new();
    let running = tokio::spawn(daemon.run(stop.clone()));
    starts.recv().await.unwrap();
    starts.recv().await.unwrap();
    let entry = board.entry("bug").unwrap();
    assert!(entry.passes.0 == 0 && entry.passes.1 >= 1);
    assert_eq!(entry.last.unwrap().error.as_ref().unwrap().reason, crate::model::Reason::InternalError);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_window_that_opens_within_the_interval_has_a_pass_of_its_own() {
    let day = Duration::from_hours(24);
    let (daemon, board, mut starts, _) = daemon(vec![("window", Kind::Quick, day), ("other", Kind::Quick, day)]);
    let stop = CancellationToken::new();
    let running = tokio::spawn(daemon.run(stop.clone()));
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(starts.recv().await.unwrap());
    }
    // The virtual clock: the other one's second pass would come after 21 hours at the earliest.
    assert_eq!((seen.iter().filter(|name| **name == "window").count(), seen.len()), (4, 5), "{seen:?}");
    let next = board.entry("window").unwrap().next.unwrap();
    assert!(next >= Timestamp::UNIX_EPOCH + Duration::from_hours(2), "{next}: never before it is open");
    stop.cancel();
    running.await.unwrap();
}

#[test]
fn jitter_stays_within_ten_percent_and_differs_by_name() {
    let ten = Duration::from_mins(10);
    let waits: Vec<_> = ["a", "b", "c", "d"].iter().map(|name| jittered(ten, name, 1)).collect();
    assert!(waits.iter().all(|wait| *wait >= ten.mul_f64(0.9) && *wait <= ten.mul_f64(1.1)));
    assert!(waits.windows(2).any(|pair| pair[0] != pair[1]));
}
