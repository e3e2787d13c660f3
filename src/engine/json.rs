//! `scan --format json` and `/api/v1`: a contract that others script against (product.md). New fields may come without
//! a new `version`; none is renamed or removed.

use super::inside::Changes;
use super::report::{Finding, Findings, Row};
use crate::model::{Bump, Live, LiveState, NsName, Site, Status, Step, Update};
use crate::policy::Policy;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// The whole answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Scan {
    version: u32,
    repository: String,
    revision: Option<String>,
    releases: Vec<ReleaseRow>,
    updates: Vec<UpdateRow>,
    problems: Vec<ProblemRow>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ReleaseRow {
    namespace: String,
    name: String,
    kind: &'static str,
    kustomization: Option<String>,
    cluster: Option<String>,
    file: String,
    line: u32,
    chart: Option<String>,
    source: Option<SourceRow>,
    site: Option<SiteRow>,
    current: Option<String>,
    latest: Option<String>,
    target: Option<String>,
    bump: Bump,
    status: Status,
    reason: &'static str,
    message: String,
    notes: Vec<crate::model::Note>,
    live: Option<LiveRow>,
}

/// What the cluster says; null without access to it, and for rows of another cluster.
#[derive(Debug, Serialize, JsonSchema)]
struct LiveRow {
    state: LiveState,
    attempted: Option<String>,
    running: Option<String>,
    ready: Option<bool>,
    reason: Option<String>,
    differs: bool,
    suspended: Vec<String>,
    message: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SourceRow {
    kind: &'static str,
    namespace: String,
    name: String,
    url: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SiteRow {
    file: String,
    line: u32,
    column: u32,
    path: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct UpdateRow {
    key: String,
    chart: String,
    url: String,
    to: String,
    major: u64,
    branch: String,
    bump: Bump,
    sites: Vec<UpdateSiteRow>,
    releases: Vec<String>,
    clusters: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct UpdateSiteRow {
    file: String,
    line: u32,
    column: u32,
    path: String,
    from: String,
    to: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ProblemRow {
    file: Option<String>,
    line: Option<u32>,
    reason: &'static str,
    message: String,
}

/// The contract's JSON for what a look found.
pub fn scan(findings: &Findings) -> Scan {
    Scan {
        version: 1,
        repository: findings.repository.clone(),
        revision: findings.revision.clone(),
        releases: findings.rows.iter().map(|row| release(row)).collect(),
        updates: findings.updates.iter().map(|u| update(u, &findings.rows)).collect(),
        problems: findings.problems.iter().map(problem).collect(),
    }
}

/// One release's row of the contract, for `explain` and `/api/v1`.
fn release(row: &Row) -> ReleaseRow {
    let release = &row.release;
    ReleaseRow {
        namespace: release.namespace.clone(),
        name: release.name.clone(),
        kind: release.kind.as_str(),
        kustomization: release.kustomization.as_deref().map(NsName::to_string),
        cluster: row.cluster().map(str::to_owned),
        file: release.file.to_string(),
        line: release.line,
        chart: release.chart.clone(),
        source: release.source.as_ref().map(|s| SourceRow {
            kind: s.kind.as_str(),
            namespace: s.namespace.clone(),
            name: s.name.clone(),
            url: s.url.clone(),
        }),
        site: release.site.as_ref().map(site),
        current: release.current.clone(),
        latest: row.latest.clone(),
        target: row.target.clone(),
        bump: row.bump,
        status: row.status(),
        reason: row.reason.code(),
        message: row.message.clone(),
        notes: release.notes.clone(),
        live: row.live().map(live),
    }
}

fn live(live: &Live) -> LiveRow {
    LiveRow {
        state: live.state,
        attempted: live.attempted.clone(),
        running: live.running.clone(),
        ready: live.ready,
        reason: live.reason.clone(),
        differs: live.differs,
        suspended: live.suspended.clone(),
        message: live.message.clone(),
    }
}

fn site(site: &Site) -> SiteRow {
    SiteRow { file: site.file.to_string(), line: site.line, column: site.column, path: site.shown_path().into_owned() }
}

/// The URL of the chart's source as Git has it: the first consumer's. The key holds the canonical one.
fn original_url(update: &Update, rows: &[Arc<Row>]) -> String {
    let mut sources = update.releases.iter().filter_map(|index| rows.get(*index)?.release.source.as_ref()?.url.clone());
    sources.next().unwrap_or_else(|| update.lookup.canonical())
}

fn update(update: &Update, rows: &[Arc<Row>]) -> UpdateRow {
    UpdateRow {
        key: update.key.clone(),
        chart: update.chart.clone(),
        url: original_url(update, rows),
        to: update.target.text.clone(),
        major: update.target.version.semver().major,
        branch: update.branch.clone(),
        bump: update.bump,
        sites: update
            .sites
            .iter()
            .flat_map(|s| {
                let digest = s.digest.as_ref().map(|d| update_site(&d.site, &d.site.text, &d.to));
                std::iter::once(update_site(&s.site, &s.from, &s.to)).chain(digest)
            })
            .collect(),
        releases: update.consumers.iter().map(NsName::to_string).collect(),
        clusters: update.clusters(|index| rows.get(index)?.cluster()),
    }
}

fn update_site(site: &Site, from: &str, to: &str) -> UpdateSiteRow {
    UpdateSiteRow {
        file: site.file.to_string(),
        line: site.line,
        column: site.column,
        path: site.shown_path().into_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
    }
}

fn problem(finding: &Finding) -> ProblemRow {
    ProblemRow {
        file: finding.file.clone(),
        line: finding.line,
        reason: finding.problem.reason.code(),
        message: finding.problem.message.clone(),
    }
}

/// `explain --format json`: the scan's rows, with the candidates that were dropped.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Explanation {
    version: u32,
    releases: Vec<Explained>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Explained {
    #[serde(flatten)]
    release: ReleaseRow,
    /// The clusters that an edit of its site touches.
    clusters: Vec<String>,
    /// Each place that had a say beside the release's own document and its source's, in order.
    chain: Vec<Step>,
    policy: PolicyRow,
    /// What changes inside the chart with the target; null where nothing is proposed.
    inside: Option<Changes>,
    dropped: Vec<DroppedRow>,
    #[serde(rename = "droppedMore")]
    dropped_more: usize,
}

/// The policy in force, in the configuration's words.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PolicyRow {
    range: String,
    bump: Bump,
    prereleases: bool,
    minimum_age: String,
    ignore: Vec<String>,
    separate_majors: bool,
    group: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct DroppedRow {
    version: String,
    reason: &'static str,
    message: String,
}

/// How these releases resolve.
pub fn explain(findings: &Findings, rows: Vec<(&Row, &Policy, Option<Changes>)>) -> Explanation {
    let dropped = |row: &Row| {
        let row = row.dropped.iter();
        row.map(|d| DroppedRow { version: d.text.clone(), reason: d.reason.code(), message: d.message.clone() })
            .collect()
    };
    let explained = |(row, policy, inside): (&Row, &Policy, Option<Changes>)| Explained {
        release: release(row),
        clusters: findings.touched(&row.release),
        chain: row.release.chain.clone(),
        policy: policy_row(policy),
        inside,
        dropped: dropped(row),
        dropped_more: row.dropped_more,
    };
    Explanation { version: 1, releases: rows.into_iter().map(explained).collect() }
}

fn policy_row(policy: &Policy) -> PolicyRow {
    PolicyRow {
        range: policy.range.as_ref().map(|range| range.text().to_owned()).unwrap_or_default(),
        bump: policy.bump,
        prereleases: policy.prereleases,
        minimum_age: format!("{}s", policy.minimum_age.as_secs()),
        ignore: policy.ignore.iter().map(|ignore| ignore.text().to_owned()).collect(),
        separate_majors: policy.separate_majors,
        group: policy.group.clone(),
    }
}
