//! F1. Configuration: raw as written, then checked as meant; every problem at once, with line and column.
//!
//! It refuses unknown keys, reads no file and asks no network: who loads it hands over the text and the environment.

mod check;
mod check_cluster;
mod check_repositories;
mod check_sections;
mod environment;
mod issue;
mod load;
mod lookup;
mod mirrors;
mod overlay;
mod places;
mod plain;
mod quantity;
mod raw;
mod remote;
mod secret;
mod shape;
mod types;
mod walk;

pub use issue::Issue;
pub use load::{Purpose, load, load_with};
pub use mirrors::{Mirror, Mirrored, Mirrors};
pub use overlay::{OVERLAY_LIMIT, OVERLAY_PATH, Overlay, overlay};
pub use places::Place;
pub use plain::{Author, CommitVia, Limits, Log, LogFormat, LogLevel, Mode, PathFilter, PrivateAddresses, RuleMatch};
pub use quantity::{duration, size};
pub use remote::{Remote, Transport};
pub use secret::SecretRef;
pub use types::{
    Cluster, ClusterAccess, Config, Forge, Git, GitHttp, GitHub, GitHubAuth, GitHubRepository, GitSsh, PolicyConfig,
    PullRequests, Registries, RegistryHost, Repository, RepositorySettings, RuleConfig, Server, StoreConfig, web_host,
};

/// The JSON Schema of the configuration, for editors; committed as `docs/config.schema.json`.
pub fn schema() -> serde_json::Value {
    load::schema_of::<raw::RawConfig>()
}

#[cfg(test)]
mod shipped_tests;
