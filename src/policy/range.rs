//! Version ranges as Helm and Flux read them: a port of the constraints of `github.com/Masterminds/semver/v3`, grammar
//! and quirks included (docs/ranges.md). A test compares it with the Go original; nothing is added and nothing mended.

use crate::model::Version;
use regex::Regex;
use std::sync::LazyLock;

/// The longest range that Masterminds/semver v3 reads, in bytes.
pub const MAX_RANGE_LEN: usize = 512;
/// The most alternatives (`||`) it reads.
pub const MAX_ALTERNATIVES: usize = 32;

/// A text that is not a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Over `MAX_RANGE_LEN`.
    #[error("the range is {0} bytes long; at most {MAX_RANGE_LEN} are read")]
    TooLong(usize),
    /// Over `MAX_ALTERNATIVES`.
    #[error("the range has {0} alternatives (||); at most {MAX_ALTERNATIVES} are read")]
    TooManyAlternatives(usize),
    /// Not in the grammar.
    #[error("{0:?} is not a version range; write one such as \">=1.2.0, <2.0.0\", \"1.x\" or \"~1.4\"")]
    Improper(String),
}

/// A parsed range: alternatives of conditions that must all hold.
#[derive(Debug, Clone)]
pub struct Range {
    text: String,
    alternatives: Vec<Alternative>,
}

#[derive(Debug, Clone)]
struct Alternative {
    conditions: Vec<Condition>,
    /// One of the conditions names a pre-release: then the whole alternative looks at pre-releases.
    prereleases: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    TildeOrEqual,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Tilde,
    Caret,
}

#[derive(Debug, Clone)]
struct Condition {
    operator: Operator,
    version: Version,
    /// Some number is missing or a wildcard.
    partial: bool,
    /// The minor number is the first that is missing.
    no_minor: bool,
    /// The patch number is the first that is missing.
    no_patch: bool,
}

// The patterns of the original (constraints.go); both engines are leftmost-first. `\s` is spelled out as Go means it.
const SPACE: &str = r"[\t\n\f\r ]";
const VERSION: &str = r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?";
const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";

struct Patterns {
    one: Regex,
    hyphen: Regex,
    find: Regex,
    all: Regex,
}

static PATTERNS: LazyLock<Result<Patterns, regex::Error>> = LazyLock::new(|| {
    let (v, o, s) = (VERSION, OPERATORS, SPACE);
    Ok(Patterns {
        one: Regex::new(&format!("^{s}*({o}){s}*({v}){s}*$"))?,
        hyphen: Regex::new(&format!("{s}*({v}){s}+-{s}+({v}){s}*"))?,
        find: Regex::new(&format!("({o}){s}*({v})"))?,
        all: Regex::new(&format!("^({s}*({o}){s}*({v}){s}*)((?:{s}+|,{s}*)({o}){s}*({v}){s}*)*$"))?,
    })
});

impl Range {
    /// Reads a range. An empty text is not one (Helm and Flux read an empty version as `*` before they ask).
    pub fn parse(text: &str) -> Result<Self, RangeError> {
        if text.len() > MAX_RANGE_LEN {
            return Err(RangeError::TooLong(text.len()));
        }
        let improper = || RangeError::Improper(text.to_owned());
        let patterns = PATTERNS.as_ref().map_err(|_| improper())?;
        let rewritten = rewrite_hyphens(patterns, text);
        let count = rewritten.split("||").count();
        if count > MAX_ALTERNATIVES {
            return Err(RangeError::TooManyAlternatives(count));
        }
        let alternatives = rewritten
            .split("||")
            .map(|part| alternative(patterns, part))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(improper)?;
        Ok(Self { text: text.to_owned(), alternatives })
    }

