//! Which objects may be read for a source (Flux rule 27): only those that the live source of that namespace and name
//! names, and only where it has the URL and every reference that Git has. A tenant who commits a source into another
//! tenant's namespace, with a URL of his own, would otherwise be sent that tenant's password, which Flux refuses him.

use super::Sighting;
use crate::model::{CredentialsHint, NsName, References, canonical_url};
use serde_json::Value;

/// A Secret that may be read. Made in this file alone: who has it may ask for that Secret, and for no other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretName(NsName);

impl SecretName {
    /// Namespace and name.
    pub fn id(&self) -> &NsName {
        &self.0
    }
}

/// A ServiceAccount that may be read, as [`SecretName`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountName(NsName);

impl AccountName {
    /// Namespace and name.
    pub fn id(&self) -> &NsName {
        &self.0
    }

    /// The Secrets of its `imagePullSecrets`, in its own namespace.
    pub fn pull_secrets(&self, account: &Value) -> Vec<SecretName> {
        let all = account["imagePullSecrets"].as_array().into_iter().flatten();
        let names = all.filter_map(|secret| secret["name"].as_str()).filter(|name| !name.is_empty());
        names.map(|name| SecretName(NsName { namespace: self.0.namespace.clone(), name: name.to_owned() })).collect()
    }
}

/// What may be read for a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    /// Of `secretRef`.
    pub secret: Option<SecretName>,
    /// Of `certSecretRef`.
    pub certificates: Option<SecretName>,
    /// Of `proxySecretRef`.
    pub proxy: Option<SecretName>,
    /// Of `serviceAccountName`.
    pub account: Option<AccountName>,
}

/// Why nothing is read, for the message of a request that is refused without it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Judges a source that names credentials in Git.
///
/// # Errors
/// The live source is not known, is not there, or says something else than Git.
pub fn may_read(hint: &CredentialsHint, seen: &Sighting) -> Result<Permit, Refusal> {
    let place = hint.place();
    let refuse = |why: String| Err(Refusal(why));
    let live = match seen.source(hint.kind, &hint.source) {
        Ok(Some(live)) => live,
        Ok(None) => return refuse(format!("the cluster has no {place}, so none of its Secrets is read")),
        Err(problem) => return refuse(format!("the cluster was not asked for {place}: {problem}")),
    };
    let same_url = live.url.as_deref().is_some_and(|url| canonical_url(url) == canonical_url(&hint.url));
    if !same_url {
        return refuse(format!("{place} has another URL in the cluster than in Git, so none of its Secrets is read"));
    }
    if let Some(field) = difference(&live.references, &hint.references) {
        return refuse(format!(
            "{place} has another {field} in the cluster than in Git, so none of its Secrets is read"
        ));
    }
    let References { secret, certificates, proxy, service_account, .. } = &hint.references;
    let named = |name: &Option<String>| name.as_ref().map(|name| SecretName(hint.beside(name)));
    Ok(Permit {
        secret: named(secret),
        certificates: named(certificates),
        proxy: named(proxy),
        account: service_account.as_ref().map(|name| AccountName(hint.beside(name))),
    })
}

/// The first field in which they differ.
fn difference(live: &References, git: &References) -> Option<&'static str> {
    let fields = [
        ("secretRef", live.secret == git.secret),
        ("certSecretRef", live.certificates == git.certificates),
        ("proxySecretRef", live.proxy == git.proxy),
        ("serviceAccountName", live.service_account == git.service_account),
        ("passCredentials", live.pass_credentials == git.pass_credentials),
    ];
    fields.into_iter().find_map(|(field, same)| (!same).then_some(field))
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
