//! One row per cluster, Flux Kustomization, namespace and name: the release with its chart, its version's bytes, and the
//! reason where nothing can be proposed.

use super::chart::{self, Chart};
use super::layer::At;
use super::patch_reach::Aspect;
use super::sources::Sources;
use super::version;
use super::world::{Built, World};
use crate::inventory::{Kind, MarkerKind, SiteFacts};
use crate::model::{Annotations, Note, NsName, Problem, Reason, Release, RowKind, Site, shown};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How much a concern hides others: the smallest is the row's reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    NotBuilt,
    Unreadable,
    Ambiguous,
    Say,
    Invalid,
    Substitution,
    Source,
    Version,
    Suspended,
    ImageAutomation,
    Floating,
    NotEditable,
}

/// Why nothing can be proposed, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Concerns(Vec<(Weight, Problem)>);

impl Concerns {
    pub(super) fn add(&mut self, weight: Weight, reason: Reason, message: impl Into<String>) {
        self.0.push((weight, Problem::new(reason, message)));
    }

    pub(super) fn push(&mut self, weight: Weight, problem: Problem) {
        self.0.push((weight, problem));
    }

    /// The one that hides the others; the first of equals.
    fn first(self) -> Option<Problem> {
        self.0.into_iter().min_by_key(|(weight, _)| *weight).map(|(_, problem)| problem)
    }
}

/// Every row, sorted: those of the releases, then those of chart sources that no release uses.
pub(super) fn rows(world: &World<'_>) -> Vec<Arc<Release>> {
    let sources = Sources::new(world);
    let mut used = HashSet::new();
    let mut rows = Vec::new();
    for (built, twins) in distinct(&world.releases) {
        rows.push(Arc::new(row(world, &sources, built, &twins, &mut used)));
    }
    let unclaimed = world.sources.iter().filter(|built| is_chart(built) && !used.contains(&built.object.at));
    for (built, twins) in distinct(unclaimed) {
        rows.push(Arc::new(row(world, &sources, built, &twins, &mut HashSet::new())));
    }
    rows.sort_by(|a, b| order(a).cmp(&order(b)));
    rows
}

/// Flux rule 9, as far as Git shows it: an OCI artifact of another kind is none of Davit's business.
fn is_chart(source: &Built<'_>) -> bool {
    let facts = source.object.facts;
    facts.kind == Kind::HelmChart || version::is_helm_layer(facts)
}

fn order(row: &Release) -> (Option<&str>, Option<&NsName>, &str, &str, &str, u32) {
    (row.cluster.as_deref(), row.kustomization.as_ref(), &row.namespace, &row.name, &row.file, row.line)
}

/// Which row a release is: cluster, Kustomization, namespace, name; without a Kustomization, its document.
type Key = (Kind, Option<(String, NsName)>, String, String, Option<At>);

/// One release per row, with the other documents that claim the same row.
fn distinct<'w, 'a: 'w>(all: impl IntoIterator<Item = &'w Built<'a>>) -> Vec<(&'w Built<'a>, Vec<At>)> {
    let mut numbers: HashMap<Key, usize> = HashMap::new();
    let mut rows: Vec<(&Built<'a>, Vec<At>)> = Vec::new();
    for built in all {
        let object = &built.object;
        let by = built.context.as_ref().map(|context| (context.cluster.clone(), context.id.clone()));
        let at = by.is_none().then_some(object.at);
        let key = (object.facts.kind, by, object.namespace().to_owned(), object.name().to_owned(), at);
        match numbers.get(&key).and_then(|number| rows.get_mut(*number)) {
            None => {
                numbers.insert(key, rows.len());
                rows.push((built, Vec::new()));
            }
            Some((first, twins)) if first.object.at != object.at => twins.push(object.at),
            Some((first, _)) if first.object.says.len() < object.says.len() => *first = built,
            Some(_) => {}
        }
    }
    rows
}

