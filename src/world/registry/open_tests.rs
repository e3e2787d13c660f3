//! Archives behind an index and in a registry: opened once, remembered by what identifies them, never from where the
//! source may not lead, and each fault as one typed sentence.

use super::test_hosts::{oci, registry, serve_requests, status};
use super::{Options, Registry};
use crate::config::{Mirror, RegistryHost, SecretRef};
use crate::demo::chart::{Chart, chart};
use crate::model::{Lookup, Problem, Reason, TagRules};
use axum::body::Body;
use axum::http::{Request, Response, header};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Log = Arc<Mutex<Vec<String>>>;

/// A server whose answer hangs on the path; the log holds the paths.
async fn host<F>(answer: F) -> (String, Log)
where
    F: Fn(&Request<Body>) -> Response<Body> + Clone + Send + Sync + 'static,
{
    let log = Log::default();
    let seen = log.clone();
    let host = serve_requests(move |request| {
        seen.lock().unwrap().push(request.uri().path().to_owned());
        answer(request)
    });
    (host.await, log)
}

fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

fn ok(body: impl Into<Body>) -> Response<Body> {
    status(200).body(body.into()).unwrap()
}

/// An index with one version, whose archive is at the URL.
fn index(url: &str, digest: Option<&str>) -> String {
    let digest = digest.map(|digest| format!(", digest: \"{digest}\"")).unwrap_or_default();
    format!("{{apiVersion: v1, entries: {{web: [{{name: web, version: 1.2.0, urls: [\"{url}\"]{digest}}}]}}}}")
}

fn web() -> Chart {
    chart("web", "1.2.0").app("9").kube(">=1.25.0-0").file("crds/a.yaml", "one")
}

fn lookup(host: &str) -> Lookup {
    Lookup::index(&format!("http://{host}/charts"), "web")
}

/// One repository whose only archive is this, at `web.tgz`.
async fn serving(archive: Vec<u8>, digest: Option<String>) -> (String, Log) {
    host(move |request| match request.uri().path() {
        "/charts/index.yaml" => ok(index("web.tgz", digest.as_deref())),
        "/charts/web.tgz" => ok(archive.clone()),
        _ => status(404).body(Body::empty()).unwrap(),
    })
    .await
}

#[tokio::test]
async fn flux_rule_07_an_archive_is_fetched_once_and_known_by_its_digest_ever_after() {
    let (host, log) = serving(web().archive(), Some(web().digest())).await;
    let mut options: Option<Options> = None;
    let (_cache, first) = registry(|changed| {
        changed.limits.fresh_for = Duration::ZERO;
        options = Some(changed.clone());
    });
    let round = first.round([&lookup(&host)]);
    let question = lookup(&host);
    let asked = (0..8).map(|_| round.open(&question, "1.2.0"));
    for opened in futures_util::future::join_all(asked).await {
        let opened = opened.unwrap();
        assert_eq!((opened.name.as_str(), opened.version.as_str()), ("web", "1.2.0"));
        assert_eq!(opened.kube_version.as_deref(), Some(">=1.25.0-0"));
        assert_eq!(opened.crds[0].path, "crds/a.yaml");
    }
    assert_eq!(taken(&log), ["/charts/index.yaml", "/charts/web.tgz"], "eight wait for one");
    let later = Registry::new(options.unwrap());
    later.open(&lookup(&host), "1.2.0").await.unwrap();
    assert_eq!(taken(&log), ["/charts/index.yaml"], "the cache on disk serves the next process");
}

#[tokio::test]
async fn without_a_digest_the_host_is_asked_whether_it_changed() {
    let (host, log) = host(|request| match request.uri().path() {
        "/charts/index.yaml" => ok(index("web.tgz", None)),
        _ if request.headers().get(header::IF_NONE_MATCH).is_some_and(|tag| tag == "\"a\"") => {
            status(304).body(Body::empty()).unwrap()
        }
        _ => status(200).header(header::ETAG, "\"a\"").body(web().archive().into()).unwrap(),
    })
    .await;
    let (_cache, registry) = registry(|options| options.limits.fresh_for = Duration::ZERO);
    let first = registry.open(&lookup(&host), "1.2.0").await.unwrap();
    assert_eq!(registry.open(&lookup(&host), "1.2.0").await.unwrap(), first);
    assert_eq!(taken(&log).iter().filter(|path| path.contains(".tgz")).count(), 2);
    assert_eq!(first.app_version.as_deref(), Some("9"));
}

