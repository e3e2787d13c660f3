//! Whether a host can be connected to, found out once per round: its first request goes alone, with the retries, while
//! the others wait for the verdict. A host that is down costs one sequence of attempts, however many sources it has.

use super::failure::{Again, Failure, Link};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// What is known of one way to one host.
#[derive(Default)]
pub(super) struct Contact {
    last: Mutex<Last>,
    /// Held by the request that finds out.
    door: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
enum Last {
    #[default]
    Unknown,
    Made(Instant),
    /// With the place that the failure's message names.
    Failed(Instant, String, Failure),
}

/// What a request may do.
pub(super) enum Leave {
    /// The host answers: go.
    Go,
    /// Nobody knows: this request finds out, the others wait until the guard is dropped.
    First(tokio::sync::OwnedMutexGuard<()>),
}

impl Contact {
    /// Leave for a request of a round that started at `since`; the round's verdict where the host is down.
    pub(super) async fn leave(&self, since: Instant, place: &str) -> Result<Leave, Failure> {
        if let Some(verdict) = self.verdict(since, place) {
            return verdict.map(|()| Leave::Go);
        }
        let guard = Arc::clone(&self.door).lock_owned().await;
        match self.verdict(since, place) {
            Some(verdict) => verdict.map(|()| Leave::Go),
            None => Ok(Leave::First(guard)),
        }
    }

    fn verdict(&self, since: Instant, place: &str) -> Option<Result<(), Failure>> {
        match &*self.last.lock().unwrap_or_else(PoisonError::into_inner) {
            Last::Made(at) if *at >= since => Some(Ok(())),
            Last::Failed(at, named, failure) if *at >= since => {
                let mut failure = failure.clone();
                failure.problem.message = failure.problem.message.replacen(named.as_str(), place, 1);
                Some(Err(failure))
            }
            _ => None,
        }
    }

    /// The host was talked to.
    pub(super) fn made(&self) {
        self.put(Last::Made(Instant::now()));
    }

    /// A connection failed: the next request finds out.
    pub(super) fn doubt(&self) {
        self.put(Last::Unknown);
    }

    /// The verdict for the rest of the round. The failure is given back as one that stays.
    pub(super) fn failed(&self, place: &str, failure: Failure) -> Failure {
        let failure = Failure { again: Again::Never, ..failure };
        self.put(Last::Failed(Instant::now(), place.to_owned(), failure.clone()));
        failure
    }

    fn put(&self, last: Last) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
}

impl Failure {
    /// Whether there was no connection at all.
    pub(super) fn is_connection(&self) -> bool {
        self.link != Link::Made
    }
}
