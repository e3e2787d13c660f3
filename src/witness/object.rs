//! Live objects, read off what the API server serves: helm v2, v2beta2 and v2beta1, source and kustomize v1 and before.
//! A field that is missing or of another type is absent; nothing here fails.

use crate::model::{NsName, References};
use serde_json::Value;

/// One condition of a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// `True` or `False`; nothing for `Unknown`.
    pub status: Option<bool>,
    /// The controller's word.
    pub reason: String,
    /// For a person.
    pub message: String,
}

/// One entry of `status.history`, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attempt {
    /// `chartVersion`, with `+<digest12>` for an OCI artifact.
    pub chart_version: String,
    /// Helm's word: `deployed`, `failed`, `superseded`, ….
    pub status: String,
    /// Digest of the artifact's manifest.
    pub oci_digest: Option<String>,
}

/// Who made an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// A Flux Kustomization, by the labels that kustomize-controller sets.
    Kustomization(NsName),
    /// A chart or a ResourceSet, by their controllers' labels.
    Controller(String),
    /// Nothing says.
    Unsaid,
}

/// A HelmRelease in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRelease {
    /// Namespace and name.
    pub id: NsName,
    /// Who made it.
    pub made: Made,
    /// `metadata.generation`
    pub generation: Option<i64>,
    /// `status.observedGeneration`
    pub observed: Option<i64>,
    /// `spec.suspend`
    pub suspended: bool,
    /// The OCIRepository of `spec.chartRef`.
    pub oci_source: Option<NsName>,
    /// `status.lastAttemptedRevision`
    pub attempted: Option<String>,
    /// `status.lastAppliedRevision`, of controllers before v2.
    pub applied: Option<String>,
    /// `status.history[0]`
    pub newest: Option<Attempt>,
    /// `status.failures`, `installFailures` and `upgradeFailures` together.
    pub failures: i64,
    /// Ready.
    pub ready: Option<Condition>,
    /// Stalled.
    pub stalled: Option<Condition>,
    /// Remediated: a rollback or an uninstall after a failure.
    pub remediated: Option<Condition>,
    /// Released: the last install or upgrade.
    pub released: Option<Condition>,
}

/// A Flux Kustomization in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveKustomization {
    /// Namespace and name.
    pub id: NsName,
    /// `spec.suspend`
    pub suspended: bool,
    /// The GitRepository that it builds; nothing where it builds another kind of source.
    pub git_source: Option<NsName>,
}

/// A source in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSource {
    /// Namespace and name.
    pub id: NsName,
    /// `spec.url`
    pub url: Option<String>,
    /// The objects that it names.
    pub references: References,
    /// What a GitRepository reads: a ref by its full name, else the words of its `spec.ref`.
    pub git_ref: String,
    /// `spec.suspend`
    pub suspended: bool,
    /// `status.artifact.revision`
    pub revision: Option<String>,
}

impl LiveRelease {
    /// Reads a HelmRelease; nothing where it has no name.
    pub fn read(object: &Value) -> Option<Self> {
        let id = id(object)?;
        let status = &object["status"];
        let chart_ref = &object["spec"]["chartRef"];
        let oci_source = (chart_ref["kind"] == "OCIRepository").then(|| NsName {
            namespace: text(&chart_ref["namespace"]).unwrap_or_else(|| id.namespace.clone()),
            name: text(&chart_ref["name"]).unwrap_or_default(),
        });
        let failures = ["failures", "installFailures", "upgradeFailures"];
        Some(Self {
            made: made(object),
            generation: object["metadata"]["generation"].as_i64(),
            observed: status["observedGeneration"].as_i64(),
            suspended: object["spec"]["suspend"] == true,
            oci_source,
            attempted: text(&status["lastAttemptedRevision"]),
            applied: text(&status["lastAppliedRevision"]),
            newest: status["history"].as_array().and_then(|history| attempt(history.first()?)),
            failures: failures.iter().filter_map(|key| status[*key].as_i64()).max().unwrap_or(0),
            ready: condition(status, "Ready"),
            stalled: condition(status, "Stalled"),
            remediated: condition(status, "Remediated"),
            released: condition(status, "Released"),
            id,
        })
    }

