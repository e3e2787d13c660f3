//! The compact form in which a parsed file is remembered: a node is an array, told apart by its first number. Reads only
//! what it wrote; another layout needs another [`LAYOUT`].

use super::{Entry, Node, NodeKind};
use crate::model::ScalarStyle;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeSeq, Serializer};
use std::sync::Arc;

/// Number of this layout, for the key under which trees are kept: raise it with every change of the form or of what
/// parsing means.
pub const LAYOUT: u32 = 1;

const STYLES: [ScalarStyle; 5] =
    [ScalarStyle::Plain, ScalarStyle::Single, ScalarStyle::Double, ScalarStyle::Literal, ScalarStyle::Folded];
const SEQUENCE: u8 = 5;
const MAPPING: u8 = 6;

impl Serialize for Node {
    /// `[form, start, length, line, column, content]`, then `anchor`, `aliased` and `tag` up to the last one there is.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(None)?;
        let (form, tag) = match &self.kind {
            NodeKind::Scalar { style, tag, .. } => (form_of(*style), tag.as_deref()),
            NodeKind::Sequence(_) => (SEQUENCE, None),
            NodeKind::Mapping(_) => (MAPPING, None),
        };
        array.serialize_element(&form)?;
        for number in [self.start, self.end - self.start, self.line, self.column] {
            array.serialize_element(&number)?;
        }
        match &self.kind {
            NodeKind::Scalar { text, .. } => array.serialize_element(&**text)?,
            NodeKind::Sequence(items) => array.serialize_element(&**items)?,
            NodeKind::Mapping(entries) => array.serialize_element(&Pairs(entries))?,
        }
        if self.anchor.is_some() || self.aliased || tag.is_some() {
            array.serialize_element(&self.anchor.as_deref())?;
        }
        if self.aliased || tag.is_some() {
            array.serialize_element(&self.aliased)?;
        }
        if tag.is_some() {
            array.serialize_element(&tag)?;
        }
        array.end()
    }
}

fn form_of(style: ScalarStyle) -> u8 {
    match style {
        ScalarStyle::Plain => 0,
        ScalarStyle::Single => 1,
        ScalarStyle::Double => 2,
        ScalarStyle::Literal => 3,
        ScalarStyle::Folded => 4,
    }
}

/// Entries as `[key, value, key, value, …]`.
struct Pairs<'a>(&'a [Entry]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().flat_map(|entry| [&entry.key, &entry.value]))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a node as an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Node, A::Error> {
        let form: u8 = next(&mut array)?;
        let [start, length, line, column]: [u32; 4] =
            [next(&mut array)?, next(&mut array)?, next(&mut array)?, next(&mut array)?];
        let mut kind = match form {
            SEQUENCE => NodeKind::Sequence(Arc::new(next(&mut array)?)),
            MAPPING => NodeKind::Mapping(Arc::new(entries(next(&mut array)?))),
            style => NodeKind::Scalar {
                style: *STYLES.get(usize::from(style)).ok_or_else(|| A::Error::custom("an unknown form"))?,
                text: next(&mut array)?,
                tag: None,
            },
        };
        let anchor = array.next_element::<Option<Arc<str>>>()?.flatten();
        let aliased = array.next_element()?.unwrap_or(false);
        if let (NodeKind::Scalar { tag, .. }, Some(written)) = (&mut kind, array.next_element()?) {
            *tag = written;
        }
        let end = start.checked_add(length).ok_or_else(|| A::Error::custom("a span beyond the largest file"))?;
        Ok(Node { kind, start, end, line, column, anchor, aliased })
    }
}

fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(array: &mut A) -> Result<T, A::Error> {
    array.next_element()?.ok_or_else(|| A::Error::custom("a node is cut short"))
}

fn entries(nodes: Vec<Node>) -> Vec<Entry> {
    let mut nodes = nodes.into_iter();
    let mut entries = Vec::with_capacity(nodes.len() / 2);
    while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
        entries.push(Entry { key, value });
    }
    entries
}

#[cfg(test)]
mod tests {
    use crate::yaml::{Stream, parse};

    #[test]
    fn a_remembered_stream_is_the_same_stream() {
        let text = "a: &a !!str '1'\nb: [*a, {\"c\": |\n  x\n}, >-\n  y\n, ~]\n---\n---\nd: [\n---\n? {e: f}\n: !t g\nh: !!map {}\n";
        for text in [text, "", "b: &b [1]\nc: *b\nd: !x y\n", "- |\n  a\n- >\n  b\n"] {
            let stream = parse(text.as_bytes());
            let json = serde_json::to_string(&stream).unwrap();
            assert_eq!(serde_json::from_str::<Stream>(&json).unwrap(), stream, "{json}");
        }
    }

    #[test]
    fn a_plain_scalar_costs_one_short_array() {
        let stream = parse(b"abc\n");
        assert_eq!(serde_json::to_string(&stream.roots().next().unwrap().1).unwrap(), r#"[0,0,3,1,1,"abc"]"#);
        for broken in ["[]", "[0,0,3,1,1]", "[9,0,3,1,1,\"a\"]", "[0,4294967295,3,1,1,\"a\"]", "{}"] {
            assert!(serde_json::from_str::<crate::yaml::Node>(broken).is_err(), "{broken}");
        }
    }
}
