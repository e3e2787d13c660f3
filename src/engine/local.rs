//! Which sites `davit apply` changes: all that policy moves, or a person's choice of releases and version. A site that
//! several releases share moves all of them; they are named. Pure.

use super::edits::Refused;
use super::look::Look;
use super::report::Row;
use crate::model::{Candidates, DigestMove, NsName, Problem, Reason, Release, Site, Status, UpdateSite, Version};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What to write.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The sites, each once.
    pub sites: Vec<UpdateSite>,
    /// Of each site every release that reads it.
    pub moved: Vec<(Site, BTreeSet<NsName>)>,
    /// Chosen sites that can't move.
    pub refused: Vec<Refused>,
    /// What a person should know before they commit.
    pub notes: Vec<String>,
    /// Index of the site at a file's bytes.
    places: HashMap<(String, usize, usize), usize>,
}

/// Selects by names (`namespace/name`, or `name` in any namespace) and, for these, an explicit version.
///
/// # Errors
/// A name that no release has; a version that the source does not have, or that is none.
pub fn select(look: &Look, only: &[String], to: Option<&str>) -> Result<Selection, Problem> {
    if only.is_empty() {
        return Ok(everything(look));
    }
    let mut chosen: Vec<&Row> = Vec::new();
    for name in only {
        let rows: Vec<&Row> = look.findings.rows.iter().map(Arc::as_ref).filter(|row| is(row, name)).collect();
        if rows.is_empty() {
            return Err(Problem::new(
                Reason::InvalidRelease,
                format!("no release is called {name}{}", near(look, name)),
            ));
        }
        chosen.extend(rows);
    }
    let mut selection = Selection::default();
    for row in chosen {
        match to {
            Some(version) => explicit(look, row, version, &mut selection)?,
            None => proposed(look, row, &mut selection),
        }
    }
    move_consumers(look, &mut selection);
    Ok(selection)
}

fn everything(look: &Look) -> Selection {
    let mut selection = Selection::default();
    for update in &look.findings.updates {
        for site in &update.sites {
            add(&mut selection, site.clone());
        }
    }
    move_consumers(look, &mut selection);
    selection
}

pub(super) fn is(row: &Row, name: &str) -> bool {
    match name.split_once('/') {
        Some((namespace, name)) => row.release.namespace == namespace && row.release.name == name,
        None => row.release.name == name,
    }
}

/// Names close to one that no release has, as the end of a sentence; empty where none is.
pub fn near(look: &Look, name: &str) -> String {
    let short = name.rsplit('/').next().unwrap_or(name);
    let mut close: Vec<String> = look
        .findings
        .rows
        .iter()
        .filter(|row| {
            let known = &row.release.name;
            let part =
                (short.len() > 2 && known.contains(short)) || (known.len() > 2 && short.contains(known.as_str()));
            let slips = strsim::damerau_levenshtein(known, short);
            part || short == known || slips <= 1 || (slips == 2 && short.len() > 4)
        })
        .map(|row| row.release.id().to_string())
        .collect();
    close.sort();
    close.dedup();
    close.truncate(5);
    if close.is_empty() { String::new() } else { format!("; there is {}", close.join(", ")) }
}

/// What policy proposes for one release: the site's highest target.
fn proposed(look: &Look, row: &Row, selection: &mut Selection) {
    let Some(site) = &row.release.site else {
        selection.notes.push(format!("{}: {}: {}", row.release.id(), row.reason, row.message));
        return;
    };
    let mut best: Option<(&Version, &UpdateSite)> = None;
    for update in &look.findings.updates {
        for candidate in update.sites.iter().filter(|s| same(&s.site, site)) {
            if best.is_none_or(|(version, _)| update.target.version > *version) {
                best = Some((&update.target.version, candidate));
            }
        }
    }
    match best {
        Some((_, site)) => add(selection, site.clone()),
        None if row.status() == Status::Current => {}
        None => selection.notes.push(format!("{}: {}: {}", row.release.id(), row.reason, row.message)),
    }
}

