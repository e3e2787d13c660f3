//! One look: the version of Kubernetes, and every list that Davit reads, each in the version that the API serves.

use super::connection::{Connection, NoAnswer};
use super::refused;
use crate::model::{Fact, NsName, Problem, SourceKind, Version};
use crate::witness::{LiveKustomization, LiveRelease, LiveSource, Sighting};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use tokio::time::Instant;

const HELM: &str = "helm.toolkit.fluxcd.io";
const SOURCE: &str = "source.toolkit.fluxcd.io";
const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io";

/// Objects of one page.
const PAGE: usize = 250;
/// Most objects of one kind.
const MOST: usize = 50_000;

/// The kinds of sources that are listed.
const SOURCES: [SourceKind; 5] = [
    SourceKind::HelmRepository,
    SourceKind::OciRepository,
    SourceKind::GitRepository,
    SourceKind::Bucket,
    SourceKind::HelmChart,
];

/// Where the objects of one group's kinds are listed: kind to path.
type Served = HashMap<String, String>;

/// Nothing could be asked.
pub(super) fn blind(problem: &Problem) -> Sighting {
    let unknown = || Fact::Unknown(problem.clone());
    Sighting {
        kube_version: Fact::Unknown(problem.clone()),
        releases: Fact::Unknown(problem.clone()),
        kustomizations: Fact::Unknown(problem.clone()),
        sources: SOURCES.into_iter().map(|kind| (kind, unknown())).collect(),
        problems: vec![problem.clone()],
    }
}

/// Looks at everything.
pub(super) async fn look(connection: &Connection, deadline: Instant) -> Sighting {
    let eyes = Eyes { connection, deadline };
    let kube_version = match eyes.kube_version().await {
        // No server, or none that knows us or has time for us: every other question would end the same.
        Err(NoAnswer { status: None | Some(401 | 429 | 503 | 504), problem }) => return blind(&problem),
        other => other.map_err(|no| no.problem),
    };
    let (helm, source, kustomize) = tokio::join!(eyes.served(HELM), eyes.served(SOURCE), eyes.served(KUSTOMIZE));
    let mut problems: Vec<Problem> = kube_version.as_ref().err().cloned().into_iter().collect();
    for served in [&helm, &source, &kustomize] {
        problems.extend(served.as_ref().err().cloned());
    }
    let lists = futures_util::future::join_all(SOURCES.map(|kind| {
        let (eyes, source) = (&eyes, &source);
        async move { (kind, eyes.all(source, SOURCE, kind.as_str(), LiveSource::read, |live| &live.id).await) }
    }));
    let (releases, kustomizations, lists) = tokio::join!(
        eyes.all(&helm, HELM, "HelmRelease", LiveRelease::read, |live| &live.id),
        eyes.all(&kustomize, KUSTOMIZE, "Kustomization", LiveKustomization::read, |live| &live.id),
        lists
    );
    let mut sources = BTreeMap::new();
    for (kind, list) in lists {
        // An old Flux that does not serve a kind has none of it: no finding, and still nothing is concluded.
        if let Err(Missed::Failed(problem)) = &list {
            problems.push(problem.clone());
        }
        sources.insert(kind, fact(list));
    }
    problems.extend([missed(&releases), missed(&kustomizations)].into_iter().flatten());
    // What failed for one reason is said once.
    let mut said: Vec<Problem> = Vec::new();
    for problem in problems {
        if !said.contains(&problem) {
            said.push(problem);
        }
    }
    Sighting {
        kube_version: kube_version.into(),
        releases: fact(releases),
        kustomizations: fact(kustomizations),
        sources,
        problems: said,
    }
}

/// Why there is no list.
enum Missed {
    /// The group is served, without this kind.
    NotServed(Problem),
    Failed(Problem),
}

type List<T> = Result<HashMap<NsName, T>, Missed>;

fn fact<T>(list: List<T>) -> Fact<HashMap<NsName, T>> {
    list.map_err(|missed| match missed {
        Missed::NotServed(problem) | Missed::Failed(problem) => problem,
    })
    .into()
}

