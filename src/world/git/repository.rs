//! One source repository: its remote, its bare copy in the cache directory, and what the engine may do with them.
//! Calls that change the copy go one after another; reading goes on beside them.

use super::access::Git;
use super::address::Address;
use super::cache::Cache;
use super::commit::{self, Change, Committed};
use super::error::{Failure, GitError};
use super::fetch::{self, Fetched, WHOLE, Wanted};
use super::history::{self, BranchLog, CommitInfo};
use super::options::Credentials;
use super::push;
use super::snapshot::{self, Blobs};
use super::transport::context::Context;
use crate::model::BlobId;
use crate::world::tree::{Listing, TreeReader};
use git2::Oid;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Between a shallow history and the whole one lies one more step.
const DEEPER: i32 = 500;

/// A source repository. Cheap to clone; every clone is the same repository.
#[derive(Clone)]
pub struct Repository {
    inner: Arc<Inner>,
}

struct Inner {
    git: Git,
    address: Address,
    cache: Arc<Cache>,
    credentials: Arc<dyn Credentials>,
    /// Held by whoever changes the bare repository, also by a blocking thread whose caller has gone.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The base commit whose files were seen to be there.
    sound: Arc<Mutex<Option<Oid>>>,
    /// Heads of pull requests that can't be had, so that they are asked for once.
    unfit: Arc<Mutex<Unfit>>,
}

/// Commit and failure by number.
type Unfit = BTreeMap<u64, (Oid, Failure)>;

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Repository").field(&self.inner.address.shown).finish()
    }
}

