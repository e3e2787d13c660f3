//! One row per cluster, Flux Kustomization, namespace and name: the release with its chart, its version's bytes, and the
//! reason where nothing can be proposed.

use super::chart::{self, Chart};
use super::dependency;
use super::entrusted::{self, Entrusted};
use super::inflation;
use super::memo::{Climate, Group, Recall, Row, Whose};
use super::neighbours::Name;
use super::object::At;
use super::patch_reach::Aspect;
use super::site;
use super::sources::Sources;
use super::unapplied;
use super::value::{Origin, Ref};
use super::version;
use super::world::{Built, World};
use crate::inventory::Kind;
use crate::model::{Annotations, CrdUpgrade, Frame, Note, NsName, Problem, Reason, Release, RowKind, Site, shown};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// How much a concern hides others: the smallest is the row's reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    NotBuilt,
    Fault,
    Unreadable,
    Ambiguous,
    Say,
    Invalid,
    Substitution,
    Source,
    Version,
    Elsewhere,
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

    /// Whether the version is one that Flux moves by itself.
    pub(super) fn floats(&self) -> bool {
        self.0.iter().any(|(weight, _)| *weight == Weight::Floating)
    }

    /// The one that would be first if the version did not lie in another repository.
    fn beneath(&self) -> Option<(Weight, Problem)> {
        self.0.iter().filter(|(weight, _)| *weight != Weight::Elsewhere).min_by_key(|(weight, _)| *weight).cloned()
    }

    /// The one that hides the others; the first of equals.
    pub(super) fn first(self) -> Option<Problem> {
        self.0.into_iter().min_by_key(|(weight, _)| *weight).map(|(_, problem)| problem)
    }
}

/// Every row, and what the other repositories may want to know of them.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) releases: Vec<Arc<Release>>,
    /// Sources that a release uses.
    pub(super) used: HashSet<At>,
    /// Sources of others, with who uses them.
    lent: BTreeMap<At, BTreeSet<String>>,
    /// Sources that this repository does not build.
    pub(super) wants: BTreeSet<Name>,
    /// Versions that others hold.
    pub(super) entrusted: Vec<Arc<Entrusted>>,
    /// Rows wait for a neighbour's first look.
    pub(super) waits: bool,
}

/// Most users of a source of another repository that are named.
const USERS_NAMED: usize = 20;

impl Rows {
    fn add(&mut self, world: &World<'_>, release: &Release, used: &[At], wants: &[Name]) {
        self.wants.extend(wants.iter().cloned());
        self.waits |= waits(release);
        for at in used.iter().filter(|at| world.inventory.is_elsewhere(at.0)) {
            let own = world.neighbours.own.as_ref().map_or("", |own| &*own.name);
            let user = format!("{} ({own}:{}:{})", release.id(), release.file, release.line);
            self.lent.entry(*at).or_default().insert(user);
        }
    }

    /// Whose sources are used: member, path, document; by whom.
    pub(super) fn uses(&self, world: &World<'_>) -> BTreeMap<(u32, Arc<str>, usize), Vec<String>> {
        let uses = self.lent.iter().filter_map(|((file, document), users)| {
            let (member, path) = world.inventory.elsewhere(*file)?.name.split_once(':')?;
            let owner = world.neighbours.others.iter().find(|other| *other.member.name == *member)?.member.number;
            let mut named: Vec<String> = users.iter().take(USERS_NAMED).cloned().collect();
            named.extend((users.len() > USERS_NAMED).then(|| format!("and {} more", users.len() - USERS_NAMED)));
            Some(((owner, Arc::from(path), *document), named))
        });
        uses.collect()
    }
}

