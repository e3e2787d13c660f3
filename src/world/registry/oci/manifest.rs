//! What a tag holds: the manifest, its annotations, and the chart's own metadata in the config blob. Nothing but a
//! Helm chart is let through (Flux rule 9), and what a digest names is checked against it.

use super::access::Question;
use super::{Repository, Tokens, expect_ok};
use crate::model::{Candidate, Inside, Problem, Reason, Version};
use crate::world::registry::cache::{Shelf, digest};
use crate::world::registry::failure::{Failure, shown};
use crate::world::registry::http::Http;
use crate::world::registry::index::timestamp;
use std::collections::BTreeMap;

const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// What `flux push artifact` writes.
const FLUX_CONFIG: &str = "application/vnd.cncf.flux.config.v1+json";
const HELM_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json";

const DETAIL: &str = "detail-2.json";
const POINTER: &str = "digest.json";

/// The manifest that a tag named when it was last looked up.
#[derive(serde::Serialize, serde::Deserialize)]
struct Pointer {
    digest: String,
}

fn point(shelf: &Shelf, digest: &str, now: jiff::Timestamp) {
    if let Err(problem) = shelf.write(POINTER, &Pointer { digest: digest.to_owned() }) {
        tracing::warn!(%problem, "the cache of tags is not written");
    }
    shelf.used(now);
}

/// What one manifest says; good for ever under its digest.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(in crate::world::registry) struct Detail {
    digest: String,
    created: Option<jiff::Timestamp>,
    /// The chart's own; nothing where only the archive tells.
    version: Option<String>,
    app_version: Option<String>,
    deprecated: bool,
    /// Digest of the layer that holds the chart.
    layer: Option<String>,
}

#[derive(serde::Deserialize)]
struct Manifest {
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChartYaml {
    version: String,
    #[serde(default)]
    app_version: Option<serde_json::Value>,
    #[serde(default)]
    deprecated: Option<bool>,
}

impl Detail {
    /// Digest of the layer that holds the chart.
    pub(in crate::world::registry) fn layer(&self) -> Option<&str> {
        self.layer.as_deref()
    }

    /// The candidate with what the manifest says. A chart whose own version differs from its tag is refused, as
    /// helm-controller does (Flux rule 7).
    pub(in crate::world::registry) fn apply(self, text: &str, url: &str) -> Result<Candidate, Problem> {
        let Some(version) = Version::strict(&text.replacen('_', "+", 1)) else {
            return Err(Problem::new(Reason::VersionNotSemver, format!("{url}: the tag {text:?} is not a version")));
        };
        // As helm-controller reads it.
        if let Some(own) = self.version.as_deref().filter(|own| Version::loose(own).as_ref() != Some(&version)) {
            let message = format!("{url}: the tag {text} holds a chart of version {own}, which Flux refuses");
            return Err(Problem::new(Reason::ChartDiffers, message));
        }
        Ok(Candidate {
            text: text.to_owned(),
            version,
            created: self.created,
            deprecated: self.deprecated,
            app_version: self.app_version,
            digest: Some(self.digest),
            detailed: true,
            inside: Inside::Unopened,
        })
    }
}

/// The layer that holds the chart: the one of Helm's type, else the first that is a packed directory, as Flux takes it.
fn chart_layer(layers: &[Descriptor]) -> Option<&Descriptor> {
    let helm = layers.iter().find(|layer| layer.media_type == HELM_LAYER);
    helm.or_else(|| layers.first().filter(|layer| layer.media_type.ends_with("tar+gzip")))
}

impl Repository {
    /// Looks a tag up.
    pub(in crate::world::registry) async fn detail(
        &self,
        http: &Http,
        tokens: &Tokens,
        tag: &str,
    ) -> Result<Detail, Problem> {
        http.retrying(&self.trip, || self.detail_once(http, tokens, tag)).await
    }

