//! From the configuration to a client. Blocks nothing: a kubeconfig may run a command for its credentials.

use super::connection::Connection;
use super::refused;
use crate::config::ClusterAccess;
use crate::model::Problem;
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::PathBuf;
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
    let server = shown(&config.cluster_url);
    let place = server.clone();
    // Its credentials may come from a command. One that hangs keeps its thread: the next look must not take another.
    let Ok(permit) = making.clone().try_acquire_owned() else {
        let message = format!("{server}: the command that an earlier look started for its credentials still runs");
        return Err(refused::unknown(&message));
    };
    let made = tokio::task::spawn_blocking(move || {
        let _permit = permit;
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
        None => Kubeconfig::read(),
    });
    let read = read.await.map_err(|_| refused::unknown(&format!("{named}: reading it broke off")))?;
    let read = read.map_err(|error| refused::kubeconfig(&named, &error))?;
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let config = kube::Config::from_custom_kubeconfig(read, &options).await;
    config.map_err(|error| refused::kubeconfig(&named, &error))
}

/// The server without what a URL may hold beside host and port.
fn shown(url: &http::Uri) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme_str().unwrap_or("https"), url.host().unwrap_or_default())
}
