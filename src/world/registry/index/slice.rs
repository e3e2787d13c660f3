//! The fast reader: finds the wanted charts' blocks by their lines, where the whole file has Helm's own layout.
//!
//! It follows a small part of block-style YAML exactly: plain and quoted scalars, also over several lines, block
//! scalars, `- ` items, simple keys. At anything else (anchors, flow style, tabs, CRLF, quoted keys, a chart named
//! twice) it gives up, and the event reader does the work: it never guesses. The wanted charts' entries are
//! read on the way ([`Lines`]); a block that is written in another way than Helm's goes through the event reader.

use super::lines::Lines;
use super::{Collected, Extract, IndexError, Wanted, events};
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

/// A longer line is none of Helm's.
const LONGEST_LINE: usize = 1 << 20;

/// The wanted charts, or nothing where the layout is another.
pub(super) fn read(file: &File, wanted: Wanted) -> Result<Option<BTreeMap<String, Extract>>, IndexError> {
    let mut state = wanted;
    let Some(blocks) = find_blocks(file, &mut state)? else { return Ok(None) };
    for block in blocks {
        if let Some(collected) = block.entries {
            state.put(&block.chart, collected);
            continue;
        }
        let mut part = file;
        part.seek(SeekFrom::Start(block.start))?;
        events::read_block(BufReader::new(part.take(block.end - block.start)), &mut state)?;
    }
    Ok(Some(state.finish()))
}

/// Where a wanted chart stands, and its entries where its lines told them.
pub(super) struct Block {
    chart: String,
    start: u64,
    end: u64,
    pub(super) entries: Option<Collected>,
}

/// A block whose end is still to come.
struct OpenBlock {
    chart: String,
    start: u64,
    lines: Lines,
}

impl OpenBlock {
    fn close(self, end: u64) -> Result<Block, IndexError> {
        Ok(Block { chart: self.chart, start: self.start, end, entries: self.lines.finish()? })
    }
}

pub(super) fn find_blocks(file: &File, state: &mut Wanted) -> Result<Option<Vec<Block>>, IndexError> {
    let mut input = file;
    input.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(1 << 16, input);
    let mut layout = Layout::default();
    let (mut blocks, mut open): (Vec<Block>, Option<OpenBlock>) = (Vec::new(), None);
    let (mut position, mut line) = (0_u64, Vec::new());
    loop {
        line.clear();
        let length = (&mut reader).take(LONGEST_LINE as u64).read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        if length == LONGEST_LINE {
            return Ok(None);
        }
        let Some(seen) = layout.line(line.strip_suffix(b"\n").unwrap_or(&line)) else { return Ok(None) };
        if matches!(seen, Seen::Top | Seen::Chart(..))
            && let Some(block) = open.take()
        {
            blocks.push(block.close(position)?);
        }
        match (seen, &mut open) {
            (Seen::Chart(chart, value), _) if state.sees(&chart) => {
                let lines = Lines::new(value, state.collector(&chart));
                open = Some(OpenBlock { chart, start: position, lines });
            }
            (Seen::Node(node), Some(block)) => block.lines.node(&node)?,
            (Seen::Text, Some(block)) => block.lines.text(),
            _ => {}
        }
        position += length as u64;
    }
    if let Some(block) = open {
        blocks.push(block.close(position)?);
    }
    Ok(layout.complete().then_some(blocks))
}

/// What a line is.
enum Seen<'a> {
    /// Empty, or a comment.
    Nothing,
    /// More of the scalar above.
    Text,
    /// A line of its own within whatever was open before.
    Node(Node<'a>),
    /// A key at the left margin.
    Top,
    /// A chart's key, and what follows it.
    Chart(String, &'a [u8]),
}

/// A line with a structure of its own.
pub(super) struct Node<'a> {
    /// Spaces before it.
    pub(super) indent: usize,
    /// Columns that leading `- ` take.
    pub(super) dashes: usize,
    /// Key and value, where it is a pair with a simple key.
    pub(super) key: Option<(&'a [u8], &'a [u8])>,
    /// All that follows the dashes.
    pub(super) rest: &'a [u8],
}

/// What the last line left open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    /// A plain scalar; deeper lines continue it.
    Plain(usize),
    /// A block scalar; deeper lines are its text.
    Block(usize),
    Quoted(u8),
}

/// Where in the file the lines are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Not under `entries`.
    Elsewhere,
    /// Under `entries`, before its first chart.
    Entries,
    /// In a chart's block.
    Chart,
}

struct Layout {
    open: Open,
    started: bool,
    had_entries: bool,
    /// `apiVersion` was there, and said something.
    had_api_version: bool,
    part: Part,
    names: HashSet<String>,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            open: Open::Nothing,
            started: false,
            had_entries: false,
            had_api_version: false,
            part: Part::Elsewhere,
            names: HashSet::new(),
        }
    }
}

impl Layout {
    fn complete(&self) -> bool {
        self.had_entries && self.had_api_version && !matches!(self.open, Open::Quoted(_))
    }

