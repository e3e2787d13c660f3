//! One HTTP chart repository: its `index.yaml`, asked with conditions, spooled to the cache, read for the wanted charts.

use super::cache::{Shelf, Stamp};
use super::conditional::Validators;
use super::credentials;
use super::failure::{Failure, authority, refused, shown};
use super::grants;
use super::http::{Answer, Ask, Http, Trip};
use super::index::{self, Extract, IndexError, Place, Sought};
use crate::model::{Candidates, Problem, Reason, flux_limits};
use crate::witness::Access;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use tokio::time::Instant;
use url::Url;

/// What an index said when it was last asked.
#[derive(Debug, Clone)]
pub(super) struct IndexState {
    shelf: Shelf,
    stamp: Stamp,
    place: String,
    charts: BTreeMap<String, Result<Arc<Candidates>, Problem>>,
}

enum Fetched {
    Unchanged(Stamp),
    New(Stamp),
}

impl IndexState {
    /// Asks the repository. `before` keeps what was read, where the index is unchanged.
    pub(super) async fn fetch(
        http: &Http,
        repository: &str,
        before: Option<Self>,
        wanted: &[String],
        (since, access): (Instant, Option<Arc<Access>>),
    ) -> Result<Self, Problem> {
        let original = index_url(repository)?;
        let place = shown(&original);
        let mirrored = http.options.registries.mirrors.rewrite(original.as_str());
        let url = if mirrored.mirrored {
            Url::parse(&mirrored.url).map_err(|e| {
                Problem::new(Reason::InvalidSource, format!("registries.mirrors: {}: {e}", shown(&original)))
            })?
        } else {
            original
        };
        refuse_other_schemes(&url)?;
        // What a source names is for its own place, not for the operator's mirror of it.
        let access = access.filter(|_| !mirrored.mirrored);
        // What one Secret shows is no answer for another one's source.
        let named = access.as_ref().map_or_else(|| url.to_string(), |own| format!("{url} as {}", own.account));
        let shelf = Shelf::new(&http.options.cache_dir, "index", &named);
        let trip = http.trip(&url, mirrored.insecure, since).await.with(access);
        let known = shelf.stamp();
        let fetched = http.retrying(&trip, || fetch_once(http, &trip, &url, &shelf, known.as_ref())).await?;
        let (Fetched::Unchanged(stamp) | Fetched::New(stamp)) = fetched;
        shelf.used((http.options.clock)());
        let charts =
            before.filter(|before| before.stamp.hash == stamp.hash).map(|before| before.charts).unwrap_or_default();
        let mut state = Self { shelf, stamp, place, charts };
        state.extract(wanted).await?;
        Ok(state)
    }

    /// What the index says of a chart, read from the spooled body where nobody asked before.
    pub(super) async fn chart(&mut self, chart: &str) -> Result<Arc<Candidates>, Problem> {
        if !self.charts.contains_key(chart) {
            self.extract(&[chart.to_owned()]).await?;
        }
        let missing = || Err(Problem::new(Reason::ChartMissing, format!("{} has no chart {chart}", self.place)));
        self.charts.get(chart).cloned().unwrap_or_else(missing)
    }

    /// Where the archive of one version is; remembered as long as the index stays the same. The index is read once for
    /// this one and those that are `sought` beside it.
    pub(super) async fn place(&self, chart: &str, version: &str, sought: Sought) -> Result<Place, Problem> {
        let (shelf, stamp) = (self.shelf.clone(), self.stamp.clone());
        let (chart, version) = (chart.to_owned(), version.to_owned());
        let name = format!("{chart} {version}");
        let find = move || match shelf.place(&stamp, &chart, &version) {
            Some(known) => Ok(Some(known)),
            None => find_places(&shelf, &stamp, (&chart, &version), sought),
        };
        let found = tokio::task::spawn_blocking(find).await;
        let found = found.map_err(|_| {
            Problem::new(Reason::SourceError, format!("{}: reading the index for {name} failed", self.place))
        })?;
        found.map_err(|error| Problem { reason: Reason::SourceError, ..self.problem(&error) })?.ok_or_else(|| {
            Problem::new(Reason::SourceError, format!("{}: the index has lost {name} meanwhile", self.place))
        })
    }

    async fn extract(&mut self, wanted: &[String]) -> Result<(), Problem> {
        let wanted: Vec<String> = wanted.iter().filter(|name| !self.charts.contains_key(*name)).cloned().collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let (shelf, stamp) = (self.shelf.clone(), self.stamp.clone());
        let read = tokio::task::spawn_blocking(move || read_cached(&shelf, &stamp, wanted)).await;
        let found = match read {
            Ok(found) => found.map_err(|error| self.problem(&error))?,
            Err(_) => {
                return Err(Problem::new(Reason::SourceInvalid, format!("{}: reading the index failed", self.place)));
            }
        };
        for (name, extract) in found {
            let result = self.result(&name, extract);
            self.charts.insert(name, result);
        }
        Ok(())
    }

    fn result(&self, name: &str, extract: Extract) -> Result<Arc<Candidates>, Problem> {
        if let Some(candidates) = extract.candidates {
            let large_index = (self.stamp.size > flux_limits::INDEX).then_some(self.stamp.size.div_ceil(1 << 20));
            return Ok(Arc::new(Candidates { large_index, ..candidates }));
        }
        let mut message = format!("{} has no chart {name}", self.place);
        if !extract.similar.is_empty() {
            message = format!("{message}; it has {}", extract.similar.join(", "));
        }
        Err(Problem::new(Reason::ChartMissing, message))
    }

