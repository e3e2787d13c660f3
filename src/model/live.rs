//! What the cluster says of one release. Three versions are kept apart (Flux rule 8): the one Git asks for is the
//! release's `current`, the one Flux tried last is `attempted`, the one that runs is `running`.

/// How the release in the cluster stands to the version that Git asks for (Flux rule 22).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum LiveState {
    /// Ready, the last generation observed, and the version that Git asks for (where Git names one).
    Deployed,
    /// Ready with another version than Git's.
    Differs,
    /// Not done yet: not observed, waiting, or a newer artifact is not rolled out.
    Progressing,
    /// The last attempt failed, was rolled back or stalled.
    Failed,
    /// The cluster has no such release.
    Absent,
    /// The cluster could not be asked; nothing may be concluded.
    Unknown,
}

impl LiveState {
    /// Every state, for documentation and metrics.
    pub const ALL: [Self; 6] =
        [Self::Deployed, Self::Differs, Self::Progressing, Self::Failed, Self::Absent, Self::Unknown];

    /// The word in JSON and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Differs => "differs",
            Self::Progressing => "progressing",
            Self::Failed => "failed",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
        }
    }
}

/// One release as the cluster has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// How it stands to Git.
    pub state: LiveState,
    /// `status.lastAttemptedRevision`; for an OCI artifact with `+<digest12>`.
    pub attempted: Option<String>,
    /// `status.history[0].chartVersion`; `lastAppliedRevision` where an old controller keeps no history.
    pub running: Option<String>,
    /// The condition Ready: true, false, or neither.
    pub ready: Option<bool>,
    /// Reason of the condition Ready.
    pub reason: Option<String>,
    /// The running version is another one than Git's, whatever the state is.
    pub differs: bool,
    /// What is suspended in the cluster though Git says otherwise (Flux rule 21): `HelmRelease media/plex`.
    pub suspended: Vec<String>,
    /// One sentence for a person.
    pub message: String,
}

/// The cluster that is to have a release, and what it says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// What the configuration calls the cluster; the root's directory where it gives no name; empty without either.
    pub cluster: std::sync::Arc<str>,
    /// The release there; nothing where Davit has no access, and for what is no HelmRelease.
    pub live: Option<Live>,
}

impl Live {
    /// A release of which nothing is known but its state.
    pub fn bare(state: LiveState, message: impl Into<String>) -> Self {
        Self {
            state,
            attempted: None,
            running: None,
            ready: None,
            reason: None,
            differs: false,
            suspended: Vec::new(),
            message: message.into(),
        }
    }

    /// What a person should hear of it; nothing where the cluster runs what Git says, or is on its way there.
    pub fn remark(&self) -> Option<String> {
        let mut remark = match self.state {
            LiveState::Differs | LiveState::Failed => Some(format!("in the cluster: {}", self.message)),
            _ => None,
        };
        if !self.suspended.is_empty() {
            let suspended = format!("suspended in the cluster: {}", self.suspended.join(", "));
            remark = Some(remark.map_or(suspended.clone(), |remark| format!("{remark}; {suspended}")));
        }
        remark
    }

    /// The running version without the digest that helm-controller appends for an OCI artifact.
    pub fn running_chart(&self) -> Option<&str> {
        let running = self.running.as_deref()?;
        let digest = |tail: &str| tail.len() == 12 && tail.bytes().all(|b| b.is_ascii_hexdigit());
        Some(running.split_once('+').filter(|(_, tail)| digest(tail)).map_or(running, |(version, _)| version))
    }
}
