use super::super::test_objects::{plex, release, sighting};
use super::super::{LiveSource, Sighting};
use super::live;
use crate::model::{ChartKind, Fact, Live, LiveState, Problem, Reason, SourceKind};
use crate::witness::LiveRelease;
use serde_json::{Value, json};

/// What the cluster with this HelmRelease says of a row whose OCIRepository has this tag.
fn say(tag: &str, object: &Value) -> Live {
    say_in(tag, object, &sighting(std::slice::from_ref(object)))
}

fn say_in(tag: &str, object: &Value, seen: &Sighting) -> Live {
    live(&release("media/plex", tag, ChartKind::Tag), &LiveRelease::read(object).unwrap(), seen)
}

fn with(path: &str, value: Value) -> Value {
    let mut object = plex();
    *object.pointer_mut(path).unwrap() = value;
    object
}

#[test]
fn flux_rule_22_success_is_ready_observed_and_the_version_without_build_metadata() {
    let live = say("5.1.0", &plex());
    assert_eq!((live.state, live.differs, live.ready), (LiveState::Deployed, false, Some(true)), "{}", live.message);
    assert_eq!((live.running.as_deref(), live.running_chart()), (Some("5.1.0+8f1c6f5d1b3d"), Some("5.1.0")));
    assert_eq!(live.reason.as_deref(), Some("UpgradeSucceeded"));
    assert_eq!(say("v5.1.0", &plex()).state, LiveState::Deployed, "a tag may have a v");
    assert_eq!(say("5.1.0_build.7", &plex()).state, LiveState::Deployed, "`_` in a tag is `+`");
    assert_eq!(live.remark(), None);
}

#[test]
fn flux_rule_08_desired_and_running_are_told_apart() {
    let live = say("5.2.0", &plex());
    assert_eq!((live.state, live.differs), (LiveState::Differs, true));
    assert_eq!(live.message, "Git says 5.2.0, the cluster runs 5.1.0+8f1c6f5d1b3d");
    assert!(live.remark().unwrap().contains("Git says 5.2.0"));
    assert_eq!(say("5.1.0-rc.1", &plex()).state, LiveState::Differs, "a pre-release is another version");
}

#[test]
fn flux_rule_03_a_range_in_git_names_no_version_to_differ_from() {
    let object = plex();
    let row = release("media/plex", "5.x", ChartKind::Range);
    let live = live(&row, &LiveRelease::read(&object).unwrap(), &sighting(&[]));
    assert_eq!((live.state, live.differs), (LiveState::Deployed, false));
}

#[test]
fn flux_rule_22_a_generation_that_was_not_observed_is_no_success() {
    let live = say("5.1.0", &with("/metadata/generation", json!(5)));
    assert_eq!(live.state, LiveState::Progressing);
    assert!(live.message.contains("generation 5"), "{}", live.message);
    assert_eq!(say("5.1.0", &with("/status/observedGeneration", json!(-1))).state, LiveState::Progressing);
}

#[test]
fn flux_rule_22_not_ready_without_a_failure_is_on_its_way() {
    let waiting =
        json!({"type": "Ready", "status": "False", "reason": "DependencyNotReady", "message": "db is not ready"});
    let live = say("5.1.0", &with("/status/conditions", json!([waiting])));
    assert_eq!((live.state, live.ready), (LiveState::Progressing, Some(false)));
    assert!(live.message.contains("DependencyNotReady: db is not ready"), "{}", live.message);
    let running =
        json!({"type": "Ready", "status": "Unknown", "reason": "Progressing", "message": "Running 'upgrade'"});
    let live = say("5.1.0", &with("/status/conditions", json!([running])));
    assert_eq!((live.state, live.ready), (LiveState::Progressing, None));
    assert_eq!(say("5.1.0", &with("/status/conditions", json!([]))).state, LiveState::Progressing);
    assert_eq!(say("5.1.0", &with("/status/history", json!([]))).state, LiveState::Progressing);
}

#[test]
fn flux_rule_22_every_form_of_failure_is_one() {
    let ready = json!({"type": "Ready", "status": "True", "reason": "x", "message": ""});
    let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason, "message": "timed out"});
    for (what, object) in [
        ("a stalled one", with("/status/conditions", json!([ready, condition("Stalled", "True", "RetriesExceeded")]))),
        (
            "a rollback",
            with("/status/conditions", json!([ready, condition("Remediated", "True", "RollbackSucceeded")])),
        ),
        (
            "a rollback that failed",
            with("/status/conditions", json!([condition("Remediated", "False", "RollbackFailed")])),
        ),
        ("a failed upgrade", with("/status/conditions", json!([condition("Released", "False", "UpgradeFailed")]))),
        ("Helm's status", with("/status/history/0/status", json!("failed"))),
    ] {
        let live = say("5.1.0", &object);
        assert_eq!(live.state, LiveState::Failed, "{what}: {}", live.message);
        assert!(live.message.contains("5.1.0+8f1c6f5d1b3d failed"), "{}", live.message);
    }
    let mut failing = plex();
    failing["status"]["upgradeFailures"] = json!(3);
    let live = say("5.1.0", &failing);
    assert_eq!(live.state, LiveState::Failed);
    assert!(live.message.contains("3 failures in a row"), "{}", live.message);
    failing["metadata"]["generation"] = json!(5);
    assert_eq!(say("5.1.0", &failing).state, LiveState::Progressing, "what failed was an earlier generation");
}