async fn refused(archive: Vec<u8>, digest: Option<String>) -> Problem {
    let (host, _) = serving(archive, digest).await;
    let (_cache, registry) = registry(|options| options.registries.max_chart_size = 4096);
    registry.open(&lookup(&host), "1.2.0").await.unwrap_err()
}

#[tokio::test]
async fn faults_of_one_version_are_told_from_faults_of_its_source() {
    let cut = web().archive()[..200].to_vec();
    for (archive, digest, reason, says) in [
        (web().archive(), Some("0".repeat(64)), Reason::ChartInvalid, "not the one that the index names"),
        (b"<html>Sign in</html>".to_vec(), None, Reason::ChartInvalid, "web page"),
        (cut, None, Reason::ChartInvalid, "cut short"),
        (vec![b'x'; 5000], None, Reason::SourceTooLarge, "maxChartSize"),
    ] {
        let problem = refused(archive, digest).await;
        assert_eq!(problem.reason, reason, "{problem}");
        assert!(problem.message.contains(says) && problem.message.starts_with("web 1.2.0: http://"), "{problem}");
    }
    for (code, reason) in [
        (404, Reason::ChartInvalid),
        (410, Reason::ChartInvalid),
        (403, Reason::SourceUnauthorized),
        (429, Reason::SourceRateLimited),
        (500, Reason::SourceError),
    ] {
        let (host, _) = host(move |request| match request.uri().path() {
            "/charts/index.yaml" => ok(index("web.tgz", None)),
            _ => status(code).body(Body::empty()).unwrap(),
        })
        .await;
        let (_cache, registry) = registry(|_| {});
        let problem = registry.open(&lookup(&host), "1.2.0").await.unwrap_err();
        assert_eq!(problem.reason, reason, "{code}: {problem}");
    }
}

#[tokio::test]
async fn a_digest_of_another_kind_or_in_capitals_is_no_difference() {
    for digest in [format!("sha256:{}", web().digest()), web().digest().to_uppercase(), "md5:abc".to_owned()] {
        let (host, _) = serving(web().archive(), Some(digest.clone())).await;
        let (_cache, registry) = registry(|_| {});
        registry.open(&lookup(&host), "1.2.0").await.unwrap_or_else(|problem| panic!("{digest}: {problem}"));
    }
}

#[tokio::test]
async fn a_public_index_leads_to_no_private_address_by_url_or_by_redirect() {
    let (inside, log) = host(|_| ok(web().archive())).await;
    let port = inside.rsplit(':').next().unwrap().to_owned();
    for redirected in [false, true] {
        let target = format!("http://inside.example.com:{port}/web.tgz");
        let (host, _) = host(move |request| match (request.uri().path(), redirected) {
            ("/charts/index.yaml", true) => ok(index("web.tgz", None)),
            ("/charts/index.yaml", false) => ok(index(&target, None)),
            _ => status(302).header(header::LOCATION, &target).body(Body::empty()).unwrap(),
        })
        .await;
        let (_cache, registry) = registry(|_| {});
        let problem = registry.open(&lookup(&host), "1.2.0").await.unwrap_err();
        assert_eq!(problem.reason, Reason::SourcePrivateAddress, "{problem}");
    }
    assert_eq!(taken(&log), Vec::<String>::new(), "nobody inside was talked to");
}

#[tokio::test]
async fn flux_rule_14_credentials_go_to_the_archive_on_their_own_host_only() {
    let signed = |request: &Request<Body>| request.headers().contains_key(header::AUTHORIZATION);
    for elsewhere in [false, true] {
        let (other, _) =
            host(
                move |request| {
                    if signed(request) { status(500).body(Body::empty()).unwrap() } else { ok(web().archive()) }
                },
            )
            .await;
        let url = if elsewhere { format!("http://{other}/web.tgz") } else { "web.tgz".to_owned() };
        let (host, _) = host(move |request| match (request.uri().path(), signed(request)) {
            (_, false) => status(401).body(Body::empty()).unwrap(),
            ("/charts/index.yaml", _) => ok(index(&url, None)),
            _ => ok(web().archive()),
        })
        .await;
        let (_cache, registry) = registry(|options| {
            options.registries.hosts.push(RegistryHost {
                host: host.clone(),
                paths: Vec::new(),
                username: Some("davit".to_owned()),
                password: Some(SecretRef::Inline("hunter2".to_owned().into())),
                ca_file: None,
                insecure: true,
                concurrency: 4,
            });
        });
        registry.open(&lookup(&host), "1.2.0").await.unwrap_or_else(|problem| panic!("{elsewhere}: {problem}"));
    }
}

