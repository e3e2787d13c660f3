//! A text as the bytes of a scalar in the quoting it had. Adds quotes only where the text would read as something else.

use crate::model::{Part, ScalarStyle};
use crate::yaml::ScalarType;
use std::fmt::Write as _;

/// The bytes to write, and the style they read back in. Where the style is not the old one, they hold the quotes.
pub(super) struct Text {
    pub(super) bytes: String,
    pub(super) style: ScalarStyle,
}

/// `text` in a style; nothing where that style can't hold it. `in_flow`: inside `{}` or `[]`. `string`: the old text
/// was a string to Flux, and so must the new one be.
pub(super) fn scalar(text: &str, style: ScalarStyle, in_flow: bool, string: bool) -> Option<Text> {
    let bytes = match style {
        ScalarStyle::Plain if is_plain(text, in_flow) && keeps_type(text, string) => text.to_owned(),
        ScalarStyle::Plain => {
            return Some(Text { bytes: format!("\"{}\"", double(text)), style: ScalarStyle::Double });
        }
        ScalarStyle::Single if text.chars().all(|c| c == '\t' || is_visible(c)) => text.replace('\'', "''"),
        ScalarStyle::Double => double(text),
        ScalarStyle::Single | ScalarStyle::Literal | ScalarStyle::Folded => return None,
    };
    Some(Text { bytes, style })
}

/// Whether Flux reads a plain text as a string, or as a number in the place of a number.
fn keeps_type(text: &str, string: bool) -> bool {
    match ScalarType::of_plain(text) {
        ScalarType::String => true,
        ScalarType::Number => !string,
        ScalarType::Null | ScalarType::Bool(_) => false,
    }
}

/// Whether a text reads back as itself without quotes (YAML 1.2, 7.3.3, and a little stricter: in a flow collection `?`
/// and a leading `:` end a plain text for the readers that come from libyaml, Go's among them).
fn is_plain(text: &str, in_flow: bool) -> bool {
    let mut chars = text.chars();
    let (Some(first), second) = (chars.next(), chars.next()) else { return false };
    let starts = match first {
        '?' | ':' if in_flow => false,
        '-' | '?' | ':' => second.is_some_and(|c| c != ' ' && !(in_flow && is_flow(c))),
        c => !matches!(c, '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' | ' ') && !is_flow(c),
    };
    starts
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("---")
        && !text.starts_with("...")
        && text.chars().all(|c| is_visible(c) && !(in_flow && (is_flow(c) || c == '?')))
}

fn is_flow(c: char) -> bool {
    matches!(c, ',' | '[' | ']' | '{' | '}')
}

/// Neither a control character nor a line break in YAML 1.1 or 1.2 nor a byte order mark.
fn is_visible(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn double(text: &str) -> String {
    let mut bytes = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => bytes.push_str("\\\""),
            '\\' => bytes.push_str("\\\\"),
            '\n' => bytes.push_str("\\n"),
            '\t' => bytes.push_str("\\t"),
            '\r' => bytes.push_str("\\r"),
            // JSON has no other escape, and every such character is below U+10000.
            c if !is_visible(c) => {
                // Writing to a String can't fail.
                let _ = write!(bytes, "\\u{:04x}", u32::from(c));
            }
            c => bytes.push(c),
        }
    }
    bytes
}

/// A part's new text in its scalar; nothing where the scalar would read as something else, and where a variable's
/// default (`${VAR:=1.2.3}`) would not be the text any more.
pub(super) fn part(part: &Part, to: &str, style: ScalarStyle, in_flow: bool) -> Option<String> {
    let (before, old) = (part.whole.get(..part.from)?, part.whole.get(part.from..part.to)?);
    let in_variable = before.rfind("${").is_some_and(|open| !before[open..].contains('}'));
    if to.is_empty() || !to.chars().all(is_visible) {
        return None;
    }
    if in_variable {
        // Flux substitutes in the finished YAML, without quotes.
        let string = ScalarType::of_plain(old) == ScalarType::String;
        if !is_plain(to, true) || !keeps_type(to, string) || to.contains([' ', '$', '\\', '\'', '"']) {
            return None;
        }
    }
    let whole = format!("{before}{to}{}", part.whole.get(part.to..)?);
    match style {
        ScalarStyle::Plain => {
            let string = ScalarType::of_plain(&part.whole) == ScalarType::String;
            (is_plain(&whole, in_flow) && keeps_type(&whole, string)).then(|| to.to_owned())
        }
        ScalarStyle::Single => Some(to.replace('\'', "''")),
        ScalarStyle::Double => Some(double(to)),
        ScalarStyle::Literal | ScalarStyle::Folded => None,
    }
}

/// Bytes of a text as they are written in the scalar that holds the text; nothing where they can't be.
pub(super) fn held(bytes: &str, style: ScalarStyle) -> Option<String> {
    if !bytes.chars().all(|c| c == '\t' || is_visible(c)) {
        return None;
    }
    Some(match style {
        ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => bytes.to_owned(),
        ScalarStyle::Single => bytes.replace('\'', "''"),
        ScalarStyle::Double => double(bytes),
    })
}
