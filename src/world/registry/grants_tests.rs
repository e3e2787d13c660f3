use super::super::test_hosts::{registry, serve, status};
use super::{Grants, host_of};
use crate::config::RegistryHost;
use crate::model::{CredentialsHint, Lookup, NsName, Reason, References, SourceKind};
use crate::witness::{Access, Login};
use axum::body::Body;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::{Arc, Mutex};

fn source(namespace: &str, url: &str) -> CredentialsHint {
    CredentialsHint {
        kind: SourceKind::HelmRepository,
        source: NsName { namespace: namespace.to_owned(), name: "charts".to_owned() },
        url: url.to_owned(),
        references: References { secret: Some("auth".to_owned()), ..References::default() },
        provider: None,
    }
}

fn login(source: &CredentialsHint, host: &str, password: &str) -> (CredentialsHint, Result<Arc<Access>, String>) {
    let account = format!("the Secret {}", source.beside("auth"));
    let login = Login {
        origin: account.clone(),
        host: host.to_owned(),
        username: "me".to_owned(),
        password: password.to_owned().into(),
    };
    let (host, pass) = (host.to_owned(), source.references.pass_credentials);
    let access = Access { account, host, login: Some(login), lacks: None, pass, certificates: None, proxy: None };
    (source.clone(), Ok(Arc::new(access)))
}

fn index(version: &str) -> String {
    format!("apiVersion: v1\nentries:\n  app:\n  - name: app\n    version: {version}\n    urls: [app.tgz]\n")
}

/// An index that shows each password its own version, and nothing to anybody else.
async fn tenants(seen: Arc<Mutex<Vec<Option<String>>>>) -> String {
    serve(move |_, headers: &HeaderMap| {
        let given = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        seen.lock().unwrap().push(given.clone());
        let of = |password: &str| format!("Basic {}", STANDARD.encode(format!("me:{password}")));
        match given {
            Some(given) if given == of("one") => {
                status(200).header("etag", "\"same\"").body(Body::from(index("1.0.0"))).unwrap()
            }
            Some(given) if given == of("two") => {
                status(200).header("etag", "\"same\"").body(Body::from(index("2.0.0"))).unwrap()
            }
            _ => status(401).body(Body::empty()).unwrap(),
        }
    })
    .await
}

/// The operator lets credentials go there in the clear, and gives none.
fn plain(host: &str) -> RegistryHost {
    RegistryHost {
        host: host.to_owned(),
        paths: Vec::new(),
        username: None,
        password: None,
        ca_file: None,
        insecure: true,
        concurrency: 4,
    }
}

#[tokio::test]
async fn flux_rule_27_two_sources_on_one_url_with_two_secrets_are_not_mixed_up() {
    let host = tenants(Arc::default()).await;
    let url = format!("http://{host}");
    let (_own, registry) = registry(|options| options.registries.hosts.push(plain(&host)));
    let (one, two, three) = (source("a", &url), source("b", &url), source("c", &url));
    let why = "the cluster has no HelmRepository c/charts, so its Secret is not read".to_owned();
    let grants: Grants =
        [login(&one, &host, "one"), login(&two, &host, "two"), (three.clone(), Err(why.clone()))].into();
    let question = Lookup::index(&url, "app");
    let lookups = [question.clone().signed(&one), question.clone().signed(&two), question.clone().signed(&three)];
    for _ in 0..2 {
        // The second time from what is remembered, in memory and on disk.
        let round = registry.round_with(&lookups, Arc::new(grants.clone()));
        let version = async |lookup: &Lookup| round.candidates(lookup).await.map(|all| all.versions[0].text.clone());
        assert_eq!(version(&lookups[0]).await.unwrap(), "1.0.0");
        assert_eq!(version(&lookups[1]).await.unwrap(), "2.0.0");
        let refused = version(&lookups[2]).await.unwrap_err();
        assert_eq!(refused.reason, Reason::SourceUnauthorized);
        assert!(refused.message.contains(&why), "{refused}");
        assert!(version(&question).await.is_err(), "nobody's answer is everybody's");
        registry.refresh();
    }
}

#[tokio::test]
async fn flux_rule_14_a_login_goes_to_its_own_host_and_a_wrong_one_is_named_by_its_secret() {
    let seen: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    let host = tenants(seen.clone()).await;
    let url = format!("http://{host}");
    let (_own, registry) = registry(|options| options.registries.hosts.push(plain(&host)));
    let own = source("a", &url);
    let lookup = Lookup::index(&url, "app").signed(&own);
    let ask = async |grant: (CredentialsHint, Result<Arc<Access>, String>)| {
        registry.round_with([&lookup], Arc::new(Grants::from([grant]))).candidates(&lookup).await
    };
    assert!(ask(login(&own, "other.example.com", "one")).await.is_err());
    assert_eq!(*seen.lock().unwrap(), [None], "another host's login is not sent");
    let wrong = ask(login(&own, &host, "hunter2")).await.unwrap_err();
    assert!(wrong.message.contains("the Secret a/auth") && !wrong.message.contains("hunter2"), "{wrong}");
    assert!(ask(login(&own, &host, "one")).await.is_ok());
}

