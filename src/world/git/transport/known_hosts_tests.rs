//! Keys are made up for these tests.

use super::{glob, of_host};

const A: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJXjB3dkVJWLPEIGtA0PSrHvEVtUcaG8iXqFDvbVVXjT";
const B: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

fn counts(text: &str, name: &str) -> (usize, usize) {
    let known = of_host(text, name);
    (known.keys.len(), known.revoked.len())
}

#[test]
fn a_host_is_found_by_name_list_wildcard_and_port() {
    let text = format!(
        "a.example.com,b.example.com ssh-ed25519 {A}\n*.example.org ssh-ed25519 {A} comment\n[c.example.com]:2222 ssh-ed25519 {B}\n"
    );
    assert_eq!(counts(&text, "b.example.com"), (1, 0));
    assert_eq!(counts(&text, "B.Example.com"), (1, 0));
    assert_eq!(counts(&text, "x.example.org"), (1, 0));
    assert_eq!(counts(&text, "[c.example.com]:2222"), (1, 0));
    assert_eq!(counts(&text, "c.example.com"), (0, 0));
    assert_eq!(counts(&text, "example.org"), (0, 0));
}

#[test]
fn a_negated_pattern_excludes_whatever_else_matches() {
    let text = format!("*.example.com,!bad.example.com ssh-ed25519 {A}\n");
    assert_eq!(counts(&text, "good.example.com"), (1, 0));
    assert_eq!(counts(&text, "bad.example.com"), (0, 0));
}

#[test]
fn a_revoked_key_is_kept_apart_and_a_certificate_authority_is_no_host_key() {
    let text = format!("@revoked * ssh-ed25519 {A}\n@cert-authority * ssh-ed25519 {B}\nh ssh-ed25519 {B}\n");
    assert_eq!(counts(&text, "h"), (1, 1));
}

#[test]
fn one_bad_line_does_not_hide_the_next() {
    let text = format!("h ssh-ed25519 !!!\nh\n# h ssh-ed25519 {A}\n\nh ssh-new-kind AAAA\nh ssh-ed25519 {A}\n");
    assert_eq!(counts(&text, "h"), (1, 0));
}

#[test]
fn a_hashed_name_is_recognised() {
    // HMAC-SHA1 of "github.com" with a 20-byte salt, as `ssh-keygen -H` writes it.
    use aws_lc_rs::hmac;
    use base64::Engine;
    let base64 = &base64::engine::general_purpose::STANDARD;
    let salt = [7_u8; 20];
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt), b"github.com");
    let text = format!("|1|{}|{} ssh-ed25519 {A}\n", base64.encode(salt), base64.encode(tag.as_ref()));
    assert_eq!(counts(&text, "github.com"), (1, 0));
    assert_eq!(counts(&text, "gitlab.com"), (0, 0));
}

#[test]
fn a_pattern_of_many_stars_ends_quickly_and_rightly() {
    let text = "a".repeat(2000);
    assert!(!glob(text.as_bytes(), format!("{}b", "*a".repeat(500)).as_bytes()));
    assert!(glob(b"", b"**"));
    assert!(glob(b"abc", b"a?c"));
    assert!(!glob(b"abc", b"a?"));
}
