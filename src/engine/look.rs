//! The reading half of a pass: a tree becomes findings. `scan` is this and nothing more; the daemon goes on to pull
//! requests from here.

use super::first_seen;
use super::judge::{self, Judged};
use super::offers::{self, Offers};
use super::read::{self, Filter, Memory};
use super::report::{Finding, Findings};
use crate::inventory::{self, Context};
use crate::model::{Candidate, Lookup, Problem, Reason, Release, Update};
use crate::policy::{self, Effective, Mover, Policy, Rules, Subject};
use crate::resolve::{self, Resolution};
use crate::world::cache::Cache;
use crate::world::registry::Registry;
use crate::world::store::StoreHandle;
use crate::world::tree::{Listing, TreeReader};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Rounds of closer looks at single candidates; each round that is needed rules candidates out, so this bounds how far
/// down the list a pass goes.
const DETAIL_ROUNDS: usize = 8;

/// What one repository's looks share between passes.
#[derive(Debug, Default)]
pub struct Recollection {
    files: Memory,
    resolved: Mutex<Option<([u8; 32], Arc<Resolution>)>>,
}

/// What to look at, and by which rules.
pub struct Request<'a> {
    /// The files.
    pub listing: Listing,
    /// Their contents.
    pub reader: TreeReader,
    /// URL or path for people, without credentials.
    pub shown: String,
    /// The repository's URL, where it is known (Flux rule 24).
    pub url: Option<String>,
    /// Its name in the configuration, for the policy's rules; empty for a folder.
    pub name: &'a str,
    /// Which files count.
    pub filter: Filter,
    /// Policy in force.
    pub rules: &'a Rules,
    /// What earlier looks remember.
    pub recollection: Arc<Recollection>,
    /// Where first-seen times are kept; nothing where none are.
    pub store: Option<&'a StoreHandle>,
    /// The time.
    pub now: Timestamp,
    /// Prefix of branches.
    pub branch_prefix: &'a str,
}

/// A look's result.
#[derive(Debug, Default)]
pub struct Look {
    /// What people see.
    pub findings: Findings,
    /// The sources' answers.
    pub offers: Offers,
    /// What is in force for each row's release.
    pub effective: Vec<Effective>,
}

/// Looks at a tree.
///
/// # Errors
/// The work broke off. Everything else is part of the findings.
pub async fn look(registry: &Arc<Registry>, cache: &Arc<Cache>, request: Request<'_>) -> Result<Look, Problem> {
    let (resolution, problems) = resolved(&request, cache).await?;
    let releases = &resolution.releases;
    let effective: Vec<Effective> = releases.iter().map(|r| effective(request.rules, request.name, r)).collect();
    let policies: Vec<Policy> = effective.iter().map(|e| e.policy.clone()).collect();
    let lookups: BTreeSet<Lookup> = releases.iter().filter_map(|release| release.lookup.clone()).collect();
    let round = registry.round(&lookups);
    let mut offers = offers::ask(&round, lookups).await;
    let first_seen = first_seen::first_seen(request.store, &policies, releases, &offers, request.now).await;
    let judgements = {
        let seen = |lookup: &Lookup, candidate: &Candidate| first_seen.of(lookup, candidate);
        let mut rounds = 0;
        loop {
            match judge::judge(releases, &policies, &offers, request.now, &seen) {
                Judged::Done(judgements) => break judgements,
                Judged::NeedsDetail(wanted) if rounds < DETAIL_ROUNDS => {
                    rounds += 1;
                    offers::detail(&round, &mut offers, wanted).await;
                }
                Judged::NeedsDetail(wanted) => give_up(&mut offers, wanted),
            }
        }
    };
    let rows = judge::rows(releases, &judgements);
    let updates = updates(releases, &policies, &judgements, request.branch_prefix);
    let findings =
        Findings { repository: request.shown, revision: request.listing.tree.revision, rows, updates, problems };
    Ok(Look { findings, offers, effective })
}

/// The rules' word on a release, then its annotations'.
fn effective(rules: &Rules, repository: &str, release: &Release) -> Effective {
    let mut effective = rules.effective(&Subject {
        repository,
        namespace: &release.namespace,
        release: &release.name,
        chart: release.chart.as_deref().unwrap_or_default(),
        url: release.source.as_ref().and_then(|s| s.url.as_deref()).unwrap_or_default(),
    });
    effective.policy = effective.policy.with_annotations(&release.annotations).0;
    effective
}

/// Too many candidates in a row needed a closer look and were ruled out: the source says nothing useful.
fn give_up(offers: &mut Offers, wanted: BTreeSet<(Lookup, String)>) {
    for (lookup, text) in wanted {
        let message = format!(
            "{}: too many of the newest versions are unusable; the last one tried was {text}",
            lookup.canonical()
        );
        offers.insert(lookup, Err(Problem::new(Reason::NoVersions, message)));
    }
}

/// Reads and resolves; an unchanged tree is not even resolved again.
async fn resolved(request: &Request<'_>, cache: &Arc<Cache>) -> Result<(Arc<Resolution>, Vec<Finding>), Problem> {
    let (listing, reader, filter) = (request.listing.clone(), request.reader.clone(), request.filter.clone());
    let (recollection, cache, url, now) =
        (request.recollection.clone(), cache.clone(), request.url.clone(), request.now);
    let work = move || {
        let facts = read::facts(&listing, &reader, &filter, &recollection.files, &cache, now);
        let mut problems = facts.problems;
        let key = fingerprint(&listing, url.as_deref(), problems.len());
        let mut last = recollection.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last.as_ref().filter(|(known, _)| *known == key).map(|(_, resolution)| resolution.clone());
        let resolution = known.unwrap_or_else(|| {
            let inventory = inventory::gather(&facts.files, Context { repository_url: url.as_deref() });
            Arc::new(resolve::resolve(&inventory))
        });
        *last = Some((key, resolution.clone()));
        problems.extend(resolution.problems.iter().map(|found| Finding {
            file: Some(found.file.clone()),
            line: Some(found.line),
            problem: found.problem.clone(),
        }));
        (resolution, problems)
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Problem::new(Reason::InternalError, format!("reading the manifests broke off: {error}")))
}

/// What a resolution depends on.
fn fingerprint(listing: &Listing, url: Option<&str>, unread: usize) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(url.unwrap_or_default());
    hash.update(unread.to_le_bytes());
    for file in &listing.tree.files {
        hash.update(&file.path);
        hash.update([0]);
        hash.update(&file.blob.0);
        hash.update([b'\n']);
    }
    hash.finalize().into()
}

/// The updates of the decisions.
fn updates(
    releases: &[Release],
    policies: &[Policy],
    judgements: &[judge::Judgement],
    branch_prefix: &str,
) -> Vec<Update> {
    let movers: Vec<Mover<'_>> = judgements
        .iter()
        .enumerate()
        .filter_map(|(index, judgement)| {
            let (release, group) = (releases.get(index)?, policies.get(index)?.group.as_str());
            Some(Mover { index, release, decision: judgement.decision()?, group })
        })
        .collect();
    policy::updates(&movers, branch_prefix)
}
