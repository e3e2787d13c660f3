//! URLs as they may be shown. Somebody may have written `user:password@` into Git: the lookups need it, nobody else may
//! read it. Every row, message, note and key passes here; nothing that asks a server does.

use std::borrow::Cow;

/// Schemes whose user alone is no secret: `ssh://git@host`.
const NAMED_USERS: [&str; 2] = ["ssh", "git+ssh"];

/// A text without the credentials of the URLs in it: `https://user:password@host/x` becomes `https://host/x`. Over HTTP
/// and OCI a user alone goes too, for tokens are written that way; `ssh://git@host` and `git@host:path` stay.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains("://") || !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        let scheme = head[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '+').next().unwrap_or_default();
        out.push_str(head);
        rest = &tail[credentials(scheme, tail)..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// How many bytes after `://` are credentials, their `@` included.
fn credentials(scheme: &str, tail: &str) -> usize {
    let url = &tail[..tail.find(|c: char| c.is_whitespace() || "\"'<>`".contains(c)).unwrap_or(tail.len())];
    let authority = &url[..url.find(['/', '?', '#']).unwrap_or(url.len())];
    let user = match authority.rfind('@') {
        Some(at) => &authority[..at],
        // A password with a `/` in it, written as it is, ends the authority too early.
        None if has_odd_port(authority) => match url.rfind('@') {
            Some(at) => &url[..at],
            None => return 0,
        },
        None => return 0,
    };
    let named = NAMED_USERS.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if named && !user.contains(':') { 0 } else { user.len() + 1 }
}

/// What stands behind the last colon is no port.
fn has_odd_port(authority: &str) -> bool {
    authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.ends_with(']') && !port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn no_user_and_no_password_is_left_in_any_url_of_a_text() {
        for (text, wanted) in [
            ("https://alice:hunter2@example.com/charts", "https://example.com/charts"),
            ("HTTPS://alice:hunter2@Example.com:8443", "HTTPS://Example.com:8443"),
            ("https://ghp_hunter2@github.com/a/b.git", "https://github.com/a/b.git"),
            ("oci://alice:hun@ter2@ghcr.io/x", "oci://ghcr.io/x"),
            ("https://alice:hun/ter2@example.com/x", "https://example.com/x"),
            ("ssh://git:hunter2@example.com/x", "ssh://example.com/x"),
            ("builds https://a:hunter2@h/x, not oci://b:hunter2@i/y", "builds https://h/x, not oci://i/y"),
            ("hangs on HOST: \"https://a:hunter2@${HOST}/x\"", "hangs on HOST: \"https://${HOST}/x\""),
            ("https://alice:@h/x", "https://h/x"),
        ] {
            assert_eq!(shown(text), wanted);
        }
    }

    #[test]
    fn what_holds_no_credentials_stays_as_it_is() {
        for text in [
            "ssh://git@example.com:22/a/b.git",
            "git@github.com:acme/fleet.git",
            "https://example.com:8443/a@b?c=d@e",
            "oci://[::1]:5000/x@y",
            "oci://ghcr.io/x:1.2.3@sha256:00 is held by casey@example.com",
            "no URL, alice:hunter2@host",
        ] {
            assert_eq!(shown(text), text);
        }
    }
}
