//! F2. The cluster as a witness: what live objects say, beside what Git says. Pure; `world/cluster` brings the objects.
//!
//! A witness decides nothing: which version is desired stays Git's word. What could not be read is unknown and never
//! taken for "nothing there".

mod access;
mod compare;
mod differences;
mod docker;
mod object;
mod secret;
mod source;
mod verdict;

#[cfg(test)]
mod test_objects;

pub use access::{Access, Certificates, Login, SourceProxy};
pub use compare::{Statement, Testimony, testify};
pub use docker::keychain;
pub use object::{Attempt, Condition, LiveKustomization, LiveRelease, LiveSource, Made};
pub use secret::{Reads, SecretData, certificates, login, proxy};
pub use source::{AccountName, Permit, Refusal, SecretName, may_read};
pub use verdict::live;

use crate::model::{Fact, NsName, Problem, SourceKind, Version};
use std::collections::{BTreeMap, HashMap};

/// Everything that one look at the cluster saw. Each part is known or unknown on its own.
#[derive(Debug)]
pub struct Sighting {
    /// The version of Kubernetes.
    pub kube_version: Fact<Version>,
    /// Every HelmRelease.
    pub releases: Fact<HashMap<NsName, LiveRelease>>,
    /// Every Flux Kustomization.
    pub kustomizations: Fact<HashMap<NsName, LiveKustomization>>,
    /// Every source of each kind; a kind that the cluster does not serve is unknown.
    pub sources: BTreeMap<SourceKind, Fact<HashMap<NsName, LiveSource>>>,
    /// What could not be read, each thing once.
    pub problems: Vec<Problem>,
}

impl Sighting {
    /// The live object of a source; nothing where its kind was listed and it is not among them.
    ///
    /// # Errors
    /// Its kind could not be listed.
    pub fn source(&self, kind: SourceKind, id: &NsName) -> Result<Option<&LiveSource>, &Problem> {
        match self.sources.get(&kind) {
            Some(Fact::Known(all)) => Ok(all.get(id)),
            Some(Fact::Unknown(problem)) => Err(problem),
            None => Ok(None),
        }
    }
}
