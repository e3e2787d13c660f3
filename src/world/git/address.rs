//! What a remote's address means: its way of transport, and how it is shown. User name and password never show.

use super::error::Failure;
use crate::model::shown_url;

/// The way to a remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// `https://`, or `http://` where the configuration allows it.
    Http,
    /// `ssh://` or `git@host:path`.
    Ssh,
    /// A path or `file://`.
    Local,
}

/// A remote's address, ready for libgit2.
#[derive(Clone)]
pub(crate) struct Address {
    /// As libgit2 takes it. May hold no password: [`Address::parse`] refuses those.
    pub url: String,
    /// As people see it.
    pub shown: String,
    /// The way to it.
    pub way: Way,
}

impl Address {
    /// Reads `https://`, `http://` (with `insecure`), `ssh://`, `git@host:path`, `file://` and paths.
    pub fn parse(text: &str, insecure: bool) -> Result<Self, (String, Failure)> {
        let shown = redact(text);
        let fail = |failure: Failure| Err((shown.clone(), failure));
        if text.is_empty() || text.chars().any(char::is_control) {
            return fail(Failure::Address("it is empty or holds control characters".to_owned()));
        }
        let Some((scheme, _)) = text.split_once("://") else {
            let way = if is_scp(text) { Way::Ssh } else { Way::Local };
            if way == Way::Ssh && Target::parse(text).is_none() {
                return fail(Failure::Address("no host or no path".to_owned()));
            }
            return Ok(Self { url: text.to_owned(), shown, way });
        };
        let way = match scheme.to_ascii_lowercase().as_str() {
            "https" => Way::Http,
            "http" if insecure => Way::Http,
            "http" => {
                return fail(Failure::ClearText(
                    "clear-text http:// is refused; git.http.insecure: true allows it".to_owned(),
                ));
            }
            "git" => return fail(Failure::ClearText("clear-text git:// is refused; use https or ssh".to_owned())),
            "ssh" => Way::Ssh,
            "file" => Way::Local,
            other => return fail(Failure::Address(format!("the scheme {other} is unknown"))),
        };
        let parsed = match url::Url::parse(text) {
            Ok(parsed) => parsed,
            Err(error) => return fail(Failure::Address(error.to_string())),
        };
        if parsed.password().is_some() || (way == Way::Http && !parsed.username().is_empty()) {
            return fail(Failure::Address(
                "credentials do not belong into the URL; use git.http or the forge's token".to_owned(),
            ));
        }
        if way == Way::Ssh && Target::parse(text).is_none() {
            return fail(Failure::Address("no host or no path".to_owned()));
        }
        Ok(Self { url: text.to_owned(), shown, way })
    }
}

/// `host:path` as ssh and scp write it: a colon before any slash.
fn is_scp(text: &str) -> bool {
    let colon = text.find(':');
    let slash = text.find('/');
    !text.starts_with(['/', '.']) && colon.is_some_and(|c| c > 1 && slash.is_none_or(|s| c < s))
}

/// An address without user name, password, query and fragment; without a scheme as [`shown_url`] has it.
pub fn redact(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    let Some((scheme, rest)) = clean.split_once("://") else { return shown_url(&clean) };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Where an SSH remote lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub user: String,
    pub host: String,
    pub port: u16,
    pub path: String,
}

impl Target {
    /// From `ssh://[user@]host[:port]/path` or `[user@]host:path`. Refuses what a shell or ssh could take for an option.
    pub fn parse(text: &str) -> Option<Self> {
        let target = if text.contains("://") { Self::from_url(text)? } else { Self::from_scp(text)? };
        let sound = !target.path.is_empty()
            && !target.path.starts_with('-')
            && !target.host.is_empty()
            && !target.host.starts_with('-')
            && !target.path.chars().any(char::is_control);
        sound.then_some(target)
    }

    fn from_url(text: &str) -> Option<Self> {
        let url = url::Url::parse(text).ok()?;
        let path = percent_decode(url.path());
        let path = path.strip_prefix("/~").map_or_else(|| path.clone(), |home| format!("~{home}"));
        let host = url.host_str()?.trim_matches(['[', ']']).to_ascii_lowercase();
        Some(Self { user: user(&percent_decode(url.username())), host, port: url.port().unwrap_or(22), path })
    }

