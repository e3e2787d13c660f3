//! A cheap look at the bytes before they are parsed: most files of a repository have no say in a release. When in doubt,
//! a file is parsed.

use super::facts::{Marker, MarkerKind};
use crate::yaml::{Node, NodeKind};

/// Words of which a file with a say has at least one. Quoted keys and JSON hold them too. The Flux groups cover every
/// Flux kind, `List` items and ResourceSet templates included.
const WORDS: [&[u8]; 9] = [
    b"fluxcd.io",
    b"controlplane.io",
    b"HelmRelease",
    b"HelmRepository",
    b"OCIRepository",
    b"kustomize.config.k8s.io",
    b"ConfigMap",
    b"kind: Secret",
    b"HelmChartInflationGenerator",
];

/// First words of lines that make a kustomization without `apiVersion` and `kind`, or a chart with dependencies.
const LINES: [&[u8]; 12] = [
    b"resources",
    b"components",
    b"patches",
    b"namespace",
    b"bases",
    b"namePrefix",
    b"nameSuffix",
    b"nameReference",
    b"transformers",
    b"configMapGenerator",
    b"helmCharts",
    b"dependencies",
];

/// Whether the file may have a say.
pub(super) fn may_matter(bytes: &[u8]) -> bool {
    let flow = bytes.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| matches!(b, b'{' | b'['));
    flow || WORDS.iter().any(|word| contains(bytes, word))
        || bytes.split(|b| *b == b'\n').any(|line| LINES.iter().any(|word| starts(line, word)))
        || has_operation(bytes)
}

/// The first line of a file that says something and has no `kind` where a document would have one: values of a chart, say.
/// Nothing where that can't be told without parsing.
pub(super) fn kindless(bytes: &[u8]) -> Option<u32> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut first: Option<(u32, usize)> = None;
    for (line, number) in bytes.split(|b| *b == b'\n').zip(1u32..) {
        let text = line.trim_ascii();
        let marker = text == b"---" || text == b"...";
        if text.is_empty() || text.starts_with(b"#") || marker {
            continue;
        }
        // What stands beside the marker of a document is not looked into.
        if text.starts_with(b"---") || text.starts_with(b"%") {
            return None;
        }
        let indent = line.len() - line.trim_ascii_start().len();
        let key = text.strip_prefix(b"\"").or_else(|| text.strip_prefix(b"'")).unwrap_or(text);
        if key.starts_with(b"kind") && first.is_none_or(|(_, outer)| indent <= outer) {
            return None;
        }
        first.get_or_insert((number, indent));
    }
    first.map(|(number, _)| number)
}

/// Whether a line starts with a key, quoted or not, a BOM or not.
fn starts(line: &[u8], word: &[u8]) -> bool {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let line = line.strip_prefix(b"\"").or_else(|| line.strip_prefix(b"'")).unwrap_or(line);
    line.starts_with(word)
}

/// The key `op` of a JSON 6902 patch, in any style: `- op: add`, `- {op: add}`, quoted, a blank before the colon.
fn has_operation(bytes: &[u8]) -> bool {
    let mut from = 0;
    while let Some(at) = bytes[from..].windows(2).position(|two| two == b"op").map(|at| from + at) {
        from = at + 2;
        let before = at.checked_sub(1).map_or(b'\n', |before| bytes[before]);
        let after = &bytes[from..];
        let after = after.strip_prefix(b"\"").or_else(|| after.strip_prefix(b"'")).unwrap_or(after);
        let begins = before.is_ascii_whitespace() || matches!(before, b'{' | b',' | b'"' | b'\'' | b'\xbf');
        if begins && after.trim_ascii_start().starts_with(b":") {
            return true;
        }
    }
    false
}

/// The first action of a ResourceSet's text that may change the text around it: a block, a variable, white space that is
/// trimmed. Anything else stands for a value.
pub(super) fn block_of_template(text: &str) -> Option<&str> {
    let actions = text.split("<<").skip(1).filter_map(|rest| rest.split_once(">>")).map(|(action, _)| action);
    let block = |action: &&str| {
        let inside = action.trim_start_matches('-').trim();
        let word = inside.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let words = ["if", "else", "end", "range", "with", "define", "template", "block", "break", "continue"];
        words.contains(&word) || inside.starts_with(['$', '/']) || action.starts_with('-') || action.ends_with('-')
    };
    actions.into_iter().find(block)
}

/// Whether a file holds template syntax: then a syntax error says nothing about its author.
pub(super) fn looks_like_template(bytes: &[u8]) -> bool {
    contains(bytes, b"{{") && contains(bytes, b"}}") || contains(bytes, b"{%")
}

