//! What `davit scan` does, in one process: a folder read, resolved and judged against sources on loopback, with an empty
//! cache and with a filled one. `DAVIT_CORPORA` adds the real trees of the corpora. `benches/figures` measures the same
//! as a whole process, beside Renovate.
#![expect(clippy::unwrap_used, reason = "a bench that can't run ends")]

#[path = "../examples/loopback/fleet.rs"]
mod fleet;
#[path = "../examples/loopback/tree.rs"]
mod tree;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use davit::config::{Config, RegistryHost};
use davit::engine::look::{Files, Look, Recollection, Request, look};
use davit::engine::read::Filter;
use davit::engine::services;
use davit::policy::Rules;
use davit::world::cache::Cache;
use davit::world::folder::Folder;
use davit::world::git::{Git, GitOptions};
use davit::world::tree::TreeReader;
use fleet::Sources;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error>;

fn configuration(sources: &Sources, cache: &Path) -> Config {
    let mut config = Config::default();
    cache.clone_into(&mut config.git.cache_dir);
    for host in [sources.registry.authority(), sources.charts.server.authority()] {
        config.registries.hosts.push(RegistryHost {
            host,
            paths: Vec::new(),
            username: None,
            password: None,
            ca_file: None,
            insecure: true,
            concurrency: 4,
        });
    }
    config
}

/// As the command does it, without the printing.
async fn scan(sources: &Sources, checkout: &Path, cache_dir: &Path) -> Arc<Look> {
    let config = configuration(sources, cache_dir);
    let cache = Arc::new(Cache::open(cache_dir));
    let git = Git::new(GitOptions::from_config(&config.git, None, None), CancellationToken::new());
    let registry = services::registry(&config, git).unwrap();
    let folder = Arc::new(Folder::open(checkout).unwrap());
    let rules = Rules::from_config(&config.settings().policy).unwrap();
    let request = Request {
        files: Files::Tree(folder.read().unwrap(), TreeReader::Folder(folder.clone())),
        shown: String::new(),
        url: None,
        name: "",
        filter: Filter::new(&["**".to_owned()], &[]),
        rules: &rules,
        recollection: Arc::new(Recollection::default()),
        store: None,
        now: jiff::Timestamp::now(),
        branch_prefix: "davit/",
        secrets: davit::engine::look::Secrets::No,
        kube: davit::engine::look::Kube::default(),
        neighbours: davit::resolve::Neighbours::default(),
        fleet: None,
    };
    look(&registry, &cache, request).await.unwrap()
}

fn measure(criterion: &mut Criterion, name: &str, sources: &Sources, directory: &Path, releases: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (checkout, filled) = (directory.join("checkout"), directory.join("cache"));
    let found = runtime.block_on(scan(sources, &checkout, &filled));
    // Nothing is missing, or the figure means nothing.
    assert_eq!(found.findings.rows.len(), releases, "{name}");
    let mut group = criterion.benchmark_group(format!("scan of {name}"));
    group.sample_size(10);
    group.bench_function("empty cache", |bench| {
        let empty = || tempfile::tempdir().unwrap();
        bench.iter_batched(
            empty,
            |cache| (runtime.block_on(scan(sources, &checkout, cache.path())), cache),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("filled cache", |bench| {
        bench.iter(|| runtime.block_on(scan(sources, &checkout, &filled)));
    });
    group.finish();
}

fn scans(criterion: &mut Criterion) {
    davit::world::init::process().unwrap();
    let (sources, directory) = (Sources::start().unwrap(), tempfile::tempdir().unwrap());
    fleet::publish(160, &sources);
    let files: Vec<_> = fleet::files(160, &sources).into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    tree::write(&files, &directory.path().join("checkout")).unwrap();
    measure(criterion, "160 generated releases", &sources, directory.path(), 160);
    let Some(corpora) = std::env::var_os("DAVIT_CORPORA") else { return };
    let mut archives: Vec<_> = std::fs::read_dir(corpora).unwrap().map(|entry| entry.unwrap().path()).collect();
    archives.retain(|path| path.to_string_lossy().ends_with(".tree.tar.gz"));
    archives.sort();
    for archive in archives {
        let (sources, directory) = (Sources::start().unwrap(), tempfile::tempdir().unwrap());
        let files = tree::unpack(&archive).unwrap();
        let releases = tree::settle(&files, &directory.path().join("checkout"), &sources).unwrap();
        let name = archive.file_name().unwrap().to_string_lossy().trim_end_matches(".tree.tar.gz").to_owned();
        measure(criterion, &name, &sources, directory.path(), releases);
    }
}

criterion_group!(benches, scans);
criterion_main!(benches);
