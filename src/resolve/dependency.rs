//! Dependencies of the charts that lie in the repository: `dependencies` of Chart.yaml, and requirements.yaml of the
//! old form. What decides is what source-controller does when it packages such a chart: a lock goes before Chart.yaml,
//! a copy in `charts/` before any download, and without either the range is looked up at each build.

use super::listed::{Entry, id};
use super::path;
use super::row::{Concerns, Weight};
use super::world::{Built, World};
use crate::inventory::{DocumentFacts, Kind, same_repository};
use crate::model::{Annotations, Note, Reason, Release, RowKind};
use crate::yaml::Node;
use std::collections::HashMap;

/// The file that says what a chart depends on, and the lock that goes before it. The old pair wins, as in Helm.
const FILES: [(&str, &str); 2] = [("requirements.yaml", "requirements.lock"), ("Chart.yaml", "Chart.lock")];

/// A row per dependency of every chart of the tree.
pub(super) fn rows(world: &World<'_>) -> Vec<Release> {
    let inventory = world.inventory;
    let charts = inventory.of_kind(Kind::Chart).filter_map(|(file, index, facts)| {
        let (directory, name) = split(inventory.path(file));
        let (_, lock) = FILES.iter().find(|(known, _)| *known == name)?;
        let at = |name: &str| inventory.file(&join(directory, name));
        // Without Chart.yaml it is no chart: Ansible knows a requirements.yaml too. A file has one document.
        let counts = index == 0 && (name == "Chart.yaml" && at(FILES[0].0).is_none_or(|old| !has_list(world, old)))
            || index == 0 && name == FILES[0].0 && at("Chart.yaml").is_some();
        let known = at("Chart.yaml").and_then(|file| inventory.documents(file).first());
        let own = known.and_then(|facts| facts.tree.get("name")?.text());
        let own = own.unwrap_or_else(|| split(directory).1).to_owned();
        counts.then(|| Chart { world, file, facts, directory, name: own, lock: at(lock), users: Vec::new() })
    });
    let mut charts = charts.peekable();
    let packagers = if charts.peek().is_some() { packagers(world) } else { HashMap::new() };
    charts.flat_map(|chart| Chart { users: chart.users(&packagers), ..chart }.rows()).collect()
}

/// By the directory of a chart in a GitRepository: what packages it, and where its `spec` of the chart begins.
type Packagers<'w> = HashMap<String, Vec<(&'w Built, &'static str)>>;

fn packagers<'w>(world: &'w World<'_>) -> Packagers<'w> {
    let charts = world.sources.iter().filter(|source| source.object.kind == Kind::HelmChart);
    let of_releases = world.releases.iter().map(|built| (built, RELEASE));
    let mut packagers: Packagers<'w> = HashMap::new();
    for (built, fields) in of_releases.chain(charts.map(|built| (built, CHART))) {
        if built.object.text(fields.kind) == Some("GitRepository")
            && let Some(directory) = built.object.text(fields.chart).and_then(|chart| path::join("", chart))
        {
            packagers.entry(directory).or_default().push((built, fields.base));
        }
    }
    packagers
}

/// Where a release, or a HelmChart, says which chart it wants.
#[derive(Clone, Copy)]
struct Fields {
    base: &'static str,
    chart: &'static str,
    kind: &'static str,
}

const RELEASE: Fields =
    Fields { base: "spec.chart.spec", chart: "spec.chart.spec.chart", kind: "spec.chart.spec.sourceRef.kind" };
const CHART: Fields = Fields { base: "spec", chart: "spec.chart", kind: "spec.sourceRef.kind" };

