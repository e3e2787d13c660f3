//! The configuration as written: texts and numbers, every default in its one home. The JSON Schema, the list of known
//! keys and the environment's names are all made from these structs. Holds secrets, so nothing here is `Debug`.

use super::plain::{Author, CommitVia, Limits, Log, Mode, PathFilter, PrivateAddresses, RuleMatch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where pull requests go.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawForge {
    /// GitHub or GitHub Enterprise.
    GitHub,
    /// Reports only, pushes nothing.
    None,
}

/// The largest step allowed.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawBump {
    /// 1.2.3 to 1.2.4.
    Patch,
    /// 1.2.3 to 1.3.0.
    Minor,
    /// 1.2.3 to 2.0.0.
    Major,
}

/// Davit's configuration. Every key is optional outside `davit run` and `davit once`, which need repositories.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Davit configuration")]
pub(super) struct RawConfig {
    /// `propose` opens pull requests; `report` shows what it would do and writes nothing anywhere.
    pub mode: Mode,
    /// `true` stops every write; reading goes on.
    pub paused: bool,
    /// The repositories to watch.
    pub repositories: Vec<RawRepository>,
    /// Access to GitHub.
    pub github: RawGitHub,
    /// How Git is spoken.
    pub git: RawGit,
    /// Chart repositories and OCI registries.
    pub registries: RawRegistries,
    /// The cluster that applies the repositories.
    pub cluster: RawCluster,
    /// Which versions are let through.
    pub policy: RawPolicy,
    /// How pull requests look.
    pub pull_requests: RawPullRequests,
    /// Limits on writing, per repository.
    pub limits: Limits,
    /// Where the state is.
    pub store: RawStore,
    /// The HTTP surfaces.
    pub server: RawServer,
    /// What is logged, and how.
    pub log: Log,
}

impl Default for RawConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Propose,
            paused: false,
            repositories: Vec::new(),
            github: RawGitHub::default(),
            git: RawGit::default(),
            registries: RawRegistries::default(),
            cluster: RawCluster::default(),
            policy: RawPolicy::default(),
            pull_requests: RawPullRequests::default(),
            limits: Limits::default(),
            store: RawStore::default(),
            server: RawServer::default(),
            log: Log::default(),
        }
    }
}

/// One repository to watch.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawRepository {
    /// Where it is: `https://`, `ssh://`, `git@host:path`, `file://` or a path.
    pub url: String,
    /// Unique name. Default: the last path segment of the URL, without `.git`.
    #[serde(default)]
    pub name: Option<String>,
    /// Base branch. Default: the remote's HEAD.
    #[serde(default)]
    pub branch: Option<String>,
    /// Which files are read.
    #[serde(default)]
    pub paths: PathFilter,
    /// Where pull requests go. Default: `github` where the key `github` is set or the URL names it, else `none`.
    #[serde(default)]
    pub forge: Option<RawForge>,
    /// `owner/name` on GitHub. Default: from the URL.
    #[serde(default)]
    pub github: Option<String>,
    /// Time between two passes; 10% jitter is added.
    #[serde(default = "default_interval")]
    pub interval: String,
    /// When writes are allowed, such as `mon-fri 08:00-18:00 Europe/Berlin`; empty: always. Reading never stops.
    #[serde(default)]
    pub schedule: Vec<String>,
}

fn default_interval() -> String {
    "10m".to_owned()
}

/// Access to GitHub.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawGitHub {
    /// Base of the REST API; for GitHub Enterprise `https://HOST/api/v3`.
    pub api_url: String,
    /// Personal access token. Better: `tokenFile`.
    pub token: Option<String>,
    /// File with a personal access token, read again at each use.
    pub token_file: Option<String>,
    /// A GitHub App instead of a token.
    pub app: Option<RawApp>,
    /// Secret of the webhook. Better: `webhookSecretFile`.
    pub webhook_secret: Option<String>,
    /// File with the secret of the webhook; without one, `/webhook/github` refuses every call.
    pub webhook_secret_file: Option<String>,
    /// `git` pushes commits; `api` has GitHub make them, which signs those of an App (git.author must then be unset).
    pub commit_via: CommitVia,
}

impl Default for RawGitHub {
    fn default() -> Self {
        Self {
            api_url: "https://api.github.com".to_owned(),
            token: None,
            token_file: None,
            app: None,
            webhook_secret: None,
            webhook_secret_file: None,
            commit_via: CommitVia::Git,
        }
    }
}

/// A GitHub App's installation.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawApp {
    /// App id.
    pub id: u64,
    /// Installation id.
    pub installation_id: u64,
    /// Private key, PEM. Better: `privateKeyFile`.
    #[serde(default)]
    pub private_key: Option<String>,
    /// File with the private key, PEM.
    #[serde(default)]
    pub private_key_file: Option<String>,
}

