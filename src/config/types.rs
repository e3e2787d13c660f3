//! The configuration as meant: every value parsed, every default filled in. Made only by [`super::load()`] and
//! `Default`; it reads no file and holds no secret in the clear.

use super::places::Places;
use super::plain::{Author, CommitVia, Limits, Log, Mode, PathFilter, PrivateAddresses, RuleMatch};
use super::{Mirrors, Remote, SecretRef};
use crate::model::{Bump, Version};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whether anything is written at all.
    pub mode: Mode,
    /// Every write stops; reading goes on.
    pub paused: bool,
    /// The repositories to watch; names are unique.
    pub repositories: Vec<Repository>,
    /// Access to GitHub.
    pub github: GitHub,
    /// How Git is spoken.
    pub git: Git,
    /// Chart repositories and OCI registries.
    pub registries: Registries,
    /// The cluster that applies the repositories.
    pub cluster: Cluster,
    /// Which versions are let through.
    pub policy: PolicyConfig,
    /// How pull requests look.
    pub pull_requests: PullRequests,
    /// Limits on writing, per repository.
    pub limits: Limits,
    /// Where the state is.
    pub store: StoreConfig,
    /// The HTTP surfaces.
    pub server: Server,
    /// What is logged, and how.
    pub log: Log,
    pub(super) places: Places,
}

/// One watched repository.
#[derive(Debug, Clone)]
pub struct Repository {
    /// Where it is.
    pub remote: Remote,
    /// Unique name, shown everywhere; by default the last path segment without `.git`.
    pub name: String,
    /// Base branch; nothing for the remote's HEAD.
    pub branch: Option<String>,
    /// Which files are read.
    pub paths: PathFilter,
    /// Where pull requests go.
    pub forge: Forge,
    /// Time between two passes; 10% jitter is added by the loop.
    pub interval: Duration,
    /// When writes are allowed (text of windows such as `mon-fri 08:00-18:00 Europe/Berlin`); empty: always.
    pub schedule: Vec<String>,
}

/// The forge of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forge {
    /// Pull requests on GitHub (or GitHub Enterprise).
    GitHub(GitHubRepository),
    /// Reports only, pushes nothing.
    None,
}

/// Owner and name on GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GitHubRepository {
    /// User or organisation.
    pub owner: String,
    /// Repository.
    pub name: String,
}

impl GitHubRepository {
    /// Whether both are one repository: GitHub's names ignore case.
    pub fn is(&self, other: &Self) -> bool {
        self.owner.eq_ignore_ascii_case(&other.owner) && self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl std::fmt::Display for GitHubRepository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// Access to GitHub.
#[derive(Debug, Clone)]
pub struct GitHub {
    /// Base of the REST API; for Enterprise `https://HOST/api/v3`.
    pub api_url: Url,
    /// Who we are; nothing where none is given.
    pub auth: Option<GitHubAuth>,
    /// Secret of `/webhook/github`; without it the webhook is refused.
    pub webhook_secret: Option<SecretRef>,
    /// How commits come to be.
    pub commit_via: CommitVia,
}

/// The host of the pages, and of Git, of the GitHub whose API is on this host: another one for github.com and for data
/// residency (`api.SUB.ghe.com`), the same for Enterprise Server.
pub fn web_host(api_host: &str) -> &str {
    match api_host.strip_prefix("api.") {
        Some(web) if web == "github.com" || web.ends_with(".ghe.com") => web,
        _ => api_host,
    }
}

/// How Davit signs in to GitHub.
#[derive(Debug, Clone)]
pub enum GitHubAuth {
    /// A personal access token, classic or fine-grained.
    Token(SecretRef),
    /// A GitHub App's installation.
    App {
        /// App id.
        id: u64,
        /// Installation id.
        installation_id: u64,
        /// Private key, PEM.
        private_key: SecretRef,
    },
}

/// How Git is spoken.
#[derive(Debug, Clone)]
pub struct Git {
    /// Author and committer of our commits.
    pub author: Author,
    /// Directory of the bare repositories.
    pub cache_dir: PathBuf,
    /// Longest time for one exchange with a server.
    pub timeout: Duration,
    /// `https://` remotes.
    pub http: GitHttp,
    /// SSH remotes.
    pub ssh: GitSsh,
}

/// Git over HTTP(S).
#[derive(Debug, Clone)]
pub struct GitHttp {
    /// User name of basic authentication; for remotes that are not the configured GitHub's.
    pub username: Option<String>,
    /// Its password or token.
    pub password: Option<SecretRef>,
    /// PEM bundle of further authorities.
    pub ca_file: Option<PathBuf>,
    /// Certificates are not checked, and `http://` remotes are taken.
    pub insecure: bool,
}

/// Git over SSH.
#[derive(Debug, Clone)]
pub struct GitSsh {
    /// Private key (OpenSSH or PEM); nothing: the agent's.
    pub key: Option<SecretRef>,
    /// Its passphrase.
    pub passphrase: Option<SecretRef>,
    /// Host keys that are trusted; nothing: the user's and the system's known_hosts.
    pub known_hosts_file: Option<PathBuf>,
}

/// Chart repositories and OCI registries.
#[derive(Debug, Clone)]
pub struct Registries {
    /// Credentials and limits per host; see [`Registries::host`].
    pub hosts: Vec<RegistryHost>,
    /// Docker's config.json; nothing: `$DOCKER_CONFIG` or `~/.docker/config.json` where it exists.
    pub docker_config_file: Option<PathBuf>,
    /// Replaced URL prefixes.
    pub mirrors: Mirrors,
    /// Longest time for one request.
    pub timeout: Duration,
    /// Largest index, in bytes.
    pub max_index_size: u64,
    /// Largest chart archive, in bytes.
    pub max_chart_size: u64,
    /// Whether private addresses may be asked.
    pub allow_private_addresses: PrivateAddresses,
}

/// What Davit knows of one registry host.
#[derive(Debug, Clone)]
pub struct RegistryHost {
    /// Host name, with `:port` where it is not the scheme's; lower case.
    pub host: String,
    /// Path prefixes that this entry is for, without a leading slash; empty: all of the host.
    pub paths: Vec<String>,
    /// User name.
    pub username: Option<String>,
    /// Password or token.
    pub password: Option<SecretRef>,
    /// PEM bundle of further authorities.
    pub ca_file: Option<PathBuf>,
    /// Certificates are not checked, and plain HTTP is taken.
    pub insecure: bool,
    /// Requests at once.
    pub concurrency: usize,
}

/// The cluster that applies the repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// What people call it; nothing: the root's directory.
    pub name: Option<String>,
    /// The directory in Git that it applies, without `./` and a trailing `/`; `.` for the whole repository; a
    /// repository's name and a colon may stand before it. Nothing: the only root of all repositories.
    pub root: Option<String>,
    /// Its Kubernetes version, for those without access; nothing where it is not known.
    pub kube_version: Option<Version>,
    /// How it is reached.
    pub access: ClusterAccess,
    /// Whether Secrets of sources are read (Flux rule 27).
    pub secrets: bool,
    /// Longest time for one look.
    pub timeout: Duration,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            name: None,
            root: None,
            kube_version: None,
            access: ClusterAccess::None,
            secrets: false,
            timeout: Duration::from_secs(10),
        }
    }
}

