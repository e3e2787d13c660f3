//! Memory has no say: along a long walk of changes, each resolving with what the last one left equals one that
//! remembers nothing.

use super::super::{Member, Memo, Neighbour, Neighbours, State, resolve, resolve_after};
use crate::inventory::{Context, FileFacts, gather, gather_after, read_file};
use crate::model::Release;
use std::collections::BTreeMap;
use std::sync::Arc;

const FLUX: &str = "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n";

fn flux(name: &str, path: &str, more: &str) -> String {
    format!(
        "{FLUX}metadata: {{name: {name}, namespace: flux-system}}\nspec:\n  path: ./{path}\n  sourceRef: {{kind: \
         GitRepository, name: flux-system}}\n{more}"
    )
}

fn release(name: &str, version: &str, repository: &str) -> String {
    format!(
        "---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {name}, namespace: apps}}\nspec:\n  \
         chart: {{spec: {{chart: web, version: \"{version}\", sourceRef: {{kind: HelmRepository, name: {repository}, \
         namespace: flux-system}}}}}}\n"
    )
}

fn by_reference(name: &str, kind: &str, source: &str) -> String {
    format!(
        "---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {name}, namespace: apps}}\nspec: \
         {{chartRef: {{kind: {kind}, name: {source}, namespace: flux-system}}}}\n"
    )
}

fn source(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: flux-system}}\n\
         spec: {{{spec}}}\n"
    )
}

fn chart(name: &str, version: &str, repository: &str) -> String {
    let spec = format!("chart: web, version: \"{version}\", sourceRef: {{kind: HelmRepository, name: {repository}}}");
    source("HelmChart", name, &spec)
}

fn variables(name: &str, data: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: flux-system}}\ndata: {{{data}}}\n")
}

fn patch(version: &str, app: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {app}, namespace: apps}}\nspec: \
         {{chart: {{spec: {{version: {version}}}}}}}\n"
    )
}

/// A chart of the repository with one dependency.
fn depends(version: &str) -> String {
    format!("name: app\ndependencies: [{{name: web, version: {version}, repository: 'https://charts.example.com'}}]\n")
}

/// A ResourceSet that makes a release.
fn set(version: &str, more: &str) -> String {
    format!(
        "apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSet\nmetadata: {{name: set, namespace: flux-system}}\nspec:\n{more}  \
         inputs: [{{name: a, version: {version}}}]\n  resources:\n  - apiVersion: helm.toolkit.fluxcd.io/v2\n    kind: \
         HelmRelease\n    metadata: {{name: set-<< inputs.name >>, namespace: apps}}\n    spec: {{chart: {{spec: {{chart: web, \
         version: << inputs.version >>, sourceRef: {{kind: HelmRepository, name: team, namespace: flux-system}}}}}}}}\n"
    )
}

fn given(kind: &str, version: &str) -> String {
    format!(
        "apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSetInputProvider\nmetadata: {{name: given, namespace: \
         flux-system}}\nspec: {{type: {kind}, defaultValues: {{name: b, version: {version}}}}}\n"
    )
}

fn texts<const N: usize>(variants: [&str; N]) -> Vec<String> {
    variants.into_iter().map(str::to_owned).collect()
}