/// Every row, in no order yet: those of the releases, those of chart sources that no release uses, and versions that no
/// object of Flux holds.
pub(super) fn rows(world: &World<'_>, recall: &mut Recall) -> Rows {
    let sources = Sources::new(world);
    let (url, standing) = (world.url.clone(), world.me.standing.clone());
    let (lost, hidden) = (world.lost.clone(), world.hidden.clone());
    let (waiting, unapplied) = (world.waiting.clone(), world.unapplied.clone());
    let climate = Climate { url, rooted: world.rooted, lost, standing, hidden, waiting, unapplied };
    let moved = recall.begin_rows(climate, &world.sources);
    let mut all = Rows::default();
    for (whose, members) in grouped(&world.releases) {
        group(world, &sources, (whose, members), (recall, &moved), &mut all);
    }
    let chart = |built: &Built| is_chart(built) || is_version(built) && !users(world, built.object.at).is_empty();
    let unclaimed = world.sources.iter().filter(|built| chart(built) && !all.used.contains(&built.object.at));
    let (unclaimed, used) = (unclaimed.collect::<Vec<_>>(), all.used.clone());
    group(world, &sources, (Whose::Nobody, unclaimed), (recall, &moved), &mut all);
    let mut rows = std::mem::take(&mut all.releases);
    rows.extend(dependency::rows(world).into_iter().chain(inflation::rows(world)).map(Arc::new));
    all.used = used;
    Rows { releases: rows, ..all }
}

/// Puts the rows in their order, with what others entrusted among them.
pub(super) fn settle(rows: &mut Vec<Arc<Release>>, recall: &mut Recall) {
    sort(rows, recall);
    framed_alike(rows);
    digests_alike(rows);
}

/// Sorts the rows. Those of the last resolving keep its order; only the new ones are compared.
fn sort(rows: &mut Vec<Arc<Release>>, recall: &mut Recall) {
    let places = recall.places();
    let (mut known, mut new) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows.drain(..) {
        match places.get(&Arc::as_ptr(&row)) {
            Some(place) => known.push((*place, row)),
            None => new.push(row),
        }
    }
    known.sort_by_key(|(place, _)| *place);
    new.sort_by(|a, b| order(a).cmp(&order(b)));
    let mut rest = known.as_slice();
    for row in new {
        let before = rest.partition_point(|(_, other)| order(other) < order(&row));
        rows.extend(rest[..before].iter().map(|(_, row)| row.clone()));
        rows.push(row);
        rest = &rest[before..];
    }
    rows.extend(rest.iter().map(|(_, row)| row.clone()));
    recall.keep_order(rows);
}

/// Who of the other repositories uses a document of this one.
fn users<'w>(world: &'w World<'_>, (file, document): At) -> &'w [&'w str] {
    world.abroad.users(world.inventory.path(file), document)
}

/// Whether a source holds a version of its own.
fn is_version(source: &Built) -> bool {
    matches!(source.object.kind, Kind::HelmChart | Kind::OciRepository)
}

/// The releases of each Flux Kustomization, in the order of the build.
fn grouped(all: &[Built]) -> Vec<(Whose, Vec<&Built>)> {
    let mut groups: Vec<(Whose, Vec<&Built>)> = Vec::new();
    let mut numbers: HashMap<Option<(&str, &NsName)>, usize> = HashMap::new();
    let mut last: Option<(&Built, usize)> = None;
    for built in all {
        let of = |built: &Built| built.context.as_ref().map(Arc::as_ptr);
        let number = match last {
            Some((before, number)) if of(before) == of(built) => number,
            _ => {
                let by = built.context.as_ref().map(|context| (&*context.cluster, &context.id));
                let next = groups.len();
                let number = *numbers.entry(by).or_insert(next);
                if number == next {
                    let whose = by.map(|(cluster, id)| (cluster.to_owned(), id.clone()));
                    groups.push((whose.map_or(Whose::Unbuilt, Whose::Kustomization), Vec::new()));
                }
                number
            }
        };
        last = Some((built, number));
        groups[number].1.push(built);
    }
    groups
}

