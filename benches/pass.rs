//! The reading half of a pass over a repository of 10,000 releases, in process: cold, on the same commit, and after one
//! file changed. Prints times and ratios; asserts none. `benches/figures` measures the same of the whole daemon.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench says what it measured")]

use davit::config::Config;
use davit::demo::chart::chart;
use davit::demo::charts::ChartServer;
use davit::engine::look::{Files, Look, Recollection, Request, look};
use davit::engine::read::Filter;
use davit::policy::Rules;
use davit::world::cache::Cache;
use davit::world::git::{Git, GitOptions, Repository, Wanted};
use davit::world::registry::{Options, Registry};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const RELEASES: usize = 10_000;
/// Releases of one Flux Kustomization.
const SHARE: usize = 100;
const CHARTS: usize = 100;

struct Stage {
    raw: git2::Repository,
    git: Repository,
    registry: Arc<Registry>,
    cache: Arc<Cache>,
    rules: Rules,
}

fn release(number: usize, version: &str, replicas: usize) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: app-{number}\n  namespace: \
         apps-{}\nspec:\n  interval: 1h\n  chart:\n    spec:\n      chart: chart-{}\n      version: {version}\n      \
         sourceRef:\n        kind: HelmRepository\n        name: team\n        namespace: flux-system\n  values:\n    \
         replicas: {replicas}\n    ingress:\n      hosts: [app-{number}.example.com]\n",
        number / SHARE,
        number % CHARTS
    )
}

fn fleet(charts: &str) -> Vec<(String, String)> {
    let source = format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata:\n  name: team\n  namespace: \
         flux-system\nspec:\n  url: {charts}/team\n"
    );
    let mut files = vec![("sources/team.yaml".to_owned(), source)];
    let names = (0..RELEASES / SHARE).map(|share| format!("apps/{share}")).chain(["sources".to_owned()]);
    let roots = names.enumerate().map(|(number, path)| {
        format!(
            "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: part-{number}\n  \
             namespace: flux-system\nspec:\n  path: ./{path}\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n"
        )
    });
    files.push(("clusters/main/apps.yaml".to_owned(), roots.collect()));
    files.extend((0..RELEASES).map(|n| (format!("apps/{}/app-{n}.yaml", n / SHARE), release(n, "1.0.0", 1))));
    files
}

impl Stage {
    /// One commit that writes these files over what there is.
    fn commit(&self, files: &[(String, String)]) {
        let parent = self.raw.head().ok().map(|head| head.peel_to_commit().unwrap());
        let mut update = git2::build::TreeUpdateBuilder::new();
        for (path, text) in files {
            update.upsert(path.as_str(), self.raw.blob(text.as_bytes()).unwrap(), git2::FileMode::Blob);
        }
        let empty = || self.raw.find_tree(self.raw.treebuilder(None).unwrap().write().unwrap()).unwrap();
        let base = parent.as_ref().map_or_else(empty, |parent| parent.tree().unwrap());
        let tree = self.raw.find_tree(update.create_updated(&self.raw, &base).unwrap()).unwrap();
        let who = git2::Signature::new("acme", "acme@example.com", &git2::Time::new(1_783_670_400, 0)).unwrap();
        let parents: Vec<_> = parent.iter().collect();
        self.raw.commit(Some("refs/heads/main"), &who, &who, "a change\n", &tree, &parents).unwrap();
    }

    async fn pass(&self, recollection: &Arc<Recollection>) -> (Duration, Arc<Look>) {
        let start = Instant::now();
        let wanted = Wanted { base: None, prefix: String::new(), pulls: Vec::new(), forks: Vec::new() };
        let commit = self.git.fetch(wanted).await.unwrap().base_commit;
        let files = if recollection.holds(&commit.to_string(), &davit::resolve::Neighbours::default()) {
            Files::Held(commit.to_string())
        } else {
            let listing = self.git.tree_after(commit, recollection.listing()).await.unwrap();
            Files::Tree(listing, self.git.reader().await.unwrap())
        };
        let request = Request {
            files,
            shown: "fleet".to_owned(),
            url: None,
            name: "fleet",
            filter: Filter::new(&["**".to_owned()], &[]),
            rules: &self.rules,
            recollection: recollection.clone(),
            store: None,
            now: jiff::Timestamp::now(),
            branch_prefix: "davit/",
            secrets: davit::engine::look::Secrets::No,
            kube: davit::engine::look::Kube::default(),
            neighbours: davit::resolve::Neighbours::default(),
            fleet: None,
        };
        let found = look(&self.registry, &self.cache, request).await.unwrap();
        (start.elapsed(), found)
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::main]
async fn main() {
    davit::world::git::init().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let charts = ChartServer::start(Vec::new()).unwrap();
    for number in 0..CHARTS {
        charts.add_at("team", chart(&format!("chart-{number}"), "1.0.0"));
    }
    let remote = directory.path().join("fleet.git");
    let raw = git2::Repository::init_bare(&remote).unwrap();
    raw.set_head("refs/heads/main").unwrap();
    let git = Git::new(GitOptions::anonymous(directory.path().join("cache")), CancellationToken::new());
    let config = Config::default();
    let clock = Arc::new(jiff::Timestamp::now);
    let options = Options::new(config.registries.clone(), directory.path().join("registry"), clock, &|_| None);
    let stage = Stage {
        git: git.repository("fleet", remote.to_str().unwrap()).unwrap(),
        raw,
        registry: Registry::new(options),
        cache: Arc::new(Cache::open(directory.path())),
        rules: Rules::from_config(&config.settings().policy).unwrap(),
    };
    stage.commit(&fleet(&charts.url()));
    let memory = Arc::new(Recollection::default());
    let (cold, found) = stage.pass(&memory).await;
    assert_eq!(found.findings.rows.len(), RELEASES);
    println!("{RELEASES} releases, cold: {cold:.1?}");

    let mut unchanged = Vec::new();
    for _ in 0..9 {
        unchanged.push(stage.pass(&memory).await.0);
    }
    let unchanged = median(unchanged);
    let ratio = |time: Duration| cold.as_secs_f64() / time.as_secs_f64();
    println!("the same commit: {unchanged:.1?}, {:.0} times faster than cold", ratio(unchanged));
    // Values only, whose facts are equal; and the version, to ones that the source has a newer one than.
    for (what, version) in [("values of one release changed", "1.0.0"), ("version of one release changed", "0.9.")] {
        let mut times = Vec::new();
        for step in 0..9 {
            let version = if version.ends_with('.') { format!("{version}{step}") } else { version.to_owned() };
            stage.commit(&[("apps/7/app-777.yaml".to_owned(), release(777, &version, step + 2))]);
            times.push(stage.pass(&memory).await.0);
        }
        let time = median(times);
        println!("{what}: {time:.1?}, {:.0} times faster than cold", ratio(time));
    }
}
