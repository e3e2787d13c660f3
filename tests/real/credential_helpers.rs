//! Docker's config.json as people have it: entries, credential helpers, identity tokens. The real binary with a helper
//! of the tests on its PATH, against the real registry.

use crate::oci_registry::{Door, OciRegistry, basic, chart};
use crate::scan::scan;
use crate::token_service::{ISSUER, REFRESH, SERVICE, TokenService};
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

const PASSWORD: &str = "correct horse";

struct Person {
    dir: tempfile::TempDir,
    registry: OciRegistry,
}

impl Person {
    /// A repository with one release on `charts/app` of the registry, which holds a newer version.
    fn new(registry: OciRegistry) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["repo", "bin", "docker"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let person = Self { dir, registry };
        let manifest = format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: app, namespace: a}}\n\
             spec: {{url: \"oci://{}/charts/app\", insecure: true, ref: {{tag: 1.0.0}}}}\n---\n\
             apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: app, namespace: a}}\n\
             spec: {{chartRef: {{kind: OCIRepository, name: app}}}}\n",
            person.registry.host
        );
        person.write("repo/a.yaml", &manifest);
        person.configure(&[&person.registry.host]);
        person
    }

    async fn with_password() -> Self {
        let registry = OciRegistry::start(&Door::Basic("davit", PASSWORD)).await;
        for version in ["1.0.0", "1.1.0"] {
            registry.push("charts/app", &chart("app", version), Some(&basic("davit", PASSWORD))).await;
        }
        Self::new(registry)
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.dir.path().join(path), text).unwrap();
    }

    /// These hosts speak plain HTTP.
    fn configure(&self, hosts: &[&str]) {
        let entries: Vec<_> = hosts.iter().map(|host| format!("{{host: \"{host}\", insecure: true}}")).collect();
        self.write("davit.yaml", &format!("registries: {{timeout: 5s, hosts: [{}]}}\n", entries.join(", ")));
    }

    fn docker(&self, config: &serde_json::Value) {
        self.write("docker/config.json", &config.to_string());
    }

    /// The program `docker-credential-of-tests`; `$host` is what it was asked for.
    fn helper(&self, script: &str) {
        let path = self.dir.path().join("bin/docker-credential-of-tests");
        let text = format!("#!/bin/sh\n[ \"$1\" = get ] || exit 9\nhost=$(cat)\n{script}\n");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Target, reason and message of the release, and everything that was said.
    async fn scan(&self) -> (String, String, String, String) {
        let (home, docker) = (self.dir.path().join("home"), self.dir.path().join("docker"));
        let path = format!("{}:/usr/bin:/bin", self.dir.path().join("bin").display());
        let environment =
            [("HOME", home.as_os_str()), ("DOCKER_CONFIG", docker.as_os_str()), ("PATH", OsStr::new(&path))];
        let output = scan(self.dir.path(), "repo", &environment).await;
        let all = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{all}");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |key: &str| json["releases"][0][key].as_str().unwrap_or_default().to_owned();
        (text("target"), text("reason"), text("message"), all)
    }

    /// The newer version is found, and no secret is shown.
    async fn gets_in(&self, how: &str) {
        let (target, reason, message, all) = self.scan().await;
        assert_eq!(target, "1.1.0", "{how}: {reason}: {message}");
        assert!(!all.contains(PASSWORD) && !all.contains(REFRESH), "{how}: {all}");
    }
}

