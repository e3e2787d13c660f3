//! Proxies of the environment: the real binary as a child process with an environment of its own, a proxy of the tests
//! that counts, and servers that only the proxy can find.

use crate::git_server::{GitServer, acceptor};
use crate::oci_registry::{Door, OciRegistry, chart as pushed};
use crate::scan::scan;
use davit::demo::chart::chart;
use davit::demo::charts::ChartServer;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A forward proxy that knows some names, all of them on this machine.
struct Proxy {
    address: String,
    seen: Arc<Mutex<Vec<String>>>,
    job: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.job.abort();
    }
}

impl Proxy {
    async fn start(names: HashMap<String, u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (seen, names) = (Arc::new(Mutex::default()), Arc::new(names));
        let log = Arc::clone(&seen);
        let job = tokio::spawn(async move {
            let mut sessions = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (names, log) = (Arc::clone(&names), Arc::clone(&log));
                sessions.spawn(async move {
                    let _ = pass(stream, &names, &log).await;
                });
            }
        });
        Self { address, seen, job }
    }

    /// Method and host of everything that was asked, each once, sorted.
    fn seen(&self) -> Vec<String> {
        let mut seen = self.seen.lock().unwrap().clone();
        seen.sort();
        seen.dedup();
        seen
    }
}

async fn pass(mut client: TcpStream, names: &HashMap<String, u16>, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let (method, rest) = head.split_once(' ').unwrap_or_default();
    let (target, rest) = rest.split_once(' ').unwrap_or_default();
    let place = target.strip_prefix("http://").unwrap_or(target);
    let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    let host = authority.split(':').next().unwrap_or_default();
    log.lock().unwrap().push(format!("{method} {host}"));
    let Some(port) = names.get(host) else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
    };
    let mut server = TcpStream::connect(("127.0.0.1", *port)).await?;
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    } else {
        let rest = rest.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        server.write_all(format!("{method} {path} {rest}").as_bytes()).await?;
    }
    copy_bidirectional(&mut client, &mut server).await.map(|_| ())
}

/// TLS in front of a port of this machine.
async fn behind_tls(name: &'static str, port: u16, ca_file: &Path) -> u16 {
    let acceptor = acceptor(ca_file, &[name]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(stream).await else { return };
                let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    own
}

fn port_of(authority: &str) -> u16 {
    authority.rsplit(':').next().unwrap().parse().unwrap()
}

/// A Git repository, an index and a registry on this machine, over TLS and by names that only the proxy knows.
struct World {
    dir: tempfile::TempDir,
    git: GitServer,
    charts: ChartServer,
    registry: OciRegistry,
    proxy: Proxy,
}

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let git = GitServer::start(&dir.path().join("git")).await;
        let charts = ChartServer::start(vec![chart("web", "1.0.0"), chart("web", "1.1.0")]).unwrap();
        let registry = OciRegistry::start(&Door::Open).await;
        for version in ["2.0.0", "2.1.0"] {
            registry.push("charts/app", &pushed("app", version), None).await;
        }
        let index = behind_tls("charts.test", port_of(&charts.url()), &dir.path().join("charts.pem")).await;
        let oci = behind_tls("registry.test", port_of(&registry.host), &dir.path().join("registry.pem")).await;
        let names = [("git.test", git.port()), ("charts.test", index), ("registry.test", oci)];
        let plain = ("plain.test", port_of(&charts.url()));
        let proxy =
            Proxy::start(names.into_iter().chain([plain]).map(|(n, port)| (n.to_owned(), port)).collect()).await;
        let world = Self { dir, git, charts, registry, proxy };
        world.configure("");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn configure(&self, more_hosts: &str) {
        let text = format!(
            "git: {{cacheDir: {cache}, timeout: 20s, http: {{caFile: {git}}}}}\n\
             registries:\n  timeout: 15s\n  hosts:\n    - {{host: charts.test, caFile: {charts}}}\n    \
             - {{host: registry.test, caFile: {registry}}}\n{more_hosts}",
            cache = self.path("cache").display(),
            git = self.git.ca_pem_path.display(),
            charts = self.path("charts.pem").display(),
            registry = self.path("registry.pem").display(),
        );
        std::fs::write(self.path("davit.yaml"), text).unwrap();
    }

    /// The only commit of a new repository `git/NAME.git`.
    fn fleet(&self, name: &str, index: &str, oci: &str) {
        let bare = git2::Repository::init_bare(self.path(&format!("git/{name}.git"))).unwrap();
        bare.set_head("refs/heads/main").unwrap();
        let text = format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: charts, namespace: a}}\n\
             spec: {{url: \"{index}\"}}\n---\n\
             apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: app, namespace: a}}\n\
             spec: {{url: \"{oci}/charts/app\", insecure: {insecure}, ref: {{tag: 2.0.0}}}}\n---\n\
             apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: web, namespace: a}}\n\
             spec: {{chart: {{spec: {{chart: web, version: 1.0.0, sourceRef: {{kind: HelmRepository, name: charts}}}}}}}}\n\
             ---\n\
             apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: app, namespace: a}}\n\
             spec: {{chartRef: {{kind: OCIRepository, name: app}}}}\n",
            insecure = oci.contains("127.0.0.1"),
        );
        let mut root = bare.treebuilder(None).unwrap();
        root.insert("a.yaml", bare.blob(text.as_bytes()).unwrap(), 0o100_644).unwrap();
        let tree = bare.find_tree(root.write().unwrap()).unwrap();
        let who = git2::Signature::new("A", "a@example.com", &git2::Time::new(1_700_000_000, 0)).unwrap();
        bare.commit(Some("refs/heads/main"), &who, &who, "a", &tree, &[]).unwrap();
    }

    /// `davit scan URL --format json` with these variables and nothing else.
    async fn scan(&self, url: &str, environment: &[(&str, &str)]) -> Said {
        let home = self.path("home");
        let mut all = vec![("HOME", OsStr::new(&home))];
        all.extend(environment.iter().map(|(name, value)| (*name, OsStr::new(*value))));
        let output = scan(self.dir.path(), url, &all).await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl Said {
    /// Target and reason of a release.
    fn row(&self, name: &str) -> (String, String) {
        let json: serde_json::Value =
            serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.out, self.err));
        let rows = json["releases"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name}: {json:#}"));
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        (text("target"), text("reason"))
    }

    fn targets(&self) -> [String; 2] {
        ["web", "app"].map(|name| self.row(name).0)
    }
}

