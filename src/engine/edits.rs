//! From an update's sites to new file contents. A site that refuses costs itself; the others of its file still move.

use crate::edit::{self, Swap};
use crate::model::{Problem, Reason, UpdateSite};
use std::collections::BTreeMap;

/// One file before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// Path from the root.
    pub path: String,
    /// The bytes that were read.
    pub before: Vec<u8>,
    /// The bytes to write.
    pub after: Vec<u8>,
}

/// One site that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The site.
    pub site: UpdateSite,
    /// Why.
    pub problem: Problem,
}

/// The wanted changes of each file, sorted by path; a site wanted twice counts once.
pub fn by_file<'a>(sites: impl IntoIterator<Item = &'a UpdateSite>) -> BTreeMap<&'a str, Vec<&'a UpdateSite>> {
    let mut files: BTreeMap<&str, Vec<&UpdateSite>> = BTreeMap::new();
    for site in sites {
        let wanted = files.entry(&site.site.file).or_default();
        if !wanted.contains(&site) {
            wanted.push(site);
        }
    }
    files
}

/// Edits one file: all of its sites where that goes, else each that goes on its own.
pub fn edit_file(path: &str, bytes: Vec<u8>, sites: &[&UpdateSite]) -> (Option<Edited>, Vec<Refused>) {
    let swap = |site: &UpdateSite| Swap { site: site.site.clone(), to: site.to.clone() };
    let all: Vec<Swap> = sites.iter().map(|site| swap(site)).collect();
    let (after, refused) = match edit::apply(&bytes, &all) {
        Ok(after) => (after, Vec::new()),
        Err(_) => one_by_one(&bytes, sites, swap),
    };
    let edited = (after != bytes).then(|| Edited { path: path.to_owned(), before: bytes, after });
    (edited, refused)
}

/// Keeps the sites that can be edited alone, then edits them together.
fn one_by_one(bytes: &[u8], sites: &[&UpdateSite], swap: impl Fn(&UpdateSite) -> Swap) -> (Vec<u8>, Vec<Refused>) {
    let mut good: Vec<&UpdateSite> = Vec::new();
    let mut refused = Vec::new();
    for site in sites {
        let mut together: Vec<Swap> = good.iter().map(|site| swap(site)).collect();
        together.push(swap(site));
        match edit::apply(bytes, &together) {
            Ok(_) => good.push(site),
            Err(refusal) => refused.push(Refused { site: (*site).clone(), problem: problem(&refusal) }),
        }
    }
    let kept: Vec<Swap> = good.iter().map(|site| swap(site)).collect();
    (edit::apply(bytes, &kept).unwrap_or_else(|_| bytes.to_vec()), refused)
}

fn problem(refusal: &edit::Refusal) -> Problem {
    match refusal {
        edit::Refusal::NotEditable(problem) => problem.clone(),
        other => Problem::new(Reason::NotEditable, other.to_string()),
    }
}
