use super::{ClusterView, beside};
use crate::config;
use crate::engine::look::{Kube, Look};
use crate::engine::report::{Findings, Row};
use crate::model::{Fact, NsName, Problem, Reason, Release, RowKind, Status, Version};
use crate::witness::{LiveRelease, Sighting};
use crate::world::cluster::Sight;
use std::sync::Arc;

fn row(cluster: Option<&str>, name: &str) -> Arc<Row> {
    let release = Release {
        kind: RowKind::HelmRelease,
        cluster: cluster.map(Into::into),
        kustomization: Some(Arc::new(NsName { namespace: "flux-system".to_owned(), name: "apps".to_owned() })),
        namespace: "media".to_owned(),
        name: name.to_owned(),
        file: format!("apps/{name}.yaml").into(),
        line: 3,
        chart: None,
        source: None,
        site: None,
        digest_site: None,
        digest_stays: false,
        frame: None,
        current: Some("5.1.0".to_owned()),
        chart_kind: None,
        lookup: None,
        annotations: Arc::default(),
        notes: Vec::new(),
        problem: None,
        chain: Vec::new(),
        credentials: None,
        crds: crate::model::CrdUpgrade::default(),
    };
    Arc::new(Row::held(release, Problem::new(Reason::UpToDate, "5.1.0 is the newest"), None))
}

fn found(rows: Vec<Arc<Row>>) -> Arc<Look> {
    Arc::new(Look { findings: Arc::new(Findings { rows, ..Findings::default() }), ..Look::default() })
}

fn with(config: &config::Cluster, rows: Vec<Arc<Row>>, alone: bool) -> Arc<Findings> {
    beside(found(rows), &ClusterView { config, sight: None, url: None, branch: None, everything: true, alone })
        .findings
        .clone()
}

#[test]
fn without_a_word_of_a_cluster_the_look_is_the_look() {
    let look = found(vec![row(Some("clusters/production"), "plex")]);
    let config = config::Cluster::default();
    let view = ClusterView { config: &config, sight: None, url: None, branch: None, everything: true, alone: true };
    assert!(Arc::ptr_eq(&look, &beside(look.clone(), &view)));
}

#[test]
fn the_rows_of_the_named_root_carry_its_name_and_no_other_ones() {
    let config = config::Cluster {
        name: Some("prod-eu".to_owned()),
        root: Some("clusters/production".to_owned()),
        ..config::Cluster::default()
    };
    let rows =
        vec![row(Some("clusters/production"), "plex"), row(Some("clusters/staging"), "plex"), row(None, "loose")];
    let findings = with(&config, rows, true);
    let clusters: Vec<_> = findings.rows.iter().map(|row| row.cluster()).collect();
    assert_eq!(clusters, [Some("prod-eu"), Some("clusters/staging"), None]);
    assert!(findings.rows.iter().all(|row| row.live().is_none()) && findings.problems.is_empty());
    assert_eq!(findings.cluster_read, None);
}

#[test]
fn several_roots_without_a_word_which_one_is_a_finding_that_names_them_and_stops_nothing() {
    let config = config::Cluster { name: Some("prod-eu".to_owned()), ..config::Cluster::default() };
    let rows = vec![row(Some("clusters/production"), "plex"), row(Some("clusters/staging"), "plex")];
    let findings = with(&config, rows, true);
    let [finding] = findings.problems.as_slice() else { panic!("{:?}", findings.problems) };
    assert!(finding.problem.message.contains("clusters/production, clusters/staging"), "{finding:?}");
    assert_eq!(findings.rows[0].cluster(), Some("clusters/production"));
    // A finding of status failed would keep pull requests from being closed: the tree itself was read.
    for reason in [Reason::ClusterAmbiguous, Reason::ClusterUnknown, Reason::ClusterOnly, Reason::GitOnly] {
        assert_ne!(reason.status(), Status::Failed, "{reason}");
    }
}

#[test]
fn a_root_that_is_nowhere_is_said_where_there_is_no_other_repository_to_have_it() {
    let config = config::Cluster {
        name: Some("prod-eu".to_owned()),
        root: Some("clusters/prod".to_owned()),
        ..config::Cluster::default()
    };
    let rows = || vec![row(Some("clusters/production"), "plex")];
    assert!(with(&config, rows(), true).problems[0].problem.message.contains("it has clusters/production"));
    assert!(with(&config, rows(), false).problems.is_empty());
    assert!(with(&config, Vec::new(), true).problems.is_empty());
}

