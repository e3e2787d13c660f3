//! What a template can print: names of this file are a contract with users' templates. Raw values; escaping happens
//! when they are printed.

use super::inside::{self, Crd, Dependency};
use super::render::Context;
use crate::model::{Bump, Live, LiveState, Lookup, Note, Reason, Release, Update, Witness, shown};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use url::Url;

/// Most notes of one pull request.
const NOTES: usize = 30;
/// Most releases named behind one note.
const NAMES: usize = 3;
/// Most dependencies, and most CRDs, that are listed.
const LISTED: usize = 30;

/// Values of the templates of title and body.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the names are a contract with users' templates")]
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
    /// The Kubernetes versions that the target can be installed on; empty where it does not say.
    kube_version: String,
    /// The cluster's version; empty where it is not known.
    cluster_version: String,
    /// Dependencies that differ from the versions in use.
    dependencies: Vec<Dependency>,
    /// Dependencies that are not listed.
    dependencies_more: usize,
    /// CRDs that differ and that the upgrade leaves as they are (Flux rule 20).
    crds: Vec<Crd>,
    /// CRDs that are not listed.
    crds_more: usize,
    /// The releases that leave them.
    crds_releases: String,
    /// Whether a row names a cluster.
    clusters: bool,
    /// Whether a row names a running version.
    running: bool,
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
    /// What the cluster runs where that is not what Git says; else empty.
    running: String,
}

#[derive(Debug, Clone, Serialize)]
struct Line {
    text: String,
    /// Names of the releases it is about, the first few.
    releases: String,
}

pub(super) fn gather(update: &Update, context: &Context<'_>) -> Data {
    let consumers: Vec<Consumer<'_>> = update
        .releases
        .iter()
        .filter_map(|i| {
            Some(Consumer { release: context.releases.get(*i)?, witness: context.witnesses.get(*i).copied().flatten() })
        })
        .collect();
    let from: BTreeSet<&str> = update.sites.iter().map(|s| s.from.as_str()).collect();
    let rows = rows(update, &consumers, context.web);
    let (source, link) = source(&update.lookup);
    let pairs = inside::pairs(update, context);
    let dependencies = inside::dependencies(&pairs);
    let (crds, left) =
        inside::crds_left(&pairs, &consumers.iter().map(|consumer| consumer.release).collect::<Vec<_>>());
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
        kube_version: update.target.inside.contents().and_then(|c| c.kube_version.clone()).unwrap_or_default(),
        cluster_version: context.kube_version.map(ToString::to_string).unwrap_or_default(),
        dependencies_more: dependencies.len().saturating_sub(LISTED),
        dependencies: dependencies.into_iter().take(LISTED).collect(),
        crds_more: crds.len().saturating_sub(LISTED),
        crds_releases: if crds.is_empty() { String::new() } else { some_names(left) },
        crds: crds.into_iter().take(LISTED).collect(),
        clusters: rows.iter().any(|r| !r.cluster.is_empty()),
        running: rows.iter().any(|r| !r.running.is_empty()),
        touched: consumers
            .iter()
            .map(Consumer::cluster)
            .filter(|cluster| !cluster.is_empty())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        more: 0,
        releases: rows.len(),
        rows,
        sites: update.sites.len(),
        branch: update.branch.clone(),
        notes: notes(update, &consumers, context),
        unchecked: unchecked(update, &consumers, context),
    }
}

/// The digests that the sites are set to: one, but where equal versions are written differently.
fn digest(update: &Update) -> String {
    let digests = update.sites.iter().filter_map(|site| Some(site.digest.as_ref()?.to.as_str()));
    digests.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

/// A release that moves, and what the cluster says of it.
struct Consumer<'a> {
    release: &'a Release,
    witness: Option<&'a Witness>,
}

impl Consumer<'_> {
    fn cluster(&self) -> String {
        let named = self.witness.map(|witness| witness.cluster.to_string());
        named.or_else(|| self.release.cluster.as_deref().map(str::to_owned)).unwrap_or_default()
    }

    fn live(&self) -> Option<&Live> {
        self.witness?.live.as_ref()
    }

    /// What runs, where it is not what Git says.
    fn running(&self) -> String {
        let live = self.live().filter(|live| live.differs);
        live.and_then(Live::running_chart).unwrap_or_default().to_owned()
    }
}

