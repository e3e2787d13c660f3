//! The pull request as text: a value before it is a request.

/// Everything a person will read, and what stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Branch.
    pub branch: String,
    /// Title: one line, at most [`super::TITLE_LIMIT`] characters.
    pub title: String,
    /// Body without the marker.
    pub body: String,
    /// Commit message, with its trailer.
    pub commit_message: String,
    /// Labels to add when opening.
    pub labels: Vec<String>,
    /// Assignees to add when opening.
    pub assignees: Vec<String>,
    /// Reviewers to ask when opening; `org/team` is a team.
    pub reviewers: Vec<String>,
    /// Open as a draft.
    pub draft: bool,
    /// Hash of the places that change, for the marker.
    pub sites_hash: String,
    /// Why a template of the user's was not used, where that is so; the built-in one was.
    pub template_problem: Option<String>,
}
