//! The way to a host: a client with the right certificates and the right reach, and whether it is known to answer.

use super::address::{GuardedResolver, Network, Reach};
use super::contact::Contact;
use super::failure::{Failure, authority, private_address, shown};
use super::http::{Http, Trip};
use crate::config::RegistryHost;
use crate::model::Reason;
use crate::world::loopback::Place;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use url::{Host, Url};

/// What tells one client from another.
#[derive(Clone, PartialEq, Eq, Hash)]
struct ClientKey {
    reach: Reach,
    unchecked: bool,
    ca_file: Option<PathBuf>,
    place: Place,
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

impl Http {
    /// The way to a URL's host, where it is within reach.
    pub(super) fn way(&self, trip: &Trip, url: &Url) -> Result<Way, Failure> {
        let name = authority(url);
        let reach = if self.named.contains(&name) { Reach::Any } else { trip.reach };
        self.judge_literal(reach, url)?;
        let entry = self.entry(url);
        let key = ClientKey {
            reach,
            unchecked: trip.unchecked || entry.is_some_and(|entry| entry.insecure),
            ca_file: entry.and_then(|entry| entry.ca_file.clone()),
            place: Place::of(url),
        };
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        let client = if let Some(client) = ways.clients.get(&key) {
            client.clone()
        } else {
            let client = self.build(&key)?;
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

    /// The resolver never sees an address that is written out.
    fn judge_literal(&self, reach: Reach, url: &Url) -> Result<(), Failure> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(()),
        };
        if reach.admits(address, self.options.network.as_ref()) {
            return Ok(());
        }
        Err(Failure::never(Reason::SourcePrivateAddress, private_address(&address.to_string(), &shown(url))))
    }

    /// Requests at once to one host, at most: so many connections are worth keeping for the next ones.
    fn most_at_once(&self) -> usize {
        let configured = self.options.registries.hosts.iter().map(|host| host.concurrency);
        configured.chain([self.options.limits.concurrency]).max().unwrap_or(1)
    }

    fn build(&self, key: &ClientKey) -> Result<reqwest::Client, Failure> {
        let resolver = GuardedResolver {
            network: Arc::clone(&self.options.network) as Arc<dyn Network>,
            reach: key.reach,
            proxies: Arc::clone(&self.proxies),
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("davit/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.connect_timeout())
            .pool_max_idle_per_host(self.most_at_once())
            .pool_idle_timeout(Duration::from_secs(20))
            .tls_danger_accept_invalid_certs(key.unchecked)
            .dns_resolver(Arc::new(resolver));
        builder = key.place.fit(builder);
        if let Some(file) = &key.ca_file {
            let broken = |why: String| {
                Failure::never(Reason::SourceTls, format!("registries.hosts: caFile {}: {why}", file.display()))
            };
            let pem = std::fs::read(file).map_err(|e| broken(e.to_string()))?;
            let bundle =
                reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| broken("holds no PEM certificate".into()))?;
            if bundle.is_empty() {
                return Err(broken("holds no PEM certificate".into()));
            }
            builder = builder.tls_certs_merge(bundle);
        }
        builder.build().map_err(|_| {
            let message =
                "no HTTP client: the system has no usable CA bundle (install ca-certificates, or set SSL_CERT_FILE)";
            Failure::never(Reason::SourceTls, message)
        })
    }
}
