//! A real kube-apiserver with its etcd, one for the whole test process, on free loopback ports, with Flux's CRDs. No
//! controller runs beside it and nothing is scheduled: objects stand as they were written, and a status is what a test
//! (or source-controller) says. Tests share it: each takes a namespace and users of its own.

use crate::kept::{Kept, free_ports};
use crate::tools::{go_module, go_tool};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// The longest that starting, or a change to be seen, may take.
const LIMIT: Duration = Duration::from_secs(90);
/// How many users the server knows.
const USERS: usize = 64;
/// What it records of requests of users but the administrator, before it answers them.
const AUDIT: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy",
    "omitStages": ["ResponseStarted", "ResponseComplete"],
    "rules": [{"level": "Metadata", "userGroups": ["people"]}, {"level": "None"}]}"#;

/// The running server.
pub struct KubeApi {
    /// `https://127.0.0.1:PORT`
    pub url: String,
    dir: PathBuf,
    server: Kept,
    etcd: Kept,
    users: AtomicUsize,
    namespaces: AtomicUsize,
}

/// Somebody with a kubeconfig. `admin` may do anything; anybody else nothing, until an object of RBAC that
/// names them says so.
#[derive(Clone)]
pub struct User {
    pub name: String,
    pub kubeconfig: PathBuf,
}

/// A request as the server's audit log has it; names are empty where it names none (a list).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub verb: String,
    pub resource: String,
    pub namespace: String,
    pub name: String,
}

/// The server of this test process; the first call starts it.
pub async fn kube_api() -> &'static KubeApi {
    static SERVER: OnceCell<KubeApi> = OnceCell::const_new();
    SERVER.get_or_init(KubeApi::start).await
}

impl KubeApi {
    async fn start() -> Self {
        let (etcd, server) = (program("etcd"), program("kube-apiserver"));
        let mut said = String::new();
        for _ in 0..3 {
            match Self::try_start(&etcd, &server).await {
                Ok(api) => {
                    api.teach_flux().await;
                    return api;
                }
                Err(log) => said = log,
            }
        }
        panic!("the API server does not start: {said}");
    }

    /// What the logs say where one of the two ended: somebody else may have taken a port in between.
    async fn try_start(etcd: &Path, server: &Path) -> Result<Self, String> {
        let [client, peer, port] = free_ports();
        let etcd = Kept::start("etcd", etcd, directory("etcd"), &etcd_arguments(client, peer), &[]);
        let home = directory("kube-apiserver");
        let dir = home.path().to_owned();
        write_files(&dir);
        let server = Kept::start("kube-apiserver", server, home, &server_arguments(&dir, client, port), &[]);
        let url = format!("https://127.0.0.1:{port}");
        let (users, namespaces) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let api = Self { url, dir, server, etcd, users, namespaces };
        let admin = api.admin().client().await;
        let end = Instant::now() + LIMIT;
        while api.server.ended().is_none() && api.etcd.ended().is_none() {
            let question = http::Request::get("/readyz").body(Vec::new()).unwrap();
            if admin.request_text(question).await.is_ok_and(|answer| answer == "ok") {
                return Ok(api);
            }
            if Instant::now() > end {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("{}\n{}", api.server.log(), api.etcd.log()))
    }

    /// source-controller's CRDs from its own module, and small ones of the kinds whose controllers do not run here.
    async fn teach_flux(&self) {
        let theirs = go_module("github.com/fluxcd/source-controller", "source-controller").join("config/crd/bases");
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/crds");
        for dir in [theirs, ours] {
            let entries = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
            for file in entries.map(|entry| entry.unwrap().path()) {
                self.apply(&std::fs::read_to_string(&file).unwrap()).await;
            }
        }
        let crds = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
        let (resource, _) = pinned_kind(&self.admin().client().await, &crds).await.unwrap();
        let crds: Api<DynamicObject> = Api::all_with(self.admin().client().await, &resource);
        eventually("the CRDs to be established", async || {
            let all = crds.list(&kube::api::ListParams::default()).await.unwrap();
            all.items.iter().all(|crd| condition(&crd.data, "Established").is_some_and(|it| it["status"] == "True"))
        })
        .await;
        // What is established is served a moment later.
        let client = self.admin().client().await;
        for (group, version, kind) in [
            ("source.toolkit.fluxcd.io", "v1", "OCIRepository"),
            ("source.toolkit.fluxcd.io", "v1", "HelmChart"),
            ("source.toolkit.fluxcd.io", "v1", "HelmRepository"),
            ("helm.toolkit.fluxcd.io", "v2", "HelmRelease"),
            ("kustomize.toolkit.fluxcd.io", "v1", "Kustomization"),
        ] {
            let kind = GroupVersionKind::gvk(group, version, kind);
            eventually("the CRDs to be served", async || pinned_kind(&client, &kind).await.is_ok()).await;
        }
    }

    /// Who may do anything.
    pub fn admin(&self) -> User {
        self.user("admin")
    }

    /// A user whom no other test uses, without any right yet.
    pub fn new_user(&self) -> User {
        let number = self.users.fetch_add(1, Ordering::Relaxed);
        assert!(number < USERS, "tokens.csv has only {USERS} users");
        self.user(&format!("user-{number}"))
    }

    fn user(&self, name: &str) -> User {
        let kubeconfig = self.dir.join(format!("{name}.kubeconfig"));
        if !kubeconfig.exists() {
            std::fs::write(&kubeconfig, self.kubeconfig(name)).unwrap();
        }
        User { name: name.to_owned(), kubeconfig }
    }

    fn kubeconfig(&self, name: &str) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "tests",
            "clusters": [{"name": "tests", "cluster": {"server": self.url, "certificate-authority": self.authority()}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": name}}],
            "users": [{"name": name, "user": {"token": token_of(name)}}],
        })
        .to_string()
    }

