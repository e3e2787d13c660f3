use super::grants;
use crate::model::{CredentialsHint, Fact, Lookup, NsName, References, SourceKind, TagRules, Version};
use crate::witness::{Access, LiveSource, Sighting};
use crate::world::cluster::Sight;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

const URL: &str = "https://charts.example.com";
const OCI: &str = "oci://ghcr.io/acme/app";

/// An API server with these objects; what was asked of it.
struct Api {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Api {
    async fn with(objects: Vec<(&str, Value)>) -> Self {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let objects: BTreeMap<String, Value> =
            objects.into_iter().map(|(path, object)| (path.to_owned(), object)).collect();
        let seen = asked.clone();
        let app = Router::new().fallback(move |request: Request| {
            let path = request.uri().path_and_query().unwrap().to_string();
            seen.lock().unwrap().push(format!("{} {path}", request.method()));
            let found = objects.get(path.trim_start_matches("/api/v1/namespaces/")).cloned();
            let code = if found.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
            let body = found.unwrap_or_else(
                || json!({"kind": "Status", "code": 404, "message": "not found", "reason": "NotFound"}),
            );
            async move { Response::builder().status(code).body(Body::from(body.to_string())).unwrap() }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, asked }
    }

    /// What the sources of these hints get; the cluster has `live` as the one of the first.
    async fn grants(&self, hints: &[&CredentialsHint], live: &Value) -> Vec<Result<Arc<Access>, String>> {
        self.grants_of(hints, live, hints).await
    }

    /// The same, where the cluster's releases use these alone.
    async fn grants_of(
        &self,
        hints: &[&CredentialsHint],
        live: &Value,
        theirs: &[&CredentialsHint],
    ) -> Vec<Result<Arc<Access>, String>> {
        crate::world::init::tls_provider();
        let live = json!({"metadata": {"namespace": "media", "name": "app"}, "spec": live});
        let source = LiveSource::read(&live).unwrap();
        let seen = Sighting {
            kube_version: Fact::Known(Version::strict("1.34.0").unwrap()),
            releases: Fact::Known(HashMap::default()),
            kustomizations: Fact::Known(HashMap::default()),
            sources: [(hints[0].kind, Fact::Known([(source.id.clone(), source)].into()))].into(),
            problems: Vec::new(),
        };
        let sight = Sight::of_test(seen, &self.address);
        let lookups: Vec<Arc<Lookup>> = hints.iter().map(|hint| Arc::new(question(hint).signed(hint))).collect();
        let mut grants = grants(Some(&sight), &lookups, &theirs.iter().copied().collect()).await;
        hints.iter().map(|hint| grants.remove(*hint).unwrap()).collect()
    }

    async fn access(&self, hint: &CredentialsHint, live: &Value) -> Result<Arc<Access>, String> {
        self.grants(&[hint], live).await.remove(0)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|asked| asked.replace("/api/v1/namespaces/", "")).collect()
    }
}

fn question(hint: &CredentialsHint) -> Lookup {
    match hint.kind {
        SourceKind::OciRepository => {
            Lookup::oci(&hint.url, TagRules { leading_v: true, by_version: false, underscore_is_plus: true }, false)
        }
        _ => Lookup::index(&hint.url, "app"),
    }
}

fn hint(kind: SourceKind, url: &str, change: impl FnOnce(&mut References)) -> CredentialsHint {
    let mut references = References::default();
    change(&mut references);
    let source = NsName { namespace: "media".to_owned(), name: "app".to_owned() };
    CredentialsHint { kind, source, url: url.to_owned(), references, provider: None }
}

fn helm(change: impl FnOnce(&mut References)) -> CredentialsHint {
    hint(SourceKind::HelmRepository, URL, change)
}

fn secret(pairs: &[(&str, &str)]) -> Value {
    let data: BTreeMap<&str, String> = pairs.iter().map(|(key, value)| (*key, STANDARD.encode(value))).collect();
    json!({"kind": "Secret", "data": data})
}

fn docker(host: &str, user: &str) -> Value {
    let auth = STANDARD.encode(format!("{user}:password"));
    let mut secret = secret(&[(".dockerconfigjson", &json!({"auths": {host: {"auth": auth}}}).to_string())]);
    secret["type"] = json!("kubernetes.io/dockerconfigjson");
    secret
}

/// A certificate of nobody in particular.
fn authority() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    rcgen::CertificateParams::new(vec!["authority.example.com".to_owned()]).unwrap().self_signed(&key).unwrap().pem()
}

