use super::{Cluster, Sight};
use crate::config::{self, ClusterAccess};
use crate::model::{CredentialsHint, Fact, NsName, Reason, References, SourceKind};
use crate::witness::{SecretName, may_read};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Method, path with query, and bearer token of each request.
type Seen = Arc<Mutex<Vec<(String, String, String)>>>;

/// Answers by path with query.
type Answers = BTreeMap<String, (u16, Value)>;

/// An API server that knows these answers.
struct Server {
    address: String,
    seen: Seen,
    answers: Arc<Mutex<Answers>>,
}

impl Server {
    async fn start(answers: Answers) -> Self {
        let seen = Seen::default();
        let answers = Arc::new(Mutex::new(answers));
        let (log, known) = (seen.clone(), answers.clone());
        let app = Router::new().fallback(move |request: Request| {
            let path = request.uri().path_and_query().unwrap().to_string();
            let token = request.headers().get("authorization").map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
            log.lock().unwrap().push((request.method().to_string(), path.clone(), token));
            let (code, body) = known.lock().unwrap().get(&path).cloned().unwrap_or_else(|| {
                (404, json!({"kind": "Status", "status": "Failure", "code": 404, "message": "the server could not find the requested resource", "reason": "NotFound"}))
            });
            async move {
                Response::builder().status(StatusCode::from_u16(code).unwrap()).body(Body::from(body.to_string())).unwrap()
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, seen, answers }
    }

    fn set(&self, path: &str, code: u16, body: Value) {
        self.answers.lock().unwrap().insert(path.to_owned(), (code, body));
    }

    fn paths(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(_, path, _)| path.clone()).collect()
    }
}

fn kubeconfig(directory: &tempfile::TempDir, server: &str, token: &str) -> config::Cluster {
    let file = directory.path().join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{token: {token}}}}}]\n"
    );
    std::fs::write(&file, text).unwrap();
    let access = ClusterAccess::Kubeconfig { file: Some(file), context: None };
    config::Cluster { access, timeout: Duration::from_secs(5), ..config::Cluster::default() }
}

fn group(name: &str, preferred: &str, versions: &[&str]) -> (String, (u16, Value)) {
    let of = |version: &str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let body = json!({"kind": "APIGroup", "name": name, "preferredVersion": of(preferred), "versions": versions.iter().map(|v| of(v)).collect::<Vec<_>>()});
    (format!("/apis/{name}"), (200, body))
}

fn resources(group_version: &str, kinds: &[(&str, &str)]) -> (String, (u16, Value)) {
    let all: Vec<Value> = kinds
        .iter()
        .flat_map(|(name, kind)| {
            [json!({"name": name, "kind": kind}), json!({"name": format!("{name}/status"), "kind": kind})]
        })
        .collect();
    (format!("/apis/{group_version}"), (200, json!({"kind": "APIResourceList", "resources": all})))
}

