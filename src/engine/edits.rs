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
    let all: Vec<Swap> = sites.iter().flat_map(|site| swaps(site)).collect();
    let (after, refused) = match edit::apply(&bytes, &all) {
        Ok(after) => (after, Vec::new()),
        Err(_) => one_by_one(&bytes, sites),
    };
    let edited = (after != bytes).then(|| Edited { path: path.to_owned(), before: bytes, after });
    (edited, refused)
}

/// What a site changes: the version, and the digest beside it.
fn swaps(site: &UpdateSite) -> impl Iterator<Item = Swap> {
    let digest = site.digest.as_ref().map(|digest| Swap { site: digest.site.clone(), to: digest.to.clone() });
    std::iter::once(Swap { site: site.site.clone(), to: site.to.clone() }).chain(digest)
}

/// Keeps the sites that can be edited alone, then edits them together.
fn one_by_one(bytes: &[u8], sites: &[&UpdateSite]) -> (Vec<u8>, Vec<Refused>) {
    let mut good: Vec<&UpdateSite> = Vec::new();
    let mut refused = Vec::new();
    for site in sites {
        let together: Vec<Swap> = good.iter().chain([site]).flat_map(|site| swaps(site)).collect();
        match edit::apply(bytes, &together) {
            Ok(_) => good.push(site),
            Err(refusal) => refused.push(Refused { site: (*site).clone(), problem: problem(&refusal) }),
        }
    }
    let kept: Vec<Swap> = good.iter().flat_map(|site| swaps(site)).collect();
    (edit::apply(bytes, &kept).unwrap_or_else(|_| bytes.to_vec()), refused)
}

fn problem(refusal: &edit::Refusal) -> Problem {
    match refusal {
        edit::Refusal::NotEditable(problem) => problem.clone(),
        other => Problem::new(Reason::NotEditable, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{UpdateSite, edit_file};
    use crate::model::DigestMove;
    use crate::yaml;

    #[test]
    fn flux_rule_06_a_tag_stays_where_its_digest_can_t_move() {
        let text = "a: {tag: 1.0.0, digest: old}\nb: {tag: 1.0.0, digest: old}\n";
        let stream = yaml::parse(text.as_bytes());
        let root = stream.roots().next().unwrap().1;
        let site = |route: &str| yaml::site("a.yaml", 0, root, &route.parse().unwrap()).unwrap();
        let both = |name: &str| UpdateSite {
            site: site(&format!("{name}.tag")),
            from: "1.0.0".to_owned(),
            to: "2.0.0".to_owned(),
            digest: Some(Box::new(DigestMove { site: site(&format!("{name}.digest")), to: "new".to_owned() })),
        };
        let (first, second) = (both("a"), both("b"));
        let (edited, refused) = edit_file("a.yaml", text.as_bytes().to_vec(), &[&first, &second]);
        assert_eq!(edited.unwrap().after, text.replace("1.0.0", "2.0.0").replace("old", "new").as_bytes());
        assert!(refused.is_empty());
        let now = text.replacen("old", "odd", 1);
        let (edited, refused) = edit_file("a.yaml", now.as_bytes().to_vec(), &[&first, &second]);
        let after = "a: {tag: 1.0.0, digest: odd}\nb: {tag: 2.0.0, digest: new}\n";
        assert_eq!(edited.unwrap().after, after.as_bytes());
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].site, first);
    }
}