const GIT: &str = "https://git.test/fleet.git";

#[tokio::test(flavor = "multi_thread")]
async fn git_indexes_and_registries_over_https_go_through_the_proxy_of_the_environment() {
    let world = World::new().await;
    world.fleet("fleet", "https://charts.test", "oci://registry.test");
    let proxy = format!("http://me:hunter2@{}", world.proxy.address);
    let said = world.scan(GIT, &[("HTTPS_PROXY", &proxy)]).await;
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    assert_eq!(said.targets(), ["1.1.0", "2.1.0"], "{}", said.out);
    assert_eq!(world.proxy.seen(), ["CONNECT charts.test", "CONNECT git.test", "CONNECT registry.test"]);
    assert!(!format!("{}{}", said.out, said.err).contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_proxy_names_is_asked_directly() {
    let world = World::new().await;
    world.fleet("fleet", "https://charts.test", "oci://registry.test");
    let proxy = format!("http://{}", world.proxy.address);
    let environment = [("https_proxy", proxy.as_str()), ("NO_PROXY", "charts.test,registry.test")];
    let said = world.scan(GIT, &environment).await;
    // Nobody but the proxy knows these names.
    for name in ["web", "app"] {
        assert!(said.row(name).1.starts_with("source-"), "{}", said.out);
    }
    assert_eq!(world.proxy.seen(), ["CONNECT git.test"]);
    let said = world.scan(GIT, &[("https_proxy", &proxy), ("no_proxy", ".test")]).await;
    assert_eq!((said.code, world.proxy.seen().len()), (Some(1), 1), "{}", said.err);
    assert!(said.err.contains("git.test") && said.err.contains("unreachable"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_goes_through_its_own_proxy_and_https_does_not() {
    let world = World::new().await;
    world.fleet("fleet", "http://plain.test", "oci://registry.test");
    let proxy = format!("http://{}", world.proxy.address);
    let local = format!("{}/fleet.git", world.git.url);
    let said = world.scan(&local, &[("HTTP_PROXY", &proxy)]).await;
    assert_eq!(said.row("web").0, "1.1.0", "{}", said.out);
    assert!(said.row("app").1.starts_with("source-"), "{}", said.out);
    assert_eq!(world.proxy.seen(), ["GET plain.test"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_is_never_asked_through_a_proxy_and_a_dead_one_is_named_without_its_password() {
    let world = World::new().await;
    world.fleet("fleet", &world.charts.url(), &format!("oci://{}", world.registry.host));
    world.fleet("far", "https://charts.test", "oci://registry.test");
    world.configure(&format!("    - {{host: \"{}\", insecure: true}}\n", world.registry.host));
    let dead = "http://me:hunter2@127.0.0.1:1";
    let environment = [("HTTPS_PROXY", dead), ("HTTP_PROXY", dead), ("ALL_PROXY", dead)];
    let said = world.scan(&format!("{}/fleet.git", world.git.url), &environment).await;
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    assert_eq!(said.targets(), ["1.1.0", "2.1.0"], "{}", said.out);
    let said = world.scan(&format!("{}/far.git", world.git.url), &environment).await;
    for name in ["web", "app"] {
        assert_eq!(said.row(name).1, "source-unreachable", "{}", said.out);
    }
    let git = world.scan("https://git.test/far.git", &environment).await;
    assert_eq!(git.code, Some(1), "{}", git.err);
    for text in [said.out, said.err, git.out, git.err] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(world.proxy.seen().is_empty());
}
