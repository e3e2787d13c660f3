//! Names of updates: the key, and a branch that `git check-ref-format` accepts whatever a chart or a group is called.

use crate::model::chart_digest;

/// The longest branch name, in bytes.
pub const MAX_BRANCH_LEN: usize = 200;

/// What tells one update from another.
pub(super) struct Name<'a> {
    /// Canonical URL of the chart.
    pub canonical: &'a str,
    /// Name of the chart.
    pub chart: &'a str,
    /// `5.x`, `4.9.x`.
    pub label: &'a str,
    /// Empty where there is none.
    pub group: &'a str,
}

impl Name<'_> {
    /// `<canonical URL>@5.x`, and `@<group>` where there is one.
    pub fn key(&self) -> String {
        let group = if self.group.is_empty() { String::new() } else { format!("@{}", self.group) };
        format!("{}@{}{group}", self.canonical, self.label)
    }
}

/// `<prefix><chart>-<first 6 of sha256(canonical URL)>-5.x`, and `-<group>` where there is one.
pub(super) fn branch(prefix: &str, name: &Name<'_>) -> String {
    let group = if name.group.is_empty() { String::new() } else { format!("-{}", exact_part(name.group)) };
    let tail = format!("-{}-{}{group}", chart_digest(name.canonical), exact_part(name.label));
    let room = MAX_BRANCH_LEN.saturating_sub(prefix.len() + tail.len());
    let mut chart = safe(name.chart);
    // Only ASCII is left, so every cut is a character's.
    chart.truncate(room);
    let chart = chart.trim_matches(['.', '-']);
    format!("{prefix}{}{tail}", if chart.is_empty() { "chart" } else { chart })
}

/// A part that must stay unique: made safe and short, with a digest where that changed it.
fn exact_part(text: &str) -> String {
    let mut part = safe(text);
    part.truncate(63);
    if part == text && !text.ends_with(['.', '-']) {
        part
    } else {
        format!("{}-{}", part.trim_matches(['.', '-']), chart_digest(text))
    }
}

/// Letters, digits, `.`, `_` and `-`; never `..` and never `.lock` at the end of a path's part.
fn safe(text: &str) -> String {
    let kept = text.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' });
    let mut out: String = kept.collect();
    while out.contains("..") {
        out = out.replace("..", ".");
    }
    let lock =
        out.len().checked_sub(5).filter(|at| out.is_char_boundary(*at) && out[*at..].eq_ignore_ascii_case(".lock"));
    if let Some(at) = lock {
        out.replace_range(at..=at, "-");
    }
    out
}

#[cfg(test)]
#[path = "branch_tests.rs"]
mod tests;
