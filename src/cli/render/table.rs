//! The table of `davit scan`: what needs a person first, what is fine last and short. For a terminal the reasons stand
//! below the rows they are about, each once, and what does not fit goes there too; elsewhere every release is one line,
//! so that `grep` finds all of it.

use super::{clean, count, wrapped};
use crate::engine::report::{Findings, Row};
use crate::model::{Bump, Live, Status};
use anstyle::{AnsiColor, Style};
use std::collections::BTreeSet;
use std::fmt::Write as _;

const HEAD: [&str; 4] = ["STATUS", "RELEASE", "CHART", "VERSION"];
/// What stands below a row stands this far in.
const INDENT: usize = 4;

/// Who reads the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A person at a terminal of so many columns.
    Terminal(usize),
    /// A file or a pipe.
    Lines,
}

/// One line of the table.
pub(super) struct Line<'a> {
    row: &'a Row,
    /// Status, release, chart, version.
    pub(super) cells: [String; 4],
    /// Where the version is written, or the release where it is not; empty where nothing is to be done there.
    place: String,
    /// Why nothing is proposed; empty where nothing needs a word.
    pub(super) why: String,
}

/// The findings as a table. Colours are escape sequences; a writer that does not want them strips them.
pub fn table(findings: &Findings, reader: Reader) -> String {
    let mut out = String::new();
    let lines = lines(findings);
    let mut widths = HEAD.map(str::len);
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(&line.cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let last = lines.iter().map(|line| line.place.chars().count()).max().unwrap_or_default();
    let fits = match reader {
        Reader::Terminal(width) => widths.iter().map(|w| w + 2).sum::<usize>() + last <= width,
        Reader::Lines => true,
    };
    if !lines.is_empty() {
        let head = Style::new().bold();
        let last = match reader {
            Reader::Lines => "WHERE AND WHY",
            Reader::Terminal(_) if fits => "WHERE",
            Reader::Terminal(_) => "",
        };
        let cells = format!("{}  {last}", columns(&HEAD.map(str::to_owned), widths, Style::new()));
        let _ = writeln!(out, "{head}{}{head:#}", cells.trim_end());
    }
    let dim = Style::new().dimmed();
    for (index, line) in lines.iter().enumerate() {
        let cells = columns(&line.cells, widths, style(line.row.status()));
        let Reader::Terminal(width) = reader else {
            let _ = match (line.place.as_str(), line.why.as_str()) {
                ("", _) => writeln!(out, "{}", cells.trim_end()),
                (place, "") => writeln!(out, "{cells}  {dim}{place}{dim:#}"),
                (place, why) => writeln!(out, "{cells}  {dim}{place}  {why}{dim:#}"),
            };
            continue;
        };
        let mut below = String::new();
        if fits && !line.place.is_empty() {
            let _ = writeln!(out, "{cells}  {dim}{}{dim:#}", line.place);
        } else {
            let _ = writeln!(out, "{}", cells.trim_end());
            below.clone_from(&line.place);
        }
        let whys = if lines.get(index + 1).is_none_or(|next| next.why != line.why) { line.why.as_str() } else { "" };
        for text in [below.as_str(), whys].into_iter().filter(|text| !text.is_empty()) {
            for part in wrapped(text, width.saturating_sub(INDENT)) {
                let _ = writeln!(out, "{:INDENT$}{dim}{part}{dim:#}", "");
            }
        }
    }
    problems(&mut out, findings);
    summary(&mut out, findings);
    out
}

/// The lines in the order of urgency; those with one reason stand together.
fn lines(findings: &Findings) -> Vec<Line<'_>> {
    let clusters: BTreeSet<&str> = findings.rows.iter().filter_map(|row| row.cluster()).collect();
    let cluster = |row: &'_ Row| if clusters.len() > 1 { row.cluster().map(str::to_owned) } else { None };
    let mut lines: Vec<Line<'_>> = findings.rows.iter().map(|row| line(row, cluster(row).as_deref())).collect();
    lines.sort_by(|a, b| {
        let key = |line: &Line<'_>| (order(line.row.status()), std::cmp::Reverse(line.row.bump));
        key(a).cmp(&key(b)).then_with(|| a.why.cmp(&b.why))
    });
    lines
}

/// The cells of one release; its cluster is named where one is given.
pub(super) fn line<'a>(row: &'a Row, cluster: Option<&str>) -> Line<'a> {
    let release = &row.release;
    let current = release.current.as_deref().unwrap_or("-");
    let version = match &row.target {
        Some(target) if row.status() == Status::Outdated => format!("{} → {}", clean(current), clean(target)),
        _ => clean(current).into_owned(),
    };
    let mut status = row.status().code().to_owned();
    if row.bump != Bump::None {
        let _ = write!(status, " ({})", row.bump);
    }
    let name = match cluster {
        Some(cluster) => format!("{} [{cluster}]", release.id()),
        None => release.id().to_string(),
    };
    let place = match (&release.site, row.status()) {
        (_, Status::Current) => String::new(),
        (Some(site), _) => format!("{}:{}", site.file, site.line),
        (None, _) => format!("{}:{}", release.file, release.line),
    };
    let why = match row.status() {
        Status::Outdated | Status::Current => row.live().and_then(Live::remark).unwrap_or_default(),
        _ => format!("{}: {}", row.reason, row.told()),
    };
    let chart = clean(release.chart.as_deref().unwrap_or("-")).into_owned();
    Line {
        row,
        cells: [status, clean(&name).into_owned(), chart, version],
        place: clean(&place).into_owned(),
        why: clean(&why).into_owned(),
    }
}

fn columns(cells: &[String; 4], widths: [usize; 4], first: Style) -> String {
    let [status, release, chart, version] = cells;
    format!(
        "{first}{status:<w0$}{first:#}  {release:<w1$}  {chart:<w2$}  {version:<w3$}",
        w0 = widths[0],
        w1 = widths[1],
        w2 = widths[2],
        w3 = widths[3],
    )
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
        let here = if findings.repository == "." { "this folder" } else { &findings.repository };
        let _ = writeln!(out, "No HelmRelease in {}.", clean(here));
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
        let (updates, sites) = (count(findings.updates.len(), "update"), count(sites, "site"));
        // What a URL names is not here to be written.
        let hint = if findings.revision.is_none() { "; `davit apply` writes them here" } else { "" };
        let _ = writeln!(out, "{updates} would move {sites}{hint}.");
    }
}

pub(super) fn order(status: Status) -> usize {
    Status::ALL.iter().position(|s| *s == status).unwrap_or(usize::MAX)
}

/// The colour of a status.
pub fn style(status: Status) -> Style {
    let colour = match status {
        Status::Outdated => AnsiColor::Yellow,
        Status::Failed | Status::Unresolved => AnsiColor::Red,
        Status::Skipped | Status::Floating => AnsiColor::Blue,
        Status::Current => AnsiColor::Green,
    };
    Style::new().fg_color(Some(colour.into()))
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
