//! From a route to the bytes an edit may swap, or the reason why it may not. Looks at the tree only.

use super::route::{Route, Step};
use super::{Entry, Node, NodeKind, ScalarType};
use crate::model::{Problem, Reason, ScalarStyle, Site};
use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// One document, to be asked for many places: what is found out on the way is kept, so that all places together take time
/// in proportion to the document.
#[derive(Debug)]
pub struct Survey<'n> {
    root: &'n Node,
    /// The keys of large mappings, by the address of their entries.
    keys: RefCell<HashMap<*const Entry, Rc<Keys<'n>>>>,
    /// Spans of scalars that several routes lead to, with these routes.
    shared: OnceCell<HashMap<Span, Vec<Route>>>,
    /// Spans of keys.
    as_keys: OnceCell<HashSet<Span>>,
}

/// First byte, and one past the last.
type Span = (u32, u32);

/// Mappings of fewer entries are looked through.
const LARGE: usize = 16;

/// Where the keys of a mapping stand.
#[derive(Debug, Default)]
struct Keys<'n> {
    /// The last entry of each key, and whether there are more.
    own: HashMap<&'n str, (usize, bool)>,
    /// Merge keys, the last first.
    merges: Vec<usize>,
}

impl<'n> Survey<'n> {
    /// Of a document's root.
    pub fn new(root: &'n Node) -> Self {
        Self { root, keys: RefCell::default(), shared: OnceCell::new(), as_keys: OnceCell::new() }
    }