#[tokio::test]
async fn entries_helpers_and_the_store_of_dockers_config_all_open_a_registry() {
    let person = Person::with_password().await;
    let host = person.registry.host.clone();
    let auth = basic("davit", PASSWORD).replace("Basic ", "");
    person.docker(&serde_json::json!({"auths": {&host: {"auth": auth}}}));
    person.gets_in("auths").await;
    person.docker(
        &serde_json::json!({"auths": {format!("http://{host}/v2/"): {"username": "davit", "password": PASSWORD}}}),
    );
    person.gets_in("auths by URL, in two fields").await;
    let stored = format!(r#"{{"ServerURL":"%s","Username":"davit","Secret":"{PASSWORD}"}}"#);
    person.helper(&format!("[ \"$host\" = '{host}' ] || exit 8\nprintf '{stored}' \"$host\""));
    person.docker(&serde_json::json!({"credHelpers": {&host: "of-tests"}}));
    person.gets_in("credHelpers").await;
    // Docker leaves an empty entry beside its store.
    person.docker(&serde_json::json!({"auths": {&host: {}}, "credsStore": "of-tests"}));
    person.gets_in("credsStore").await;
    // A host's own helper wins over the store and over an entry.
    let wrong = basic("davit", "wrong").replace("Basic ", "");
    person.docker(&serde_json::json!({
        "auths": {&host: {"auth": wrong}}, "credHelpers": {&host: "of-tests"}, "credsStore": "not-installed"
    }));
    person.gets_in("credHelpers first").await;
}

#[tokio::test]
async fn an_identity_token_is_changed_for_a_token_of_the_service() {
    let service = TokenService::start("davit", PASSWORD).await;
    let realm = format!("http://{}/token", service.host);
    let door = Door::Token { realm: &realm, issuer: ISSUER, service: SERVICE, bundle: &service.bundle };
    let registry = OciRegistry::start(&door).await;
    for version in ["1.0.0", "1.1.0"] {
        registry.push("charts/app", &chart("app", version), Some(&service.push_token("charts/app"))).await;
    }
    let person = Person::new(registry);
    let host = person.registry.host.clone();
    person.configure(&[&host, &service.host]);
    person.docker(&serde_json::json!({"auths": {&host: {"identitytoken": REFRESH}}}));
    person.gets_in("identitytoken").await;
    assert_eq!(service.seen().last().unwrap(), &("repository:charts/app:pull".to_owned(), true));
    person.helper(&format!(r#"printf '{{"Username":"<token>","Secret":"{REFRESH}"}}'"#));
    person.docker(&serde_json::json!({"credsStore": "of-tests"}));
    person.gets_in("a helper's <token>").await;
    person.docker(&serde_json::json!({"auths": {&host: {"identitytoken": "withdrawn-token"}}}));
    let (_, reason, message, all) = person.scan().await;
    assert_eq!(reason, "source-unauthorized", "{message}");
    assert!(message.contains("config.json") && !all.contains("withdrawn-token"), "{message}");
}

#[tokio::test]
async fn a_helper_that_misbehaves_is_one_clear_error_and_costs_its_limit_at_most() {
    let person = Person::with_password().await;
    let host = person.registry.host.clone();
    person.docker(&serde_json::json!({"credHelpers": {&host: "of-tests"}}));
    for (script, says) in [
        ("echo 'the secret is hunter2'", "not what Docker's protocol asks for"),
        (r#"echo '{"Username":"davit"}' # hunter2"#, "not what Docker's protocol asks for"),
        ("echo hunter2; echo hunter2 >&2; exit 3", "it failed (exit status: 3)"),
        ("printf '\\377\\000hunter2'", "not what Docker's protocol asks for"),
        ("echo 'credentials not found in native keychain'; exit 1", "give username and passwordFile"),
    ] {
        person.helper(script);
        let (target, reason, message, all) = person.scan().await;
        assert_eq!((target.as_str(), reason.as_str()), ("1.0.0", "source-unauthorized"), "{script}: {message}");
        assert!(message.contains(says) && message.contains(&host), "{script}: {message}");
        assert!(says.contains("username") || message.contains("docker-credential-of-tests"), "{message}");
        assert!(!all.contains("hunter2"), "{all}");
    }
    person.helper("exec sleep 1000");
    let begun = Instant::now();
    let (_, reason, message, _) = person.scan().await;
    assert_eq!(reason, "source-unauthorized", "{message}");
    assert!(
        message.contains("docker-credential-of-tests") && message.contains("did not finish within 5s"),
        "{message}"
    );
    // Not a measurement: the limit of a hang.
    assert!(begun.elapsed() < Duration::from_mins(1));
    person.docker(&serde_json::json!({"credHelpers": {&host: "not-installed"}}));
    let (_, _, message, _) = person.scan().await;
    assert!(message.contains("docker-credential-not-installed") && message.contains("no such program"), "{message}");
}
