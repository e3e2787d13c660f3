//! The clients of HTTP remotes: one for each kind of place, reach and content of `git.http.caFile`. A rotated file of
//! authorities makes a new client; the former one goes.

use super::access::CONNECT;
use super::error::{Failure, chain};
use super::options::GitOptions;
use crate::world::address::{Guard, Reach};
use crate::world::authorities::Authorities;
use crate::world::loopback::Place;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    place: Place,
    /// Nothing for remotes that the configuration names.
    reach: Option<Reach>,
    /// Digest of `git.http.caFile`.
    ca: Option<String>,
}

/// The clients in use.
#[derive(Default)]
pub(super) struct Clients(Mutex<HashMap<Key, reqwest::Client>>);

impl Clients {
    /// The client for a remote. Reads the file of authorities again.
    pub(super) fn client(
        &self,
        options: &GitOptions,
        url: &str,
        guard: Option<&Guard>,
    ) -> Result<reqwest::Client, Failure> {
        let url = url::Url::parse(url).map_err(|error| Failure::Address(error.to_string()))?;
        if let Some(guard) = guard {
            guard.judge_literal(&url).map_err(Failure::PrivateAddress)?;
        }
        let unusable = |why: crate::world::authorities::Unusable| Failure::Tls(format!("git.http.{why}"));
        let authorities = options.ca_file.as_deref().map(Authorities::read).transpose().map_err(unusable)?;
        let key = Key {
            place: Place::of(&url),
            reach: guard.map(Guard::reach),
            ca: authorities.as_ref().map(|found| found.digest.clone()),
        };
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let mut builder = reqwest::Client::builder()
            .https_only(!options.insecure)
            .tls_danger_accept_invalid_certs(options.insecure)
            .connect_timeout(CONNECT.min(options.timeout))
            .redirect(reqwest::redirect::Policy::custom(follow));
        builder = key.place.fit(builder);
        if let Some(guard) = guard {
            builder = builder.dns_resolver(Arc::new(guard.clone()));
        }
        if let Some(authorities) = &authorities {
            builder = builder.tls_certs_merge(authorities.certificates().map_err(unusable)?);
        }
        let client = builder.build().map_err(|error| {
            let why = chain(&error);
            Failure::Tls(format!("no HTTPS client: {why} (is there a bundle of authorities on this system?)"))
        })?;
        clients.retain(|former, _| former.ca == key.ca);
        clients.insert(key, client.clone());
        Ok(client)
    }
}

/// Within one origin only: credentials must not leave it, nor may a public remote lead to a private one.
fn follow(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.previous().len() > 5 {
        return attempt.error("too many redirects");
    }
    let same = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
    if same {
        return attempt.follow();
    }
    let target = attempt.url().host_str().unwrap_or("?").to_owned();
    attempt.error(format!("redirect to another place ({target}) is refused"))
}