fn list(path: &str, items: &[Value]) -> (String, (u16, Value)) {
    (format!("{path}?limit=250"), (200, json!({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": items})))
}

fn named(namespace: &str, name: &str) -> Value {
    json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"url": "https://charts.example.com", "secretRef": {"name": "auth"}}})
}

/// A Flux of today, empty but for one HelmRelease and one HelmRepository; OCIRepository stands in an older version.
fn flux() -> Answers {
    let source = "source.toolkit.fluxcd.io";
    Answers::from([
        ("/version".to_owned(), (200, json!({"major": "1", "minor": "34", "gitVersion": "v1.34.2+k3s1"}))),
        group("helm.toolkit.fluxcd.io", "v2", &["v2beta2", "v2"]),
        resources("helm.toolkit.fluxcd.io/v2", &[("helmreleases", "HelmRelease")]),
        resources("helm.toolkit.fluxcd.io/v2beta2", &[("helmreleases", "HelmRelease")]),
        group(source, "v1", &["v1", "v1beta2"]),
        resources(
            &format!("{source}/v1"),
            &[
                ("helmrepositories", "HelmRepository"),
                ("gitrepositories", "GitRepository"),
                ("helmcharts", "HelmChart"),
            ],
        ),
        resources(
            &format!("{source}/v1beta2"),
            &[("helmrepositories", "HelmRepository"), ("ocirepositories", "OCIRepository")],
        ),
        group("kustomize.toolkit.fluxcd.io", "v1", &["v1"]),
        resources("kustomize.toolkit.fluxcd.io/v1", &[("kustomizations", "Kustomization")]),
        list("/apis/helm.toolkit.fluxcd.io/v2/helmreleases", &[named("media", "plex")]),
        list("/apis/source.toolkit.fluxcd.io/v1/helmrepositories", &[named("media", "charts")]),
        list("/apis/source.toolkit.fluxcd.io/v1/gitrepositories", &[]),
        list("/apis/source.toolkit.fluxcd.io/v1/helmcharts", &[]),
        list("/apis/source.toolkit.fluxcd.io/v1beta2/ocirepositories", &[]),
        list("/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations", &[]),
    ])
}

/// The cluster, remembered by nobody else.
fn a_cluster(config: &config::Cluster) -> Arc<Cluster> {
    crate::world::init::tls_provider();
    Cluster::new(config, None, Arc::new(|| "2026-01-01T03:00:00Z".parse().unwrap())).unwrap()
}

async fn look(config: &config::Cluster) -> Arc<Sight> {
    crate::world::init::tls_provider();
    a_cluster(config).look().await
}

fn id(namespace: &str, name: &str) -> NsName {
    NsName { namespace: namespace.to_owned(), name: name.to_owned() }
}

/// The Secret of the HelmRepository media/charts, granted by rule 27.
fn granted(sight: &Sight) -> SecretName {
    let hint = CredentialsHint {
        kind: SourceKind::HelmRepository,
        source: id("media", "charts"),
        url: "https://charts.example.com".to_owned(),
        references: References { secret: Some("auth".to_owned()), ..References::default() },
        provider: None,
    };
    may_read(&hint, &sight.seen).unwrap().secret.unwrap()
}

#[tokio::test]
async fn every_list_is_read_in_the_version_that_is_served_and_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(flux()).await;
    let sight = look(&kubeconfig(&directory, &server.address, "t0ken")).await;
    assert_eq!(sight.seen.problems, []);
    assert_eq!(sight.seen.kube_version.known().unwrap().text(), "v1.34.2+k3s1");
    assert!(sight.seen.releases.known().unwrap().contains_key(&id("media", "plex")));
    assert!(sight.seen.source(SourceKind::HelmRepository, &id("media", "charts")).unwrap().is_some());
    assert!(sight.seen.source(SourceKind::OciRepository, &id("media", "x")).unwrap().is_none());
    assert!(sight.seen.source(SourceKind::Bucket, &id("media", "x")).is_err(), "a kind that is not served is unknown");
    let seen = server.seen.lock().unwrap().clone();
    assert!(seen.iter().all(|(method, _, token)| method == "GET" && token == "Bearer t0ken"), "{seen:?}");
    assert!(!seen.iter().any(|(_, path, _)| path.contains("secrets")), "{seen:?}");
}

#[tokio::test]
async fn pages_are_followed_and_an_endless_list_is_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(flux()).await;
    let path = "/apis/helm.toolkit.fluxcd.io/v2/helmreleases?limit=250";
    let page = |items: &[Value], next: &str| json!({"metadata": {"continue": next}, "items": items});
    server.set(path, 200, page(&[named("a", "one")], "n+/="));
    server.set(&format!("{path}&continue=n%2B%2F%3D"), 200, page(&[named("a", "two")], ""));
    let config = kubeconfig(&directory, &server.address, "t");
    assert_eq!(look(&config).await.seen.releases.known().unwrap().len(), 2);
    server.set(&format!("{path}&continue=n%2B%2F%3D"), 200, page(&[named("a", "two")], "n+/="));
    let sight = look(&config).await;
    assert!(matches!(&sight.seen.releases, Fact::Unknown(problem) if problem.message.contains("no end")));
    // The token of a page may be too old by the time it is used.
    server.set(
        &format!("{path}&continue=n%2B%2F%3D"),
        410,
        json!({"kind": "Status", "code": 410, "message": "too old", "reason": "Expired"}),
    );
    assert!(look(&config).await.seen.releases.known().is_none());
}

