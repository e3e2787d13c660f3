use super::super::test_objects::{DIGEST, id, plex};
use super::*;
use serde_json::json;

#[test]
fn flux_rule_08_three_versions_are_read_apart() {
    let live = LiveRelease::read(&plex()).unwrap();
    assert_eq!(live.id, id("media/plex"));
    assert_eq!(live.attempted.as_deref(), Some("5.1.0+8f1c6f5d1b3d"));
    assert_eq!(live.running(), Some("5.1.0+8f1c6f5d1b3d"));
    assert_eq!(live.newest.as_ref().unwrap().oci_digest.as_deref(), Some(DIGEST));
    assert_eq!(live.oci_source, Some(id("flux-system/app-template")));
    assert_eq!((live.generation, live.observed), (Some(4), Some(4)));
    assert_eq!(live.made, Made::Kustomization(id("flux-system/apps")));
}

#[test]
fn flux_rule_08_an_old_controller_has_no_history_but_an_applied_revision() {
    let live = LiveRelease::read(&json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2beta1",
        "metadata": {"name": "plex", "namespace": "media", "generation": 2},
        "spec": {"chart": {"spec": {"chart": "app-template", "version": "1.5.1"}}},
        "status": {
            "observedGeneration": 2, "lastAppliedRevision": "1.5.1", "lastAttemptedRevision": "1.5.1", "helmChart": "flux-system/media-plex",
            "lastReleaseRevision": 3,
            "conditions": [{"type": "Ready", "status": "True", "reason": "ReconciliationSucceeded", "message": "Release reconciliation succeeded"}]
        }
    }));
    let live = live.unwrap();
    assert_eq!((live.running(), live.newest.clone(), live.oci_source.clone()), (Some("1.5.1"), None, None));
}

#[test]
fn flux_rule_16_what_is_missing_or_of_another_type_is_absent() {
    assert_eq!(LiveRelease::read(&json!({"metadata": {"namespace": "x"}})), None);
    assert_eq!(LiveRelease::read(&json!(null)), None);
    let odd = json!({
        "metadata": {"name": "odd", "namespace": 7, "generation": "4", "labels": []},
        "spec": "x", "status": {"history": {"0": 1}, "conditions": "no", "upgradeFailures": "3"}
    });
    let live = LiveRelease::read(&odd).unwrap();
    assert_eq!((live.running(), live.failures, &live.ready, &live.made), (None, 0, &None, &Made::Unsaid));
}

#[test]
fn labels_say_who_made_an_object() {
    let made = |labels: Value| made(&json!({"metadata": {"labels": labels}}));
    let helm = json!({"helm.toolkit.fluxcd.io/name": "umbrella", "helm.toolkit.fluxcd.io/namespace": "apps"});
    assert_eq!(made(helm), Made::Controller("HelmRelease apps/umbrella".to_owned()));
    let set = json!({"resourceset.fluxcd.controlplane.io/name": "tenants"});
    assert_eq!(made(set), Made::Controller("ResourceSet tenants".to_owned()));
    assert_eq!(made(json!({"app": "x"})), Made::Unsaid);
}

#[test]
fn a_kustomization_without_a_namespace_in_its_source_means_its_own() {
    let live = LiveKustomization::read(&json!({
        "metadata": {"name": "apps", "namespace": "tenant"},
        "spec": {"suspend": true, "sourceRef": {"kind": "GitRepository", "name": "fleet"}}
    }));
    let live = live.unwrap();
    assert_eq!((live.suspended, live.git_source), (true, Some(id("tenant/fleet"))));
    let bucket = json!({"metadata": {"name": "a"}, "spec": {"sourceRef": {"kind": "Bucket", "name": "b"}}});
    assert_eq!(LiveKustomization::read(&bucket).unwrap().git_source, None);
}
