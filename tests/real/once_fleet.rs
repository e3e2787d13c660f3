//! `davit once` over a platform repository and a tenant's: the platform's Kustomization builds the tenant's tree, its
//! sources serve the tenant's releases, and each repository gets its own pull requests. The stage's own fleet stands
//! beside them and is of another cluster.

use crate::stage::Stage;
use davit::demo::forge::{PullView, Role};
use std::path::PathBuf;

const PLATFORM: &str = "acme/platform";
const SHOP: &str = "acme/shop";

/// A stage with both, in an order that puts the tenant first.
async fn stage() -> Stage {
    let mut stage = Stage::new().await;
    let url = |name: &str| format!("{}/{name}.git", stage.git.url);
    let files = [
        (
            "clusters/home/flux-system/gotk-sync.yaml",
            format!(
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n\
                 metadata: {{name: flux-system, namespace: flux-system}}\nspec: {{url: \"{}\"}}\n---\n\
                 apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
                 metadata: {{name: flux-system, namespace: flux-system}}\n\
                 spec: {{path: ./clusters/home, sourceRef: {{kind: GitRepository, name: flux-system}}}}\n",
                url("platform")
            ),
        ),
        (
            "clusters/home/shop.yaml",
            format!(
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n\
                 metadata: {{name: shop, namespace: flux-system}}\nspec: {{url: \"{}\"}}\n---\n\
                 apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
                 metadata: {{name: shop, namespace: flux-system}}\n\
                 spec:\n  path: ./apps\n  targetNamespace: shop\n  sourceRef: {{kind: GitRepository, name: shop}}\n",
                url("shop")
            ),
        ),
        (
            "clusters/home/sources.yaml",
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\n\
             metadata: {name: charts, namespace: flux-system}\nspec: {url: https://charts.example.com}\n---\n\
             apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\n\
             metadata: {name: cache, namespace: flux-system}\n\
             spec:\n  url: oci://ghcr.io/acme/charts/cache\n  ref:\n    tag: 18.0.0\n"
                .to_owned(),
        ),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    add(&stage, PLATFORM, &files);
    let web = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web}\nspec:\n  chart:\n    \
               spec:\n      chart: web\n      version: 6.5.0\n      \
               sourceRef: {kind: HelmRepository, name: charts, namespace: flux-system}\n";
    let cache = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: cache}\nspec:\n  \
                 chartRef: {kind: OCIRepository, name: cache, namespace: flux-system}\n";
    add(&stage, SHOP, &[("apps/web.yaml", Some(web)), ("apps/cache.yaml", Some(cache))]);
    for name in ["shop", "platform"] {
        stage.neighbours.push(format!(
            "{{url: \"{}/{name}.git\", forge: github, github: acme/{name}, branch: main}}",
            stage.git.url
        ));
    }
    stage
}

fn add(stage: &Stage, name: &str, files: &[(&str, Option<&str>)]) {
    let bare = git2::Repository::init_bare(path(stage, name)).unwrap();
    bare.set_head("refs/heads/main").unwrap();
    stage.forge.add_repository(name, bare.path(), "main");
    stage.forge.set_role(name, "davit", Some(Role::Write));
    stage.forge.set_role(name, "casey", Some(Role::Admin));
    stage.forge.person(name, "casey").push("main", "feat: all of it", files).unwrap();
}

fn path(stage: &Stage, name: &str) -> PathBuf {
    let (_, name) = name.split_once('/').unwrap();
    stage.dir.path().join(format!("git/{name}.git"))
}

/// Title, whether it is open, and the changed lines of each pull request.
fn pulls(stage: &Stage, name: &str) -> Vec<(String, bool, String)> {
    let changed = |pull: &PullView| {
        let diff = stage.forge.diff(name, pull.number).unwrap();
        let lines = diff.lines().filter(|line| line.starts_with('+')).map(str::trim_end);
        lines.collect::<Vec<_>>().join("|")
    };
    stage.forge.pulls(name).iter().map(|pull| (pull.title.clone(), pull.open, changed(pull))).collect()
}

fn open(title: &str, changed: &str) -> Vec<(String, bool, String)> {
    vec![(title.to_owned(), true, changed.to_owned())]
}

/// Casey changes a text of a file of a repository.
fn rewrite(stage: &Stage, name: &str, file: &str, from: &str, to: &str) {
    let bare = git2::Repository::open(path(stage, name)).unwrap();
    let tree = bare.find_reference("refs/heads/main").unwrap().peel_to_tree().unwrap();
    let blob = tree.get_path(file.as_ref()).unwrap().to_object(&bare).unwrap().peel_to_blob().unwrap();
    let before = String::from_utf8(blob.content().to_vec()).unwrap();
    let after = before.replace(from, to);
    assert_ne!(before, after);
    stage.forge.person(name, "casey").push("main", "feat: by hand", &[(file, Some(&after))]).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_repository_of_a_fleet_gets_the_bumps_whose_bytes_it_holds_and_a_second_run_writes_nothing() {
    let stage = stage().await;
    let run = stage.good().await;
    for line in ["fleet: 8 releases, 4 updates", "shop: 2 releases, 1 update", "platform: 1 release, 1 update"] {
        assert!(run.out.contains(line), "{}", run.out);
    }
    let web = open("chore(deps): update chart web to 6.7.1", "+++ b/apps/web.yaml|+      version: 6.7.1");
    let cache = open("chore(deps): update chart cache to 18.2.0", "+++ b/clusters/home/sources.yaml|+    tag: 18.2.0");
    assert_eq!((pulls(&stage, SHOP), pulls(&stage, PLATFORM)), (web, cache));
    let body = &stage.forge.pulls(PLATFORM)[0].body;
    assert!(body.contains("shop/cache") && body.contains("shop:apps/cache.yaml:2"), "{body}");
    assert!(stage.forge.pulls(SHOP)[0].body.contains("| shop/web |"), "{}", stage.forge.pulls(SHOP)[0].body);
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_that_can_t_be_read_closes_nothing_of_the_tenant_s_and_holds_nobody() {
    let stage = stage().await;
    stage.good().await;
    let before = (pulls(&stage, SHOP), stage.mark());
    let (here, away) = (path(&stage, PLATFORM), stage.dir.path().join("away"));
    std::fs::rename(&here, &away).unwrap();
    stage.rewrite("apps/cache.yaml", "18.0.0", "18.2.0");
    let run = stage.once().await;
    assert_eq!(run.code, Some(1), "{}", run.out);
    assert!(run.out.contains("the repository platform could not be read"), "{}", run.out);
    assert_eq!(pulls(&stage, SHOP), before.0);
    let writes = stage.writes_since(before.1);
    assert!(writes.iter().all(|write| !format!("{write:?}").contains("shop")), "{writes:?}");
    // The stage's own fleet, of another cluster, went on: one of its updates is in the base now.
    assert!(!stage.pull("davit/cache").open, "{}", run.out);
    std::fs::rename(&away, &here).unwrap();
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tenant_follows_when_the_platform_moves_its_charts() {
    let stage = stage().await;
    stage.good().await;
    for version in ["6.5.0", "6.9.0"] {
        stage.charts.add_at("other.example.com", davit::demo::chart::chart("web", version));
    }
    rewrite(&stage, PLATFORM, "clusters/home/sources.yaml", "https://charts.", "https://other.");
    stage.good().await;
    let now = pulls(&stage, SHOP);
    assert_eq!(now.iter().map(|(_, open, _)| *open).collect::<Vec<_>>(), [false, true], "{now:#?}");
    assert_eq!(now[1].0, "chore(deps): update chart web to 6.9.0");
    stage.silent().await;
    // The tenant defines the same name otherwise: nobody can say which one the cluster has.
    let other = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\n\
                 metadata: {name: charts, namespace: flux-system}\nspec: {url: https://charts.example.com}\n";
    let casey = stage.forge.person(SHOP, "casey");
    // The Kustomization sets the namespace of all it builds: a tree of its own keeps another.
    casey.push("main", "feat: charts of our own", &[("apps/charts.yaml", Some(other))]).unwrap();
    stage.good().await;
    assert!(pulls(&stage, SHOP)[1].1, "in the namespace that the platform sets it is another source");
    rewrite(&stage, PLATFORM, "clusters/home/shop.yaml", "  targetNamespace: shop\n", "");
    rewrite(&stage, SHOP, "apps/web.yaml", "{name: web}", "{name: web, namespace: shop}");
    stage.good().await;
    assert!(pulls(&stage, SHOP)[1].1, "what an object of another repository makes ambiguous closes nothing");
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_the_platform_defines_and_only_the_tenant_reads_is_raised_in_the_platform() {
    let stage = stage().await;
    let versions = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: versions, namespace: flux-system}\n\
                    data:\n  other: 1.0.0\n  cron: 1.0.0 # of the night\n";
    let casey = stage.forge.person(PLATFORM, "casey");
    casey.push("main", "feat: versions", &[("clusters/home/versions.yaml", Some(versions))]).unwrap();
    let post = "  targetNamespace: shop\n  postBuild: {substituteFrom: [{kind: ConfigMap, name: versions}]}\n";
    rewrite(&stage, PLATFORM, "clusters/home/shop.yaml", "  targetNamespace: shop\n", post);
    let nightly = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: nightly}\nspec:\n  \
                   chart:\n    spec:\n      chart: cron\n      version: \"${cron}\"\n      \
                   sourceRef: {kind: HelmRepository, name: charts, namespace: flux-system}\n";
    let casey = stage.forge.person(SHOP, "casey");
    casey.push("main", "feat: nightly", &[("apps/nightly.yaml", Some(nightly))]).unwrap();
    let run = stage.good().await;
    for line in ["shop: 3 releases, 1 update", "platform: 2 releases, 2 updates"] {
        assert!(run.out.contains(line), "{}", run.out);
    }
    let raised = |(title, open, _): &&(String, bool, String)| *open && title.contains("chart cron");
    let pulls_of = pulls(&stage, PLATFORM);
    let (_, _, changed) = pulls_of.iter().find(raised).unwrap_or_else(|| panic!("{pulls_of:#?}"));
    assert!(changed.starts_with("+++ b/clusters/home/versions.yaml|+  cron: "), "{changed}");
    assert!(changed.ends_with(" # of the night"), "{changed}");
    let all = stage.forge.pulls(PLATFORM);
    let body = &all.iter().find(|pull| pull.title.contains("chart cron")).unwrap().body;
    assert!(body.contains("shop/nightly") && body.contains("shop:apps/nightly.yaml:2"), "{body}");
    assert!(!pulls(&stage, SHOP).iter().any(|(title, ..)| title.contains("cron")));
    stage.silent().await;
    // The platform moves the bytes: the pull request follows, and nothing else is written.
    rewrite(&stage, PLATFORM, "clusters/home/versions.yaml", "  other: 1.0.0\n", "  id: 1.0.0\n  other: 1.0.0\n");
    stage.good().await;
    let pulls_of = pulls(&stage, PLATFORM);
    let (_, _, after) = pulls_of.iter().find(raised).unwrap_or_else(|| panic!("{pulls_of:#?}"));
    assert_eq!(after, changed);
    stage.silent().await;
    stage.lawful();
}
