//! What `scan`, `apply` and `explain` look at: a folder as it lies on disk, or a repository that is cloned bare; one of the
//! configuration's beside the others.

use super::environment::personal_cache;
use super::exit::Exit;
use super::{progress, render, say};
use crate::config::{self, Config, Issue, OVERLAY_LIMIT, OVERLAY_PATH, Remote};
use crate::engine::look::{Files, Kube, Look, Recollection, Request, Secrets, look};
use crate::engine::read::Filter;
use crate::engine::services;
use crate::engine::together::{self, Together};
use crate::engine::witness::{self, ClusterView};
use crate::model::{Problem, Reason, shown};
use crate::policy::Rules;
use crate::resolve::Neighbours;
use crate::world::cache::Cache;
use crate::world::cluster::{Cluster, Sight};
use crate::world::folder::Folder;
use crate::world::git::{Git, GitOptions, Wanted};
use crate::world::registry::Registry;
use crate::world::tree::{Listing, TreeReader};
use jiff::Timestamp;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What was found, and the folder it was found in.
pub(super) struct Found {
    pub look: Arc<Look>,
    /// Nothing for a URL.
    pub folder: Option<Arc<Folder>>,
    /// What was asked, for closer looks.
    pub registry: Arc<Registry>,
    /// Holds the cache of this run alone, where there is no other.
    _cache: Option<tempfile::TempDir>,
}

/// Looks at a folder or a URL. A problem has been said.
pub(super) async fn find(config: &mut Config, target: &str) -> Result<Found, Exit> {
    // Somebody may give a URL with a password in it: it is refused, and not repeated.
    let shown = &*shown(target);
    let progress = progress::progress(&format!("Reading {shown} and asking its chart sources"));
    let found = inspect(config, target).await;
    drop(progress);
    found.map_err(|failed| match failed {
        Failed::Look(problem) => {
            // A problem of the disk names its path itself.
            let named = problem.message.starts_with(shown);
            let head = if named { String::new() } else { format!("{shown}: ") };
            say(&render::clean(&format!("{head}{}", problem.message)));
            Exit::NoResult
        }
        Failed::Overlay(issues) => {
            for issue in &issues {
                say(&issue.to_string());
            }
            Exit::Configuration
        }
    })
}

/// Why there is nothing to show.
enum Failed {
    Look(Problem),
    /// The repository's own file is wrong: what it would hold back is not known.
    Overlay(Vec<Issue>),
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::Look(problem)
    }
}

async fn inspect(config: &mut Config, target: &str) -> Result<Found, Failed> {
    // Commands that a person runs do not write into the daemon's directories.
    let mut for_this_run = None;
    if config.git.cache_dir == Config::default().git.cache_dir {
        config.git.cache_dir = match personal_cache() {
            Some(own) => own,
            None => for_this_run.insert(temporary_cache()?).path().to_owned(),
        };
    }
    let cache = Arc::new(Cache::open(&config.git.cache_dir));
    let git = Git::new(git_options(config), CancellationToken::new());
    let registry = services::registry(config, git.clone())?;
    let sight = match Cluster::new(&config.cluster, Some(&config.git.cache_dir), Arc::new(Timestamp::now)) {
        Some(cluster) => Some(cluster.look().await),
        None => None,
    };
    let sight = sight.as_deref();
    let branch_prefix = config.pull_requests.branch_prefix.clone();
    let cluster = config.cluster.clone();
    let request = |listing, reader, rules, shown, url| Request {
        files: Files::Tree(listing, reader),
        shown,
        url,
        name: "",
        filter: Filter::new(&["**".to_owned()], &[]),
        rules,
        recollection: Arc::new(Recollection::of_one_look()),
        store: None,
        now: Timestamp::now(),
        branch_prefix: &branch_prefix,
        secrets: if cluster.secrets { Secrets::Cluster(sight) } else { Secrets::No },
        kube: Kube::of(&cluster, sight),
        neighbours: Neighbours::default(),
        fleet: None,
    };
    if Path::new(target).exists() || !looks_remote(target) {
        let folder = Arc::new(Folder::open(Path::new(target))?);
        let listing = folder.read()?;
        let reader = TreeReader::Folder(folder.clone());
        let rules = rules(config, &listing, &reader)?;
        let request = request(listing, reader, &rules, target.to_owned(), None);
        // A checkout of a configured repository has its name and its paths, so that its rules hold.
        let request = match folder.places().iter().find_map(|place| together::place(config, place)) {
            Some(number) => {
                let own = &config.repositories[number];
                Request { name: &own.name, filter: Filter::new(&own.paths.include, &own.paths.exclude), ..request }
            }
            None => request,
        };
        let look = look(&registry, &cache, request).await?;
        let look = witness::beside(look, &cluster_view(config, sight, None, None));
        return Ok(Found { look, folder: Some(folder), registry, _cache: for_this_run });
    }
    let remote = Remote::parse(target).map_err(|message| Problem::new(Reason::InvalidSource, message))?;
    if let Some(number) = together::place(config, &remote.text) {
        let Together { repository, fetched, neighbours } = together::read(config, &git, &cache, number).await?;
        let listing = repository.tree(fetched.base_commit).await.map_err(|error| error.problem())?;
        let reader = repository.reader().await.map_err(|error| error.problem())?;
        let rules = rules(config, &listing, &reader)?;
        let own = &config.repositories[number];
        let request = Request {
            name: &own.name,
            filter: Filter::new(&own.paths.include, &own.paths.exclude),
            neighbours: neighbours.clone(),
            ..request(listing, reader, &rules, repository.shown_url().to_owned(), Some(remote.text.clone()))
        };
        let look = look(&registry, &cache, request).await?;
        let view = ClusterView {
            neighbours: &neighbours,
            ..cluster_view(config, sight, Some(&remote.text), Some(&fetched.base_branch))
        };
        let look = together::beside(witness::beside(look, &view), &neighbours);
        return Ok(Found { look, folder: None, registry, _cache: for_this_run });
    }
    let name = remote.last_segment().to_owned();
    let repository = git.repository(&name, &remote.text).map_err(|error| error.problem())?;
    let wanted = Wanted { base: None, prefix: String::new(), pulls: Vec::new(), forks: Vec::new() };
    let fetched = repository.fetch(wanted).await.map_err(|error| error.problem())?;
    let listing = repository.tree(fetched.base_commit).await.map_err(|error| error.problem())?;
    let reader = repository.reader().await.map_err(|error| error.problem())?;
    let shown = repository.shown_url().to_owned();
    let rules = rules(config, &listing, &reader)?;
    let request = request(listing, reader, &rules, shown, Some(remote.text.clone()));
    let look = look(&registry, &cache, request).await?;
    let look = witness::beside(look, &cluster_view(config, sight, Some(&remote.text), Some(&fetched.base_branch)));
    Ok(Found { look, folder: None, registry, _cache: for_this_run })
}

