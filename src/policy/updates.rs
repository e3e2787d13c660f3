//! Which sites move together: one update is one pull request (product.md, "What one update is"). The same decisions in
//! any order give the same updates, keys and branch names.

use super::branch::{Name, branch};
use crate::model::{
    Bump, Candidate, Decision, DigestMove, Frame, Lookup, NsName, Release, Site, Status, Update, UpdateSite, Version,
};
use std::collections::{BTreeMap, BTreeSet};

/// A release whose decision has a target.
#[derive(Debug, Clone, Copy)]
pub struct Mover<'a> {
    /// Its index in the pass's releases, for [`Update::releases`].
    pub index: usize,
    /// The release.
    pub release: &'a Release,
    /// What it should do. Releases on one site have decisions of [`super::choose_shared`].
    pub decision: &'a Decision,
    /// The group its policy names; empty where there is none.
    pub group: &'a str,
    /// Its policy has `separateMajors`.
    pub separate: bool,
}

/// A release that has no target of its own.
#[derive(Debug, Clone, Copy)]
pub struct Other<'a> {
    /// Its index in the pass's releases, for [`Update::releases`].
    pub index: usize,
    /// The release.
    pub release: &'a Release,
    /// The group its policy names; empty where there is none.
    pub group: &'a str,
}

/// The updates, sorted by key. Movers without a site, a lookup or a target are left out. The others stand in an update
/// where they share its bytes; elsewhere the versions that they have count for which target is the highest, so that an
/// update keeps its key when another one is merged.
pub fn updates<'a>(movers: &[Mover<'a>], others: &[Other<'a>], branch_prefix: &str) -> Vec<Update> {
    let mut sites = sites(movers);
    let still = stand(&mut sites, others);
    let mut charts: BTreeMap<(String, String), Vec<Moves<'_>>> = BTreeMap::new();
    for moves in sites.into_values() {
        charts.entry((moves.canonical.clone(), moves.group.to_owned())).or_default().push(moves);
    }
    let mut updates: Vec<_> = charts
        .into_iter()
        .flat_map(|(chart, moves)| {
            let still = still.get(&chart).map(Vec::as_slice).unwrap_or_default();
            of_chart(&chart.0, &chart.1, (&moves, still), branch_prefix)
        })
        .collect();
    updates.sort_by(|a, b| a.key.cmp(&b.key));
    updates
}

/// Puts the others on the sites that they share; gives back the versions in use at sites that do not move, by chart and
/// group. Only charts that move are looked at.
fn stand<'a>(
    sites: &mut BTreeMap<Place<'a>, Moves<'a>>,
    others: &[Other<'a>],
) -> BTreeMap<(String, String), Vec<Version>> {
    let moving: BTreeSet<String> = sites.values().map(|moves| moves.canonical.clone()).collect();
    // Most releases are of other charts: their names tell, without a key or a version being made of each.
    let charts: BTreeSet<&str> = sites.values().map(|moves| moves.lookup.chart()).collect();
    let mut still: BTreeMap<(String, String), Vec<Version>> = BTreeMap::new();
    for other in others.iter().filter(|other| other.release.has_a_say()) {
        let Some(site) = &other.release.site else { continue };
        if let Some(moves) = sites.get_mut(&(&*site.file, site.start, site.end)) {
            moves.releases.insert(other.index, other.release.id());
            continue;
        }
        let Some(lookup) = other.release.lookup.as_deref().filter(|lookup| charts.contains(lookup.chart())) else {
            continue;
        };
        let floats = other.release.problem.as_ref().is_some_and(|p| p.reason.status() == Status::Floating);
        let in_use = other.release.current.as_deref().filter(|_| !floats);
        let Some(version) = in_use.and_then(|text| Version::of_tag(text).or_else(|| Version::loose(text))) else {
            continue;
        };
        let canonical = lookup.canonical();
        if moving.contains(&canonical) {
            still.entry((canonical, other.group.to_owned())).or_default().push(version);
        }
    }
    still
}

