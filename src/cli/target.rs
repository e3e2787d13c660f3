//! What `scan`, `apply` and `explain` look at: a folder as it lies on disk, or a repository that is cloned bare.

use super::environment::personal_cache;
use super::exit::Exit;
use super::say;
use crate::config::{Config, Remote};
use crate::engine::look::{Look, Recollection, Request, look};
use crate::engine::read::Filter;
use crate::engine::services;
use crate::model::Problem;
use crate::policy::Rules;
use crate::world::cache::Cache;
use crate::world::folder::Folder;
use crate::world::git::{Git, GitOptions, Wanted};
use crate::world::tree::TreeReader;
use jiff::Timestamp;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What was found, and the folder it was found in.
pub(super) struct Found {
    pub look: Look,
    /// Nothing for a URL.
    pub folder: Option<Arc<Folder>>,
}

/// Looks at a folder or a URL. A problem has been said.
pub(super) async fn find(config: &mut Config, target: &str) -> Result<Found, Exit> {
    inspect(config, target).await.map_err(|problem| {
        say(&format!("{target}: {}", problem.message));
        Exit::NoResult
    })
}

async fn inspect(config: &mut Config, target: &str) -> Result<Found, Problem> {
    // Commands that a person runs do not write into the daemon's directories.
    if config.git.cache_dir == Config::default().git.cache_dir
        && let Some(own) = personal_cache()
    {
        config.git.cache_dir = own;
    }
    let cache = Arc::new(Cache::open(&config.git.cache_dir));
    let git = Git::new(git_options(config), CancellationToken::new());
    let registry = services::registry(config, git.clone())?;
    let rules = Rules::from_config(&config.policy).unwrap_or_default();
    let settings = config.settings();
    let branch_prefix = settings.pull_requests.branch_prefix.clone();
    let request = |listing, reader, shown, url| Request {
        listing,
        reader,
        shown,
        url,
        name: "",
        filter: Filter::new(&["**".to_owned()], &[]),
        rules: &rules,
        recollection: Arc::new(Recollection::default()),
        store: None,
        now: Timestamp::now(),
        branch_prefix: &branch_prefix,
    };
    if Path::new(target).exists() || !looks_remote(target) {
        let folder = Arc::new(Folder::open(Path::new(target))?);
        let listing = folder.read()?;
        let request = request(listing, TreeReader::Folder(folder.clone()), target.to_owned(), None);
        return Ok(Found { look: look(&registry, &cache, request).await?, folder: Some(folder) });
    }
    let remote = Remote::parse(target).map_err(|message| Problem::new(crate::model::Reason::InvalidSource, message))?;
    let name = remote.last_segment().to_owned();
    let repository = git.repository(&name, &remote.text).map_err(|error| error.problem())?;
    let wanted = Wanted { base: None, prefix: String::new(), pulls: Vec::new() };
    let fetched = repository.fetch(wanted).await.map_err(|error| error.problem())?;
    let listing = repository.tree(fetched.base_commit).await.map_err(|error| error.problem())?;
    let reader = repository.reader().await.map_err(|error| error.problem())?;
    let shown = repository.shown_url().to_owned();
    let request = request(listing, reader, shown, Some(remote.text.clone()));
    Ok(Found { look: look(&registry, &cache, request).await?, folder: None })
}

/// Whether a target that is no path on this disk is meant as a URL.
fn looks_remote(target: &str) -> bool {
    target.contains("://") || target.split_once(':').is_some_and(|(host, _)| host.contains('@'))
}

/// Git access as configured, with this process's home and agent.
pub(super) fn git_options(config: &Config) -> GitOptions {
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
    let agent = std::env::var_os("SSH_AUTH_SOCK").map(std::path::PathBuf::from);
    GitOptions::from_config(&config.git, home.as_deref(), agent.as_deref())
}
