//! What can go wrong with a Git repository, in words for a person: the repository (no credentials in it) and the
//! remedy. Refuses to hold secrets: URLs come in redacted, server texts come in cut and cleaned.

use crate::model::{Problem, Reason};
use crate::world::address::OutOfReach;
use std::path::PathBuf;
use std::time::Duration;

/// A failed look at, or write to, one repository. `Display` names the repository and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url}: {kind}")]
pub struct GitError {
    /// The remote, without user name and password.
    pub url: String,
    /// What happened.
    pub kind: Failure,
}

/// The closed list of ways a Git operation fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// 401, a refused SSH key, or no credentials where some are needed.
    #[error("{0}; check git.http or git.ssh (or the forge's token)")]
    Unauthorized(String),
    /// 403: known to the server, and not allowed.
    #[error("not allowed: {0}; the credentials lack the right to do this")]
    Forbidden(String),
    /// 404, or a path that is no repository.
    #[error("no such repository, or no right to see it ({0})")]
    NotFound(String),
    /// The host's key is not in known_hosts. Never trusted on first use.
    #[error(
        "the host {host} is not in known_hosts (it presented {key}); compare the key with the published one, then add it: {remedy}"
    )]
    HostKeyUnknown {
        /// As it stands in known_hosts: `host` or `[host]:port`.
        host: String,
        /// Algorithm and SHA-256 fingerprint.
        key: String,
        /// The command that adds it.
        remedy: String,
    },
    /// The host presented a key that is none of those known.
    #[error("HOST KEY CHANGED: {host} presented {key}, which is none of its keys in {}; somebody may be listening, or the host was rebuilt", file.display())]
    HostKeyChanged {
        /// As it stands in known_hosts.
        host: String,
        /// Algorithm and SHA-256 fingerprint.
        key: String,
        /// The known_hosts file that was read.
        file: PathBuf,
    },
    /// The host presented a key marked `@revoked`.
    #[error("HOST KEY REVOKED: {host} presented a key that {} marks @revoked", file.display())]
    HostKeyRevoked {
        /// As it stands in known_hosts.
        host: String,
        /// The known_hosts file that was read.
        file: PathBuf,
    },
    /// The known_hosts file can't be read.
    #[error("known_hosts {} can't be read: {detail}; set git.ssh.knownHostsFile", file.display())]
    KnownHosts {
        /// The file.
        file: PathBuf,
        /// The system's words.
        detail: String,
    },
    /// TLS: an unknown authority, a wrong name, an old certificate.
    #[error("TLS: {0}; where a private authority signs, name its certificate in git.http.caFile")]
    Tls(String),
    /// A chart's repository whose public URL leads to a private machine.
    #[error(transparent)]
    PrivateAddress(OutOfReach),
    /// DNS, connection, or a body that broke off.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// A limit of time passed.
    #[error("{step}: no end within {} s; the limit is git.timeout", limit.as_secs_f32())]
    Timeout {
        /// What was waited for.
        step: String,
        /// The limit that passed.
        limit: Duration,
    },
    /// Davit stops, or nobody waits for the answer any more.
    #[error("cancelled")]
    Cancelled,
    /// Any other answer that is not success, or not Git.
    #[error("{0}")]
    Server(String),
    /// 413: the server takes no pack of that size.
    #[error("the server refuses a request of this size ({0})")]
    TooLarge(String),
    /// http:// or git://.
    #[error("{0}")]
    ClearText(String),
    /// Not an address that Git can use.
    #[error("not an address Davit can use: {0}")]
    Address(String),
    /// The remote has no branch at all.
    #[error("the repository is empty: it has no branch")]
    Empty,
    /// HEAD names a branch that does not exist, or none.
    #[error("the remote's HEAD points to no branch{0}; set `branch` for this repository")]
    NoHead(String),
    /// The configured base branch is gone.
    #[error("branch {0} is missing")]
    BranchMissing(String),
    /// Somebody moved the ref since it was read. Nothing was written.
    #[error("{branch} moved: expected {expected}, the remote {found}")]
    LeaseLost {
        /// The branch.
        branch: String,
        /// The commit it should have been at.
        expected: String,
        /// What the remote says.
        found: String,
    },
    /// A protection rule or hook refused the ref.
    #[error("{branch} is protected: {words}")]
    Protected {
        /// The branch.
        branch: String,
        /// The server's own words.
        words: String,
    },
    /// The server refused the ref for another reason.
    #[error("push of {branch} rejected: {words}")]
    Rejected {
        /// The branch.
        branch: String,
        /// The server's own words.
        words: String,
    },
    /// The cache directory's file system is full.
    #[error("no space left under {}; free some, or set git.cacheDir to a larger disk", .0.display())]
    DiskFull(PathBuf),
    /// The cache directory can't be used.
    #[error("cache directory {}: {detail}; the directory is git.cacheDir", dir.display())]
    Cache {
        /// The directory.
        dir: PathBuf,
        /// The system's words.
        detail: String,
    },
    /// Another process holds this repository's cache directory.
    #[error("{} is in use by another davit process; give each its own git.cacheDir", .0.display())]
    Locked(PathBuf),
    /// A commit, path or blob that is not there.
    #[error("{0} not found")]
    Missing(String),
    /// A blob over the limit that the caller gave.
    #[error("{what} has {size} bytes, more than {limit}")]
    TooBig {
        /// The blob or path.
        what: String,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A branch, path or author that can't stand in a repository.
    #[error("{0}")]
    Invalid(String),
    /// A credential file can't be read, or no provider gave one.
    #[error("credentials: {0}")]
    Credentials(String),
    /// libgit2's own words, where no cause of ours was recorded.
    #[error("git: {message}")]
    Git {
        /// The words.
        message: String,
        /// The object database, a ref or the index of a pack is broken: a fresh clone heals it.
        damaged: bool,
    },
}