/// The bytes of a site.
type Place<'a> = (&'a str, usize, usize);

/// One site and everything that hangs on it.
struct Moves<'a> {
    site: &'a Site,
    lookup: &'a Lookup,
    canonical: String,
    group: &'a str,
    from: &'a str,
    digest: Option<&'a Site>,
    target: &'a Candidate,
    within_major: Option<&'a Candidate>,
    /// The version in use, where its major has updates of its own.
    separate: Option<Version>,
    frame: Option<&'a Frame>,
    releases: BTreeMap<usize, NsName>,
}

/// Every site once, in order. Where its releases disagree (they should not), the lowest target, then the smallest URL
/// and group, so that the order of the movers has no say.
fn sites<'a>(movers: &[Mover<'a>]) -> BTreeMap<Place<'a>, Moves<'a>> {
    let mut sites: BTreeMap<Place<'a>, Moves<'a>> = BTreeMap::new();
    for mover in movers {
        let Some(moves) = moves(mover) else { continue };
        let place = (&*moves.site.file, moves.site.start, moves.site.end);
        match sites.remove(&place) {
            None => drop(sites.insert(place, moves)),
            Some(known) => {
                let (mut first, second) = if known.rank() <= moves.rank() { (known, moves) } else { (moves, known) };
                first.releases.extend(second.releases);
                first.separate = first.separate.or(second.separate);
                sites.insert(place, first);
            }
        }
    }
    sites
}

fn moves<'a>(mover: &Mover<'a>) -> Option<Moves<'a>> {
    let site = mover.release.site.as_ref()?;
    // Fixed text around a variable that the target does not have: no edit could reach it.
    mover.release.at_site(&mover.decision.target.as_ref()?.text)?;
    let lookup = mover.release.lookup.as_ref()?;
    let from = mover.release.current.as_deref().unwrap_or(&site.text);
    let in_use = || Version::of_tag(from.trim()).or_else(|| Version::loose(from.trim()));
    Some(Moves {
        site,
        lookup,
        canonical: lookup.canonical(),
        group: mover.group,
        from,
        separate: mover.separate.then(in_use).flatten(),
        digest: mover.release.digest_site.as_deref(),
        target: mover.decision.target.as_ref()?,
        within_major: mover.decision.within_major.as_ref().filter(|c| mover.release.at_site(&c.text).is_some()),
        frame: mover.release.frame.as_deref(),
        releases: BTreeMap::from([(mover.index, mover.release.id())]),
    })
}

impl Moves<'_> {
    fn rank(&self) -> impl Ord + use<'_> {
        let within = self.within_major.map(|c| (&c.version, c.text.as_str()));
        // A named group goes before none: somebody asked for it.
        let group = (self.group.is_empty(), self.group);
        (&self.target.version, self.target.text.as_str(), within, &self.canonical, self.lookup, group, self.from)
    }
}

