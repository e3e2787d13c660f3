//! Every bad answer a chart source can give, over real sockets: one clear problem, and the rest goes on.

use super::test_hosts::{oci, registry, serve, status};
use crate::model::{Lookup, Reason};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Response, header};
use futures_util::StreamExt;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The same piece for ever; a pause before each where one is given.
fn endless(piece: Vec<u8>, pause: Duration) -> Body {
    let piece = Bytes::from(piece);
    Body::from_stream(futures_util::stream::unfold((), move |()| {
        let piece = piece.clone();
        async move {
            tokio::time::sleep(pause).await;
            Some((Ok::<_, std::io::Error>(piece), ()))
        }
    }))
}

const GOOD: &str = "apiVersion: v1\nentries:\n  app:\n  - name: app\n    version: 1.2.3\n  other:\n  - name: other\n    version: 2.0.0\n";

fn bad(path: &str) -> Response<Body> {
    let name = path.split('/').nth(1).unwrap_or("");
    match name {
        "401" | "403" | "404" | "500" => status(name.parse().unwrap()).body(Body::empty()).unwrap(),
        "429" => status(429).header(header::RETRY_AFTER, "3600").body(Body::empty()).unwrap(),
        "html" => status(200).body(Body::from("<!DOCTYPE html><html></html>")).unwrap(),
        "truncated" => {
            let pieces = [Ok(Bytes::from_static(b"entries:\n")), Err(std::io::Error::other("gone"))];
            status(200).body(Body::from_stream(futures_util::stream::iter(pieces))).unwrap()
        }
        "endless" => status(200).body(endless(vec![b'#'; 8192], Duration::ZERO)).unwrap(),
        "drip" => status(200).body(endless(vec![b'#'], Duration::from_millis(100))).unwrap(),
        "stall" => status(200).body(endless(vec![b'#'], Duration::from_mins(10))).unwrap(),
        "bomb" => {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            packed.write_all(&vec![b'#'; 20 << 20]).unwrap();
            let body = packed.finish().unwrap();
            assert!(body.len() < 1 << 18);
            status(200).header(header::CONTENT_ENCODING, "gzip").body(Body::from(body)).unwrap()
        }
        "inside" => status(302).header(header::LOCATION, "http://127.0.0.2/index.yaml").body(Body::empty()).unwrap(),
        "named" => {
            status(302).header(header::LOCATION, "http://inside.example/index.yaml").body(Body::empty()).unwrap()
        }
        "loop" => status(302).header(header::LOCATION, path.to_owned()).body(Body::empty()).unwrap(),
        _ => status(200).body(Body::from(GOOD)).unwrap(),
    }
}

#[tokio::test]
async fn every_bad_index_is_one_problem_of_its_own_kind_and_names_the_url() {
    let host = serve(|path, _| bad(path)).await;
    let (_cache, registry) = registry(|_| {});
    for (name, reason) in [
        ("401", Reason::SourceUnauthorized),
        ("403", Reason::SourceUnauthorized),
        ("404", Reason::SourceNotFound),
        ("429", Reason::SourceRateLimited),
        ("html", Reason::SourceInvalid),
        ("truncated", Reason::SourceUnreachable),
        ("endless", Reason::SourceTooLarge),
        ("drip", Reason::SourceUnreachable),
        ("stall", Reason::SourceUnreachable),
        ("bomb", Reason::SourceTooLarge),
    ] {
        // A host that asks for a pause gets it: each case has a registry of its own.
        let (_own, one) = self::registry(|_| {});
        let url = format!("http://{host}/{name}");
        let problem = one.candidates(&Lookup::index(&url, "app")).await.unwrap_err();
        assert_eq!(problem.reason, reason, "{name}: {problem}");
        assert!(problem.message.contains(&url), "{name}: {problem}");
    }
    for (name, reason) in [
        ("500", Reason::SourceError),
        ("inside", Reason::SourcePrivateAddress),
        ("named", Reason::SourcePrivateAddress),
        ("loop", Reason::SourceError),
    ] {
        let problem = registry.candidates(&Lookup::index(&format!("http://{host}/{name}"), "app")).await.unwrap_err();
        assert_eq!(problem.reason, reason, "{name}: {problem}");
    }
    let good = registry.candidates(&Lookup::index(&format!("http://{host}/good"), "app")).await.unwrap();
    assert_eq!(good.versions.len(), 1);
}

#[tokio::test]
async fn a_closed_port_is_unreachable_and_a_broken_handshake_is_tls_without_the_password() {
    let host = serve(|path, _| bad(path)).await;
    let (_cache, registry) = registry(|_| {});
    let tls =
        registry.candidates(&Lookup::index(&format!("https://u:hunter2@{host}/x?t=hunter2"), "app")).await.unwrap_err();
    assert_eq!(tls.reason, Reason::SourceTls, "{tls}");
    assert!(!tls.message.contains("hunter2"), "{tls}");
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let problem = registry.candidates(&Lookup::index(&format!("http://{closed}/x"), "app")).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourceUnreachable, "{problem}");
}

