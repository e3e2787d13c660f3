//! Checks of `registries`, `policy` and `pullRequests`.

use super::check::{Checker, set};
use super::plain::RuleMatch;
use super::raw::{RawBump, RawHost, RawMirror, RawPolicy, RawPullRequests, RawRegistries, RawRule};
use super::types::{PolicyConfig, PullRequests, Registries, RegistryHost, RuleConfig};
use super::{Mirror, Mirrors};
use crate::model::Bump;
use std::path::PathBuf;

impl Checker<'_> {
    pub(super) fn registries(&mut self, raw: RawRegistries) -> Registries {
        let hosts = raw.hosts.into_iter().enumerate().map(|(index, host)| self.host(index, host)).collect::<Vec<_>>();
        for (index, host) in hosts.iter().enumerate() {
            let twin = |other: &RegistryHost| other.host == host.host && other.paths == host.paths;
            if hosts[..index].iter().any(twin) {
                let message = "is given twice with the same paths; join the entries";
                self.issue(&format!("registries.hosts[{index}].host"), message);
            }
        }
        Registries {
            hosts,
            docker_config_file: set(raw.docker_config_file).map(PathBuf::from),
            mirrors: self.mirrors(raw.mirrors),
            timeout: self.positive("registries.timeout", &raw.timeout),
            max_index_size: self.size("registries.maxIndexSize", &raw.max_index_size),
            max_chart_size: self.size("registries.maxChartSize", &raw.max_chart_size),
            allow_private_addresses: raw.allow_private_addresses,
        }
    }

    fn host(&mut self, index: usize, raw: RawHost) -> RegistryHost {
        let path = format!("registries.hosts[{index}]");
        let host = raw.host.to_ascii_lowercase();
        let parsed = url::Url::parse(&format!("https://{host}/"));
        if host.contains('/') || host.contains('@') || host.is_empty() || parsed.is_err() {
            self.issue(
                &format!("{path}.host"),
                "expected a host name, such as ghcr.io or localhost:5000, without scheme and path",
            );
        }
        if !(1..=64).contains(&raw.concurrency) {
            self.issue(&format!("{path}.concurrency"), "must be from 1 to 64");
        }
        let username = set(raw.username);
        let password = self.secret(&format!("{path}.password"), raw.password, raw.password_file);
        match (&username, &password) {
            (Some(_), None) => self.issue(&path, "has a username without passwordFile (or password)"),
            (None, Some(_)) => self.issue(&path, "has a password without a username"),
            _ => {}
        }
        RegistryHost {
            host,
            paths: raw.paths.iter().map(|p| p.trim_matches('/').to_owned()).filter(|p| !p.is_empty()).collect(),
            username,
            password,
            ca_file: set(raw.ca_file).map(PathBuf::from),
            insecure: raw.insecure,
            concurrency: usize::try_from(raw.concurrency.clamp(1, 64)).unwrap_or(1),
        }
    }

    fn mirrors(&mut self, raw: Vec<RawMirror>) -> Mirrors {
        let mut mirrors: Vec<Mirror> = Vec::new();
        for (index, RawMirror { from, to, insecure }) in raw.into_iter().enumerate() {
            let path = format!("registries.mirrors[{index}]");
            let oci = |url: &str| url.starts_with("oci://");
            let known = |url: &str| oci(url) || url.starts_with("https://") || url.starts_with("http://");
            if !known(&from) {
                self.issue(&format!("{path}.from"), "must begin with https://, http:// or oci://");
            }
            let target =
                url::Url::parse(&to).ok().filter(|url| known(&to) && url.host_str().is_some_and(|h| !h.is_empty()));
            if target.is_none() {
                self.issue(&format!("{path}.to"), "expected a URL with a host, such as https://mirror.corp/ghcr/");
            } else if known(&from) && oci(&from) != oci(&to) {
                self.issue(
                    &format!("{path}.to"),
                    "an oci:// prefix is replaced by an oci:// one, https:// by https://",
                );
            } else if known(&from) && from.ends_with('/') != to.ends_with('/') {
                self.issue(
                    &format!("{path}.to"),
                    "from and to must both end with `/`, or neither: the rest is appended as it is",
                );
            }
            if mirrors.iter().any(|m| m.from == from) {
                self.issue(&format!("{path}.from"), "is given twice");
            }
            mirrors.push(Mirror { from, to, insecure });
        }
        Mirrors(mirrors)
    }

    pub(super) fn policy(&mut self, raw: RawPolicy) -> PolicyConfig {
        self.words("policy.ignore", &raw.ignore);
        PolicyConfig {
            range: raw.range,
            bump: bump(raw.bump),
            prereleases: raw.prereleases,
            minimum_age: self.duration("policy.minimumAge", &raw.minimum_age),
            ignore: raw.ignore,
            separate_majors: raw.separate_majors,
            group: self.group("policy.group", raw.group),
            rules: self.rules(raw.rules, ""),
        }
    }

    /// Rules; `origin` is what a message puts in front of the path (`.davit/config.yaml `).
    pub(super) fn rules(&mut self, raw: Vec<RawRule>, origin: &str) -> Vec<RuleConfig> {
        raw.into_iter()
            .enumerate()
            .map(|(index, rule)| {
                let path = format!("policy.rules[{index}]");
                let rule = self.rule(&path, rule);
                RuleConfig { path: format!("{origin}{path}"), ..rule }
            })
            .collect()
    }

    fn rule(&mut self, path: &str, raw: RawRule) -> RuleConfig {
        for (key, words) in [
            ("ignore", &raw.ignore),
            ("labels", &raw.labels),
            ("reviewers", &raw.reviewers),
            ("assignees", &raw.assignees),
        ] {
            self.words(&format!("{path}.{key}"), words.as_deref().unwrap_or_default());
        }
        self.schedule(&format!("{path}.schedule"), raw.schedule.as_deref().unwrap_or_default());
        let rule = RuleConfig {
            matching: self.matching(&format!("{path}.match"), raw.matching),
            range: raw.range,
            bump: raw.bump.map(bump),
            prereleases: raw.prereleases,
            minimum_age: raw.minimum_age.map(|text| self.duration(&format!("{path}.minimumAge"), &text)),
            ignore: raw.ignore,
            separate_majors: raw.separate_majors,
            group: raw.group.map(|group| self.group(&format!("{path}.group"), group)),
            labels: raw.labels,
            reviewers: raw.reviewers,
            assignees: raw.assignees,
            schedule: raw.schedule,
            path: String::new(),
        };
        if rule == (RuleConfig { matching: rule.matching.clone(), ..RuleConfig::default() }) {
            self.issue(path, "sets nothing; give it a key such as bump: minor");
        }
        rule
    }

    fn matching(&mut self, path: &str, matching: RuleMatch) -> RuleMatch {
        for (key, globs) in [
            ("repositories", &matching.repositories),
            ("namespaces", &matching.namespaces),
            ("releases", &matching.releases),
            ("charts", &matching.charts),
            ("urls", &matching.urls),
        ] {
            self.globs(&format!("{path}.{key}"), globs);
        }
        matching
    }

    /// A group becomes a part of a branch's name.
    pub(super) fn group(&mut self, path: &str, group: String) -> String {
        let plain = group.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) && group.len() <= 40;
        if !(group.is_empty() || plain && super::check_repositories::is_ref(&group)) {
            self.issue(path, "becomes part of a branch's name: up to 40 letters, digits, `.`, `_` and `-`");
        }
        group
    }

    pub(super) fn pull_requests(&mut self, raw: RawPullRequests) -> PullRequests {
        self.people(&raw.labels, &raw.reviewers, &raw.assignees);
        let prefix = &raw.branch_prefix;
        if !super::check_repositories::is_ref(&format!("{prefix}x"))
            || !prefix.ends_with(['/', '-', '_'])
            || prefix.len() > 60
        {
            self.issue(
                "pullRequests.branchPrefix",
                "must begin a branch's name and end with `/`, `-` or `_`, such as davit/",
            );
        }
        PullRequests {
            title_template: self.template("pullRequests.titleTemplate", raw.title_template),
            labels: raw.labels,
            reviewers: raw.reviewers,
            assignees: raw.assignees,
            draft: raw.draft,
            branch_prefix: raw.branch_prefix,
            body_template_file: set(Some(raw.body_template_file)).map(PathBuf::from),
        }
    }

    pub(super) fn people(&mut self, labels: &[String], reviewers: &[String], assignees: &[String]) {
        self.words("pullRequests.labels", labels);
        self.words("pullRequests.reviewers", reviewers);
        self.words("pullRequests.assignees", assignees);
    }

    /// A minijinja template; empty is none.
    pub(super) fn template(&mut self, path: &str, text: String) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        if let Err(error) = minijinja::Environment::new().template_from_str(&text) {
            let line = error.line().map_or(String::new(), |line| format!(" (line {line} of the template)"));
            self.issue(path, format!("not a minijinja template: {}{line}", error.detail().unwrap_or("syntax error")));
        }
        Some(text)
    }
}

pub(super) fn bump(raw: RawBump) -> Bump {
    match raw {
        RawBump::Patch => Bump::Patch,
        RawBump::Minor => Bump::Minor,
        RawBump::Major => Bump::Major,
    }
}
