//! The store for async code: each call runs on a blocking thread, one at a time.

use super::{Seen, Store, StoreError};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A shared store; cloning shares it.
#[derive(Debug, Clone)]
pub struct StoreHandle(Arc<Mutex<Store>>);

impl StoreHandle {
    /// Shares an open store.
    pub fn new(store: Store) -> Self {
        Self(Arc::new(Mutex::new(store)))
    }

    /// Runs a call on a blocking thread.
    pub async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.0);
        // A panic in another call can't have left a transaction behind: they roll back when dropped.
        let task = move || call(&mut shared.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(task).await.unwrap_or(Err(StoreError::Cancelled))
    }

    /// [`Store::note_seen`]
    pub async fn note_seen(&self, seen: Vec<Seen>, now: Timestamp) -> Result<(), StoreError> {
        self.run(move |store| store.note_seen(&seen, now)).await
    }

    /// [`Store::first_seen`]
    pub async fn first_seen(&self, source: String) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        self.run(move |store| store.first_seen(&source)).await
    }

    /// [`Store::opened`]
    pub async fn opened(&self, repository: String, at: Timestamp) -> Result<(), StoreError> {
        self.run(move |store| store.opened(&repository, at)).await
    }

    /// [`Store::opened_since`]
    pub async fn opened_since(&self, repository: String, since: Timestamp) -> Result<Vec<Timestamp>, StoreError> {
        self.run(move |store| store.opened_since(&repository, since)).await
    }

    /// [`Store::prune`]
    pub async fn prune(&self, now: Timestamp) -> Result<(), StoreError> {
        self.run(move |store| store.prune(now)).await
    }

    /// [`Store::check`]
    pub async fn check(&self, now: Timestamp) -> Result<(), StoreError> {
        self.run(move |store| store.check(now)).await
    }
}
