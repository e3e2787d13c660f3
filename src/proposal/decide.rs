//! Wanted × existing → actions. Pure, and the same facts give the same list in the same order.
//!
//! Ours is a pull request whose head branch lies in the base repository itself, under our prefix, opened by our own
//! login. Ours is a commit that carries our author, the same (or the forge's) committer and our trailer. The marker
//! decides nothing but text, a crash's leftovers, and whose a close was.
//!
//! What a crash leaves, and how the next pass heals it:
//!
//! | crash after | left behind | the next pass |
//! |---|---|---|
//! | the push of a new branch | our branch without a pull request | `Open { push: None }`, or `DeleteBranch` where nothing wants it any more |
//! | opening | marker `fresh`, no labels | `FinishOpening` |
//! | labels, assignees or reviewers | marker `fresh`, some of them | `FinishOpening`: adding is a set operation |
//! | the settled body | nothing | `AsWanted` |
//! | the push of an update or rebuild | old text on a new commit | `RefreshText` |
//! | closing | a branch whose pull request we closed | `DeleteBranch { Closed }` |
//!
//! A person who takes a label away after the settled body is respected: `fresh` is gone, and labels are never set again.

use super::{
    Action, BranchCommit, CloseReason, DeferReason, DeleteReason, Lease, LeaveReason, Marker, Mergeable, OurBranch,
    PullLink, PullRequest, PullState, RebuildReason, Signatures, Situation, Verb, Wanted, text_differs,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// The trailer that each of our commits carries.
pub const TRAILER: &str = "Davit-Update:";
/// How long a merge may be ahead of our view of the base.
const MERGE_LAG: SignedDuration = SignedDuration::from_mins(10);

/// Decides about every wanted update, every open pull request of ours and every branch under our prefix.
/// Two wanted updates on one branch are a mistake of the caller's: the second is left with `BranchTaken`.
///
/// `existing`: all open pull requests, and the closed ones of the branches that are wanted or still there. `branches`:
/// every branch of the repository under our prefix. Leftovers come first (they free places under the limit), then the
/// wanted ones; each part by branch name.
pub fn decide(
    wanted: &[Wanted],
    existing: &[PullRequest],
    branches: &[OurBranch],
    now: Timestamp,
    situation: &Situation,
) -> Vec<Action> {
    let view = View { existing, branches, now, situation };
    let names: BTreeSet<&str> = wanted.iter().map(|w| w.branch.as_str()).collect();
    let mut actions: Vec<Action> = view
        .left_over(&names)
        .into_iter()
        .map(|branch| gate(view.decide_left_over(branch), situation, situation.in_schedule))
        .collect();
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].branch.cmp(&wanted[*b].branch).then(wanted[*a].target.cmp(&wanted[*b].target)));

    let mut places = view.places(&actions);
    let mut taken = BTreeSet::new();
    for index in order {
        let (verb, pull) = if taken.insert(wanted[index].branch.as_str()) {
            view.decide_wanted(&wanted[index])
        } else {
            (Verb::Leave(LeaveReason::BranchTaken), None)
        };
        let action = Action { branch: wanted[index].branch.clone(), wanted: Some(index), pull, verb };
        let mut action = gate(action, situation, wanted[index].in_schedule);
        if matches!(action.verb, Verb::Open { .. })
            && let Err(why) = places.take()
        {
            action.verb = Verb::Defer { why, instead: Box::new(action.verb) };
        }
        actions.push(action);
    }
    actions
}

/// Whether a commit is Davit's own, or nobody's (the base merged into the branch). Who amends a commit of ours keeps its
/// author and becomes its committer: the account's owner, whose token we use, is a person as any other.
pub fn is_ours(commit: &BranchCommit, signatures: &Signatures) -> bool {
    let among = |emails: &[String], email: &str| emails.iter().any(|own| own.eq_ignore_ascii_case(email));
    let untouched = commit.author_email.eq_ignore_ascii_case(&commit.committer_email) && !commit.retouched;
    commit.merge_of_base
        || (among(&signatures.authors, &commit.author_email)
            && (untouched || among(&signatures.forge, &commit.committer_email))
            && commit.message.lines().any(|line| line.starts_with(TRAILER)))
}