    /// The chart version that runs; nothing where the newest word is that Helm took it away.
    pub fn running(&self) -> Option<&str> {
        match &self.newest {
            Some(newest) if matches!(newest.status.as_str(), "uninstalled" | "uninstalling") => None,
            Some(newest) => Some(&newest.chart_version),
            None => self.applied.as_deref(),
        }
    }
}

impl LiveKustomization {
    /// Reads a Flux Kustomization; nothing where it has no name.
    pub fn read(object: &Value) -> Option<Self> {
        let id = id(object)?;
        let source = &object["spec"]["sourceRef"];
        let git_source = (source["kind"] == "GitRepository").then(|| NsName {
            namespace: text(&source["namespace"]).unwrap_or_else(|| id.namespace.clone()),
            name: text(&source["name"]).unwrap_or_default(),
        });
        Some(Self { suspended: object["spec"]["suspend"] == true, git_source, id })
    }
}

impl LiveSource {
    /// Reads a source of any kind; nothing where it has no name.
    pub fn read(object: &Value) -> Option<Self> {
        let spec = &object["spec"];
        Some(Self {
            id: id(object)?,
            url: text(&spec["url"]),
            references: References {
                secret: text(&spec["secretRef"]["name"]),
                certificates: text(&spec["certSecretRef"]["name"]),
                proxy: text(&spec["proxySecretRef"]["name"]),
                service_account: text(&spec["serviceAccountName"]),
                pass_credentials: spec["passCredentials"] == true,
            },
            git_ref: git_ref(&spec["ref"]),
            suspended: spec["suspend"] == true,
            revision: text(&object["status"]["artifact"]["revision"]),
        })
    }
}

/// As source-controller takes them: a commit before a name, that before a range, a tag and a branch; else `master`.
fn git_ref(wanted: &Value) -> String {
    let of = |field: &str, before: &str| Some(format!("{before}{}", text(&wanted[field])?));
    let found = of("commit", "commit ").or_else(|| of("name", "")).or_else(|| of("semver", "semver "));
    let found = found.or_else(|| of("tag", "refs/tags/")).or_else(|| of("branch", "refs/heads/"));
    found.unwrap_or_else(|| "refs/heads/master".to_owned())
}

fn id(object: &Value) -> Option<NsName> {
    let metadata = &object["metadata"];
    Some(NsName { namespace: text(&metadata["namespace"]).unwrap_or_default(), name: text(&metadata["name"])? })
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn made(object: &Value) -> Made {
    let labels = &object["metadata"]["labels"];
    let owner = |group: &str| {
        let name = text(&labels[format!("{group}/name")])?;
        Some(NsName { namespace: text(&labels[format!("{group}/namespace")]).unwrap_or_default(), name })
    };
    if let Some(kustomization) = owner("kustomize.toolkit.fluxcd.io") {
        return Made::Kustomization(kustomization);
    }
    let controllers =
        [("helm.toolkit.fluxcd.io", "HelmRelease"), ("resourceset.fluxcd.controlplane.io", "ResourceSet")];
    let found = controllers.into_iter().find_map(|(group, kind)| Some(format!("{kind} {}", owner(group)?)));
    found.map_or(Made::Unsaid, Made::Controller)
}

fn attempt(entry: &Value) -> Option<Attempt> {
    Some(Attempt {
        chart_version: text(&entry["chartVersion"])?,
        status: text(&entry["status"]).unwrap_or_default(),
        oci_digest: text(&entry["ociDigest"]),
    })
}

fn condition(status: &Value, kind: &str) -> Option<Condition> {
    let found = status["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)?;
    Some(Condition {
        status: match found["status"].as_str() {
            Some("True") => Some(true),
            Some("False") => Some(false),
            _ => None,
        },
        reason: text(&found["reason"]).unwrap_or_default(),
        message: text(&found["message"]).unwrap_or_default(),
    })
}

#[cfg(test)]
#[path = "object_tests.rs"]
mod tests;
