//! The findings in few columns, for the demo's telling: what holds a release back stands on lines of its own.

use super::table::{Line, line, order, style};
use super::wrapped;
use crate::engine::report::{Findings, Row};
use anstyle::Style;
use std::fmt::Write as _;

/// The table in `width` columns.
pub fn narrow_table(findings: &Findings, width: usize) -> String {
    let mut rows: Vec<&Row> = findings.rows.iter().map(AsRef::as_ref).collect();
    rows.sort_by_key(|row| (order(row.status()), std::cmp::Reverse(row.bump), row.release.id()));
    let shared = |row: &Row| findings.rows.iter().filter(|other| other.release.id() == row.release.id()).count() > 1;
    let lines: Vec<Line<'_>> = rows.iter().map(|row| line(row, short(row).filter(|_| shared(row)))).collect();
    let mut widths = [0; 4];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(&line.cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for (row, Line { cells: [status, release, chart, version], why, .. }) in rows.iter().zip(&lines) {
        let (style, dim, [w0, w1, w2, _]) = (style(row.status()), Style::new().dimmed(), widths);
        let version = clipped(version, width.saturating_sub(w0 + w1 + w2 + 9));
        let _ = writeln!(out, "   {style}{status:<w0$}{style:#}  {release:<w1$}  {chart:<w2$}  {version}");
        if why.is_empty() {
            continue;
        }
        for line in wrapped(why, width.saturating_sub(w0 + 5)) {
            let _ = writeln!(out, "   {:<w0$}  {dim}{line}{dim:#}", "");
        }
    }
    out
}

/// Text in so many columns; what is cut off shows as `…`.
fn clipped(text: &str, width: usize) -> std::borrow::Cow<'_, str> {
    if text.chars().count() <= width {
        return text.into();
    }
    text.chars().take(width.saturating_sub(1)).chain(std::iter::once('…')).collect()
}

/// The last segment of a cluster's directory.
fn short(row: &Row) -> Option<&str> {
    row.cluster().and_then(|cluster| cluster.rsplit('/').next())
}
