//! The loop: every repository on its own interval, woken by a webhook, ended by a signal. It knows nothing of what a
//! pass does; a slow or broken repository holds nobody else, because each has a task of its own.

use super::board::Board;
use super::report::Report;
use async_trait::async_trait;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How many passes may be under way at once: a bound for memory and sockets, far above what waits on a network.
const AT_ONCE: usize = 64;

/// How often the heartbeat beats; a third of what `/health` allows.
const BEAT: Duration = Duration::from_secs(15);

/// One repository's pass, whatever is in it. Never panics the loop: a panic inside is reported as a failed pass.
#[async_trait]
pub trait Pass: Send + Sync + 'static {
    /// Makes one pass and reports it. `stop` is cancelled when the process is to end: finish the step under way.
    async fn pass(&self, id: &str, stop: &CancellationToken) -> Report;

    /// When a window for its writes opens next, after `now`: a pass is due then, however long the interval.
    fn opens(&self, _now: Timestamp) -> Option<Timestamp> {
        None
    }

    /// What wakes it before its time, beside webhooks: news of other repositories.
    fn wake(&self) -> Option<Arc<Notify>> {
        None
    }
}

/// One repository in the loop.
pub struct Member {
    /// Its name in the configuration.
    pub name: String,
    /// URL without credentials, for the surfaces.
    pub url: String,
    /// What a forge's webhook calls it (`owner/name`), where it has one.
    pub forge_name: Option<String>,
    /// Time between the starts of two passes, before jitter.
    pub interval: Duration,
    /// What to do.
    pub work: Arc<dyn Pass>,
}

/// Wakes loops before their time.
#[derive(Clone, Default)]
pub struct Wake {
    by_forge_name: Arc<HashMap<String, Vec<Arc<Notify>>>>,
}

impl Wake {
    /// Wakes every repository of this forge name (GitHub's names ignore case); how many there were.
    pub fn wake(&self, forge_name: &str) -> usize {
        let woken = self.by_forge_name.get(&forge_name.to_ascii_lowercase());
        for notify in woken.into_iter().flatten() {
            notify.notify_one();
        }
        woken.map_or(0, Vec::len)
    }
}

/// The loop, before it runs.
pub struct Daemon {
    members: Vec<(Member, Arc<Notify>)>,
    board: Arc<Board>,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    wake: Wake,
}

impl Daemon {
    /// Puts every member on the board.
    pub fn new(members: Vec<Member>, board: Arc<Board>, now: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        let members: Vec<_> = members.into_iter().map(with_wake).collect();
        let mut by_forge_name: HashMap<String, Vec<Arc<Notify>>> = HashMap::new();
        for (member, notify) in &members {
            board.enlist(&member.name, &member.url, member.interval);
            if let Some(name) = &member.forge_name {
                by_forge_name.entry(name.to_ascii_lowercase()).or_default().push(notify.clone());
            }
        }
        board.beat(now());
        Self { members, board, now, wake: Wake { by_forge_name: Arc::new(by_forge_name) } }
    }

    /// The handle that wakes loops.
    pub fn wake(&self) -> Wake {
        self.wake.clone()
    }

    /// Runs until `stop` is cancelled and every pass under way has finished its step.
    pub async fn run(self, stop: CancellationToken) {
        let gate = Arc::new(Semaphore::new(AT_ONCE));
        let mut tasks = JoinSet::new();
        let beat = tokio::spawn(heartbeat(self.board.clone(), self.now.clone(), stop.clone()));
        for (member, notify) in self.members {
            let turn =
                Turn { board: self.board.clone(), now: self.now.clone(), gate: gate.clone(), stop: stop.clone() };
            tasks.spawn(turn.keep(member, notify));
        }
        while tasks.join_next().await.is_some() {}
        stop.cancelled().await;
        if let Err(error) = beat.await {
            tracing::error!(%error, "the heartbeat ended early");
        }
    }
}

async fn heartbeat(board: Arc<Board>, now: Arc<dyn Fn() -> Timestamp + Send + Sync>, stop: CancellationToken) {
    loop {
        board.beat(now());
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(BEAT) => {}
        }
    }
}

/// What one repository's task needs.
struct Turn {
    board: Arc<Board>,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    gate: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Turn {
    async fn keep(self, member: Member, notify: Arc<Notify>) {
        for number in 0_u64.. {
            let Some(Ok(permit)) = self.stop.run_until_cancelled(self.gate.acquire()).await else { return };
            let started = (self.now)();
            let id = pass_id(&member.name, started);
            self.board.began(&member.name, started);
            let report = self.one(&member, &id, started).await;
            drop(permit);
            let now = (self.now)();
            let wait = jittered(member.interval, &member.name, number);
            let wait = member.work.opens(now).map_or(wait, |at| wait.min(until_open(now, at, &member.name)));
            let next = now.saturating_add(wait).unwrap_or(started);
            self.board.ended(Arc::new(report), next);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
                () = notify.notified() => tracing::debug!(repository = %member.name, "woken before its time"),
            }
        }
    }

    /// One pass in a task of its own, so that a bug in it is this repository's failed pass and nothing more.
    async fn one(&self, member: &Member, id: &str, started: Timestamp) -> Report {
        use tracing::Instrument as _;
        let span = tracing::info_span!("pass", repository = %member.name, pass = %id);
        let (work, stop, own_id) = (member.work.clone(), self.stop.clone(), id.to_owned());
        match tokio::spawn(async move { work.pass(&own_id, &stop).await }.instrument(span)).await {
            Ok(report) => report,
            Err(error) => {
                tracing::error!(repository = %member.name, pass = %id, %error, "the pass broke off: a bug, please report it");
                Report::broken(&member.name, id, started, (self.now)())
            }
        }
    }
}

fn with_wake(member: Member) -> (Member, Arc<Notify>) {
    let wake = member.work.wake().unwrap_or_default();
    (member, wake)
}

/// Ten percent of jitter either way, from the name and the pass's number: repositories drift apart, and the same pass
/// of the same repository waits the same time in every test.
fn jittered(interval: Duration, name: &str, number: u64) -> Duration {
    let digest = Sha256::new().chain_update(name).chain_update(number.to_le_bytes()).finalize();
    let share = f64::from(u16::from_le_bytes([digest[0], digest[1]])) / f64::from(u16::MAX);
    interval.mul_f64(0.9 + 0.2 * share)
}

/// Until a window is open, and up to half a minute more: a rule's window opens for many repositories at once.
fn until_open(now: Timestamp, at: Timestamp, name: &str) -> Duration {
    let digest = Sha256::digest(name);
    at.duration_since(now).unsigned_abs() + Duration::from_millis(1000 + u64::from(digest[0]) * 100)
}

/// A pass's id: readable, sortable, unique per repository.
pub(super) fn pass_id(name: &str, started: Timestamp) -> String {
    format!("{name}-{}", started.strftime("%Y%m%dT%H%M%S%3fZ"))
}

#[cfg(test)]
#[path = "daemon_tests.rs"]
mod tests;
