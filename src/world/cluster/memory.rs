//! Which version of Kubernetes a cluster had when it answered last, kept in the cache directory: a restart in a moment in
//! which the API server is away must not propose what was held back before. Safe to delete: then such charts wait.

use crate::model::Version;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How exactly the time of the last answer is known on disk: not every look writes.
const EXACT: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

/// What is remembered of one cluster.
pub(super) struct Memory {
    /// Nothing: only as long as the process lives.
    directory: Option<PathBuf>,
    /// The cluster's name in the configuration.
    name: String,
    last: Mutex<Option<Answer>>,
}

/// A cluster's last answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Answer {
    /// The API server: another one is another cluster.
    server: String,
    version: String,
    at: Timestamp,
}

/// A version that is known from earlier, and when the cluster said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The version of Kubernetes.
    pub version: Version,
    /// When it was the cluster's answer, to ten minutes.
    pub at: Timestamp,
}

impl Memory {
    pub(super) fn new(name: Option<&str>, directory: Option<&Path>) -> Self {
        let directory = directory.map(|directory| directory.join("cluster"));
        Self { directory, name: name.unwrap_or_default().to_owned(), last: Mutex::default() }
    }

    /// Keeps an answer. A file that can't be written costs the memory of it, and nothing else. Blocks for a small file.
    pub(super) fn keep(&self, server: &str, version: &Version, now: Timestamp) {
        let answer = Answer { server: server.to_owned(), version: version.text().to_owned(), at: now };
        let before = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let known = before.is_some_and(|before| {
            (&before.server, &before.version) == (&answer.server, &answer.version)
                && now.duration_since(before.at).abs() < EXACT
        });
        if known {
            return;
        }
        if let Err(error) = self.write(&answer) {
            tracing::warn!(%error, "the version of Kubernetes is not kept for the next start");
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    /// The last answer of a server; where nobody can tell which server is meant, this process's last one. Blocks for a
    /// small file.
    pub(super) fn last(&self, server: Option<&str>) -> Option<Remembered> {
        let known = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let known = known.filter(|known| server.is_none_or(|server| known.server == server));
        let answer = known.or_else(|| self.read(server?))?;
        Some(Remembered { version: Version::strict(&answer.version)?, at: answer.at })
    }

    fn read(&self, server: &str) -> Option<Answer> {
        let answer: Answer = serde_json::from_slice(&std::fs::read(self.file(server)?).ok()?).ok()?;
        (answer.server == server).then_some(answer)
    }

    fn write(&self, answer: &Answer) -> std::io::Result<()> {
        let (Some(directory), Some(file)) = (&self.directory, self.file(&answer.server)) else { return Ok(()) };
        std::fs::create_dir_all(directory)?;
        let mut new = tempfile::NamedTempFile::new_in(directory)?;
        new.write_all(&serde_json::to_vec(answer)?)?;
        new.persist(file).map(drop).map_err(|error| error.error)
    }

    /// One file for each name and server.
    fn file(&self, server: &str) -> Option<PathBuf> {
        let mut digest = hex::encode(Sha256::digest(format!("{}\n{server}", self.name)));
        digest.truncate(16);
        Some(self.directory.as_ref()?.join(format!("kubernetes-{digest}.json")))
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;
    use crate::model::Version;
    use jiff::Timestamp;

    const SERVER: &str = "https://10.0.0.1:6443";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn last(memory: &Memory, server: Option<&str>) -> Option<(String, Timestamp)> {
        memory.last(server).map(|found| (found.version.text().to_owned(), found.at))
    }

    #[test]
    fn an_answer_outlives_the_process_for_its_own_name_and_server_alone() {
        let directory = tempfile::tempdir().unwrap();
        let of = |name| Memory::new(Some(name), Some(directory.path()));
        let now = at("2026-01-01T00:00:00Z");
        of("prod").keep(SERVER, &Version::strict("v1.34.2").unwrap(), now);
        assert_eq!(last(&of("prod"), Some(SERVER)), Some(("v1.34.2".to_owned(), now)));
        assert_eq!(last(&of("staging"), Some(SERVER)), None);
        assert_eq!(last(&of("prod"), Some("https://10.0.0.2:6443")), None);
        assert_eq!(last(&of("prod"), None), None, "after a start nobody knows which server is meant");
    }

    #[test]
    fn within_the_process_the_last_answer_counts_until_another_server_is_meant() {
        let memory = Memory::new(None, None);
        let now = at("2026-01-01T00:00:00Z");
        memory.keep(SERVER, &Version::strict("v1.34.2").unwrap(), now);
        assert_eq!(last(&memory, None), Some(("v1.34.2".to_owned(), now)));
        assert_eq!(last(&memory, Some("https://10.0.0.2:6443")), None);
    }

    #[test]
    fn a_new_version_is_kept_at_once_and_an_old_one_now_and_then() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory::new(None, Some(directory.path()));
        let after_a_start = || last(&Memory::new(None, Some(directory.path())), Some(SERVER)).unwrap();
        let keep = |version, time| memory.keep(SERVER, &Version::strict(version).unwrap(), at(time));
        keep("v1.34.2", "2026-01-01T00:00:00Z");
        keep("v1.34.2", "2026-01-01T00:05:00Z");
        assert_eq!(after_a_start().1, at("2026-01-01T00:00:00Z"));
        keep("v1.34.2", "2026-01-01T00:11:00Z");
        assert_eq!(after_a_start().1, at("2026-01-01T00:11:00Z"));
        keep("v1.35.0", "2026-01-01T00:12:00Z");
        assert_eq!(after_a_start().0, "v1.35.0");
    }

    #[test]
    fn a_broken_file_is_no_answer_and_a_directory_that_can_not_be_made_no_failure() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory::new(None, Some(directory.path()));
        memory.keep(SERVER, &Version::strict("v1.34.2").unwrap(), at("2026-01-01T00:00:00Z"));
        std::fs::write(memory.file(SERVER).unwrap(), "{").unwrap();
        assert_eq!(last(&Memory::new(None, Some(directory.path())), Some(SERVER)), None);
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        let nowhere = Memory::new(None, Some(&file));
        nowhere.keep(SERVER, &Version::strict("v1.34.2").unwrap(), at("2026-01-01T00:00:00Z"));
        assert!(last(&nowhere, Some(SERVER)).is_some());
    }
}
