//! Checks of `cluster`.

use super::check::{Checker, set};
use super::check_repositories::is_name;
use super::raw::{RawAccess, RawCluster};
use super::types::{Cluster, ClusterAccess};
use crate::model::Version;
use std::path::PathBuf;

impl Checker<'_> {
    pub(super) fn cluster(&mut self, raw: RawCluster) -> Cluster {
        let kube_version = Version::strict(&raw.kube_version);
        // Helm takes 1.31 for 1.31.0, and a chart asking for 1.31.2 would be held: the whole version is known to everyone.
        if kube_version.is_none() && !raw.kube_version.is_empty() {
            self.issue("cluster.kubeVersion", "expected the cluster's whole version, such as 1.31.2 or v1.31.2+k3s1");
        }
        let name = set(Some(raw.name));
        if name.as_deref().is_some_and(|name| !is_name(name)) {
            self.issue("cluster.name", "must be letters, digits, `.`, `_` and `-`, and begin with a letter or digit");
        }
        if raw.secrets && raw.access == RawAccess::None {
            self.issue("cluster.secrets", "needs access to the cluster: set cluster.access to inCluster or kubeconfig");
        }
        let (file, context) = (set(Some(raw.kubeconfig_file)), set(Some(raw.context)));
        if raw.access != RawAccess::Kubeconfig {
            for (key, value) in [("kubeconfigFile", &file), ("context", &context)] {
                if value.is_some() {
                    self.issue(&format!("cluster.{key}"), "is for access: kubeconfig only");
                }
            }
        }
        Cluster {
            name,
            root: self.cluster_root(&raw.root),
            kube_version,
            access: match raw.access {
                RawAccess::None => ClusterAccess::None,
                RawAccess::InCluster => ClusterAccess::InCluster,
                RawAccess::Kubeconfig => ClusterAccess::Kubeconfig { file: file.map(PathBuf::from), context },
            },
            secrets: raw.secrets,
            timeout: self.positive("cluster.timeout", &raw.timeout),
        }
    }

    /// A directory from the repository's root, as the rows write it.
    fn cluster_root(&mut self, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        let of = text.split_once(':').filter(|(repository, _)| is_name(repository));
        let (repository, directory) = of.map_or((None, text), |(repository, directory)| (Some(repository), directory));
        let parts: Vec<&str> = directory.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if directory.starts_with('/') || parts.contains(&"..") {
            self.issue(
                "cluster.root",
                "is a directory from the repository's root, such as clusters/production, or one with the repository's \
                 name before it: platform:clusters/production",
            );
        }
        let directory = if parts.is_empty() { ".".to_owned() } else { parts.join("/") };
        Some(repository.map_or(directory.clone(), |repository| format!("{repository}:{directory}")))
    }
}
