//! `davit scan --format markdown`: for an issue, a job summary, a wiki.

use super::count;
use crate::engine::report::{Findings, Row};
use crate::model::Status;
use std::fmt::Write as _;

/// The findings as GitHub-flavoured Markdown: one table a status, most urgent first.
pub fn markdown(findings: &Findings) -> String {
    let mut out = String::new();
    let at = findings.revision.as_deref().map(|r| format!(" at `{}`", &r[..r.len().min(12)])).unwrap_or_default();
    let _ = writeln!(out, "# Charts of {}{at}\n", cell(&findings.repository));
    let _ = writeln!(out, "{} in all.", count(findings.rows.len(), "release"));
    for status in Status::ALL {
        let rows: Vec<&Row> =
            findings.rows.iter().map(AsRef::as_ref).filter(|row: &&Row| row.status() == status).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n## {} {}\n", rows.len(), status.code());
        let _ = writeln!(out, "| release | chart | version | target | where | why |\n|---|---|---|---|---|---|");
        for row in rows {
            let release = &row.release;
            let place = match &release.site {
                Some(site) => format!("{}:{}", site.file, site.line),
                None => format!("{}:{}", release.file, release.line),
            };
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} |",
                cell(&release.id().to_string()),
                cell(release.chart.as_deref().unwrap_or("-")),
                cell(release.current.as_deref().unwrap_or("-")),
                cell(row.target.as_deref().unwrap_or("-")),
                cell(&place),
                cell(&row.told()),
            );
        }
    }
    if !findings.problems.is_empty() {
        let _ = writeln!(out, "\n## Beside the releases\n");
        for finding in &findings.problems {
            let file = finding.file.as_deref().unwrap_or("");
            let _ = writeln!(out, "- {} {}", cell(file), cell(&finding.problem.message));
        }
    }
    out
}

/// Text in a table's cell: nothing in it is Markdown, HTML, a mention or a row's end.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in super::clean(text).chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '!' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            _ => out.push(c),
        }
    }
    out
}
