//! F0. The nouns of Davit. No IO, no async, no clock: whoever needs the time is given it.

mod candidate;
mod contents;
mod credentials;
mod decision;
mod fact;
pub mod flux_limits;
mod live;
mod lookup;
mod reason;
mod release;
mod shown;
mod site;
mod tree;
mod update;
mod version;
mod window;

pub use candidate::{Candidate, Candidates};
pub use contents::{Change, Contents, CrdFile, CrdUpgrade, Dependency, DependencyChange, Inside};
pub use credentials::{CredentialsHint, References};
pub use decision::{Bump, Decision, Dropped};
pub use fact::{Fact, Problem};
pub use live::{Live, LiveState, Witness};
pub use lookup::{Lookup, TagRules, canonical_url, chart_digest, last_segment};
pub use reason::{Reason, Status};
pub use release::{Annotations, ChartKind, Frame, Note, NsName, Release, RowKind, SourceKind, SourceRef, Step};
pub use shown::{shown, shown_url, without_user};
pub use site::{EmbeddedPlace, Inner, Part, ScalarStyle, Site};
pub use tree::{BlobId, SourceTree, TreeFile};
pub use update::{DigestMove, Update, UpdateSite};
pub use version::Version;
pub use window::{Schedule, Window, WindowError};
