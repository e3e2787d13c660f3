//! Whether somebody else's open pull request already sets an update's sites to the target or beyond (Renovate still
//! running beside us, a colleague). Heads are read as data, from their trees.

use super::drafts::{Book, ElsewhereOf};
use super::report::Findings;
use crate::model::{Update, Version};
use crate::proposal::{PullLink, PullRequest};
use crate::world::git::{Failure, Fetched, Oid, Repository};
use crate::yaml;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Files above this are not manifests of ours: every site's file was read within the same limit.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// Foreign pull requests that propose at least what each update does, by the update's index.
pub(super) async fn elsewhere(
    repository: &Repository,
    fetched: &Fetched,
    findings: &Arc<Findings>,
    foreign: &[PullRequest],
    book: &mut Book,
) -> HashMap<usize, PullLink> {
    let pulls = foreign.iter().map(|p| (p.number, p.url.clone(), fetched.pull_heads.get(&p.number).copied())).collect();
    let of = ElsewhereOf { base: fetched.base_commit, findings: findings.clone(), pulls };
    let found = match book.elsewhere.get(&(), &of) {
        Some(found) => Ok(found),
        None => look(repository, fetched, &findings.updates, foreign).await,
    };
    match found {
        Ok(found) => {
            book.elsewhere.keep((), of, found.clone());
            found
        }
        Err(found) => found,
    }
}

/// Reads the heads; an error where something could not be read, with what the rest came to.
async fn look(
    repository: &Repository,
    fetched: &Fetched,
    updates: &[Update],
    foreign: &[PullRequest],
) -> Result<HashMap<usize, PullLink>, HashMap<usize, PullLink>> {
    let mut found = HashMap::new();
    let mut whole = true;
    let files: BTreeSet<&str> = updates.iter().flat_map(|u| u.sites.iter().map(|s| &*s.site.file)).collect();
    for pull in foreign {
        let Some(head) = fetched.pull_heads.get(&pull.number) else { continue };
        let changed = match repository.changed_paths(fetched.base_commit, *head).await {
            Ok(paths) => paths,
            Err(error) => {
                tracing::warn!(pull = pull.number, %error, "a pull request's changes can't be read");
                whole = false;
                continue;
            }
        };
        let touched: BTreeSet<&str> = changed.iter().map(String::as_str).filter(|path| files.contains(path)).collect();
        if touched.is_empty() {
            continue;
        }
        let heads = read(repository, *head, &touched, &mut whole).await;
        for (index, update) in updates.iter().enumerate() {
            if found.contains_key(&index) || !proposes(update, &heads) {
                continue;
            }
            // What was on the base when it branched off is not its own doing.
            let before = match repository.merge_base(fetched.base_commit, *head).await {
                Ok(Some(begin)) => read(repository, begin, &touched, &mut whole).await,
                other => {
                    whole &= other.is_ok();
                    HashMap::new()
                }
            };
            if !proposes(update, &before) {
                found.insert(index, PullLink { number: pull.number, url: pull.url.clone() });
            }
        }
    }
    if whole { Ok(found) } else { Err(found) }
}

async fn read<'a>(
    repository: &Repository,
    head: Oid,
    paths: &BTreeSet<&'a str>,
    whole: &mut bool,
) -> HashMap<&'a str, Vec<u8>> {
    let mut files = HashMap::new();
    for path in paths {
        // Deleted or unreadable there: it sets nothing.
        match repository.file(head, path, FILE_LIMIT).await {
            Ok(bytes) => drop(files.insert(*path, bytes)),
            Err(error) => *whole &= matches!(error.kind, Failure::Missing(_)),
        }
    }
    files
}

/// Whether any site of the update stands at the target or beyond in these files.
fn proposes(update: &Update, files: &HashMap<&str, Vec<u8>>) -> bool {
    update.sites.iter().any(|site| {
        let Some(bytes) = files.get(&*site.site.file) else { return false };
        yaml::text_at(bytes, &site.site).is_some_and(|text| {
            text == site.to || Version::of_tag(&text).is_some_and(|version| version >= update.target.version)
        })
    })
}
