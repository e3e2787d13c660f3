//! What the daemon does beside the passes: it sees that the store can still be written (`/ready`), gives memory back
//! after passes, and once a day forgets what nobody needs any more. Nothing here ever ends the process or a pass.

use super::board::Board;
use super::services::Clock;
use crate::inventory;
use crate::world::cache::Cache;
use crate::world::heap;
use crate::world::registry::Registry;
use crate::world::store::StoreHandle;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often one row is written to the store, to know that it goes; and how often memory is given back, where passes
/// have ended since.
const CHECK: Duration = Duration::from_secs(15);
/// How often old rows are forgotten; also right at the start.
const PRUNE: Duration = Duration::from_hours(24);

/// The two databases, the chart sources' cache and the clock.
#[derive(Clone)]
pub struct Upkeep {
    pub(super) store: StoreHandle,
    pub(super) cache: Arc<Cache>,
    pub(super) registry: Arc<Registry>,
    pub(super) now: Clock,
}

impl Upkeep {
    /// Keeps all of them until `stop` is cancelled; the checks' results go on the board.
    pub async fn keep(self, board: Arc<Board>, stop: CancellationToken) {
        let check = async {
            let mut passes = 0;
            loop {
                self.check(&board).await;
                let ended = board.passes();
                if ended != std::mem::replace(&mut passes, ended)
                    && let Err(error) = tokio::task::spawn_blocking(heap::give_back).await
                {
                    tracing::warn!(%error, "free memory stays for now");
                }
                tokio::time::sleep(CHECK).await;
            }
        };
        let prune = async {
            loop {
                self.prune().await;
                tokio::time::sleep(PRUNE).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = check => {}
            () = prune => {}
        }
    }

    async fn check(&self, board: &Board) {
        let problem = self.store.check((self.now)()).await.err().map(|error| error.to_string());
        if problem != board.store_problem() {
            if let Some(error) = &problem {
                tracing::error!(%error, "the store can't be written; not ready until it can");
            } else {
                tracing::info!("the store can be written again");
            }
        }
        board.store_checked(problem);
    }

    /// Forgets what is old in store and caches.
    pub async fn prune(&self) {
        let now = (self.now)();
        if let Err(error) = self.store.prune(now).await {
            tracing::warn!(%error, "old rows of the store stay for now");
        }
        let (cache, registry) = (self.cache.clone(), self.registry.clone());
        let task = tokio::task::spawn_blocking(move || {
            cache.prune(inventory::FORMAT, now);
            registry.prune(now);
        });
        if let Err(error) = task.await {
            tracing::warn!(%error, "what is old in the caches stays for now");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BlobId;
    use crate::world::registry::Options;
    use crate::world::store::{Seen, Store};
    use jiff::{SignedDuration, Timestamp};
    use std::path::PathBuf;

    fn upkeep(store: Store, cache: Cache, now: Timestamp) -> Upkeep {
        let directory = PathBuf::from("/nonexistent");
        upkeep_in(directory, store, cache, now)
    }

    fn upkeep_in(directory: PathBuf, store: Store, cache: Cache, now: Timestamp) -> Upkeep {
        let clock: Clock = Arc::new(move || now);
        let registries = crate::config::Config::default().registries;
        let registry = Registry::new(Options::new(registries, directory, clock.clone(), &|_| None));
        Upkeep { store: StoreHandle::new(store), cache: Arc::new(cache), registry, now: clock }
    }

    #[tokio::test]
    async fn a_store_that_is_gone_shows_on_the_board() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("davit.db");
        let upkeep = upkeep(Store::open(&path).unwrap(), Cache::in_memory(), Timestamp::UNIX_EPOCH);
        let board = Board::default();
        upkeep.check(&board).await;
        assert_eq!(board.store_problem(), None);
        std::fs::remove_file(&path).unwrap();
        upkeep.check(&board).await;
        assert!(board.store_problem().unwrap().contains("davit.db"));
    }

    #[tokio::test]
    async fn what_is_old_is_forgotten_at_the_start_in_all_of_them() {
        let then = Timestamp::UNIX_EPOCH;
        let now = then + SignedDuration::from_hours(60 * 24);
        let directory = tempfile::tempdir().unwrap();
        let index = directory.path().join("charts-v1/index/0123");
        std::fs::create_dir_all(&index).unwrap();
        std::fs::File::open(&index).unwrap().set_modified(then.into()).unwrap();
        let upkeep = upkeep_in(directory.path().to_owned(), Store::in_memory().unwrap(), Cache::in_memory(), now);
        let seen = |version: &str| vec![Seen { source: "a".to_owned(), version: version.to_owned() }];
        upkeep.store.note_seen(seen("withdrawn"), then).await.unwrap();
        upkeep.store.note_seen(seen("listed"), now).await.unwrap();
        let blob = BlobId("b".to_owned());
        upkeep.cache.put(inventory::FORMAT, &[(blob.clone(), vec![1])], then);
        let stop = CancellationToken::new();
        let kept = tokio::spawn(upkeep.clone().keep(Arc::new(Board::default()), stop.clone()));
        let gone = async {
            while upkeep.store.first_seen("a".to_owned()).await.unwrap().len() > 1
                || !upkeep.cache.get(inventory::FORMAT, std::slice::from_ref(&blob), then).is_empty()
                || index.exists()
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
        stop.cancel();
        kept.await.unwrap();
    }
}
