//! An HTTP chart repository: `index.yaml` in Helm's own layout, and the archives it names.
//!
//! Paths: `/<any prefix>/index.yaml` and `/<any prefix>/charts/<name>-<version>.tgz`, so that one server stands for
//! several repositories; every prefix offers the same unless charts were added under one (see [`ChartServer::add_at`]).

use super::chart::Chart;
use super::serve::{Reply, Request, Server, Service};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The repository, running. Dropping it stops it.
#[derive(Debug)]
pub struct ChartServer {
    shelf: Arc<Shelf>,
    /// The server: its traffic, and faults to come.
    pub server: Server,
}

#[derive(Debug, Default)]
struct Shelf(Mutex<Stock>);

#[derive(Debug, Default)]
struct Stock {
    /// By prefix; the empty one answers for every prefix without charts of its own.
    charts: BTreeMap<String, Vec<Chart>>,
    /// Indexes made of them, as a real repository has them lying ready; empty after each change.
    indexes: BTreeMap<String, bytes::Bytes>,
    /// User and password, where it asks for them.
    login: Option<(String, String)>,
    /// A file served as it is, by path.
    files: BTreeMap<String, (String, bytes::Bytes)>,
}

impl ChartServer {
    /// Starts with these charts.
    ///
    /// # Errors
    /// No port or no thread is to be had.
    pub fn start(charts: Vec<Chart>) -> std::io::Result<Self> {
        let shelf = Arc::new(Shelf::default());
        shelf.stock().charts.insert(String::new(), charts);
        let server = Server::start("charts", shelf.clone())?;
        Ok(Self { shelf, server })
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Publishes one more version.
    pub fn add(&self, chart: Chart) {
        self.add_at("", chart);
    }

    /// Publishes a version under a prefix of its own (`team/stable`).
    pub fn add_at(&self, prefix: &str, chart: Chart) {
        let mut stock = self.shelf.stock();
        stock.indexes.clear();
        stock.charts.entry(prefix.trim_matches('/').to_owned()).or_default().push(chart);
    }

    /// Withdraws a version everywhere.
    pub fn remove(&self, name: &str, version: &str) {
        let mut stock = self.shelf.stock();
        stock.indexes.clear();
        for charts in stock.charts.values_mut() {
            charts.retain(|chart| chart.name != name || chart.version != version);
        }
    }

    /// From now on asks for this user and password.
    pub fn require_login(&self, user: &str, password: &str) {
        self.shelf.stock().login = Some((user.to_owned(), password.to_owned()));
    }

    /// Serves a file as it is, in place of what would be there (an HTML page for `/index.yaml`, say).
    pub fn put(&self, path: &str, content_type: &str, body: impl Into<bytes::Bytes>) {
        self.shelf.stock().files.insert(path.to_owned(), (content_type.to_owned(), body.into()));
    }

    /// How often the index was asked for, 304 included.
    pub fn index_requests(&self) -> usize {
        self.server.traffic.count("GET", "/index\\.yaml$")
    }
}

impl Shelf {
    fn stock(&self) -> std::sync::MutexGuard<'_, Stock> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Stock {
    fn charts(&self, prefix: &str) -> &[Chart] {
        self.charts.get(prefix).or_else(|| self.charts.get("")).map(Vec::as_slice).unwrap_or_default()
    }

    fn index(&mut self, prefix: &str) -> bytes::Bytes {
        if let Some(made) = self.indexes.get(prefix) {
            return made.clone();
        }
        let made = bytes::Bytes::from(index(self.charts(prefix)));
        self.indexes.insert(prefix.to_owned(), made.clone());
        made
    }
}

impl Service for Shelf {
    fn answer(&self, request: &Request) -> Reply {
        let mut stock = self.stock();
        if stock.login.as_ref().is_some_and(|(user, password)| !has_basic(request, user, password)) {
            return Reply::new(401, "text/plain", "Unauthorized\n").with("www-authenticate", "Basic realm=\"charts\"");
        }
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            return Reply::new(405, "text/plain", "Method Not Allowed\n");
        }
        if let Some((content_type, body)) = stock.files.get(&request.path) {
            return Reply::new(200, content_type, body.clone()).cached(request);
        }
        let segments = request.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        match parts.as_slice() {
            [prefix @ .., "index.yaml"] => Reply::new(200, "text/yaml", stock.index(&prefix.join("/"))).cached(request),
            [prefix @ .., "charts", file] => {
                let named = |chart: &&Chart| format!("{}-{}.tgz", chart.name, chart.version) == *file;
                match stock.charts(&prefix.join("/")).iter().find(named) {
                    Some(chart) => Reply::new(200, "application/gzip", chart.archive()).cached(request),
                    None => missing(),
                }
            }
            _ => missing(),
        }
    }
}

fn missing() -> Reply {
    Reply::new(404, "text/plain", "Not Found\n")
}

/// Whether the request carries this user and password.
pub(super) fn has_basic(request: &Request, user: &str, password: &str) -> bool {
    use base64::Engine;
    let wanted = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    request.header("authorization").and_then(|header| header.strip_prefix("Basic ")).is_some_and(|have| have == wanted)
}

/// `index.yaml` as `helm repo index` lays it out: keys sorted, names sorted, versions from the newest.
pub fn index(charts: &[Chart]) -> String {
    let mut names: BTreeMap<&str, Vec<&Chart>> = BTreeMap::new();
    for chart in charts {
        names.entry(&chart.name).or_default().push(chart);
    }
    let newest = |chart: &&Chart| std::cmp::Reverse(semver::Version::parse(chart.version.trim_start_matches('v')).ok());
    for versions in names.values_mut() {
        versions.sort_by_key(newest);
    }
    let entries = names.into_iter().map(|(name, versions)| (name, versions.into_iter().map(Entry::of).collect()));
    let index = Index { api_version: "v1", entries: entries.collect(), generated: "2026-01-01T00:00:00Z" };
    // Texts and lists: nothing in it that YAML could not hold.
    serde_yaml::to_string(&index).unwrap_or_default()
}

/// The file; fields in the order of their names, as Helm writes them.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    api_version: &'static str,
    entries: BTreeMap<&'a str, Vec<Entry<'a>>>,
    generated: &'static str,
}

/// One version in it.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    api_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deprecated: bool,
    description: &'a str,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    home: Option<&'a str>,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    urls: [String; 1],
    version: &'a str,
}

impl<'a> Entry<'a> {
    fn of(chart: &'a Chart) -> Self {
        Self {
            api_version: "v2",
            app_version: chart.app_version.as_deref(),
            created: chart.created.as_deref(),
            deprecated: chart.deprecated,
            description: &chart.description,
            digest: chart.digest(),
            home: chart.home.as_deref(),
            name: &chart.name,
            kind: "application",
            urls: [format!("charts/{}-{}.tgz", chart.name, chart.version)],
            version: &chart.version,
        }
    }
}

#[cfg(test)]
#[path = "charts_tests.rs"]
mod tests;
