//! An update as a pull request's text. The same update gives the same bytes in every pass: dates, never ages.
//!
//! Everything that a template prints is escaped (see [`super::escape`]); `| safe` is for a template's author alone.
//! A user's template that fails is replaced by the built-in one, and the text says so.

use super::data::{self, Data};
use super::marker::sites_hash;
use super::{BODY_LIMIT, TITLE_LIMIT, TRAILER, Text, code, inline, plain};
use crate::model::{Candidate, Release, Update, Version, Witness};
use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{Environment, Output, UndefinedBehavior};

const TITLE: &str = "chore(deps){% if major %}!{% endif %}: update chart {{ chart }}{% if group %} ({{ group }}){% endif %} to {{ target }}";
const BODY: &str = include_str!("body.md.j2");
/// Instructions that a template may take: a loop of a loop must end.
const FUEL: u64 = 2_000_000;
/// What the marker, and the templates' line of complaint, may take of the body.
const RESERVE: usize = 6_000;
/// Places listed in a commit message.
const MESSAGE_SITES: usize = 50;

/// What is known around an update.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The pass's releases; [`Update::releases`] are indexes into it.
    pub releases: &'a [&'a Release],
    /// The candidates in use now, as far as they are known: for the change of `appVersion`.
    pub in_use: &'a [Candidate],
    /// `https://github.com/acme/fleet/blob/main`: what a path is appended to; nothing: no links.
    pub web: Option<&'a str>,
    /// For each of the releases the cluster that is to have it, and what that says; empty where nothing is known.
    pub witnesses: &'a [Option<&'a Witness>],
    /// Version of the cluster, where it is known.
    pub kube_version: Option<&'a Version>,
    /// Sentences on what Davit could not check.
    pub unchecked: &'a [String],
}

/// How pull requests look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style<'a> {
    /// Template of the title; nothing: built in.
    pub title_template: Option<&'a str>,
    /// Text of the template of the body; nothing: built in.
    pub body_template: Option<&'a str>,
    /// Labels.
    pub labels: &'a [String],
    /// Assignees.
    pub assignees: &'a [String],
    /// Reviewers.
    pub reviewers: &'a [String],
    /// As a draft.
    pub draft: bool,
}

/// Title, body, commit message and what stands beside them.
pub fn render(update: &Update, context: &Context<'_>, style: &Style<'_>) -> Text {
    let data = data::gather(update, context);
    let mut problem = None;
    let title = with_fallback(style.title_template, TITLE, "titleTemplate", &mut problem, |template| {
        let title = fill(template, &data, Plain)?;
        let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
        if title.is_empty() { Err("it gives an empty title".to_owned()) } else { Ok(cut(&title, TITLE_LIMIT)) }
    });
    let body = with_fallback(style.body_template, BODY, "bodyTemplateFile", &mut problem, |template| {
        fill_within(template, &data)
    });
    let commit_message = commit_message(&title, update);
    Text {
        branch: update.branch.clone(),
        title,
        body,
        commit_message,
        labels: style.labels.to_vec(),
        assignees: style.assignees.to_vec(),
        reviewers: style.reviewers.to_vec(),
        draft: style.draft,
        sites_hash: sites_hash(update),
        template_problem: problem,
    }
}

/// What is wrong with the templates' grammar, for `davit check`: one sentence per template.
pub fn check_templates(title: Option<&str>, body: Option<&str>) -> Vec<String> {
    let check = |name: &str, source: Option<&str>| {
        let error = environment(Plain).template_from_str(source?).err()?;
        Some(format!("{name}: {}", sentence(&error)))
    };
    [check("titleTemplate", title), check("bodyTemplateFile", body)].into_iter().flatten().collect()
}

fn with_fallback(
    own: Option<&str>,
    built_in: &str,
    name: &str,
    problem: &mut Option<String>,
    fill: impl Fn(&str) -> Result<String, String>,
) -> String {
    if let Some(own) = own {
        match fill(own) {
            Ok(text) => return text,
            Err(why) => *problem = Some(format!("{name}: {why}; the built-in template is used")),
        }
    }
    fill(built_in).unwrap_or_default()
}

