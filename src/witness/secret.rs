//! What a source's Secret says (Flux rule 14): user and password, or Docker's JSON. Nothing here is ever shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use std::collections::BTreeMap;

/// The decoded values of a Secret, by key.
pub type SecretData = BTreeMap<String, SecretSlice<u8>>;

/// The key of Docker's JSON in a Secret of its type.
const DOCKER: &str = ".dockerconfigjson";

/// Who we are to one host.
#[derive(Debug, Clone)]
pub struct Login {
    /// `the Secret media/auth`: for messages, and to tell what one Secret shows from another's.
    pub origin: String,
    /// Host with its port where it is not the scheme's; the credentials are for it alone.
    pub host: String,
    /// User name.
    pub username: String,
    /// Password or token.
    pub password: SecretString,
}

/// Which keys of a Secret a kind of source reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// `username` and `password`: a HelmRepository over HTTP.
    Basic,
    /// Docker's JSON: an OCIRepository.
    Docker,
    /// Docker's JSON, else `username` and `password`: a HelmRepository of type `oci`.
    Either,
}

/// The login that a Secret holds for a host.
///
/// # Errors
/// The Secret holds nothing for it; the sentence names no value.
pub fn login(origin: &str, host: &str, data: &SecretData, reads: Reads) -> Result<Login, String> {
    let made = |username: &str, password: &str| Login {
        origin: origin.to_owned(),
        host: host.to_owned(),
        username: username.to_owned(),
        password: SecretString::from(password.to_owned()),
    };
    let text = |key: &str| data.get(key).and_then(|bytes| std::str::from_utf8(bytes.expose_secret()).ok());
    match text(DOCKER) {
        Some(json) if reads != Reads::Basic => {
            return docker(host, json).map(|(username, password)| made(&username, password.expose_secret()));
        }
        _ if reads == Reads::Docker => {
            return Err(format!("it has no key {DOCKER}, and an OCIRepository reads no other"));
        }
        _ => {}
    }
    match (text("username"), text("password")) {
        (Some(username), Some(password)) if !username.is_empty() => Ok(made(username, password)),
        _ if reads == Reads::Basic => Err("it has no username and password".to_owned()),
        _ => Err(format!("it has neither {DOCKER} nor username and password")),
    }
}

fn docker(host: &str, json: &str) -> Result<(String, SecretString), String> {
    // The parser's message may quote what it read.
    let parsed: serde_json::Value = serde_json::from_str(json).map_err(|_| format!("{DOCKER} in it is not JSON"))?;
    let auths = parsed["auths"].as_object().ok_or_else(|| format!("{DOCKER} in it has no auths"))?;
    let entry = auths.iter().find(|(key, _)| host_of(key).eq_ignore_ascii_case(host));
    let entry = entry.or_else(|| auths.iter().find(|(key, _)| is_hub(host) && is_hub(host_of(key))));
    let Some((_, entry)) = entry else { return Err(format!("{DOCKER} in it has no entry for {host}")) };
    let given = |key: &str| entry[key].as_str().filter(|text| !text.is_empty());
    let pair = given("auth")
        .and_then(|encoded| STANDARD.decode(encoded.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|pair| pair.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned())));
    let pair = pair.or_else(|| Some((given("username")?.to_owned(), given("password")?.to_owned())));
    let Some((username, password)) = pair else {
        return Err(format!("the entry for {host} in {DOCKER} has neither auth nor username and password"));
    };
    Ok((username, SecretString::from(password)))
}

/// `https://index.docker.io/v1/` and `ghcr.io` alike.
fn host_of(key: &str) -> &str {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    key.split('/').next().unwrap_or(key)
}

fn is_hub(host: &str) -> bool {
    matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io")
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
