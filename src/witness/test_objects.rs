//! Objects as a real API server serves them, cut to what matters, and rows as Git builds them.

use super::{LiveKustomization, LiveRelease, LiveSource, Sighting};
use crate::model::{ChartKind, Fact, NsName, Problem, Reason, Release, SourceKind, SourceRef, Version};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

pub(super) const DIGEST: &str = "sha256:8f1c6f5d1b3dbb1e1f5e0c0d8f7a9b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a";

pub(super) fn id(text: &str) -> NsName {
    let (namespace, name) = text.split_once('/').unwrap();
    NsName { namespace: namespace.to_owned(), name: name.to_owned() }
}

/// A HelmRelease of helm v2 on an OCIRepository, three days after its upgrade to 5.1.0.
pub(super) fn plex() -> Value {
    json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {
            "name": "plex", "namespace": "media", "generation": 4,
            "labels": {
                "kustomize.toolkit.fluxcd.io/name": "apps",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system"
            }
        },
        "spec": {
            "chartRef": {"kind": "OCIRepository", "name": "app-template", "namespace": "flux-system"},
            "interval": "1h"
        },
        "status": {
            "conditions": [
                {"type": "Ready", "status": "True", "reason": "UpgradeSucceeded", "observedGeneration": 4,
                 "message": "Helm upgrade succeeded for release media/plex.v7 with chart app-template@5.1.0+8f1c6f5d1b3d"},
                {"type": "Released", "status": "True", "reason": "UpgradeSucceeded", "message": "Helm upgrade succeeded"}
            ],
            "history": [
                {"appVersion": "5.1.0", "chartName": "app-template", "chartVersion": "5.1.0+8f1c6f5d1b3d",
                 "name": "plex", "namespace": "media", "status": "deployed", "version": 7, "ociDigest": DIGEST},
                {"appVersion": "4.4.0", "chartName": "app-template", "chartVersion": "4.4.0+0a1b2c3d4e5f",
                 "name": "plex", "namespace": "media", "status": "superseded", "version": 6}
            ],
            "lastAttemptedGeneration": 4,
            "lastAttemptedRevision": "5.1.0+8f1c6f5d1b3d",
            "lastAttemptedRevisionDigest": DIGEST,
            "observedGeneration": 4,
            "storageNamespace": "media"
        }
    })
}

pub(super) fn release(of: &str, current: &str, kind: ChartKind) -> Release {
    let id = id(of);
    Release {
        kind: crate::model::RowKind::HelmRelease,
        cluster: Some("clusters/production".into()),
        kustomization: Some(self::id("flux-system/apps").into()),
        namespace: id.namespace,
        file: format!("apps/{}.yaml", id.name).into(),
        name: id.name,
        line: 3,
        chart: Some("app-template".to_owned()),
        source: Some(std::sync::Arc::new(SourceRef {
            kind: SourceKind::OciRepository,
            namespace: "flux-system".to_owned(),
            name: "app-template".to_owned(),
            url: Some("oci://ghcr.io/acme/app-template".to_owned()),
        })),
        site: None,
        digest_site: None,
        digest_stays: false,
        frame: None,
        current: Some(current.to_owned()),
        chart_kind: Some(kind),
        lookup: None,
        annotations: std::sync::Arc::default(),
        notes: Vec::new(),
        problem: None,
        chain: Vec::new(),
        credentials: None,
        crds: crate::model::CrdUpgrade::default(),
    }
}

/// A cluster with these HelmReleases, the Kustomization flux-system/apps and the OCIRepository of its charts.
pub(super) fn sighting(releases: &[Value]) -> Sighting {
    let kustomization = LiveKustomization::read(&json!({
        "metadata": {"name": "apps", "namespace": "flux-system"},
        "spec": {"sourceRef": {"kind": "GitRepository", "name": "flux-system"}, "path": "./apps"}
    }));
    let oci = LiveSource::read(&json!({
        "metadata": {"name": "app-template", "namespace": "flux-system"},
        "spec": {"url": "oci://ghcr.io/acme/app-template", "ref": {"tag": "5.1.0"}},
        "status": {"artifact": {"revision": format!("5.1.0@{DIGEST}")}}
    }));
    let git = LiveSource::read(&json!({
        "metadata": {"name": "flux-system", "namespace": "flux-system"},
        "spec": {"url": "ssh://git@github.com/acme/fleet", "ref": {"branch": "main"}}
    }));
    let one = |source: Option<LiveSource>| {
        let source = source.unwrap();
        Fact::Known(HashMap::from([(source.id.clone(), source)]))
    };
    Sighting {
        kube_version: Fact::Known(Version::strict("v1.34.2").unwrap()),
        releases: Fact::Known(
            releases
                .iter()
                .map(|object| LiveRelease::read(object).unwrap())
                .map(|live| (live.id.clone(), live))
                .collect(),
        ),
        kustomizations: Fact::Known(kustomization.into_iter().map(|live| (live.id.clone(), live)).collect()),
        sources: BTreeMap::from([
            (SourceKind::OciRepository, one(oci)),
            (SourceKind::GitRepository, one(git)),
            (SourceKind::Bucket, Fact::Unknown(denied())),
        ]),
        problems: Vec::new(),
    }
}

pub(super) fn denied() -> Problem {
    Problem::new(Reason::ClusterUnknown, "helmreleases is forbidden")
}
