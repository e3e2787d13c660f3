//! Every source asked once, however many wait: single flight per source, shared by all repositories.

use super::grants::{self, Grants};
use super::http::Http;
use super::index::{Place, Sought};
use super::index_archive::IndexArchive;
use super::index_source::IndexState;
use super::oci::{Detail, Layer, Repository, Scheme, Tags, Tokens};
use super::options::Options;
use crate::model::{Candidate, Candidates, Contents, Lookup, Problem, Reason, TagRules};
use crate::witness::Access;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// All chart sources.
pub struct Registry {
    http: Http,
    tokens: Tokens,
    sources: Mutex<Sources>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum SourceKey {
    Index(String),
    Oci { url: String, insecure: bool },
    Detail { url: String, insecure: bool, tag: String },
    Archive(Box<IndexArchive>),
    Layer { url: String, insecure: bool, layer: Layer, version: String },
    Git(String),
}

/// Each source as one asker sees it: with a source's own Secret, by that Secret's name, or without one.
type Sources = HashMap<(SourceKey, Option<String>), Arc<Source>>;

/// Versions made of these tags, by rules.
type Made = (Arc<Tags>, HashMap<TagRules, Arc<Candidates>>);

#[derive(Default)]
struct Source {
    /// Charts that somebody asked for: one reading serves them all.
    wanted: Mutex<BTreeSet<String>>,
    /// Versions whose archives somebody is about to open: one reading finds them all.
    sought: Mutex<Sought>,
    /// Held while the source is asked; whoever comes later waits and finds the answer.
    last: tokio::sync::Mutex<Option<Answered>>,
    /// When somebody asked for it last.
    used: Mutex<Option<Instant>>,
    /// The versions made of the last tags, by rules: every repository that asks holds the same ones.
    made: Mutex<Option<Made>>,
}

impl Source {
    fn candidates(&self, tags: &Arc<Tags>, rules: &TagRules) -> Arc<Candidates> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.as_ref().is_none_or(|(of, _)| of != tags) {
            *made = None;
        }
        let (_, by_rules) = made.get_or_insert_with(|| (tags.clone(), HashMap::new()));
        by_rules.entry(rules.clone()).or_insert_with(|| Arc::new(tags.candidates(rules))).clone()
    }
}

struct Answered {
    at: Instant,
    said: Result<Said, Problem>,
}

#[derive(Clone)]
enum Said {
    Index(Box<IndexState>),
    Tags(Arc<Tags>),
    Detail(Arc<Detail>),
    Opened(Arc<Contents>),
}

/// One pass over some releases: within it no source is asked twice, and what went wrong stays wrong.
#[derive(Clone)]
pub struct Round {
    registry: Arc<Registry>,
    started: Instant,
    grants: Arc<Grants>,
    /// The access of the source that asks.
    access: Option<Arc<Access>>,
}