#[test]
fn flux_rule_22_the_artifact_that_runs_is_compared_by_its_digest() {
    let object = plex();
    let moved = |revision: &str| {
        let mut seen = sighting(std::slice::from_ref(&object));
        let source = LiveSource::read(&json!({
            "metadata": {"name": "app-template", "namespace": "flux-system"},
            "status": {"artifact": {"revision": revision}}
        }));
        let source = source.unwrap();
        seen.sources.insert(SourceKind::OciRepository, Fact::Known([(source.id.clone(), source)].into()));
        say_in("5.1.0", &object, &seen)
    };
    let live = moved("5.1.0@sha256:1111111111111111111111111111111111111111111111111111111111111111");
    assert_eq!(live.state, LiveState::Progressing);
    assert!(
        live.message.contains("sha256:8f1c6f5d1b3d") && live.message.contains("sha256:111111111111"),
        "{}",
        live.message
    );
    assert_eq!(
        moved(super::super::test_objects::DIGEST).state,
        LiveState::Deployed,
        "a revision may be the digest alone"
    );
    let mut unread = sighting(&[]);
    unread.sources.insert(SourceKind::OciRepository, Fact::Unknown(Problem::new(Reason::ClusterUnknown, "403")));
    assert_eq!(say_in("5.1.0", &object, &unread).state, LiveState::Deployed, "nothing says otherwise");
}

#[test]
fn flux_rule_21_what_is_suspended_in_the_cluster_only_is_named() {
    let object = with("/spec", json!({"suspend": true, "chartRef": {"kind": "OCIRepository", "name": "app-template"}}));
    let mut seen = sighting(std::slice::from_ref(&object));
    assert_eq!(say_in("5.1.0", &object, &seen).suspended, ["HelmRelease media/plex"]);
    if let Fact::Known(all) = &mut seen.kustomizations {
        for live in all.values_mut() {
            live.suspended = true;
        }
    }
    if let Some(Fact::Known(all)) = seen.sources.get_mut(&SourceKind::OciRepository) {
        for live in all.values_mut() {
            live.suspended = true;
        }
    }
    let live_now = say_in("5.1.0", &object, &seen);
    let all = ["HelmRelease media/plex", "OCIRepository flux-system/app-template", "Kustomization flux-system/apps"];
    assert_eq!(live_now.suspended, all);
    assert!(live_now.remark().unwrap().starts_with("suspended in the cluster: HelmRelease media/plex"));
    let mut row = release("media/plex", "5.1.0", ChartKind::Tag);
    row.problem = Some(Problem::new(Reason::Suspended, "spec.suspend of the release is true"));
    assert!(live(&row, &LiveRelease::read(&object).unwrap(), &seen).suspended.is_empty(), "Git says it itself");
}

#[test]
fn a_controllers_long_message_is_cut_to_one_line() {
    let long = format!("{}\nsecond line", "x".repeat(500));
    let ready = json!({"type": "Ready", "status": "False", "reason": "ArtifactFailed", "message": long});
    let live = say("5.1.0", &with("/status/conditions", json!([ready])));
    assert!(live.message.len() < 300 && !live.message.contains('\n'), "{}", live.message);
}

#[test]
fn flux_rule_22_after_an_uninstall_nothing_runs() {
    for status in ["uninstalled", "uninstalling"] {
        let mut object = with("/status/history/0/status", json!(status));
        object["status"]["conditions"] = json!([
            {"type": "Ready", "status": "False", "reason": "UpgradeFailed", "message": "timed out"},
            {"type": "Remediated", "status": "True", "reason": "UninstallSucceeded", "message": "gone"}
        ]);
        // What was applied before is not there either.
        object["status"]["lastAppliedRevision"] = json!("4.4.0");
        let live = say("5.1.0", &object);
        assert_eq!((live.state, live.running.as_deref()), (LiveState::Failed, None), "{status}");
        assert!(live.message.ends_with("; nothing runs"), "{}", live.message);
    }
}