    /// Takes a line without its line feed; nothing means: another layout.
    fn line<'a>(&mut self, line: &'a [u8]) -> Option<Seen<'a>> {
        std::str::from_utf8(line).ok()?;
        if line.contains(&b'\r') || line.contains(&0) {
            return None;
        }
        let indent = line.iter().take_while(|byte| **byte == b' ').count();
        let text = line[indent..].trim_ascii_end();
        if text.is_empty() {
            return Some(Seen::Nothing);
        }
        match self.open {
            Open::Block(parent) | Open::Plain(parent) if indent > parent => return Some(Seen::Text),
            Open::Quoted(quote) => {
                if indent < 4 {
                    return None;
                }
                self.open = if closes(text, quote)? { Open::Nothing } else { self.open };
                return Some(Seen::Text);
            }
            _ => self.open = Open::Nothing,
        }
        match text[0] {
            b'\t' => return None,
            b'#' => return Some(Seen::Nothing),
            b'.' | b'-' if indent == 0 => {
                return (text == b"---" && !std::mem::replace(&mut self.started, true)).then_some(Seen::Nothing);
            }
            _ => self.started = true,
        }
        self.structure(indent, text)
    }

    fn structure<'a>(&mut self, indent: usize, text: &'a [u8]) -> Option<Seen<'a>> {
        let (dashes, rest) = dashes(text)?;
        let key = key(rest);
        match (indent, key) {
            (0, Some((name, value))) => self.top(name, value),
            (0, None) => None,
            (1 | 3, _) if self.part != Part::Elsewhere => None,
            (2, Some((name, value))) if self.part != Part::Elsewhere && dashes == 0 => self.chart(name, value),
            (2, None) if self.part == Part::Chart && dashes == 0 => None,
            _ if self.part == Part::Entries => None,
            _ => {
                self.inner(indent, dashes, rest, key)?;
                Some(Seen::Node(Node { indent, dashes, key, rest }))
            }
        }
    }

    fn top(&mut self, name: &[u8], value: &[u8]) -> Option<Seen<'static>> {
        self.part = if name == b"entries" { Part::Entries } else { Part::Elsewhere };
        if self.part == Part::Entries {
            if self.had_entries || !value.is_empty() {
                return None;
            }
            self.had_entries = true;
        }
        // Of another form than Helm's, it is left to the events.
        self.had_api_version |=
            name == b"apiVersion" && value.first().is_some_and(u8::is_ascii_alphanumeric) && value != b"null";
        self.open = opened(value, Some(0))?;
        Some(Seen::Top)
    }

    fn chart<'a>(&mut self, name: &[u8], value: &'a [u8]) -> Option<Seen<'a>> {
        if !(value.is_empty() || value == b"[]") {
            return None;
        }
        self.part = Part::Chart;
        let name = String::from_utf8(name.to_vec()).ok()?;
        self.names.insert(name.clone()).then_some(Seen::Chart(name, value))
    }

    fn inner(&mut self, indent: usize, dashes: usize, rest: &[u8], key: Option<(&[u8], &[u8])>) -> Option<()> {
        let column = indent + dashes;
        self.open = match key {
            Some((_, value)) => opened(value, Some(column))?,
            // A value on its own line: nothing here knows how far its parent is indented.
            None if dashes == 0 => match rest[0] {
                b'"' | b'\'' => opened(rest, None)?,
                _ => return None,
            },
            None if rest.is_empty() => Open::Nothing,
            None if rest.windows(2).any(|pair| pair == b": ") || rest.ends_with(b":") => match rest[0] {
                b'"' | b'\'' => opened(rest, Some(column - 2))?,
                _ => return None,
            },
            None => opened(rest, Some(column - 2))?,
        };
        Some(())
    }
}

/// Leading `- ` of a line: how many columns they take, and the rest.
fn dashes(text: &[u8]) -> Option<(usize, &[u8])> {
    let (mut columns, mut rest) = (0, text);
    while let Some(inner) = rest.strip_prefix(b"- ") {
        if inner.first() == Some(&b' ') {
            return None;
        }
        columns += 2;
        rest = inner;
    }
    if rest == b"-" { Some((columns + 2, &[])) } else { Some((columns, rest)) }
}

/// `key: value` with a simple key; comments behind the colon count as no value.
fn key(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-');
    let length = text.iter().take_while(|byte| plain(byte)).count();
    if !text.first()?.is_ascii_alphanumeric() || text.get(length) != Some(&b':') {
        return None;
    }
    let rest = &text[length + 1..];
    if !(rest.is_empty() || rest[0] == b' ') {
        return None;
    }
    let value = rest.trim_ascii_start();
    Some((&text[..length], if value.first() == Some(&b'#') { &[] } else { value }))
}

/// What a value leaves open at the end of its line.
fn opened(value: &[u8], parent: Option<usize>) -> Option<Open> {
    let Some(first) = value.first() else { return Some(Open::Nothing) };
    match first {
        b'"' | b'\'' => Some(if closes(&value[1..], *first)? { Open::Nothing } else { Open::Quoted(*first) }),
        b'|' | b'>' => {
            let header = value[1..].iter().all(|byte| matches!(byte, b'-' | b'+' | b'1'..=b'9'));
            header.then_some(Open::Block(parent?))
        }
        b'[' | b'{' => matches!(value, b"[]" | b"{}").then_some(Open::Nothing),
        b'&' | b'*' | b'!' | b'%' | b'@' | b'`' | b'?' | b']' | b'}' | b',' | b'#' | b'\t' | b':' => None,
        b'-' if matches!(value.get(1), None | Some(b' ' | b'\t')) => None,
        _ => Some(Open::Plain(parent?)),
    }
}

/// Whether a quoted scalar ends in this text (behind its opening quote); nothing where something follows its end.
fn closes(text: &[u8], quote: u8) -> Option<bool> {
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        if quote == b'"' && *byte == b'\\' {
            bytes.next();
        } else if *byte == quote {
            if quote == b'\'' && text.get(at + 1) == Some(&b'\'') {
                bytes.next();
                continue;
            }
            return (at + 1 == text.len()).then_some(true);
        }
    }
    Some(false)
}
