//! A pull request's body as a person reads it: the Markdown that Davit writes, without its marks. No general reader of
//! Markdown: what it does not know it shows as it is.

use super::clean;
use anstyle::Style;
use std::fmt::Write as _;

const BOLD: Style = Style::new().bold();
const PLAIN: Style = Style::new();

/// The lines of a body, at most `width` columns each, with how they look.
pub fn reading(body: &str, width: usize) -> Vec<(Style, String)> {
    let body = without_comments(body);
    let mut lines: Vec<(Style, String)> = Vec::new();
    let mut table: Vec<Vec<String>> = Vec::new();
    for line in body.lines() {
        if let Some(row) = line.strip_prefix('|') {
            table.push(cells(row));
            continue;
        }
        flush(&mut table, width, &mut lines);
        text_line(line, width, &mut lines);
    }
    flush(&mut table, width, &mut lines);
    lines.dedup_by(|b, a| a.1.is_empty() && b.1.is_empty());
    while lines.last().is_some_and(|(_, text)| text.is_empty()) {
        lines.pop();
    }
    lines
}

fn text_line(line: &str, width: usize, lines: &mut Vec<(Style, String)>) {
    let heading = line.trim_start_matches('#');
    if heading.len() < line.len() {
        lines.push((BOLD, plain(heading.trim())));
        return;
    }
    if line == "---" {
        lines.push((Style::new().dimmed(), "─".repeat(width.min(20))));
        return;
    }
    let (head, rest, style) = match (line.strip_prefix("> "), line.strip_prefix("- ")) {
        (Some(quote), _) if quote.starts_with("[!") => return,
        (Some(quote), _) => ("! ", quote, BOLD),
        (_, Some(item)) => ("• ", item, PLAIN),
        _ => ("", line, PLAIN),
    };
    let indent = " ".repeat(head.chars().count());
    for (index, part) in wrapped(&plain(rest), width - indent.len()).into_iter().enumerate() {
        lines.push((style, format!("{}{part}", if index == 0 { head } else { &indent })));
    }
}

fn without_comments(body: &str) -> String {
    let mut out = String::new();
    let mut rest = body;
    while let Some(at) = rest.find("<!--") {
        out.push_str(&rest[..at]);
        rest = rest[at..].find("-->").map_or("", |end| &rest[at + end + 3..]);
    }
    out + rest
}

/// Cells of a table's row; a `\|` is no border.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_end_matches('|').replace("\\|", "\u{1}");
    row.split('|').map(|cell| plain(&cell.replace('\u{1}', "\\|"))).collect()
}

/// Writes a table in columns, its head in bold.
fn flush(table: &mut Vec<Vec<String>>, width: usize, lines: &mut Vec<(Style, String)>) {
    let rows: Vec<Vec<String>> = std::mem::take(table);
    let is_rule = |row: &Vec<String>| row.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| "-:".contains(c)));
    let head = rows.get(1).is_some_and(is_rule);
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        let cells = rows.iter().filter(|row| !is_rule(row)).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    for (index, row) in rows.iter().enumerate() {
        if is_rule(row) || row.iter().all(String::is_empty) {
            continue;
        }
        let style = if head && index == 0 { BOLD } else { PLAIN };
        let mut text = String::new();
        for (cell, column) in row.iter().zip(&widths) {
            // What does not fit goes on under its row.
            if !text.is_empty() && text.chars().count() + column > width {
                lines.push((style, text.trim_end().to_owned()));
                "  ".clone_into(&mut text);
            }
            let _ = write!(text, "{cell:<column$}  ");
        }
        lines.push((style, text.trim_end().to_owned()));
    }
}

/// Text without Markdown's marks: code, bold, links, escapes and the entities that Davit writes.
fn plain(text: &str) -> String {
    let text = text.trim();
    let mut out = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => out.extend(chars.next().map(|(_, c)| c)),
            ']' if text[at..].starts_with("](") => while chars.next().is_some_and(|(_, c)| c != ')') {},
            '`' | '*' | '[' | ']' => {}
            _ => out.push(c),
        }
    }
    for (entity, sign) in [("&#64;", "@"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")] {
        out = out.replace(entity, sign);
    }
    // Breaks that keep a forge from making links and mentions.
    clean(&out.replace('\u{200b}', "")).into_owned()
}

/// Lines of at most `width` characters, broken at spaces; a longer word stands alone.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str) -> Vec<String> {
        reading(body, 30).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn marks_links_and_comments_are_gone() {
        let body = "Updates `a` to **2**.\n\n> [!IMPORTANT]\n> Read [this](http://example.com/x).\n<!-- marker -->\n";
        assert_eq!(texts(body), ["Updates a to 2.", "", "! Read this."]);
    }

    #[test]
    fn a_table_stands_in_columns() {
        let body = "| A | Where |\n|---|---|\n| x\\|y | [f:1](u) |\n| long cell | `g` |\n";
        assert_eq!(texts(body), ["A          Where", "x|y        f:1", "long cell  g"]);
    }

    #[test]
    fn long_lines_are_broken_under_their_item() {
        assert_eq!(texts("- one two three four five six seven"), ["• one two three four five six", "  seven"]);
    }
}
