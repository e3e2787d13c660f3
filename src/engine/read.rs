//! A tree's files become facts. What an earlier pass has parsed is remembered by blob id: in memory between the passes
//! of one process, in the cache directory across restarts. An unchanged file is never parsed twice.

use super::report::Finding;
use crate::inventory::{self, FileFacts};
use crate::model::{BlobId, Problem, Reason, TreeFile};
use crate::world::cache::Cache;
use crate::world::tree::{Listing, Skipped, TreeReader};
use globset::{Glob, GlobSet, GlobSetBuilder};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Files above this are listed with the reason and not read; real manifests are a thousand times smaller.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;
/// The same for a `.sourceignore`.
const IGNORE_FILE_LIMIT: u64 = 1024 * 1024;

/// Which files of a repository count.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Nothing where every path is included.
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Filter {
    /// From checked patterns; one that does not parse matches nothing (the configuration has refused it before).
    pub fn new(include: &[String], exclude: &[String]) -> Self {
        let all = include.iter().any(|pattern| pattern == "**");
        Self { include: (!all).then(|| set(include)), exclude: set(exclude) }
    }

    /// Whether the patterns leave no file out.
    pub fn is_everything(&self) -> bool {
        self.include.is_none() && self.exclude.is_empty()
    }

    fn admits(&self, path: &str) -> bool {
        let included = || self.include.as_ref().is_none_or(|include| include.is_match(path));
        // What Flux leaves out is no matter of what the operator wants to see.
        inventory::is_ignore_file(path) || inventory::reads(path) && included() && !self.exclude.is_match(path)
    }
}

fn set(patterns: &[String]) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for glob in patterns.iter().filter_map(|pattern| Glob::new(pattern).ok()) {
        builder.add(glob);
    }
    builder.build().unwrap_or_default()
}

/// What this process remembers of one repository's files.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    /// The last listing, for the next one to be made from.
    listing: Listing,
    /// Facts of its blobs.
    facts: HashMap<BlobId, Arc<FileFacts>>,
    /// The same by path.
    files: Files,
}

/// Path and facts of each file, in the tree's order.
pub type Files = Arc<Vec<(String, Arc<FileFacts>)>>;

impl Memory {
    /// Gives the last listing away: [`facts`] brings the next one.
    pub fn listing(&self) -> Listing {
        std::mem::take(&mut self.lock().listing)
    }

