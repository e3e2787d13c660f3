//! Where a version is written: one scalar of one file, by its bytes.

/// How a scalar is written; an edit keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScalarStyle {
    /// No quotes.
    Plain,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// The bytes that hold a version. `start..end` is the scalar's content without quotes, anchor and tag,
/// counted in the file as it lies in Git (a BOM included).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Site {
    /// Path from the repository's root, `/`-separated.
    pub file: String,
    /// Line of the first byte, from 1.
    pub line: u32,
    /// Column of the first byte, from 1, in UTF-8 bytes.
    pub column: u32,
    /// The route in its document: `spec.ref.tag`, `spec.inputs[2].version`.
    pub path: String,
    /// First byte of the scalar's content.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// The text between them, as decoded by YAML: what an edit compares before it swaps.
    pub text: String,
    /// Its zero-based document in the file.
    pub document: usize,
}