fn rows(update: &Update, consumers: &[Consumer<'_>], web: Option<&str>) -> Vec<Row> {
    let row = |consumer: Option<&Consumer<'_>>, place: &crate::model::UpdateSite| Row {
        release: consumer.map(|consumer| consumer.release.id().to_string()).unwrap_or_default(),
        cluster: consumer.map(Consumer::cluster).unwrap_or_default(),
        kustomization: consumer
            .and_then(|consumer| consumer.release.kustomization.as_ref())
            .map(ToString::to_string)
            .unwrap_or_default(),
        running: consumer.map(Consumer::running).unwrap_or_default(),
        file: place.site.file.to_string(),
        line: place.site.line,
        link: web.map(|web| file_link(web, &place.site.file, place.site.line)).unwrap_or_default(),
        from: place.from.clone(),
        to: place.to.clone(),
    };
    let mut rows: Vec<Row> = Vec::new();
    for consumer in consumers {
        let release = consumer.release;
        let site = release.site.as_ref();
        let place =
            update.sites.iter().find(|s| site.is_some_and(|x| x.file == s.site.file && x.start == s.site.start));
        if let Some(place) = place {
            rows.push(row(Some(consumer), place));
        }
    }
    for place in &update.sites {
        if !rows.iter().any(|r| *r.file == *place.site.file && r.line == place.site.line) {
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

fn notes(update: &Update, consumers: &[Consumer<'_>], context: &Context<'_>) -> Vec<Line> {
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for consumer in consumers {
        let release = consumer.release;
        let id = release.id().to_string();
        let mut add = |text: String| lines.entry(text).or_default().push(id.clone());
        for note in &release.notes {
            match note {
                Note::SharedAnchor(text) => {
                    add(format!("The version is a YAML anchor that feeds other values too: {text}"));
                }
                Note::RenovateHint(text) => add(format!("A Renovate hint stands above the version: {text}")),
                Note::AssumedSource(text) => add(format!("Assumed, not proven: {text}")),
                Note::LargeArchive(text) => add(format!("{text}{}", inside::in_use_is_large(context, update))),
                Note::LargeIndex(text) | Note::Other(text) => add(text.clone()),
                Note::SignatureUnchecked(_) => {}
            }
        }
        match &release.problem {
            Some(held) if held.reason == Reason::Suspended => {
                add("Suspended: the merge does nothing until it resumes, then everything applies at once".to_owned());
            }
            Some(held) => add(format!(
                "Held by itself ({}), but it shares these bytes, so that the merge is its update too: {}",
                held.reason, held.message
            )),
            None => {}
        }
        let Some(live) = consumer.live() else { continue };
        for object in &live.suspended {
            add(format!(
                "Suspended in the cluster, though Git does not say so: {object}. The merge does nothing until it \
                 resumes, then everything applies at once"
            ));
        }
        match live.state {
            LiveState::Failed => add(format!("In the cluster: {}", live.message)),
            LiveState::Absent => add("The cluster does not have it".to_owned()),
            _ => {}
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

fn unchecked(update: &Update, consumers: &[Consumer<'_>], context: &Context<'_>) -> Vec<String> {
    let mut lines = vec!["What else changes inside the chart: values, templates, images.".to_owned()];
    lines.extend(inside::unknown(update, context));
    if update.target.created.is_none() {
        lines.push("The version's age: its source does not say when it was made.".to_owned());
    }
    if !update.target.detailed {
        lines.push("Deprecation and app version: its source was not asked for them.".to_owned());
    }
    let signatures: BTreeSet<&str> = consumers
        .iter()
        .flat_map(|consumer| &consumer.release.notes)
        .filter_map(|note| match note {
            Note::SignatureUnchecked(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    lines.extend(signatures.into_iter().take(NAMES).map(|text| {
        format!("The signature that the source asks for: Flux refuses a version that is not signed. {text}")
    }));
    lines.extend(context.unchecked.iter().take(NOTES).cloned());
    lines
}
