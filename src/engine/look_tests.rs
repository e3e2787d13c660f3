//! Memory has no say: along a walk of commits, each look with what the earlier ones remember equals a look that
//! remembers nothing, row by row.

use super::*;
use crate::config::{Config, PolicyConfig};
use crate::demo::chart::chart;
use crate::demo::charts::ChartServer;
use crate::demo::oci::OciServer;
use crate::world::git::{Git, GitOptions, Repository, Wanted};
use crate::world::registry::Options;
use jiff::SignedDuration;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const APPS: usize = 8;

struct Stage {
    charts: ChartServer,
    oci: OciServer,
    _directory: tempfile::TempDir,
    raw: git2::Repository,
    git: Repository,
    registry: Arc<Registry>,
    cache: Arc<Cache>,
    files: BTreeMap<String, String>,
    state: u64,
    neighbours: Neighbours,
}

impl Stage {
    fn new(seed: u64) -> Self {
        crate::world::git::init().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let remote = directory.path().join("fleet.git");
        let raw = git2::Repository::init_bare(&remote).unwrap();
        raw.set_head("refs/heads/main").unwrap();
        let git = Git::new(GitOptions::anonymous(directory.path().join("cache")), CancellationToken::new());
        let (charts, oci) = (ChartServer::start(Vec::new()).unwrap(), OciServer::start(Vec::new()).unwrap());
        for version in ["1.0.0", "1.1.0", "2.0.0"] {
            charts.add_at("team-0", chart("web", version));
            charts.add_at("team-1", chart("web", version));
            oci.add("charts/tool", chart("tool", version));
        }
        let clock = Arc::new(Timestamp::now);
        let registries = Config::default().registries;
        let options = Options::new(registries, directory.path().join("registry"), clock, &|_| None);
        let mut stage = Self {
            git: git.repository("fleet", remote.to_str().unwrap()).unwrap(),
            raw,
            registry: Registry::new(options),
            cache: Arc::new(Cache::in_memory()),
            files: BTreeMap::new(),
            state: seed,
            neighbours: Neighbours::default(),
            charts,
            oci,
            _directory: directory,
        };
        stage.plant();
        stage
    }

    /// Two clusters that build one base, plain files, a kustomization.yaml, and sources.
    fn plant(&mut self) {
        let mut roots = String::new();
        for (name, path) in [("sources", "sources"), ("base", "base"), ("plain", "plain"), ("overlay", "overlay")] {
            roots += &flux(name, path);
        }
        self.files.insert("clusters/one/apps.yaml".to_owned(), roots + &nested("1.0.0", false));
        self.files.insert(
            "clusters/two/apps.yaml".to_owned(),
            flux("sources", "sources") + &flux("base", "base") + &nested("1.1.0", true),
        );
        self.set_sources(0);
        self.set_variables("1.0.0");
        self.set_patch("2.0.0", 1);
        self.files.insert(
            "overlay/kustomization.yaml".to_owned(),
            "resources: [../base]\nnameSuffix: -more\npatches: [{path: patch.yaml}]\n".to_owned(),
        );
        self.files.insert("nested/child.yaml".to_owned(), child("1.0.0"));
        self.files.insert("child/app-50.yaml".to_owned(), release("app-50", 50, "${child:=1.0.0}", 0));
        self.files.insert("child/app-52.yaml".to_owned(), release("app-52", 52, "${shared}", 0));
        self.files.insert("child/app-54.yaml".to_owned(), release("app-54", 54, "1.0.0", 0));
        // A kustomization.yaml that nothing builds or includes, and a file of its own.
        self.files.insert("idle/kustomization.yaml".to_owned(), "resources: [app-60.yaml]\n".to_owned());
        self.files.insert("idle/app-60.yaml".to_owned(), release("app-60", 60, "1.0.0", 0));
        self.files.insert("loose/app-70.yaml".to_owned(), release("app-70", 70, "1.0.0", 0));
        let names: Vec<String> = (0..APPS / 2).map(|app| format!("app-{app}.yaml")).collect();
        self.files.insert("base/kustomization.yaml".to_owned(), format!("resources: [{}]\n", names.join(", ")));
        for app in 0..APPS {
            let path = if app < APPS / 2 { "base" } else { "plain" };
            self.files.insert(format!("{path}/app-{app}.yaml"), release(&format!("app-{app}"), app, "1.0.0", 0));
        }
    }

