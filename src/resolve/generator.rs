//! `configMapGenerator`: what it makes, as far as the tree shows it. Literals are read, and so are files of `envs` that
//! end in `.env`; a value out of any other file is there, and not known. Its name gets a hash unless it is switched off; what the hash is does not matter here.

use super::object::{At, Fault, Object, Place};
use super::value::{Origin, Ref, Value};
use crate::inventory::Kind;
use crate::yaml::ScalarType;
use std::sync::Arc;

/// The keys and values of a file that `envs` names, where it can be read.
type EnvFiles<'e, 'f> = &'e dyn Fn(&str) -> Option<Ref<'f>>;

/// What the generators of one kustomization.yaml add to the objects before them.
pub(super) fn run(
    tree: Ref<'_>,
    at: At,
    file: &Arc<str>,
    env_file: EnvFiles<'_, '_>,
    objects: &mut Vec<Object>,
) -> Result<(), Fault> {
    let global = tree.get("generatorOptions");
    for entry in tree.get("configMapGenerator").map(Ref::items).unwrap_or_default() {
        let place = Place { file: file.clone(), line: entry.line().map_or(1, |(_, line)| line) };
        absorb(make(entry, global, at, env_file, &place)?, entry, objects, &place)?;
    }
    Ok(())
}

fn make(
    entry: Ref<'_>,
    global: Option<Ref<'_>>,
    at: At,
    env_file: EnvFiles<'_, '_>,
    place: &Place,
) -> Result<Object, Fault> {
    let fault = |message: &str| Fault { place: place.clone(), message: message.to_owned() };
    let text = |key: &str| entry.get(key).and_then(Ref::text);
    let name = text("name").filter(|name| !name.is_empty()).ok_or_else(|| fault("a ConfigMap must have a name"))?;
    let plain = |text: &str| Value::string(text, Origin::None("a generator makes it".to_owned()));
    let mut object = Value::empty_map();
    object.set("apiVersion", plain("v1"));
    object.set("kind", plain("ConfigMap"));
    object.set_at(&["metadata", "name"], plain(name));
    if let Some(namespace) = text("namespace").filter(|namespace| !namespace.is_empty()) {
        object.set_at(&["metadata", "namespace"], plain(namespace));
    }
    for field in ["labels", "annotations"] {
        for options in [global, entry.get("options")].into_iter().flatten() {
            for (key, value) in options.get(field).map(Ref::pairs).unwrap_or_default() {
                object.set_at(&["metadata", field, key], value.to_value());
            }
        }
    }
    object.set("data", data(entry, env_file).map_err(|message| fault(&message))?);
    let off = |options: Ref<'_>| options.get("disableNameSuffixHash").is_some_and(Ref::is_true);
    let hashed = ![global, entry.get("options")].into_iter().flatten().any(off);
    Ok(Object::generated(at, Kind::ConfigMap, place.line, object, hashed))
}

fn data(entry: Ref<'_>, env_file: EnvFiles<'_, '_>) -> Result<Value, String> {
    let mut data = Value::empty_map();
    let list = |key: &str| entry.get(key).map(Ref::items).unwrap_or_default();
    for literal in list("literals") {
        let text = literal.text().unwrap_or_default();
        let Some((key, value)) = text.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(format!("invalid literal source {text}, expected key=value"));
        };
        let from = key.len() + 1;
        let quoted = value.len() >= 2
            && (value.starts_with('"') && value.ends_with('"') || value.starts_with('\'') && value.ends_with('\''));
        let (value, from) = if quoted { (&value[1..value.len() - 1], from + 1) } else { (value, from) };
        let origin = match literal.origin() {
            Origin::Scalar { file, start } => {
                let part = Some((from, from + value.len()));
                Origin::Part { file, start, part, prefix: String::new(), suffix: String::new() }
            }
            other => other,
        };
        if data.look().get(key).is_some() {
            return Err(format!("the key {key} is repeated"));
        }
        data.set(key, Value::string(value, origin));
    }
    for source in list("files") {
        let source = source.text().unwrap_or_default();
        let key = source.split_once('=').map_or_else(|| source.rsplit('/').next().unwrap_or(source), |(key, _)| key);
        data.set(key, Value::List(Arc::default()));
    }
    for name in list("envs").into_iter().chain(entry.get("env")).filter_map(Ref::text) {
        let Some(entries) = env_file(name) else {
            // Which variables the file holds is not known: the mark stands for all.
            data.set(super::variables::ANY, Value::string(name, Origin::None("a file holds it".to_owned())));
            continue;
        };
        if let Ref::Written(node, _) = entries
            && let Some(key) =
                node.entries().iter().filter_map(|entry| entry.key.text()).find(|key| node.has_duplicate(key))
        {
            return Err(format!("the key {key} is repeated in {name}"));
        }
        for (key, value) in entries.pairs() {
            if data.look().get(key).is_some() {
                return Err(format!("the key {key} is repeated"));
            }
            data.set(key, value.to_value());
        }
    }
    Ok(data)
}

/// `behavior`: create, merge or replace.
fn absorb(mut made: Object, entry: Ref<'_>, objects: &mut Vec<Object>, place: &Place) -> Result<(), Fault> {
    let fault = |message: String| Fault { place: place.clone(), message };
    let behavior = entry.get("behavior").and_then(Ref::text).unwrap_or("create");
    let is = |object: &Object| {
        let same = |id: (&str, &str)| id == made.id();
        object.kind == Kind::ConfigMap && (same(object.id()) || object.previous.iter().any(|(n, o)| same((n, o))))
    };
    let found: Vec<usize> =
        objects.iter().enumerate().filter(|(_, object)| is(object)).map(|(index, _)| index).collect();
    let name = made.name().to_owned();
    match (found.as_slice(), behavior) {
        ([], "merge" | "replace") => Err(fault(format!("there is no ConfigMap {name} to {behavior}"))),
        ([], _) => {
            objects.push(made);
            Ok(())
        }
        ([index], "merge" | "replace") => {
            let Some(old) = objects.get_mut(*index) else { return Ok(()) };
            if behavior == "merge" {
                let mut data = old.get("data").map_or_else(Value::empty_map, Ref::to_value);
                for (key, value) in made.get("data").map(Ref::pairs).unwrap_or_default() {
                    data.set(key, value.to_value());
                }
                made.tree_mut().set("data", data);
            }
            let data = made.get("data").map_or_else(Value::empty_map, Ref::to_value);
            // Only what both sides want hashed is.
            old.hashed &= made.hashed;
            old.watch(place, "the generator", |old| old.tree_mut().set("data", data));
            for field in ["labels", "annotations"] {
                for (key, value) in made.get("metadata").and_then(|m| m.get(field)).map(Ref::pairs).unwrap_or_default()
                {
                    old.tree_mut().set_at(&["metadata", field, key], value.to_value());
                }
            }
            Ok(())
        }
        ([_], _) => Err(fault(format!("there is a ConfigMap {name} already; its behavior must be merge or replace"))),
        _ => Err(fault(format!("several objects could take the ConfigMap {name}"))),
    }
}

/// Whether a value of `data` is there and not known.
pub(super) fn is_withheld(value: Ref<'_>) -> bool {
    !value.is_map() && value.kind().is_none_or(|kind| kind == ScalarType::Null)
}
