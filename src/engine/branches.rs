//! Our branches as they are on the remote, seen from the base: whose commits they hold, and whether they hold what an
//! update wants today. A branch whose history can't be read stays unknown, and is left alone.

use super::drafts::{Book, BranchOf};
use super::edits::Edited;
use crate::proposal::{BranchCommit, OurBranch, Signatures, is_ours};
use crate::world::git::{CommitInfo, Fetched, GitError, Oid, Repository, blob_id};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Author's and committer's time of a new commit differ by less, in seconds.
const MOMENT: u64 = 60;

/// Every branch of ours. `wanted` has the edited files of the update that each wanted branch should hold.
pub(super) async fn branches(
    repository: &Repository,
    fetched: &Fetched,
    wanted: &HashMap<&str, &[Arc<Edited>]>,
    signatures: &Signatures,
    book: &mut Book,
) -> Vec<OurBranch> {
    let mut branches = Vec::new();
    for (name, head) in &fetched.our_branches {
        let edited = wanted.get(name.as_str()).copied();
        let of = BranchOf {
            head: *head,
            base: fetched.base_commit,
            wanted: edited.map(<[_]>::to_vec),
            signatures: signatures.clone(),
        };
        let known = book.branches.get(name, &of);
        let read = match known {
            Some(branch) => Ok(branch),
            None => one(repository, fetched.base_commit, name, *head, edited, signatures).await,
        };
        let branch = match read {
            Ok(branch) => {
                book.branches.keep(name.clone(), of, branch.clone());
                branch
            }
            Err(error) => {
                tracing::warn!(branch = %name, %error, "a branch of ours can't be read; it is left alone");
                unknown(name, *head)
            }
        };
        branches.push(branch);
    }
    branches
}

fn unknown(name: &str, head: Oid) -> OurBranch {
    OurBranch {
        name: name.to_owned(),
        head: head.to_string(),
        commits: None,
        holds_wanted: false,
        contains_base: false,
    }
}

async fn one(
    repository: &Repository,
    base: Oid,
    name: &str,
    head: Oid,
    edited: Option<&[Arc<Edited>]>,
    signatures: &Signatures,
) -> Result<OurBranch, GitError> {
    let log = repository.log(base, head).await?;
    let mut commits = Vec::new();
    for commit in &log.commits {
        commits.push(known(repository, base, commit).await?);
    }
    mark_former_base(&mut commits, &log.commits, signatures);
    let holds_wanted = match (edited, log.merge_base) {
        (Some(edited), Some(merge_base)) => holds(repository, merge_base, head, edited).await?,
        _ => false,
    };
    Ok(OurBranch {
        name: name.to_owned(),
        head: head.to_string(),
        commits: Some(commits),
        holds_wanted,
        contains_base: log.merge_base == Some(base),
    })
}

async fn known(repository: &Repository, base: Oid, commit: &CommitInfo) -> Result<BranchCommit, GitError> {
    let merge_of_base = match commit.parents[..] {
        [_, second] => {
            repository.merge_base(base, second).await? == Some(second) && repository.is_automatic_merge(commit).await?
        }
        _ => false,
    };
    Ok(BranchCommit {
        sha: commit.id.to_string(),
        author_email: commit.author.email.clone(),
        committer_email: commit.committer.email.clone(),
        message: commit.message.clone(),
        retouched: commit.committer.time.abs_diff(commit.author.time) > MOMENT,
        merge_of_base,
        former_base: false,
    })
}

/// Marks what lies behind our own commits. Goes by parents: the order of the list says nothing sure.
fn mark_former_base(commits: &mut [BranchCommit], log: &[CommitInfo], signatures: &Signatures) {
    let parents: HashMap<Oid, &[Oid]> = log.iter().map(|commit| (commit.id, commit.parents.as_slice())).collect();
    let ours = |known: &BranchCommit| !known.merge_of_base && is_ours(known, signatures);
    let own = log.iter().zip(commits.iter()).filter(|(_, known)| ours(known));
    let mut open: Vec<Oid> = own.flat_map(|(commit, _)| commit.parents.iter().copied()).collect();
    let mut behind = BTreeSet::new();
    while let Some(id) = open.pop() {
        if let Some(next) = parents.get(&id)
            && behind.insert(id)
        {
            open.extend(next.iter().copied());
        }
    }
    for (commit, known) in log.iter().zip(commits.iter_mut()) {
        known.former_base = behind.contains(&commit.id);
    }
}

/// The branches that change one of these files; one that can't be read counts.
pub(super) async fn touching(
    repository: &Repository,
    base: Oid,
    branches: &[OurBranch],
    files: &BTreeSet<String>,
) -> Vec<String> {
    let mut names = Vec::new();
    if files.is_empty() {
        return names;
    }
    for branch in branches {
        let changed = match Oid::from_str(&branch.head) {
            Ok(head) => changed(repository, base, head).await,
            Err(_) => None,
        };
        if changed.is_none_or(|paths| paths.iter().any(|path| files.contains(path))) {
            names.push(branch.name.clone());
        }
    }
    names
}

async fn changed(repository: &Repository, base: Oid, head: Oid) -> Option<Vec<String>> {
    let begin = repository.merge_base(base, head).await.ok()??;
    repository.changed_paths(begin, head).await.ok()
}

/// The head has the wanted bytes in the wanted files, and nothing else differs from where the branch began.
async fn holds(repository: &Repository, merge_base: Oid, head: Oid, edited: &[Arc<Edited>]) -> Result<bool, GitError> {
    let changed: BTreeSet<String> = repository.changed_paths(merge_base, head).await?.into_iter().collect();
    let files: BTreeSet<&str> = edited.iter().map(|e| e.path.as_str()).collect();
    if changed.len() != files.len() || !changed.iter().all(|path| files.contains(path.as_str())) {
        return Ok(false);
    }
    let paths: Vec<String> = edited.iter().map(|file| file.path.clone()).collect();
    let there = repository.ids(head, paths).await?;
    // The same bytes have the same id; where Git could compute none, they are not the same.
    let same = |file: &Edited| there.get(&file.path).is_some_and(|id| blob_id(&file.after) == Some(*id));
    Ok(edited.iter().all(|file| same(file)))
}
