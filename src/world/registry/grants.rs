//! Access that is one source's alone: it comes from the objects that it names, and its login goes to its own host, through
//! no mirror and no redirect; to an archive's other host only where `passCredentials` says so.

use super::access::is_home;
use super::credentials::{Credential, Secret};
use super::failure::authority;
use crate::model::{CredentialsHint, Lookup, Problem, Reason};
use crate::witness::{Access, Login};
use std::collections::HashMap;
use std::sync::Arc;
use url::Url;

/// For each source that names credentials the way to it, or why it is not known.
pub type Grants = HashMap<CredentialsHint, Result<Arc<Access>, String>>;

/// Host and port that a source's URL leads to, as [`Access::host`] names it; nothing where it is no URL.
pub fn host_of(url: &str) -> Option<String> {
    let url = Url::parse(&url.replacen("oci://", "https://", 1)).ok()?;
    url.has_host().then(|| authority(&url))
}

/// Who asks a question: the question itself, and the access of its source.
pub(super) fn asker<'a>(grants: &Grants, lookup: &'a Lookup) -> (&'a Lookup, Option<Arc<Access>>) {
    let access = lookup.source().and_then(|source| grants.get(source)?.as_ref().ok().cloned());
    (lookup.question(), access)
}

/// A refused request, with why what the source names was not used.
pub(super) fn told(grants: &Grants, lookup: &Lookup, problem: Problem) -> Problem {
    let Some((source, grant)) = lookup.source().and_then(|source| Some((source, grants.get(source)?))) else {
        return problem;
    };
    let names = &source.references;
    let why = match (grant, problem.reason) {
        (Err(why), Reason::SourceUnauthorized) => Some(why),
        (Err(why), Reason::SourceTls) if names.certificates.is_some() || names.secret.is_some() => Some(why),
        (Err(why), Reason::SourceUnreachable | Reason::SourcePrivateAddress) if names.proxy.is_some() => Some(why),
        (Ok(access), Reason::SourceUnauthorized) => access.lacks.as_ref(),
        _ => None,
    };
    match why {
        Some(why) => Problem::new(problem.reason, format!("{}; {why}", problem.message)),
        None => problem,
    }
}

/// The source's login as a credential for its own host; nothing for any other one.
pub(super) fn at_home(access: Option<&Arc<Access>>, host: &str) -> Option<Credential> {
    access.filter(|access| is_home(access, host))?.login.as_ref().map(credential)
}

/// The source's login for an archive on another host: `passCredentials`.
pub(super) fn passed(access: Option<&Arc<Access>>) -> Option<Credential> {
    access.filter(|access| access.pass)?.login.as_ref().map(credential)
}

fn credential(login: &Login) -> Credential {
    let secret = Secret::Basic { username: login.username.clone(), password: login.password.clone() };
    Credential { secret, origin: login.origin.clone() }
}

#[cfg(test)]
#[path = "grants_tests.rs"]
mod tests;
