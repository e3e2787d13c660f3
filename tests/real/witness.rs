//! The cluster as a witness, against a real API server with RBAC: whole runs of `davit scan` and `davit once` with
//! `cluster.access: kubeconfig`. The server is shared with other tests, so nothing is said of what else it holds.

use crate::kube_api::{Asked, KubeApi, User, eventually, kube_api};
use crate::oci_registry::{self, Door, OciRegistry, basic};
use crate::scan::scan;
use crate::stage::Stage;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use davit::demo::chart::chart;
use davit::demo::charts::ChartServer;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The rights that docs/operations.md asks for, given to a user under names of their own.
async fn may_look(api: &KubeApi, user: &User) {
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md")).unwrap();
    let role = docs.split("```yaml\n").find(|part| part.contains("kind: ClusterRole\n")).unwrap();
    let role = role.split("```").next().unwrap().replace("name: davit\n", &format!("name: davit-{}\n", user.name));
    api.apply(&role).await;
    bind(api, user, "ClusterRoleBinding", &json!({"name": format!("davit-{}", user.name)}), "ClusterRole").await;
    let client = user.client().await;
    eventually("the role to hold", async || {
        let path = "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations?limit=1";
        client.request_text(http::Request::get(path).body(Vec::new()).unwrap()).await.is_ok()
    })
    .await;
}

async fn bind(api: &KubeApi, user: &User, kind: &str, metadata: &Value, role: &str) {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": metadata["name"]},
        "subjects": [{"kind": "User", "name": user.name}],
    });
    api.apply_object(&binding).await;
}

/// A HelmRelease that the Kustomization flux-system/apps-NAMESPACE made, Ready on this version of the chart `web`.
async fn deployed(api: &KubeApi, namespace: &str, name: &str, version: &str, spec: Value) {
    let object = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": {"name": name, "namespace": namespace, "labels": {
            "kustomize.toolkit.fluxcd.io/name": format!("apps-{namespace}"),
            "kustomize.toolkit.fluxcd.io/namespace": "flux-system"
        }},
        "spec": spec,
    });
    let generation = api.apply_object(&object).await.metadata.generation;
    let mut status = object;
    status["status"] = json!({
        "observedGeneration": generation,
        "lastAttemptedRevision": version,
        "history": [{"chartName": "web", "chartVersion": version, "status": "deployed", "version": 1, "name": name, "namespace": namespace}],
        "conditions": [{"type": "Ready", "status": "True", "reason": "UpgradeSucceeded", "message": "ok", "lastTransitionTime": "2026-11-20T08:00:00Z"}],
    });
    api.set_status(&status).await;
}

async fn flux_system(api: &KubeApi, kustomization: &str) {
    api.apply("{apiVersion: v1, kind: Namespace, metadata: {name: flux-system}}").await;
    api.apply_object(&json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": kustomization, "namespace": "flux-system"},
        "spec": {"interval": "10m", "path": "./apps", "prune": true, "sourceRef": {"kind": "GitRepository", "name": "flux-system"}},
    }))
    .await;
}

/// A folder with one root that builds these releases of the chart `web`, and charts on loopback.
struct Folder {
    dir: tempfile::TempDir,
    _charts: ChartServer,
    configuration: String,
}

impl Folder {
    fn new(namespace: &str, releases: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join("fleet").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "clusters/production/apps.yaml",
            &format!(
                "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
                 metadata: {{name: apps-{namespace}, namespace: flux-system}}\n\
                 spec: {{path: ./apps, sourceRef: {{kind: GitRepository, name: flux-system}}}}\n"
            ),
        );
        write(
            "apps/source.yaml",
            &format!(
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\n\
                 metadata: {{name: charts, namespace: {namespace}}}\nspec: {{url: 'https://charts.example.com'}}\n"
            ),
        );
        for (name, version) in releases {
            write(
                &format!("apps/{name}.yaml"),
                &format!(
                    "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n\
                     metadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  chart:\n    spec: {{chart: web, \
                     version: {version}, sourceRef: {{kind: HelmRepository, name: charts}}}}\n"
                ),
            );
        }
        let charts = ChartServer::start(["6.4.0", "6.5.0", "6.7.1"].map(|v| chart("web", v)).to_vec()).unwrap();
        let mut configuration = String::new();
        let mirror = charts.url();
        let _ =
            writeln!(configuration, "registries: {{mirrors: [{{from: 'https://', to: '{mirror}/', insecure: true}}]}}");
        Self { dir, _charts: charts, configuration }
    }

    /// `davit scan`, looking at the cluster by this kubeconfig.
    async fn scan(&self, kubeconfig: &Path) -> Scanned {
        let cluster =
            format!("cluster: {{name: prod-eu, access: kubeconfig, kubeconfigFile: '{}'}}\n", kubeconfig.display());
        std::fs::write(self.dir.path().join("davit.yaml"), format!("{}{cluster}", self.configuration)).unwrap();
        let home = self.dir.path().join("home");
        Scanned::of(&scan(self.dir.path(), "fleet", &[("HOME", home.as_os_str())]).await)
    }
}

