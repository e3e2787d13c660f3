//! The wire under octocrab: reqwest, so that proxies, an own authority and limits hold. It follows no redirect to
//! another host, and reads no body without end.

use crate::world::authorities::Authorities;
use crate::world::forge::ForgeError;
use crate::world::loopback::Place;
use bytes::BytesMut;
use octocrab::OctoBody;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tower::BoxError;

/// Largest answer, in bytes: a page of 100 pull requests with full bodies is far below.
const ANSWER_LIMIT: usize = 32 << 20;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Octocrab on a reqwest client. Needs a Tokio runtime around it.
pub(super) fn octocrab(api_url: &url::Url, ca_file: Option<&Path>) -> Result<octocrab::Octocrab, ForgeError> {
    let wire =
        Arc::new(Wire { api_url: api_url.clone(), ca_file: ca_file.map(Path::to_owned), last: Mutex::default() });
    wire.client()?;
    let service = tower::service_fn(move |request| {
        let wire = wire.clone();
        async move { exchange(wire.client()?, request).await }
    });
    let built =
        octocrab::OctocrabBuilder::new_empty().with_service(service).with_auth(octocrab::AuthState::None).build();
    match built {
        Ok(octocrab) => Ok(octocrab),
        Err(never) => match never {},
    }
}

/// The client in use, and the digest of the authorities that it was built on.
struct Wire {
    api_url: url::Url,
    ca_file: Option<PathBuf>,
    last: Mutex<Option<(Option<String>, reqwest::Client)>>,
}

impl Wire {
    /// The client; a new one where the file of authorities has another content than before.
    fn client(&self) -> Result<reqwest::Client, ForgeError> {
        let fail = |detail: String| ForgeError::Credentials { what: "setting up access to the forge".into(), detail };
        let unusable = |why: crate::world::authorities::Unusable| fail(format!("git.http.{why}"));
        let authorities = self.ca_file.as_deref().map(Authorities::read).transpose().map_err(unusable)?;
        let digest = authorities.as_ref().map(|found| found.digest.clone());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = last.as_ref().filter(|(of, _)| *of == digest) {
            return Ok(client.clone());
        }
        crate::world::init::tls_provider();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("davit/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT);
        builder = Place::of(&self.api_url).fit(builder);
        if let Some(authorities) = &authorities {
            builder = builder.tls_certs_merge(authorities.certificates().map_err(unusable)?);
        }
        let client = builder
            .build()
            .map_err(|e| fail(format!("no HTTP client: {} (is a bundle of CA certificates installed?)", causes(&e))))?;
        *last = Some((digest, client.clone()));
        Ok(client)
    }
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
