//! `davit explain`: how one release resolves, in the order in which it was found out.

use super::environment::configuration;
use super::exit::Exit;
use super::options::{Explain, ExplainFormat, Options};
use super::render::clean;
use super::{logging, print, say, target};
use crate::config::Purpose;
use crate::engine::json;
use crate::engine::report::Row;
use crate::model::{Bump, Note};
use std::fmt::Write as _;

pub(super) async fn run(options: &Options, command: &Explain) -> Exit {
    logging::quiet(options);
    let mut config = match configuration(options, Purpose::Local) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let found = match target::find(&mut config, &command.target).await {
        Ok(found) => found.look.findings.clone(),
        Err(exit) => return exit,
    };
    let (namespace, name) = match command.release.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, command.release.as_str()),
    };
    let rows: Vec<&Row> = found
        .rows
        .iter()
        .filter(|row| row.release.name == name && namespace.is_none_or(|n| row.release.namespace == n))
        .collect();
    if rows.is_empty() {
        say(&format!("no release is called {}", command.release));
        return Exit::NoResult;
    }
    let text = match command.format {
        ExplainFormat::Text => rows.iter().map(|row| explain(row)).collect::<Vec<_>>().join("\n"),
        ExplainFormat::Json => match serde_json::to_string_pretty(&json::explain(&rows)) {
            Ok(text) => text + "\n",
            Err(_) => return Exit::NoResult,
        },
    };
    if print(&text) { Exit::Done } else { Exit::NoResult }
}

fn explain(row: &Row) -> String {
    let release = &row.release;
    let mut out = String::new();
    let mut line = |head: &str, text: &str| {
        let _ = writeln!(out, "{head:<10} {}", clean(text));
    };
    line("release", &format!("{} ({}:{})", release.id(), release.file, release.line));
    match (&release.kustomization, &release.cluster) {
        (Some(kustomization), Some(cluster)) => {
            line("built by", &format!("Kustomization {kustomization} of {cluster}"));
        }
        (Some(kustomization), None) => line("built by", &format!("Kustomization {kustomization}")),
        _ => line("built by", "no Flux Kustomization in this repository"),
    }
    if let Some(chart) = &release.chart {
        line("chart", chart);
    }
    if let Some(source) = &release.source {
        let url = source.url.as_deref().unwrap_or("no URL in Git");
        line("source", &format!("{} {}/{}: {url}", source.kind.as_str(), source.namespace, source.name));
    }
    match (&release.site, &release.current) {
        (Some(site), Some(current)) => {
            line("version", &format!("{current}, at {}:{}:{} ({})", site.file, site.line, site.column, site.path));
        }
        (None, Some(current)) => line("version", &format!("{current}, nowhere that can be edited")),
        _ => line("version", "none"),
    }
    if let Some(latest) = &row.latest {
        line("latest", latest);
    }
    if row.bump != Bump::None {
        line("target", &format!("{} ({} step)", row.target.as_deref().unwrap_or("-"), row.bump));
    }
    line("verdict", &format!("{}, {}: {}", row.status().code(), row.reason, row.message));
    for note in &release.notes {
        line("note", note_text(note));
    }
    for dropped in &row.dropped {
        line("dropped", &format!("{}: {}: {}", dropped.text, dropped.reason, dropped.message));
    }
    out
}

fn note_text(note: &Note) -> &str {
    match note {
        Note::SharedAnchor(text)
        | Note::RenovateHint(text)
        | Note::SignatureUnchecked(text)
        | Note::AssumedSource(text)
        | Note::Other(text) => text,
    }
}
