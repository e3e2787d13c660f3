//! F2. A source tree becomes what Flux would read in it: per file the facts that its bytes alone give
//! ([`read_file`], remembered by blob id), and all of them together ([`gather`]). Pure: no IO, and no judgement on
//! releases, which is `resolve`'s.

mod elsewhere;
mod env_file;
mod facts;
mod ignore_file;
mod place;
mod prune;
mod read;
mod remote;
mod scan;
mod sites;

pub use elsewhere::{Elsewhere, Foreign, foreign_number, is_file_of};
pub use facts::{DocumentFacts, FileFacts, FileProblem, Kind, Marker, MarkerKind, SiteFacts, Strange, Template};
pub use ignore_file::{is_ignore_file, patterns};
pub use place::{Context, Directory, Found, Inventory, gather, gather_after};
pub use prune::keeps;
pub use read::{MAX_DOCUMENTS_KEPT, kind_of, read_file, reads};
pub use remote::same_repository;

/// Version of what [`read_file`] makes of the same bytes: raise it with every change of [`FileFacts`] or of what goes
/// into it, so that nobody remembers what older code read.
pub const FORMAT: u32 = 8;
