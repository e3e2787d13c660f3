//! What Flux's objects say of each release, by simple code of its own, and the comparison with Davit's rows. A
//! difference is either explained by the row's typed reason, or wrong.

use crate::flux_referee::{is, key, text};
use crate::flux_walk::{Applied, SOURCE, Walked, is_kustomization};
use davit::inventory::Found;
use davit::model::{Reason, Release, RowKind, Status};
use davit::resolve::Resolution;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One release as Flux applies it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    pub cluster: String,
    /// Namespace and name of its Kustomization.
    pub by: (String, String),
    pub namespace: String,
    pub name: String,
    pub file: Option<String>,
    pub chart: Option<String>,
    pub version: Option<String>,
    /// Kind, namespace and name.
    pub source: Option<String>,
    pub url: Option<String>,
    /// Several objects of the cluster answer to the source's name.
    pub ambiguous: bool,
    /// Its source is not among the objects of its cluster.
    pub missing: bool,
}

impl Truth {
    pub fn id(&self) -> String {
        id(&self.cluster, &self.by, &self.namespace, &self.name)
    }
}

fn id(cluster: &str, by: &(String, String), namespace: &str, name: &str) -> String {
    format!("{cluster} {}/{} {namespace}/{name}", by.0, by.1)
}

/// Every release of a walk.
pub fn truths(walked: &Walked, url: Option<&str>) -> Vec<Truth> {
    let releases = walked.applied.iter().filter(|applied| is(&applied.object, "helm.toolkit.fluxcd.io", "HelmRelease"));
    releases.map(|applied| truth(walked, applied, url)).collect()
}

fn truth(walked: &Walked, applied: &Applied, ours: Option<&str>) -> Truth {
    let release = &applied.object;
    let (namespace, name) = key(release);
    let mut truth = Truth {
        cluster: applied.cluster.clone(),
        by: applied.by.clone(),
        namespace: namespace.clone(),
        name,
        file: applied.file.clone(),
        ..Truth::default()
    };
    if let Some(template) = release.pointer("/spec/chart/spec") {
        let from = text(template, "/sourceRef/namespace").unwrap_or(&namespace).to_owned();
        charted(walked, template, &from, ours, &mut truth);
    } else if let Some(reference) = release.pointer("/spec/chartRef") {
        let from = text(reference, "/namespace").unwrap_or(&namespace).to_owned();
        let (kind, name) = (text(reference, "/kind").unwrap_or_default(), text(reference, "/name").unwrap_or_default());
        let found = find(walked, kind, &from, name, &mut truth);
        match (kind, found) {
            ("OCIRepository", Some(source)) => {
                let url = text(&source, "/spec/url").unwrap_or_default();
                truth.chart = url.trim_end_matches('/').rsplit('/').next().map(str::to_owned);
                truth.url = Some(url.to_owned());
                let reference = |field: &str| text(&source, &format!("/spec/ref/{field}")).map(str::to_owned);
                let pinned = reference("digest").is_some();
                truth.version = reference("semver").filter(|_| !pinned).or_else(|| reference("tag"));
            }
            ("HelmChart", Some(chart)) => {
                let shown = truth.source.take();
                charted(walked, &chart["spec"], &from, ours, &mut truth);
                truth.source = shown;
            }
            _ => {}
        }
    }
    truth
}

/// `chart`, `version` and `sourceRef` of a template or a HelmChart.
fn charted(walked: &Walked, spec: &Value, namespace: &str, ours: Option<&str>, truth: &mut Truth) {
    truth.chart = text(spec, "/chart").map(str::to_owned);
    let kind = text(spec, "/sourceRef/kind").unwrap_or_default();
    let found = find(walked, kind, namespace, text(spec, "/sourceRef/name").unwrap_or_default(), truth);
    truth.url = found.as_ref().and_then(|source| text(source, "/spec/url")).map(str::to_owned);
    // Flux rule 3: a chart in Git has the version of its commit.
    let reference = |field: &str| text(found.as_ref()?, &format!("/spec/ref/{field}")).map(str::to_owned);
    truth.version = match kind {
        "HelmRepository" => text(spec, "/version").map(str::to_owned),
        "GitRepository" => {
            let here = truth.url.as_deref().zip(ours);
            let fixed = reference("commit").or_else(|| reference("name")).is_some()
                || here.is_some_and(|(url, ours)| davit::inventory::same_repository(url, ours));
            if fixed { None } else { reference("semver").or_else(|| reference("tag")) }
        }
        _ => None,
    };
}

fn find(walked: &Walked, kind: &str, namespace: &str, name: &str, truth: &mut Truth) -> Option<Value> {
    truth.source = Some(format!("{kind} {namespace}/{name}"));
    let mut found = walked.applied.iter().filter(|applied| {
        applied.cluster == truth.cluster
            && is(&applied.object, SOURCE, kind)
            && key(&applied.object) == (namespace.to_owned(), name.to_owned())
    });
    let first = found.next().map(|applied| applied.object.clone());
    truth.missing |= first.is_none();
    truth.ambiguous |= found.any(|other| Some(&other.object["spec"]) != first.as_ref().map(|first| &first["spec"]));
    first
}

