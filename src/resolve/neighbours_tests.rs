//! Small fleets: each member's tree, all resolved against each other until nobody shows anything new.

use super::*;
use crate::inventory::{Context, gather};
use crate::model::{Note, Reason, Release, RowKind};
use crate::resolve::resolve_tests::tree;
use crate::resolve::{Memo, Resolution, resolve_after};

/// Most rounds that a fleet of a test may take.
const ROUNDS: usize = 8;

/// A fleet: name and tree of each member, which lies at `https://git.example.com/NAME`.
pub(in crate::resolve) struct Fleet {
    members: Vec<(Arc<Member>, String)>,
    pub(in crate::resolve) states: Vec<State>,
    pub(in crate::resolve) last: Vec<Resolution>,
}

impl Fleet {
    pub(in crate::resolve) fn new(members: &[(&str, &str)]) -> Self {
        let member = |(number, (name, text)): (usize, &(&str, &str))| {
            let url = Some(format!("https://git.example.com/{name}"));
            let number = u32::try_from(number).unwrap();
            (Arc::new(Member { number, name: Arc::from(*name), url }), (*text).to_owned())
        };
        let members: Vec<_> = members.iter().enumerate().map(member).collect();
        let states = members.iter().map(|_| State::Unread).collect();
        Self { last: members.iter().map(|_| Resolution::default()).collect(), members, states }
    }

    pub(in crate::resolve) fn view(&self, number: usize) -> Neighbours {
        let others = self.members.iter().zip(&self.states).enumerate().filter(|(other, _)| *other != number);
        let others = others.map(|(_, ((member, _), state))| Neighbour { member: member.clone(), state: state.clone() });
        Neighbours { own: Some(self.members[number].0.clone()), others: others.collect() }
    }

    /// One member's look; whether it shows something new.
    pub(in crate::resolve) fn look(&mut self, number: usize) -> bool {
        let (member, text) = &self.members[number];
        let inventory = gather(&tree(text), Context { repository_url: member.url.as_deref() });
        let found = resolve_after(&inventory, &self.view(number), &mut Memo::default());
        let new = self.states[number].published().is_none_or(|before| **before != *found.published);
        if new {
            self.states[number] = State::Read(found.published.clone());
        }
        self.last[number] = found;
        new
    }

    /// Another tree for a member; its next look reads it.
    pub(in crate::resolve) fn change(&mut self, number: usize, text: &str) {
        text.clone_into(&mut self.members[number].1);
    }

    /// Looks until nothing is new.
    pub(in crate::resolve) fn settled(mut self) -> Self {
        for _ in 0..ROUNDS {
            let new: Vec<bool> = (0..self.members.len()).map(|number| self.look(number)).collect();
            if !new.contains(&true) {
                return self;
            }
        }
        panic!("the fleet never comes to rest");
    }

    pub(in crate::resolve) fn rows(&self, number: usize) -> &[Arc<Release>] {
        &self.last[number].releases
    }

    pub(in crate::resolve) fn only(&self, number: usize) -> &Release {
        assert_eq!(self.rows(number).len(), 1, "{:#?}", self.rows(number));
        &self.rows(number)[0]
    }
}

pub(in crate::resolve) fn reason(release: &Release) -> Option<Reason> {
    release.problem.as_ref().map(|problem| problem.reason)
}

pub(in crate::resolve) fn message(release: &Release) -> &str {
    release.problem.as_ref().map_or("", |problem| &problem.message)
}

/// A root that builds what a bootstrap leaves, and `./infra`.
pub(in crate::resolve) fn root(name: &str, cluster: &str) -> String {
    format!(
        "=== clusters/{cluster}/flux-system/gotk-sync.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: flux-system, namespace: flux-system}}
spec: {{url: \"https://git.example.com/{name}.git\"}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: flux-system, namespace: flux-system}}
spec:
  path: ./clusters/{cluster}
  sourceRef: {{kind: GitRepository, name: flux-system}}
=== clusters/{cluster}/infra.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: infra, namespace: flux-system}}
spec:
  path: ./infra
  sourceRef: {{kind: GitRepository, name: flux-system}}
"
    )
}

