//! The way to a host: a client with the right certificates and the right reach, and whether it is known to answer.

use super::access::{Own, OwnKey};
use super::contact::Contact;
use super::failure::{Failure, authority, shown};
use super::http::{Http, Trip};
use crate::config::RegistryHost;
use crate::model::Reason;
use crate::world::address::{Guard, Reach};
use crate::world::authorities::Authorities;
use crate::world::loopback::Place;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use url::Url;

/// What tells one client from another.
#[derive(Clone, PartialEq, Eq, Hash)]
struct ClientKey {
    reach: Reach,
    unchecked: bool,
    raw: bool,
    /// The file with further authorities, and which content it had.
    ca: Option<(PathBuf, String)>,
    place: Place,
    /// What a source's own Secrets add.
    own: OwnKey,
}

/// Every way in use.
#[derive(Default)]
pub(super) struct Ways {
    clients: HashMap<ClientKey, reqwest::Client>,
    contacts: HashMap<(ClientKey, String, String), Arc<Contact>>,
}

/// A client for one host, and what is known of that host.
pub(super) struct Way {
    pub(super) client: reqwest::Client,
    pub(super) contact: Arc<Contact>,
}

impl Ways {
    /// Lets go of what was built on an earlier content of the same file of authorities, or of the same Secret.
    fn forget_former(&mut self, now: &ClientKey) {
        let other_file =
            |(of, was): &(PathBuf, String)| now.ca.as_ref().is_some_and(|(file, is)| of == file && was != is);
        let former = |key: &ClientKey| key.ca.as_ref().is_some_and(other_file) || key.own.is_former_of(&now.own);
        self.clients.retain(|key, _| !former(key));
        self.contacts.retain(|(key, ..), _| !former(key));
    }
}

impl Http {
    /// The way to a URL's host, where it is within reach.
    pub(super) fn way(&self, trip: &Trip, url: &Url) -> Result<Way, Failure> {
        let name = authority(url);
        let guard = self.guard_at(url, trip.reach);
        guard.judge_literal(url).map_err(|out| Failure::out_of_reach(&out, &shown(url)))?;
        let entry = self.entry(url);
        let authorities = entry.and_then(|entry| entry.ca_file.as_deref()).map(Authorities::read).transpose();
        let authorities = authorities
            .map_err(|why| Failure::never(Reason::SourceTls, format!("{}: registries.hosts: {why}", shown(url))))?;
        let own = self.own(trip, url);
        // Behind a proxy it is the proxy's name that is resolved.
        let guard = own.proxy.map_or(Ok(guard), |proxy| self.proxy_guard(proxy))?;
        let key = ClientKey {
            reach: guard.reach(),
            unchecked: trip.unchecked || entry.is_some_and(|entry| entry.insecure),
            raw: trip.raw,
            ca: authorities.as_ref().map(|found| (found.file.clone(), found.digest.clone())),
            place: Place::of(url),
            own: own.key(),
        };
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        let client = if let Some(client) = ways.clients.get(&key) {
            client.clone()
        } else {
            let client = self.build(&key, guard, authorities.as_ref(), own)?;
            ways.forget_former(&key);
            ways.clients.insert(key.clone(), client.clone());
            client
        };
        let contact = ways.contacts.entry((key, url.scheme().to_owned(), name)).or_default();
        Ok(Way { client, contact: Arc::clone(contact) })
    }

    /// The configuration's entry for a URL; in an OCI registry the path is the repository's name.
    pub(super) fn entry(&self, url: &Url) -> Option<&RegistryHost> {
        let path = url.path().strip_prefix("/v2/").unwrap_or(url.path());
        self.options.registries.host(&authority(url), path)
    }

    /// Longest time for name, connection and TLS together.
    pub(super) fn connect_timeout(&self) -> Duration {
        self.options.registries.timeout / 3
    }

    /// Requests at once to one host, at most: so many connections are worth keeping for the next ones.
    fn most_at_once(&self) -> usize {
        let configured = self.options.registries.hosts.iter().map(|host| host.concurrency);
        configured.chain([self.options.limits.concurrency]).max().unwrap_or(1)
    }

    fn build(
        &self,
        key: &ClientKey,
        guard: Guard,
        authorities: Option<&Authorities>,
        own: Own<'_>,
    ) -> Result<reqwest::Client, Failure> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("davit/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.connect_timeout())
            .pool_max_idle_per_host(self.most_at_once())
            .pool_idle_timeout(Duration::from_secs(20))
            .tls_danger_accept_invalid_certs(key.unchecked)
            .gzip(!key.raw)
            .dns_resolver(Arc::new(guard));
        builder = key.place.fit(builder);
        if let Some(authorities) = authorities {
            let certificates = authorities.certificates();
            builder = builder.tls_certs_merge(
                certificates.map_err(|why| Failure::never(Reason::SourceTls, format!("registries.hosts: {why}")))?,
            );
        }
        own.fit(builder).map_err(|why| Failure::never(Reason::SourceTls, why))?.build().map_err(|_| {
            let message =
                "no HTTP client: the system has no usable CA bundle (install ca-certificates, or set SSL_CERT_FILE)";
            Failure::never(Reason::SourceTls, message)
        })
    }
}
