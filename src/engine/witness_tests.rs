use super::{ClusterView, beside};
use crate::config;
use crate::engine::look::{Kube, Look};
use crate::engine::report::{Findings, Row};
use crate::model::{NsName, Problem, Reason, Release, RowKind, Status, Version};
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
    beside(found(rows), &ClusterView { config, sight: None, url: None, alone }).findings.clone()
}

#[test]
fn without_a_word_of_a_cluster_the_look_is_the_look() {
    let look = found(vec![row(Some("clusters/production"), "plex")]);
    let config = config::Cluster::default();
    let view = ClusterView { config: &config, sight: None, url: None, alone: true };
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
    let kube = |root| Kube { version: Some(&version), root, live: true };
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