/// What the comparison found.
#[derive(Debug, Default)]
pub struct Compared {
    /// Releases that Flux applies.
    pub releases: usize,
    /// Those where Davit gives chart, version, source and URL as Flux has them.
    pub equal: usize,
    /// Those whose version Davit would raise (no reason against it), all equal.
    pub raised: usize,
    /// Differences with a typed reason, by reason.
    pub explained: BTreeMap<String, usize>,
    /// Differences without one.
    pub wrong: Vec<String>,
}

impl Compared {
    pub fn add(&mut self, other: Self) {
        self.releases += other.releases;
        self.equal += other.equal;
        self.raised += other.raised;
        for (reason, count) in other.explained {
            *self.explained.entry(reason).or_default() += count;
        }
        self.wrong.extend(other.wrong);
    }

    /// More differences of one reason than a share (in percent) of the releases are no excuse any more.
    pub fn over(&self, percent: usize) -> Vec<String> {
        let most = self.releases * percent / 100 + 2;
        let many = self.explained.iter().filter(|(_, count)| **count > most);
        many.map(|(reason, count)| format!("{count} rows of {} are excused by {reason}", self.releases)).collect()
    }

    fn explain(&mut self, reason: &str) {
        *self.explained.entry(reason.to_owned()).or_default() += 1;
    }

    /// One line for people and for the golden list.
    pub fn line(&self) -> String {
        let mut line = format!("{} releases, {} equal", self.releases, self.equal);
        for (reason, count) in &self.explained {
            write!(line, ", {reason} {count}").unwrap();
        }
        line
    }
}

/// Compares Davit's rows with what Flux applies, in both directions.
pub fn compare(truths: &[Truth], walked: &Walked, resolution: &Resolution) -> Compared {
    let mut compared = Compared { releases: truths.len(), ..Compared::default() };
    let rows: Vec<&Release> = resolution
        .releases
        .iter()
        .map(AsRef::as_ref)
        .filter(|row: &&Release| row.kind == RowKind::HelmRelease && row.kustomization.is_some())
        .collect();
    let mut used = vec![false; rows.len()];
    for truth in truths {
        let found = rows.iter().position(|row| row_id(row) == truth.id()).or_else(|| {
            // A name that hangs on something Davit does not follow: the same document, said otherwise.
            let same = |row: &&Release| match &truth.file {
                Some(file) => row.cluster.as_deref() == Some(&truth.cluster) && *row.file == **file,
                None => row_id(row).starts_with(&format!("{} {}/{} ", truth.cluster, truth.by.0, truth.by.1)),
            };
            let fits = |row: &&Release| same(row) && unnamed(row).is_some();
            rows.iter().enumerate().position(|(number, row)| !used[number] && fits(row))
        });
        let Some(number) = found else {
            absent(truth, walked, resolution, &mut compared);
            continue;
        };
        used[number] = true;
        judge(truth, rows[number], &mut compared);
    }
    for (row, _) in rows.iter().zip(used).filter(|(_, used)| !used) {
        superfluous(row, walked, &mut compared);
    }
    compared
}

fn row_id(row: &Release) -> String {
    let by = row.kustomization.as_ref().map(|by| (by.namespace.clone(), by.name.clone())).unwrap_or_default();
    id(row.cluster.as_deref().unwrap_or_default(), &by, &row.namespace, &row.name)
}

/// The reason why a row's own name may be another one in the cluster.
fn unnamed(row: &Release) -> Option<String> {
    let by = row.kustomization.as_ref()?;
    if [&row.namespace, &row.name, &by.namespace, &by.name].iter().any(|text| text.contains("${")) {
        return Some("name hangs on a variable".to_owned());
    }
    unresolved(row).map(|reason| format!("name: {}", reason.code()))
}

/// The reasons that say "not known from Git" and so excuse a value of the row that differs, each with why. Any other
/// reason claims the values that it stands beside: they must be Flux's.
const EXCUSES: [(Reason, &str); 1] = [(
    Reason::VersionInSubstitution,
    "a variable that Git does not show, or a text composed of several, has no one site",
)];

/// A typed reason that excuses what the row says of its chart.
fn unresolved(row: &Release) -> Option<Reason> {
    let reason = row.problem.as_ref()?.reason;
    EXCUSES.iter().find(|(known, _)| *known == reason).map(|(reason, _)| *reason)
}

/// What is not followed may have set the version, and so the row claims none.
fn unclaimed(row: &Release) -> Option<Reason> {
    let reason = row.problem.as_ref()?.reason;
    let open = matches!(reason, Reason::VersionInPatch | Reason::VersionInComponent);
    (open && row.current.is_none()).then_some(reason)
}