impl Failure {
    /// The cache directory is to blame, and a fresh clone heals it.
    pub(crate) fn damaged(&self) -> bool {
        matches!(self, Self::Git { damaged: true, .. })
    }

    /// What was asked for is to blame, whoever asks and whenever: waiting changes nothing.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::TooBig { .. } | Self::Git { damaged: false, .. } | Self::Missing(_) | Self::Invalid(_))
    }

    /// With the repository it happened to; `url` must be redacted.
    pub(crate) fn at(self, url: &str) -> GitError {
        GitError { url: url.to_owned(), kind: self }
    }
}

impl From<git2::Error> for Failure {
    fn from(error: git2::Error) -> Self {
        use git2::ErrorClass as C;
        let message = words(error.message());
        // A full disk, a quota, a limit on the size of files.
        if ["No space left on device", "Disk quota exceeded", "File too large"].iter().any(|w| message.contains(w)) {
            return Self::DiskFull(PathBuf::new());
        }
        let damaged = matches!(
            error.class(),
            C::Odb | C::Object | C::Zlib | C::Indexer | C::Repository | C::Reference | C::Tree | C::Sha1 | C::Os
        );
        Self::Git { message, damaged: damaged || error.code() == git2::ErrorCode::Locked }
    }
}

impl GitError {
    /// The same as a problem of the closed list, for rows and metrics.
    pub fn problem(&self) -> Problem {
        let reason = match &self.kind {
            Failure::Unauthorized(_) | Failure::Forbidden(_) | Failure::Credentials(_) => Reason::SourceUnauthorized,
            Failure::NotFound(_) | Failure::Missing(_) | Failure::BranchMissing(_) => Reason::SourceNotFound,
            Failure::Tls(_)
            | Failure::HostKeyUnknown { .. }
            | Failure::HostKeyChanged { .. }
            | Failure::HostKeyRevoked { .. }
            | Failure::KnownHosts { .. } => Reason::SourceTls,
            Failure::PrivateAddress(_) => Reason::SourcePrivateAddress,
            Failure::Unreachable(_) | Failure::Timeout { .. } | Failure::Cancelled => Reason::SourceUnreachable,
            Failure::TooLarge(_) | Failure::TooBig { .. } => Reason::SourceTooLarge,
            Failure::Address(_) | Failure::ClearText(_) | Failure::Empty | Failure::NoHead(_) => Reason::SourceInvalid,
            _ => Reason::SourceError,
        };
        Problem::new(reason, self.to_string())
    }
}

/// A server's or library's text for one log line: control characters become spaces, at most 400 characters.
pub(crate) fn words(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect()
}

/// An error with its chain of causes on one line, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    words(&text)
}
