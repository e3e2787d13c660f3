//! Which policy is in force where: the configuration's keys, and its rules over them. A later rule wins, key by key.
//! Made from the checked configuration ([`Rules::from_config`]), whose ranges and windows are read here.

use super::annotations::group;
use super::{Ignore, Policy, Range};
use crate::config::{Config, Issue, Overlay, PolicyConfig, RepositorySettings, RuleConfig, RuleMatch};
use crate::model::{Bump, Schedule};
use globset::{Glob, GlobSet, GlobSetBuilder};
use std::time::Duration;

/// A release, as rules see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'a> {
    /// Name of the repository in the configuration.
    pub repository: &'a str,
    /// Namespace of the release.
    pub namespace: &'a str,
    /// Name of the release.
    pub release: &'a str,
    /// Name of the chart.
    pub chart: &'a str,
    /// URL of the source as in Git.
    pub url: &'a str,
}

/// What is in force for one release before its annotations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effective {
    /// The policy.
    pub policy: Policy,
    /// Labels instead of `pullRequests.labels`.
    pub labels: Option<Vec<String>>,
    /// Reviewers instead of `pullRequests.reviewers`.
    pub reviewers: Option<Vec<String>>,
    /// Assignees instead of `pullRequests.assignees`.
    pub assignees: Option<Vec<String>>,
    /// Windows instead of the repository's `schedule`.
    pub schedule: Option<Schedule>,
}

/// A key of the policy whose text can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct PolicyIssue {
    /// The key's path (`policy.rules[2].range`).
    pub path: String,
    /// What is wrong, and the remedy.
    pub message: String,
}

/// The policy of the configuration, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    base: Policy,
    ordered: Vec<Rule>,
    /// What they were made from; nothing for none.
    written: Option<PolicyConfig>,
}

/// Rules are equal where they were written alike.
impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

/// One rule: for what matches, the keys it sets.
#[derive(Debug, Clone, Default)]
struct Rule {
    matching: Match,
    #[expect(clippy::option_option, reason = "an empty text sets the range to none")]
    range: Option<Option<Range>>,
    bump: Option<Bump>,
    prereleases: Option<bool>,
    minimum_age: Option<Duration>,
    ignore: Option<Vec<Ignore>>,
    separate_majors: Option<bool>,
    group: Option<String>,
    labels: Option<Vec<String>>,
    reviewers: Option<Vec<String>>,
    assignees: Option<Vec<String>>,
    schedule: Option<Schedule>,
}

/// Every list that is not empty must match.
#[derive(Debug, Clone, Default)]
struct Match {
    repositories: Option<GlobSet>,
    namespaces: Option<GlobSet>,
    releases: Option<GlobSet>,
    charts: Option<GlobSet>,
    urls: Option<GlobSet>,
}

impl Rules {
    /// Reads every range, version, window and glob of the checked configuration, or tells all that can't be read.
    pub fn from_config(config: &PolicyConfig) -> Result<Self, Vec<PolicyIssue>> {
        let mut reader = Reader::default();
        let base = Policy {
            range: reader.range("policy.range", &config.range),
            bump: config.bump,
            prereleases: config.prereleases,
            minimum_age: config.minimum_age,
            ignore: reader.ignore("policy.ignore", &config.ignore),
            separate_majors: config.separate_majors,
            group: reader.group("policy.group", &config.group),
            hold: None,
        };
        let ordered = config.rules.iter().map(|rule| reader.rule(rule)).collect();
        if reader.issues.is_empty() {
            Ok(Self { base, ordered, written: Some(config.clone()) })
        } else {
            Err(reader.issues)
        }
    }

    /// The settings and rules of a repository with its own file over the daemon's configuration.
    ///
    /// # Errors
    /// Every text of the repository's file that can't be read, with its place. (The daemon's own were read at the
    /// start.)
    pub fn with_overlay(config: &Config, overlay: &Overlay) -> Result<(RepositorySettings, Self), Vec<Issue>> {
        let settings = config.with_overlay(overlay);
        let issue = |PolicyIssue { path, message }| match overlay.locate(&path) {
            Some(place) => {
                let path = path.split_once(' ').map_or(path.as_str(), |(_, own)| own).to_owned();
                Issue { place, path, message }
            }
            None => Issue { place: config.locate(&path), path, message },
        };
        match Self::from_config(&settings.policy) {
            Ok(rules) => Ok((settings, rules)),
            Err(issues) => Err(issues.into_iter().map(issue).collect()),
        }
    }

    /// What is in force for a release, before its annotations ([`Policy::with_annotations`]).
    pub fn effective(&self, subject: &Subject<'_>) -> Effective {
        let mut effective = Effective { policy: self.base.clone(), ..Effective::default() };
        for rule in self.ordered.iter().filter(|rule| rule.matching.covers(subject)) {
            rule.apply(&mut effective);
        }
        effective
    }
}