impl Registry {
    /// Asks nothing yet.
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new(Self { http: Http::new(Arc::new(options)), tokens: Tokens::default(), sources: Mutex::default() })
    }

    /// Starts a round that will ask these questions. Naming them first lets one reading of an index serve all of them.
    pub fn round<'a>(self: &Arc<Self>, questions: impl IntoIterator<Item = &'a Lookup>) -> Round {
        self.round_with(questions, Arc::default())
    }

    /// [`Registry::round`], with the access of sources that name credentials.
    pub fn round_with<'a>(
        self: &Arc<Self>,
        questions: impl IntoIterator<Item = &'a Lookup>,
        grants: Arc<Grants>,
    ) -> Round {
        self.forget();
        let round = Round { registry: Arc::clone(self), started: Instant::now(), grants, access: None };
        for lookup in questions {
            let (asker, question) = round.asker(lookup);
            if let Lookup::Index { url, chart } = question {
                let source = asker.source(SourceKey::Index(url.clone()));
                source.wanted.lock().unwrap_or_else(PoisonError::into_inner).insert(chart.clone());
            }
        }
        round
    }

    /// Takes no earlier answer for fresh: every source is asked again, also one that was asked a moment ago.
    pub fn refresh(&self) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Forgets what nobody used for a month, and the least recently used of what is too much on disk. Blocks for as long
    /// as that takes.
    pub fn prune(&self, now: jiff::Timestamp) {
        let gone = super::prune::prune(&self.http.options.cache_dir, super::prune::BOUNDS, now);
        if gone > 0 {
            tracing::info!(sources = gone, "forgot cached answers of chart sources");
        }
    }

    /// One question on its own: a round of one.
    pub async fn candidates(self: &Arc<Self>, lookup: &Lookup) -> Result<Arc<Candidates>, Problem> {
        self.round([lookup]).candidates(lookup).await
    }

    /// One look at a tag on its own: a round of one.
    pub async fn detail(self: &Arc<Self>, lookup: &Lookup, text: &str) -> Result<Candidate, Problem> {
        self.round([lookup]).detail(lookup, text).await
    }

    /// What one archive says, on its own: a round of one.
    pub async fn open(self: &Arc<Self>, lookup: &Lookup, text: &str) -> Result<Arc<Contents>, Problem> {
        self.round([lookup]).open(lookup, text).await
    }

    fn source(&self, key: SourceKey, account: Option<String>) -> Arc<Source> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let source = Arc::clone(sources.entry((key, account)).or_default());
        *source.used.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        source
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Lets go of what nobody asked for in a long time, and of the oldest where there are too many. A source that is
    /// being asked stays.
    fn forget(&self) {
        let (now, limits) = (Instant::now(), &self.http.options.limits);
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |source: &Source| {
            let used = *source.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.map_or(Duration::MAX, |at| now.saturating_duration_since(at))
        };
        sources.retain(|_, source| Arc::strong_count(source) > 1 || idle(source) <= limits.forget_after);
        let surplus = sources.len().saturating_sub(limits.sources);
        if surplus == 0 {
            return;
        }
        let mut free: Vec<_> = sources
            .iter()
            .filter(|(_, source)| Arc::strong_count(source) == 1)
            .map(|(key, source)| (idle(source), key.clone()))
            .collect();
        free.sort_unstable_by_key(|(idle, _)| std::cmp::Reverse(*idle));
        for (_, key) in free.into_iter().take(surplus) {
            sources.remove(&key);
        }
    }

    /// Whether an answer still counts: asked in this round, or a good one of just before.
    fn counts(&self, answered: &Answered, started: Instant) -> bool {
        answered.at >= started || (answered.said.is_ok() && answered.at.elapsed() < self.http.options.limits.fresh_for)
    }

    async fn ask(
        &self,
        key: &SourceKey,
        wanted: Vec<String>,
        before: Option<Said>,
        (since, access): (Instant, Option<Arc<Access>>),
    ) -> Result<Said, Problem> {
        match key {
            SourceKey::Index(url) => {
                let before = match before {
                    Some(Said::Index(state)) => Some(*state),
                    _ => None,
                };
                let state = IndexState::fetch(&self.http, url, before, &wanted, (since, access)).await;
                state.map(|state| Said::Index(Box::new(state))).map_err(|problem| self.named(url, problem))
            }
            SourceKey::Oci { url, insecure } => {
                let before = match before {
                    Some(Said::Tags(tags)) => Some(tags),
                    _ => None,
                };
                let asked = async {
                    let repository = self.repository(url, *insecure, (since, access)).await?;
                    repository.tags(&self.http, &self.tokens, before).await
                };
                asked.await.map(Said::Tags).map_err(|problem| self.named(url, problem))
            }
            SourceKey::Detail { url, insecure, tag } => {
                let asked = async {
                    let repository = self.repository(url, *insecure, (since, access)).await?;
                    repository.detail(&self.http, &self.tokens, tag).await
                };
                asked.await.map(|detail| Said::Detail(Arc::new(detail))).map_err(|problem| self.named(url, problem))
            }
            SourceKey::Archive(archive) => {
                let opened = archive.open(&self.http, (since, access)).await;
                opened.map(Said::Opened).map_err(|problem| self.named(&archive.repository, problem))
            }
            SourceKey::Layer { url, insecure, layer, version } => {
                let asked = async {
                    let repository = self.repository(url, *insecure, (since, access)).await?;
                    let chart = url.rsplit('/').next().unwrap_or(url);
                    repository.open_layer(&self.http, &self.tokens, layer, (chart, version)).await
                };
                asked.await.map(Said::Opened).map_err(|problem| self.named(url, problem))
            }
            SourceKey::Git(url) => {
                let Some(lister) = &self.http.options.git_tags else {
                    return Err(Problem::new(
                        Reason::SourceUnsupported,
                        "the tags of Git repositories are not listed here",
                    ));
                };
                let guard = self.http.guard(&git_url(url)?, since).await;
                let names = lister.tags(url, &guard).await?;
                Ok(Said::Tags(Arc::new(Tags::from_names(names.iter().map(String::as_str)))))
            }
        }
    }

    /// A mirror's problem, on the URL that stands in Git.
    fn named(&self, url: &str, problem: Problem) -> Problem {
        if !self.http.options.registries.mirrors.rewrite(url).mirrored {
            return problem;
        }
        let url = shown_text(url);
        Problem { message: format!("{url}, asked through its mirror: {}", problem.message), ..problem }
    }

    async fn repository(
        &self,
        url: &str,
        insecure: bool,
        (since, access): (Instant, Option<Arc<Access>>),
    ) -> Result<Repository, Problem> {
        let mirrored = self.http.options.registries.mirrors.rewrite(url);
        let scheme = if insecure || mirrored.insecure { Scheme::Either } else { Scheme::Https };
        // What a source names is for its own place, not for the operator's mirror of it.
        let access = access.filter(|_| !mirrored.mirrored);
        Repository::open(&self.http, &self.tokens, &mirrored.url, scheme, mirrored.insecure, (since, access)).await
    }
}

