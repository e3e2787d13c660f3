//! The demo's story: the same engine as `davit run`, a sample repository, and a colleague called casey who merges and
//! closes. Each act checks what it claims; what differs is kept, and the command's exit code tells.
//!
//! Decides nothing about how it looks: scenes go to whoever tells them.

use super::chart::chart;
use super::forge::PullView;
use super::neighbours::{LOGIN, Neighbours, REPOSITORY, StartError};
use super::sample;
use crate::config::{self, Config, Mode, Purpose};
use crate::engine::report::{DeedKind, Findings, Outcome, Report};
use crate::engine::services::Services;
use crate::model::{Problem, Reason, Status};
use crate::world::git::GitOptions;
use crate::world::loopback::Place;
use serde_json::json;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// The colleague's token, worth something on this forge only.
pub const CASEY_TOKEN: &str = "casey-token-worth-nothing-elsewhere";
/// How many pull requests may be open at once: one fewer than the sample has updates.
const OPEN_LIMIT: usize = 4;
/// What the shown pull request changes, byte for byte.
const SHOWN_DIFF: &str = include_str!("../../fixtures/demo/app-template.diff");
/// The version that appears while a pull request for the one before is open.
const LATER: &str = "5.2.0";

/// One thing to tell.
#[derive(Debug)]
pub enum Scene<'a> {
    /// A new act, with its title.
    Act(&'a str),
    /// Where everything runs.
    Stage(&'a Neighbours),
    /// What a look at the repository found.
    Found(&'a Findings),
    /// A pass of the engine.
    Pass(&'a Report),
    /// One pull request and its diff.
    Pull(&'a PullView, &'a str),
    /// Something that somebody did.
    Event(String),
    /// A claim that was checked.
    Checked(String),
    /// A claim that does not hold, with what is there instead.
    Differs(&'a str),
    /// Every pull request at the end.
    Summary(&'a [PullView]),
}

/// Hears the story.
pub type Listener<'a> = &'a mut (dyn FnMut(Scene<'_>) + Send);

/// Why the story broke off.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The neighbours.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The engine.
    #[error("{0}")]
    Engine(String),
    /// The colleague.
    #[error("the demo's forge does not answer casey")]
    Casey(#[from] reqwest::Error),
    /// The sample repository.
    #[error("the demo's repository cannot be read")]
    Git(#[from] git2::Error),
}

impl From<Problem> for Broken {
    fn from(problem: Problem) -> Self {
        Self::Engine(problem.message)
    }
}

/// The stage, the actors and what went otherwise than told.
pub struct Story {
    /// Everything that Davit talks to.
    pub neighbours: Neighbours,
    /// Davit, as `davit run` would run it.
    pub services: Services,
    /// Its configuration.
    pub config: Config,
    /// What is not as it should be.
    pub differences: Vec<String>,
    casey: reqwest::Client,
    stop: CancellationToken,
}

impl Story {
    /// Starts the neighbours under `dir` and Davit beside them.
    ///
    /// # Errors
    /// No port, no thread, no room.
    pub fn start(dir: &Path) -> Result<Self, Broken> {
        let neighbours = Neighbours::start(dir)?;
        neighbours.forge.add_token(CASEY_TOKEN, "casey");
        let limits = format!("limits:\n  openPullRequests: {OPEN_LIMIT}\n  perHour: 10\n");
        let config = config::load(None, &(neighbours.configuration() + &limits), &[], Purpose::Run);
        let config = config
            .map_err(|issues| Broken::Engine(issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
        let services = services(&config)?;
        let api = &config.github.api_url;
        let casey = Place::of(api).fit(reqwest::Client::builder().user_agent("casey")).build()?;
        let (differences, stop) = (Vec::new(), CancellationToken::new());
        Ok(Self { neighbours, services, config, differences, casey, stop })
    }

    /// Tells everything, from the first look to the summary.
    ///
    /// # Errors
    /// The story can't go on; that a claim does not hold is no error but a difference.
    pub async fn play(&mut self, tell: Listener<'_>) -> Result<(), Broken> {
        self.stage(tell).await?;
        self.opening(tell).await;
        self.reading(tell);
        self.nothing_twice(tell, "Davit looks again: nothing changed, so nothing is written").await?;
        self.merging(tell).await?;
        self.closing(tell).await?;
        self.ending(tell);
        Ok(())
    }

    /// The sample, and what a look without writing says of it.
    async fn stage(&mut self, tell: Listener<'_>) -> Result<(), Broken> {
        tell(Scene::Act("Everything Davit talks to starts on this machine"));
        tell(Scene::Stage(&self.neighbours));
        let releases = sample::FILES.iter().filter_map(|(_, content)| std::str::from_utf8(content).ok());
        let releases: usize = releases.map(|text| text.matches("\nkind: HelmRelease\n").count()).sum();
        tell(Scene::Event(format!(
            "{REPOSITORY} holds {} files: 2 clusters, {releases} HelmReleases, 4 chart sources",
            sample::FILES.len()
        )));

        tell(Scene::Act("Davit looks at every release: what is newer, or why nothing moves"));
        let before = self.written()?;
        let report = self.look_only().await?;
        tell(Scene::Found(&report.findings));
        let count = |status| report.findings.count(status);
        let found = [count(Status::Outdated), count(Status::Failed), report.findings.updates.len()];
        self.claim(tell, "7 releases are outdated, no source is broken, 5 updates would move them", &[7, 0, 5], &found);
        self.untouched(tell, &before, "looking wrote nothing, neither to the forge nor to Git")
    }

    /// The first pass.
    async fn opening(&mut self, tell: Listener<'_>) {
        tell(Scene::Act("First pass: one pull request for each update, 4 open at most"));
        let report = self.pass().await;
        tell(Scene::Pass(&report));
        let open = self.open().len();
        let waiting = report.deeds.iter().filter(|deed| deed.kind == DeedKind::Defer).count();
        self.claim(tell, "4 pull requests are open, 1 update waits for its turn", &(OPEN_LIMIT, 1), &(open, waiting));
    }

    /// One pull request as a reviewer sees it.
    fn reading(&mut self, tell: Listener<'_>) {
        tell(Scene::Act("What a reviewer sees"));
        let Some(pull) = self.pull("app-template") else { return self.missing(tell, "app-template") };
        let diff = self.neighbours.forge.diff(REPOSITORY, pull.number).unwrap_or_default();
        tell(Scene::Pull(&pull, &diff));
        self.claim(tell, "the diff is the version and not one byte more", &SHOWN_DIFF, &diff.as_str());
    }

    /// A pass that has nothing to do.
    async fn nothing_twice(&mut self, tell: Listener<'_>, title: &str) -> Result<(), Broken> {
        tell(Scene::Act(title));
        let before = self.written()?;
        let report = self.pass().await;
        tell(Scene::Pass(&report));
        self.untouched(tell, &before, "not one write: no request that changes the forge, no push")
    }

    /// A merge frees a place; a newer version moves the open pull request.
    async fn merging(&mut self, tell: Listener<'_>) -> Result<(), Broken> {
        tell(Scene::Act("A person merges, and a chart's author publishes"));
        let (Some(merged), Some(moved)) = (self.pull("database"), self.pull("app-template")) else {
            self.missing(tell, "database or app-template");
            return Ok(());
        };
        self.ask(reqwest::Method::PUT, &format!("pulls/{}/merge", merged.number), json!({})).await?;
        tell(Scene::Event(format!("casey merges #{}: {}", merged.number, merged.title)));
        let published = chart("app-template", LATER).created("2026-07-09T10:00:00Z");
        self.neighbours.registry.add("charts/app-template", published);
        // Time passes faster here than the answers of chart sources age.
        self.services.forget_answers();
        tell(Scene::Event(format!("app-template {LATER} appears in the registry; #{} proposes 5.1.0", moved.number)));
        let report = self.pass().await;
        tell(Scene::Pass(&report));
        let (now, next) = (self.pull("app-template"), self.pull("podinfo"));
        let now = now.map(|pull| (pull.number, pull.open, pull.title.ends_with(LATER)));
        self.claim(
            tell,
            &format!("#{} moved in place, same number, same branch", moved.number),
            &Some((moved.number, true, true)),
            &now,
        );
        self.claim(
            tell,
            "the merge made room: the update that waited is open",
            &Some(true),
            &next.map(|pull| pull.open),
        );
        let line = self.main_has("apps/base/database/release.yaml", "      version: \"0.23.0\"\n")?;
        self.claim(tell, "main says database 0.23.0, in its own quotes", &true, &line);
        Ok(())
    }

    /// A close means: not this version.
    async fn closing(&mut self, tell: Listener<'_>) -> Result<(), Broken> {
        tell(Scene::Act("A person says no: a closed pull request stays closed"));
        let Some(refused) = self.pull("ingress") else {
            self.missing(tell, "ingress");
            return Ok(());
        };
        self.ask(reqwest::Method::PATCH, &format!("pulls/{}", refused.number), json!({"state": "closed"})).await?;
        tell(Scene::Event(format!("casey closes #{}: {}", refused.number, refused.title)));
        let report = self.pass().await;
        tell(Scene::Pass(&report));
        let row = report.findings.rows.iter().find(|row| row.release.name == "ingress");
        self.claim(
            tell,
            "ingress is listed with its reason, closed-by-person",
            &Some(Reason::ClosedByPerson),
            &row.map(|row| row.reason),
        );
        let again = self.pulls().iter().filter(|pull| pull.branch == refused.branch).count();
        self.claim(
            tell,
            "nothing is proposed again until there is a newer version",
            &(1, false),
            &(again, self.is_open("ingress")),
        );
        self.nothing_twice(tell, "One more pass: everything is as it should be").await
    }

    fn ending(&mut self, tell: Listener<'_>) {
        tell(Scene::Act("Where it ends"));
        let pulls = self.pulls();
        tell(Scene::Summary(&pulls));
        let count = |admits: &dyn Fn(&PullView) -> bool| pulls.iter().filter(|pull| admits(pull)).count();
        let found = (count(&|p| p.open), count(&|p| p.merged), count(&|p| !p.open && !p.merged));
        self.claim(tell, "3 are open, 1 is merged, 1 is closed", &(3, 1, 1), &found);
    }

    /// A pass of the engine. A failed one is a difference.
    async fn pass(&mut self) -> Report {
        let mut reports = self.services.pass_over_all(&self.stop).await;
        let now = jiff::Timestamp::now();
        let report = reports.pop().unwrap_or_else(|| Report::broken("fleet", "-", now, now));
        self.judge(&report);
        report
    }

    fn judge(&mut self, report: &Report) {
        if let Some(problem) = &report.error {
            self.differences.push(format!("a pass failed: {}", problem.message));
        }
        let failed = report.deeds.iter().filter(|deed| deed.outcome == Outcome::Failed);
        self.differences.extend(failed.map(|deed| format!("{}: {}", deed.branch, deed.message)));
    }

    /// A pass that may not write: the engine in report mode, on a directory of its own.
    async fn look_only(&mut self) -> Result<Report, Broken> {
        let mut config = self.config.clone();
        config.mode = Mode::Report;
        config.git.cache_dir = config.git.cache_dir.with_extension("look");
        config.store.path = config.store.path.with_extension("look");
        let mut reports = services(&config)?.pass_over_all(&self.stop).await;
        let report = reports.pop().ok_or_else(|| Broken::Engine("no repository is configured".to_owned()))?;
        self.judge(&report);
        Ok(report)
    }

    /// What was written so far: requests to the forge that ask for a change, and every branch with its commit.
    fn written(&self) -> Result<(usize, Vec<String>), Broken> {
        let repository = git2::Repository::open_bare(&self.neighbours.git)?;
        let mut heads = Vec::new();
        for reference in repository.references()? {
            let reference = reference?;
            heads.push(format!("{}={:?}", String::from_utf8_lossy(reference.name_bytes()), reference.target()));
        }
        heads.sort();
        Ok((self.neighbours.forge.server.traffic.writes().len(), heads))
    }

    fn untouched(&mut self, tell: Listener<'_>, before: &(usize, Vec<String>), what: &str) -> Result<(), Broken> {
        let after = self.written()?;
        self.claim(tell, what, before, &after);
        Ok(())
    }

    /// Holds a claim against what is there.
    fn claim<T: PartialEq + std::fmt::Debug + ?Sized>(
        &mut self,
        tell: Listener<'_>,
        what: &str,
        wanted: &T,
        found: &T,
    ) {
        if wanted == found {
            tell(Scene::Checked(what.to_owned()));
            return;
        }
        let difference = format!("{what}: should be {wanted:?}, is {found:?}");
        tell(Scene::Differs(&difference));
        self.differences.push(difference);
    }

    fn missing(&mut self, tell: Listener<'_>, chart: &str) {
        let difference = format!("there is no pull request for {chart}");
        tell(Scene::Differs(&difference));
        self.differences.push(difference);
    }

    /// Every pull request of Davit's, by number.
    pub fn pulls(&self) -> Vec<PullView> {
        let mut pulls = self.neighbours.forge.pulls(REPOSITORY);
        pulls.retain(|pull| pull.author == LOGIN);
        pulls
    }

    fn open(&self) -> Vec<PullView> {
        self.pulls().into_iter().filter(|pull| pull.open).collect()
    }

    /// The pull request of a chart.
    fn pull(&self, chart: &str) -> Option<PullView> {
        let prefix = format!("davit/{chart}-");
        self.pulls().into_iter().find(|pull| pull.branch.starts_with(&prefix))
    }

    fn is_open(&self, chart: &str) -> bool {
        self.pull(chart).is_some_and(|pull| pull.open)
    }

    fn main_has(&self, file: &str, line: &str) -> Result<bool, Broken> {
        let repository = git2::Repository::open_bare(&self.neighbours.git)?;
        let tree = repository.find_reference("refs/heads/main")?.peel_to_tree()?;
        let object = tree.get_path(Path::new(file))?.to_object(&repository)?;
        let blob = object.peel_to_blob()?;
        Ok(String::from_utf8_lossy(blob.content()).contains(line))
    }

    /// casey asks the forge through its API, like any client.
    async fn ask(&self, method: reqwest::Method, path: &str, body: serde_json::Value) -> Result<(), Broken> {
        let url = format!("{}/repos/{REPOSITORY}/{path}", self.neighbours.forge.url());
        let request = self.casey.request(method, url).bearer_auth(CASEY_TOKEN).json(&body);
        request.send().await?.error_for_status()?;
        Ok(())
    }
}

/// Davit, with nothing of this machine's user: no home, no SSH agent.
fn services(config: &Config) -> Result<Services, Problem> {
    Services::start(config.clone(), GitOptions::from_config(&config.git, None, None))
}
