//! A document's tree: values as Flux reads them, each with the bytes it was read from.

use crate::model::ScalarStyle;
use std::collections::HashSet;
use std::sync::Arc;

/// A value and where it stands. Cloning is cheap: children are shared, so an alias costs nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The value.
    pub kind: NodeKind,
    /// First byte of the content in the file (quotes, anchor and tag lie outside for scalars).
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Line of the first byte, from 1.
    pub line: u32,
    /// Column of the first byte, from 1, in UTF-8 bytes.
    pub column: u32,
    /// The anchor defined at these bytes (`&name`), where there is one; through an alias, the anchor it names.
    pub anchor: Option<Arc<str>>,
    /// Reached through an alias (`*name`): the bytes are those of the anchor's definition.
    pub aliased: bool,
}

/// A scalar, a mapping or a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// Decoded text, how it is written, and an explicit tag (`!!str`, `!custom`).
    Scalar {
        /// Decoded text.
        text: Arc<str>,
        /// How it is written.
        style: ScalarStyle,
        /// An explicit tag.
        tag: Option<Arc<str>>,
    },
    /// Entries in order, duplicates included (the last one wins in [`Node::get`]); merge keys are applied by `get`.
    Mapping(Arc<Vec<Entry>>),
    /// Items in order.
    Sequence(Arc<Vec<Node>>),
}

/// One entry of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key; a scalar in everything Flux reads.
    pub key: Node,
    /// The value.
    pub value: Node,
}

/// What a plain scalar means to Flux's YAML reader (YAML 1.1 booleans and octals included).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarType {
    /// Empty, `~`, `null`.
    Null,
    /// `true`, `yes`, `on`, …
    Bool(bool),
    /// An integer or a float.
    Number,
    /// Anything else.
    String,
}

impl Node {
    /// The value under a key of a mapping: the last duplicate wins, then merge keys (`<<`).
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The key itself, as [`Node::get`] finds it: its line is that of `kind:`.
    pub fn key_node(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.key)
    }

    /// The entry that is in force for a key: the last one written here, else the first one that is merged in.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.own_entry(key).or_else(|| {
            let mut merged = self.entries().iter().rev().filter(|entry| entry.is_merge());
            merged.find_map(|entry| entry.value.merged_entry(key))
        })
    }

    /// The last entry for a key that is written in this mapping itself.
    pub fn own_entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().rev().find(|entry| entry.key.text() == Some(key))
    }

    /// What a merge key's value (a mapping, or a sequence of them, of which the first wins) has for a key.
    fn merged_entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            NodeKind::Mapping(_) => self.entry(key),
            NodeKind::Sequence(items) => items.iter().find_map(|item| item.entry(key)),
            NodeKind::Scalar { .. } => None,
        }
    }

    /// Whether a key is written more than once in this mapping.
    pub fn has_duplicate(&self, key: &str) -> bool {
        self.entries().iter().filter(|entry| entry.key.text() == Some(key)).nth(1).is_some()
    }

    /// The keys and values in force, each key once: what is written here in order, then what is merged in. Keys that
    /// are no scalars are left out.
    pub fn pairs(&self) -> Vec<(&str, &Node)> {
        let mut pairs = Vec::with_capacity(self.entries().len());
        let mut seen = HashSet::new();
        for entry in self.entries().iter().rev().filter(|entry| !entry.is_merge()) {
            pairs.extend(entry.key.text().filter(|key| seen.insert(*key)).map(|key| (key, &entry.value)));
        }
        pairs.reverse();
        for merged in self.entries().iter().rev().filter(|entry| entry.is_merge()).map(|entry| &entry.value) {
            let sources = if merged.items().is_empty() { std::slice::from_ref(merged) } else { merged.items() };
            pairs.extend(sources.iter().flat_map(Node::pairs).filter(|(key, _)| seen.insert(*key)));
        }
        pairs
    }

    /// What Flux's reader makes of a scalar; nothing for a mapping or a sequence.
    pub fn scalar_type(&self) -> Option<ScalarType> {
        super::scalar::type_of(&self.kind)
    }

    /// `get` along a dotted route of plain keys: `spec.chart.spec.version`.
    pub fn at(&self, route: &str) -> Option<&Node> {
        route.split('.').try_fold(self, |node, key| node.get(key))
    }

    /// The decoded text of a scalar, whatever its type: a bare `1.10` stays text.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Items of a sequence; empty for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            NodeKind::Sequence(items) => items,
            _ => &[],
        }
    }

    /// Entries of a mapping as written; empty for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            NodeKind::Mapping(entries) => entries,
            _ => &[],
        }
    }
}

impl Entry {
    /// Whether this is a merge key: a bare `<<`.
    pub fn is_merge(&self) -> bool {
        matches!(&self.key.kind, NodeKind::Scalar { text, style: ScalarStyle::Plain, tag: None } if &**text == "<<")
    }
}
