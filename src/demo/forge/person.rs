//! What people do to a repository while Davit looks elsewhere: for tests and for the demo's story.

use super::pulls::{self, Opening};
use super::state::{CommitStatus, State, head_name};
use super::wire::Refusal;
use super::{Forge, bare, talk};
use git2::Oid;
use serde_json::json;

/// Why a person could not do it: GitHub's own words.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the forge refuses ({status}): {message}")]
pub struct Refused {
    /// The status that the API would have given.
    pub status: u16,
    /// The message, with the first error's own.
    pub message: String,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.errors.as_ref().and_then(|errors| errors[0]["message"].as_str()).map(str::to_owned);
        Self { status: refusal.status, message: detail.unwrap_or(refusal.message) }
    }
}

impl From<git2::Error> for Refused {
    fn from(error: git2::Error) -> Self {
        Refusal::from(error).into()
    }
}

/// One person in one repository.
#[derive(Debug, Clone)]
pub struct Person<'a> {
    pub(super) forge: &'a Forge,
    pub(super) key: String,
    pub(super) login: String,
}

impl Person<'_> {
    fn act<T>(&self, act: impl FnOnce(&mut State) -> Result<T, Refusal>) -> Result<T, Refused> {
        let mut state = self.forge.state();
        state.refresh(&self.key).map_err(Refusal::from)?;
        let done = act(&mut state)?;
        state.refresh(&self.key).map_err(Refusal::from)?;
        Ok(done)
    }

    /// Writes a comment and gives its id.
    pub fn comment(&self, pull: u64, body: &str) -> Result<u64, Refused> {
        self.act(|state| Ok(talk::add_comment(state, &self.key, pull, &self.login, body)?.id))
    }

    /// Closes without merging.
    pub fn close(&self, pull: u64) -> Result<(), Refused> {
        self.act(|state| pulls::close(state, &self.key, pull, &self.login))
    }

    /// Opens it again.
    pub fn reopen(&self, pull: u64) -> Result<(), Refused> {
        self.act(|state| pulls::reopen(state, &self.key, pull, &self.login))
    }

    /// Merges with a merge commit, whose id it gives.
    pub fn merge(&self, pull: u64) -> Result<String, Refused> {
        self.act(|state| Ok(pulls::merge(state, &self.key, pull, &self.login, &json!({}))?.to_string()))
    }

    /// Merges as one commit, whose id it gives.
    pub fn squash(&self, pull: u64) -> Result<String, Refused> {
        let body = json!({"merge_method": "squash"});
        self.act(|state| Ok(pulls::merge(state, &self.key, pull, &self.login, &body)?.to_string()))
    }

    /// Presses "Update branch": the base is merged into the head.
    pub fn update_branch(&self, pull: u64) -> Result<String, Refused> {
        self.act(|state| Ok(pulls::update_head(state, &self.key, pull, &self.login)?.to_string()))
    }

    /// Approves.
    pub fn approve(&self, pull: u64) -> Result<(), Refused> {
        self.act(|state| pulls::add_review(state, &self.key, pull, &self.login, "APPROVE", "").map(|_| ()))
    }

    /// Adds labels.
    pub fn label(&self, pull: u64, labels: &[&str]) -> Result<(), Refused> {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.act(|state| talk::add_labels(state, &self.key, pull, &self.login, labels))
    }

    /// Changes title or body.
    pub fn edit(&self, pull: u64, title: Option<&str>, body: Option<&str>) -> Result<(), Refused> {
        let mut change = json!({});
        for (name, value) in [("title", title), ("body", body)] {
            if let Some(value) = value {
                change[name] = json!(value);
            }
        }
        self.act(|state| pulls::update(state, &self.key, pull, &self.login, &change))
    }

    /// Pushes one commit to a branch (made from the default branch where it does not exist): files with their content,
    /// or nothing to remove them. Gives the commit.
    pub fn push(&self, branch: &str, message: &str, files: &[(&str, Option<&str>)]) -> Result<String, Refused> {
        self.act(|state| Ok(self.commit(state, None, branch, message, files)?.to_string()))
    }

    /// Puts a branch to any commit, by force.
    pub fn force(&self, branch: &str, commit: &str) -> Result<(), Refused> {
        self.act(|state| {
            let git = pulls::repo(state, &self.key)?.open()?;
            git.reference(&format!("refs/heads/{branch}"), Oid::from_str(commit)?, true, "force")?;
            Ok(())
        })
    }

    /// Deletes a branch; open pull requests of it are closed.
    pub fn delete_branch(&self, branch: &str) -> Result<(), Refused> {
        self.act(|state| {
            let name = format!("refs/heads/{branch}");
            pulls::repo(state, &self.key)?.open()?.find_reference(&name)?.delete()?;
            super::objects::closed_by_deletion(state, &self.key, &name, &self.login).map(|_| ())
        })
    }

    /// Opens a pull request of a branch in the repository itself.
    pub fn open(&self, branch: &str, base: &str, title: &str, body: &str) -> Result<u64, Refused> {
        self.act(|state| {
            let owner = pulls::repo(state, &self.key)?.owner.clone();
            self.propose(state, owner, branch, base, title, body)
        })
    }

    /// Commits to a branch of a fork of one's own and opens a pull request from there.
    pub fn open_from_fork(
        &self,
        branch: &str,
        base: &str,
        title: &str,
        files: &[(&str, Option<&str>)],
    ) -> Result<u64, Refused> {
        self.act(|state| {
            self.commit(state, Some(&self.login), branch, title, files)?;
            self.propose(state, self.login.clone(), branch, base, title, "")
        })
    }

    /// Sets a commit status: `success`, `failure`, `pending` or `error`.
    pub fn status(&self, commit: &str, context: &str, result: &str) -> Result<(), Refused> {
        self.act(|state| {
            let (id, at) = (state.next_id(), state.now());
            let status = CommitStatus {
                id,
                sha: commit.to_owned(),
                state: result.to_owned(),
                context: context.to_owned(),
                description: None,
                target_url: None,
                creator: self.login.clone(),
                at,
            };
            pulls::repo_mut(state, &self.key)?.statuses.push(status);
            Ok(())
        })
    }

    fn propose(
        &self,
        state: &mut State,
        head_owner: String,
        branch: &str,
        base: &str,
        title: &str,
        body: &str,
    ) -> Result<u64, Refusal> {
        let draft = Opening {
            title: title.to_owned(),
            body: Some(body.to_owned()),
            head_owner,
            head_ref: branch.to_owned(),
            base_ref: base.to_owned(),
            draft: false,
            maintainer_can_modify: false,
        };
        pulls::open(state, &self.key, &self.login, draft)
    }

    fn commit(
        &self,
        state: &State,
        fork: Option<&str>,
        branch: &str,
        message: &str,
        files: &[(&str, Option<&str>)],
    ) -> Result<Oid, Refusal> {
        let repo = pulls::repo(state, &self.key)?;
        let git = repo.open()?;
        let name = head_name(&repo.owner, fork.unwrap_or(&repo.owner), branch);
        let default = format!("refs/heads/{}", repo.default_branch);
        let parent = bare::tip(&git, &name).or_else(|| bare::tip(&git, &default));
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.map(str::as_bytes))).collect();
        let tree = bare::with_files(&git, parent, &files)?;
        let who = pulls::signature(state, &self.login, state.now())?;
        let parents: Vec<Oid> = parent.into_iter().collect();
        let made = bare::commit(&git, tree, message, &parents, &who, &who)?;
        git.reference(&name, made, true, "push")?;
        Ok(made)
    }
}
