//! One pass over one repository: gather everything once, plan without IO, act without choosing, report. A crash between
//! any two writes is just another pass.

use super::act::{Hands, Prepared, cut, late, stopped};
use super::daemon::Pass;
use super::edits;
use super::fleet::{self, Fleet};
use super::in_force::in_force;
use super::look::{self, Files, Kube, Look, Recollection, Request, Secrets, look};
use super::propose;
use super::read::Filter;
use super::recollection::Shelf;
use super::report::{Deed, DeedKind, Finding, Outcome, Pull, Report, Row};
use super::survey::{self, Survey};
use super::witness::{self, ClusterView};
use super::{branches, elsewhere};
use crate::config::{self, Config, Forge as ForgeConfig, Mode, RepositorySettings};
use crate::model::{Problem, Reason, Schedule, Status, chart_digest};
use crate::policy::Rules;
use crate::proposal::{self, Action, PullRequest, Signatures, Situation, Unsure, Verb};
use crate::resolve::Neighbours;
use crate::world::cache::Cache;
use crate::world::cluster::{Cluster, Sight};
use crate::world::forge::Forge;
use crate::world::git::{Failure, Fetched, Oid, Repository, Wanted as WantedRefs};
use crate::world::registry::Registry;
use crate::world::store::StoreHandle;
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long a write under way may go on after the signal to end: less than the 10 s of Docker and the 30 s of
/// Kubernetes, after which the process would be killed anyway.
const GRACE: Duration = Duration::from_secs(8);

/// What all repositories of the process share.
pub struct Shared {
    /// The configuration.
    pub config: Config,
    /// Chart sources.
    pub registry: Arc<Registry>,
    /// The cluster, where there is access to it.
    pub cluster: Option<Arc<Cluster>>,
    /// What may be lost.
    pub cache: Arc<Cache>,
    /// What may not.
    pub store: StoreHandle,
    /// Bounds what repositories keep in memory.
    pub shelf: Shelf,
    /// What the repositories show each other.
    pub fleet: Fleet,
    /// The clock.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// One repository's pass.
pub struct RepositoryPass {
    /// What is shared.
    pub shared: Arc<Shared>,
    /// The repository in the configuration.
    pub repository: config::Repository,
    /// Its place there.
    pub number: usize,
    /// Its bare repository.
    pub git: Repository,
    /// Its forge; nothing where it only reports.
    pub forge: Option<Arc<dyn Forge>>,
    /// What earlier passes remember.
    pub recollection: Arc<Recollection>,
    /// Text of the body's template, read at the start.
    pub body_template: Option<String>,
}

#[async_trait]
impl Pass for RepositoryPass {
    async fn pass(&self, id: &str, stop: &CancellationToken) -> Report {
        let started = (self.shared.now)();
        let mut report = Report::broken(&self.repository.name, id, started, started);
        self.git.shown_url().clone_into(&mut Arc::make_mut(&mut report.findings).repository);
        let reading = Reading(self);
        // On the heap: it is large, and one is under way for each repository.
        report.error = Box::pin(self.make(&mut report, stop)).await.err();
        drop(reading);
        report.finished = (self.shared.now)();
        if stop.is_cancelled() && report.error.is_some() {
            tracing::info!("pass cut short; the next start makes it again");
        } else {
            log(&report);
        }
        report
    }

    fn opens(&self, now: Timestamp) -> Option<Timestamp> {
        let config = &self.shared.config;
        if self.forge.is_none() || config.mode == Mode::Report || config.paused {
            return None;
        }
        let rules = config.policy.rules.iter().filter_map(|rule| rule.schedule.as_ref());
        let texts = std::iter::once(&self.repository.schedule).chain(rules);
        texts.filter_map(|texts| Schedule::parse(texts).ok()?.next_start(now)).min()
    }

    fn wake(&self) -> Option<Arc<Notify>> {
        self.shared.fleet.wake(self.number)
    }
}

/// A pass under way: the others wait no longer for one that ended before it came to reading, also by a panic.
struct Reading<'p>(&'p RepositoryPass);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.shared.fleet.given_up(self.0.number);
    }
}

