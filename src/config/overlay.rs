//! `.davit/config.yaml` on a repository's base branch: what whoever merges there may decide. Never registries,
//! credentials, limits, write windows, nor a file or a branch prefix that would reach beyond the repository.

use super::check::Checker;
use super::check_sections::bump;
use super::load::{complete, file_layer, finish, schema_of, whole};
use super::places::Places;
use super::raw::{RawBump, RawRule};
use super::shape::Shape;
use super::types::{RepositorySettings, RuleConfig};
use super::{Config, Issue, Place};
use config::{Value, ValueKind};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where the file is in a repository.
pub const OVERLAY_PATH: &str = ".davit/config.yaml";
/// The largest that is read, in bytes.
pub const OVERLAY_LIMIT: u64 = 256 * 1024;

/// What a repository sets for itself.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// Its `policy` and the lists of its `pullRequests` as one rule for everything, then its rules.
    rules: Vec<RuleConfig>,
    draft: Option<bool>,
    /// Empty: back to the built-in one.
    title_template: Option<String>,
    labels: Option<Vec<String>>,
    reviewers: Option<Vec<String>>,
    assignees: Option<Vec<String>>,
    places: Places,
}

impl Overlay {
    /// Where a rule's key is written, for messages of those who check a value further: its path as [`RuleConfig`] has
    /// it, with this file's name before it. Nothing where the key is not this file's.
    pub fn locate(&self, path: &str) -> Option<Place> {
        let path = path.strip_prefix(&self.places.file)?.strip_prefix(' ')?;
        Some(self.places.locate(path))
    }
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct RawOverlay {
    policy: RawOverlayPolicy,
    pull_requests: RawOverlayPullRequests,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct RawOverlayPolicy {
    range: Option<String>,
    bump: Option<RawBump>,
    prereleases: Option<bool>,
    minimum_age: Option<String>,
    ignore: Option<Vec<String>>,
    separate_majors: Option<bool>,
    group: Option<String>,
    rules: Vec<RawRule>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct RawOverlayPullRequests {
    labels: Option<Vec<String>>,
    reviewers: Option<Vec<String>>,
    assignees: Option<Vec<String>>,
    draft: Option<bool>,
    title_template: Option<String>,
}

/// Reads a repository's own file; `file_name` is what messages call it.
///
/// # Errors
/// Every issue, sorted; a key that only the daemon's configuration may set is one, with that reason.
pub fn overlay(bytes: &[u8], file_name: &str) -> Result<Overlay, Vec<Issue>> {
    let shape = Shape::of(&schema_of::<RawOverlay>());
    let mut places = Places::new(file_name);
    let mut issues = Vec::new();
    let table = file_layer(file_name, bytes, &shape, daemon_only, &mut places, &mut issues);
    let mut value = Value::new(None, ValueKind::Table(table));
    complete(&mut value, &shape, "", &places, &mut issues);
    let Ok(raw) = value.try_deserialize::<RawOverlay>() else {
        if issues.is_empty() {
            issues.push(whole(file_name, "a value has the wrong type"));
        }
        return Err(issues);
    };
    let mut checker = Checker { places: &places, issues: Vec::new() };
    let checked = checker.overlay(raw, file_name);
    let found = checker.issues;
    finish((Some(Overlay { places, ..checked }), found), issues)
}

/// A key that the daemon's configuration knows, and a repository must not set.
fn daemon_only(path: &str) -> Option<String> {
    let mut shape = &Shape::of(&super::schema());
    for segment in path.split('.') {
        let key = segment.split('[').next().unwrap_or(segment);
        shape = shape.field(key)?;
        while let Shape::List(inner) = shape {
            shape = inner;
        }
    }
    Some("can only be set by the daemon's own configuration".to_owned())
}

impl Checker<'_> {
    fn overlay(&mut self, raw: RawOverlay, file_name: &str) -> Overlay {
        for (index, rule) in raw.policy.rules.iter().enumerate() {
            if rule.schedule.is_some() {
                let path = format!("policy.rules[{index}].schedule");
                self.issue(&path, "can only be set by the daemon's own configuration");
            }
        }
        let (policy, pull_requests) = (raw.policy, raw.pull_requests);
        self.words("policy.ignore", policy.ignore.as_deref().unwrap_or_default());
        let base = RuleConfig {
            labels: pull_requests.labels.clone(),
            reviewers: pull_requests.reviewers.clone(),
            assignees: pull_requests.assignees.clone(),
            range: policy.range,
            bump: policy.bump.map(bump),
            prereleases: policy.prereleases,
            minimum_age: policy.minimum_age.map(|text| self.duration("policy.minimumAge", &text)),
            ignore: policy.ignore,
            separate_majors: policy.separate_majors,
            group: policy.group.map(|group| self.group("policy.group", group)),
            ..RuleConfig::default()
        };
        let mut rules = Vec::new();
        if base != RuleConfig::default() {
            rules.push(RuleConfig { path: format!("{file_name} policy"), ..base });
        }
        rules.extend(self.rules(policy.rules, &format!("{file_name} ")));
        let _ = self.template("pullRequests.titleTemplate", pull_requests.title_template.clone().unwrap_or_default());
        let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
        self.people(&list(&pull_requests.labels), &list(&pull_requests.reviewers), &list(&pull_requests.assignees));
        Overlay {
            rules,
            draft: pull_requests.draft,
            title_template: pull_requests.title_template,
            labels: pull_requests.labels,
            reviewers: pull_requests.reviewers,
            assignees: pull_requests.assignees,
            places: Places::default(),
        }
    }
}

impl Config {
    /// The settings of a repository that has no file of its own.
    pub fn settings(&self) -> RepositorySettings {
        RepositorySettings { policy: self.policy.clone(), pull_requests: self.pull_requests.clone() }
    }

    /// The settings of a repository with its own file over the daemon's: its rules come last, so they win, and its
    /// `policy` keys win over the daemon's keys and rules.
    pub fn with_overlay(&self, overlay: &Overlay) -> RepositorySettings {
        let mut settings = self.settings();
        settings.policy.rules.extend(overlay.rules.iter().cloned());
        let ours = &mut settings.pull_requests;
        replace(&mut ours.labels, overlay.labels.as_ref());
        replace(&mut ours.reviewers, overlay.reviewers.as_ref());
        replace(&mut ours.assignees, overlay.assignees.as_ref());
        replace(&mut ours.draft, overlay.draft.as_ref());
        if let Some(text) = &overlay.title_template {
            ours.title_template = Some(text.clone()).filter(|text| !text.is_empty());
        }
        settings
    }
}

fn replace<T: Clone>(ours: &mut T, theirs: Option<&T>) {
    if let Some(theirs) = theirs {
        theirs.clone_into(ours);
    }
}

#[cfg(test)]
#[path = "overlay_tests.rs"]
mod tests;