    /// Lets go of everything; the cache on disk has it still.
    pub fn clear(&self) {
        *self.lock() = Remembered::default();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every file's facts, and what could not be read.
#[derive(Debug, Default)]
pub struct Facts {
    /// Path and facts, in the tree's order; the very list of the last reading where the facts are equal throughout.
    pub files: Files,
    /// Files that could not be read.
    pub problems: Vec<Finding>,
    /// How many of these are files that another try may read.
    pub failed: usize,
    /// How many files were parsed now, not remembered.
    pub parsed: usize,
}

/// Reads what is not remembered. Blocks: call it where blocking is fine.
pub fn facts(
    listing: Listing,
    reader: &TreeReader,
    filter: &Filter,
    memory: &Memory,
    cache: &Cache,
    now: Timestamp,
) -> Facts {
    let admitted: Vec<&TreeFile> = listing.tree.files.iter().filter(|file| filter.admits(&file.path)).collect();
    // Known by their names, not by their bytes, or without an id: nothing of them is remembered by blob.
    let by_itself = |file: &TreeFile| inventory::is_ignore_file(&file.path) || file.blob.0.is_empty();
    let (named, wanted): (Vec<&TreeFile>, Vec<&TreeFile>) = admitted.iter().copied().partition(|file| by_itself(file));
    let Remembered { facts: mut known, files: before, .. } = std::mem::take(&mut *memory.lock());
    recall(&wanted, &mut known, &before, cache, now);
    let mut problems = Vec::new();
    let mut unread: Vec<&TreeFile> = Vec::new();
    let mut asked = std::collections::HashSet::new();
    for &file in &wanted {
        if file.size > FILE_LIMIT {
            problems.push(finding(file, format!("{} bytes: files over 16 MiB are not read", file.size)));
        } else if !known.contains_key(&file.blob) && asked.insert(&file.blob) {
            unread.push(file);
        }
    }
    let parsed = parse(&unread, reader);
    let count = parsed.len();
    let mut failed = 0;
    let mut fresh = Vec::new();
    for (file, result) in parsed {
        match result {
            Ok(facts) => {
                let facts = equal(&before, &file.path, &facts).unwrap_or_else(|| Arc::new(facts));
                fresh.push((file.blob.clone(), facts.clone()));
                known.insert(file.blob.clone(), facts);
            }
            Err(problem) => {
                failed += 1;
                problems.push(Finding { file: Some(file.path.clone()), line: None, problem });
            }
        }
    }
    remember(&fresh, cache, now);
    let mut by_name: HashMap<&str, Arc<FileFacts>> = HashMap::new();
    for file in named {
        let limit = if inventory::is_ignore_file(&file.path) { IGNORE_FILE_LIMIT } else { FILE_LIMIT };
        match reader.read(file, limit) {
            Ok(bytes) => {
                let facts = inventory::read_file(&file.path, &bytes);
                let facts = equal(&before, &file.path, &facts).unwrap_or_else(|| Arc::new(facts));
                by_name.insert(&file.path, facts);
            }
            Err(problem) => {
                failed += 1;
                problems.push(Finding { file: Some(file.path.clone()), line: None, problem });
            }
        }
    }
    let of = |file: &TreeFile| {
        let facts = if by_itself(file) { by_name.get(file.path.as_str()) } else { known.get(&file.blob) };
        facts.cloned()
    };
    let files: Vec<_> = admitted.iter().filter_map(|file| Some((file.path.clone(), of(file)?))).collect();
    // What no file has any more goes; a blob more or less is not worth the looking.
    if known.len() > files.len() + files.len() / 8 + 16 {
        let ids: std::collections::HashSet<&BlobId> = wanted.iter().map(|file| &file.blob).collect();
        known.retain(|blob, _| ids.contains(blob));
    }
    let unchanged = files.len() == before.len()
        && files.iter().zip(before.iter()).all(|(now, then)| now.0 == then.0 && Arc::ptr_eq(&now.1, &then.1));
    let files = if unchanged { before } else { Arc::new(files) };
    let counts = |skipped: &&Skipped| skipped.directory || inventory::reads(&skipped.path);
    for skipped in listing.skipped.iter().filter(counts) {
        let what = if skipped.directory { ", nor is anything in it" } else { "" };
        let problem = Problem::new(Reason::InvalidDocument, format!("not read{what}: {}", skipped.why));
        problems.push(Finding { file: Some(skipped.path.clone()), line: None, problem });
    }
    *memory.lock() = Remembered { listing, facts: known, files: files.clone() };
    Facts { files, problems, failed, parsed: count }
}

/// The facts that the path had before, where they say the same: what rests on them is then seen to be unchanged.
fn equal(before: &[(String, Arc<FileFacts>)], path: &str, facts: &FileFacts) -> Option<Arc<FileFacts>> {
    let index = before.binary_search_by(|(known, _)| known.as_str().cmp(path)).ok()?;
    before.get(index).filter(|(_, known)| **known == *facts).map(|(_, known)| known.clone())
}

fn finding(file: &TreeFile, message: String) -> Finding {
    Finding { file: Some(file.path.clone()), line: None, problem: Problem::new(Reason::InvalidDocument, message) }
}

/// Takes from the cache what memory lacks.
fn recall(
    wanted: &[&TreeFile],
    known: &mut HashMap<BlobId, Arc<FileFacts>>,
    before: &[(String, Arc<FileFacts>)],
    cache: &Cache,
    now: Timestamp,
) {
    let missing: Vec<&TreeFile> = wanted.iter().filter(|file| !known.contains_key(&file.blob)).copied().collect();
    if missing.is_empty() {
        return;
    }
    let blobs: Vec<BlobId> = missing.iter().map(|file| file.blob.clone()).collect();
    let mut found = cache.get(inventory::FORMAT, &blobs, now);
    for file in missing {
        // What an earlier version wrote differently is parsed anew.
        let facts = found.remove(&file.blob).and_then(|data| serde_json::from_slice::<FileFacts>(&data).ok());
        if let Some(facts) = facts {
            let facts = equal(before, &file.path, &facts).unwrap_or_else(|| Arc::new(facts));
            known.insert(file.blob.clone(), facts);
        }
    }
}

fn remember(fresh: &[(BlobId, Arc<FileFacts>)], cache: &Cache, now: Timestamp) {
    let rows: Vec<(BlobId, Vec<u8>)> = fresh
        .iter()
        .filter_map(|(blob, facts)| Some((blob.clone(), serde_json::to_vec(facts.as_ref()).ok()?)))
        .collect();
    cache.put(inventory::FORMAT, &rows, now);
}

/// Reads and parses on every core.
fn parse<'a>(unread: &[&'a TreeFile], reader: &TreeReader) -> Vec<(&'a TreeFile, Result<FileFacts, Problem>)> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = unread.len().div_ceil(threads).max(16);
    let one = |file: &&'a TreeFile| {
        (*file, reader.read(file, FILE_LIMIT).map(|bytes| inventory::read_file(&file.path, &bytes)))
    };
    std::thread::scope(|scope| {
        let work: Vec<_> =
            unread.chunks(share).map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>())).collect();
        // A thread that panicked is a bug in parsing: its panic goes on in the pass, which reports it.
        work.into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}
