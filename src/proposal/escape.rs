//! Text that comes from a chart, a registry or a manifest, made harmless for GitHub's Markdown, titles and commit
//! messages: no markup, no HTML, no comment, no mention, no reference that links or closes an issue.

/// Longest value, in characters.
const VALUE_LIMIT: usize = 200;
/// Zero width space: invisible, and it ends a mention or a reference before it begins.
const BREAK: char = '\u{200b}';

/// For Markdown, within a line or a table cell.
pub fn inline(text: &str) -> String {
    let text = plain(text);
    let mut out = String::with_capacity(text.len() + 8);
    for (index, c) in text.chars().enumerate() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            // Heading, list, rule: only at a line's start.
            '-' | '+' | '=' if index == 0 => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// As a code span, within a line or a table cell.
pub fn code(text: &str) -> String {
    let text = one_line(text).replace("<!--", "<!\u{200b}--").replace('|', "\\|");
    if text.trim().is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// For a title or a commit message: one line without control characters, mentions, references and links.
pub fn plain(text: &str) -> String {
    let text = one_line(text);
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        out.push(c);
        let (before, after) = lower.split_at(at + c.len_utf8());
        let url = c == ':' && after.starts_with("//");
        let issue = before.ends_with("gh") && after.starts_with('-');
        if matches!(c, '@' | '#') || url || issue || before.ends_with("www.") {
            out.push(BREAK);
        }
    }
    out
}

/// One line of bounded length, without control, direction-changing and invisible characters.
fn one_line(text: &str) -> String {
    let mut out = String::new();
    let mut length = 0;
    for c in text.chars() {
        let c = if c.is_whitespace() { ' ' } else { c };
        if invisible(c) || (c == ' ' && out.ends_with(' ')) {
            continue;
        }
        if length == VALUE_LIMIT {
            out.push('…');
            break;
        }
        out.push(c);
        length += 1;
    }
    out
}

fn invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::{code, inline, plain};

    #[test]
    fn markup_becomes_text() {
        assert_eq!(
            inline("**a** _b_ [c](http://x) `d` | ~e~"),
            "\\*\\*a\\*\\* \\_b\\_ \\[c\\](http:\u{200b}//x) \\`d\\` \\| \\~e\\~"
        );
        assert_eq!(inline("<!-- x --><img src=x>&amp;"), "&lt;!-- x --&gt;&lt;img src=x&gt;&amp;amp;");
        assert_eq!(inline("- item"), "\\- item");
    }

    #[test]
    fn nobody_is_mentioned_and_no_issue_is_closed() {
        assert_eq!(plain("Fixes #12 and GH-12, cc @team"), "Fixes #\u{200b}12 and GH\u{200b}-12, cc @\u{200b}team");
        assert_eq!(plain("closes https://github.com/a/b/issues/1"), "closes https:\u{200b}//github.com/a/b/issues/1");
        assert_eq!(inline("a/b#1"), "a/b#\u{200b}1");
        assert_eq!(plain("see www.example.com"), "see www.\u{200b}example.com");
    }

    #[test]
    fn a_value_is_one_line_without_hidden_characters() {
        assert_eq!(plain("a\r\n\n# b\0\u{202e}c"), "a #\u{200b} bc");
        assert_eq!(plain(&"x".repeat(5000)).chars().count(), 201);
    }

    #[test]
    fn a_code_span_cannot_be_left() {
        assert_eq!(code("5.1.0"), "`5.1.0`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`x`"), "`` `x` ``");
        assert_eq!(code("a|b\n<!-- davit:{} -->"), "`a\\|b <!\u{200b}-- davit:{} -->`");
        assert_eq!(code(" \n"), "");
    }
}
