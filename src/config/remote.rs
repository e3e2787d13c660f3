//! A Git remote as people write it: `https://`, `http://`, `ssh://`, `git@host:path`, `file://` or a path.

use std::path::PathBuf;

/// How a remote is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// `https://`
    Https,
    /// `http://`, taken only with `git.http.insecure`.
    Http,
    /// `ssh://` or `user@host:path`
    Ssh,
    /// `file://` or a path.
    Local,
}

/// A parsed remote; keeps its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Remote {
    /// As written, a trailing slash removed.
    pub text: String,
    /// How it is reached.
    pub transport: Transport,
    /// User in front of the host, for SSH.
    pub user: Option<String>,
    /// Host in lower case; nothing for local paths.
    pub host: Option<String>,
    /// Port, where one is written.
    pub port: Option<u16>,
    /// Path without a leading slash and without `.git`; for local ones the path itself.
    pub path: String,
}

impl Remote {
    /// Parses a remote. The error says what is wrong with it, without its text (which may hold a password).
    pub fn parse(text: &str) -> Result<Self, String> {
        let whole = text;
        let text = text.trim_end_matches('/');
        if text.is_empty() {
            return Err("the URL is empty".to_owned());
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) && text.contains("://") {
            return Err("the URL holds a space or a control character".to_owned());
        }
        if let Some(path) = text.strip_prefix("file://") {
            return Ok(Self::local(text, path));
        }
        if whole.contains("://") {
            return Self::from_url(if text.contains("://") { text } else { whole });
        }
        if let Some((user, host, path)) = scp_like(text) {
            return Ok(Self {
                text: text.to_owned(),
                transport: Transport::Ssh,
                user: Some(user.to_owned()),
                host: Some(host.to_ascii_lowercase()),
                port: None,
                path: trim_path(path),
            });
        }
        Ok(Self::local(text, text))
    }

    fn local(text: &str, path: &str) -> Self {
        Self {
            text: text.to_owned(),
            transport: Transport::Local,
            user: None,
            host: None,
            port: None,
            path: path.to_owned(),
        }
    }

    fn from_url(text: &str) -> Result<Self, String> {
        let url = url::Url::parse(text).map_err(|e| format!("not a URL: {e}"))?;
        let transport = match url.scheme() {
            "https" => Transport::Https,
            "http" => Transport::Http,
            "ssh" => Transport::Ssh,
            other => {
                return Err(format!("{other}:// is not supported; use https, ssh, git@host:path, file:// or a path"));
            }
        };
        if url.password().is_some() || (transport != Transport::Ssh && !url.username().is_empty()) {
            return Err(
                "credentials in the URL would end up in logs; set github.tokenFile or git.http.passwordFile".to_owned()
            );
        }
        let host = url.host_str().filter(|h| !h.is_empty()).ok_or("the URL has no host")?;
        let path = trim_path(url.path());
        if path.is_empty() {
            return Err("the URL names no repository".to_owned());
        }
        let user = Some(url.username()).filter(|u| !u.is_empty()).map(str::to_owned);
        Ok(Self {
            text: text.to_owned(),
            transport,
            user,
            host: Some(host.to_ascii_lowercase()),
            port: url.port(),
            path,
        })
    }

    /// The last path segment without `.git`: the default name of a repository.
    pub fn last_segment(&self) -> &str {
        let last = self.path.trim_end_matches('/').rsplit('/').next().unwrap_or(&self.path);
        last.strip_suffix(".git").unwrap_or(last)
    }

    /// The directory of a local remote.
    pub fn local_path(&self) -> Option<PathBuf> {
        (self.transport == Transport::Local).then(|| PathBuf::from(&self.path))
    }

    /// Host and path: ssh, https and `.git` are the same place (Flux rule 24).
    pub fn place(&self) -> String {
        match &self.host {
            Some(host) => format!("{host}/{}", self.path.to_ascii_lowercase()),
            None => self.path.strip_suffix(".git").unwrap_or(&self.path).to_owned(),
        }
    }
}

/// `user@host:path`, as Git understands it: no slash before the colon.
fn scp_like(text: &str) -> Option<(&str, &str, &str)> {
    let (user, rest) = text.split_once('@')?;
    let (host, path) = rest.split_once(':')?;
    let plain = |s: &str| !s.is_empty() && !s.contains('/');
    (plain(user) && plain(host) && !path.is_empty()).then_some((user, host, path))
}

fn trim_path(path: &str) -> String {
    let path = path.trim_matches('/');
    path.strip_suffix(".git").unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Remote, Transport};

    #[test]
    fn ssh_https_and_dot_git_are_the_same_place() {
        let place = |text| Remote::parse(text).unwrap().place();
        let https = place("https://github.com/acme/fleet.git");
        assert_eq!(https, "github.com/acme/fleet");
        assert_eq!(place("https://github.com/acme/fleet/"), https);
        assert_eq!(place("git@github.com:acme/fleet.git"), https);
        assert_eq!(place("ssh://git@GitHub.com/Acme/fleet"), https);
    }

    #[test]
    fn an_scp_like_remote_is_ssh() {
        let remote = Remote::parse("git@github.com:acme/fleet.git").unwrap();
        assert_eq!(remote.transport, Transport::Ssh);
        assert_eq!(remote.user.as_deref(), Some("git"));
        assert_eq!(remote.last_segment(), "fleet");
    }

    #[test]
    fn paths_and_file_urls_are_local() {
        for text in ["/srv/git/fleet.git", "file:///srv/git/fleet.git"] {
            let remote = Remote::parse(text).unwrap();
            assert_eq!(remote.local_path().unwrap().to_str(), Some("/srv/git/fleet.git"));
            assert_eq!(remote.last_segment(), "fleet");
        }
    }

    #[test]
    fn bad_remotes_say_why_and_never_repeat_a_password() {
        for (text, why) in [
            ("", "empty"),
            ("ftp://example.com/x", "ftp"),
            ("git://example.com/x", "git://"),
            ("https://example.com", "no repository"),
            ("https://u:hunter2@example.com/a/b", "credentials"),
            ("https:///a", "no repository"),
            ("ssh://", "no host"),
        ] {
            let error = Remote::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("hunter2"));
        }
    }
}
