//! From the configuration to a client. Blocks nothing: a kubeconfig may run a command for its credentials.

use super::connection::Connection;
use super::{proxy, refused};
use crate::config::ClusterAccess;
use crate::model::Problem;
use http::HeaderValue;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError};
use secrecy::{ExposeSecret as _, SecretString};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// A client with the credentials as they are now.
///
/// # Errors
/// No usable configuration, or no credentials in time.
pub(super) async fn connect(
    access: &ClusterAccess,
    timeout: Duration,
    deadline: Instant,
    making: &Arc<Semaphore>,
) -> Result<Connection, Problem> {
    let mut config = configured(access).await?;
    config.connect_timeout = Some(timeout);
    config.read_timeout = Some(timeout);
    config.write_timeout = Some(timeout);
    // What is asked again is `Connection`'s: kube would not say what the server answered.
    config.default_retry = false;
    let server = shown(&config.cluster_url);
    let place = server.clone();
    // Its credentials may come from a command. One that hangs keeps its thread: the next look must not take another.
    let Ok(permit) = making.clone().try_acquire_owned() else {
        let message = format!("{server}: the command that an earlier look started for its credentials still runs");
        return Err(refused::unknown(&message));
    };
    let made = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        set_token(&mut config.auth_info).map_err(|why| refused::unknown(&format!("{place}: {why}")))?;
        kube::Client::try_from(config).map_err(|error| refused::problem(&place, "", &error))
    });
    match tokio::time::timeout_at(deadline, made).await {
        Ok(Ok(client)) => Ok(Connection::new(client?, server, timeout)),
        Ok(Err(_)) => Err(refused::unknown(&format!("{server}: making a client broke off: a bug, please report it"))),
        Err(_) => Err(refused::unknown(&format!("{server}: no credentials within cluster.timeout ({timeout:?})"))),
    }
}

/// The server that is meant, for a cluster that could not be connected to; nothing where nothing says.
pub(super) async fn server(access: &ClusterAccess) -> Option<String> {
    configured(access).await.ok().map(|config| shown(&config.cluster_url))
}

async fn configured(access: &ClusterAccess) -> Result<kube::Config, Problem> {
    match access {
        ClusterAccess::None => Err(refused::unknown("cluster.access is none")),
        ClusterAccess::InCluster => kube::Config::incluster().map_err(|error| refused::in_cluster(&error)),
        ClusterAccess::Kubeconfig { file, context } => kubeconfig(file.clone(), context.clone()).await,
    }
}

async fn kubeconfig(file: Option<PathBuf>, context: Option<String>) -> Result<kube::Config, Problem> {
    let named = file.as_ref().map_or_else(|| "the kubeconfig".to_owned(), |file| file.display().to_string());
    let read = tokio::task::spawn_blocking(move || match file {
        Some(file) => Kubeconfig::read_from(file),
        None => ambient(std::env::var_os("KUBECONFIG")),
    });
    let read = read.await.map_err(|_| refused::unknown(&format!("{named}: reading it broke off")))?;
    let mut read = read.map_err(|error| refused::kubeconfig(&named, &error))?;
    let own = take_proxy(&mut read, context.as_deref());
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let config = kube::Config::from_custom_kubeconfig(read, &options).await;
    let mut config = config.map_err(|error| refused::kubeconfig(&named, &error))?;
    let variable = |name: &str| std::env::var(name).ok();
    let proxy = proxy::proxy(own.as_deref(), &config.cluster_url, variable);
    config.proxy_url = proxy.map_err(|why| refused::unknown(&format!("cluster.kubeconfigFile: {named}: {why}")))?;
    Ok(config)
}

/// The files of `$KUBECONFIG`, as kubectl merges them: those that are not there are passed over; else `~/.kube/config`.
fn ambient(paths: Option<OsString>) -> Result<Kubeconfig, KubeconfigError> {
    let Some(paths) = paths.filter(|paths| !paths.is_empty()) else {
        return Kubeconfig::read();
    };
    let mut merged: Option<Kubeconfig> = None;
    for path in std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()) {
        match Kubeconfig::read_from(&path) {
            Ok(next) => merged = Some(merged.unwrap_or_default().merge(next)?),
            Err(KubeconfigError::ReadConfig(error, _)) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    merged.ok_or(KubeconfigError::FindPath)
}

/// The `proxy-url` of the context's cluster. kube would look `NO_PROXY` up for the proxy itself, and fail on some of what
/// may stand there.
fn take_proxy(config: &mut Kubeconfig, context: Option<&str>) -> Option<String> {
    let context = context.or(config.current_context.as_deref())?;
    let context = config.contexts.iter().find(|named| named.name == context)?.context.as_ref()?;
    let cluster = config.clusters.iter_mut().find(|named| named.name == context.cluster)?;
    cluster.cluster.as_mut()?.proxy_url.take()
}

/// The token without the newline that ends a file, as client-go reads it. A client lives for one look: the file is read
/// anew for the next.
fn set_token(auth: &mut AuthInfo) -> Result<(), String> {
    let (text, place) = match (&auth.token, &auth.token_file) {
        (Some(token), _) => (token.expose_secret().to_owned(), "the kubeconfig's token".to_owned()),
        (None, Some(file)) => {
            let place = format!("the token file {}", Path::new(file).display());
            (std::fs::read_to_string(file).map_err(|error| format!("{place}: {error}"))?, place)
        }
        (None, None) => return Ok(()),
    };
    let token = SecretString::from(text.trim().to_owned());
    if token.expose_secret().is_empty() {
        return Err(format!("{place} is empty"));
    }
    if HeaderValue::try_from(token.expose_secret()).is_err() {
        return Err(format!("{place} is no token: it holds what no HTTP header may have"));
    }
    (auth.token, auth.token_file) = (Some(token), None);
    Ok(())
}

/// The server without user and query: a path may be what tells two clusters behind one host apart.
fn shown(url: &http::Uri) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let (scheme, host) = (url.scheme_str().unwrap_or("https"), url.host().unwrap_or_default());
    format!("{scheme}://{host}{port}{}", url.path().trim_end_matches('/'))
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
