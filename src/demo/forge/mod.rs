//! A GitHub-like forge over real HTTP, for the demo and the tests. Every repository is a bare one on disk: heads,
//! commits, files and mergeability are read from it at each request, so a push by path is seen like any other.
//!
//! What it refuses to be: a Git server (push by path, or through a real `git http-backend`), a check of an App's
//! signature, and anything of GitHub that Davit does not use.

mod app;
mod bare;
mod graphql;
mod objects;
mod people;
mod person;
mod pulls;
mod refs;
mod render;
mod render_pull;
mod route;
mod state;
mod talk;
mod wire;

#[cfg(test)]
#[path = "forge_tests.rs"]
mod tests;

pub use person::{Person, Refused};
pub use state::{Protection, Role};

use super::serve::{Reply, Request, Server, Service};
use state::{App, Repo, State, Token};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

/// The forge, running. Dropping it stops it; its state dies with it, the bare repositories stay.
#[derive(Debug)]
pub struct Forge {
    core: Arc<Core>,
    /// The server: its traffic, and faults to come.
    pub server: Server,
}

#[derive(Debug, Default)]
struct Core(Mutex<State>);

/// A pull request as the forge has it now, for tests and for the demo's story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullView {
    /// Number.
    pub number: u64,
    /// Title.
    pub title: String,
    /// Body, empty where there is none.
    pub body: String,
    /// Who opened it.
    pub author: String,
    /// Head branch.
    pub branch: String,
    /// Head commit.
    pub head: String,
    /// Whether it is open.
    pub open: bool,
    /// Whether it was merged.
    pub merged: bool,
    /// Whether it is a draft.
    pub draft: bool,
    /// Labels.
    pub labels: Vec<String>,
    /// Assignees.
    pub assignees: Vec<String>,
    /// Reviewers asked for.
    pub reviewers: Vec<String>,
    /// Slugs of teams asked for a review.
    pub teams: Vec<String>,
    /// Who closed it.
    pub closed_by: Option<String>,
    /// Author and text of each comment, oldest first.
    pub comments: Vec<(String, String)>,
    /// Page for a browser.
    pub url: String,
}

impl Forge {
    /// Starts an empty forge on a free port of loopback.
    ///
    /// # Errors
    /// No port or no thread is to be had.
    pub fn start() -> std::io::Result<Self> {
        let core = Arc::new(Core::default());
        let server = Server::start("forge", core.clone())?;
        core.state().url = server.url();
        Ok(Self { core, server })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.core.state()
    }

    /// The API's URL: `http://127.0.0.1:<port>`. The one of GitHub Enterprise Server is this with `/api/v3`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Takes a bare repository in, as `owner/name`; public, its owner an admin.
    pub fn add_repository(&self, full_name: &str, git: &Path, default_branch: &str) {
        let (owner, name) = full_name.split_once('/').unwrap_or(("acme", full_name));
        let mut state = self.state();
        let (id, created) = (state.next_id(), state.now());
        let repo = Repo {
            id,
            owner: owner.to_owned(),
            name: name.to_owned(),
            git: git.to_owned(),
            default_branch: default_branch.to_owned(),
            private: false,
            roles: BTreeMap::from([(owner.to_ascii_lowercase(), Role::Admin)]),
            labels: Vec::new(),
            pulls: BTreeMap::new(),
            comments: Vec::new(),
            statuses: Vec::new(),
            protections: BTreeMap::new(),
            delete_branch_on_merge: false,
            lazy_mergeability: false,
            archived: false,
            drafts: true,
            teams: BTreeSet::new(),
            signed: BTreeSet::new(),
            created,
        };
        state.repos.insert(format!("{owner}/{name}").to_ascii_lowercase(), repo);
    }

    /// A personal access token of an account.
    pub fn add_token(&self, token: &str, login: &str) {
        self.state().tokens.insert(token.to_owned(), Token { login: login.to_owned(), expires: None });
    }

    /// The token is worth nothing any more.
    pub fn revoke_token(&self, token: &str) {
        self.state().tokens.remove(token);
    }

    /// Every token of an App's installations has run out.
    pub fn expire_installation_tokens(&self) {
        let now = self.state().now();
        for token in self.state().tokens.values_mut().filter(|token| token.expires.is_some()) {
            token.expires = Some(now);
        }
    }

    /// A GitHub App `<slug>[bot]` with its id and one installation; give the bot a role to install it.
    pub fn add_app(&self, id: u64, slug: &str, installation: u64) {
        self.state().app = Some(App { id, slug: slug.to_owned(), installation });
    }

    /// What an account may do in a repository; nothing takes every right away.
    pub fn set_role(&self, repository: &str, login: &str, role: Option<Role>) {
        self.with(repository, |repo| {
            let login = login.to_ascii_lowercase();
            match role {
                Some(role) => repo.roles.insert(login, role),
                None => repo.roles.remove(&login),
            };
        });
    }

    /// Hides a repository from accounts without a role.
    pub fn set_private(&self, repository: &str, private: bool) {
        self.with(repository, |repo| repo.private = private);
    }

    /// Protects a branch, or lifts its protection.
    pub fn protect(&self, repository: &str, branch: &str, rules: Option<Protection>) {
        self.with(repository, |repo| {
            match rules {
                Some(rules) => repo.protections.insert(branch.to_owned(), rules),
                None => repo.protections.remove(branch),
            };
        });
    }