    /// The file with the certificate of the server's authority.
    pub fn authority(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// Makes a namespace that no other test uses.
    pub async fn namespace(&self, prefix: &str) -> String {
        let name = format!("{prefix}-{}", self.namespaces.fetch_add(1, Ordering::Relaxed));
        self.apply(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}")).await;
        name
    }

    /// Applies every document of a YAML text as the administrator (server-side), and gives what the server made of it.
    pub async fn apply(&self, yaml: &str) -> Vec<DynamicObject> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap_or_else(|e| panic!("{e}:\n{yaml}"));
        let mut applied = Vec::new();
        for document in documents.iter().filter(|document| !document.is_null()) {
            applied.push(self.apply_object(document).await);
        }
        applied
    }

    /// Applies one object.
    pub async fn apply_object(&self, object: &Value) -> DynamicObject {
        let (api, name) = self.place(object).await;
        let how = PatchParams::apply("tests").force();
        let applied = api.patch(name, &how, &Patch::Apply(object)).await;
        applied.unwrap_or_else(|e| panic!("the API server refuses {object}: {e}"))
    }

    /// Sets the status of an object, named by `apiVersion`, `kind` and `metadata` of this one, to its `status`.
    pub async fn set_status(&self, object: &Value) -> DynamicObject {
        let (api, name) = self.place(object).await;
        let patch = Patch::Merge(json!({"status": object["status"]}));
        let set = api.patch_status(name, &PatchParams::default(), &patch).await;
        set.unwrap_or_else(|e| panic!("the API server refuses the status of {object}: {e}"))
    }

    /// The object that is named as this one is.
    pub async fn get(&self, object: &Value) -> DynamicObject {
        let (api, name) = self.place(object).await;
        api.get(name).await.unwrap_or_else(|e| panic!("{object}: {e}"))
    }

    async fn place<'o>(&self, object: &'o Value) -> (Api<DynamicObject>, &'o str) {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
        let (version, kind) = text("/apiVersion").zip(text("/kind")).unwrap_or_else(|| panic!("no object: {object}"));
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let client = self.admin().client().await;
        let known = pinned_kind(&client, &GroupVersionKind::gvk(group, version, kind)).await;
        let (resource, capabilities) = known.unwrap_or_else(|e| panic!("the API server has no {group}/{kind}: {e}"));
        let api = match capabilities.scope {
            Scope::Cluster => Api::all_with(client, &resource),
            Scope::Namespaced => {
                Api::namespaced_with(client, text("/metadata/namespace").unwrap_or("default"), &resource)
            }
        };
        (api, text("/metadata/name").unwrap_or_else(|| panic!("an object without a name: {object}")))
    }

    /// Everything that a user asked so far, refused or not, in order. Requests for no resource (`/version`) are left
    /// out; each one answered is in it.
    pub fn asked_by(&self, user: &User) -> Vec<Asked> {
        let log = std::fs::read_to_string(self.dir.join("audit.log")).unwrap_or_default();
        let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let theirs = events.filter(|event| event["user"]["username"] == user.name.as_str());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        theirs
            .filter(|event| event["objectRef"]["resource"].is_string())
            .map(|event| Asked {
                verb: text(&event["verb"]),
                resource: text(&event["objectRef"]["resource"]),
                namespace: text(&event["objectRef"]["namespace"]),
                name: text(&event["objectRef"]["name"]),
            })
            .collect()
    }
}

impl User {
    /// A client of theirs. It belongs to the runtime that it is made on.
    pub async fn client(&self) -> kube::Client {
        let read = kube::config::Kubeconfig::read_from(&self.kubeconfig).unwrap();
        let config = kube::Config::from_custom_kubeconfig(read, &kube::config::KubeConfigOptions::default()).await;
        kube::Client::try_from(config.unwrap()).unwrap()
    }
}

impl Asked {
    /// `get secrets shop/password`, `list secrets shop/`
    pub fn words(&self) -> String {
        format!("{} {} {}/{}", self.verb, self.resource, self.namespace, self.name)
    }
}

