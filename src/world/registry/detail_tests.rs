//! Tags and details of a registry that does not change: asked with conditions, never read twice.

use super::test_hosts::{oci, registry, serve_requests, status};
use super::{Options, Registry};
use crate::model::Reason;
use axum::body::Body;
use axum::http::{Method, Request, Response, header};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Log = Arc<Mutex<Vec<String>>>;

fn config(version: &str) -> String {
    format!("{{\"name\": \"app\", \"version\": \"{version}\", \"appVersion\": 7, \"deprecated\": true}}")
}

fn manifest(name: &str) -> String {
    let inner = if name == "mistagged" { "9.9.9" } else { "1.2.3" };
    let media = if name == "image" { "oci.image.config.v1+json" } else { "cncf.helm.config.v1+json" };
    let layer = match name {
        "image" => "",
        _ => "{\"mediaType\": \"application/vnd.cncf.helm.chart.content.v1.tar+gzip\", \"digest\": \"sha256:0\"}",
    };
    let digest = match name {
        "forged" => super::cache::digest(b"something else"),
        _ => super::cache::digest(config(inner).as_bytes()),
    };
    format!(
        "{{\"schemaVersion\": 2, \"config\": {{\"mediaType\": \"application/vnd.{media}\", \"digest\": \"sha256:{digest}\"}},
        \"layers\": [{layer}], \"annotations\": {{\"org.opencontainers.image.created\": \"2026-01-02T03:04:05Z\"}}}}"
    )
}

/// One version of a chart, asked as `/v2/NAME/app/…`; the log holds method and kind.
fn answer(request: &Request<Body>, log: &Log) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    let [_, _, name, _, kind, ..] = parts[..] else { return status(200).body(Body::empty()).unwrap() };
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|etag| etag == "\"tags-1\"");
    let code = if kind == "tags" && known { 304 } else { 200 };
    log.lock().unwrap().push(format!("{} {kind} {code}", request.method()));
    let body = match kind {
        "tags" if known => return status(304).body(Body::empty()).unwrap(),
        "tags" => "{\"tags\": [\"1.2.3\"]}".to_owned(),
        "manifests" => manifest(name),
        _ if name == "mistagged" => config("9.9.9"),
        _ => config("1.2.3"),
    };
    let digest = format!("sha256:{}", super::cache::digest(body.as_bytes()));
    let answer = status(200).header(header::ETAG, "\"tags-1\"").header("docker-content-digest", digest);
    let body = if request.method() == Method::HEAD { Body::empty() } else { Body::from(body) };
    answer.body(body).unwrap()
}

async fn logged() -> (String, Log) {
    let log = Log::default();
    let seen = Arc::clone(&log);
    (serve_requests(move |request| answer(request, &seen)).await, log)
}

fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

#[tokio::test]
async fn an_unchanged_tag_costs_its_head_and_an_unchanged_list_a_304() {
    let (host, log) = logged().await;
    let mut options: Option<Options> = None;
    let (_cache, first) = registry(|changed| {
        changed.limits.fresh_for = Duration::ZERO;
        options = Some(changed.clone());
    });
    let lookup = oci(&host, "good/app");
    let detail = first.detail(&lookup, "1.2.3").await.unwrap();
    assert_eq!(detail.created, Some("2026-01-02T03:04:05Z".parse().unwrap()));
    assert_eq!((detail.app_version.as_deref(), detail.deprecated), (Some("7"), true));
    assert_eq!(detail.digest, Some(format!("sha256:{}", super::cache::digest(manifest("good").as_bytes()))));
    assert_eq!(taken(&log), ["GET manifests 200", "GET blobs 200"]);
    assert_eq!(first.detail(&lookup, "1.2.3").await.unwrap(), detail);
    assert_eq!(taken(&log), ["HEAD manifests 200"]);
    let later = Registry::new(options.unwrap());
    assert_eq!(later.detail(&lookup, "1.2.3").await.unwrap(), detail);
    assert_eq!(taken(&log), ["HEAD manifests 200"], "the cache on disk serves the next process");
    let tags = later.candidates(&lookup).await.unwrap();
    assert_eq!(later.candidates(&lookup).await.unwrap(), tags);
    assert_eq!(taken(&log), ["GET tags 200", "GET tags 304"]);
}

#[tokio::test]
async fn an_image_and_a_forged_blob_are_refused() {
    let (host, _) = logged().await;
    let (_cache, registry) = registry(|_| {});
    for (name, reason, says) in [
        ("image", Reason::ChartInvalid, "app:1.2.3: no Helm chart"),
        ("forged", Reason::SourceError, "not what its digest says"),
    ] {
        let problem = registry.detail(&oci(&host, &format!("{name}/app")), "1.2.3").await.unwrap_err();
        assert_eq!(problem.reason, reason, "{problem}");
        assert!(problem.message.contains(says), "{problem}");
    }
}

#[tokio::test]
async fn flux_rule_07_a_config_of_another_version_than_the_tag_is_left_to_the_archive() {
    let (host, _) = logged().await;
    let (_cache, registry) = registry(|_| {});
    let detail = registry.detail(&oci(&host, "mistagged/app"), "1.2.3").await.unwrap();
    assert_eq!((detail.app_version, detail.deprecated, detail.detailed), (None, false, true));
}

#[tokio::test]
async fn what_was_asked_for_longest_ago_is_forgotten_first() {
    let (host, log) = logged().await;
    let (_cache, registry) = registry(|options| options.limits.sources = 3);
    for n in 0..20 {
        registry.candidates(&oci(&host, &format!("app{n}/app"))).await.unwrap();
        assert!(registry.remembered() <= 4, "three, and the one that was asked");
    }
    taken(&log);
    registry.candidates(&oci(&host, "app19/app")).await.unwrap();
    assert_eq!(taken(&log), Vec::<String>::new(), "the last one is still fresh");
    registry.candidates(&oci(&host, "app0/app")).await.unwrap();
    assert_eq!(taken(&log), ["GET tags 200"]);
}
