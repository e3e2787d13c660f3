//! One connection to a remote: what it advertises, with limits watched between two reads.

use super::address::{Address, Way};
use super::error::Failure;
use super::transport::context::Context;
use git2::{Direction, Oid, Remote, RemoteCallbacks};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

/// More refs than this are not read.
const REFS: usize = 2_000_000;

/// What a remote says it has.
#[derive(Debug, Default)]
pub(super) struct Advertised {
    /// Full names and commits, HEAD and peeled tags (`^{}`) left out.
    pub refs: Vec<(String, Oid)>,
    /// Peeled tags: full name without `^{}`, and the commit behind it.
    pub peeled: Vec<(String, Oid)>,
    /// HEAD's commit.
    pub head: Option<Oid>,
    /// The branch that HEAD names, in full.
    pub head_branch: Option<String>,
}

impl Advertised {
    /// The commit of a full ref name.
    pub fn get(&self, name: &str) -> Option<Oid> {
        self.refs.iter().find(|(n, _)| n == name).map(|(_, oid)| *oid)
    }

    pub(super) fn of(remote: &Remote<'_>) -> Result<Self, Failure> {
        let mut out = Self::default();
        let heads = remote.list()?;
        if heads.len() > REFS {
            return Err(Failure::Server(format!("the server lists {} refs, more than {REFS}", heads.len())));
        }
        for head in heads {
            // git2 panics on a ref name that is not UTF-8. Such a ref is none of ours.
            let named =
                catch_unwind(AssertUnwindSafe(|| (head.name().to_owned(), head.symref_target().map(str::to_owned))));
            let Ok((name, target)) = named else { continue };
            if name == "HEAD" {
                out.head = Some(head.oid());
                out.head_branch = target;
            } else if let Some(name) = name.strip_suffix("^{}") {
                out.peeled.push((name.to_owned(), head.oid()));
            } else if git2::Reference::is_valid_name(&name) {
                out.refs.push((name, head.oid()));
            }
        }
        Ok(out)
    }
}

/// Callbacks that end the call at its deadline or when it is cancelled.
pub(super) fn watched<'a>(context: &Arc<Context>) -> RemoteCallbacks<'a> {
    let mut callbacks = RemoteCallbacks::new();
    let progress = context.clone();
    callbacks.transfer_progress(move |_| progress.goes_on());
    let sideband = context.clone();
    callbacks.sideband_progress(move |_| sideband.goes_on());
    callbacks
}

/// The same, and at `limit` bytes of `what`.
pub(super) fn bounded<'a>(context: &Arc<Context>, what: String, limit: u64) -> RemoteCallbacks<'a> {
    let mut callbacks = watched(context);
    let context = context.clone();
    callbacks.transfer_progress(move |progress| {
        let size = progress.received_bytes() as u64;
        if size > limit {
            context.record(Failure::TooBig { what: what.clone(), size, limit });
        }
        size <= limit && context.goes_on()
    });
    callbacks
}

/// Connects and reads what the remote has, for a look without a repository.
pub(super) fn list(address: &Address, context: &Arc<Context>) -> Result<Advertised, Failure> {
    present(address)?;
    let mut remote = Remote::create_detached(address.url.as_str())?;
    let mut connection = remote.connect_auth(Direction::Fetch, Some(watched(context)), None)?;
    Advertised::of(connection.remote())
}

/// A local remote must be there: libgit2's own words do not tell a missing directory from a damaged cache.
pub(super) fn present(address: &Address) -> Result<(), Failure> {
    if address.way != Way::Local {
        return Ok(());
    }
    let path = match url::Url::parse(&address.url) {
        Ok(url) if url.scheme() == "file" => {
            url.to_file_path().map_err(|()| Failure::Address("this file:// URL names no path".to_owned()))?
        }
        _ => PathBuf::from(&address.url),
    };
    git2::Repository::open(&path)
        .map(|_| ())
        .map_err(|e| Failure::NotFound(super::error::words(&format!("{}: {}", path.display(), e.message()))))
}
