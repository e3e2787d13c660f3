//! The reading half of a pass: a tree becomes findings. `scan` is this and nothing more; the daemon goes on to pull
//! requests from here.

use super::first_seen;
use super::judge::{self, Judged};
use super::offers::{self, Offers};
use super::read::{self, Filter};
pub use super::recollection::Recollection;
use super::recollection::{self, Ground};
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
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rounds of closer looks at single candidates; each round that is needed rules candidates out, so this bounds how far
/// down the list a pass goes.
const DETAIL_ROUNDS: usize = 8;

/// Where the files are.
pub enum Files {
    /// To be read.
    Tree(Listing, TreeReader),
    /// [`Recollection::holds`] this commit: nothing is to be read.
    Held(String),
}

/// What to look at, and by which rules.
pub struct Request<'a> {
    /// The files.
    pub files: Files,
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
    pub findings: Arc<Findings>,
    /// The sources' answers.
    pub offers: Offers,
    /// What is in force for each row's release.
    pub effective: Vec<Arc<Effective>>,
}

/// Looks at a tree.
///
/// # Errors
/// The work broke off. Everything else is part of the findings.
pub async fn look(registry: &Arc<Registry>, cache: &Arc<Cache>, request: Request<'_>) -> Result<Arc<Look>, Problem> {
    let (ground, revision) = ground(&request, cache).await?;
    let round = registry.round(&ground.lookups);
    let mut offers = offers::ask(&round, ground.lookups.clone()).await;
    if let Some(known) = request.recollection.look(&ground, &offers, request.now) {
        return Ok(known);
    }
    let asked = offers.clone();
    let releases = &ground.resolution.releases;
    let policies: Vec<Policy> = ground.effective.iter().map(|e| e.policy.clone()).collect();
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
    let rows = judge::rows(releases, &judgements, &offers);
    let updates = updates(releases, &policies, &judgements, request.branch_prefix);
    let problems = ground.problems.clone();
    let findings = Arc::new(Findings { repository: request.shown, revision, rows, updates, problems });
    let look = Arc::new(Look { findings, offers, effective: ground.effective.clone() });
    request.recollection.keep_look(&ground, asked, &look, request.now);
    Ok(look)
}

/// What the look rests on, and the commit.
async fn ground(request: &Request<'_>, cache: &Arc<Cache>) -> Result<(Arc<Ground>, Option<String>), Problem> {
    let (listing, reader) = match &request.files {
        Files::Tree(listing, reader) => (listing.clone(), reader.clone()),
        Files::Held(commit) => match request.recollection.ground(commit) {
            Some(ground) => return Ok((ground, Some(commit.clone()))),
            None => return Err(Problem::new(Reason::InternalError, "a commit was forgotten: a bug, please report it")),
        },
    };
    let revision = listing.tree.revision.clone();
    let (resolution, problems, whole) = resolved(request, listing, reader, cache).await?;
    let effective = resolution.releases.iter().map(|r| effective(request.rules, request.name, r));
    let ground = Arc::new(Ground {
        effective: recollection::shared(effective),
        lookups: resolution.releases.iter().filter_map(|release| release.lookup.clone()).collect(),
        resolution,
        problems,
    });
    if let Some(commit) = revision.as_ref().filter(|_| whole) {
        request.recollection.keep_ground(commit, &ground);
    }
    Ok((ground, revision))
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

/// Reads and resolves; the last value tells whether every file could be read.
async fn resolved(
    request: &Request<'_>,
    listing: Listing,
    reader: TreeReader,
    cache: &Arc<Cache>,
) -> Result<(Arc<Resolution>, Vec<Finding>, bool), Problem> {
    let (filter, url, now) = (request.filter.clone(), request.url.clone(), request.now);
    let (recollection, cache) = (request.recollection.clone(), cache.clone());
    let work = move || {
        let facts = read::facts(&listing, &reader, &filter, &recollection.files, &cache, now);
        let mut problems = facts.problems;
        let inventory = inventory::gather(&facts.files, Context { repository_url: url.as_deref() });
        let resolution = Arc::new(resolve::resolve(&inventory));
        problems.extend(resolution.problems.iter().map(|found| Finding {
            file: Some(found.file.clone()),
            line: Some(found.line),
            problem: found.problem.clone(),
        }));
        (resolution, problems, facts.failed == 0)
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Problem::new(Reason::InternalError, format!("reading the manifests broke off: {error}")))
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
