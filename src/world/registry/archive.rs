//! A chart's archive: fetched, hashed and read as a stream. What it said is remembered on disk by what identifies it; the
//! archive itself is not kept.

use super::cache::Shelf;
use super::conditional::Validators;
use super::failure::{Failure, shown};
use super::http::{Answer, Http};
use crate::chart::{self, Limits, Refusal};
use crate::model::{Contents, Problem, Reason};
use reqwest::header::HeaderMap;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::sync::Arc;
use url::Url;

/// What was remembered is of this form of [`Contents`].
const CONTENTS: &str = "contents-2.json";

/// What an archive said when it was last fetched.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Known {
    pub(super) contents: Arc<Contents>,
    #[serde(flatten)]
    pub(super) validators: Validators,
}

/// Where what an archive said is remembered: `identity` is its digest and place, or its place alone.
pub(super) fn shelf(http: &Http, identity: &str) -> Shelf {
    Shelf::new(&http.options.cache_dir, "opened", identity)
}

/// What is remembered, now used again. An archive that is over the limit of today is not known: fetching it says so.
pub(super) fn known(http: &Http, shelf: &Shelf) -> Option<Known> {
    let known: Known = shelf.read(CONTENTS)?;
    if known.contents.size > http.options.registries.max_chart_size {
        return None;
    }
    shelf.used((http.options.clock)());
    Some(known)
}

/// Remembers what an archive said.
pub(super) fn remember(http: &Http, shelf: &Shelf, contents: &Arc<Contents>, headers: &HeaderMap) {
    let known = Known { contents: contents.clone(), validators: Validators::of(headers) };
    if let Err(problem) = shelf.write(CONTENTS, &known) {
        tracing::warn!(%problem, "the cache of opened charts is not written");
    }
    shelf.used((http.options.clock)());
}

/// Which chart an archive should hold, for messages, and the digest that its source names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) chart: &'a str,
    pub(super) version: &'a str,
    /// SHA-256 in hexadecimal; nothing where the source names none.
    pub(super) digest: Option<&'a str>,
    /// Who names the digest: `the index`, `the manifest`.
    pub(super) by: &'static str,
}

impl Expected<'_> {
    pub(super) fn problem(&self, reason: Reason, url: &Url, what: &str) -> Problem {
        Problem::new(reason, format!("{} {}: {}: {what}", self.chart, self.version, shown(url)))
    }

    fn refused(&self, url: &Url, refusal: &Refusal) -> Failure {
        let what = format!("{refusal}; {}", refusal.remedy());
        Failure::of(self.problem(Reason::ChartInvalid, url, &what))
    }
}

/// Reads the body of a successful answer.
pub(super) async fn read(answer: Answer, expected: Expected<'_>) -> Result<Arc<Contents>, Failure> {
    let url = answer.url;
    let read = answer.body.read_with(read_hashed).await;
    let (digest, contents) = read.map_err(|failure| match failure.problem.reason {
        Reason::SourceTooLarge => {
            let what = format!("{}; raise registries.maxChartSize, if it is meant", failure.problem.message);
            Failure { problem: expected.problem(Reason::SourceTooLarge, &url, &what), ..failure }
        }
        _ => failure,
    })?;
    if let Some(wanted) = expected.digest.filter(|wanted| !wanted.eq_ignore_ascii_case(&digest)) {
        let what = format!(
            "the archive is not the one that {} names: its SHA-256 is {digest}, and not {wanted}; it was replaced without a \
             new version, or on its way",
            expected.by
        );
        return Err(Failure::of(expected.problem(Reason::ChartInvalid, &url, &what)));
    }
    contents.map(Arc::new).map_err(|refusal| expected.refused(&url, &refusal))
}

/// The SHA-256 of everything, and what it says, its size included.
fn read_hashed(input: &mut dyn Read) -> (String, Result<Contents, Refusal>) {
    let mut hashed = Hashed { input, hash: Sha256::new(), size: 0 };
    let contents = chart::read(&mut hashed, &Limits::HELM);
    // What follows the archive's end is a part of what the digest names. Nothing but the body's end stops it.
    let _ = std::io::copy(&mut hashed, &mut std::io::sink());
    let size = hashed.size;
    (hex::encode(hashed.hash.finalize()), contents.map(|contents| Contents { size, ..contents }))
}

struct Hashed<'a> {
    input: &'a mut dyn Read,
    hash: Sha256,
    /// Bytes so far.
    size: u64,
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.hash.update(&buffer[..length]);
        self.size += length as u64;
        Ok(length)
    }
}

/// A SHA-256 that a source names, in hexadecimal; nothing for a digest of another kind.
pub(super) fn sha256(text: &str) -> Option<String> {
    let text = text.trim();
    let hash = text.strip_prefix("sha256:").unwrap_or(text);
    (hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| hash.to_ascii_lowercase())
}
