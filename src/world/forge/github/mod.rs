//! GitHub and GitHub Enterprise Server behind octocrab: pull requests and what is said on them. Commits and refs are in
//! [`commit`]. It retries no `POST /pulls`: after a lost answer the next pass finds what was opened.

mod auth;
mod client;
mod commit;
mod refused;
mod service;
mod wire;

use super::{
    CommitStatus, Forge, ForgeError, GitCredentials, NewCommit, NewPullRequest, Opened, PullRequest, PullState, Review,
    StatusState, TextChange,
};
use crate::config::GitHubRepository;
use crate::proposal::{Signatures, plain};
use crate::world::retry::Clock;
use async_trait::async_trait;
use auth::Auth;
use client::{Ask, Client, parse};
use http::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use wire::{Account, App, Assigned, Comment, Issue, Pull, RepositoryWire, ReviewWire};

const READ: &str = "pull requests: read";
const WRITE: &str = "pull requests: write";
/// Most pages of one list; each holds 100.
const PAGES: usize = 50;
/// Longest description of a commit status.
const DESCRIPTION: usize = 140;

/// Access to one GitHub, shared by its repositories: one connection pool, one view of the rate limits.
#[derive(Clone)]
pub struct GitHub {
    client: Arc<Client>,
}

impl std::fmt::Debug for GitHub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GitHub(…)")
    }
}

impl GitHub {
    /// Reads no token yet and connects to nothing. Needs a Tokio runtime around it. `timeout` is for one request;
    /// `ca_file` adds authorities (PEM) to the system's.
    pub fn new(
        config: &crate::config::GitHub,
        ca_file: Option<&Path>,
        timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ForgeError> {
        let octocrab = service::octocrab(&config.api_url, ca_file)?;
        let client = Client::new(&config.api_url, Auth::new(config.auth.clone()), octocrab, clock, timeout);
        Ok(Self { client: Arc::new(client) })
    }

    /// One repository.
    pub fn repository(&self, repository: &GitHubRepository) -> GitHubForge {
        GitHubForge {
            client: self.client.clone(),
            name: repository.to_string(),
            place: RwLock::new(Place::of(&repository.owner, &repository.name)),
            node: tokio::sync::OnceCell::new(),
        }
    }
}

/// One repository on GitHub.
pub struct GitHubForge {
    client: Arc<Client>,
    /// As configured.
    name: String,
    /// Where it is today: a repository that was renamed or given away answers under its new name.
    place: RwLock<Place>,
    /// The repository's GraphQL id.
    node: tokio::sync::OnceCell<String>,
}

/// Owner and path of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    owner: String,
    /// `/repos/OWNER/NAME`
    root: String,
}

impl Place {
    fn of(owner: &str, name: &str) -> Self {
        Self { owner: owner.to_owned(), root: format!("/repos/{}/{}", segment(owner), segment(name)) }
    }
}

impl GitHubForge {
    fn what(&self, doing: &str) -> String {
        format!("{}: {doing}", self.name)
    }

