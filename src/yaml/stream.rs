//! A file as a stream of documents. A broken document costs that document, never the file.

use super::Node;
use super::lines::{Lines, offset};
use super::tree::{Builder, Place};
use granit_parser::{ErrorKind, Event, Parser, ScanError, Span};
use std::borrow::Cow;
use std::sync::Arc;

/// Largest file in bytes that is parsed; a larger one is one broken document that says so.
pub const MAX_FILE: usize = 16 * 1024 * 1024;
/// Most nodes of one document with every alias expanded.
pub const MAX_NODES: u64 = 1_000_000;
/// Deepest nesting of one document with every alias expanded.
pub const MAX_DEPTH: u32 = 128;
/// Most documents of one file.
pub const MAX_DOCUMENTS: usize = 100_000;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The documents of one file, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Stream {
    /// Every document, empty and broken ones included.
    pub documents: Vec<Document>,
}

/// One document of a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Document {
    /// Its zero-based position in the file.
    pub index: usize,
    /// Line of its `---`, or of its first content where it has none; from 1.
    pub start_line: u32,
    /// Its tree; nothing for an empty document.
    pub root: Result<Option<Node>, SyntaxError>,
}

/// Why a document could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("line {line}, column {column}: {message}")]
pub struct SyntaxError {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in UTF-8 bytes.
    pub column: u32,
    /// What is wrong, for a person.
    pub message: String,
}

impl Stream {
    /// The documents that are neither empty nor broken.
    pub fn roots(&self) -> impl Iterator<Item = (&Document, &Node)> {
        self.documents.iter().filter_map(|d| Some((d, d.root.as_ref().ok()?.as_ref()?)))
    }

    fn broken(line: u32, column: u32, message: String) -> Self {
        let root = Err(SyntaxError { line, column, message });
        Self { documents: vec![Document { index: 0, start_line: 1, root }] }
    }
}

/// Reads a file (YAML 1.2 with the words of 1.1, JSON). Never fails as a whole: what is wrong stands in its document.
pub fn parse(bytes: &[u8]) -> Stream {
    if bytes.len() > MAX_FILE {
        return Stream::broken(1, 1, format!("the file has {} bytes; the limit is {MAX_FILE}", bytes.len()));
    }
    let (body, base) = bytes.strip_prefix(BOM).map_or((bytes, 0), |body| (body, BOM.len()));
    match std::str::from_utf8(body) {
        Ok(text) => Reader::new(&marked_anew(text), offset(base)).read(),
        Err(error) => {
            let valid = std::str::from_utf8(&body[..error.valid_up_to()]).unwrap_or_default();
            let at = offset(base + error.valid_up_to());
            let (line, column) = Lines::new(valid, offset(base)).locate(at);
            Stream::broken(line, column, format!("the file is not valid UTF-8 (byte {at})"))
        }
    }
}

/// A byte order mark behind `---`, as files have it that were put together: Flux reads each document by itself, so that it
/// is none of the text. The line before gets its bytes, as blanks: every other byte stays where it is.
fn marked_anew(text: &str) -> Cow<'_, str> {
    const MARK: char = '\u{feff}';
    if !text.contains(MARK) {
        return Cow::Borrowed(text);
    }
    let (mut made, mut marker) = (String::with_capacity(text.len()), false);
    for line in text.split_inclusive('\n') {
        let content = line.strip_prefix(MARK).filter(|_| marker);
        if content.is_some() {
            let end = if made.ends_with("\r\n") { "\r\n" } else { "\n" };
            made.truncate(made.len() - end.len());
            made.push_str("   ");
            made.push_str(end);
        }
        made.push_str(content.unwrap_or(line));
        marker = line.trim_end() == "---";
    }
    Cow::Owned(made)
}

