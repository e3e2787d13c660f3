//! Who Davit is to a host: `registries.hosts`, then Docker's config.json with its credential helpers.
//!
//! A helper runs only where that file names it, as a child with a time limit; the host goes to its standard input.

use super::http::Authorization;
use super::options::Options;
use super::secret;
use crate::model::{Problem, Reason};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longest time for a credential helper, where `registries.timeout` is not shorter.
const HELPER: Duration = Duration::from_secs(10);

/// What proves who we are, and which key or file it comes from.
#[derive(Debug)]
pub(super) struct Credential {
    pub(super) secret: Secret,
    /// For messages.
    pub(super) origin: String,
}

/// The proof itself.
#[derive(Debug)]
pub(super) enum Secret {
    Basic {
        username: String,
        password: SecretString,
    },
    /// A refresh token (`identitytoken`), good for the token service only.
    Identity(SecretString),
}

impl Credential {
    /// The header's value for basic authentication; nothing for an identity token.
    pub(super) fn basic(&self) -> Option<Authorization> {
        match &self.secret {
            Secret::Basic { username, password } => {
                let pair = format!("{username}:{}", password.expose_secret());
                let value = SecretString::from(format!("Basic {}", STANDARD.encode(pair)));
                Some(Authorization { value, personal: true })
            }
            Secret::Identity(_) => None,
        }
    }
}

/// For a chart index: the configuration alone, where the operator's credentials may go there, or user and password of the
/// URL; `written` says whose URL that is.
pub(super) fn for_index(
    options: &Options,
    url: &url::Url,
    ours: bool,
    written: &str,
) -> Result<Option<Credential>, Problem> {
    if ours && let Some(found) = configured(options, &super::failure::authority(url), url.path())? {
        return Ok(Some(found));
    }
    Ok((!url.username().is_empty()).then(|| Credential {
        secret: Secret::Basic {
            username: percent_decoded(url.username()),
            password: SecretString::from(percent_decoded(url.password().unwrap_or(""))),
        },
        origin: written.to_owned(),
    }))
}

/// For an OCI registry; `host` as the URL in use names it.
pub(super) async fn for_registry(options: &Options, host: &str, path: &str) -> Result<Option<Credential>, Problem> {
    if let Some(found) = configured(options, host, path)? {
        return Ok(Some(found));
    }
    let (file, named) = match (&options.registries.docker_config_file, &options.docker_config) {
        (Some(file), _) => (file, true),
        (None, Some(file)) => (file, false),
        (None, None) => return Ok(None),
    };
    let Some(config) = docker_config(file, named).await? else { return Ok(None) };
    let origin = format!("registries.dockerConfigFile ({})", file.display());
    from_docker(&config, host, &origin, options.registries.timeout.min(HELPER)).await
}

fn configured(options: &Options, host: &str, path: &str) -> Result<Option<Credential>, Problem> {
    let entry = docker_names(host).find_map(|name| options.registries.host(name, path));
    let Some(entry) = entry else { return Ok(None) };
    let Some(password) = &entry.password else { return Ok(None) };
    let username = entry.username.clone().unwrap_or_default();
    let secret = Secret::Basic { username, password: secret::read(password)? };
    Ok(Some(Credential { secret, origin: format!("registries.hosts (username and passwordFile of {host})") }))
}

#[derive(serde::Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct DockerConfig {
    auths: BTreeMap<String, DockerAuth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct DockerAuth {
    #[serde(deserialize_with = "secret::optional")]
    auth: Option<SecretString>,
    username: Option<String>,
    #[serde(deserialize_with = "secret::optional")]
    password: Option<SecretString>,
    #[serde(deserialize_with = "secret::optional")]
    identitytoken: Option<SecretString>,
}

async fn docker_config(file: &Path, named: bool) -> Result<Option<DockerConfig>, Problem> {
    let problem = |why: &str| {
        Problem::new(Reason::SourceUnauthorized, format!("registries.dockerConfigFile {}: {why}", file.display()))
    };
    match tokio::fs::read(file).await {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| problem(&format!("not Docker's config.json (line {}, column {})", e.line(), e.column()))),
        Err(error) if named => Err(problem(&error.to_string())),
        Err(_) => Ok(None),
    }
}

