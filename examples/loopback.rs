//! A generated fleet for measurements: bare repositories with as many releases as asked for, and the forge, the chart
//! repository and the OCI registry that they name, on loopback. Prints one JSON line that says where everything is,
//! then changes one file of the first repository for each line on standard input, until that ends.
//!
//! Usage: `loopback DIRECTORY RELEASES [REPOSITORIES]`. Measures nothing itself: `benches/figures` does.

#![expect(clippy::print_stdout, reason = "its one line is its result")]

use davit::demo::chart::{Chart, chart};
use davit::demo::charts::ChartServer;
use davit::demo::forge::{Forge, Role};
use davit::demo::oci::OciServer;
use std::fmt::Write as _;
use std::io::BufRead as _;
use std::path::Path;

type Failure = Box<dyn std::error::Error>;

/// Versions of each chart: 1.0.0 to 1.0.39.
const VERSIONS: usize = 40;
/// Releases of one Flux Kustomization.
const SHARE: usize = 100;
/// Each half of the charts: from chart repositories, from the OCI registry.
const CHARTS: usize = 100;
/// Chart repositories, each with an equal share of the first half.
const INDEXES: usize = 10;

struct Sources {
    charts: ChartServer,
    registry: OciServer,
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("usage: loopback DIRECTORY RELEASES [REPOSITORIES]")?;
    let releases: usize = arguments.next().ok_or("how many releases?")?.parse()?;
    let repositories: usize = arguments.next().as_deref().unwrap_or("1").parse()?;
    let directory = Path::new(&directory);
    let sources = Sources { charts: ChartServer::start(Vec::new())?, registry: OciServer::start(Vec::new())? };
    let used = releases.div_ceil(2).min(CHARTS);
    for number in 0..used {
        for version in versions(&format!("chart-{number}")) {
            sources.charts.add_at(&format!("team-{}", number % INDEXES), version);
        }
        for version in versions(&format!("oci-{number}")) {
            sources.registry.add(&format!("charts/oci-{number}"), version);
        }
    }
    let forge = Forge::start()?;
    forge.add_token("loopback", "davit");
    let mut paths = Vec::new();
    for number in 0..repositories {
        let path = directory.join(format!("fleet-{number}.git"));
        let git = git2::Repository::init_bare(&path)?;
        git.set_head("refs/heads/main")?;
        commit(&git, &fleet(releases, &sources))?;
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
        line?;
        let person = forge.person("acme/fleet-0", "acme");
        person.push("main", "one file", &[("apps/0/app-0.yaml", Some(&release(0, count % 2)))])?;
        println!("changed");
    }
    Ok(())
}

fn versions(name: &str) -> impl Iterator<Item = Chart> {
    (0..VERSIONS).map(move |patch| chart(name, &format!("1.0.{patch}")).app("1.0"))
}

/// Every file of one repository: sources, Flux Kustomizations, one file a release. Two charts of each hundred are one
/// version behind.
fn fleet(releases: usize, sources: &Sources) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut text = String::new();
    for number in 0..INDEXES {
        let url = sources.charts.url();
        let _ = write!(
            text,
            "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata:\n  name: team-{number}\n  \
             namespace: flux-system\nspec:\n  interval: 1h\n  url: {url}/team-{number}\n"
        );
    }
    for number in 0..releases.div_ceil(2).min(CHARTS) {
        let (host, tag) = (sources.registry.authority(), current(number));
        let _ = write!(
            text,
            "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata:\n  name: oci-{number}\n  \
             namespace: flux-system\nspec:\n  interval: 1h\n  insecure: true\n  url: oci://{host}/charts/oci-{number}\n  \
             ref:\n    tag: {tag}\n"
        );
    }
    files.push(("sources/sources.yaml".to_owned(), text));
    let mut roots = kustomization("sources", "./sources");
    for share in 0..releases.div_ceil(SHARE) {
        roots += &kustomization(&format!("apps-{share}"), &format!("./apps/{share}"));
    }
    files.push(("clusters/production/apps.yaml".to_owned(), roots));
    for number in 0..releases {
        files.push((format!("apps/{}/app-{number}.yaml", number / SHARE), release(number, 0)));
    }
    files
}

fn current(chart: usize) -> String {
    format!("1.0.{}", if chart % 50 == 49 { VERSIONS - 2 } else { VERSIONS - 1 })
}

fn kustomization(name: &str, path: &str) -> String {
    format!(
        "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: {name}\n  namespace: \
         flux-system\nspec:\n  interval: 10m\n  path: {path}\n  prune: true\n  sourceRef:\n    kind: GitRepository\n    \
         name: flux-system\n"
    )
}

/// A release as people write it, values included.
fn release(number: usize, replicas: usize) -> String {
    let chart = number / 2 % CHARTS;
    let source = if number.is_multiple_of(2) {
        format!(
            "  chart:\n    spec:\n      chart: chart-{chart}\n      version: {}\n      sourceRef:\n        kind: \
             HelmRepository\n        name: team-{}\n        namespace: flux-system\n",
            current(chart),
            chart % INDEXES
        )
    } else {
        format!("  chartRef:\n    kind: OCIRepository\n    name: oci-{chart}\n    namespace: flux-system\n")
    };
    format!(
        "---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: app-{number}\n  namespace: \
         apps-{}\nspec:\n  interval: 1h\n{source}  install:\n    remediation:\n      retries: 3\n  values:\n    \
         replicas: {replicas}\n    image:\n      repository: ghcr.io/acme/app-{number}\n      tag: 2.{number}.0\n    \
         ingress:\n      enabled: true\n      hosts:\n        - host: app-{number}.example.com\n          paths: [/]\n    \
         resources:\n      requests: {{cpu: 10m, memory: 64Mi}}\n      limits: {{memory: 256Mi}}\n",
        number / SHARE
    )
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
