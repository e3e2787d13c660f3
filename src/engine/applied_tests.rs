use super::*;
use crate::engine::fleet::Fleet;
use crate::inventory::{Context, gather, read_file};
use crate::model::RowKind;
use crate::resolve::{Memo, Resolution, resolve_after};
use std::sync::Arc;

fn git(name: &str, of: &str, path: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: {name}, namespace: flux-system}}\n\
         spec: {{url: 'https://git.example.com/{of}'}}\n---\n\
         apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
         metadata: {{name: {name}, namespace: flux-system}}\n\
         spec: {{path: {path}, sourceRef: {{kind: GitRepository, name: {name}}}}}\n"
    )
}

fn release(name: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {name}, namespace: apps}}\n\
         spec: {{chart: {{spec: {{chart: web, version: 1.0.0, sourceRef: {{kind: HelmRepository, name: charts}}}}}}}}\n"
    )
}

/// Repositories with their files, resolved until none has news.
struct Stage {
    fleet: Fleet,
    members: Vec<(&'static str, Vec<(&'static str, String)>)>,
}

impl Stage {
    fn new(members: Vec<(&'static str, Vec<(&'static str, String)>)>) -> Self {
        let urls =
            members.iter().map(|(name, _)| ((*name).to_owned(), Some(format!("https://git.example.com/{name}"))));
        let stage = Self { fleet: Fleet::new(urls), members };
        for _ in 0..3 {
            for number in 0..stage.members.len() {
                let published = stage.resolve(number).published;
                stage.fleet.read(number, &published);
            }
        }
        stage
    }

    fn resolve(&self, number: usize) -> Resolution {
        let (name, files) = &self.members[number];
        let facts = |text: &str| Arc::new(read_file("", text.as_bytes()));
        let files: Vec<_> = files.iter().map(|(path, text)| ((*path).to_owned(), facts(text))).collect();
        let url = format!("https://git.example.com/{name}");
        let inventory = gather(&files, Context { repository_url: Some(&url) });
        resolve_after(&inventory, &self.fleet.view(number), &mut Memo::default())
    }

    /// The version of Kubernetes for each row of a member, by name: what counts for it, or what it waits for.
    fn judged(&self, number: usize, root: Option<&str>, kube: Kube<'_>) -> Vec<(String, String)> {
        let resolution = self.resolve(number);
        let roots = FleetRoots::of(&self.fleet.view(number), &resolution.published).unwrap();
        let kubernetes = Kube { root, ..kube }.among(&roots);
        let rows = resolution.releases.iter().filter(|release| release.kind == RowKind::HelmRelease);
        let counts = |release: &Arc<Release>| match (kubernetes.for_release(release), kubernetes.awaited_by(release)) {
            (Some(version), _) => version.to_string(),
            (None, Some(awaits)) => format!("{awaits:?}"),
            (None, None) => "not checked".to_owned(),
        };
        rows.map(|release| (release.name.clone(), counts(release))).collect()
    }

    fn applied(&self, number: usize, root: Option<&str>) -> Applied {
        let resolution = self.resolve(number);
        Applied::of(root, &FleetRoots::of(&self.fleet.view(number), &resolution.published).unwrap())
    }
}

fn version(text: &str) -> Version {
    Version::strict(text).unwrap()
}

/// What a cluster of 1.34.2 says beside a configured 1.30.0.
fn seen<'v>(live: &'v Version, configured: Option<&'v Version>) -> Kube<'v> {
    Kube { live: Some(live), configured, root: None, asked: true }
}

fn is(name: &str, counts: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), counts.to_owned())]
}

/// A platform whose one root builds a tenant too.
fn platform_and_tenant() -> Stage {
    Stage::new(vec![
        (
            "platform",
            vec![
                ("clusters/prod/sync.yaml", git("flux-system", "platform", "./clusters/prod")),
                ("clusters/prod/tenants.yaml", git("tenant", "tenant", "./apps")),
                ("clusters/prod/own.yaml", release("own")),
            ],
        ),
        ("tenant", vec![("apps/web.yaml", release("web"))]),
    ])
}