/// What is known of others where there are none.
static ALONE: Neighbours = Neighbours { own: None, others: Vec::new() };

fn cluster_view<'a>(
    config: &'a Config,
    sight: Option<&'a Sight>,
    url: Option<&'a str>,
    branch: Option<&'a str>,
) -> ClusterView<'a> {
    let (config, url) = (&config.cluster, url.map(str::to_owned));
    ClusterView { config, sight, url, branch, everything: true, neighbours: &ALONE }
}

/// Without a home that can be written (a container's), what is fetched is kept for this run alone.
fn temporary_cache() -> Result<tempfile::TempDir, Problem> {
    tempfile::Builder::new().prefix("davit-").tempdir().map_err(|error| {
        let message = format!(
            "no cache directory can be written, nor one in {}: {error}; set XDG_CACHE_HOME or TMPDIR to a directory \
             that can be",
            std::env::temp_dir().display()
        );
        Problem::new(Reason::InternalError, message)
    })
}

/// The policy in force: the configuration's, and the repository's own file on top, as in the daemon.
fn rules(config: &Config, listing: &Listing, reader: &TreeReader) -> Result<Rules, Failed> {
    let own = listing.tree.files.iter().find(|file| file.path == OVERLAY_PATH);
    // What stands in its place, or in its directory's, and is no file could hold something back as well.
    let below = format!("{OVERLAY_PATH}/");
    let directory = OVERLAY_PATH.split('/').next().unwrap_or_default();
    let odd = listing.skipped.iter().find(|skipped| skipped.path == OVERLAY_PATH || skipped.path == directory);
    if let Some(odd) = odd {
        let message = format!("{}: {}: the repository's own policy can't be read from it", odd.path, odd.why);
        return Err(Problem::new(Reason::InvalidDocument, message).into());
    }
    if listing.tree.files.iter().any(|file| file.path.starts_with(&below)) {
        let message = format!("{OVERLAY_PATH} is a directory, not a regular file");
        return Err(Problem::new(Reason::InvalidDocument, message).into());
    }
    let overlay = match own {
        None => config::Overlay::default(),
        Some(file) => config::overlay(&reader.read(file, OVERLAY_LIMIT)?, OVERLAY_PATH).map_err(Failed::Overlay)?,
    };
    Rules::with_overlay(config, &overlay).map(|(_, rules)| rules).map_err(Failed::Overlay)
}

/// Whether a target that is no path on this disk is meant as a URL.
pub(super) fn looks_remote(target: &str) -> bool {
    target.contains("://") || target.split_once(':').is_some_and(|(host, _)| host.contains('@'))
}

/// Git access as configured, with this process's home and agent.
pub(super) fn git_options(config: &Config) -> GitOptions {
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
    let agent = std::env::var_os("SSH_AUTH_SOCK").map(std::path::PathBuf::from);
    GitOptions::from_config(&config.git, home.as_deref(), agent.as_deref())
}
