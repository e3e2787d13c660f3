//! What to do about one branch: a value, carried out by the engine, shown by `scan` and `report` mode.

use crate::model::Reason;

/// One decision. Every wanted update and every pull request or branch of ours gets exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The branch it is about.
    pub branch: String,
    /// Index into the wanted updates; nothing where the branch belongs to none.
    pub wanted: Option<usize>,
    /// The pull request it is about, ours or the one that stands in the way.
    pub pull: Option<PullLink>,
    /// What to do.
    pub verb: Verb,
}

impl Action {
    /// The reason that the releases of the update show instead of their own, where there is one. A wanted update's pull
    /// request is closed for one thing alone: its target is a version that a person has closed, and the open one is of
    /// another.
    pub fn row(&self) -> Option<Reason> {
        self.wanted?;
        let verb = match &self.verb {
            Verb::Defer { instead, .. } => instead,
            verb => verb,
        };
        match verb {
            Verb::Leave(why) => why.row(),
            Verb::Close { .. } => Some(Reason::ClosedByPerson),
            _ => None,
        }
    }

    /// Whether the pull request is the one to be closed, and not the one that stands in the way.
    pub fn ends_pull(&self) -> bool {
        match &self.verb {
            Verb::Defer { instead, .. } => matches!(**instead, Verb::Close { .. }),
            verb => matches!(verb, Verb::Close { .. }),
        }
    }
}

/// A pull request to point to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullLink {
    /// Its number.
    pub number: u64,
    /// Its page.
    pub url: String,
}

/// The head that a branch must still have when it is moved: nobody's push is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lease {
    /// The branch must not exist.
    Absent,
    /// The branch must be at this commit.
    At(String),
}

/// What to do. The order of writes within each is the order of its sentence; see the module's table of crashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Move the branch to one commit on the base's head (where `push` says so), open the pull request with the *fresh*
    /// body, add labels, assignees, reviewers, then write the settled body.
    Open {
        /// How to move the branch; nothing where it holds the wanted content already.
        push: Option<Lease>,
    },
    /// A newer (or other) target: move the branch to one commit on the base's head, then write title and body.
    UpdateInPlace {
        /// What the branch must be at.
        push: Lease,
    },
    /// Same target, new commit on the base's head, then title and body where they differ.
    Rebuild {
        /// What the branch must be at.
        push: Lease,
        /// Why.
        why: RebuildReason,
    },
    /// Title and body only.
    RefreshText,
    /// A crash left an open pull request whose labels, assignees and reviewers were never set: set them, then write the
    /// settled body.
    FinishOpening,
    /// Close with the reason (a comment, then body and state in one request), then delete the branch where `delete`
    /// names the head it must still have.
    Close {
        /// Why.
        reason: CloseReason,
        /// Head of the branch to delete; nothing where a person's commits are on it or it is gone.
        delete: Option<String>,
    },
    /// Delete a branch that no open pull request needs.
    DeleteBranch {
        /// What it must be at.
        head: String,
        /// Why.
        reason: DeleteReason,
    },
    /// Nothing.
    Leave(LeaveReason),
    /// Something, but not now.
    Defer {
        /// Why not now.
        why: DeferReason,
        /// What it would be.
        instead: Box<Verb>,
    },
}

impl Verb {
    /// The word in reports and metric labels.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::UpdateInPlace { .. } => "update",
            Self::Rebuild { .. } => "rebuild",
            Self::RefreshText => "refresh-text",
            Self::FinishOpening => "finish-opening",
            Self::Close { .. } => "close",
            Self::DeleteBranch { .. } => "delete-branch",
            Self::Leave(_) => "leave",
            Self::Defer { .. } => "defer",
        }
    }

    /// Whether carrying it out writes anything.
    pub fn writes(&self) -> bool {
        !matches!(self, Self::Leave(_) | Self::Defer { .. })
    }
}

/// Why a branch is made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebuildReason {
    /// It conflicts with the base.
    Conflict,
    /// A file that it edits changed on the base, or the branch does not hold what it should.
    FileChanged,
    /// Protection demands an up-to-date branch, and it is behind.
    Behind,
}

impl RebuildReason {
    /// The word in reports.
    pub fn code(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::FileChanged => "file-changed",
            Self::Behind => "behind",
        }
    }
}

/// Why one of our pull requests is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// Nothing wants it any more: the base has the version, the release is gone, policy changed.
    Obsolete,
}

