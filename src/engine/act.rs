//! Carries out what was decided; chooses nothing. One failed action never stops its neighbours, and each can be
//! repeated: the order of the writes within one, and what a crash between them leaves, is in [`crate::proposal`].

use super::edits::Edited;
use super::report::{Deed, DeedKind, Outcome};
use crate::config::CommitVia;
use crate::model::Schedule;
use crate::proposal::{
    self, Action, CloseReason, DeferReason, DeleteReason, Lease, LeaveReason, PullRequest, Stage, Verb, Wanted,
};
use crate::world::forge::{FileChange, Forge, ForgeError, NewCommit, NewPullRequest, TextChange};
use crate::world::git::{Change, Committed, Oid, Repository};
use crate::world::store::StoreHandle;
use jiff::Timestamp;
use std::sync::Arc;

/// Knows our closing comment again.
const CLOSE_MARKER: &str = "<!-- davit:closed -->";

/// What actions are carried out with.
pub(super) struct Hands<'a> {
    /// The bare repository.
    pub repository: &'a Repository,
    /// The forge.
    pub forge: &'a dyn Forge,
    /// Remembers openings, for `limits.perHour`.
    pub store: &'a StoreHandle,
    /// Name of the repository in the configuration.
    pub name: &'a str,
    /// How commits come to be.
    pub commit_via: CommitVia,
    /// The base branch and its head.
    pub base: (&'a str, Oid),
    /// The time.
    pub now: Timestamp,
}

/// An update that should have a pull request, with the files that it changes.
pub(super) struct Prepared {
    /// For the decision.
    pub wanted: Wanted,
    /// The files before and after.
    pub files: Vec<Arc<Edited>>,
    /// When it may be written: all must be open.
    pub windows: Vec<Schedule>,
}

impl Prepared {
    /// Whether it may be written now: a pass takes a while, and a window may have closed meanwhile.
    pub fn open(&self, now: Timestamp) -> bool {
        self.windows.iter().all(|schedule| schedule.open(now))
    }
}

