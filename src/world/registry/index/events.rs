//! An index as the events of a YAML parser, filtered to the wanted charts: the reader for every layout, and the judge
//! of the faster ones. It follows aliases of scalars only: an index that hides entries behind aliases is refused.

use super::entry::{self, Field, MOST_URLS};
use super::{Collected, Extract, IndexError, NO_API_VERSION, RawEntry, Wanted};
use granit_parser::{ErrorKind, Event, FallibleBufferedInput, Parser, ScalarStyle};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::rc::Rc;

/// Longest text between two events, in characters: a scalar is held in memory.
const LONGEST_SCALAR: usize = 4 << 20;
/// Anchored scalars that are remembered.
const MOST_ANCHORS: usize = 1024;

/// A whole index.
pub(super) fn read_index(input: impl Read, wanted: Wanted) -> Result<BTreeMap<String, Extract>, IndexError> {
    let mut state = wanted;
    let mut events = Events::new(input);
    let (mut found, mut api_version) = (false, false);
    events.open_document()?;
    loop {
        match events.key()? {
            Key::End => break,
            Key::Text(key) if key == "apiVersion" => {
                api_version = events.scalar(&key)?.is_some_and(|text| !text.is_empty());
            }
            Key::Text(key) if key == "entries" => {
                if std::mem::replace(&mut found, true) {
                    return Err(twice(&key));
                }
                let start = events.next()?;
                read_charts(&mut events, &start, &mut state)?;
            }
            _ => events.skip()?,
        }
    }
    if !found {
        return Err(IndexError::Invalid("not a chart index: it has no entries".to_owned()));
    }
    if !api_version {
        return Err(IndexError::Invalid(NO_API_VERSION.to_owned()));
    }
    Ok(state.finish())
}

fn twice(key: &str) -> IndexError {
    IndexError::Invalid(format!("Flux refuses the index: key {key:?} already set in map"))
}

/// A document that is the value of `entries`, or a part of it.
pub(super) fn read_block(input: impl Read, state: &mut Wanted) -> Result<(), IndexError> {
    let mut events = Events::new(input);
    events.open_document()?;
    chart_entries(&mut events, state)
}

fn read_charts<R: Read>(events: &mut Events<R>, start: &Event, state: &mut Wanted) -> Result<(), IndexError> {
    match start {
        Event::MappingStart(..) => chart_entries(events, state),
        event if is_null(event) => Ok(()),
        _ => Err(IndexError::Invalid("not a chart index: entries is not a mapping".to_owned())),
    }
}

fn chart_entries<R: Read>(events: &mut Events<R>, state: &mut Wanted) -> Result<(), IndexError> {
    let mut names = HashSet::new();
    loop {
        match events.key()? {
            Key::End => return Ok(()),
            Key::Other => events.skip()?,
            Key::Text(name) => {
                if state.sees(&name) {
                    let collected = one_chart(events, &name, state.collector(&name))?;
                    state.put(&name, collected);
                } else {
                    events.skip()?;
                }
                if let Some(name) = names.replace(name) {
                    return Err(twice(&name));
                }
            }
        }
    }
}

fn one_chart<R: Read>(events: &mut Events<R>, name: &str, mut collected: Collected) -> Result<Collected, IndexError> {
    match events.next()? {
        Event::SequenceStart(..) => {}
        event if is_null(&event) => return Ok(collected),
        Event::Alias(_) => return Err(alias(name)),
        _ => return Err(IndexError::Invalid(format!("the entry of {name} is not a list"))),
    }
    loop {
        match events.next()? {
            Event::SequenceEnd => return Ok(collected),
            Event::MappingStart(..) => collected.take(one_entry(events)?)?,
            event if is_null(&event) => collected.take(RawEntry::default())?,
            Event::Alias(_) => return Err(alias(name)),
            _ => return Err(IndexError::Invalid(format!("a version of {name} is not a mapping"))),
        }
    }
}

