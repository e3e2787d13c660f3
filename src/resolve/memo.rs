//! What one resolving of a tree leaves for the next one of the same paths: builds whose files, layer and variables are
//! the same, and rows whose object and sources are. Memory decides nothing: a thing is taken over only if everything
//! that it was made of is equal. Where a file came or went, nothing is.

use super::build::Output;
use super::entrusted::Entrusted;
use super::flux::Reach;
use super::neighbours::{Name, Neighbours, Published, Standing};
use super::object::{At, Fault, Object};
use super::roots::Known;
use super::taken;
use super::unapplied::Unapplied;
use super::variables::Variables;
use super::world::{Built, Context, Lost};
use crate::inventory::{DocumentFacts, FileFacts, Found, Inventory, Kind};
use crate::model::{NsName, Release};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Memory of the trees of one repository. Empty at first.
#[derive(Debug, Default)]
pub struct Memo {
    inventory: Option<Inventory>,
    /// What the tree published, and what of its neighbours its rows were made of.
    beside: Option<(Arc<Published>, taken::Rows)>,
    kept: Kept,
}

impl Memo {
    /// The tree that was resolved last.
    pub fn inventory(&self) -> Option<&Inventory> {
        self.inventory.as_ref()
    }

    /// What may be taken over to the resolving of a tree.
    pub(super) fn recall(&mut self, inventory: &Inventory, neighbours: &Neighbours) -> Recall {
        let earlier = std::mem::take(&mut self.kept);
        let beside = self.beside.take();
        let same = |(published, rows): (Arc<Published>, taken::Rows)| neighbours.taken_by(&published).rows == rows;
        let before = self.inventory.take().filter(|_| beside.is_some_and(same));
        let changed = before.as_ref().and_then(|before| inventory.changed_since(before));
        let (Some(changed), Some(before)) = (changed, before) else { return Recall::default() };
        let same = changed.iter().all(|file| same_frame(before.files.get(*file), inventory.files.get(*file)));
        let frame = if same { earlier.frame.clone() } else { None };
        Recall { changed, earlier, frame, ..Recall::default() }
    }

    pub(super) fn keep(
        &mut self,
        inventory: &Inventory,
        recall: Recall,
        published: &Arc<Published>,
        neighbours: &Neighbours,
    ) {
        self.inventory = Some(inventory.clone());
        self.beside = Some((published.clone(), neighbours.taken_by(published).rows));
        self.kept = recall.now;
    }
}

type File = (String, Arc<FileFacts>);

/// Whether a file says the same of where builds start.
fn same_frame(before: Option<&File>, now: Option<&File>) -> bool {
    fn of(facts: &FileFacts) -> Vec<(usize, &DocumentFacts)> {
        let counts = |kind| {
            matches!(
                kind,
                Kind::FluxKustomization
                    | Kind::Kustomization
                    | Kind::GitRepository
                    | Kind::ArtifactGenerator
                    | Kind::FluxInstance
                    | Kind::IgnoreFile
            )
        };
        facts.documents.iter().enumerate().filter(|(_, document)| counts(document.kind)).collect()
    }
    before.zip(now).is_some_and(|((_, before), (_, now))| of(before) == of(now))
}

#[derive(Debug, Default)]
struct Kept {
    frame: Option<Frame>,
    bare: HashMap<(String, bool), Arc<Unit>>,
    visits: HashMap<VisitKey, Visit>,
    groups: HashMap<Whose, Group>,
    /// The rows in their order.
    order: Vec<Arc<Release>>,
    sources: Vec<Built>,
    climate: Option<Climate>,
}

/// What hangs on Kustomizations and GitRepositories as they are written, and on nothing else.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) patches: Arc<HashSet<usize>>,
    pub(super) included: Arc<HashSet<String>>,
    /// Nothing where there are artifacts, which hang on all files, or where Flux does not see all of the tree.
    pub(super) known: Option<Arc<Vec<Known>>>,
}

/// A build without a Flux Kustomization.
#[derive(Debug, Default)]
pub(super) struct Unit {
    pub(super) objects: Vec<Arc<Object>>,
    pub(super) fault: Option<Arc<Fault>>,
    pub(super) files: Vec<usize>,
    pub(super) problems: Vec<Found>,
    reads: Vec<usize>,
}

