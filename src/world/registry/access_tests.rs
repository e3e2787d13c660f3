use super::super::test_hosts::{oci, registry};
use super::super::{Grants, Registry};
use super::check;
use crate::config::{RegistryHost, SecretRef};
use crate::model::{Candidates, CredentialsHint, Lookup, NsName, Problem, Reason, References, SourceKind};
use crate::witness::{Access, Login, SecretData, certificates, proxy};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use secrecy::SecretSlice;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Heads of the requests that arrived.
type Heads = Arc<Mutex<Vec<String>>>;

/// A private authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "Davit test authority");
        Self(CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap())
    }

    fn client(&self) -> (String, String) {
        let mut leaf = CertificateParams::new(vec!["davit".to_owned()]).unwrap();
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        (leaf.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// A server on loopback with a certificate for `charts.example.com`; `clients` signs those that it lets in.
    async fn serve(&self, clients: Option<&Self>, answer: fn(&str) -> String) -> (u16, Heads) {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["charts.example.com".to_owned()]).unwrap();
        let certificate = leaf.signed_by(&key, &self.0).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.0.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
                config.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Heads::default();
        let seen = heads.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), seen.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let Some(head) = head(&mut stream).await else { return };
                    let said = answer(&head);
                    seen.lock().unwrap().push(head);
                    let _ = stream.write_all(said.as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        (port, heads)
    }
}

async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

fn said(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn index(_: &str) -> String {
    said("200 OK", "", "{apiVersion: v1, entries: {app: [{name: app, version: 1.0.0}]}}")
}

fn tags(_: &str) -> String {
    said("200 OK", "", r#"{"name":"org/app","tags":["1.0.0"]}"#)
}

fn closed(head: &str) -> String {
    if head.to_ascii_lowercase().contains("\r\nauthorization: ") {
        return tags(head);
    }
    said("401 Unauthorized", "www-authenticate: Basic realm=\"x\"\r\n", "")
}

/// A proxy that connects to a port of this machine, whatever host is asked for.
async fn tunnel(to: u16) -> (String, Heads) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let heads = Heads::default();
    let seen = heads.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let Some(head) = head(&mut near).await else { continue };
            seen.lock().unwrap().push(head);
            tokio::spawn(async move {
                let mut far = tokio::net::TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (address, heads)
}

fn data(pairs: &[(&str, &str)]) -> SecretData {
    let value = |value: &str| SecretSlice::from(value.as_bytes().to_vec());
    SecretData::new("Opaque", pairs.iter().map(|(key, text)| ((*key).to_owned(), value(text))))
}

fn access(host: &str, certificates: Option<&[(&str, &str)]>, address: Option<&[(&str, &str)]>) -> Access {
    Access {
        account: "certificates of the Secret a/tls".to_owned(),
        host: host.to_owned(),
        login: None,
        lacks: None,
        pass: false,
        certificates: certificates.map(|pairs| self::certificates("the Secret a/tls", &data(pairs)).unwrap()),
        proxy: address.map(|pairs| proxy("the Secret a/proxy", &data(pairs)).unwrap()),
    }
}

/// The question, asked with this access.
async fn ask(registry: &Arc<Registry>, question: &Lookup, access: Access) -> Result<Arc<Candidates>, Problem> {
    let source = CredentialsHint {
        kind: SourceKind::HelmRepository,
        source: NsName { namespace: "a".to_owned(), name: "charts".to_owned() },
        url: question.url().to_owned(),
        references: References { certificates: Some("tls".to_owned()), ..References::default() },
        provider: None,
    };
    let lookup = question.clone().signed(&source);
    let grants = Arc::new(Grants::from([(source, Ok(Arc::new(access)))]));
    registry.round_with([&lookup], grants).candidates(&lookup).await
}

#[tokio::test]
async fn flux_rule_14_a_sources_own_authority_is_trusted_for_its_questions_alone() {
    let authority = Authority::new();
    let (port, _) = authority.serve(None, index).await;
    let host = format!("charts.example.com:{port}");
    let question = Lookup::index(&format!("https://{host}"), "app");
    let (_own, registry) = registry(|_| {});
    let pem = authority.0.pem();
    let found = ask(&registry, &question, access(&host, Some(&[("ca.crt", &pem)]), None)).await.unwrap();
    assert_eq!(found.versions[0].text, "1.0.0");
    let problem = registry.candidates(&question).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourceTls, "nobody else trusts it: {problem}");
    // Another content of the same Secret is another client, at once.
    registry.refresh();
    let other = Authority::new().0.pem();
    let problem = ask(&registry, &question, access(&host, Some(&[("ca.crt", &other)]), None)).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourceTls, "{problem}");
}

#[tokio::test]
async fn flux_rule_14_a_server_that_asks_for_a_clients_certificate_is_shown_the_sources_own() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let (port, _) = authority.serve(Some(&clients), index).await;
    let host = format!("charts.example.com:{port}");
    let question = Lookup::index(&format!("https://{host}"), "app");
    let (_own, registry) = registry(|_| {});
    let (pem, (certificate, key)) = (authority.0.pem(), clients.client());
    let all = [("ca.crt", pem.as_str()), ("tls.crt", &certificate), ("tls.key", &key)];
    ask(&registry, &question, access(&host, Some(&all), None)).await.unwrap();
    registry.refresh();
    let without = ask(&registry, &question, access(&host, Some(&all[..1]), None)).await.unwrap_err();
    assert_eq!(without.reason, Reason::SourceTls, "{without}");
    // It is a credential: another host is not shown it, unless passCredentials says so.
    let elsewhere = access("other.example.com", Some(&all), None);
    registry.refresh();
    assert!(ask(&registry, &question, elsewhere.clone()).await.is_err());
    registry.refresh();
    ask(&registry, &question, Access { pass: true, ..elsewhere }).await.unwrap();
}

