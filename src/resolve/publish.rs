//! What a resolving lets the other repositories of the fleet see. Objects leave with files that everybody can name:
//! their own repository's are numbered and named by it, those of others stay as they are. Nothing leaves that nobody
//! may ask for.

use super::mentioned::Mentioned;
use super::neighbours::{Abroad, Link, Name, Published, Shown, hash_of};
use super::object::{Object, Say};
use super::row::Rows;
use super::taken::{self, Shares};
use super::value::{Made, Origin, Value};
use super::variables::{Data, Variable};
use super::world::{Built, Context, World};
use crate::inventory::{Foreign, Inventory, SiteFacts, foreign_number};
use crate::model::{Reason, Step};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// What this resolving shows; nothing where the repository stands alone.
pub(super) fn publish(world: &World<'_>, rows: &Rows) -> Published {
    let Some(own) = &world.neighbours.own else { return Published::default() };
    let mut published = Published {
        number: own.number,
        standing: world.me.standing.clone(),
        wants: rows.wants.iter().chain(&world.wants).cloned().collect(),
        uses: rows.uses(world),
        broken: is_broken(world),
        waits: rows.waits && world.neighbours.unread().is_some(),
        ..Published::default()
    };
    published.defined = defined(world);
    published.releases = releases(world);
    let asked = asked(&published, &world.abroad);
    let linked: HashSet<Name> =
        world.links.iter().flat_map(|(_, _, object)| super::variables::references(object)).collect();
    let wanted = |name: &Name| asked.contains(&hash_of(name.0, &name.1, &name.2));
    let links = world.links.iter();
    let sources = world.sources.iter().filter(|source| source.object.template.is_none());
    let sources = sources.filter_map(|source| Some((name_of(source)?, source)));
    let sources: Vec<_> = sources
        .filter(|(name, source)| !rows.used.contains(&source.object.at) || wanted(name))
        .filter(|(_, source)| source.context.is_some() || published.standing.loose)
        .collect();
    let data: Vec<_> = world
        .data
        .iter()
        .flat_map(|(cluster, store)| store.own().map(move |(name, data)| (cluster, name, data)))
        .filter(|(_, name, _)| linked.contains(*name) || wanted(name))
        .collect();
    let mut abroad = Leaving::new(world.inventory, own.number, &own.name);
    for (_, _, object) in links.clone() {
        abroad.seen.object(object);
    }
    for (_, source) in &sources {
        abroad.seen.object(&source.object);
    }
    for (_, _, data) in &data {
        abroad.seen.data(data);
    }
    abroad.number();
    for (cluster, to, object) in links {
        let cluster = world.cluster_id(cluster);
        published.links.push(Link { to: to.clone(), cluster, object: Arc::new(abroad.object(object)) });
    }
    for (name, source) in sources {
        let cluster = source.context.as_ref().map(|context| world.cluster_id(&context.cluster));
        let shown = Shown { cluster, built: abroad.built(source) };
        let known = published.sources.entry(name).or_default();
        if !known.contains(&shown) {
            known.push(shown);
        }
    }
    for (cluster, name, data) in data {
        published.data.insert((world.cluster_id(cluster), name.clone()), Arc::new(abroad.data(data)));
    }
    published.files = abroad.files();
    published.entrusted.clone_from(&rows.entrusted);
    let holders: BTreeSet<u32> = published.entrusted.iter().map(|entrusted| entrusted.to).collect();
    let holders = world.abroad.peers.iter().filter(|peer| holders.contains(&peer.number));
    published.seen = holders.map(|holder| (holder.number, Arc::new(Shares::of(&published, &[holder])))).collect();
    published
}

/// Whether a document could not be read: what it holds is unknown, not absent.
pub(super) fn is_broken(world: &World<'_>) -> bool {
    let found = world.inventory.problems.iter().chain(&world.problems);
    found.into_iter().any(|found| found.problem.reason == Reason::InvalidDocument)
}

fn name_of(source: &Built) -> Option<Name> {
    let (namespace, name) = (source.object.namespace(), source.object.name());
    let known = !namespace.is_empty() && !name.is_empty() && !namespace.contains('$') && !name.contains('$');
    known.then(|| (source.object.kind, namespace.to_owned(), name.to_owned()))
}

/// The names that are built here, as hashes.
fn defined(world: &World<'_>) -> Vec<u64> {
    let sources =
        world.sources.iter().filter_map(name_of).map(|(kind, namespace, name)| hash_of(kind, &namespace, &name));
    let data = world
        .data
        .iter()
        .flat_map(|(_, store)| store.own())
        .map(|((kind, namespace, name), _)| hash_of(*kind, namespace, name));
    let mut defined: Vec<u64> = sources.chain(data).collect();
    defined.sort_unstable();
    defined.dedup();
    defined
}

