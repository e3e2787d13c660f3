//! The services started together, and the sample they offer.

use super::*;
use crate::demo::sample::FILES;
use std::collections::BTreeSet;

fn on_disk(under: &Path, root: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(under).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            on_disk(&path, root, found);
        } else {
            found.insert(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
        }
    }
}

#[test]
fn every_file_of_the_sample_is_embedded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/repo");
    let mut found = BTreeSet::new();
    on_disk(&root, &root, &mut found);
    let embedded: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(embedded, found);
}

#[tokio::test]
async fn the_services_offer_the_sample() {
    let dir = tempfile::tempdir().unwrap();
    let first = Neighbours::start(dir.path()).unwrap();
    let tip = |n: &Neighbours| git2::Repository::open(&n.git).unwrap().refname_to_id("refs/heads/main").unwrap();
    let index = reqwest::get(format!("{}/index.yaml", first.charts.url())).await.unwrap().text().await.unwrap();
    assert!(index.contains("version: 6.7.1"), "{index}");
    let tags = format!("http://{}/v2/charts/app-template/tags/list", first.registry.authority());
    assert!(reqwest::get(tags).await.unwrap().text().await.unwrap().contains("5.1.0"));
    let api = format!("{}/repos/{REPOSITORY}/branches/main", first.forge.url());
    let branch = reqwest::Client::new().get(api).bearer_auth(TOKEN).send().await.unwrap();
    assert!(branch.text().await.unwrap().contains(&tip(&first).to_string()));
    first.stop();
}

#[test]
fn the_configuration_is_one_that_davit_takes() {
    let dir = tempfile::tempdir().unwrap();
    let neighbours = Neighbours::start(dir.path()).unwrap();
    let text = neighbours.configuration();
    let loaded = crate::config::load(None, &text, &[], crate::config::Purpose::Run);
    assert!(loaded.is_ok(), "{loaded:?}\n{text}");
}