#[tokio::test]
async fn flux_rule_14_every_request_goes_through_the_sources_own_proxy_and_the_login_is_the_proxys() {
    let authority = Authority::new();
    let (port, heads) = authority.serve(None, tags).await;
    let (address, seen) = tunnel(port).await;
    // Nothing listens at the registry's port but behind the proxy.
    let host = "charts.example.com";
    let proxy = [("address", address.as_str()), ("username", "me"), ("password", "hunter2")];
    let question = Lookup::oci(
        &format!("oci://{host}/org/app"),
        crate::model::TagRules { leading_v: true, by_version: false, underscore_is_plus: true },
        false,
    );
    let (_own, registry) = registry(|_| {});
    let pem = authority.0.pem();
    ask(&registry, &question, access(host, Some(&[("ca.crt", &pem)]), Some(&proxy))).await.unwrap();
    let seen = seen.lock().unwrap().join("").to_ascii_lowercase();
    assert!(seen.starts_with("connect charts.example.com:443 "), "{seen}");
    let basic = format!("proxy-authorization: basic {}", STANDARD.encode("me:hunter2").to_ascii_lowercase());
    assert!(seen.contains(&basic), "{seen}");
    assert!(
        !heads.lock().unwrap().join("").to_ascii_lowercase().contains("authorization"),
        "the registry sees none of it"
    );
}

#[tokio::test]
async fn a_sources_proxy_is_no_way_to_a_clouds_metadata_service() {
    let (_own, registry) = registry(|_| {});
    let question = Lookup::index("https://charts.example.com", "app");
    for address in ["http://169.254.169.254", "http://[fd00:ec2::254]:80"] {
        let found = ask(&registry, &question, access("charts.example.com", None, Some(&[("address", address)]))).await;
        let problem = found.unwrap_err();
        assert_eq!(problem.reason, Reason::SourcePrivateAddress, "{problem}");
        registry.refresh();
    }
}

fn entry(host: &str, password: Option<&str>, insecure: bool) -> RegistryHost {
    RegistryHost {
        host: host.to_owned(),
        paths: Vec::new(),
        username: password.map(|_| "operator".to_owned()),
        password: password.map(|text| SecretRef::Inline(text.to_owned().into())),
        ca_file: None,
        insecure,
        concurrency: 4,
    }
}