/// Whether a file holds a list of dependencies.
fn has_list(world: &World<'_>, file: usize) -> bool {
    world.inventory.documents(file).first().is_some_and(|facts| facts.kind == Kind::Chart)
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// One chart of the repository.
struct Chart<'c, 'w> {
    world: &'c World<'w>,
    /// The file with its dependencies.
    file: usize,
    facts: &'c DocumentFacts,
    directory: &'c str,
    name: String,
    lock: Option<usize>,
    /// What packages it, and whether a new version of the chart itself is waited for.
    users: Vec<(String, bool)>,
}

impl Chart<'_, '_> {
    fn rows(&self) -> Vec<Release> {
        let dependencies = self.facts.tree.get("dependencies").map(Node::items).unwrap_or_default();
        let named = dependencies.iter().filter_map(|node| Some((node, text(node, "name")?)));
        named.map(|(node, name)| self.row(node, name, dependencies.len())).collect()
    }

    fn row(&self, node: &Node, name: &str, all: usize) -> Release {
        let alias = text(node, "alias");
        let entry = Entry {
            kind: RowKind::ChartDependency,
            namespace: String::new(),
            name: format!("{}:{}", self.name, alias.unwrap_or(name)),
            file: self.file,
            line: node.line,
            node,
            chart: name,
            repository: text(node, "repository").unwrap_or_default(),
            reader: "Flux, like Helm,",
        };
        let place = entry.place(self.world);
        let mut concerns = Concerns::default();
        let lookup = match entry.repository {
            local if local.is_empty() || local.starts_with("file://") => {
                let message = format!("{place}: {name} lies in this repository ({local}) and moves with it");
                concerns.add(Weight::Source, Reason::ChartInGit, message.replace(" ()", ""));
                None
            }
            named if named.starts_with('@') || named.starts_with("alias:") => {
                let message = format!(
                    "{place} names the repository {named}, which only a person's Helm knows, and Flux refuses: write its URL"
                );
                concerns.add(Weight::Source, Reason::SourceUnsupported, message);
                None
            }
            _ => entry.ask(&place, &mut concerns),
        };
        if lookup.is_some()
            && let Some(why) = self.fixed(name, alias, all)
        {
            concerns.add(Weight::Say, Reason::ChartLock, format!("{place}: {why}"));
        }
        let mut row = entry.row(self.world, None, lookup, self.notes(node), concerns);
        row.annotations = self.world.pools.annotations.one(self.annotations());
        row
    }

    /// What decides instead of Chart.yaml.
    fn fixed(&self, name: &str, alias: Option<&str>, all: usize) -> Option<String> {
        let inventory = self.world.inventory;
        if let Some(lock) = self.lock {
            let listed = inventory.documents(lock).first().and_then(|facts| facts.tree.get("dependencies"));
            let mut locked = listed.map(Node::items).unwrap_or_default().iter();
            let version = locked.find(|node| text(node, "name") == Some(name)).and_then(|node| text(node, "version"));
            let pins = version.map(|version| format!(" pins {version} and")).unwrap_or_default();
            let lock = inventory.path(lock);
            return Some(format!("{lock}{pins} goes before it; `helm dependency update` makes the two agree"));
        }
        let copies = self.copies();
        let copy = copies.iter().find(|(of, _)| *of == alias.unwrap_or(name));
        // source-controller downloads nothing where there are as many copies as dependencies.
        let copy = copy.or_else(|| copies.first().filter(|_| copies.len() == all));
        if let Some((_, copy)) = copy {
            return Some(format!("{copy} is a copy that is packaged as it lies; `helm dependency update` replaces it"));
        }
        let (above, charts) = split(self.directory.strip_suffix(&format!("/{}", split(self.directory).1))?);
        let parent = join(above, "Chart.yaml");
        let inside = charts == "charts" && inventory.file(&parent).is_some();
        inside.then(|| format!("the chart is a copy inside the one of {parent}, and packaged as it lies"))
    }

    /// The charts in `charts/`: name and path.
    fn copies(&self) -> Vec<(&str, &str)> {
        let inventory = self.world.inventory;
        let Some(charts) = inventory.directory(&join(self.directory, "charts")) else { return Vec::new() };
        let archives = charts.files.iter().map(|file| inventory.path(*file)).filter_map(|path| {
            let stem = split(path).1.strip_suffix(".tgz")?;
            // `redis-17.0.0.tgz`; a name may hold dashes, and so may a version.
            let numbers = stem.match_indices('-').map(|(at, _)| at);
            let at = numbers.into_iter().find(|at| crate::model::Version::strict(&stem[at + 1..]).is_some())?;
            Some((&stem[..at], path))
        });
        let unpacked = charts.directories.iter().filter(|path| inventory.file(&join(path, "Chart.yaml")).is_some());
        archives.chain(unpacked.map(|path| (split(path).1, path.as_str()))).collect()
    }

    fn notes(&self, node: &Node) -> Vec<Note> {
        let mut notes = Vec::new();
        if let Some(condition) = text(node, "condition") {
            notes.push(Note::Other(format!("taken only where the chart's value {condition} is true")));
        }
        for (user, waits) in &self.users {
            let waits = if *waits {
                ", anew only when the chart's own version changes (reconcileStrategy is not Revision): raise it too"
            } else {
                ""
            };
            notes.push(Note::Other(format!("{user} packages the chart{waits}")));
        }
        if self.users.is_empty() {
            notes.push(Note::Other("no HelmRelease of this repository uses the chart".to_owned()));
        }
        notes
    }

    /// `davit.dev/…` of Chart.yaml.
    fn annotations(&self) -> Annotations {
        let all = self.facts.tree.get("annotations").map(Node::pairs).unwrap_or_default();
        Annotations::of(all.into_iter().filter_map(|(key, value)| Some((key, value.text()?))))
    }

    /// The releases and HelmCharts that package this chart out of this repository.
    fn users(&self, packagers: &Packagers<'_>) -> Vec<(String, bool)> {
        let world = self.world;
        let mut users: Vec<(String, bool)> = Vec::new();
        for (built, base) in packagers.get(self.directory).map(Vec::as_slice).unwrap_or_default() {
            let object = &built.object;
            let text = |field: &str| object.text(&format!("{base}.{field}"));
            let namespace = text("sourceRef.namespace").unwrap_or_else(|| object.namespace());
            if !self.is_ours(text("sourceRef.name").unwrap_or_default(), namespace) {
                continue;
            }
            let cluster = built.context.as_ref().map(|context| format!(" of {}", context.cluster)).unwrap_or_default();
            let user = format!("{} {}{cluster} ({})", object.kind.as_str(), id(object), world.place(object));
            if !users.iter().any(|(known, _)| *known == user) {
                users.push((user, text("reconcileStrategy") != Some("Revision")));
            }
        }
        users
    }

    /// Whether a GitRepository is this repository, as far as the tree says.
    fn is_ours(&self, name: &str, namespace: &str) -> bool {
        let named = self.world.sources.iter().map(|source| &source.object).filter(|object| {
            object.kind == Kind::GitRepository && object.name() == name && object.namespace() == namespace
        });
        let mut urls = named.filter_map(|object| object.text("spec.url")).peekable();
        match (&self.world.url, urls.peek()) {
            (Some(ours), Some(_)) => urls.any(|theirs| same_repository(ours, theirs)),
            // As for a Kustomization: what is not known is taken for this repository, where the path exists.
            _ => true,
        }
    }
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key)?.text().filter(|text| !text.is_empty())
}

#[cfg(test)]
#[path = "dependency_tests.rs"]
mod tests;
