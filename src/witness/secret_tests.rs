use super::{Reads, SecretData, certificates, login, proxy};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice};

fn data(pairs: &[(&str, &str)]) -> SecretData {
    of("Opaque", pairs)
}

fn of(kind: &str, pairs: &[(&str, &str)]) -> SecretData {
    let value = |value: &str| SecretSlice::from(value.as_bytes().to_vec());
    SecretData::new(kind, pairs.iter().map(|(key, text)| ((*key).to_owned(), value(text))))
}

fn docker(json: &str) -> SecretData {
    of("kubernetes.io/dockerconfigjson", &[(".dockerconfigjson", json)])
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
    assert!(!format!("{:?}", login("the Secret a/b", "ghcr.io", &data, Reads::Either).unwrap()).contains("hunter2"));
}

#[test]
fn flux_rule_14_dockers_json_is_read_for_the_host_alone() {
    let auth = STANDARD.encode("me:hun:ter2");
    let json = docker(&format!(
        r#"{{"auths":{{"https://ghcr.io/v1/":{{"auth":"{auth}"}},"quay.io":{{"username":"q","password":"p"}}}}}}"#
    ));
    assert_eq!(pair("ghcr.io", &json, Reads::Either), ("me".to_owned(), "hun:ter2".to_owned()));
    assert_eq!(pair("quay.io", &json, Reads::Either), ("q".to_owned(), "p".to_owned()));
    assert!(
        login("the Secret a/b", "evil.example.com", &json, Reads::Either)
            .unwrap_err()
            .contains("no entry for evil.example.com")
    );
    assert!(
        login("the Secret a/b", "ghcr.io", &json, Reads::Basic).is_err(),
        "Flux takes no Docker JSON for an HTTP repository"
    );
    let hub = docker(&format!(r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{auth}"}}}}}}"#));
    assert_eq!(pair("registry-1.docker.io", &hub, Reads::Either).0, "me");
}

#[test]
fn what_a_secret_lacks_is_said_without_its_values() {
    for (data, reads) in [
        (data(&[]), Reads::Either),
        (data(&[("username", "s3cret-user")]), Reads::Basic),
        (data(&[("password", "s3cret")]), Reads::Basic),
        (docker("{s3cret"), Reads::Either),
        (docker(r#"{"auths": "s3cret"}"#), Reads::Either),
        (docker(r#"{"auths": {"ghcr.io": {"auth": "s3cret!"}}}"#), Reads::Either),
        (docker(r#"{"auths": {"ghcr.io": {"username": "s3cret"}}}"#), Reads::Either),
    ] {
        let why = login("the Secret a/b", "ghcr.io", &data, reads).unwrap_err();
        assert!(!why.contains("s3cret"), "{why}");
    }
}

#[test]
fn flux_rule_14_certificates_go_by_the_names_of_today_before_the_old_ones() {
    let text = |value: Option<SecretSlice<u8>>| String::from_utf8(value.unwrap().expose_secret().to_vec()).unwrap();
    let both = data(&[("ca.crt", "new"), ("caFile", "old")]);
    assert_eq!(text(certificates("s", &both).unwrap().authorities), "new");
    let old = data(&[("caFile", "ca"), ("certFile", "certificate"), ("keyFile", "key")]);
    let found = certificates("s", &old).unwrap();
    assert_eq!(text(found.authorities), "ca");
    assert_eq!(text(found.identity), "certificate\nkey");
    // One that is there and empty is not looked for under its old name; a Secret of type kubernetes.io/tls has empty ones.
    let empty = data(&[("tls.crt", ""), ("tls.key", ""), ("ca.crt", "ca"), ("certFile", "old"), ("keyFile", "old")]);
    assert!(certificates("s", &empty).unwrap().identity.is_none());
    let (one, two) = (data(&[("ca.crt", "one")]), data(&[("ca.crt", "two")]));
    let digest = |data| certificates("s", data).unwrap().authorities_digest;
    assert!(digest(&one) != digest(&two));
}

#[test]
fn flux_rule_14_half_a_pair_or_nothing_is_no_certificate() {
    for (pairs, why) in [
        (vec![("tls.crt", "s3cret")], "without tls.key"),
        (vec![("tls.key", "s3cret")], "without tls.crt"),
        (vec![("tls.crt", "s3cret"), ("ca.crt", "x")], "without tls.key"),
        (vec![("username", "s3cret")], "neither ca.crt nor"),
        (vec![], "neither ca.crt nor"),
    ] {
        let said = certificates("s", &data(&pairs)).unwrap_err();
        assert!(said.contains(why) && !said.contains("s3cret"), "{said}");
    }
    let shown = format!("{:?}", certificates("s", &data(&[("tls.crt", "s3cret"), ("tls.key", "s3cret")])).unwrap());
    assert!(!shown.contains("s3cret") && !shown.contains("115, 51"), "{shown}");
}

#[test]
fn flux_rule_14_a_proxy_is_an_address_with_or_without_user_and_password() {
    let login = |pairs: &[(&str, &str)]| {
        let found = proxy("s", &data(pairs)).unwrap();
        assert!(!format!("{found:?}").contains("hunter2"));
        (found.url.to_string(), found.login.map(|(user, password)| (user, password.expose_secret().to_owned())))
    };
    let address = ("address", "http://proxy.example.com:3128");
    let url = "http://proxy.example.com:3128/".to_owned();
    let me = |password: &str| Some(("me".to_owned(), password.to_owned()));
    assert_eq!(login(&[address]), (url.clone(), None));
    assert_eq!(login(&[address, ("username", "me"), ("password", "hunter2")]), (url.clone(), me("hunter2")));
    assert_eq!(login(&[address, ("username", "me")]), (url.clone(), me("")));
    assert_eq!(login(&[("address", "http://me:hunt%65r2@proxy.example.com:3128")]), (url, me("hunter2")));
    let digest = |password| proxy("s", &data(&[address, ("username", "me"), ("password", password)])).unwrap().digest;
    assert!(digest("one") != digest("two"));
}

#[test]
fn flux_rule_14_what_is_no_proxy_is_said_without_its_address() {
    let long = format!("http://s3cret.example.com/{}", "x".repeat(2048));
    for (address, why) in [
        ("", "no address"),
        ("s3cret", "not a URL"),
        ("socks5://s3cret.example.com:1080", "socks5"),
        ("ftp://s3cret.example.com", "neither http"),
        (long.as_str(), "longer than"),
    ] {
        let said = proxy("s", &data(&[("address", address)])).unwrap_err();
        assert!(said.contains(why) && !said.contains("s3cret"), "{said}");
    }
    assert!(proxy("s", &data(&[("username", "me")])).unwrap_err().contains("no address"));
}

#[test]
fn flux_rule_14_the_secrets_type_says_which_keys_a_helm_repository_reads() {
    let json = r#"{"auths":{"ghcr.io":{"username":"json","password":"p"}}}"#;
    let both = [(".dockerconfigjson", json), ("username", "plain"), ("password", "p")];
    assert_eq!(pair("ghcr.io", &of("kubernetes.io/dockerconfigjson", &both), Reads::Either).0, "json");
    assert_eq!(pair("ghcr.io", &of("Opaque", &both), Reads::Either).0, "plain");
    let why = login("s", "ghcr.io", &of("Opaque", &both[..1]), Reads::Either).unwrap_err();
    assert_eq!(why, "its type is Opaque; Flux reads .dockerconfigjson only from kubernetes.io/dockerconfigjson");
}
