//! From a route to the bytes an edit may swap, or the reason why it may not. Looks at the tree only.

use super::route::{Route, Step};
use super::{Node, NodeKind, ScalarType};
use crate::model::{Problem, Reason, ScalarStyle, Site};

/// The site of the scalar at a route of a document. For an alias it is where the anchor is defined.
///
/// # Errors
/// [`Reason::NotEditable`], with the form named, for everything whose bytes can't be swapped safely (Flux rule 17):
/// block scalars, several lines, merge keys, duplicate keys, tags other than `!!str`, empty values, anchors that feed
/// keys; and where the route leads to nothing.
pub fn site(file: &str, document: usize, root: &Node, route: &Route) -> Result<Site, Problem> {
    let refuse = |line: u32, form: &str| {
        Problem::new(Reason::NotEditable, format!("{file}:{line}: `{route}` {form}; Davit does not edit that"))
    };
    let node = walk(root, route).map_err(|(line, form)| refuse(line, &form))?;
    let text = scalar(node).map_err(|form| refuse(node.line, form))?;
    if node.anchor.is_some() && feeds_a_key(root, node) {
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

/// The scalar at a route, as the holder of a text that is looked into: of any style, also over several lines.
///
/// # Errors
/// [`Reason::NotEditable`], with the form named: merge keys, duplicate keys, tags other than `!!str`, anchors that feed
/// keys, what is no string; and where the route leads to nothing.
pub fn holder<'a>(file: &str, root: &'a Node, route: &Route) -> Result<&'a Node, Problem> {
    let refuse = |line: u32, form: &str| {
        Problem::new(Reason::NotEditable, format!("{file}:{line}: `{route}` {form}; Davit does not edit that"))
    };
    let node = walk(root, route).map_err(|(line, form)| refuse(line, &form))?;
    let NodeKind::Scalar { tag, .. } = &node.kind else { return Err(refuse(node.line, "is no text")) };
    if !matches!(tag.as_deref(), None | Some("!!str" | "!")) {
        return Err(refuse(node.line, "has a tag other than `!!str`"));
    }
    if node.anchor.is_some() && feeds_a_key(root, node) {
        return Err(refuse(node.line, "has an anchor that also stands for a mapping key"));
    }
    Ok(node)
}

/// Follows a route; refuses where the value in force is not the only one written there.
fn walk<'a>(root: &'a Node, route: &Route) -> Result<&'a Node, (u32, String)> {
    let mut node = root;
    for step in route.steps() {
        let next = match step {
            Step::Index(index) => node.items().get(*index),
            Step::Key(key) => {
                if node.has_duplicate(key) {
                    return Err((node.line, format!("has the key `{key}` more than once")));
                }
                if node.own_entry(key).is_none() && node.entry(key).is_some() {
                    return Err((node.line, format!("has `{key}` only through a merge key (`<<`)")));
                }
                node.get(key)
            }
        };
        node = next.ok_or_else(|| (node.line, "is not there".to_owned()))?;
    }
    Ok(node)
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
    let Some(node) = root.find(route).filter(|_| has_anchor(root)) else { return Vec::new() };
    let mut found = Vec::new();
    collect(root, &mut Vec::new(), (node.start, node.end), &mut found);
    found.retain(|other| other != route);
    found
}

fn has_anchor(node: &Node) -> bool {
    node.anchor.is_some()
        || node.items().iter().any(has_anchor)
        || node.entries().iter().any(|entry| has_anchor(&entry.key) || has_anchor(&entry.value))
}

fn collect<'a>(node: &'a Node, way: &mut Vec<Way<'a>>, span: (u32, u32), found: &mut Vec<Route>) {
    match &node.kind {
        NodeKind::Scalar { .. } if (node.start, node.end) == span => found.push(way.iter().map(Way::step).collect()),
        NodeKind::Scalar { .. } => {}
        NodeKind::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                way.push(Way::Index(index));
                collect(item, way, span, found);
                way.pop();
            }
        }
        NodeKind::Mapping(_) => {
            for (key, value) in node.pairs() {
                way.push(Way::Key(key));
                collect(value, way, span, found);
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
    fn step(&self) -> Step {
        match self {
            Self::Key(key) => Step::Key((*key).to_owned()),
            Self::Index(index) => Step::Index(*index),
        }
    }
}

/// Whether the bytes of a node are read as a mapping's key somewhere.
fn feeds_a_key(root: &Node, node: &Node) -> bool {
    let same = |other: &Node| other.start == node.start && other.end == node.end && other.text().is_some();
    match &root.kind {
        NodeKind::Scalar { .. } => false,
        // What an alias repeats was looked at where it is defined.
        _ if root.aliased => false,
        NodeKind::Sequence(items) => items.iter().any(|item| feeds_a_key(item, node)),
        NodeKind::Mapping(entries) => {
            entries.iter().any(|e| same(&e.key) || feeds_a_key(&e.key, node) || feeds_a_key(&e.value, node))
        }
    }
}

/// Whether a document is encrypted with SOPS (Flux rule 13): a top-level `sops` mapping that SOPS itself would accept.
pub fn is_sops(root: &Node) -> bool {
    let Some(sops) = root.get("sops") else { return false };
    sops.get("mac").is_some() || (sops.get("version").is_some() && sops.get("lastmodified").is_some())
}