    fn set_sources(&mut self, team: usize) {
        let (charts, oci) = (self.charts.url(), self.oci.authority());
        let text = format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: team, namespace: flux-system}}\n\
             spec: {{url: {charts}/team-{team}}}\n---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\n\
             metadata: {{name: tool, namespace: flux-system}}\nspec:\n  insecure: true\n  url: oci://{oci}/charts/tool\n  \
             ref: {{tag: 1.{team}.0}}\n"
        );
        self.files.insert("sources/all.yaml".to_owned(), text);
    }

    /// The variables that the child's releases read.
    fn set_variables(&mut self, version: &str) {
        let text = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: versions, namespace: flux-system}}\ndata:\n  shared: \
             {version}\n"
        );
        self.files.insert("sources/versions.yaml".to_owned(), text);
    }

    /// The overlay's patch of one of the base's releases.
    fn set_patch(&mut self, version: &str, app: usize) {
        let text = format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: app-{app}, namespace: apps}}\n\
             spec: {{chart: {{spec: {{version: {version}}}}}}}\n"
        );
        self.files.insert("overlay/patch.yaml".to_owned(), text);
    }

    /// A change of what many releases share.
    fn change_of_shared(&mut self) -> &'static str {
        let version = ["1.0.0", "1.1.0", "2.0.0"][self.next(3)];
        match self.next(10) {
            0 => {
                self.set_variables(version);
                "a ConfigMap"
            }
            1 | 2 => {
                let app = self.next(4);
                self.set_patch(version, app);
                "a patch"
            }
            3 => {
                self.files.insert("nested/child.yaml".to_owned(), child(version));
                "postBuild of a child"
            }
            4 => {
                let (patched, text) = (self.next(2) == 0, flux("sources", "sources") + &flux("base", "base"));
                self.files.insert("clusters/two/apps.yaml".to_owned(), text + &nested(version, patched));
                "patches of a cluster"
            }
            5 => {
                let path = ["plain/kustomization.yaml", "child/kustomization.yaml"][self.next(2)].to_owned();
                if self.files.remove(&path).is_some() {
                    return "a kustomization.yaml gone";
                }
                let named = ["app-4.yaml, app-6.yaml", "app-50.yaml, app-52.yaml", "app-54.yaml"][self.next(3)];
                self.files.insert(path, format!("resources: [{named}]\n"));
                "a kustomization.yaml more"
            }
            6 => {
                let text = self.files.entry("sources/all.yaml".to_owned()).or_default();
                let (from, to) = if text.contains("name: team,") { ("team,", "staff,") } else { ("staff,", "team,") };
                *text = text.replace(&format!("name: {from}"), &format!("name: {to}"));
                "a source renamed"
            }
            7 => {
                let path = ["idle/app-60.yaml", "loose/app-70.yaml", "child/app-54.yaml"][self.next(3)];
                self.files.insert(path.to_owned(), release("app-60", 60, version, 0));
                "a version that little builds"
            }
            8 => {
                let text = self.files.entry("base/app-0.yaml".to_owned()).or_default();
                *text = text.replace("replicas: ", "# renovate: a hint\n    replicas: ");
                "a comment"
            }
            _ => {
                let text = self.files.entry("overlay/kustomization.yaml".to_owned()).or_default();
                let (from, to) = if text.contains("-more") { ("-more", "-less") } else { ("-less", "-more") };
                *text = text.replace(from, to);
                "an overlay"
            }
        }
    }

    fn next(&mut self, below: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.state >> 33).unwrap() % below
    }

    /// One change of one file.
    fn change(&mut self) -> &'static str {
        let (app, other) = (self.next(APPS), self.next(100));
        let mut apps: Vec<String> = self.files.keys().filter(|path| path.contains("/app-")).cloned().collect();
        apps.push(format!("plain/app-{other}.yaml"));
        let path = apps[self.next(apps.len())].clone();
        match self.next(18) {
            12.. => self.change_of_shared(),
            0..3 => {
                let version = ["1.0.0", "1.1.0", "2.0.0", "1.x"][self.next(4)];
                self.files.insert(path, release(&format!("app-{app}"), other, version, 0));
                "a version"
            }
            3 | 4 => {
                let Some(text) = self.files.get_mut(&path) else { return "nothing" };
                *text = text.replace("replicas: ", "replicas: 1");
                "values"
            }
            5 => {
                self.files.remove(&path);
                "a file gone"
            }
            6 => {
                let Some(text) = self.files.remove(&path) else { return "nothing" };
                self.files.insert(format!("plain/deep/app-{other}.yaml"), text);
                "a file moved"
            }
            7 => {
                let namespace = ["", "namespace: media\n", "namePrefix: my-\n"][self.next(3)];
                let text = format!("{namespace}resources: [app-0.yaml, app-{}.yaml, app-99.yaml]\n", app % 4);
                self.files.insert("base/kustomization.yaml".to_owned(), text);
                "a kustomization"
            }
            8 => {
                let team = self.next(2);
                self.set_sources(team);
                "the sources"
            }
            9 => {
                let text = self.files.entry(path).or_default();
                text.insert_str(0, "# a line more\n");
                "lines moved"
            }
            10 => {
                self.files
                    .insert(path, "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec: [\n".to_owned());
                "a broken file"
            }
            _ => {
                let more = flux(&format!("more-{other}"), ["base", "plain", "nowhere"][self.next(3)]);
                self.files.insert("clusters/two/more.yaml".to_owned(), more);
                "a Flux Kustomization"
            }
        }
    }

    fn commit(&self) {
        let mut update = git2::build::TreeUpdateBuilder::new();
        for (path, text) in &self.files {
            update.upsert(path.as_str(), self.raw.blob(text.as_bytes()).unwrap(), git2::FileMode::Blob);
        }
        let empty = self.raw.find_tree(self.raw.treebuilder(None).unwrap().write().unwrap()).unwrap();
        let tree = self.raw.find_tree(update.create_updated(&self.raw, &empty).unwrap()).unwrap();
        let who = git2::Signature::new("acme", "acme@example.com", &git2::Time::new(1_783_670_400, 0)).unwrap();
        let parent = self.raw.head().ok().map(|head| head.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().collect();
        self.raw.commit(Some("refs/heads/main"), &who, &who, "a change\n", &tree, &parents).unwrap();
    }

    async fn look(&self, recollection: &Arc<Recollection>, rules: &Rules, now: Timestamp) -> Arc<Look> {
        self.registry.refresh();
        let wanted = Wanted { base: None, prefix: String::new(), pulls: Vec::new(), forks: Vec::new() };
        let commit = self.git.fetch(wanted).await.unwrap().base_commit;
        let files = if recollection.holds(&commit.to_string(), &self.neighbours) {
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
            rules,
            recollection: recollection.clone(),
            store: None,
            now,
            branch_prefix: "davit/",
            neighbours: self.neighbours.clone(),
            secrets: super::Secrets::No,
            kube: super::Kube::default(),
            fleet: None,
        };
        look(&self.registry, &self.cache, request).await.unwrap()
    }
}

