//! Values on their way through a build. What nobody touched is the document's own tree, shared; what a build changes is
//! copied on the way down to the change. Every scalar knows the file and the bytes it was last written at.

use crate::model::ScalarStyle;
use crate::yaml::{Node, NodeKind, ScalarType};
use std::sync::Arc;

/// The file of text that lies in none: its positions mean nothing.
pub(super) const NOWHERE: usize = usize::MAX;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// As a document of a file says it.
    Written(Node, usize),
    /// A mapping that a build made or changed.
    Map(Arc<Vec<(Arc<str>, Value)>>),
    /// A sequence that a build changed.
    List(Arc<Vec<Value>>),
    /// A scalar that a build made: by substitution, a namespace, a prefix.
    Made(Arc<Made>),
}

/// A scalar that stands in no document as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) text: String,
    pub(super) kind: ScalarType,
    pub(super) origin: Origin,
}

/// Which bytes an edit of a scalar must swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// The scalar itself.
    Scalar { file: usize, start: u32 },
    /// A part of another scalar's text, with fixed text around it in the value.
    Part { file: usize, start: u32, part: Option<(usize, usize)>, prefix: String, suffix: String },
    /// None that Davit could name: why.
    None(String),
}

/// A look at a value, without a copy.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ref<'v> {
    Written(&'v Node, usize),
    Value(&'v Value),
}

impl Value {
    pub(super) fn look(&self) -> Ref<'_> {
        match self {
            Self::Written(node, file) => Ref::Written(node, *file),
            other => Ref::Value(other),
        }
    }

    /// A string that a build sets.
    pub(super) fn string(text: &str, origin: Origin) -> Self {
        Self::Made(Arc::new(Made { text: text.to_owned(), kind: ScalarType::String, origin }))
    }

    pub(super) fn empty_map() -> Self {
        Self::Map(Arc::default())
    }

    pub(super) fn is_map(&self) -> bool {
        self.look().is_map()
    }

    pub(super) fn is_list(&self) -> bool {
        match self {
            Self::Written(node, _) => matches!(node.kind, NodeKind::Sequence(_)),
            Self::List(_) => true,
            _ => false,
        }
    }

    /// The mapping, to be changed; nothing where it is none.
    pub(super) fn map_mut(&mut self) -> Option<&mut Vec<(Arc<str>, Value)>> {
        if let Self::Written(node, file) = self {
            if !matches!(node.kind, NodeKind::Mapping(_)) {
                return None;
            }
            let pairs =
                node.pairs().into_iter().map(|(key, value)| (Arc::from(key), Self::Written(value.clone(), *file)));
            *self = Self::Map(Arc::new(pairs.collect()));
        }
        match self {
            Self::Map(entries) => Some(Arc::make_mut(entries)),
            _ => None,
        }
    }

    /// The sequence, to be changed; nothing where it is none.
    pub(super) fn list_mut(&mut self) -> Option<&mut Vec<Value>> {
        if let Self::Written(node, file) = self {
            let NodeKind::Sequence(items) = &node.kind else { return None };
            let items = items.iter().map(|item| Self::Written(item.clone(), *file)).collect();
            *self = Self::List(Arc::new(items));
        }
        match self {
            Self::List(items) => Some(Arc::make_mut(items)),
            _ => None,
        }
    }

    /// The value under a key, to be changed; nothing where there is none.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.look().get(key)?;
        self.map_mut()?.iter_mut().find(|(name, _)| &**name == key).map(|(_, value)| value)
    }

    /// Sets a key of a mapping.
    pub(super) fn set(&mut self, key: &str, value: Value) {
        let Some(entries) = self.map_mut() else { return };
        match entries.iter_mut().find(|(name, _)| &**name == key) {
            Some((_, old)) => *old = value,
            None => entries.push((Arc::from(key), value)),
        }
    }

    /// Removes a key of a mapping; whether it was there.
    pub(super) fn remove(&mut self, key: &str) -> bool {
        if self.look().get(key).is_none() {
            return false;
        }
        let Some(entries) = self.map_mut() else { return false };
        entries.retain(|(name, _)| &**name != key);
        true
    }

    /// Sets a scalar below mappings, which are made where they are not there.
    pub(super) fn set_at(&mut self, keys: &[&str], value: Value) {
        let Some((last, way)) = keys.split_last() else { return };
        let mut node = self;
        for key in way {
            if !node.look().get(key).is_some_and(Ref::is_map) {
                node.set(key, Value::empty_map());
            }
            match node.get_mut(key) {
                Some(below) => node = below,
                None => return,
            }
        }
        node.set(last, value);
    }
}