/// The HelmReleases that are built here, as hashes.
fn releases(world: &World<'_>) -> Vec<u64> {
    let built = world.releases.iter().filter_map(name_of);
    let mut releases: Vec<u64> = built.map(|(kind, namespace, name)| hash_of(kind, &namespace, &name)).collect();
    releases.sort_unstable();
    releases.dedup();
    releases
}

/// What of it a peer looks for, or builds too.
fn asked(published: &Published, abroad: &Abroad<'_>) -> HashSet<u64> {
    abroad.peers.iter().flat_map(|peer| taken::asked(published, peer)).collect()
}

/// Objects on their way out: which own files they name.
struct Leaving<'i> {
    inventory: &'i Inventory,
    number: u32,
    name: &'i str,
    seen: Mentioned,
    numbers: BTreeMap<usize, usize>,
}

impl<'i> Leaving<'i> {
    fn new(inventory: &'i Inventory, number: u32, name: &'i str) -> Self {
        Self { inventory, number, name, seen: Mentioned::default(), numbers: BTreeMap::new() }
    }

    /// Gives every own file that was seen its number abroad.
    fn number(&mut self) {
        let mut given: HashSet<usize> = HashSet::new();
        for file in self.seen.files().filter(|file| !self.inventory.is_elsewhere(*file)) {
            let number = foreign_number(self.number, self.inventory.path(file), |number| given.contains(&number));
            given.insert(number);
            self.numbers.insert(file, number);
        }
    }

    fn file(&self, file: usize) -> usize {
        self.numbers.get(&file).copied().unwrap_or(file)
    }

    fn files(&self) -> crate::inventory::Elsewhere {
        let own = self.numbers.iter().map(|(file, number)| {
            let facts = self.inventory.files.get(*file).map(|(_, facts)| facts.as_ref());
            let line = |site: &SiteFacts| Some((site.start, site.site.as_ref()?.line));
            let foreign = Foreign {
                name: self.named(self.inventory.path(*file)),
                embedded: facts.map(|facts| facts.embedded.clone()).unwrap_or_default(),
                lines: facts.map(|facts| facts.sites.iter().filter_map(line).collect()).unwrap_or_default(),
            };
            (*number, Arc::new(foreign))
        });
        let others = self.seen.files().filter_map(|file| Some((file, self.inventory.elsewhere(file)?.clone())));
        own.chain(others).collect()
    }

    /// An own path, or `path:line`, with the repository's name before it.
    fn named(&self, path: &str) -> Arc<str> {
        let plain = path.rsplit_once(':').map_or(path, |(plain, _)| plain);
        let own = self.inventory.file(path).or_else(|| self.inventory.file(plain)).is_some();
        if own { Arc::from(format!("{}:{path}", self.name)) } else { Arc::from(path) }
    }

    fn object(&self, object: &Object) -> Object {
        let mut abroad = object.clone();
        abroad.at.0 = self.file(object.at.0);
        abroad.set_tree(self.value(object.tree()));
        abroad.says = self.says(&object.says);
        abroad.steps = object.steps.iter().map(|step| Step { file: self.named(&step.file), ..step.clone() }).collect();
        abroad
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::Written(node, file) => Value::Written(node.clone(), self.file(*file)),
            Value::Map(entries) => {
                Value::Map(Arc::new(entries.iter().map(|(key, value)| (key.clone(), self.value(value))).collect()))
            }
            Value::List(items) => Value::List(Arc::new(items.iter().map(|value| self.value(value)).collect())),
            Value::Made(made) => {
                Value::Made(Arc::new(Made { origin: self.origin(&made.origin), ..made.as_ref().clone() }))
            }
        }
    }

    fn origin(&self, origin: &Origin) -> Origin {
        let mut abroad = origin.clone();
        if let Origin::Scalar { file, .. } | Origin::Part { file, .. } = &mut abroad {
            *file = self.file(*file);
        }
        abroad
    }

    fn says(&self, says: &[Say]) -> Vec<Say> {
        let say =
            |say: &Say| Say { message: format!("in the repository {}: {}", self.name, say.message), ..say.clone() };
        says.iter().map(say).collect()
    }

    fn built(&self, source: &Built) -> Built {
        let context = source.context.as_ref().map(|context| {
            let says = self.says(&context.says);
            Arc::new(Context {
                origin: self.named(&context.origin).to_string(),
                says,
                fault: None,
                ..(**context).clone()
            })
        });
        Built { object: Arc::new(self.object(&source.object)), scope: source.scope.clone(), context, fault: None }
    }

    fn data(&self, data: &Data) -> Data {
        let variable = |variable: &Variable| match variable {
            Variable::Known { text, origin, line } => Variable::Known {
                text: text.clone(),
                origin: self.origin(origin),
                line: line.map(|(file, line)| (self.file(file), line)),
            },
            hidden @ Variable::Hidden(_) => hidden.clone(),
        };
        data.iter().map(|(key, value)| (key.clone(), variable(value))).collect()
    }
}
