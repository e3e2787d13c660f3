//! What one pass made for its pull requests, for the next one: edited files, texts, branches as they were read. Each
//! thing is kept beside everything it was made from and given back for exactly that, so that memory has no say in any
//! decision. What failed is never kept.

use super::edits::{Edited, Refused};
use super::report::{Findings, Row};
use crate::config::PullRequests;
use crate::model::{Candidate, Lookup, Update, UpdateSite};
use crate::policy::Effective;
use crate::proposal::{OurBranch, PullLink, Signatures, Text};
use crate::world::git::Oid;
use jiff::Timestamp;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of edited files that one repository keeps; beyond, files are edited anew in each pass.
const EDITED: usize = 16 << 20;

/// One repository's drafts between two passes.
#[derive(Debug, Default)]
pub(super) struct Drafts(Mutex<Book>);

impl Drafts {
    /// For one pass; what it does not [`Drafts::keep`] is forgotten.
    pub fn open(&self) -> Book {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps what the pass used, and nothing else.
    pub fn keep(&self, mut book: Book) {
        book.turn();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = book;
    }

    /// Forgets everything.
    pub fn clear(&self) {
        drop(self.open());
    }
}

/// What became of one file: the file edited, where one site at least could be, and the sites that refused.
pub(super) type EditedFile = (Option<Arc<Edited>>, Arc<Vec<Refused>>);

/// The drafts of the last pass, and those of this one.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// By update and path: the file edited, and the sites that refused.
    pub edits: Pages<(String, String), EditOf, EditedFile>,
    /// By update.
    pub texts: Pages<String, TextOf, Text>,
    /// By source and version: what a closer look said, and when.
    pub details: Pages<(Lookup, String), (), (Timestamp, Candidate)>,
    /// By name.
    pub branches: Pages<String, BranchOf, OurBranch>,
    /// Who else proposes what: one page.
    pub elsewhere: Pages<(), ElsewhereOf, HashMap<usize, PullLink>>,
    /// Bytes of the edited files of this pass.
    edited: usize,
}

impl Book {
    fn turn(&mut self) {
        self.edits.turn();
        self.texts.turn();
        self.details.turn();
        self.branches.turn();
        self.elsewhere.turn();
        self.edited = 0;
    }

    /// Keeps an edit, while there is room.
    pub fn keep_edit(&mut self, key: (String, String), of: EditOf, made: EditedFile) {
        self.edited += made.0.as_ref().map_or(0, |edited| edited.before.len() + edited.after.len());
        if self.edited <= EDITED {
            self.edits.keep(key, of, made);
        }
    }
}

/// Things by name, each with what it was made from.
#[derive(Debug)]
pub(super) struct Pages<K, I, O> {
    last: HashMap<K, (I, O)>,
    next: HashMap<K, (I, O)>,
}

impl<K, I, O> Default for Pages<K, I, O> {
    fn default() -> Self {
        Self { last: HashMap::new(), next: HashMap::new() }
    }
}

impl<K: Eq + Hash, I: PartialEq, O: Clone> Pages<K, I, O> {
    /// What was made of exactly this, if that is known.
    pub fn get(&self, key: &K, of: &I) -> Option<O> {
        let (known, made) = self.next.get(key).or_else(|| self.last.get(key))?;
        (known == of).then(|| made.clone())
    }

    /// For the next pass.
    pub fn keep(&mut self, key: K, of: I, made: O) {
        self.next.insert(key, (of, made));
    }

    fn turn(&mut self) {
        self.last = std::mem::take(&mut self.next);
    }
}

/// A file is edited by these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EditOf {
    pub blob: Oid,
    pub sites: Vec<UpdateSite>,
}

/// A text is made of these, and of the configuration.
#[derive(Debug, Clone)]
pub(super) struct TextOf {
    pub findings: Arc<Findings>,
    pub effective: Arc<Vec<Arc<Effective>>>,
    /// The update's number in the findings.
    pub number: usize,
    pub in_use: Vec<Candidate>,
    pub settings: Arc<PullRequests>,
    /// Where links lead.
    pub web: Option<String>,
    /// Version of Kubernetes, as it is written.
    pub kube_version: Option<String>,
}

impl TextOf {
    fn update(&self) -> Option<&Update> {
        self.findings.updates.get(self.number)
    }

    /// The consumers: their numbers may move when other releases come and go.
    fn consumers(&self) -> impl Iterator<Item = (Option<&Row>, Option<&Effective>)> {
        let numbers = self.update().map(|update| update.releases.as_slice()).unwrap_or_default();
        numbers.iter().map(|number| {
            (self.findings.rows.get(*number).map(Arc::as_ref), self.effective.get(*number).map(Arc::as_ref))
        })
    }
}

impl PartialEq for TextOf {
    fn eq(&self, other: &Self) -> bool {
        let alike = |a: &Update, b: &Update| {
            (&a.key, &a.chart, &a.lookup, &a.target) == (&b.key, &b.chart, &b.lookup, &b.target)
                && (&a.branch, &a.group, a.bump, &a.sites) == (&b.branch, &b.group, b.bump, &b.sites)
                && a.consumers == b.consumers
                && a.releases.len() == b.releases.len()
        };
        let consumers = || {
            self.consumers().zip(other.consumers()).all(|((row, effective), (other_row, other_effective))| {
                let same = |a: &Row, b: &Row| a.release == b.release && a.witness == b.witness;
                let rows = match (row, other_row) {
                    (Some(row), Some(other)) => same(row, other),
                    (row, other) => row.is_none() && other.is_none(),
                };
                rows && effective == other_effective
            })
        };
        self.update().zip(other.update()).is_some_and(|(a, b)| alike(a, b))
            && self.in_use == other.in_use
            && self.kube_version == other.kube_version
            && self.settings == other.settings
            && self.web == other.web
            && consumers()
    }
}

/// A branch is read against these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BranchOf {
    pub head: Oid,
    pub base: Oid,
    pub wanted: Option<Vec<Arc<Edited>>>,
    pub signatures: Signatures,
}

/// What others propose is read from these.
#[derive(Debug, Clone)]
pub(super) struct ElsewhereOf {
    pub base: Oid,
    pub findings: Arc<Findings>,
    /// Other people's open pull requests: number, page, head.
    pub pulls: Vec<(u64, String, Option<Oid>)>,
}

impl PartialEq for ElsewhereOf {
    fn eq(&self, other: &Self) -> bool {
        let updates = Arc::ptr_eq(&self.findings, &other.findings) || self.findings.updates == other.findings.updates;
        self.base == other.base && self.pulls == other.pulls && updates
    }
}

#[cfg(test)]
#[path = "drafts_tests.rs"]
mod tests;
