//! What one pass found and did. Everything people see — tables, JSON, the status page, metrics — is a rendering of
//! this one value; nothing here is worded for one of them.

use crate::model::{Bump, Decision, Dropped, Live, LiveState, Problem, Reason, Release, Status, Update, Witness};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One release with what there is to say about its version.
#[derive(Debug, Clone)]
pub struct Row {
    /// The release as resolved.
    pub release: Arc<Release>,
    /// The highest version that Flux's own rules and the pre-release rule admit, where the source could be read.
    pub latest: Option<String>,
    /// What policy lets through; the current version where nothing is proposed.
    pub target: Option<String>,
    /// The size of the step from current to target.
    pub bump: Bump,
    /// Why the row has its status.
    pub reason: Reason,
    /// The same for a person.
    pub message: String,
    /// Newer candidates that were not taken.
    pub dropped: Vec<Dropped>,
    /// How many more were not taken than are listed.
    pub dropped_more: usize,
    /// Older candidates, of which one may be usable, were not looked at: that nothing is proposed says nothing of them.
    pub unsettled: bool,
    /// The cluster by its configured name, and what it says; nothing where the configuration says nothing of it.
    pub witness: Option<Arc<Witness>>,
}

impl Row {
    /// The cluster: by its name, else by its root's directory.
    pub fn cluster(&self) -> Option<&str> {
        self.witness.as_ref().map(|witness| &*witness.cluster).or(self.release.cluster.as_deref())
    }

    /// What the cluster says.
    pub fn live(&self) -> Option<&Live> {
        self.witness.as_ref()?.live.as_ref()
    }

    /// The message, and what a person should hear of the cluster beside it: that it runs another version, that its last
    /// attempt failed, that something is suspended there.
    pub fn told(&self) -> Cow<'_, str> {
        match self.live().and_then(Live::remark) {
            None => Cow::Borrowed(&self.message),
            Some(remark) if self.message.is_empty() => Cow::Owned(remark),
            Some(remark) => Cow::Owned(format!("{}; {remark}", self.message)),
        }
    }

    /// The status that the reason belongs to.
    pub fn status(&self) -> Status {
        self.reason.status()
    }

    /// A row that says why nothing is proposed; `latest` stays, where it is known.
    pub fn held(release: impl Into<Arc<Release>>, problem: Problem, latest: Option<String>) -> Self {
        let release = release.into();
        Self {
            latest,
            target: release.current.clone(),
            bump: Bump::None,
            reason: problem.reason,
            message: problem.message,
            dropped: Vec::new(),
            dropped_more: 0,
            unsettled: false,
            witness: None,
            release,
        }
    }

    /// A row from policy's decision, which is `bump` away from the current version.
    pub fn decided(release: impl Into<Arc<Release>>, decision: Decision, bump: Bump) -> Self {
        let release = release.into();
        let text = |c: Option<crate::model::Candidate>| c.map(|c| c.text);
        let target = text(decision.target).or_else(|| release.current.clone());
        Self {
            latest: text(decision.latest),
            target,
            bump,
            reason: decision.reason,
            message: decision.message,
            dropped: decision.dropped,
            dropped_more: decision.dropped_more,
            unsettled: false,
            witness: None,
            release,
        }
    }
}

/// Something wrong with a file or an object that is no release: a broken document, a Kustomization out of reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// File, or nothing where it concerns the whole repository.
    pub file: Option<String>,
    /// Line from 1, where known.
    pub line: Option<u32>,
    /// What is wrong.
    pub problem: Problem,
}

/// What a look at one repository found.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// URL or path, without credentials.
    pub repository: String,
    /// The commit that was read; nothing for a folder.
    pub revision: Option<String>,
    /// Every release, in a stable order.
    pub rows: Vec<Arc<Row>>,
    /// The updates that the rows' targets make.
    pub updates: Vec<Update>,
    /// What is wrong beside the releases.
    pub problems: Vec<Finding>,
    /// Whether all of the cluster that Davit looks at could be read; nothing where it has no access.
    pub cluster_read: Option<bool>,
}

/// How many rows there are of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// By reason; those of which there are none are left out.
    pub reasons: BTreeMap<Reason, usize>,
    /// By state in the cluster, likewise.
    pub live: BTreeMap<LiveState, usize>,
}

