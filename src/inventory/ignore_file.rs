//! Facts of a `.sourceignore`: the patterns by which source-controller leaves files out of a GitRepository's artifact, with
//! their lines. What a pattern means is `resolve`'s.

use super::facts::{DocumentFacts, FileFacts, FileProblem, Kind};
use crate::model::{Reason, ScalarStyle};
use crate::yaml::{Node, NodeKind};
use std::sync::Arc;

/// The file's name, in any directory (source-controller, `sourceignore.IgnoreFile`).
const NAME: &str = ".sourceignore";
/// Most patterns of one file that are kept: each is held against every file of the tree.
const MAX_PATTERNS: usize = 1_000;
/// Longest line that source-controller's reader takes; it reads nothing from there on.
const LONGEST_LINE: usize = 64 * 1024;

/// Whether a path is such a file's.
pub fn is_ignore_file(path: &str) -> bool {
    path.rsplit('/').next() == Some(NAME)
}

/// The lines of a text that are patterns, with their numbers: what is neither empty nor a comment.
pub fn patterns(text: &str) -> impl Iterator<Item = (u32, &str)> {
    let lines = text.lines().zip(1u32..).map(|(line, number)| (number, line));
    let lines = lines.take_while(|(_, line)| line.len() < LONGEST_LINE);
    lines.filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty())
}

/// The facts: one document, the sequence of the patterns.
pub(super) fn read(bytes: &[u8]) -> FileFacts {
    let text = String::from_utf8_lossy(bytes);
    let scalar = |(line, pattern): (u32, &str)| {
        let kind = NodeKind::Scalar { text: Arc::from(pattern), style: ScalarStyle::Plain, tag: None };
        Node { kind, start: 0, end: 0, line, column: 1, anchor: None, aliased: false }
    };
    let items: Vec<Node> = patterns(&text).take(MAX_PATTERNS).map(scalar).collect();
    let mut facts = FileFacts::default();
    if let Some((line, _)) = patterns(&text).nth(MAX_PATTERNS) {
        facts.problems.push(FileProblem {
            line,
            reason: Reason::InvalidDocument,
            message: format!("more than {MAX_PATTERNS} patterns: those from here on are not followed"),
        });
    }
    if let Some(first) = items.first() {
        let tree = Node { kind: NodeKind::Sequence(Arc::new(items.clone())), ..first.clone() };
        let line = first.line;
        facts.documents.push(DocumentFacts {
            kind: Kind::IgnoreFile,
            document: 0,
            line,
            encrypted: false,
            template: None,
            tree,
        });
    }
    facts
}
