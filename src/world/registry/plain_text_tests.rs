//! Plain HTTP: where it is spoken at all, and that no credentials go over it without the operator's word.

use super::test_hosts::{oci, registry, serve, status};
use crate::config::{RegistryHost, SecretRef};
use crate::model::{Lookup, Reason};
use axum::body::Body;
use axum::http::{HeaderMap, Response, header};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn entry(host: &str, insecure: bool) -> RegistryHost {
    RegistryHost {
        host: host.to_owned(),
        paths: Vec::new(),
        username: Some("davit".to_owned()),
        password: Some(SecretRef::Inline("hunter2".to_owned().into())),
        ca_file: None,
        insecure,
        concurrency: 4,
    }
}

/// A registry and an index behind basic authentication; counts requests that carry credentials.
async fn guarded() -> (String, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let host = serve(move |path: &str, headers: &HeaderMap| -> Response<Body> {
        if headers.contains_key(header::AUTHORIZATION) {
            count.fetch_add(1, Ordering::SeqCst);
            let body = if path.ends_with("index.yaml") {
                "{apiVersion: v1, entries: {app: [{name: app, version: 1.0.0}]}}"
            } else {
                "{\"tags\": [\"1.0.0\"]}"
            };
            return status(200).body(Body::from(body)).unwrap();
        }
        status(401).header(header::WWW_AUTHENTICATE, "Basic realm=\"r\"").body(Body::empty()).unwrap()
    })
    .await;
    (host, seen)
}

#[tokio::test]
async fn flux_rule_14_credentials_go_over_plain_http_only_where_the_hosts_entry_says_insecure() {
    for insecure in [false, true] {
        let (host, seen) = guarded().await;
        let (_cache, registry) = registry(|options| options.registries.hosts.push(entry(&host, insecure)));
        for lookup in [oci(&host, "charts/app"), Lookup::index(&format!("http://{host}"), "app")] {
            let answer = registry.candidates(&lookup).await;
            if insecure {
                assert_eq!(answer.unwrap().versions.len(), 1);
                continue;
            }
            let problem = answer.unwrap_err();
            assert_eq!(problem.reason, Reason::SourceUnauthorized, "{problem}");
            assert!(problem.message.contains("plain HTTP") && problem.message.contains("insecure: true"), "{problem}");
            assert!(!problem.message.contains("hunter2"), "{problem}");
        }
        assert_eq!(seen.load(Ordering::SeqCst) > 0, insecure, "what the server saw");
    }
}

#[tokio::test]
async fn a_password_in_an_http_url_of_git_stays_here_too() {
    let (host, seen) = guarded().await;
    let (_cache, registry) = registry(|_| {});
    let problem = registry.candidates(&Lookup::index(&format!("http://me:hunter2@{host}"), "app")).await.unwrap_err();
    assert_eq!((problem.reason, seen.load(Ordering::SeqCst)), (Reason::SourceUnauthorized, 0), "{problem}");
    assert!(!problem.message.contains("hunter2"), "{problem}");
}

#[tokio::test]
async fn how_a_registry_speaks_is_found_out_once_and_its_connections_are_kept() {
    use axum::serve::ListenerExt as _;
    let (pings, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (pinged, connected) = (Arc::clone(&pings), Arc::clone(&connections));
    let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
        if request.uri().path() == "/v2/" {
            pinged.fetch_add(1, Ordering::SeqCst);
        }
        async { "{\"tags\": [\"1.0.0\"]}" }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let listener = listener.tap_io(move |_| {
        connected.fetch_add(1, Ordering::SeqCst);
    });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let (_cache, registry) = registry(|_| {});
    let lookups: Vec<Lookup> = (0..40).map(|number| oci(&host, &format!("charts/app-{number}"))).collect();
    let round = registry.round(&lookups);
    let answers = futures_util::future::join_all(lookups.iter().map(|lookup| round.candidates(lookup))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(pings.load(Ordering::SeqCst), 1, "pings");
    // The greeting in TLS, the ping, and four at once.
    let connections = connections.load(Ordering::SeqCst);
    assert!(connections <= 6, "{connections} connections for 41 requests");
}
