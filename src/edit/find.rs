//! Finds a site again by its routes, from the file's document down to the innermost text, compares what stands there,
//! and says which bytes to write. Refuses what has moved, and what can't be written in the quoting of every scalar
//! around it.

use super::{Host, Leaf, Refusal, Side, Splice, Swap, write};
use crate::model::{Part, Problem, Reason, ScalarStyle, Site};
use crate::yaml::{self, Node, NodeKind, Route, ScalarType, Source, Stream};
use std::borrow::Cow;
use std::ops::Range;

/// A scalar that holds the text around a site.
struct Holder {
    span: Range<usize>,
    style: ScalarStyle,
    source: Source<'static>,
}

/// What is written in one text, on its way outwards.
struct Written {
    bytes: String,
    /// A quote as it is written there.
    quote: String,
}

/// The scalar that a site is, or is a part of.
struct Scalar {
    span: Range<usize>,
    style: ScalarStyle,
    in_flow: bool,
    string: bool,
}

/// Finds a site and says what to write.
pub(super) fn splice(bytes: &[u8], before: &Side<'_>, swap: &Swap) -> Result<Splice, Refusal> {
    let find = Find { bytes, swap, site: &swap.site };
    let (mut stream, mut path) = (Cow::Borrowed(&before.stream), &*swap.site.path);
    let mut documents = vec![swap.site.document];
    let mut holders: Vec<Holder> = Vec::new();
    let inner = swap.site.inner.as_deref();
    for place in inner.map(|inner| inner.embedded.as_slice()).unwrap_or_default() {
        let document = documents.last().copied().unwrap_or_default();
        let source = holders.last().map_or(&before.source, |holder| &holder.source);
        let holder = find.holder(source, &stream, document, path)?;
        stream = Cow::Owned(holder.source.parse());
        holders.push(holder);
        documents.push(place.document);
        path = place.path.as_str();
    }
    let document = documents.last().copied().unwrap_or_default();
    let part = inner.and_then(|inner| inner.part.as_ref());
    let scalar = find.scalar(&holders, &stream, document, path, part)?;
    let (leaf, mut hosts, mut written) = find.leaf(&scalar, part)?;
    for holder in holders.iter().rev() {
        let span = holder.source.local(swap.site.start, swap.site.end).ok_or_else(|| find.moved())?;
        let around = |text: &str| {
            let written = write::held(text, holder.style);
            written.ok_or_else(|| find.refuse(&format!("can't hold {:?} in the quoting around it", swap.to)))
        };
        let outside = Written { bytes: around(&written.bytes)?, quote: around(&written.quote)? };
        let Range { start, end } = holder.span;
        hosts.insert(0, Host { start, end, from: span.start, to: span.end, text: written.bytes });
        written = outside;
    }
    let leaf = match leaf {
        Leaf::Whole { quote: 1, style, to, string } => Leaf::Whole { quote: written.quote.len(), style, to, string },
        leaf => leaf,
    };
    Ok(Splice { start: swap.site.start, end: swap.site.end, written: written.bytes, hosts, documents, leaf })
}

struct Find<'a> {
    bytes: &'a [u8],
    swap: &'a Swap,
    site: &'a Site,
}