#[tokio::test]
async fn a_right_or_a_crd_that_is_missing_is_unknown_for_that_part_alone() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(flux()).await;
    let forbidden =
        "helmreleases.helm.toolkit.fluxcd.io is forbidden: User \"davit\" cannot list resource \"helmreleases\"";
    server.set(
        "/apis/helm.toolkit.fluxcd.io/v2/helmreleases?limit=250",
        403,
        json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": forbidden}),
    );
    server.answers.lock().unwrap().remove("/apis/kustomize.toolkit.fluxcd.io");
    let sight = look(&kubeconfig(&directory, &server.address, "t")).await;
    assert!(sight.seen.releases.known().is_none() && sight.seen.kustomizations.known().is_none());
    assert!(sight.seen.source(SourceKind::HelmRepository, &id("media", "charts")).unwrap().is_some());
    let said: Vec<&str> = sight.seen.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().any(|text| text.contains(forbidden) && text.contains("docs/operations.md")), "{said:?}");
    assert!(said.iter().any(|text| text.contains("does not serve kustomize.toolkit.fluxcd.io")), "{said:?}");
    assert!(sight.seen.problems.iter().all(|problem| problem.reason == Reason::ClusterUnknown));
}

#[tokio::test]
async fn a_revoked_token_and_a_server_that_is_gone_are_each_said_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(flux()).await;
    server.set(
        "/version",
        401,
        json!({"kind": "Status", "code": 401, "reason": "Unauthorized", "message": "Unauthorized"}),
    );
    let sight = look(&kubeconfig(&directory, &server.address, "old")).await;
    let [problem] = sight.seen.problems.as_slice() else { panic!("{:?}", sight.seen.problems) };
    assert!(
        problem.message.contains("refused the credentials (401)") && !problem.message.contains("old\""),
        "{problem}"
    );
    assert_eq!(server.paths(), ["/version"], "nothing else is asked");
    assert!(sight.seen.releases.known().is_none());
    let sight = look(&kubeconfig(&directory, "http://127.0.0.1:1", "t")).await;
    assert_eq!(sight.seen.problems.len(), 1, "{:?}", sight.seen.problems);
}

#[tokio::test]
async fn a_server_that_never_answers_ends_at_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut config = kubeconfig(&directory, &address, "t");
    config.timeout = Duration::from_millis(200);
    let sight = look(&config).await;
    drop(listener);
    assert_eq!(sight.seen.problems.len(), 1);
    assert!(sight.seen.releases.known().is_none());
}

#[tokio::test]
async fn a_token_that_was_rotated_is_used_in_the_next_look() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(flux()).await;
    let config = kubeconfig(&directory, &server.address, "first");
    look(&config).await;
    kubeconfig(&directory, &server.address, "second");
    look(&config).await;
    let seen = server.seen.lock().unwrap().clone();
    assert_eq!(seen.first().unwrap().2, "Bearer first");
    assert_eq!(seen.last().unwrap().2, "Bearer second");
}

#[tokio::test]
async fn passes_side_by_side_share_one_look_and_a_failed_one_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(flux()).await;
    let config = kubeconfig(&directory, &server.address, "t");
    crate::world::init::tls_provider();
    let cluster = a_cluster(&config);
    let (one, two) = tokio::join!(cluster.look(), cluster.look());
    assert!(Arc::ptr_eq(&one, &two) && Arc::ptr_eq(&one, &cluster.look().await));
    assert_eq!(server.paths().iter().filter(|path| *path == "/version").count(), 1);
    server.set("/version", 500, json!({"kind": "Status", "code": 500, "message": "x", "reason": "InternalError"}));
    let cluster = a_cluster(&config);
    let failed = cluster.look().await;
    assert!(!Arc::ptr_eq(&failed, &cluster.look().await));
}

#[tokio::test]
async fn the_version_of_kubernetes_stays_known_while_the_cluster_does_not_answer() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(flux()).await;
    let config = kubeconfig(&directory, &server.address, "t");
    crate::world::init::tls_provider();
    let cluster = a_cluster(&config);
    // A finding, so that the next look is not shared.
    server.answers.lock().unwrap().remove("/apis/kustomize.toolkit.fluxcd.io");
    assert_eq!(cluster.look().await.kube_version.as_ref().unwrap().text(), "v1.34.2+k3s1");
    server.set("/version", 500, json!({"kind": "Status", "code": 500, "message": "x", "reason": "InternalError"}));
    let later = cluster.look().await;
    assert!(later.seen.kube_version.known().is_none());
    assert_eq!(later.kube_version.as_ref().unwrap().text(), "v1.34.2+k3s1");
}

