//! The proof after an edit: both trees are walked side by side, and everything but the wanted values must be equal.

use super::Splice;
use crate::model::ScalarStyle;
use crate::yaml::{Node, NodeKind, ScalarType, Stream};
use std::sync::Arc;

/// That `after` differs from `before` in the wanted values and in nothing else: documents, order, duplicates, styles,
/// tags, anchors, aliases and every byte position. The error is the first difference, for a person.
pub(super) fn only(splices: &[Splice], before: &Stream, after: &Stream) -> Result<(), String> {
    if before.documents.len() != after.documents.len() {
        return Err(format!("{} documents became {}", before.documents.len(), after.documents.len()));
    }
    let mut proof = Proof::new(splices);
    for (old, new) in before.documents.iter().zip(&after.documents) {
        if (old.index, old.start_line) != (new.index, new.start_line) {
            return Err(format!("document {} starts elsewhere", old.index));
        }
        proof.document = old.index;
        match (&old.root, &new.root) {
            (Ok(Some(old)), Ok(Some(new))) => proof.compare(old, new)?,
            (Ok(None), Ok(None)) => {}
            (Err(old), Err(new)) if (old.line, &old.message) == (new.line, &new.message) => {}
            _ => return Err(format!("document {} reads differently", old.index)),
        }
    }
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
    document: usize,
}

impl<'a> Proof<'a> {
    fn new(splices: &'a [Splice]) -> Self {
        let mut total = 0;
        let growth = splices.iter().map(|splice| {
            total += signed(splice.written.len()) - signed(splice.end - splice.start);
            total
        });
        Self { splices, growth: growth.collect(), seen: vec![false; splices.len()], document: 0 }
    }

    /// Where a byte of the old file is in the new one. The start of an empty scalar stays, its end moves.
    fn moved(&self, at: u32, is_end: bool) -> i64 {
        let at = at as usize;
        let before = self.splices.partition_point(|s| s.end <= at && (is_end || s.start < at));
        let growth = before.checked_sub(1).and_then(|last| self.growth.get(last)).copied().unwrap_or(0);
        signed(at) + growth
    }

    fn compare(&mut self, old: &Node, new: &Node) -> Result<(), String> {
        let differs = |what: &str| Err(format!("line {}: {what}", old.line));
        if (old.line, old.aliased, &old.anchor) != (new.line, new.aliased, &new.anchor) {
            return differs("an anchor or an alias reads differently");
        }
        if let Some(index) = self.wanted(old) {
            self.seen[index] = true;
            return self.swapped(&self.splices[index], old, new);
        }
        if (self.moved(old.start, false), self.moved(old.end, true)) != (i64::from(new.start), i64::from(new.end)) {
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
                    self.compare(&old.key, &new.key)?;
                    self.compare(&old.value, &new.value)?;
                }
                Ok(())
            }
            (NodeKind::Sequence(old_items), NodeKind::Sequence(new_items)) if old_items.len() == new_items.len() => {
                let items = old_items.iter().zip(new_items.iter()).filter(|_| !old.aliased);
                for (old, new) in items {
                    self.compare(old, new)?;
                }
                Ok(())
            }
            _ => differs("a value reads differently"),
        }
    }

    /// The splice whose bytes a scalar is read from.
    fn wanted(&self, node: &Node) -> Option<usize> {
        let index = self.splices.binary_search_by_key(&(node.start as usize), |s| s.start).ok()?;
        let splice = &self.splices[index];
        let is_scalar = matches!(node.kind, NodeKind::Scalar { .. });
        (is_scalar && splice.end == node.end as usize && splice.document == self.document).then_some(index)
    }

    fn swapped(&self, splice: &Splice, old: &Node, new: &Node) -> Result<(), String> {
        let quote = signed(splice.quote);
        let expected = (self.moved(old.start, false) + quote, self.moved(old.end, true) - quote);
        let NodeKind::Scalar { tag: old_tag, .. } = &old.kind else { return Err("not a scalar".to_owned()) };
        let same_form = |style: &ScalarStyle, tag: &Option<Arc<str>>| *style == splice.style && tag == old_tag;
        let holds = match &new.kind {
            NodeKind::Scalar { text, style, tag } => **text == *splice.to && same_form(style, tag),
            _ => false,
        };
        let is_string = new.scalar_type() == Some(ScalarType::String);
        if holds && (is_string || !splice.string) && expected == (i64::from(new.start), i64::from(new.end)) {
            return Ok(());
        }
        Err(format!("line {}: the new value {:?} does not read back as itself", old.line, splice.to))
    }
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
