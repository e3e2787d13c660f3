//! The tags of a repository, page by page, each page as a stream: only what could be a version is kept.

use super::access::Question;
use super::{Repository, Tokens, expect_ok, link};
use crate::model::{Candidate, Candidates, Inside, Problem, Reason, TagRules, Version};
use crate::world::registry::failure::{Failure, shown};
use crate::world::registry::http::Http;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use url::Url;

/// Tags that could be versions, by any rules; others are counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::world::registry) struct Tags {
    /// One a line: no tag holds a line feed.
    kept: String,
    others: usize,
    /// Of a list in one page, to ask again with a condition.
    etag: Option<String>,
}

impl Tags {
    pub(in crate::world::registry) fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut tags = Self::default();
        names.into_iter().for_each(|name| tags.take(name));
        tags
    }

    fn take(&mut self, tag: &str) {
        if !tag.contains('\n') && Version::strict(&tag.replacen('_', "+", 1)).is_some() {
            self.kept.push_str(tag);
            self.kept.push('\n');
        } else {
            self.others += 1;
        }
    }

    /// What the tags are by a source's rules (Flux rules 4 and 5). The text is what the source's manifest would hold:
    /// the tag itself for an OCIRepository, the version for a HelmRepository of type `oci`.
    pub(in crate::world::registry) fn candidates(&self, rules: &TagRules) -> Candidates {
        let mut candidates = Candidates { versions: Vec::new(), ignored: self.others, large_index: None };
        // A registry whose pages overlap names a tag twice.
        let mut taken = HashSet::new();
        for tag in self.kept.lines().filter(|tag| taken.insert(*tag)) {
            let text = if rules.underscore_is_plus { tag.replacen('_', "+", 1) } else { tag.to_owned() };
            match Version::strict(&text).filter(|_| rules.leading_v || !tag.starts_with('v')) {
                Some(version) => {
                    let text = if rules.by_version { text } else { tag.to_owned() };
                    candidates.versions.push(Candidate {
                        text,
                        version,
                        created: None,
                        deprecated: false,
                        app_version: None,
                        digest: None,
                        detailed: false,
                        inside: Inside::Unopened,
                    });
                }
                None => candidates.ignored += 1,
            }
        }
        candidates
    }
}

/// What is counted over all pages.
struct Reading {
    tags: Tags,
    count: usize,
    most: usize,
}

/// One page, and everything so far.
struct PageRead {
    next: Option<Url>,
    reading: Reading,
    bytes: u64,
    etag: Option<String>,
}

impl Repository {
    /// Every tag. A list over its limits is refused as a whole: half a list would hide versions.
    /// `before` is what it was; a registry that knows conditions says whether that still holds.
    pub(in crate::world::registry) async fn tags(
        &self,
        http: &Http,
        tokens: &Tokens,
        before: Option<Arc<Tags>>,
    ) -> Result<Arc<Tags>, Problem> {
        let limits = &http.options.limits;
        let mut reading = Reading { tags: Tags::default(), count: 0, most: limits.tags };
        let mut left = limits.tag_bytes;
        let mut seen = HashSet::new();
        let mut page = Some(self.url("tags/list?n=1000").map_err(|f| f.problem)?);
        while let Some(url) = page {
            if !seen.insert(url.clone()) {
                return Err(self.problem(Reason::SourceInvalid, "the pages of its tag list form a circle"));
            }
            if seen.len() > limits.tag_pages {
                return Err(self.too_large(&format!("more than {} pages", limits.tag_pages)));
            }
            let first = seen.len() == 1;
            let known = before.as_ref().filter(|_| first);
            let etag = known.and_then(|before| before.etag.as_deref());
            let read = http.retrying(&self.trip, || self.tag_page(http, tokens, &url, &reading, left, etag)).await?;
            let Some(read) = read else {
                return known.cloned().ok_or_else(|| self.problem(Reason::SourceInvalid, "unchanged, but never read"));
            };
            (page, reading) = (read.next, read.reading);
            reading.tags.etag = read.etag.filter(|_| first && page.is_none());
            left = left.saturating_sub(read.bytes);
        }
        Ok(Arc::new(reading.tags))
    }

    async fn tag_page(
        &self,
        http: &Http,
        tokens: &Tokens,
        url: &Url,
        so_far: &Reading,
        limit: u64,
        etag: Option<&str>,
    ) -> Result<Option<PageRead>, Failure> {
        let question = Question { url, accept: "application/json", limit, head: false, etag };
        let answer = self.get(http, tokens, question).await?;
        if etag.is_some() && answer.answer.status == reqwest::StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let answer = expect_ok(answer)?;
        let etag = answer.headers.get(http::header::ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let next = link::next(&answer.url, &answer.headers).map_err(|link::Unreadable| {
            let what =
                "the address of the next page of its tag list (Link) can't be read: half a list would hide versions";
            Failure::never(Reason::SourceInvalid, self.message(what))
        })?;
        if next.as_ref().is_some_and(|next| (next.scheme(), next.authority()) != (url.scheme(), url.authority())) {
            return Err(Failure::never(
                Reason::SourceInvalid,
                self.message("the next page of its tag list is on another host"),
            ));
        }
        let mut reading = Reading { tags: so_far.tags.clone(), count: so_far.count, most: so_far.most };
        let (reading, bytes, parsed) = answer
            .body
            .read_with(move |input| {
                let mut counted = Counted { input, bytes: 0 };
                let mut json = serde_json::Deserializer::from_reader(std::io::BufReader::new(&mut counted));
                let parsed = Page(&mut reading).deserialize(&mut json).and_then(|()| json.end());
                let parsed = parsed.map_err(|e| (e.line(), e.column()));
                (reading, counted.bytes, parsed)
            })
            .await?;
        if reading.count > reading.most {
            return Err(Failure::never(
                Reason::SourceTooLarge,
                self.message(&format!("more than {} tags", reading.most)),
            ));
        }
        if parsed.is_err() {
            return Err(Failure::never(Reason::SourceInvalid, self.message("the answer is not a tag list in JSON")));
        }
        Ok(Some(PageRead { next, reading, bytes, etag }))
    }

    fn message(&self, what: &str) -> String {
        format!("{}/{}: {what}", shown(&self.base), self.name)
    }

    fn problem(&self, reason: Reason, what: &str) -> Problem {
        Problem::new(reason, self.message(what))
    }

    fn too_large(&self, what: &str) -> Problem {
        self.problem(Reason::SourceTooLarge, what)
    }
}

struct Counted<R> {
    input: R,
    bytes: u64,
}

impl<R: std::io::Read> std::io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.bytes += length as u64;
        Ok(length)
    }
}

struct Page<'a>(&'a mut Reading);
struct List<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for Page<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Page<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tag list")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "tags" {
                map.next_value_seed(List(self.0))?;
                found = true;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(A::Error::custom("it has no tags")) }
    }
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tags")
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(tag) = list.next_element::<String>()? {
            self.0.count += 1;
            if self.0.count > self.0.most {
                return Err(A::Error::custom("too many tags"));
            }
            self.0.tags.take(&tag);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "tags_tests.rs"]
mod tests;
