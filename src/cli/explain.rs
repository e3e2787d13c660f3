//! `davit explain`: how one release resolves, in the order in which it was found out.

use super::environment::configuration;
use super::exit::Exit;
use super::options::{Explain, ExplainFormat, Options};
use super::render::{self, clean};
use super::{logging, print, print_json, say, target};
use crate::config::Purpose;
use crate::engine::inside::{self, Changes};
use crate::engine::report::{Findings, Row};
use crate::engine::{json, local};
use crate::model::{Bump, Live, Note, Status, flux_limits};
use crate::policy::Policy;
use anstyle::Style;
use std::fmt::Write as _;
use std::sync::Arc;

pub(super) async fn run(options: &Options, command: &Explain) -> Exit {
    logging::quiet(options);
    let mut config = match configuration(options, Purpose::Local) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let (found, registry) = match target::find(&mut config, &command.target).await {
        Ok(found) => (found.look, found.registry),
        Err(exit) => return exit,
    };
    let (namespace, name) = match command.release.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, command.release.as_str()),
    };
    let all =
        found.findings.rows.iter().map(Arc::as_ref).zip(found.effective.iter().map(|effective| &effective.policy));
    let rows: Vec<(&Row, &Policy)> = all
        .filter(|(row, _)| row.release.name == name && namespace.is_none_or(|n| row.release.namespace == n))
        .collect();
    if rows.is_empty() {
        let near = local::near(&found, &command.release);
        say(&clean(&format!("no release is called {}{near}", command.release)));
        return Exit::NoResult;
    }
    let mut explained = Vec::new();
    for (row, policy) in rows {
        let cluster = found.kube.for_release(&row.release);
        explained.push((row, policy, inside::changes(&registry, &found, row, cluster).await));
    }
    let printed = match command.format {
        ExplainFormat::Text => {
            let text = |(row, policy, changes): &(&Row, &Policy, Option<Changes>)| {
                explain(&found.findings, row, policy, changes.as_ref())
            };
            print(&explained.iter().map(text).collect::<Vec<_>>().join("\n"))
        }
        ExplainFormat::Json => print_json(&json::explain(&found.findings, explained)),
    };
    if printed { Exit::Done } else { Exit::NoResult }
}

fn explain(findings: &Findings, row: &Row, policy: &Policy, changes: Option<&Changes>) -> String {
    let release = &row.release;
    let mut out = String::new();
    let (bold, colour) = (Style::new().bold(), render::status_style(row.status()));
    let mut line = |head: &str, text: &str| {
        let style = if head == "verdict" { colour } else { Style::new() };
        let _ = writeln!(out, "{bold}{head:<10}{bold:#} {style}{}{style:#}", clean(text));
    };
    line("release", &format!("{} ({}:{})", release.id(), release.file, release.line));
    match (&release.kustomization, row.cluster()) {
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
        let named =
            if source.name.is_empty() { String::new() } else { format!(" {}/{}", source.namespace, source.name) };
        line("source", &format!("{}{named}: {url}", source.kind.as_str()));
    }
    match (&release.site, &release.current) {
        (Some(site), Some(current)) => {
            line(
                "version",
                &format!("{current}, at {}:{}:{} ({})", site.file, site.line, site.column, site.shown_path()),
            );
        }
        (None, Some(current)) => line("version", &format!("{current}, nowhere that can be edited")),
        _ => line("version", "none"),
    }
    let touched = findings.touched(release);
    if touched.len() > 1 {
        line("touches", &format!("clusters {}: they read the same bytes", touched.join(", ")));
    }
    for step in &release.chain {
        line("", &format!("{}, by {}:{}: {}", step.field, step.file, step.line, step.what));
    }
    if let Some(live) = row.live() {
        line("cluster", &live_words(live));
        for suspended in &live.suspended {
            line("", &format!("{suspended} is suspended there: a merge does nothing until it resumes"));
        }
    }
    line("policy", &policy_words(policy));
    if let Some(latest) = &row.latest {
        line("latest", latest);
    }
    if row.bump != Bump::None {
        line("target", &format!("{} ({} step)", row.target.as_deref().unwrap_or("-"), row.bump));
    }
    for (number, text) in changes.map(inside_words).unwrap_or_default().iter().enumerate() {
        line(if number == 0 { "inside" } else { "" }, text);
    }
    line("verdict", &format!("{}, {}: {}", row.status().code(), row.reason, row.message));
    if !matches!(row.status(), Status::Current) {
        line("next", row.reason.remedy());
    }
    for note in &release.notes {
        line("note", note_text(note));
    }
    for dropped in &row.dropped {
        line("dropped", &format!("{}: {}: {}", dropped.text, dropped.reason, dropped.message));
    }
    if row.dropped_more > 0 {
        line("dropped", &format!("and {} more", row.dropped_more));
    }
    out
}