/// How the cluster is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterAccess {
    /// Not at all.
    None,
    /// As the pod's service account.
    InCluster,
    /// By a kubeconfig file.
    Kubeconfig {
        /// The file; nothing: `$KUBECONFIG` or `~/.kube/config`.
        file: Option<PathBuf>,
        /// The context; nothing: the file's current one.
        context: Option<String>,
    },
}

/// Which versions are let through. Text of ranges is checked by `policy`, which knows their grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyConfig {
    /// Range (Masterminds grammar) that admissible versions must meet; empty: every version.
    pub range: String,
    /// The largest step allowed; never [`Bump::None`].
    pub bump: Bump,
    /// Whether a release that is on no pre-release may move to one.
    pub prereleases: bool,
    /// How old a version must be.
    pub minimum_age: Duration,
    /// Versions or ranges that are never taken.
    pub ignore: Vec<String>,
    /// A second update within the current major.
    pub separate_majors: bool,
    /// Splits one chart's sites by name; empty: no group.
    pub group: String,
    /// Later rules win over earlier ones and over the keys above.
    pub rules: Vec<RuleConfig>,
}

/// One rule: for what matches, the keys that are set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleConfig {
    /// What it is for.
    pub matching: RuleMatch,
    /// Replaces `policy.range`.
    pub range: Option<String>,
    /// Replaces `policy.bump`.
    pub bump: Option<Bump>,
    /// Replaces `policy.prereleases`.
    pub prereleases: Option<bool>,
    /// Replaces `policy.minimumAge`.
    pub minimum_age: Option<Duration>,
    /// Replaces `policy.ignore`.
    pub ignore: Option<Vec<String>>,
    /// Replaces `policy.separateMajors`.
    pub separate_majors: Option<bool>,
    /// Replaces `policy.group`.
    pub group: Option<String>,
    /// Replaces `pullRequests.labels`.
    pub labels: Option<Vec<String>>,
    /// Replaces `pullRequests.reviewers`.
    pub reviewers: Option<Vec<String>>,
    /// Replaces `pullRequests.assignees`.
    pub assignees: Option<Vec<String>>,
    /// Replaces the repository's `schedule`.
    pub schedule: Option<Vec<String>>,
    /// Where it is written (`policy.rules[2]`, or `.davit/config.yaml policy.rules[0]`), for messages.
    pub path: String,
}

/// How pull requests look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequests {
    /// Labels.
    pub labels: Vec<String>,
    /// Requested reviewers; `org/team` asks a team.
    pub reviewers: Vec<String>,
    /// Assignees.
    pub assignees: Vec<String>,
    /// Opened as drafts.
    pub draft: bool,
    /// Prefix of our branches, with its slash.
    pub branch_prefix: String,
    /// minijinja template of the title; nothing: built in.
    pub title_template: Option<String>,
    /// File with the minijinja template of the body; nothing: built in.
    pub body_template_file: Option<PathBuf>,
}

/// Where the state is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// The SQLite file.
    pub path: PathBuf,
}

/// The HTTP surfaces.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// Bearer token that `/api/v1` asks for; nothing: open.
    pub api_token: Option<SecretRef>,
    /// Whether `/` shows the status page.
    pub status_page: bool,
}

/// The settings of one repository: the daemon's, with those of its `.davit/config.yaml` over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositorySettings {
    /// Which versions are let through.
    pub policy: PolicyConfig,
    /// How its pull requests look.
    pub pull_requests: PullRequests,
}

#[cfg(test)]
mod tests {
    use super::web_host;

    #[test]
    fn pages_and_git_are_beside_the_api_or_on_its_own_host() {
        for (api, web) in [
            ("api.github.com", "github.com"),
            ("api.acme.ghe.com", "acme.ghe.com"),
            ("ghe.corp", "ghe.corp"),
            ("api.ghe.corp", "api.ghe.corp"),
            ("ghe.com", "ghe.com"),
        ] {
            assert_eq!(web_host(api), web);
        }
    }
}
