//! What the forge reads from and writes to its bare repositories.

use git2::{Commit, Oid, Repository, Signature, Tree};
use serde_json::{Value, json};
use std::path::Path;

/// One file of a difference.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) path: String,
    pub(super) previous: Option<String>,
    pub(super) status: &'static str,
    pub(super) blob: Oid,
    pub(super) additions: usize,
    pub(super) deletions: usize,
    pub(super) patch: Option<String>,
}

/// Opens a repository of the forge.
pub(super) fn open(path: &Path) -> Result<Repository, git2::Error> {
    Repository::open_bare(path)
}

/// The commit that a reference points to, where it exists.
pub(super) fn tip(repo: &Repository, name: &str) -> Option<Oid> {
    repo.find_reference(name).ok()?.peel_to_commit().ok().map(|c| c.id())
}

/// Commits of `head` that `base` does not hold, oldest first.
pub(super) fn ahead(repo: &Repository, base: Oid, head: Oid) -> Result<Vec<Oid>, git2::Error> {
    let mut walk = repo.revwalk()?;
    walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)?;
    walk.push(head)?;
    walk.hide(base)?;
    walk.collect()
}

/// Whether `head`'s history holds `commit`.
pub(super) fn holds(repo: &Repository, head: Oid, commit: Oid) -> bool {
    head == commit || repo.graph_descendant_of(head, commit).unwrap_or(false)
}

/// What changes from the merge base of the two to `head`.
pub(super) fn changes(repo: &Repository, base: Oid, head: Oid) -> Result<Vec<Change>, git2::Error> {
    let from = repo.merge_base(base, head).ok();
    let from = from.map(|id| repo.find_commit(id)?.tree()).transpose()?;
    trees(repo, from.as_ref(), &repo.find_commit(head)?.tree()?)
}

/// What one commit changes against its first parent.
pub(super) fn changes_of(repo: &Repository, commit: &Commit<'_>) -> Result<Vec<Change>, git2::Error> {
    let parent = commit.parent(0).ok().map(|p| p.tree()).transpose()?;
    trees(repo, parent.as_ref(), &commit.tree()?)
}

fn trees(repo: &Repository, from: Option<&Tree<'_>>, to: &Tree<'_>) -> Result<Vec<Change>, git2::Error> {
    let mut diff = repo.diff_tree_to_tree(from, Some(to), None)?;
    diff.find_similar(None)?;
    (0..diff.deltas().len()).map(|index| change(&diff, index)).collect()
}

fn change(diff: &git2::Diff<'_>, index: usize) -> Result<Change, git2::Error> {
    let missing = || git2::Error::from_str("a delta vanished");
    let delta = diff.get_delta(index).ok_or_else(missing)?;
    let path = |file: git2::DiffFile<'_>| file.path().map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
    let (status, gone) = match delta.status() {
        git2::Delta::Added => ("added", false),
        git2::Delta::Deleted => ("removed", true),
        git2::Delta::Renamed => ("renamed", false),
        _ => ("modified", false),
    };
    let mut patch = git2::Patch::from_diff(diff, index)?;
    let (_, additions, deletions) = patch.as_ref().map(git2::Patch::line_stats).transpose()?.unwrap_or_default();
    let text = patch.as_mut().map(git2::Patch::to_buf).transpose()?;
    let text = text.and_then(|buf| std::str::from_utf8(&buf).ok().map(str::to_owned));
    let text = text.and_then(|text| text.find("@@").map(|at| text[at..].trim_end_matches('\n').to_owned()));
    Ok(Change {
        path: path(if gone { delta.old_file() } else { delta.new_file() }),
        previous: (delta.status() == git2::Delta::Renamed).then(|| path(delta.old_file())),
        status,
        blob: if gone { delta.old_file().id() } else { delta.new_file().id() },
        additions,
        deletions,
        patch: text,
    })
}

/// The tree of a merge of the two, or nothing where they conflict.
pub(super) fn merged_tree(repo: &Repository, ours: Oid, theirs: Oid) -> Result<Option<Oid>, git2::Error> {
    let mut index = repo.merge_commits(&repo.find_commit(ours)?, &repo.find_commit(theirs)?, None)?;
    if index.has_conflicts() { Ok(None) } else { index.write_tree_to(repo).map(Some) }
}

/// Writes a commit and moves no reference.
pub(super) fn commit(
    repo: &Repository,
    tree: Oid,
    message: &str,
    parents: &[Oid],
    author: &Signature<'_>,
    committer: &Signature<'_>,
) -> Result<Oid, git2::Error> {
    let parents = parents.iter().map(|id| repo.find_commit(*id)).collect::<Result<Vec<_>, _>>()?;
    repo.commit(None, author, committer, message, &repo.find_tree(tree)?, &parents.iter().collect::<Vec<_>>())
}

/// The tree of `base` (or the empty one) with files set or, without content, removed.
pub(super) fn with_files(
    repo: &Repository,
    base: Option<Oid>,
    files: &[(&str, Option<&[u8]>)],
) -> Result<Oid, git2::Error> {
    let empty = repo.treebuilder(None)?.write()?;
    let tree = match base {
        Some(commit) => repo.find_commit(commit)?.tree()?,
        None => repo.find_tree(empty)?,
    };
    let mut update = git2::build::TreeUpdateBuilder::new();
    for (path, content) in files {
        match content {
            Some(content) => update.upsert(*path, repo.blob(content)?, git2::FileMode::Blob),
            None => update.remove(*path),
        };
    }
    update.create_updated(repo, &tree)
}

/// Time of a signature as GitHub writes it.
pub(super) fn when(signature: &Signature<'_>) -> String {
    jiff::Timestamp::from_second(signature.when().seconds()).map(|t| t.to_string()).unwrap_or_default()
}

/// Name, address and time of a signature.
pub(super) fn person(signature: &Signature<'_>) -> Value {
    let name = String::from_utf8_lossy(signature.name_bytes()).into_owned();
    let email = String::from_utf8_lossy(signature.email_bytes()).into_owned();
    json!({"name": name, "email": email, "date": when(signature)})
}