fn user(access: &Access) -> Option<&str> {
    access.login.as_ref().map(|login| login.username.as_str())
}

#[tokio::test]
async fn flux_rule_14_a_service_accounts_secrets_are_read_by_name_after_the_sources_own() {
    let api = Api::with(vec![
        ("media/serviceaccounts/puller", json!({"imagePullSecrets": [{"name": "other"}, {"name": "pull"}]})),
        ("media/secrets/other", docker("quay.io", "quay")),
        ("media/secrets/pull", docker("ghcr.io", "puller")),
        ("media/secrets/own", docker("ghcr.io", "own")),
    ])
    .await;
    let account = hint(SourceKind::OciRepository, OCI, |r| r.service_account = Some("puller".to_owned()));
    let access = api.access(&account, &json!({"url": OCI, "serviceAccountName": "puller"})).await.unwrap();
    assert_eq!((user(&access), access.host.as_str()), (Some("puller"), "ghcr.io"));
    let asked = ["GET media/serviceaccounts/puller", "GET media/secrets/other", "GET media/secrets/pull"];
    assert_eq!(api.asked(), asked, "each by its name, none listed");
    let both = hint(SourceKind::OciRepository, OCI, |r| {
        (r.service_account, r.secret) = (Some("puller".to_owned()), Some("own".to_owned()));
    });
    let live = json!({"url": OCI, "serviceAccountName": "puller", "secretRef": {"name": "own"}});
    assert_eq!(user(&api.access(&both, &live).await.unwrap()), Some("own"));
}

#[tokio::test]
async fn flux_rule_14_a_service_account_without_secrets_signs_nobody_in_and_says_so() {
    let api = Api::with(vec![
        ("media/serviceaccounts/puller", json!({})),
        ("media/serviceaccounts/other", json!({"imagePullSecrets": [{"name": "gone"}]})),
    ])
    .await;
    let of = |name: &str| hint(SourceKind::OciRepository, OCI, |r| r.service_account = Some(name.to_owned()));
    let live = |name: &str| json!({"url": OCI, "serviceAccountName": name});
    let access = api.access(&of("puller"), &live("puller")).await.unwrap();
    assert!(access.login.is_none() && access.lacks.as_ref().unwrap().contains("media/puller has no imagePullSecrets"));
    // As in Flux, a Secret that is missing fails the source.
    assert!(api.access(&of("other"), &live("other")).await.unwrap_err().contains("no Secret media/gone"));
    assert!(api.access(&of("none"), &live("none")).await.unwrap_err().contains("no ServiceAccount media/none"));
}

#[tokio::test]
async fn flux_rule_14_a_cert_secret_goes_before_the_old_keys_of_the_secret() {
    let (new, old) = (authority(), authority());
    let api = Api::with(vec![
        ("media/secrets/tls", secret(&[("ca.crt", &new)])),
        ("media/secrets/auth", secret(&[("username", "me"), ("password", "p"), ("caFile", &old)])),
        ("media/secrets/old", secret(&[("caFile", &old)])),
    ])
    .await;
    let trusted = |access: &Access| {
        let own = access.certificates.as_ref()?.authorities.as_ref()?;
        Some(String::from_utf8(own.expose_secret().to_vec()).unwrap())
    };
    let both = helm(|r| (r.secret, r.certificates) = (Some("auth".to_owned()), Some("tls".to_owned())));
    let live = json!({"url": URL, "secretRef": {"name": "auth"}, "certSecretRef": {"name": "tls"}});
    let access = api.access(&both, &live).await.unwrap();
    assert_eq!((user(&access), trusted(&access)), (Some("me"), Some(new)));
    let alone = helm(|r| r.secret = Some("auth".to_owned()));
    let access = api.access(&alone, &json!({"url": URL, "secretRef": {"name": "auth"}})).await.unwrap();
    assert_eq!((user(&access), trusted(&access)), (Some("me"), Some(old.clone())));
    // A Secret with certificates alone lacks no login.
    let tls_only = helm(|r| r.secret = Some("old".to_owned()));
    let access = api.access(&tls_only, &json!({"url": URL, "secretRef": {"name": "old"}})).await.unwrap();
    assert_eq!((user(&access), &access.lacks, trusted(&access)), (None, &None, Some(old)));
    // An OCIRepository's secretRef holds no certificates.
    let oci = hint(SourceKind::OciRepository, OCI, |r| r.secret = Some("auth".to_owned()));
    let access = api.access(&oci, &json!({"url": OCI, "secretRef": {"name": "auth"}})).await.unwrap();
    assert!(trusted(&access).is_none() && access.lacks.as_ref().unwrap().contains("no key .dockerconfigjson"));
}

