//! Our branches as they are on the remote, seen from the base: whose commits they hold, and whether they hold what an
//! update wants today. A branch whose history can't be read stays unknown, and is left alone.

use super::edits::Edited;
use crate::proposal::{BranchCommit, OurBranch};
use crate::world::git::{CommitInfo, Fetched, GitError, Oid, Repository};
use std::collections::{BTreeSet, HashMap};

/// Every branch of ours. `wanted` has the edited files of the update that each wanted branch should hold.
pub(super) async fn branches(
    repository: &Repository,
    fetched: &Fetched,
    wanted: &HashMap<&str, &[Edited]>,
) -> Vec<OurBranch> {
    let mut branches = Vec::new();
    for (name, head) in &fetched.our_branches {
        let edited = wanted.get(name.as_str()).copied();
        let branch = match one(repository, fetched.base_commit, name, *head, edited).await {
            Ok(branch) => branch,
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
    edited: Option<&[Edited]>,
) -> Result<OurBranch, GitError> {
    let log = repository.log(base, head).await?;
    let mut commits = Vec::new();
    for commit in &log.commits {
        commits.push(known(repository, base, commit).await?);
    }
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
    let mut merge_of_base = commit.parents.len() > 1;
    for parent in commit.parents.iter().skip(1) {
        merge_of_base &= repository.merge_base(base, *parent).await? == Some(*parent);
    }
    Ok(BranchCommit {
        sha: commit.id.to_string(),
        author_email: commit.author.email.clone(),
        committer_email: commit.committer.email.clone(),
        message: commit.message.clone(),
        merge_of_base,
    })
}

/// The head has the wanted bytes in the wanted files, and nothing else differs from where the branch began.
async fn holds(repository: &Repository, merge_base: Oid, head: Oid, edited: &[Edited]) -> Result<bool, GitError> {
    let changed: BTreeSet<String> = repository.changed_paths(merge_base, head).await?.into_iter().collect();
    let files: BTreeSet<&str> = edited.iter().map(|e| e.path.as_str()).collect();
    if changed.len() != files.len() || !changed.iter().all(|path| files.contains(path.as_str())) {
        return Ok(false);
    }
    for file in edited {
        let limit = u64::try_from(file.after.len()).unwrap_or(u64::MAX);
        match repository.file(head, &file.path, limit).await {
            Ok(bytes) if bytes == file.after => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}