fn missed<T>(list: &List<T>) -> Option<Problem> {
    match list {
        Ok(_) => None,
        Err(Missed::NotServed(problem) | Missed::Failed(problem)) => Some(problem.clone()),
    }
}

/// A connection for one look.
struct Eyes<'a> {
    connection: &'a Connection,
    deadline: Instant,
}

impl Eyes<'_> {
    async fn json(&self, path: &str) -> Result<Value, NoAnswer> {
        self.connection.json(path, self.deadline).await
    }

    async fn kube_version(&self) -> Result<Version, NoAnswer> {
        let answer = self.json("/version").await?;
        let text = answer["gitVersion"].as_str().unwrap_or_default();
        Version::strict(text).ok_or_else(|| {
            let message = format!("{}/version: {text:?} is not a version of Kubernetes", self.connection.server());
            // It answered: the rest may be there.
            NoAnswer { status: Some(200), problem: refused::unknown(&message) }
        })
    }

    /// The paths of a group's lists. Each kind in the preferred version, else in the first other one that has it.
    async fn served(&self, group: &str) -> Result<Served, Problem> {
        let found = match self.json(&format!("/apis/{group}")).await {
            Ok(found) => found,
            Err(NoAnswer { status: Some(404), .. }) => {
                let server = self.connection.server();
                return Err(refused::unknown(&format!("{server} does not serve {group}: is Flux installed there?")));
            }
            Err(no) => return Err(no.problem),
        };
        let preferred = found["preferredVersion"]["groupVersion"].as_str();
        let all = found["versions"].as_array().into_iter().flatten();
        let mut versions: Vec<&str> = all.filter_map(|version| version["groupVersion"].as_str()).collect();
        versions.sort_by_key(|version| Some(*version) != preferred);
        let mut served = Served::new();
        for version in versions {
            let resources = self.json(&format!("/apis/{version}")).await.map_err(|no| no.problem)?;
            for resource in resources["resources"].as_array().into_iter().flatten() {
                let (name, kind) = (resource["name"].as_str(), resource["kind"].as_str());
                // `helmreleases/status` is no list.
                if let (Some(name), Some(kind)) = (name.filter(|name| !name.contains('/')), kind) {
                    served.entry(kind.to_owned()).or_insert_with(|| format!("/apis/{version}/{name}"));
                }
            }
        }
        Ok(served)
    }

    /// Every object of a kind, page by page.
    async fn all<T>(
        &self,
        served: &Result<Served, Problem>,
        group: &str,
        kind: &str,
        read: impl Fn(&Value) -> Option<T>,
        id: impl Fn(&T) -> &NsName,
    ) -> List<T> {
        let served = served.as_ref().map_err(|problem| Missed::Failed(problem.clone()))?;
        let server = self.connection.server();
        let path = served.get(kind).ok_or_else(|| {
            Missed::NotServed(refused::unknown(&format!("{server} serves {group} without the kind {kind}")))
        })?;
        let failed = |why: String| Missed::Failed(refused::unknown(&format!("{server}{path}: {why}")));
        let mut all = HashMap::new();
        let mut next = String::new();
        loop {
            let query = if next.is_empty() { String::new() } else { format!("&continue={}", escaped(&next)) };
            let page = self.json(&format!("{path}?limit={PAGE}{query}")).await;
            let page = page.map_err(|no| Missed::Failed(no.problem))?;
            let items = page["items"].as_array().ok_or_else(|| failed("the answer is no list".to_owned()))?;
            for live in items.iter().filter_map(&read) {
                all.insert(id(&live).clone(), live);
            }
            if all.len() > MOST {
                return Err(failed(format!("more than {MOST} objects")));
            }
            let token = page["metadata"]["continue"].as_str().unwrap_or_default();
            if token.is_empty() {
                return Ok(all);
            }
            if token == next || items.is_empty() {
                return Err(failed("its pages have no end".to_owned()));
            }
            token.clone_into(&mut next);
        }
    }
}

/// As a value of a query.
fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
