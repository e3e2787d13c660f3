//! `KEY=value` lines, the one other text that kustomize reads values from (`configMapGenerator.envs`), with the bytes of
//! each value. Read as kustomize does (api/kv): no quotes, no escapes, everything behind the first `=` as it stands.

use std::ops::Range;

/// One line with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvEntry {
    /// The key.
    pub key: String,
    /// First byte of the key.
    pub start: usize,
    /// The value's bytes without the blanks around them, which make no other version; nothing for a key alone, whose value is whatever the environment of the build has.
    pub value: Option<Range<usize>>,
    /// Line, from 1.
    pub line: u32,
    /// Column of the value's first byte, from 1.
    pub column: u32,
}

/// Whether a file of this name is taken for such lines.
pub fn is_env_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').is_some_and(|(_, extension)| extension == "env")
}

/// The lines that have a key, in order; nothing where kustomize would refuse the file, and where it has no value at all.
pub fn env_entries(bytes: &[u8]) -> Option<Vec<EnvEntry>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut entries = Vec::new();
    let mut start = 0;
    for (line, number) in text.split_inclusive('\n').zip(1u32..) {
        let content = line.strip_suffix('\n').unwrap_or(line);
        let content = content.strip_suffix('\r').unwrap_or(content);
        let mark = usize::from(number == 1 && content.starts_with('\u{feff}')) * '\u{feff}'.len_utf8();
        let trimmed = content.get(mark..)?.trim_start();
        let indent = content.len() - trimmed.len();
        if !trimmed.is_empty() && !trimmed.starts_with('#') {
            let key = trimmed.split('=').next().unwrap_or_default();
            if !is_key(key) {
                return None;
            }
            let from = indent + key.len() + 1;
            let behind = content.get(from..);
            let value = behind.map_or("", str::trim);
            let from = from + behind.map_or(0, |behind| behind.len() - behind.trim_start().len());
            entries.push(EnvEntry {
                key: key.to_owned(),
                start: start + indent,
                value: behind.map(|_| start + from..start + from + value.len()),
                line: number,
                column: u32::try_from(from + 1).ok()?,
            });
        }
        start += line.len();
    }
    entries.iter().any(|entry| entry.value.is_some()).then_some(entries)
}

/// kustomize asks Kubernetes' rule for names of environment variables.
fn is_key(key: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    key.chars().next().is_some_and(|c| !c.is_ascii_digit()) && key.chars().all(good)
}
