//! What a plain scalar means to Flux (sigs.k8s.io/yaml, its YAML 1.1 words and numbers). Converts nothing: a bare
//! `1.10` stays the text that somebody wrote.

use super::{NodeKind, ScalarType};
use crate::model::ScalarStyle;

impl ScalarType {
    /// The type of a plain scalar without a tag.
    pub fn of_plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Self::Bool(true),
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Self::Bool(false),
            _ if is_number(text) => Self::Number,
            _ => Self::String,
        }
    }
}

/// The type of a scalar as written; nothing for a mapping or a sequence.
pub(super) fn type_of(kind: &NodeKind) -> Option<ScalarType> {
    let NodeKind::Scalar { text, style, tag } = kind else { return None };
    Some(match (tag.as_deref(), style) {
        (Some("!!null"), _) => ScalarType::Null,
        (Some("!!int" | "!!float"), _) => ScalarType::Number,
        (Some("!!bool"), _) => match ScalarType::of_plain(text) {
            ScalarType::Bool(value) => ScalarType::Bool(value),
            _ => ScalarType::String,
        },
        (None, ScalarStyle::Plain) => ScalarType::of_plain(text),
        _ => ScalarType::String,
    })
}

/// Whether YAML 1.1, YAML 1.2 or JSON would read a number here: the widest of what the readers in Flux accept.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    // Underscores may stand inside a number that begins like one; without a sign, neither `_1` nor `._1` does.
    if text.starts_with('_') || text.starts_with("._") {
        return false;
    }
    let plain: String = unsigned.chars().filter(|c| *c != '_').collect();
    is_radix(&plain) || is_decimal(&plain)
}

fn is_radix(text: &str) -> bool {
    let mut chars = text.chars();
    let (Some('0'), Some(letter)) = (chars.next(), chars.next()) else { return false };
    let base = match letter {
        'x' | 'X' => 16,
        'o' | 'O' => 8,
        'b' | 'B' => 2,
        _ => return false,
    };
    let mut digits = chars.peekable();
    digits.peek().is_some() && digits.all(|c| c.is_digit(base))
}

/// `12`, `1.10`, `.5`, `1.`, `1e3`, `1.5E-7`.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let mantissa_holds = match mantissa.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction) && mantissa.len() > 1,
        None => digits(mantissa) && !mantissa.is_empty(),
    };
    let exponent_holds = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    mantissa_holds && exponent_holds
}