/// Every file with all that it may say; an empty text stands for no file.
fn files() -> Vec<(&'static str, Vec<String>)> {
    let inline = |version: &str| {
        format!(
            "  patches:\n  - target: {{kind: HelmRelease}}\n    patch: |\n      - {{op: replace, path: \
             /spec/chart/spec/version, value: {version}}}\n"
        )
    };
    let of_children = |version: &str| {
        format!(
            "  patches:\n  - target: {{kind: Kustomization}}\n    patch: |\n      apiVersion: \
             kustomize.toolkit.fluxcd.io/v1\n      kind: Kustomization\n      metadata: {{name: _}}\n      spec:\n        \
             patches:\n        - target: {{kind: HelmRelease, name: kid}}\n          patch: |\n            apiVersion: \
             helm.toolkit.fluxcd.io/v2\n            kind: HelmRelease\n            metadata: {{name: _}}\n            \
             spec: {{chart: {{spec: {{version: {version}}}}}}}\n"
        )
    };
    let post = |more: &str| format!("  postBuild:\n    substitute: {{own: 1.0.0}}\n{more}");
    let from =
        "    substituteFrom: [{kind: ConfigMap, name: versions}, {kind: ConfigMap, name: more, optional: true}]\n";
    let git = |url: &str| source("GitRepository", "flux-system", &format!("url: {url}, ref: {{branch: main}}"));
    vec![
        (
            "clusters/one/base.yaml",
            vec![
                flux("base", "base", ""),
                flux("base", "base", "  targetNamespace: web\n"),
                flux("base", "base", "  suspend: true\n"),
                flux("base", "overlay", ""),
            ],
        ),
        (
            "clusters/one/nested.yaml",
            vec![
                flux("nested", "nested", ""),
                flux("nested", "nested", &of_children("7.0.0")),
                flux("nested", "nested", &of_children("8.0.0")),
                String::new(),
            ],
        ),
        (
            "clusters/one/overlay.yaml",
            vec![
                flux("overlay", "overlay", &inline("5.0.0")),
                flux("overlay", "overlay", &inline("6.0.0")),
                flux("overlay", "overlay", "  namePrefix: my-\n"),
            ],
        ),
        ("clusters/one/sources.yaml", vec![flux("sources", "sources", ""), flux("sources", "${where}", "")]),
        (
            "clusters/one/flux-system.yaml",
            vec![flux("flux-system", "clusters/one", ""), flux("flux-system", "clusters/one", "  prune: true\n")],
        ),
        (
            "clusters/one/git.yaml",
            vec![git("https://github.com/acme/fleet"), git("https://github.com/acme/other"), String::new()],
        ),
        (
            "clusters/two/all.yaml",
            vec![
                flux("sources", "sources", "") + &flux("base", "base", ""),
                flux("base", "base", "") + &flux("nested", "nested", &post("")),
                flux("sources", "sources", ""),
            ],
        ),
        (
            "nested/kustomization.yaml",
            texts([
                "resources: [child.yaml]\n",
                "",
                "resources: [child.yaml]\npatches: [{path: kid.yaml, target: {kind: Kustomization}}]\n",
            ]),
        ),
        (
            "nested/kid.yaml",
            vec![
                format!("{FLUX}metadata: {{name: _}}\nspec: {{targetNamespace: seven}}\n"),
                format!("{FLUX}metadata: {{name: _}}\nspec: {{targetNamespace: eight, path: ./base}}\n"),
            ],
        ),
        (
            "nested/child.yaml",
            vec![
                flux("child", "child", &post(from)),
                flux("child", "child", &post("")),
                flux("child", "child", ""),
                flux("child", "child", "  prune: true\n"),
            ],
        ),
        (
            "child/kid.yaml",
            vec![
                release("kid", "${own}", "team"),
                release("kid", "${shared}", "team"),
                release("kid", "v${more:=2.0.0}", "staff"),
                release("kid", "1.0.0", "team"),
            ],
        ),
        (
            "child/kid-two.yaml",
            vec![release("kid-two", "${shared}", "team"), release("kid-two", "a${shared}", "team"), String::new()],
        ),
        (
            "sources/versions.yaml",
            vec![
                variables("versions", "shared: 1.1.0"),
                variables("versions", "shared: 1.2.0"),
                variables("versions", "shared: 1.1.0, own: 9.0.0"),
                variables("other", "shared: 1.1.0"),
                String::new(),
            ],
        ),
        ("sources/more.yaml", vec![variables("more", "more: 3.0.0"), String::new()]),
        (
            "base/kustomization.yaml",
            texts([
                "resources: [one.yaml, two.yaml, three.yaml]\n",
                "resources: [one.yaml]\n",
                "namespace: deep\nresources: [one.yaml, two.yaml]\n",
                "resources: [one.yaml, gone.yaml]\n",
                "",
            ]),
        ),
        (
            "base/one.yaml",
            vec![
                release("one", "1.0.0", "team"),
                release("one", "1.1.0", "team"),
                release("one", "1.0.0", "staff"),
                "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec: [\n".to_owned(),
                release("first", "1.0.0", "team"),
            ],
        ),
        (
            "base/two.yaml",
            vec![
                by_reference("two", "OCIRepository", "tool"),
                by_reference("two", "HelmChart", "web"),
                release("two", "1.x", "nobody"),
                by_reference("two", "OCIRepository", "other"),
            ],
        ),
        (
            "base/three.yaml",
            vec![
                release("three", "2.0.0", "team"),
                release("one", "2.0.0", "team"),
                release("three", "2.0.0", "team").trim_end().to_owned() + " # {\"$imagepolicy\": \"a:b\"}\n",
            ],
        ),
        (
            "overlay/kustomization.yaml",
            texts([
                "resources: [../base]\nnameSuffix: -over\npatches: [{path: patch.yaml}]\n",
                "resources: [../base, extra.yaml]\npatches: [{path: patch.yaml}]\n",
                "resources: [../base]\n",
                "resources: [../base]\nconfigurations: [config.yaml]\ncomponents: [../component]\n",
            ]),
        ),
        (
            "overlay/patch.yaml",
            vec![patch("3.0.0", "one"), patch("3.1.0", "one"), patch("3.0.0", "three"), patch("3.0.0", "none")],
        ),
        ("overlay/extra.yaml", vec![release("extra", "1.0.0", "team"), chart("own", "4.0.0", "team")]),
        (
            "overlay/config.yaml",
            texts([
                "varReference: [{kind: HelmRelease, path: spec/chart/spec/version}]\n",
                "namePrefix: [{kind: HelmRelease, path: spec/chart/spec/chart}]\n",
            ]),
        ),
        (
            "component/kustomization.yaml",
            texts([
                "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nnamePrefix: c-\n",
                "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nnamespace: c\n",
                "",
            ]),
        ),
        (
            "sources/team.yaml",
            vec![
                source("HelmRepository", "team", "url: https://charts.example.com/a"),
                source("HelmRepository", "team", "url: https://charts.example.com/b"),
                source("HelmRepository", "team", "url: https://charts.example.com/a, suspend: true"),
                source("HelmRepository", "staff", "url: https://charts.example.com/a"),
            ],
        ),
        (
            "sources/oci.yaml",
            vec![
                source("OCIRepository", "tool", "url: oci://ghcr.io/acme/tool, ref: {tag: 1.0.0}"),
                source("OCIRepository", "tool", "url: oci://ghcr.io/acme/tool, ref: {tag: 1.1.0}"),
                source(
                    "OCIRepository",
                    "other",
                    "url: oci://ghcr.io/acme/tool, ref: {tag: 1.0.0}, layerSelector: {mediaType: \
                application/vnd.cncf.helm.chart.content.v1.tar+gzip}",
                ),
            ],
        ),
        ("sources/chart.yaml", vec![chart("web", "1.0.0", "team"), chart("web", "1.1.0", "staff"), String::new()]),
        (
            "idle/kustomization.yaml",
            texts(["resources: [app.yaml]\n", "resources: [app.yaml]\nnamePrefix: idle-\n", ""]),
        ),
        ("idle/app.yaml", vec![release("idle", "1.0.0", "team"), release("idle", "1.1.0", "team")]),
        ("charts/app/Chart.yaml", vec![depends("1.0.0"), depends("^1"), String::new()]),
        ("charts/app/Chart.lock", vec![String::new(), "dependencies: [{name: web, version: 1.2.0}]\n".to_owned()]),
        (
            "child/packaged.yaml",
            texts([
                "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: own, namespace: apps}\nspec: \
                 {chart: {spec: {chart: ./charts/app, sourceRef: {kind: GitRepository, name: flux-system, namespace: \
                 flux-system}}}}\n",
                "",
            ]),
        ),
        ("child/set.yaml", vec![set("2.0.0", ""), set("2.1.0", ""), set("2.0.0", "  inputsFrom: [{name: given}]\n")]),
        ("sources/given.yaml", vec![given("Static", "3.0.0"), given("Static", "3.1.0"), given("GitHubTag", "3.0.0")]),
        (
            "inflated/kustomization.yaml",
            texts([
                "helmCharts: [{name: web, repo: 'https://charts.example.com', version: 1.0.0}]\n",
                "helmCharts: [{name: web, repo: 'https://charts.example.com', version: 1.1.0}]\n",
            ]),
        ),
        ("clusters/one/inflated.yaml", vec![String::new(), flux("inflated", "inflated", "")]),
        (
            "sources/kustomization.yaml",
            texts([
                "",
                "resources: [team.yaml, oci.yaml]\nconfigMapGenerator: [{name: versions, namespace: flux-system, envs: \
                 [all.env], options: {disableNameSuffixHash: true}}]\n",
            ]),
        ),
        // What Flux does not see; mostly it sees all.
        (".sourceignore", texts(["", "", "/child/app.yaml\n", "/loose\n/inflated\n"])),
        (
            "clusters/one/git.yaml",
            vec![
                String::new(),
                source("GitRepository", "flux-system", "url: https://github.com/acme/fleet"),
                source("GitRepository", "flux-system", "url: https://github.com/acme/fleet, ignore: /sources/oci.yaml"),
            ],
        ),
        ("sources/all.env", texts(["shared=4.0.0\n", "# new\nshared=4.1.0\nother=x\n"])),
        ("loose/app.yaml", vec![release("loose", "1.0.0", "team"), release("loose", "1.1.0", "staff"), String::new()]),
    ]
}