fn flux(name: &str, path: &str) -> String {
    format!(
        "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: \
         flux-system}}\nspec: {{path: ./{path}, sourceRef: {{kind: GitRepository, name: flux-system}}}}\n"
    )
}

/// A Kustomization that builds others; in the second cluster with a patch for what they build.
fn nested(version: &str, patched: bool) -> String {
    let patch = format!(
        "patches: [{{target: {{kind: Kustomization}}, patch: \"[{{op: add, path: /spec/patches, value: [{{target: {{kind: \
         HelmRelease, name: app-54}}, patch: '[{{op: replace, path: /spec/chart/spec/version, value: {version}}}]'}}]}}]\"}}],"
    );
    let text = flux("nested", "nested");
    if patched { text.replace("spec: {path", &format!("spec: {patch} path")) } else { text }
}

/// A Kustomization with variables of its own and of a ConfigMap.
fn child(version: &str) -> String {
    flux("child", "child").replace(
        "spec: {",
        &format!("spec: {{postBuild: {{substitute: {{child: {version}}}, substituteFrom: [{{kind: ConfigMap, name: versions}}]}}, "),
    )
}

/// Even ones take the index's chart, odd ones the OCI repository's.
fn release(name: &str, number: usize, version: &str, replicas: usize) -> String {
    let source = if number.is_multiple_of(2) {
        format!(
            "chart: {{spec: {{chart: web, version: {version}, sourceRef: {{kind: HelmRepository, name: team, namespace: \
             flux-system}}}}}}"
        )
    } else {
        "chartRef: {kind: OCIRepository, name: tool, namespace: flux-system}".to_owned()
    };
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {name}, namespace: apps}}\nspec:\n  \
         {source}\n  values:\n    replicas: {replicas}\n"
    )
}

