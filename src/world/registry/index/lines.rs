//! The entries of one chart as their lines come by, where each field that counts is one scalar on its key's line, as Helm
//! writes it. At anything else it gives up, and the event reader reads the chart's block: it never guesses.

use super::entry::{self, Field, MOST_URLS};
use super::slice::Node;
use super::{Collected, IndexError, RawEntry};

/// Where Helm's items begin.
const ITEM: usize = 2;
/// Where the keys of an item begin.
const KEY: usize = 4;

/// One chart, line by line.
pub(super) struct Lines {
    collected: Collected,
    entry: Option<RawEntry>,
    last: Last,
    given_up: bool,
    /// The chart's value is on its own line: no items may follow.
    closed: bool,
}

/// What the last key of the entry was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// None that counts: whatever belongs to it is nobody's business.
    Other,
    /// A scalar, or an item of `urls`, that is complete: nothing may belong to it.
    Complete,
    /// `urls:`, items to come.
    Urls,
}

impl Lines {
    /// At the chart's own line, which ends in `value`.
    pub(super) fn new(value: &[u8], collected: Collected) -> Self {
        Self { collected, entry: None, last: Last::Complete, given_up: false, closed: !value.is_empty() }
    }

    /// A line that goes on with the scalar above it.
    pub(super) fn text(&mut self) {
        self.given_up |= self.last != Last::Other;
    }

    /// A line with a structure of its own.
    pub(super) fn node(&mut self, node: &Node<'_>) -> Result<(), IndexError> {
        if !self.given_up && self.take(node)?.is_none() {
            self.given_up = true;
        }
        Ok(())
    }

    /// The chart's entries; nothing where the events have to tell.
    pub(super) fn finish(mut self) -> Result<Option<Collected>, IndexError> {
        if self.given_up {
            return Ok(None);
        }
        if let Some(entry) = self.entry.take() {
            self.collected.take(entry)?;
        }
        Ok(Some(self.collected))
    }

    fn take(&mut self, node: &Node<'_>) -> Result<Option<()>, IndexError> {
        match (node.indent, node.dashes, node.key) {
            (ITEM, 2, Some((name, value))) if !self.closed => {
                if let Some(entry) = self.entry.replace(RawEntry::default()) {
                    self.collected.take(entry)?;
                }
                Ok(self.key(name, value))
            }
            (KEY, 0, Some((name, value))) => Ok(self.key(name, value)),
            (KEY, 2, None) if self.last == Last::Urls => Ok(self.url(node.rest)),
            (KEY, 0, None) => Ok(None),
            (KEY.., ..) if self.last == Last::Other => Ok(Some(())),
            _ => Ok(None),
        }
    }

    fn key(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        let entry = self.entry.as_mut()?;
        self.last = Last::Complete;
        match Field::of(name) {
            Some(Field::Scalar(field)) => {
                let plain = !matches!(value.first(), Some(b'"' | b'\''));
                let text = scalar(value)?;
                entry.set(field, (!(plain && entry::is_null(text.as_ref()))).then_some(text));
            }
            Some(Field::Urls) => {
                entry.urls.clear();
                match value {
                    [] => self.last = Last::Urls,
                    b"[]" => {}
                    _ => return None,
                }
            }
            None => self.last = Last::Other,
        }
        Some(())
    }

    fn url(&mut self, rest: &[u8]) -> Option<()> {
        let entry = self.entry.as_mut()?;
        let text = scalar(rest).filter(|text| !text.is_empty())?;
        if entry.urls.len() < MOST_URLS {
            entry.urls.push(text);
        }
        Some(())
    }
}

/// The text of a scalar that begins and ends on this line, of the forms that need no YAML parser.
fn scalar(value: &[u8]) -> Option<String> {
    if !value.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?;
    let inner = |quote: char| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    match value.first() {
        None => Some(String::new()),
        Some(b'"') => inner('"').filter(|text| !text.contains(['\\', '"'])).map(str::to_owned),
        Some(b'\'') => inner('\'').filter(|text| !text.contains('\'')).map(str::to_owned),
        Some(first) if first.is_ascii_alphanumeric() || matches!(first, b'~' | b'.' | b'/' | b'_' | b'+') => {
            let odd = text.contains(": ") || text.contains(" #") || text.ends_with(':');
            (!odd).then(|| text.trim_end().to_owned())
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::scalar;

    #[test]
    fn scalars_that_need_no_parser_are_read_and_others_left() {
        for (written, text) in
            [("1.2.3", "1.2.3"), ("\"1.0\"", "1.0"), ("'x'", "x"), ("", ""), ("a b ", "a b"), ("a:b", "a:b")]
        {
            assert_eq!(scalar(written.as_bytes()).as_deref(), Some(text), "{written}");
        }
        for written in [
            "a: b",
            "a #c",
            "a:",
            "\"a\\n\"",
            "'it''s'",
            "[]",
            "&a x",
            "*a",
            "!x y",
            "|",
            "\"open",
            "caf\u{e9}",
            "\"",
            "-",
            "- x",
        ] {
            assert_eq!(scalar(written.as_bytes()), None, "{written}");
        }
    }
}
