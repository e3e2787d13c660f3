//! Where a version is written: one scalar of one file, or a part of what it holds, by its bytes.

use super::{Problem, Reason};
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

/// How a scalar is written; an edit keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScalarStyle {
    /// No quotes.
    Plain,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// The bytes that hold a version. `start..end` is the scalar's content without quotes, anchor and tag, or the part of it
/// that [`Site::inner`] names, counted in the file as it lies in Git (a BOM included).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Site {
    /// Path from the repository's root, `/`-separated.
    pub file: Arc<str>,
    /// Line of the first byte, from 1.
    pub line: u32,
    /// Column of the first byte, from 1, in UTF-8 bytes.
    pub column: u32,
    /// The route of the scalar in its document: `spec.ref.tag`, `spec.inputs[2].version`. People read
    /// [`Site::shown_path`], which has the way inside the scalar too.
    pub path: Arc<str>,
    /// First byte of the scalar's content, or of the part.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// The text between them, as decoded by YAML: what an edit compares before it swaps.
    pub text: String,
    /// Its zero-based document in the file.
    pub document: usize,
    /// The way on inside the scalar at `path`; nothing where the whole scalar is meant, which is nearly always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner: Option<Box<Inner>>,
}

/// The way from a scalar to a part of what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
pub struct Inner {
    /// Scalars of the YAML that the scalar before holds as text, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embedded: Vec<EmbeddedPlace>,
    /// A part of the innermost scalar's text; nothing where the whole of it is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
}

/// A scalar of the YAML that another scalar holds as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct EmbeddedPlace {
    /// Its zero-based document in that text.
    pub document: usize,
    /// Its route there.
    pub path: String,
}

/// A part of a scalar's text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// The scalar's whole decoded text: an edit compares it before it swaps the part.
    pub whole: String,
    /// First byte of the part in it.
    pub from: usize,
    /// One past its last byte.
    pub to: usize,
}

impl Site {
    /// The site of a part of this scalar's text: the version in `${VAR:=1.2.3}`, or between a fixed prefix and suffix.
    /// No bytes are needed: a scalar that takes as many bytes as its text holds no escape, because every escape is
    /// longer than what it stands for (but for four characters, which are refused).
    ///
    /// # Errors
    /// [`Reason::NotEditable`] where the text holds an escape or a line break, and where the range is empty or no part
    /// of the text; also for a part of a part.
    pub fn part(&self, range: Range<usize>) -> Result<Self, Problem> {
        let refuse = |form: &str| {
            let place = format!("{}:{}: `{}`", self.file, self.line, self.shown_path());
            Err(Problem::new(Reason::NotEditable, format!("{place} {form}; Davit does not edit that")))
        };
        // `\N`, `\_`, `\L` and `\P` are not longer than what they stand for.
        let special = |c: char| c.is_control() || matches!(c, '\u{a0}' | '\u{2028}' | '\u{2029}');
        if self.end - self.start != self.text.len() || self.text.contains(special) {
            return refuse("holds an escape or a line break beside the version");
        }
        let Some(text) = self.text.get(range.clone()).filter(|text| !text.is_empty()) else {
            return refuse(&format!("has no part {}..{}", range.start, range.end));
        };
        let mut inner = self.inner.as_deref().cloned().unwrap_or_default();
        if inner.part.is_some() {
            return refuse("is a part of a text already");
        }
        inner.part = Some(Part { whole: self.text.clone(), from: range.start, to: range.end });
        Ok(Self {
            file: self.file.clone(),
            line: self.line,
            column: self.column.saturating_add(u32::try_from(range.start).unwrap_or(u32::MAX)),
            path: self.path.clone(),
            start: self.start + range.start,
            end: self.start + range.end,
            text: text.to_owned(),
            document: self.document,
            inner: Some(Box::new(inner)),
        })
    }

    /// The whole way, for people and JSON: `spec.ref.tag`; `patches[0].patch: [0].value` for a scalar of the YAML that
    /// another holds (`patches[0].patch#2: …` in its second document); `spec.ref.tag[6..11]` for bytes 6 to 11 of a
    /// text.
    pub fn shown_path(&self) -> std::borrow::Cow<'_, str> {
        let Some(inner) = &self.inner else { return std::borrow::Cow::Borrowed(&self.path) };
        let mut shown = self.path.to_string();
        for place in &inner.embedded {
            if place.document > 0 {
                let _ = write!(shown, "#{}", place.document + 1);
            }
            shown.push_str(": ");
            shown.push_str(&place.path);
        }
        if let Some(part) = &inner.part {
            let _ = write!(shown, "[{}..{}]", part.from, part.to);
        }
        std::borrow::Cow::Owned(shown)
    }
}