async fn from_docker(
    config: &DockerConfig,
    host: &str,
    origin: &str,
    limit: Duration,
) -> Result<Option<Credential>, Problem> {
    for name in docker_names(host) {
        if let Some(helper) = config.cred_helpers.get(name) {
            return from_helper(helper, name, limit).await;
        }
    }
    for name in docker_names(host) {
        let entry = config.auths.iter().find(|(key, _)| host_of_key(key).eq_ignore_ascii_case(name));
        if let Some(found) = entry.and_then(|(_, auth)| from_auth(auth)) {
            return Ok(Some(Credential { secret: found, origin: origin.to_owned() }));
        }
    }
    let Some(helper) = &config.creds_store else { return Ok(None) };
    for name in docker_names(host) {
        let asked = if is_docker_hub(name) { "https://index.docker.io/v1/" } else { name };
        if let Some(found) = from_helper(helper, asked, limit).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn from_auth(auth: &DockerAuth) -> Option<Secret> {
    let text =
        |secret: &Option<SecretString>| secret.as_ref().map(|s| s.expose_secret().to_owned()).filter(|s| !s.is_empty());
    if let Some(token) = text(&auth.identitytoken) {
        return Some(Secret::Identity(token.into()));
    }
    if let Some(pair) = text(&auth.auth).and_then(|encoded| STANDARD.decode(encoded.trim()).ok()) {
        let pair = String::from_utf8(pair).ok()?;
        let (username, password) = pair.split_once(':')?;
        let password = password.trim_end_matches('\0').to_owned();
        return Some(Secret::Basic { username: username.to_owned(), password: password.into() });
    }
    let username = auth.username.clone().filter(|name| !name.is_empty())?;
    Some(Secret::Basic { username, password: text(&auth.password)?.into() })
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stored {
    username: String,
    #[serde(deserialize_with = "secret::text")]
    secret: SecretString,
}

/// `docker-credential-NAME get`, as Docker's protocol for helpers says.
async fn from_helper(helper: &str, host: &str, limit: Duration) -> Result<Option<Credential>, Problem> {
    let problem = |why: &str| {
        let message = format!("docker-credential-{helper} gave no credentials for {host}: {why}");
        Problem::new(Reason::SourceUnauthorized, message)
    };
    if helper.is_empty() || !helper.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        return Err(Problem::new(
            Reason::SourceUnauthorized,
            "Docker's config.json names a credential helper with an impossible name",
        ));
    }
    let run = async {
        let mut child = tokio::process::Command::new(format!("docker-credential-{helper}"))
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // A helper that ends without reading is judged by what it says.
            let _ = input.write_all(host.as_bytes()).await;
        }
        let mut output = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(1 << 20).read_to_end(&mut output).await?;
        }
        Ok::<_, std::io::Error>((child.wait().await?, output))
    };
    let (status, output) = match tokio::time::timeout(limit, run).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(problem("there is no such program on PATH"));
        }
        Ok(Err(error)) => return Err(problem(&error.to_string())),
        Err(_) => return Err(problem(&format!("it did not finish within {limit:?}"))),
    };
    // What it wrote may hold a secret: never shown.
    if !status.success() {
        let none = String::from_utf8_lossy(&output).contains("credentials not found");
        return if none { Ok(None) } else { Err(problem(&format!("it failed ({status})"))) };
    }
    let stored: Stored =
        serde_json::from_slice(&output).map_err(|_| problem("its output is not what Docker's protocol asks for"))?;
    let secret = if stored.username == "<token>" {
        Secret::Identity(stored.secret)
    } else {
        Secret::Basic { username: stored.username, password: stored.secret }
    };
    Ok(Some(Credential { secret, origin: format!("docker-credential-{helper}") }))
}

/// The names that one registry goes by in configurations.
fn docker_names(host: &str) -> impl Iterator<Item = &str> {
    let hub: &[&str] =
        if is_docker_hub(host) { &["docker.io", "index.docker.io", "registry-1.docker.io"] } else { &[] };
    std::iter::once(host).chain(hub.iter().copied().filter(move |name| *name != host))
}

pub(super) fn is_docker_hub(host: &str) -> bool {
    matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io")
}

/// `https://index.docker.io/v1/` and `ghcr.io` alike.
fn host_of_key(key: &str) -> &str {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    key.split('/').next().unwrap_or(key)
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
