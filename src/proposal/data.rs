//! What a template can print: names of this file are a contract with users' templates. Raw values; escaping happens
//! when they are printed.

use super::render::Context;
use crate::model::{Bump, Lookup, Note, Reason, Release, Update, shown};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use url::Url;

/// Most notes of one pull request.
const NOTES: usize = 30;
/// Most releases named behind one note.
const NAMES: usize = 3;

/// Values of the templates of title and body.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Data {
    /// Chart name.
    chart: String,
    /// Group, empty where there is none.
    group: String,
    /// Its source's URL, without credentials.
    source: String,
    /// The same as a link, empty where it is none for a browser.
    link: String,
    /// The target version.
    target: String,
    /// Digest of the target's manifest where digests stand beside tags and move with them; else empty.
    digest: String,
    /// The versions in use, each once.
    from: Vec<String>,
    /// `patch`, `minor` or `major`.
    bump: &'static str,
    /// A major step.
    major: bool,
    /// Day of the target's making (`2026-11-02`), empty where unknown.
    released: String,
    /// Marked deprecated by its author.
    deprecated: bool,
    /// `appVersion` in use; empty where unknown or not one.
    app_version_from: String,
    /// `appVersion` of the target; empty where unknown.
    app_version_to: String,
    /// Whether a row names a cluster.
    clusters: bool,
    /// The clusters that the merge reaches, sorted.
    touched: Vec<String>,
    /// One per consumer.
    pub(super) rows: Vec<Row>,
    /// Rows that were left out because the body is full.
    pub(super) more: usize,
    /// Number of consumers.
    releases: usize,
    /// Number of places that change.
    sites: usize,
    /// Branch.
    branch: String,
    /// What a person should know.
    notes: Vec<Line>,
    /// What was not checked.
    unchecked: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    release: String,
    cluster: String,
    /// The Flux Kustomization that builds the release.
    kustomization: String,
    file: String,
    line: u32,
    link: String,
    from: String,
    to: String,
}

#[derive(Debug, Clone, Serialize)]
struct Line {
    text: String,
    /// Names of the releases it is about, the first few.
    releases: String,
}

impl Context<'_> {
    /// The clusters whose Kustomizations build a consumer.
    fn clusters(&self, update: &Update) -> Vec<String> {
        update.clusters(|index| self.releases.get(index).copied())
    }
}

pub(super) fn gather(update: &Update, context: &Context<'_>) -> Data {
    let consumers: Vec<&Release> = update.releases.iter().filter_map(|i| context.releases.get(*i).copied()).collect();
    let from: BTreeSet<&str> = update.sites.iter().map(|s| s.from.as_str()).collect();
    let rows = rows(update, &consumers, context.web);
    let (source, link) = source(&update.lookup);
    Data {
        chart: update.chart.clone(),
        group: update.group.clone(),
        source,
        link,
        target: update.target.text.clone(),
        digest: digest(update),
        app_version_from: app_version_from(&from, context),
        app_version_to: update.target.app_version.clone().unwrap_or_default(),
        from: from.into_iter().map(str::to_owned).collect(),
        bump: match update.bump {
            Bump::None => "none",
            Bump::Patch => "patch",
            Bump::Minor => "minor",
            Bump::Major => "major",
        },
        major: update.bump == Bump::Major,
        released: update.target.created.map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default(),
        deprecated: update.target.deprecated,
        clusters: rows.iter().any(|r| !r.cluster.is_empty()),
        touched: context.clusters(update),
        more: 0,
        releases: rows.len(),
        rows,
        sites: update.sites.len(),
        branch: update.branch.clone(),
        notes: notes(&consumers),
        unchecked: unchecked(update, &consumers, context.unchecked),
    }
}