/// The condition of a type in an object's status.
pub fn condition<'v>(object: &'v Value, kind: &str) -> Option<&'v Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Asks again until it is so, within the limit.
pub async fn eventually(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !so().await {
        assert!(Instant::now() < end, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// `$KUBEBUILDER_ASSETS/<name>` where that is set, as elsewhere in the ecosystem.
fn program(name: &str) -> PathBuf {
    if let Some(dir) = std::env::var_os("KUBEBUILDER_ASSETS").filter(|dir| !dir.is_empty()) {
        let program = PathBuf::from(dir).join(name);
        assert!(program.is_file(), "KUBEBUILDER_ASSETS is set, and there is no {}", program.display());
        return program;
    }
    match name {
        "etcd" => on_path(name).unwrap_or_else(|| {
            panic!("`etcd` is not on PATH: install the Debian package etcd-server, or set KUBEBUILDER_ASSETS")
        }),
        _ => go_tool(name, name),
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|program| program.is_file())
}

fn directory(name: &str) -> tempfile::TempDir {
    tempfile::Builder::new().prefix(&format!("davit-{name}-")).tempdir().unwrap()
}

fn etcd_arguments(client: u16, peer: u16) -> Vec<String> {
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    vec![
        "--data-dir=data".to_owned(),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        "--unsafe-no-fsync".to_owned(),
        "--logger=zap".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

fn server_arguments(dir: &Path, etcd: u16, port: u16) -> Vec<String> {
    let file = |name: &str| dir.join(name).display().to_string();
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--cert-dir={}", file("certs")),
        format!("--tls-cert-file={}", file("server.pem")),
        format!("--tls-private-key-file={}", file("server.key")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", file("accounts.pem")),
        format!("--service-account-signing-key-file={}", file("accounts.key")),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        format!("--token-auth-file={}", file("tokens.csv")),
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--audit-policy-file={}", file("audit.yaml")),
        format!("--audit-log-path={}", file("audit.log")),
    ]
}

/// Certificates, keys, users, and what is recorded.
fn write_files(dir: &Path) {
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "Authority of the tests' API server");
    let issuer = rcgen::CertifiedIssuer::self_signed(authority, rcgen::KeyPair::generate().unwrap()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let accounts = rcgen::KeyPair::generate().unwrap();
    write("ca.pem", &issuer.pem());
    write("server.pem", &certificate.pem());
    write("server.key", &key.serialize_pem());
    write("accounts.pem", &accounts.public_key_pem());
    write("accounts.key", &accounts.serialize_pem());
    write("audit.yaml", AUDIT);
    let mut tokens = format!("{},admin,admin,system:masters\n", token_of("admin"));
    for number in 0..USERS {
        let name = format!("user-{number}");
        let _ = writeln!(tokens, "{},{name},{name},people", token_of(&name));
    }
    write("tokens.csv", &tokens);
}

fn token_of(user: &str) -> String {
    format!("token-of-{user}")
}

#[tokio::test]
async fn a_user_may_do_what_rbac_says_and_every_question_is_on_record() {
    let api = kube_api().await;
    let (namespace, user) = (api.namespace("record").await, api.new_user());
    let release = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": {"name": "tea", "namespace": namespace}, "spec": {"releaseName": "t"},
        "status": {"history": [{"chartVersion": "1.0.0"}]},
    });
    api.apply_object(&release).await;
    // The status is a subresource, as in Flux's own CRD.
    assert!(api.get(&release).await.data["status"].is_null());
    api.set_status(&release).await;
    let (theirs, mine) = (user.client().await, api.get(&release).await);
    assert_eq!(mine.data["status"]["history"][0]["chartVersion"], "1.0.0");
    let kind = GroupVersionKind::gvk("helm.toolkit.fluxcd.io", "v2", "HelmRelease");
    let (resource, _) = pinned_kind(&theirs, &kind).await.unwrap();
    let releases: Api<DynamicObject> = Api::namespaced_with(theirs, &namespace, &resource);
    let forbidden = |answer: kube::Result<DynamicObject>| match answer {
        Err(kube::Error::Api(status)) => status.code == 403,
        other => panic!("{other:?}"),
    };
    assert!(forbidden(releases.get("tea").await));
    let metadata = json!({"name": "reader", "namespace": namespace});
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
        "rules": [{"apiGroups": ["helm.toolkit.fluxcd.io"], "resources": ["helmreleases"], "verbs": ["get"]}],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "User", "name": user.name}],
    });
    api.apply_object(&role).await;
    api.apply_object(&binding).await;
    // The authorizer sees the binding a moment later.
    eventually("the role to hold", async || releases.get("tea").await.is_ok()).await;
    assert!(releases.list(&kube::api::ListParams::default()).await.is_err());
    let asked: Vec<_> = api.asked_by(&user).iter().map(Asked::words).collect();
    assert_eq!(asked[0], format!("get helmreleases {namespace}/tea"));
    assert_eq!(asked[asked.len() - 1], format!("list helmreleases {namespace}/"));
}
