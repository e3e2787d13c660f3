//! A unified diff, as `git apply` takes it.

use crate::engine::edits::Edited;
use similar::TextDiff;

/// The change of one file; bytes that are not UTF-8 can't occur, for such files are not read.
pub fn unified(edited: &Edited) -> String {
    let (before, after) = (String::from_utf8_lossy(&edited.before), String::from_utf8_lossy(&edited.after));
    let (a, b) = (format!("a/{}", edited.path), format!("b/{}", edited.path));
    TextDiff::from_lines(before.as_ref(), after.as_ref()).unified_diff().context_radius(3).header(&a, &b).to_string()
}