fn gate(mut action: Action, situation: &Situation, in_schedule: bool) -> Action {
    let why = if situation.report {
        DeferReason::ReportMode
    } else if situation.paused {
        DeferReason::Paused
    } else if !in_schedule {
        DeferReason::OutsideSchedule
    } else {
        return action;
    };
    if action.verb.writes() {
        action.verb = Verb::Defer { why, instead: Box::new(action.verb) };
    }
    action
}

/// What is left of the limits.
struct Places {
    open: usize,
    hour: usize,
}

impl Places {
    fn take(&mut self) -> Result<(), DeferReason> {
        if self.open == 0 {
            return Err(DeferReason::OpenLimit);
        }
        if self.hour == 0 {
            return Err(DeferReason::HourlyLimit);
        }
        self.open -= 1;
        self.hour -= 1;
        Ok(())
    }
}

/// Whose commits a branch holds.
enum Owner {
    /// Ours alone, and at least one.
    Ours,
    /// Nothing that the base has not.
    Nobody,
    /// A person's among them.
    Person,
    /// Not known.
    Unknown,
}

struct View<'a> {
    existing: &'a [PullRequest],
    branches: &'a [OurBranch],
    now: Timestamp,
    situation: &'a Situation,
}

impl<'a> View<'a> {
    /// Pull requests on a branch of the repository itself, newest first. A fork's branch of that name is not it.
    fn on(&self, branch: &str) -> Vec<&'a PullRequest> {
        let mut pulls: Vec<_> = self.existing.iter().filter(|p| p.same_repository && p.head == branch).collect();
        pulls.sort_by_key(|p| std::cmp::Reverse(p.number));
        pulls.dedup_by_key(|p| p.number);
        pulls
    }

    fn ours(&self, pull: &PullRequest) -> bool {
        pull.author.eq_ignore_ascii_case(&self.situation.login) && pull.base == self.situation.base
    }

    fn branch(&self, name: &str) -> Option<&'a OurBranch> {
        self.branches.iter().find(|b| b.name == name)
    }

    fn owner(&self, branch: &OurBranch) -> Owner {
        let Some(commits) = &branch.commits else { return Owner::Unknown };
        let mut own = commits.iter().filter(|c| !c.former_base).peekable();
        if own.peek().is_none() {
            Owner::Nobody
        } else if own.all(|c| is_ours(c, &self.situation.signatures)) {
            Owner::Ours
        } else {
            Owner::Person
        }
    }

    /// Our own close is in the marker, written in the same request as the state; a later close by another login is
    /// that person's. A merge is no close.
    fn closed_by_us(&self, pull: &PullRequest) -> bool {
        Marker::parse(&pull.body).is_some_and(|m| m.closed.is_some())
            && pull.closed_by.as_ref().is_none_or(|login| login.eq_ignore_ascii_case(&self.situation.login))
    }

    /// Our open pull requests that stay, and the hour's openings: the store's, or what the forge shows where a crash
    /// kept one from the store.
    fn places(&self, leftovers: &[Action]) -> Places {
        let ours = |p: &&PullRequest| {
            p.same_repository && self.ours(p) && p.head.starts_with(self.situation.branch_prefix.as_str())
        };
        let closing: BTreeSet<u64> = leftovers
            .iter()
            .filter(|a| matches!(a.verb, Verb::Close { .. }))
            .filter_map(|a| a.pull.as_ref().map(|p| p.number))
            .collect();
        let numbers = |keep: &dyn Fn(&PullRequest) -> bool| {
            self.existing.iter().filter(ours).filter(|p| keep(p)).map(|p| p.number).collect::<BTreeSet<_>>().len()
        };
        let open = numbers(&|p| p.state == PullState::Open && !closing.contains(&p.number));
        let hour_ago = self.now.saturating_sub(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MIN);
        let stored = self.situation.opened.iter().filter(|at| **at > hour_ago).count();
        let seen = numbers(&|p| p.created > hour_ago);
        let rest = |limit: u32, used: usize| usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(used);
        Places {
            open: rest(self.situation.open_limit, open),
            hour: rest(self.situation.hourly_limit, stored.max(seen)),
        }
    }

    fn decide_wanted(&self, wanted: &Wanted) -> (Verb, Option<PullLink>) {
        let pulls = self.on(&wanted.branch);
        let open: Vec<_> = pulls.iter().filter(|p| p.state == PullState::Open).collect();
        if let Some(other) = open.iter().find(|p| !self.ours(p)) {
            return (Verb::Leave(LeaveReason::BranchTaken), Some(link(other)));
        }
        let past: Vec<_> = pulls.iter().filter(|p| self.ours(p) && proposes(p, &wanted.target)).collect();
        let refused = past.iter().find(|p| p.state == PullState::Closed && !self.closed_by_us(p));
        if let Some(pull) = open.first() {
            // The target went back to a version that a person has closed: the present one is not wanted either.
            if refused.is_some() && !proposes(pull, &wanted.target) {
                return (self.end_open(self.branch(&wanted.branch), false), Some(link(pull)));
            }
            return self.keep(wanted, pull);
        }
        if let Some(other) = &wanted.elsewhere {
            return (Verb::Leave(LeaveReason::ProposedElsewhere), Some(other.clone()));
        }
        if let Some(pull) = refused {
            return (Verb::Leave(LeaveReason::ClosedByPerson), Some(link(pull)));
        }
        let lag = self.now.saturating_sub(MERGE_LAG).unwrap_or(Timestamp::MIN);
        if let Some(pull) = past.iter().find(|p| p.state == PullState::Merged && p.updated > lag) {
            return (Verb::Leave(LeaveReason::JustMerged), Some(link(pull)));
        }
        (self.start(wanted, &pulls), None)
    }

    /// No pull request is open: what the branch allows.
    fn start(&self, wanted: &Wanted, pulls: &[&PullRequest]) -> Verb {
        let Some(branch) = self.branch(&wanted.branch) else { return Verb::Open { push: Some(Lease::Absent) } };
        let merged = pulls.iter().any(|p| p.state == PullState::Merged && self.ours(p) && p.head_sha == branch.head);
        match self.owner(branch) {
            Owner::Unknown => Verb::Leave(LeaveReason::BranchUnknown),
            Owner::Person if !merged => Verb::Leave(LeaveReason::ForeignBranch),
            Owner::Ours if branch.holds_wanted => Verb::Open { push: None },
            _ => Verb::Open { push: Some(Lease::At(branch.head.clone())) },
        }
    }

    /// Our pull request is open and wanted.
    fn keep(&self, wanted: &Wanted, pull: &PullRequest) -> (Verb, Option<PullLink>) {
        let own = Some(link(pull));
        let Some(branch) = self.branch(&wanted.branch) else {
            return (Verb::Leave(LeaveReason::BranchUnknown), own);
        };
        match self.owner(branch) {
            Owner::Unknown => return (Verb::Leave(LeaveReason::BranchUnknown), own),
            Owner::Person => return (Verb::Leave(LeaveReason::PersonsCommits), own),
            Owner::Ours | Owner::Nobody => {}
        }
        if let Some(other) = &wanted.elsewhere {
            return (Verb::Leave(LeaveReason::ProposedElsewhere), Some(other.clone()));
        }
        let marker = Marker::parse(&pull.body);
        let push = Lease::At(branch.head.clone());
        let rebuild = |why| Verb::Rebuild { push: push.clone(), why };
        let verb = if !branch.holds_wanted {
            let moved = marker.as_ref().is_some_and(|m| m.target != wanted.target);
            if !moved && self.unsure(&wanted.branch) && pull.mergeable != Mergeable::Dirty {
                // Sites may be missing only because this pass could not read everything.
                Verb::Leave(LeaveReason::Unsure)
            } else if moved {
                Verb::UpdateInPlace { push }
            } else if pull.mergeable == Mergeable::Dirty {
                rebuild(RebuildReason::Conflict)
            } else {
                rebuild(RebuildReason::FileChanged)
            }
        } else if pull.mergeable == Mergeable::Dirty && !branch.contains_base {
            rebuild(RebuildReason::Conflict)
        } else if pull.mergeable == Mergeable::Behind && !branch.contains_base {
            rebuild(RebuildReason::Behind)
        } else if marker.as_ref().is_some_and(|m| m.fresh) {
            Verb::FinishOpening
        } else if text_differs(wanted, pull) {
            Verb::RefreshText
        } else {
            Verb::Leave(LeaveReason::AsWanted)
        };
        (verb, own)
    }

    /// Branches that are ours or look so, and that nothing wants.
    fn left_over(&self, wanted: &BTreeSet<&str>) -> BTreeSet<&'a str> {
        let prefix = self.situation.branch_prefix.as_str();
        let open = self.existing.iter().filter(|p| p.same_repository && p.state == PullState::Open && self.ours(p));
        let names = open.map(|p| p.head.as_str()).chain(self.branches.iter().map(|b| b.name.as_str()));
        names.filter(|name| name.starts_with(prefix) && !wanted.contains(name)).collect()
    }

    fn decide_left_over(&self, name: &str) -> Action {
        let pulls = self.on(name);
        let branch = self.branch(name);
        let (verb, pull) = self.end(&pulls, branch, self.unsure(name));
        Action { branch: name.to_owned(), wanted: None, pull: pull.map(link), verb }
    }

    fn unsure(&self, name: &str) -> bool {
        let unsure = &self.situation.unsure;
        let of_chart = |digest: &String| name.contains(&format!("-{digest}-"));
        unsure.all || unsure.branches.iter().any(|branch| branch == name) || unsure.charts.iter().any(of_chart)
    }

    /// Nothing wants the branch: what becomes of it and of its pull request.
    fn end(
        &self,
        pulls: &[&'a PullRequest],
        branch: Option<&OurBranch>,
        unsure: bool,
    ) -> (Verb, Option<&'a PullRequest>) {
        let mut open = pulls.iter().filter(|p| p.state == PullState::Open);
        if let Some(other) = open.clone().find(|p| !self.ours(p)) {
            return (Verb::Leave(LeaveReason::BranchTaken), Some(other));
        }
        if let Some(pull) = open.next() {
            return (self.end_open(branch, unsure), Some(pull));
        }
        let Some(branch) = branch else { return (Verb::Leave(LeaveReason::NotOurs), None) };
        let last = pulls.iter().find(|p| self.ours(p)).copied();
        let delete = |reason| Verb::DeleteBranch { head: branch.head.clone(), reason };
        let verb = match (last, self.owner(branch)) {
            (Some(pull), _) if pull.state == PullState::Merged && pull.head_sha == branch.head => {
                delete(DeleteReason::Merged)
            }
            (_, Owner::Unknown) => Verb::Leave(LeaveReason::BranchUnknown),
            (_, Owner::Person) => Verb::Leave(LeaveReason::ForeignBranch),
            (_, Owner::Nobody) => Verb::Leave(LeaveReason::NotOurs),
            (_, Owner::Ours) if unsure => Verb::Leave(LeaveReason::Unsure),
            (Some(pull), Owner::Ours) if pull.state == PullState::Closed && !self.closed_by_us(pull) => {
                Verb::Leave(LeaveReason::ClosedByPerson)
            }
            (Some(pull), Owner::Ours) if pull.state == PullState::Closed => delete(DeleteReason::Closed),
            (_, Owner::Ours) => delete(DeleteReason::Obsolete),
        };
        (verb, last)
    }

    fn end_open(&self, branch: Option<&OurBranch>, unsure: bool) -> Verb {
        if unsure {
            return Verb::Leave(LeaveReason::Unsure);
        }
        let Some(branch) = branch else { return Verb::Leave(LeaveReason::BranchUnknown) };
        match self.owner(branch) {
            Owner::Person => Verb::Leave(LeaveReason::PersonsCommits),
            Owner::Unknown => Verb::Leave(LeaveReason::BranchUnknown),
            Owner::Ours | Owner::Nobody => {
                Verb::Close { reason: CloseReason::Obsolete, delete: Some(branch.head.clone()) }
            }
        }
    }
}

fn link(pull: &PullRequest) -> PullLink {
    PullLink { number: pull.number, url: pull.url.clone() }
}

/// Whether a closed pull request was for this version: by its marker, or by its title where somebody took that away.
fn proposes(pull: &PullRequest, target: &str) -> bool {
    match Marker::parse(&pull.body) {
        Some(marker) if !marker.target.is_empty() => marker.target == target,
        _ => pull.title.split_whitespace().any(|word| word == target),
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
