//! Byte offset to line and column, without counting twice. Knows nothing of YAML but its line breaks.

/// Where each line of a text begins. A byte order mark belongs to no line: the character after it is column 1.
pub(crate) struct Lines {
    starts: Vec<u32>,
}

impl Lines {
    /// Lines of `text`, which begins at byte `base` of its file (3 after a byte order mark).
    pub(crate) fn new(text: &str, base: u32) -> Self {
        let bytes = text.as_bytes();
        let mut starts = Vec::with_capacity(bytes.len() / 24 + 1);
        starts.push(base);
        for (index, byte) in bytes.iter().enumerate() {
            // `\r\n` is one break, a lone `\r` is one too (YAML 1.2, rule 28).
            if *byte == b'\n' || (*byte == b'\r' && bytes.get(index + 1) != Some(&b'\n')) {
                starts.push(base.saturating_add(offset(index + 1)));
            }
        }
        Self { starts }
    }

    /// Line and column of a byte of the file, both from 1, the column in UTF-8 bytes.
    pub(crate) fn locate(&self, at: u32) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        (offset(line), at.saturating_sub(start) + 1)
    }
}

/// An offset as the tree keeps it. Files are far below 4 GiB, see [`super::MAX_FILE`].
pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
