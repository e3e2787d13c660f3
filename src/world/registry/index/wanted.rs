//! The wanted charts while an index is read. Of two blocks of one name the last wins, as in Flux, where the index is JSON;
//! in YAML Flux refuses it, and so does the event reader. What is asked of each chart of the index costs no more for many
//! wanted ones than for few.

use super::entry::Collected;
use super::{Extract, Sought};
use std::collections::BTreeMap;

/// Names of an index that are remembered for hints; a longer index gives hints from its first ones.
const MOST_NAMES: usize = 20_000;
/// Charts that are missing and get a hint.
const MOST_HINTED: usize = 100;
/// Names in one hint.
const MOST_SIMILAR: usize = 3;

/// The wanted charts, and what was found of them.
pub(super) struct Wanted {
    charts: BTreeMap<String, Extract>,
    sought: Sought,
    /// Every chart of the index, for those that it does not have.
    names: Vec<String>,
}

impl Wanted {
    pub(super) fn new(wanted: &[String], sought: &Sought) -> Self {
        let charts = wanted.iter().map(|name| (name.clone(), Extract::default())).collect();
        Self { charts, sought: sought.clone(), names: Vec::new() }
    }

    /// For the entries of one chart.
    pub(super) fn collector(&self, chart: &str) -> Collected {
        Collected { sought: self.sought.get(chart).cloned().unwrap_or_default(), ..Collected::default() }
    }

    /// Sees a chart's name; tells whether its entries are wanted.
    pub(super) fn sees(&mut self, name: &str) -> bool {
        if self.names.len() < MOST_NAMES && name.len() < 128 {
            self.names.push(name.to_owned());
        }
        self.charts.contains_key(name)
    }

    pub(super) fn put(&mut self, name: &str, collected: Collected) {
        if let Some(extract) = self.charts.get_mut(name) {
            extract.candidates = Some(collected.candidates);
            extract.places = collected.places;
        }
    }

    /// What was found; a few similar names for those that were not.
    pub(super) fn finish(mut self) -> BTreeMap<String, Extract> {
        let missing = || self.charts.iter().filter(|(_, extract)| extract.candidates.is_none());
        if missing().next().is_none() {
            return self.charts;
        }
        let names: Vec<(String, &str)> = self.names.iter().map(|name| (plain(name), name.as_str())).collect();
        let similar: Vec<(String, Vec<String>)> =
            missing().take(MOST_HINTED).map(|(wanted, _)| (wanted.clone(), similar(wanted, &names))).collect();
        for (wanted, similar) in similar {
            if let Some(extract) = self.charts.get_mut(&wanted) {
                extract.similar = similar;
            }
        }
        self.charts
    }
}

/// The first few names that are like this one.
fn similar(wanted: &str, names: &[(String, &str)]) -> Vec<String> {
    let plain = plain(wanted);
    let mut similar: Vec<String> = Vec::new();
    for (_, name) in names.iter().filter(|(other, _)| alike(&plain, other)) {
        if !similar.iter().any(|known| known == name) {
            similar.push((*name).to_owned());
        }
        if similar.len() == MOST_SIMILAR {
            break;
        }
    }
    similar
}

/// One name holds the other.
fn alike(one: &str, other: &str) -> bool {
    one.len().min(other.len()) >= 3 && (one.contains(other) || other.contains(one))
}

/// Without what is easily mistaken: case, `-` and `_`.
fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace(['-', '_'], "")
}
