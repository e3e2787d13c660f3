//! F3. Chart indexes, OCI registries and Git tags over one polite client per host.
//!
//! Gives every version that Flux's rules admit, and chooses none. A source is asked once however many releases and
//! repositories wait for it; what it said is good for a minute, what went wrong only for the round that saw it.

mod access;
mod archive;
mod body;
mod cache;
mod client;
mod conditional;
mod contact;
mod credentials;
mod failure;
mod grants;
mod http;
mod index;
mod index_archive;
mod index_source;
mod oci;
mod options;
mod pause;
mod prune;
mod round;
mod secret;

pub use crate::world::address::{Network, SystemNetwork};
pub use access::check;
pub use grants::{Grants, host_of};
pub use index::read_index;
pub use options::{Clock, GitTags, Limits, Options};
pub use round::{Registry, Round};

#[cfg(test)]
mod bad_input_tests;
#[cfg(test)]
mod contact_tests;
#[cfg(test)]
mod detail_tests;
#[cfg(test)]
mod manifest_tests;
#[cfg(test)]
mod mirror_tests;
#[cfg(test)]
mod open_tests;
#[cfg(test)]
mod pause_tests;
#[cfg(test)]
mod plain_text_tests;
#[cfg(test)]
mod test_hosts;
#[cfg(test)]
mod tls_tests;