/// The rows of one Kustomization: as they were, if nothing that any of them hangs on changed.
fn group(
    world: &World<'_>,
    sources: &Sources<'_>,
    (whose, members): (Whose, Vec<&Built>),
    (recall, moved): (&mut Recall, &HashSet<(Kind, String)>),
    all: &mut Rows,
) {
    let earlier = recall.group(&whose);
    if recall.stands_whole(&earlier, &members, moved) {
        for row in &earlier.rows {
            all.used.extend(&row.used);
        }
        all.wants.extend(earlier.rows.iter().flat_map(|row| &row.wants).cloned());
        all.entrusted.extend(earlier.rows.iter().filter_map(|row| row.entrusted.clone()));
        all.waits |= earlier.waits;
        all.releases.extend(earlier.rows.iter().map(|row| row.release.clone()));
        return recall.keep_group(whose, earlier);
    }
    let (mut earlier, mut now) = (earlier.by_document(), Group::of(&members));
    for (built, twins) in distinct(members) {
        let alone = twins.is_empty();
        let known = alone.then(|| recall.row(&mut earlier, built, moved)).flatten();
        let row = known.unwrap_or_else(|| {
            let (release, chart, entrusted) = row(world, sources, built, &twins);
            let (asked, reads) = (sources.asked(), world.reads.take());
            let Chart { used, wants, .. } = chart;
            Row { built: built.clone(), asked, reads, used, wants, entrusted, release: Arc::new(release) }
        });
        all.used.extend(&row.used);
        all.add(world, &row.release, &row.used, &row.wants);
        all.entrusted.extend(row.entrusted.clone());
        all.releases.push(row.release.clone());
        // What hangs on other documents' lines, or is told to other repositories, is looked at each time.
        now.whole &= alone && !row.used.iter().any(|at| world.inventory.is_elsewhere(at.0));
        now.waits |= waits(&row.release);
        if alone {
            now.rows.push(row);
        }
    }
    recall.keep_group(whose, now);
}

/// Whether the row waits for a neighbour's first look.
fn waits(release: &Release) -> bool {
    release.problem.as_ref().is_some_and(|problem| problem.reason == Reason::RepositoryUnread)
}

/// One variable with different fixed text around it can't be set for all of its readers.
fn framed_alike(rows: &mut [Arc<Release>]) {
    let mut frames: HashMap<(Arc<str>, usize), Vec<Option<Frame>>> = HashMap::new();
    let key = |row: &Release| row.site.as_ref().map(|site| (site.file.clone(), site.start));
    if rows.iter().all(|row| row.frame.is_none()) {
        return;
    }
    for row in rows.iter() {
        if let Some(key) = key(row) {
            frames.entry(key).or_default().push(row.frame.as_deref().cloned());
        }
    }
    for row in rows.iter_mut() {
        let mixed = key(row).and_then(|key| frames.get(&key)).is_some_and(|known| known.iter().any(|f| *f != known[0]));
        if mixed && row.problem.is_none() {
            let message = format!("{} reads a variable that others read with other text around it", row.id());
            Arc::make_mut(row).problem = Some(Problem::new(Reason::NotEditable, message));
        }
    }
}

/// Who reads a tag with a digest beside it, and that digest's bytes where they can move along.
type Reader = (NsName, Option<Box<Site>>);

/// Flux rule 6: where one reader of a tag has a digest beside it, it moves in the same edit, or the tag stays for all.
fn digests_alike(rows: &mut [Arc<Release>]) {
    if rows.iter().all(|row| row.digest_site.is_none() && !row.digest_stays) {
        return;
    }
    let key = |row: &Release| row.site.as_ref().map(|site| (site.file.clone(), site.start));
    let mut digests: HashMap<(Arc<str>, usize), Vec<Reader>> = HashMap::new();
    for row in rows.iter().filter(|row| row.has_a_say() && (row.digest_site.is_some() || row.digest_stays)) {
        if let Some(key) = key(row) {
            digests.entry(key).or_default().push((row.id(), row.digest_site.clone()));
        }
    }
    for row in rows.iter_mut() {
        let Some(known) = key(row).and_then(|key| digests.get(&key)) else { continue };
        let stays = if let Some((id, _)) = known.iter().find(|(_, digest)| digest.is_none()) {
            Some(format!("{id} reads the same tag with a digest beside it, which can't move in the same edit"))
        } else {
            let other = known.iter().find(|(_, digest)| *digest != known[0].1);
            other.map(|(id, _)| {
                format!("{} and {id} read the same tag with a digest each: one edit moves one", known[0].0)
            })
        };
        match stays {
            Some(why) if !row.digest_stays || row.problem.is_none() => {
                let row = Arc::make_mut(row);
                row.digest_stays = true;
                row.problem.get_or_insert_with(|| Problem::new(Reason::HeldByConsumer, why));
            }
            None if row.digest_site.is_none() => Arc::make_mut(row).digest_site.clone_from(&known[0].1),
            _ => {}
        }
    }
}