/// The updates of one chart in one group.
fn of_chart(
    canonical: &str,
    group: &str,
    (moves, still): (&[Moves<'_>], &[Version]),
    branch_prefix: &str,
) -> Vec<Update> {
    // Where nothing is proposed, the target is what is in use. It has a say only above all that moves: what lies between
    // changes with each release of the chart, and no update carries its name.
    let highest = moves.iter().map(|m| &m.target.version).max();
    let above = still.iter().max().filter(|version| Some(*version) > highest);
    let targets: BTreeSet<&Version> = moves.iter().map(|m| &m.target.version).chain(above).collect();
    let within: BTreeSet<&Version> = moves.iter().filter_map(Moves::within).collect();
    let mut found = Vec::new();
    for (version, label) in labels(&targets, &within) {
        let sites: Vec<_> = moves.iter().filter_map(|m| Some((m, m.to(version)?))).collect();
        let name = Name { canonical, chart: moves.first().map_or("", |m| m.lookup.chart()), label: &label, group };
        found.extend(update(&name, &sites, branch_prefix));
    }
    found
}

impl Moves<'_> {
    /// The version that `separateMajors` keeps for the current major: the one to move to, else the one in use.
    fn within(&self) -> Option<&Version> {
        let in_use = self.separate.as_ref().filter(|version| version.core().0 != self.target.version.core().0);
        self.within_major.map(|candidate| &candidate.version).or(in_use)
    }

    /// What this site is set to by the update to that version. With a digest beside it, only one whose digest is known.
    fn to(&self, version: &Version) -> Option<&Candidate> {
        let mut targets = [Some(self.target), self.within_major].into_iter().flatten();
        targets.find(|c| c.version == *version && (self.digest.is_none() || c.digest.is_some()))
    }

    /// The digest beside the tag, as the update to that candidate sets it.
    fn digest(&self, to: &Candidate) -> Option<Box<DigestMove>> {
        Some(Box::new(DigestMove { site: self.digest?.clone(), to: to.digest.clone()? }))
    }
}

/// A label for every target, the highest first: `5.x` for the highest of all, `4.9.x` for lower ones, and the whole
/// version (`4.9.1.x`) for lower ones that would share it. What only `separateMajors` adds is `4.x`.
fn labels<'v>(targets: &BTreeSet<&'v Version>, within: &BTreeSet<&'v Version>) -> Vec<(&'v Version, String)> {
    let mut taken = BTreeSet::new();
    let mut found = Vec::new();
    let mut add = |version: &'v Version, short: &[String]| {
        let (major, minor, patch) = version.core();
        let pre = if version.is_prerelease() { format!("-{}", version.semver().pre) } else { String::new() };
        let whole = format!("{major}.{minor}.{patch}{pre}.x");
        let label = short.iter().find(|label| !taken.contains(*label)).cloned().unwrap_or(whole);
        taken.insert(label.clone());
        found.push((version, label));
    };
    for (place, version) in targets.iter().rev().enumerate() {
        let (major, minor, _) = version.core();
        add(version, &[if place == 0 { format!("{major}.x") } else { format!("{major}.{minor}.x") }]);
    }
    for version in within.iter().rev().filter(|version| !targets.contains(*version)) {
        let (major, minor, _) = version.core();
        add(version, &[format!("{major}.x"), format!("{major}.{minor}.x")]);
    }
    found
}

fn update(name: &Name<'_>, sites: &[(&Moves<'_>, &Candidate)], branch_prefix: &str) -> Option<Update> {
    // Equal versions may be written differently from site to site (`1.2.3`, `v1.2.3`); one text stands for the update.
    let target = sites.iter().map(|(_, to)| *to).min_by(|a, b| a.text.cmp(&b.text))?;
    let lookup = sites.iter().map(|(moves, _)| moves.lookup).min()?;
    let releases: BTreeMap<usize, NsName> = sites.iter().flat_map(|(moves, _)| moves.releases.clone()).collect();
    let consumers: BTreeSet<NsName> = releases.values().cloned().collect();
    let step = |(moves, to): &(&Moves<'_>, &Candidate)| {
        Version::loose(moves.from.trim()).map_or(Bump::None, |from| Bump::between(&from, &to.version))
    };
    Some(Update {
        key: name.key(),
        chart: name.chart.to_owned(),
        lookup: lookup.clone(),
        target: target.clone(),
        branch: branch(branch_prefix, name),
        group: name.group.to_owned(),
        bump: sites.iter().map(step).max().unwrap_or(Bump::None),
        sites: sites
            .iter()
            .map(|(moves, to)| UpdateSite {
                site: moves.site.clone(),
                from: moves.from.to_owned(),
                to: moves.frame.and_then(|frame| frame.inside(&to.text)).unwrap_or(&to.text).to_owned(),
                digest: moves.digest(to),
            })
            .collect(),
        releases: releases.into_keys().collect(),
        consumers: consumers.into_iter().collect(),
    })
}

#[cfg(test)]
#[path = "updates_tests.rs"]
mod tests;