fn rules(age: Duration) -> Rules {
    let policy = PolicyConfig { minimum_age: age, ..Config::default().settings().policy };
    Rules::from_config(&policy).unwrap()
}

/// Everything a look says, for comparison.
fn said(look: &Look) -> String {
    let text = |candidate: &Option<Candidate>| candidate.as_ref().map(|c| c.text.clone());
    let decisions = look.decisions.iter().map(|(row, d)| (*row, d.reason, text(&d.target), text(&d.within_major)));
    format!("{:#?}\n{:#?}\n{:#?}", look.findings, look.effective, decisions.collect::<Vec<_>>())
}

/// What may be known of a neighbour with a root of the same directory, which defines one of the sources too.
fn views(charts: &str) -> Vec<Neighbours> {
    let member = |number, name: &str| Arc::new(resolve::Member { number, name: Arc::from(name), url: None });
    let view = |state| Neighbours {
        own: Some(member(0, "fleet")),
        others: vec![resolve::Neighbour { member: member(1, "platform"), state }],
    };
    let read = |team: &str| {
        let root = flux("platform", "clusters/one").replace("name: flux-system}", "name: platform}");
        let source = format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: team, namespace: \
             flux-system}}\nspec: {{url: {charts}/{team}}}\n"
        );
        let facts = |text: &str| Arc::new(inventory::read_file("", text.as_bytes()));
        let files = [("clusters/one/root.yaml", facts(&root)), ("clusters/one/team.yaml", facts(&source))];
        let files = files.map(|(path, facts)| (path.to_owned(), facts));
        let theirs = Neighbours {
            own: Some(member(1, "platform")),
            others: vec![resolve::Neighbour { member: member(0, "fleet"), state: resolve::State::Unread }],
        };
        let inventory = inventory::gather(&files, Context::default());
        resolve::State::Read(resolve::resolve_after(&inventory, &theirs, &mut resolve::Memo::default()).published)
    };
    let failed = resolve::State::Failed(Arc::from("no route"));
    vec![view(read("team-0")), view(resolve::State::Unread), view(read("team-1")), view(failed), Neighbours::default()]
}