/// How Git is spoken.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawGit {
    /// Author and committer of our commits.
    pub author: Author,
    /// Directory of the bare repositories; safe to delete while Davit is stopped.
    pub cache_dir: String,
    /// Longest time for one exchange with a server.
    pub timeout: String,
    /// Remotes over HTTPS.
    pub http: RawGitHttp,
    /// Remotes over SSH.
    pub ssh: RawGitSsh,
}

impl Default for RawGit {
    fn default() -> Self {
        Self {
            author: Author::default(),
            cache_dir: "/var/cache/davit".to_owned(),
            timeout: "2m".to_owned(),
            http: RawGitHttp::default(),
            ssh: RawGitSsh::default(),
        }
    }
}

/// Remotes over HTTPS that are not the configured GitHub's.
#[derive(Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawGitHttp {
    /// User name of basic authentication.
    pub username: Option<String>,
    /// Its password or token. Better: `passwordFile`.
    pub password: Option<String>,
    /// File with the password or token.
    pub password_file: Option<String>,
    /// PEM bundle of further authorities.
    pub ca_file: Option<String>,
    /// Certificates are not checked, and `http://` remotes are taken.
    pub insecure: bool,
}

/// Remotes over SSH.
#[derive(Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawGitSsh {
    /// Private key. Better: `keyFile`.
    pub key: Option<String>,
    /// File with the private key; without one, the agent's keys serve.
    pub key_file: Option<String>,
    /// Passphrase of the key. Better: `passphraseFile`.
    pub passphrase: Option<String>,
    /// File with the passphrase of the key.
    pub passphrase_file: Option<String>,
    /// Host keys that are trusted, never on first use. Default: the user's and the system's known_hosts.
    pub known_hosts_file: Option<String>,
}

/// Chart repositories and OCI registries.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawRegistries {
    /// Credentials and limits per host.
    pub hosts: Vec<RawHost>,
    /// Docker's `config.json`. Default: `$DOCKER_CONFIG` or `~/.docker/config.json` where it exists.
    pub docker_config_file: Option<String>,
    /// URL prefixes that are replaced; the longest `from` that matches wins, the rest of the URL stays.
    pub mirrors: Vec<RawMirror>,
    /// Longest time for one request.
    pub timeout: String,
    /// Largest chart index.
    pub max_index_size: String,
    /// Largest chart archive.
    pub max_chart_size: String,
    /// `auto` asks private addresses only where the URL written in Git is private itself. What this file names
    /// (mirrors, hosts, apiUrl) is always allowed.
    pub allow_private_addresses: PrivateAddresses,
}

impl Default for RawRegistries {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            docker_config_file: None,
            mirrors: Vec::new(),
            timeout: "30s".to_owned(),
            max_index_size: "256MiB".to_owned(),
            max_chart_size: "32MiB".to_owned(),
            allow_private_addresses: PrivateAddresses::Auto,
        }
    }
}

/// What Davit knows of one registry host.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawHost {
    /// Host name, with `:port` where it is not the scheme's.
    pub host: String,
    /// Path prefixes that this entry is for; empty: all of the host.
    #[serde(default)]
    pub paths: Vec<String>,
    /// User name.
    #[serde(default)]
    pub username: Option<String>,
    /// Password or token. Better: `passwordFile`.
    #[serde(default)]
    pub password: Option<String>,
    /// File with the password or token.
    #[serde(default)]
    pub password_file: Option<String>,
    /// PEM bundle of further authorities.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// Certificates are not checked, and plain HTTP is taken.
    #[serde(default)]
    pub insecure: bool,
    /// Requests at once.
    #[serde(default = "default_concurrency")]
    pub concurrency: u32,
}

fn default_concurrency() -> u32 {
    4
}

/// One replaced URL prefix.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawMirror {
    /// Prefix of the URL as in Git: `https://`, `oci://ghcr.io/`.
    pub from: String,
    /// What stands in its place.
    pub to: String,
    /// The mirror's certificate is not checked, and plain HTTP is taken.
    #[serde(default)]
    pub insecure: bool,
}

/// The cluster that applies the repositories: what it is called, and whether Davit may look at it. It is a witness: what
/// it runs is shown, and never changes which version Git asks for.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawCluster {
    /// What rows and pull requests call it; empty: the root's directory.
    pub name: String,
    /// The directory in Git that it applies, such as `clusters/production`, or `REPOSITORY:DIRECTORY` where several
    /// repositories have a root of that directory; empty: the only root of all repositories.
    pub root: String,
    /// Kubernetes version, such as `1.31.2` or `v1.31.2+k3s1`: a chart whose `kubeVersion` leaves it out is not proposed.
    /// Empty: not known, and each pull request for a chart that has a `kubeVersion` says that it was not checked. With
    /// access to the cluster its own answer counts, once it has given one.
    pub kube_version: String,
    /// How the cluster is reached; `none` asks nothing. It is only read.
    pub access: RawAccess,
    /// With `access: kubeconfig`: the file, read again in each pass. Empty: `$KUBECONFIG` or `~/.kube/config`.
    pub kubeconfig_file: String,
    /// With `access: kubeconfig`: the context; empty: the file's current one.
    pub context: String,
    /// `true` reads the Secrets that chart sources name, one by one and only where the live source has the URL and the
    /// references that Git has.
    pub secrets: bool,
    /// Longest time for one look at the cluster.
    pub timeout: String,
}

