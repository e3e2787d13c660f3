//! Our own way to remotes: smart HTTP over reqwest and SSH over russh, both on rustls and aws-lc-rs. libgit2's own
//! `http://` and `git://` are replaced: they are clear text and hang without a limit.

pub(crate) mod context;
mod http;
mod known_hosts;
mod refuse;
mod ssh;

use context::current;
use git2::transport::{Transport, register};
use std::sync::OnceLock;

static DONE: OnceLock<Result<(), String>> = OnceLock::new();

/// Puts our transports in place of libgit2's and shuts the user's and the system's Git configuration out. Call it
/// first in `main`; later calls do nothing.
pub fn init() -> Result<(), String> {
    DONE.get_or_init(|| install().map_err(|e| e.message().to_owned())).clone()
}

#[expect(unsafe_code, reason = "libgit2 keeps transports and options in globals; `init` runs this once, first in main")]
fn install() -> Result<(), git2::Error> {
    use git2::ConfigLevel::{Global, ProgramData, System, XDG};
    // SAFETY: `OnceLock` makes this run once, and `main` calls it before any other thread uses libgit2, so nothing
    // reads the globals while they change.
    unsafe {
        for level in [ProgramData, System, XDG, Global] {
            git2::opts::set_search_path(level, "")?;
        }
        // A mounted repository often belongs to another user. Nothing here runs hooks, filters or programs that a
        // repository's own configuration could name.
        git2::opts::set_verify_owner_validation(false)?;
        register("https", |remote| Transport::smart(remote, true, http::Http::new(current())))?;
        register("http", |remote| Transport::smart(remote, true, http::Http::new(current())))?;
        register("ssh", |remote| Transport::smart(remote, false, ssh::Ssh::new(current())))?;
        register("git", |remote| Transport::smart(remote, true, refuse::Refuse))
    }
}
