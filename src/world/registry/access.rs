//! What one source's own Secrets change about the way to a host (Flux rule 14): further authorities, a client's certificate,
//! a proxy. And what they must not change: where the operator's credentials go.
//!
//! An authority or a proxy comes from whoever owns the source. Where it is used, the operator's credentials stay at home,
//! or a tenant could stand between Davit and a host and read them.

use super::credentials::is_docker_hub;
use super::failure::{Failure, authority};
use super::http::{Http, Trip};
use crate::witness::{Access, Certificates, SourceProxy};
use secrecy::{ExposeSecret as _, SecretSlice};
use url::Url;

/// The parts of a source's access that one hop is made with.
#[derive(Clone, Copy, Default)]
pub(super) struct Own<'a> {
    pub(super) authorities: Option<&'a Certificates>,
    pub(super) identity: Option<&'a Certificates>,
    pub(super) proxy: Option<&'a SourceProxy>,
}

/// What tells a client that was built with them from another one: where each comes from, and its content's digest.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct OwnKey(Vec<(&'static str, String, String)>);

impl Own<'_> {
    pub(super) fn key(&self) -> OwnKey {
        let authorities = self.authorities.map(|own| ("ca", own.origin.clone(), own.authorities_digest.clone()));
        let identity = self.identity.map(|own| ("identity", own.origin.clone(), own.identity_digest.clone()));
        let proxy = self.proxy.map(|own| ("proxy", own.origin.clone(), own.digest.clone()));
        OwnKey(authorities.into_iter().chain(identity).chain(proxy).collect())
    }

    /// Adds them to a client.
    pub(super) fn fit(&self, mut builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, String> {
        if let Some(own) = self.authorities {
            builder = builder.tls_certs_merge(authorities(own)?);
        }
        if let Some(own) = self.identity {
            builder = builder.identity(identity(own)?);
        }
        if let Some(own) = self.proxy {
            builder = builder.no_proxy().proxy(proxy(own)?);
        }
        Ok(builder)
    }
}

impl OwnKey {
    /// Whether the same objects had another content there.
    pub(super) fn is_former_of(&self, now: &Self) -> bool {
        self.0.iter().any(|(what, origin, digest)| {
            now.0.iter().any(|(same, of, is)| (what, origin) == (same, of) && digest != is)
        })
    }
}

/// Whether a source's certificates and proxy can be used at all.
///
/// # Errors
/// One can't; the sentence names its Secret and nothing of its content.
pub fn check(access: &Access) -> Result<(), String> {
    let certificates = access.certificates.as_ref();
    let own = Own {
        authorities: certificates.filter(|own| own.authorities.is_some()),
        identity: certificates.filter(|own| own.identity.is_some()),
        proxy: access.proxy.as_ref(),
    };
    // Whether key and certificate belong together shows when a client is built; it needs no authority for that.
    let alone = Own { authorities: None, ..own };
    own.authorities.map(authorities).transpose()?;
    let built = alone.fit(reqwest::Client::builder().tls_certs_only([]))?.build();
    let origin = own.identity.map_or("the source's Secret", |own| own.origin.as_str());
    built.map(drop).map_err(|_| format!("{origin} is of no use: tls.crt and tls.key are not a pair"))
}

fn authorities(own: &Certificates) -> Result<Vec<reqwest::Certificate>, String> {
    let pem = own.authorities.as_ref().map(SecretSlice::expose_secret).unwrap_or_default();
    match reqwest::Certificate::from_pem_bundle(pem) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(format!("{} is of no use: ca.crt holds no PEM certificate", own.origin)),
    }
}

fn identity(own: &Certificates) -> Result<reqwest::Identity, String> {
    let pem = own.identity.as_ref().map(SecretSlice::expose_secret).unwrap_or_default();
    reqwest::Identity::from_pem(pem)
        .map_err(|_| format!("{} is of no use: tls.crt and tls.key are not a PEM certificate and its key", own.origin))
}

fn proxy(own: &SourceProxy) -> Result<reqwest::Proxy, String> {
    let made = reqwest::Proxy::all(own.url.clone());
    let made = made.map_err(|_| format!("{} is of no use: its address is not a proxy's", own.origin))?;
    Ok(match &own.login {
        Some((username, password)) => made.basic_auth(username, password.expose_secret()),
        None => made,
    })
}

impl Http {
    /// What of a source's own access counts for one hop.
    pub(super) fn own<'t>(&self, trip: &'t Trip, url: &Url) -> Own<'t> {
        let Some(access) = trip.access.as_deref() else { return Own::default() };
        let host = authority(url);
        let home = is_home(access, &host);
        // The operator's word on a host goes before a tenant's, and a place of the operator's is none of a tenant's.
        let theirs = self.entry(url).is_some_and(|entry| entry.password.is_some() || entry.ca_file.is_some());
        let foreign = self.named.contains(&host) && !home;
        let certificates = access.certificates.as_ref();
        Own {
            authorities: certificates.filter(|own| own.authorities.is_some() && !theirs && !foreign && !trip.strict),
            identity: certificates.filter(|own| own.identity.is_some() && (home || (access.pass && !foreign))),
            proxy: access.proxy.as_ref(),
        }
    }

    /// Whether the operator's credentials may go to a URL: not where somebody else has a say in who answers, nor in the
    /// clear through a proxy of somebody else.
    pub(super) fn may_take_ours(&self, trip: &Trip, url: &Url) -> bool {
        let own = self.own(trip, url);
        let open = url.scheme() != "https" || trip.unchecked || self.entry(url).is_some_and(|entry| entry.insecure);
        own.authorities.is_none() && !(open && own.proxy.is_some())
    }

    /// The reach of a source's own proxy: it may be inside the cluster, and no cloud's metadata service.
    pub(super) fn proxy_guard(&self, proxy: &SourceProxy) -> Result<crate::world::address::Guard, Failure> {
        use crate::config::PrivateAddresses;
        use crate::world::address::Reach;
        let reach = match self.options.registries.allow_private_addresses {
            PrivateAddresses::Always => Reach::Any,
            PrivateAddresses::Auto => Reach::Private,
            PrivateAddresses::Never => Reach::NeverPrivate,
        };
        let guard = self.guard_at(&proxy.url, reach);
        guard.judge_literal(&proxy.url).map_err(|out| Failure::out_of_reach(&out, &proxy.origin))?;
        Ok(guard)
    }
}

/// Whether a host is the source's own.
pub(super) fn is_home(access: &Access, host: &str) -> bool {
    access.host == host || (is_docker_hub(&access.host) && is_docker_hub(host))
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
