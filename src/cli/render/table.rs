//! The table of `davit scan` for a terminal: what needs a person first, what is fine last and short.

use super::{clean, count};
use crate::engine::report::{Findings, Row};
use crate::model::{Bump, Status};
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

/// The findings as a table. Colours are escape sequences; a writer that does not want them strips them.
pub fn table(findings: &Findings) -> String {
    let mut out = String::new();
    let mut rows: Vec<&Row> = findings.rows.iter().collect();
    rows.sort_by_key(|row| (order(row.status()), std::cmp::Reverse(row.bump)));
    let clusters = findings
        .rows
        .iter()
        .filter_map(|row| row.release.cluster.as_deref())
        .collect::<std::collections::BTreeSet<_>>();
    let cells: Vec<[String; 5]> =
        rows.iter().map(|row| cells(row, row.release.cluster.as_deref().filter(|_| clusters.len() > 1))).collect();
    let mut widths = ["STATUS".len(), "RELEASE".len(), "CHART".len(), "VERSION".len()];
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    if !rows.is_empty() {
        let head = Style::new().bold();
        let _ = writeln!(
            out,
            "{head}{:<w0$}  {:<w1$}  {:<w2$}  {:<w3$}  WHERE OR WHY{head:#}",
            "STATUS",
            "RELEASE",
            "CHART",
            "VERSION",
            w0 = widths[0],
            w1 = widths[1],
            w2 = widths[2],
            w3 = widths[3],
        );
    }
    for (row, [status, release, chart, version, why]) in rows.iter().zip(&cells) {
        let style = style(row.status());
        let dim = Style::new().dimmed();
        let _ = writeln!(
            out,
            "{style}{status:<w0$}{style:#}  {release:<w1$}  {chart:<w2$}  {version:<w3$}  {dim}{why}{dim:#}",
            w0 = widths[0],
            w1 = widths[1],
            w2 = widths[2],
            w3 = widths[3],
        );
    }
    problems(&mut out, findings);
    summary(&mut out, findings);
    out
}

/// The findings in so many columns: what holds a release back stands on a line of its own.
pub fn narrow_table(findings: &Findings, width: usize) -> String {
    let mut rows: Vec<&Row> = findings.rows.iter().collect();
    rows.sort_by_key(|row| (order(row.status()), std::cmp::Reverse(row.bump), row.release.id()));
    let shared = |row: &Row| findings.rows.iter().filter(|other| other.release.id() == row.release.id()).count() > 1;
    let cells: Vec<[String; 5]> =
        rows.iter().map(|row| cells(row, if shared(row) { short(row) } else { None })).collect();
    let mut widths = [0; 4];
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for (row, [status, release, chart, version, why]) in rows.iter().zip(&cells) {
        let (style, dim, [w0, w1, w2, _]) = (style(row.status()), Style::new().dimmed(), widths);
        let version = clipped(version, width.saturating_sub(w0 + w1 + w2 + 9));
        let _ = writeln!(out, "   {style}{status:<w0$}{style:#}  {release:<w1$}  {chart:<w2$}  {version}");
        if matches!(row.status(), Status::Outdated | Status::Current) {
            continue;
        }
        for line in super::wrapped(why, width.saturating_sub(w0 + 5)) {
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
    row.release.cluster.as_deref().and_then(|cluster| cluster.rsplit('/').next())
}

fn cells(row: &Row, cluster: Option<&str>) -> [String; 5] {
    let release = &row.release;
    let current = release.current.as_deref().unwrap_or("-");
    let version = match &row.target {
        Some(target) if row.status() == Status::Outdated => format!("{} → {}", clean(current), clean(target)),
        _ => clean(current).into_owned(),
    };
    let mut status = row.status().code().to_owned();
    if row.bump != Bump::None {
        let _ = write!(status, " ({})", bump(row.bump));
    }
    let name = match cluster {
        Some(cluster) => format!("{} [{cluster}]", release.id()),
        None => release.id().to_string(),
    };
    let why = match row.status() {
        Status::Outdated => match &release.site {
            Some(site) => format!("{}:{}", site.file, site.line),
            None => release.file.clone(),
        },
        Status::Current => String::new(),
        // A message that names its place needs no second one.
        _ if row.message.contains(&release.file) => format!("{}: {}", row.reason, row.message),
        _ => format!("{}: {} ({}:{})", row.reason, row.message, release.file, release.line),
    };
    [
        status,
        clean(&name).into_owned(),
        clean(release.chart.as_deref().unwrap_or("-")).into_owned(),
        version,
        clean(&why).into_owned(),
    ]
}

fn problems(out: &mut String, findings: &Findings) {
    if findings.problems.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nBeside the releases:");
    for finding in &findings.problems {
        let place = match (&finding.file, finding.line) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            (Some(file), None) => format!("{file}: "),
            _ => String::new(),
        };
        let _ = writeln!(out, "  {}{}", clean(&place), clean(&finding.problem.message));
    }
}

fn summary(out: &mut String, findings: &Findings) {
    if findings.rows.is_empty() {
        let _ = writeln!(out, "No HelmRelease in {}.", clean(&findings.repository));
        return;
    }
    let parts: Vec<String> = Status::ALL
        .iter()
        .map(|status| (findings.count(*status), status.code()))
        .filter(|(n, _)| *n > 0)
        .map(|(n, code)| format!("{n} {code}"))
        .collect();
    let _ = writeln!(out, "\n{}: {}.", count(findings.rows.len(), "release"), parts.join(", "));
    if !findings.updates.is_empty() {
        let sites: usize = findings.updates.iter().map(|u| u.sites.len()).sum();
        let _ = writeln!(
            out,
            "{} would move {}; `davit apply` writes them here.",
            count(findings.updates.len(), "update"),
            count(sites, "site")
        );
    }
}

fn order(status: Status) -> usize {
    Status::ALL.iter().position(|s| *s == status).unwrap_or(usize::MAX)
}

fn bump(bump: Bump) -> &'static str {
    match bump {
        Bump::None => "none",
        Bump::Patch => "patch",
        Bump::Minor => "minor",
        Bump::Major => "major",
    }
}

fn style(status: Status) -> Style {
    let colour = match status {
        Status::Outdated => AnsiColor::Yellow,
        Status::Failed | Status::Unresolved => AnsiColor::Red,
        Status::Skipped | Status::Floating => AnsiColor::Blue,
        Status::Current => AnsiColor::Green,
    };
    Style::new().fg_color(Some(colour.into()))
}