#[tokio::test]
async fn many_questions_to_one_index_are_one_request_and_an_unchanged_one_costs_a_304() {
    let (full, unchanged) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (full.clone(), unchanged.clone());
    let host = serve(move |_, headers| {
        if headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag == "\"one\"") {
            counts.1.fetch_add(1, Ordering::SeqCst);
            return status(304).body(Body::empty()).unwrap();
        }
        counts.0.fetch_add(1, Ordering::SeqCst);
        status(200).header(header::ETAG, "\"one\"").body(Body::from(GOOD)).unwrap()
    })
    .await;
    let (_cache, registry) = registry(|options| options.limits.fresh_for = Duration::ZERO);
    let questions: Vec<_> =
        ["app", "other"].iter().map(|name| Lookup::index(&format!("http://{host}"), name)).collect();
    let round = registry.round(&questions);
    let answers =
        futures_util::future::join_all(questions.iter().cycle().take(20).map(|one| round.candidates(one))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!((full.load(Ordering::SeqCst), unchanged.load(Ordering::SeqCst)), (1, 0));
    registry.candidates(&questions[0]).await.unwrap();
    assert_eq!((full.load(Ordering::SeqCst), unchanged.load(Ordering::SeqCst)), (1, 1));
}

fn registry_answer(path: &str, query_last: bool, headers: &HeaderMap) -> Response<Body> {
    let token = headers.get(header::AUTHORIZATION).is_some_and(|value| value == "Bearer good");
    let host = headers[header::HOST].to_str().unwrap().to_owned();
    let challenge = |realm: String| {
        let value = format!("Bearer realm=\"{realm}\",service=\"s\",scope=\"repository:a:pull\"");
        status(401).header(header::WWW_AUTHENTICATE, value).body(Body::empty()).unwrap()
    };
    match path {
        "/token" => status(200).body(Body::from("{\"token\": \"good\", \"expires_in\": 300}")).unwrap(),
        "/v2/token/app/tags/list" if !token => challenge(format!("http://{host}/token")),
        "/odd" => status(200).body(Body::from("{\"token\": \"bad\\nX: y\"}")).unwrap(),
        "/v2/odd-token/app/tags/list" => challenge(format!("http://{host}/odd")),
        "/v2/half/app/tags/list" => {
            let link = "/v2/half/app/tags/list?last=x; rel=\"next\"";
            status(200).header(header::LINK, link).body(Body::from("{\"tags\": [\"1.0.0\"]}")).unwrap()
        }
        "/v2/inside/app/tags/list" => challenge("http://127.0.0.2/token".to_owned()),
        "/v2/circle/app/tags/list" => {
            let link = "</v2/circle/app/tags/list?n=1000>; rel=\"next\"";
            status(200).header(header::LINK, link).body(Body::from("{\"tags\": [\"1.0.0\"]}")).unwrap()
        }
        "/v2/pages/app/tags/list" if !query_last => {
            let link = "</v2/pages/app/tags/list?last=x>; rel=\"next\"";
            status(200).header(header::LINK, link).body(Body::from("{\"tags\": [\"1.0.0\", \"latest\"]}")).unwrap()
        }
        "/v2/million/app/tags/list" | "/v2/large/app/tags/list" => {
            let pieces = if path.contains("large") { 200 } else { 1000 };
            let tail = futures_util::stream::iter([Ok(Bytes::from_static(b"]}"))]);
            let head =
                futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{\"tags\":[\"0.0.0\""))]);
            let piece = |n: u32| (0..1000).fold(String::new(), |all, i| all + &format!(",\"1.{n}.{i}\""));
            let tags = futures_util::stream::iter((0..pieces).map(move |n| Ok(Bytes::from(piece(n)))));
            status(200).body(Body::from_stream(head.chain(tags).chain(tail))).unwrap()
        }
        _ => status(200).body(Body::from("{\"tags\": [\"1.1.0\"]}")).unwrap(),
    }
}

async fn oci_server() -> String {
    let app = Router::new().fallback(move |request: Request| {
        let last = request.uri().query().is_some_and(|query| query.contains("last="));
        let response = registry_answer(request.uri().path(), last, request.headers());
        async move { response }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address.to_string()
}

#[tokio::test]
async fn tags_come_page_by_page_and_behind_a_token() {
    let host = oci_server().await;
    let (_cache, registry) = registry(|_| {});
    let pages = registry.candidates(&oci(&host, "pages/app")).await.unwrap();
    assert_eq!((pages.versions.len(), pages.ignored), (2, 1));
    let token = registry.candidates(&oci(&host, "token/app")).await.unwrap();
    assert_eq!(token.versions[0].text, "1.1.0");
}

#[tokio::test]
async fn bad_tag_lists_and_private_realms_are_refused() {
    let host = oci_server().await;
    let (_cache, registry) = registry(|options| options.limits.overall = Duration::from_mins(1));
    let large = registry.candidates(&oci(&host, "large/app")).await.unwrap();
    assert_eq!(large.versions.len(), 200_001, "within the product's limits");
    for (name, reason) in [
        ("circle/app", Reason::SourceInvalid),
        ("half/app", Reason::SourceInvalid),
        ("odd-token/app", Reason::SourceInvalid),
        ("million/app", Reason::SourceTooLarge),
        ("inside/app", Reason::SourcePrivateAddress),
    ] {
        let problem = registry.candidates(&oci(&host, name)).await.unwrap_err();
        assert_eq!(problem.reason, reason, "{name}: {problem}");
    }
}
