//! Logins that are one source's alone: they come from the Secret that it names, and go to its own host, through no mirror
//! and no redirect.

use super::credentials::{Credential, Secret, is_docker_hub};
use super::failure::authority;
use crate::model::{CredentialsHint, Lookup, Problem, Reason};
use crate::witness::Login;
use std::collections::HashMap;
use std::sync::Arc;
use url::Url;

/// For each source that names a Secret its login, or why there is none.
pub type Grants = HashMap<CredentialsHint, Result<Arc<Login>, String>>;

/// Host and port that a source's URL leads to, as [`Login::host`] names it; nothing where it is no URL.
pub fn host_of(url: &str) -> Option<String> {
    let url = Url::parse(&url.replacen("oci://", "https://", 1)).ok()?;
    url.has_host().then(|| authority(&url))
}

/// Who asks a question: the question itself, and the login of its source.
pub(super) fn asker<'a>(grants: &Grants, lookup: &'a Lookup) -> (&'a Lookup, Option<Arc<Login>>) {
    let login = lookup.source().and_then(|source| grants.get(source)?.as_ref().ok().cloned());
    (lookup.question(), login)
}

/// A refused request, with why the source's Secret was not used.
pub(super) fn told(grants: &Grants, lookup: &Lookup, problem: Problem) -> Problem {
    let why = lookup.source().and_then(|source| grants.get(source)?.as_ref().err());
    match why {
        Some(why) if problem.reason == Reason::SourceUnauthorized => {
            Problem::new(problem.reason, format!("{}; {why}", problem.message))
        }
        _ => problem,
    }
}

/// The login as a credential for a host; nothing for any other host than its own.
pub(super) fn credential(login: Option<&Arc<Login>>, host: &str) -> Option<Credential> {
    let login = login.filter(|login| login.host == host || (is_docker_hub(&login.host) && is_docker_hub(host)))?;
    let secret = Secret::Basic { username: login.username.clone(), password: login.password.clone() };
    Some(Credential { secret, origin: login.origin.clone() })
}

#[cfg(test)]
#[path = "grants_tests.rs"]
mod tests;