#[tokio::test]
async fn a_login_is_not_sent_to_a_mirror_nor_in_the_clear() {
    let seen: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    let host = tenants(seen.clone()).await;
    let url = "https://charts.example.com";
    let mirror = crate::config::Mirror { from: url.to_owned(), to: format!("http://{host}"), insecure: true };
    let (_own, mirrored) = registry(|options| options.registries.mirrors = crate::config::Mirrors(vec![mirror]));
    let own = source("a", url);
    let lookup = Lookup::index(url, "app").signed(&own);
    let grants = Arc::new(Grants::from([login(&own, "charts.example.com", "one")]));
    assert!(mirrored.round_with([&lookup], grants).candidates(&lookup).await.is_err());
    assert_eq!(*seen.lock().unwrap(), [None]);
    let url = format!("http://{host}");
    let own = source("a", &url);
    let lookup = Lookup::index(&url, "app").signed(&own);
    let (_own, strict) = registry(|_| {});
    let grants = Arc::new(Grants::from([login(&own, &host, "one")]));
    let refused = strict.round_with([&lookup], grants).candidates(&lookup).await.unwrap_err();
    assert!(refused.message.contains("not sent over plain HTTP"), "{refused}");
    assert_eq!(seen.lock().unwrap().len(), 1);
}

/// An index whose archives lie on another host; each sees what it is given.
async fn two_hosts() -> (String, String, [Arc<Mutex<Vec<Option<String>>>>; 2]) {
    let seen: [Arc<Mutex<Vec<Option<String>>>>; 2] = Default::default();
    let note = |seen: &Arc<Mutex<Vec<Option<String>>>>, headers: &HeaderMap| {
        let given = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        seen.lock().unwrap().push(given);
    };
    let at_archive = seen[1].clone();
    let archive = serve(move |_, headers: &HeaderMap| {
        note(&at_archive, headers);
        status(403).body(Body::empty()).unwrap()
    })
    .await;
    let (at_index, url) = (seen[0].clone(), format!("http://{archive}/app.tgz"));
    let index = serve(move |_, headers: &HeaderMap| {
        note(&at_index, headers);
        status(200).body(Body::from(index("1.0.0").replace("app.tgz", &url))).unwrap()
    })
    .await;
    (index, archive, seen)
}

#[tokio::test]
async fn flux_rule_14_a_login_goes_to_an_archives_other_host_with_pass_credentials_alone_and_after_the_operators() {
    let basic = |pair: &str| Some(format!("Basic {}", STANDARD.encode(pair)));
    for (pass, operators, sent) in [
        (false, false, None),
        (true, false, basic("me:one")),
        (true, true, basic("operator:given")),
        (false, true, basic("operator:given")),
    ] {
        let (index, archive, seen) = two_hosts().await;
        let (_own, registry) = registry(|options| {
            let given = operators.then(|| crate::config::SecretRef::Inline("given".to_owned().into()));
            let username = operators.then(|| "operator".to_owned());
            let of_archive = RegistryHost { username, password: given, ..plain(&archive) };
            options.registries.hosts.extend([plain(&index), of_archive]);
        });
        let url = format!("http://{index}");
        let mut own = source("a", &url);
        own.references.pass_credentials = pass;
        let lookup = Lookup::index(&url, "app").signed(&own);
        let round = registry.round_with([&lookup], Arc::new(Grants::from([login(&own, &index, "one")])));
        round.open(&lookup, "1.0.0").await.unwrap_err();
        assert_eq!(seen[0].lock().unwrap().first().unwrap(), &basic("me:one"));
        assert_eq!(seen[1].lock().unwrap().first().unwrap(), &sent, "passCredentials: {pass}, operator: {operators}");
    }
}

#[tokio::test]
async fn what_a_secret_lacks_is_said_where_the_source_is_refused_without_it() {
    let host = tenants(Arc::default()).await;
    let url = format!("http://{host}");
    let (_own, registry) = registry(|options| options.registries.hosts.push(plain(&host)));
    let own = source("a", &url);
    let (_, granted) = login(&own, &host, "one");
    let lacks = Some("the ServiceAccount a/puller has no imagePullSecrets".to_owned());
    let access = Access { login: None, lacks, ..granted.unwrap().as_ref().clone() };
    let lookup = Lookup::index(&url, "app").signed(&own);
    let grants = Arc::new(Grants::from([(own, Ok(Arc::new(access)))]));
    let refused = registry.round_with([&lookup], grants).candidates(&lookup).await.unwrap_err();
    assert!(refused.message.contains("a/puller has no imagePullSecrets"), "{refused}");
}

#[test]
fn a_sources_host_has_its_port() {
    assert_eq!(host_of("oci://GHCR.io/acme/charts").as_deref(), Some("ghcr.io"));
    assert_eq!(host_of("https://charts.example.com:8443/x").as_deref(), Some("charts.example.com:8443"));
    assert_eq!(host_of("git@github.com:acme/x"), None);
}