    fn place(&self) -> Place {
        self.place.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `/repos/OWNER/NAME`
    fn root(&self) -> String {
        self.place().root
    }

    /// Where the repository is today, and that it can be written. Asked once a pass, so that a rename or an archiving
    /// is known before anything hangs on the old name: a list by its old owner would be empty, and an empty history
    /// forgets a person's close.
    async fn look_up(&self) -> Result<(), ForgeError> {
        let what = self.what("looking the repository up");
        let path = self.root();
        let now: RepositoryWire = self.client.json(Ask::get(&what, &path, "metadata: read")).await?;
        if now.archived {
            return Err(ForgeError::Archived { what: self.name.clone() });
        }
        if let Some((owner, name)) = now.full_name.split_once('/') {
            let place = Place::of(owner, name);
            if place != self.place() {
                if !now.full_name.eq_ignore_ascii_case(&self.name) {
                    tracing::warn!(was = %self.name, is = %now.full_name, "the repository was renamed: write its new name in the configuration");
                }
                *self.place.write().unwrap_or_else(PoisonError::into_inner) = place;
            }
        }
        Ok(())
    }

    /// Every entry of a list, page by page. A list without end is an error, never a short answer.
    async fn list<T: serde::de::DeserializeOwned>(&self, what: &str, path: &str) -> Result<Vec<T>, ForgeError> {
        let mut all = Vec::new();
        let mut next = Some(path.to_owned());
        for _ in 0..PAGES {
            let Some(path) = next else { return Ok(all) };
            let answer = self.client.call(Ask::get(what, &path, READ)).await?;
            all.extend(parse::<Vec<T>>(what, &answer.body)?);
            next = answer.next;
        }
        if next.is_none() {
            return Ok(all);
        }
        Err(ForgeError::Protocol { what: what.to_owned(), detail: format!("more than {PAGES} pages") })
    }

    async fn write(&self, what: &str, method: Method, path: &str, body: Value) -> Result<(), ForgeError> {
        self.client.call(Ask::write(what, method, path, body, WRITE)).await.map(drop)
    }

    async fn account(&self) -> Result<Account, ForgeError> {
        let what = self.what("asking who we are");
        if !self.client.auth.is_app() {
            return self.client.json(Ask::get(&what, "/user", "an account")).await;
        }
        let app: App = self.client.json(Ask { as_app: true, ..Ask::get(&what, "/app", "an App") }).await?;
        Ok(Account { login: format!("{}[bot]", app.slug), id: 0, email: None })
    }

    /// Who closed it; a close may be by an account that is gone.
    async fn closed_by(&self, number: u64) -> Result<Option<String>, ForgeError> {
        let what = self.what(&format!("asking who closed pull request {number}"));
        let path = format!("{}/issues/{number}", self.root());
        let issue: Issue = self.client.json(Ask::get(&what, &path, READ)).await?;
        Ok(issue.closed_by.map(|account| account.login))
    }

    async fn with_closer(&self, mut pull: PullRequest) -> Result<PullRequest, ForgeError> {
        if pull.state == PullState::Closed {
            pull.closed_by = self.closed_by(pull.number).await?;
        }
        Ok(pull)
    }

    async fn patch(&self, number: u64, doing: &str, body: Value) -> Result<(), ForgeError> {
        let what = self.what(&format!("{doing} pull request {number}"));
        self.write(&what, Method::PATCH, &format!("{}/pulls/{number}", self.root()), body).await
    }

    async fn ask_for_reviews(&self, what: &str, number: u64, reviewers: &[String]) -> Result<(), ForgeError> {
        let path = format!("{}/pulls/{number}/requested_reviewers", self.root());
        let (teams, people): (Vec<_>, Vec<_>) = reviewers.iter().partition(|name| name.contains('/'));
        let teams: Vec<_> = teams.into_iter().filter_map(|name| name.split('/').next_back()).collect();
        self.write(what, Method::POST, &path, json!({"reviewers": people, "team_reviewers": teams})).await
    }

    /// Our own open pull request with this head and base.
    async fn existing(&self, new: &NewPullRequest) -> Result<Option<PullRequest>, ForgeError> {
        let login = self.login().await?;
        let what = self.what(&format!("looking for the open pull request of {}", new.head));
        let head = query(&format!("{}:{}", self.place().owner, new.head));
        let path = format!("{}/pulls?state=open&head={head}&base={}&per_page=100", self.root(), query(&new.base));
        let pulls = self.list::<Pull>(&what, &path).await?.into_iter().map(Pull::into_model);
        Ok(pulls.into_iter().find(|p| {
            p.same_repository && p.head == new.head && p.base == new.base && p.author.eq_ignore_ascii_case(&login)
        }))
    }
}

#[async_trait]
impl Forge for GitHubForge {
    fn name(&self) -> &str {
        &self.name
    }

    async fn login(&self) -> Result<String, ForgeError> {
        Ok(self.account().await?.login)
    }

    async fn signatures(&self) -> Result<Signatures, ForgeError> {
        let mut account = self.account().await?;
        if account.id == 0 {
            let what = self.what("asking for our account");
            let path = format!("/users/{}", segment(&account.login));
            account = self.client.json(Ask::get(&what, &path, "an account")).await?;
        }
        let Account { login, id, email } = account;
        let mut all = self.client.made();
        all.authors.extend(email);
        for host in self.client.mail_hosts() {
            all.authors.extend([format!("{id}+{login}@users.noreply.{host}"), format!("{login}@users.noreply.{host}")]);
            all.forge.push(format!("noreply@{host}"));
        }
        Ok(all)
    }

    async fn open_pull_requests(&self) -> Result<Vec<PullRequest>, ForgeError> {
        self.look_up().await?;
        let path = format!("{}/pulls?state=open&sort=created&direction=desc&per_page=100", self.root());
        let pulls = self.list::<Pull>(&self.what("listing open pull requests"), &path).await?;
        Ok(pulls.into_iter().map(Pull::into_model).collect())
    }

