//! What the Secrets of sources say, read from the cluster for one look (Flux rules 14 and 27), where the configuration lets
//! that be. Each is asked for by its name, once a look, and only where the live source is the one in Git.

use crate::model::{CredentialsHint, Lookup, Problem, SourceKind};
use crate::resolve::Resolution;
use crate::witness::{
    Access, Login, Permit, Reads, SecretData, SecretName, certificates, keychain, login, may_read, proxy,
};
use crate::world::cluster::Sight;
use crate::world::registry::{Grants, check, host_of};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::time::Instant;

/// Marks the questions of sources that name a Secret: two sources on one URL with two Secrets are two questions.
pub(super) fn sign(resolution: &mut Resolution) {
    for release in &mut resolution.releases {
        let (Some(lookup), Some(source)) = (&release.lookup, &release.credentials) else { continue };
        let signed = Lookup::clone(lookup).signed(source);
        Arc::make_mut(release).lookup = Some(Arc::new(signed));
    }
}

/// The ways to the sources of these questions, or why one is not known. `theirs`: those that releases of the cluster that
/// was asked use; what another cluster's Secrets are is not its to say.
pub(super) async fn grants(
    sight: Option<&Sight>,
    lookups: &[Arc<Lookup>],
    theirs: &BTreeSet<&CredentialsHint>,
) -> Grants {
    let sources: BTreeSet<&CredentialsHint> = lookups.iter().filter_map(|lookup| lookup.source()).collect();
    let mut reader = sight.map(|sight| Reader { sight, until: sight.until(), known: BTreeMap::new() });
    let mut grants = Grants::new();
    for source in sources {
        let access = match &mut reader {
            Some(_) if !theirs.contains(source) => {
                Err("no release of the cluster that was asked (cluster.root) uses it, so none of its Secrets is read"
                    .to_owned())
            }
            Some(reader) => reader.access(source).await,
            None => Err("the cluster was not asked for its Secrets".to_owned()),
        };
        grants.insert(source.clone(), access.map(Arc::new));
    }
    grants
}

/// Secrets as they are in one look.
struct Reader<'a> {
    sight: &'a Sight,
    until: Instant,
    known: BTreeMap<SecretName, Result<Arc<SecretData>, Problem>>,
}

impl Reader<'_> {
    /// Everything that one source names. As in Flux, one object that is missing or of no use fails all of it.
    async fn access(&mut self, source: &CredentialsHint) -> Result<Access, String> {
        let host = host_of(&source.url).ok_or("its source has no URL with a host")?;
        let permit = may_read(source, &self.sight.seen).map_err(|refusal| refusal.to_string())?;
        let mut access = Access {
            account: account(&permit, source.references.pass_credentials),
            host,
            login: None,
            lacks: None,
            pass: source.references.pass_credentials,
            certificates: None,
            proxy: None,
        };
        if let Some(name) = &permit.certificates {
            let data = self.secret(name).await?;
            access.certificates = Some(certificates(&origin(name), &data).map_err(|why| useless(name, &why))?);
        }
        if let Some(name) = &permit.proxy {
            let data = self.secret(name).await?;
            access.proxy = Some(proxy(&origin(name), &data).map_err(|why| useless(name, &why))?);
        }
        let found = match source.kind {
            SourceKind::OciRepository => self.keychain(source, &permit, &access.host).await?,
            _ => self.own(source, &permit, &mut access).await?,
        };
        match found {
            Some(Ok(login)) => access.login = Some(login),
            Some(Err(why)) => access.lacks = Some(why),
            None => {}
        }
        check(&access)?;
        Ok(access)
    }

    /// A HelmRepository's own Secret: its login, and under `secretRef` certificates too, where there is no `certSecretRef`.
    async fn own(
        &mut self,
        source: &CredentialsHint,
        permit: &Permit,
        access: &mut Access,
    ) -> Result<Option<Result<Login, String>>, String> {
        let Some(name) = &permit.secret else { return Ok(None) };
        let data = self.secret(name).await?;
        if access.certificates.is_none() {
            // What is no certificate there may be a login.
            access.certificates = certificates(&origin(name), &data).ok();
        }
        let reads = if source.is_oci() { Reads::Either } else { Reads::Basic };
        Ok(match login(&origin(name), &access.host, &data, reads) {
            Err(_) if access.certificates.is_some() && !data.has("username") => None,
            found => Some(found.map_err(|why| useless(name, &why))),
        })
    }

    /// An OCIRepository's Secret, then those of its ServiceAccount.
    async fn keychain(
        &mut self,
        source: &CredentialsHint,
        permit: &Permit,
        host: &str,
    ) -> Result<Option<Result<Login, String>>, String> {
        let mut names: Vec<SecretName> = permit.secret.iter().cloned().collect();
        if let Some(account) = &permit.account {
            let found = self.sight.pull_secrets(account, self.until).await;
            let found = found.map_err(|problem| problem.message)?;
            if found.is_empty() && names.is_empty() {
                return Ok(Some(Err(format!("the ServiceAccount {} has no imagePullSecrets", account.id()))));
            }
            names.extend(found);
        }
        let mut secrets = Vec::with_capacity(names.len());
        for name in &names {
            secrets.push((origin(name), self.secret(name).await?));
        }
        let secrets: Vec<(String, &SecretData)> =
            secrets.iter().map(|(origin, data)| (origin.clone(), &**data)).collect();
        let path = source.url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
        Ok((!secrets.is_empty()).then(|| keychain(host, path.unwrap_or_default(), &secrets)))
    }

    async fn secret(&mut self, name: &SecretName) -> Result<Arc<SecretData>, String> {
        if !self.known.contains_key(name) {
            let read = self.sight.secret(name, self.until).await.map(Arc::new);
            self.known.insert(name.clone(), read);
        }
        match self.known.get(name) {
            Some(Ok(data)) => Ok(data.clone()),
            Some(Err(problem)) => Err(problem.message.clone()),
            None => Err(format!("{} was not read", origin(name))),
        }
    }
}

fn origin(name: &SecretName) -> String {
    format!("the Secret {}", name.id())
}

fn useless(name: &SecretName, why: &str) -> String {
    format!("{} is of no use: {why}", origin(name))
}

/// What tells one source's answers from another's: the objects behind them, and whether they go to other hosts too.
fn account(permit: &Permit, pass: bool) -> String {
    let secrets = [("", &permit.secret), ("certificates of ", &permit.certificates), ("proxy of ", &permit.proxy)];
    let secrets = secrets.into_iter().filter_map(|(what, name)| Some(format!("{what}{}", origin(name.as_ref()?))));
    let account = permit.account.iter().map(|account| format!("the ServiceAccount {}", account.id()));
    let pass = pass.then(|| "passed on".to_owned());
    secrets.chain(account).chain(pass).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "grants_tests.rs"]
mod tests;