/// Flux rule 9, as far as Git shows it: an OCI artifact of another kind is none of Davit's business.
fn is_chart(source: &Built) -> bool {
    source.object.kind == Kind::HelmChart || version::is_helm_layer(&source.object)
}

type Order<'r> = (Option<&'r str>, Option<&'r NsName>, [&'r str; 3], u32, RowKind, Option<usize>);

/// No two rows are equal in it, whatever the order that they were built in.
fn order(row: &Release) -> Order<'_> {
    let names = [&*row.namespace, &*row.name, &*row.file];
    let start = row.site.as_ref().map(|site| site.start);
    (row.cluster.as_deref(), row.kustomization.as_deref(), names, row.line, row.kind, start)
}

/// Which row a release is: cluster, Kustomization, namespace, name; without a Kustomization, its document.
type Key<'w> = (Kind, Option<(&'w str, &'w NsName)>, &'w str, &'w str, Option<At>);

/// One release per row, with the other documents that claim the same row.
fn distinct<'w>(all: impl IntoIterator<Item = &'w Built>) -> Vec<(&'w Built, Vec<At>)> {
    let mut numbers: HashMap<Key<'w>, usize> = HashMap::new();
    let mut rows: Vec<(&Built, Vec<At>)> = Vec::new();
    for built in all {
        let object = &built.object;
        let by = built.context.as_ref().map(|context| (&*context.cluster, &context.id));
        let at = by.is_none().then_some(object.at);
        let next = rows.len();
        let number = *numbers.entry((object.kind, by, object.namespace(), object.name(), at)).or_insert(next);
        match rows.get_mut(number) {
            None => rows.push((built, Vec::new())),
            Some((first, twins)) if first.object.at != object.at => twins.push(object.at),
            Some((first, _)) if first.object.says.len() < object.says.len() => *first = built,
            Some(_) => {}
        }
    }
    rows
}