impl Rule {
    fn apply(&self, to: &mut Effective) {
        fn set<T: Clone>(target: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                target.clone_from(value);
            }
        }
        fn replace<T: Clone>(target: &mut Option<T>, value: Option<&T>) {
            if value.is_some() {
                *target = value.cloned();
            }
        }
        set(&mut to.policy.range, self.range.as_ref());
        set(&mut to.policy.bump, self.bump.as_ref());
        set(&mut to.policy.prereleases, self.prereleases.as_ref());
        set(&mut to.policy.minimum_age, self.minimum_age.as_ref());
        set(&mut to.policy.ignore, self.ignore.as_ref());
        set(&mut to.policy.separate_majors, self.separate_majors.as_ref());
        set(&mut to.policy.group, self.group.as_ref());
        replace(&mut to.labels, self.labels.as_ref());
        replace(&mut to.reviewers, self.reviewers.as_ref());
        replace(&mut to.assignees, self.assignees.as_ref());
        replace(&mut to.schedule, self.schedule.as_ref());
    }
}

impl Match {
    fn covers(&self, subject: &Subject<'_>) -> bool {
        let one = |globs: &Option<GlobSet>, text: &str| globs.as_ref().is_none_or(|globs| globs.is_match(text));
        one(&self.repositories, subject.repository)
            && one(&self.namespaces, subject.namespace)
            && one(&self.charts, subject.chart)
            && one(&self.urls, subject.url)
            && (one(&self.releases, subject.release)
                || one(&self.releases, &format!("{}/{}", subject.namespace, subject.release)))
    }
}

/// Reads texts and gathers what can't be read.
#[derive(Default)]
struct Reader {
    issues: Vec<PolicyIssue>,
}

impl Reader {
    fn rule(&mut self, rule: &RuleConfig) -> Rule {
        let at = |key: &str| format!("{}.{key}", rule.path);
        Rule {
            matching: self.matching(&at("match"), &rule.matching),
            range: rule.range.as_ref().map(|text| self.range(&at("range"), text)),
            bump: rule.bump,
            prereleases: rule.prereleases,
            minimum_age: rule.minimum_age,
            ignore: rule.ignore.as_ref().map(|texts| self.ignore(&at("ignore"), texts)),
            separate_majors: rule.separate_majors,
            group: rule.group.as_ref().map(|text| self.group(&at("group"), text)),
            labels: rule.labels.clone(),
            reviewers: rule.reviewers.clone(),
            assignees: rule.assignees.clone(),
            schedule: rule.schedule.as_ref().and_then(|texts| self.schedule(&at("schedule"), texts)),
        }
    }

    fn matching(&mut self, path: &str, matching: &RuleMatch) -> Match {
        Match {
            repositories: self.globs(&format!("{path}.repositories"), &matching.repositories),
            namespaces: self.globs(&format!("{path}.namespaces"), &matching.namespaces),
            releases: self.globs(&format!("{path}.releases"), &matching.releases),
            charts: self.globs(&format!("{path}.charts"), &matching.charts),
            urls: self.globs(&format!("{path}.urls"), &matching.urls),
        }
    }

    /// Keeps what is good, notes what is not.
    fn keep<T, E: std::fmt::Display>(&mut self, path: String, result: Result<T, E>) -> Option<T> {
        result.map_err(|e| self.issues.push(PolicyIssue { path, message: e.to_string() })).ok()
    }

    fn range(&mut self, path: &str, text: &str) -> Option<Range> {
        let text = text.trim();
        if text.is_empty() { None } else { self.keep(path.to_owned(), Range::parse(text)) }
    }

    fn ignore(&mut self, path: &str, texts: &[String]) -> Vec<Ignore> {
        let numbered = texts.iter().enumerate();
        numbered.filter_map(|(i, text)| self.keep(format!("{path}[{i}]"), Ignore::parse(text))).collect()
    }

    fn group(&mut self, path: &str, text: &str) -> String {
        self.keep(path.to_owned(), group(text)).unwrap_or_default()
    }

    fn schedule(&mut self, path: &str, texts: &[String]) -> Option<Schedule> {
        let windows = texts.iter().enumerate();
        let windows: Vec<_> = windows.filter_map(|(i, text)| self.keep(format!("{path}[{i}]"), text.parse())).collect();
        (windows.len() == texts.len()).then(|| Schedule::new(windows))
    }

    /// `*` matches everything, `/` included: `oci://ghcr.io/*` is all of that host.
    fn globs(&mut self, path: &str, texts: &[String]) -> Option<GlobSet> {
        if texts.is_empty() {
            return None;
        }
        let mut set = GlobSetBuilder::new();
        for (i, text) in texts.iter().enumerate() {
            if let Some(glob) = self.keep(format!("{path}[{i}]"), Glob::new(text)) {
                set.add(glob);
            }
        }
        self.keep(path.to_owned(), set.build())
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