#[tokio::test]
async fn the_operators_credentials_go_to_no_server_that_a_source_vouches_for() {
    let authority = Authority::new();
    let (port, heads) = authority.serve(None, closed).await;
    let host = format!("charts.example.com:{port}");
    let question = oci(&host, "org/app");
    let pem = authority.0.pem();
    let theirs = [("ca.crt", pem.as_str())];
    // Given in the configuration: then its word on the host's authorities counts too.
    let (_own, given) = registry(|options| options.registries.hosts.push(entry(&host, Some("s3cret"), false)));
    let problem = ask(&given, &question, access(&host, Some(&theirs), None)).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourceTls, "{problem}");
    // Given in Docker's config.json: the host is talked to, without them.
    let (own, docker) = registry(|options| {
        let file = options.cache_dir.join("config.json");
        let auth = STANDARD.encode("operator:s3cret");
        std::fs::write(&file, format!("{{\"auths\":{{\"{host}\":{{\"auth\":\"{auth}\"}}}}}}")).unwrap();
        options.docker_config = Some(file);
    });
    let problem = ask(&docker, &question, access(&host, Some(&theirs), None)).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourceUnauthorized, "{problem}");
    assert!(!heads.lock().unwrap().join("").to_ascii_lowercase().contains("\r\nauthorization"), "nothing was sent");
    drop(own);
    // The source's own login is its own to send.
    let login = Login {
        origin: "the Secret a/auth".to_owned(),
        host: host.clone(),
        username: "me".to_owned(),
        password: "hunter2".to_owned().into(),
    };
    docker.refresh();
    ask(&docker, &question, Access { login: Some(login), ..access(&host, Some(&theirs), None) }).await.unwrap();
}

#[tokio::test]
async fn the_operators_credentials_go_in_the_clear_through_no_proxy_of_a_sources() {
    use super::super::http::Http;
    use super::super::options::Options;
    let mut registries = crate::config::Config::default().registries;
    registries.hosts =
        vec![entry("open.example.com", Some("s3cret"), true), entry("safe.example.com", Some("x"), false)];
    let clock = Arc::new(|| jiff::Timestamp::UNIX_EPOCH);
    let http = Http::new(Arc::new(Options::new(registries, "unused".into(), clock, &|_| None)));
    let url = |text: &str| url::Url::parse(text).unwrap();
    let with = access("charts.example.com", None, Some(&[("address", "http://proxy.example.com")]));
    let now = tokio::time::Instant::now();
    let trip = http.mirrored_trip(false, now).with(Some(Arc::new(with)));
    assert!(!http.may_take_ours(&trip, &url("https://open.example.com")), "its certificate is not checked");
    assert!(!http.may_take_ours(&trip, &url("http://safe.example.com")));
    assert!(http.may_take_ours(&trip, &url("https://safe.example.com")));
    assert!(http.may_take_ours(&http.mirrored_trip(false, now), &url("https://open.example.com")));
}

#[test]
fn flux_rule_14_certificates_that_can_not_be_used_are_named_by_their_secret() {
    crate::world::init::tls_provider();
    let (authority, other) = (Authority::new(), Authority::new());
    let ((certificate, key), (_, wrong)) = (authority.client(), other.client());
    let good = access("x", Some(&[("tls.crt", &certificate), ("tls.key", &key)]), None);
    assert_eq!(check(&good), Ok(()));
    for (pairs, why) in [
        (vec![("ca.crt", "s3cret")], "ca.crt holds no PEM certificate"),
        (vec![("tls.crt", certificate.as_str()), ("tls.key", "s3cret")], "not a PEM certificate and its key"),
        (vec![("tls.crt", certificate.as_str()), ("tls.key", wrong.as_str())], "not a pair"),
    ] {
        let said = check(&access("x", Some(&pairs), None)).unwrap_err();
        assert!(said.contains(why) && said.starts_with("the Secret a/tls") && !said.contains("s3cret"), "{said}");
    }
}
