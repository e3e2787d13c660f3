//! An OCI distribution registry that serves Helm charts: tag lists with pages, manifests, blobs, and a token server.
//! Read only; nothing can be pushed.

use super::chart::{Chart, digest};
use super::charts::has_basic;
use super::serve::{Reply, Request, Server, Service};
use bytes::Bytes;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Media type of a Helm chart's config.
pub const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// Media type of a Helm chart's archive.
pub const LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Who may read.
#[derive(Debug, Clone, Default)]
enum Door {
    #[default]
    Open,
    /// A token from the realm, for nobody in particular or for this user only.
    Token(Option<(String, String)>),
    /// This user, on each request.
    Basic(String, String),
}

/// The registry, running. Dropping it stops it.
#[derive(Debug)]
pub struct OciServer {
    shelf: Arc<Shelf>,
    /// The server: its traffic, and faults to come.
    pub server: Server,
}

#[derive(Debug, Default)]
struct Shelf(Mutex<Stock>);

#[derive(Debug, Default)]
struct Stock {
    url: String,
    door: Door,
    /// Repository to its charts, in order of publication.
    repositories: BTreeMap<String, Vec<Published>>,
    /// Tags that stand for no chart (`latest`, `sha-123`), by repository.
    odd: BTreeMap<String, Vec<String>>,
    /// The largest page of a tag list.
    page: usize,
}

/// A chart with what stands for it in a registry, made once: packing costs far more than answering.
#[derive(Debug)]
struct Published {
    tag: String,
    manifest: Bytes,
    /// Of the manifest, with its `sha256:`.
    digest: String,
    /// Config and archive, by digest.
    blobs: [(String, Bytes); 2],
}

impl Published {
    fn new(chart: &Chart) -> Self {
        let blobs = [chart.metadata().to_string().into_bytes(), chart.archive()];
        let blobs = blobs.map(|body| (format!("sha256:{}", digest(&body)), Bytes::from(body)));
        let manifest = manifest(chart, &blobs);
        Self { tag: chart.oci_tag(), digest: format!("sha256:{}", digest(&manifest)), manifest: manifest.into(), blobs }
    }
}

impl OciServer {
    /// Starts with charts in repositories: `("charts/podinfo", vec![chart("podinfo", "6.5.0")])`.
    ///
    /// # Errors
    /// No port or no thread is to be had.
    pub fn start(repositories: Vec<(&str, Vec<Chart>)>) -> std::io::Result<Self> {
        let shelf = Arc::new(Shelf::default());
        let server = Server::start("registry", shelf.clone())?;
        let mut stock = shelf.stock();
        (stock.url, stock.page) = (server.url(), 1000);
        stock.repositories = repositories
            .into_iter()
            .map(|(name, charts)| (name.to_owned(), charts.iter().map(Published::new).collect()))
            .collect();
        drop(stock);
        Ok(Self { shelf, server })
    }

    /// `127.0.0.1:<port>`
    pub fn authority(&self) -> String {
        self.server.authority()
    }

    /// `oci://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("oci://{}", self.server.authority())
    }

    /// Publishes one more version.
    #[expect(clippy::needless_pass_by_value, reason = "who publishes a chart is done with it")]
    pub fn add(&self, repository: &str, chart: Chart) {
        self.shelf.stock().repositories.entry(repository.to_owned()).or_default().push(Published::new(&chart));
    }

    /// A tag that stands for no chart.
    pub fn add_tag(&self, repository: &str, tag: &str) {
        self.shelf.stock().odd.entry(repository.to_owned()).or_default().push(tag.to_owned());
    }

    /// Lists at most so many tags a page, whatever `n` asks for (default 1000).
    pub fn page_size(&self, tags: usize) {
        self.shelf.stock().page = tags.max(1);
    }

    /// From now on reading needs a token of the realm; anyone gets one.
    pub fn require_token(&self) {
        self.shelf.stock().door = Door::Token(None);
    }

    /// From now on reading needs a token of the realm, which asks for this user and password.
    pub fn require_token_of(&self, user: &str, password: &str) {
        self.shelf.stock().door = Door::Token(Some((user.to_owned(), password.to_owned())));
    }

    /// From now on each request needs this user and password.
    pub fn require_basic(&self, user: &str, password: &str) {
        self.shelf.stock().door = Door::Basic(user.to_owned(), password.to_owned());
    }

    /// The manifest's digest of a tag, with its `sha256:`.
    pub fn manifest_digest(&self, repository: &str, tag: &str) -> Option<String> {
        let stock = self.shelf.stock();
        let found = stock.repositories.get(repository)?.iter().rev().find(|chart| chart.tag == tag)?;
        Some(found.digest.clone())
    }
}

impl Shelf {
    fn stock(&self) -> MutexGuard<'_, Stock> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The manifest, as `helm push` makes it.
fn manifest(chart: &Chart, [config, archive]: &[(String, Bytes); 2]) -> Vec<u8> {
    let mut notes = json!({
        "org.opencontainers.image.title": chart.name, "org.opencontainers.image.version": chart.version,
        "org.opencontainers.image.description": chart.description,
    });
    if let Some(created) = &chart.created {
        notes["org.opencontainers.image.created"] = json!(created);
    }
    let made = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": config.0, "size": config.1.len()},
        "layers": [{"mediaType": LAYER, "digest": archive.0, "size": archive.1.len()}],
        "annotations": notes,
    });
    made.to_string().into_bytes()
}

