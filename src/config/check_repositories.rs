//! Checks of `repositories`: names are unique, no two of them read the same files of the same branch, and no two open
//! pull requests on one forge's repository.

use super::check::{Checker, set};
use super::plain::PathFilter;
use super::raw::{RawForge, RawRepository};
use super::types::{Forge, GitHubRepository, Repository, web_host};
use super::{Remote, Transport};
use std::time::Duration;

/// Shortest and longest interval.
const INTERVAL: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(30 * 24);

impl Checker<'_> {
    pub(super) fn repositories(&mut self, raw: Vec<RawRepository>, api_host: &str, insecure: bool) -> Vec<Repository> {
        let mut checked: Vec<(usize, Repository)> = Vec::new();
        for (index, raw) in raw.into_iter().enumerate() {
            let path = format!("repositories[{index}]");
            if let Some(repository) = self.repository(&path, raw, api_host, insecure) {
                self.neighbours(&path, &repository, &checked);
                checked.push((index, repository));
            }
        }
        checked.into_iter().map(|(_, repository)| repository).collect()
    }

    fn repository(&mut self, path: &str, raw: RawRepository, api_host: &str, insecure: bool) -> Option<Repository> {
        let interval = self.duration(&format!("{path}.interval"), &raw.interval);
        if !INTERVAL.contains(&interval) && super::duration(&raw.interval).is_ok() {
            self.issue(&format!("{path}.interval"), "must be between 1s and 30d");
        }
        let paths = self.path_filter(&format!("{path}.paths"), raw.paths);
        self.schedule(&format!("{path}.schedule"), &raw.schedule);
        let branch = set(raw.branch);
        if branch.as_deref().is_some_and(|branch| !is_ref(branch)) {
            self.issue(&format!("{path}.branch"), "is not the name of a branch");
        }
        let remote = match Remote::parse(&raw.url) {
            Ok(remote) => remote,
            Err(message) => {
                self.issue(&format!("{path}.url"), message);
                return None;
            }
        };
        if remote.transport == Transport::Http && !insecure {
            self.issue(
                &format!("{path}.url"),
                "http:// is not encrypted; use https://, or set git.http.insecure: true",
            );
        }
        let name = set(raw.name).unwrap_or_else(|| remote.last_segment().to_owned());
        if !is_name(&name) {
            self.issue(
                &format!("{path}.name"),
                "must be letters, digits, `.`, `_` and `-`, and begin with a letter or digit",
            );
        }
        let forge = self.forge(path, raw.forge, set(raw.github).as_deref(), &remote, api_host);
        Some(Repository { remote, name, branch, paths, forge, interval, schedule: raw.schedule })
    }

    fn forge(
        &mut self,
        path: &str,
        forge: Option<RawForge>,
        github: Option<&str>,
        remote: &Remote,
        api_host: &str,
    ) -> Forge {
        if forge == Some(RawForge::None) {
            return Forge::None;
        }
        let slug = match github {
            Some(text) => slug(text),
            None => on_github(remote, api_host).then(|| slug(&remote.path)).flatten(),
        };
        if slug.is_none() && github.is_some() {
            self.issue(&format!("{path}.github"), "expected owner/name");
            return Forge::None;
        }
        if slug.is_none() && forge == Some(RawForge::GitHub) {
            self.issue(path, "the URL does not name a repository on github.apiUrl's host; set github: owner/name");
        }
        slug.map_or(Forge::None, Forge::GitHub)
    }

    fn neighbours(&mut self, path: &str, new: &Repository, earlier: &[(usize, Repository)]) {
        for (index, old) in earlier {
            if old.name == new.name {
                let message = format!("{:?} is the name of repositories[{index}] too; set a name of its own", new.name);
                self.issue(&format!("{path}.name"), message);
            }
            if old.remote.place() == new.remote.place() && old.branch == new.branch && overlap(&old.paths, &new.paths) {
                let message = format!(
                    "reads the same files as repositories[{index}]: same repository, same branch, overlapping paths"
                );
                self.issue(path, message);
            } else if let (Forge::GitHub(a), Forge::GitHub(b)) = (&old.forge, &new.forge)
                && a.is(b)
            {
                let harm = format!("opens pull requests on {b}, as repositories[{index}] does");
                let message = if old.branch == new.branch {
                    format!(
                        "{harm}: each would close the other's, which look like its own; put both directories in one \
                         entry (paths.include), or set forge: none on one of them"
                    )
                } else {
                    format!(
                        "{harm}, for another base branch: their branches have the same names, and one would delete the \
                         other's; set forge: none on one of them"
                    )
                };
                self.issue(path, message);
            }
        }
    }
}

