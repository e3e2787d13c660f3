//! Builds one document's tree out of parse events. Aliases share their anchor's nodes; what they would expand to is
//! counted, so that a small file cannot stand for a huge tree.

use super::stream::{MAX_DEPTH, MAX_NODES};
use super::{Entry, Node, NodeKind};
use crate::model::ScalarStyle;
use granit_parser::{Event, ScalarStyle as Written, Tag};
use std::collections::HashMap;
use std::sync::Arc;

/// Where an event stands in its file: bytes, and line and column of the first one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// A finished node with its size and height, every alias expanded, and the last byte that it takes in the source.
#[derive(Clone)]
struct Built {
    node: Node,
    size: u64,
    height: u32,
    source_end: u32,
}

/// A collection that is still open.
struct Frame {
    items: Items,
    place: Place,
    anchor: Option<(usize, Arc<str>)>,
    size: u64,
    height: u32,
    source_end: u32,
}

enum Items {
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>, Option<Node>),
}

/// The tree of the document under way.
#[derive(Default)]
pub(super) struct Builder {
    frames: Vec<Frame>,
    anchors: HashMap<usize, Built>,
    root: Option<Node>,
}

impl Builder {
    /// A scalar, or the start of a collection.
    pub(super) fn node(
        &mut self,
        event: Event<'_>,
        place: Place,
        anchor: Option<(usize, Arc<str>)>,
    ) -> Result<(), String> {
        let items = match event {
            Event::Scalar(text, style, _, tag) => return self.scalar(&text, style, tag.as_deref(), place, anchor),
            Event::SequenceStart(..) => Items::Sequence(Vec::new()),
            _ => Items::Mapping(Vec::new(), None),
        };
        if self.frames.len() >= MAX_DEPTH as usize {
            return Err(too_deep());
        }
        self.frames.push(Frame { items, place, anchor, size: 1, height: 0, source_end: place.end });
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: Written,
        tag: Option<&Tag>,
        place: Place,
        anchor: Option<(usize, Arc<str>)>,
    ) -> Result<(), String> {
        let mut place = place;
        let source_end = place.end;
        let (style, quote) = match style {
            Written::Plain => (ScalarStyle::Plain, 0),
            Written::SingleQuoted => (ScalarStyle::Single, 1),
            Written::DoubleQuoted => (ScalarStyle::Double, 1),
            Written::Literal => (ScalarStyle::Literal, 0),
            Written::Folded => (ScalarStyle::Folded, 0),
        };
        place.start += quote;
        place.column += quote;
        place.end = place.end.saturating_sub(quote).max(place.start);
        // The parser reads a value that is not there as `~`.
        let absent = style == ScalarStyle::Plain && place.start == place.end;
        let text = if absent { Arc::from("") } else { Arc::from(text) };
        let tag = tag.map(|tag| match tag.core_suffix() {
            Some(core) => Arc::from(format!("!!{core}")),
            None => Arc::from(tag.original()),
        });
        let kind = NodeKind::Scalar { text, style, tag };
        let id = anchor.as_ref().map(|(id, _)| *id);
        let node = place.node(kind, anchor.map(|(_, name)| name));
        self.complete(Built { node, size: 1, height: 0, source_end }, id)
    }

    /// The end of the innermost collection.
    pub(super) fn close(&mut self, place: Place) -> Result<(), String> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        // A block collection has no closing sign: it ends with its last child.
        let source_end = if place.start == place.end { frame.source_end } else { place.end };
        let kind = match frame.items {
            Items::Sequence(items) => NodeKind::Sequence(Arc::new(items)),
            Items::Mapping(entries, _) => NodeKind::Mapping(Arc::new(entries)),
        };
        let (id, name) = frame.anchor.map_or((None, None), |(id, name)| (Some(id), Some(name)));
        let node = Place { end: source_end, ..frame.place }.node(kind, name);
        self.complete(Built { node, size: frame.size, height: frame.height, source_end }, id)
    }

    /// `*name`: the anchor's node again.
    pub(super) fn alias(&mut self, id: usize, name: &str, place: Place) -> Result<(), String> {
        let Some(built) = self.anchors.get(&id) else {
            return Err(format!("the anchor &{name} contains an alias to itself"));
        };
        let mut built = built.clone();
        built.node.aliased = true;
        built.source_end = place.end;
        self.complete(built, None)
    }

    fn complete(&mut self, built: Built, anchor: Option<usize>) -> Result<(), String> {
        if let Some(id) = anchor {
            self.anchors.insert(id, built.clone());
        }
        let Built { node, size, height, source_end } = built;
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.size = frame.size.saturating_add(size);
        frame.height = frame.height.max(height + 1);
        frame.source_end = source_end;
        match &mut frame.items {
            Items::Sequence(items) => items.push(node),
            Items::Mapping(entries, key) => match key.take() {
                None => *key = Some(node),
                Some(key) => entries.push(Entry { key, value: node }),
            },
        }
        if frame.size > MAX_NODES {
            return Err(format!("the document stands for more than {MAX_NODES} values with its aliases expanded"));
        }
        if frame.height > MAX_DEPTH {
            return Err(too_deep());
        }
        Ok(())
    }

    /// The finished tree; nothing for an empty document.
    pub(super) fn finish(self) -> Option<Node> {
        self.root.filter(|root| {
            let absent = matches!(&root.kind, NodeKind::Scalar { text, style: ScalarStyle::Plain, tag: None }
                if text.is_empty());
            !absent || root.anchor.is_some()
        })
    }
}

impl Place {
    fn node(self, kind: NodeKind, anchor: Option<Arc<str>>) -> Node {
        Node { kind, start: self.start, end: self.end, line: self.line, column: self.column, anchor, aliased: false }
    }
}

fn too_deep() -> String {
    format!("the document is nested deeper than {MAX_DEPTH} levels")
}
