//! The variables of a Flux Kustomization (Flux rule 12): `postBuild.substitute`, and `substituteFrom` with the ConfigMaps
//! and Secrets of its namespace as the cluster's other Kustomizations build them. A Secret's values are never known; its
//! keys are, where it lies in Git.

use super::envsubst::Lookup;
use super::generator::is_withheld;
use super::neighbours::Name;
use super::object::Object;
use super::value::{Origin, Ref};
use crate::inventory::Kind;
use crate::model::Reason;
use std::collections::{BTreeMap, HashMap};

/// A key of `data` that stands for keys nobody knows.
pub(super) const ANY: &str = "";

/// A variable with its definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    /// Its value, the bytes that hold it, and the line.
    Known { text: String, origin: Origin, line: Option<(usize, u32)> },
    /// It is there, and its value is not known: why.
    Hidden(String),
}

/// What a Kustomization substitutes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Variables {
    all: HashMap<String, Variable>,
    /// Any other name may be defined too: why nobody knows.
    rest: Option<String>,
    /// Flux substitutes nothing, not even defaults, where there is no variable at all.
    pub(super) any: bool,
    /// A name that Flux refuses, so that it fails.
    pub(super) fault: Option<String>,
}

/// Key to value: what a ConfigMap or a Secret holds.
pub(super) type Data = BTreeMap<String, Variable>;

/// The ConfigMaps and Secrets of one cluster, by kind, namespace and name.
#[derive(Debug, Default)]
pub(super) struct Store {
    all: HashMap<Name, Data>,
    /// Those that this repository builds, where others may ask for them.
    own: Option<BTreeMap<Name, Data>>,
}

impl Store {
    /// One that tells what others lend from what is built here.
    pub(super) fn of_fleet() -> Self {
        Self { own: Some(BTreeMap::new()), ..Self::default() }
    }

    /// What this repository builds.
    pub(super) fn own(&self) -> impl Iterator<Item = (&Name, &Data)> {
        self.own.iter().flatten()
    }

    /// Whether this repository builds it.
    pub(super) fn builds(&self, name: &Name) -> bool {
        self.own.as_ref().is_some_and(|own| own.contains_key(name))
    }

    /// Takes over what another repository builds in the same cluster.
    pub(super) fn lend(&mut self, name: &Name, data: &Data) {
        put(&mut self.all, name.clone(), data.clone());
    }

    /// Takes over what a build gave.
    pub(super) fn add(&mut self, object: &Object) {
        let secret = object.kind == Kind::Secret;
        let key = (object.kind, object.namespace().to_owned(), object.name().to_owned());
        let mut data = Data::new();
        for field in if secret { ["data", "stringData"].as_slice() } else { &["data"] } {
            for (name, value) in object.get(field).map(Ref::pairs).unwrap_or_default() {
                data.insert(name.to_owned(), variable(object, (name, value), secret));
            }
        }
        // A replacement may make a key.
        for (key, say) in object.says.iter().filter_map(|say| Some((say.key.as_deref()?, say))) {
            data.entry(key.to_owned()).or_insert_with(|| Variable::Hidden(say.message.clone()));
        }
        if let Some(own) = &mut self.own {
            let known = own.entry(key.clone()).or_default();
            for (name, value) in &data {
                let why = two(object.name());
                known.entry(name.clone()).and_modify(|own| merge(own, value, &why)).or_insert_with(|| value.clone());
            }
        }
        put(&mut self.all, key, data);
    }

    fn get(&self, secret: bool, namespace: &str, name: &str) -> Option<&Data> {
        let kind = if secret { Kind::Secret } else { Kind::ConfigMap };
        self.all.get(&(kind, namespace.to_owned(), name.to_owned()))
    }
}

fn put(all: &mut HashMap<Name, Data>, key: Name, data: Data) {
    let why = two(&key.2);
    match all.get_mut(&key) {
        None => {
            all.insert(key, data);
        }
        // Two objects of one name take turns: neither counts.
        Some(known) => {
            for (name, value) in data {
                known.entry(name).and_modify(|own| merge(own, &value, &why)).or_insert(value);
            }
        }
    }
}

/// The name of a generated ConfigMap with its hash, which does not matter itself.
pub(super) fn hashed(name: &str) -> String {
    format!("{name}-<hash>")
}

fn two(name: &str) -> String {
    format!("two objects named {name} define it")
}

/// The ConfigMaps and Secrets that a Kustomization names.
pub(super) fn references(kustomization: &Object) -> Vec<Name> {
    let references = kustomization.get("spec.postBuild.substituteFrom").map(Ref::items).unwrap_or_default();
    let name = |reference: Ref<'_>| {
        let (kind, name) = reference_of(reference);
        let kind = if kind == "Secret" { Kind::Secret } else { Kind::ConfigMap };
        (kind, kustomization.namespace().to_owned(), name.to_owned())
    };
    references.into_iter().map(name).collect()
}

fn merge(own: &mut Variable, other: &Variable, why: &str) {
    let same = matches!((&*own, other), (Variable::Known { text: a, .. }, Variable::Known { text: b, .. }) if a == b);
    if !same {
        *own = Variable::Hidden(why.to_owned());
    }
}

