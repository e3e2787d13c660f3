//! What an archive may be made of.

/// Limits of one archive, everything packed inside it included.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the unpacked streams, headers and padding included.
    pub unpacked: u64,
    /// Bytes of all files of one archive (Helm's `MaxDecompressedChartSize`).
    pub files: u64,
    /// Bytes of one file (Helm's `MaxDecompressedFileSize`).
    pub file: u64,
    /// Bytes of a Chart.yaml; real ones are a thousand times smaller.
    pub chart_yaml: u64,
    /// Entries.
    pub entries: usize,
    /// Bytes of one path.
    pub path: usize,
    /// Archives inside archives.
    pub depth: usize,
    /// CRD files that are remembered.
    pub crds: usize,
}

impl Limits {
    /// The product's.
    pub const HELM: Self = Self {
        unpacked: 256 << 20,
        files: 100 << 20,
        file: 5 << 20,
        chart_yaml: 1 << 20,
        entries: 20_000,
        path: 1024,
        depth: 8,
        crds: 2_000,
    };
}