fn row(
    world: &World<'_>,
    sources: &Sources<'_, '_>,
    built: &Built<'_>,
    twins: &[At],
    used: &mut HashSet<At>,
) -> Release {
    let facts = built.object.facts;
    let place = world.place(built.object.at, facts);
    let mut concerns = Concerns::default();
    standing(world, built, &place, twins, &mut concerns);
    let chart = chart::of(world, sources, built, &mut concerns);
    used.extend(&chart.used);
    let mut notes = Vec::new();
    if let Some(assumed) = built.context.as_ref().and_then(|context| context.assumed.clone()) {
        notes.push(Note::AssumedSource(shown(&assumed).into_owned()));
    }
    notes.extend(named_by_variables(built));
    notes.extend(chart.notes.iter().cloned());
    let site = site(world, &chart, &mut notes, &mut concerns);
    let digest_site = digest_site(world, &chart, &mut concerns);
    let hidden = |aspect: Aspect| {
        let says = built.context.iter().flat_map(|context| &context.says).chain(&built.object.says);
        says.chain(&chart.says).any(|say| say.aspect == aspect || say.aspect == Aspect::Build)
    };
    let (no_version, no_source) = (hidden(Aspect::Version), hidden(Aspect::Source));
    Release {
        kind: match facts.kind {
            Kind::OciRepository => RowKind::OciRepository,
            Kind::HelmChart => RowKind::HelmChart,
            _ => RowKind::HelmRelease,
        },
        cluster: built.context.as_ref().map(|context| context.cluster.clone()),
        kustomization: built.context.as_ref().map(|context| context.id.clone()),
        namespace: built.object.namespace().to_owned(),
        name: built.object.name().to_owned(),
        file: world.inventory.path(built.object.at.0).to_owned(),
        line: facts.line,
        chart: chart.name.clone().filter(|_| !no_source),
        source: chart.source.clone().filter(|_| !no_source),
        site: site.filter(|_| !no_version),
        digest_site: digest_site.filter(|_| !no_version),
        current: chart.current.clone().filter(|_| !no_version),
        chart_kind: chart.kind,
        lookup: chart.lookup.clone().filter(|_| !no_source && !no_version && !chart.substituted),
        annotations: annotations(&chart, built),
        notes,
        credentials: chart.credentials.clone(),
        problem: concerns.first(),
    }
}

/// What the place of the release in the tree says, before its chart is looked at.
fn standing(world: &World<'_>, built: &Built<'_>, place: &str, twins: &[At], concerns: &mut Concerns) {
    let facts = built.object.facts;
    if built.context.is_none() && world.rooted {
        if let Some(lost) = world.lost.iter().find(|lost| super::path::within(&lost.within, place)) {
            let message =
                format!("it may be built by the Kustomization at {}, whose directory is not known", lost.origin);
            concerns.add(Weight::NotBuilt, lost.reason, message);
        } else {
            let message = "no Flux Kustomization of this repository builds its file";
            concerns.add(Weight::NotBuilt, Reason::NotBuilt, message);
        }
    }
    if facts.kind == Kind::HelmReleaseFlux1 {
        let message = "it is a HelmRelease of Flux 1 (helm.fluxcd.io), which Flux 2 does not read";
        concerns.add(Weight::Unreadable, Reason::InvalidRelease, message);
    }
    if let Some(set) = &facts.resource_set {
        let message = format!("it is a template of the ResourceSet {set}, which is not followed yet");
        concerns.add(Weight::Unreadable, Reason::ResourceSet, message);
    }
    if facts.encrypted {
        concerns.add(
            Weight::Unreadable,
            Reason::Encrypted,
            "its file is encrypted with SOPS, and ciphertext is never edited",
        );
    }
    if let Some((context, artifact)) = built.context.as_ref().and_then(|c| Some((c, c.artifact.as_ref()?))) {
        let message = format!(
            "Kustomization {} ({}) builds it out of the artifact {artifact}, which is not followed to the end yet",
            context.id, context.origin
        );
        concerns.add(Weight::Unreadable, Reason::ArtifactGenerator, message);
    }
    if !twins.is_empty() {
        let places = twins.iter().filter_map(|at| Some(world.place(*at, world.inventory.documents(at.0).get(at.1)?)));
        let places = places.collect::<Vec<_>>().join(", ");
        concerns.add(Weight::Ambiguous, Reason::ReleaseAmbiguous, format!("{place} and {places} are the same release"));
    }
    for say in built.context.iter().flat_map(|context| &context.says).chain(&built.object.says) {
        concerns.add(Weight::Say, say.reason, &say.message);
    }
    if facts.is_true("spec.suspend") {
        concerns.add(Weight::Suspended, Reason::Suspended, "spec.suspend of the release is true");
    }
    if let Some(context) = built.context.as_ref().filter(|context| context.suspended) {
        let message = format!("spec.suspend of its Kustomization {} is true ({})", context.id, context.origin);
        concerns.add(Weight::Suspended, Reason::Suspended, message);
    }
}

