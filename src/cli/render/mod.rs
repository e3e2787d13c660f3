//! Findings as text. Each form is one file; all text from repositories and registries passes [`clean`] first.

mod markdown;
mod narrow;
mod reading;
mod table;

pub use markdown::markdown;
pub use narrow::narrow_table;
pub use reading::{reading, wrapped};
pub use table::{Reader, style as status_style, table};

/// Text from outside, safe for a terminal: control characters (escape sequences, newlines) become `�`.
pub fn clean(text: &str) -> std::borrow::Cow<'_, str> {
    if text.chars().any(is_unsafe) {
        text.chars().map(|c| if is_unsafe(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
    } else {
        text.into()
    }
}

/// Control characters, and those that reorder or hide text (Unicode bidi controls, zero-width characters).
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// `1 release`, `2 releases`, `3 repositories`.
pub(super) fn count(n: usize, one: &str) -> String {
    match one.strip_suffix('y') {
        _ if n == 1 => format!("1 {one}"),
        Some(stem) => format!("{n} {stem}ies"),
        None => format!("{n} {one}s"),
    }
}