impl Unit {
    /// All that a build gave, or its Flux Kustomizations alone.
    pub(super) fn of(output: Output, whole: bool) -> Self {
        let Output { objects, fault, files, reads, problems } = output;
        let wanted = objects.into_iter().filter(|object| whole || object.kind == Kind::FluxKustomization);
        Self { objects: wanted.map(Arc::new).collect(), fault: fault.map(Arc::new), files, problems, reads }
    }
}

/// Cluster, document, namespace and name of a Flux Kustomization.
pub(super) type VisitKey = (String, At, String, String);

/// What a Flux Kustomization's build was made of, and what it gave.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) object: Arc<Object>,
    pub(super) reach: Reach,
    pub(super) variables: Option<Variables>,
    pub(super) reads: Vec<usize>,
    pub(super) files: Vec<usize>,
    pub(super) problems: Vec<Found>,
    pub(super) objects: Vec<Arc<Object>>,
    pub(super) context: Arc<Context>,
}

/// What all rows hang on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Climate {
    pub(super) url: Option<String>,
    pub(super) rooted: bool,
    pub(super) lost: Vec<Lost>,
    /// Which clusters it shares with others.
    pub(super) standing: Standing,
    /// Files that Flux does not see.
    pub(super) hidden: BTreeMap<usize, String>,
    /// Files that builds which fail were to apply.
    pub(super) unapplied: Unapplied,
    /// Files that suspended Kustomizations alone apply.
    pub(super) waiting: BTreeMap<(String, usize), String>,
}

/// What a row was made of, and the row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) built: Built,
    /// Sources that were looked for.
    pub(super) asked: Vec<(Kind, String)>,
    pub(super) reads: Vec<usize>,
    pub(super) used: Vec<At>,
    /// Sources that it looks for in other repositories.
    pub(super) wants: Vec<Name>,
    /// What of it another repository is to raise.
    pub(super) entrusted: Option<Arc<Entrusted>>,
    pub(super) release: Arc<Release>,
}

/// Whose rows they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Whose {
    /// A Flux Kustomization's, in a cluster.
    Kustomization((String, NsName)),
    /// Of files that no Kustomization builds.
    Unbuilt,
    /// Sources that no release uses.
    Nobody,
}

/// The rows that stand or fall together.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Everything that was built, in order; more than one may claim a row.
    built: Vec<Built>,
    /// Those that hang on their own document and sources alone, in order.
    pub(super) rows: Vec<Row>,
    /// These are all of its rows, and nothing but what they name has a say.
    pub(super) whole: bool,
    /// A row waits for a neighbour's first look.
    pub(super) waits: bool,
}

impl Group {
    pub(super) fn of(members: &[&Built]) -> Self {
        Self { built: members.iter().map(|built| (*built).clone()).collect(), whole: true, ..Self::default() }
    }

    /// Its rows by their documents.
    pub(super) fn by_document(self) -> HashMap<At, Vec<Row>> {
        let mut rows: HashMap<At, Vec<Row>> = HashMap::new();
        for row in self.rows {
            rows.entry(row.built.object.at).or_default().push(row);
        }
        rows
    }
}

/// One resolving's view of the memory: what was, and what is to be kept.
#[derive(Debug, Default)]
pub(super) struct Recall {
    /// Files with other facts than before, ascending.
    changed: Vec<usize>,
    earlier: Kept,
    now: Kept,
    /// What stands of where builds start.
    pub(super) frame: Option<Frame>,
}

impl Recall {
    /// Whether none of the files changed.
    fn stand(&self, reads: &[usize]) -> bool {
        let (few, many) =
            if reads.len() < self.changed.len() { (reads, &*self.changed) } else { (&*self.changed, reads) };
        !few.iter().any(|file| many.binary_search(file).is_ok())
    }

    pub(super) fn keep_frame(&mut self, frame: Frame) {
        self.now.frame = Some(frame);
    }

    /// The build of a directory of the repository, all of it or its Flux Kustomizations alone.
    pub(super) fn unit(&mut self, directory: &str, whole: bool) -> Option<Arc<Unit>> {
        let key = (directory.to_owned(), whole);
        if let Some(known) = self.now.bare.get(&key) {
            return Some(known.clone());
        }
        let known = self.earlier.bare.get(&key).filter(|known| self.stand(&known.reads))?.clone();
        self.now.bare.insert(key, known.clone());
        Some(known)
    }

    pub(super) fn keep_unit(&mut self, directory: &str, whole: bool, output: Output) -> Arc<Unit> {
        let unit = Arc::new(Unit::of(output, whole));
        self.now.bare.insert((directory.to_owned(), whole), unit.clone());
        unit
    }

