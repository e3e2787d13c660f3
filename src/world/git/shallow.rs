//! Walks over a cut history. libgit2's own walks and merge bases know nothing of the cut: they follow parents that
//! were never fetched and end with "object not found".

use super::error::Failure;
use git2::{Oid, Repository};
use std::collections::{HashMap, HashSet};

/// What a cut history says of two commits.
pub(super) struct Parting {
    /// The newest commit found behind both.
    pub merge_base: Option<Oid>,
    /// Commits behind the branch and not behind the base, newest first.
    pub beyond: Vec<Oid>,
}

/// Commits whose parents were not fetched.
pub(super) fn cut(repository: &Repository) -> HashSet<Oid> {
    let text = std::fs::read_to_string(repository.path().join("shallow")).unwrap_or_default();
    text.lines().filter_map(|line| Oid::from_str(line.trim()).ok()).collect()
}

/// Cuts again where parents are still not there: behind a pull request that was not fetched with the rest.
pub(super) fn cut_again(repository: &Repository, former: HashSet<Oid>) -> std::io::Result<()> {
    let Ok(odb) = repository.odb() else { return Ok(()) };
    let mut all = cut(repository);
    let before = all.len();
    all.extend(former.into_iter().filter(|id| {
        repository.find_commit(*id).is_ok_and(|commit| commit.parent_ids().any(|parent| !odb.exists(parent)))
    }));
    if all.len() == before {
        return Ok(());
    }
    let mut lines: Vec<String> = all.iter().map(|id| format!("{id}\n")).collect();
    lines.sort();
    std::fs::write(repository.path().join("shallow"), lines.concat())
}

/// These commits and all behind them down to the cut, with their times.
pub(super) fn ancestors(repository: &Repository, tips: &[Oid]) -> Result<HashMap<Oid, i64>, Failure> {
    let mut seen = HashMap::new();
    walk(repository, tips, |oid, time| seen.insert(oid, time).is_none())?;
    Ok(seen)
}

/// Where `branch` parts from `base`.
pub(super) fn parting(repository: &Repository, base: Oid, branch: Oid) -> Result<Parting, Failure> {
    let held = ancestors(repository, &[base])?;
    let mut common = HashMap::new();
    let mut beyond = HashMap::new();
    walk(repository, &[branch], |oid, time| {
        if held.contains_key(&oid) {
            common.insert(oid, time);
            return false;
        }
        beyond.insert(oid, time).is_none()
    })?;
    let merge_base = common.into_iter().max_by_key(|(oid, time)| (*time, *oid)).map(|(oid, _)| oid);
    let mut beyond: Vec<(Oid, i64)> = beyond.into_iter().collect();
    beyond.sort_by_key(|(oid, time)| (std::cmp::Reverse(*time), *oid));
    Ok(Parting { merge_base, beyond: beyond.into_iter().map(|(oid, _)| oid).collect() })
}

/// Visits commits; `enter` says whether to go on behind one.
fn walk(repository: &Repository, tips: &[Oid], mut enter: impl FnMut(Oid, i64) -> bool) -> Result<(), Failure> {
    let cut = cut(repository);
    let mut open = tips.to_vec();
    while let Some(oid) = open.pop() {
        let commit = repository.find_commit(oid)?;
        if enter(oid, commit.time().seconds()) && !cut.contains(&oid) {
            open.extend(commit.parent_ids());
        }
    }
    Ok(())
}