    /// Whether the version lies in the range. A range that names no pre-release admits none.
    pub fn admits(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|a| a.conditions.iter().all(|c| c.admits(version, a.prereleases)))
    }

    /// As [`Self::admits`], with pre-releases compared like any other version (`IncludePrerelease` of the original).
    pub fn admits_prereleases_too(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|a| a.conditions.iter().all(|c| c.admits(version, true)))
    }

    /// Whether some alternative names a pre-release, and so admits some.
    pub fn names_prereleases(&self) -> bool {
        self.alternatives.iter().any(|a| a.prereleases)
    }

    /// The range as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl std::str::FromStr for Range {
    type Err = RangeError;
    fn from_str(text: &str) -> Result<Self, RangeError> {
        Self::parse(text)
    }
}
impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
impl PartialEq for Range {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
impl Eq for Range {}

/// `1.2 - 2` becomes `>= 1.2, <= 2 `, by text, as the original does.
fn rewrite_hyphens(patterns: &Patterns, text: &str) -> String {
    let mut out = text.to_owned();
    for found in patterns.hyphen.captures_iter(text) {
        let part = |i: usize| found.get(i).map_or("", |m| m.as_str());
        out = out.replacen(part(0), &format!(">= {}, <= {} ", part(1), part(11)), 1);
    }
    out
}

fn alternative(patterns: &Patterns, part: &str) -> Option<Alternative> {
    if !patterns.all.is_match(part) {
        return None;
    }
    let conditions = patterns.find.find_iter(part).map(|m| condition(patterns, m.as_str())).collect::<Option<Vec<_>>>();
    let conditions = conditions.filter(|conditions| !conditions.is_empty())?;
    let prereleases = conditions.iter().any(|c| c.version.is_prerelease());
    Some(Alternative { conditions, prereleases })
}

fn condition(patterns: &Patterns, text: &str) -> Option<Condition> {
    let found = patterns.one.captures(text)?;
    let part = |i: usize| found.get(i).map_or("", |m| m.as_str());
    let operator = match part(1) {
        "" | "=" => Operator::TildeOrEqual,
        "!=" => Operator::NotEqual,
        ">" => Operator::Greater,
        "<" => Operator::Less,
        ">=" | "=>" => Operator::GreaterEqual,
        "<=" | "=<" => Operator::LessEqual,
        "~" | "~>" => Operator::Tilde,
        "^" => Operator::Caret,
        _ => return None,
    };
    let (major, minor, patch, pre) = (part(3), part(4), part(5), part(6));
    let no_major = wildcard(major);
    let no_minor = !no_major && wildcard(minor);
    let no_patch = !no_major && !no_minor && wildcard(patch);
    let version = if no_major {
        format!("0.0.0{pre}")
    } else if no_minor {
        format!("{major}.0.0{pre}")
    } else if no_patch {
        format!("{major}{minor}.0{pre}")
    } else {
        part(2).to_owned()
    };
    let partial = no_major || no_minor || no_patch;
    Some(Condition { operator, version: Version::loose(&version)?, partial, no_minor, no_patch })
}

fn wildcard(part: &str) -> bool {
    matches!(part.strip_prefix('.').unwrap_or(part), "" | "x" | "X" | "*")
}

impl Condition {
    fn admits(&self, v: &Version, prereleases: bool) -> bool {
        if v.is_prerelease() && !prereleases {
            return false;
        }
        match self.operator {
            Operator::TildeOrEqual if self.partial => self.tilde(v),
            Operator::TildeOrEqual => *v == self.version,
            Operator::NotEqual => self.not_equal(v),
            Operator::Greater => self.greater(v),
            Operator::Less => *v < self.version,
            Operator::GreaterEqual => *v >= self.version,
            Operator::LessEqual => self.less_equal(v),
            Operator::Tilde => self.tilde(v),
            Operator::Caret => self.caret(v),
        }
    }

    fn not_equal(&self, v: &Version) -> bool {
        let ((major, minor, _), (c_major, c_minor, _)) = (v.core(), self.version.core());
        if self.partial {
            if major != c_major || (minor != c_minor && !self.no_minor) {
                return true;
            }
            if self.no_minor {
                return false;
            }
            if self.no_patch {
                // The original compares the pre-releases alone here: "" against "" is equal.
                return v.semver().pre != self.version.semver().pre;
            }
        }
        *v != self.version
    }

    fn greater(&self, v: &Version) -> bool {
        let ((major, minor, _), (c_major, c_minor, _)) = (v.core(), self.version.core());
        if !self.partial {
            return *v > self.version;
        }
        if major != c_major {
            return major > c_major;
        }
        if self.no_minor {
            return false;
        }
        if self.no_patch { minor > c_minor } else { *v > self.version }
    }

    fn less_equal(&self, v: &Version) -> bool {
        let ((major, minor, _), (c_major, c_minor, _)) = (v.core(), self.version.core());
        if !self.partial {
            return *v <= self.version;
        }
        !(major > c_major || (major == c_major && minor > c_minor && !self.no_minor))
    }

    fn tilde(&self, v: &Version) -> bool {
        let ((major, minor, _), (c_major, c_minor, _)) = (v.core(), self.version.core());
        if *v < self.version {
            return false;
        }
        // `~0.0.0`, and `*`, take everything from there on.
        if self.version.core() == (0, 0, 0) && !self.no_minor && !self.no_patch {
            return true;
        }
        major == c_major && (minor == c_minor || self.no_minor)
    }

    fn caret(&self, v: &Version) -> bool {
        let ((major, minor, patch), (c_major, c_minor, c_patch)) = (v.core(), self.version.core());
        if *v < self.version {
            return false;
        }
        if c_major > 0 || self.no_minor {
            return major == c_major;
        }
        if major > 0 {
            return false;
        }
        if c_minor > 0 || self.no_patch {
            return minor == c_minor;
        }
        minor == 0 && patch == c_patch
    }
}

#[cfg(test)]
#[path = "range_tests.rs"]
mod tests;
