//! Raw to checked: every value parsed, every contradiction named. Each check adds its issue and goes on.

use super::places::Places;
use super::plain::{CommitVia, PathFilter};
use super::raw::{RawConfig, RawGitHub, RawServer};
use super::types::{Config, Forge, Git, GitHttp, GitHub, GitHubAuth, GitSsh, Server, StoreConfig};
use super::{Issue, Purpose, SecretRef};
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// Collects issues; each method gives a usable value even where it found one.
pub(super) struct Checker<'a> {
    pub(super) places: &'a Places,
    pub(super) issues: Vec<Issue>,
}

/// The checked configuration (nothing only where an issue says why) and all issues.
pub(super) fn check(raw: RawConfig, purpose: Purpose, places: Places) -> (Option<Config>, Vec<Issue>) {
    let mut checker = Checker { places: &places, issues: Vec::new() };
    let checked = checker.config(raw, purpose);
    let issues = checker.issues;
    (checked.map(|config| Config { places, ..config }), issues)
}

impl Checker<'_> {
    fn config(&mut self, raw: RawConfig, purpose: Purpose) -> Option<Config> {
        let github = self.github(raw.github);
        let git = self.git(raw.git);
        let api_host = github.as_ref().and_then(|g| g.api_url.host_str()).unwrap_or_default().to_owned();
        let listed = !raw.repositories.is_empty();
        let repositories = self.repositories(raw.repositories, &api_host, git.http.insecure);
        let config = Config {
            mode: raw.mode,
            paused: raw.paused,
            repositories,
            git,
            registries: self.registries(raw.registries),
            cluster: self.cluster(raw.cluster),
            policy: self.policy(raw.policy),
            pull_requests: self.pull_requests(raw.pull_requests),
            limits: raw.limits,
            store: StoreConfig { path: self.path("store.path", &raw.store.path) },
            server: self.server(raw.server),
            log: raw.log,
            github: github?,
            places: Places::default(),
        };
        self.needs(&config, listed, purpose);
        Some(config)
    }

    /// What `run` and `once` need. `listed`: there are repositories, be they as wrong as they may.
    fn needs(&mut self, config: &Config, listed: bool, purpose: Purpose) {
        if purpose == Purpose::Run && !listed {
            self.issue("repositories", "at least one repository is needed: repositories: [{url: https://…}]");
        }
        let on_github = config.repositories.iter().any(|r| matches!(r.forge, Forge::GitHub(_)));
        if purpose != Purpose::Local && on_github && config.github.auth.is_none() {
            self.issue("github", "a repository's forge is github: set github.tokenFile or github.app, or forge: none");
        }
        if config.github.commit_via == CommitVia::Api && self.places.has("git.author") {
            self.issue("git.author", "must be unset with github.commitVia: api, where GitHub names the author");
        }
    }

    fn github(&mut self, raw: RawGitHub) -> Option<GitHub> {
        let token = self.secret("github.token", raw.token, raw.token_file);
        let app = raw.app.map(|app| {
            let key = self.secret("github.app.privateKey", app.private_key, app.private_key_file);
            if key.is_none() {
                self.issue("github.app", "needs privateKeyFile (or privateKey)");
            }
            (app.id, app.installation_id, key)
        });
        let auth = match (token, app) {
            (Some(_), Some(_)) => {
                self.issue("github", "has both a token and an app; keep one");
                None
            }
            (Some(token), None) => Some(GitHubAuth::Token(token)),
            (None, Some((id, installation_id, Some(private_key)))) => {
                Some(GitHubAuth::App { id, installation_id, private_key })
            }
            (None, _) => None,
        };
        Some(GitHub {
            auth,
            webhook_secret: self.secret("github.webhookSecret", raw.webhook_secret, raw.webhook_secret_file),
            commit_via: raw.commit_via,
            api_url: self.http_url("github.apiUrl", &raw.api_url)?,
        })
    }

    fn git(&mut self, raw: super::raw::RawGit) -> Git {
        let author = raw.author;
        for (path, text) in [("git.author.name", &author.name), ("git.author.email", &author.email)] {
            if text.trim().is_empty() || text.contains(['<', '>', '\n', '\r', '\0']) {
                self.issue(path, "must be one line, not empty, without < and >");
            }
        }
        Git {
            author,
            cache_dir: self.path("git.cacheDir", &raw.cache_dir),
            timeout: self.positive("git.timeout", &raw.timeout),
            http: GitHttp {
                username: set(raw.http.username),
                password: self.secret("git.http.password", raw.http.password, raw.http.password_file),
                ca_file: set(raw.http.ca_file).map(PathBuf::from),
                insecure: raw.http.insecure,
            },
            ssh: GitSsh {
                key: self.secret("git.ssh.key", raw.ssh.key, raw.ssh.key_file),
                passphrase: self.secret("git.ssh.passphrase", raw.ssh.passphrase, raw.ssh.passphrase_file),
                known_hosts_file: set(raw.ssh.known_hosts_file).map(PathBuf::from),
            },
        }
    }

    fn server(&mut self, raw: RawServer) -> Server {
        let listen = raw.listen.parse::<SocketAddr>().unwrap_or_else(|_| {
            self.issue("server.listen", "expected an address and a port, such as 0.0.0.0:8080 or [::1]:8080");
            SocketAddr::from(([0, 0, 0, 0], 8080))
        });
        let api_token = self.secret("server.apiToken", raw.api_token, raw.api_token_file);
        Server { listen, api_token, status_page: raw.status_page }
    }

    /// Adds an issue at the place where the path is written.
    pub(super) fn issue(&mut self, path: &str, message: impl Into<String>) {
        self.issues.push(Issue { place: self.places.locate(path), path: path.to_owned(), message: message.into() });
    }

    /// A secret: its text at `path`, or its file at `path` + `File`.
    pub(super) fn secret(&mut self, path: &str, text: Option<String>, file: Option<String>) -> Option<SecretRef> {
        match (set(text), set(file)) {
            (Some(_), Some(file)) => {
                self.issue(path, format!("both {path} and {path}File are set; keep the file"));
                Some(SecretRef::File(PathBuf::from(file)))
            }
            (Some(text), None) => Some(SecretRef::Inline(SecretString::from(text))),
            (None, Some(file)) => Some(SecretRef::File(PathBuf::from(file))),
            (None, None) => None,
        }
    }

    pub(super) fn path(&mut self, path: &str, text: &str) -> PathBuf {
        if text.is_empty() || text.contains('\0') {
            self.issue(path, "expected a path");
        }
        PathBuf::from(text)
    }

    pub(super) fn http_url(&mut self, path: &str, text: &str) -> Option<Url> {
        let problem = match Url::parse(text) {
            Ok(url) if !matches!(url.scheme(), "http" | "https") => "must begin with https://".to_owned(),
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                "must hold no credentials: they would end up in logs".to_owned()
            }
            Ok(url) => return Some(url),
            Err(error) => format!("not a URL: {error}"),
        };
        self.issue(path, problem);
        None
    }

    pub(super) fn duration(&mut self, path: &str, text: &str) -> Duration {
        super::duration(text).unwrap_or_else(|message| {
            self.issue(path, message);
            Duration::ZERO
        })
    }

    /// A duration that is not zero.
    pub(super) fn positive(&mut self, path: &str, text: &str) -> Duration {
        let before = self.issues.len();
        let duration = self.duration(path, text);
        if duration.is_zero() && self.issues.len() == before {
            self.issue(path, "must be more than nothing: with 0s no work would ever finish");
        }
        duration
    }

    pub(super) fn size(&mut self, path: &str, text: &str) -> u64 {
        match super::size(text) {
            Ok(0) => self.issue(path, "must be more than nothing"),
            Ok(size) => return size,
            Err(message) => self.issue(path, message),
        }
        0
    }

    /// Globs on paths, names or URLs.
    pub(super) fn globs(&mut self, path: &str, globs: &[String]) {
        for (index, glob) in globs.iter().enumerate() {
            let path = format!("{path}[{index}]");
            if glob.is_empty() {
                self.issue(&path, "an empty pattern matches nothing");
            } else if let Err(error) = globset::Glob::new(glob) {
                self.issue(&path, format!("not a glob: {}", error.kind()));
            }
        }
    }

    /// Texts that end up on the forge or in logs: not empty, one line.
    pub(super) fn words(&mut self, path: &str, words: &[String]) {
        for (index, word) in words.iter().enumerate() {
            if word.trim().is_empty() || word.chars().any(char::is_control) {
                self.issue(&format!("{path}[{index}]"), "must be one line, not empty");
            }
        }
    }

    /// Windows in which writes are allowed.
    pub(super) fn schedule(&mut self, path: &str, windows: &[String]) {
        for (index, text) in windows.iter().enumerate() {
            if let Err(error) = crate::model::Window::parse(text) {
                self.issue(&format!("{path}[{index}]"), error.to_string());
            }
        }
    }

    pub(super) fn path_filter(&mut self, path: &str, raw: PathFilter) -> PathFilter {
        for (key, globs) in [("include", &raw.include), ("exclude", &raw.exclude)] {
            let path = format!("{path}.{key}");
            self.globs(&path, globs);
            for (index, glob) in globs.iter().enumerate() {
                let rooted = glob.trim_start_matches("./").trim_start_matches('/');
                if rooted.len() != glob.len() || glob.split('/').any(|part| part == "..") {
                    self.issue(&format!("{path}[{index}]"), "paths begin at the repository's root, such as `apps/**`");
                } else if glob.ends_with('/') {
                    self.issue(&format!("{path}[{index}]"), format!("matches no file; write `{glob}**`"));
                }
            }
        }
        if raw.include.is_empty() {
            self.issue(&format!("{path}.include"), "an empty list reads nothing; leave the key out to read everything");
        }
        raw
    }
}

/// An empty text is an unset one.
pub(super) fn set(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
