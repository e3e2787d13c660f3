//! `/metrics` in OpenMetrics: computed from the board at each scrape, so a number can't disagree with the report it
//! comes from. Labels are repository names from the configuration and closed lists, never error text.

use super::Surfaces;
use crate::engine::board::{Board, Entry, PASS_BUCKETS};
use crate::engine::report::Report;
use crate::model::{LiveState, Status};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels<'a> = Vec<(&'static str, &'a str)>;

pub(super) async fn metrics(State(s): State<Surfaces>) -> Response {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { board: s.board.clone() }));
    let mut body = String::new();
    if encode(&mut body, &registry).is_err() {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written").into_response();
    }
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response()
}

#[derive(Debug)]
struct Scrape {
    board: Arc<Board>,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let entries = self.board.entries();
        build(&mut encoder)?;
        store(&mut encoder, &self.board)?;
        passes(&mut encoder, &entries)?;
        releases(&mut encoder, &entries)?;
        deeds(&mut encoder, &entries)?;
        let webhooks = [
            (vec![("result", "accepted")], self.board.webhooks.0.load(Ordering::Relaxed)),
            (vec![("result", "refused")], self.board.webhooks.1.load(Ordering::Relaxed)),
        ];
        counters(&mut encoder, "davit_webhooks", "Webhook calls since the start.", &webhooks)
    }
}

fn build(encoder: &mut DescriptorEncoder) -> Result<(), Error> {
    let version: Labels = vec![("version", env!("CARGO_PKG_VERSION"))];
    gauges(encoder, "davit_build", "The version that runs; always 1.", &[(version, 1.0)])
}

fn store(encoder: &mut DescriptorEncoder, board: &Board) -> Result<(), Error> {
    let writable = f64::from(u8::from(board.store_problem().is_none()));
    let help = "1 while the store can be written, at the last check.";
    encoder.encode_descriptor("davit_store_writable", help, None, MetricType::Gauge)?.encode_gauge(&writable)
}

fn passes(encoder: &mut DescriptorEncoder, entries: &[(String, Entry)]) -> Result<(), Error> {
    let mut results = Vec::new();
    let mut finished = Vec::new();
    let mut succeeded = Vec::new();
    let mut running = Vec::new();
    for (name, entry) in entries {
        results.push((vec![("repository", name.as_str()), ("result", "ok")], entry.passes.0));
        results.push((vec![("repository", name.as_str()), ("result", "failed")], entry.passes.1));
        let own = || vec![("repository", name.as_str())];
        running.push((own(), f64::from(u8::from(entry.running.is_some()))));
        finished.push((own(), entry.last.as_ref().map_or(0.0, |r| seconds(r.finished))));
        succeeded.push((own(), entry.last_success.map_or(0.0, seconds)));
    }
    counters(encoder, "davit_passes", "Finished passes since the start.", &results)?;
    gauges(encoder, "davit_pass_running", "1 while a pass is under way.", &running)?;
    gauges(
        encoder,
        "davit_pass_last_finished_timestamp_seconds",
        "End of the last pass, 0 before the first.",
        &finished,
    )?;
    gauges(
        encoder,
        "davit_pass_last_success_timestamp_seconds",
        "End of the last pass without an error since the start, 0 before the first.",
        &succeeded,
    )?;
    let mut family = encoder.encode_descriptor(
        "davit_pass_duration_seconds",
        "How long passes take.",
        None,
        MetricType::Histogram,
    )?;
    for (name, entry) in entries {
        let mut buckets: Vec<(f64, u64)> = PASS_BUCKETS.iter().copied().zip(entry.durations).collect();
        buckets.push((f64::INFINITY, entry.durations[PASS_BUCKETS.len()]));
        let labels: Labels = vec![("repository", name)];
        let count = entry.durations.iter().sum();
        family.encode_family(&labels)?.encode_histogram::<Labels>(entry.duration_sum, count, &buckets, None)?;
    }
    Ok(())
}

fn releases(encoder: &mut DescriptorEncoder, entries: &[(String, Entry)]) -> Result<(), Error> {
    let mut statuses = Vec::new();
    let mut reasons = Vec::new();
    let mut pulls = Vec::new();
    let mut problems = Vec::new();
    let mut clusters = Vec::new();
    let mut live = Vec::new();
    for (name, entry) in entries {
        let Some(report) = &entry.last else { continue };
        if let Some(read) = report.findings.cluster_read {
            clusters.push((vec![("repository", name.as_str())], f64::from(u8::from(read))));
            live.extend(LiveState::ALL.map(|state| {
                let labels = vec![("repository", name.as_str()), ("state", state.code())];
                (labels, number(entry.tally.live.get(&state).copied().unwrap_or_default()))
            }));
        }
        for status in Status::ALL {
            let labels = vec![("repository", name.as_str()), ("status", status.code())];
            statuses.push((labels, number(entry.tally.count(status))));
        }
        for (reason, count) in &entry.tally.reasons {
            reasons.push((vec![("repository", name.as_str()), ("reason", reason.code())], number(*count)));
        }
        pulls.push((vec![("repository", name.as_str())], number(report.pulls.len())));
        problems.push((vec![("repository", name.as_str())], number(trouble(report))));
    }
    gauges(encoder, "davit_releases", "Releases by status, at the last pass.", &statuses)?;
    gauges(encoder, "davit_release_reasons", "Releases by reason, at the last pass.", &reasons)?;
    gauges(encoder, "davit_cluster_readable", "1 if the last pass could read the cluster.", &clusters)?;
    gauges(encoder, "davit_live_releases", "Releases by their state in the cluster, at the last pass.", &live)?;
    gauges(encoder, "davit_open_pull_requests", "Our open pull requests after the last pass.", &pulls)?;
    gauges(encoder, "davit_problems", "What the last pass found wrong beside the releases.", &problems)
}

fn trouble(report: &Report) -> usize {
    report.findings.problems.len() + usize::from(report.error.is_some())
}

fn deeds(encoder: &mut DescriptorEncoder, entries: &[(String, Entry)]) -> Result<(), Error> {
    let mut rows = Vec::new();
    for (name, entry) in entries {
        for ((kind, outcome), n) in &entry.deeds {
            let labels = vec![("repository", name.as_str()), ("action", kind.code()), ("outcome", *outcome)];
            rows.push((labels, *n));
        }
    }
    counters(encoder, "davit_actions", "Actions on pull requests and branches since the start.", &rows)
}

fn counters(e: &mut DescriptorEncoder, name: &str, help: &str, rows: &[(Labels, u64)]) -> Result<(), Error> {
    let mut family = e.encode_descriptor(name, help, None, MetricType::Counter)?;
    each(&mut family, rows, |metric, value| metric.encode_counter::<Labels, _, f64>(value, None))
}

fn gauges(e: &mut DescriptorEncoder, name: &str, help: &str, rows: &[(Labels, f64)]) -> Result<(), Error> {
    let mut family = e.encode_descriptor(name, help, None, MetricType::Gauge)?;
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method alone is not general over lifetimes")]
    each(&mut family, rows, |metric, value| metric.encode_gauge(value))
}

fn each<T>(
    family: &mut MetricEncoder,
    rows: &[(Labels, T)],
    mut write: impl FnMut(&mut MetricEncoder, &T) -> Result<(), Error>,
) -> Result<(), Error> {
    for (labels, value) in rows {
        write(&mut family.encode_family(labels)?, value)?;
    }
    Ok(())
}

fn seconds(time: jiff::Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

/// Counts fit an f64 exactly far beyond what a repository holds.
fn number(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}