/// Why an action ended early.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Forge(#[from] ForgeError),
    #[error(transparent)]
    Git(#[from] crate::world::git::GitError),
    #[error("opened #{number}, but {source}; the next pass finishes it")]
    Half { number: u64, source: ForgeError },
    #[error("{0}")]
    Bug(&'static str),
}

impl Hands<'_> {
    /// Carries out one action.
    pub async fn act(&self, action: &Action, prepared: &[Prepared], pulls: &[PullRequest]) -> Deed {
        let wanted = action.wanted.and_then(|index| prepared.get(index));
        let pull = action.pull.as_ref().and_then(|link| pulls.iter().find(|p| p.number == link.number));
        let number = action.pull.as_ref().map(|link| link.number);
        let deed = |kind, outcome, number, message: String| Deed {
            kind,
            outcome,
            branch: action.branch.clone(),
            number,
            message,
        };
        match self.carry_out(action, wanted, pull).await {
            Ok(Some((number, message))) => deed(kind(&action.verb), Outcome::Done, number, message),
            Ok(None) => deed(kind(&action.verb), Outcome::Held, number, held(action)),
            Err(failed) => {
                let message = failed.to_string();
                tracing::error!(branch = %action.branch, action = action.verb.code(), error = %message, "an action failed");
                let number = if let Failed::Half { number, .. } = failed { Some(number) } else { number };
                deed(kind(&action.verb), Outcome::Failed, number, message)
            }
        }
    }

    /// The pull request's number and what was done; nothing for what is left or put off.
    async fn carry_out(
        &self,
        action: &Action,
        wanted: Option<&Prepared>,
        pull: Option<&PullRequest>,
    ) -> Result<Option<(Option<u64>, String)>, Failed> {
        let need = || wanted.ok_or(Failed::Bug("the update of an action is gone: a bug, please report it"));
        let on = || pull.ok_or(Failed::Bug("the pull request of an action is gone: a bug, please report it"));
        let done = match &action.verb {
            Verb::Open { push } => self.open(need()?, push.as_ref()).await?,
            Verb::UpdateInPlace { push } => {
                let (prepared, pull) = (need()?, on()?);
                self.push(prepared, push).await?;
                self.write(&prepared.wanted, pull, Stage::Same).await?;
                (Some(pull.number), format!("moved #{} to {}", pull.number, prepared.wanted.target))
            }
            Verb::Rebuild { push, why } => {
                let (prepared, pull) = (need()?, on()?);
                self.push(prepared, push).await?;
                self.write(&prepared.wanted, pull, Stage::Same).await?;
                (Some(pull.number), format!("rebuilt #{} on the base ({})", pull.number, why.code()))
            }
            Verb::RefreshText => {
                let (prepared, pull) = (need()?, on()?);
                self.write(&prepared.wanted, pull, Stage::Same).await?;
                (Some(pull.number), format!("wrote the text of #{} anew", pull.number))
            }
            Verb::FinishOpening => {
                let (prepared, pull) = (need()?, on()?);
                let note = self.dress(&prepared.wanted, pull).await?;
                (Some(pull.number), format!("finished opening #{}{note}", pull.number))
            }
            Verb::Close { reason, delete } => self.close(action, on()?, *reason, delete.as_deref()).await?,
            Verb::DeleteBranch { head, reason } => {
                self.delete(&action.branch, head).await?;
                (None, format!("deleted the branch: {}", deleted(*reason)))
            }
            Verb::Leave(_) | Verb::Defer { .. } => return Ok(None),
        };
        Ok(Some(done))
    }

    async fn open(&self, prepared: &Prepared, push: Option<&Lease>) -> Result<(Option<u64>, String), Failed> {
        if let Some(lease) = push {
            self.push(prepared, lease).await?;
        }
        let wanted = &prepared.wanted;
        let new = NewPullRequest {
            title: wanted.text.title.clone(),
            body: proposal::body_to_write(wanted, "", Stage::Fresh),
            head: wanted.branch.clone(),
            base: self.base.0.to_owned(),
            draft: wanted.text.draft,
        };
        let opened = self.forge.open(&new).await?;
        let number = opened.pull.number;
        if let Err(error) = self.store.opened(self.name.to_owned(), self.now).await {
            tracing::warn!(pull = number, %error, "the opening can't be remembered; the forge's own dates count");
        }
        let note = match self.dress(wanted, &opened.pull).await {
            Err(Failed::Forge(source)) => return Err(Failed::Half { number, source }),
            other => other?,
        };
        let verb = if opened.adopted { "adopted" } else { "opened" };
        Ok((Some(number), format!("{verb} #{number}: {}{note}", wanted.text.title)))
    }

    /// Labels, assignees and reviewers, then the settled text. A name that the forge refuses is said and not tried
    /// again; any other failure leaves the text fresh, and the next pass finishes.
    async fn dress(&self, wanted: &Wanted, pull: &PullRequest) -> Result<String, Failed> {
        let (number, text) = (pull.number, &wanted.text);
        let mut notes = Vec::new();
        let mut keep = |what: &str, result: Result<(), ForgeError>| match result {
            Err(error @ (ForgeError::Validation { .. } | ForgeError::NotFound { .. })) => {
                tracing::warn!(pull = number, %error, "{what} were refused");
                notes.push(format!("{what} were refused: {}", error.detail()));
                Ok(())
            }
            other => other,
        };
        if !text.labels.is_empty() {
            keep("labels", self.forge.add_labels(number, &text.labels).await)?;
        }
        if !text.assignees.is_empty() {
            keep("assignees", self.forge.add_assignees(number, &text.assignees).await)?;
        }
        if !text.reviewers.is_empty() {
            let asked = self.forge.request_reviewers(number, &text.reviewers).await;
            // An App without access to the organisation's members may never ask a team: that is no passing fault.
            let asked = match asked {
                Err(ForgeError::Forbidden { what, message, permission }) => {
                    let message = format!("{message} (the credentials lack {permission})");
                    Err(ForgeError::Validation { what, message, errors: Vec::new() })
                }
                other => other,
            };
            keep("reviewers", asked)?;
        }
        self.write(wanted, pull, Stage::Settled).await?;
        Ok(if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) })
    }

    async fn write(&self, wanted: &Wanted, pull: &PullRequest, stage: Stage) -> Result<(), Failed> {
        let change = TextChange {
            title: (pull.title != wanted.text.title).then(|| wanted.text.title.clone()),
            body: Some(proposal::body_to_write(wanted, &pull.body, stage)),
        };
        Ok(self.forge.update(pull.number, &change).await?)
    }

    async fn close(
        &self,
        action: &Action,
        pull: &PullRequest,
        reason: CloseReason,
        delete: Option<&str>,
    ) -> Result<(Option<u64>, String), Failed> {
        let number = pull.number;
        let why = closed(reason);
        let comment =
            format!("Closed by Davit: {why}. If that is wrong, `davit explain` tells how the release resolves.");
        // The comment first: a crash between the two leaves an open pull request, and the next pass closes it.
        let note = match self.forge.comment(number, CLOSE_MARKER, &comment).await {
            Ok(()) => "",
            // A locked conversation, say: the marker in the body has the reason too.
            Err(ForgeError::Validation { .. } | ForgeError::Forbidden { .. } | ForgeError::NotFound { .. }) => {
                " (the comment was refused)"
            }
            Err(error) => return Err(error.into()),
        };
        self.forge.close(number, &proposal::body_to_close(pull, reason)).await?;
        if let Some(head) = delete {
            self.delete(&action.branch, head).await?;
        }
        Ok((Some(number), format!("closed #{number}: {why}{note}")))
    }

    /// Makes the update's commit on the base's head and moves the branch there.
    async fn push(&self, prepared: &Prepared, lease: &Lease) -> Result<(), Failed> {
        let branch = &prepared.wanted.branch;
        match self.commit_via {
            CommitVia::Git => {
                let change = Change {
                    base: self.base.1,
                    files: prepared.files.iter().map(|f| (f.path.clone(), f.after.clone())).collect(),
                    message: prepared.wanted.text.commit_message.clone(),
                    author: None,
                    time: self.now,
                };
                let Committed::New(commit) = self.repository.commit(change).await? else {
                    return Err(Failed::Bug("the edited files equal the base's: a bug, please report it"));
                };
                Ok(self.repository.push(branch, commit, expected(lease)).await?)
            }
            CommitVia::Api => {
                let commit = NewCommit {
                    parent: self.base.1.to_string(),
                    message: prepared.wanted.text.commit_message.clone(),
                    files: self.changes(&prepared.files).await?,
                };
                let sha = self.forge.create_commit(&commit).await?;
                let before = match lease {
                    Lease::Absent => None,
                    Lease::At(sha) => Some(sha.as_str()),
                };
                Ok(self.forge.move_branch(branch, before, Some(&sha)).await?)
            }
        }
    }

    async fn changes(&self, files: &[Arc<Edited>]) -> Result<Vec<FileChange>, Failed> {
        let mut changes = Vec::new();
        for file in files {
            let executable = self.repository.executable(self.base.1, &file.path).await?;
            changes.push(FileChange { path: file.path.clone(), content: file.after.clone(), executable });
        }
        Ok(changes)
    }

    async fn delete(&self, branch: &str, head: &str) -> Result<(), Failed> {
        match self.commit_via {
            CommitVia::Git => match Oid::from_str(head) {
                Ok(oid) => Ok(self.repository.delete(branch, oid).await?),
                Err(_) => Err(Failed::Bug("a branch's head is no commit id: a bug, please report it")),
            },
            CommitVia::Api => Ok(self.forge.move_branch(branch, Some(head), None).await?),
        }
    }
}