/// A person's own version: policy is theirs to overrule, what the source says is not.
fn explicit(look: &Look, row: &Row, version: &str, selection: &mut Selection) -> Result<(), Problem> {
    let release = &row.release;
    let Some(site) = &release.site else {
        let why = format!("{}: {}", release.id(), row.message);
        return Err(Problem::new(row.reason, format!("{why}; there is no place to write {version}")));
    };
    let text = match release.lookup.as_ref().and_then(|lookup| look.offers.get(lookup)) {
        Some(Ok(candidates)) => offered(candidates, version).ok_or_else(|| {
            let chart = release.chart.as_deref().unwrap_or("the chart");
            Problem::new(Reason::NoVersions, format!("{}: {chart} has no version {version}", release.id()))
        })?,
        unknown => {
            if Version::strict(version).is_none() {
                return Err(Problem::new(Reason::VersionNotSemver, format!("{version} is not a semantic version")));
            }
            let why = unknown.and_then(|r| r.as_ref().err()).map_or("it was not asked", |p| p.message.as_str());
            selection.notes.push(format!("{}: not checked whether {version} is there: {why}", release.id()));
            version.to_owned()
        }
    };
    let from = release.current.clone().unwrap_or_default();
    if from != text {
        let Some(to) = release.at_site(&text).map(str::to_owned) else {
            let message = format!("{}: {text} does not fit into the text around the variable", release.id());
            return Err(Problem::new(Reason::NotEditable, message));
        };
        let digest = digest(look, release, &text)?;
        add(selection, UpdateSite { site: site.clone(), from, to, digest });
    }
    Ok(())
}

/// The digest beside the tag moves with it; one that is not known moves nothing.
fn digest(look: &Look, release: &Release, text: &str) -> Result<Option<Box<DigestMove>>, Problem> {
    if release.digest_stays {
        let why = format!("{}: a digest stands beside its tag and can't move in the same edit", release.id());
        return Err(Problem::new(Reason::NotEditable, why));
    }
    let Some(site) = &release.digest_site else { return Ok(None) };
    let offered = release.lookup.as_ref().and_then(|lookup| look.offers.get(lookup)?.as_ref().ok());
    let candidate = offered.and_then(|offered| offered.versions.iter().find(|c| c.text == text));
    match candidate.and_then(|candidate| candidate.digest.clone()) {
        Some(to) => Ok(Some(Box::new(DigestMove { site: (**site).clone(), to }))),
        None => Err(Problem::new(
            Reason::NotEditable,
            format!(
                "{}: a digest stands beside its tag, and that of {text} was not looked up; without --to, or with the \
                 version that the scan proposes, both move",
                release.id()
            ),
        )),
    }
}

/// The offered text for a version: exactly it, else one of the same precedence (`1.2.3` for `v1.2.3`).
pub(super) fn offered(candidates: &Candidates, version: &str) -> Option<String> {
    if candidates.versions.iter().any(|c| c.text == version) {
        return Some(version.to_owned());
    }
    let wanted = Version::strict(version)?;
    candidates.versions.iter().find(|c| c.version == wanted).map(|c| c.text.clone())
}

fn add(selection: &mut Selection, site: UpdateSite) {
    // With separateMajors a site stands in two updates: the higher one counts.
    let next = selection.sites.len();
    let place = (site.site.file.to_string(), site.site.start, site.site.end);
    let index = *selection.places.entry(place).or_insert(next);
    match selection.sites.get_mut(index) {
        Some(known) => {
            let read = |text| Version::loose(text).or_else(|| Version::of_tag(text));
            let higher = read(&site.to) > read(&known.to);
            if higher {
                *known = site;
            }
        }
        None => selection.sites.push(site),
    }
}

fn same(a: &Site, b: &Site) -> bool {
    a.file == b.file && a.start == b.start && a.end == b.end
}

fn move_consumers(look: &Look, selection: &mut Selection) {
    let mut readers: HashMap<(&str, usize, usize), BTreeSet<NsName>> = HashMap::new();
    for row in &look.findings.rows {
        if let Some(site) = &row.release.site {
            readers.entry((&*site.file, site.start, site.end)).or_default().insert(row.release.id());
        }
    }
    for wanted in selection.sites.iter().map(|s| &s.site) {
        let ids = readers.get(&(&*wanted.file, wanted.start, wanted.end)).cloned().unwrap_or_default();
        selection.moved.push((wanted.clone(), ids));
    }
}