#[test]
fn the_version_of_one_cluster_says_nothing_of_another_ones_rows() {
    let version = Version::strict("v1.34.2").unwrap();
    let (here, there, nowhere) =
        (row(Some("clusters/production"), "a"), row(Some("clusters/staging"), "a"), row(None, "a"));
    let kube = |root| Kube { version: Some(&version), root, live: true, awaited: false };
    let known = |kube: Kube<'_>, row: &Row| kube.for_release(&row.release).is_some();
    let named = kube(Some("clusters/production"));
    assert!(known(named, &here) && !known(named, &there) && known(named, &nowhere));
    assert!(known(kube(None), &there));
    // Of several roots nobody knows whose a live version is; one that is configured is for all.
    let releases: Vec<Arc<Release>> = [&here, &there, &nowhere].map(|row| row.release.clone()).to_vec();
    assert_eq!(kube(None).among(&releases).version, None);
    assert!(kube(None).among(&releases[..1]).version.is_some());
    assert!(named.among(&releases).version.is_some());
    assert!(Kube { live: false, ..kube(None) }.among(&releases).version.is_some());
    let config = config::Cluster { kube_version: Some(version.clone()), ..config::Cluster::default() };
    assert_eq!(Kube::of(&config, None).version, Some(&version));
}

#[test]
fn a_cluster_that_never_answered_is_awaited_by_its_own_rows_unless_the_configuration_says_its_version() {
    let (here, there) = (row(Some("clusters/production"), "a"), row(Some("clusters/staging"), "a"));
    let seen = Sighting {
        kube_version: Fact::Unknown(Problem::new(Reason::ClusterUnknown, "away")),
        releases: Fact::Unknown(Problem::new(Reason::ClusterUnknown, "away")),
        kustomizations: Fact::Unknown(Problem::new(Reason::ClusterUnknown, "away")),
        sources: std::collections::BTreeMap::new(),
        problems: Vec::new(),
    };
    crate::world::init::tls_provider();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sight = runtime.block_on(async { Sight::of_test(seen, "http://127.0.0.1:1") });
    let awaited = |config: &config::Cluster, row: &Row, sight| Kube::of(config, sight).is_awaited_by(&row.release);
    let rooted = config::Cluster { root: Some("clusters/production".to_owned()), ..config::Cluster::default() };
    assert!(awaited(&rooted, &here, Some(&sight)) && !awaited(&rooted, &there, Some(&sight)));
    assert!(!awaited(&rooted, &here, None), "without access nothing is to be heard of");
    let version = Version::strict("v1.34.2");
    assert!(!awaited(&config::Cluster { kube_version: version, ..rooted.clone() }, &here, Some(&sight)));
    // Of several roots nobody knows whose the cluster is, answer or not.
    let releases: Vec<Arc<Release>> = [&here, &there].map(|row| row.release.clone()).to_vec();
    let unrooted = config::Cluster::default();
    assert!(!Kube::of(&unrooted, Some(&sight)).among(&releases).awaited);
    assert!(Kube::of(&unrooted, Some(&sight)).among(&releases[..1]).awaited);
}

/// A cluster that has one HelmRelease of media, made by the Kustomization of these rows.
fn seeing(name: &str) -> Sight {
    crate::world::init::tls_provider();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let labels = serde_json::json!({
        "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"
    });
    let metadata = serde_json::json!({"name": name, "namespace": "media", "labels": labels});
    let live = LiveRelease::read(&serde_json::json!({"metadata": metadata})).unwrap();
    let seen = Sighting {
        kube_version: Fact::Known(Version::strict("v1.34.2").unwrap()),
        releases: Fact::Known([(live.id.clone(), live)].into()),
        kustomizations: Fact::Known(std::collections::HashMap::new()),
        sources: std::collections::BTreeMap::new(),
        problems: Vec::new(),
    };
    runtime.block_on(async { Sight::of_test(seen, "http://127.0.0.1:1") })
}

#[test]
fn what_the_paths_leave_out_may_be_what_the_cluster_has() {
    let sight = seeing("excluded");
    let config = config::Cluster::default();
    let only = |everything| {
        let rows = vec![row(Some("clusters/production"), "plex")];
        let view =
            ClusterView { config: &config, sight: Some(&sight), url: None, branch: None, everything, alone: true };
        let findings = beside(found(rows), &view).findings.clone();
        findings.problems.iter().filter(|finding| finding.problem.reason == Reason::ClusterOnly).count()
    };
    assert_eq!((only(true), only(false)), (1, 0));
}

#[test]
fn rows_of_the_only_repository_have_a_word_of_the_cluster_without_a_root_too() {
    let sight = seeing("plex");
    let loose = || {
        Arc::new(Row {
            release: Arc::new(Release { kustomization: None, ..row(None, "plex").release.as_ref().clone() }),
            ..row(None, "plex").as_ref().clone()
        })
    };
    let with = |name: Option<&str>, alone| {
        let config = config::Cluster { name: name.map(str::to_owned), ..config::Cluster::default() };
        let view =
            ClusterView { config: &config, sight: Some(&sight), url: None, branch: None, everything: true, alone };
        beside(found(vec![loose()]), &view).findings.rows[0].clone()
    };
    let named = with(Some("prod-eu"), true);
    assert_eq!((named.cluster(), named.live().is_some()), (Some("prod-eu"), true));
    let unnamed = with(None, true);
    assert_eq!((unnamed.cluster(), unnamed.live().is_some()), (None, true), "nobody gives it a name");
    assert!(with(Some("prod-eu"), false).live().is_none(), "another repository may have the root");
}