/// What reading came to: what to do, and with what.
struct Plan {
    forge: Arc<dyn Forge>,
    survey: Survey,
    base: (String, Oid),
    prepared: Vec<Prepared>,
    actions: Vec<Action>,
}

impl RepositoryPass {
    /// Fills the report; what is filled in before an error stays. When the process is to end, reading ends at once
    /// (nothing is lost by it), and writing after the step under way.
    async fn make(&self, report: &mut Report, stop: &CancellationToken) -> Result<(), Problem> {
        report.error = None;
        let Some(plan) = stop.run_until_cancelled(Box::pin(self.plan(report))).await else {
            return Err(Problem::new(Reason::InternalError, "the process is to end: the pass was cut short"));
        };
        if let Some(plan) = plan? {
            self.carry_out(report, plan, stop).await;
        }
        Ok(())
    }

    /// Reads everything and decides; nothing to carry out where there is no forge.
    async fn plan(&self, report: &mut Report) -> Result<Option<Plan>, Problem> {
        let now = report.started;
        let prefix = &self.shared.config.pull_requests.branch_prefix;
        let survey = match &self.forge {
            Some(forge) => Some(survey::survey(forge.as_ref(), prefix).await),
            None => None,
        };
        let numbers = survey.as_ref().and_then(|s| s.as_ref().ok()).map(Survey::numbers).unwrap_or_default();
        let (pulls, forks) = numbers;
        let wanted = WantedRefs { base: self.repository.branch.clone(), prefix: prefix.clone(), pulls, forks };
        let read = async {
            let (fetched, sight) = tokio::join!(self.git.fetch(wanted), self.sight());
            let fetched = fetched.map_err(|error| error.problem())?;
            let own = in_force(&self.git, &self.shared.config, &fetched).await?;
            let neighbours = self.shared.fleet.view(self.number);
            let seen = (&neighbours, sight.as_deref());
            let found = self.look(&fetched, &own.rules, own.problems.is_empty(), seen, now).await?;
            let found = witness::beside(found, &self.cluster_view(seen, &fetched.base_branch));
            Ok((fetched, own, neighbours, found))
        };
        let (mut fetched, own, neighbours, found) = Box::pin(read).await.inspect_err(|problem| self.unread(problem))?;
        report.findings = found.findings.clone();
        let others = fleet::findings(&neighbours, &found.resolution.published, !found.resolution.doubtful.is_empty());
        let awaits = others.iter().any(|finding| finding.problem.reason == Reason::RepositoryUnread);
        if !others.is_empty() {
            Arc::make_mut(&mut report.findings).problems.extend(others);
        }
        if !own.problems.is_empty() {
            Arc::make_mut(&mut report.findings).problems.extend(own.problems.iter().cloned());
        }
        let (Some(forge), Some(survey)) = (&self.forge, survey) else { return Ok(None) };
        let survey = survey?;
        let on_base: BTreeSet<u64> = survey.foreign(&fetched.base_branch).iter().map(|pull| pull.number).collect();
        fetched.unread_pulls.retain(|number, _| on_base.contains(number));
        if !fetched.unread_pulls.is_empty() {
            Arc::make_mut(&mut report.findings).problems.extend(unread_pulls(&fetched, &survey));
        }
        if let Some(beyond) = survey.beyond() {
            Arc::make_mut(&mut report.findings).problems.push(beyond);
        }
        // Shown also where something fails from here on.
        report.pulls = self.ours(&survey.pulls, &survey.login);
        if let Some(problem) = own.refusal() {
            return Err(problem);
        }
        self.pull_requests(report, (&found, awaits), &own.settings, forge, survey, &fetched).await.map(Some)
    }

    /// The others keep what this repository showed last.
    fn unread(&self, problem: &Problem) {
        self.shared.fleet.failed(self.number, &problem.message);
    }

