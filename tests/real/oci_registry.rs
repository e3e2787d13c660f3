//! Debian's `docker-registry` on a free loopback port, and Helm charts pushed to it as `helm push` does. It ends with
//! its value. It is no fake: what passes here passes against the registry most others are built from.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Media type of a chart's config blob.
pub const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Whom the registry lets in.
pub enum Door<'a> {
    /// Everybody, to read and to write.
    Open,
    /// One user with a password (bcrypt, as the registry wants it).
    Basic(&'a str, &'a str),
    /// Who has a token of this service, signed under this bundle of root certificates.
    Token { realm: &'a str, issuer: &'a str, service: &'a str, bundle: &'a Path },
}

/// A running registry.
pub struct OciRegistry {
    /// `127.0.0.1:PORT`
    pub host: String,
    child: Child,
    dir: tempfile::TempDir,
}

impl Drop for OciRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A chart to push.
pub struct PushedChart {
    pub name: String,
    /// The version in Chart.yaml.
    pub version: String,
    /// The tag, where it is not the version's.
    pub tag: Option<String>,
    /// Media type of the config blob.
    pub config_type: String,
    pub deprecated: bool,
}

/// A chart as `helm create` and `helm push` would leave it.
pub fn chart(name: &str, version: &str) -> PushedChart {
    PushedChart {
        name: name.to_owned(),
        version: version.to_owned(),
        tag: None,
        config_type: HELM_CONFIG.to_owned(),
        deprecated: false,
    }
}

/// When every pushed chart says it was made.
pub const CREATED: &str = "2026-03-04T05:06:07Z";

impl OciRegistry {
    /// Starts one, and waits until it answers.
    pub async fn start(door: &Door<'_>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..5 {
            if let Some(started) = Self::try_start(door, dir.path()).await {
                return Self { host: started.0, child: started.1, dir };
            }
        }
        panic!("docker-registry does not start:\n{}", log_of(dir.path()));
    }

    /// Nothing where somebody else took the port in between.
    async fn try_start(door: &Door<'_>, dir: &Path) -> Option<(String, Child)> {
        let host = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        std::fs::write(dir.join("registry.yml"), configuration(&host, dir, door)).unwrap();
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(dir.join("registry.yml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|e| {
                panic!("can't run `docker-registry` ({e}): install the Debian package docker-registry")
            });
        let limit = Instant::now() + Duration::from_secs(30);
        while Instant::now() < limit && child.try_wait().unwrap().is_none() {
            if client().get(format!("http://{host}/v2/")).send().await.is_ok() && child.try_wait().unwrap().is_none() {
                return Some((host, child));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let _ = child.kill();
        let _ = child.wait();
        None
    }

    /// What it logged.
    pub fn log(&self) -> String {
        log_of(self.dir.path())
    }

    /// Pushes a chart; `authorization` is the header's value. Gives the manifest's digest.
    pub async fn push(&self, repository: &str, chart: &PushedChart, authorization: Option<&str>) -> String {
        let metadata = serde_json::json!({
            "apiVersion": "v2", "name": chart.name, "version": chart.version, "appVersion": "9.8.7",
            "description": "A chart of the tests", "deprecated": chart.deprecated,
        });
        let (config, archive) = (metadata.to_string().into_bytes(), archive(&chart.name, &metadata));
        let mut layers = Vec::new();
        for (blob, media_type) in
            [(config, chart.config_type.as_str()), (archive, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")]
        {
            let digest = digest(&blob);
            layers.push(serde_json::json!({"mediaType": media_type, "digest": digest, "size": blob.len()}));
            self.upload(repository, &digest, blob, authorization).await;
        }
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": layers[0], "layers": [layers[1]],
            "annotations": {"org.opencontainers.image.created": CREATED, "org.opencontainers.image.title": chart.name},
        });
        let bytes = manifest.to_string().into_bytes();
        let tag = chart.tag.clone().unwrap_or_else(|| chart.version.replace('+', "_"));
        let digest = digest(&bytes);
        let url = format!("http://{}/v2/{repository}/manifests/{tag}", self.host);
        let request = client().put(url).header(CONTENT_TYPE, MANIFEST).body(bytes);
        self.created(request, authorization).await;
        digest
    }

    async fn upload(&self, repository: &str, digest: &str, blob: Vec<u8>, authorization: Option<&str>) {
        let begin = client().post(format!("http://{}/v2/{repository}/blobs/uploads/", self.host));
        let answer = self.created(begin, authorization).await;
        let mut target = url::Url::parse(answer.headers()[LOCATION].to_str().unwrap()).unwrap();
        target.query_pairs_mut().append_pair("digest", digest);
        let put = client().put(target).header(CONTENT_TYPE, "application/octet-stream").body(blob);
        self.created(put, authorization).await;
    }

    async fn created(&self, request: reqwest::RequestBuilder, authorization: Option<&str>) -> reqwest::Response {
        let request = match authorization {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        };
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{}: {}\n{}", answer.url(), answer.status(), self.log());
        answer
    }
}

/// The header's value of a user.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn log_of(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("log")).unwrap_or_default()
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn configuration(host: &str, dir: &Path, door: &Door<'_>) -> String {
    let data = dir.join("data");
    let auth = match door {
        Door::Open => String::new(),
        Door::Basic(user, password) => {
            let file = dir.join("htpasswd");
            std::fs::write(&file, htpasswd(user, password)).unwrap();
            format!("auth:\n  htpasswd:\n    realm: davit\n    path: {}\n", file.display())
        }
        Door::Token { realm, issuer, service, bundle } => format!(
            "auth:\n  token:\n    realm: {realm}\n    issuer: {issuer}\n    service: {service}\n    rootcertbundle: {}\n",
            bundle.display()
        ),
    };
    format!(
        "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\nhttp: {{addr: '{host}', \
         secret: of-the-tests}}\n{auth}",
        data.display()
    )
}

fn htpasswd(user: &str, password: &str) -> Vec<u8> {
    let output = Command::new("htpasswd")
        .args(["-nbB", user, password])
        .output()
        .unwrap_or_else(|e| panic!("can't run `htpasswd` ({e}): install the Debian package apache2-utils"));
    assert!(output.status.success(), "htpasswd: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// `NAME/Chart.yaml` and a template, packed as `helm package` does.
fn archive(name: &str, metadata: &serde_json::Value) -> Vec<u8> {
    let chart_yaml = serde_yaml::to_string(metadata).unwrap();
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n";
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default()));
    for (path, text) in [("Chart.yaml", chart_yaml.as_str()), ("templates/configmap.yaml", template)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, format!("{name}/{path}"), text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}
