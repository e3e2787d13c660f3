//! From updates to what should stand in pull requests: the edited files and the text. Decides nothing about what is
//! there already.

use super::act::Prepared;
use super::edits;
use super::look::Look;
use super::report::Finding;
use crate::config::RepositorySettings;
use crate::model::{Candidate, Schedule, Update};
use crate::policy::Effective;
use crate::proposal::{self, Context, PullLink, Style, Wanted};
use crate::world::git::{Oid, Repository};
use crate::world::registry::Registry;
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Every site's file was read within this limit before.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// What proposals are made from.
pub(super) struct Proposer<'a> {
    pub git: &'a Repository,
    pub registry: &'a Arc<Registry>,
    pub found: &'a Look,
    pub settings: &'a RepositorySettings,
    pub base: (&'a str, Oid),
    pub web: Option<String>,
    pub body_template: Option<&'a str>,
    pub schedule: &'a Schedule,
    pub now: Timestamp,
}

impl Proposer<'_> {
    /// Every update with its files and text, and the sites that refused.
    pub async fn prepare(&self, elsewhere: &HashMap<usize, PullLink>) -> (Vec<Prepared>, Vec<Finding>) {
        let mut prepared = Vec::new();
        let mut problems = Vec::new();
        for (index, update) in self.found.findings.updates.iter().enumerate() {
            let mut files = Vec::new();
            for (path, sites) in edits::by_file(&update.sites) {
                match self.git.file(self.base.1, path, FILE_LIMIT).await {
                    Ok(bytes) => {
                        let (edited, refused) = edits::edit_file(path, bytes, &sites);
                        files.extend(edited);
                        problems.extend(refused.into_iter().map(|r| Finding {
                            file: Some(r.site.site.file.clone()),
                            line: Some(r.site.site.line),
                            problem: r.problem,
                        }));
                    }
                    Err(error) => {
                        let problem = error.problem();
                        problems.push(Finding { file: Some(path.to_owned()), line: None, problem });
                    }
                }
            }
            if files.is_empty() {
                continue;
            }
            let wanted = self.wanted(update, elsewhere.get(&index).cloned()).await;
            prepared.push(Prepared { wanted, files });
        }
        (prepared, problems)
    }

    async fn wanted(&self, update: &Update, elsewhere: Option<PullLink>) -> Wanted {
        let effective: Vec<&Effective> =
            update.releases.iter().filter_map(|index| self.found.effective.get(*index)).collect();
        let own = &self.settings.pull_requests;
        let labels = union(&own.labels, effective.iter().map(|e| e.labels.as_ref()));
        let assignees = union(&own.assignees, effective.iter().map(|e| e.assignees.as_ref()));
        let reviewers = union(&own.reviewers, effective.iter().map(|e| e.reviewers.as_ref()));
        let style = Style {
            title_template: own.title_template.as_deref(),
            body_template: self.body_template,
            labels: &labels,
            assignees: &assignees,
            reviewers: &reviewers,
            draft: own.draft,
        };
        let releases: Vec<_> = self.found.findings.rows.iter().map(|row| row.release.clone()).collect();
        let in_use = self.in_use(update).await;
        let context = Context {
            releases: &releases,
            in_use: &in_use,
            web: self.web.as_deref(),
            unchecked: &UNCHECKED.map(str::to_owned),
        };
        let text = proposal::render(update, &context, &style);
        Wanted {
            key: update.key.clone(),
            branch: update.branch.clone(),
            target: update.target.text.clone(),
            text,
            elsewhere,
            in_schedule: effective.iter().all(|e| e.schedule.as_ref().unwrap_or(self.schedule).open(self.now)),
        }
    }

    /// What the source says of the versions in use, for the change of `appVersion`; what can't be had is left out.
    async fn in_use(&self, update: &Update) -> Vec<Candidate> {
        let from: BTreeSet<&str> = update.sites.iter().map(|site| site.from.as_str()).collect();
        let offered = self.found.offers.get(&update.lookup).and_then(|offer| offer.as_ref().ok());
        let mut known = Vec::new();
        for text in from {
            let Some(candidate) = offered.and_then(|o| o.versions.iter().find(|c| c.text == text)) else { continue };
            if candidate.detailed {
                known.push(candidate.clone());
            } else if let Ok(detailed) = self.registry.detail(&update.lookup, text).await {
                known.push(detailed);
            }
        }
        known
    }
}

/// What no pull request of this version has looked at; said on each.
const UNCHECKED: [&str; 1] = ["The cluster was not asked: whether it runs what Git says is not known."];

/// Everything that any consumer's rules ask for; the general setting where one has no rule.
fn union<'a>(general: &[String], rules: impl Iterator<Item = Option<&'a Vec<String>>>) -> Vec<String> {
    let mut all = BTreeSet::new();
    for rule in rules {
        all.extend(rule.map_or(general, Vec::as_slice).iter().cloned());
    }
    all.into_iter().collect()
}
