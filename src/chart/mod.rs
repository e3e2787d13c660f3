//! F2. A packaged chart, read from its bytes: what Chart.yaml says, and which files lie below `crds/`. Keeps nothing else
//! and writes nothing to disk.
//!
//! Follows Helm's own loader (`pkg/chart/loader/archive`), and is stricter where an archive tries to be something else
//! than files below one directory: links, devices, absolute paths and `..` are refused anywhere. Every limit that Helm
//! has is Helm's; the others bound what Helm leaves open. What Helm refuses in other files (values.yaml, Chart.lock, the
//! Chart.yaml of a sub-chart) is not looked at. `tests/real/helm_chart.rs` asks Helm itself.

mod archive;
mod fields;
mod header;
mod limits;
mod metadata;
mod path;
mod refusal;

pub use archive::read;
pub use limits::Limits;
pub use refusal::Refusal;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod test_archives;
