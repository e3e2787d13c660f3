//! What the surfaces read: the last report of every repository and the daemon's heartbeat. Written by the loop only.

use super::report::{DeedKind, Outcome, Report, Tally};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Upper bounds of the pass duration histogram, in seconds.
pub const PASS_BUCKETS: [f64; 10] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// How old a heartbeat may be before `/health` fails.
pub const HEARTBEAT_LIMIT: Duration = Duration::from_mins(1);

/// One repository as the surfaces see it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its URL without credentials.
    pub url: String,
    /// Its interval.
    pub interval: Duration,
    /// When the pass under way began.
    pub running: Option<Timestamp>,
    /// When the next pass is due.
    pub next: Option<Timestamp>,
    /// The last finished pass.
    pub last: Option<Arc<Report>>,
    /// Its rows, counted once for all who ask.
    pub tally: Arc<Tally>,
    /// The last pass that went well.
    pub last_success: Option<Timestamp>,
    /// Finished passes since the start: well, badly.
    pub passes: (u64, u64),
    /// Finished actions since the start.
    pub deeds: BTreeMap<(DeedKind, &'static str), u64>,
    /// Pass durations: count per bucket of [`PASS_BUCKETS`] and beyond.
    pub durations: [u64; PASS_BUCKETS.len() + 1],
    /// Sum of the durations, in seconds.
    pub duration_sum: f64,
}

/// Every repository's last word, and the pulse.
#[derive(Debug, Default)]
pub struct Board {
    repositories: RwLock<BTreeMap<String, Entry>>,
    beat: AtomicI64,
    /// Why the store could not be written at the last check.
    store_problem: RwLock<Option<String>>,
    /// Webhook calls: accepted, refused.
    pub webhooks: (AtomicU64, AtomicU64),
}

impl Board {
    /// Puts a repository on the board, before its first pass.
    pub fn enlist(&self, name: &str, url: &str, interval: Duration) {
        let entry = Entry {
            url: url.to_owned(),
            interval,
            running: None,
            next: None,
            last: None,
            tally: Arc::default(),
            last_success: None,
            passes: (0, 0),
            deeds: BTreeMap::new(),
            durations: [0; PASS_BUCKETS.len() + 1],
            duration_sum: 0.0,
        };
        self.write().insert(name.to_owned(), entry);
    }

    /// A pass began.
    pub fn began(&self, name: &str, now: Timestamp) {
        if let Some(entry) = self.write().get_mut(name) {
            entry.running = Some(now);
        }
    }

    /// A pass ended; the next one is due at `next`.
    pub fn ended(&self, report: Arc<Report>, next: Timestamp) {
        let tally = Arc::new(report.findings.tally());
        let mut repositories = self.write();
        let Some(entry) = repositories.get_mut(&report.name) else { return };
        entry.tally = tally;
        entry.running = None;
        entry.next = Some(next);
        if report.failed() {
            entry.passes.1 += 1;
        } else {
            entry.passes.0 += 1;
            entry.last_success = Some(report.finished);
        }
        for deed in &report.deeds {
            *entry.deeds.entry((deed.kind, deed.outcome.code())).or_default() += 1;
        }
        let seconds = report.finished.duration_since(report.started).as_secs_f64().max(0.0);
        let bucket = PASS_BUCKETS.iter().position(|bound| seconds <= *bound).unwrap_or(PASS_BUCKETS.len());
        entry.durations[bucket] += 1;
        entry.duration_sum += seconds;
        entry.last = Some(report);
    }

    /// The heartbeat task is alive.
    pub fn beat(&self, now: Timestamp) {
        self.beat.store(now.as_millisecond(), Ordering::Relaxed);
    }

    /// The store was checked: what is wrong with it, where something is.
    pub fn store_checked(&self, problem: Option<String>) {
        *self.store_problem.write().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    /// What was wrong with the store at the last check.
    pub fn store_problem(&self) -> Option<String> {
        self.store_problem.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long ago the heartbeat was.
    pub fn heartbeat_age(&self, now: Timestamp) -> Duration {
        let age = now.as_millisecond().saturating_sub(self.beat.load(Ordering::Relaxed));
        Duration::from_millis(u64::try_from(age).unwrap_or(0))
    }

    /// Finished passes of all repositories since the start.
    pub fn passes(&self) -> u64 {
        self.read().values().map(|entry| entry.passes.0 + entry.passes.1).sum()
    }

    /// Every repository by name, as of now.
    pub fn entries(&self) -> Vec<(String, Entry)> {
        self.read().iter().map(|(name, entry)| (name.clone(), entry.clone())).collect()
    }

    /// One repository.
    pub fn entry(&self, name: &str) -> Option<Entry> {
        self.read().get(name).cloned()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Entry>> {
        self.repositories.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, Entry>> {
        self.repositories.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Whether the last pass is younger than three intervals (`/ready`). A repository before its first pass is not.
    pub fn fresh(&self, now: Timestamp) -> bool {
        let limit = self.interval.saturating_mul(3);
        self.last.as_ref().is_some_and(|last| now.duration_since(last.finished).unsigned_abs() <= limit)
    }

    /// How many actions failed in the last pass.
    pub fn failed_deeds(&self) -> usize {
        self.last.as_ref().map_or(0, |r| r.deeds.iter().filter(|d| d.outcome == Outcome::Failed).count())
    }
}
