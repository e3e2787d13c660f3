//! What a person can do where a source was refused and names credentials that Davit does not have (Flux rule 14): the row's
//! message names the object and the key of the configuration.

use crate::model::{CredentialsHint, Lookup, Problem, Reason, Release, SourceKind};
use crate::world::registry::host_of;

/// The problem of a release's source, with what the source names.
pub(super) fn told(release: &Release, problem: &Problem) -> Problem {
    let mut more = Vec::new();
    if let Some(hint) = release.credentials.as_deref() {
        let host = host_of(&hint.url).unwrap_or_else(|| "its host".to_owned());
        // Where Secrets may be read, the problem says itself why one was not used, or that it is wrong.
        if release.lookup.as_ref().is_some_and(|lookup| lookup.source().is_none()) {
            more.extend(unread(hint, &host, problem.reason));
        }
        more.extend(identity(hint, &host).filter(|_| problem.reason == Reason::SourceUnauthorized));
    }
    let asked = release.lookup.as_deref().map(Lookup::question);
    if let (Some(Lookup::Oci { insecure: true, url, .. }), Reason::SourceTls) = (asked, problem.reason) {
        let host = host_of(url).unwrap_or_else(|| "its host".to_owned());
        more.push(format!(
            "insecure of the source stands for plain HTTP alone, and a certificate is checked in spite of it; if this is \
             meant, set insecure: true for {host} in registries.hosts"
        ));
    }
    if more.is_empty() {
        return problem.clone();
    }
    Problem::new(problem.reason, format!("{}; {}", problem.message, more.join("; ")))
}

/// What the source names and nobody may read, as far as it could have helped.
fn unread(hint: &CredentialsHint, host: &str, reason: Reason) -> Vec<String> {
    let names = &hint.references;
    let named = |name: &Option<String>| name.as_ref().map(|name| hint.beside(name));
    let place = hint.place();
    let mut more = Vec::new();
    let authority = |id| {
        format!(
            "the authority of {place} may be in its Secret {id}, which is not read: set caFile for {host} in \
             registries.hosts, or cluster.secrets: true"
        )
    };
    match reason {
        Reason::SourceUnauthorized if hint.kind == SourceKind::GitRepository => {
            more.push(format!("the tags of {place} are listed without credentials over HTTPS, whatever it names"));
        }
        Reason::SourceUnauthorized => {
            more.extend(named(&names.secret).map(|id| {
                format!(
                    "the source's Secret {id} is not readable from here: put its content into registries.hosts \
                     (username and passwordFile)"
                )
            }));
            more.extend(named(&names.service_account).map(|id| {
                format!(
                    "{place} takes the image pull secrets of the ServiceAccount {id}, which is not read: put their \
                     content for {host} into registries.hosts (username and passwordFile), or set cluster.secrets: true"
                )
            }));
            more.extend(named(&names.certificates).map(|id| client_certificate(&place, &id.to_string())));
        }
        Reason::SourceTls => {
            let old = named(&names.secret).filter(|_| hint.kind == SourceKind::HelmRepository);
            more.extend(
                named(&names.certificates)
                    .or(old)
                    .map(|id| format!("{}; {}", authority(id.clone()), client_certificate(&place, &id.to_string()))),
            );
        }
        Reason::SourceUnreachable | Reason::SourcePrivateAddress => {
            more.extend(named(&names.proxy).map(|id| {
                format!(
                    "{place} is reached through the proxy of the Secret {id}, which is not read: set HTTPS_PROXY for \
                     Davit, or cluster.secrets: true"
                )
            }));
        }
        _ => {}
    }
    more
}

fn client_certificate(place: &str, id: &str) -> String {
    format!(
        "where {place} shows a client's certificate of the Secret {id}, only cluster.secrets: true lets Davit do so"
    )
}

/// A cloud's identity, which Flux has by its pod and Davit has not. Flux asks for it only where there is no Secret.
fn identity(hint: &CredentialsHint, host: &str) -> Option<String> {
    let provider = hint.provider.as_deref().filter(|_| hint.references.secret.is_none())?;
    let helper = match provider {
        "aws" => " (docker-credential-ecr-login)",
        "gcp" => " (docker-credential-gcr)",
        "azure" => " (docker-credential-acr-env)",
        _ => "",
    };
    Some(format!(
        "{} signs in by provider {provider}, and Davit holds no cloud's identity: give username and passwordFile for {host} \
         in registries.hosts, or name a credential helper{helper} in registries.dockerConfigFile",
        hint.place()
    ))
}

#[cfg(test)]
#[path = "remedy_tests.rs"]
mod tests;
