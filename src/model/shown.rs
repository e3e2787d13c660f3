//! URLs as they may be shown. Somebody may have written `user:password@` or `?token=…` into Git: the lookups need it,
//! nobody else may read it. Every row, message, note and key passes here; nothing that asks a server does. Requests that
//! fail name their URL without any query (`world/registry/failure.rs`), and configured Git remotes theirs.

use std::borrow::Cow;

/// Schemes whose user alone is no secret: `ssh://git@host`.
const NAMED_USERS: [&str; 2] = ["ssh", "git+ssh"];

/// What stands for a value that is not shown.
const MASK: &str = "***";
/// What ends a URL in a text.
const ENDS: &str = "\"'<>`";
/// What stands behind a URL in a sentence more often than it ends one.
const PUNCTUATION: [char; 7] = [',', ';', ':', '.', ')', ']', '!'];

/// A text without the credentials of the URLs in it: `https://user:password@host/x` becomes `https://host/x`, and
/// `https://host/x?token=abc` becomes `https://host/x?token=***`. Over HTTP and OCI a user alone goes too, for tokens are
/// written that way; `ssh://git@host` and `git@host:path` stay. In a fragment only what is written `key=value` is masked.
pub fn shown(text: &str) -> Cow<'_, str> {
    cleaned(text)
}

/// A text that is one URL, or was meant for one, as it may be shown: nothing ends it, so a password with a space is one
/// too, a scheme need not be there, and a fragment is masked as a query is.
pub fn shown_url(url: &str) -> String {
    let clean = without_user(url);
    let Some(at) = clean.find(['?', '#']) else { return clean };
    let (before, values) = clean.split_at(at);
    let mut out = before.to_owned();
    mask(&mut out, values, |_| MASK);
    out
}

/// A URL without its user, its query as it is: what tells places apart, and is not to be shown.
pub fn without_user(url: &str) -> String {
    let slashes = url.find("//").filter(|at| !url[..*at].contains(['/', '@', '?', '#'])).map(|at| at + 2);
    // `http:/user:password@host` is no URL, and shows the password all the same.
    let odd = || ["https:/", "http:/", "oci:/", "ssh:/"].iter().find(|odd| url.starts_with(**odd)).map(|odd| odd.len());
    let (head, tail) = url.split_at(slashes.or_else(odd).unwrap_or(0));
    let scheme = head.trim_end_matches(['/', ':']);
    // `git@host:path`
    let scheme = if head.is_empty() { NAMED_USERS[0] } else { scheme };
    format!("{head}{}", &tail[user_of(scheme, tail)..])
}

