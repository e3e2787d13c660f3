//! Secrets of sources, read from the cluster for one look (Flux rule 27), where the configuration lets that be. Each is
//! asked for by its name, once a look, and only where the live source is the one in Git.

use crate::model::{CredentialsHint, Lookup, SourceKind};
use crate::resolve::Resolution;
use crate::witness::{Login, Reads, SecretName, login, may_read};
use crate::world::cluster::Sight;
use crate::world::registry::{Grants, host_of};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Marks the questions of sources that name a Secret: two sources on one URL with two Secrets are two questions.
pub(super) fn sign(resolution: &mut Resolution) {
    for release in &mut resolution.releases {
        let (Some(lookup), Some(source)) = (&release.lookup, &release.credentials) else { continue };
        let signed = Lookup::clone(lookup).signed(source);
        Arc::make_mut(release).lookup = Some(Arc::new(signed));
    }
}

/// The logins for these questions, or why a source has none.
pub(super) async fn grants(sight: Option<&Sight>, lookups: &[Arc<Lookup>]) -> Grants {
    let sources: BTreeSet<&CredentialsHint> = lookups.iter().filter_map(|lookup| lookup.source()).collect();
    let mut names: BTreeMap<SecretName, Vec<&CredentialsHint>> = BTreeMap::new();
    let mut grants = Grants::new();
    for source in sources {
        let refused = match sight.map(|sight| may_read(source, &sight.seen)) {
            Some(Ok(name)) => {
                names.entry(name).or_default().push(source);
                continue;
            }
            Some(Err(refusal)) => refusal.to_string(),
            None => "the cluster was not asked for its Secret".to_owned(),
        };
        grants.insert(source.clone(), Err(refused));
    }
    let Some(sight) = sight else { return grants };
    let until = sight.until();
    for (name, sources) in names {
        let data = sight.secret(&name, until).await;
        for source in sources {
            let origin = format!("the Secret {}", name.id());
            let login = match &data {
                Ok(data) => of(source, &origin, data).map_err(|why| format!("{origin} is of no use: {why}")),
                Err(problem) => Err(problem.message.clone()),
            };
            grants.insert(source.clone(), login.map(Arc::new));
        }
    }
    grants
}

/// What a Secret holds for a source's own host.
fn of(source: &CredentialsHint, origin: &str, data: &crate::witness::SecretData) -> Result<Login, String> {
    let host = host_of(&source.url).ok_or("its source has no URL with a host")?;
    let reads = match source.kind {
        SourceKind::OciRepository => Reads::Docker,
        _ if source.url.trim().starts_with("oci://") => Reads::Either,
        _ => Reads::Basic,
    };
    login(origin, &host, data, reads)
}