/// A name that hangs on substitution moves no version: worth a word, no more (Flux rule 12).
fn named_by_variables(built: &Built<'_>) -> impl Iterator<Item = Note> {
    [("namespace", built.object.namespace()), ("name", built.object.name())].into_iter().filter_map(|(what, text)| {
        let variable = version::variable(text)?;
        Some(Note::Other(format!("its {what} {text} hangs on the variable {variable}")))
    })
}

/// The version's bytes, with what other bots say of them.
fn site(world: &World<'_>, chart: &Chart, notes: &mut Vec<Note>, concerns: &mut Concerns) -> Option<Site> {
    let (file, facts) = chart.site.as_ref()?;
    let path = world.inventory.path(*file);
    let Some(site) = at(path, facts) else {
        concerns.add(Weight::NotEditable, Reason::NotEditable, format!("{path}{}", facts.refusal));
        return None;
    };
    if !facts.shared.is_empty() {
        notes.push(Note::SharedAnchor(facts.shared.join(", ")));
    }
    let markers = world.inventory.files.get(*file).map(|(_, facts)| facts.markers.as_slice()).unwrap_or_default();
    for marker in markers {
        match marker.kind {
            MarkerKind::ImagePolicy if marker.line == site.line => {
                let message = format!("the version belongs to Flux image automation: {}", marker.text);
                concerns.add(Weight::ImageAutomation, Reason::ImageAutomation, message);
            }
            MarkerKind::Renovate if marker.line < site.line && site.line - marker.line <= 3 => {
                notes.push(Note::RenovateHint(marker.text.clone()));
            }
            _ => {}
        }
    }
    Some(site)
}

/// The bytes of the digest beside the tag (Flux rule 6): without them the tag can't move either.
fn digest_site(world: &World<'_>, chart: &Chart, concerns: &mut Concerns) -> Option<Box<Site>> {
    let (file, facts) = chart.digest_site.as_ref()?;
    let path = world.inventory.path(*file);
    let site = at(path, facts);
    if site.is_none() {
        concerns.add(Weight::NotEditable, Reason::NotEditable, format!("{path}{}", facts.refusal));
    }
    site.map(Box::new)
}

/// The site in its file.
fn at(file: &str, facts: &SiteFacts) -> Option<Site> {
    facts.site.clone().map(|site| Site { file: file.to_owned(), ..site })
}

/// The release's own annotations, else its source's.
fn annotations(chart: &Chart, built: &Built<'_>) -> Annotations {
    let get = |key: &str| {
        let key = format!("davit.dev/{key}");
        let own = built.object.facts.annotation(&key).map(str::to_owned);
        own.or_else(|| chart.annotations.get(&key).cloned())
    };
    Annotations {
        range: get("range"),
        bump: get("bump"),
        ignore: get("ignore"),
        minimum_age: get("minimum-age"),
        group: get("group"),
        enabled: get("enabled"),
    }
}