struct Walk {
    state: u64,
    files: Vec<(&'static str, Vec<String>)>,
    /// What each file says now.
    tree: BTreeMap<&'static str, Arc<FileFacts>>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut walk = Self { state: seed, files: files(), tree: BTreeMap::new() };
        for file in 0..walk.files.len() {
            walk.say(file, 0, 0);
        }
        walk
    }

    fn next(&mut self, below: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.state >> 33).unwrap() % below
    }

    fn say(&mut self, file: usize, variant: usize, lines: usize) -> String {
        let (path, variants) = &self.files[file];
        let text = &variants[variant];
        if text.is_empty() {
            self.tree.remove(path);
        } else {
            let text = "# a line more\n".repeat(lines) + text;
            self.tree.insert(path, Arc::new(read_file(path, text.as_bytes())));
        }
        format!("{path} {variant} {lines}")
    }

    fn change(&mut self) -> String {
        let file = self.next(self.files.len());
        let variant = self.next(self.files[file].1.len());
        let lines = if self.next(6) == 0 { self.next(3) } else { 0 };
        self.say(file, variant, lines)
    }
}

const URL: &str = "https://github.com/acme/fleet";

/// What may be known of a neighbour that builds parts of the tree, and holds sources and variables for it.
fn states() -> Vec<State> {
    let member = |number, name: &str, url: &str| Arc::new(Member { number, name: name.into(), url: Some(url.into()) });
    let (own, other) = (member(1, "platform", "https://github.com/acme/platform"), member(0, "fleet", URL));
    let neighbours = Neighbours { own: Some(own), others: vec![Neighbour { member: other, state: State::Unread }] };
    let link = |name: &str, path: &str, more: &str| {
        flux(name, path, more)
            .replace("name: flux-system}\n  ", "name: fleet}\n  ")
            .replace("GitRepository, name: flux-system", "GitRepository, name: fleet")
    };
    let post = "  postBuild:\n    substituteFrom: [{kind: ConfigMap, name: versions}]\n";
    let git = source("GitRepository", "fleet", &format!("url: {URL}"));
    let staff = |url: &str| source("HelmRepository", "staff", &format!("url: https://charts.example.com/{url}"));
    let tool = source("OCIRepository", "other", "url: oci://ghcr.io/acme/other, ref: {tag: 4.0.0}");
    let trees = [
        vec![("one/fleet.yaml", git.clone() + &link("loose", "loose", ""))],
        vec![
            ("one/fleet.yaml", git.clone() + &link("loose", "loose", "  namePrefix: my-\n")),
            ("infra/staff.yaml", staff("a")),
        ],
        vec![("one/fleet.yaml", git.clone() + &link("child", "child", post)), ("infra/staff.yaml", staff("b") + &tool)],
        vec![
            ("one/renamed.yaml", git + &link("child", "child", post)),
            ("infra/versions.yaml", variables("versions", "own: 5.5.5, shared: 4.4.4")),
        ],
    ];
    let root = flux("platform", "one", "") + &flux("infra", "infra", "");
    let read = trees.into_iter().map(|tree| {
        let tree = tree.into_iter().chain([("one/root.yaml", root.clone())]);
        let files: Vec<_> =
            tree.map(|(path, text)| (path.to_owned(), Arc::new(read_file(path, text.as_bytes())))).collect();
        let context = Context { repository_url: Some("https://github.com/acme/platform") };
        State::Read(resolve_after(&gather(&files, context), &neighbours, &mut Memo::default()).published)
    });
    [State::Unread, State::Failed("no route".into())].into_iter().chain(read).collect()
}

