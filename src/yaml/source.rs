//! A YAML text and where its bytes lie in the file: the file itself, or what a scalar of it holds as text. Every position
//! of a tree that is parsed here is one of the file.

use super::lines::offset;
use super::places::{Places, of_scalar};
use super::{Entry, Node, NodeKind, Stream, SyntaxError, parse};
use crate::model::ScalarStyle;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A file's bytes, or the decoded text of one of its scalars.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    bytes: Cow<'a, [u8]>,
    places: Places,
    /// The lines of the file that the outermost scalar takes; nothing for the file itself.
    lines: Option<Arc<Region>>,
}

const UNKNOWN: &str = "does not stand where it was read from";

/// Where the lines of a part of the file begin.
#[derive(Debug)]
struct Region {
    /// First byte, its line and its column.
    start: u32,
    line: u32,
    column: u32,
    /// First bytes of the following lines.
    breaks: Vec<u32>,
}

impl<'a> Source<'a> {
    /// A whole file.
    pub fn file(bytes: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), places: Places::identity(bytes.len()), lines: None }
    }

    /// The text that a scalar of this source's stream holds.
    ///
    /// # Errors
    /// The form, where the text's bytes can't be found in the file: a plain or quoted scalar over several lines.
    pub fn within(&self, node: &Node) -> Result<Source<'static>, &'static str> {
        let NodeKind::Scalar { text, style, .. } = &node.kind else { return Err("is no text") };
        let span = self.places.around(node.start, node.end);
        let before = self.bytes.get(..span.start).ok_or(UNKNOWN)?;
        let raw = self.bytes.get(span.clone()).and_then(|raw| std::str::from_utf8(raw).ok()).ok_or(UNKNOWN)?;
        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let indent = || before.iter().rev().take_while(|byte| !matches!(byte, b'\n' | b'\r')).count();
        let indent = if block { indent() } else { 0 };
        // A block scalar without content: its span is its header.
        let empty = text.is_empty() && block;
        let raw = if empty { "" } else { raw };
        let places = self.places.compose(&of_scalar(raw, offset(span.start), text, *style, indent)?);
        let lines = self.lines.clone().unwrap_or_else(|| Arc::new(Region::new(&self.bytes, node)));
        Ok(Source { bytes: Cow::Owned(text.as_bytes().to_vec()), places, lines: Some(lines) })
    }

    /// Its documents, at their places in the file.
    pub fn parse(&self) -> Stream {
        let mut stream = parse(&self.bytes);
        let Some(lines) = &self.lines else { return stream };
        let starts = line_starts(&self.bytes);
        let at = |line: u32, column: u32| {
            let start = starts.get(line.saturating_sub(1) as usize).copied().unwrap_or(0);
            lines.locate(self.places.start(start + column.saturating_sub(1)))
        };
        let mut moved = Moved { places: &self.places, lines, shared: HashMap::new() };
        for document in &mut stream.documents {
            document.start_line = at(document.start_line, 1).0;
            match &mut document.root {
                Ok(root) => *root = root.as_ref().map(|root| moved.node(root)),
                Err(SyntaxError { line, column, .. }) => (*line, *column) = at(*line, *column),
            }
        }
        stream
    }

    /// The bytes of this text that a span of the file is, byte for byte; nothing where an escape or a line break lies in
    /// it.
    pub fn local(&self, start: usize, end: usize) -> Option<Range<usize>> {
        self.places.local(u32::try_from(start).ok()?, u32::try_from(end).ok()?)
    }
}

fn line_starts(bytes: &[u8]) -> Vec<u32> {
    let mut starts = vec![0];
    for (index, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' || (*byte == b'\r' && bytes.get(index + 1) != Some(&b'\n')) {
            starts.push(offset(index + 1));
        }
    }
    starts
}

impl Region {
    fn new(file: &[u8], node: &Node) -> Self {
        let bytes = file.get(node.start as usize..node.end as usize).unwrap_or_default();
        let breaks = line_starts(bytes).iter().skip(1).map(|start| node.start + start).collect();
        Self { start: node.start, line: node.line, column: node.column, breaks }
    }

    fn locate(&self, at: u32) -> (u32, u32) {
        let number = self.breaks.partition_point(|start| *start <= at);
        let column = match number.checked_sub(1).and_then(|last| self.breaks.get(last)) {
            Some(start) => at - start + 1,
            None => self.column + at.saturating_sub(self.start),
        };
        (self.line + offset(number), column)
    }
}

/// Nodes at their places in the file. What aliases share stays shared.
struct Moved<'a> {
    places: &'a Places,
    lines: &'a Region,
    shared: HashMap<usize, NodeKind>,
}

impl Moved<'_> {
    fn node(&mut self, node: &Node) -> Node {
        let start = self.places.start(node.start);
        let end = if node.start == node.end { start } else { self.places.end(node.end) };
        let (line, column) = self.lines.locate(start);
        let kind = match &node.kind {
            NodeKind::Scalar { .. } => node.kind.clone(),
            NodeKind::Mapping(entries) => self.once(Arc::as_ptr(entries).addr(), |moved| {
                let entry = |e: &Entry| Entry { key: moved.node(&e.key), value: moved.node(&e.value) };
                NodeKind::Mapping(Arc::new(entries.iter().map(entry).collect()))
            }),
            NodeKind::Sequence(items) => self.once(Arc::as_ptr(items).addr(), |moved| {
                NodeKind::Sequence(Arc::new(items.iter().map(|item| moved.node(item)).collect()))
            }),
        };
        Node { kind, start, end, line, column, anchor: node.anchor.clone(), aliased: node.aliased }
    }

    fn once(&mut self, address: usize, make: impl FnOnce(&mut Self) -> NodeKind) -> NodeKind {
        if let Some(known) = self.shared.get(&address) {
            return known.clone();
        }
        let made = make(self);
        self.shared.insert(address, made.clone());
        made
    }
}
