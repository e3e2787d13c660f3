//! The files of a repository at one revision, or of a folder as it lies on disk: names and ids; contents are read
//! only where no earlier pass has parsed them.

/// Git's id of a file's content (lower-case hex SHA-1 of `blob <len>\0<content>`), also computed for folders.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
pub struct BlobId(pub String);

/// One regular file. Symlinks, submodules and paths that point outside are not files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TreeFile {
    /// Path from the root, `/`-separated, UTF-8, without `.` or `..`.
    pub path: String,
    /// Id of the content.
    pub blob: BlobId,
    /// Size in bytes.
    pub size: u64,
}

/// A snapshot of a repository's files, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceTree {
    /// The commit, or nothing for a folder.
    pub revision: Option<String>,
    /// Every regular file, sorted by path.
    pub files: Vec<TreeFile>,
}
