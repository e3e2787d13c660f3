use super::{ClusterView, beside};
use crate::config;
use crate::engine::applied::Kube;
use crate::engine::look::Look;
use crate::engine::report::{Findings, Row};
use crate::model::{Fact, NsName, Problem, Reason, Release, RowKind, Status, Version};
use crate::resolve::{FleetRoots, Member, Neighbours};
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

/// The look at a repository that stands alone.
fn found(config: &config::Cluster, rows: Vec<Arc<Row>>) -> Arc<Look> {
    let roots = FleetRoots::alone("fleet", rows.iter().filter_map(|row| row.release.cluster.as_deref()));
    let kube = Kube::of(config, None).among(&roots);
    Arc::new(Look { findings: Arc::new(Findings { rows, ..Findings::default() }), kube, ..Look::default() })
}

fn fleet(alone: bool) -> Neighbours {
    let own = Member { number: 0, name: "fleet".into(), url: None };
    Neighbours { own: (!alone).then(|| Arc::new(own)), others: Vec::new() }
}

fn with(config: &config::Cluster, rows: Vec<Arc<Row>>, alone: bool) -> Arc<Findings> {
    beside(
        found(config, rows),
        &ClusterView { config, sight: None, url: None, branch: None, everything: true, neighbours: &fleet(alone) },
    )
    .findings
    .clone()
}

#[test]
fn without_a_word_of_a_cluster_the_look_is_the_look() {
    let config = config::Cluster::default();
    let look = found(&config, vec![row(Some("clusters/production"), "plex")]);
    let view = ClusterView {
        config: &config,
        sight: None,
        url: None,
        branch: None,
        everything: true,
        neighbours: &fleet(true),
    };
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
fn a_root_that_is_nowhere_is_said_without_a_name_too() {
    let config = config::Cluster { root: Some("clusters/prod".to_owned()), ..config::Cluster::default() };
    let findings = with(&config, vec![row(Some("clusters/production"), "plex")], true);
    let message = "cluster.root clusters/prod is none of the roots that are known here (clusters/production)";
    assert_eq!(findings.problems[0].problem.message, message);
    assert!(with(&config, Vec::new(), true).problems.is_empty());
}

#[test]
fn the_version_of_one_cluster_says_nothing_of_another_ones_rows() {
    let version = Version::strict("v1.34.2").unwrap();
    let rows = [row(Some("clusters/production"), "a"), row(Some("clusters/staging"), "a"), row(None, "a")];
    let config = config::Cluster {
        root: Some("clusters/production".to_owned()),
        kube_version: Some(version),
        ..config::Cluster::default()
    };
    let look = found(&config, rows.to_vec());
    let known: Vec<bool> = rows.iter().map(|row| look.kube.for_release(&row.release).is_some()).collect();
    assert_eq!(known, [true, false, true]);
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
        let view = ClusterView {
            config: &config,
            sight: Some(&sight),
            url: None,
            branch: None,
            everything,
            neighbours: &fleet(true),
        };
        let findings = beside(found(&config, rows), &view).findings.clone();
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
        let view = ClusterView {
            config: &config,
            sight: Some(&sight),
            url: None,
            branch: None,
            everything: true,
            neighbours: &fleet(alone),
        };
        beside(found(&config, vec![loose()]), &view).findings.rows[0].clone()
    };
    let named = with(Some("prod-eu"), true);
    assert_eq!((named.cluster(), named.live().is_some()), (Some("prod-eu"), true));
    let unnamed = with(None, true);
    assert_eq!((unnamed.cluster(), unnamed.live().is_some()), (None, true), "nobody gives it a name");
    assert!(with(Some("prod-eu"), false).live().is_none(), "another repository may have the root");
}
