//! The reading half of a pass: a tree becomes findings. `scan` is this and nothing more; the daemon goes on to pull
//! requests from here.

pub use super::applied::Kube;
use super::applied::Kubernetes;
use super::first_seen;
use super::fleet::Fleet;
use super::grants;
use super::judge;
use super::offers::{self, Offers};
use super::read::{self, Filter};
pub use super::recollection::Recollection;
use super::recollection::{self, Earlier, Ground};
use super::report::{Finding, Findings, Row};
use super::rounds;
use crate::inventory::{self, Context, FileFacts};
use crate::model::{Candidate, Decision, Lookup, Problem, Reason, Release, Update, without_user};
use crate::policy::{self, Effective, Mover, Other, Rules, Subject};
use crate::resolve::{self, FleetRoots, Neighbours, Resolution};
use crate::world::cache::Cache;
use crate::world::cluster::Sight;
use crate::world::registry::{Grants, Registry};
use crate::world::store::StoreHandle;
use crate::world::tree::{Listing, TreeReader};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Weak};
use tokio::sync::Semaphore;

/// Trees that are read and resolved at once. It is what takes memory, and reading uses every core by itself; a second
/// one goes on while the first waits for the disk.
static READING: Semaphore = Semaphore::const_new(2);

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
    /// Which Kubernetes charts must run on.
    pub kube: Kube<'a>,
    /// What earlier looks remember.
    pub recollection: Arc<Recollection>,
    /// Where first-seen times are kept; nothing where none are.
    pub store: Option<&'a StoreHandle>,
    /// The time.
    pub now: Timestamp,
    /// Prefix of branches.
    pub branch_prefix: &'a str,
    /// What is known of the other repositories of the configuration; the default for one that stands alone.
    pub neighbours: Neighbours,
    /// Where they find what this one holds, and its number there.
    pub fleet: Option<(&'a Fleet, usize)>,
    /// Whether Secrets of sources may be read, and from what was seen of the cluster.
    pub secrets: Secrets<'a>,
}

/// Where the Secrets of sources come from.
#[derive(Clone, Copy)]
pub enum Secrets<'a> {
    /// None is read.
    No,
    /// From the cluster, under Flux rule 27; nothing where it could not be asked.
    Cluster(Option<&'a Sight>),
}

/// A look's result.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// What people see.
    pub findings: Arc<Findings>,
    /// The sources' answers.
    pub offers: Offers,
    /// What is in force for each row's release.
    pub effective: Arc<Vec<Arc<Effective>>>,
    /// The decisions that have a target, by row.
    pub(super) decisions: BTreeMap<usize, Arc<Decision>>,
    /// What it was judged for.
    pub kube: Kubernetes,
    /// The logins that the sources were asked with.
    pub(super) grants: Arc<Grants>,
    /// The tree, resolved.
    pub(super) resolution: Arc<Resolution>,
}

/// Reads and resolves a tree and shows it to the other repositories; asks no chart source.
///
/// # Errors
/// The work broke off.
pub async fn gather(cache: &Arc<Cache>, mut request: Request<'_>) -> Result<(), Problem> {
    let files = std::mem::replace(&mut request.files, Files::Held(String::new()));
    ground(&request, files, cache).await.map(drop)
}

