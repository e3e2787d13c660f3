use super::super::SecretData;
use super::{by_host, keychain};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice};

fn secret(key: &str, json: &str) -> SecretData {
    let kind = match key {
        ".dockerconfigjson" => "kubernetes.io/dockerconfigjson",
        ".dockercfg" => "kubernetes.io/dockercfg",
        _ => "Opaque",
    };
    of(kind, key, json)
}

fn of(kind: &str, key: &str, json: &str) -> SecretData {
    SecretData::new(kind, [(key.to_owned(), SecretSlice::from(json.as_bytes().to_vec()))])
}

/// One Secret with these entries, each with its user as the password.
fn docker(entries: &[(&str, &str)]) -> SecretData {
    let entry = |(key, user): &(&str, &str)| {
        format!("\"{key}\":{{\"auth\":\"{}\"}}", STANDARD.encode(format!("{user}:{user}")))
    };
    let all: Vec<String> = entries.iter().map(entry).collect();
    secret(".dockerconfigjson", &format!("{{\"auths\":{{{}}}}}", all.join(",")))
}

fn user(host: &str, path: &str, secrets: &[&SecretData]) -> Result<String, String> {
    let secrets: Vec<(String, &SecretData)> =
        secrets.iter().enumerate().map(|(number, data)| (format!("the Secret a/{number}"), *data)).collect();
    keychain(host, path, &secrets).map(|login| {
        assert_eq!((login.host.as_str(), login.password.expose_secret()), (host, login.username.as_str()));
        login.username
    })
}

#[test]
fn flux_rule_14_the_longest_key_wins_and_the_sources_own_secret_before_an_image_pull_secret() {
    let (own, pull) = (docker(&[("ghcr.io", "own")]), docker(&[("ghcr.io", "pull"), ("ghcr.io/acme", "team")]));
    assert_eq!(user("ghcr.io", "/acme/app", &[&own, &pull]).unwrap(), "team");
    assert_eq!(user("ghcr.io", "/other/app", &[&own, &pull]).unwrap(), "own");
    assert_eq!(user("ghcr.io", "/other/app", &[&pull, &own]).unwrap(), "pull");
}

#[test]
fn flux_rule_14_keys_match_as_in_kubernetes() {
    for (key, host, path, matches) in [
        ("*.example.com", "charts.example.com", "/a", true),
        ("*.example.com", "a.charts.example.com", "/a", false),
        ("reg?.example.com", "reg1.example.com", "/a", true),
        ("https://example.com/v1/", "example.com", "/a", true),
        ("https://example.com/v2/acme", "example.com", "/acme/app", true),
        ("example.com/acme", "example.com", "/other", false),
        ("example.com:5000", "example.com:5000", "/a", true),
        ("example.com", "example.com:5000", "/a", false),
        ("*.com", "example.com:5000", "/a", false),
        ("https://index.docker.io/v1/", "registry-1.docker.io", "/acme/app", true),
        ("Example.com", "example.com", "/a", true),
        ("evilexample.com", "example.com", "/a", false),
    ] {
        assert_eq!(user(host, path, &[&docker(&[(key, "me")])]).is_ok(), matches, "{key} for {host}{path}");
    }
}

#[test]
fn flux_rule_14_an_image_pull_secret_may_have_the_oldest_form() {
    let auth = STANDARD.encode("me:me");
    let old = secret(".dockercfg", &format!("{{\"quay.io\":{{\"auth\":\"{auth}\"}}}}"));
    assert_eq!(user("quay.io", "/a", &[&old]).unwrap(), "me");
    let other = secret("token", "x");
    assert_eq!(user("quay.io", "/a", &[&other, &old]).unwrap(), "me", "a Secret of another kind is passed over");
    assert!(user("quay.io", "/a", &[&other]).unwrap_err().contains("no key .dockerconfigjson"));
}

#[test]
fn what_is_missing_is_named_with_its_secret_and_without_a_value() {
    for bad in
        ["{s3cret", "{\"auths\": \"s3cret\"}", "{\"auths\":{\"ghcr.io\":{\"auth\":\"s3cret!\"}}}", "{\"auths\":{}}"]
    {
        let data = secret(".dockerconfigjson", bad);
        let why = user("ghcr.io", "/a", &[&data]).unwrap_err();
        assert!(!why.contains("s3cret"), "{why}");
        assert!(by_host("the Secret a/0", "ghcr.io", &data).is_err());
    }
    let why = user("ghcr.io", "/a", &[&docker(&[("quay.io", "me")])]).unwrap_err();
    assert!(why.contains("the Secret a/0") && why.contains("for ghcr.io"), "{why}");
}

#[test]
fn flux_rule_14_an_image_pull_secret_of_another_type_is_not_read_and_its_type_is_said() {
    let auth = STANDARD.encode("me:me");
    let entry = format!("{{\"quay.io\":{{\"auth\":\"{auth}\"}}}}");
    let json = format!("{{\"auths\":{entry}}}");
    for (kind, key, text, its) in [
        ("Opaque", ".dockerconfigjson", &json, "kubernetes.io/dockerconfigjson"),
        ("kubernetes.io/dockercfg", ".dockerconfigjson", &json, "kubernetes.io/dockerconfigjson"),
        ("kubernetes.io/dockerconfigjson", ".dockercfg", &entry, "kubernetes.io/dockercfg"),
    ] {
        let why = user("quay.io", "/a", &[&of(kind, key, text)]).unwrap_err();
        assert_eq!(why, format!("the Secret a/0: its type is {kind}; Flux reads {key} only from {its}"));
    }
    // Beside one that is of its type it is passed over.
    let good = of("kubernetes.io/dockerconfigjson", ".dockerconfigjson", &json);
    assert_eq!(user("quay.io", "/a", &[&of("Opaque", ".dockerconfigjson", "{"), &good]).unwrap(), "me");
}