/// The line of a mapping or a list that is a key: what YAML makes of `{{ value }}` without quotes. It is YAML, and every
/// reader of Flux and Helm refuses it.
pub(super) fn braces_as_key(node: &Node) -> Option<u32> {
    match &node.kind {
        // What an alias names is looked at where it is written.
        _ if node.aliased => None,
        NodeKind::Scalar { .. } => None,
        NodeKind::Sequence(items) => items.iter().find_map(braces_as_key),
        NodeKind::Mapping(entries) => entries.iter().find_map(|entry| match entry.key.kind {
            NodeKind::Scalar { .. } => braces_as_key(&entry.value),
            _ => Some(entry.key.line),
        }),
    }
}

/// Line ends that only YAML 1.1 knows: U+0085, U+2028, U+2029.
const OLD_LINE_ENDS: [&[u8]; 3] = [b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9"];

/// Whether the file has a line end of YAML 1.1.
pub(super) fn has_old_line_ends(bytes: &[u8]) -> bool {
    OLD_LINE_ENDS.iter().any(|end| contains(bytes, end))
}

/// The line of a comment that has a line end which only YAML 1.1 knows (U+0085, U+2028, U+2029), and text behind it: Flux's
/// reader takes that text for content.
pub(super) fn comment_that_ends(bytes: &[u8], root: &Node) -> Option<u32> {
    fn holds(node: &Node, at: u32) -> bool {
        let within = |node: &Node| node.start <= at && at < node.end;
        match &node.kind {
            _ if node.aliased => false,
            NodeKind::Scalar { .. } => within(node),
            NodeKind::Sequence(items) => within(node) && items.iter().any(|item| holds(item, at)),
            NodeKind::Mapping(entries) => {
                within(node) && entries.iter().any(|entry| holds(&entry.key, at) || holds(&entry.value, at))
            }
        }
    }
    let mut from = 0;
    for (line, number) in bytes.split(|b| *b == b'\n').zip(1u32..) {
        let end_at = |at: usize| OLD_LINE_ENDS.iter().find(|end| line[at..].starts_with(end));
        let places = (0..line.len()).filter_map(|at| Some((at, end_at(at)?)));
        for (at, end) in places {
            let behind = line[at + end.len()..].trim_ascii();
            let text = !behind.is_empty() && !behind.starts_with(b"#");
            let byte = u32::try_from(from + at).ok()?;
            if text && line[..at].contains(&b'#') && root.start <= byte && byte < root.end && !holds(root, byte) {
                return Some(number);
            }
        }
        from += line.len() + 1;
    }
    None
}

/// The line of a directive (`%YAML 1.1`) at the head of a file.
pub(super) fn directive(bytes: &[u8]) -> Option<u32> {
    let mut lines = bytes.split(|b| *b == b'\n').zip(1u32..);
    let is_text = |line: &[u8]| !line.trim_ascii().is_empty() && !line.starts_with(b"#");
    lines.find(|(line, _)| is_text(line)).filter(|(line, _)| line.starts_with(b"%")).map(|(_, number)| number)
}

/// Whether the file names a Flux kind at all: only then is a broken document worth a word.
pub(super) fn names_flux(bytes: &[u8]) -> bool {
    [&b"toolkit.fluxcd.io"[..], b"HelmRelease", b"kustomize.config.k8s.io", b"OCIRepository", b"HelmRepository"]
        .iter()
        .any(|word| contains(bytes, word))
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    let Some((&first, rest)) = word.split_first() else { return true };
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|b| *b == first) {
        from += at + 1;
        if bytes[from..].starts_with(rest) {
            return true;
        }
    }
    false
}

/// The comments of other bots (Flux rule 18).
pub(super) fn markers(bytes: &[u8]) -> Vec<Marker> {
    if !contains(bytes, b"$imagepolicy") && !contains(bytes, b"renovate") {
        return Vec::new();
    }
    let lines = bytes.split(|b| *b == b'\n').zip(1u32..);
    lines.filter_map(|(line, number)| marker(line, number)).collect()
}

fn marker(line: &[u8], number: u32) -> Option<Marker> {
    let at = line.iter().position(|b| *b == b'#')?;
    let comment = String::from_utf8_lossy(&line[at + 1..]);
    let comment = comment.trim();
    let kind = if comment.contains("\"$imagepolicy\"") {
        MarkerKind::ImagePolicy
    } else if comment.starts_with("renovate:") {
        MarkerKind::Renovate
    } else {
        return None;
    };
    let end = comment.char_indices().map(|(i, c)| i + c.len_utf8()).take_while(|end| *end <= 200).last().unwrap_or(0);
    Some(Marker { line: number, kind, text: comment[..end].to_owned() })
}
