//! known_hosts by ssh's rules: lists, wildcards, `!`, hashed names, `@revoked`, several keys per host. Lines it can't
//! use are passed over, as ssh does. It adds nothing: a host is never trusted on first use.

use base64::Engine;
use russh::keys::{PublicKey, parse_public_key_base64};

/// What a known_hosts file says of one host.
#[derive(Default)]
pub(super) struct Known {
    pub keys: Vec<PublicKey>,
    pub revoked: Vec<PublicKey>,
}

/// Reads the lines for `name` (`host`, or `[host]:port` where the port is not 22).
pub(super) fn of_host(text: &str, name: &str) -> Known {
    let name = name.to_ascii_lowercase();
    let mut known = Known::default();
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace().peekable();
        let mark = fields.next_if(|word| word.starts_with('@'));
        let (Some(hosts), Some(_), Some(key)) = (fields.next(), fields.next(), fields.next()) else { continue };
        if hosts.starts_with('#') || !matches(&name, hosts) {
            continue;
        }
        let Ok(key) = parse_public_key_base64(key) else { continue };
        match mark {
            None => known.keys.push(key),
            Some("@revoked") => known.revoked.push(key),
            Some(_) => {}
        }
    }
    known
}

fn matches(name: &str, list: &str) -> bool {
    let mut hit = false;
    for pattern in list.split(',') {
        if let Some((salt, hash)) = pattern.strip_prefix("|1|").and_then(|rest| rest.split_once('|')) {
            hit |= hashed(name, salt, hash);
        } else if let Some(not) = pattern.strip_prefix('!') {
            if glob(name.as_bytes(), not.to_ascii_lowercase().as_bytes()) {
                return false;
            }
        } else {
            hit |= glob(name.as_bytes(), pattern.to_ascii_lowercase().as_bytes());
        }
    }
    hit
}

fn hashed(name: &str, salt: &str, hash: &str) -> bool {
    use aws_lc_rs::hmac;
    let base64 = &base64::engine::general_purpose::STANDARD;
    let (Ok(salt), Ok(hash)) = (base64.decode(salt), base64.decode(hash)) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    hmac::verify(&key, name.as_bytes(), &hash).is_ok()
}

/// `*` and `?`, in time that grows with the product of both lengths only.
fn glob(text: &[u8], pattern: &[u8]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
#[path = "known_hosts_tests.rs"]
mod tests;
