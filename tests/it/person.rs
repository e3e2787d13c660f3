//! A person at a shell: a folder, a home of their own, chart sources on loopback, and the real binary with nothing of
//! this machine's environment.

use davit::demo::chart::{Chart, chart};
use davit::demo::charts::ChartServer;
use davit::demo::oci::OciServer;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub struct Person {
    dir: tempfile::TempDir,
    pub charts: ChartServer,
    pub registry: OciServer,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The row of a release in `scan --format json`.
    pub fn row(&self, id: &str) -> Value {
        let all = self.json();
        let (namespace, name) = id.split_once('/').unwrap();
        let mut rows = all["releases"].as_array().unwrap().iter();
        rows.find(|r| r["namespace"] == namespace && r["name"] == name)
            .unwrap_or_else(|| panic!("no {id}: {self:?}"))
            .clone()
    }

    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

fn versions(name: &str, all: &[&str]) -> Vec<Chart> {
    all.iter().map(|version| chart(name, version)).collect()
}

impl Person {
    /// Chart podinfo (6.4.0 to 7.0.0, and a release candidate) in an index; charts/app with the same in a registry.
    pub fn new() -> Self {
        let all = ["6.4.0", "6.4.1", "6.5.0", "7.0.0", "7.1.0-rc.1"];
        let person = Self {
            dir: tempfile::tempdir().unwrap(),
            charts: ChartServer::start(versions("podinfo", &all)).unwrap(),
            registry: OciServer::start(vec![("charts/app", versions("app", &all))]).unwrap(),
        };
        std::fs::create_dir(person.repo()).unwrap();
        person
    }

    /// With one release `media/web` on podinfo 6.4.0.
    pub fn with_one_release() -> Self {
        let person = Self::new();
        person.source();
        person.write("repo/web.yaml", release("media", "web", "podinfo", "6.4.0", ""));
        person
    }

    /// Writes the HelmRepository `flux-system/charts`.
    pub fn source(&self) {
        self.write("repo/source.yaml", helm_repository("charts", &self.charts.url(), ""));
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn repo(&self) -> PathBuf {
        self.dir().join("repo")
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.dir().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        String::from_utf8(std::fs::read(self.dir().join(path)).unwrap()).unwrap()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_davit"));
        command.env_clear().env("HOME", self.dir().join("home")).env("XDG_CACHE_HOME", self.dir().join("cache"));
        command.env("PATH", "/usr/bin:/bin").current_dir(self.dir()).stdin(Stdio::null());
        command
    }

    pub fn davit(&self, args: &[&str]) -> Said {
        said(self.command().args(args).output().unwrap())
    }

    /// `scan repo --format json`, which must succeed.
    pub fn scan(&self) -> Said {
        self.davit(&["scan", "repo", "--format", "json"]).expect(0)
    }
}

/// What was said, without the line that a loaded machine may take long enough to see.
pub fn said(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let err = text(output.stderr).split_inclusive('\n').filter(|line| !is_progress(line)).collect();
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err }
}

/// The sign of life that `davit scan` gives on standard error after some seconds.
pub fn is_progress(line: &str) -> bool {
    line.starts_with("Reading ") && line.ends_with(" and asking its chart sources …\n")
}

/// A HelmRelease on `flux-system/charts`; `annotations` as `key: value` lines.
pub fn release(namespace: &str, name: &str, chart: &str, version: &str, annotations: &str) -> String {
    release_from("charts", namespace, name, chart, version, annotations)
}

pub fn release_from(
    source: &str,
    namespace: &str,
    name: &str,
    chart: &str,
    version: &str,
    annotations: &str,
) -> String {
    let mut text = format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: {name}\n  namespace: {namespace}\n"
    );
    if !annotations.is_empty() {
        text.push_str("  annotations:\n");
        for line in annotations.lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    let _ = write!(
        text,
        "spec:\n  interval: 1h\n  chart:\n    spec:\n      chart: {chart}\n      version: {version}\n      \
         sourceRef:\n        kind: HelmRepository\n        name: {source}\n        namespace: flux-system\n"
    );
    text
}

pub fn helm_repository(name: &str, url: &str, more: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata:\n  name: {name}\n  \
         namespace: flux-system\nspec:\n  interval: 1h\n  url: {url}\n{more}"
    )
}

pub fn oci_repository(name: &str, namespace: &str, url: &str, tag: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata:\n  name: {name}\n  \
         namespace: {namespace}\nspec:\n  interval: 1h\n  insecure: true\n  url: {url}\n  ref:\n    tag: {tag}\n"
    )
}

pub fn release_of_oci(name: &str, namespace: &str, source: &str, annotations: &str) -> String {
    let annotations =
        if annotations.is_empty() { String::new() } else { format!("  annotations: {{{annotations}}}\n") };
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: {name}\n  \
         namespace: {namespace}\n{annotations}spec:\n  interval: 1h\n  chartRef: {{kind: OCIRepository, name: {source}, namespace: flux-system}}\n"
    )
}
