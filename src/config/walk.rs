//! A walk over what somebody wrote, against the known shape: every unknown key, wrong type and doubled key is an
//! issue, and what is right becomes a layer for the `config` crate. Texts stay texts: a bare `1.10` is not a number.

use super::places::Places;
use super::shape::{Shape, nearest};
use super::{Issue, Place};
use crate::model::ScalarStyle;
use crate::yaml::{Entry, Node, NodeKind};
use config::{Map, Value, ValueKind};

/// Deepest nesting that is followed; the configuration itself has five levels.
const MAX_DEPTH: usize = 16;

/// Collects issues and places while it walks.
pub(super) struct Walk<'a> {
    pub(super) places: &'a mut Places,
    pub(super) issues: &'a mut Vec<Issue>,
    /// Name of the file or of the environment variable.
    pub(super) origin: String,
    /// Whether the origin is a file, so that lines mean something.
    pub(super) lines: bool,
    /// What to say of a key that is unknown here but known elsewhere.
    pub(super) foreign: fn(path: &str) -> Option<String>,
}

/// No key is known elsewhere.
pub(super) fn nowhere(_: &str) -> Option<String> {
    None
}

/// `path.key`, or `key` at the top.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl Walk<'_> {
    /// The value as a layer's, without what is wrong in it.
    pub(super) fn value(&mut self, node: &Node, shape: &Shape, path: &str) -> Option<Value> {
        if path.matches(['.', '[']).count() > MAX_DEPTH {
            self.issue(node, path, "is nested too deeply");
            return None;
        }
        if is_null(node) {
            return None;
        }
        let kind = match (shape, &node.kind) {
            (Shape::Object { .. }, NodeKind::Mapping(entries)) => ValueKind::Table(self.section(entries, shape, path)),
            (Shape::List(item), NodeKind::Sequence(items)) => ValueKind::Array(self.list(items, item, path)),
            (Shape::Object { .. } | Shape::List(_), _) | (_, NodeKind::Mapping(_) | NodeKind::Sequence(_)) => {
                self.issue(node, path, &format!("expected {}, found {}", shape.expected(), kind_of(node)));
                return None;
            }
            (_, NodeKind::Scalar { text, style, .. }) => match scalar(text, *style, shape) {
                Ok(kind) => kind,
                Err(message) => {
                    self.issue(node, path, &message);
                    return None;
                }
            },
        };
        Some(Value::new(Some(&self.origin), kind))
    }

    fn section(&mut self, entries: &[Entry], shape: &Shape, path: &str) -> Map<String, Value> {
        let mut table = Map::new();
        let mut seen: Vec<&str> = Vec::new();
        for entry in merged(entries) {
            let Some(key) = entry.key.text() else {
                self.issue(&entry.key, path, "a key must be text");
                continue;
            };
            let path = join(path, key);
            if seen.contains(&key) {
                self.issue(&entry.key, &path, "is given twice");
                continue;
            }
            seen.push(key);
            let Some(inner) = shape.field(key) else {
                let message = self.unknown(key, &path, shape);
                self.issue(&entry.key, &path, &message);
                continue;
            };
            let at = if entry.value.text().is_some() { &entry.value } else { &entry.key };
            let place = self.place(at);
            self.places.insert(&path, place);
            if let Some(value) = self.value(&entry.value, inner, &path) {
                table.insert(key.to_owned(), value);
            }
        }
        table
    }

    fn list(&mut self, items: &[Node], shape: &Shape, path: &str) -> Vec<Value> {
        let mut values = Vec::new();
        for (index, node) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let place = self.place(node);
            self.places.insert(&path, place);
            if is_null(node) {
                self.issue(node, &path, "is empty");
            }
            // A broken item leaves a gap of the right width, so that the paths of its neighbours stay true.
            values.push(self.value(node, shape, &path).unwrap_or_default());
        }
        values
    }

    fn unknown(&self, key: &str, path: &str, shape: &Shape) -> String {
        if let Some(message) = (self.foreign)(path) {
            return message;
        }
        match nearest(key, shape.keys()) {
            Some(name) => format!("unknown key; did you mean `{name}`?"),
            None => format!("unknown key; known here: {}", shape.keys().collect::<Vec<_>>().join(", ")),
        }
    }

    fn place(&self, node: &Node) -> Place {
        let (line, column) = if self.lines { (node.line, node.column) } else { (0, 0) };
        Place { file: self.origin.clone(), line, column }
    }

    fn issue(&mut self, node: &Node, path: &str, message: &str) {
        let place = self.place(node);
        self.issues.push(Issue { place, path: path.to_owned(), message: message.to_owned() });
    }
}

/// Entries with merge keys (`<<`) applied: what is written wins over what is merged in.
fn merged(entries: &[Entry]) -> Vec<&Entry> {
    let is_merge = |e: &&Entry| e.key.text() == Some("<<");
    let own: Vec<&Entry> = entries.iter().filter(|e| !is_merge(e)).collect();
    let sources = entries.iter().filter(is_merge).flat_map(|e| match &e.value.kind {
        NodeKind::Sequence(items) => items.iter().collect(),
        _ => vec![&e.value],
    });
    let mut all = own.clone();
    for entry in sources.flat_map(Node::entries) {
        if !all.iter().any(|e| e.key.text() == entry.key.text()) {
            all.push(entry);
        }
    }
    all
}

fn is_null(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Scalar { text, style: ScalarStyle::Plain, .. } if matches!(&**text, "" | "~" | "null"))
}

fn kind_of(node: &Node) -> &'static str {
    match &node.kind {
        NodeKind::Mapping(_) => "a section (key: value)",
        NodeKind::Sequence(_) => "a list",
        NodeKind::Scalar { .. } => "a single value",
    }
}

fn scalar(text: &str, style: ScalarStyle, shape: &Shape) -> Result<ValueKind, String> {
    match shape {
        Shape::Boolean => match text {
            "true" if style == ScalarStyle::Plain => Ok(ValueKind::Boolean(true)),
            "false" if style == ScalarStyle::Plain => Ok(ValueKind::Boolean(false)),
            _ => Err(format!("expected true or false, without quotes, found {text:?}")),
        },
        Shape::Integer(max) => match text.parse::<u64>() {
            Ok(number) if number <= *max && style == ScalarStyle::Plain => Ok(ValueKind::U64(number)),
            Ok(_) if style != ScalarStyle::Plain => {
                Err(format!("expected a whole number without quotes, found {text:?}"))
            }
            _ => Err(format!("expected a whole number from 0 to {max}, found {text:?}")),
        },
        Shape::Choice(words) if words.iter().any(|w| w == text) => Ok(ValueKind::String(text.to_owned())),
        Shape::Choice(words) => {
            let hint = nearest(text, words.iter().map(String::as_str));
            let hint = hint.map_or(String::new(), |word| format!("; did you mean {word}?"));
            Err(format!("expected one of {}, found {text:?}{hint}", words.join(", ")))
        }
        _ => Ok(ValueKind::String(text.to_owned())),
    }
}