    /// Deletes head branches when their pull request is merged.
    pub fn delete_branch_on_merge(&self, repository: &str, on: bool) {
        self.with(repository, |repo| repo.delete_branch_on_merge = on);
    }

    /// The first look at a pull request after a change gives `mergeable: null`, as GitHub's does (default: off).
    pub fn lazy_mergeability(&self, repository: &str, on: bool) {
        self.with(repository, |repo| repo.lazy_mergeability = on);
    }

    /// Archives a repository: it can be read, and nothing else.
    pub fn set_archived(&self, repository: &str, archived: bool) {
        self.with(repository, |repo| repo.archived = archived);
    }

    /// The host behind the addresses of accounts and of the forge itself: an Enterprise server's own (default:
    /// `github.com`).
    pub fn set_mail_host(&self, host: &str) {
        self.state().mail_host = Some(host.to_owned());
    }

    /// Whether the repository's plan has draft pull requests (default: yes).
    pub fn set_drafts(&self, repository: &str, drafts: bool) {
        self.with(repository, |repo| repo.drafts = drafts);
    }

    /// A team of the owner's that may review.
    pub fn add_team(&self, repository: &str, slug: &str) {
        self.with(repository, |repo| {
            repo.teams.insert(slug.to_owned());
        });
    }

    /// Renames a repository, or gives it to another owner; the old name leads to the new one.
    pub fn rename_repository(&self, from: &str, to: &str) {
        let (old, new) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
        let mut state = self.state();
        let (Some(mut repo), Some((owner, name))) = (state.repos.remove(&old), to.split_once('/')) else { return };
        for pull in repo.pulls.values_mut().filter(|pull| pull.head_owner == repo.owner) {
            owner.clone_into(&mut pull.head_owner);
        }
        owner.clone_into(&mut repo.owner);
        name.clone_into(&mut repo.name);
        state.repos.insert(new.clone(), repo);
        state.renamed.insert(old, to.to_owned());
    }

    /// Stops the forge's clock at a time, or lets it run again.
    pub fn set_clock(&self, at: Option<jiff::Timestamp>) {
        self.state().clock = at;
    }

    /// A person in a repository, to act as.
    pub fn person(&self, repository: &str, login: &str) -> Person<'_> {
        Person { forge: self, key: repository.to_ascii_lowercase(), login: login.to_owned() }
    }

    /// Every pull request of a repository, by number.
    pub fn pulls(&self, repository: &str) -> Vec<PullView> {
        let key = repository.to_ascii_lowercase();
        let mut state = self.state();
        // A repository that cannot be read shows what was known of it.
        let _ = state.refresh(&key);
        let url = state.url.clone();
        let Some(repo) = state.repos.get(&key) else { return Vec::new() };
        repo.pulls.values().map(|pull| view(&url, repo, pull)).collect()
    }

    /// What a pull request changes, as a unified diff.
    pub fn diff(&self, repository: &str, number: u64) -> Option<String> {
        let state = self.state();
        let repo = state.repos.get(&repository.to_ascii_lowercase())?;
        let pull = repo.pulls.get(&number)?;
        let changes = bare::changes(&repo.open().ok()?, pull.base, pull.head).ok()?;
        let one = |change: bare::Change| {
            let (path, patch) = (change.path, change.patch.unwrap_or_default());
            format!("--- a/{path}\n+++ b/{path}\n{patch}\n")
        };
        Some(changes.into_iter().map(one).collect())
    }

    fn with(&self, repository: &str, change: impl FnOnce(&mut Repo)) {
        if let Some(repo) = self.state().repos.get_mut(&repository.to_ascii_lowercase()) {
            change(repo);
        }
    }
}

fn view(url: &str, repo: &Repo, pull: &state::Pull) -> PullView {
    let comments = repo.comments.iter().filter(|comment| comment.pull == pull.number);
    PullView {
        number: pull.number,
        title: pull.title.clone(),
        body: pull.body.clone().unwrap_or_default(),
        author: pull.author.clone(),
        branch: pull.head_ref.clone(),
        head: pull.head.to_string(),
        open: pull.open,
        merged: pull.merged.is_some(),
        draft: pull.draft,
        labels: pull.labels.clone(),
        assignees: pull.assignees.clone(),
        reviewers: pull.reviewers.clone(),
        teams: pull.teams.clone(),
        closed_by: pull.closed_by.clone(),
        comments: comments.map(|comment| (comment.author.clone(), comment.body.clone())).collect(),
        url: format!("{url}/{}/pull/{}", repo.full_name(), pull.number),
    }
}

impl Core {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Service for Core {
    fn answer(&self, request: &Request) -> Reply {
        let mut state = self.state();
        let answer = route::answer(&mut state, request);
        let mut reply = wire::reply(answer, request);
        if reply.status != 304 {
            state.used += 1;
        }
        let used = state.used.min(wire::HOURLY);
        let reset = (state.now().as_second() / 3600 + 1) * 3600;
        for (name, value) in [
            ("x-ratelimit-limit", wire::HOURLY.to_string()),
            ("x-ratelimit-remaining", (wire::HOURLY - used).to_string()),
            ("x-ratelimit-used", used.to_string()),
            ("x-ratelimit-reset", reset.to_string()),
            ("x-ratelimit-resource", "core".to_owned()),
        ] {
            reply.headers.push((name.to_owned(), value));
        }
        reply
    }
}