#[tokio::test]
async fn flux_rule_27_one_secret_is_read_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(flux()).await;
    let path = "/api/v1/namespaces/media/secrets/auth";
    server.set(path, 200, json!({"kind": "Secret", "data": {"username": "bWU=", "password": "aHVudGVyMg=="}}));
    let sight = look(&kubeconfig(&directory, &server.address, "t")).await;
    let name = granted(&sight);
    let data = sight.secret(&name, sight.until()).await.unwrap();
    assert_eq!(data.get("password").unwrap().expose_secret(), b"hunter2");
    let secrets: Vec<String> = server.paths().into_iter().filter(|path| path.contains("secrets")).collect();
    assert_eq!(secrets, [path]);
    server.set(path, 404, json!({"kind": "Status", "code": 404, "message": "not found", "reason": "NotFound"}));
    assert!(sight.secret(&name, sight.until()).await.unwrap_err().message.contains("no Secret media/auth"));
    server.set(
        path,
        403,
        json!({"kind": "Status", "code": 403, "message": "secrets \"auth\" is forbidden", "reason": "Forbidden"}),
    );
    assert!(sight.secret(&name, sight.until()).await.unwrap_err().message.contains("not allowed (403)"));
    server.set(path, 200, json!({"kind": "Secret", "data": {"password": "s3cret that is not base64"}}));
    let broken = sight.secret(&name, sight.until()).await.unwrap_err().message;
    assert!(!broken.contains("s3cret"), "{broken}");
}

#[tokio::test]
async fn a_kubeconfig_that_is_broken_says_why_without_its_text() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = kubeconfig(&directory, "http://127.0.0.1:1", "t");
    let ClusterAccess::Kubeconfig { file: Some(file), context } = &mut config.access else { unreachable!() };
    let file = file.clone();
    *context = Some("other".to_owned());
    let said = |sight: Arc<Sight>| sight.seen.problems[0].message.clone();
    assert!(said(look(&config).await).contains("no context \"other\""));
    std::fs::write(&file, "users:\n  - token: [s3cret").unwrap();
    let broken = said(look(&config).await);
    assert!(broken.contains("not a kubeconfig") && !broken.contains("s3cret"), "{broken}");
    std::fs::write(&file, "users: [{name: u, user: {exec: {command: 's3cret-missing-program', apiVersion: client.authentication.k8s.io/v1}}}]\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n").unwrap();
    if let ClusterAccess::Kubeconfig { context, .. } = &mut config.access {
        *context = None;
    }
    assert!(said(look(&config).await).contains("can't be started"), "{}", said(look(&config).await));
    std::fs::remove_file(&file).unwrap();
    assert!(said(look(&config).await).contains("kubeconfig"));
}

#[tokio::test]
async fn flux_rule_14_a_service_account_is_read_by_its_name_and_its_secrets_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(flux()).await;
    let mut source = named("media", "charts");
    source["spec"] = json!({"url": "oci://ghcr.io/acme/app", "serviceAccountName": "puller"});
    let (path, answer) = list("/apis/source.toolkit.fluxcd.io/v1beta2/ocirepositories", &[source]);
    server.set(&path, answer.0, answer.1);
    let account = "/api/v1/namespaces/media/serviceaccounts/puller";
    let object = json!({"kind": "ServiceAccount", "imagePullSecrets": [{"name": "regcred"}]});
    server.set(account, 200, object);
    let sight = look(&kubeconfig(&directory, &server.address, "t")).await;
    let hint = CredentialsHint {
        kind: SourceKind::OciRepository,
        source: id("media", "charts"),
        url: "oci://ghcr.io/acme/app".to_owned(),
        references: References { service_account: Some("puller".to_owned()), ..References::default() },
        provider: None,
    };
    let name = may_read(&hint, &sight.seen).unwrap().account.unwrap();
    let found = sight.pull_secrets(&name, sight.until()).await.unwrap();
    assert_eq!(found.iter().map(|name| name.id().to_string()).collect::<Vec<_>>(), ["media/regcred"]);
    let core: Vec<String> = server.paths().into_iter().filter(|path| path.starts_with("/api/")).collect();
    assert_eq!(core, [account], "by name alone, and no Secret yet");
    server.set(account, 404, json!({"kind": "Status", "code": 404, "message": "not found", "reason": "NotFound"}));
    let missing = sight.pull_secrets(&name, sight.until()).await.unwrap_err();
    assert!(missing.message.contains("no ServiceAccount media/puller"), "{missing}");
}

