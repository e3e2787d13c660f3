//! From updates to what should stand in pull requests: the edited files and the text. Decides nothing about what is
//! there already.

use super::act::Prepared;
use super::drafts::{Book, EditOf, EditedFile, TextOf};
use super::edits;
use super::judge::is_installed;
use super::look::Look;
use super::offers;
use super::recollection::JUDGED;
use super::report::Finding;
use crate::config::RepositorySettings;
use crate::model::{Candidate, LiveState, Problem, Release, Schedule, Update, UpdateSite, Witness};
use crate::policy::Effective;
use crate::proposal::{self, Context, PullLink, Style, Text, Wanted};
use crate::world::git::{Oid, Repository};
use crate::world::registry::Registry;
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Every site's file was read within this limit before.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;
/// Files of one update that are in memory at once before they are edited.
const READ_AT_ONCE: usize = 64;

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
    pub async fn prepare(
        &self,
        elsewhere: &HashMap<usize, PullLink>,
        book: &mut Book,
    ) -> (Vec<Prepared>, Vec<Finding>) {
        let releases: Vec<&Release> = self.found.findings.rows.iter().map(|row| row.release.as_ref()).collect();
        let settings = Arc::new(self.settings.pull_requests.clone());
        let mut prepared = Vec::new();
        let mut problems = Vec::new();
        for (number, (update, edits)) in self.found.findings.updates.iter().zip(self.edit(book).await).enumerate() {
            let mut files = Vec::new();
            for (path, edit) in edits {
                match edit {
                    Ok((edited, refused)) => {
                        files.extend(edited);
                        problems.extend(refused.iter().map(|r| Finding {
                            file: Some(r.site.site.file.to_string()),
                            line: Some(r.site.site.line),
                            problem: r.problem.clone(),
                        }));
                    }
                    Err(problem) => problems.push(Finding { file: Some(path), line: None, problem }),
                }
            }
            if files.is_empty() {
                continue;
            }
            let of = TextOf {
                findings: self.found.findings.clone(),
                effective: self.found.effective.clone(),
                number,
                in_use: self.in_use(update, book).await,
                settings: settings.clone(),
                web: self.web.clone(),
                kube_version: self.found.kube.version.as_ref().map(|version| version.text().to_owned()),
            };
            let text = book.texts.get(&update.key, &of).unwrap_or_else(|| self.text(update, &releases, &of.in_use));
            book.texts.keep(update.key.clone(), of, text.clone());
            let windows = self.windows(update);
            let wanted = self.wanted(update, text, elsewhere.get(&number).cloned(), &windows);
            prepared.push(Prepared { wanted, files, windows });
        }
        (prepared, problems)
    }

    /// For each update its files, edited now or in an earlier pass.
    async fn edit(&self, book: &mut Book) -> Vec<Vec<(String, Result<EditedFile, Problem>)>> {
        let updates = &self.found.findings.updates;
        let all: Vec<_> = updates.iter().map(|update| edits::by_file(&update.sites)).collect();
        let paths: BTreeSet<&str> = all.iter().flat_map(|files| files.keys().copied()).collect();
        // What has no id (no regular file, a Git that fails) is read below, which says what is wrong.
        let ids = self.git.ids(self.base.1, paths.iter().map(|path| (*path).to_owned()).collect()).await;
        let ids = ids.unwrap_or_default();
        let mut edited = Vec::new();
        for (update, files) in updates.iter().zip(all) {
            let mut done: Vec<(String, Result<EditedFile, Problem>)> = Vec::new();
            let mut unread = Vec::new();
            for (path, sites) in files {
                let key = (update.key.clone(), path.to_owned());
                let sites: Vec<UpdateSite> = sites.into_iter().cloned().collect();
                let of = ids.get(path).map(|blob| EditOf { blob: *blob, sites: sites.clone() });
                match of.as_ref().and_then(|of| book.edits.get(&key, of)).zip(of.clone()) {
                    Some((made, of)) => {
                        book.keep_edit(key, of, made.clone());
                        done.push((path.to_owned(), Ok(made)));
                    }
                    None => unread.push((key, of, sites)),
                }
            }
            for part in unread.chunks(READ_AT_ONCE) {
                let paths: Vec<String> = part.iter().map(|((_, path), ..)| path.clone()).collect();
                let contents = match self.git.files(self.base.1, paths, FILE_LIMIT).await {
                    Ok(contents) => contents,
                    Err(error) => vec![Err(error); part.len()],
                };
                for ((key, of, sites), content) in part.iter().zip(contents) {
                    let path = key.1.clone();
                    let made = content.map_err(|error| error.problem()).map(|bytes| {
                        let (edited, refused) = edits::edit_file(&path, bytes, &sites.iter().collect::<Vec<_>>());
                        (edited.map(Arc::new), Arc::new(refused))
                    });
                    if let (Ok(made), Some(of)) = (&made, of) {
                        book.keep_edit(key.clone(), of.clone(), made.clone());
                    }
                    done.push((path, made));
                }
            }
            done.sort_by(|a, b| a.0.cmp(&b.0));
            edited.push(done);
        }
        edited
    }

    fn effective(&self, update: &Update) -> Vec<&Effective> {
        update.releases.iter().filter_map(|index| self.found.effective.get(*index)).map(Arc::as_ref).collect()
    }

    fn text(&self, update: &Update, releases: &[&Release], in_use: &[Candidate]) -> Text {
        let effective = self.effective(update);
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
        let witnesses: Vec<Option<&Witness>> =
            self.found.findings.rows.iter().map(|row| row.witness.as_deref()).collect();
        let unchecked = unchecked(update.releases.iter().filter_map(|index| witnesses.get(*index).copied()));
        // Named only where every release was judged by it.
        let judged = |index: &usize| {
            let release = releases.get(*index);
            release.is_some_and(|release| is_installed(release.kind) && self.found.kube.for_release(release).is_some())
        };
        let kube_version = self.found.kube.version.as_ref().filter(|_| update.releases.iter().all(judged));
        let web = self.web.as_deref();
        let context = Context { releases, in_use, web, kube_version, witnesses: &witnesses, unchecked: &unchecked };
        proposal::render(update, &context, &style)
    }

    /// The schedules of its consumers, each once: all must be open.
    fn windows(&self, update: &Update) -> Vec<Schedule> {
        let mut windows: Vec<Schedule> = Vec::new();
        for effective in self.effective(update) {
            let schedule = effective.schedule.as_ref().unwrap_or(self.schedule);
            if !windows.contains(schedule) {
                windows.push(schedule.clone());
            }
        }
        windows
    }

    fn wanted(&self, update: &Update, text: Text, elsewhere: Option<PullLink>, windows: &[Schedule]) -> Wanted {
        Wanted {
            key: update.key.clone(),
            branch: update.branch.clone(),
            target: update.target.text.clone(),
            text,
            elsewhere,
            in_schedule: windows.iter().all(|schedule| schedule.open(self.now)),
        }
    }

    /// What the source and the archives of the versions in use say, for what changes; what can't be had is left out.
    async fn in_use(&self, update: &Update, book: &mut Book) -> Vec<Candidate> {
        let from: BTreeSet<&str> = update.sites.iter().map(|site| site.from.as_str()).collect();
        let offered = self.found.offers.get(&update.lookup).and_then(|offer| offer.as_ref().ok());
        let mut known = Vec::new();
        for text in from {
            let Some(candidate) = offered.and_then(|o| o.versions.iter().find(|c| c.text == text)) else { continue };
            if candidate.detailed && !candidate.inside.is_unopened() {
                known.push(candidate.clone());
                continue;
            }
            let key = (update.lookup.clone(), text.to_owned());
            let young = |at: Timestamp| self.now >= at && self.now.duration_since(at) < JUDGED;
            let earlier = book.details.get(&key, &()).filter(|(at, _)| young(*at));
            let opened = if earlier.is_some() {
                earlier
            } else {
                let round = self.registry.round_with([&update.lookup], self.found.grants.clone());
                let opened = offers::opened(&round, &update.lookup, candidate.clone()).await;
                opened.ok().map(|opened| (self.now, opened))
            };
            match opened {
                Some((at, opened)) => {
                    known.push(opened.clone());
                    book.details.keep(key, (), (at, opened));
                }
                None => known.push(candidate.clone()),
            }
        }
        known
    }
}

/// Whether the cluster runs what Git says, as far as that is not known.
fn unchecked<'a>(witnesses: impl Iterator<Item = Option<&'a Witness>>) -> Vec<String> {
    let mut not_asked = false;
    let mut unknown = BTreeSet::new();
    for witness in witnesses {
        match witness.and_then(|witness| witness.live.as_ref()) {
            None => not_asked = true,
            Some(live) if live.state == LiveState::Unknown => {
                unknown.insert(format!("Whether the cluster runs what Git says: {}", live.message));
            }
            Some(_) => {}
        }
    }
    let asked = not_asked.then(|| "The cluster was not asked: whether it runs what Git says is not known.".to_owned());
    asked.into_iter().chain(unknown).collect()
}

/// Everything that any consumer's rules ask for; the general setting where one has no rule.
fn union<'a>(general: &[String], rules: impl Iterator<Item = Option<&'a Vec<String>>>) -> Vec<String> {
    let mut all = BTreeSet::new();
    for rule in rules {
        all.extend(rule.map_or(general, Vec::as_slice).iter().cloned());
    }
    all.into_iter().collect()
}