fn refuse(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({"errors": [{"code": code, "message": message, "detail": null}]}).to_string();
    Reply::new(status, "application/json; charset=utf-8", body)
}

/// The token that the realm gives out for a repository.
fn token_for(scope: &str) -> String {
    digest(format!("token of the demo registry for {scope}").as_bytes())
}

impl Stock {
    fn admits(&self, request: &Request, repository: Option<&str>) -> Result<(), Reply> {
        let scope = repository.map(|name| format!("repository:{name}:pull")).unwrap_or_default();
        let challenge = match &self.door {
            Door::Open => return Ok(()),
            Door::Basic(user, password) if has_basic(request, user, password) => return Ok(()),
            Door::Basic(..) => "Basic realm=\"registry\"".to_owned(),
            Door::Token(_) => {
                let have = request.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
                if have.is_some_and(|have| have == token_for(&scope) || (scope.is_empty() && have.len() == 64)) {
                    return Ok(());
                }
                let scope = if scope.is_empty() { scope } else { format!(",scope=\"{scope}\"") };
                format!("Bearer realm=\"{}/token\",service=\"demo\"{scope}", self.url)
            }
        };
        Err(refuse(401, "UNAUTHORIZED", "authentication required").with("www-authenticate", challenge))
    }

    fn token(&self, request: &Request) -> Reply {
        if let Door::Token(Some((user, password))) = &self.door
            && !has_basic(request, user, password)
        {
            return refuse(401, "UNAUTHORIZED", "incorrect username or password");
        }
        let token = token_for(request.param("scope").unwrap_or_default());
        let body =
            json!({"token": token, "access_token": token, "expires_in": 300, "issued_at": "2026-01-01T00:00:00Z"});
        Reply::new(200, "application/json", body.to_string())
    }

    fn tags(&self, request: &Request, repository: &str) -> Reply {
        let Some(charts) = self.repositories.get(repository) else { return unknown_name() };
        let mut tags: Vec<String> = charts.iter().map(|chart| chart.tag.clone()).collect();
        tags.extend(self.odd.get(repository).into_iter().flatten().cloned());
        tags.sort();
        tags.dedup();
        if let Some(last) = request.param("last") {
            tags.retain(|tag| tag.as_str() > last);
        }
        let wanted = request.param("n").and_then(|n| n.parse().ok()).unwrap_or(self.page).min(self.page);
        let more = tags.len() > wanted;
        tags.truncate(wanted);
        let body = json!({"name": repository, "tags": tags}).to_string();
        let reply = Reply::new(200, "application/json; charset=utf-8", body);
        match tags.last().filter(|_| more) {
            Some(last) => {
                reply.with("link", format!("</v2/{repository}/tags/list?last={last}&n={wanted}>; rel=\"next\""))
            }
            None => reply,
        }
    }

    fn manifest(&self, request: &Request, repository: &str, reference: &str) -> Reply {
        let Some(charts) = self.repositories.get(repository) else { return unknown_name() };
        match charts.iter().rev().find(|chart| chart.tag == reference || chart.digest == reference) {
            Some(chart) => Reply::new(200, MANIFEST, chart.manifest.clone())
                .with("docker-content-digest", &chart.digest)
                .cached(request),
            None => refuse(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        }
    }

    fn blob(&self, repository: &str, wanted: &str) -> Reply {
        let charts = self.repositories.get(repository).into_iter().flatten();
        if let Some((_, body)) = charts.flat_map(|chart| &chart.blobs).find(|(digest, _)| digest == wanted) {
            return Reply::new(200, "application/octet-stream", body.clone()).with("docker-content-digest", wanted);
        }
        refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
    }
}

fn unknown_name() -> Reply {
    refuse(404, "NAME_UNKNOWN", "repository name not known to registry")
}

impl Service for Shelf {
    fn answer(&self, request: &Request) -> Reply {
        let stock = self.stock();
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            return refuse(405, "UNSUPPORTED", "the operation is unsupported");
        }
        let segments = request.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let guarded = |name: &[&str], answer: &dyn Fn(&str) -> Reply| {
            let name = name.join("/");
            stock.admits(request, Some(&name)).err().unwrap_or_else(|| answer(&name))
        };
        match parts.as_slice() {
            ["token"] => stock.token(request),
            ["v2"] => stock.admits(request, None).err().unwrap_or_else(|| Reply::new(200, "application/json", "{}")),
            ["v2", name @ .., "tags", "list"] => guarded(name, &|name| stock.tags(request, name)),
            ["v2", name @ .., "manifests", reference] => {
                guarded(name, &|name| stock.manifest(request, name, reference))
            }
            ["v2", name @ .., "blobs", wanted] => guarded(name, &|name| stock.blob(name, wanted)),
            _ => Reply::new(404, "text/plain", "404 page not found\n"),
        }
        .with("docker-distribution-api-version", "registry/2.0")
    }
}

#[cfg(test)]
#[path = "oci_tests.rs"]
mod tests;
