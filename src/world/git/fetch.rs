//! Brings the base branch and our own branches into the bare repository, then the wanted pull request heads; nothing
//! else. Anybody can open a pull request: its head is fetched apart from what the pass stands on, and within a limit.
//! Shallow over the network, never over a local path (libgit2 refuses it there).

use super::address::{Address, Way};
use super::error::Failure;
use super::remote::{Advertised, bounded, present, watched};
use super::transport::context::Context;
use git2::{AutotagOption, Direction, FetchOptions, Odb, Oid, RemoteCallbacks, Repository, Tree};
use std::collections::BTreeMap;
use std::sync::Arc;

/// libgit2 can't push from a history of 6 commits or less; 50 also holds most branches whole.
pub(super) const DEPTH: i32 = 50;
/// Everything (`GIT_FETCH_DEPTH_UNSHALLOW`).
pub(super) const WHOLE: i32 = i32::MAX;
/// Our own refs in the bare repository lie below this.
const KEPT: &str = "refs/davit/";
/// Those of branches.
const KEPT_BRANCHES: &str = "refs/davit/heads/";
/// Beside the repository: the depth that an answer needed. A fetch with less would cut that history off again.
const NEEDED: &str = "davit-depth";

/// What to fetch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The base branch; none means the remote's HEAD.
    pub base: Option<String>,
    /// The prefix of our own branches (`davit/`).
    pub prefix: String,
    /// Numbers of pull requests whose head is wanted (`refs/pull/N/head`).
    pub pulls: Vec<u64>,
    /// The same for those from forks. They come after all else, and nothing waits for them.
    pub forks: Vec<u64>,
}

/// What the remote has of it. All of these commits are in the bare repository, with their trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The base branch's short name.
    pub base_branch: String,
    /// Its commit.
    pub base_commit: Oid,
    /// Our own branches, by short name.
    pub our_branches: BTreeMap<String, Oid>,
    /// Heads of the wanted pull requests that the server still shows.
    pub pull_heads: BTreeMap<u64, Oid>,
    /// Wanted pull requests whose heads could not be fetched.
    pub unread_pulls: BTreeMap<u64, Failure>,
}

/// Fetches the branches with `depth` (0: no limit). Also gives the heads of wanted pull requests that are not held yet,
/// for [`fetch_heads`].
pub(super) fn fetch(
    repository: &Repository,
    address: &Address,
    context: &Arc<Context>,
    wanted: &Wanted,
    depth: i32,
) -> Result<(Fetched, BTreeMap<u64, Oid>), Failure> {
    present(address)?;
    let mut remote = repository.remote_anonymous(&address.url)?;
    let mut connection = remote.connect_auth(Direction::Fetch, Some(watched(context)), None)?;
    let advertised = Advertised::of(connection.remote())?;
    let (mut fetched, mut refs) = select(&advertised, wanted)?;
    let held = |oid: &Oid| repository.odb().is_ok_and(|odb| odb.exists(*oid));
    if !refs.values().all(held) {
        let specs: Vec<String> = refs.keys().map(|name| format!("+{name}:{}", kept(name))).collect();
        connection.remote().download(&specs, Some(&mut options(address, depth, watched(context))))?;
    }
    drop(connection);
    let (there, missing) = fetched.pull_heads.into_iter().partition(|(_, oid)| held(oid));
    fetched.pull_heads = there;
    refs.extend(fetched.pull_heads.iter().map(|(number, oid)| (head_ref(*number), *oid)));
    keep(repository, &refs)?;
    Ok((fetched, missing))
}

fn options<'a>(address: &Address, depth: i32, callbacks: RemoteCallbacks<'a>) -> FetchOptions<'a> {
    let mut options = FetchOptions::new();
    options.download_tags(AutotagOption::None).update_fetchhead(false).remote_callbacks(callbacks);
    if address.way != Way::Local && depth > 0 {
        options.depth(depth);
    }
    options
}

/// Fetches heads of pull requests, of at most `limit` bytes.
pub(super) fn fetch_heads(
    repository: &Repository,
    address: &Address,
    context: &Arc<Context>,
    heads: &BTreeMap<u64, Oid>,
    (depth, limit): (i32, u64),
) -> Result<(), Failure> {
    let mut remote = repository.remote_anonymous(&address.url)?;
    let what = match heads.keys().collect::<Vec<_>>()[..] {
        [number] => format!("the head of pull request #{number}"),
        _ => "the heads of other people's pull requests".to_owned(),
    };
    let mut connection = remote.connect_auth(Direction::Fetch, Some(watched(context)), None)?;
    let specs: Vec<String> =
        heads.keys().map(|number| head_ref(*number)).map(|name| format!("+{name}:{}", kept(&name))).collect();
    let callbacks = bounded(context, what, limit);
    connection.remote().download(&specs, Some(&mut options(address, depth, callbacks)))?;
    drop(connection);
    for (number, oid) in heads {
        repository.reference(&kept(&head_ref(*number)), *oid, true, "davit")?;
    }
    Ok(())
}