/// The body, with as many rows of the table as fit.
fn fill_within(template: &str, data: &Data) -> Result<String, String> {
    let limit = BODY_LIMIT - RESERVE;
    let mut data = data.clone();
    let all = data.rows.len();
    loop {
        let body = fill(template, &data, Markdown)?;
        let length = body.chars().count();
        if length <= limit {
            return Ok(body.trim().to_owned());
        }
        if data.rows.is_empty() {
            return Ok(cut(&body, limit));
        }
        // Most of the text is rows: keep their share that fits, and at least one less than now.
        let keep = (data.rows.len() * limit / length).min(data.rows.len() - 1);
        data.rows.truncate(keep);
        data.more = all - keep;
    }
}

#[derive(Clone, Copy)]
enum Escape {
    Markdown,
    Plain,
}
use Escape::{Markdown, Plain};

fn fill(template: &str, data: &Data, escape: Escape) -> Result<String, String> {
    environment(escape)
        .template_from_str(template)
        .and_then(|t| t.render(Value::from(Serde(data))))
        .map_err(|error| sentence(&error))
}

fn sentence(error: &minijinja::Error) -> String {
    let place = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(" ({})", plain(detail))).unwrap_or_default();
    format!("{place}{}{detail}", error.kind())
}

fn environment(escape: Escape) -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Lenient);
    env.set_fuel(Some(FUEL));
    env.set_formatter(move |out, _, value| write_escaped(out, value, escape));
    env.add_filter("code", |text: String| Value::from_safe_string(code(&text)));
    env.add_filter("safe", |text: String| Value::from_safe_string(text));
    env.add_filter("join", join_safely(escape));
    env.add_filter("length", |list: Value| list.len());
    env.add_filter("upper", |text: String| text.to_uppercase());
    env.add_filter("lower", |text: String| text.to_lowercase());
    env.add_filter("default", |value: Value, other: Value| if value.is_true() { value } else { other });
    env
}

fn join_safely(escape: Escape) -> impl Fn(Value, String) -> Result<Value, minijinja::Error> {
    move |list, by| {
        let parts: Vec<String> = list.try_iter()?.map(|value| escaped(&value, escape)).collect();
        Ok(Value::from_safe_string(parts.join(&by)))
    }
}

fn write_escaped(out: &mut Output<'_>, value: &Value, escape: Escape) -> Result<(), minijinja::Error> {
    out.write_str(&escaped(value, escape)).map_err(minijinja::Error::from)
}

fn escaped(value: &Value, escape: Escape) -> String {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => String::new(),
        ValueKind::Number | ValueKind::Bool => value.to_string(),
        _ if value.is_safe() => value.to_string(),
        _ => match escape {
            Escape::Markdown => inline(&value.to_string()),
            Escape::Plain => plain(&value.to_string()),
        },
    }
}

/// At most `limit` characters, the last one an ellipsis where something is missing.
fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(limit - 1).collect();
    out.push('…');
    out
}

/// Title, the places, and the trailer that tells our commits from a person's.
fn commit_message(title: &str, update: &Update) -> String {
    let mut lines: Vec<String> = update
        .sites
        .iter()
        .take(MESSAGE_SITES)
        .map(|s| {
            let digest = s.digest.as_ref().map(|digest| format!(" ({})", plain(&digest.to))).unwrap_or_default();
            format!("- {}:{}: {} -> {}{digest}", plain(&s.site.file), s.site.line, plain(&s.from), plain(&s.to))
        })
        .collect();
    if update.sites.len() > MESSAGE_SITES {
        lines.push(format!("- and {} more", update.sites.len() - MESSAGE_SITES));
    }
    format!("{title}\n\n{}\n\n{TRAILER} {}\n", lines.join("\n"), plain(&update.branch))
}

#[cfg(test)]
#[path = "render_tests.rs"]
pub(crate) mod tests;
