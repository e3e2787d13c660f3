//! The archive that an HTTP index names for one version: where Helm finds it, fetched under the repository's own reach.
//! The repository's credentials stay with its host; another one gets those that `registries.hosts` names for it, else, with
//! `passCredentials`, the repository's own.

use super::archive::{self, Expected, Known};
use super::credentials;
use super::failure::{Failure, authority, refused, shown};
use super::grants;
use super::http::{Ask, Http, Trip};
use super::index::Place;
use super::index_source::index_url;
use crate::model::{Contents, Problem, Reason};
use crate::witness::Access;
use ::http::header::HeaderMap;
use std::sync::Arc;
use tokio::time::Instant;
use url::Url;

/// One archive of an index.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct IndexArchive {
    /// URL of the repository, as in Git.
    pub(super) repository: String,
    pub(super) chart: String,
    pub(super) version: String,
    pub(super) place: Place,
}

impl IndexArchive {
    /// Opens it, or remembers what it said: by its digest without asking, else if the host says that it is unchanged.
    pub(super) async fn open(
        &self,
        http: &Http,
        (since, access): (Instant, Option<Arc<Access>>),
    ) -> Result<Arc<Contents>, Problem> {
        let origin = index_url(&self.repository)?;
        let url = self.url()?;
        let mut clean = url.clone();
        let _ = clean.set_username("").and_then(|()| clean.set_password(None));
        let mirrored = http.options.registries.mirrors.rewrite(clean.as_str());
        let asked = if mirrored.mirrored { self.parsed(&mirrored.url)? } else { url };
        let digest = self.place.digest.as_deref().and_then(archive::sha256);
        let identity = format!("{}\n{clean}", digest.as_deref().unwrap_or(""));
        let shelf = archive::shelf(http, &identity);
        let known = archive::known(http, &shelf);
        if let (Some(known), Some(_)) = (&known, &digest) {
            return Ok(known.contents.clone());
        }
        // The reach is that of the URL in Git, wherever the index points to.
        let trip = if http.options.registries.mirrors.rewrite(origin.as_str()).mirrored {
            http.mirrored_trip(mirrored.insecure, since)
        } else {
            http.trip(&origin, mirrored.insecure, since).await
        };
        let trip = trip.with(access.filter(|_| !mirrored.mirrored)).raw();
        let expected =
            Expected { chart: &self.chart, version: &self.version, digest: digest.as_deref(), by: "the index" };
        http.retrying(&trip, || async {
            match self.fetch(http, &trip, &asked, known.as_ref(), expected).await? {
                None => Ok(known.as_ref().map(|known| known.contents.clone()).unwrap_or_default()),
                Some((contents, headers)) => {
                    archive::remember(http, &shelf, &contents, &headers);
                    Ok(contents)
                }
            }
        })
        .await
    }

    /// What it says; nothing where it is unchanged.
    async fn fetch(
        &self,
        http: &Http,
        trip: &Trip,
        url: &Url,
        known: Option<&Known>,
        expected: Expected<'_>,
    ) -> Result<Option<(Arc<Contents>, HeaderMap)>, Failure> {
        let headers = known.map(|known| known.validators.conditions()).unwrap_or_default();
        let credential = if let Some(own) = grants::at_home(trip.access.as_ref(), &authority(url)) {
            Some(own)
        } else {
            // What the operator gave for that very host goes before what a source passes on to it.
            let ours = http.may_take_ours(trip, url);
            let found = credentials::for_index(&http.options, url, ours, self.writer(url)).map_err(Failure::of)?;
            found.or_else(|| grants::passed(trip.access.as_ref()))
        };
        let authorization = credential.as_ref().and_then(credentials::Credential::basic);
        let mut clean = url.clone();
        let _ = clean.set_username("").and_then(|()| clean.set_password(None));
        let limit = http.options.registries.max_chart_size;
        let answer = http.get(trip, Ask { url: clean, headers, head: false, authorization, limit }).await?;
        match answer.status.as_u16() {
            200 => {
                let headers = answer.headers.clone();
                Ok(Some((archive::read(answer, expected).await?, headers)))
            }
            304 if known.is_some() => Ok(None),
            status @ (404 | 410) => {
                let what = format!("the index names this archive, and the answer is {status}");
                Err(Failure::of(expected.problem(Reason::ChartInvalid, &answer.url, &what)))
            }
            _ => {
                let origin = credential.as_ref().map(|credential| credential.origin.as_str());
                Err(Failure::of(refused(answer.status, &answer.url, origin)))
            }
        }
    }

    /// The first of the entry's URLs, as Helm and Flux resolve it: a relative one below the repository's URL, with that
    /// one's query. The repository's user goes along to its own scheme, host and port alone.
    fn url(&self) -> Result<Url, Problem> {
        let Some(written) = self.place.url.as_deref().map(str::trim).filter(|url| !url.is_empty()) else {
            return Err(self.invalid("the index names no URL for it"));
        };
        let mut base = self.parsed(&self.repository)?;
        let path = format!("{}/", base.path().trim_end_matches('/'));
        base.set_path(&path);
        let url = match Url::parse(written) {
            Ok(url) => url,
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                let mut url = base.join(written).map_err(|error| self.invalid(&error.to_string()))?;
                url.set_query(base.query());
                url
            }
            Err(error) => return Err(self.invalid(&error.to_string())),
        };
        if url.scheme() == "oci" {
            return Err(self.invalid(
                "the index leads to an oci:// URL, which Flux does not follow; use a HelmRepository of type oci",
            ));
        }
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(self.invalid("the index leads to a URL that is neither https nor http"));
        }
        let mut url = url;
        let home = (url.scheme(), authority(&url)) == (base.scheme(), authority(&base));
        if home && url.username().is_empty() {
            let _ = url.set_username(base.username()).and_then(|()| url.set_password(base.password()));
        } else if !home {
            // What an index writes into a URL is nobody's credentials but its own; they are not needed and not sent.
            let _ = url.set_username("").and_then(|()| url.set_password(None));
        }
        Ok(url)
    }

    /// Who wrote the user of the archive's URL, for messages.
    fn writer(&self, url: &Url) -> &'static str {
        let ours = Url::parse(&self.repository).is_ok_and(|base| base.username() == url.username());
        if ours { "the URL in Git" } else { "the archive's URL in the index" }
    }

    fn parsed(&self, text: &str) -> Result<Url, Problem> {
        Url::parse(text).map_err(|error| self.invalid(&error.to_string()))
    }

    fn invalid(&self, what: &str) -> Problem {
        let place = Url::parse(&self.repository).map_or_else(|_| "its repository".to_owned(), |url| shown(&url));
        Problem::new(Reason::ChartInvalid, format!("{} {} of {place}: {what}", self.chart, self.version))
    }
}

#[cfg(test)]
#[path = "index_archive_tests.rs"]
mod tests;