impl<'v> Ref<'v> {
    pub(super) fn get(self, key: &str) -> Option<Ref<'v>> {
        match self {
            Ref::Written(node, file) => node.get(key).map(|value| Ref::Written(value, file)),
            Ref::Value(Value::Map(entries)) => {
                entries.iter().find(|(name, _)| &**name == key).map(|(_, value)| value.look())
            }
            Ref::Value(Value::Written(node, file)) => Ref::Written(node, *file).get(key),
            Ref::Value(_) => None,
        }
    }

    /// `get` along a dotted route of plain keys.
    pub(super) fn at(self, route: &str) -> Option<Ref<'v>> {
        route.split('.').try_fold(self, Ref::get)
    }

    /// A scalar's text; nothing for null.
    pub(super) fn text(self) -> Option<&'v str> {
        match self {
            Ref::Written(node, _) if is_null(node) => None,
            Ref::Written(node, _) => node.text(),
            Ref::Value(Value::Made(made)) if made.kind != ScalarType::Null => Some(&made.text),
            Ref::Value(Value::Written(node, file)) => Ref::Written(node, *file).text(),
            Ref::Value(_) => None,
        }
    }

    pub(super) fn is_null(self) -> bool {
        match self {
            Ref::Written(node, _) | Ref::Value(Value::Written(node, _)) => is_null(node),
            Ref::Value(Value::Made(made)) => made.kind == ScalarType::Null,
            Ref::Value(_) => false,
        }
    }

    pub(super) fn kind(self) -> Option<ScalarType> {
        match self {
            Ref::Written(node, _) | Ref::Value(Value::Written(node, _)) => node.scalar_type(),
            Ref::Value(Value::Made(made)) => Some(made.kind),
            Ref::Value(_) => None,
        }
    }

    /// Whether a boolean field is true, in any of the words that YAML 1.1 has for it; a text in quotes that says `true`
    /// counts too, though the API server refuses it.
    pub(super) fn is_true(self) -> bool {
        self.kind() == Some(ScalarType::Bool(true)) || self.text() == Some("true")
    }

    /// What stands where a string belongs; nothing for a string, and for null, which counts as absent. `yes` and its like
    /// are strings to one of Flux's readers and booleans to another: they pass.
    pub(super) fn no_string(self) -> Option<&'static str> {
        match self.kind() {
            Some(ScalarType::String | ScalarType::Null) => None,
            Some(ScalarType::Number) => Some("a number"),
            Some(ScalarType::Bool(_)) => {
                let text = self.text().unwrap_or_default();
                ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word)).then_some("a boolean")
            }
            None if self.is_map() => Some("a mapping"),
            None => Some("a list"),
        }
    }

    pub(super) fn is_map(self) -> bool {
        match self {
            Ref::Written(node, _) | Ref::Value(Value::Written(node, _)) => matches!(node.kind, NodeKind::Mapping(_)),
            Ref::Value(value) => matches!(value, Value::Map(_)),
        }
    }

    /// Items of a sequence; empty for anything else.
    pub(super) fn items(self) -> Vec<Ref<'v>> {
        match self {
            Ref::Written(node, file) => node.items().iter().map(|item| Ref::Written(item, file)).collect(),
            Ref::Value(Value::List(items)) => items.iter().map(Value::look).collect(),
            Ref::Value(Value::Written(node, file)) => Ref::Written(node, *file).items(),
            Ref::Value(_) => Vec::new(),
        }
    }

    /// Keys and values of a mapping, each key once; empty for anything else.
    pub(super) fn pairs(self) -> Vec<(&'v str, Ref<'v>)> {
        match self {
            Ref::Written(node, file) => {
                node.pairs().into_iter().map(|(key, value)| (key, Ref::Written(value, file))).collect()
            }
            Ref::Value(Value::Map(entries)) => entries.iter().map(|(key, value)| (&**key, value.look())).collect(),
            Ref::Value(Value::Written(node, file)) => Ref::Written(node, *file).pairs(),
            Ref::Value(_) => Vec::new(),
        }
    }

    /// Whether it is a mapping with entries.
    pub(super) fn is_filled(self) -> bool {
        match self {
            Ref::Written(node, _) => !node.entries().is_empty(),
            Ref::Value(_) => !self.pairs().is_empty(),
        }
    }

    pub(super) fn to_value(self) -> Value {
        match self {
            Ref::Written(node, file) => Value::Written(node.clone(), file),
            Ref::Value(value) => value.clone(),
        }
    }

    /// Where a scalar was last written.
    pub(super) fn origin(self) -> Origin {
        match self {
            Ref::Written(_, NOWHERE) => Origin::None("it stands in a text that a build made".to_owned()),
            Ref::Written(node, file) => Origin::Scalar { file, start: node.start },
            Ref::Value(Value::Made(made)) => made.origin.clone(),
            Ref::Value(Value::Written(node, file)) => Ref::Written(node, *file).origin(),
            Ref::Value(_) => Origin::None("it is no scalar".to_owned()),
        }
    }

    /// File and line, where they mean something.
    pub(super) fn line(self) -> Option<(usize, u32)> {
        match self {
            Ref::Written(_, NOWHERE) => None,
            Ref::Written(node, file) => Some((file, node.line)),
            Ref::Value(Value::Written(node, file)) => Ref::Written(node, *file).line(),
            Ref::Value(_) => None,
        }
    }

    /// Whether two values mean the same: types and texts, whatever the style.
    pub(super) fn same(self, other: Ref<'_>) -> bool {
        if self.kind().is_some() || other.kind().is_some() {
            return self.kind() == other.kind() && self.text() == other.text();
        }
        if self.is_map() != other.is_map() {
            return false;
        }
        if self.is_map() {
            let (own, theirs) = (self.pairs(), other.pairs());
            return own.len() == theirs.len()
                && own.iter().all(|(key, value)| other.get(key).is_some_and(|there| value.same(there)));
        }
        let (own, theirs) = (self.items(), other.items());
        own.len() == theirs.len() && own.iter().zip(theirs).all(|(own, their)| own.same(their))
    }
}

/// Null, without asking what else it could be.
fn is_null(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Scalar { text, style: ScalarStyle::Plain, tag: None } => {
            matches!(&**text, "" | "~" | "null" | "Null" | "NULL")
        }
        NodeKind::Scalar { tag: Some(tag), .. } => &**tag == "!!null",
        _ => false,
    }
}