fn expected(lease: &Lease) -> Option<Oid> {
    match lease {
        Lease::Absent => None,
        Lease::At(sha) => Oid::from_str(sha).ok(),
    }
}

/// Actions that were decided but not tried: the process is to end.
pub(super) fn stopped(action: &Action) -> Deed {
    Deed {
        kind: DeedKind::Defer,
        outcome: Outcome::Held,
        branch: action.branch.clone(),
        number: action.pull.as_ref().map(|p| p.number),
        message: "put off: the process is to end".to_owned(),
    }
}

/// An action that was decided within the schedule, and came to its turn after it.
pub(super) fn late(action: &Action) -> Deed {
    let message = format!("{} waits: {}", doing(&action.verb), put_off(DeferReason::OutsideSchedule));
    Deed { message, ..stopped(action) }
}

/// An action whose answer did not come before the process had to end.
pub(super) fn cut(action: &Action) -> Deed {
    let message = "cut off: no answer came before the process had to end; the next start goes on from what is there";
    tracing::warn!(branch = %action.branch, action = action.verb.code(), "{message}");
    Deed { kind: kind(&action.verb), outcome: Outcome::Failed, message: message.to_owned(), ..stopped(action) }
}

fn kind(verb: &Verb) -> DeedKind {
    match verb {
        Verb::Open { .. } | Verb::FinishOpening => DeedKind::Open,
        Verb::UpdateInPlace { .. } | Verb::Rebuild { .. } => DeedKind::Update,
        Verb::RefreshText => DeedKind::Refresh,
        Verb::Close { .. } => DeedKind::Close,
        Verb::DeleteBranch { .. } => DeedKind::DeleteBranch,
        Verb::Leave(_) => DeedKind::Leave,
        Verb::Defer { .. } => DeedKind::Defer,
    }
}

