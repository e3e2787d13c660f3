//! Flux's own build is the referee: for every Flux Kustomization of the golden trees, of the corpora's trees and of
//! generated repositories, Davit's releases are what kustomize-controller would apply, or have a typed reason.

use crate::flux_referee::Referee;
use crate::flux_roots::roots;
use crate::flux_rows::{Compared, compare, truths};
use crate::flux_walk::{Tree, Walked};
use davit::inventory::{self, Context};
use davit::resolve::{self, Resolution};
use serde_json::json;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files of a repository: path and bytes.
pub type Files = Vec<(String, Vec<u8>)>;

/// Davit's rows of a repository.
pub fn rows(files: &Files, url: Option<&str>) -> Resolution {
    let facts: Vec<_> = files
        .iter()
        .filter(|(path, _)| inventory::reads(path))
        .map(|(path, bytes)| (path.clone(), Arc::new(inventory::read_file(path, bytes))))
        .collect();
    resolve::resolve(&inventory::gather(&facts, Context { repository_url: url }))
}

/// Writes a repository.
pub fn write(files: &Files, root: &Path) {
    for (path, bytes) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Builds a whole tree and compares.
pub fn referee_tree(referee: &mut Referee, files: &Files, url: Option<&str>, incomplete: bool) -> (Walked, Compared) {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("tree");
    write(files, &root);
    referee.ask(&json!({"op": "prepare", "root": root, "incomplete": incomplete})).unwrap();
    let mut tree = Tree::new(referee, root, scratch.path().to_owned(), url.map(str::to_owned), true);
    let roots = roots(&mut tree);
    let walked = tree.walk(&roots);
    let compared = compare(&truths(&walked, url), &walked, &rows(files, url));
    (walked, compared)
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

fn golden_trees() -> Vec<(String, Files, Option<String>)> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/trees");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(all).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let load = |case: PathBuf| {
        let (root, mut paths) = (case.join("tree"), Vec::new());
        walk(&root, &mut paths);
        paths.sort();
        let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let files = paths.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect();
        let url = std::fs::read_to_string(case.join("url.txt")).ok().map(|url| url.trim().to_owned());
        (case.file_name().unwrap().to_str().unwrap().to_owned(), files, url)
    };
    cases.into_iter().map(load).collect()
}

/// `<name>: …` of each tree, then its builds that failed; the list of `fixtures/flux-build.txt`.
fn report(name: &str, walked: &Walked, compared: &Compared) -> String {
    let mut text = format!("{name}: {} built, {}\n", walked.built, compared.line());
    for failed in &walked.failed {
        // The cause stands at the end of kustomize's long lines.
        let error = failed.error.lines().next().unwrap_or_default();
        let error = error.char_indices().rev().nth(159).map_or(error, |(start, _)| &error[start..]);
        writeln!(text, "  {} {}/{}: {error}", failed.cluster, failed.by.0, failed.by.1).unwrap();
    }
    text
}

#[test]
fn the_golden_trees_hold_the_releases_that_flux_applies() {
    let mut referee = Referee::start();
    let (mut list, mut wrong) = (String::new(), Vec::new());
    for (name, files, url) in golden_trees() {
        let (walked, compared) = referee_tree(&mut referee, &files, url.as_deref(), false);
        list += &report(&name, &walked, &compared);
        wrong.extend(compared.wrong.iter().map(|wrong| format!("{name}: {wrong}")));
    }
    assert!(wrong.is_empty(), "{} differences without a reason:\n{}\n{list}", wrong.len(), wrong.join("\n"));
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flux-build.txt");
    if std::env::var_os("DAVIT_UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &list).unwrap();
    }
    let known = std::fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(known, list, "DAVIT_UPDATE_GOLDEN=1 writes {} anew", golden.display());
}

#[test]
fn the_corpora_trees_hold_the_releases_that_flux_applies() {
    let Some(corpora) = std::env::var_os("DAVIT_CORPORA") else { return };
    let mut referee = Referee::start();
    let (mut all, mut list) = (Compared::default(), String::new());
    let mut paths: Vec<PathBuf> = std::fs::read_dir(corpora).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".tree.tar.gz"));
    paths.sort();
    assert!(!paths.is_empty(), "the corpora hold no tree");
    for path in paths {
        let mut archive = tar::Archive::new(flate2::read::MultiGzDecoder::new(std::fs::File::open(&path).unwrap()));
        let mut files = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_string_lossy().trim_start_matches("./").to_owned();
            if entry.header().entry_type().is_file() {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                files.push((name, bytes));
            }
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (walked, mut compared) = referee_tree(&mut referee, &files, None, true);
        list += &report(&name, &walked, &compared);
        compared.wrong = compared.wrong.iter().map(|wrong| format!("{name}: {wrong}")).collect();
        all.add(compared);
    }
    println!("{list}all: {}", all.line());
    all.wrong.extend(all.over(1));
    assert!(
        all.wrong.is_empty(),
        "{} differences without a reason:\n{}\n{list}",
        all.wrong.len(),
        all.wrong.join("\n")
    );
}
