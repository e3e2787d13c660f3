//! Where each byte of a scalar's decoded text lies in the file. A byte either stands there as it is, or is what several
//! bytes (an escape, a line break with the indent behind it) stand for; only the former can be swapped.

use super::lines::offset;
use crate::model::ScalarStyle;
use std::ops::Range;

/// A run of bytes of the decoded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// First byte in the decoded text.
    local: u32,
    /// Bytes there.
    length: u32,
    /// First byte in the file.
    at: u32,
    /// Bytes there.
    width: u32,
    /// Byte for byte the same.
    exact: bool,
}

/// The decoded text's bytes, run by run, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Places(Vec<Piece>);

impl Places {
    /// A text that is its file.
    pub(super) fn identity(length: usize) -> Self {
        let mut places = Self::default();
        places.exact(0, offset(length));
        places
    }

    fn length(&self) -> u32 {
        self.0.last().map_or(0, |last| last.local + last.length)
    }

    fn exact(&mut self, at: u32, length: u32) {
        let local = self.length();
        match self.0.last_mut() {
            _ if length == 0 => {}
            Some(last) if last.exact && last.at + last.width == at => {
                last.length += length;
                last.width += length;
            }
            _ => self.0.push(Piece { local, length, at, width: length, exact: true }),
        }
    }

    fn standing_for(&mut self, at: u32, width: u32, length: u32) {
        if length > 0 {
            self.0.push(Piece { local: self.length(), length, at, width, exact: false });
        }
    }

    /// The run that holds a byte of the decoded text.
    fn holding(&self, local: u32) -> Option<&Piece> {
        self.0.get(self.0.partition_point(|piece| piece.local <= local).checked_sub(1)?)
    }

    /// Where a node that begins at a byte of the decoded text begins in the file.
    pub(super) fn start(&self, local: u32) -> u32 {
        match self.holding(local) {
            Some(piece) if local >= piece.local + piece.length => piece.at + piece.width,
            Some(piece) if piece.exact => piece.at + (local - piece.local),
            Some(piece) => piece.at,
            None => 0,
        }
    }

    /// Where a node that ends before a byte of the decoded text ends in the file.
    pub(super) fn end(&self, local: u32) -> u32 {
        match local.checked_sub(1).and_then(|last| self.holding(last)) {
            Some(piece) if piece.exact => piece.at + (local - piece.local).min(piece.length),
            Some(piece) => piece.at + piece.width,
            None => self.start(0),
        }
    }

    /// The bytes of the decoded text that a span of the file is, byte for byte.
    pub(super) fn local(&self, start: u32, end: u32) -> Option<Range<usize>> {
        let known = self.0.partition_point(|piece| piece.at <= start);
        let mut near = self.0.get(..known)?.iter().rev().take(3);
        let piece = near.find(|piece| piece.exact && start <= end && end <= piece.at + piece.width)?;
        let from = (piece.local + (start - piece.at)) as usize;
        Some(from..from + (end - start) as usize)
    }

    /// The bytes of the decoded text that a node of the file was read from, escapes and line breaks included.
    pub(super) fn around(&self, start: u32, end: u32) -> Range<usize> {
        let first = self.0.get(self.0.partition_point(|piece| piece.at + piece.width <= start));
        let from = first.map_or(self.length(), |piece| {
            if piece.exact { piece.local + start.saturating_sub(piece.at) } else { piece.local }
        });
        let last = self.0.partition_point(|piece| piece.at < end).checked_sub(1).and_then(|index| self.0.get(index));
        let to = last.map_or(from, |piece| {
            let inside = end.min(piece.at + piece.width) - piece.at;
            piece.local + if piece.exact { inside } else { piece.length }
        });
        from as usize..to.max(from) as usize
    }

    /// Places of a text within this one: `inner` is relative to the decoded text here.
    pub(super) fn compose(&self, inner: &Self) -> Self {
        let mut composed = Self::default();
        for piece in &inner.0 {
            if piece.exact {
                self.copy(piece.at, piece.length, &mut composed);
            } else {
                let at = self.start(piece.at);
                let end = if piece.width == 0 { at } else { self.end(piece.at + piece.width) };
                composed.standing_for(at, end.saturating_sub(at), piece.length);
            }
        }
        composed
    }

    /// Adds what a run of the text here is in the file.
    fn copy(&self, from: u32, length: u32, to: &mut Self) {
        let end = from + length;
        let mut at = from;
        while at < end {
            let Some(piece) = self.holding(at) else { return };
            let count = end.min(piece.local + piece.length).saturating_sub(at);
            if count == 0 {
                return;
            }
            if piece.exact {
                to.exact(self.start(at), count);
            } else {
                to.standing_for(piece.at, piece.width, count);
            }
            at += count;
        }
    }
}