    /// The document's root.
    pub fn root(&self) -> &'n Node {
        self.root
    }

    /// As [`site()`].
    ///
    /// # Errors
    /// As [`site()`].
    pub fn site(&self, file: &str, document: usize, route: &Route) -> Result<Site, Problem> {
        let refuse = |line: u32, form: &str| {
            Problem::new(Reason::NotEditable, format!("{file}:{line}: `{route}` {form}; Davit does not edit that"))
        };
        let node = self.walk(route).map_err(|(line, form)| refuse(line, &form))?;
        let text = scalar(node).map_err(|form| refuse(node.line, form))?;
        if node.anchor.is_some() && self.feeds_a_key(node) {
            return Err(refuse(node.line, "has an anchor that also stands for a mapping key"));
        }
        Ok(Site {
            file: file.into(),
            line: node.line,
            column: node.column,
            path: route.to_string().into(),
            start: node.start as usize,
            end: node.end as usize,
            text: text.to_owned(),
            document,
            inner: None,
        })
    }

    /// As [`holder()`].
    ///
    /// # Errors
    /// As [`holder()`].
    pub fn holder(&self, file: &str, route: &Route) -> Result<&'n Node, Problem> {
        let refuse = |line: u32, form: &str| {
            Problem::new(Reason::NotEditable, format!("{file}:{line}: `{route}` {form}; Davit does not edit that"))
        };
        let node = self.walk(route).map_err(|(line, form)| refuse(line, &form))?;
        let NodeKind::Scalar { tag, .. } = &node.kind else { return Err(refuse(node.line, "is no text")) };
        if !matches!(tag.as_deref(), None | Some("!!str" | "!")) {
            return Err(refuse(node.line, "has a tag other than `!!str`"));
        }
        if node.anchor.is_some() && self.feeds_a_key(node) {
            return Err(refuse(node.line, "has an anchor that also stands for a mapping key"));
        }
        Ok(node)
    }

    /// As [`Node::find`].
    pub fn find(&self, route: &Route) -> Option<&'n Node> {
        route.steps().iter().try_fold(self.root, |node, step| match step {
            Step::Key(key) => self.entry(node, key).map(|entry| &entry.value),
            Step::Index(index) => node.items().get(*index),
        })
    }

    /// As [`shared_by()`].
    pub fn shared_by(&self, route: &Route) -> Vec<Route> {
        let shared = self.shared.get_or_init(|| {
            let (mut counts, mut found) = (HashMap::new(), HashMap::new());
            if has_anchor(self.root) {
                spans(self.root, &mut counts);
                counts.retain(|_, count| *count > 1);
                collect(self.root, &mut Vec::new(), &counts, (&mut found, &mut { MOST_BYTES }));
            }
            found
        });
        let node = if shared.is_empty() { None } else { self.find(route) };
        let routes = node.and_then(|node| shared.get(&(node.start, node.end)));
        routes.map(|routes| routes.iter().filter(|other| *other != route).cloned().collect()).unwrap_or_default()
    }

    /// Follows a route; refuses where the value in force is not the only one written there.
    fn walk(&self, route: &Route) -> Result<&'n Node, (u32, String)> {
        let mut node = self.root;
        for step in route.steps() {
            let next = match step {
                Step::Index(index) => node.items().get(*index),
                Step::Key(key) => {
                    let entry = self.entry(node, key);
                    match self.own(node, key) {
                        Some((_, true)) => return Err((node.line, format!("has the key `{key}` more than once"))),
                        None if entry.is_some() => {
                            return Err((node.line, format!("has `{key}` only through a merge key (`<<`)")));
                        }
                        _ => entry.map(|entry| &entry.value),
                    }
                }
            };
            node = next.ok_or_else(|| (node.line, "is not there".to_owned()))?;
        }
        Ok(node)
    }

    /// As [`Node::entry`].
    fn entry(&self, node: &'n Node, key: &str) -> Option<&'n Entry> {
        let entries = node.entries();
        if entries.len() < LARGE {
            return node.own_entry(key).or_else(|| {
                let mut merges = entries.iter().rev().filter(|entry| entry.is_merge());
                merges.find_map(|entry| self.merged(&entry.value, key))
            });
        }
        let keys = self.keys(entries);
        match keys.own.get(key) {
            Some((index, _)) => entries.get(*index),
            None => keys.merges.iter().find_map(|index| self.merged(&entries.get(*index)?.value, key)),
        }
    }

    fn merged(&self, value: &'n Node, key: &str) -> Option<&'n Entry> {
        match &value.kind {
            NodeKind::Mapping(_) => self.entry(value, key),
            NodeKind::Sequence(items) => items.iter().find_map(|item| self.entry(item, key)),
            NodeKind::Scalar { .. } => None,
        }
    }

    /// The place of the last entry that is written for a key, and whether there are more.
    fn own(&self, node: &'n Node, key: &str) -> Option<(usize, bool)> {
        let entries = node.entries();
        if entries.len() < LARGE {
            let last = entries.iter().rposition(|entry| entry.key.text() == Some(key))?;
            return Some((last, node.has_duplicate(key)));
        }
        self.keys(entries).own.get(key).copied()
    }

    fn keys(&self, entries: &'n [Entry]) -> Rc<Keys<'n>> {
        let make = || {
            let mut keys = Keys::default();
            for (index, entry) in entries.iter().enumerate() {
                if let Some(text) = entry.key.text() {
                    keys.own.entry(text).and_modify(|known| *known = (index, true)).or_insert((index, false));
                }
                if entry.is_merge() {
                    keys.merges.push(index);
                }
            }
            keys.merges.reverse();
            Rc::new(keys)
        };
        self.keys.borrow_mut().entry(entries.as_ptr()).or_insert_with(make).clone()
    }

    /// Whether the bytes of a node are read as a mapping's key somewhere.
    fn feeds_a_key(&self, node: &Node) -> bool {
        let as_keys = self.as_keys.get_or_init(|| {
            let mut found = HashSet::new();
            key_spans(self.root, &mut found);
            found
        });
        as_keys.contains(&(node.start, node.end))
    }
}

/// The site of the scalar at a route of a document. For an alias it is where the anchor is defined.
///
/// # Errors
/// [`Reason::NotEditable`], with the form named, for everything whose bytes can't be swapped safely (Flux rule 17):
/// block scalars, several lines, merge keys, duplicate keys, tags other than `!!str`, empty values, anchors that feed
/// keys; and where the route leads to nothing.
pub fn site(file: &str, document: usize, root: &Node, route: &Route) -> Result<Site, Problem> {
    Survey::new(root).site(file, document, route)
}

/// The scalar at a route, as the holder of a text that is looked into: of any style, also over several lines.
///
/// # Errors
/// [`Reason::NotEditable`], with the form named: merge keys, duplicate keys, tags other than `!!str`, anchors that feed
/// keys, what is no string; and where the route leads to nothing.
pub fn holder<'a>(file: &str, root: &'a Node, route: &Route) -> Result<&'a Node, Problem> {
    Survey::new(root).holder(file, route)
}