fn judge(truth: &Truth, row: &Release, compared: &mut Compared) {
    let source = row.source.as_ref();
    let named = source.map(|source| format!("{} {}/{}", source.kind.as_str(), source.namespace, source.name));
    let url = source.and_then(|source| source.url.clone());
    let file = truth.file.as_ref().map(|_| row.file.to_string());
    let fields = [
        ("kustomization and name", Some(truth.id()), Some(row_id(row))),
        ("file", truth.file.clone(), file),
        ("chart", truth.chart.clone(), row.chart.clone()),
        ("version", truth.version.clone(), row.current.clone()),
        ("source", truth.source.clone(), named),
        ("URL", truth.url.clone(), url),
    ];
    let different: Vec<_> = fields.iter().filter(|(_, flux, davit)| flux != davit).collect();
    if let Some(problem) = row.problem.as_ref().filter(|problem| problem.reason == Reason::BuildFailed) {
        compared.wrong.push(format!("{}: Flux builds it, and Davit says: {}", truth.id(), problem.message));
        return;
    }
    if different.is_empty() {
        compared.equal += 1;
        compared.raised += usize::from(row.problem.is_none());
        return;
    }
    let elsewhere = row.notes.iter().any(|note| format!("{note:?}").contains("not built in the release's own cluster"));
    // Whose row it is and where it stands does not hang on the version.
    let of_chart = |field: &str| matches!(field, "chart" | "version" | "source" | "URL");
    if let Some(reason) = unresolved(row).filter(|_| different.iter().all(|(field, ..)| of_chart(field))) {
        compared.explain(reason.code());
    } else if let Some(reason) = unclaimed(row).filter(|_| different.iter().all(|(field, ..)| *field == "version")) {
        compared.explain(&format!("no version claimed: {}", reason.code()));
    } else if truth.missing && elsewhere {
        compared.explain("source that nothing builds (a note says so)");
    } else if truth.ambiguous {
        compared.explain("two sources of one name in the cluster");
    } else if let Some(why) = unnamed(row).filter(|_| different.iter().all(|(field, ..)| field.starts_with("kustom"))) {
        compared.explain(&why);
    } else {
        let mut text = format!("{}: ", truth.id());
        for (field, flux, davit) in different {
            write!(text, "{field}: Flux {flux:?}, Davit {davit:?}; ").unwrap();
        }
        write!(text, "problem {:?}", row.problem).unwrap();
        compared.wrong.push(text);
    }
}

/// A release of Flux's output that has no row: Davit must say why of the Kustomization that applies it, or of one above.
fn absent(truth: &Truth, walked: &Walked, resolution: &Resolution, compared: &mut Compared) {
    let mut by = truth.by.clone();
    for _ in 0..8 {
        let applied = walked.applied.iter().find(|applied| {
            applied.cluster == truth.cluster && is_kustomization(&applied.object) && key(&applied.object) == by
        });
        let Some(above) = applied else { break };
        let unresolved = |found: &&Found| {
            Some(&found.file) == above.file.as_ref() && found.problem.reason.status() == Status::Unresolved
        };
        if let Some(found) = resolution.problems.iter().find(unresolved) {
            return compared.explain(&format!("kustomization: {}", found.problem.reason.code()));
        }
        by.clone_from(&above.by);
    }
    compared.wrong.push(format!("{}: Davit has no such row; its file is {:?}", truth.id(), truth.file));
}

/// A row whose Kustomization does not apply it.
fn superfluous(row: &Release, walked: &Walked, compared: &mut Compared) {
    let by = row.kustomization.as_ref().map(|by| (by.namespace.clone(), by.name.clone())).unwrap_or_default();
    let mut failed = walked.failed.iter();
    let failed = failed.find(|failed| Some(&*failed.cluster) == row.cluster.as_deref() && failed.by == by);
    // What substituteFrom names and Git does not show may be in the cluster.
    let unseen = failed.is_some_and(|failed| {
        failed.error.contains("substitute from '") && failed.error.trim_end().ends_with("not found")
    });
    let set = walked.applied.iter().any(|applied| {
        Some(&*applied.cluster) == row.cluster.as_deref()
            && applied.by == by
            && is(&applied.object, "fluxcd.controlplane.io", "ResourceSet")
            && applied.file.as_ref().is_none_or(|file| **file == *row.file)
            && applied.object["spec"].to_string().contains("HelmRelease")
    });
    if unseen {
        compared.explain("its variables are in the cluster alone");
    } else if let Some(failed) = failed.filter(|_| row.problem.is_none()) {
        compared.wrong.push(format!("{}: Davit would raise it, and Flux says: {}", row_id(row), failed.error));
    } else if failed.is_some() {
        compared.explain("Flux can't build its Kustomization");
    } else if set {
        // The build ends at the set; its templates are the operator's to fill in, which no referee here does.
        compared.explain("made by a ResourceSet");
    } else if let Some(reason) = unresolved(row) {
        compared.explain(&format!("not applied: {}", reason.code()));
    } else {
        compared.wrong.push(format!("{}: Flux applies no such release; {row:?}", row_id(row)));
    }
}