impl Round {
    /// The round as the one who asks a question, and the question itself.
    fn asker<'a>(&self, lookup: &'a Lookup) -> (Self, &'a Lookup) {
        let (question, access) = grants::asker(&self.grants, lookup);
        (Self { access, ..self.clone() }, question)
    }

    fn source(&self, key: SourceKey) -> Arc<Source> {
        self.registry.source(key, self.access.as_ref().map(|access| access.account.clone()))
    }

    /// Every usable version of a chart.
    pub async fn candidates(&self, lookup: &Lookup) -> Result<Arc<Candidates>, Problem> {
        let (asker, question) = self.asker(lookup);
        let said = asker.usable(question).await;
        said.map_err(|problem| grants::told(&self.grants, lookup, problem))
    }

    async fn usable(&self, question: &Lookup) -> Result<Arc<Candidates>, Problem> {
        match question {
            Lookup::Index { url, chart } => self.index_chart(url, chart).await,
            Lookup::Oci { url, rules, insecure } => {
                self.tagged(SourceKey::Oci { url: url.clone(), insecure: *insecure }, rules).await
            }
            Lookup::GitTags { url } => {
                let rules = TagRules { leading_v: true, by_version: false, underscore_is_plus: false };
                self.tagged(SourceKey::Git(url.clone()), &rules).await
            }
            Lookup::Signed { .. } => Err(mismatch()),
        }
    }

    /// One version with everything its source says of it: for OCI the manifest is looked up, and must be a chart's.
    pub async fn detail(&self, lookup: &Lookup, text: &str) -> Result<Candidate, Problem> {
        let (asker, question) = self.asker(lookup);
        let said = asker.closer(question, text).await;
        said.map_err(|problem| grants::told(&self.grants, lookup, problem))
    }

    async fn closer(&self, lookup: &Lookup, text: &str) -> Result<Candidate, Problem> {
        if let Lookup::Oci { url, rules, .. } = lookup {
            return self.manifest(lookup, text).await?.apply(text, url, rules);
        }
        let candidates = self.usable(lookup).await?;
        let found = candidates.versions.iter().find(|candidate| candidate.text == text);
        let detailed = |candidate: &Candidate| Candidate { detailed: true, ..candidate.clone() };
        found
            .map(detailed)
            .ok_or_else(|| Problem::new(Reason::ChartMissing, format!("{} has no version {text}", lookup.chart())))
    }

    /// What the archive of one version says (Flux rule 7): fetched, hashed and read once, and remembered.
    ///
    /// # Errors
    /// [`Reason::ChartInvalid`] and [`Reason::SourceTooLarge`] are faults of this version; everything else is its
    /// source's.
    pub async fn open(&self, lookup: &Lookup, text: &str) -> Result<Arc<Contents>, Problem> {
        let (asker, question) = self.asker(lookup);
        let said = asker.opened(question, text).await;
        said.map_err(|problem| grants::told(&self.grants, lookup, problem))
    }

    /// Names versions whose archives are about to be opened, so that one reading of an index finds all of them.
    pub fn seek<'a>(&self, versions: impl IntoIterator<Item = (&'a Lookup, &'a str)>) {
        for (lookup, text) in versions {
            let (asker, question) = self.asker(lookup);
            if let Lookup::Index { url, chart } = question {
                let source = asker.source(SourceKey::Index(url.clone()));
                let mut sought = source.sought.lock().unwrap_or_else(PoisonError::into_inner);
                sought.entry(chart.clone()).or_default().insert(text.to_owned());
            }
        }
    }

    async fn opened(&self, lookup: &Lookup, text: &str) -> Result<Arc<Contents>, Problem> {
        let key = match lookup {
            Lookup::Index { url, chart } => {
                let (repository, chart, version) = (url.clone(), chart.clone(), text.to_owned());
                let place = self.place(url, &chart, text).await?;
                SourceKey::Archive(Box::new(IndexArchive { repository, chart, version, place }))
            }
            Lookup::Oci { url, rules, insecure } => {
                let manifest = self.manifest(lookup, text).await?;
                let refused = |why| Problem::new(Reason::ChartInvalid, format!("{url}:{text}: {why}"));
                let (layer, version) = (manifest.layer(rules).map_err(refused)?.clone(), text.to_owned());
                SourceKey::Layer { url: url.clone(), insecure: *insecure, layer, version }
            }
            Lookup::GitTags { url } => {
                let message = format!("{}: a chart in a Git repository has no archive", crate::world::git::redact(url));
                return Err(Problem::new(Reason::SourceUnsupported, message));
            }
            Lookup::Signed { .. } => return Err(mismatch()),
        };
        match self.said(key).await? {
            Said::Opened(contents) => Ok(contents),
            _ => Err(mismatch()),
        }
    }

    async fn manifest(&self, lookup: &Lookup, text: &str) -> Result<Arc<Detail>, Problem> {
        let Lookup::Oci { url, rules, insecure } = lookup else { return Err(mismatch()) };
        let tag = if rules.underscore_is_plus { text.replacen('+', "_", 1) } else { text.to_owned() };
        match self.said(SourceKey::Detail { url: url.clone(), insecure: *insecure, tag }).await? {
            Said::Detail(detail) => Ok(detail),
            _ => Err(mismatch()),
        }
    }

    /// Where an index says that an archive is.
    async fn place(&self, url: &str, chart: &str, version: &str) -> Result<Place, Problem> {
        self.index_chart(url, chart).await?;
        let source = self.source(SourceKey::Index(url.to_owned()));
        let last = source.last.lock().await;
        match last.as_ref().map(|answered| &answered.said) {
            Some(Ok(Said::Index(state))) => {
                let sought = std::mem::take(&mut *source.sought.lock().unwrap_or_else(PoisonError::into_inner));
                state.place(chart, version, sought).await
            }
            Some(Err(problem)) => Err(problem.clone()),
            _ => Err(mismatch()),
        }
    }

    async fn tagged(&self, key: SourceKey, rules: &TagRules) -> Result<Arc<Candidates>, Problem> {
        match self.said(key.clone()).await? {
            Said::Tags(tags) => Ok(self.source(key).candidates(&tags, rules)),
            _ => Err(mismatch()),
        }
    }

    async fn said(&self, key: SourceKey) -> Result<Said, Problem> {
        let source = self.source(key.clone());
        let mut last = source.last.lock().await;
        if let Some(answered) = last.as_ref().filter(|answered| self.registry.counts(answered, self.started)) {
            return answered.said.clone();
        }
        let before = last.take().and_then(|answered| answered.said.ok());
        let said = self.registry.ask(&key, Vec::new(), before, (self.started, self.access.clone())).await;
        *last = Some(Answered { at: Instant::now(), said: said.clone() });
        said
    }

    async fn index_chart(&self, url: &str, chart: &str) -> Result<Arc<Candidates>, Problem> {
        let key = SourceKey::Index(url.to_owned());
        let source = self.source(key.clone());
        source.wanted.lock().unwrap_or_else(PoisonError::into_inner).insert(chart.to_owned());
        let mut last = source.last.lock().await;
        let current = last.as_ref().is_some_and(|answered| self.registry.counts(answered, self.started));
        if !current {
            let wanted = source.wanted.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
            let before = last.take().and_then(|answered| answered.said.ok());
            let said = self.registry.ask(&key, wanted, before, (self.started, self.access.clone())).await;
            *last = Some(Answered { at: Instant::now(), said });
        }
        match last.as_mut().map(|answered| &mut answered.said) {
            Some(Ok(Said::Index(state))) => state.chart(chart).await,
            Some(Err(problem)) => Err(problem.clone()),
            _ => Err(mismatch()),
        }
    }
}

/// A chart's Git repository, as Flux takes it: over HTTP or SSH. A path would be one on this machine.
fn git_url(text: &str) -> Result<url::Url, Problem> {
    let parsed = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http" | "ssh"));
    parsed.filter(url::Url::has_host).ok_or_else(|| {
        let shown = crate::world::git::redact(text);
        Problem::new(Reason::InvalidSource, format!("{shown}: a GitRepository's URL is https://, http:// or ssh://"))
    })
}

/// A URL for messages.
fn shown_text(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| "the source".to_owned(), |url| super::failure::shown(&url))
}

/// A source's key decides what it says; this is never seen.
fn mismatch() -> Problem {
    Problem::new(Reason::SourceInvalid, "a chart source gave an answer of another kind")
}
