//! Everything that a measurement needs on loopback: repositories, and the forge, the chart repositories and the OCI
//! registry that they name. Prints one JSON line that says where everything is. Measures nothing itself:
//! `benches/figures` does.
//!
//! Usage: `loopback DIRECTORY RELEASES [REPOSITORIES]` generates bare repositories with so many releases each, and
//! changes one file of the first for each line on standard input, until that ends: `version` moves the version of one
//! release, `file` adds one, anything else changes the values of one.
//! `loopback DIRECTORY TREE.tar.gz` makes `DIRECTORY/checkout` of a real tree, its chart URLs rewritten to loopback.

#![expect(clippy::print_stdout, reason = "its one line is its result")]

mod fleet;
mod tree;

use davit::demo::forge::{Forge, Role};
use fleet::Sources;
use std::io::BufRead as _;
use std::path::Path;

type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "usage: loopback DIRECTORY RELEASES [REPOSITORIES], or loopback DIRECTORY TREE.tar.gz";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let sources = Sources::start()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [directory, archive] if archive.ends_with(".tar.gz") => {
            real_tree(Path::new(directory), Path::new(archive), &sources)
        }
        [directory, releases] => generated(Path::new(directory), releases.parse()?, 1, &sources),
        [directory, releases, repositories] => {
            generated(Path::new(directory), releases.parse()?, repositories.parse()?, &sources)
        }
        _ => Err(USAGE.into()),
    }
}

fn real_tree(directory: &Path, archive: &Path, sources: &Sources) -> Result<(), Failure> {
    let checkout = directory.join("checkout");
    let releases = tree::settle(&tree::unpack(archive)?, &checkout, sources)?;
    let places = serde_json::json!({
        "charts": sources.charts.url(), "registry": sources.registry.authority(), "git": [],
        "checkout": checkout, "releases": releases,
    });
    println!("{places}");
    std::io::stdin().lock().lines().try_for_each(|line| line.map(drop))?;
    Ok(())
}

fn generated(directory: &Path, releases: usize, repositories: usize, sources: &Sources) -> Result<(), Failure> {
    fleet::publish(releases, sources);
    let forge = Forge::start()?;
    forge.add_token("loopback", "davit");
    let mut paths = Vec::new();
    for number in 0..repositories {
        let path = directory.join(format!("fleet-{number}.git"));
        let git = git2::Repository::init_bare(&path)?;
        git.set_head("refs/heads/main")?;
        commit(&git, &fleet::files(releases, sources))?;
        let name = format!("acme/fleet-{number}");
        forge.add_repository(&name, &path, "main");
        forge.set_role(&name, "davit", Some(Role::Write));
        paths.push(path.to_string_lossy().into_owned());
    }
    let places = serde_json::json!({
        "charts": sources.charts.url(), "registry": sources.registry.authority(), "forge": forge.url(), "git": paths,
    });
    println!("{places}");
    for (count, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line?;
        let patch = (line == "version").then_some(count);
        let number = if line == "file" { releases + count } else { 0 };
        let path = format!("apps/0/app-{number}.yaml");
        let person = forge.person("acme/fleet-0", "acme");
        person.push("main", "one file", &[(path.as_str(), Some(&fleet::release(number, count + 1, patch)))])?;
        println!("changed");
    }
    Ok(())
}

fn commit(git: &git2::Repository, files: &[(String, String)]) -> Result<(), git2::Error> {
    let mut update = git2::build::TreeUpdateBuilder::new();
    for (path, text) in files {
        update.upsert(path.as_str(), git.blob(text.as_bytes())?, git2::FileMode::Blob);
    }
    let empty = git.find_tree(git.treebuilder(None)?.write()?)?;
    let tree = git.find_tree(update.create_updated(git, &empty)?)?;
    let who = git2::Signature::new("acme", "acme@example.com", &git2::Time::new(1_783_670_400, 0))?;
    git.commit(Some("refs/heads/main"), &who, &who, "feat: the fleet\n", &tree, &[]).map(drop)
}
