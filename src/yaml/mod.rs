//! F1. YAML with byte spans: a stream of documents, routes to spans. Never writes.
//!
//! Reads people's manifests the way Flux does (sigs.k8s.io/yaml: the last duplicate key wins, anchors may be defined
//! again, merge keys count) and keeps where every scalar stands, so that an edit can swap its bytes.

mod beside;
mod embedded;
mod env_file;
mod lines;
mod node;
mod place;
mod places;
mod route;
mod scalar;
mod serial;
mod source;
mod stream;
mod tree;

pub use beside::State;
pub use embedded::{Embedded, embedded, embedded_in, text_at};
pub use env_file::{EnvEntry, env_entries, is_env_file};
pub use node::{Entry, Node, NodeKind, ScalarType};
pub use place::{Survey, holder, is_sops, shared_by, site};
pub use route::{Route, RouteError, Step};
pub use serial::LAYOUT;
pub use source::Source;
pub use stream::{Document, MAX_DEPTH, MAX_DOCUMENTS, MAX_FILE, MAX_NODES, Stream, SyntaxError, parse};

#[cfg(test)]
mod place_tests;
#[cfg(test)]
mod referee_tests;
#[cfg(test)]
mod stream_tests;
