//! What a tag holds: the manifest, also behind an image index, its annotations, and the chart's own metadata in the
//! config blob. What a digest names is checked against it. Which of that is a chart, `detail.rs` says.

use super::access::Question;
use super::detail::{Config, Detail, HELM_CONFIG, Layer, Said};
use super::{Repository, Tokens, expect_ok};
use crate::model::{Problem, Reason};
use crate::world::registry::cache::{Shelf, digest};
use crate::world::registry::failure::{Failure, shown};
use crate::world::registry::http::Http;
use crate::world::registry::index::timestamp;
use std::collections::BTreeMap;

const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json";

const DETAIL: &str = "detail-3.json";
const POINTER: &str = "digest.json";
/// Layers of one manifest that are remembered; a chart has one or two.
const MOST_LAYERS: usize = 64;
/// Longest media type that is remembered, in characters (RFC 6838, 4.2).
const LONGEST_TYPE: usize = 255;

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

/// A manifest, or an image index with its `manifests`.
#[derive(serde::Deserialize)]
struct Manifest {
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    manifests: Option<Vec<Child>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    #[serde(default)]
    size: Option<u64>,
}

/// A manifest of an image index.
#[derive(serde::Deserialize)]
struct Child {
    digest: String,
    #[serde(default)]
    platform: Option<Platform>,
}

#[derive(serde::Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
}

impl Child {
    /// Of the platform that source-controller takes; one that names none is of that.
    fn is_flux_s(&self) -> bool {
        self.platform.as_ref().is_none_or(|platform| platform.os == "linux" && platform.architecture == "amd64")
    }
}

/// Helm's config blob.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChartYaml {
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    app_version: Option<serde_json::Value>,
    #[serde(default)]
    deprecated: Option<bool>,
}

