//! Which Secret may be read for a source (Flux rule 27): only the one that the live source of that namespace and name
//! names, and only where it has the URL and the `secretRef` that Git has. A tenant who commits a source into another
//! tenant's namespace, with a URL of his own, would otherwise be sent that tenant's password, which Flux refuses him.

use super::Sighting;
use crate::model::{CredentialsHint, NsName, canonical_url};

/// The one Secret that may be read. Made by [`may_read`] alone: who has it may ask for that Secret, and for no other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretName(NsName);

impl SecretName {
    /// Namespace and name.
    pub fn id(&self) -> &NsName {
        &self.0
    }
}

/// Why no Secret is read, for the message of a request that is refused without it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Judges a source that names a Secret in Git.
///
/// # Errors
/// The live source is not known, is not there, or says something else than Git.
pub fn may_read(hint: &CredentialsHint, seen: &Sighting) -> Result<SecretName, Refusal> {
    let place = format!("{} {}", hint.kind.as_str(), hint.source);
    let refuse = |why: String| Err(Refusal(why));
    let live = match seen.source(hint.kind, &hint.source) {
        Ok(Some(live)) => live,
        Ok(None) => return refuse(format!("the cluster has no {place}, so its Secret is not read")),
        Err(problem) => return refuse(format!("the cluster was not asked for {place}: {problem}")),
    };
    let same_url = live.url.as_deref().is_some_and(|url| canonical_url(url) == canonical_url(&hint.url));
    if !same_url {
        return refuse(format!("{place} has another URL in the cluster than in Git, so its Secret is not read"));
    }
    if live.secret.as_deref() != Some(&hint.secret) {
        return refuse(format!("{place} names another Secret in the cluster than in Git, so neither is read"));
    }
    Ok(SecretName(hint.secret_id()))
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
