//! The registry over real HTTP.

use super::OciServer;
use crate::demo::chart::{chart, digest};
use serde_json::Value;

async fn json(url: &str) -> Value {
    serde_json::from_slice(&reqwest::get(url).await.unwrap().bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn tags_come_in_pages_that_link_to_the_next() {
    let versions = ["1.0.0", "1.1.0", "1.2.0"].map(|version| chart("app", version));
    let server = OciServer::start(vec![("charts/app", versions.to_vec())]).unwrap();
    server.add_tag("charts/app", "latest");
    server.page_size(2);
    let first = reqwest::get(format!("{}/v2/charts/app/tags/list", server.server.url())).await.unwrap();
    let link = first.headers()["link"].to_str().unwrap().to_owned();
    let next = link.split(['<', '>']).nth(1).unwrap();
    let second = json(&format!("{}{next}", server.server.url())).await;
    assert_eq!(second["tags"], serde_json::json!(["1.2.0", "latest"]));
}

#[tokio::test]
async fn a_manifest_leads_to_the_archive_and_a_plus_is_an_underscore_in_the_tag() {
    let server = OciServer::start(vec![("app", vec![chart("app", "1.0.0+build.5")])]).unwrap();
    let base = format!("{}/v2/app", server.server.url());
    let response = reqwest::get(format!("{base}/manifests/1.0.0_build.5")).await.unwrap();
    let id = response.headers()["docker-content-digest"].to_str().unwrap().to_owned();
    assert_eq!(server.manifest_digest("app", "1.0.0_build.5").unwrap(), id);
    let manifest: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(manifest["annotations"]["org.opencontainers.image.created"], "2026-01-02T03:04:05Z");
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    let archive = reqwest::get(format!("{base}/blobs/{layer}")).await.unwrap().bytes().await.unwrap();
    assert_eq!(layer, format!("sha256:{}", digest(&archive)));
    let config = json(&format!("{base}/blobs/{}", manifest["config"]["digest"].as_str().unwrap())).await;
    assert_eq!(config["version"], "1.0.0+build.5");
    assert_eq!(reqwest::get(format!("{base}/manifests/{id}")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_token_of_the_realm_opens_the_repository_it_was_given_for() {
    let server = OciServer::start(vec![("app", vec![chart("app", "1.0.0")])]).unwrap();
    server.require_token_of("u", "p");
    let url = format!("{}/v2/app/tags/list", server.server.url());
    let refused = reqwest::get(&url).await.unwrap();
    assert_eq!(refused.status(), 401);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.contains("scope=\"repository:app:pull\""), "{challenge}");
    let realm = format!("{}/token?service=demo&scope=repository:app:pull", server.server.url());
    assert_eq!(reqwest::get(&realm).await.unwrap().status(), 401);
    let granted = reqwest::Client::new().get(&realm).basic_auth("u", Some("p")).send().await.unwrap();
    let granted: Value = serde_json::from_slice(&granted.bytes().await.unwrap()).unwrap();
    let client = reqwest::Client::new();
    let ask = client.get(&url).bearer_auth(granted["token"].as_str().unwrap());
    assert_eq!(ask.send().await.unwrap().status(), 200);
}
