//! Reads the wanted charts out of a spooled index, in memory that does not grow with it.
//!
//! Three readers give one result: JSON where the body starts with `{`; the lines of the file where the whole of it has
//! Helm's own layout; else the events of a YAML parser. It refuses to build a tree.

mod entry;
mod events;
mod json;
mod lines;
mod slice;
mod wanted;

use crate::model::{Candidates, Problem, Reason};
use entry::{Collected, RawEntry};
pub(super) use entry::{Place, timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use wanted::Wanted;

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

/// As Helm says it, whose code source-controller reads an index with.
const NO_API_VERSION: &str = "Flux refuses the index: no API version specified";

/// What an index says of one chart.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Extract {
    /// Its versions; nothing where the index has no such chart.
    pub(super) candidates: Option<Candidates>,
    /// A few charts of the index with a similar name, where it has none of this one.
    pub(super) similar: Vec<String>,
    /// Where the archives of the versions that were sought are.
    #[serde(skip)]
    places: BTreeMap<String, Place>,
}

/// Versions by chart, whose archives' places are wanted.
pub(super) type Sought = BTreeMap<String, BTreeSet<String>>;

/// Where the archives of these versions are, by chart and version; what the index does not have is left out.
pub(super) fn places(path: &Path, sought: &Sought) -> Result<BTreeMap<String, BTreeMap<String, Place>>, IndexError> {
    let wanted: Vec<String> = sought.keys().cloned().collect();
    let found = read_seeking(path, &wanted, sought)?;
    Ok(found.into_iter().map(|(chart, extract)| (chart, extract.places)).collect())
}

/// Reads the wanted charts; every one of them has a result.
pub(super) fn read(path: &Path, wanted: &[String]) -> Result<BTreeMap<String, Extract>, IndexError> {
    read_seeking(path, wanted, &Sought::new())
}

fn read_seeking(path: &Path, wanted: &[String], sought: &Sought) -> Result<BTreeMap<String, Extract>, IndexError> {
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

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