#[tokio::test]
async fn a_restart_while_the_cluster_is_away_knows_its_last_version_and_says_how_old_that_is() {
    let directory = tempfile::tempdir().unwrap();
    let kept = tempfile::tempdir().unwrap();
    let server = Server::start(flux()).await;
    let config = kubeconfig(&directory, &server.address, "t");
    crate::world::init::tls_provider();
    let started =
        |time: &'static str| Cluster::new(&config, Some(kept.path()), Arc::new(move || time.parse().unwrap())).unwrap();
    let first = started("2026-01-01T00:00:00Z").look().await;
    assert!(first.remembered.is_none() && first.seen.problems.is_empty());
    let down = || json!({"kind": "Status", "code": 401, "message": "x", "reason": "Unauthorized"});
    server.set("/version", 401, down());
    let later = started("2026-01-01T03:10:00Z").look().await;
    assert!(later.seen.kube_version.known().is_none());
    assert_eq!(later.kube_version.as_ref().unwrap().text(), "v1.34.2+k3s1");
    let said: Vec<&str> = later.seen.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert!(said.iter().any(|said| said.contains("1.34.2") && said.contains("3h ago")), "{said:?}");
    // Not even a client can be made: the kubeconfig says which cluster is meant.
    let broken = std::fs::read_to_string(directory.path().join("kubeconfig")).unwrap();
    let broken =
        broken.replace("token: t", "exec: {apiVersion: client.authentication.k8s.io/v1, command: /nonexistent}");
    std::fs::write(directory.path().join("kubeconfig"), broken).unwrap();
    let unconnected = started("2026-01-03T03:10:00Z").look().await;
    assert_eq!(unconnected.kube_version.as_ref().unwrap().text(), "v1.34.2+k3s1");
    // Another server is another cluster, and one that never answered is unknown.
    let other = kubeconfig(&directory, "http://127.0.0.1:1", "t");
    let other = Cluster::new(&other, Some(kept.path()), Arc::new(Timestamp::now)).unwrap().look().await;
    assert!(other.kube_version.is_none() && other.remembered.is_none());
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_its_own_word_is_the_reason_in_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(flux()).await;
    let busy = json!({"kind": "Status", "code": 429, "reason": "TooManyRequests", "message": "too many requests"});
    server.set("/version", 429, busy);
    let config =
        config::Cluster { timeout: Duration::from_secs(1), ..kubeconfig(&directory, &server.address, "t0ken") };
    let sight = look(&config).await;
    let said: Vec<&str> = sight.seen.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(said, [format!("{}/version: the API server answered 429: too many requests", server.address)]);
    assert!(server.paths().iter().filter(|path| *path == "/version").count() > 1);
}

#[tokio::test]
async fn two_clusters_behind_one_host_are_two() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(flux()).await;
    let answers = server.answers.lock().unwrap().clone();
    for (path, (code, body)) in answers {
        server.set(&format!("/c1{path}"), code, body);
    }
    let of = |path: &str| kubeconfig(&directory, &format!("{}{path}", server.address), "t0ken");
    let cluster = a_cluster(&of("/c1"));
    assert_eq!(cluster.look().await.kube_version.as_ref().unwrap().text(), "v1.34.2+k3s1");
    // The same file leads to another cluster now, which never said anything.
    of("/c2");
    server.set("/c2/version", 500, json!({"kind": "Status", "code": 500, "message": "not available"}));
    *cluster.last.lock().await = None;
    let sight = cluster.look().await;
    assert_eq!((sight.kube_version.as_ref(), sight.remembered.is_some()), (None, false));
    let said = &sight.seen.problems[0].message;
    assert!(said.starts_with(&format!("{}/c2/version: the API server answered 500", server.address)), "{said}");
}
