use super::super::test_objects::{denied, id, plex, release, sighting};
use super::super::{LiveSource, Sighting};
use super::{Statement, Testimony, testify};
use crate::model::{ChartKind, Fact, LiveState, Problem, Reason, Release, RowKind, SourceKind};
use serde_json::{Value, json};

fn tag(of: &str) -> Release {
    release(of, "5.1.0", ChartKind::Tag)
}

fn compare(releases: &[Release], seen: &Sighting) -> Testimony {
    let ours = |url: &str| url.contains("acme/fleet");
    let roots = ["clusters/production".to_owned()].into();
    testify(&Statement {
        releases: &releases.iter().collect::<Vec<_>>(),
        roots: Some(&roots),
        seen,
        ours: &ours,
        git_ref: Some("refs/heads/main"),
        lacks: &|id| id.name != "elsewhere",
        whole: true,
    })
}

/// A HelmRelease with these labels.
fn labelled(of: &str, labels: &Value) -> Value {
    let of = id(of);
    json!({"metadata": {"name": of.name, "namespace": of.namespace, "labels": labels}, "spec": {}})
}

fn made_by(of: &str, kustomization: &str) -> Value {
    let by = id(kustomization);
    labelled(
        of,
        &json!({"kustomize.toolkit.fluxcd.io/name": by.name, "kustomize.toolkit.fluxcd.io/namespace": by.namespace}),
    )
}

fn said(testimony: &Testimony, reason: Reason) -> Vec<&str> {
    let found = testimony.findings.iter().filter(|(_, problem)| problem.reason == reason);
    found.map(|(_, problem)| problem.message.as_str()).collect()
}

#[test]
fn each_row_of_the_cluster_hears_what_it_has() {
    let mut elsewhere = tag("media/plex");
    elsewhere.cluster = Some("clusters/staging".into());
    let mut chart = tag("media/plex");
    chart.kind = RowKind::OciRepository;
    let mut loose = tag("media/plex");
    loose.kustomization = None;
    let all = [tag("media/plex"), tag("media/sonarr"), elsewhere, chart, loose];
    let testimony = compare(&all, &sighting(&[plex()]));
    let states: Vec<_> = testimony.live.iter().map(|live| live.as_ref().map(|live| live.state)).collect();
    assert_eq!(states, [Some(LiveState::Deployed), Some(LiveState::Absent), None, None, None]);
}

#[test]
fn what_git_builds_and_the_cluster_lacks_is_found_at_its_line() {
    let testimony = compare(&[tag("media/plex"), tag("media/sonarr")], &sighting(&[plex()]));
    assert_eq!(said(&testimony, Reason::ClusterOnly), Vec::<&str>::new());
    let [only] = said(&testimony, Reason::GitOnly)[..] else { panic!("{testimony:?}") };
    assert!(only.contains("media/sonarr by Kustomization flux-system/apps"), "{only}");
    assert_eq!(testimony.findings[0].0, Some(("apps/sonarr.yaml".to_owned(), 3)));
}

#[test]
fn releases_that_flux_is_not_to_apply_are_not_missed() {
    let held = |reason| Release { problem: Some(Problem::new(reason, "x")), ..tag("media/sonarr") };
    for reason in [Reason::BuildFailed, Reason::Suspended, Reason::InvalidRelease, Reason::ReleaseAmbiguous] {
        assert!(compare(&[held(reason)], &sighting(&[])).findings.is_empty(), "{reason}");
    }
    assert_eq!(compare(&[held(Reason::FloatingRange)], &sighting(&[])).findings.len(), 1);
}

#[test]
fn a_kustomization_that_is_not_there_is_said_once_for_all_of_its_releases() {
    let mut seen = sighting(&[]);
    seen.kustomizations = Fact::Known([].into());
    let testimony = compare(&[tag("media/plex"), tag("media/sonarr")], &seen);
    let [only] = said(&testimony, Reason::GitOnly)[..] else { panic!("{testimony:?}") };
    assert!(
        only.contains("has no Kustomization flux-system/apps") && only.contains("media/plex, media/sonarr"),
        "{only}"
    );
}

#[test]
fn what_the_cluster_has_and_git_lacks_is_found_but_for_what_others_made() {
    let seen = sighting(&[
        plex(),
        made_by("media/pruned", "flux-system/apps"),
        made_by("media/theirs", "tenant/apps"),
        labelled("media/by-hand", &json!({})),
        labelled("media/rendered", &json!({"helm.toolkit.fluxcd.io/name": "umbrella"})),
        labelled("media/tenant", &json!({"resourceset.fluxcd.controlplane.io/name": "tenants"})),
    ]);
    let testimony = compare(&[tag("media/plex")], &seen);
    let [hand, pruned] = said(&testimony, Reason::ClusterOnly)[..] else { panic!("{testimony:?}") };
    assert!(hand.contains("media/by-hand") && hand.contains("no Flux Kustomization made it"), "{hand}");
    assert!(pruned.contains("media/pruned") && pruned.contains("Kustomization flux-system/apps"), "{pruned}");
}

