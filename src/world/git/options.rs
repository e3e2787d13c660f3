//! What the Git side needs to know, and where its secrets come from. Secrets are read again for each operation, so
//! that rotation needs no restart; none is kept here.

use crate::config::{self, Author, SecretRef};
use crate::world::secret;
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// User name and password of HTTP basic authentication.
#[derive(Debug, Clone)]
pub struct Basic {
    /// The user; `x-access-token` for GitHub tokens.
    pub username: String,
    /// The password or token.
    pub password: SecretString,
}

impl Basic {
    /// A GitHub token (personal or of an App's installation) as Git over HTTP takes it.
    pub fn github(token: SecretString) -> Self {
        Self { username: "x-access-token".to_owned(), password: token }
    }
}

/// Where the credentials of HTTP remotes come from. Asked once per operation, so tokens may rotate.
#[async_trait::async_trait]
pub trait Credentials: Send + Sync {
    /// The credentials for one operation, or none for an anonymous one. The error is a sentence without a secret.
    async fn basic(&self) -> Result<Option<Basic>, String>;
}

/// No credentials at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anonymous;

#[async_trait::async_trait]
impl Credentials for Anonymous {
    async fn basic(&self) -> Result<Option<Basic>, String> {
        Ok(None)
    }
}

/// The same user name and password for each operation.
#[async_trait::async_trait]
impl Credentials for Basic {
    async fn basic(&self) -> Result<Option<Basic>, String> {
        Ok(Some(self.clone()))
    }
}

/// A user name, and a configured password that is read for each operation.
#[derive(Debug, Clone)]
pub struct Password {
    /// The user.
    pub username: String,
    /// The password or token.
    pub password: SecretRef,
}

#[async_trait::async_trait]
impl Credentials for Password {
    async fn basic(&self) -> Result<Option<Basic>, String> {
        let password = secret::read(&self.password).map_err(|e| e.to_string())?;
        Ok(Some(Basic { username: self.username.clone(), password }))
    }
}

/// How SSH remotes are entered.
#[derive(Debug, Clone)]
pub enum SshAuth {
    /// A private key, and its passphrase where it is encrypted.
    Key {
        /// OpenSSH or PEM private key.
        key: SecretRef,
        /// The passphrase.
        passphrase: Option<SecretRef>,
    },
    /// The agent on this socket (`SSH_AUTH_SOCK`).
    Agent {
        /// The socket.
        socket: PathBuf,
    },
}

/// Most bytes of one download of pull request heads.
const HEADS: u64 = 64 << 20;

/// Everything the Git side is told, checked by the configuration before.
#[derive(Clone)]
pub struct GitOptions {
    /// Name and e-mail of author and committer.
    pub author: Author,
    /// Where the bare repositories lie, one directory each.
    pub cache_dir: PathBuf,
    /// The longest one operation may take.
    pub timeout: Duration,
    /// Most bytes of one download of pull request heads: anybody can open one. Where they are too much together, a part
    /// of them has a part of it.
    pub heads_limit: u64,
    /// Credentials of HTTP remotes, where a repository brings none of its own.
    pub http: Arc<dyn Credentials>,
    /// A PEM bundle that extends the system's authorities.
    pub ca_file: Option<PathBuf>,
    /// Take http:// remotes and any certificate.
    pub insecure: bool,
    /// How SSH remotes are entered.
    pub ssh: Option<SshAuth>,
    /// The known_hosts files; a host that is in none of them is refused.
    pub known_hosts: Vec<PathBuf>,
}

impl GitOptions {
    /// Anonymous access with the defaults of the configuration, and this cache directory.
    pub fn anonymous(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            author: Author { name: "davit".to_owned(), email: "davit@users.noreply.github.com".to_owned() },
            cache_dir: cache_dir.into(),
            timeout: Duration::from_mins(2),
            heads_limit: HEADS,
            http: Arc::new(Anonymous),
            ca_file: None,
            insecure: false,
            ssh: None,
            known_hosts: vec![PathBuf::from("/etc/ssh/ssh_known_hosts")],
        }
    }

    /// From the checked configuration. `home` and `agent` are `HOME` and `SSH_AUTH_SOCK` of the environment.
    pub fn from_config(git: &config::Git, home: Option<&Path>, agent: Option<&Path>) -> Self {
        let http: Arc<dyn Credentials> = match &git.http.password {
            Some(password) => Arc::new(Password {
                username: git.http.username.clone().unwrap_or_else(|| "git".to_owned()),
                password: password.clone(),
            }),
            None => Arc::new(Anonymous),
        };
        let agent = agent.map(|socket| SshAuth::Agent { socket: socket.to_path_buf() });
        let key = git.ssh.key.clone().map(|key| SshAuth::Key { key, passphrase: git.ssh.passphrase.clone() });
        let system = PathBuf::from("/etc/ssh/ssh_known_hosts");
        let known_hosts = git.ssh.known_hosts_file.clone().map_or_else(
            || home.map(|home| home.join(".ssh/known_hosts")).into_iter().chain([system]).collect(),
            |file| vec![file],
        );
        Self {
            author: git.author.clone(),
            cache_dir: git.cache_dir.clone(),
            timeout: git.timeout,
            heads_limit: HEADS,
            http,
            ca_file: git.http.ca_file.clone(),
            insecure: git.http.insecure,
            ssh: key.or(agent),
            known_hosts,
        }
    }
}
