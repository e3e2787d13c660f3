//! What one call of libgit2 hands to our transport: credentials, limits, and a place for the true cause of a failure
//! (from read and write libgit2 keeps only a text).
//!
//! It travels by a scoped thread-local, because libgit2 runs the transport factory on the thread that calls fetch or
//! push. So calls side by side never see each other's credentials.

use crate::world::address::Guard;
use crate::world::git::error::Failure;
use crate::world::git::options::{Basic, SshAuth};
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// One call's credentials and limits.
pub(crate) struct Context {
    pub runtime: tokio::runtime::Handle,
    /// Built only for HTTP remotes: a machine without any authority can still use SSH.
    pub http: Option<reqwest::Client>,
    /// SSH connects through it; the HTTP client has it inside.
    pub guard: Guard,
    pub basic: Option<Basic>,
    pub ssh: Option<SshAuth>,
    pub known_hosts: Vec<PathBuf>,
    pub connect_timeout: Duration,
    pub idle_timeout: Duration,
    /// The limit of the whole call, and when it passes.
    pub timeout: Duration,
    pub deadline: Instant,
    pub cancel: CancellationToken,
    pub failure: Mutex<Option<Failure>>,
}

thread_local!(static CURRENT: RefCell<Option<Arc<Context>>> = const { RefCell::new(None) });

/// Runs `call` with `context` in force on this thread, and the former one after it.
pub(crate) fn with<T>(context: &Arc<Context>, call: impl FnOnce() -> T) -> T {
    struct Restore(Option<Arc<Context>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _restore = Restore(CURRENT.replace(Some(context.clone())));
    call()
}

/// The context in force on this thread.
pub(super) fn current() -> Option<Arc<Context>> {
    CURRENT.with_borrow(Clone::clone)
}

impl Context {
    /// Runs one asynchronous step from libgit2's blocking thread, bounded by `limit`, by the deadline of the whole
    /// call and by cancellation. The cause of a failure is recorded.
    pub fn block<T>(
        &self,
        step: &str,
        limit: Duration,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let (wait, limit) = if left < limit { (left, self.timeout) } else { (limit, limit) };
        let result = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => Err(Failure::Cancelled),
                result = tokio::time::timeout(wait, work) => {
                    result.unwrap_or_else(|_| Err(Failure::Timeout { step: step.to_owned(), limit }))
                }
            }
        });
        result.map_err(|failure| self.record(failure))
    }

    /// Keeps the first cause; what libgit2 makes of it later is less exact.
    pub fn record(&self, failure: Failure) -> Failure {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure).clone()
    }

    /// The recorded cause, if one of our transports or limits failed.
    pub fn take_failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// For libgit2's progress callbacks: false when the call must end. Covers the work between two reads.
    pub fn goes_on(&self) -> bool {
        if self.cancel.is_cancelled() {
            self.record(Failure::Cancelled);
            return false;
        }
        if Instant::now() >= self.deadline {
            self.record(Failure::Timeout { step: "the whole operation".to_owned(), limit: self.timeout });
            return false;
        }
        true
    }
}

/// A text that libgit2 can carry: git2 panics on NUL.
pub(super) fn plain(text: &str) -> git2::Error {
    git2::Error::new(git2::ErrorCode::GenericError, git2::ErrorClass::Net, text.replace('\0', " "))
}

/// A failure as libgit2 carries it through `action`.
pub(super) fn as_git(failure: &Failure) -> git2::Error {
    plain(&failure.to_string())
}

/// A failure as libgit2 carries it through read and write.
pub(super) fn as_io(failure: &Failure) -> io::Error {
    io::Error::other(failure.to_string().replace('\0', " "))
}