#[tokio::test]
async fn an_archive_that_a_server_calls_an_encoding_is_taken_as_it_comes() {
    let (host, _) = host(|request| match request.uri().path() {
        "/charts/index.yaml" => ok(index("web.tgz", Some(&web().digest()))),
        _ => status(200).header(header::CONTENT_ENCODING, "gzip").body(web().archive().into()).unwrap(),
    })
    .await;
    let (_cache, registry) = registry(|_| {});
    assert_eq!(registry.open(&lookup(&host), "1.2.0").await.unwrap().name, "web");
}

#[tokio::test]
async fn mirrors_stand_in_for_archives_too() {
    let (host, log) = host(|request| match request.uri().path() {
        "/m/charts.example.com/stable/index.yaml" => ok(index("https://cdn.example.com/files/web.tgz", None)),
        "/cdn/files/web.tgz" => ok(web().archive()),
        _ => status(404).body(Body::empty()).unwrap(),
    })
    .await;
    let (_cache, registry) = registry(|options| {
        let mirror = |from: &str, to: String| Mirror { from: from.to_owned(), to, insecure: true };
        options.registries.mirrors.0 = vec![
            mirror("https://", format!("http://{host}/m/")),
            mirror("https://cdn.example.com/", format!("http://{host}/cdn/")),
        ];
    });
    let stable = Lookup::index("https://charts.example.com/stable", "web");
    assert_eq!(registry.open(&stable, "1.2.0").await.unwrap().name, "web");
    assert_eq!(taken(&log).last().unwrap(), "/cdn/files/web.tgz");
}

/// A registry with one version of `charts/web`, made of these parts.
async fn registry_with(
    config_type: &'static str,
    layer_type: &'static str,
    layer: Vec<u8>,
    named: String,
) -> (String, Log) {
    let config = web().metadata().to_string();
    let config_digest = super::cache::digest(config.as_bytes());
    let manifest = serde_json::json!({
        "schemaVersion": 2, "config": {"mediaType": config_type, "digest": format!("sha256:{config_digest}")},
        "layers": [{"mediaType": layer_type, "digest": format!("sha256:{named}")}],
    })
    .to_string();
    host(move |request| match request.uri().path().split('/').collect::<Vec<_>>()[..] {
        [_, _, _, _, "manifests", _] => ok(manifest.clone()),
        [_, _, _, _, "blobs", digest] if digest.ends_with(&config_digest) => ok(config.clone()),
        [_, _, _, _, "blobs", _] if layer.is_empty() => status(404).body(Body::empty()).unwrap(),
        [_, _, _, _, "blobs", _] => ok(layer.clone()),
        _ => ok("{}"),
    })
    .await
}

const HELM: [&str; 2] =
    ["application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip"];
const FLUX: [&str; 2] = ["application/vnd.cncf.flux.config.v1+json", "application/vnd.cncf.flux.content.v1.tar+gzip"];

#[tokio::test]
async fn flux_rule_07_the_layer_of_a_tag_is_opened_by_its_digest_and_remembered() {
    for [config, layer] in [HELM, FLUX] {
        let (host, log) = registry_with(config, layer, web().archive(), web().digest()).await;
        let (_cache, registry) = registry(|options| options.limits.fresh_for = Duration::ZERO);
        // What Flux pushes has no layer that a `layerSelector` of Helm's type would find.
        let rules = TagRules { leading_v: true, by_version: false, underscore_is_plus: layer == HELM[1] };
        let lookup = Lookup::oci(&format!("oci://{host}/charts/web"), rules, true);
        let detail = registry.detail(&lookup, "1.2.0").await.unwrap();
        assert_eq!(detail.app_version.is_some(), config == HELM[0], "a Flux artifact tells nothing of itself");
        assert_eq!(registry.open(&lookup, "1.2.0").await.unwrap().app_version.as_deref(), Some("9"));
        taken(&log);
        registry.open(&lookup, "1.2.0").await.unwrap();
        assert!(taken(&log).iter().all(|path| !path.contains("/blobs/")), "nothing is fetched twice");
    }
}

