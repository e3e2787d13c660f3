//! The settings in force for one commit: the daemon's, and the repository's own file (`.davit/config.yaml`) on top. A
//! file that is broken, or no file (a symlink, say), costs no row: the daemon's own policy judges, and nothing is written until it is mended, because
//! what it would have held back is not known.

use super::report::Finding;
use crate::config::{self, Config, Issue, Overlay, RepositorySettings};
use crate::model::{Problem, Reason};
use crate::policy::Rules;
use crate::world::git::{Fetched, Repository};

/// What one commit is judged by.
pub(super) struct InForce {
    /// The settings.
    pub settings: RepositorySettings,
    /// Their rules.
    pub rules: Rules,
    /// What is wrong with the repository's own file, each with its place; where there is any, the daemon's settings
    /// stand above.
    pub problems: Vec<Finding>,
}

impl InForce {
    /// Why nothing is written, where the repository's own file is broken.
    pub fn refusal(&self) -> Option<Problem> {
        let place = |finding: &Finding| match (&finding.file, finding.line) {
            (Some(file), Some(line)) => format!("{file}:{line}: {}", finding.problem.message),
            (Some(file), None) => format!("{file}: {}", finding.problem.message),
            _ => finding.problem.message.clone(),
        };
        let reason = self.problems.first()?.problem.reason;
        let text = self.problems.iter().map(place).collect::<Vec<_>>().join("; ");
        Some(Problem::new(reason, format!("nothing is written until it is mended: {text}")))
    }
}

/// Reads the repository's own file at the fetched commit.
///
/// # Errors
/// The daemon's own policy can't be read, which its start refuses.
pub(super) async fn in_force(git: &Repository, config: &Config, fetched: &Fetched) -> Result<InForce, Problem> {
    let own = own(git, fetched).await.and_then(|overlay| Rules::with_overlay(config, &overlay).map_err(broken));
    match own {
        Ok((settings, rules)) => Ok(InForce { settings, rules, problems: Vec::new() }),
        Err(problems) => {
            let daemon = Rules::with_overlay(config, &Overlay::default());
            let (settings, rules) = daemon.map_err(|issues| {
                let text = issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                Problem::new(Reason::InvalidAnnotation, text)
            })?;
            Ok(InForce { settings, rules, problems })
        }
    }
}

async fn own(git: &Repository, fetched: &Fetched) -> Result<Overlay, Vec<Finding>> {
    match git.file_if_any(fetched.base_commit, config::OVERLAY_PATH, config::OVERLAY_LIMIT).await {
        Ok(Some(bytes)) => config::overlay(&bytes, config::OVERLAY_PATH).map_err(broken),
        Ok(None) => Ok(Overlay::default()),
        Err(error) => {
            Err(vec![Finding { file: Some(config::OVERLAY_PATH.to_owned()), line: None, problem: error.problem() }])
        }
    }
}

fn broken(issues: Vec<Issue>) -> Vec<Finding> {
    let finding = |issue: Issue| {
        let path = if issue.path.is_empty() { String::new() } else { format!("{}: ", issue.path) };
        Finding {
            file: Some(issue.place.file),
            line: Some(issue.place.line).filter(|line| *line > 0),
            problem: Problem::new(Reason::InvalidDocument, format!("{path}{}", issue.message)),
        }
    };
    issues.into_iter().map(finding).collect()
}
