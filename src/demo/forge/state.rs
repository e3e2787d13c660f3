//! What the forge remembers beside its bare repositories. Heads, commits, files and mergeability are read from the
//! repositories at every request, so that a push by path is seen like any other.

use super::bare;
use git2::{Oid, Repository};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What an account may do in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// See it.
    Read,
    /// Push, label, merge.
    Write,
    /// Branch protection too.
    Admin,
}

/// Rules of a protected branch.
#[derive(Debug, Clone, Default)]
pub struct Protection {
    /// Contexts that must succeed before a merge.
    pub contexts: Vec<String>,
    /// A pull request must be up to date with its base.
    pub strict: bool,
    /// Approvals that a pull request needs.
    pub approvals: usize,
    /// Nobody may push to it directly; true for all protections that name a pull request.
    pub pull_request_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) login: String,
    /// An installation's token, with its end.
    pub(super) expires: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) id: u64,
    pub(super) slug: String,
    pub(super) installation: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) color: String,
    pub(super) description: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) pull: u64,
    pub(super) author: String,
    pub(super) body: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct Review {
    pub(super) id: u64,
    pub(super) author: String,
    pub(super) state: &'static str,
    pub(super) body: String,
    pub(super) commit: Oid,
    pub(super) at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: u64,
    pub(super) kind: &'static str,
    pub(super) actor: Option<String>,
    pub(super) at: Timestamp,
    /// Label, assignee or reviewer.
    pub(super) subject: Option<String>,
    pub(super) commit: Option<Oid>,
}

#[derive(Debug, Clone)]
pub(super) struct CommitStatus {
    pub(super) id: u64,
    pub(super) sha: String,
    pub(super) state: String,
    pub(super) context: String,
    pub(super) description: Option<String>,
    pub(super) target_url: Option<String>,
    pub(super) creator: String,
    pub(super) at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct Merged {
    pub(super) by: Option<String>,
    pub(super) at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct Pull {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: Option<String>,
    pub(super) author: String,
    /// Owner of the head repository; not the base's owner for a fork.
    pub(super) head_owner: String,
    pub(super) head_ref: String,
    pub(super) base_ref: String,
    pub(super) head: Oid,
    /// The base's tip when the head last moved: GitHub lags here too.
    pub(super) base: Oid,
    /// The base's tip at the last look, to notice a merge by push.
    pub(super) base_seen: Oid,
    pub(super) open: bool,
    pub(super) draft: bool,
    pub(super) maintainer_can_modify: bool,
    pub(super) merged: Option<Merged>,
    pub(super) merge_commit: Option<Oid>,
    pub(super) closed_by: Option<String>,
    pub(super) closed: Option<Timestamp>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) labels: Vec<String>,
    pub(super) assignees: Vec<String>,
    pub(super) reviewers: Vec<String>,
    pub(super) teams: Vec<String>,
    pub(super) reviews: Vec<Review>,
    pub(super) events: Vec<Event>,
    /// Head and base at which mergeability was computed last (see [`Repo::lazy_mergeability`]).
    pub(super) judged: Option<(Oid, Oid)>,
}

impl Pull {
    /// Where the head lies in the bare repository.
    pub(super) fn head_name(&self, owner: &str) -> String {
        head_name(owner, &self.head_owner, &self.head_ref)
    }
}

/// Where a head lies in the bare repository: forks are kept out of `refs/heads/`.
pub(super) fn head_name(owner: &str, head_owner: &str, branch: &str) -> String {
    if owner.eq_ignore_ascii_case(head_owner) {
        format!("refs/heads/{branch}")
    } else {
        format!("refs/forks/{head_owner}/{branch}")
    }
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that GitHub has")]
pub(super) struct Repo {
    pub(super) id: u64,
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) git: PathBuf,
    pub(super) default_branch: String,
    pub(super) private: bool,
    pub(super) roles: BTreeMap<String, Role>,
    pub(super) labels: Vec<Label>,
    pub(super) pulls: BTreeMap<u64, Pull>,
    pub(super) comments: Vec<Comment>,
    pub(super) statuses: Vec<CommitStatus>,
    pub(super) protections: BTreeMap<String, Protection>,
    pub(super) delete_branch_on_merge: bool,
    /// The first look at a pull request after a change says `mergeable: null`, as GitHub does.
    pub(super) lazy_mergeability: bool,
    /// It can be read, and nothing else.
    pub(super) archived: bool,
    /// The plan has drafts.
    pub(super) drafts: bool,
    /// Slugs of the teams that may review.
    pub(super) teams: BTreeSet<String>,
    /// Commits that the forge signed.
    pub(super) signed: BTreeSet<String>,
    pub(super) created: Timestamp,
}

impl Repo {
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(super) fn open(&self) -> Result<Repository, git2::Error> {
        bare::open(&self.git)
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) url: String,
    pub(super) clock: Option<Timestamp>,
    pub(super) last_id: u64,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) app: Option<App>,
    pub(super) repos: BTreeMap<String, Repo>,
    /// Old names of repositories, and what they are called now.
    pub(super) renamed: BTreeMap<String, String>,
    pub(super) used: u64,
    /// Where addresses end, where it is not as on github.com.
    pub(super) mail_host: Option<String>,
}

impl State {
    pub(super) fn mail_host(&self) -> &str {
        self.mail_host.as_deref().unwrap_or("github.com")
    }

    pub(super) fn now(&self) -> Timestamp {
        let now = self.clock.unwrap_or_else(Timestamp::now);
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        1000 + self.last_id
    }

    /// Looks at a repository's references, as GitHub does after a push: heads move, pull requests close or are merged.
    pub(super) fn refresh(&mut self, key: &str) -> Result<(), git2::Error> {
        let now = self.now();
        let mut last_id = self.last_id;
        let Some(repo) = self.repos.get_mut(key) else { return Ok(()) };
        let git = repo.open()?;
        for pull in repo.pulls.values_mut().filter(|pull| pull.open) {
            last_id += 1;
            look(&git, &repo.owner, pull, now, 1000 + last_id)?;
        }
        self.last_id = last_id;
        Ok(())
    }
}

/// One pull request against the references as they are.
fn look(git: &Repository, owner: &str, pull: &mut Pull, now: Timestamp, id: u64) -> Result<(), git2::Error> {
    let base = bare::tip(git, &format!("refs/heads/{}", pull.base_ref));
    let head = bare::tip(git, &pull.head_name(owner));
    let event = |kind, commit| Event { id, kind, actor: None, at: now, subject: None, commit };
    let close = |pull: &mut Pull, kind, commit| {
        pull.events.push(event(kind, commit));
        (pull.open, pull.closed, pull.updated) = (false, Some(now), now);
    };
    if let Some(base) = base.filter(|base| *base != pull.base_seen) {
        pull.base_seen = base;
        if bare::holds(git, base, pull.head) && head.is_none_or(|head| head == pull.head) {
            pull.merged = Some(Merged { by: None, at: now });
            pull.merge_commit = Some(base);
            close(pull, "merged", Some(base));
            return Ok(());
        }
    }
    let (Some(head), Some(base)) = (head, base) else {
        close(pull, "closed", None);
        return Ok(());
    };
    if head != pull.head {
        if !bare::holds(git, head, pull.head) {
            pull.events.push(event("head_ref_force_pushed", Some(head)));
        }
        (pull.head, pull.base, pull.updated) = (head, base, now);
        git.reference(&format!("refs/pull/{}/head", pull.number), head, true, "push")?;
        if bare::holds(git, base, head) {
            close(pull, "closed", None);
        }
    }
    Ok(())
}