    async fn pull_requests_of(&self, branch: &str) -> Result<Vec<PullRequest>, ForgeError> {
        let head = query(&format!("{}:{branch}", self.place().owner));
        let path = format!("{}/pulls?state=all&head={head}&sort=created&direction=desc&per_page=100", self.root());
        let pulls = self.list::<Pull>(&self.what(&format!("listing the pull requests of {branch}")), &path).await?;
        let mut found = Vec::new();
        for pull in pulls.into_iter().map(Pull::into_model).filter(|p| p.same_repository && p.head == branch) {
            found.push(self.with_closer(pull).await?);
        }
        Ok(found)
    }

    async fn pull_request(&self, number: u64) -> Result<PullRequest, ForgeError> {
        let what = self.what(&format!("reading pull request {number}"));
        let path = format!("{}/pulls/{number}", self.root());
        let pull: Pull = self.client.json(Ask::get(&what, &path, READ)).await?;
        self.with_closer(pull.into_model()).await
    }

    async fn open(&self, new: &NewPullRequest) -> Result<Opened, ForgeError> {
        let what = self.what(&format!("opening a pull request for {}", new.head));
        let body =
            json!({"title": new.title, "body": new.body, "head": new.head, "base": new.base, "draft": new.draft});
        let path = format!("{}/pulls", self.root());
        match self.client.json::<Pull>(Ask::write(&what, Method::POST, &path, body, WRITE).once()).await {
            Ok(pull) => Ok(Opened { pull: pull.into_model(), adopted: false }),
            Err(error @ ForgeError::Validation { .. }) => match self.existing(new).await? {
                Some(pull) => Ok(Opened { pull, adopted: true }),
                None => Err(with_remedy(error, new.draft)),
            },
            Err(error) => Err(error),
        }
    }

    async fn update(&self, number: u64, change: &TextChange) -> Result<(), ForgeError> {
        let mut body = serde_json::Map::new();
        for (name, text) in [("title", &change.title), ("body", &change.body)] {
            if let Some(text) = text {
                body.insert(name.to_owned(), Value::String(text.clone()));
            }
        }
        if body.is_empty() { Ok(()) } else { self.patch(number, "writing the text of", Value::Object(body)).await }
    }

    async fn close(&self, number: u64, body: &str) -> Result<(), ForgeError> {
        self.patch(number, "closing", json!({"state": "closed", "body": body})).await
    }

    async fn comment(&self, number: u64, marker: &str, body: &str) -> Result<(), ForgeError> {
        let login = self.login().await?;
        let what = self.what(&format!("commenting on pull request {number}"));
        let path = format!("{}/issues/{number}/comments", self.root());
        let comments = self.list::<Comment>(&what, &format!("{path}?per_page=100")).await?;
        let ours = comments.into_iter().find(|c| {
            c.user.as_ref().is_some_and(|u| u.login.eq_ignore_ascii_case(&login))
                && c.body.as_ref().is_some_and(|b| b.contains(marker))
        });
        let text = if body.contains(marker) { body.to_owned() } else { format!("{body}\n\n{marker}") };
        match ours {
            Some(comment) if comment.body.as_deref() == Some(text.as_str()) => Ok(()),
            Some(comment) => {
                let path = format!("{}/issues/comments/{}", self.root(), comment.id);
                self.write(&what, Method::PATCH, &path, json!({"body": text})).await
            }
            None => {
                let ask = Ask::write(&what, Method::POST, &path, json!({"body": text}), WRITE).once();
                self.client.call(ask).await.map(drop)
            }
        }
    }

    async fn add_labels(&self, number: u64, labels: &[String]) -> Result<(), ForgeError> {
        if labels.is_empty() {
            return Ok(());
        }
        let what = self.what(&format!("labelling pull request {number}"));
        let path = format!("{}/issues/{number}/labels", self.root());
        self.write(&what, Method::POST, &path, json!({"labels": labels})).await
    }