    /// Reads and resolves for the others' sake; what was fetched, for the next time. Who could not be fetched the `first`
    /// time is not tried again.
    pub(super) async fn gather(&self, fetched: Option<Fetched>, first: bool) -> Option<Fetched> {
        if fetched.is_none() && !first {
            return None;
        }
        let read = async {
            let prefix = self.shared.config.pull_requests.branch_prefix.clone();
            let wanted = WantedRefs { base: self.repository.branch.clone(), prefix, ..WantedRefs::default() };
            let fetched = match fetched {
                Some(fetched) => fetched,
                None => self.git.fetch(wanted).await.map_err(|error| error.problem())?,
            };
            let own = in_force(&self.git, &self.shared.config, &fetched).await?;
            let neighbours = self.shared.fleet.view(self.number);
            let (remember, now) = (own.problems.is_empty(), (self.shared.now)());
            let request = self.request(&fetched, &own.rules, remember, (&neighbours, None), now).await?;
            look::gather(&self.shared.cache, request).await?;
            Ok(fetched)
        };
        Box::pin(read).await.inspect_err(|problem| self.unread(problem)).ok()
    }

    /// What the cluster shows, where there is access to it.
    async fn sight(&self) -> Option<Arc<Sight>> {
        match &self.shared.cluster {
            Some(cluster) => Some(cluster.look().await),
            None => None,
        }
    }

