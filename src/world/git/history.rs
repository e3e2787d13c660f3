//! What commits say: who made them, what lies between two, where they part. Over a shallow history it knows when it
//! does not know.

use super::error::Failure;
use super::shallow;
use super::snapshot::missing;
use git2::{Oid, Repository};

/// More commits than this between base and branch are not listed.
const COMMITS: usize = 10_000;

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its id.
    pub id: Oid,
    /// Its tree: two commits with one tree have the same files.
    pub tree: Oid,
    /// Its parents; more than one is a merge.
    pub parents: Vec<Oid>,
    /// Who wrote it.
    pub author: Person,
    /// Who made the commit.
    pub committer: Person,
    /// The message.
    pub message: String,
}

/// A name in a commit. Anybody can write any name there: it proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Name.
    pub name: String,
    /// E-mail.
    pub email: String,
    /// Seconds since 1970, UTC.
    pub time: i64,
}

/// A branch seen from its base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchLog {
    /// The newest commit that both hold, if any.
    pub merge_base: Option<Oid>,
    /// Commits of the branch that the base does not hold, newest first. A merge of the base into the branch stands
    /// here as a commit with two parents; what it brought in does not.
    pub commits: Vec<CommitInfo>,
}

fn person(signature: &git2::Signature<'_>) -> Person {
    Person {
        name: String::from_utf8_lossy(signature.name_bytes()).into_owned(),
        email: String::from_utf8_lossy(signature.email_bytes()).into_owned(),
        time: signature.when().seconds(),
    }
}

pub(super) fn info(repository: &Repository, id: Oid) -> Result<CommitInfo, Failure> {
    let commit = repository.find_commit(id).map_err(|e| missing(e, || format!("commit {id}")))?;
    Ok(CommitInfo {
        id,
        tree: commit.tree_id(),
        parents: commit.parent_ids().collect(),
        author: person(&commit.author()),
        committer: person(&commit.committer()),
        message: String::from_utf8_lossy(commit.message_bytes()).into_owned(),
    })
}

pub(super) fn merge_base(repository: &Repository, a: Oid, b: Oid) -> Result<Option<Oid>, Failure> {
    if repository.is_shallow() {
        info(repository, a)?;
        info(repository, b)?;
        return Ok(shallow::parting(repository, a, b)?.merge_base);
    }
    match repository.merge_base(a, b) {
        Ok(oid) => Ok(Some(oid)),
        Err(e) if e.code() == git2::ErrorCode::NotFound => {
            info(repository, a)?;
            info(repository, b)?;
            Ok(None)
        }
        Err(e) => Err(e.into()),
    }
}

pub(super) fn log(repository: &Repository, base: Oid, branch: Oid) -> Result<BranchLog, Failure> {
    let too_far = || Failure::Invalid(format!("the branch is more than {COMMITS} commits away from its base"));
    if repository.is_shallow() {
        let parting = shallow::parting(repository, base, branch)?;
        if parting.beyond.len() > COMMITS {
            return Err(too_far());
        }
        let commits = parting.beyond.into_iter().map(|id| info(repository, id)).collect::<Result<_, _>>()?;
        return Ok(BranchLog { merge_base: parting.merge_base, commits });
    }
    let merge_base = merge_base(repository, base, branch)?;
    let mut walk = repository.revwalk()?;
    walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::TIME)?;
    walk.push(branch)?;
    walk.hide(base)?;
    let mut commits = Vec::new();
    for id in walk {
        if commits.len() >= COMMITS {
            return Err(too_far());
        }
        commits.push(info(repository, id?)?);
    }
    Ok(BranchLog { merge_base, commits })
}

/// Whether a log over a shallow history may be believed. Behind the cut the base's own commits would look like the
/// branch's: they are as old as a cut commit, or older.
pub(super) fn believable(repository: &Repository, log: &BranchLog) -> bool {
    if !repository.is_shallow() {
        return true;
    }
    let cut = cut_time(repository);
    log.merge_base.is_some() && log.commits.iter().all(|c| cut.is_none_or(|cut| c.committer.time > cut))
}

/// The time of the newest commit whose parents were not fetched.
fn cut_time(repository: &Repository) -> Option<i64> {
    let cut = shallow::cut(repository);
    cut.into_iter().filter_map(|id| repository.find_commit(id).ok()).map(|c| c.time().seconds()).max()
}

/// The tree that merging two commits over this ancestor gives by itself; nothing where they conflict.
pub(super) fn merged(repository: &Repository, ancestor: Oid, ours: Oid, theirs: Oid) -> Result<Option<Oid>, Failure> {
    let tree = |id: Oid| -> Result<git2::Tree<'_>, Failure> {
        Ok(repository.find_commit(id).map_err(|e| missing(e, || format!("commit {id}")))?.tree()?)
    };
    let mut index = repository.merge_trees(&tree(ancestor)?, &tree(ours)?, &tree(theirs)?, None)?;
    if index.has_conflicts() { Ok(None) } else { Ok(Some(index.write_tree_to(repository)?)) }
}

/// Paths whose content or kind differs between two commits, sorted. Names that are not UTF-8 are made printable.
pub(super) fn changed_paths(repository: &Repository, a: Oid, b: Oid) -> Result<Vec<String>, Failure> {
    let tree = |id: Oid| -> Result<git2::Tree<'_>, Failure> {
        Ok(repository.find_commit(id).map_err(|e| missing(e, || format!("commit {id}")))?.tree()?)
    };
    let (a, b) = (tree(a)?, tree(b)?);
    let mut options = git2::DiffOptions::new();
    options.skip_binary_check(true).include_typechange(true).ignore_submodules(false);
    let diff = repository.diff_tree_to_tree(Some(&a), Some(&b), Some(&mut options))?;
    let mut paths: Vec<String> = diff
        .deltas()
        .flat_map(|delta| [delta.old_file().path_bytes(), delta.new_file().path_bytes()])
        .flatten()
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}
