//! What a source's Secrets say (Flux rule 14): user and password, certificates, a proxy. Keys and their order are those of
//! Flux's pkg/runtime/secrets. Nothing here is ever shown.

use super::access::{Certificates, Login, SourceProxy};
use super::docker;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use url::Url;

/// A Secret: its type, and its decoded values by key.
#[derive(Debug, Default)]
pub struct SecretData {
    kind: String,
    values: BTreeMap<String, SecretSlice<u8>>,
}

impl SecretData {
    /// Of this type, as the API writes it.
    pub fn new(kind: &str, values: impl IntoIterator<Item = (String, SecretSlice<u8>)>) -> Self {
        Self { kind: kind.to_owned(), values: values.into_iter().collect() }
    }

    /// Its type; `Opaque` where nothing says.
    pub fn kind(&self) -> &str {
        if self.kind.is_empty() { "Opaque" } else { &self.kind }
    }

    /// A value.
    pub fn get(&self, key: &str) -> Option<&SecretSlice<u8>> {
        self.values.get(key)
    }

    /// Whether it has a key.
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }
}

/// Longest address of a proxy that Flux takes, in bytes.
const LONGEST_PROXY: usize = 2048;

/// Which keys of a Secret a kind of source reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// `username` and `password`: a HelmRepository over HTTP.
    Basic,
    /// Docker's JSON of a Secret of its type, of any other `username` and `password`: a HelmRepository of type `oci`.
    Either,
}

/// The login that a Secret holds for a host.
///
/// # Errors
/// The Secret holds nothing for it; the sentence names no value.
pub fn login(origin: &str, host: &str, data: &SecretData, reads: Reads) -> Result<Login, String> {
    if reads == Reads::Either && data.kind() == docker::CONFIG_TYPE {
        return docker::by_host(origin, host, data);
    }
    match (text(data, "username"), text(data, "password")) {
        (Some(username), Some(password)) if !username.is_empty() => Ok(Login {
            origin: origin.to_owned(),
            host: host.to_owned(),
            username: username.to_owned(),
            password: SecretString::from(password.to_owned()),
        }),
        _ if reads == Reads::Basic => Err("it has no username and password".to_owned()),
        _ => Err(docker::of_another_type(data)
            .unwrap_or_else(|| format!("it has neither {} nor username and password", docker::CONFIG))),
    }
}

/// The certificates that a Secret holds, under the names of today, else the old ones.
///
/// # Errors
/// It has none, or half a pair; the sentence names no value.
pub fn certificates(origin: &str, data: &SecretData) -> Result<Certificates, String> {
    // A key that is there and empty is not looked for under its old name.
    let bytes = |key: &str, old: &str| data.get(key).or_else(|| data.get(old)).map(SecretSlice::expose_secret);
    let found = |key: &str, old: &str| bytes(key, old).filter(|bytes| !bytes.is_empty());
    let authorities = found("ca.crt", "caFile");
    let identity = match (found("tls.crt", "certFile"), found("tls.key", "keyFile")) {
        (Some(certificate), Some(key)) => Some([certificate, b"\n", key].concat()),
        (Some(_), None) => return Err("it has tls.crt without tls.key".to_owned()),
        (None, Some(_)) => return Err("it has tls.key without tls.crt".to_owned()),
        (None, None) if authorities.is_none() => {
            return Err("it has neither ca.crt nor tls.crt and tls.key".to_owned());
        }
        (None, None) => None,
    };
    Ok(Certificates {
        origin: origin.to_owned(),
        authorities_digest: digest(authorities.unwrap_or_default()),
        identity_digest: digest(identity.as_deref().unwrap_or_default()),
        authorities: authorities.map(|pem| SecretSlice::from(pem.to_vec())),
        identity: identity.map(SecretSlice::from),
    })
}

/// The proxy that a Secret holds: `address`, and `username` with or without `password`.
///
/// # Errors
/// It has no address that Davit can use; the sentence names no value.
pub fn proxy(origin: &str, data: &SecretData) -> Result<SourceProxy, String> {
    let address = text(data, "address").filter(|address| !address.is_empty()).ok_or("it has no address")?;
    if address.len() > LONGEST_PROXY {
        return Err(format!("its address is longer than {LONGEST_PROXY} bytes"));
    }
    let mut url = Url::parse(address).ok().filter(Url::has_host).ok_or("its address is not a URL")?;
    match url.scheme() {
        "http" | "https" => {}
        "socks5" => return Err("its address is socks5://, which Davit does not speak".to_owned()),
        _ => return Err("its address is neither http:// nor https://".to_owned()),
    }
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let within = (!url.username().is_empty()).then(|| (decoded(url.username()), decoded(url.password().unwrap_or(""))));
    let given = text(data, "username").map(|user| (user.to_owned(), text(data, "password").unwrap_or("").to_owned()));
    let pair = given.or(within);
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    let (user, password) = pair.as_ref().map_or(("", ""), |(user, password)| (user, password));
    let digest = digest(format!("{url}\n{user}\n{password}").as_bytes());
    let login = pair.map(|(user, password)| (user, SecretString::from(password)));
    Ok(SourceProxy { origin: origin.to_owned(), url, login, digest })
}

fn text<'d>(data: &'d SecretData, key: &str) -> Option<&'d str> {
    data.get(key).and_then(|bytes| std::str::from_utf8(bytes.expose_secret()).ok())
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