/// The digests that the sites are set to: one, but where equal versions are written differently.
fn digest(update: &Update) -> String {
    let digests = update.sites.iter().filter_map(|site| Some(site.digest.as_ref()?.to.as_str()));
    digests.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

fn rows(update: &Update, consumers: &[&Release], web: Option<&str>) -> Vec<Row> {
    let row = |release: Option<&Release>, place: &crate::model::UpdateSite| Row {
        release: release.map(|release| release.id().to_string()).unwrap_or_default(),
        cluster: release.and_then(|release| release.cluster.clone()).unwrap_or_default(),
        kustomization: release.and_then(|r| r.kustomization.as_ref()).map(ToString::to_string).unwrap_or_default(),
        file: place.site.file.clone(),
        line: place.site.line,
        link: web.map(|web| file_link(web, &place.site.file, place.site.line)).unwrap_or_default(),
        from: place.from.clone(),
        to: place.to.clone(),
    };
    let mut rows: Vec<Row> = Vec::new();
    for release in consumers {
        let site = release.site.as_ref();
        let place =
            update.sites.iter().find(|s| site.is_some_and(|x| x.file == s.site.file && x.start == s.site.start));
        if let Some(place) = place {
            rows.push(row(Some(release), place));
        }
    }
    for place in &update.sites {
        if !rows.iter().any(|r| r.file == place.site.file && r.line == place.site.line) {
            rows.push(row(None, place));
        }
    }
    rows
}

/// The one `appVersion` in use, where all versions in use have the same known one.
fn app_version_from(from: &BTreeSet<&str>, context: &Context<'_>) -> String {
    let known: BTreeSet<Option<&str>> = from
        .iter()
        .map(|text| context.in_use.iter().find(|c| c.text == *text).and_then(|c| c.app_version.as_deref()))
        .collect();
    match known.into_iter().collect::<Vec<_>>().as_slice() {
        [Some(one)] => (*one).to_owned(),
        _ => String::new(),
    }
}

/// A link to a line; every byte of the path that is not plain is percent-encoded.
fn file_link(web: &str, file: &str, line: u32) -> String {
    let mut path = String::new();
    for byte in file.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    format!("{}/{path}#L{line}", web.trim_end_matches('/'))
}

/// The source's URL without credentials and query, and as a link where a browser can follow it.
fn source(lookup: &Lookup) -> (String, String) {
    let Ok(mut url) = Url::parse(lookup.url()) else { return (shown(lookup.url()).into_owned(), String::new()) };
    let cleaned = url.set_username("").is_ok() && url.set_password(None).is_ok();
    if !cleaned && (!url.username().is_empty() || url.password().is_some()) {
        return (url.host_str().unwrap_or_default().to_owned(), String::new());
    }
    url.set_query(None);
    url.set_fragment(None);
    let text = url.as_str().trim_end_matches('/').to_owned();
    let unsafe_in_link = |c: char| !(c.is_ascii_alphanumeric() || "/-_.:%~".contains(c));
    let link = if url.scheme() == "https" && !text.contains(unsafe_in_link) { text.clone() } else { String::new() };
    (text, link)
}

fn notes(consumers: &[&Release]) -> Vec<Line> {
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for release in consumers {
        let id = release.id().to_string();
        let mut add = |text: String| lines.entry(text).or_default().push(id.clone());
        for note in &release.notes {
            match note {
                Note::SharedAnchor(text) => {
                    add(format!("The version is a YAML anchor that feeds other values too: {text}"));
                }
                Note::RenovateHint(text) => add(format!("A Renovate hint stands above the version: {text}")),
                Note::AssumedSource(text) => add(format!("Assumed, not proven: {text}")),
                Note::Other(text) => add(text.clone()),
                Note::SignatureUnchecked(_) => {}
            }
        }
        if release.problem.as_ref().is_some_and(|p| p.reason == Reason::Suspended) {
            add("Suspended: the merge does nothing until it resumes, then everything applies at once".to_owned());
        }
    }
    lines.into_iter().take(NOTES).map(|(text, names)| Line { text, releases: some_names(names) }).collect()
}

fn some_names(mut names: Vec<String>) -> String {
    names.sort();
    names.dedup();
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    let listed = names.join(", ");
    if more == 0 { listed } else { format!("{listed} and {more} more") }
}

fn unchecked(update: &Update, consumers: &[&Release], given: &[String]) -> Vec<String> {
    let mut lines = vec!["What changes inside the chart: values, images, CRDs.".to_owned()];
    if update.target.created.is_none() {
        lines.push("The version's age: its source does not say when it was made.".to_owned());
    }
    if !update.target.detailed {
        lines.push("Deprecation and app version: its source was not asked for them.".to_owned());
    }
    let signatures: BTreeSet<&str> = consumers
        .iter()
        .flat_map(|r| &r.notes)
        .filter_map(|note| match note {
            Note::SignatureUnchecked(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    lines.extend(signatures.into_iter().take(NAMES).map(|text| {
        format!("The signature that the source asks for: Flux refuses a version that is not signed. {text}")
    }));
    lines.extend(given.iter().take(NOTES).cloned());
    lines
}
