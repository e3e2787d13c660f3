//! What an opened chart must say before it is proposed (Flux rule 7). Pure; the archive was read by others.

use super::Range;
use crate::model::{Candidate, Contents, Inside, Lookup, Problem, Reason, Version};
use std::sync::Arc;

/// The candidate with what its archive said, or with why it can't be installed as what Git asks for.
pub fn opened(lookup: &Lookup, candidate: Candidate, contents: &Arc<Contents>) -> Candidate {
    let inside = match refused(lookup, &candidate, contents) {
        Some(problem) => Inside::Refused(Box::new(problem)),
        None => Inside::Opened(contents.clone()),
    };
    Candidate {
        deprecated: candidate.deprecated || contents.deprecated,
        app_version: contents.app_version.clone().or(candidate.app_version),
        inside,
        ..candidate
    }
}

fn refused(lookup: &Lookup, candidate: &Candidate, contents: &Contents) -> Option<Problem> {
    let text = &candidate.text;
    if let Some(asked) = asked_name(lookup).filter(|asked| *asked != contents.name) {
        let message = format!("{asked} {text} holds a chart that calls itself {:?}", contents.name);
        return Some(Problem::new(Reason::ChartDiffers, message));
    }
    let chart = lookup.chart();
    // As helm-controller compares: by precedence, without build metadata.
    if Version::loose(&contents.version).as_ref() != Some(&candidate.version) {
        let message = format!("{chart} {text} holds a chart of version {}, which Flux refuses", contents.version);
        return Some(Problem::new(Reason::ChartDiffers, message));
    }
    None
}

/// Why Helm installs a chart on no cluster, as a sentence: it is a library, a part of other charts.
pub fn type_refusal(text: &str, contents: &Contents) -> Option<String> {
    let installed = matches!(contents.kind.as_str(), "" | "application");
    (!installed).then(|| format!("{text} is a chart of type {:?}, which Helm does not install", contents.kind))
}

/// The name that Git asks for: a HelmRepository's chart. An OCIRepository names a place only, whatever the chart there is
/// called.
fn asked_name(lookup: &Lookup) -> Option<&str> {
    match lookup.question() {
        Lookup::Index { chart, .. } => Some(chart),
        Lookup::Oci { rules, .. } if rules.by_version => Some(lookup.chart()),
        Lookup::Oci { .. } | Lookup::GitTags { .. } | Lookup::Signed { .. } => None,
    }
}

/// Why Helm refuses a chart on a cluster, as a sentence: the check of `kubeVersion` that each install and upgrade makes
/// (Helm's `IsCompatibleRange` on the version that the API server reports). A pre-release suffix counts: on
/// `v1.31.2-gke.100` the range `>=1.25.0` does not hold, `>=1.25.0-0` does. Build metadata (`+k3s1`) has no say.
pub fn kube_refusal(text: &str, contents: &Contents, cluster: Option<&Version>) -> Option<String> {
    let wanted = contents.kube_version.as_deref()?;
    let Ok(range) = Range::parse(wanted) else {
        return Some(format!(
            "{text} needs Kubernetes {wanted:?}, which is no range: Helm refuses it on every cluster"
        ));
    };
    let cluster = cluster.filter(|cluster| !range.admits(cluster))?;
    let hint = if cluster.is_prerelease() && !range.names_prereleases() {
        " (a range that names no pre-release leaves out every version with a suffix)"
    } else {
        ""
    };
    Some(format!("{text} needs Kubernetes {wanted}, and the cluster has {cluster}{hint}"))
}

#[cfg(test)]
#[path = "opened_tests.rs"]
mod tests;