/// The places of a scalar's `text` in its bytes `raw`, which begin at `base`. `indent` is that of a block scalar.
///
/// # Errors
/// The form, where bytes and text can't be laid side by side.
pub(super) fn of_scalar(
    raw: &str,
    base: u32,
    text: &str,
    style: ScalarStyle,
    indent: usize,
) -> Result<Places, &'static str> {
    let lines = raw.contains(['\n', '\r']);
    let places = match style {
        ScalarStyle::Literal => literal(raw, base, text, indent),
        ScalarStyle::Folded => folded(raw, base, text, indent),
        _ if lines => return Err("goes over several lines in quotes or without a `|`"),
        ScalarStyle::Plain => (raw == text).then(|| {
            let mut places = Places::default();
            places.exact(base, offset(raw.len()));
            places
        }),
        ScalarStyle::Single => quoted(raw, base, text, single_escape),
        ScalarStyle::Double => quoted(raw, base, text, double_escape),
    };
    places.ok_or("is written in a form whose bytes can't be told from its text")
}

/// Length of the line break that a text begins with: `\r\n`, `\n` or `\r`.
fn line_break(text: &str) -> usize {
    match text.as_bytes() {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

/// Bytes of indent in front of a line, at most `indent`.
fn indented(line: &str, indent: usize) -> usize {
    line.bytes().take(indent).take_while(|byte| *byte == b' ').count()
}

fn literal(raw: &str, base: u32, text: &str, indent: usize) -> Option<Places> {
    let mut places = Places::default();
    // Empty lines before the first content lie before the scalar's first byte.
    let leading = text.bytes().take_while(|byte| *byte == b'\n').count();
    places.standing_for(base, 0, offset(leading));
    let mut at = 0;
    for (number, line) in text[leading..].split_inclusive('\n').enumerate() {
        let content = line.strip_suffix('\n').unwrap_or(line);
        if number > 0 {
            at += indented(raw.get(at..)?, indent);
        }
        raw.get(at..)?.strip_prefix(content)?;
        places.exact(base + offset(at), offset(content.len()));
        at += content.len();
        if content.len() < line.len() {
            let width = line_break(raw.get(at..)?);
            if width == 0 && at < raw.len() {
                return None;
            }
            places.standing_for(base + offset(at), offset(width), 1);
            at += width;
        }
    }
    Some(places)
}

fn folded(raw: &str, base: u32, text: &str, indent: usize) -> Option<Places> {
    let mut places = Places::default();
    let (mut at, mut done, mut since) = (0, 0, 0);
    let mut first = true;
    while at < raw.len() {
        let begins = at + if at == 0 { 0 } else { indented(&raw[at..], indent) };
        let length = raw[begins..].find(['\n', '\r']).unwrap_or(raw.len() - begins);
        let content = &raw[begins..begins + length];
        if !content.is_empty() {
            let breaks = text.get(done..)?.bytes().take_while(|byte| *byte == b'\n').count();
            let folded = if breaks > 0 || first { breaks } else { usize::from(text[done..].starts_with(' ')) };
            places.standing_for(base + offset(since), offset(begins - since), offset(folded));
            done += folded;
            text.get(done..)?.strip_prefix(content)?;
            places.exact(base + offset(begins), offset(length));
            done += length;
            since = begins + length;
            first = false;
        }
        at = begins + length + line_break(&raw[begins + length..]);
    }
    let rest = text.get(done..)?;
    places.standing_for(base + offset(since), offset(raw.len() - since), offset(rest.len()));
    rest.bytes().all(|byte| byte == b'\n').then_some(places)
}

/// A scalar in quotes on one line. `escape` says how many bytes an escape takes that begins here.
fn quoted(raw: &str, base: u32, text: &str, escape: fn(&str) -> Option<usize>) -> Option<Places> {
    let mut places = Places::default();
    let (mut at, mut done) = (0, 0);
    while at < raw.len() {
        let rest = text.get(done..)?;
        if let Some(width) = escape(&raw[at..]) {
            let length = rest.chars().next()?.len_utf8();
            places.standing_for(base + offset(at), offset(width), offset(length));
            at += width;
            done += length;
        } else {
            let next = raw[at..].chars().next()?;
            rest.strip_prefix(next)?;
            places.exact(base + offset(at), offset(next.len_utf8()));
            at += next.len_utf8();
            done += next.len_utf8();
        }
    }
    (at == raw.len() && done == text.len()).then_some(places)
}

fn single_escape(text: &str) -> Option<usize> {
    text.starts_with("''").then_some(2)
}

fn double_escape(text: &str) -> Option<usize> {
    let code = text.strip_prefix('\\')?.chars().next()?;
    Some(match code {
        'x' => 4,
        // JSON writes what lies above U+FFFF as a pair of surrogates.
        'u' if text.get(2..4).is_some_and(|high| high.to_ascii_lowercase().starts_with("d8"))
            && text.get(6..8) == Some("\\u") =>
        {
            12
        }
        'u' => 6,
        'U' => 10,
        other => 1 + other.len_utf8(),
    })
}