/// What was left or put off, for a person.
fn held(action: &Action) -> String {
    let link = action.pull.as_ref().map(|p| format!(" ({})", p.url)).unwrap_or_default();
    match &action.verb {
        Verb::Leave(reason) => format!("{}{link}", left(*reason)),
        Verb::Defer { why, instead } => format!("{} waits: {}{link}", doing(instead), put_off(*why)),
        verb => verb.code().to_owned(),
    }
}

/// What waits, as a noun.
fn doing(verb: &Verb) -> &'static str {
    match verb {
        Verb::Open { .. } | Verb::FinishOpening => "the pull request",
        Verb::Close { .. } => "the close",
        Verb::DeleteBranch { .. } => "the deletion of the branch",
        _ => "the update",
    }
}

fn left(reason: LeaveReason) -> &'static str {
    match reason {
        LeaveReason::AsWanted => "as it should be",
        LeaveReason::PersonsCommits => "a person's commits are on the branch; Davit leaves it alone",
        LeaveReason::ClosedByPerson => "a person closed it for this version; a newer version is proposed again",
        LeaveReason::ProposedElsewhere => "somebody else's pull request proposes the same or more",
        LeaveReason::BranchTaken => "another author's pull request is on this branch",
        LeaveReason::ForeignBranch => "the branch holds commits that are not ours; delete or rename it",
        LeaveReason::BranchUnknown => "the branch could not be read; the next pass tries again",
        LeaveReason::NotOurs => "nothing of ours is on the branch",
        LeaveReason::JustMerged => "just merged",
        LeaveReason::Unsure => "not everything could be read; nothing is closed on a guess",
    }
}

fn put_off(reason: DeferReason) -> &'static str {
    match reason {
        DeferReason::OpenLimit => "as many are open as limits.openPullRequests allows",
        DeferReason::HourlyLimit => "as many were opened within the hour as limits.perHour allows",
        DeferReason::ElsewhereUnknown => {
            "somebody else's pull request could not be read, and may propose the same (see the pass's problems)"
        }
        DeferReason::OutsideSchedule => "outside the schedule",
        DeferReason::Paused => "paused",
        DeferReason::ReportMode => "mode is report",
    }
}

fn closed(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Obsolete => {
            "nothing wants this update any more (the base has it, or the release or the policy changed)"
        }
    }
}

fn deleted(reason: DeleteReason) -> &'static str {
    match reason {
        DeleteReason::Merged => "its pull request was merged",
        DeleteReason::Closed => "its pull request was closed by us",
        DeleteReason::Obsolete => "nothing wants it any more",
    }
}
