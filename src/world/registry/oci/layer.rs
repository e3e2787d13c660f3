//! The layer of a manifest that holds the chart's archive, by its digest.

use super::access::Question;
use super::{Layer, Repository, Tokens, expect_ok};
use crate::model::{Contents, Problem, Reason};
use crate::world::registry::archive::{self, Expected};
use crate::world::registry::failure::{Failure, shown};
use crate::world::registry::http::Http;
use std::sync::Arc;
use url::Url;

impl Repository {
    /// Opens the archive of a layer, or remembers what it said.
    pub(in crate::world::registry) async fn open_layer(
        self,
        http: &Http,
        tokens: &Tokens,
        layer: &Layer,
        (chart, version): (&str, &str),
    ) -> Result<Arc<Contents>, Problem> {
        let raw = Self { trip: self.trip.clone().raw(), ..self };
        http.retrying(&raw.trip, || raw.open_once(http, tokens, layer, (chart, version))).await
    }

    async fn open_once(
        &self,
        http: &Http,
        tokens: &Tokens,
        layer: &Layer,
        (chart, version): (&str, &str),
    ) -> Result<Arc<Contents>, Failure> {
        let url = self.url(&format!("blobs/{}", layer.digest))?;
        let digest = layer.digest.strip_prefix("sha256:").and_then(archive::sha256);
        let expected = Expected { chart, version, digest: digest.as_deref(), by: "the manifest" };
        if digest.is_none() {
            let what = "the manifest names its layer by something else than a sha256 digest";
            return Err(Failure::of(expected.problem(Reason::ChartInvalid, &url, what)));
        }
        let shelf = archive::shelf(http, url.as_str());
        if let Some(known) = archive::known(http, &shelf) {
            return sized(known.contents, layer, expected, &url);
        }
        let limit = http.options.registries.max_chart_size;
        let question = Question { url: &url, accept: "*/*", limit, head: false, etag: None };
        let answer = self.get(http, tokens, question).await?;
        if matches!(answer.answer.status.as_u16(), 404 | 410) {
            let what = format!("the manifest names this layer, and {} has it not", shown(&url));
            return Err(Failure::of(expected.problem(Reason::ChartInvalid, &url, &what)));
        }
        let answer = expect_ok(answer)?;
        let headers = answer.headers.clone();
        let contents = archive::read(answer, expected).await?;
        archive::remember(http, &shelf, &contents, &headers);
        sized(contents, layer, expected, &url)
    }
}

/// As source-controller checks it: a layer of another size than its manifest says is not taken.
fn sized(contents: Arc<Contents>, layer: &Layer, expected: Expected<'_>, url: &Url) -> Result<Arc<Contents>, Failure> {
    match layer.size.filter(|size| contents.size != 0 && *size != contents.size) {
        None => Ok(contents),
        Some(size) => {
            let what = format!(
                "the manifest says that this layer has {size} bytes, and it has {}, which Flux refuses",
                contents.size
            );
            Err(Failure::of(expected.problem(Reason::ChartInvalid, url, &what)))
        }
    }
}
