//! How long a generated repository takes from bytes to rows, in stages: `cargo run --release --example resolve_speed --
//! 10000`. Then the same after changes of single files. Double the number: every stage should take twice as long, no more.

#![expect(clippy::print_stdout, reason = "a program that reports")]

use davit::inventory::{self, Context, FileFacts};
use davit::resolve::{self, Memo, Neighbours};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

/// A cluster's root, with a patch for every child and, in it, one for every release, as home clusters have it.
const ROOT: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: cluster-apps, namespace: flux-system}
spec:
  path: ./apps
  sourceRef: {kind: GitRepository, name: flux-system}
  patches:
  - target: {group: kustomize.toolkit.fluxcd.io, kind: Kustomization}
    patch: |
      apiVersion: kustomize.toolkit.fluxcd.io/v1
      kind: Kustomization
      metadata: {name: _}
      spec:
        patches:
        - target: {group: helm.toolkit.fluxcd.io, kind: HelmRelease}
          patch: |
            apiVersion: helm.toolkit.fluxcd.io/v2
            kind: HelmRelease
            metadata: {name: _}
            spec: {install: {crds: CreateReplace}, upgrade: {cleanupOnFail: true}}
";
const NAMESPACES: usize = 100;

fn app(number: usize, files: &mut Vec<(String, String)>) {
    let namespace = number % NAMESPACES;
    let directory = format!("apps/ns{namespace}/app{number}");
    let kustomization = format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: &app app{number}\n  \
         namespace: flux-system\nspec:\n  targetNamespace: ns{namespace}\n  path: ./{directory}/app\n  \
         sourceRef: {{kind: GitRepository, name: flux-system}}\n  postBuild: {{substitute: {{APP: *app}}}}\n"
    );
    let mut release = format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: &app app{number}\nspec:\n  \
         chartRef: {{kind: OCIRepository, name: app{number}}}\n  values:\n"
    );
    for key in 0..60 {
        let _ = writeln!(release, "    key{key}: {{a: {key}, b: [1, 2, 3]}}");
    }
    let source = format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata:\n  name: app{number}\nspec:\n  \
         url: oci://ghcr.io/acme/charts/app{}\n  ref: {{tag: 1.2.3}}\n",
        number % 500
    );
    files.push((format!("{directory}/ks.yaml"), kustomization));
    files.push((format!("{directory}/app/kustomization.yaml"), "resources: [./hr.yaml, ./oci.yaml]\n".to_owned()));
    files.push((format!("{directory}/app/hr.yaml"), release));
    files.push((format!("{directory}/app/oci.yaml"), source));
}

fn repository(releases: usize) -> Vec<(String, String)> {
    let mut files = vec![("clusters/main/cluster.yaml".to_owned(), ROOT.to_owned())];
    for number in 0..releases {
        app(number, &mut files);
    }
    for namespace in 0..NAMESPACES.min(releases) {
        let mut list = "resources:\n".to_owned();
        for number in (namespace..releases).step_by(NAMESPACES) {
            let _ = writeln!(list, "- ./app{number}/ks.yaml");
        }
        files.push((format!("apps/ns{namespace}/kustomization.yaml"), list));
    }
    files
}

fn main() {
    let releases = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let files = repository(releases);
    let start = Instant::now();
    let mut facts: Vec<(String, Arc<FileFacts>)> = files
        .iter()
        .map(|(path, text)| (path.clone(), Arc::new(inventory::read_file(path, text.as_bytes()))))
        .collect();
    println!("read     {:>8.1?} ({} files, one core)", start.elapsed(), files.len());
    let start = Instant::now();
    facts.sort_by(|a, b| a.0.cmp(&b.0));
    let inventory = inventory::gather(&facts, Context::default());
    println!("gather   {:>8.1?}", start.elapsed());
    let start = Instant::now();
    let mut memo = Memo::default();
    let rows = resolve::resolve_after(&inventory, &Neighbours::default(), &mut memo).releases;
    let asked = rows.iter().filter(|row| row.problem.is_none()).count();
    println!("resolve  {:>8.1?} ({} rows, {asked} to be asked)", start.elapsed(), rows.len());
    drop(rows);
    let changes = [("oci.yaml", "1.2.3", "1.2.4"), ("hr.yaml", "key7:", "key8:"), ("ks.yaml", "APP:", "APPS:")];
    for (what, from, to) in changes {
        let Some((path, text)) = files.iter().find(|(path, _)| path.ends_with(what)) else { continue };
        let Some(file) = facts.iter_mut().find(|(known, _)| known == path) else { continue };
        file.1 = Arc::new(inventory::read_file("", text.replace(from, to).as_bytes()));
        let files = Arc::new(facts.clone());
        let start = Instant::now();
        let inventory = inventory::gather_after(memo.inventory(), &files, Context::default());
        let (gathered, start) = (start.elapsed(), Instant::now());
        let rows = resolve::resolve_after(&inventory, &Neighbours::default(), &mut memo).releases;
        println!("{path} changed: gather {gathered:.1?}, resolve {:.1?}", start.elapsed());
        drop(rows);
    }
}
