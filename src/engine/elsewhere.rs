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

/// How many bytes the file of a proposal may have, where the base's has so many: it moves versions. What is far larger
/// proposes nothing, and costs nothing to parse.
fn limit(base: usize) -> u64 {
    (2 * base as u64 + 64 * 1024).min(FILE_LIMIT)
}

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
        None => look(repository, fetched, findings, foreign).await,
    };
    match found {
        Ok(found) => {
            book.elsewhere.keep((), of, found.clone());
            found
        }
        Err(found) => found,
    }
}

/// Contents by path.
type Files = HashMap<String, Arc<[u8]>>;

/// Reads the heads; an error where something could not be read, with what the rest came to.
async fn look(
    repository: &Repository,
    fetched: &Fetched,
    findings: &Arc<Findings>,
    foreign: &[PullRequest],
) -> Result<HashMap<usize, PullLink>, HashMap<usize, PullLink>> {
    let mut found = HashMap::new();
    let mut whole = true;
    let mut bases = Files::new();
    let sites = findings.updates.iter().flat_map(|update| &update.sites);
    let files: BTreeSet<&str> = sites.map(|site| &*site.site.file).collect();
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
        let touched: Vec<String> = changed.into_iter().filter(|path| files.contains(path.as_str())).collect();
        if touched.is_empty() {
            continue;
        }
        let unknown: Vec<String> = touched.iter().filter(|path| !bases.contains_key(*path)).cloned().collect();
        bases.extend(read(repository, fetched.base_commit, &unknown, |_| FILE_LIMIT, &mut whole).await);
        let base: Files = touched.iter().filter_map(|path| bases.get_key_value(path)).map(owned).collect();
        let limit = |path: &str| limit(base.get(path).map_or(0, |bytes| bytes.len()));
        let there = read(repository, *head, &touched, limit, &mut whole).await;
        let mut proposed = judged(findings, &base, there, &mut whole).await;
        proposed.retain(|index| !found.contains_key(index));
        if proposed.is_empty() {
            continue;
        }
        // What was on the base when it branched off is not its own doing.
        let parting = if pull.same_repository {
            repository.merge_base(fetched.base_commit, *head).await
        } else {
            repository.merge_base_held(fetched.base_commit, *head).await
        };
        let before = match parting {
            Ok(Some(begin)) => read(repository, begin, &touched, limit, &mut whole).await,
            other => {
                whole &= other.is_ok();
                Files::new()
            }
        };
        let before = judged(findings, &base, before, &mut whole).await;
        let link = || PullLink { number: pull.number, url: pull.url.clone() };
        found.extend(proposed.difference(&before).map(|index| (*index, link())));
    }
    if whole { Ok(found) } else { Err(found) }
}

fn owned((path, bytes): (&String, &Arc<[u8]>)) -> (String, Arc<[u8]>) {
    (path.clone(), bytes.clone())
}

async fn read(
    repository: &Repository,
    at: Oid,
    paths: &[String],
    limit: impl Fn(&str) -> u64,
    whole: &mut bool,
) -> Files {
    let mut files = Files::new();
    for path in paths {
        // Deleted, too large or unreadable there: it sets nothing.
        match repository.file(at, path, limit(path)).await {
            Ok(bytes) => drop(files.insert(path.clone(), bytes.into())),
            Err(error) => *whole &= matches!(error.kind, Failure::Missing(_) | Failure::TooBig { .. }),
        }
    }
    files
}

/// The updates of which any site stands at the target or beyond in these files. Parsing what strangers wrote is no work
/// for a thread that others wait for.
async fn judged(findings: &Arc<Findings>, base: &Files, files: Files, whole: &mut bool) -> BTreeSet<usize> {
    let (findings, base) = (findings.clone(), base.clone());
    let judging = tokio::task::spawn_blocking(move || proposed(&findings.updates, &base, &files));
    judging.await.unwrap_or_else(|error| {
        tracing::error!(%error, "reading a pull request's files broke off: a bug, please report it");
        *whole = false;
        BTreeSet::new()
    })
}

/// Each file is parsed once, however many sites it has, and forgotten before the next one.
fn proposed(updates: &[Update], base: &Files, files: &Files) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for (path, now) in files {
        let Some(then) = base.get(path) else { continue };
        let (then, now) = (yaml::State::read(then), yaml::State::read(now));
        let set = |update: &Update| {
            update.sites.iter().filter(|site| *site.site.file == **path).any(|site| {
                now.text_of(&then, &site.site).is_some_and(|text| {
                    text == site.to || Version::of_tag(&text).is_some_and(|version| version >= update.target.version)
                })
            })
        };
        found.extend(updates.iter().enumerate().filter(|(_, update)| set(update)).map(|(index, _)| index));
    }
    found
}