/// Whether the remote is on the GitHub that `github.apiUrl` is of.
fn on_github(remote: &Remote, api_host: &str) -> bool {
    let host = remote.host.as_deref().unwrap_or_default();
    host == web_host(api_host) || host == "github.com" || host == "ssh.github.com"
}

fn slug(text: &str) -> Option<GitHubRepository> {
    let (owner, name) = text.split_once('/')?;
    let plain = |s: &str| {
        !s.is_empty() && s != "." && s != ".." && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    (plain(owner) && plain(name)).then(|| GitHubRepository { owner: owner.to_owned(), name: name.to_owned() })
}

pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 100
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// Whether Git takes the text as a branch (git-check-ref-format, with a limit on its length).
pub(super) fn is_ref(text: &str) -> bool {
    let bad = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let odd = text.is_empty() || text.len() > 200 || text.contains(bad) || text.contains("..") || text.contains("@{");
    !(odd || text.starts_with('-'))
        && text.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && !part.ends_with('.')
                && !part.to_ascii_lowercase().ends_with(".lock")
        })
}

/// Whether two filters may let the same file through. Where that can't be told from the patterns' literal beginnings,
/// they may.
fn overlap(a: &PathFilter, b: &PathFilter) -> bool {
    let open = |filter: &PathFilter, other: &PathFilter| -> Vec<String> {
        filter
            .include
            .iter()
            .filter(|pattern| !excluded(pattern, &other.exclude))
            .map(|p| literal(p).to_owned())
            .collect()
    };
    let (left, right) = (open(a, b), open(b, a));
    left.iter().any(|x| right.iter().any(|y| x.starts_with(y.as_str()) || y.starts_with(x.as_str())))
}

/// All that the pattern can match lies under an exclusion.
fn excluded(pattern: &str, exclude: &[String]) -> bool {
    exclude.iter().any(|e| {
        e == pattern || e.strip_suffix("**").is_some_and(|dir| literal(e) == dir && literal(pattern).starts_with(dir))
    })
}

/// The part of a glob before its first special character.
fn literal(glob: &str) -> &str {
    &glob[..glob.find(['*', '?', '[', '{', '\\']).unwrap_or(glob.len())]
}

#[cfg(test)]
mod tests {
    use super::{PathFilter, is_ref, overlap};

    fn filter(include: &[&str], exclude: &[&str]) -> PathFilter {
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        PathFilter { include: own(include), exclude: own(exclude) }
    }

    #[test]
    fn filters_overlap_unless_their_directories_differ_or_one_excludes_the_other() {
        let all = filter(&["**"], &[]);
        assert!(overlap(&all, &filter(&["apps/**"], &[])));
        assert!(overlap(&filter(&["apps/**"], &[]), &filter(&["apps/a/**"], &[])));
        assert!(!overlap(&filter(&["apps/**"], &[]), &filter(&["infra/**", "apps2/**"], &[])));
        assert!(!overlap(&filter(&["**"], &["tenants/**"]), &filter(&["tenants/**"], &[])));
        assert!(!overlap(&filter(&["tenants/a/**"], &[]), &filter(&["**"], &["tenants/**"])));
    }

    #[test]
    fn names_that_would_escape_a_branch_are_refused() {
        for good in ["main", "release/1.x", "feature_x"] {
            assert!(is_ref(good), "{good}");
        }
        for bad in ["", "-x", "a b", "a..b", "a/", "/a", "a.lock", "a~1", "x\ny", ".a", "a/.b", "a@{1}", "a:b"] {
            assert!(!is_ref(bad), "{bad}");
        }
    }
}