    /// A Kustomization's earlier build, whether it stands or not.
    pub(super) fn visit(&mut self, key: &VisitKey) -> Option<Visit> {
        self.earlier.visits.remove(key)
    }

    pub(super) fn stands(
        &self,
        visit: &Visit,
        object: &Arc<Object>,
        reach: &Reach,
        variables: Option<&Variables>,
    ) -> bool {
        self.stand(&visit.reads)
            && visit.object == *object
            && visit.reach.is_same(reach)
            && visit.variables.as_ref() == variables
    }

    /// Every build of a Flux Kustomization.
    pub(super) fn visits(&self) -> impl Iterator<Item = &Visit> + Clone {
        self.now.visits.values()
    }

    pub(super) fn keep_visit(&mut self, key: VisitKey, visit: Visit) {
        self.now.visits.insert(key, visit);
    }

    /// Begins with the rows: which sources, by kind and name, are not what they were.
    pub(super) fn begin_rows(&mut self, climate: Climate, sources: &[Built]) -> HashSet<(Kind, String)> {
        if self.earlier.climate.as_ref() != Some(&climate) {
            self.earlier.groups.clear();
        }
        self.now.climate = Some(climate);
        self.now.sources = sources.to_vec();
        let mut before = self.earlier.sources.as_slice();
        let mut now = sources;
        if before.len() != now.len() {
            while let (Some((a, rest_a)), Some((b, rest_b))) = (before.split_first(), now.split_first())
                && a == b
            {
                (before, now) = (rest_a, rest_b);
            }
            while let (Some((a, rest_a)), Some((b, rest_b))) = (before.split_last(), now.split_last())
                && a == b
            {
                (before, now) = (rest_a, rest_b);
            }
            return before.iter().chain(now).map(name_of).collect();
        }
        before.iter().zip(now).filter(|(a, b)| a != b).flat_map(|(a, b)| [name_of(a), name_of(b)]).collect()
    }

    /// What stood of these rows; an empty group where they are new.
    pub(super) fn group(&mut self, whose: &Whose) -> Group {
        self.earlier.groups.remove(whose).unwrap_or_default()
    }

    /// Whether a group's rows are what they would be made to again: the same was built, and nothing that one of them
    /// hangs on changed.
    pub(super) fn stands_whole(&self, group: &Group, members: &[&Built], moved: &HashSet<(Kind, String)>) -> bool {
        group.whole
            && group.built.len() == members.len()
            && group.built.iter().zip(members).all(|(before, now)| before == *now)
            && group.rows.iter().all(|row| self.row_stands(row, moved))
    }

    fn row_stands(&self, row: &Row, moved: &HashSet<(Kind, String)>) -> bool {
        (self.changed.is_empty() || !row.reads.iter().any(|file| self.changed.binary_search(file).is_ok()))
            && (moved.is_empty() || !row.asked.iter().any(|asked| moved.contains(asked)))
    }

    /// The earlier row of an object, if all that it was made of is the same.
    pub(super) fn row(
        &self,
        earlier: &mut HashMap<At, Vec<Row>>,
        built: &Built,
        moved: &HashSet<(Kind, String)>,
    ) -> Option<Row> {
        let rows = earlier.get_mut(&built.object.at)?;
        let number = rows.iter().position(|row| row.built == *built && self.row_stands(row, moved))?;
        Some(rows.swap_remove(number))
    }

    pub(super) fn keep_group(&mut self, whose: Whose, group: Group) {
        self.now.groups.insert(whose, group);
    }

    /// Where the rows of the last resolving stood.
    pub(super) fn places(&self) -> HashMap<*const Release, usize> {
        self.earlier.order.iter().map(Arc::as_ptr).zip(0..).collect()
    }

    pub(super) fn keep_order(&mut self, rows: &[Arc<Release>]) {
        self.now.order = rows.to_vec();
    }
}

fn name_of(source: &Built) -> (Kind, String) {
    (source.object.kind, source.object.name().to_owned())
}

/// The new objects, those that equal an earlier one as that very one: comparing them is then cheap.
pub(super) fn shared(objects: Vec<Object>, earlier: &[Arc<Object>]) -> Vec<Arc<Object>> {
    let mut earlier = earlier.iter();
    let share = |object: Object| match earlier.next() {
        Some(known) if **known == object => known.clone(),
        _ => Arc::new(object),
    };
    objects.into_iter().map(share).collect()
}

#[cfg(test)]
#[path = "memo_tests.rs"]
mod tests;
