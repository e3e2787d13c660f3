//! Facts of a file of `KEY=value` lines. Such files hold passwords more often than versions: a value is remembered only
//! where it looks like a version, of any other the key alone.

use super::facts::{DocumentFacts, FileFacts, Kind, SiteFacts};
use super::scan;
use super::sites::looks_like_version;
use crate::model::{ScalarStyle, Site};
use crate::yaml::{self, Entry, Node, NodeKind};
use std::sync::Arc;

/// The facts, where the bytes are such lines and nothing else.
pub(super) fn read(bytes: &[u8]) -> Option<FileFacts> {
    let entries = yaml::env_entries(bytes)?;
    let text = |range: std::ops::Range<usize>| bytes.get(range).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let mut facts = FileFacts { markers: scan::markers(bytes), ..FileFacts::default() };
    let mut pairs = Vec::with_capacity(entries.len());
    for entry in &entries {
        let key = scalar(&entry.key, entry.start, entry.line, 1)?;
        let range = entry.value.clone().unwrap_or(entry.start..entry.start);
        let value = text(range.clone())?;
        let node = if looks_like_version(value) {
            facts.sites.push(SiteFacts {
                start: u32::try_from(range.start).ok()?,
                site: Some(Site {
                    file: "".into(),
                    line: entry.line,
                    column: entry.column,
                    path: entry.key.as_str().into(),
                    start: range.start,
                    end: range.end,
                    text: value.to_owned(),
                    document: 0,
                    inner: None,
                }),
                refusal: String::new(),
                shared: Vec::new(),
            });
            // A value of such a file is a string, whatever it looks like.
            let node = scalar(value, range.start, entry.line, entry.column)?;
            let NodeKind::Scalar { text, .. } = &node.kind else { return None };
            Node { kind: NodeKind::Scalar { text: text.clone(), style: ScalarStyle::Double, tag: None }, ..node }
        } else {
            Node { kind: NodeKind::Sequence(Arc::default()), ..key.clone() }
        };
        pairs.push(Entry { key, value: node });
    }
    let end = u32::try_from(bytes.len()).ok()?;
    facts.documents.push(DocumentFacts {
        kind: Kind::EnvFile,
        document: 0,
        line: 1,
        encrypted: entries.iter().any(|entry| entry.key == "sops_mac"),
        template: None,
        tree: Node { end, kind: NodeKind::Mapping(Arc::new(pairs)), ..scalar("", 0, 1, 1)? },
    });
    Some(facts)
}

fn scalar(text: &str, start: usize, line: u32, column: u32) -> Option<Node> {
    let end = u32::try_from(start + text.len()).ok()?;
    let kind = NodeKind::Scalar { text: Arc::from(text), style: ScalarStyle::Plain, tag: None };
    Some(Node { kind, start: u32::try_from(start).ok()?, end, line, column, anchor: None, aliased: false })
}