    async fn detail_once(&self, http: &Http, tokens: &Tokens, tag: &str) -> Result<Detail, Failure> {
        let limit = http.options.limits.manifest_bytes;
        let url = self.url(&format!("manifests/{tag}"))?;
        let place = shown(&url);
        let mut question = Question { url: &url, accept: ACCEPT, limit, head: true, etag: None };
        let by_tag = Shelf::new(&http.options.cache_dir, "tag", url.as_str());
        let now = (http.options.clock)();
        if let Some(Pointer { digest }) = by_tag.read(POINTER)
            && let shelf = Shelf::new(&http.options.cache_dir, "manifest", &digest)
            && let Some(known) = shelf.read::<Detail>(DETAIL)
            && self.still(http, tokens, question, &digest).await?
        {
            by_tag.used(now);
            shelf.used(now);
            return Ok(known);
        }
        question.head = false;
        let answer = self.get(http, tokens, question).await?;
        if matches!(answer.answer.status.as_u16(), 404 | 410) {
            let message = format!("{place}: the tag is listed, and its manifest is not there");
            return Err(Failure::never(Reason::ChartInvalid, message));
        }
        let answer = expect_ok(answer)?;
        let named = answer.headers.get("docker-content-digest").and_then(|value| value.to_str().ok());
        let named = named.filter(|named| named.starts_with("sha256:")).map(str::to_owned);
        let bytes = answer.body.bytes().await?;
        let manifest_digest = format!("sha256:{}", digest(&bytes));
        if named.is_some_and(|named| named != manifest_digest) {
            let message = format!("{place}: the manifest is not what its Docker-Content-Digest says");
            return Err(Failure::soon(Reason::SourceError, message));
        }
        let shelf = Shelf::new(&http.options.cache_dir, "manifest", &manifest_digest);
        if let Some(known) = shelf.read::<Detail>(DETAIL) {
            point(&by_tag, &manifest_digest, now);
            shelf.used(now);
            return Ok(known);
        }
        let invalid = |why: String| Failure::never(Reason::SourceInvalid, format!("{place}: {why}"));
        // Not what a registry says of a tag, but what stands between: nothing is known of the tag.
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|_| Failure::soon(Reason::SourceError, format!("{place}: the answer is not an OCI manifest")))?;
        let layer = manifest.layers.as_deref().and_then(chart_layer).map(|layer| layer.digest.clone());
        let chart = match manifest.config {
            Some(config) if config.media_type == HELM_CONFIG => {
                Some(self.chart_yaml(http, tokens, &config.digest, limit).await?)
            }
            // Only its archive tells what it is.
            Some(config) if config.media_type == FLUX_CONFIG && layer.is_some() => None,
            _ => return Err(invalid(format!("no Helm chart: its config is not of type {HELM_CONFIG}"))),
        };
        let annotation = |name: &str| manifest.annotations.as_ref().and_then(|all| all.get(name));
        let detail = Detail {
            digest: manifest_digest.clone(),
            created: annotation("org.opencontainers.image.created").and_then(|text| timestamp(text)),
            deprecated: chart.as_ref().and_then(|chart| chart.deprecated).unwrap_or(false),
            layer,
            version: chart.as_ref().map(|chart| chart.version.clone()),
            app_version: chart.and_then(|chart| chart.app_version).and_then(|value| match value {
                serde_json::Value::String(text) => Some(text),
                serde_json::Value::Number(number) => Some(number.to_string()),
                _ => None,
            }),
        };
        if let Err(problem) = shelf.write(DETAIL, &detail) {
            tracing::warn!(%problem, "the cache of manifests is not written");
        }
        point(&by_tag, &manifest_digest, now);
        shelf.used(now);
        Ok(detail)
    }

    /// Whether a tag still names this manifest: its head says so, in a fraction of the bytes and, at Docker Hub,
    /// without counting as a pull. A registry that does not say is asked for the manifest.
    async fn still(&self, http: &Http, tokens: &Tokens, question: Question<'_>, digest: &str) -> Result<bool, Failure> {
        let answer = self.get(http, tokens, question).await?.answer;
        let named = answer.headers.get("docker-content-digest").and_then(|value| value.to_str().ok());
        Ok(answer.status == reqwest::StatusCode::OK && named == Some(digest))
    }

    async fn chart_yaml(&self, http: &Http, tokens: &Tokens, name: &str, limit: u64) -> Result<ChartYaml, Failure> {
        let hash =
            name.strip_prefix("sha256:").filter(|hash| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
        let url = self.url(&format!("blobs/{name}"))?;
        let place = shown(&url);
        let invalid = |why: &str| Failure::never(Reason::SourceInvalid, format!("{place}: {why}"));
        let Some(hash) = hash else {
            return Err(invalid("the manifest names its config by something else than a sha256 digest"));
        };
        let question = Question { url: &url, accept: "*/*", limit, head: false, etag: None };
        let answer = expect_ok(self.get(http, tokens, question).await?)?;
        let bytes = answer.body.bytes().await?;
        if digest(&bytes) != hash {
            let message = format!("{place}: the blob is not what its digest says");
            return Err(Failure::soon(Reason::SourceError, message));
        }
        serde_json::from_slice(&bytes).map_err(|_| invalid("the config blob is not a Chart.yaml in JSON"))
    }
}