/// The tenant's repository and the Kustomization that builds its `./apps`.
pub(in crate::resolve) fn tenant(cluster: &str, name: &str, more: &str) -> String {
    format!(
        "=== clusters/{cluster}/{name}.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: {name}, namespace: flux-system}}
spec: {{url: \"ssh://git@git.example.com/{name}.git\"}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: flux-system}}
spec:
  path: ./apps
  sourceRef: {{kind: GitRepository, name: {name}}}
{more}"
    )
}

pub(in crate::resolve) fn repository(name: &str, url: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {{name: {name}, namespace: flux-system}}
spec: {{url: \"{url}\"}}
"
    )
}

pub(in crate::resolve) const RELEASE: &str = "=== apps/web.yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: web
spec:
  chart:
    spec:
      chart: web
      version: 1.0.0
      sourceRef: {kind: HelmRepository, name: charts, namespace: flux-system}
";

pub(in crate::resolve) const BY_REF: &str = "=== apps/web.yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: shop}
spec:
  chartRef: {kind: OCIRepository, name: web, namespace: flux-system}
";

pub(in crate::resolve) const OCI: &str = "=== infra/web.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: web, namespace: flux-system}
spec:
  url: oci://ghcr.io/acme/web
  ref: {tag: 1.0.0}
";

pub(in crate::resolve) fn platform(more: &str) -> String {
    root("platform", "home")
        + &tenant("home", "shop", more)
        + "=== infra/charts.yaml\n"
        + &repository("charts", "https://charts.example.com")
}

#[test]
fn flux_rule_24_a_kustomization_of_another_repository_builds_this_one() {
    let fleet = Fleet::new(&[("platform", &platform("  targetNamespace: shop\n")), ("shop", RELEASE)]).settled();
    let row = fleet.only(1);
    assert_eq!((row.namespace.as_str(), row.name.as_str(), reason(row)), ("shop", "web", None), "{row:#?}");
    assert_eq!(row.cluster.as_deref(), Some("platform:clusters/home"));
    assert_eq!(row.kustomization.as_ref().unwrap().to_string(), "flux-system/shop");
    assert_eq!(row.lookup.as_ref().unwrap().canonical(), "https://charts.example.com#web");
    assert_eq!(row.site.as_ref().map(|site| (site.file.as_ref(), site.line)), Some(("apps/web.yaml", 9)));
    assert!(row.chain.iter().any(|step| &*step.file == "platform:clusters/home/shop.yaml"), "{:#?}", row.chain);
    assert!(row.notes.is_empty(), "{:?}", row.notes);
    // The platform says no word of what is out of its reach: it is not.
    assert!(fleet.last[0].problems.is_empty(), "{:#?}", fleet.last[0].problems);
}

#[test]
fn flux_rule_24_what_no_kustomization_of_the_fleet_builds_is_not_built() {
    let more = RELEASE.replace("apps/web.yaml", "old/web.yaml").replace("name: web", "name: old");
    let fleet = Fleet::new(&[("platform", &platform("")), ("shop", &(RELEASE.to_owned() + &more))]).settled();
    let reasons: Vec<_> = fleet.rows(1).iter().map(|row| (row.name.as_str(), reason(row))).collect();
    assert_eq!(reasons, [("old", Some(Reason::NotBuilt)), ("web", None)]);
}

#[test]
fn flux_rule_24_a_kustomization_nested_in_the_tenants_tree_follows_the_platforms_source() {
    let nested = "=== apps/more.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: more, namespace: flux-system}
spec:
  path: ./more
  targetNamespace: more
  sourceRef: {kind: GitRepository, name: shop}
"
    .to_owned()
        + &RELEASE.replace("apps/web.yaml", "more/web.yaml").replace("name: web", "name: deep");
    let fleet = Fleet::new(&[("platform", &platform("")), ("shop", &nested)]).settled();
    let row = fleet.only(1);
    assert_eq!((row.namespace.as_str(), row.cluster.as_deref()), ("more", Some("platform:clusters/home")));
    assert_eq!((reason(row), row.notes.as_slice()), (None, &[] as &[Note]), "{row:#?}");
}

#[test]
fn flux_rule_01_a_version_in_the_platforms_source_is_raised_there_for_the_tenants_releases() {
    let platform = root("platform", "home") + &tenant("home", "shop", "") + OCI;
    let fleet = Fleet::new(&[("platform", &platform), ("shop", BY_REF)]).settled();
    let row = fleet.only(1);
    assert_eq!(reason(row), Some(Reason::InAnotherRepository));
    assert_eq!(message(row), "the version is set at platform:infra/web.yaml:6, in the repository platform");
    assert_eq!((row.site.as_ref(), row.current.as_deref()), (None, Some("1.0.0")));
    // It names no layer, and is a chart's source because a release of another repository says so (rule 9).
    let source = fleet.only(0);
    assert_eq!((source.kind, reason(source)), (RowKind::OciRepository, None));
    assert_eq!(source.site.as_ref().map(|site| (site.file.as_ref(), site.line)), Some(("infra/web.yaml", 6)));
    let used = Note::Other("its source is used in other repositories too, by shop/web (shop:apps/web.yaml:2)".into());
    assert!(source.notes.contains(&used), "{:?}", source.notes);
}

#[test]
fn flux_rule_11_a_patch_in_the_platforms_kustomization_is_the_last_writer() {
    let patch = "  targetNamespace: shop
  patches:
    - target: {kind: HelmRelease}
      patch: |
        - {op: replace, path: /spec/chart/spec/version, value: 1.1.0}
";
    let fleet = Fleet::new(&[("platform", &platform(patch)), ("shop", RELEASE)]).settled();
    let row = fleet.only(1);
    assert_eq!((reason(row), row.current.as_deref()), (Some(Reason::InAnotherRepository), Some("1.1.0")), "{row:#?}");
    assert_eq!(message(row), "the version is set at platform:clusters/home/shop.yaml:16, in the repository platform");
}

#[test]
fn flux_rule_12_variables_of_the_platform_reach_the_tenant() {
    let versions = "=== infra/versions.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: versions, namespace: flux-system}
data: {web: 1.2.0}
";
    let post = "  targetNamespace: shop
  postBuild:
    substitute: {host: charts.example.com}
    substituteFrom: [{kind: ConfigMap, name: versions}]
";
    let release = RELEASE.replace("1.0.0", "${web}");
    let fleet = Fleet::new(&[("platform", &(platform(post) + versions)), ("shop", &release)]).settled();
    let row = fleet.only(1);
    assert_eq!((reason(row), row.current.as_deref()), (Some(Reason::InAnotherRepository), Some("1.2.0")), "{row:#?}");
    assert!(message(row).contains("platform:infra/versions.yaml:4"), "{}", message(row));
    // The tenant's own default stays the tenant's.
    let release = RELEASE.replace("1.0.0", "${other:=1.3.0}");
    let fleet = Fleet::new(&[("platform", &(platform(post) + versions)), ("shop", &release)]).settled();
    let row = fleet.only(1);
    assert_eq!((reason(row), row.current.as_deref()), (None, Some("1.3.0")), "{row:#?}");
}

#[test]
fn flux_rule_12_a_config_map_of_a_third_repository_reaches_both() {
    let post = "  postBuild:\n    substituteFrom: [{kind: ConfigMap, name: versions}]\n";
    let versions = "=== apps/versions.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: versions, namespace: flux-system}
data: {web: 1.2.0}
";
    let platform = platform(post) + &tenant("home", "third", "");
    let release = RELEASE.replace("1.0.0", "${web}");
    let fleet = Fleet::new(&[("platform", &platform), ("shop", &release), ("third", versions)]).settled();
    let row = fleet.only(1);
    assert_eq!((reason(row), row.current.as_deref()), (Some(Reason::InAnotherRepository), Some("1.2.0")), "{row:#?}");
    assert!(message(row).contains("third:apps/versions.yaml:4"), "{}", message(row));
}

#[test]
fn two_repositories_that_define_one_source_differently_are_ambiguous_and_both_are_named() {
    let own = RELEASE.to_owned() + "=== apps/charts.yaml\n" + &repository("charts", "https://other.example.com");
    let fleet = Fleet::new(&[("platform", &platform("")), ("shop", &own)]).settled();
    let row = fleet.only(1);
    assert_eq!(reason(row), Some(Reason::SourceAmbiguous), "{row:#?}");
    for place in ["apps/charts.yaml:2", "platform:infra/charts.yaml:2", "is of shop"] {
        assert!(message(row).contains(place), "{}", message(row));
    }
    // The same twice is one.
    let own = RELEASE.to_owned() + "=== apps/charts.yaml\n" + &repository("charts", "https://charts.example.com");
    let fleet = Fleet::new(&[("platform", &platform("")), ("shop", &own)]).settled();
    assert_eq!(reason(fleet.only(1)), None, "{:#?}", fleet.only(1));
}

#[test]
fn repositories_that_bootstrap_a_cluster_each_are_apart_though_their_directories_are_called_alike() {
    let one = root("one", "home") + "=== infra/charts.yaml\n" + &repository("charts", "https://one.example.com");
    let release = RELEASE.replace("apps/", "infra/");
    let two =
        root("two", "home") + "=== infra/charts.yaml\n" + &repository("charts", "https://two.example.com") + &release;
    let fleet = Fleet::new(&[("one", &one), ("two", &two)]).settled();
    let row = fleet.only(1);
    assert_eq!(row.lookup.as_ref().unwrap().canonical(), "https://two.example.com#web");
    assert_eq!((reason(row), row.cluster.as_deref()), (None, Some("clusters/home")));
    // And neither hangs on the other: what one shows may change as it likes.
    let published = fleet.last[1].published.clone();
    assert!(fleet.view(1).taken_by(&published).rows.shares.of.is_empty());
    let three = root("three", "home") + &release;
    let fleet = Fleet::new(&[("one", &one), ("three", &three)]).settled();
    assert_eq!(reason(fleet.only(1)), Some(Reason::SourceMissing));
}

#[test]
fn two_roots_of_one_directory_that_call_themselves_differently_share_the_cluster() {
    let one = root("one", "home") + "=== infra/charts.yaml\n" + &repository("charts", "https://one.example.com");
    let two = root("two", "home").replace("name: flux-system", "name: teams") + &RELEASE.replace("apps/", "infra/");
    let fleet = Fleet::new(&[("one", &one), ("two", &two)]).settled();
    let row = fleet.only(1);
    assert_eq!((reason(row), row.notes.as_slice()), (None, &[] as &[Note]), "{row:#?}");
    assert_eq!(row.lookup.as_ref().unwrap().canonical(), "https://one.example.com#web");
}

#[test]
fn where_a_side_has_no_root_what_is_missing_is_taken_from_the_other_and_said() {
    let one = root("one", "home") + "=== infra/charts.yaml\n" + &repository("charts", "https://one.example.com");
    let fleet = Fleet::new(&[("one", &one), ("shop", RELEASE)]).settled();
    let row = fleet.only(1);
    assert_eq!(reason(row), None, "{row:#?}");
    assert!(matches!(row.notes.as_slice(), [Note::AssumedSource(text)] if text.contains("one:infra/charts.yaml")));
    // Several different ones are a reason, never a choice.
    let two = one.replace("one", "two");
    let fleet = Fleet::new(&[("one", &one), ("shop", RELEASE), ("two", &two)]).settled();
    assert_eq!(reason(fleet.only(1)), Some(Reason::SourceAmbiguous));
    // What the repository has itself is not asked of others that may be of another cluster.
    let own = RELEASE.to_owned() + "=== apps/charts.yaml\n" + &repository("charts", "https://own.example.com");
    let fleet = Fleet::new(&[("one", &one), ("shop", &own)]).settled();
    assert_eq!(fleet.only(1).lookup.as_ref().unwrap().canonical(), "https://own.example.com#web");
}

#[test]
fn one_tenant_in_two_clusters_has_a_row_in_each() {
    let one = root("one", "home")
        + &tenant("home", "shop", "  targetNamespace: shop\n")
        + "=== infra/charts.yaml\n"
        + &repository("charts", "https://one.example.com");
    let two = one.replace("one", "two");
    let fleet = Fleet::new(&[("one", &one), ("two", &two), ("shop", RELEASE)]).settled();
    let rows: Vec<_> = fleet
        .rows(2)
        .iter()
        .map(|row| (row.cluster.as_deref().unwrap().to_owned(), row.lookup.as_ref().unwrap().canonical()))
        .collect();
    let row = |name: &str| (format!("{name}:clusters/home"), format!("https://{name}.example.com#web"));
    assert_eq!(rows, [row("one"), row("two")]);
}

#[test]
fn a_repository_that_was_never_read_is_unknown_and_not_empty() {
    let mut fleet = Fleet::new(&[("platform", &platform("")), ("shop", RELEASE)]);
    fleet.look(1);
    assert_eq!(reason(fleet.only(1)), Some(Reason::RepositoryUnread), "{:#?}", fleet.only(1));
    assert!(message(fleet.only(1)).contains("platform, which may build its file, is still to be read"));
    assert!(fleet.last[1].published.waits && fleet.last[1].doubtful.contains("apps/web.yaml"));
    // Its failure is known: what it may hold is unknown, the rest goes on.
    fleet.states[0] = State::Failed(Arc::from("no route to host"));
    fleet.look(1);
    assert_eq!(reason(fleet.only(1)), Some(Reason::RepositoryUnread));
    assert!(message(fleet.only(1)).ends_with("the repository platform could not be read: no route to host"));
    let own = RELEASE.to_owned() + "=== apps/charts.yaml\n" + &repository("charts", "https://own.example.com");
    let mut fleet = Fleet::new(&[("platform", &platform("")), ("shop", &own)]);
    fleet.states[0] = State::Failed(Arc::from("no route to host"));
    fleet.look(1);
    assert_eq!(reason(fleet.only(1)), None, "{:#?}", fleet.only(1));
    assert!(fleet.last[1].published.is_loose(), "its pass says who may have a say");
    // What a root builds goes on.
    let rooted = root("shop", "home") + &own.replace("apps/", "clusters/home/");
    let mut fleet = Fleet::new(&[("platform", &platform("")), ("shop", &rooted)]);
    fleet.states[0] = State::Failed(Arc::from("no route to host"));
    fleet.look(1);
    assert_eq!(reason(fleet.only(1)), None, "{:#?}", fleet.only(1));
    assert!(!fleet.last[1].published.is_loose());
    // Nor is anybody else's source of that name taken meanwhile.
    let other = "=== charts.yaml\n".to_owned() + &repository("charts", "https://other.example.com");
    let mut fleet = Fleet::new(&[("platform", &platform("")), ("shop", RELEASE), ("other", &other)]);
    fleet.states[0] = State::Failed(Arc::from("no route to host"));
    fleet.look(2);
    fleet.look(1);
    assert_eq!(reason(fleet.only(1)), Some(Reason::RepositoryUnread), "{:#?}", fleet.only(1));
    // A source of the platform that only the tenant uses is not gone while the tenant is unread.
    let platform = root("platform", "home") + &tenant("home", "shop", "") + OCI;
    let mut fleet = Fleet::new(&[("platform", &platform), ("shop", BY_REF)]);
    fleet.look(0);
    assert!(fleet.rows(0).is_empty() && fleet.last[0].doubtful.contains("infra/web.yaml"));
}

#[test]
fn a_failed_try_keeps_what_was_read_last() {
    let mut fleet = Fleet::new(&[("platform", &platform("  targetNamespace: shop\n")), ("shop", RELEASE)]).settled();
    let before = fleet.last[1].releases.clone();
    let published = fleet.states[0].published().unwrap().clone();
    fleet.states[0] = State::Stale(published, Arc::from("no route to host"));
    fleet.look(1);
    assert_eq!(fleet.last[1].releases, before);
    assert!(fleet.last[1].doubtful.is_empty());
}

#[test]
fn little_is_published_where_nobody_asks() {
    let mut many = root("one", "home");
    for number in 0..50 {
        let name = format!("app-{number}");
        many += &RELEASE
            .replace("apps/web", &format!("infra/{name}"))
            .replace("name: web", &format!("name: {name}"))
            .replace("charts,", &format!("{name},"));
        many += "---\n";
        many += &repository(&name, "https://one.example.com");
    }
    let fleet = Fleet::new(&[("one", &many), ("two", &root("two", "home"))]).settled();
    assert_eq!(fleet.rows(0).iter().filter(|row| row.problem.is_none()).count(), 50);
    let published = &fleet.last[0].published;
    // The bootstrap's GitRepository; of the rest a hash each.
    assert_eq!((published.sources.len(), published.data.len(), published.files.len()), (1, 0, 1));
    assert_eq!((published.defined.len(), published.uses.len()), (51, 0));
}

#[test]
fn a_repository_names_its_own_files_whatever_older_names_others_hold() {
    use crate::inventory::{Foreign, foreign_number};
    let file = |name: &str| Arc::new(Foreign { name: Arc::from(name), embedded: Vec::new(), lines: Vec::new() });
    let number = foreign_number(0, "new.yaml", |_| false);
    let published = |member: u32, name: &str| Published {
        number: member,
        files: [(number, file(name))].into_iter().collect(),
        ..Published::default()
    };
    let neighbour = |published: Published| Neighbour {
        member: Arc::new(Member { number: published.number, name: Arc::from(""), url: None }),
        state: State::Read(Arc::new(published)),
    };
    for others in [
        vec![neighbour(published(0, "platform:new.yaml")), neighbour(published(1, "platform:old.yaml"))],
        vec![neighbour(published(1, "platform:old.yaml")), neighbour(published(0, "platform:new.yaml"))],
    ] {
        let neighbours = Neighbours { own: None, others };
        assert_eq!(&*super::files(&neighbours)[&number].name, "platform:new.yaml");
        let read: Vec<&Published> = neighbours.read().map(Arc::as_ref).collect();
        assert_eq!(&*crate::resolve::taken::file(&read, number).unwrap().name, "platform:new.yaml");
    }
}

#[test]
fn a_copy_that_nobody_builds_waits_for_the_first_look_at_the_others() {
    let release = RELEASE.replace("apps/web.yaml", "clusters/home/web.yaml");
    let copy = "=== examples/charts.yaml\n".to_owned() + &repository("charts", "https://copy.example.com");
    let shop = root("shop", "home") + &release + &copy;
    let other = "=== charts.yaml\n".to_owned() + &repository("else", "https://else.example.com");
    let mut fleet = Fleet::new(&[("platform", &other), ("shop", &shop)]);
    fleet.look(1);
    assert_eq!(reason(fleet.only(1)), Some(Reason::RepositoryUnread), "{:#?}", fleet.only(1));
    fleet.states[0] = State::Failed(Arc::from("no route to host"));
    fleet.look(1);
    assert_eq!(reason(fleet.only(1)), None, "it holds nobody: {:#?}", fleet.only(1));
}
