//! The chart repository over real HTTP.

use super::ChartServer;
use crate::demo::chart::{chart, digest, read_list};
use crate::demo::fault::{Fault, Kind, Moment};

#[tokio::test]
async fn the_index_names_an_archive_that_has_the_digest_it_says() {
    let server = ChartServer::start(vec![chart("podinfo", "6.4.0"), chart("podinfo", "6.10.0").app("6.10.0")]).unwrap();
    let index = reqwest::get(format!("{}/index.yaml", server.url())).await.unwrap().text().await.unwrap();
    let read: serde_json::Value = serde_yaml::from_str(&index).unwrap();
    let newest = &read["entries"]["podinfo"][0];
    assert_eq!(newest["version"], "6.10.0");
    let url = format!("{}/{}", server.url(), newest["urls"][0].as_str().unwrap());
    let archive = reqwest::get(url).await.unwrap().bytes().await.unwrap();
    assert_eq!(newest["digest"], digest(&archive));
    let mut inside = tar::Archive::new(flate2::read::GzDecoder::new(&archive[..]));
    let paths = inside.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
    assert_eq!(
        paths.collect::<Vec<_>>(),
        ["podinfo/Chart.yaml", "podinfo/values.yaml", "podinfo/templates/config.yaml"]
    );
}

#[tokio::test]
async fn an_unchanged_index_is_a_304_until_a_version_is_published() {
    let server = ChartServer::start(vec![chart("a", "1.0.0")]).unwrap();
    let url = format!("{}/index.yaml", server.url());
    let tag = reqwest::get(&url).await.unwrap().headers()["etag"].clone();
    let again = || reqwest::Client::new().get(&url).header("if-none-match", tag.clone()).send();
    assert_eq!(again().await.unwrap().status(), 304);
    server.add(chart("a", "1.1.0"));
    assert_eq!(again().await.unwrap().status(), 200);
    assert_eq!(server.index_requests(), 3);
}

#[tokio::test]
async fn a_truncated_body_is_an_error_to_the_client() {
    let server = ChartServer::start(vec![chart("a", "1.0.0")]).unwrap();
    server.server.fail(Fault::new("GET", "index", Moment::After, Kind::Truncate(20)));
    let response = reqwest::get(format!("{}/index.yaml", server.url())).await.unwrap();
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn a_prefix_may_have_charts_of_its_own_and_a_login_may_be_needed() {
    let server = ChartServer::start(vec![chart("a", "1.0.0")]).unwrap();
    server.add_at("team", chart("b", "2.0.0"));
    server.require_login("u", "p");
    let url = format!("{}/team/index.yaml", server.url());
    assert_eq!(reqwest::get(&url).await.unwrap().status(), 401);
    let text = reqwest::Client::new().get(&url).basic_auth("u", Some("p")).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("  b:") && !text.contains("  a:"), "{text}");
}

#[test]
fn a_list_reads_one_version_a_line() {
    let charts = read_list("# no\n\npodinfo 1.0.0 2026-02-03T00:00:00Z app=9 deprecated\n");
    assert_eq!(charts, [chart("podinfo", "1.0.0").created("2026-02-03T00:00:00Z").app("9").deprecated()]);
}
