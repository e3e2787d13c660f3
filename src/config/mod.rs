//! F1. Configuration: raw as written, then checked as meant; every problem at once, with line and column.
//!
//! It refuses unknown keys, reads no file and asks no network: who loads it hands over the text and the environment.

mod issue;
mod lookup;
mod mirrors;
mod places;
mod remote;
mod secret;
mod types;

pub use issue::Issue;
pub use mirrors::{Mirror, Mirrored, Mirrors};
pub use places::Place;
pub use remote::{Remote, Transport};
pub use secret::SecretRef;
pub use types::{
    Author, CommitVia, Config, Forge, Git, GitHttp, GitHub, GitHubAuth, GitHubRepository, GitSsh, Limits, Log,
    LogFormat, LogLevel, Mode, PathFilter, PolicyConfig, PrivateAddresses, PullRequests, Registries, RegistryHost,
    Repository, RepositorySettings, RuleConfig, RuleMatch, Server, StoreConfig,
};
