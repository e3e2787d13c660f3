//! What the forge says before anything is decided: who we are, which pull requests are open, and, for the branches that
//! matter, what became of earlier ones.

use super::report::Finding;
use crate::model::{Problem, Reason};
use crate::proposal::{PullRequest, PullState, Signatures};
use crate::world::forge::{Forge, ForgeError};
use futures_util::StreamExt as _;
use std::collections::BTreeSet;

/// Questions to the forge under way at once: GitHub asks for few (docs.github.com, "Best practices for using the REST API").
const AT_ONCE: usize = 4;
/// Heads of other people's pull requests that are fetched, the newest first.
const FOREIGN: usize = 200;

/// The forge's answers.
pub(super) struct Survey {
    /// Our login.
    pub login: String,
    /// What commits made through the forge are signed with.
    pub signatures: Signatures,
    /// What the names of our branches begin with.
    pub branch_prefix: String,
    /// Every open pull request; after [`Survey::look_closer`] also the closed ones of our branches.
    pub pulls: Vec<PullRequest>,
}

/// Asks who we are and what is open.
pub(super) async fn survey(forge: &dyn Forge, branch_prefix: &str) -> Result<Survey, Problem> {
    let login = forge.login().await.map_err(|error| problem_of(&error))?;
    let pulls = forge.open_pull_requests().await.map_err(|error| problem_of(&error))?;
    let signatures = forge.signatures().await.map_err(|error| problem_of(&error))?;
    Ok(Survey { login, signatures, branch_prefix: branch_prefix.to_owned(), pulls })
}

impl Survey {
    /// Numbers of open pull requests that are not ours, whose heads are to be fetched: those of the repository's own
    /// branches, and those from forks. Strangers' do not push out those of people who may write.
    pub fn numbers(&self) -> (Vec<u64>, Vec<u64>) {
        let foreign = self.pulls.iter().filter(|p| !self.ours(p));
        let (mut own, mut forks): (Vec<_>, Vec<_>) = foreign.partition(|p| p.same_repository);
        own.truncate(FOREIGN);
        forks.truncate(FOREIGN - own.len());
        let numbers = |pulls: Vec<&PullRequest>| pulls.into_iter().map(|p| p.number).collect();
        (numbers(own), numbers(forks))
    }

    /// Whether only somebody who may write to the repository can have made its head.
    pub fn is_of_a_writer(&self, number: u64) -> bool {
        self.pulls.iter().any(|p| p.number == number && p.same_repository)
    }

    /// What is to be said where there are more: an older one may propose the same as we do.
    pub fn beyond(&self) -> Option<Finding> {
        let foreign = self.pulls.iter().filter(|p| !self.ours(p)).count();
        let message = format!(
            "{foreign} pull requests of others are open, and only the newest {FOREIGN} were compared with what is \
             proposed: an older one may propose the same"
        );
        let finding = Finding { file: None, line: None, problem: Problem::new(Reason::OutOfReach, message) };
        (foreign > FOREIGN).then_some(finding)
    }

    /// Open pull requests on this base that are not ours.
    pub fn foreign(&self, base: &str) -> Vec<PullRequest> {
        self.pulls.iter().filter(|p| p.base == base && !self.ours(p)).cloned().collect()
    }

    /// What our account opened on other branches is another program's, or a person's.
    fn ours(&self, pull: &PullRequest) -> bool {
        pull.same_repository
            && pull.head.starts_with(&self.branch_prefix)
            && pull.author.eq_ignore_ascii_case(&self.login)
    }

    /// Adds the history of these branches' pull requests, and whether our open ones can be merged.
    pub async fn look_closer(&mut self, forge: &dyn Forge, branches: BTreeSet<String>) -> Result<(), Problem> {
        let histories: Vec<_> = futures_util::stream::iter(branches)
            .map(|branch| async move { forge.pull_requests_of(&branch).await })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for history in histories {
            let history = history.map_err(|error| problem_of(&error))?;
            self.pulls.extend(history.into_iter().filter(|p| p.state != PullState::Open));
        }
        let open: Vec<u64> =
            self.pulls.iter().filter(|p| p.state == PullState::Open && self.ours(p)).map(|p| p.number).collect();
        let closer: Vec<_> = futures_util::stream::iter(open)
            .map(|number| async move { forge.pull_request(number).await })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for pull in closer {
            let pull = pull.map_err(|error| problem_of(&error))?;
            if let Some(known) = self.pulls.iter_mut().find(|p| p.number == pull.number) {
                *known = pull;
            }
        }
        Ok(())
    }
}

/// A forge's error as the report shows it: its sentence, under a code of the closed list.
pub(super) fn problem_of(error: &ForgeError) -> Problem {
    let reason = match error {
        ForgeError::NotFound { .. } => Reason::SourceNotFound,
        ForgeError::Unauthorized { .. }
        | ForgeError::Forbidden { .. }
        | ForgeError::Credentials { .. }
        | ForgeError::Archived { .. } => Reason::SourceUnauthorized,
        ForgeError::RateLimited { .. } => Reason::SourceRateLimited,
        ForgeError::Timeout { .. } | ForgeError::Unreachable { .. } => Reason::SourceUnreachable,
        ForgeError::Protocol { .. } => Reason::SourceInvalid,
        _ => Reason::SourceError,
    };
    Problem::new(reason, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proposal::Mergeable;
    use jiff::Timestamp;

    fn pull(number: u64) -> PullRequest {
        PullRequest {
            number,
            title: String::new(),
            body: String::new(),
            author: "casey".to_owned(),
            base: "main".to_owned(),
            head: format!("feature-{number}"),
            head_sha: String::new(),
            same_repository: true,
            draft: false,
            labels: Vec::new(),
            state: PullState::Open,
            created: Timestamp::UNIX_EPOCH,
            updated: Timestamp::UNIX_EPOCH,
            url: String::new(),
            closed_by: None,
            mergeable: Mergeable::Unknown,
        }
    }

    #[test]
    fn pull_requests_that_are_not_compared_are_told() {
        let survey = |most: u64| Survey {
            login: "davit".to_owned(),
            signatures: Signatures::default(),
            branch_prefix: "davit/".to_owned(),
            pulls: (1..=most)
                .map(pull)
                .chain([PullRequest { author: "Davit".to_owned(), head: "davit/web-1.x".to_owned(), ..pull(9_999) }])
                .collect(),
        };
        assert!(survey(200).beyond().is_none(), "ours do not count");
        let more = survey(201);
        assert_eq!(more.numbers().0.len(), 200);
        let told = more.beyond().unwrap().problem.message;
        assert!(told.starts_with("201 pull requests of others are open, and only the newest 200"), "{told}");
    }
}
