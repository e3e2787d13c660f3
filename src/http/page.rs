//! The status page: server-rendered, no script, readable on a phone. `/` shows every repository; a repository's own page
//! shows all of its releases.

use super::Surfaces;
use crate::engine::board::Entry;
use crate::engine::report::Row;
use crate::model::Status;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use minijinja::{Environment, context};
use serde::Serialize;
use std::sync::Arc;
use std::sync::LazyLock;

/// Rows of one repository on `/`; its own page shows the rest.
const ROWS_ON_INDEX: usize = 200;

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    for (name, source) in
        [("page.html", include_str!("page/page.html")), ("repository.html", include_str!("page/repository.html"))]
    {
        if let Err(error) = templates.add_template(name, source) {
            tracing::error!(%error, "a built-in template is broken");
        }
    }
    templates
});

/// One repository as the template reads it.
#[derive(Serialize)]
struct Card {
    name: String,
    url: String,
    link: bool,
    revision: Option<String>,
    running: bool,
    state: &'static str,
    last: Option<String>,
    next: Option<String>,
    error: Option<String>,
    counts: Vec<(&'static str, usize)>,
    pulls: Vec<crate::engine::report::Pull>,
    deeds: Vec<crate::engine::report::Deed>,
    rows: Vec<Line>,
    hidden: usize,
    problems: Vec<String>,
}

/// One release as the template reads it.
#[derive(Serialize)]
struct Line {
    release: String,
    cluster: Option<String>,
    place: String,
    chart: String,
    current: String,
    target: String,
    status: &'static str,
    reason: &'static str,
    message: String,
}

pub(super) async fn index(State(s): State<Surfaces>) -> Response {
    let now = (s.now)();
    let cards: Vec<Card> =
        s.board.entries().iter().map(|(name, entry)| card(name, entry, now, ROWS_ON_INDEX)).collect();
    render(&cards, now, true)
}

pub(super) async fn repository(State(s): State<Surfaces>, Path(name): Path<String>) -> Response {
    let now = (s.now)();
    match s.board.entry(&name) {
        Some(entry) => render(&[card(&name, &entry, now, usize::MAX)], now, false),
        None => (StatusCode::NOT_FOUND, "no repository of that name").into_response(),
    }
}

fn render(cards: &[Card], now: Timestamp, index: bool) -> Response {
    let cards = minijinja::Value::from(minijinja::value::Serde(cards));
    let context = context! { cards, index, now => at(now), version => env!("CARGO_PKG_VERSION") };
    match TEMPLATES.get_template("page.html").and_then(|template| template.render(context)) {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "the status page can't be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "the status page can't be rendered; see the log").into_response()
        }
    }
}

fn card(name: &str, entry: &Entry, now: Timestamp, most: usize) -> Card {
    let report = entry.last.as_deref();
    let findings = report.map(|r| &r.findings);
    let mut rows: Vec<&Row> = findings.map(|f| f.rows.iter().map(Arc::as_ref).collect()).unwrap_or_default();
    rows.sort_by_key(|row| Status::ALL.iter().position(|s| *s == row.status()));
    let hidden = rows.len().saturating_sub(most);
    Card {
        name: name.to_owned(),
        url: entry.url.clone(),
        link: entry.url.starts_with("https://"),
        revision: findings.and_then(|f| f.revision.as_deref()).map(|r| r.chars().take(12).collect()),
        running: entry.running.is_some(),
        state: match report {
            None => "waiting",
            Some(report) if report.failed() => "failed",
            Some(_) if !entry.fresh(now) => "stale",
            Some(_) => "ok",
        },
        last: report.map(|r| at(r.finished)),
        next: entry.next.map(at),
        error: report.and_then(|r| r.error.as_ref()).map(|p| p.message.clone()),
        counts: Status::ALL
            .iter()
            .map(|s| (s.code(), findings.map_or(0, |f| f.count(*s))))
            .filter(|(_, n)| *n > 0)
            .collect(),
        pulls: report.map(|r| r.pulls.clone()).unwrap_or_default(),
        deeds: report.map(|r| r.deeds.clone()).unwrap_or_default(),
        rows: rows.into_iter().take(most).map(line).collect(),
        hidden,
        problems: findings.map(|f| f.problems.iter().map(problem).collect()).unwrap_or_default(),
    }
}

fn line(row: &Row) -> Line {
    let release = &row.release;
    let (file, number) = release.site.as_ref().map_or((&release.file, release.line), |s| (&s.file, s.line));
    let target = row.target.clone().filter(|t| Some(t) != release.current.as_ref());
    Line {
        release: release.id().to_string(),
        cluster: row.cluster().map(str::to_owned),
        place: format!("{file}:{number}"),
        chart: release.chart.clone().unwrap_or_default(),
        current: release.current.clone().unwrap_or_default(),
        target: target
            .or_else(|| row.latest.clone().filter(|l| Some(l) != release.current.as_ref()))
            .unwrap_or_default(),
        status: row.status().code(),
        reason: row.reason.code(),
        message: row.told().into_owned(),
    }
}

fn problem(finding: &crate::engine::report::Finding) -> String {
    match (&finding.file, finding.line) {
        (Some(file), Some(line)) => format!("{file}:{line}: {}", finding.problem.message),
        (Some(file), None) => format!("{file}: {}", finding.problem.message),
        _ => finding.problem.message.clone(),
    }
}

/// To the second, in UTC: a page that is read on two continents says one time.
fn at(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
