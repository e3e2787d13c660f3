//! The proof after an edit: both trees are walked side by side, and everything but the wanted values must be equal.

use super::{Leaf, Side, Splice};
use crate::model::ScalarStyle;
use crate::yaml::{Node, NodeKind, ScalarType, Source, Stream};
use std::sync::Arc;

/// That `after` differs from `before` in the wanted values and in nothing else: documents, order, duplicates, styles,
/// tags, anchors, aliases and every byte position. Where the wanted value lies in the text of another scalar, that
/// scalar's text differs in the wanted bytes alone, and the YAML in it is compared in the same way. The error is the
/// first difference, for a person.
pub(super) fn only(splices: &[Splice], before: &Side<'_>, after: &Side<'_>) -> Result<(), String> {
    let mut proof = Proof::new(splices);
    let all: Vec<usize> = (0..splices.len()).collect();
    let text = Text { depth: 0, document: 0, wanted: &all, before: &before.source, after: &after.source };
    proof.streams(text, &before.stream, &after.stream)?;
    match proof.seen.iter().position(|seen| !seen) {
        Some(index) => Err(format!("the value at byte {} was not found again", splices[index].start)),
        None => Ok(()),
    }
}

struct Proof<'a> {
    splices: &'a [Splice],
    /// Where each splice's bytes end up: growth of the file before and up to it.
    growth: Vec<i64>,
    seen: Vec<bool>,
}

/// The file, or the text of a scalar, that is compared.
#[derive(Clone, Copy)]
struct Text<'t> {
    /// How many scalars lie around it.
    depth: usize,
    document: usize,
    /// The splices in it, in order.
    wanted: &'t [usize],
    before: &'t Source<'t>,
    after: &'t Source<'t>,
}

impl Splice {
    /// The scalar that the splice changes in a text: the one it swaps, or the one around it.
    fn span(&self, depth: usize) -> (usize, usize) {
        self.hosts.get(depth).map_or((self.start, self.end), |host| (host.start, host.end))
    }
}

impl<'a> Proof<'a> {
    fn new(splices: &'a [Splice]) -> Self {
        let mut total = 0;
        let growth = splices.iter().map(|splice| {
            total += signed(splice.written.len()) - signed(splice.end - splice.start);
            total
        });
        Self { splices, growth: growth.collect(), seen: vec![false; splices.len()] }
    }

    fn streams(&mut self, text: Text<'_>, before: &Stream, after: &Stream) -> Result<(), String> {
        if before.documents.len() != after.documents.len() {
            return Err(format!("{} documents became {}", before.documents.len(), after.documents.len()));
        }
        for (old, new) in before.documents.iter().zip(&after.documents) {
            if (old.index, old.start_line) != (new.index, new.start_line) {
                return Err(format!("document {} starts elsewhere", old.index));
            }
            match (&old.root, &new.root) {
                (Ok(Some(root)), Ok(Some(new))) => self.compare(Text { document: old.index, ..text }, root, new)?,
                (Ok(None), Ok(None)) => {}
                (Err(old), Err(new)) if (old.line, &old.message) == (new.line, &new.message) => {}
                _ => return Err(format!("document {} reads differently", old.index)),
            }
        }
        Ok(())
    }

    /// Where a byte of the old file is in the new one. The start of an empty scalar stays, its end moves.
    fn moved(&self, at: u32, is_end: bool) -> i64 {
        let at = at as usize;
        let before = self.splices.partition_point(|s| s.end <= at && (is_end || s.start < at));
        let growth = before.checked_sub(1).and_then(|last| self.growth.get(last)).copied().unwrap_or(0);
        signed(at) + growth
    }

    fn compare(&mut self, text: Text<'_>, old: &Node, new: &Node) -> Result<(), String> {
        let differs = |what: &str| Err(format!("line {}: {what}", old.line));
        if (old.line, old.aliased, &old.anchor) != (new.line, new.aliased, &new.anchor) {
            return differs("an anchor or an alias reads differently");
        }
        match self.wanted(text, old) {
            [] => {}
            [index] if self.splices[*index].hosts.len() == text.depth => {
                self.seen[*index] = true;
                return self.swapped(&self.splices[*index], old, new);
            }
            wanted => return self.held(Text { wanted, ..text }, old, new),
        }
        if !self.stays(old, new) {
            return differs("a value stands elsewhere");
        }
        match (&old.kind, &new.kind) {
            (NodeKind::Scalar { .. }, NodeKind::Scalar { .. }) if old.kind == new.kind => Ok(()),
            (NodeKind::Mapping(old_entries), NodeKind::Mapping(new_entries))
                if old_entries.len() == new_entries.len() =>
            {
                // What an alias repeats is compared where it is defined.
                let entries = old_entries.iter().zip(new_entries.iter()).filter(|_| !old.aliased);
                for (old, new) in entries {
                    self.compare(text, &old.key, &new.key)?;
                    self.compare(text, &old.value, &new.value)?;
                }
                Ok(())
            }
            (NodeKind::Sequence(old_items), NodeKind::Sequence(new_items)) if old_items.len() == new_items.len() => {
                let items = old_items.iter().zip(new_items.iter()).filter(|_| !old.aliased);
                for (old, new) in items {
                    self.compare(text, old, new)?;
                }
                Ok(())
            }
            _ => differs("a value reads differently"),
        }
    }

