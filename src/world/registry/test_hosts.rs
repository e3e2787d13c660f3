//! Servers on loopback and a registry client that takes them for public ones, for the tests of this module.

use super::{Network, Options, Registry};
use crate::model::{Lookup, TagRules};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Response, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// 127.0.0.1 stands for the public internet, every other address is private.
pub(super) struct Loopback;

#[async_trait::async_trait]
impl Network for Loopback {
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        let address = if host.starts_with("inside") { "127.0.0.2" } else { "127.0.0.1" };
        Ok(vec![address.parse().map_err(std::io::Error::other)?])
    }
    fn is_private(&self, address: IpAddr) -> bool {
        address != IpAddr::from([127, 0, 0, 1])
    }
}

/// A registry with short limits.
pub(super) fn registry(change: impl FnOnce(&mut Options)) -> (tempfile::TempDir, Arc<Registry>) {
    let cache = tempfile::tempdir().unwrap();
    let mut registries = crate::config::Config::default().registries;
    registries.timeout = Duration::from_millis(800);
    registries.max_index_size = 1 << 20;
    let clock = Arc::new(|| "2026-01-01T00:00:00Z".parse().unwrap());
    let mut options = Options::new(registries, cache.path().to_owned(), clock, &|_| None);
    options.network = Arc::new(Loopback);
    options.limits.backoff = Duration::from_millis(5);
    options.limits.overall = Duration::from_secs(3);
    change(&mut options);
    (cache, Registry::new(options))
}

/// A server on loopback; gives its host and port.
pub(super) async fn serve<F>(answer: F) -> String
where
    F: Fn(&str, &HeaderMap) -> Response<Body> + Clone + Send + Sync + 'static,
{
    serve_requests(move |request| answer(request.uri().path(), request.headers())).await
}

/// As [`serve`], with everything of a request but its body.
pub(super) async fn serve_requests<F>(answer: F) -> String
where
    F: Fn(&Request) -> Response<Body> + Clone + Send + Sync + 'static,
{
    let app = Router::new().fallback(move |request: Request| {
        let response = answer(&request);
        async move { response }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("127.0.0.1:{}", address.port())
}

/// An answer to be built.
pub(super) fn status(code: u16) -> axum::http::response::Builder {
    Response::builder().status(StatusCode::from_u16(code).unwrap())
}

/// The tags of a repository on a plain HTTP registry.
pub(super) fn oci(host: &str, name: &str) -> Lookup {
    let rules = TagRules { leading_v: true, by_version: false, underscore_is_plus: true };
    Lookup::oci(&format!("oci://{host}/{name}"), rules, true)
}