impl Default for RawCluster {
    fn default() -> Self {
        Self {
            name: String::new(),
            root: String::new(),
            kube_version: String::new(),
            access: RawAccess::None,
            kubeconfig_file: String::new(),
            context: String::new(),
            secrets: false,
            timeout: "10s".to_owned(),
        }
    }
}

/// How the cluster is reached.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum RawAccess {
    /// Not at all.
    None,
    /// As the pod's service account.
    InCluster,
    /// By a kubeconfig file.
    Kubeconfig,
}

/// Which versions are let through.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawPolicy {
    /// Masterminds range that admissible versions must meet; empty: every version.
    pub range: String,
    /// The largest step allowed.
    pub bump: RawBump,
    /// `true` lets a release move to a pre-release; one that is on a pre-release already may move to the next.
    pub prereleases: bool,
    /// How old a version must be.
    pub minimum_age: String,
    /// Versions or ranges that are never taken.
    pub ignore: Vec<String>,
    /// `true` proposes a second update within the current major.
    pub separate_majors: bool,
    /// Splits one chart's sites by name; appended to key and branch.
    pub group: String,
    /// Exceptions; later rules win.
    pub rules: Vec<RawRule>,
}

impl Default for RawPolicy {
    fn default() -> Self {
        Self {
            range: String::new(),
            bump: RawBump::Major,
            prereleases: false,
            minimum_age: "0s".to_owned(),
            ignore: Vec::new(),
            separate_majors: false,
            group: String::new(),
            rules: Vec::new(),
        }
    }
}

/// One exception: for what matches, the keys that are set.
#[derive(Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawRule {
    /// What it is for.
    #[serde(rename = "match")]
    pub matching: RuleMatch,
    /// As `policy.range`.
    pub range: Option<String>,
    /// As `policy.bump`.
    pub bump: Option<RawBump>,
    /// As `policy.prereleases`.
    pub prereleases: Option<bool>,
    /// As `policy.minimumAge`.
    pub minimum_age: Option<String>,
    /// As `policy.ignore`.
    pub ignore: Option<Vec<String>>,
    /// As `policy.separateMajors`.
    pub separate_majors: Option<bool>,
    /// As `policy.group`.
    pub group: Option<String>,
    /// As `pullRequests.labels`.
    pub labels: Option<Vec<String>>,
    /// As `pullRequests.reviewers`.
    pub reviewers: Option<Vec<String>>,
    /// As `pullRequests.assignees`.
    pub assignees: Option<Vec<String>>,
    /// As the `schedule` of a repository.
    pub schedule: Option<Vec<String>>,
}

/// How pull requests look.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawPullRequests {
    /// Labels.
    pub labels: Vec<String>,
    /// Requested reviewers; `org/team` asks a team.
    pub reviewers: Vec<String>,
    /// Assignees.
    pub assignees: Vec<String>,
    /// Opened as drafts.
    pub draft: bool,
    /// Prefix of our branches.
    pub branch_prefix: String,
    /// minijinja template of the title; empty: built in.
    pub title_template: String,
    /// File with the minijinja template of the body; empty: built in.
    pub body_template_file: String,
}

impl Default for RawPullRequests {
    fn default() -> Self {
        Self {
            labels: vec!["davit".to_owned()],
            reviewers: Vec::new(),
            assignees: Vec::new(),
            draft: false,
            branch_prefix: "davit/".to_owned(),
            title_template: String::new(),
            body_template_file: String::new(),
        }
    }
}

/// Where the state is.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawStore {
    /// The SQLite file.
    pub path: String,
}

impl Default for RawStore {
    fn default() -> Self {
        Self { path: "/var/lib/davit/davit.db".to_owned() }
    }
}

/// The HTTP surfaces.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawServer {
    /// Address and port.
    pub listen: String,
    /// Bearer token that `/api/v1` asks for. Better: `apiTokenFile`.
    pub api_token: Option<String>,
    /// File with the bearer token that `/api/v1` asks for; without one it is open.
    pub api_token_file: Option<String>,
    /// Whether `/` shows the status page.
    pub status_page: bool,
}

impl Default for RawServer {
    fn default() -> Self {
        Self { listen: "0.0.0.0:8080".to_owned(), api_token: None, api_token_file: None, status_page: true }
    }
}
