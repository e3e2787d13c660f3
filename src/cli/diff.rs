//! A unified diff, as `git apply` takes it: lines end at `\n` and nowhere else, so that a `\r` is part of its line.

use crate::engine::edits::Edited;
use similar::{ChangeTag, TextDiff};
use std::fmt::Write as _;

/// Lines around a change.
const CONTEXT: usize = 3;

/// The change of one file; bytes that are not UTF-8 can't occur, for such files are not read.
pub fn unified(edited: &Edited) -> String {
    let (before, after) = (String::from_utf8_lossy(&edited.before), String::from_utf8_lossy(&edited.after));
    let (old, new): (Vec<&str>, Vec<&str>) = (lines(&before), lines(&after));
    let diff = TextDiff::from_slices(&old, &new);
    let (a, b) = (name("a", &edited.path), name("b", &edited.path));
    // With Git's own header libgit2 and its friends take it too.
    let mut out = format!("diff --git {a} {b}\n--- {}\n+++ {}\n", closed(&a), closed(&b));
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        // Writing to a String can't fail.
        let _ = writeln!(out, "{}", hunk.header());
        for change in hunk.iter_changes() {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            let line = change.value();
            let _ = write!(out, "{sign}{line}");
            if !line.ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    out
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// A name in Git's writing: quoted where it holds a quote or a backslash.
fn name(side: &str, path: &str) -> String {
    if path.contains(['"', '\\']) {
        format!("\"{side}/{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        format!("{side}/{path}")
    }
}

/// A name that holds a space ends with a tab, or a reader takes what follows for a time.
fn closed(name: &str) -> String {
    format!("{name}{}", if name.contains(' ') { "\t" } else { "" })
}
