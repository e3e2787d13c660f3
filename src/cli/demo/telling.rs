//! How the demo sounds: 80 columns, short steps, real values, colours only where they are wanted.

use crate::cli::render::{self, clean, count};
use crate::demo::Neighbours;
use crate::demo::forge::PullView;
use crate::demo::neighbours::REPOSITORY;
use crate::demo::story::{Scene, Story};
use crate::engine::report::{Deed, DeedKind, Outcome, Report};
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

const WIDTH: usize = 80;
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = colour(AnsiColor::Green);
const BAD: Style = colour(AnsiColor::Red).bold();
const TITLE: Style = colour(AnsiColor::Cyan).bold();

const fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(colour)))
}

/// Turns scenes into text and counts the acts.
pub(super) struct Teller {
    act: usize,
    directory: PathBuf,
}

impl Teller {
    pub(super) fn new(directory: &Path) -> Self {
        Self { act: 0, directory: directory.to_owned() }
    }

    pub(super) fn tell(&mut self, scene: Scene<'_>) -> String {
        match scene {
            Scene::Act(title) => {
                self.act += 1;
                format!("\n{TITLE}{}  {title}{TITLE:#}\n\n", self.act)
            }
            Scene::Stage(neighbours) => self.stage(neighbours),
            Scene::Found(findings) => render::narrow_table(findings, WIDTH) + "\n",
            Scene::Pass(report) => pass(report),
            Scene::Pull(pull, diff) => shown(pull, diff),
            Scene::Event(what) => format!("   {BOLD}→{BOLD:#} {}\n", clean(&what)),
            Scene::Checked(what) => format!("   {GOOD}✓{GOOD:#} {}\n", clean(&what)),
            Scene::Differs(what) => format!("   {BAD}✗ {}{BAD:#}\n", clean(what)),
            Scene::Summary(pulls) => summary(pulls),
        }
    }

    fn stage(&self, neighbours: &Neighbours) -> String {
        let directory = self.directory.display().to_string();
        let git = neighbours.git.display().to_string();
        let rows = [
            ("directory", directory.clone(), "removed at the end"),
            ("Git", git.replacen(&directory, "…", 1), "a bare repository"),
            ("forge", neighbours.forge.url(), "a GitHub that remembers"),
            ("charts", neighbours.charts.url(), "for https://charts.example.com"),
            ("registry", neighbours.registry.url(), "for oci://registry.example.com"),
        ];
        let mut out = String::new();
        for (name, place, what) in rows {
            let _ = writeln!(out, "   {name:<10} {place:<26} {DIM}{what}{DIM:#}");
        }
        out + "\n"
    }
}

fn pass(report: &Report) -> String {
    let took = report.finished.duration_since(report.started).as_millis();
    let mut out = String::new();
    for deed in &report.deeds {
        out += &told(deed);
    }
    if let Some(problem) = &report.error {
        let _ = writeln!(out, "   {BAD}✗ {}{BAD:#}", clean(&problem.message));
    }
    let _ = writeln!(out, "   {DIM}{} in {took} ms{DIM:#}", count(report.findings.rows.len(), "release"));
    out
}

fn told(deed: &Deed) -> String {
    let (style, mark) = match (deed.outcome, deed.kind) {
        (Outcome::Failed, _) => (BAD, "✗"),
        (Outcome::Held, _) => (DIM, "·"),
        (Outcome::Done, DeedKind::Open) => (GOOD, "+"),
        (Outcome::Done, DeedKind::Close | DeedKind::DeleteBranch) => (DIM, "-"),
        (Outcome::Done, _) => (GOOD, "~"),
    };
    // What was opened names itself by its number; all else is about a branch.
    let text = match (deed.outcome, deed.kind) {
        (Outcome::Done, DeedKind::Open) => deed.message.clone(),
        _ => format!("{}: {}", deed.branch, deed.message),
    };
    let mut out = String::new();
    for (index, line) in render::wrapped(&clean(&text), WIDTH - 5).into_iter().enumerate() {
        let mark = if index == 0 { mark } else { " " };
        let _ = writeln!(out, "   {style}{mark}{style:#} {line}");
    }
    out
}