/// Flux reads it.
fn alias(name: &str) -> IndexError {
    IndexError::Invalid(format!(
        "the versions of {name} stand behind a YAML alias, which Davit does not follow: write them out"
    ))
}

fn one_entry<R: Read>(events: &mut Events<R>) -> Result<RawEntry, IndexError> {
    let mut entry = RawEntry::default();
    loop {
        let name = match events.key()? {
            Key::End => return Ok(entry),
            Key::Text(name) => name,
            Key::Other => String::new(),
        };
        match Field::of(name.as_bytes()) {
            Some(Field::Scalar(field)) => entry.set(field, events.scalar(&name)?),
            Some(Field::Urls) => entry.urls = events.scalars(&name)?,
            None if name == "<<" => {
                let why = "a version has a merge key, which Flux refuses where it overrides, and Davit does not follow";
                return Err(IndexError::Invalid(why.to_owned()));
            }
            None => events.skip()?,
        }
    }
}

/// A mapping's next key.
enum Key {
    Text(String),
    /// One that is no scalar.
    Other,
    /// The mapping's end.
    End,
}

fn is_null(event: &Event) -> bool {
    matches!(event, Event::Scalar(text, ScalarStyle::Plain, ..) if entry::is_null(text))
}

struct Events<R: Read> {
    parser: Parser<'static, FallibleBufferedInput<Characters<R>>>,
    since_event: Rc<Cell<usize>>,
    anchors: HashMap<usize, String>,
}

impl<R: Read> Events<R> {
    fn new(input: R) -> Self {
        let since_event = Rc::new(Cell::new(0));
        let characters = Characters::new(input, Rc::clone(&since_event));
        let options = granit_parser::options! { emit_comments: false };
        let parser = Parser::new_from_fallible_iter_with_options(characters, options);
        Self { parser, since_event, anchors: HashMap::new() }
    }

    fn next(&mut self) -> Result<Event<'static>, IndexError> {
        self.since_event.set(0);
        match self.parser.next() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(IndexError::Invalid(format!("not a chart index: {error}"))),
            None => Err(IndexError::Invalid("not a chart index: it ends too early".to_owned())),
        }
    }

    /// Up to the start of the first document's mapping.
    fn open_document(&mut self) -> Result<(), IndexError> {
        loop {
            match self.next()? {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::MappingStart(..) => return Ok(()),
                _ => return Err(IndexError::Invalid("not a chart index: it is not a mapping".to_owned())),
            }
        }
    }

    /// The next key of the mapping that is open.
    fn key(&mut self) -> Result<Key, IndexError> {
        match self.next()? {
            Event::MappingEnd => Ok(Key::End),
            Event::Scalar(text, _, anchor, _) => {
                self.remember(anchor, &text);
                Ok(Key::Text(text.into_owned()))
            }
            Event::Alias(anchor) => Ok(self.anchors.get(&anchor).map_or(Key::Other, |text| Key::Text(text.clone()))),
            start => {
                self.skip_from(&start)?;
                Ok(Key::Other)
            }
        }
    }

    /// The text of a scalar value; nothing for null, and for an alias that is not known.
    fn scalar(&mut self, key: &str) -> Result<Option<String>, IndexError> {
        let event = self.next()?;
        let null = is_null(&event);
        match event {
            Event::Scalar(text, _, anchor, _) => {
                self.remember(anchor, &text);
                Ok((!null).then(|| text.into_owned()))
            }
            Event::Alias(anchor) => Ok(self.anchors.get(&anchor).cloned()),
            _ => Err(IndexError::Invalid(format!("Flux refuses the index: {key} is no text"))),
        }
    }

    /// The scalars of a list; nothing for null, and for an alias.
    fn scalars(&mut self, key: &str) -> Result<Vec<String>, IndexError> {
        let mut texts = Vec::new();
        match self.next()? {
            Event::SequenceStart(..) => {}
            Event::Alias(_) => return Ok(texts),
            event if is_null(&event) => return Ok(texts),
            _ => return Err(IndexError::Invalid(format!("Flux refuses the index: {key} of a version is no list"))),
        }
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(texts),
                Event::Scalar(text, _, anchor, _) => {
                    self.remember(anchor, &text);
                    if texts.len() < MOST_URLS {
                        texts.push(text.into_owned());
                    }
                }
                // One that is not known is still one of them: what comes after it is not the first.
                Event::Alias(anchor) if texts.len() < MOST_URLS => {
                    texts.push(self.anchors.get(&anchor).cloned().unwrap_or_default());
                }
                other => self.skip_from(&other)?,
            }
        }
    }

    fn skip(&mut self) -> Result<(), IndexError> {
        let start = self.next()?;
        self.skip_from(&start)
    }

    fn skip_from(&mut self, start: &Event) -> Result<(), IndexError> {
        let mut depth = usize::from(matches!(start, Event::MappingStart(..) | Event::SequenceStart(..)));
        if let Event::Scalar(text, _, anchor, _) = start {
            self.remember(*anchor, text);
        }
        while depth > 0 {
            match self.next()? {
                Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
                Event::MappingEnd | Event::SequenceEnd => depth -= 1,
                Event::Scalar(text, _, anchor, _) => self.remember(anchor, &text),
                _ => {}
            }
        }
        Ok(())
    }

    fn remember(&mut self, anchor: usize, text: &str) {
        if anchor != 0 && self.anchors.len() < MOST_ANCHORS && text.len() <= 1024 {
            self.anchors.insert(anchor, text.to_owned());
        }
    }
}

