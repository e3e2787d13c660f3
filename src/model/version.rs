//! A version that keeps its text. Comparison is the precedence that Flux uses (Masterminds/semver v3): build metadata
//! has no say. Two ways to read a text, strict and loose; nothing here rewrites one.

use std::cmp::Ordering;

/// The longest version that Masterminds/semver v3 reads, in bytes.
pub const MAX_VERSION_LEN: usize = 256;

/// A semantic version and the text it was read from.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    text: String,
    semver: semver::Version,
}

impl Version {
    /// A strict version with an optional leading `v`: what Flux takes from an index or a tag list (Flux rules 4, 5).
    pub fn strict(text: &str) -> Option<Self> {
        if text.len() > MAX_VERSION_LEN {
            return None;
        }
        let semver = semver::Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()?;
        Some(Self { text: text.to_owned(), semver })
    }

    /// The version that a tag stands for: a strict one, whose `+` is written `_`, which is what a tag can hold (Flux rule
    /// 5).
    pub fn of_tag(tag: &str) -> Option<Self> {
        Self::strict(tag).or_else(|| Self::strict(&tag.replacen('_', "+", 1)))
    }

    /// What `NewVersion` of Masterminds/semver v3 reads: `v1.2` is 1.2.0, `2024.01.15` is 2024.1.15. Leading zeros of
    /// the three numbers are dropped, those of a pre-release are not allowed; white space is not allowed either.
    pub fn loose(text: &str) -> Option<Self> {
        if text.len() > MAX_VERSION_LEN {
            return None;
        }
        let rest = text.strip_prefix('v').unwrap_or(text);
        let (rest, build) = split_part(rest, '+');
        let (numbers, pre) = split_part(rest, '-');
        let mut core = [0_u64; 3];
        for (place, part) in numbers.split('.').enumerate() {
            *core.get_mut(place)? = number(part)?;
        }
        let semver = semver::Version {
            major: core[0],
            minor: core[1],
            patch: core[2],
            pre: pre.map_or(Some(semver::Prerelease::EMPTY), |pre| {
                semver::Prerelease::new(pre).ok().filter(|pre| !pre.is_empty())
            })?,
            build: build.map_or(Some(semver::BuildMetadata::EMPTY), |build| {
                semver::BuildMetadata::new(build).ok().filter(|build| !build.is_empty())
            })?,
        };
        Some(Self { text: text.to_owned(), semver })
    }

    /// The version that a text pins wherever a range may stand: three numbers, read loosely. Fewer are a range of Masterminds,
    /// or a tag that follows the newest of its kind (Flux rule 3).
    pub fn pin(text: &str) -> Option<Self> {
        let numbers = text.split(['-', '+']).next().unwrap_or(text).split('.').count();
        Self::loose(text).filter(|_| numbers == 3)
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The numbers, pre-release and build metadata.
    pub fn semver(&self) -> &semver::Version {
        &self.semver
    }

    /// Whether it is a pre-release: `2.0.0-rc.1`.
    pub fn is_prerelease(&self) -> bool {
        !self.semver.pre.is_empty()
    }

    /// The release it is, or leads up to: 2.0.0 for 2.0.0-rc.1+build.
    #[must_use]
    pub fn release(&self) -> Self {
        let (major, minor, patch) = self.core();
        Self { text: format!("{major}.{minor}.{patch}"), semver: semver::Version::new(major, minor, patch) }
    }

    /// Major, minor and patch.
    pub fn core(&self) -> (u64, u64, u64) {
        (self.semver.major, self.semver.minor, self.semver.patch)
    }

    /// Whether the text starts with a `v`.
    pub fn has_leading_v(&self) -> bool {
        self.text.starts_with('v')
    }
}

/// Splits at the first `mark`; the second half is there when the mark is, and may be empty.
fn split_part(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// A number of decimal digits only, within 64 bits.
fn number(digits: &str) -> Option<u64> {
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

/// Precedence of two pre-releases as Masterminds/semver v3 has it: number before text, a numeral beyond 64 bits is text.
pub(crate) fn compare_prereleases(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (number(a), number(b)) {
                (Some(a), Some(b)) => a.cmp(&b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

impl TryFrom<String> for Version {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::loose(&text).ok_or_else(|| format!("{text:?} is not a semantic version"))
    }
}
impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.text
    }
}
impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Version {}
impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.core().cmp(&other.core()).then_with(|| match (self.is_prerelease(), other.is_prerelease()) {
            (false, false) => Ordering::Equal,
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (true, true) => compare_prereleases(&self.semver.pre, &other.semver.pre),
        })
    }
}

#[cfg(test)]
#[path = "version_tests.rs"]
mod tests;
