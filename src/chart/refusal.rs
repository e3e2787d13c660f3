//! Why an archive is not opened: one sentence each, with what can be done.

/// What is wrong with an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not begin as gzip does.
    #[error("not a gzip archive{}", if *.web_page { ", but a web page: a login page often stands there" } else { "" })]
    NotGzip {
        /// It begins as a web page does.
        web_page: bool,
    },
    /// The stream ends before the archive does.
    #[error("the archive is cut short")]
    Truncated,
    /// Gzip or tar can't be read; with the reader's own words.
    #[error("the archive is damaged ({0})")]
    Damaged(String),
    /// The unpacked stream has more bytes than this.
    #[error("unpacked it is larger than {} MiB", .0 >> 20)]
    Bomb(u64),
    /// Its files together have more bytes than this, which Helm refuses.
    #[error("its files are larger than {} MiB together, which Helm refuses", .0 >> 20)]
    FilesTooLarge(u64),
    /// One file has more bytes than this, which Helm refuses.
    #[error("the file {path:?} is larger than {} MiB, which Helm refuses", limit >> 20)]
    FileTooLarge {
        /// Path.
        path: String,
        /// Bytes.
        limit: u64,
    },
    /// Too many entries.
    #[error("it has more than {0} entries")]
    TooManyEntries(usize),
    /// Too many CRD files.
    #[error("it has more than {0} files below crds/")]
    TooManyCrds(usize),
    /// Archives inside archives.
    #[error("it packs archives inside archives, more than {0} deep")]
    TooDeep(usize),
    /// A path over the limit, or an extended header that is.
    #[error("it has a path of more than {0} bytes")]
    PathTooLong(usize),
    /// A path that is no text, or holds control characters.
    #[error("it has a path that is no plain text: {0:?}")]
    OddPath(String),
    /// `/etc/passwd`, `C:\x`.
    #[error("it has an absolute path: {0:?}")]
    AbsolutePath(String),
    /// `a/../b`
    #[error("it has a path that leads out of its directory: {0:?}")]
    ParentDirectory(String),
    /// A file that is in no directory.
    #[error("it has a file beside the chart's directory: {0:?}")]
    OutsideDirectory(String),
    /// A symbolic or hard link.
    #[error("it has a link: {0:?}")]
    Link(String),
    /// A device or a pipe.
    #[error("it has a device or a pipe: {0:?}")]
    Device(String),
    /// A sparse file, or a size given twice.
    #[error("it has a sparse file or two sizes of one file: {0:?}")]
    Sparse(String),
    /// An entry of a kind that no chart has.
    #[error("it has an entry of an unknown kind: {0:?}")]
    OddEntry(String),
    /// No Chart.yaml in the chart's directory.
    #[error("it has no Chart.yaml in a directory of its own")]
    NoChartYaml,
    /// Chart.yaml twice: readers disagree which counts.
    #[error("it has two Chart.yaml")]
    TwoChartYaml,
    /// Chart.yaml is no YAML, or no mapping.
    #[error("its Chart.yaml can't be read: {0}")]
    ChartYaml(String),
    /// Chart.yaml is over its limit.
    #[error("its Chart.yaml is larger than {} KiB", .0 >> 10)]
    ChartYamlTooLarge(u64),
}

impl Refusal {
    /// What a person can do.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotGzip { .. } => "check the URL and the credentials",
            Self::Truncated | Self::Damaged(_) => "ask whoever publishes the chart to upload it again",
            _ => "ask whoever publishes the chart to package it with `helm package`",
        }
    }
}
