//! What a [`super::Registry`] is built from: configuration, and everything that is not a fact of it as an argument.

use crate::config::Registries;
use crate::model::Problem;
use crate::world::address::{Guard, Network, SystemNetwork};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The time, for `Retry-After` dates and messages.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// Lists the tags of a Git repository; `world::git` does it, a test fakes it.
#[async_trait::async_trait]
pub trait GitTags: Send + Sync {
    /// Every tag's name, without `refs/tags/`. Connects to nothing but what the guard lets through.
    async fn tags(&self, url: &str, guard: &Guard) -> Result<Vec<String>, Problem>;
}

/// Limits that the configuration does not have keys for.
#[derive(Debug, Clone)]
pub struct Limits {
    /// A source asked less than this ago is not asked again.
    pub fresh_for: Duration,
    /// Longest time for one source, all attempts, redirects and waits together.
    pub overall: Duration,
    /// Attempts of one request, where trying again can help.
    pub attempts: u32,
    /// First pause between attempts; doubles, with jitter.
    pub backoff: Duration,
    /// Redirects of one request.
    pub redirects: usize,
    /// Tags of one repository.
    pub tags: usize,
    /// Bytes of one repository's tag list, all pages together.
    pub tag_bytes: u64,
    /// Pages of one tag list.
    pub tag_pages: usize,
    /// Bytes of a manifest, a config blob or a token.
    pub manifest_bytes: u64,
    /// Sources that are remembered; beyond it, those go that were not asked for longest.
    pub sources: usize,
    /// A source that nobody asked for in this time is forgotten; what is on disk stays.
    pub forget_after: Duration,
    /// Requests at once to a host that the configuration does not name.
    pub concurrency: usize,
}

impl Limits {
    /// The product's limits; `timeout` is `registries.timeout`.
    pub fn new(timeout: Duration) -> Self {
        Self {
            fresh_for: Duration::from_mins(1),
            overall: timeout.saturating_mul(10),
            attempts: 3,
            backoff: Duration::from_millis(500),
            redirects: 5,
            tags: 250_000,
            tag_bytes: 32 << 20,
            tag_pages: 2_500,
            manifest_bytes: 4 << 20,
            sources: 20_000,
            forget_after: Duration::from_hours(3),
            concurrency: 4,
        }
    }
}

/// Everything a [`super::Registry`] needs.
#[derive(Clone)]
pub struct Options {
    /// The section `registries`.
    pub registries: Registries,
    /// Directory of the cache; safe to delete.
    pub cache_dir: PathBuf,
    /// Docker's config.json where the configuration names none and one exists.
    pub docker_config: Option<PathBuf>,
    /// Host names of the proxies in the environment.
    pub proxies: Vec<String>,
    /// Hosts that the configuration names in other sections (the forge): private ones are open too.
    pub named: Vec<String>,
    /// Further limits.
    pub limits: Limits,
    /// Resolves names.
    pub network: Arc<dyn Network>,
    /// The time.
    pub clock: Clock,
    /// A number from 0 to 1, for backoff.
    pub jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// Lists Git tags; without it such lookups are refused.
    pub git_tags: Option<Arc<dyn GitTags>>,
}

impl Options {
    /// The product's options. `environment` gives a variable's value (`HOME`, `DOCKER_CONFIG`, the proxies').
    pub fn new(
        registries: Registries,
        cache_dir: PathBuf,
        clock: Clock,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let limits = Limits::new(registries.timeout);
        Self {
            docker_config: docker_config(environment),
            proxies: proxies(environment),
            named: Vec::new(),
            limits,
            registries,
            cache_dir,
            network: Arc::new(SystemNetwork),
            clock,
            jitter: Arc::new(random_fraction),
            git_tags: None,
        }
    }

    /// With a lister of Git tags.
    #[must_use]
    pub fn with_git_tags(mut self, git_tags: Arc<dyn GitTags>) -> Self {
        self.git_tags = Some(git_tags);
        self
    }
}

fn docker_config(environment: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let directory = match environment("DOCKER_CONFIG").filter(|d| !d.is_empty()) {
        Some(directory) => PathBuf::from(directory),
        None => PathBuf::from(environment("HOME").filter(|h| !h.is_empty())?).join(".docker"),
    };
    Some(directory.join("config.json"))
}

fn proxies(environment: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .iter()
        .filter_map(|name| environment(name))
        .filter_map(|value| {
            let text = if value.contains("://") { value } else { format!("http://{value}") };
            url::Url::parse(&text).ok()?.host_str().map(str::to_ascii_lowercase)
        })
        .collect()
}

/// Good enough to spread retries: the standard library's per-instance hash seed.
fn random_fraction() -> f64 {
    use std::hash::{BuildHasher, Hasher};
    let bits = std::hash::RandomState::new().build_hasher().finish() >> 32;
    f64::from(u32::try_from(bits).unwrap_or(0)) / f64::from(u32::MAX)
}