/// One pull request: title, body and diff.
fn shown(pull: &PullView, diff: &str) -> String {
    let rule = "─".repeat(WIDTH - 6);
    let mut out = format!("   {DIM}┌{rule}{DIM:#}\n");
    let mut line = |style: Style, text: &str| {
        let _ = writeln!(out, "   {DIM}│{DIM:#} {style}{text}{style:#}");
    };
    line(BOLD, &format!("#{} {}", pull.number, clean(&pull.title)));
    line(DIM, &format!("{} · {}", clean(&pull.author), clean(&pull.url)));
    line(DIM, "");
    for (style, text) in render::reading(&pull.body, WIDTH - 5) {
        line(style, &text);
    }
    line(DIM, "");
    for text in diff.lines() {
        let style = match text.as_bytes() {
            [b'-', b'-', ..] | [b'+', b'+', ..] => BOLD,
            [b'@', ..] => TITLE,
            [b'+', ..] => GOOD,
            [b'-', ..] => colour(AnsiColor::Red),
            _ => Style::new(),
        };
        line(style, &clean(text));
    }
    out + &format!("   {DIM}└{rule}{DIM:#}\n")
}

fn summary(pulls: &[PullView]) -> String {
    let mut out = String::new();
    for pull in pulls {
        let (style, state) = match (pull.merged, pull.open) {
            (true, _) => (TITLE, "merged"),
            (_, true) => (GOOD, "open"),
            _ => (colour(AnsiColor::Red), "closed"),
        };
        let _ = writeln!(out, "   #{:<3} {style}{state:<7}{style:#} {}", pull.number, clean(&pull.title));
    }
    out + "\n"
}

pub(super) fn greeting() -> String {
    format!(
        "{BOLD}Davit raises Helm chart versions in Flux repositories by pull request.{BOLD:#}\n\
         Here is the whole product on this machine: nothing leaves it, nothing stays.\n"
    )
}

pub(super) fn verdict(differences: &[String], took: Duration) -> String {
    let took = format!("{:.1} s", took.as_secs_f64());
    if differences.is_empty() {
        return format!("\n{GOOD}All is as it should be{GOOD:#} {DIM}({took}).{DIM:#}\n");
    }
    let mut out = format!("\n{BAD}{} not as it should be:{BAD:#}\n", count(differences.len(), "thing"));
    for difference in differences {
        let _ = writeln!(out, "   {BAD}✗{BAD:#} {}", clean(difference));
    }
    out
}

/// Where to go from here.
pub(super) const NEXT: &str = "\nNext: `davit scan` in a repository of your own reads it and writes nothing.\n";

/// What a person can do now.
pub(super) fn invitation(story: &Story, address: Option<SocketAddr>, usual: bool) -> String {
    let Some(address) = address else { return String::new() };
    let mut out = String::new();
    if usual && address != super::LISTEN {
        let _ = writeln!(out, "\nPort {} is taken; the status page took a free one.", super::LISTEN.port());
    }
    let _ = writeln!(out, "\n{BOLD}Status page: http://{address}/{BOLD:#} — Ctrl-C ends");
    if let Some(pull) = story.pulls().iter().find(|pull| pull.open) {
        let _ = writeln!(
            out,
            "\nDavit looks every {} s. Merge one and watch it:\n   {DIM}curl -X PUT -H 'Authorization: Bearer {}' \\\n     \
             {}/repos/{REPOSITORY}/pulls/{}/merge{DIM:#}\n{NEXT}",
            super::INTERVAL.as_secs(),
            crate::demo::story::CASEY_TOKEN,
            story.neighbours.forge.url(),
            pull.number,
        );
    }
    out
}

/// A pass while serving: said only where it did something.
pub(super) fn news(report: &Report) -> String {
    let mut out = String::new();
    for deed in report.deeds.iter().filter(|deed| deed.outcome != Outcome::Held) {
        out += &told(deed);
    }
    if let Some(problem) = &report.error {
        let _ = writeln!(out, "   {BAD}✗ {}{BAD:#}", clean(&problem.message));
    }
    out
}