/// Looks at a tree.
///
/// # Errors
/// The work broke off. Everything else is part of the findings.
pub async fn look(
    registry: &Arc<Registry>,
    cache: &Arc<Cache>,
    mut request: Request<'_>,
) -> Result<Arc<Look>, Problem> {
    let files = std::mem::replace(&mut request.files, Files::Held(String::new()));
    let (ground, revision) = ground(&request, files, cache).await?;
    let kube = request.kube.among(&roots(&request, &ground.resolution));
    let grants = match request.secrets {
        Secrets::No => Arc::default(),
        Secrets::Cluster(sight) => {
            let theirs = ground.resolution.releases.iter().filter(|release| kube.applied.concerns(release));
            let theirs = theirs.filter_map(|release| release.lookup.as_ref()?.source()).collect();
            Arc::new(grants::grants(sight, &ground.lookups, &theirs).await)
        }
    };
    let round = registry.round_with(ground.lookups.iter().map(Arc::as_ref), grants.clone());
    let asked = offers::ask(&round, &ground.lookups).await;
    // What was judged for another version of Kubernetes does not stand.
    if let Some(known) = request.recollection.look(&ground, &asked, request.now)
        && known.kube == kube
    {
        // Logins may have been changed since.
        return Ok(if grants.is_empty() { known } else { Arc::new(Look { grants, ..known.as_ref().clone() }) });
    }
    let earlier = request.recollection.earlier(request.now);
    let earlier = earlier.filter(|earlier| earlier.look.kube == kube);
    let standing = earlier.as_ref().map(|earlier| Standing::of(&ground, earlier, &asked));
    let mut offers = asked.clone();
    if let (Some(earlier), Some(standing)) = (&earlier, &standing) {
        // What closer looks said stands with what was judged by it.
        let known = standing.lookups.iter().filter_map(|lookup| Some((*lookup, earlier.look.offers.get(*lookup)?)));
        offers.extend(known.map(|(lookup, offer)| (lookup.clone(), offer.clone())));
    }
    let releases = &ground.resolution.releases;
    let first_seen = first_seen::first_seen(request.store, &ground.effective, releases, &offers, request.now).await;
    let judgements = {
        let seen = |lookup: &Lookup, candidate: &Candidate| first_seen.of(lookup, candidate);
        let stands = |index: usize| standing.as_ref().is_some_and(|standing| standing.rows[index].is_some());
        let effective = &ground.effective;
        let kube_version = |index: usize| kube.for_release(&releases[index]);
        let awaits_kube = |index: usize| kube.awaited_by(&releases[index]);
        let (stands, seen, kube_version, awaits_kube) = (&stands, &seen, &kube_version, &awaits_kube);
        let docket = judge::Docket { releases, effective, stands, now: request.now, seen, kube_version, awaits_kube };
        rounds::verdicts(&round, &mut offers, &docket).await
    };
    let mut decisions = BTreeMap::new();
    let mut rows: Vec<Arc<Row>> = Vec::with_capacity(releases.len());
    for (index, (release, judgement)) in releases.iter().zip(judgements).enumerate() {
        let kept = standing.as_ref().and_then(|standing| standing.rows[index]).zip(earlier.as_ref());
        let (row, decision) = match (judgement, kept) {
            (Some(judgement), _) => {
                let decision = judgement.decision().filter(|decision| decision.target.is_some()).cloned();
                (judge::row(release, judgement, &offers), decision)
            }
            (None, Some((number, earlier))) => {
                (earlier.look.findings.rows[number].clone(), earlier.look.decisions.get(&number).cloned())
            }
            (None, None) => return Err(Problem::new(Reason::InternalError, "a release was not judged: a bug")),
        };
        rows.push(row);
        decisions.extend(decision.map(|decision| (index, decision)));
    }
    let updates = updates(releases, &ground.effective, &decisions, request.branch_prefix);
    let problems = ground.problems.clone();
    let findings =
        Arc::new(Findings { repository: request.shown, revision, rows, updates, problems, cluster_read: None });
    let (effective, resolution) = (ground.effective.clone(), ground.resolution.clone());
    let look = Arc::new(Look { findings, offers, effective, decisions, kube, grants, resolution });
    // The youngest look is as old as the oldest thing that it took over.
    let any = standing.is_some_and(|s| !s.lookups.is_empty() || s.rows.iter().any(Option::is_some));
    let at = earlier.filter(|_| any).map_or(request.now, |earlier| earlier.at);
    request.recollection.keep_look(&ground, asked, &look, at);
    Ok(look)
}

/// Which rows of an earlier look stand: the release, what is in force for it, and what its source says are the same,
/// for it and for every release that shares its bytes; and time has no say.
struct Standing<'a> {
    /// For each release the number of its earlier row.
    rows: Vec<Option<usize>>,
    /// Sources whose closer looks stand.
    lookups: Vec<&'a Arc<Lookup>>,
}