impl Repository {
    pub(super) fn new(git: Git, address: Address, cache: Cache, credentials: Arc<dyn Credentials>) -> Self {
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        let inner = Inner {
            git,
            address,
            cache: Arc::new(cache),
            credentials,
            turn,
            sound: Arc::default(),
            unfit: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The remote as people see it, without credentials.
    pub fn shown_url(&self) -> &str {
        &self.inner.address.shown
    }

    /// Brings the bare copy up to date. A damaged copy is deleted and cloned afresh. Heads of pull requests come last:
    /// what can't be had of them is told, and stops nothing else.
    pub async fn fetch(&self, wanted: Wanted) -> Result<Fetched, GitError> {
        let (sound, unfit) = (self.inner.sound.clone(), self.inner.unfit.clone());
        let heads_limit = self.inner.git.options().heads_limit;
        self.remote(move |cache, address, context| {
            let attempt = |repository: &git2::Repository, last: bool| {
                let mut seen = sound.lock().unwrap_or_else(PoisonError::into_inner);
                // A copy made anew holds nothing yet: what was seen in the old one says nothing of it.
                let before = seen.filter(|before| repository.odb().is_ok_and(|odb| odb.exists(*before)));
                *seen = before;
                let mut depth = fetch::depth(repository);
                let result = fetch::fetch(repository, address, context, &wanted, depth);
                let result = match settle(context, cache, result) {
                    Err(failure) if no_shallow(&failure) => {
                        depth = 0;
                        settle(context, cache, fetch::fetch(repository, address, context, &wanted, depth))
                    }
                    other => other,
                };
                let (mut fetched, missing) = result?;
                fetch::walkable(&git2::Repository::open_bare(cache.dir())?)?;
                if before != Some(fetched.base_commit) {
                    fetch::sound(repository, fetched.base_commit, before)?;
                    *seen = Some(fetched.base_commit);
                }
                let heads = |some: &BTreeMap<u64, Oid>, limit: u64| {
                    let result = fetch::fetch_heads(repository, address, context, some, (depth, limit));
                    settle(context, cache, result)?;
                    fetch::walkable(&git2::Repository::open_bare(cache.dir())?)
                };
                let mut unfit = unfit.lock().unwrap_or_else(PoisonError::into_inner);
                let advertised = missing.clone();
                let (forks, own) = missing.into_iter().partition(|(number, _)| wanted.forks.contains(number));
                for some in [own, forks] {
                    let open = known_unfit(&mut fetched, some, &unfit);
                    add_heads(&mut fetched, open, last, (heads_limit, &heads))?;
                }
                *unfit = unfit_of(&fetched, &advertised);
                Ok(fetched)
            };
            match cache.ready().and_then(|repository| attempt(&repository, false)) {
                Err(failure) if failure.damaged() => {
                    tracing::warn!(repository = address.shown, %failure, "the cached repository is damaged; cloning it again");
                    cache.wipe()?;
                    attempt(&cache.ready()?, true)
                }
                other => other,
            }
        })
        .await
    }

    /// The files of a commit.
    pub async fn tree(&self, commit: Oid) -> Result<Listing, GitError> {
        self.tree_after(commit, Listing::default()).await
    }

    /// The same, given the listing of an earlier commit: directories that did not change are not read again.
    pub async fn tree_after(&self, commit: Oid, before: Listing) -> Result<Listing, GitError> {
        self.local(move |repository| snapshot::listing(repository, commit, before)).await
    }

    /// Reads blobs for the length of a pass, on the caller's own (blocking) thread.
    pub async fn reader(&self) -> Result<TreeReader, GitError> {
        let (cache, shown) = (self.inner.cache.clone(), self.inner.address.shown.clone());
        self.blocking(move |held| Ok(Blobs::new(held.open()?, cache, shown)))
            .await
            .map(|blobs| TreeReader::Git(Arc::new(blobs)))
    }

    /// One blob of at most `limit` bytes.
    pub async fn blob(&self, id: &BlobId, limit: u64) -> Result<Vec<u8>, GitError> {
        let id = id.clone();
        self.local(move |repository| snapshot::blob(repository, &id, limit)).await
    }

    /// One file at a commit, of at most `limit` bytes; [`Failure::Missing`] where there is none.
    pub async fn file(&self, commit: Oid, path: &str, limit: u64) -> Result<Vec<u8>, GitError> {
        let path = path.to_owned();
        self.local(move |repository| snapshot::file(repository, commit, &path, limit)).await
    }

    /// One file at a commit, of at most `limit` bytes; nothing where nothing is there. A symlink, a directory or a
    /// submodule in its place or on the way to it is [`Failure::Invalid`].
    pub async fn file_if_any(&self, commit: Oid, path: &str, limit: u64) -> Result<Option<Vec<u8>>, GitError> {
        let path = path.to_owned();
        self.local(move |repository| snapshot::file_if_any(repository, commit, &path, limit)).await
    }

    /// Ids of the regular files among these paths at a commit; what is missing or something else is left out.
    pub async fn ids(&self, commit: Oid, paths: Vec<String>) -> Result<HashMap<String, Oid>, GitError> {
        self.local(move |repository| snapshot::ids(repository, commit, &paths)).await
    }

    /// [`Repository::file`] for several paths, in their order.
    pub async fn files(
        &self,
        commit: Oid,
        paths: Vec<String>,
        limit: u64,
    ) -> Result<Vec<Result<Vec<u8>, GitError>>, GitError> {
        let shown = self.inner.address.shown.clone();
        self.blocking(move |cache| {
            let repository = cache.open()?;
            let file = |path: &String| {
                snapshot::file(&repository, commit, path, limit).map_err(|failure| {
                    if failure.damaged() {
                        cache.suspect();
                    }
                    failure.at(&shown)
                })
            };
            Ok(paths.iter().map(file).collect())
        })
        .await
    }

    /// Whether a file at a commit is executable; a missing one is not.
    pub async fn executable(&self, commit: Oid, path: &str) -> Result<bool, GitError> {
        let path = path.to_owned();
        self.local(move |repository| snapshot::executable(repository, commit, &path)).await
    }

    /// Who made a commit, when, from what.
    pub async fn commit_info(&self, id: Oid) -> Result<CommitInfo, GitError> {
        self.local(move |repository| history::info(repository, id)).await
    }

    /// Paths that differ between two commits, sorted.
    pub async fn changed_paths(&self, a: Oid, b: Oid) -> Result<Vec<String>, GitError> {
        self.local(move |repository| history::changed_paths(repository, a, b)).await
    }

    /// The newest commit that both hold, if any. Fetches more history where the answer hangs on it.
    pub async fn merge_base(&self, a: Oid, b: Oid) -> Result<Option<Oid>, GitError> {
        self.with_history(
            move |repository| history::merge_base(repository, a, b),
            |repository, found| found.is_some() || !repository.is_shallow(),
        )
        .await
    }

    /// The same, from what is there: of a stranger's branch no history is fetched for an answer.
    pub async fn merge_base_held(&self, a: Oid, b: Oid) -> Result<Option<Oid>, GitError> {
        self.local(move |repository| history::merge_base(repository, a, b)).await
    }

    /// Whether this is a merge of two parents that holds what merging them gives by itself, and so nobody's own work.
    /// Where the parents' common ancestor is not to be had, it is not known to be.
    pub async fn is_automatic_merge(&self, commit: &CommitInfo) -> Result<bool, GitError> {
        let [ours, theirs] = commit.parents[..] else { return Ok(false) };
        let Some(ancestor) = self.merge_base(ours, theirs).await? else { return Ok(false) };
        let merged = self.local(move |repository| history::merged(repository, ancestor, ours, theirs)).await?;
        Ok(merged == Some(commit.tree))
    }

    /// What `branch` holds beyond `base`. Fetches more history where the answer hangs on it.
    pub async fn log(&self, base: Oid, branch: Oid) -> Result<BranchLog, GitError> {
        self.with_history(move |repository| history::log(repository, base, branch), history::believable).await
    }

    /// Makes a commit in the bare copy; [`Repository::push`] shows it to others.
    pub async fn commit(&self, change: Change) -> Result<Committed, GitError> {
        let author = self.inner.git.options().author.clone();
        let turn = self.inner.turn.clone().lock_owned().await;
        self.local(move |repository| {
            let _turn = turn;
            commit::commit(repository, &change, &author)
        })
        .await
    }

    /// Puts `branch` at `commit` if the remote has it at `expect` (none: does not have it). Already there is success.
    pub async fn push(&self, branch: &str, commit: Oid, expect: Option<Oid>) -> Result<(), GitError> {
        self.push_to(branch, Some(commit), expect).await
    }

    /// Deletes `branch` if the remote has it at `expect`. Already gone is success.
    pub async fn delete(&self, branch: &str, expect: Oid) -> Result<(), GitError> {
        self.push_to(branch, None, Some(expect)).await
    }

    async fn push_to(&self, branch: &str, to: Option<Oid>, expect: Option<Oid>) -> Result<(), GitError> {
        let branch = branch.to_owned();
        self.remote(move |cache, address, context| {
            let repository = cache.open()?;
            let result = push::push(&repository, address, context, &branch, to, expect);
            match settle(context, cache, result) {
                // The pack could not be built over the cut history.
                Err(failure) if failure.damaged() && repository.is_shallow() => {
                    let repository = fetch::deepen(repository, address, context, WHOLE)?;
                    push::push(&repository, address, context, &branch, to, expect)
                }
                other => other,
            }
        })
        .await
    }

    /// Looks, and looks again with more history until the answer holds.
    async fn with_history<T: Send + 'static>(
        &self,
        look: impl Fn(&git2::Repository) -> Result<T, Failure> + Send + Sync + Clone + 'static,
        holds: impl Fn(&git2::Repository, &T) -> bool + Send + Sync + Clone + 'static,
    ) -> Result<T, GitError> {
        let (first_look, first_holds) = (look.clone(), holds.clone());
        let first = self
            .local(move |repository| {
                let found = first_look(repository)?;
                let holds = first_holds(repository, &found);
                Ok((found, holds))
            })
            .await?;
        if first.1 {
            return Ok(first.0);
        }
        self.remote(move |cache, address, context| {
            let repository = fetch::deepen(cache.open()?, address, context, DEEPER)?;
            let found = look(&repository)?;
            if holds(&repository, &found) {
                return Ok(found);
            }
            look(&fetch::deepen(repository, address, context, WHOLE)?)
        })
        .await
    }

    /// Work that talks to the remote and changes the copy.
    async fn remote<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cache, &Address, &Arc<Context>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, GitError> {
        let inner = &self.inner;
        let turn = inner.turn.clone().lock_owned().await;
        let cache = inner.cache.clone();
        inner
            .git
            .run(&inner.address, inner.credentials.as_ref(), move |address, context| {
                let _turn = turn;
                let result = work(&cache, address, context);
                settle(context, &cache, result)
            })
            .await
    }

    /// Work on the copy alone. What turns out damaged is marked, so that the next fetch starts afresh.
    async fn local<T: Send + 'static>(
        &self,
        work: impl FnOnce(&git2::Repository) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, GitError> {
        self.blocking(move |cache| {
            let result = cache.open().and_then(|repository| work(&repository));
            if result.as_ref().is_err_and(Failure::damaged) {
                cache.suspect();
            }
            result
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cache) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, GitError> {
        let cache = self.inner.cache.clone();
        let result = match tokio::task::spawn_blocking(move || full(&cache, work(&cache))).await {
            Ok(result) => result,
            Err(panicked) => Err(Failure::Git { message: panicked.to_string(), damaged: false }),
        };
        result.map_err(|failure| failure.at(&self.inner.address.shown))
    }
}

/// Takes out of the missing heads those that are known to be unfit, and tells of them.
fn known_unfit(fetched: &mut Fetched, missing: BTreeMap<u64, Oid>, unfit: &Unfit) -> BTreeMap<u64, Oid> {
    let known = |number: &u64, oid: &Oid| unfit.get(number).filter(|(of, _)| of == oid).map(|(_, why)| why.clone());
    let (mut open, mut told) = (BTreeMap::new(), Vec::new());
    for (number, oid) in missing {
        match known(&number, &oid) {
            Some(why) => told.push((number, why)),
            None => drop(open.insert(number, oid)),
        }
    }
    fetched.unread_pulls.extend(told);
    open
}

/// What is to be remembered: heads that no waiting makes fit.
fn unfit_of(fetched: &Fetched, advertised: &BTreeMap<u64, Oid>) -> Unfit {
    let lasting = fetched.unread_pulls.iter().filter(|(_, why)| why.is_lasting());
    lasting.filter_map(|(number, why)| Some((*number, (*advertised.get(number)?, why.clone())))).collect()
}

/// Least of the limit that a part of the heads gets, as a share of the whole.
const LEAST: u64 = 16;

/// Fetches the missing heads: together, or else in halves, each with half of the limit, so that one is not laid to the
/// others, and all that is tried comes to few times the limit. Damage is healed by a fresh clone, but for the `last`
/// time.
fn add_heads(
    fetched: &mut Fetched,
    missing: BTreeMap<u64, Oid>,
    last: bool,
    (limit, heads): (u64, &impl Fn(&BTreeMap<u64, Oid>, u64) -> Result<(), Failure>),
) -> Result<(), Failure> {
    let mut open = vec![(missing, limit)];
    while let Some((mut some, share)) = open.pop() {
        if some.is_empty() {
            continue;
        }
        match heads(&some, share) {
            Ok(()) => fetched.pull_heads.extend(some),
            Err(Failure::Cancelled) => return Err(Failure::Cancelled),
            Err(failure) if failure.damaged() && !last => return Err(failure),
            Err(failure) if some.len() > 1 && !general(&failure) => {
                let middle = some.keys().nth(some.len() / 2).copied().unwrap_or_default();
                let share = (share / 2).max(limit / LEAST);
                let newer = some.split_off(&middle);
                open.extend([(some, share), (newer, share)]);
            }
            Err(failure) => fetched.unread_pulls.extend(some.into_keys().map(|number| (number, failure.clone()))),
        }
    }
    Ok(())
}

/// The server's or the network's fault, whatever is asked for.
fn general(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::Timeout { .. } | Failure::Unreachable(_) | Failure::Unauthorized(_) | Failure::Forbidden(_)
    )
}

/// The cause that the transport recorded, instead of what libgit2 made of it.
fn settle<T>(context: &Context, cache: &Cache, result: Result<T, Failure>) -> Result<T, Failure> {
    let result = full(cache, result);
    if result.is_ok() {
        context.take_failure();
        return result;
    }
    match context.take_failure() {
        Some(recorded) => Err(recorded),
        None => result,
    }
}

/// Names the directory of a full disk.
fn full<T>(cache: &Cache, result: Result<T, Failure>) -> Result<T, Failure> {
    result.map_err(|failure| match failure {
        Failure::DiskFull(_) => Failure::DiskFull(cache.dir().to_path_buf()),
        other => other,
    })
}

/// The server (a plain old one) knows no shallow clones.
fn no_shallow(failure: &Failure) -> bool {
    matches!(failure, Failure::Git { message, .. } if message.contains("support shallow"))
}