/// What the cluster says: the state, what runs, what was tried last, and whether it is ready (Flux rules 8 and 22).
fn live_words(live: &Live) -> String {
    let mut words = vec![format!("{}: {}", live.state.code(), live.message)];
    words.extend(live.attempted.as_ref().map(|attempted| format!("attempted {attempted}")));
    let ready = live.ready.map(|ready| if ready { "Ready" } else { "not Ready" });
    let reason = live.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    words.extend(ready.map(|ready| format!("{ready}{reason}")));
    words.join("; ")
}

/// What changes inside the chart, one line each.
fn inside_words(changes: &Changes) -> Vec<String> {
    let mut words = Vec::new();
    match (&changes.app_version_from, &changes.app_version_to) {
        (Some(from), Some(to)) if from != to => words.push(format!("app version {from} → {to}")),
        (_, Some(to)) => words.push(format!("app version {to}")),
        _ => {}
    }
    if let Some(wanted) = &changes.kube_version {
        words.push(match &changes.cluster_version {
            Some(cluster) => format!("needs Kubernetes {wanted}; the cluster has {cluster}"),
            None => format!("needs Kubernetes {wanted}; not checked: cluster.kubeVersion is not set"),
        });
    }
    if changes.archive_bytes_to > flux_limits::CHART {
        let before = changes.archive_bytes_from.map(flux_limits::mebibytes);
        let before = before.map_or_else(String::new, |size| format!("{size} → "));
        words.push(format!("archive {before}{}", flux_limits::mebibytes(changes.archive_bytes_to)));
    }
    if changes.deprecated {
        words.push("marked deprecated by its author".to_owned());
    }
    for dependency in &changes.dependencies {
        words.push(match (&dependency.from, &dependency.to) {
            (Some(from), Some(to)) => format!("dependency {} {from} → {to}", dependency.name),
            (None, Some(to)) => format!("dependency {} {to} is new", dependency.name),
            (from, None) => format!("dependency {} {} is gone", dependency.name, from.as_deref().unwrap_or_default()),
        });
    }
    for crd in &changes.crds {
        let kept = if crd.applied { "" } else { "; the upgrade leaves the cluster's as they are (spec.upgrade.crds)" };
        words.push(format!("{} {}{kept}", crd.path, crd.change.code()));
    }
    if let Some(why) = &changes.unknown {
        words.push(format!("what differs from the version in use is not known: {why}"));
    }
    words
}

/// What holds versions back; what is as it is by default is not said.
fn policy_words(policy: &Policy) -> String {
    let mut words = vec![format!("steps up to {}", policy.bump)];
    words.extend(policy.range.as_ref().map(|range| format!("range {range}")));
    if policy.prereleases {
        words.push("pre-releases too".to_owned());
    }
    if !policy.minimum_age.is_zero() {
        words.push(format!("at least {} old", age(policy.minimum_age)));
    }
    if !policy.ignore.is_empty() {
        let ignored: Vec<&str> = policy.ignore.iter().map(crate::policy::Ignore::text).collect();
        words.push(format!("ignoring {}", ignored.join(", ")));
    }
    if !policy.group.is_empty() {
        words.push(format!("group {}", policy.group));
    }
    if policy.separate_majors {
        words.push("majors apart".to_owned());
    }
    words.join("; ")
}

/// In the largest unit that divides it: `7d`, `36h`, `90s`.
fn age(time: std::time::Duration) -> String {
    let seconds = time.as_secs();
    let (unit, length) = [("d", 86_400), ("h", 3_600), ("m", 60)]
        .into_iter()
        .find(|(_, l)| seconds.is_multiple_of(*l))
        .unwrap_or(("s", 1));
    format!("{}{unit}", seconds / length)
}

fn note_text(note: &Note) -> &str {
    match note {
        Note::SharedAnchor(text)
        | Note::RenovateHint(text)
        | Note::SignatureUnchecked(text)
        | Note::AssumedSource(text)
        | Note::LargeArchive(text)
        | Note::LargeIndex(text)
        | Note::Other(text) => text,
    }
}