/// Two repositories of these roots, both bootstrapped under one name.
fn two_clusters(one: &'static str, other: &'static str) -> Stage {
    let files = |name: &str, root: &'static str| {
        let (sync, own): (&str, &str) = match root {
            "clusters/prod" => ("clusters/prod/sync.yaml", "clusters/prod/own.yaml"),
            _ => ("clusters/stage/sync.yaml", "clusters/stage/own.yaml"),
        };
        vec![(sync, git("flux-system", name, &format!("./{root}"))), (own, release(name))]
    };
    Stage::new(vec![("eu", files("eu", one)), ("us", files("us", other))])
}

#[test]
fn one_root_names_its_cluster_in_every_repository_of_the_fleet() {
    let stage = platform_and_tenant();
    let live = version("v1.34.2");
    for root in [None, Some("clusters/prod"), Some("platform:clusters/prod")] {
        assert_eq!(stage.judged(0, root, seen(&live, None)), is("own", "v1.34.2"), "{root:?}");
        assert_eq!(stage.judged(1, root, seen(&live, None)), is("web", "v1.34.2"), "{root:?}");
        let calls = |number, called: &str| match stage.applied(number, root) {
            Applied::Roots(roots) => assert!(roots.contains(called) && roots.len() == 1, "{roots:?}"),
            other => panic!("{other:?}"),
        };
        calls(0, "clusters/prod");
        calls(1, "platform:clusters/prod");
    }
}

#[test]
fn a_root_that_no_repository_has_is_said_in_each_and_the_configured_version_goes_on_counting() {
    let stage = platform_and_tenant();
    let (live, configured) = (version("v1.34.2"), version("1.30.0"));
    for root in ["clusters/production", "tenant:clusters/prod"] {
        for number in [0, 1] {
            let Applied::Unknown(problem) = stage.applied(number, Some(root)) else { panic!("{root}") };
            let message = format!("cluster.root {root} is none of the roots that are known here (clusters/prod)");
            assert_eq!((problem.reason, problem.message), (Reason::ClusterAmbiguous, message));
        }
        assert_eq!(stage.judged(1, Some(root), seen(&live, Some(&configured))), is("web", "1.30.0"));
        assert_eq!(stage.judged(1, Some(root), seen(&live, None)), is("web", "Root"));
    }
}

#[test]
fn while_a_repository_was_never_read_a_root_may_be_its() {
    let stage = platform_and_tenant();
    let unread = Fleet::new(["platform", "tenant"].map(|name| (name.to_owned(), None)));
    let stage = Stage { fleet: unread, members: stage.members };
    assert_eq!(stage.applied(0, Some("clusters/other")), Applied::Roots(BTreeSet::new()));
}

#[test]
fn two_clusters_of_one_directory_want_the_repositorys_name() {
    let stage = two_clusters("clusters/prod", "clusters/prod");
    let (live, configured) = (version("v1.34.2"), version("1.30.0"));
    for root in [None, Some("clusters/prod")] {
        for (number, name) in [(0, "eu"), (1, "us")] {
            let Applied::Unknown(problem) = stage.applied(number, root) else { panic!("{root:?}") };
            assert!(problem.message.contains("(eu:clusters/prod, us:clusters/prod)"), "{problem}");
            assert_eq!(stage.judged(number, root, seen(&live, None)), is(name, "Root"));
            assert_eq!(stage.judged(number, root, seen(&live, Some(&configured))), is(name, "1.30.0"));
        }
    }
    let root = Some("eu:clusters/prod");
    assert_eq!(stage.judged(0, root, seen(&live, None)), is("eu", "v1.34.2"));
    assert_eq!(stage.judged(1, root, seen(&live, None)), is("us", "not checked"));
    assert_eq!(stage.applied(1, root), Applied::Roots(["eu:clusters/prod".to_owned()].into()));
}

#[test]
fn without_a_word_two_roots_are_nobodys_and_with_one_each_has_its_own() {
    let stage = two_clusters("clusters/prod", "clusters/stage");
    let live = version("v1.34.2");
    for number in [0, 1] {
        assert!(matches!(stage.applied(number, None), Applied::Unknown(_)));
    }
    assert_eq!(stage.judged(0, Some("clusters/prod"), seen(&live, None)), is("eu", "v1.34.2"));
    assert_eq!(stage.judged(1, Some("clusters/prod"), seen(&live, None)), is("us", "not checked"));
}

