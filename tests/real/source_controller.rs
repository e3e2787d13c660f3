//! Flux's own source-controller, one for the whole test process, against the API server of `kube_api.rs`: it runs outside
//! a cluster and needs none. What it has pulled is read from the archive it serves, not from what anybody says of it.

use crate::kept::{Kept, free_ports};
use crate::kube_api::{KubeApi, condition, kube_api};
use crate::tools::go_tool;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::Read as _;
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// The longest that a source may take to settle.
const LIMIT: Duration = Duration::from_mins(1);

/// The running controller.
pub struct SourceController {
    /// The server it watches.
    pub api: &'static KubeApi,
    process: Kept,
}

/// A chart that Flux has pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// `status.artifact.revision`: the version, or `<tag>@<digest>` of an OCIRepository.
    pub revision: String,
    /// The name in Chart.yaml.
    pub name: String,
    /// The version in Chart.yaml.
    pub version: String,
}

/// The controller of this test process; the first call starts it.
pub async fn source_controller() -> &'static SourceController {
    static CONTROLLER: OnceCell<SourceController> = OnceCell::const_new();
    CONTROLLER.get_or_init(SourceController::start).await
}

impl SourceController {
    async fn start() -> Self {
        let program = go_tool("source-controller", "source-controller");
        let api = kube_api().await;
        let kubeconfig = api.admin().kubeconfig;
        let mut said = String::new();
        for _ in 0..3 {
            let [storage, health] = free_ports();
            let dir = tempfile::Builder::new().prefix("davit-source-controller-").tempdir().unwrap();
            std::fs::create_dir(dir.path().join("storage")).unwrap();
            let arguments = [
                format!("--storage-path={}", dir.path().join("storage").display()),
                format!("--storage-addr=127.0.0.1:{storage}"),
                format!("--storage-adv-addr=127.0.0.1:{storage}"),
                "--events-addr=".to_owned(),
                "--metrics-addr=0".to_owned(),
                format!("--health-addr=127.0.0.1:{health}"),
                "--requeue-dependency=1s".to_owned(),
                "--concurrent=8".to_owned(),
            ];
            let environment =
                [("KUBECONFIG", kubeconfig.as_os_str()), ("RUNTIME_NAMESPACE", OsStr::new("flux-system"))];
            let process = Kept::start("source-controller", &program, dir, &arguments, &environment);
            if answers(&process, health).await {
                return Self { api, process };
            }
            said = process.log();
        }
        panic!("source-controller does not start: {said}");
    }

    /// Waits for a source, named as this object is, until it is ready, and opens what was pulled.
    ///
    /// # Errors
    /// What Flux says where it refuses the source as it stands.
    pub async fn pulled(&self, source: &Value) -> Result<Pulled, String> {
        let settled = self.settled(source).await?;
        let artifact = &settled.data["status"]["artifact"];
        let [url, revision] = ["url", "revision"].map(|field| artifact[field].as_str().unwrap_or_default().to_owned());
        let answer = reqwest::Client::builder().no_proxy().build().unwrap().get(&url).send().await;
        let archive = answer.unwrap().error_for_status().unwrap().bytes().await.unwrap();
        let chart = chart_yaml(&archive).unwrap_or_else(|| panic!("{url} holds no Chart.yaml"));
        let [name, version] = ["name", "version"].map(|field| chart[field].as_str().unwrap_or_default().to_owned());
        Ok(Pulled { revision, name, version })
    }

    /// Waits until a source's status is of its newest generation, and final.
    ///
    /// # Errors
    /// The message of a source that is not ready.
    pub async fn settled(&self, source: &Value) -> Result<DynamicObject, String> {
        let end = Instant::now() + LIMIT;
        loop {
            let found = self.api.get(source).await;
            let generation = json!(found.metadata.generation);
            if let Some(ready) = condition(&found.data, "Ready").filter(|it| it["observedGeneration"] == generation) {
                match ready["status"].as_str() {
                    // Flux writes conditions first, and then what else has changed in the status.
                    Some("True") if found.data["status"]["observedGeneration"] == generation => return Ok(found),
                    // A chart before its source waits for it.
                    Some("False") if ready["reason"] != "NoSourceArtifact" => {
                        return Err(ready["message"].as_str().unwrap_or_default().to_owned());
                    }
                    _ => {}
                }
            }
            assert!(self.process.ended().is_none(), "{}", self.process.log());
            assert!(Instant::now() < end, "{source} does not settle: {:#}\n{}", found.data, self.process.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn answers(process: &Kept, port: u16) -> bool {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let end = Instant::now() + LIMIT;
    while Instant::now() < end && process.ended().is_none() {
        let answer = client.get(format!("http://127.0.0.1:{port}/readyz")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) && process.ended().is_none() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

/// The Chart.yaml of the chart in an archive (not of those below it).
fn chart_yaml(archive: &[u8]) -> Option<Value> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_path_buf();
        if path.components().count() == 2 && path.ends_with("Chart.yaml") {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            return Some(serde_yaml::from_str(&text).unwrap());
        }
    }
    None
}
