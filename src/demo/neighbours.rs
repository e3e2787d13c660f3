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
use serde_json::json;
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
        let mirror = |from: &str, to: String| json!({"from": from, "to": to, "insecure": true});
        let below = |name: &str| self.dir.join(name).to_string_lossy().into_owned();
        let sections = json!({
            "repositories": [{
                "url": format!("file://{}", self.git.display()),
                "name": "fleet",
                "branch": "main",
                "forge": "github",
                "github": REPOSITORY,
            }],
            "github": {"apiUrl": self.forge.url(), "token": TOKEN},
            "git": {"cacheDir": below("cache")},
            "registries": {"mirrors": [
                mirror("https://charts.example.com", self.charts.url()),
                mirror("oci://registry.example.com", self.registry.url()),
            ]},
            "store": {"path": below("davit.db")},
        });
        // Texts, lists and sections: nothing in it that YAML could not hold.
        serde_yaml::to_string(&sections).unwrap_or_default()
    }

    /// Stops every service and closes their connections.
    pub fn stop(self) {
        drop(self);
    }
}

#[cfg(test)]
#[path = "neighbours_tests.rs"]
mod tests;