async fn walk(seed: u64, steps: usize, beside: bool) {
    let mut stage = Stage::new(seed);
    let views = if beside { views(&stage.charts.url()) } else { Vec::new() };
    let mut ambiguous = 0;
    let memory = Arc::new(Recollection::default());
    let (plain, aged) = (rules(Duration::ZERO), rules(Duration::from_secs(1)));
    let mut now = Timestamp::now();
    let (mut kept, mut outdated) = (0, 0);
    let mut last: Option<Arc<Look>> = None;
    let mut told = Vec::new();
    for step in 0..steps {
        stage.commit();
        // The policy comes from the commit, so that it changes with one.
        let rules = if step % 7 == 6 { &aged } else { &plain };
        let with = stage.look(&memory, rules, now).await;
        let without = stage.look(&Arc::default(), rules, now).await;
        assert_eq!(said(&with), said(&without), "seed {seed}, step {step}: {told:?}");
        let mut asked: Vec<_> = with.offers.keys().zip(with.offers.values().map(Result::is_ok)).collect();
        let mut fresh: Vec<_> = without.offers.keys().zip(without.offers.values().map(Result::is_ok)).collect();
        asked.sort();
        fresh.sort();
        assert_eq!(asked, fresh, "seed {seed}, step {step}: {told:?}");
        let again = stage.look(&memory, rules, now).await;
        assert_eq!(said(&again), said(&with), "seed {seed}, step {step}, unchanged: {told:?}");
        outdated += with.findings.count(crate::model::Status::Outdated);
        if let Some(last) = &last {
            let same = |row: &&Arc<Row>| last.findings.rows.iter().any(|known| Arc::ptr_eq(known, row));
            kept += with.findings.rows.iter().filter(same).count();
        }
        if !views.is_empty() {
            // Another view beside the same commit.
            let next = stage.next(views.len());
            stage.neighbours = views[next].clone();
            let (with, without) =
                (stage.look(&memory, rules, now).await, stage.look(&Arc::default(), rules, now).await);
            assert_eq!(said(&with), said(&without), "seed {seed}, step {step}, beside view {next}: {told:?}");
            ambiguous += with.findings.rows.iter().filter(|row| row.reason == Reason::SourceAmbiguous).count();
        }
        last = Some(with);
        told.push(stage.change());
        if step % 10 == 9 {
            stage.charts.add_at("team-0", chart("web", &format!("2.{step}.0")));
            now += SignedDuration::from_mins(25);
            told.push("a version more");
        }
    }
    assert!(outdated > steps, "the walk has something to propose: {outdated}");
    assert!(kept > steps || beside, "memory is used: {kept}");
    assert!(ambiguous > 0 || !beside, "the neighbour has a say");
}

#[tokio::test]
async fn a_look_with_memory_equals_one_without_along_a_walk_of_changes() {
    for seed in [1, 2] {
        walk(seed, 40, false).await;
    }
}

#[tokio::test]
async fn a_look_with_memory_equals_one_without_while_a_neighbour_changes() {
    walk(3, 30, true).await;
}

#[tokio::test]
async fn what_the_shelf_has_no_room_for_is_read_again_and_says_the_same() {
    let mut stage = Stage::new(7);
    let memory = Arc::new(Recollection::default());
    let shelf = recollection::Shelf::default();
    let (rules, now) = (rules(Duration::ZERO), Timestamp::now());
    stage.commit();
    stage.look(&memory, &rules, now).await;
    shelf.used(&memory, 10_000);
    assert!(!memory.listing().tree.files.is_empty());
    stage.change();
    stage.commit();
    stage.look(&memory, &rules, now).await;
    let other = Arc::new(Recollection::default());
    shelf.used(&other, 10_000);
    assert!(memory.listing().tree.files.is_empty(), "the one that read its files longest ago lets go of them");
    stage.files.remove("plain/app-7.yaml");
    stage.commit();
    let (with, without) = (stage.look(&memory, &rules, now).await, stage.look(&Arc::default(), &rules, now).await);
    assert_eq!(said(&with), said(&without));
}