fn head_ref(number: u64) -> String {
    format!("refs/pull/{number}/head")
}

/// The depth to fetch with (0: no limit): what an earlier answer needed, at least [`DEPTH`].
pub(super) fn depth(repository: &Repository) -> i32 {
    let text = std::fs::read_to_string(repository.path().join(NEEDED)).unwrap_or_default();
    match text.trim().parse() {
        // Asking for the whole again would also ask for what lies behind the cuts of pull requests.
        Ok(WHOLE) => 0,
        Ok(needed) => DEPTH.max(needed),
        Err(_) => DEPTH,
    }
}

/// What is wanted among the advertised, and the refs of the branches.
fn select(advertised: &Advertised, wanted: &Wanted) -> Result<(Fetched, BTreeMap<String, Oid>), Failure> {
    let is_branch = |name: &str| name.starts_with("refs/heads/");
    if !advertised.refs.iter().any(|(name, _)| is_branch(name)) {
        return Err(Failure::Empty);
    }
    let base = match &wanted.base {
        Some(name) => name.clone(),
        None => default_branch(advertised)?,
    };
    let full = format!("refs/heads/{base}");
    let base_commit = advertised.get(&full).ok_or_else(|| Failure::BranchMissing(base.clone()))?;
    let mut refs = BTreeMap::from([(full, base_commit)]);
    let mut our_branches = BTreeMap::new();
    let mut pull_heads = BTreeMap::new();
    for (name, oid) in &advertised.refs {
        if let Some(short) = name.strip_prefix("refs/heads/") {
            if !wanted.prefix.is_empty() && short.starts_with(&wanted.prefix) && short != base {
                our_branches.insert(short.to_owned(), *oid);
                refs.insert(name.clone(), *oid);
            }
        } else if let Some(number) = pull_number(name).filter(|n| wanted.pulls.contains(n) || wanted.forks.contains(n))
        {
            pull_heads.insert(number, *oid);
        }
    }
    let unread_pulls = BTreeMap::new();
    Ok((Fetched { base_branch: base, base_commit, our_branches, pull_heads, unread_pulls }, refs))
}

fn pull_number(name: &str) -> Option<u64> {
    name.strip_prefix("refs/pull/")?.strip_suffix("/head")?.parse().ok()
}

/// The branch that HEAD names. An old server gives HEAD's commit only: then the one branch at that commit, `main` or
/// `master` first.
fn default_branch(advertised: &Advertised) -> Result<String, Failure> {
    if let Some(name) = &advertised.head_branch {
        let short = name.strip_prefix("refs/heads/").unwrap_or(name);
        if advertised.get(name).is_some() {
            return Ok(short.to_owned());
        }
        return Err(Failure::NoHead(format!(" that exists (it names {short})")));
    }
    let Some(head) = advertised.head else { return Err(Failure::NoHead(String::new())) };
    let at_head: Vec<&str> = advertised
        .refs
        .iter()
        .filter(|(_, oid)| *oid == head)
        .filter_map(|(name, _)| name.strip_prefix("refs/heads/"))
        .collect();
    ["main", "master"]
        .into_iter()
        .find(|usual| at_head.contains(usual))
        .or(if at_head.len() == 1 { at_head.first().copied() } else { None })
        .map(str::to_owned)
        .ok_or_else(|| Failure::NoHead(String::new()))
}

fn kept(name: &str) -> String {
    format!("{KEPT}{}", name.strip_prefix("refs/").unwrap_or(name))
}

/// Points our refs at what was fetched and drops those of vanished branches.
fn keep(repository: &Repository, refs: &BTreeMap<String, Oid>) -> Result<(), Failure> {
    let wanted: BTreeMap<String, Oid> = refs.iter().map(|(name, oid)| (kept(name), *oid)).collect();
    let mut vanished = Vec::new();
    for reference in repository.references_glob(&format!("{KEPT}*"))? {
        let reference = reference?;
        let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
        if !wanted.contains_key(&name) {
            vanished.push(name);
        }
    }
    // First the old ones go: `davit/a` and `davit/a/b` can't stand side by side.
    for name in vanished {
        repository.find_reference(&name)?.delete()?;
    }
    for (name, oid) in &wanted {
        repository.reference(name, *oid, true, "davit")?;
    }
    Ok(())
}

