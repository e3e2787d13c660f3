//! Reads the wanted charts out of a spooled index, in memory that does not grow with it.
//!
//! Three readers give one result: JSON where the body starts with `{`; the lines of the file where the whole of it has
//! Helm's own layout; else the events of a YAML parser. It refuses to build a tree.

mod entry;
mod events;
mod json;
mod lines;
mod slice;

use crate::model::{Candidates, Problem, Reason};
use entry::{Collected, RawEntry};
pub(super) use entry::{Place, timestamp};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Why an index can't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("reading the cached index: {0}")]
    Io(#[from] std::io::Error),
}

/// What an index says of one chart.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Extract {
    /// Its versions; nothing where the index has no such chart.
    pub(super) candidates: Option<Candidates>,
    /// A few charts of the index with a similar name, where it has none of this one.
    pub(super) similar: Vec<String>,
    /// Where the archive of the version that was sought is.
    #[serde(skip)]
    place: Option<Place>,
}

/// Where the archive of one version is; nothing where the index has no such version.
pub(super) fn place(path: &Path, chart: &str, version: &str) -> Result<Option<Place>, IndexError> {
    let wanted = [chart.to_owned()];
    let found = read_seeking(path, &wanted, Some(version))?;
    Ok(found.into_values().next().and_then(|extract| extract.place))
}

/// Reads the wanted charts; every one of them has a result.
pub(super) fn read(path: &Path, wanted: &[String]) -> Result<BTreeMap<String, Extract>, IndexError> {
    read_seeking(path, wanted, None)
}

fn read_seeking(path: &Path, wanted: &[String], sought: Option<&str>) -> Result<BTreeMap<String, Extract>, IndexError> {
    let mut file = File::open(path)?;
    let mut head = [0_u8; 1024];
    let length = read_head(&mut file, &mut head)?;
    refuse_html(&head[..length])?;
    if first_character(&head[..length]) == Some(b'{') {
        file.seek(SeekFrom::Start(0))?;
        if let Ok(found) = json::read(BufReader::with_capacity(1 << 16, &file), Wanted::new(wanted, sought)) {
            return Ok(found);
        }
    } else if let Some(found) = slice::read(&file, Wanted::new(wanted, sought))? {
        return Ok(found);
    }
    file.seek(SeekFrom::Start(0))?;
    events::read_index(BufReader::with_capacity(1 << 16, &file), Wanted::new(wanted, sought))
}

/// One index in a file, read as a source's is after its download: every wanted chart that it has.
pub fn read_index(path: &Path, wanted: &[String]) -> Result<BTreeMap<String, Candidates>, Problem> {
    let found = read(path, wanted)
        .map_err(|error| Problem::new(Reason::SourceInvalid, format!("{}: {error}", path.display())))?;
    Ok(found.into_iter().filter_map(|(name, extract)| Some((name, extract.candidates?))).collect())
}

fn read_head(file: &mut File, head: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < head.len() {
        match file.read(&mut head[length..])? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

fn first_character(head: &[u8]) -> Option<u8> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    head.iter().copied().find(|byte| !byte.is_ascii_whitespace())
}

fn refuse_html(head: &[u8]) -> Result<(), IndexError> {
    match first_character(head) {
        Some(b'<') => Err(IndexError::Invalid("the answer is a web page or XML, not a chart index".to_owned())),
        None => Err(IndexError::Invalid("the answer is empty, not a chart index".to_owned())),
        _ => Ok(()),
    }
}

/// The wanted charts while an index is read; the last of two blocks of one name wins, as in Flux.
struct Wanted {
    charts: BTreeMap<String, Extract>,
    sought: Option<String>,
}

impl Wanted {
    fn new(wanted: &[String], sought: Option<&str>) -> Self {
        let charts = wanted.iter().map(|name| (name.clone(), Extract::default())).collect();
        Self { charts, sought: sought.map(str::to_owned) }
    }

    /// For the entries of one chart.
    fn collector(&self) -> Collected {
        Collected { sought: self.sought.clone(), ..Collected::default() }
    }

    /// Sees a chart's name; tells whether its entries are wanted.
    fn sees(&mut self, name: &str) -> bool {
        for (wanted, extract) in &mut self.charts {
            if extract.similar.len() < 3
                && wanted != name
                && alike(wanted, name)
                && !extract.similar.iter().any(|s| s == name)
            {
                extract.similar.push(name.to_owned());
            }
        }
        self.charts.contains_key(name)
    }

    fn put(&mut self, name: &str, collected: Collected) {
        if let Some(extract) = self.charts.get_mut(name) {
            extract.candidates = Some(collected.candidates);
            extract.place = collected.place;
        }
    }

    fn finish(mut self) -> BTreeMap<String, Extract> {
        for extract in self.charts.values_mut() {
            if extract.candidates.is_some() {
                extract.similar.clear();
            }
        }
        self.charts
    }
}

/// One name holds the other, or they differ in case, `-` and `_` only.
fn alike(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.to_ascii_lowercase().replace(['-', '_'], "");
    let (one, other) = (plain(one), plain(other));
    one.len().min(other.len()) >= 3 && other.len() < 128 && (one.contains(&other) || other.contains(&one))
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