impl Tally {
    /// How many rows have a status.
    pub fn count(&self, status: Status) -> usize {
        self.reasons.iter().filter(|(reason, _)| reason.status() == status).map(|(_, count)| count).sum()
    }
}

impl Findings {
    /// The clusters that an edit of a release's site touches, sorted: those of every row on the same bytes.
    pub fn touched(&self, release: &Release) -> Vec<String> {
        let place = |release: &Release| release.site.as_ref().map(|site| (site.file.clone(), site.start));
        let Some(here) = place(release) else { return Vec::new() };
        let same = self.rows.iter().filter(|row| place(&row.release).as_ref() == Some(&here));
        let clusters: std::collections::BTreeSet<String> =
            same.filter_map(|row| row.cluster().map(str::to_owned)).collect();
        clusters.into_iter().collect()
    }

    /// How many rows have this status.
    pub fn count(&self, status: Status) -> usize {
        self.rows.iter().filter(|row| row.status() == status).count()
    }

    /// All counts at once.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for row in &self.rows {
            *tally.reasons.entry(row.reason).or_default() += 1;
            if let Some(live) = row.live() {
                *tally.live.entry(live.state).or_default() += 1;
            }
        }
        tally
    }
}

/// What a pass did, or would not do, about one pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeedKind {
    /// A pull request was opened.
    Open,
    /// One moved to a newer version or was rebuilt on the base.
    Update,
    /// Title or body were written anew.
    Refresh,
    /// One was closed, with the reason.
    Close,
    /// A branch of ours was deleted.
    DeleteBranch,
    /// Left alone, with the reason.
    Leave,
    /// Put off: a limit, a schedule, a pause.
    Defer,
}

impl DeedKind {
    /// The word in JSON and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Update => "update",
            Self::Refresh => "refresh",
            Self::Close => "close",
            Self::DeleteBranch => "delete-branch",
            Self::Leave => "leave",
            Self::Defer => "defer",
        }
    }
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Written.
    Done,
    /// Nothing was written, on purpose.
    Held,
    /// The write failed; the next pass tries again.
    Failed,
}

impl Outcome {
    /// The word in JSON and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Held => "held",
            Self::Failed => "failed",
        }
    }
}

/// One action of a pass and its result.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Deed {
    /// What was to be done.
    pub kind: DeedKind,
    /// How it ended.
    pub outcome: Outcome,
    /// The branch it is about.
    pub branch: String,
    /// The pull request, where there is one.
    pub number: Option<u64>,
    /// One sentence.
    pub message: String,
}

/// One open pull request of ours, as the pass leaves it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Pull {
    /// Number on the forge.
    pub number: u64,
    /// Page on the forge.
    pub url: String,
    /// Title.
    pub title: String,
    /// Head branch.
    pub branch: String,
}

/// One pass over one repository, from start to end.
#[derive(Debug, Clone)]
pub struct Report {
    /// Id of the pass, in every log line of it.
    pub pass: String,
    /// Name of the repository in the configuration.
    pub name: String,
    /// When it began.
    pub started: jiff::Timestamp,
    /// When it ended.
    pub finished: jiff::Timestamp,
    /// What it found.
    pub findings: Arc<Findings>,
    /// Our open pull requests as the pass left them.
    pub pulls: Vec<Pull>,
    /// What it did and what it put off.
    pub deeds: Vec<Deed>,
    /// Why it ended early, where it did.
    pub error: Option<Problem>,
}

impl Report {
    /// The report of a pass that broke off without a word.
    pub fn broken(name: &str, pass: &str, started: jiff::Timestamp, finished: jiff::Timestamp) -> Self {
        let problem = Problem::new(Reason::InternalError, "the pass broke off; the log has the details");
        Self {
            pass: pass.to_owned(),
            name: name.to_owned(),
            started,
            finished,
            findings: Arc::default(),
            pulls: Vec::new(),
            deeds: Vec::new(),
            error: Some(problem),
        }
    }

    /// Whether anything at all went wrong: the pass itself or one of its writes.
    pub fn failed(&self) -> bool {
        self.error.is_some() || self.deeds.iter().any(|deed| deed.outcome == Outcome::Failed)
    }
}