    fn problem(&self, error: &IndexError) -> Problem {
        let reason = match error {
            IndexError::Invalid(_) => Reason::SourceInvalid,
            IndexError::TooLarge(_) => Reason::SourceTooLarge,
            IndexError::Io(_) => Reason::SourceError,
        };
        Problem::new(reason, format!("{}: {error}", self.place))
    }
}

fn read_cached(shelf: &Shelf, stamp: &Stamp, wanted: Vec<String>) -> Result<BTreeMap<String, Extract>, IndexError> {
    let mut found = BTreeMap::new();
    let mut unread = Vec::new();
    for name in wanted {
        match shelf.extract(stamp, &name) {
            Some(extract) => {
                found.insert(name, extract);
            }
            None => unread.push(name),
        }
    }
    if unread.is_empty() {
        return Ok(found);
    }
    for (name, extract) in index::read(&shelf.body(stamp), &unread)? {
        if let Err(problem) = shelf.put_extract(stamp, &name, &extract) {
            tracing::warn!(%problem, "the cache of chart indexes is not written");
        }
        found.insert(name, extract);
    }
    Ok(found)
}

/// The place of one archive; those that are sought beside it are found by the same reading, and remembered.
fn find_places(
    shelf: &Shelf,
    stamp: &Stamp,
    (chart, version): (&str, &str),
    mut sought: Sought,
) -> Result<Option<Place>, IndexError> {
    sought.retain(|chart, versions| {
        versions.retain(|version| shelf.place(stamp, chart, version).is_none());
        !versions.is_empty()
    });
    sought.entry(chart.to_owned()).or_default().insert(version.to_owned());
    let mut found = index::places(&shelf.body(stamp), &sought)?;
    let places =
        || found.iter().flat_map(|(chart, places)| places.iter().map(move |(version, place)| (chart, version, place)));
    for (chart, version, place) in places() {
        if let Err(problem) = shelf.put_place(stamp, chart, version, place) {
            tracing::warn!(%problem, "the cache of chart indexes is not written");
            break;
        }
    }
    Ok(found.get_mut(chart).and_then(|places| places.remove(version)))
}

/// `index.yaml` under the repository's URL; its query stays (as Helm does).
pub(super) fn index_url(repository: &str) -> Result<Url, Problem> {
    let invalid =
        |why: String| Problem::new(Reason::InvalidSource, format!("the chart repository's URL is unusable: {why}"));
    let mut url = Url::parse(repository).map_err(|e| invalid(e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid(format!("{}:// is neither https nor http", url.scheme())));
    }
    let path = format!("{}/index.yaml", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

/// Where a mirror leads.
fn refuse_other_schemes(url: &Url) -> Result<(), Problem> {
    if matches!(url.scheme(), "http" | "https") {
        return Ok(());
    }
    Err(Problem::new(
        Reason::InvalidSource,
        format!("{}: a mirror of an HTTP repository must be https or http", shown(url)),
    ))
}

async fn fetch_once(
    http: &Http,
    trip: &Trip,
    url: &Url,
    shelf: &Shelf,
    known: Option<&Stamp>,
) -> Result<Fetched, Failure> {
    let headers = known.map(|stamp| stamp.validators.conditions()).unwrap_or_default();
    let credential = if let Some(own) = grants::at_home(trip.access.as_ref(), &authority(url)) {
        Some(own)
    } else {
        let ours = http.may_take_ours(trip, url);
        credentials::for_index(&http.options, url, ours, "the URL in Git").map_err(Failure::of)?
    };
    let authorization = credential.as_ref().and_then(credentials::Credential::basic);
    let limit = http.options.registries.max_index_size;
    let mut clean = url.clone();
    let _ = clean.set_username("").and_then(|()| clean.set_password(None));
    let answer = http.get(trip, Ask { url: clean, headers, head: false, authorization, limit }).await?;
    match (answer.status.as_u16(), known) {
        (304, Some(stamp)) => Ok(Fetched::Unchanged(stamp.clone())),
        (200, _) => spool(answer, shelf, known).await,
        _ => {
            let origin = credential.as_ref().map(|credential| credential.origin.as_str());
            Err(Failure::of(refused(answer.status, &answer.url, origin)))
        }
    }
}

async fn spool(answer: Answer, shelf: &Shelf, known: Option<&Stamp>) -> Result<Fetched, Failure> {
    let Answer { headers, mut body, url, .. } = answer;
    let mut file = shelf.spool().map_err(Failure::of)?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    while let Some(chunk) = body.chunk().await? {
        hash.update(&chunk);
        size += chunk.len() as u64;
        file.write_all(&chunk).map_err(|error| {
            let problem = shelf.problem(&error);
            Failure::never(problem.reason, format!("{}: {}", shown(&url), problem.message))
        })?;
    }
    let stamp = Stamp { hash: hex::encode(hash.finalize()), size, validators: Validators::of(&headers) };
    if known.is_some_and(|known| known.hash == stamp.hash) {
        shelf.restamp(&stamp).map_err(Failure::of)?;
        return Ok(Fetched::Unchanged(stamp));
    }
    shelf.keep(file, &stamp).map_err(Failure::of)?;
    Ok(Fetched::New(stamp))
}
