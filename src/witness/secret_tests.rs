use super::{Reads, SecretData, login};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice};

fn data(pairs: &[(&str, &str)]) -> SecretData {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), SecretSlice::from(value.as_bytes().to_vec()))).collect()
}

fn docker(json: &str) -> SecretData {
    data(&[(".dockerconfigjson", json)])
}

fn pair(host: &str, data: &SecretData, reads: Reads) -> (String, String) {
    let login = login("the Secret a/b", host, data, reads).unwrap();
    assert_eq!(login.host, host);
    (login.username, login.password.expose_secret().to_owned())
}

#[test]
fn flux_rule_14_a_helm_repository_reads_user_and_password() {
    let data = data(&[("username", "me"), ("password", "hunter2")]);
    let me = ("me".to_owned(), "hunter2".to_owned());
    assert_eq!(pair("charts.example.com", &data, Reads::Basic), me);
    assert_eq!(pair("ghcr.io", &data, Reads::Either), me);
    assert!(
        login("the Secret a/b", "ghcr.io", &data, Reads::Docker).is_err(),
        "an OCIRepository reads Docker's JSON alone"
    );
    assert!(!format!("{:?}", login("the Secret a/b", "ghcr.io", &data, Reads::Either).unwrap()).contains("hunter2"));
}

#[test]
fn flux_rule_14_dockers_json_is_read_for_the_host_alone() {
    let auth = STANDARD.encode("me:hun:ter2");
    let json = docker(&format!(
        r#"{{"auths":{{"https://ghcr.io/v1/":{{"auth":"{auth}"}},"quay.io":{{"username":"q","password":"p"}}}}}}"#
    ));
    assert_eq!(pair("ghcr.io", &json, Reads::Docker), ("me".to_owned(), "hun:ter2".to_owned()));
    assert_eq!(pair("quay.io", &json, Reads::Either), ("q".to_owned(), "p".to_owned()));
    assert!(
        login("the Secret a/b", "evil.example.com", &json, Reads::Docker)
            .unwrap_err()
            .contains("no entry for evil.example.com")
    );
    assert!(
        login("the Secret a/b", "ghcr.io", &json, Reads::Basic).is_err(),
        "Flux takes no Docker JSON for an HTTP repository"
    );
    let hub = docker(&format!(r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{auth}"}}}}}}"#));
    assert_eq!(pair("registry-1.docker.io", &hub, Reads::Docker).0, "me");
}

#[test]
fn what_a_secret_lacks_is_said_without_its_values() {
    for (data, reads) in [
        (data(&[]), Reads::Either),
        (data(&[("username", "s3cret-user")]), Reads::Basic),
        (data(&[("password", "s3cret")]), Reads::Basic),
        (docker("{s3cret"), Reads::Docker),
        (docker(r#"{"auths": "s3cret"}"#), Reads::Docker),
        (docker(r#"{"auths": {"ghcr.io": {"auth": "s3cret!"}}}"#), Reads::Docker),
        (docker(r#"{"auths": {"ghcr.io": {"username": "s3cret"}}}"#), Reads::Docker),
    ] {
        let why = login("the Secret a/b", "ghcr.io", &data, reads).unwrap_err();
        assert!(!why.contains("s3cret"), "{why}");
    }
}