impl From<ChartYaml> for Said {
    fn from(chart: ChartYaml) -> Self {
        let app_version = chart.app_version.and_then(|value| match value {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        Self { version: chart.version, app_version, deprecated: chart.deprecated.unwrap_or(false) }
    }
}

/// What was fetched under a name, with the digest of its bytes.
struct Fetched {
    digest: String,
    bytes: Vec<u8>,
    place: String,
}

impl Fetched {
    fn manifest(&self) -> Result<Manifest, Failure> {
        // Not what a registry says of a tag, but what stands between: nothing is known of the tag.
        let odd = |_| Failure::soon(Reason::SourceError, format!("{}: the answer is not an OCI manifest", self.place));
        serde_json::from_slice(&self.bytes).map_err(odd)
    }
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
        let by_tag = Shelf::new(&http.options.cache_dir, "tag", url.as_str());
        let now = (http.options.clock)();
        let question = Question { url: &url, accept: ACCEPT, limit, head: true, etag: None };
        if let Some(Pointer { digest }) = by_tag.read(POINTER)
            && let shelf = Shelf::new(&http.options.cache_dir, "manifest", &digest)
            && let Some(known) = shelf.read::<Detail>(DETAIL)
            && self.still(http, tokens, question, &digest).await?
        {
            by_tag.used(now);
            shelf.used(now);
            return Ok(known);
        }
        let tagged = self.manifest(http, tokens, tag, "the tag is listed, and its manifest is not there").await?;
        let shelf = Shelf::new(&http.options.cache_dir, "manifest", &tagged.digest);
        if let Some(known) = shelf.read::<Detail>(DETAIL) {
            point(&by_tag, &tagged.digest, now);
            shelf.used(now);
            return Ok(known);
        }
        let detail = self.read(http, tokens, &tagged).await?;
        // What is missing may come.
        if detail.config != Config::Missing {
            if let Err(problem) = shelf.write(DETAIL, &detail) {
                tracing::warn!(%problem, "the cache of manifests is not written");
            }
            point(&by_tag, &tagged.digest, now);
            shelf.used(now);
        }
        Ok(detail)
    }

    /// What was fetched under a tag: a manifest, or an image index that leads to one.
    async fn read(&self, http: &Http, tokens: &Tokens, tagged: &Fetched) -> Result<Detail, Failure> {
        let outer = tagged.manifest()?;
        let (manifest, one_of_several) = match &outer.manifests {
            Some(children) if outer.config.is_none() => {
                let invalid =
                    |why: &str| Failure::never(Reason::ChartInvalid, format!("{}: an image index {why}", tagged.place));
                let child = children.iter().find(|child| child.is_flux_s());
                let child = child.ok_or_else(|| invalid("without a manifest for linux/amd64, which Flux takes"))?;
                if sha256(&child.digest).is_none() {
                    return Err(invalid("that names its manifest by something else than a sha256 digest"));
                }
                let missing = "the image index names this manifest, and it is not there";
                let inner = self.manifest(http, tokens, &child.digest, missing).await?;
                if inner.digest != child.digest.to_ascii_lowercase() {
                    let message = format!("{}: the manifest is not what its digest says", inner.place);
                    return Err(Failure::soon(Reason::SourceError, message));
                }
                (inner.manifest()?, children.len() > 1)
            }
            _ => (outer, false),
        };
        let config = match manifest.config {
            Some(config) if config.media_type == HELM_CONFIG => self.config(http, tokens, &config.digest).await?,
            other => Config::Other(other.map(|config| bounded(&config.media_type)).unwrap_or_default()),
        };
        let annotation = |name: &str| manifest.annotations.as_ref().and_then(|all| all.get(name));
        let layers = manifest.layers.unwrap_or_default().into_iter().take(MOST_LAYERS);
        Ok(Detail {
            digest: tagged.digest.clone(),
            created: annotation("org.opencontainers.image.created").and_then(|text| timestamp(text)),
            config,
            layers: layers
                .map(|layer| Layer { media_type: bounded(&layer.media_type), digest: layer.digest, size: layer.size })
                .collect(),
            one_of_several,
        })
    }

    /// A manifest or an image index by its tag or digest; `missing` says what it means that it is not there.
    async fn manifest(&self, http: &Http, tokens: &Tokens, name: &str, missing: &str) -> Result<Fetched, Failure> {
        let url = self.url(&format!("manifests/{name}"))?;
        let place = shown(&url);
        let limit = http.options.limits.manifest_bytes;
        let answer =
            self.get(http, tokens, Question { url: &url, accept: ACCEPT, limit, head: false, etag: None }).await?;
        if matches!(answer.answer.status.as_u16(), 404 | 410) {
            return Err(Failure::never(Reason::ChartInvalid, format!("{place}: {missing}")));
        }
        let answer = expect_ok(answer)?;
        let named = answer.headers.get("docker-content-digest").and_then(|value| value.to_str().ok());
        let named = named.filter(|named| named.starts_with("sha256:")).map(str::to_owned);
        let bytes = answer.body.bytes().await?;
        let digest = format!("sha256:{}", digest(&bytes));
        if named.is_some_and(|named| named != digest) {
            let message = format!("{place}: the manifest is not what its Docker-Content-Digest says");
            return Err(Failure::soon(Reason::SourceError, message));
        }
        Ok(Fetched { digest, bytes, place })
    }

    /// Whether a tag still names this manifest: its head says so, in a fraction of the bytes and, at Docker Hub,
    /// without counting as a pull. A registry that does not say is asked for the manifest.
    async fn still(&self, http: &Http, tokens: &Tokens, question: Question<'_>, digest: &str) -> Result<bool, Failure> {
        let answer = self.get(http, tokens, question).await?.answer;
        let named = answer.headers.get("docker-content-digest").and_then(|value| value.to_str().ok());
        Ok(answer.status == reqwest::StatusCode::OK && named == Some(digest))
    }

    /// Helm's config by its digest.
    async fn config(&self, http: &Http, tokens: &Tokens, name: &str) -> Result<Config, Failure> {
        let Some(hash) = sha256(name) else { return Ok(Config::Unreadable) };
        let url = self.url(&format!("blobs/{name}"))?;
        let limit = http.options.limits.manifest_bytes;
        let question = Question { url: &url, accept: "*/*", limit, head: false, etag: None };
        let answer = self.get(http, tokens, question).await?;
        if matches!(answer.answer.status.as_u16(), 404 | 410) {
            return Ok(Config::Missing);
        }
        let bytes = expect_ok(answer)?.body.bytes().await?;
        if digest(&bytes) != hash {
            let message = format!("{}: the blob is not what its digest says", shown(&url));
            return Err(Failure::soon(Reason::SourceError, message));
        }
        Ok(serde_json::from_slice::<ChartYaml>(&bytes).map_or(Config::Unreadable, |chart| Config::Helm(chart.into())))
    }
}

/// The hash of a digest; nothing for one of another kind.
fn sha256(name: &str) -> Option<String> {
    crate::world::registry::archive::sha256(name.strip_prefix("sha256:")?)
}

fn bounded(media_type: &str) -> String {
    media_type.chars().take(LONGEST_TYPE).collect()
}
