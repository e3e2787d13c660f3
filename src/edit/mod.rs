//! F2. Compare-and-swap on the bytes of one scalar, or of a part of what it holds, then proof that nothing else moved. Pure.
//!
//! Formats nothing: quotes, comments, anchors, line ends, byte order mark and the missing final newline stay as they
//! are. What can't be swapped safely is a [`Refusal`], never a guess.

mod env_file;
mod find;
mod prove;
mod write;

use crate::model::{Problem, Reason, ScalarStyle, Site};
use crate::yaml::{self, Source, Stream};

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

/// The bytes that take the place of a scalar's content, or of a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Splice {
    start: usize,
    end: usize,
    /// What is written in the file, added quotes and the escapes of the scalars around it included.
    written: String,
    /// The scalars around it that hold YAML as text, outermost first; for a part, the scalar that it is a part of is the
    /// last one.
    hosts: Vec<Host>,
    /// The zero-based document in the file, then in the text of each scalar that holds YAML.
    documents: Vec<usize>,
    leaf: Leaf,
}

/// A scalar whose text changes in a part.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Host {
    /// Its bytes in the file.
    start: usize,
    end: usize,
    /// The part of its decoded text.
    from: usize,
    to: usize,
    /// What stands there afterwards.
    text: String,
}

/// What is swapped in the innermost text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Leaf {
    /// A whole scalar.
    Whole {
        /// Bytes of a quote that is added on either side.
        quote: usize,
        style: ScalarStyle,
        to: String,
        /// The old value was a string to Flux: the new one must be.
        string: bool,
    },
    /// A part of the last host's text.
    Part,
}

/// A file's bytes and its documents.
struct Side<'a> {
    source: Source<'a>,
    stream: Stream,
}

impl<'a> Side<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let source = Source::file(bytes);
        let stream = source.parse();
        Self { source, stream }
    }
}

/// The file with every swap done. Equal swaps count once; their order does not matter.
///
/// # Errors
/// See [`Refusal`]. On an error nothing of the file is changed.
pub fn apply(bytes: &[u8], swaps: &[Swap]) -> Result<Vec<u8>, Refusal> {
    if swaps.iter().any(|swap| yaml::is_env_file(&swap.site.file)) {
        return env_file::apply(bytes, &in_order(swaps)?);
    }
    let before = Side::of(bytes);
    let mut splices = Vec::with_capacity(swaps.len());
    for swap in in_order(swaps)? {
        splices.push(find::splice(bytes, &before, swap)?);
    }
    let mut edited = Vec::with_capacity(bytes.len() + 16 * splices.len());
    let mut copied = 0;
    for splice in &splices {
        edited.extend_from_slice(&bytes[copied..splice.start]);
        edited.extend_from_slice(splice.written.as_bytes());
        copied = splice.end;
    }
    edited.extend_from_slice(&bytes[copied..]);
    prove::only(&splices, &before, &Side::of(&edited)).map_err(|what| Refusal::Unproven {
        file: swaps.first().map(|swap| swap.site.file.to_string()).unwrap_or_default(),
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
                file: swap.site.file.to_string(),
                line: swap.site.line,
                first: last.site.shown_path().into_owned(),
                second: swap.site.shown_path().into_owned(),
            });
        }
        kept.push(swap);
    }
    Ok(kept)
}

#[cfg(test)]
mod any_document_tests;
#[cfg(test)]
mod apply_tests;
#[cfg(test)]
mod env_file_tests;
#[cfg(test)]
mod inner_property_tests;
#[cfg(test)]
mod inner_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod prove_tests;
