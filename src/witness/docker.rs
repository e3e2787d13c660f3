//! Docker's JSON in a Secret: `.dockerconfigjson`, and `.dockercfg` of image pull secrets. Which entry is for a host is
//! what Helm's registry client says (a HelmRepository), or Kubernetes' keyring (an OCIRepository).

use super::SecretData;
use super::access::Login;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

/// The key of Docker's JSON in a Secret of its type.
pub(super) const CONFIG: &str = ".dockerconfigjson";
/// The type of such a Secret: Flux reads that key of no other.
pub(super) const CONFIG_TYPE: &str = "kubernetes.io/dockerconfigjson";
/// The same in its oldest form, without `auths` around the entries.
const OLD: &str = ".dockercfg";
/// Its type.
const OLD_TYPE: &str = "kubernetes.io/dockercfg";

/// Where one entry stands: its key, the Secret that it comes from, and its content.
struct Entry {
    key: String,
    origin: String,
    pair: Option<(String, SecretString)>,
}

/// The entry for a host, whatever path its key has: what Helm's client takes.
///
/// # Errors
/// There is none; the sentence names no value.
pub(super) fn by_host(origin: &str, host: &str, data: &SecretData) -> Result<Login, String> {
    let entries = entries(origin, data)?;
    let is_hub = is_hub(host);
    let found = entries.iter().find(|entry| host_of(&entry.key).eq_ignore_ascii_case(host));
    let found = found.or_else(|| entries.iter().find(|entry| is_hub && self::is_hub(host_of(&entry.key))));
    found.ok_or_else(|| format!("{CONFIG} in it has no entry for {host}"))?.login(host)
}

/// The entry for a repository among several Secrets, as Kubernetes' keyring takes it: the longest key first, then the
/// Secrets in their order; a key may hold a path and, in its host, wildcards.
///
/// # Errors
/// No Secret has one; the sentence names no value.
pub fn keychain(host: &str, path: &str, secrets: &[(String, &SecretData)]) -> Result<Login, String> {
    let names = || secrets.iter().map(|(origin, _)| origin.as_str()).collect::<Vec<_>>().join(", ");
    let mut readable = secrets.iter().filter(|(_, data)| key_of(data).is_some_and(|key| data.has(key))).peekable();
    if readable.peek().is_none() {
        let other = secrets.iter().find_map(|(origin, data)| Some(format!("{origin}: {}", of_another_type(data)?)));
        return Err(
            other.unwrap_or_else(|| format!("{}: no key {CONFIG}, and an OCIRepository reads no other", names()))
        );
    }
    let mut all = Vec::new();
    for (origin, data) in readable {
        all.extend(entries(origin, data).map_err(|why| format!("{origin}: {why}"))?);
    }
    all.sort_by_key(|entry| std::cmp::Reverse(place(&entry.key)));
    let found = all.iter().find(|entry| is_for(&place(&entry.key), host, path));
    found.ok_or_else(|| format!("{}: no entry in {CONFIG} for {host}", names()))?.login(host)
}

impl Entry {
    fn login(&self, host: &str) -> Result<Login, String> {
        match &self.pair {
            Some((username, password)) => Ok(Login {
                origin: self.origin.clone(),
                host: host.to_owned(),
                username: username.clone(),
                password: password.clone(),
            }),
            None => Err(format!("the entry for {host} in {CONFIG} has neither auth nor username and password")),
        }
    }
}

/// The key of Docker's JSON that Flux reads of a Secret, by its type.
fn key_of(data: &SecretData) -> Option<&'static str> {
    match data.kind() {
        CONFIG_TYPE => Some(CONFIG),
        OLD_TYPE => Some(OLD),
        _ => None,
    }
}

/// Docker's JSON in a Secret of which Flux does not read it.
pub(super) fn of_another_type(data: &SecretData) -> Option<String> {
    let kind = data.kind();
    let (key, its) = [(CONFIG, CONFIG_TYPE), (OLD, OLD_TYPE)].into_iter().find(|(key, _)| data.has(key))?;
    (kind != its).then(|| format!("its type is {kind}; Flux reads {key} only from {its}"))
}

fn entries(origin: &str, data: &SecretData) -> Result<Vec<Entry>, String> {
    let text = |key: &str| data.get(key).and_then(|bytes| std::str::from_utf8(bytes.expose_secret()).ok());
    // The parser's message may quote what it read.
    let parsed = |key: &str, json: &str| -> Result<Value, String> {
        serde_json::from_str(json).map_err(|_| format!("{key} in it is not JSON"))
    };
    let value = match key_of(data).and_then(|key| Some((key, text(key)?))) {
        Some((OLD, json)) => parsed(OLD, json)?,
        Some((key, json)) => parsed(key, json)?["auths"].take(),
        None => return Err(format!("it has no key {CONFIG}")),
    };
    let auths: &Map<String, Value> = value.as_object().ok_or_else(|| format!("{CONFIG} in it has no auths"))?;
    Ok(auths
        .iter()
        .map(|(key, entry)| Entry { key: key.clone(), origin: origin.to_owned(), pair: pair(entry) })
        .collect())
}

/// `auth` goes before `username` and `password`.
fn pair(entry: &Value) -> Option<(String, SecretString)> {
    let given = |key: &str| entry[key].as_str().filter(|text| !text.is_empty());
    let decoded = given("auth").and_then(|encoded| STANDARD.decode(encoded.trim()).ok());
    let encoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let encoded = encoded.as_deref().and_then(|pair| pair.split_once(':'));
    let (username, password) = encoded.or_else(|| given("username").zip(given("password")))?;
    Some((username.to_owned(), SecretString::from(password.to_owned())))
}

/// Host and path of a key; `/v1/` and `/v2/` are what Docker writes for the host alone.
fn place(key: &str) -> (String, String) {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    let (host, path) = key.split_once('/').map_or((key, String::new()), |(host, rest)| (host, format!("/{rest}")));
    let path =
        path.strip_prefix("/v1/").or_else(|| path.strip_prefix("/v2/")).map_or(path.clone(), |p| format!("/{p}"));
    (host.to_ascii_lowercase(), if path == "/" { String::new() } else { path })
}

/// Label by label, the port as it stands, the path as a prefix.
fn is_for((key, prefix): &(String, String), host: &str, path: &str) -> bool {
    let split = |text: &str| -> (Vec<String>, Option<String>) {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (name, Some(port.to_owned())),
            _ => (text, None),
        };
        (name.split('.').map(str::to_owned).collect(), port)
    };
    let host = host.to_ascii_lowercase();
    let same_hub = is_hub(key) && is_hub(&host);
    let ((labels, port), (wanted, wanted_port)) = (split(key), split(&host));
    let same = port == wanted_port && labels.len() == wanted.len();
    let matches =
        same && labels.iter().zip(&wanted).all(|(glob, label)| glob_matches(glob.as_bytes(), label.as_bytes()));
    (same_hub || matches) && path.starts_with(prefix.as_str())
}

/// `*` and `?` within one label.
fn glob_matches(glob: &[u8], text: &[u8]) -> bool {
    match (glob.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) if glob_matches(rest, text) => true,
        (Some((b'*', _)), Some((_, left))) => glob_matches(glob, left),
        (Some((b'?', rest)), Some((_, left))) => glob_matches(rest, left),
        (Some((byte, rest)), Some((other, left))) => byte == other && glob_matches(rest, left),
        _ => false,
    }
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
#[path = "docker_tests.rs"]
mod tests;