impl<'a> Standing<'a> {
    fn of(ground: &'a Ground, earlier: &Earlier, asked: &Offers) -> Self {
        let mut lookups: Vec<&Arc<Lookup>> = ground.lookups.iter().filter(|l| earlier.stands(l, asked)).collect();
        let standing: HashSet<&Lookup> = lookups.iter().map(AsRef::as_ref).collect();
        let moved: HashSet<&Lookup> =
            ground.lookups.iter().map(AsRef::as_ref).filter(|lookup| !standing.contains(lookup)).collect();
        let before = &earlier.ground.resolution.releases;
        let same = recollection::same_as(before, &ground.resolution.releases);
        let gone = recollection::others(before, &same);
        let mut rows: Vec<Option<usize>> = Vec::with_capacity(ground.resolution.releases.len());
        let mut places: HashSet<Place<'_>> = gone.filter_map(|release| place(release)).collect();
        for ((release, effective), number) in ground.resolution.releases.iter().zip(ground.effective.iter()).zip(same) {
            let number = number.filter(|number| {
                let before = &earlier.ground.effective[*number];
                let unchanged = Arc::ptr_eq(before, effective) || before == effective;
                let source = moved.is_empty()
                    || release.lookup.as_deref().is_none_or(|lookup| !recollection::among(&moved, &lookup));
                unchanged && source && effective.policy.minimum_age.is_zero()
            });
            if number.is_none() {
                places.extend(place(release));
            }
            rows.push(number);
        }
        if !places.is_empty() {
            for (row, release) in rows.iter_mut().zip(&ground.resolution.releases) {
                *row = row.filter(|_| place(release).is_none_or(|place| !recollection::among(&places, &place)));
            }
        }
        // A closer look that nothing stands on any more is not what a look without memory would have.
        let releases = || rows.iter().zip(&ground.resolution.releases);
        let fallen = releases().filter(|(row, _)| row.is_none()).filter_map(|(_, release)| release.lookup.as_deref());
        let mut unused: HashSet<&Lookup> = fallen.collect();
        if !unused.is_empty() {
            for lookup in
                releases().filter(|(row, _)| row.is_some()).filter_map(|(_, release)| release.lookup.as_deref())
            {
                if recollection::among(&unused, &lookup) {
                    unused.remove(lookup);
                }
            }
            lookups.retain(|lookup| !unused.contains(lookup.as_ref()));
        }
        Self { rows, lookups }
    }
}

/// The bytes that a release's version stands in.
type Place<'a> = (&'a str, usize, usize);

fn place(release: &Release) -> Option<Place<'_>> {
    release.site.as_ref().map(|site| (&*site.file, site.start, site.end))
}

/// The roots that are known: of the fleet, or of a repository that stands alone.
fn roots(request: &Request<'_>, resolution: &Resolution) -> FleetRoots {
    let called = || resolution.releases.iter().filter_map(|release| release.cluster.as_deref());
    FleetRoots::of(&request.neighbours, &resolution.published)
        .unwrap_or_else(|| FleetRoots::alone(request.name, called()))
}

/// What the look rests on, and the commit.
async fn ground(
    request: &Request<'_>,
    files: Files,
    cache: &Arc<Cache>,
) -> Result<(Arc<Ground>, Option<String>), Problem> {
    let (listing, reader) = match files {
        Files::Tree(listing, reader) => (listing, reader),
        Files::Held(commit) => match request.recollection.ground(&commit) {
            Some(ground) => {
                show(request, &ground.resolution, true);
                return Ok((ground, Some(commit)));
            }
            None => return Err(Problem::new(Reason::InternalError, "a commit was forgotten: a bug, please report it")),
        },
    };
    let revision = listing.tree.revision.clone();
    let Resolved { files, resolution, problems, whole } = resolved(request, listing, reader, cache).await?;
    show(request, &resolution, whole);
    let before = request.recollection.last_ground().filter(|before| before.rules == *request.rules);
    let effective = match &before {
        // The rules say the same of the same release.
        Some(before) if Arc::ptr_eq(&before.resolution, &resolution) => before.effective.clone(),
        before => Arc::new(effective_of(request, &resolution, before.as_deref())),
    };
    let lookups = recollection::lookups(&resolution.releases, before.as_deref());
    let (rules, taken) = (request.rules.clone(), request.neighbours.taken_by(&resolution.published));
    let ground = Arc::new(Ground { files, resolution, problems, effective, rules, lookups, taken });
    if let Some(commit) = revision.as_ref().filter(|_| whole) {
        request.recollection.keep_ground(commit, &ground);
    }
    Ok((ground, revision))
}

/// Shows the other repositories what this one holds. A tree that could not be read completely shows nothing new.
fn show(request: &Request<'_>, resolution: &Resolution, whole: bool) {
    match request.fleet {
        Some((fleet, number)) if whole => drop(fleet.read(number, &resolution.published)),
        Some((fleet, number)) => fleet.failed(number, "files of it could not be read"),
        None => {}
    }
}

