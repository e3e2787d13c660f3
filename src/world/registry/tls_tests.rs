//! TLS: a private authority by `caFile`, and certificates that are refused, for ever and without a way around.

use super::test_hosts::{oci, registry};
use crate::config::RegistryHost;
use crate::model::{Lookup, Reason};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// An index behind TLS with a certificate of a test authority.
struct TlsHost {
    port: u16,
    ca_file: PathBuf,
    /// Connections that began with something else than TLS.
    plain: Arc<AtomicUsize>,
    acceptor: Arc<Mutex<tokio_rustls::TlsAcceptor>>,
    _dir: tempfile::TempDir,
}

fn acceptor(name: &str, expired: bool, ca_file: &std::path::Path) -> tokio_rustls::TlsAcceptor {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "Davit test authority");
    let issuer = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(ca_file, issuer.pem()).unwrap();
    let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if expired {
        leaf.not_before = rcgen::date_time_ymd(2020, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = leaf.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

impl TlsHost {
    /// From now on another authority signs; its file is written anew.
    fn rotate(&self, name: &str) {
        *self.acceptor.lock().unwrap() = acceptor(name, false, &self.ca_file);
    }
}

async fn start(name: &str, expired: bool) -> TlsHost {
    let body = "{apiVersion: v1, entries: {app: [{name: app, version: 1.0.0}]}}";
    start_saying(name, expired, format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len()), body).await
}

/// With this head, `connection: close` and this body as the answer to everything.
async fn start_saying(name: &str, expired: bool, head: String, body: &'static str) -> TlsHost {
    let dir = tempfile::tempdir().unwrap();
    let ca_file = dir.path().join("ca.pem");
    let acceptor = Arc::new(Mutex::new(acceptor(name, expired, &ca_file)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let plain = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&plain);
    let current = Arc::clone(&acceptor);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, count, head) = (current.lock().unwrap().clone(), Arc::clone(&count), head.clone());
            tokio::spawn(async move {
                let mut first = [0];
                if stream.peek(&mut first).await.is_ok_and(|read| read > 0) && first[0] != 0x16 {
                    count.fetch_add(1, Ordering::SeqCst);
                }
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    TlsHost { port, ca_file, plain, acceptor, _dir: dir }
}

fn entry(host: String, ca_file: PathBuf) -> RegistryHost {
    RegistryHost {
        host,
        paths: Vec::new(),
        username: None,
        password: None,
        ca_file: Some(ca_file),
        insecure: false,
        concurrency: 4,
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_by_its_ca_file_only() {
    let server = start("charts.example.com", false).await;
    let host = format!("charts.example.com:{}", server.port);
    let lookup = Lookup::index(&format!("https://{host}"), "app");
    let (_own, trusting) = registry(|options| options.registries.hosts.push(entry(host, server.ca_file.clone())));
    assert_eq!(trusting.candidates(&lookup).await.unwrap().versions[0].text, "1.0.0");
    let (_own, strange) = registry(|_| {});
    let problem = strange.candidates(&lookup).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourceTls, "{problem}");
    assert!(problem.message.contains("caFile"), "{problem}");
}

#[tokio::test]
async fn another_hosts_certificate_and_an_expired_one_are_refused_in_spite_of_the_ca_file() {
    for (name, expired) in [("other.example.com", false), ("charts.example.com", true)] {
        let server = start(name, expired).await;
        let host = format!("charts.example.com:{}", server.port);
        let lookup = Lookup::index(&format!("https://{host}"), "app");
        let (_own, registry) = registry(|options| options.registries.hosts.push(entry(host, server.ca_file.clone())));
        let problem = registry.candidates(&lookup).await.unwrap_err();
        assert_eq!(problem.reason, Reason::SourceTls, "{name}: {problem}");
    }
}

#[tokio::test]
async fn a_missing_ca_file_is_named() {
    let server = start("charts.example.com", false).await;
    let host = format!("charts.example.com:{}", server.port);
    let lookup = Lookup::index(&format!("https://{host}"), "app");
    let (_own, registry) = registry(|options| options.registries.hosts.push(entry(host, "/nonexistent/ca.pem".into())));
    let problem = registry.candidates(&lookup).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourceTls, "{problem}");
    assert!(problem.message.contains("/nonexistent/ca.pem"), "{problem}");
}

#[tokio::test]
async fn a_certificate_that_is_refused_is_no_reason_to_speak_plain_http_though_git_would_take_it() {
    let server = start("other.example.com", false).await;
    let (_own, registry) = registry(|_| {});
    let lookup = oci(&format!("charts.example.com:{}", server.port), "org/app");
    let problem = registry.candidates(&lookup).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourceTls, "{problem}");
    assert_eq!(server.plain.load(Ordering::SeqCst), 0, "nothing but TLS was spoken");
}

#[tokio::test]
async fn a_rotated_ca_file_needs_no_restart_and_a_broken_one_is_named() {
    let server = start("charts.example.com", false).await;
    let host = format!("charts.example.com:{}", server.port);
    let lookup = Lookup::index(&format!("https://{host}"), "app");
    let (_own, registry) = registry(|options| {
        options.limits.fresh_for = std::time::Duration::ZERO;
        options.registries.hosts.push(entry(host, server.ca_file.clone()));
    });
    registry.candidates(&lookup).await.unwrap();
    let former = std::fs::read(&server.ca_file).unwrap();
    server.rotate("charts.example.com");
    registry.candidates(&lookup).await.unwrap();
    std::fs::write(&server.ca_file, former).unwrap();
    let problem = registry.candidates(&lookup).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourceTls, "the former authority signs no more: {problem}");
    std::fs::write(&server.ca_file, "half a file").unwrap();
    let problem = registry.candidates(&lookup).await.unwrap_err();
    assert!(problem.message.contains(&server.ca_file.display().to_string()), "{problem}");
    server.rotate("charts.example.com");
    registry.candidates(&lookup).await.unwrap();
}

#[tokio::test]
async fn a_token_realm_in_plain_http_is_refused_where_the_registry_is_https() {
    let head = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\
        www-authenticate: Bearer realm=\"http://tokens.example.com/token\",service=\"s\"\r\n";
    let server = start_saying("charts.example.com", false, head.to_owned(), "").await;
    let host = format!("charts.example.com:{}", server.port);
    let (_own, registry) =
        registry(|options| options.registries.hosts.push(entry(host.clone(), server.ca_file.clone())));
    let problem = registry.candidates(&oci(&host, "org/app")).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourceInvalid, "{problem}");
    assert!(problem.message.contains("http://tokens.example.com/token is plain HTTP"), "{problem}");
}