#[test]
fn a_kustomization_of_this_repository_without_a_row_is_ours_by_its_sources_url() {
    let seen = sighting(&[made_by("media/old", "flux-system/apps")]);
    let mut other = tag("media/plex");
    other.kustomization = Some(id("flux-system/other").into());
    let testimony = compare(&[other.clone()], &seen);
    assert_eq!(said(&testimony, Reason::ClusterOnly).len(), 1, "flux-system/apps builds acme/fleet: {testimony:?}");
    let mut unread = sighting(&[made_by("media/old", "flux-system/apps")]);
    unread.kustomizations = Fact::Unknown(denied());
    assert!(said(&compare(&[other], &unread), Reason::ClusterOnly).is_empty(), "whose it is is not known");
}

#[test]
fn a_failed_list_is_unknown_and_never_nothing_there() {
    let mut seen = sighting(&[]);
    seen.releases = Fact::Unknown(denied());
    let testimony = compare(&[tag("media/plex")], &seen);
    let live = testimony.live[0].as_ref().unwrap();
    assert_eq!((live.state, live.message.as_str()), (LiveState::Unknown, "helmreleases is forbidden"));
    assert!(testimony.findings.is_empty(), "{testimony:?}");
}

#[test]
fn a_name_that_hangs_on_a_variable_is_not_looked_for() {
    let vague = Release { name: "${APP}".to_owned(), ..tag("media/x") };
    let nowhere = Release { namespace: String::new(), ..tag("media/x") };
    let seen = sighting(&[made_by("media/plex", "flux-system/apps")]);
    for row in [vague, nowhere] {
        let testimony = compare(&[row], &seen);
        assert_eq!(testimony.live[0].as_ref().unwrap().state, LiveState::Unknown);
        assert!(testimony.findings.is_empty(), "{testimony:?}");
    }
}

#[test]
fn many_findings_are_counted_beyond_a_limit() {
    let many: Vec<Value> = (0..60).map(|n| labelled(&format!("x/r{n:02}"), &json!({}))).collect();
    let testimony = compare(&[], &sighting(&many));
    let all = said(&testimony, Reason::ClusterOnly);
    assert_eq!(all.len(), 51);
    assert_eq!(all[50], "10 more releases of the cluster are not in Git");
}

#[test]
fn a_kustomization_that_follows_another_ref_says_nothing_of_this_one() {
    let old = made_by("media/old", "flux-system/apps");
    let said_with = |wanted: Value| {
        let mut seen = sighting(&[plex(), old.clone()]);
        let source = LiveSource::read(&json!({
            "metadata": {"name": "flux-system", "namespace": "flux-system"},
            "spec": {"url": "ssh://git@github.com/acme/fleet", "ref": wanted}
        }));
        let source = source.unwrap();
        seen.sources.insert(SourceKind::GitRepository, Fact::Known([(source.id.clone(), source)].into()));
        let testimony = compare(&[tag("media/plex"), tag("media/new")], &seen);
        (said(&testimony, Reason::ClusterOnly).len(), said(&testimony, Reason::GitOnly).len())
    };
    assert_eq!(said_with(json!({"branch": "main"})), (1, 1));
    assert_eq!(said_with(json!({"name": "refs/heads/main"})), (1, 1));
    for other in [
        json!({"branch": "develop"}),
        json!({"branch": "main", "tag": "v1"}),
        json!({"branch": "main", "semver": ">=1"}),
        json!({"branch": "main", "commit": "0123456"}),
        json!({"name": "refs/pull/1/head"}),
        // Flux's own default.
        json!(null),
    ] {
        assert_eq!(said_with(other.clone()), (0, 0), "{other}");
    }
}

#[test]
fn without_a_root_what_the_cluster_has_is_known_by_its_name_and_nothing_is_missing() {
    let loose = |of: &str| Release { cluster: None, kustomization: None, ..tag(of) };
    let all = [loose("media/plex"), loose("media/sonarr")];
    let all: Vec<&Release> = all.iter().collect();
    let seen = sighting(&[plex(), made_by("media/old", "flux-system/apps")]);
    let testimony = testify(&Statement {
        releases: &all,
        roots: None,
        seen: &seen,
        ours: &|_| true,
        git_ref: None,
        lacks: &|_| true,
        whole: true,
    });
    let states: Vec<_> = testimony.live.iter().map(|live| live.as_ref().map(|live| live.state)).collect();
    assert_eq!(states, [Some(LiveState::Deployed), Some(LiveState::Absent)]);
    assert!(testimony.findings.is_empty(), "{testimony:?}");
}

#[test]
fn what_nothing_says_who_made_may_be_in_another_repositorys_git() {
    let bare = |of: &str| labelled(of, &json!({}));
    let seen = sighting(&[plex(), bare("media/by-hand"), bare("media/elsewhere")]);
    let testimony = compare(&[tag("media/plex")], &seen);
    let all = said(&testimony, Reason::ClusterOnly);
    assert!(all.len() == 1 && all[0].contains("media/by-hand"), "{all:?}");
}
