//! A token service as registries ask for (Docker's token authentication): signs RS256 JWTs whose `x5c` chain ends at
//! the root in [`TokenService::bundle`]. Everybody may pull `open/…`; one user may do everything.

use super::oci_registry::basic;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_RSA_SHA256, RsaKeySize, SigningKey};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

pub const ISSUER: &str = "davit-tests";
/// The refresh token of the user.
pub const REFRESH: &str = "refresh-token-of-davit";
pub const SERVICE: &str = "registry.davit-tests";

/// A running service. It ends with this value.
pub struct TokenService {
    /// `127.0.0.1:PORT`
    pub host: String,
    /// PEM of the root that the registry trusts.
    pub bundle: PathBuf,
    state: Arc<Signer>,
    job: tokio::task::JoinHandle<()>,
    _dir: tempfile::TempDir,
}

struct Signer {
    key: KeyPair,
    /// Certificate of the key, signed by the root.
    certificate: Vec<u8>,
    user: String,
    /// Scope and user of every request, in order.
    seen: Mutex<Vec<(String, bool)>>,
}

impl Drop for TokenService {
    fn drop(&mut self) {
        self.job.abort();
    }
}

impl TokenService {
    pub async fn start(user: &str, password: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bundle = dir.path().join("root.pem");
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        root.distinguished_name.push(rcgen::DnType::CommonName, "Davit token root");
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(&bundle, root.pem()).unwrap();
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let mut leaf = CertificateParams::new(Vec::new()).unwrap();
        leaf.distinguished_name.push(rcgen::DnType::CommonName, "Davit token signer");
        let certificate = leaf.signed_by(&key, &root).unwrap().der().to_vec();
        let state = Arc::new(Signer { key, certificate, user: basic(user, password), seen: Mutex::default() });
        let app =
            axum::Router::new().route("/token", axum::routing::get(token).post(refresh)).with_state(state.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let job = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { host, bundle, state, job, _dir: dir }
    }

    /// A token for pushing: the header's value.
    pub fn push_token(&self, repository: &str) -> String {
        format!("Bearer {}", self.state.sign(repository, &["pull", "push"]))
    }

    /// Scope of every request so far, and whether it came with the right credentials.
    pub fn seen(&self) -> Vec<(String, bool)> {
        self.state.seen.lock().unwrap().clone()
    }
}

impl Signer {
    fn sign(&self, repository: &str, actions: &[&str]) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let head = serde_json::json!({"typ": "JWT", "alg": "RS256", "x5c": [STANDARD.encode(&self.certificate)]});
        let claims = serde_json::json!({
            "iss": ISSUER, "sub": "somebody", "aud": SERVICE, "exp": now + 300, "nbf": now - 10, "iat": now - 10,
            "jti": "1", "access": [{"type": "repository", "name": repository, "actions": actions}],
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let signature = self.key.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn token(
    State(state): State<Arc<Signer>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> (StatusCode, String) {
    let scope = query.get("scope").cloned().unwrap_or_default();
    let given = headers.get(header::AUTHORIZATION);
    let known = given.is_some_and(|value| value == state.user.as_str());
    state.seen.lock().unwrap().push((scope.clone(), known));
    if query.get("service").map(String::as_str) != Some(SERVICE) {
        return (StatusCode::BAD_REQUEST, String::new());
    }
    if given.is_some() && !known {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let name = scope.split(':').nth(1).unwrap_or_default();
    let actions: &[&str] = if known || name.starts_with("open/") { &["pull"] } else { &[] };
    let answer = serde_json::json!({"token": state.sign(name, actions), "expires_in": 300});
    (StatusCode::OK, answer.to_string())
}

/// OAuth2's refresh, as `identitytoken` asks for it.
async fn refresh(State(state): State<Arc<Signer>>, body: String) -> (StatusCode, String) {
    let form: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let known = field("grant_type") == "refresh_token" && field("refresh_token") == REFRESH;
    let scope = field("scope").to_owned();
    state.seen.lock().unwrap().push((scope.clone(), known));
    if field("service") != SERVICE || field("client_id").is_empty() {
        return (StatusCode::BAD_REQUEST, String::new());
    }
    if !known {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let name = scope.split(':').nth(1).unwrap_or_default();
    let answer = serde_json::json!({"access_token": state.sign(name, &["pull"]), "expires_in": 300});
    (StatusCode::OK, answer.to_string())
}