/// The text of a scalar that can be swapped, or the form that can't.
fn scalar(node: &Node) -> Result<&str, &'static str> {
    let (text, style, tag) = match &node.kind {
        NodeKind::Scalar { text, style, tag } => (text, style, tag),
        NodeKind::Mapping(_) => return Err("is a mapping"),
        NodeKind::Sequence(_) => return Err("is a sequence"),
    };
    match style {
        ScalarStyle::Literal => return Err("is a literal block scalar (`|`)"),
        ScalarStyle::Folded => return Err("is a folded block scalar (`>`)"),
        ScalarStyle::Plain if (node.end - node.start) as usize != text.len() => return Err("goes over several lines"),
        _ => {}
    }
    if !matches!(tag.as_deref(), None | Some("!!str" | "!")) {
        return Err("has a tag other than `!!str`");
    }
    if node.scalar_type() == Some(ScalarType::Null) {
        return Err("is empty");
    }
    Ok(text)
}

/// The other routes of a document that read the same bytes through anchor and aliases, in document order.
pub fn shared_by(root: &Node, route: &Route) -> Vec<Route> {
    Survey::new(root).shared_by(route)
}

fn has_anchor(node: &Node) -> bool {
    node.anchor.is_some()
        || node.items().iter().any(has_anchor)
        || node.entries().iter().any(|entry| has_anchor(&entry.key) || has_anchor(&entry.value))
}

/// How many routes lead to each scalar's bytes.
fn spans(node: &Node, counts: &mut HashMap<Span, usize>) {
    match &node.kind {
        NodeKind::Scalar { .. } => *counts.entry((node.start, node.end)).or_default() += 1,
        NodeKind::Sequence(items) => items.iter().for_each(|item| spans(item, counts)),
        NodeKind::Mapping(_) => node.pairs().iter().for_each(|(_, value)| spans(value, counts)),
    }
}

/// Most routes that are told of one scalar: they are for people.
const MOST_ROUTES: usize = 20;
/// Most bytes that all routes of a document take, about: aliases of aliases make many of few bytes.
const MOST_BYTES: usize = 4 << 20;

fn collect<'a>(
    node: &'a Node,
    way: &mut Vec<Way<'a>>,
    wanted: &HashMap<Span, usize>,
    (found, left): (&mut HashMap<Span, Vec<Route>>, &mut usize),
) {
    match &node.kind {
        NodeKind::Scalar { .. } => {
            let span = (node.start, node.end);
            if *left > 0 && wanted.contains_key(&span) {
                let routes = found.entry(span).or_default();
                if routes.len() <= MOST_ROUTES {
                    *left = left.saturating_sub(way.iter().map(Way::size).sum());
                    routes.push(way.iter().map(Way::step).collect());
                }
            }
        }
        NodeKind::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                way.push(Way::Index(index));
                collect(item, way, wanted, (found, left));
                way.pop();
            }
        }
        NodeKind::Mapping(_) => {
            for (key, value) in node.pairs() {
                way.push(Way::Key(key));
                collect(value, way, wanted, (found, left));
                way.pop();
            }
        }
    }
}

/// A step that is copied only where a route is found.
enum Way<'a> {
    Key(&'a str),
    Index(usize),
}

impl Way<'_> {
    fn size(&self) -> usize {
        size_of::<Step>() + if let Self::Key(key) = self { key.len() } else { 0 }
    }

    fn step(&self) -> Step {
        match self {
            Self::Key(key) => Step::Key((*key).to_owned()),
            Self::Index(index) => Step::Index(*index),
        }
    }
}

/// The bytes that are read as a mapping's key somewhere.
fn key_spans(node: &Node, found: &mut HashSet<Span>) {
    match &node.kind {
        NodeKind::Scalar { .. } => {}
        // What an alias repeats was looked at where it is defined.
        _ if node.aliased => {}
        NodeKind::Sequence(items) => items.iter().for_each(|item| key_spans(item, found)),
        NodeKind::Mapping(entries) => {
            for entry in entries.iter() {
                found.extend(entry.key.text().map(|_| (entry.key.start, entry.key.end)));
                key_spans(&entry.key, found);
                key_spans(&entry.value, found);
            }
        }
    }
}

/// Whether a document is encrypted with SOPS (Flux rule 13): a top-level `sops` mapping that SOPS itself would accept.
pub fn is_sops(root: &Node) -> bool {
    let Some(sops) = root.get("sops") else { return false };
    sops.get("mac").is_some() || (sops.get("version").is_some() && sops.get("lastmodified").is_some())
}