    fn cluster_view<'a>(
        &'a self,
        (neighbours, sight): (&'a Neighbours, Option<&'a Sight>),
        branch: &'a str,
    ) -> ClusterView<'a> {
        let config = &self.shared.config.cluster;
        let paths = &self.repository.paths;
        let everything = Filter::new(&paths.include, &paths.exclude).is_everything();
        ClusterView { config, sight, url: flux_url(&self.repository), branch: Some(branch), everything, neighbours }
    }

    /// `remember`: the rules are the commit's own, so that this look may stand for the next one.
    async fn look(
        &self,
        fetched: &Fetched,
        rules: &Rules,
        remember: bool,
        seen: (&Neighbours, Option<&Sight>),
        now: Timestamp,
    ) -> Result<Arc<Look>, Problem> {
        let request = self.request(fetched, rules, remember, seen, now).await?;
        let (read, recollection) = (matches!(request.files, Files::Tree(..)), request.recollection.clone());
        let found = look(&self.shared.registry, &self.shared.cache, request).await?;
        if read {
            self.shared.shelf.used(&recollection, found.findings.rows.len());
        }
        Ok(found)
    }

    async fn request<'r>(
        &'r self,
        fetched: &Fetched,
        rules: &'r Rules,
        remember: bool,
        (neighbours, sight): (&Neighbours, Option<&'r Sight>),
        now: Timestamp,
    ) -> Result<Request<'r>, Problem> {
        let recollection = if remember { self.recollection.clone() } else { Arc::default() };
        let commit = fetched.base_commit.to_string();
        let files = if recollection.holds(&commit, neighbours) {
            Files::Held(commit)
        } else {
            let before = recollection.listing();
            let listing = self.git.tree_after(fetched.base_commit, before).await.map_err(|error| error.problem())?;
            Files::Tree(listing, self.git.reader().await.map_err(|error| error.problem())?)
        };
        let paths = &self.repository.paths;
        Ok(Request {
            files,
            shown: self.git.shown_url().to_owned(),
            url: flux_url(&self.repository),
            name: &self.repository.name,
            filter: Filter::new(&paths.include, &paths.exclude),
            rules,
            recollection,
            store: Some(&self.shared.store),
            now,
            branch_prefix: &self.shared.config.pull_requests.branch_prefix,
            neighbours: neighbours.clone(),
            fleet: Some((&self.shared.fleet, self.number)),
            secrets: if self.shared.config.cluster.secrets { Secrets::Cluster(sight) } else { Secrets::No },
            kube: Kube::of(&self.shared.config.cluster, sight),
        })
    }

    /// What is wanted, what is there, and so what to do.
    async fn pull_requests(
        &self,
        report: &mut Report,
        (found, awaits): (&Look, bool),
        settings: &RepositorySettings,
        forge: &Arc<dyn Forge>,
        mut survey: Survey,
        fetched: &Fetched,
    ) -> Result<Plan, Problem> {
        let now = report.started;
        let updates = &found.findings.updates;
        let foreign: Vec<_> = survey.foreign(&fetched.base_branch);
        let mut book = self.recollection.drafts.open();
        let elsewhere = elsewhere::elsewhere(&self.git, fetched, &found.findings, &foreign, &mut book).await;
        let windows = Schedule::parse(&self.repository.schedule).unwrap_or_default();
        let proposer = propose::Proposer {
            git: &self.git,
            registry: &self.shared.registry,
            found,
            settings,
            base: (&fetched.base_branch, fetched.base_commit),
            web: self.web(&fetched.base_branch),
            body_template: self.body_template.as_deref(),
            schedule: &windows,
            now,
        };
        let (prepared, refused) = proposer.prepare(&elsewhere, &mut book).await;
        if !refused.is_empty() {
            Arc::make_mut(&mut report.findings).problems.extend(refused);
        }
        let edited: HashMap<&str, &[Arc<edits::Edited>]> =
            prepared.iter().map(|p| (p.wanted.branch.as_str(), p.files.as_slice())).collect();
        let mut signatures = survey.signatures.clone();
        signatures.authors.push(self.shared.config.git.author.email.clone());
        let branches = branches::branches(&self.git, fetched, &edited, &signatures, &mut book).await;
        self.recollection.drafts.keep(book);
        let doubtful = branches::touching(&self.git, fetched.base_commit, &branches, &doubtful(found)).await;
        let names = prepared.iter().map(|p| p.wanted.branch.clone()).chain(branches.iter().map(|b| b.name.clone()));
        survey.look_closer(forge.as_ref(), names.collect()).await?;
        let mut situation = self.situation(report, found, &survey, fetched, &windows).await?;
        situation.signatures = signatures;
        situation.unsure.branches = doubtful;
        situation.unsure.all |= awaits;
        let waits = |(number, failure): (&u64, &Failure)| holds_back(&survey, *number, failure);
        situation.unsure.elsewhere = fetched.unread_pulls.iter().any(waits);
        let wanted: Vec<_> = prepared.iter().map(|p| p.wanted.clone()).collect();
        let actions = proposal::decide(&wanted, &survey.pulls, &branches, now, &situation);
        mark_rows(report, &actions, updates, &prepared);
        let base = (fetched.base_branch.clone(), fetched.base_commit);
        Ok(Plan { forge: forge.clone(), survey, base, prepared, actions })
    }

    /// Does what was decided.
    async fn carry_out(&self, report: &mut Report, plan: Plan, stop: &CancellationToken) {
        let hands = Hands {
            repository: &self.git,
            forge: plan.forge.as_ref(),
            store: &self.shared.store,
            name: &self.repository.name,
            commit_via: self.shared.config.github.commit_via,
            base: (&plan.base.0, plan.base.1),
            now: report.started,
        };
        let windows = Schedule::parse(&self.repository.schedule).unwrap_or_default();
        for action in &plan.actions {
            let prepared = action.wanted.and_then(|index| plan.prepared.get(index));
            let now = (self.shared.now)();
            let open = prepared.map_or_else(|| windows.open(now), |prepared| prepared.open(now));
            if action.verb.writes() && !open {
                report.deeds.push(late(action));
                continue;
            }
            if stop.is_cancelled() && action.verb.writes() {
                report.deeds.push(stopped(action));
                continue;
            }
            let deed = tokio::select! {
                deed = hands.act(action, &plan.prepared, &plan.survey.pulls) => deed,
                () = grace(stop) => cut(action),
            };
            if !quiet(action, &deed) {
                report.deeds.push(deed);
            }
        }
        if !stop.is_cancelled() {
            report.pulls = self.open_pulls(report, plan.forge.as_ref(), &plan.survey).await;
        }
    }

    async fn situation(
        &self,
        report: &Report,
        found: &Look,
        survey: &Survey,
        fetched: &Fetched,
        windows: &Schedule,
    ) -> Result<Situation, Problem> {
        let config = &self.shared.config;
        let now = report.started;
        let hour_ago = now.saturating_sub(jiff::SignedDuration::from_hours(1)).unwrap_or(now);
        let opened = self.shared.store.opened_since(self.repository.name.clone(), hour_ago).await;
        let opened = opened.map_err(|error| Problem::new(Reason::InternalError, error.to_string()))?;
        let failed = found.findings.rows.iter().filter(|row| row.unsettled || row.status() == Status::Failed);
        let prefix = config.pull_requests.branch_prefix.clone();
        let charts =
            failed.filter_map(|row| row.release.lookup.as_ref()).map(|l| chart_digest(&l.canonical())).collect();
        Ok(Situation {
            login: survey.login.clone(),
            signatures: Signatures::default(),
            branch_prefix: prefix,
            base: fetched.base_branch.clone(),
            report: config.mode == Mode::Report,
            paused: config.paused,
            in_schedule: windows.open(now),
            open_limit: config.limits.open_pull_requests,
            hourly_limit: config.limits.per_hour,
            opened,
            unsure: Unsure { all: incomplete(found), charts, ..Unsure::default() },
        })
    }

    /// What the forge shows of our open pull requests now: from this pass's own answers where nothing was written.
    async fn open_pulls(&self, report: &Report, forge: &dyn Forge, survey: &Survey) -> Vec<Pull> {
        let wrote = report.deeds.iter().any(|deed| deed.outcome != Outcome::Held);
        let fresh = if wrote { forge.open_pull_requests().await.ok() } else { None };
        self.ours(fresh.as_deref().unwrap_or(&survey.pulls), &survey.login)
    }

    /// Our open ones, by number.
    fn ours(&self, pulls: &[PullRequest], login: &str) -> Vec<Pull> {
        let prefix = &self.shared.config.pull_requests.branch_prefix;
        let mut ours: Vec<Pull> = pulls
            .iter()
            .filter(|p| p.state == proposal::PullState::Open && p.same_repository && p.head.starts_with(prefix))
            .filter(|p| p.author.eq_ignore_ascii_case(login))
            .map(|p| Pull { number: p.number, url: web_url(&p.url), title: p.title.clone(), branch: p.head.clone() })
            .collect();
        ours.sort_by_key(|p| p.number);
        ours.dedup_by_key(|p| p.number);
        ours
    }

    /// Where a file of the base branch is shown, for links.
    fn web(&self, base: &str) -> Option<String> {
        let ForgeConfig::GitHub(github) = &self.repository.forge else { return None };
        let api = &self.shared.config.github.api_url;
        let host = config::web_host(api.host_str()?);
        let port = api.port().map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("{}://{host}{port}/{github}/blob/{base}", api.scheme()))
    }
}