#[test]
fn a_resolving_with_memory_equals_one_without_while_neighbours_change() {
    let states = states();
    let member = |number, name: &str, url: &str| Arc::new(Member { number, name: name.into(), url: Some(url.into()) });
    let (own, other) = (member(0, "fleet", URL), member(1, "platform", "https://github.com/acme/platform"));
    let view = |state: &State| Neighbours {
        own: Some(own.clone()),
        others: vec![Neighbour { member: other.clone(), state: state.clone() }],
    };
    let (mut walk, mut memo) = (Walk::new(3), Memo::default());
    let (mut now, mut last) = (view(&states[0]), Vec::new());
    let (mut kept, mut built_there) = (0, 0);
    for step in 0..250 {
        let files: Vec<_> = walk.tree.iter().map(|(path, facts)| ((*path).to_owned(), facts.clone())).collect();
        let (files, context) = (Arc::new(files), Context { repository_url: Some(URL) });
        let fresh = resolve_after(&gather(&files, context), &now, &mut Memo::default());
        let inventory = gather_after(memo.inventory(), &files, context);
        let recalled = resolve_after(&inventory, &now, &mut memo);
        assert_eq!(recalled.releases, fresh.releases, "step {step}");
        assert_eq!(recalled.problems, fresh.problems, "step {step}");
        assert_eq!(recalled.published, fresh.published, "step {step}");
        assert_eq!(recalled.doubtful, fresh.doubtful, "step {step}");
        kept += recalled.releases.iter().filter(|row| last.iter().any(|known| Arc::ptr_eq(known, row))).count();
        let there = |row: &&Arc<Release>| row.cluster.as_ref().is_some_and(|cluster| cluster.starts_with("platform:"));
        built_there += recalled.releases.iter().filter(there).count();
        last = recalled.releases;
        walk.change();
        if walk.next(5) == 0 {
            let next = walk.next(states.len());
            now = view(&states[next]);
        }
    }
    assert!(kept > 250, "memory is used: {kept}");
    assert!(built_there > 50, "the neighbour has a say: {built_there}");
}