/// The base's commit, directories and files are there: a damaged cache shows here, not in the middle of a pass. What
/// `before`, an earlier commit that was sound in this copy, holds in the same place is not looked for again.
pub(super) fn sound(repository: &Repository, commit: Oid, before: Option<Oid>) -> Result<(), Failure> {
    let odb = repository.odb()?;
    let tree = repository.find_commit(commit)?.tree()?;
    let before = before.and_then(|commit| repository.find_commit(commit).ok()?.tree().ok());
    sound_tree(repository, &odb, &tree, before.as_ref())
}

fn sound_tree(
    repository: &Repository,
    odb: &Odb<'_>,
    tree: &Tree<'_>,
    before: Option<&Tree<'_>>,
) -> Result<(), Failure> {
    for entry in tree {
        let known = before.and_then(|before| before.get_name_bytes(entry.name_bytes()));
        if known.as_ref().is_some_and(|known| known.id() == entry.id()) {
            continue;
        }
        match entry.kind() {
            Some(git2::ObjectType::Tree) => {
                let known = known.and_then(|known| repository.find_tree(known.id()).ok());
                sound_tree(repository, odb, &repository.find_tree(entry.id())?, known.as_ref())?;
            }
            Some(git2::ObjectType::Blob) if !odb.exists(entry.id()) => {
                let message = format!("object {} is missing in the cache", entry.id());
                return Err(Failure::Git { message, damaged: true });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Every commit down to the cut is there. What an incremental shallow fetch left out shows here, and a fresh clone
/// follows.
pub(super) fn walkable(repository: &Repository) -> Result<(), Failure> {
    if !repository.is_shallow() {
        return Ok(());
    }
    let mut tips = Vec::new();
    for reference in repository.references_glob(&format!("{KEPT}*"))? {
        tips.extend(reference?.target());
    }
    super::shallow::ancestors(repository, &tips).map(|_| ())
}

/// Fetches the branches that are kept again, with more history: as into an empty repository, since libgit2 can't be
/// trusted to deepen one. The objects that are there stay, and so do pull requests, with their own cuts: what lies behind
/// those is anybody's. A call that breaks off here is healed by a fresh clone.
pub(super) fn deepen(
    repository: Repository,
    address: &Address,
    context: &Arc<Context>,
    depth: i32,
) -> Result<Repository, Failure> {
    let dir = repository.path().to_path_buf();
    let mut refs = BTreeMap::new();
    for reference in repository.references_glob(&format!("{KEPT}*"))? {
        let reference = reference?;
        let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
        refs.extend(reference.target().map(|oid| (name, oid)));
    }
    for name in refs.keys() {
        repository.find_reference(name)?.delete()?;
    }
    super::push::forget_source(&repository);
    let former = super::shallow::cut(&repository);
    drop(repository);
    match std::fs::remove_file(dir.join("shallow")) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::Cache { dir, detail: e.to_string() });
        }
        _ => {}
    }
    let repository = Repository::open_bare(&dir)?;
    let fetched = again(&repository, address, context, depth, &refs);
    for (name, oid) in &refs {
        repository.reference(name, *oid, true, "davit")?;
    }
    fetched?;
    let unusable = |detail: std::io::Error| Failure::Cache { dir: dir.clone(), detail: detail.to_string() };
    super::shallow::cut_again(&repository, former).map_err(unusable)?;
    std::fs::write(dir.join(NEEDED), depth.to_string()).map_err(unusable)?;
    drop(repository);
    Ok(Repository::open_bare(&dir)?)
}

fn again(
    repository: &Repository,
    address: &Address,
    context: &Arc<Context>,
    depth: i32,
    refs: &BTreeMap<String, Oid>,
) -> Result<(), Failure> {
    let mut remote = repository.remote_anonymous(&address.url)?;
    let branches = refs.keys().filter(|name| name.starts_with(KEPT_BRANCHES));
    let specs: Vec<String> =
        branches.filter_map(|name| Some(format!("+refs/{}:{name}", name.strip_prefix(KEPT)?))).collect();
    Ok(remote.download(&specs, Some(&mut options(address, depth, watched(context))))?)
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