impl CloseReason {
    /// The word in the marker and in reports.
    pub fn code(self) -> &'static str {
        match self {
            Self::Obsolete => "obsolete",
        }
    }
}

/// Why a branch is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteReason {
    /// Its pull request was merged.
    Merged,
    /// We closed its pull request, and a crash kept the branch.
    Closed,
    /// It never got a pull request, and nothing wants it any more.
    Obsolete,
}

impl DeleteReason {
    /// The word in reports.
    pub fn code(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Closed => "closed",
            Self::Obsolete => "obsolete",
        }
    }
}

/// Why nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveReason {
    /// The pull request is as it should be.
    AsWanted,
    /// A person's commits are on the branch.
    PersonsCommits,
    /// A person closed the pull request for this version.
    ClosedByPerson,
    /// Somebody else's open pull request proposes the same or more.
    ProposedElsewhere,
    /// Another author's pull request is on a branch of this name.
    BranchTaken,
    /// The branch exists, without a pull request of ours, with commits that are not ours.
    ForeignBranch,
    /// The branch's history could not be read.
    BranchUnknown,
    /// A branch of our prefix that holds nothing of ours.
    NotOurs,
    /// Our pull request for this version was merged minutes ago; the base will show it once it is fetched.
    JustMerged,
    /// Nothing wants it, but this pass could not read all that might: a failed look closes nothing.
    Unsure,
}

impl LeaveReason {
    /// The word in reports and metric labels.
    pub fn code(self) -> &'static str {
        match self {
            Self::AsWanted => "as-wanted",
            Self::PersonsCommits => "persons-commits",
            Self::ClosedByPerson => "closed-by-person",
            Self::ProposedElsewhere => "proposed-elsewhere",
            Self::BranchTaken => "branch-taken",
            Self::ForeignBranch => "foreign-branch",
            Self::BranchUnknown => "branch-unknown",
            Self::NotOurs => "not-ours",
            Self::JustMerged => "just-merged",
            Self::Unsure => "unsure",
        }
    }

    /// The reason that the releases of the update show, where it is one of theirs.
    pub fn row(self) -> Option<Reason> {
        match self {
            Self::ClosedByPerson => Some(Reason::ClosedByPerson),
            Self::ProposedElsewhere => Some(Reason::ProposedElsewhere),
            _ => None,
        }
    }
}

/// Why something waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeferReason {
    /// `limits.openPullRequests` are open.
    OpenLimit,
    /// `limits.perHour` were opened within the last hour.
    HourlyLimit,
    /// Somebody else's pull requests could not all be read: they may propose the same.
    ElsewhereUnknown,
    /// Writes are not allowed at this time.
    OutsideSchedule,
    /// `paused: true`.
    Paused,
    /// `mode: report`.
    ReportMode,
}

impl DeferReason {
    /// The word in reports and metric labels.
    pub fn code(self) -> &'static str {
        match self {
            Self::OpenLimit => "open-limit",
            Self::HourlyLimit => "hourly-limit",
            Self::ElsewhereUnknown => "elsewhere-unknown",
            Self::OutsideSchedule => "outside-schedule",
            Self::Paused => "paused",
            Self::ReportMode => "report-mode",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, CloseReason, DeferReason, LeaveReason, Verb};
    use crate::model::Reason;

    #[test]
    fn a_wanted_update_whose_pull_request_ends_shows_the_persons_close_also_while_that_waits() {
        let close = || Verb::Close { reason: CloseReason::Obsolete, delete: None };
        let wait = |verb| Verb::Defer { why: DeferReason::Paused, instead: Box::new(verb) };
        let action = |wanted, verb| Action { branch: "davit/web".to_owned(), wanted, pull: None, verb };
        for (action, reason, ends) in [
            (action(Some(0), close()), Some(Reason::ClosedByPerson), true),
            (action(Some(0), wait(close())), Some(Reason::ClosedByPerson), true),
            (action(None, close()), None, true),
            (action(Some(0), Verb::Leave(LeaveReason::ProposedElsewhere)), Some(Reason::ProposedElsewhere), false),
            (action(Some(0), wait(Verb::RefreshText)), None, false),
            (action(Some(0), Verb::Leave(LeaveReason::AsWanted)), None, false),
        ] {
            assert_eq!((action.row(), action.ends_pull()), (reason, ends), "{action:?}");
        }
    }
}