/// The row, its chart, and what of it another repository is to raise.
fn row(
    world: &World<'_>,
    sources: &Sources<'_>,
    built: &Built,
    twins: &[At],
) -> (Release, Chart, Option<Arc<Entrusted>>) {
    let facts = &built.object;
    let place = world.place(facts);
    let mut concerns = Concerns::default();
    standing(world, built, &place, twins, &mut concerns);
    let chart = chart::of(world, sources, built, &mut concerns);
    let annotations = annotations(&chart, built);
    let mut notes: Vec<Note> = idle(&annotations).collect();
    if let Some(assumed) = built.context.as_ref().and_then(|context| context.assumed.clone()) {
        notes.push(Note::AssumedSource(shown(&assumed).into_owned()));
    }
    notes.extend(named_by_variables(built));
    notes.extend(chart.notes.iter().cloned());
    notes.extend(used_elsewhere(world, &chart.used));
    let placed =
        chart.site.as_ref().map(|origin| site::place(world, origin, chart.substituted, &mut notes, &mut concerns));
    let placed = placed.unwrap_or_default();
    unapplied::judge(world, built, placed.site.as_ref(), &mut concerns);
    waits_beside(world, built, chart.site.as_ref(), &mut concerns);
    let digest = (chart.digest.as_ref(), chart.substituted);
    let digest_site = digest_site(world, digest, placed.site.as_ref(), &mut concerns);
    let mut chain = built.object.steps.clone();
    chain.extend(chart.steps.iter().cloned());
    let hidden = |aspect: Aspect| {
        let says = built.context.iter().flat_map(|context| &context.says).chain(&built.object.says);
        says.chain(&chart.says).any(|say| say.aspect == aspect || say.aspect == Aspect::Build)
    };
    let (no_version, no_source) = (hidden(Aspect::Version), hidden(Aspect::Source));
    let pools = &world.pools;
    let beneath = concerns.beneath();
    let release = Release {
        kind: match facts.kind {
            Kind::OciRepository => RowKind::OciRepository,
            Kind::HelmChart => RowKind::HelmChart,
            _ => RowKind::HelmRelease,
        },
        cluster: built.context.as_ref().map(|context| pools.texts.one(context.cluster.as_str())),
        kustomization: built.context.as_ref().map(|context| pools.names.one(context.id.clone())),
        namespace: built.object.namespace().to_owned(),
        name: built.object.name().to_owned(),
        file: pools.texts.one(world.inventory.path(built.object.at.0)),
        line: facts.line,
        chart: chart.name.clone().filter(|_| !no_source),
        source: chart.source.clone().filter(|_| !no_source).map(|source| pools.sources.one(source)),
        site: placed.site.filter(|_| !no_version),
        digest_stays: chart.digest_beside && digest_site.is_none(),
        digest_site: digest_site.filter(|_| !no_version),
        frame: placed.frame,
        current: chart.current.clone().filter(|_| !no_version),
        chart_kind: chart.kind,
        lookup: chart
            .lookup
            .clone()
            .filter(|_| !no_source && !no_version && !chart.unknown)
            .map(|lookup| pools.lookups.one(lookup)),
        annotations: pools.annotations.one(annotations),
        notes,
        chain,
        crds: facts.text("spec.upgrade.crds").map(CrdUpgrade::parse).unwrap_or_default(),
        credentials: chart.credentials.clone().map(|source| pools.credentials.one(source)),
        problem: concerns.first(),
    };
    let elsewhere = release.problem.as_ref().is_some_and(|problem| problem.reason == Reason::InAnotherRepository);
    let entrusted = elsewhere.then(|| entrusted::of(world, built, &chart, &release, beneath)).flatten();
    (release, chart, entrusted)
}

/// What the place of the release in the tree says, before its chart is looked at.
fn standing(world: &World<'_>, built: &Built, place: &str, twins: &[At], concerns: &mut Concerns) {
    let facts = &built.object;
    if let Some(fault) = built.context.as_ref().and_then(|context| context.fault.as_ref()).or(built.fault.as_deref()) {
        let message = format!("Flux can't build {place}: {}: {}", fault.place, fault.message);
        concerns.add(Weight::Fault, Reason::BuildFailed, message);
    }
    if built.context.is_none() && world.rooted {
        if let Some(lost) = world.lost.iter().find(|lost| super::path::within(&lost.within, place)) {
            concerns.add(Weight::NotBuilt, lost.reason, &lost.message);
        } else {
            let hidden = world.hidden.get(&facts.at.0).map(|by| format!(": Flux does not see it, {by} leaves it out"));
            let alone = world.neighbours.others.is_empty();
            let of = if alone { "this repository" } else { "this repository or another configured one" };
            let message = format!("no Flux Kustomization of {of} builds its file");
            concerns.add(Weight::NotBuilt, Reason::NotBuilt, message + &hidden.unwrap_or_default());
        }
    }
    if let Some(name) = world.neighbours.awaited().filter(|_| built.context.is_none() && !world.rooted) {
        let message = format!("the repository {name}, which may build its file, is still to be read");
        concerns.add(Weight::NotBuilt, Reason::RepositoryUnread, message);
    }
    if facts.kind == Kind::HelmReleaseFlux1 {
        let message = "it is a HelmRelease of Flux 1 (helm.fluxcd.io), which Flux 2 does not read";
        concerns.add(Weight::Unreadable, Reason::InvalidRelease, message);
    }
    if let Some(why) = &facts.unfilled {
        concerns.add(Weight::Unreadable, Reason::ResourceSet, format!("{place} is {why}"));
    }
    if facts.encrypted {
        concerns.add(
            Weight::Unreadable,
            Reason::Encrypted,
            "its file is encrypted with SOPS, and ciphertext is never edited",
        );
    }
    if !twins.is_empty() {
        let places = twins.iter().filter_map(|at| {
            Some(format!("{}:{}", world.inventory.path(at.0), world.inventory.documents(at.0).get(at.1)?.line))
        });
        let places = places.collect::<Vec<_>>().join(", ");
        concerns.add(Weight::Ambiguous, Reason::ReleaseAmbiguous, format!("{place} and {places} are the same release"));
    }
    for say in built.context.iter().flat_map(|context| &context.says).chain(&built.object.says) {
        concerns.add(Weight::Say, say.reason, &say.message);
    }
    if facts.is_true("spec.suspend") {
        concerns.add(Weight::Suspended, Reason::Suspended, "spec.suspend of the release is true");
    }
    if let Some(why) = built.context.as_ref().and_then(|context| context.suspended.as_ref()) {
        concerns.add(Weight::Suspended, Reason::Suspended, why);
    }
}