fn variable(object: &Object, (key, value): (&str, Ref<'_>), secret: bool) -> Variable {
    if secret {
        return Variable::Hidden(format!("the Secret {} holds it", object.name()));
    }
    if object.encrypted {
        return Variable::Hidden(format!("the ConfigMap {} is encrypted", object.name()));
    }
    let mut says = object.says.iter().filter(|say| say.reason != Reason::Suspended);
    if let Some(say) = says.find(|say| say.key.as_deref().is_none_or(|of| of == key)) {
        return Variable::Hidden(format!("the ConfigMap {} is changed on its way: {}", object.name(), say.message));
    }
    if is_withheld(value) {
        return Variable::Hidden(format!(
            "its value in the ConfigMap {} is long, stands in a file of its own, or is no bare version (quotes and \
             comments in an .env file are part of the value)",
            object.name()
        ));
    }
    known(value)
}

fn known(value: Ref<'_>) -> Variable {
    let text = value.text().unwrap_or_default();
    let origin = if text.contains('\n') {
        Origin::None("its definition goes over several lines".to_owned())
    } else {
        value.origin()
    };
    Variable::Known { text: text.replace('\n', ""), origin, line: value.line() }
}

/// A name that Flux takes.
fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c == '_' || c.is_ascii_alphabetic())
        && chars.all(|c| c == '_' || c.is_ascii_alphanumeric())
}

/// ConfigMaps and Secrets that a Kustomization names and that nobody built yet: whether one of them must be there.
pub(super) fn missing(kustomization: &Object, store: &Store) -> Option<bool> {
    let namespace = kustomization.namespace();
    let references = kustomization.get("spec.postBuild.substituteFrom").map(Ref::items).unwrap_or_default();
    let absent = references.into_iter().filter(|reference| {
        let (kind, name) = reference_of(*reference);
        store.get(kind == "Secret", namespace, name).is_none()
    });
    absent.map(|reference| !is_optional(reference)).max()
}

fn is_optional(reference: Ref<'_>) -> bool {
    reference.get("optional").is_some_and(Ref::is_true)
}

fn reference_of(reference: Ref<'_>) -> (&str, &str) {
    let text = |key: &str| reference.get(key).and_then(Ref::text).unwrap_or_default();
    (text("kind"), text("name"))
}

impl Variables {
    /// Those of a Kustomization; nothing where it has no `postBuild`.
    pub(super) fn of(kustomization: &Object, store: &Store) -> Option<Self> {
        let post = kustomization.get("spec.postBuild").filter(|post| post.is_map())?;
        let mut found = Self::default();
        for reference in post.get("substituteFrom").map(Ref::items).unwrap_or_default() {
            found.take(kustomization, reference, store);
        }
        for (name, value) in post.get("substitute").map(Ref::pairs).unwrap_or_default() {
            found.define(
                name,
                if value.kind() == Some(crate::yaml::ScalarType::String) {
                    known(value)
                } else {
                    Variable::Hidden("its value in postBuild.substitute is no string: put it in quotes".to_owned())
                },
            );
        }
        Some(found)
    }

    fn take(&mut self, kustomization: &Object, reference: Ref<'_>, store: &Store) {
        let (kind, name) = reference_of(reference);
        let namespace = kustomization.namespace();
        match store.get(kind == "Secret", namespace, name) {
            Some(data) => {
                for (key, value) in data {
                    if key == ANY {
                        let file = if let Variable::Known { text, .. } = value { text.as_str() } else { "a file" };
                        self.open(&format!("the {kind} {name} holds the variables of {file}, which is not read"));
                    } else {
                        self.define(key, value.clone());
                    }
                }
            }
            // Later references win: what is not in Git may say anything about all before.
            None if is_optional(reference) => {
                self.open(&format!("the {kind} {namespace}/{name} is optional and not in Git"));
            }
            None if store.get(false, namespace, &hashed(name)).is_some() => self.open(&format!(
                "the ConfigMap {namespace}/{name} is generated with a hash behind its name, so that Flux does not find \
                 it: set generatorOptions.disableNameSuffixHash"
            )),
            None => self.open(&format!("the {kind} {namespace}/{name} is not in Git")),
        }
    }

    fn define(&mut self, name: &str, variable: Variable) {
        if !is_name(name) {
            self.fault.get_or_insert_with(|| format!("'{name}' var name is invalid"));
        }
        self.any = true;
        self.all.insert(name.to_owned(), variable);
    }

    /// Something that Git does not show may define any name.
    fn open(&mut self, why: &str) {
        self.any = true;
        for value in self.all.values_mut() {
            *value = Variable::Hidden(format!("{why}, and would win"));
        }
        self.rest = Some(why.to_owned());
    }

    pub(super) fn get(&self, name: &str) -> Option<&Variable> {
        self.all.get(name)
    }

    pub(super) fn lookup(&self, name: &str) -> Lookup<'_> {
        match (self.all.get(name), &self.rest) {
            (Some(Variable::Known { text, .. }), _) => Lookup::Known(text),
            (Some(Variable::Hidden(why)), _) | (None, Some(why)) => Lookup::Hidden(why),
            (None, None) => Lookup::Absent,
        }
    }
}