impl Find<'_> {
    fn moved(&self) -> Refusal {
        Refusal::Moved {
            file: self.site.file.to_string(),
            line: self.site.line,
            path: self.site.shown_path().into_owned(),
            expected: self.site.text.clone(),
        }
    }

    fn refuse(&self, form: &str) -> Refusal {
        let message = format!("{}:{}: `{}` {form}", self.site.file, self.site.line, self.site.shown_path());
        Refusal::NotEditable(Problem::new(Reason::NotEditable, message))
    }

    /// The root and the route at which a scalar must stand.
    fn root<'s>(&self, stream: &'s Stream, document: usize, path: &str) -> Result<(&'s Node, Route), Refusal> {
        let document = stream.documents.get(document).ok_or_else(|| self.moved())?;
        let root = document.root.as_ref().ok().and_then(Option::as_ref).ok_or_else(|| self.moved())?;
        let route = path.parse().map_err(|_| self.moved())?;
        root.find(&route).ok_or_else(|| self.moved())?;
        Ok((root, route))
    }

    /// The scalar that holds the text in which the way goes on.
    fn holder(&self, source: &Source<'_>, stream: &Stream, document: usize, path: &str) -> Result<Holder, Refusal> {
        let (root, route) = self.root(stream, document, path)?;
        let node = yaml::holder(&self.site.file, root, &route)?;
        let NodeKind::Scalar { style, .. } = &node.kind else { return Err(self.moved()) };
        let source = source.within(node).map_err(|form| self.refuse(form))?;
        Ok(Holder { span: node.start as usize..node.end as usize, style: *style, source })
    }

    /// The scalar that holds the version, which must be what the site says.
    fn scalar(
        &self,
        holders: &[Holder],
        stream: &Stream,
        document: usize,
        path: &str,
        part: Option<&Part>,
    ) -> Result<Scalar, Refusal> {
        let (root, route) = self.root(stream, document, path)?;
        let span = root.find(&route).map(|node| node.start as usize..node.end as usize).ok_or_else(|| self.moved())?;
        if holders.last().is_some_and(|holder| holder.source.local(span.start, span.end).is_none()) {
            return Err(self.refuse("holds an escape or a line break of the text around it"));
        }
        let whole = yaml::site(&self.site.file, document, root, &route)?;
        let found = match part {
            None => whole,
            Some(part) if part.whole != whole.text => return Err(self.moved()),
            Some(part) => whole.part(part.from..part.to)?,
        };
        if (found.start, found.end, &found.text) != (self.site.start, self.site.end, &self.site.text) {
            return Err(self.moved());
        }
        let old = self.bytes.get(span.clone()).ok_or_else(|| self.moved())?;
        if old.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            return Err(self.refuse("goes over several lines; Davit does not edit that"));
        }
        let (node, in_flow) = definition(self.bytes, root, &span, false).ok_or_else(|| self.moved())?;
        let NodeKind::Scalar { style, tag, .. } = &node.kind else { return Err(self.moved()) };
        let string = tag.is_some() || node.scalar_type() == Some(ScalarType::String);
        Ok(Scalar { span, style: *style, in_flow, string })
    }

    /// What is written in the innermost text.
    fn leaf(&self, scalar: &Scalar, part: Option<&Part>) -> Result<(Leaf, Vec<Host>, Written), Refusal> {
        let to = &self.swap.to;
        let unfit = || self.refuse(&format!("can't hold {to:?} in its quoting"));
        let quote = "\"".to_owned();
        let Some(part) = part else {
            let text = write::scalar(to, scalar.style, scalar.in_flow, scalar.string).ok_or_else(unfit)?;
            let added = usize::from(text.style != scalar.style);
            let leaf = Leaf::Whole { quote: added, style: text.style, to: to.clone(), string: scalar.string };
            return Ok((leaf, Vec::new(), Written { bytes: text.bytes, quote }));
        };
        let bytes = write::part(part, to, scalar.style, scalar.in_flow).ok_or_else(unfit)?;
        let Range { start, end } = scalar.span;
        let host = Host { start, end, from: part.from, to: part.to, text: to.clone() };
        Ok((Leaf::Part, vec![host], Written { bytes, quote }))
    }
}

/// The scalar that is written at a span (not an alias of it), and whether it stands inside `{}` or `[]`.
fn definition<'a>(bytes: &[u8], node: &'a Node, span: &Range<usize>, in_flow: bool) -> Option<(&'a Node, bool)> {
    if node.aliased || (node.start as usize) > span.start || (node.end as usize) < span.end {
        return None;
    }
    let in_flow = in_flow || matches!(bytes.get(node.start as usize), Some(b'{' | b'['));
    match &node.kind {
        NodeKind::Scalar { .. } => Some((node, in_flow)),
        NodeKind::Sequence(items) => items.iter().find_map(|item| definition(bytes, item, span, in_flow)),
        NodeKind::Mapping(entries) => entries.iter().find_map(|e| definition(bytes, &e.value, span, in_flow)),
    }
}