    fn from_scp(text: &str) -> Option<Self> {
        let (left, path) = text.split_once(':')?;
        let (name, host) = left.split_once('@').unwrap_or(("", left));
        Some(Self { user: user(name), host: host.to_ascii_lowercase(), port: 22, path: path.to_owned() })
    }

    /// The host as known_hosts writes it.
    pub fn known_as(&self) -> String {
        if self.port == 22 { self.host.clone() } else { format!("[{}]:{}", self.host, self.port) }
    }
}

fn user(name: &str) -> String {
    if name.is_empty() { "git".to_owned() } else { name.to_owned() }
}

fn percent_decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Address, Failure, Target, Way, redact};

    #[test]
    fn a_shown_address_holds_no_user_name_password_or_query() {
        assert_eq!(redact("https://alice:pw@host/a.git?token=x#y"), "https://host/a.git");
        assert_eq!(redact("https://alice:p@ss@host:1/a"), "https://host:1/a");
        assert_eq!(redact("git@host:a/b.git"), "git@host:a/b.git");
        for odd in ["alice:hunter2@host/x", "http:/alice:hunter2@host/x", "//alice:hunter2@host/x"] {
            assert!(redact(odd).ends_with("host/x") && !redact(odd).contains("hunter2"), "{}", redact(odd));
        }
        assert_eq!(redact("https://host/\u{1b}[31ma"), "https://host/[31ma");
    }

    #[test]
    fn clear_text_is_refused_unless_the_configuration_allows_http() {
        let refused = |text| Address::parse(text, false).map(|_| ()).unwrap_err().1;
        assert!(matches!(refused("http://h/a.git"), Failure::ClearText(_)));
        assert!(matches!(refused("git://h/a.git"), Failure::ClearText(_)));
        assert!(matches!(Address::parse("git://h/a", true).map(|_| ()).unwrap_err().1, Failure::ClearText(_)));
        assert_eq!(Address::parse("http://h/a.git", true).map(|a| a.way).ok(), Some(Way::Http));
    }

    #[test]
    fn every_form_of_address_finds_its_way() {
        for (text, way) in [
            ("https://h/a.git", Way::Http),
            ("ssh://git@h:2222/a.git", Way::Ssh),
            ("git@h:a/b.git", Way::Ssh),
            ("h.example.com:a", Way::Ssh),
            ("/srv/a.git", Way::Local),
            ("./a:b", Way::Local),
            ("file:///srv/a.git", Way::Local),
            ("a/b:c", Way::Local),
        ] {
            assert_eq!(Address::parse(text, false).map(|a| a.way).ok(), Some(way), "{text}");
        }
    }

    #[test]
    fn a_password_in_the_url_is_refused_and_not_printed() {
        let (shown, failure) = Address::parse("https://u:hunter2@h/a.git", false).map(|_| ()).unwrap_err();
        assert!(!format!("{shown} {failure}").contains("hunter2"));
    }

    #[test]
    fn ssh_targets_keep_user_port_and_path() {
        let target = |text| Target::parse(text).map(|t| (t.user, t.host, t.port, t.path));
        let own = |u: &str, h: &str, p, path: &str| Some((u.to_owned(), h.to_owned(), p, path.to_owned()));
        assert_eq!(target("ssh://bob@Host:22022/srv/a%20b.git"), own("bob", "host", 22022, "/srv/a b.git"));
        assert_eq!(target("ssh://[::1]:2222/~bob/a"), own("git", "::1", 2222, "~bob/a"));
        assert_eq!(target("git@Host:a.git"), own("git", "host", 22, "a.git"));
        assert_eq!(target("ssh://h/50%+5%2"), own("git", "h", 22, "/50%+5%2"), "no escape, no decoding");
    }

    #[test]
    fn a_path_or_host_that_looks_like_an_option_is_no_target() {
        assert_eq!(Target::parse("git@host:-oProxyCommand=x"), None);
        assert_eq!(Target::parse("-oProxyCommand=x:path"), None);
        assert_eq!(Target::parse("ssh://-x/path"), None);
    }
}
