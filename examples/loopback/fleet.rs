//! A generated fleet: the files of one repository, and the charts that it names. Half of the charts come from chart
//! repositories, half from an OCI registry.

use davit::demo::chart::{Chart, chart};
use davit::demo::charts::ChartServer;
use davit::demo::oci::OciServer;
use std::fmt::Write as _;

/// Versions of each chart: 1.0.0 to 1.0.39.
const VERSIONS: usize = 40;
/// Releases of one Flux Kustomization.
const SHARE: usize = 100;
/// Each half of the charts: from chart repositories, from the OCI registry.
const CHARTS: usize = 100;
/// Chart repositories, each with an equal share of the first half.
const INDEXES: usize = 10;

/// What a tree's sources are, on loopback.
pub struct Sources {
    pub charts: ChartServer,
    pub registry: OciServer,
}

impl Sources {
    pub fn start() -> std::io::Result<Self> {
        Ok(Self { charts: ChartServer::start(Vec::new())?, registry: OciServer::start(Vec::new())? })
    }
}

/// Publishes every chart that a fleet of so many releases uses.
pub fn publish(releases: usize, sources: &Sources) {
    for number in 0..releases.div_ceil(2).min(CHARTS) {
        for version in versions(&format!("chart-{number}")) {
            sources.charts.add_at(&format!("team-{}", number % INDEXES), version);
        }
        for version in versions(&format!("oci-{number}")) {
            sources.registry.add(&format!("charts/oci-{number}"), version);
        }
    }
}

fn versions(name: &str) -> impl Iterator<Item = Chart> {
    (0..VERSIONS).map(move |patch| chart(name, &format!("1.0.{patch}")).app("1.0"))
}

/// Every file of one repository: sources, Flux Kustomizations, one file a release. Two charts of each hundred are one
/// version behind.
pub fn files(releases: usize, sources: &Sources) -> Vec<(String, String)> {
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
        files.push((format!("apps/{}/app-{number}.yaml", number / SHARE), release(number, 0, None)));
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

/// A release as people write it, values included; at its chart's current version unless another patch is told.
pub fn release(number: usize, replicas: usize, patch: Option<usize>) -> String {
    let chart = number / 2 % CHARTS;
    let version = patch.map_or_else(|| current(chart), |patch| format!("1.0.{}", patch % VERSIONS));
    let source = if number.is_multiple_of(2) {
        format!(
            "  chart:\n    spec:\n      chart: chart-{chart}\n      version: {}\n      sourceRef:\n        kind: \
             HelmRepository\n        name: team-{}\n        namespace: flux-system\n",
            version,
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