fn walk(seed: u64, steps: usize, url: Option<&str>) {
    let (mut walk, mut memo) = (Walk::new(seed), Memo::default());
    let context = Context { repository_url: url };
    let mut last = Vec::new();
    let (mut kept, mut proposable) = (0, 0);
    let mut told = Vec::new();
    for step in 0..steps {
        let files: Vec<_> = walk.tree.iter().map(|(path, facts)| ((*path).to_owned(), facts.clone())).collect();
        let files = Arc::new(files);
        let fresh = resolve(&gather(&files, context));
        let inventory = gather_after(memo.inventory(), &files, context);
        let recalled = resolve_after(&inventory, &Neighbours::default(), &mut memo);
        let latest = told.last();
        assert_eq!(recalled.releases, fresh.releases, "seed {seed}, step {step}: {latest:?}");
        assert_eq!(recalled.problems, fresh.problems, "seed {seed}, step {step}: {latest:?}");
        kept += recalled.releases.iter().filter(|row| last.iter().any(|known| Arc::ptr_eq(known, row))).count();
        proposable += recalled.releases.iter().filter(|row| row.problem.is_none()).count();
        last = recalled.releases;
        for _ in 0..=walk.next(2) {
            told.push(walk.change());
        }
    }
    assert!(proposable > steps, "there is something to propose: {proposable}");
    assert!(kept > 2 * steps, "memory is used: {kept}");
}

#[test]
fn a_resolving_with_memory_equals_one_without_along_a_walk_of_changes() {
    walk(1, 250, None);
    walk(2, 250, Some("https://github.com/acme/fleet"));
}

#[test]
fn a_comment_beside_a_version_counts_though_no_value_changed() {
    let substitution = "  postBuild:\n    substituteFrom: [{kind: ConfigMap, name: versions}]\n";
    let tree = [
        ("child/app.yaml", release("variable", "${shared}", "team")),
        ("clusters/one/all.yaml", flux("sources", "sources", "") + &flux("child", "child", substitution)),
        ("own/app.yaml", release("own", "1.0.0", "team")),
        ("sources/team.yaml", source("HelmRepository", "team", "url: https://charts.example.com/a")),
        ("sources/versions.yaml", variables("versions", "shared: 1.1.0")),
    ];
    let mut memo = Memo::default();
    let mut rows = |commented: &str| {
        let text = |path: &str, text: &str| {
            let comment = if path == commented { " # {\"$imagepolicy\": \"a:b\"}\n" } else { "\n" };
            text.trim_end().to_owned() + comment
        };
        let facts = |path: &str, said: &str| Arc::new(read_file(path, text(path, said).as_bytes()));
        let files = tree.iter().map(|(path, said)| ((*path).to_owned(), facts(path, said))).collect();
        let (files, context) = (Arc::new(files), Context::default());
        let inventory = gather_after(memo.inventory(), &files, context);
        let recalled = resolve_after(&inventory, &Neighbours::default(), &mut memo).releases;
        assert_eq!(recalled, resolve(&gather(&files, context)).releases, "{commented}");
        let owned = |row: &Arc<Release>| row.chain.len() + usize::from(row.problem.is_some());
        recalled.iter().map(owned).collect::<Vec<_>>()
    };
    let plain = rows("");
    let variable = rows("sources/versions.yaml");
    assert_ne!(plain, variable);
    assert_eq!(rows(""), plain);
    rows("own/app.yaml");
}