    async fn add_assignees(&self, number: u64, assignees: &[String]) -> Result<(), ForgeError> {
        if assignees.is_empty() {
            return Ok(());
        }
        let what = self.what(&format!("assigning pull request {number}"));
        let path = format!("{}/issues/{number}/assignees", self.root());
        let ask = Ask::write(&what, Method::POST, &path, json!({"assignees": assignees}), WRITE);
        let now: Assigned = self.client.json(ask).await?;
        // Who cannot be assigned is left out without a word.
        let there = |login: &String| now.assignees.iter().any(|have| have.login.eq_ignore_ascii_case(login));
        let errors: Vec<_> = assignees.iter().filter(|login| !there(login)).map(|login| plain(login)).collect();
        if errors.is_empty() {
            return Ok(());
        }
        let message = "not everybody can be assigned: only people who can write here".to_owned();
        Err(ForgeError::Validation { what, message, errors })
    }

    async fn request_reviewers(&self, number: u64, reviewers: &[String]) -> Result<(), ForgeError> {
        if reviewers.is_empty() {
            return Ok(());
        }
        let what = self.what(&format!("asking for reviews of pull request {number}"));
        match self.ask_for_reviews(&what, number, reviewers).await {
            Err(ForgeError::Validation { .. }) if reviewers.len() > 1 => {}
            other => return other,
        }
        // One name that may not review costs all of them: each on its own.
        let mut errors = Vec::new();
        for reviewer in reviewers {
            match self.ask_for_reviews(&what, number, std::slice::from_ref(reviewer)).await {
                Err(ForgeError::Validation { message, .. }) => errors.push(format!("{}: {message}", plain(reviewer))),
                other => other?,
            }
        }
        if errors.is_empty() {
            return Ok(());
        }
        Err(ForgeError::Validation { what, message: "not everybody can be asked".to_owned(), errors })
    }

    async fn reviews(&self, number: u64) -> Result<Vec<Review>, ForgeError> {
        let what = self.what(&format!("reading the reviews of pull request {number}"));
        let path = format!("{}/pulls/{number}/reviews?per_page=100", self.root());
        Ok(self.list::<ReviewWire>(&what, &path).await?.into_iter().map(ReviewWire::into_model).collect())
    }

    async fn set_status(&self, sha: &str, status: &CommitStatus) -> Result<(), ForgeError> {
        let what = self.what(&format!("setting the status {} of {sha}", status.context));
        let state = match status.state {
            StatusState::Pending => "pending",
            StatusState::Success => "success",
            StatusState::Failure => "failure",
            StatusState::Error => "error",
        };
        let description: String = status.description.chars().take(DESCRIPTION).collect();
        let mut body = json!({"state": state, "context": status.context, "description": description});
        if let Some(url) = &status.url {
            body["target_url"] = Value::String(url.clone());
        }
        let path = format!("{}/statuses/{}", self.root(), segment(sha));
        // The last one of a context counts: sending it twice changes nothing.
        self.client.call(Ask::write(&what, Method::POST, &path, body, "commit statuses: write")).await.map(drop)
    }

    async fn branch_head(&self, branch: &str) -> Result<Option<String>, ForgeError> {
        self.head_of(branch).await
    }

    async fn create_commit(&self, commit: &NewCommit) -> Result<String, ForgeError> {
        self.commit_objects(commit).await
    }

    async fn move_branch(&self, branch: &str, before: Option<&str>, after: Option<&str>) -> Result<(), ForgeError> {
        self.move_ref(branch, before, after).await
    }

    async fn git_credentials(&self) -> Result<Option<GitCredentials>, ForgeError> {
        let token = self.client.token().await?;
        Ok(token.map(|password| GitCredentials { username: "x-access-token".to_owned(), password }))
    }
}

/// A plan without drafts refuses the opening; the key that helps is said with it.
fn with_remedy(error: ForgeError, draft: bool) -> ForgeError {
    match error {
        ForgeError::Validation { what, message, mut errors } if draft => {
            let about = |text: &String| text.to_ascii_lowercase().contains("draft");
            if about(&message) || errors.iter().any(about) {
                errors.push("set pullRequests.draft: false for this repository".to_owned());
            }
            ForgeError::Validation { what, message, errors }
        }
        other => other,
    }
}

/// One segment of a path, percent-encoded.
fn segment(text: &str) -> String {
    encode(text, b"-_.~")
}

/// A value of a query, percent-encoded.
fn query(text: &str) -> String {
    encode(text, b"-_.~")
}

/// A branch within a path: its slashes stay.
fn branch_path(text: &str) -> String {
    encode(text, b"-_.~/")
}

fn encode(text: &str, plain: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
#[path = "github_tests.rs"]
mod tests;
