//! F3. Bare repositories and our own transports: HTTPS over reqwest, SSH over russh, local paths by libgit2.
//!
//! There is no working copy. Every call has one deadline (`git.timeout`) and ends on cancellation; what is blocking
//! runs on tokio's blocking threads. A remote's content is never executed: no hooks, filters or configuration of it.

mod access;
mod address;
mod cache;
mod commit;
mod error;
mod fetch;
mod history;
mod http_client;
mod options;
mod push;
mod remote;
mod repository;
mod shallow;
mod snapshot;
mod transport;

pub use access::{Git, Tag};
pub use address::redact;
pub use commit::{Change, Committed};
pub use error::{Failure, GitError};
pub use fetch::{Fetched, Wanted};
/// Git's id of a commit, tree or blob.
pub use git2::Oid;
pub use history::{BranchLog, CommitInfo, Person};
pub use options::{Anonymous, Basic, Credentials, GitOptions, Password, SshAuth};
pub use repository::Repository;
pub use snapshot::{Blobs, blob_id};
pub use transport::init;

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