/// What is in force for each release, equal ones shared; those that stood on the same rules before are not asked again.
fn effective_of(request: &Request<'_>, resolution: &Resolution, before: Option<&Ground>) -> Vec<Arc<Effective>> {
    let (earlier, known) = before.map_or((&[][..], &[][..]), |b| (&b.resolution.releases[..], &b.effective[..]));
    let same = recollection::same_as(earlier, &resolution.releases);
    recollection::shared(resolution.releases.iter().zip(same).map(|(release, same)| match same {
        Some(number) => known[number].clone(),
        None => Arc::new(effective(request.rules, request.name, release)),
    }))
}

/// The rules' word on a release, then its annotations'.
fn effective(rules: &Rules, repository: &str, release: &Release) -> Effective {
    let shown = release.source.as_ref().and_then(|source| source.url.as_deref()).unwrap_or_default();
    // Rules are matched with the URL as it is written; of one whose query is not shown, with what is asked.
    let asked = release.lookup.as_ref().filter(|_| shown.contains(['?', '#'])).map(|lookup| without_user(lookup.url()));
    let mut effective = rules.effective(&Subject {
        repository,
        namespace: &release.namespace,
        release: &release.name,
        chart: release.chart.as_deref().unwrap_or_default(),
        url: asked.as_deref().unwrap_or(shown),
    });
    effective.policy = effective.policy.with_annotations(&release.annotations).0;
    effective
}

/// A tree, read and resolved.
struct Resolved {
    files: Weak<Vec<(String, Arc<FileFacts>)>>,
    resolution: Arc<Resolution>,
    problems: Vec<Finding>,
    /// Every file could be read.
    whole: bool,
}

/// Reads and resolves.
async fn resolved(
    request: &Request<'_>,
    listing: Listing,
    reader: TreeReader,
    cache: &Arc<Cache>,
) -> Result<Resolved, Problem> {
    let (filter, url, now) = (request.filter.clone(), request.url.clone(), request.now);
    let (recollection, cache, neighbours) = (request.recollection.clone(), cache.clone(), request.neighbours.clone());
    let secrets = matches!(request.secrets, Secrets::Cluster(_));
    let work = move || {
        let facts = read::facts(listing, &reader, &filter, &recollection.files, &cache, now);
        let mut problems = facts.problems;
        let before = recollection.last_ground();
        let resolution = match before {
            // One recollection knows one URL only: equal files are all there is to resolving.
            Some(before)
                if before.is_beside(&neighbours)
                    && before.files.upgrade().is_some_and(|files| Arc::ptr_eq(&files, &facts.files)) =>
            {
                before.resolution.clone()
            }
            before => {
                let mut memo = recollection.memo();
                let context = Context { repository_url: url.as_deref() };
                let inventory = inventory::gather_after(memo.inventory(), &facts.files, context);
                let mut resolution = resolve::resolve_after(&inventory, &neighbours, &mut memo);
                recollection.resolved(memo);
                if secrets {
                    grants::sign(&mut resolution);
                }
                if let Some(before) = before {
                    resolution.releases = recollection::same_releases(&before.resolution.releases, resolution.releases);
                }
                Arc::new(resolution)
            }
        };
        problems.extend(resolution.problems.iter().map(|found| Finding {
            file: Some(found.file.clone()),
            line: Some(found.line),
            problem: found.problem.clone(),
        }));
        Resolved { files: Arc::downgrade(&facts.files), resolution, problems, whole: facts.failed == 0 }
    };
    // A permit that is waited for here holds nothing: the listing is all that this pass has so far.
    let _turn = READING.acquire().await;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Problem::new(Reason::InternalError, format!("reading the manifests broke off: {error}")))
}

/// The updates of the decisions.
fn updates(
    releases: &[Arc<Release>],
    effective: &[Arc<Effective>],
    decisions: &BTreeMap<usize, Arc<Decision>>,
    branch_prefix: &str,
) -> Vec<Update> {
    let movers: Vec<Mover<'_>> = decisions
        .iter()
        .filter_map(|(index, decision)| {
            let (release, policy) = (releases.get(*index)?, &effective.get(*index)?.policy);
            let (group, separate) = (policy.group.as_str(), policy.separate_majors);
            Some(Mover { index: *index, release, decision, group, separate })
        })
        .collect();
    let all = releases.iter().zip(effective).enumerate().filter(|(index, _)| !decisions.contains_key(index));
    let others: Vec<Other<'_>> = all
        .map(|(index, (release, effective))| Other { index, release, group: effective.policy.group.as_str() })
        .collect();
    policy::updates(&movers, &others, branch_prefix)
}

#[cfg(test)]
#[path = "look_tests.rs"]
mod tests;