    /// Whether a node stands where the splices before it push it.
    fn stays(&self, old: &Node, new: &Node) -> bool {
        (self.moved(old.start, false), self.moved(old.end, true)) == (i64::from(new.start), i64::from(new.end))
    }

    /// The splices that change a scalar.
    fn wanted<'t>(&self, text: Text<'t>, node: &Node) -> &'t [usize] {
        if !matches!(node.kind, NodeKind::Scalar { .. }) {
            return &[];
        }
        let node = (node.start as usize, node.end as usize);
        let span = |index: &usize| self.splices[*index].span(text.depth);
        let from = text.wanted.partition_point(|index| span(index) < node);
        let to = text.wanted.partition_point(|index| span(index) <= node);
        let found = &text.wanted[from..to];
        let here = |index: &usize| self.splices[*index].documents.get(text.depth) == Some(&text.document);
        if found.iter().all(here) { found } else { &[] }
    }

    /// A scalar whose text changes in parts.
    fn held(&mut self, text: Text<'_>, old: &Node, new: &Node) -> Result<(), String> {
        let differs = |what: &str| Err(format!("line {}: {what}", old.line));
        let (NodeKind::Scalar { text: was, style, tag }, NodeKind::Scalar { text: is, style: new_style, tag: new_tag }) =
            (&old.kind, &new.kind)
        else {
            return differs("a text reads as something else");
        };
        let now = new.scalar_type();
        let keeps_type = now == old.scalar_type() || now == Some(ScalarType::String);
        if (style, tag) != (new_style, new_tag) || !keeps_type || !self.stays(old, new) {
            return differs("the scalar around the new value stands elsewhere or is written in another way");
        }
        if Some(&**is) != self.spliced(text, was).as_deref() {
            return differs("the text around the new value differs");
        }
        let parts = text.wanted.iter().filter(|index| self.ends_at(**index, text.depth)).count();
        if parts == text.wanted.len() {
            text.wanted.iter().for_each(|index| self.seen[*index] = true);
            return Ok(());
        }
        if parts > 0 {
            return differs("a value in a text and a part of that text can't change together");
        }
        let (before, after) = (text.before.within(old)?, text.after.within(new)?);
        let inside = Text { depth: text.depth + 1, before: &before, after: &after, ..text };
        self.streams(inside, &before.parse(), &after.parse())
    }

    /// Whether a splice is a part of the scalar itself, not of YAML in it.
    fn ends_at(&self, index: usize, depth: usize) -> bool {
        let splice = &self.splices[index];
        splice.leaf == Leaf::Part && splice.hosts.len() == depth + 1
    }

    /// A text with the parts of its scalar swapped.
    fn spliced(&self, text: Text<'_>, was: &str) -> Option<String> {
        let mut is = String::with_capacity(was.len() + 16);
        let mut copied = 0;
        for index in text.wanted {
            let host = self.splices[*index].hosts.get(text.depth)?;
            is.push_str(was.get(copied..host.from)?);
            is.push_str(&host.text);
            copied = host.to;
        }
        is.push_str(was.get(copied..)?);
        Some(is)
    }

    fn swapped(&self, splice: &Splice, old: &Node, new: &Node) -> Result<(), String> {
        let Leaf::Whole { quote, style, to, string } = &splice.leaf else { return Err("not a scalar".to_owned()) };
        let quote = signed(*quote);
        let expected = (self.moved(old.start, false) + quote, self.moved(old.end, true) - quote);
        let NodeKind::Scalar { tag: old_tag, .. } = &old.kind else { return Err("not a scalar".to_owned()) };
        let same_form = |now: &ScalarStyle, tag: &Option<Arc<str>>| now == style && tag == old_tag;
        let holds = match &new.kind {
            NodeKind::Scalar { text, style, tag } => **text == **to && same_form(style, tag),
            _ => false,
        };
        let is_string = new.scalar_type() == Some(ScalarType::String);
        if holds && (is_string || !string) && expected == (i64::from(new.start), i64::from(new.end)) {
            return Ok(());
        }
        Err(format!("line {}: the new value {to:?} does not read back as itself", old.line))
    }
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