#[tokio::test]
async fn a_layer_that_lies_or_is_gone_is_a_fault_of_its_version() {
    for (bytes, named, says) in [
        (web().archive(), "0".repeat(64), "not the one that the manifest names"),
        (Vec::new(), web().digest(), "has it not"),
    ] {
        let (host, _) = registry_with(HELM[0], HELM[1], bytes, named).await;
        let (_cache, registry) = registry(|_| {});
        let problem = registry.open(&oci(&host, "charts/web"), "1.2.0").await.unwrap_err();
        assert_eq!(problem.reason, Reason::ChartInvalid, "{problem}");
        assert!(problem.message.contains(says) && problem.message.starts_with("web 1.2.0"), "{problem}");
    }
    let (host, _) =
        registry_with(HELM[0], "application/vnd.oci.image.layer.v1.tar", web().archive(), web().digest()).await;
    let (_cache, registry) = registry(|_| {});
    let problem = registry.open(&oci(&host, "charts/web"), "1.2.0").await.unwrap_err();
    assert_eq!(problem.reason, Reason::ChartInvalid, "{problem}");
    assert!(problem.message.contains("none of its layers is of type"), "{problem}");
}

#[tokio::test]
async fn one_reading_of_an_index_finds_every_archive_that_is_about_to_be_opened() {
    let all: Vec<Chart> = ["web", "api", "job"].iter().map(|name| chart(name, "1.2.0")).collect();
    let mut index = "apiVersion: v1\nentries:\n".to_owned();
    for one in &all {
        let (name, digest) = (&one.name, one.digest());
        writeln!(
            index,
            "  {name}:\n  - name: {name}\n    digest: {digest}\n    urls:\n    - {name}.tgz\n    version: 1.2.0"
        )
        .unwrap();
    }
    let archives: Vec<(String, Vec<u8>)> =
        all.iter().map(|one| (format!("/charts/{}.tgz", one.name), one.archive())).collect();
    let (host, _) = host(move |request| match archives.iter().find(|(path, _)| path == request.uri().path()) {
        Some((_, archive)) => ok(archive.clone()),
        None => ok(index.clone()),
    })
    .await;
    let question = |name: &str| Lookup::index(&format!("http://{host}/charts"), name);
    let questions = ["web", "api", "job"].map(question);
    let (cache, registry) = registry(|_| {});
    let round = registry.round(&questions);
    round.seek([(&questions[0], "1.2.0"), (&questions[1], "1.2.0"), (&questions[1], "9.9.9")]);
    assert_eq!(round.open(&questions[0], "1.2.0").await.unwrap().name, "web");
    // Whoever would read the index again finds none.
    let shelves = std::fs::read_dir(cache.path().join("charts-v1/index")).unwrap();
    for file in shelves.flat_map(|shelf| std::fs::read_dir(shelf.unwrap().path()).unwrap()) {
        let file = file.unwrap();
        if file.file_name().to_string_lossy().starts_with("body-") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    assert_eq!(round.open(&questions[1], "1.2.0").await.unwrap().name, "api");
    assert_eq!(round.open(&questions[2], "1.2.0").await.unwrap_err().reason, Reason::SourceError, "nobody named it");
}

#[tokio::test]
async fn the_size_of_an_archive_is_that_of_its_file_and_an_index_tells_when_it_is_over_flux_s_limit() {
    let mut archive = web().archive();
    archive.resize(12 << 20, 0);
    let padding = format!("# {}\n", "#".repeat(1_000_000)).repeat(53);
    let (host, _) = host(move |request| match request.uri().path() {
        "/charts/index.yaml" => ok(index("web.tgz", None)),
        "/large/index.yaml" => {
            ok(padding.clone() + "apiVersion: v1\nentries:\n  web:\n  - name: web\n    version: 1.2.0\n")
        }
        _ => ok(archive.clone()),
    })
    .await;
    let (_cache, registry) = registry(|options| {
        options.registries.max_index_size = 64 << 20;
        // 75 MB go through here: on a busy machine that takes its time.
        (options.registries.timeout, options.limits.overall) = (Duration::from_mins(1), Duration::from_mins(10));
    });
    let question = lookup(&host);
    assert_eq!(registry.open(&question, "1.2.0").await.unwrap().size, 12 << 20);
    assert_eq!(registry.candidates(&question).await.unwrap().large_index, None);
    let large = Lookup::index(&format!("http://{host}/large"), "web");
    assert_eq!(registry.candidates(&large).await.unwrap().large_index, Some(51));
}