/// UTF-8 decoded through a fixed buffer, with a limit on what one event may take.
struct Characters<R: Read> {
    input: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    since_event: Rc<Cell<usize>>,
    first: bool,
}

impl<R: Read> Characters<R> {
    fn new(input: R, since_event: Rc<Cell<usize>>) -> Self {
        Self { input, buffer: vec![0; 1 << 16].into_boxed_slice(), start: 0, end: 0, since_event, first: true }
    }

    /// Makes at least `wanted` bytes available, fewer at the end of input.
    fn fill(&mut self, wanted: usize) -> Result<(), ErrorKind> {
        if self.end - self.start >= wanted {
            return Ok(());
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < wanted {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(more) => self.end += more,
                Err(error) => return Err(ErrorKind::Custom(error.to_string())),
            }
        }
        Ok(())
    }

    fn decode(&mut self) -> Result<Option<char>, ErrorKind> {
        if self.start == self.end {
            self.fill(1)?;
        }
        let Some(&byte) = self.buffer[self.start..self.end].first() else { return Ok(None) };
        if byte.is_ascii() {
            self.start += 1;
            return Ok(Some(char::from(byte)));
        }
        let length = match byte {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            _ => 4,
        };
        self.fill(length)?;
        let end = self.end.min(self.start + length);
        let decoded = std::str::from_utf8(&self.buffer[self.start..end]).ok().and_then(|text| text.chars().next());
        let Some(character) = decoded else { return Err(ErrorKind::Custom("the text is not UTF-8".to_owned())) };
        self.start = end;
        Ok(Some(character))
    }
}

impl<R: Read> Iterator for Characters<R> {
    type Item = Result<char, ErrorKind>;

    fn next(&mut self) -> Option<Self::Item> {
        let spent = self.since_event.get() + 1;
        self.since_event.set(spent);
        if spent > LONGEST_SCALAR {
            return Some(Err(ErrorKind::Custom("one value is longer than 4 MiB".to_owned())));
        }
        let decoded = self.decode().transpose();
        if std::mem::take(&mut self.first) && matches!(decoded, Some(Ok('\u{feff}'))) {
            return self.decode().transpose();
        }
        decoded
    }
}