#[tokio::test]
async fn flux_rule_14_certificates_and_a_proxy_that_are_of_no_use_fail_the_source_and_are_named() {
    let api = Api::with(vec![
        ("media/secrets/half", secret(&[("tls.crt", "s3cret")])),
        ("media/secrets/text", secret(&[("ca.crt", "s3cret")])),
        ("media/secrets/socks", secret(&[("address", "socks5://s3cret.example.com")])),
        ("media/secrets/proxy", secret(&[("address", "http://proxy.example.com:3128")])),
    ])
    .await;
    for (name, why) in [("half", "without tls.key"), ("text", "no PEM certificate"), ("gone", "no Secret media/gone")] {
        let source = helm(|r| r.certificates = Some(name.to_owned()));
        let said = api.access(&source, &json!({"url": URL, "certSecretRef": {"name": name}})).await.unwrap_err();
        assert!(said.contains(why) && said.contains(&format!("media/{name}")) && !said.contains("s3cret"), "{said}");
    }
    let of = |name: &str| hint(SourceKind::OciRepository, OCI, |r| r.proxy = Some(name.to_owned()));
    let live = |name: &str| json!({"url": OCI, "proxySecretRef": {"name": name}});
    let said = api.access(&of("socks"), &live("socks")).await.unwrap_err();
    assert!(said.contains("Secret media/socks is of no use") && !said.contains("s3cret"), "{said}");
    let access = api.access(&of("proxy"), &live("proxy")).await.unwrap();
    assert_eq!(access.proxy.as_ref().unwrap().url.as_str(), "http://proxy.example.com:3128/");
}

#[tokio::test]
async fn flux_rule_27_where_one_reference_differs_nothing_at_all_is_asked_of_the_cluster() {
    let api = Api::with(vec![("media/secrets/auth", secret(&[("username", "me"), ("password", "p")]))]).await;
    let source = helm(|r| (r.secret, r.pass_credentials) = (Some("auth".to_owned()), true));
    for live in [
        json!({"url": URL, "secretRef": {"name": "auth"}}),
        json!({"url": "https://evil.example.com", "secretRef": {"name": "auth"}, "passCredentials": true}),
        json!({"url": URL, "secretRef": {"name": "auth"}, "passCredentials": true, "certSecretRef": {"name": "tls"}}),
    ] {
        api.access(&source, &live).await.unwrap_err();
    }
    assert!(api.asked().is_empty(), "{:?}", api.asked());
    let live = json!({"url": URL, "secretRef": {"name": "auth"}, "passCredentials": true});
    let access = api.access(&source, &live).await.unwrap();
    assert!(access.pass && access.account.contains("passed on"));
}

#[tokio::test]
async fn flux_rule_27_two_sources_with_one_secret_read_it_once_and_are_told_apart_by_what_else_they_name() {
    let api = Api::with(vec![("media/secrets/auth", secret(&[("username", "me"), ("password", "p")]))]).await;
    let one = helm(|r| r.secret = Some("auth".to_owned()));
    let two = CredentialsHint { url: format!("{URL}/"), ..one.clone() };
    let live = json!({"url": URL, "secretRef": {"name": "auth"}});
    let found = api.grants(&[&one, &two], &live).await;
    assert!(found.iter().all(|access| user(access.as_ref().unwrap()) == Some("me")));
    assert_eq!(api.asked(), ["GET media/secrets/auth"]);
}

#[tokio::test]
async fn flux_rule_27_another_clusters_sources_are_not_looked_up_in_the_one_that_was_asked() {
    let api = Api::with(vec![("media/secrets/auth", secret(&[("username", "me"), ("password", "hunter2")]))]).await;
    let hint = helm(|r| r.secret = Some("auth".to_owned()));
    let found = api.grants_of(&[&hint], &json!({"url": URL, "secretRef": {"name": "auth"}}), &[]).await.remove(0);
    let why = found.unwrap_err();
    assert!(why.contains("no release of the cluster that was asked (cluster.root) uses it"), "{why}");
    assert!(api.asked().is_empty(), "{:?}", api.asked());
}