struct Scanned(Value);

impl Scanned {
    fn of(output: &Output) -> Self {
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        Self(serde_json::from_slice(&output.stdout).unwrap())
    }

    fn row(&self, name: &str) -> &Value {
        let rows = self.0["releases"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no row {name}: {}", self.0))
    }

    fn live(&self, name: &str) -> &str {
        self.row(name)["live"]["state"].as_str().unwrap_or_else(|| panic!("{}", self.row(name)))
    }

    /// Messages of the findings of one reason that speak of this.
    fn findings(&self, reason: &str, of: &str) -> Vec<&str> {
        let all = self.0["problems"].as_array().unwrap().iter().filter(|problem| problem["reason"] == reason);
        all.filter_map(|problem| problem["message"].as_str()).filter(|message| message.contains(of)).collect()
    }
}

/// A copy of a user's kubeconfig with this text put for that one.
fn changed(user: &User, dir: &Path, from: &str, to: &str) -> std::path::PathBuf {
    let text = std::fs::read_to_string(&user.kubeconfig).unwrap();
    assert!(text.contains(from), "{text}");
    let path = dir.join("kubeconfig");
    std::fs::write(&path, text.replace(from, to)).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flux_rule_22_a_scan_says_what_runs_what_differs_and_what_only_one_of_the_two_has() {
    let api = kube_api().await;
    let (ns, user) = (api.namespace("witness").await, api.new_user());
    may_look(api, &user).await;
    flux_system(api, &format!("apps-{ns}")).await;
    let chart = |version: &str| json!({"chart": {"spec": {"chart": "web", "version": version, "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}});
    deployed(api, &ns, "shop", "6.5.0", chart("6.5.0")).await;
    deployed(api, &ns, "blog", "6.4.0", chart("6.5.0")).await;
    deployed(api, &ns, "pruned", "6.5.0", chart("6.5.0")).await;
    let folder = Folder::new(&ns, &[("shop", "6.5.0"), ("blog", "6.5.0"), ("new", "6.5.0")]);
    let said = folder.scan(&user.kubeconfig).await;
    assert_eq!((said.live("shop"), said.live("blog"), said.live("new")), ("deployed", "differs", "absent"));
    assert_eq!(said.row("shop")["cluster"], "prod-eu");
    assert_eq!(said.row("blog")["live"]["running"], "6.4.0");
    // A witness has no say: Git's version is what moves.
    for name in ["shop", "blog", "new"] {
        assert_eq!((&said.row(name)["current"], &said.row(name)["target"]), (&json!("6.5.0"), &json!("6.7.1")));
    }
    assert_eq!(said.findings("cluster-only", &format!("{ns}/pruned")).len(), 1, "{}", said.0["problems"]);
    assert_eq!(said.findings("git-only", &format!("{ns}/new")).len(), 1, "{}", said.0["problems"]);
    assert_eq!(said.findings("cluster-only", &format!("{ns}/shop")).len(), 0);
    assert_eq!(said.findings("cluster-unknown", "").len(), 0, "{}", said.0["problems"]);
    // Read only, and no word of Secrets.
    let asked = api.asked_by(&user);
    assert!(asked.iter().all(|asked| asked.verb == "list" && asked.resource != "secrets"), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_rights_with_a_revoked_token_or_a_server_that_dies_the_scan_goes_on_and_knows_nothing() {
    let api = kube_api().await;
    let (ns, user) = (api.namespace("blind").await, api.new_user());
    let folder = Folder::new(&ns, &[("shop", "6.5.0")]);
    let other = tempfile::tempdir().unwrap();
    let same = |said: &Scanned| {
        assert_eq!(said.row("shop")["target"], "6.7.1", "the rest of the scan is as ever");
        assert_eq!(said.live("shop"), "unknown");
        assert!(said.findings("git-only", "").is_empty(), "{}", said.0["problems"]);
    };
    // Nobody gave a right yet.
    let said = folder.scan(&user.kubeconfig).await;
    same(&said);
    assert_eq!(
        said.findings("cluster-unknown", "cannot list resource \"helmreleases\"").len(),
        1,
        "{}",
        said.0["problems"]
    );
    // The same with every right, but a token that is revoked.
    may_look(api, &user).await;
    let revoked = changed(&user, other.path(), &format!("token-of-{}", user.name), "revoked");
    let said = folder.scan(&revoked).await;
    same(&said);
    assert_eq!(said.findings("cluster-unknown", "refused the credentials (401)").len(), 1);
    // Its version of Kubernetes was heard in the scan before.
    assert_eq!(said.findings("cluster-unknown", "v1.34.2 counts, as it said").len(), 1, "{}", said.0["problems"]);
    assert_eq!(said.findings("cluster-unknown", "").len(), 2, "{}", said.0["problems"]);
    // A server that dies after it has said who it is.
    let (dying, passed) = dying_proxy(api.url.trim_start_matches("https://"), 4).await;
    let dead = changed(&user, other.path(), &api.url, &format!("https://{dying}"));
    let said = folder.scan(&dead).await;
    same(&said);
    assert!(passed.load(Ordering::SeqCst) > 0);
    assert!(!said.findings("cluster-unknown", &dying).is_empty(), "{}", said.0["problems"]);
    // And it is seen again when it is back.
    assert_eq!(folder.scan(&user.kubeconfig).await.live("shop"), "absent");
}

/// Passes bytes on to the server until so many kilobytes came back over all connections, then ends them all and refuses
/// new ones; and how many connections it took.
async fn dying_proxy(to: &str, kilobytes: usize) -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (passed, left) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(kilobytes * 1024)));
    let (counted, to) = (passed.clone(), to.to_owned());
    tokio::spawn(async move {
        while left.load(Ordering::SeqCst) > 0 {
            let Ok((near, _)) = listener.accept().await else { return };
            counted.fetch_add(1, Ordering::SeqCst);
            let (far, left) = (tokio::net::TcpStream::connect(&to).await.unwrap(), left.clone());
            tokio::spawn(async move {
                let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.into_split(), far.into_split());
                let up = tokio::spawn(async move { tokio::io::copy(&mut near_in, &mut far_out).await });
                let mut buffer = [0; 512];
                while let Ok(count @ 1..) = far_in.read(&mut buffer).await {
                    let before =
                        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| Some(n.saturating_sub(count)));
                    if before.unwrap() <= count || near_out.write_all(&buffer[..count]).await.is_err() {
                        break;
                    }
                }
                up.abort();
            });
        }
    });
    (address, passed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flux_rule_27_a_source_is_asked_with_its_own_secret_and_secrets_are_never_listed() {
    let api = kube_api().await;
    let (ns, user) = (api.namespace("secret").await, api.new_user());
    may_look(api, &user).await;
    let registry = OciRegistry::start(&Door::Basic("davit", "correct horse")).await;
    let login = basic("davit", "correct horse");
    for version in ["6.5.0", "6.7.1"] {
        registry.push("private/web", &oci_registry::chart("web", version), Some(&login)).await;
    }
    let url = format!("oci://{}/private", registry.host);
    let auth = json!({"auths": {&registry.host: {"auth": login.trim_start_matches("Basic ")}}}).to_string();
    api.apply_object(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry-auth", "namespace": ns},
        "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": STANDARD.encode(auth)},
    }))
    .await;
    let source = |url: &str| {
        json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository",
            "metadata": {"name": "charts", "namespace": ns},
            "spec": {"type": "oci", "url": url, "interval": "1h", "insecure": true, "secretRef": {"name": "registry-auth"}},
        })
    };
    api.apply_object(&source(&url)).await;
    let metadata = json!({"name": format!("davit-{ns}"), "namespace": ns});
    api.apply_object(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
    }))
    .await;
    bind(api, &user, "RoleBinding", &metadata, "Role").await;
    let client = user.client().await;
    eventually("the Secret to be readable", async || {
        let path = format!("/api/v1/namespaces/{ns}/secrets/registry-auth");
        client.request_text(http::Request::get(path).body(Vec::new()).unwrap()).await.is_ok()
    })
    .await;
    let mut folder = Folder::new(&ns, &[("shop", "6.5.0")]);
    let in_git = serde_json::to_string(&source(&url)).unwrap();
    std::fs::write(folder.dir.path().join("fleet/apps/source.yaml"), in_git).unwrap();
    folder.configuration = format!("registries: {{hosts: [{{host: '{}', insecure: true}}]}}\n", registry.host);
    let run = async |secrets: bool| {
        let cluster = format!(
            "cluster: {{access: kubeconfig, kubeconfigFile: '{}', secrets: {secrets}}}\n",
            user.kubeconfig.display()
        );
        std::fs::write(folder.dir.path().join("davit.yaml"), format!("{}{cluster}", folder.configuration)).unwrap();
        let home = folder.dir.path().join(format!("home-{secrets}"));
        let output = scan(folder.dir.path(), "fleet", &[("HOME", home.as_os_str())]).await;
        assert!(!String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).contains("horse"));
        Scanned::of(&output)
    };
    let without = run(false).await;
    assert_eq!(without.row("shop")["reason"], "source-unauthorized");
    let with = run(true).await;
    assert_eq!(
        (&with.row("shop")["status"], &with.row("shop")["target"]),
        (&json!("outdated"), &json!("6.7.1")),
        "{}",
        with.0
    );
    // What is kept on disk holds no password.
    let mut kept = Vec::new();
    for entry in walk(&folder.dir.path().join("home-true")) {
        kept.extend(std::fs::read(entry).unwrap());
    }
    assert!(!String::from_utf8_lossy(&kept).contains("correct horse"));
    // Another URL in the cluster: the Secret is not read, and the row says why.
    let before = secrets_asked(&api.asked_by(&user)).len();
    api.apply_object(&source("oci://elsewhere.example.com/private")).await;
    let refused = run(true).await;
    let row = refused.row("shop");
    assert_eq!(row["reason"], "source-unauthorized");
    assert!(row["message"].as_str().unwrap().contains("another URL in the cluster"), "{row}");
    let asked = api.asked_by(&user);
    let secrets = secrets_asked(&asked);
    assert_eq!(secrets.len(), before, "{secrets:?}");
    assert!(
        before >= 1 && secrets.iter().all(|words| *words == format!("get secrets {ns}/registry-auth")),
        "{secrets:?}"
    );
}