/// Of one repository with these roots.
fn alone(root: Option<&str>, kube: Kube<'_>, called: &[&str]) -> Kubernetes {
    Kube { root, ..kube }.among(&FleetRoots::alone("fleet", called.iter().copied()))
}

#[test]
fn access_to_the_cluster_takes_no_check_away() {
    let (live, configured) = (version("v1.34.2"), version("1.30.0"));
    let both = ["clusters/prod", "clusters/stage"];
    let without = alone(None, Kube { configured: Some(&configured), ..Kube::default() }, &both);
    let with = alone(None, seen(&live, Some(&configured)), &both);
    let down = alone(None, Kube { live: None, ..seen(&live, Some(&configured)) }, &both);
    assert_eq!((&without, &with), (&with, &down));
    assert_eq!((with.version.as_ref(), with.awaits), (Some(&configured), None));
    let said = |kubernetes: &Kubernetes| match &kubernetes.applied {
        Applied::Unknown(problem) => problem.message.clone(),
        other => panic!("{other:?}"),
    };
    assert!(said(&with).ends_with("cluster.kubeVersion (1.30.0) counts for all of them"), "{}", said(&with));
    // And without either, what has a kubeVersion waits.
    let unchecked = alone(None, seen(&live, None), &both);
    assert_eq!((unchecked.version.as_ref(), unchecked.awaits), (None, Some(Awaits::Root)));
    assert!(said(&unchecked).ends_with("a chart with a kubeVersion waits"), "{}", said(&unchecked));
    assert_eq!(alone(None, Kube::default(), &both).awaits, None, "without access there is nothing to wait for");
}

#[test]
fn a_cluster_that_never_answered_is_awaited_by_its_own_rows_unless_the_configuration_says_its_version() {
    let (live, configured) = (version("v1.34.2"), version("1.30.0"));
    let silent = Kube { live: None, ..seen(&live, None) };
    let both = ["clusters/prod", "clusters/stage"];
    let rooted = alone(Some("clusters/prod"), silent, &both);
    assert_eq!(rooted.awaits, Some(Awaits::Answer));
    assert_eq!(alone(Some("clusters/prod"), Kube { configured: Some(&configured), ..silent }, &both).awaits, None);
    assert_eq!(alone(None, silent, &both[..1]).awaits, Some(Awaits::Answer));
    assert_eq!(alone(None, silent, &[]).awaits, Some(Awaits::Answer), "of a folder without any root too");
}

#[test]
fn a_folder_whose_name_nobody_knows_may_be_the_repository_that_is_named() {
    let folder = FleetRoots::alone("", ["clusters/prod"].into_iter());
    let named = FleetRoots::alone("stage", ["clusters/prod"].into_iter());
    assert!(matches!(Applied::of(Some("platform:clusters/prod"), &folder), Applied::Roots(_)));
    assert!(matches!(Applied::of(Some("platform:clusters/prod"), &named), Applied::Unknown(_)));
}

#[test]
fn what_the_cluster_has_and_no_repository_is_said_by_the_one_that_holds_the_root() {
    let stage = platform_and_tenant();
    let lacks = |stage: &Stage, number: usize, name: &str| {
        let (own, neighbours) = (stage.resolve(number).published, stage.fleet.view(number));
        let Applied::Roots(roots) = stage.applied(number, Some("clusters/prod")) else { panic!() };
        neighbours.lacks(&own, &roots, "apps", name)
    };
    assert!(lacks(&stage, 0, "by-hand") && !lacks(&stage, 1, "by-hand"));
    assert!(!lacks(&stage, 0, "web"), "the tenant's Git has it");
    stage.fleet.failed(1, "no route to host");
    assert!(!lacks(&stage, 0, "web"), "as it was read last");
    let unread = Stage { fleet: Fleet::new(["platform", "tenant"].map(|name| (name.to_owned(), None))), ..stage };
    assert!(!lacks(&unread, 0, "by-hand"), "what the tenant has is not known yet");
}
