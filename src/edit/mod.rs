//! F2. Compare-and-swap on the bytes of one scalar, then proof that nothing else moved. Pure.
//!
//! Formats nothing: quotes, comments, anchors, line ends, byte order mark and the missing final newline stay as they
//! are. What can't be swapped safely is a [`Refusal`], never a guess.

mod prove;
mod write;

use crate::model::{Problem, Reason, ScalarStyle, Site};
use crate::yaml::{self, Node, NodeKind, ScalarType, Stream};

/// One wanted change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// The bytes, and the text that must still be there.
    pub site: Site,
    /// The text to read there afterwards.
    pub to: String,
}

/// Why a file was not edited. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file is not the one that the site was found in.
    #[error("{file}:{line}: `{path}` no longer reads {expected:?} there: the file has changed, look again")]
    Moved {
        /// File of the site.
        file: String,
        /// Line of the site.
        line: u32,
        /// Route of the site.
        path: String,
        /// The text that was looked for.
        expected: String,
    },
    /// The scalar's form, or the new text in it.
    #[error(transparent)]
    NotEditable(#[from] Problem),
    /// Two changes want different things of the same bytes.
    #[error("{file}:{line}: `{first}` and `{second}` want different texts in the same place")]
    Conflict {
        /// File of both.
        file: String,
        /// Line of the second one.
        line: u32,
        /// Route of the first one.
        first: String,
        /// Route of the second one.
        second: String,
    },
    /// Read again, the file differs in more than was wanted.
    #[error("{file}: the edited file would differ in more than the wanted values: {what}")]
    Unproven {
        /// File of the first site.
        file: String,
        /// The first difference.
        what: String,
    },
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotEditable(problem) => problem,
            other => Self::new(Reason::NotEditable, other.to_string()),
        }
    }
}

/// The bytes that take the place of a scalar's content.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Splice {
    start: usize,
    end: usize,
    /// What is written, added quotes included.
    written: String,
    /// Bytes of a quote that is added on either side.
    quote: usize,
    style: ScalarStyle,
    to: String,
    document: usize,
    /// The old value was a string to Flux: the new one must be.
    string: bool,
}

/// The file with every swap done. Equal swaps count once; their order does not matter.
///
/// # Errors
/// See [`Refusal`]. On an error nothing of the file is changed.
pub fn apply(bytes: &[u8], swaps: &[Swap]) -> Result<Vec<u8>, Refusal> {
    let before = yaml::parse(bytes);
    let mut splices = Vec::with_capacity(swaps.len());
    for swap in in_order(swaps)? {
        splices.push(splice(bytes, &before, swap)?);
    }
    let mut edited = Vec::with_capacity(bytes.len() + 16 * splices.len());
    let mut copied = 0;
    for splice in &splices {
        edited.extend_from_slice(&bytes[copied..splice.start]);
        edited.extend_from_slice(splice.written.as_bytes());
        copied = splice.end;
    }
    edited.extend_from_slice(&bytes[copied..]);
    let after = yaml::parse(&edited);
    prove::only(&splices, &before, &after).map_err(|what| Refusal::Unproven {
        file: swaps.first().map(|swap| swap.site.file.clone()).unwrap_or_default(),
        what,
    })?;
    Ok(edited)
}

/// The swaps by position, equal ones once.
fn in_order(swaps: &[Swap]) -> Result<Vec<&Swap>, Refusal> {
    let mut sorted: Vec<&Swap> = swaps.iter().collect();
    sorted.sort_by_key(|swap| (swap.site.start, swap.site.end));
    let mut kept: Vec<&Swap> = Vec::with_capacity(sorted.len());
    for swap in sorted {
        let Some(last) = kept.last() else {
            kept.push(swap);
            continue;
        };
        let same_place = (last.site.start, last.site.end) == (swap.site.start, swap.site.end);
        if same_place && last.to == swap.to && last.site.text == swap.site.text {
            continue;
        }
        if same_place || swap.site.start < last.site.end {
            return Err(Refusal::Conflict {
                file: swap.site.file.clone(),
                line: swap.site.line,
                first: last.site.path.clone(),
                second: swap.site.path.clone(),
            });
        }
        kept.push(swap);
    }
    Ok(kept)
}

/// Finds a site again by its route and compares; then says what to write.
fn splice(bytes: &[u8], stream: &Stream, swap: &Swap) -> Result<Splice, Refusal> {
    let site = &swap.site;
    let moved = || Refusal::Moved {
        file: site.file.clone(),
        line: site.line,
        path: site.path.clone(),
        expected: site.text.clone(),
    };
    let document = stream.documents.get(site.document).ok_or_else(moved)?;
    let root = document.root.as_ref().ok().and_then(Option::as_ref).ok_or_else(moved)?;
    let route = site.path.parse().map_err(|_| moved())?;
    root.find(&route).ok_or_else(moved)?;
    let found = yaml::site(&site.file, site.document, root, &route)?;
    if (found.start, found.end, &found.text) != (site.start, site.end, &site.text) {
        return Err(moved());
    }
    let refuse = |form: &str| {
        let message = format!("{}:{}: `{}` {form}", site.file, site.line, site.path);
        Refusal::NotEditable(Problem::new(Reason::NotEditable, message))
    };
    let old = bytes.get(site.start..site.end).ok_or_else(moved)?;
    if old.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return Err(refuse("goes over several lines; Davit does not edit that"));
    }
    let (node, in_flow) = definition(bytes, root, &found, false).ok_or_else(moved)?;
    let NodeKind::Scalar { style, tag, .. } = &node.kind else { return Err(moved()) };
    let string = tag.is_some() || node.scalar_type() == Some(ScalarType::String);
    let text = write::scalar(&swap.to, *style, in_flow, string)
        .ok_or_else(|| refuse(&format!("can't hold {:?} in its quoting", swap.to)))?;
    Ok(Splice {
        start: site.start,
        end: site.end,
        quote: usize::from(text.style != *style),
        style: text.style,
        written: text.bytes,
        to: swap.to.clone(),
        document: site.document,
        string,
    })
}

/// The node that is written at a site's bytes (not an alias of it), and whether it stands inside `{}` or `[]`.
fn definition<'a>(bytes: &[u8], node: &'a Node, site: &Site, in_flow: bool) -> Option<(&'a Node, bool)> {
    if node.aliased || (node.start as usize) > site.start || (node.end as usize) < site.end {
        return None;
    }
    let in_flow = in_flow || matches!(bytes.get(node.start as usize), Some(b'{' | b'['));
    match &node.kind {
        NodeKind::Scalar { .. } => Some((node, in_flow)),
        NodeKind::Sequence(items) => items.iter().find_map(|item| definition(bytes, item, site, in_flow)),
        NodeKind::Mapping(entries) => entries.iter().find_map(|e| definition(bytes, &e.value, site, in_flow)),
    }
}

#[cfg(test)]
mod apply_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod prove_tests;