fn secrets_asked(asked: &[Asked]) -> Vec<String> {
    asked.iter().filter(|asked| asked.resource == "secrets").map(Asked::words).collect()
}

fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_request_names_the_running_version_where_it_is_not_gits() {
    let api = kube_api().await;
    let user = api.new_user();
    may_look(api, &user).await;
    flux_system(api, "apps-shop").await;
    api.apply("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}").await;
    deployed(api, "shop", "web", "6.4.0", json!({"releaseName": "web"})).await;
    let mut stage = Stage::new().await;
    let root = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
                metadata: {name: apps-shop, namespace: flux-system}\n\
                spec: {path: ./apps, sourceRef: {kind: GitRepository, name: flux-system}}\n";
    stage.casey().push("main", "feat: a root", &[("clusters/production/root.yaml", Some(root))]).unwrap();
    stage.settings.insert(
        "cluster",
        format!("{{name: prod-eu, access: kubeconfig, kubeconfigFile: '{}'}}", user.kubeconfig.display()),
    );
    let run = stage.good().await;
    let pull = stage.pull("davit/web");
    assert!(pull.body.contains("| Running |") && pull.body.contains("`6.4.0`"), "{}\n{}", pull.body, run.err);
    assert!(pull.body.contains("prod-eu") && !pull.body.contains("The cluster was not asked"), "{}", pull.body);
    // The same again writes nothing.
    stage.silent().await;
}