fn cleaned(text: &str) -> Cow<'_, str> {
    if !text.contains("://") || !text.contains(['@', '?', '#']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        let scheme = head[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '+').next().unwrap_or_default();
        out.push_str(head);
        rest = &tail[credentials(scheme, tail)..];
        let url = url_of(rest);
        if let Some(at) = url.find(['?', '#']) {
            let (before, values) = url.split_at(at);
            out.push_str(before);
            mask(&mut out, values, |name| name);
            rest = &rest[url.len()..];
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// As much of a text as belongs to the URL that it begins with the rest of.
fn url_of(tail: &str) -> &str {
    &tail[..tail.find(|c: char| c.is_whitespace() || ENDS.contains(c)).unwrap_or(tail.len())]
}

/// A query and a fragment, from their `?` or `#` on, without their values; `alone` says what is shown of a part of the
/// fragment that is no pair.
fn mask<'t>(out: &mut String, values: &'t str, alone: impl Fn(&'t str) -> &'t str) {
    let inner = values.trim_end_matches(PUNCTUATION);
    let (query, fragment) = inner.split_at(inner.find('#').unwrap_or(inner.len()));
    if let Some(query) = query.strip_prefix('?') {
        out.push('?');
        pairs(out, query, |_| MASK);
    }
    if let Some(fragment) = fragment.strip_prefix('#') {
        out.push('#');
        pairs(out, fragment, alone);
    }
    out.push_str(&values[inner.len()..]);
}

/// `key=value` pairs without their values; `alone` says what is shown of a part that is no pair. A key with nothing
/// behind its `=` may be a value in base64.
fn pairs<'t>(out: &mut String, text: &'t str, alone: impl Fn(&'t str) -> &'t str) {
    for (number, part) in text.split('&').enumerate() {
        if number > 0 {
            out.push('&');
        }
        match part.split_once('=') {
            Some((_, value)) if value.trim_matches('=').is_empty() => out.push_str(MASK),
            Some((key, _)) => {
                out.push_str(key);
                out.push('=');
                out.push_str(MASK);
            }
            None if part.is_empty() => {}
            None => out.push_str(alone(part)),
        }
    }
}

/// How many bytes after `://` are credentials, their `@` included.
fn credentials(scheme: &str, tail: &str) -> usize {
    user_of(scheme, url_of(tail))
}

/// How many bytes of a URL behind its scheme are its user, the `@` included.
fn user_of(scheme: &str, url: &str) -> usize {
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
    use super::{shown, shown_url};

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
    fn what_was_meant_for_a_url_shows_no_password_however_it_is_written() {
        for (text, wanted) in [
            ("https://alice:hun ter2@host/x", "https://host/x"),
            ("alice:hunter2@host/x", "host/x"),
            ("http:/alice:hunter2@host/x", "http:/host/x"),
            ("//alice:hunter2@host/x", "//host/x"),
            ("https://alice:hun/ter2@host/x", "https://host/x"),
            ("https://host/x#hunter2", "https://host/x#***"),
            ("https://host/x?hun ter2", "https://host/x?***"),
            ("ssh://alice:hunter2@host/x", "ssh://host/x"),
        ] {
            assert_eq!(shown_url(text), wanted);
            assert_eq!(shown_url(wanted), wanted, "what is masked stays");
        }
        for text in ["ssh://git@host:22/a.git", "git@host:a/b.git", "https://host:8443/a@b", "oci://ghcr.io/a/b", "./a"]
        {
            assert_eq!(shown_url(text), text);
        }
    }

    #[test]
    fn what_holds_no_credentials_stays_as_it_is() {
        for text in [
            "ssh://git@example.com:22/a/b.git",
            "git@github.com:acme/fleet.git",
            "https://example.com:8443/a@b",
            "https://charts.example.com#web@5 and (https://example.com/x?) or https://example.com/x#part.",
            "oci://[::1]:5000/x@y",
            "oci://ghcr.io/x:1.2.3@sha256:00 is held by casey@example.com",
            "no URL, alice:hunter2@host",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn no_value_of_a_query_and_no_pair_of_a_fragment_is_left() {
        for (text, wanted) in [
            ("https://host/charts?token=hunter2", "https://host/charts?token=***"),
            ("https://u:hunter2@host/c?a=1&token=hunter2&b", "https://host/c?a=***&token=***&***"),
            ("oci://host/c?hunter2#x", "oci://host/c?***#x"),
            ("https://host/c?aHVudGVyMg==", "https://host/c?***"),
            ("https://host?to=https://a:hunter2@h/x", "https://host?to=***"),
            ("https://host/c#access_token=hunter2&x", "https://host/c#access_token=***&x"),
            ("(https://host/c?t=hunter2); https://h/d?t=hunter2: no", "(https://host/c?t=***); https://h/d?t=***: no"),
            ("\"https://host/c?t=hunter2\" is odd", "\"https://host/c?t=***\" is odd"),
            ("https://host:8443/a@b?c=d@e", "https://host:8443/a@b?c=***"),
        ] {
            assert_eq!(shown(text), wanted);
            assert_eq!(shown(wanted), wanted, "what is masked stays");
        }
    }
}
