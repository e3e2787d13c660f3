//! F3. The live cluster, read only: there is no write verb in this module. Lists of Flux's objects, the version of
//! Kubernetes, and one Secret or ServiceAccount by its name; never a list of Secrets.
//!
//! What can't be read stays unknown with the reason, part by part; nothing here ends a pass. Client and credentials are
//! made anew for each look: a rotated token, kubeconfig or authority needs no restart.

mod connect;
mod connection;
mod lists;
mod memory;
mod proxy;
mod refused;
mod secret;

use crate::config::ClusterAccess;
pub use memory::Remembered;

use crate::model::{Problem, Version};
use crate::witness::{AccountName, SecretData, SecretName, Sighting};
use connection::Connection;
use jiff::Timestamp;
use memory::Memory;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long a look serves the passes of other repositories.
const FRESH: Duration = Duration::from_secs(30);

/// The configured cluster.
pub struct Cluster {
    access: ClusterAccess,
    timeout: Duration,
    /// Held while somebody looks; whoever comes later waits and shares.
    last: tokio::sync::Mutex<Option<(Instant, Arc<Sight>)>>,
    /// One at a time makes a client: the command of a kubeconfig may never end.
    making: Arc<Semaphore>,
    memory: Arc<Memory>,
    now: Clock,
}

/// The time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// One look, and the way to the Secrets that it lets be read.
pub struct Sight {
    /// What was seen.
    pub seen: Sighting,
    /// The version of Kubernetes, as it was known last: a cluster that does not answer once has not changed its version,
    /// and no chart is to be proposed in that moment that was held back before.
    pub kube_version: Option<Version>,
    /// Where that is an earlier answer: which, and from when.
    pub remembered: Option<Remembered>,
    connection: Option<Connection>,
}

impl Cluster {
    /// Nothing where the configuration gives no access. Asks nothing yet. In the directory the last version of Kubernetes
    /// is kept; without one it is forgotten with the process.
    pub fn new(config: &crate::config::Cluster, directory: Option<&Path>, now: Clock) -> Option<Arc<Self>> {
        let (access, timeout) = (config.access.clone(), config.timeout);
        let memory = Arc::new(Memory::new(config.name.as_deref(), directory));
        let (last, making) = (tokio::sync::Mutex::default(), Arc::new(Semaphore::new(1)));
        (access != ClusterAccess::None).then(|| Arc::new(Self { access, timeout, last, making, memory, now }))
    }

    /// Looks at the cluster, or shares a look that is half a minute old at most. One that failed is not shared with
    /// those who come after it.
    pub async fn look(&self) -> Arc<Sight> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        let shared = last.as_ref().filter(|(at, sight)| *at >= asked || (sight.is_whole() && at.elapsed() < FRESH));
        if let Some((_, sight)) = shared {
            return sight.clone();
        }
        let mut sight = self.sight().await;
        self.remember(&mut sight).await;
        let sight = Arc::new(sight);
        *last = Some((Instant::now(), sight.clone()));
        sight
    }

    /// Keeps the version that the cluster said, else takes the one that it said before.
    async fn remember(&self, sight: &mut Sight) {
        let (memory, now) = (self.memory.clone(), (self.now)());
        let said = sight.seen.kube_version.known().cloned();
        let server = match &sight.connection {
            Some(connection) => Some(connection.server().to_owned()),
            None => connect::server(&self.access).await,
        };
        let known = tokio::task::spawn_blocking(move || match (said, server) {
            (Some(version), Some(server)) => {
                memory.keep(&server, &version, now);
                (Some(version), None)
            }
            (said, server) => {
                let earlier = memory.last(server.as_deref()).filter(|_| said.is_none());
                (said.or_else(|| earlier.as_ref().map(|earlier| earlier.version.clone())), earlier)
            }
        });
        // Nothing in there fails; without it the look knows what it saw.
        (sight.kube_version, sight.remembered) =
            known.await.unwrap_or_else(|_| (sight.seen.kube_version.known().cloned(), None));
        if let Some(earlier) = &sight.remembered {
            sight.seen.problems.push(refused::unknown(&format!(
                "the cluster does not say its version of Kubernetes; {} counts, as it said {} ago",
                earlier.version,
                age(now, earlier.at)
            )));
        }
    }

    async fn sight(&self) -> Sight {
        let deadline = Instant::now() + self.timeout;
        let connected = connect::connect(&self.access, self.timeout, deadline, &self.making).await;
        let connection = match connected {
            Ok(connection) => connection,
            Err(problem) => {
                let seen = lists::blind(&problem);
                return Sight { seen, kube_version: None, remembered: None, connection: None };
            }
        };
        let seen = lists::look(&connection, deadline).await;
        Sight { seen, kube_version: None, remembered: None, connection: Some(connection) }
    }
}

impl Sight {
    fn is_whole(&self) -> bool {
        self.seen.problems.is_empty()
    }

    /// A look that saw this, with a way to an API server over plain HTTP.
    #[cfg(test)]
    pub(crate) fn of_test(seen: Sighting, server: &str) -> Self {
        let mut config = kube::Config::new(server.parse().unwrap());
        config.proxy_url = None;
        let client = kube::Client::try_from(config).unwrap();
        let connection = Connection::new(client, server.to_owned(), Duration::from_secs(5));
        let kube_version = seen.kube_version.known().cloned();
        Self { kube_version, remembered: None, seen, connection: Some(connection) }
    }

    /// One Secret; [`SecretName`] proves that Flux rule 27 was asked.
    ///
    /// # Errors
    /// It is not there, or may not be read. No value of it is in the message.
    pub async fn secret(&self, name: &SecretName, until: Instant) -> Result<SecretData, Problem> {
        secret::read(self.connection.as_ref(), name, until).await
    }

    /// The image pull secrets of one ServiceAccount; [`AccountName`] proves that Flux rule 27 was asked.
    ///
    /// # Errors
    /// It is not there, or may not be read.
    pub async fn pull_secrets(&self, name: &AccountName, until: Instant) -> Result<Vec<SecretName>, Problem> {
        secret::pull_secrets(self.connection.as_ref(), name, until).await
    }

    /// When reading Secrets that begins now must end: all of them together have the time of one look.
    pub fn until(&self) -> Instant {
        Instant::now() + self.connection.as_ref().map(Connection::timeout).unwrap_or_default()
    }
}

/// In the largest unit that fits: `2d`, `3h`, `5m`.
fn age(now: Timestamp, then: Timestamp) -> String {
    let minutes = now.duration_since(then).as_mins().max(0);
    match minutes {
        0..60 => format!("{minutes}m"),
        60..1440 => format!("{}h", minutes / 60),
        _ => format!("{}d", minutes / 1440),
    }
}

impl std::fmt::Debug for Sight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sight").field("connected", &self.connection.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
