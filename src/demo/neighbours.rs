//! Everything that Davit talks to, started together on loopback from what is embedded in the binary: the sample
//! repository as a bare one on disk, the forge that knows it, the chart repository and the OCI registry.
//!
//! The manifests keep their public-looking URLs; the configuration's mirrors lead them here. Tells no story: that is
//! the demo command's.

use super::chart::read_list;
use super::charts::ChartServer;
use super::forge::{Forge, Role};
use super::oci::OciServer;
use super::sample;
use std::path::{Path, PathBuf};

/// The sample's name on the forge.
pub const REPOSITORY: &str = "acme/fleet";
/// Davit's login there.
pub const LOGIN: &str = "davit";
/// Davit's token there: worth something on this forge only.
pub const TOKEN: &str = "demo-token-worth-nothing-elsewhere";

/// The services, running, and what Davit needs to know of them. Dropping it stops them; the directory stays.
#[derive(Debug)]
pub struct Neighbours {
    /// The GitHub-like forge.
    pub forge: Forge,
    /// What `https://charts.example.com` stands for.
    pub charts: ChartServer,
    /// What `oci://registry.example.com` stands for.
    pub registry: OciServer,
    /// The bare repository.
    pub git: PathBuf,
    dir: PathBuf,
}

/// Why the services could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No port, no thread or no room.
    #[error("the demo's services cannot start")]
    Io(#[from] std::io::Error),
    /// The sample could not be written.
    #[error("the demo's bare repository cannot be made")]
    Git(#[from] git2::Error),
}

impl Neighbours {
    /// Makes the bare repository under `dir` (which must exist and hold no `fleet.git`) and starts everything.
    ///
    /// # Errors
    /// No port, no thread, or the directory cannot be written to.
    pub fn start(dir: &Path) -> Result<Self, StartError> {
        let git = dir.join("fleet.git");
        let repository = git2::Repository::init_bare(&git)?;
        repository.set_head("refs/heads/main")?;
        let forge = Forge::start()?;
        forge.add_repository(REPOSITORY, &git, "main");
        forge.add_token(TOKEN, LOGIN);
        forge.set_role(REPOSITORY, LOGIN, Some(Role::Write));
        forge.set_role(REPOSITORY, "casey", Some(Role::Write));
        let first = sample::commit(&repository, &format!("file://{}", git.display()))?;
        repository.reference("refs/heads/main", first, false, "the sample")?;
        let charts = ChartServer::start(read_list(sample::INDEX))?;
        let registry = OciServer::start(Vec::new())?;
        for chart in read_list(sample::REGISTRY) {
            registry.add(&format!("charts/{}", chart.name), chart);
        }
        Ok(Self { forge, charts, registry, git, dir: dir.to_owned() })
    }

    /// The configuration that leads Davit here, as YAML; its store and its cache lie under the directory. Further
    /// sections may be appended.
    pub fn configuration(&self) -> String {
        let text = |value: &str| serde_json::Value::from(value).to_string();
        let path = |path: PathBuf| text(&path.to_string_lossy());
        format!(
            "repositories:\n  - url: {git}\n    name: fleet\n    branch: main\n    forge: github\n    github: {REPOSITORY}\n\
             github:\n  apiUrl: {api}\n  token: {TOKEN}\n\
             git:\n  cacheDir: {cache}\n\
             registries:\n  mirrors:\n\
             \x20   - {{from: \"https://charts.example.com\", to: {charts}, insecure: true}}\n\
             \x20   - {{from: \"oci://registry.example.com\", to: {registry}, insecure: true}}\n\
             store:\n  path: {store}\n",
            git = text(&format!("file://{}", self.git.display())),
            api = text(&self.forge.url()),
            cache = path(self.dir.join("cache")),
            charts = text(&self.charts.url()),
            registry = text(&self.registry.url()),
            store = path(self.dir.join("davit.db")),
        )
    }

    /// Stops every service and closes their connections.
    pub fn stop(self) {
        drop(self);
    }
}

#[cfg(test)]
#[path = "neighbours_tests.rs"]
mod tests;
