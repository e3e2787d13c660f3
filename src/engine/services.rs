//! From a checked configuration to everything that runs: one registry, one store and one cache for the process, one
//! bare repository and one forge for each repository.

use super::daemon::{Member, Pass};
use super::fleet::Fleet;
use super::look::Recollection;
use super::pass::{RepositoryPass, Shared, flux_url};
use super::recollection::Shelf;
use super::report::Report;
use super::survey::problem_of;
use super::upkeep::Upkeep;
use crate::config::{self, Config, Forge as ForgeConfig, Transport};
use crate::model::{Problem, Reason};
use crate::world::cache::Cache;
use crate::world::cluster::Cluster;
use crate::world::forge::{Forge, GitHub};
use crate::world::git::{Basic, Credentials, Git, GitOptions, Repository};
use crate::world::registry::{Options as RegistryOptions, Registry};
use crate::world::retry::SystemClock;
use crate::world::store::{Store, StoreHandle};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// One request to the forge may take this long.
const FORGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Most rounds in which the repositories of one run give each other news: sources, what asks for them, and a step for
/// each repository that builds the next one.
pub(super) const ROUNDS: usize = 12;

/// The clock of the process.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Everything that runs.
pub struct Services {
    shared: Arc<Shared>,
    passes: Vec<Arc<RepositoryPass>>,
}

impl Services {
    /// Opens store, cache and repositories; asks no network.
    ///
    /// # Errors
    /// The store can't be opened, a cache directory is held by another process, a template file can't be read.
    pub fn start(config: Config, git_options: GitOptions) -> Result<Self, Problem> {
        let clock: Clock = Arc::new(Timestamp::now);
        let store = Store::open(&config.store.path)
            .map_err(|error| Problem::new(Reason::InternalError, format!("store.path: {error}")))?;
        let git = Git::new(git_options, CancellationToken::new());
        let shared = Arc::new(Shared {
            registry: registry(&config, git.clone())?,
            cluster: Cluster::new(&config.cluster, Some(&config.git.cache_dir), clock.clone()),
            cache: Arc::new(Cache::open(&config.git.cache_dir)),
            store: StoreHandle::new(store),
            shelf: Shelf::default(),
            fleet: Fleet::new(config.repositories.iter().map(|one| (one.name.clone(), flux_url(one)))),
            now: clock,
            config,
        });
        let body_template = body_template(&shared.config)?;
        let github = github(&shared.config)?;
        let passes = shared.config.repositories.iter().enumerate().map(|(number, repository)| {
            let forge = forge_of(repository, github.as_ref());
            let git = open(&shared.config, &git, repository, forge.clone())?;
            Ok(Arc::new(RepositoryPass {
                shared: shared.clone(),
                repository: repository.clone(),
                number,
                git,
                forge,
                recollection: Arc::new(Recollection::default()),
                body_template: body_template.clone(),
            }))
        });
        let passes = passes.collect::<Result<Vec<_>, Problem>>()?;
        Ok(Self { shared, passes })
    }

    /// The loop's members.
    pub fn members(&self) -> Vec<Member> {
        self.passes
            .iter()
            .map(|pass| Member {
                name: pass.repository.name.clone(),
                url: pass.git.shown_url().to_owned(),
                forge_name: match &pass.repository.forge {
                    ForgeConfig::GitHub(github) => Some(github.to_string()),
                    ForgeConfig::None => None,
                },
                interval: pass.repository.interval,
                work: pass.clone(),
            })
            .collect()
    }

    /// What is done beside the passes.
    pub fn upkeep(&self) -> Upkeep {
        let shared = &self.shared;
        Upkeep {
            store: shared.store.clone(),
            cache: shared.cache.clone(),
            registry: shared.registry.clone(),
            now: shared.now.clone(),
        }
    }

    /// The clock.
    pub fn clock(&self) -> Clock {
        self.shared.now.clone()
    }

    /// Asks every chart source anew in the next pass, also one that answered a moment ago.
    pub fn forget_answers(&self) {
        self.shared.registry.refresh();
    }

