//! The wire under octocrab: reqwest, so that proxies, an own authority and limits hold. It follows no redirect to
//! another host, and reads no body without end.

use crate::world::forge::ForgeError;
use crate::world::loopback::Place;
use bytes::BytesMut;
use octocrab::OctoBody;
use std::path::Path;
use std::time::Duration;
use tower::BoxError;

/// Largest answer, in bytes: a page of 100 pull requests with full bodies is far below.
const ANSWER_LIMIT: usize = 32 << 20;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Octocrab on a reqwest client. Needs a Tokio runtime around it.
pub(super) fn octocrab(api_url: &url::Url, ca_file: Option<&Path>) -> Result<octocrab::Octocrab, ForgeError> {
    let client = client(api_url, ca_file)?;
    let service = tower::service_fn(move |request| exchange(client.clone(), request));
    let built =
        octocrab::OctocrabBuilder::new_empty().with_service(service).with_auth(octocrab::AuthState::None).build();
    match built {
        Ok(octocrab) => Ok(octocrab),
        Err(never) => match never {},
    }
}

fn client(api_url: &url::Url, ca_file: Option<&Path>) -> Result<reqwest::Client, ForgeError> {
    let fail = |detail: String| ForgeError::Credentials { what: "setting up access to the forge".into(), detail };
    crate::world::init::tls_provider();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("davit/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT);
    builder = Place::of(api_url).fit(builder);
    if let Some(path) = ca_file {
        let pem =
            std::fs::read(path).map_err(|e| fail(format!("the CA file {} cannot be read: {e}", path.display())))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|_| fail(format!("the CA file {} holds no PEM certificates", path.display())))?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder
        .build()
        .map_err(|e| fail(format!("no HTTP client: {} (is a bundle of CA certificates installed?)", causes(&e))))
}

async fn exchange(
    client: reqwest::Client,
    request: http::Request<OctoBody>,
) -> Result<http::Response<reqwest::Body>, BoxError> {
    let (parts, body) = request.into_parts();
    let request = http::Request::from_parts(parts, reqwest::Body::wrap(body));
    let mut response = client.execute(reqwest::Request::try_from(request)?).await?;
    let mut read = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if read.len() + chunk.len() > ANSWER_LIMIT {
            return Err(Box::new(TooLarge));
        }
        read.extend_from_slice(&chunk);
    }
    let (parts, _) = http::Response::<reqwest::Body>::from(response).into_parts();
    Ok(http::Response::from_parts(parts, reqwest::Body::from(read.freeze())))
}

#[derive(Debug, thiserror::Error)]
#[error("the answer is larger than {ANSWER_LIMIT} bytes")]
pub(super) struct TooLarge;

/// The chain of an error's causes on one line. Request URLs carry no secret here; credentials are headers.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !words.iter().any(|said| said.contains(&text)) {
            words.push(text);
        }
        next = error.source();
    }
    words.join(": ")
}