/// The repository's URL as Flux may know it: a path says nothing of where Flux fetches from (Flux rule 24).
pub(super) fn flux_url(repository: &config::Repository) -> Option<String> {
    let remote = &repository.remote;
    Some(remote.text.clone()).filter(|text| remote.local_path().is_none() || text.contains("://"))
}

/// Ends so long after the signal.
async fn grace(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

fn log(report: &Report) {
    let found = &report.findings;
    let count = |outcome| report.deeds.iter().filter(|deed| deed.outcome == outcome).count();
    if let Some(problem) = &report.error {
        tracing::error!(reason = problem.reason.code(), error = %problem.message, "pass failed");
    }
    tracing::info!(
        revision = found.revision.as_deref().unwrap_or("-"),
        releases = found.rows.len(),
        outdated = found.count(Status::Outdated),
        failed_sources = found.count(Status::Failed),
        updates = found.updates.len(),
        written = count(Outcome::Done),
        failed_writes = count(Outcome::Failed),
        "pass finished"
    );
}

/// Whether the tree itself was not read completely: then nothing is closed for being gone.
fn incomplete(found: &Look) -> bool {
    found.findings.problems.iter().any(|finding| finding.problem.reason.status() == Status::Failed)
}

/// Files that may want more than this pass could see: those with a broken document, and, while there is one, those of
/// releases that could not be resolved (their source may stand in it) or that nothing builds, and of their versions; and those that another repository, which could
/// not be read, may have a say in.
fn doubtful(found: &Look) -> BTreeSet<String> {
    let broken = found.findings.problems.iter().filter(|finding| finding.problem.reason == Reason::InvalidDocument);
    let mut files: BTreeSet<String> = broken.filter_map(|finding| finding.file.clone()).collect();
    if !files.is_empty() {
        // What a broken Kustomization builds is built by nobody in this pass, and stays in the cluster.
        let open = |row: &&Arc<Row>| row.status() == Status::Unresolved || row.reason == Reason::NotBuilt;
        for row in found.findings.rows.iter().filter(open) {
            files.insert(row.release.file.to_string());
            files.extend(row.release.site.as_ref().map(|site| site.file.to_string()));
        }
    }
    files.extend(found.resolution.doubtful.iter().cloned());
    files
}

/// Whether openings wait for a head that could not be fetched: not for a stranger's, who could make them wait for ever,
/// and not for what no waiting changes.
fn holds_back(survey: &Survey, number: u64, failure: &Failure) -> bool {
    survey.is_of_a_writer(number) && !failure.is_lasting()
}

/// A line for each cause: somebody else's pull requests that could not be fetched.
fn unread_pulls(fetched: &Fetched, survey: &Survey) -> Vec<Finding> {
    let mut causes: Vec<(&Failure, bool, Vec<String>)> = Vec::new();
    for (number, failure) in &fetched.unread_pulls {
        let (waits, number) = (holds_back(survey, *number, failure), format!("#{number}"));
        match causes.iter_mut().find(|(known, holds, _)| *known == failure && *holds == waits) {
            Some((.., numbers)) => numbers.push(number),
            None => causes.push((failure, waits, vec![number])),
        }
    }
    let finding = |(failure, waits, numbers): (&Failure, bool, Vec<String>)| {
        let numbers = numbers.join(", ");
        let then = if waits { "so none is opened until it can be fetched" } else { "and is not compared" };
        let message = format!(
            "somebody else's pull request {numbers} can't be fetched: {failure}; it may propose the same, {then}"
        );
        Finding { file: None, line: None, problem: Problem::new(Reason::SourceError, message) }
    };
    causes.into_iter().map(finding).collect()
}

/// A link is only ever to a page.
fn web_url(url: &str) -> String {
    if url.starts_with("https://") || url.starts_with("http://") { url.to_owned() } else { String::new() }
}

/// Nothing was to be done and nobody needs to hear of it.
fn quiet(action: &Action, deed: &Deed) -> bool {
    deed.kind == DeedKind::Leave && matches!(action.verb, Verb::Leave(proposal::LeaveReason::AsWanted))
}

/// Rows of updates that are proposed elsewhere or were closed by a person say so.
fn mark_rows(report: &mut Report, actions: &[Action], updates: &[crate::model::Update], prepared: &[Prepared]) {
    for action in actions {
        let (Some(reason), Some(index)) = (action.row(), action.wanted) else { continue };
        let Some(prepared) = prepared.get(index) else { continue };
        let Some(update) = updates.iter().find(|u| u.branch == prepared.wanted.branch) else { continue };
        let link = match &action.pull {
            Some(pull) if action.ends_pull() => format!("; so the open one goes too: {}", web_url(&pull.url)),
            Some(pull) => format!(": {}", web_url(&pull.url)),
            None => String::new(),
        };
        for index in &update.releases {
            let Some(row) = Arc::make_mut(&mut report.findings).rows.get_mut(*index) else { continue };
            // With `separateMajors` a release is in a second, lower update that its row does not stand for.
            if !row.target.as_deref().is_some_and(|text| update.is_to(text)) {
                continue;
            }
            let row = Arc::make_mut(row);
            row.reason = reason;
            row.message = match reason {
                Reason::ClosedByPerson => format!("{} was closed by a person{link}", update.target.text),
                _ => format!("{} is proposed by somebody else{link}", update.target.text),
            };
            row.target.clone_from(&row.release.current);
            row.bump = crate::model::Bump::None;
        }
    }
}