    /// Reads every repository until none has news for another, so that no pass depends on who was first.
    async fn gather(&self) {
        let mut fetched = vec![None; self.passes.len()];
        for round in 0..ROUNDS {
            let before = self.shared.fleet.news();
            let all = self.passes.iter().zip(fetched).map(|(pass, fetched)| pass.gather(fetched, round == 0));
            fetched = futures_util::future::join_all(all).await;
            if self.shared.fleet.news() == before {
                return;
            }
        }
        tracing::warn!("the repositories give each other news without end; the last round counts");
    }

    /// One pass over every repository, side by side, reported in the configuration's order.
    pub async fn pass_over_all(&self, stop: &CancellationToken) -> Vec<Report> {
        if self.passes.len() > 1 {
            let _ = stop.run_until_cancelled(self.gather()).await;
        }
        let all = self.passes.iter().map(|pass| async move {
            let started = (self.shared.now)();
            let id = super::daemon::pass_id(&pass.repository.name, started);
            pass.pass(&id, stop).await
        });
        futures_util::future::join_all(all).await
    }
}

/// The registry of a configuration; Git tags are listed through `git`.
///
/// # Errors
/// None today; a configuration that can't be served is refused here.
pub fn registry(config: &Config, git: Git) -> Result<Arc<Registry>, Problem> {
    let clock: Clock = Arc::new(Timestamp::now);
    let environment = |name: &str| std::env::var(name).ok();
    let mut options =
        RegistryOptions::new(config.registries.clone(), config.git.cache_dir.join("registry"), clock, &environment)
            .with_git_tags(Arc::new(git));
    options.named.extend(config.github.api_url.host_str().map(|host| match config.github.api_url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }));
    Ok(Registry::new(options))
}

/// The one client of the configured GitHub, where a repository is on it: rate limits are the token's, not a
/// repository's.
pub(super) fn github(config: &Config) -> Result<Option<GitHub>, Problem> {
    if !config.repositories.iter().any(|r| matches!(r.forge, ForgeConfig::GitHub(_))) {
        return Ok(None);
    }
    let ca_file = config.git.http.ca_file.as_deref();
    GitHub::new(&config.github, ca_file, FORGE_TIMEOUT, Arc::new(SystemClock))
        .map(Some)
        .map_err(|error| problem_of(&error))
}

/// A repository's forge; nothing where it only reports.
pub(super) fn forge_of(repository: &config::Repository, github: Option<&GitHub>) -> Option<Arc<dyn Forge>> {
    match (&repository.forge, github) {
        (ForgeConfig::GitHub(name), Some(github)) => Some(Arc::new(github.repository(name))),
        _ => None,
    }
}

/// The bare repository. Over HTTP to the forge's own host, and without a password of its own, Git gets the forge's
/// token; no other host ever does.
pub(super) fn open(
    config: &Config,
    git: &Git,
    repository: &config::Repository,
    forge: Option<Arc<dyn Forge>>,
) -> Result<Repository, Problem> {
    let (name, remote) = (&repository.name, &repository.remote);
    let http = matches!(remote.transport, Transport::Https | Transport::Http);
    let own_password = config.git.http.password.is_some();
    let opened = match forge {
        Some(forge) if http && !own_password && same_host(config, remote.host.as_deref()) => {
            git.repository_with(name, &remote.text, Arc::new(ForgeCredentials(forge)))
        }
        _ => git.repository(name, &remote.text),
    };
    opened.map_err(|error| error.problem())
}

/// Whether a remote's host is the forge whose API is configured (`api.github.com` speaks for `github.com`).
fn same_host(config: &Config, host: Option<&str>) -> bool {
    let forge = config.github.api_url.host_str().map(config::web_host);
    host.is_some_and(|host| forge.is_some_and(|forge| forge.eq_ignore_ascii_case(host)))
}

/// The forge's token for Git, asked for at each operation.
struct ForgeCredentials(Arc<dyn Forge>);

#[async_trait::async_trait]
impl Credentials for ForgeCredentials {
    async fn basic(&self) -> Result<Option<Basic>, String> {
        let credentials = self.0.git_credentials().await.map_err(|error| error.to_string())?;
        Ok(credentials.map(|c| Basic { username: c.username, password: c.password }))
    }
}

fn body_template(config: &Config) -> Result<Option<String>, Problem> {
    let Some(path) = &config.pull_requests.body_template_file else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|error| {
        Problem::new(Reason::InternalError, format!("pullRequests.bodyTemplateFile {}: {error}", path.display()))
    })?;
    Ok(Some(text))
}
