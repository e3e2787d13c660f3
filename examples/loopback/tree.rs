//! A packed tree of somebody's real repository, made to live on loopback: every chart that its releases name is
//! published there, and the URLs in a copy of its files lead there, so that two programs can scan the same files. A
//! chart has the versions that the tree holds, their earlier patches, and one newer minor.

use super::Failure;
use super::fleet::Sources;
use davit::demo::chart::chart;
use davit::inventory::{self, Context};
use davit::model::{Lookup, Release, Version};
use davit::resolve;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Component, Path};
use std::sync::Arc;

/// Patches before a version that a chart has too.
const PATCHES: u64 = 30;

/// A tree's files, from `*.tree.tar.gz`.
pub fn unpack(archive: &Path) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut packed = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(archive)?));
    let mut files = Vec::new();
    for entry in packed.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if entry.header().entry_type().is_file() && plain {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.push((path.to_string_lossy().trim_start_matches("./").to_owned(), bytes));
        }
    }
    Ok(files)
}

/// Publishes what the tree uses and writes the copy; tells how many releases there are.
pub fn settle(files: &[(String, Vec<u8>)], checkout: &Path, sources: &Sources) -> Result<usize, Failure> {
    let releases = releases(files);
    let mut versions: BTreeMap<&Lookup, BTreeSet<Version>> = BTreeMap::new();
    for release in &releases {
        if let Some(lookup) = &release.lookup {
            versions.entry(lookup).or_default().extend(history(release.current.as_deref().unwrap_or_default()));
        }
    }
    let mut moves = BTreeMap::new();
    for (lookup, versions) in &versions {
        match lookup.question() {
            Lookup::Index { url, chart: name } => {
                let Some((_, place)) = url.split_once("://") else { continue };
                for version in versions {
                    sources.charts.add_at(place, chart(name, version.text()));
                }
                moves.insert(url.clone(), format!("{}/{place}", sources.charts.url()));
            }
            Lookup::Oci { url, .. } => {
                let Some((_, place)) = url.split_once("://") else { continue };
                let name = place.rsplit('/').next().unwrap_or(place);
                for version in versions {
                    sources.registry.add(place, chart(name, version.text()));
                }
                // A HelmRepository's URL ends before the chart's name: the host alone is certain.
                let host = place.split('/').next().unwrap_or(place);
                moves.insert(format!("oci://{host}/"), format!("{}/{host}/", sources.registry.url()));
            }
            Lookup::GitTags { .. } | Lookup::Signed { .. } => {}
        }
    }
    let copy: Vec<_> = files.iter().map(|(path, bytes)| (path.clone(), moved(bytes, &moves))).collect();
    write(&copy, checkout)?;
    Ok(releases.len())
}

/// Writes files as they are.
pub fn write(files: &[(String, Vec<u8>)], checkout: &Path) -> Result<(), Failure> {
    for (path, bytes) in files {
        let place = checkout.join(path);
        std::fs::create_dir_all(place.parent().unwrap_or(checkout))?;
        std::fs::write(place, bytes)?;
    }
    Ok(())
}

fn releases(files: &[(String, Vec<u8>)]) -> Vec<Arc<Release>> {
    let read = files.iter().filter(|(path, _)| inventory::reads(path));
    let facts: Vec<_> = read.map(|(path, bytes)| (path.clone(), Arc::new(inventory::read_file(path, bytes)))).collect();
    resolve::releases(&inventory::gather(&facts, Context { repository_url: None }))
}

/// A version, its earlier patches and the next minor; of anything else (a range) nothing.
fn history(current: &str) -> Vec<Version> {
    let Some(version) = Version::strict(current) else { return Vec::new() };
    let (major, minor, patch) = version.core();
    let v = if version.has_leading_v() { "v" } else { "" };
    let texts = (patch.saturating_sub(PATCHES)..patch).map(|patch| format!("{v}{major}.{minor}.{patch}"));
    let texts = texts.chain([current.to_owned(), format!("{v}{major}.{}.0", minor + 1)]);
    texts.filter_map(|text| Version::strict(&text)).collect()
}

/// The longest URL first, so that none is taken for the beginning of another.
fn moved(bytes: &[u8], moves: &BTreeMap<String, String>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
    let mut moves: Vec<_> = moves.iter().collect();
    moves.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
    moves.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from.as_str(), to)).into_bytes()
}