/// The version's bytes are applied by a suspended Kustomization, whoever builds the release (Flux rule 21).
fn waits_beside(world: &World<'_>, built: &Built, site: Option<&Origin>, concerns: &mut Concerns) {
    let (Some(context), Some(Origin::Scalar { file, .. } | Origin::Part { file, .. })) = (&built.context, site) else {
        return;
    };
    if let Some(why) = world.waiting.get(&(context.cluster.clone(), *file)) {
        let why = why.replacen("of its ", "of the ", 1);
        let message = format!("{why}, and {}, where the version stands, waits for it", world.inventory.path(*file));
        concerns.add(Weight::Suspended, Reason::Suspended, message);
    }
}

/// A name that hangs on substitution moves no version: worth a word, no more (Flux rule 12).
fn named_by_variables(built: &Built) -> impl Iterator<Item = Note> {
    [("namespace", built.object.namespace()), ("name", built.object.name())].into_iter().filter_map(|(what, text)| {
        let variable = version::variable(text)?;
        Some(Note::Other(format!("its {what} {text} hangs on the variable {variable}")))
    })
}

/// Releases of other repositories that a bump of this row's source moves too (Flux rule 10).
fn used_elsewhere(world: &World<'_>, used: &[At]) -> Option<Note> {
    let users: BTreeSet<&str> = used.iter().flat_map(|at| users(world, *at)).copied().collect();
    let named = users.iter().take(USERS_NAMED).copied().collect::<Vec<_>>().join(", ");
    let more =
        if users.len() > USERS_NAMED { format!(" and {} more", users.len() - USERS_NAMED) } else { String::new() };
    (!users.is_empty()).then(|| Note::Other(format!("its source is used in other repositories too, by {named}{more}")))
}

/// The bytes of the digest beside the tag (Flux rule 6): without them the tag can't move either.
pub(super) fn digest_site(
    world: &World<'_>,
    (digest, substituted): (Option<&Origin>, bool),
    tag: Option<&Site>,
    concerns: &mut Concerns,
) -> Option<Box<Site>> {
    let digest = site::place(world, digest?, substituted, &mut Vec::new(), concerns).site?;
    if tag.is_some_and(|tag| tag.file != digest.file) {
        let message = format!("the digest beside the tag stands in another file, {}:{}", digest.file, digest.line);
        concerns.add(Weight::NotEditable, Reason::NotEditable, message);
        return None;
    }
    Some(Box::new(digest))
}

/// The release's own annotations, else its source's.
fn annotations(chart: &Chart, built: &Built) -> Annotations {
    let own = built.object.get("metadata.annotations").map(Ref::pairs).unwrap_or_default();
    let own = own.into_iter().filter_map(|(key, value)| Some((key, value.text()?)));
    Annotations::of(own.chain(chart.annotations.iter().map(|(key, value)| (&**key, &**value))))
}

/// Annotations that are no mistake and do nothing: nobody shall count on them.
fn idle(annotations: &Annotations) -> impl Iterator<Item = Note> {
    annotations.later().map(|key| Note::Other(format!("this version of Davit does nothing with davit.dev/{key}")))
}