/// Turns the parser's events into documents.
struct Reader<'a> {
    text: &'a str,
    base: u32,
    lines: Lines,
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    documents: Vec<Document>,
    /// Start line and tree of the document under way.
    open: Option<(u32, Builder)>,
    /// No `...` closed the document before: what follows without a `---` is its own fault.
    unclosed: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, base: u32) -> Self {
        let mut options = granit_parser::Options::default();
        options.set_emit_comments(false);
        options.emit_anchor_events = true;
        let parser = Parser::new_from_str_with_options(text, options);
        let lines = Lines::new(text, base);
        Self { text, base, lines, parser, documents: Vec::new(), open: None, unclosed: false }
    }

    fn read(mut self) -> Stream {
        while let Some(event) = self.parser.next_event() {
            let failure = match event {
                Ok((event, span)) => self.take(event, span).err(),
                Err(error) => Some(self.explain(&error)),
            };
            if let Some(failure) = failure {
                self.fail(failure);
                if self.parser.proceed_next_document().is_err() {
                    break;
                }
            }
            if self.documents.len() > MAX_DOCUMENTS {
                return Stream::broken(1, 1, format!("the file has more than {MAX_DOCUMENTS} documents"));
            }
        }
        Stream { documents: self.documents }
    }

    /// One event. The error belongs to the document under way.
    fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), Failure> {
        let place = self.place(&span);
        match event {
            Event::DocumentStart(..) => self.open = Some((place.line, Builder::default())),
            Event::DocumentEnd => {
                self.unclosed = place.start == place.end;
                if let Some((start_line, builder)) = self.open.take() {
                    self.push(start_line, Ok(builder.finish()));
                }
            }
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                let anchor = self.anchor_of(&event)?;
                let Some((_, builder)) = &mut self.open else { return Ok(()) };
                builder.node(event, place, anchor).map_err(|message| Failure::at(place, message))?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((_, builder)) = &mut self.open else { return Ok(()) };
                builder.close(place).map_err(|message| Failure::at(place, message))?;
            }
            Event::Alias(id) => {
                let name = self.slice(place).trim_start_matches('*').to_owned();
                let Some((_, builder)) = &mut self.open else { return Ok(()) };
                builder.alias(id, &name, place).map_err(|message| Failure::at(place, message))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The anchor of a node: the parser names it in the event right after the node.
    fn anchor_of(&mut self, event: &Event<'a>) -> Result<Option<(usize, Arc<str>)>, Failure> {
        let (Event::Scalar(_, _, id, _) | Event::SequenceStart(_, id, _) | Event::MappingStart(_, id, _)) = event
        else {
            return Ok(None);
        };
        if *id == 0 {
            return Ok(None);
        }
        match self.parser.next_event() {
            Some(Ok((Event::Anchor(id, name), _))) => Ok(Some((id, Arc::from(name.as_ref())))),
            Some(Err(error)) => Err(self.explain(&error)),
            _ => Ok(None),
        }
    }

    /// Ends the document under way as broken; without one, the fault is a new document's or the one's before.
    fn fail(&mut self, failure: Failure) {
        let line = failure.error.line;
        if let Some((start_line, _)) = self.open.take() {
            self.push(start_line, Err(failure.error));
        } else if let Some(before) = self.documents.last_mut().filter(|_| failure.trailing && self.unclosed) {
            if before.root.is_ok() {
                before.root = Err(failure.error);
            }
        } else {
            self.push(line, Err(failure.error));
        }
        self.unclosed = false;
    }

    fn push(&mut self, start_line: u32, root: Result<Option<Node>, SyntaxError>) {
        self.documents.push(Document { index: self.documents.len(), start_line, root });
    }

    fn explain(&self, error: &ScanError) -> Failure {
        let at = self.base.saturating_add(offset(error.marker().byte_offset().unwrap_or(0)));
        let (line, column) = self.lines.locate(at);
        let trailing = *error.kind() == ErrorKind::ExpectedDocumentStart;
        let message = if trailing { "content after the end of the document".to_owned() } else { error.info() };
        Failure { trailing, error: SyntaxError { line, column, message } }
    }

    fn place(&self, span: &Span) -> Place {
        let range = span.byte_range().unwrap_or_default();
        let start = self.base.saturating_add(offset(range.start));
        let (line, column) = self.lines.locate(start);
        Place { start, end: self.base.saturating_add(offset(range.end)), line, column }
    }

    fn slice(&self, place: Place) -> &'a str {
        let from = (place.start - self.base) as usize;
        let to = (place.end - self.base) as usize;
        self.text.get(from..to).unwrap_or_default()
    }
}

/// A fault, and whether it may be that of the document before.
struct Failure {
    trailing: bool,
    error: SyntaxError,
}

impl Failure {
    fn at(place: Place, message: String) -> Self {
        Self { trailing: false, error: SyntaxError { line: place.line, column: place.column, message } }
    }
}
