//! The few fields of GitHub's answers that Davit reads. All else may come, go or be null.

use crate::proposal::{Mergeable, PullRequest, PullState};
use crate::world::forge::{Review, Verdict};
use jiff::Timestamp;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Account {
    pub(super) login: String,
    #[serde(default)]
    pub(super) id: u64,
    #[serde(default)]
    pub(super) email: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct App {
    pub(super) slug: String,
}

#[derive(Deserialize)]
pub(super) struct RepositoryWire {
    pub(super) full_name: String,
    #[serde(default)]
    pub(super) archived: bool,
}

#[derive(Deserialize)]
pub(super) struct Assigned {
    #[serde(default)]
    pub(super) assignees: Vec<Account>,
}

#[derive(Deserialize)]
struct Repo {
    full_name: String,
}

#[derive(Deserialize)]
struct Side {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
    repo: Option<Repo>,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

#[derive(Deserialize)]
pub(super) struct Pull {
    pub(super) number: u64,
    title: String,
    body: Option<String>,
    user: Option<Account>,
    head: Side,
    base: Side,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    labels: Vec<Label>,
    state: String,
    merged_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    html_url: String,
    mergeable_state: Option<String>,
}

impl Pull {
    pub(super) fn into_model(self) -> PullRequest {
        let same = |head: &Repo| self.base.repo.as_ref().is_some_and(|b| b.full_name == head.full_name);
        PullRequest {
            number: self.number,
            title: self.title,
            body: self.body.unwrap_or_default(),
            author: self.user.map(|user| user.login).unwrap_or_default(),
            same_repository: self.head.repo.as_ref().is_some_and(same),
            base: self.base.name,
            head: self.head.name,
            head_sha: self.head.sha,
            draft: self.draft,
            labels: self.labels.into_iter().map(|label| label.name).collect(),
            state: match (self.merged_at, self.state.as_str()) {
                (Some(_), _) => PullState::Merged,
                (None, "open") => PullState::Open,
                (None, _) => PullState::Closed,
            },
            created: self.created_at,
            updated: self.updated_at,
            url: self.html_url,
            closed_by: None,
            mergeable: match self.mergeable_state.as_deref() {
                Some("clean" | "has_hooks" | "unstable") => Mergeable::Clean,
                Some("dirty") => Mergeable::Dirty,
                Some("behind") => Mergeable::Behind,
                Some("blocked" | "draft") => Mergeable::Blocked,
                _ => Mergeable::Unknown,
            },
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Issue {
    pub(super) closed_by: Option<Account>,
}

#[derive(Deserialize)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) body: Option<String>,
    pub(super) user: Option<Account>,
}

#[derive(Deserialize)]
pub(super) struct ReviewWire {
    user: Option<Account>,
    state: String,
    commit_id: Option<String>,
}

impl ReviewWire {
    pub(super) fn into_model(self) -> Review {
        Review {
            author: self.user.map(|user| user.login).unwrap_or_default(),
            verdict: match self.state.as_str() {
                "APPROVED" => Verdict::Approved,
                "CHANGES_REQUESTED" => Verdict::ChangesRequested,
                _ => Verdict::Other,
            },
            sha: self.commit_id,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Object {
    pub(super) sha: String,
}

#[derive(Deserialize)]
pub(super) struct Reference {
    pub(super) object: Object,
}

#[derive(Deserialize)]
pub(super) struct Commit {
    pub(super) tree: Object,
}

/// A commit just made.
#[derive(Deserialize)]
pub(super) struct Made {
    pub(super) sha: String,
    #[serde(default)]
    pub(super) author: Signature,
    #[serde(default)]
    pub(super) committer: Signature,
}

#[derive(Deserialize, Default)]
pub(super) struct Signature {
    pub(super) email: Option<String>,
}
