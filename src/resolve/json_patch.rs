//! JSON 6902 patches as kustomize applies them (evanphx/json-patch, version 4). The trees here are cut down to what
//! matters, so an operation on what was cut away is passed over; one that would bring something in from there is refused.

use super::patch_reach::{self, Aspect};
use super::value::{Origin, Ref, Value};
use crate::inventory::{self, Kind};

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    name: String,
    path: Option<Vec<String>>,
    from: Option<Vec<String>>,
    value: Option<Value>,
}

/// A `test` that holds: what it asks for can't change without it.
#[derive(Debug)]
pub(super) struct Guard {
    /// The path, as it is written.
    pub(super) path: String,
    pub(super) aspect: Aspect,
    /// The key of a ConfigMap that it is about alone.
    pub(super) key: Option<String>,
    way: Vec<String>,
    origin: Origin,
}

impl Guard {
    /// Whether what was tested is in force still, and was not overwritten since.
    pub(super) fn stands(&self, tree: Ref<'_>) -> bool {
        find(tree, &self.way).is_some_and(|value| value.origin() == self.origin)
    }
}

/// Why an operation was not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// kustomize fails too.
    Fault(String),
    /// What it does can't be told from here.
    Unsure(String),
}

impl Operation {
    /// Reads one; anything is taken, and refused when it is applied.
    pub(super) fn read(node: Ref<'_>) -> Self {
        let text = |key: &str| node.get(key).and_then(Ref::text);
        Self {
            name: text("op").unwrap_or_default().to_owned(),
            path: text("path").map(segments),
            from: text("from").map(segments),
            value: node.get("value").map(Ref::to_value),
        }
    }

    /// Applies it to an object's tree.
    pub(super) fn apply(&self, tree: &mut Value, kind: Kind) -> Result<(), Refused> {
        let Some(path) = &self.path else { return Err(fault("an operation without a path")) };
        let templates = |path: &[String]| matches!(path, [spec, field, ..] if spec == "spec" && matches!(field.as_str(), "resources" | "resourcesTemplate" | "steps"));
        if kind == Kind::ResourceSet && self.name != "test" && templates(path) {
            return Err(unsure(format!("{} is a template of the ResourceSet", join(path))));
        }
        let kept = |path: &[String]| inventory::keeps(kind, &path.iter().map(String::as_str).collect::<Vec<_>>());
        match self.name.as_str() {
            "test" if !kept(path) => Ok(()),
            "test" => self.test(tree, path),
            "move" | "copy" => {
                let Some(from) = &self.from else { return Err(fault("an operation without `from`")) };
                match (kept(from), kept(path)) {
                    (false, false) => Ok(()),
                    (false, true) => Err(unsure(format!("{} is taken from a field that is not read", join(path)))),
                    (true, there) => self.transfer(tree, from, path, there),
                }
            }
            _ if !kept(path) => Ok(()),
            "add" => add(tree, path, self.value.clone().unwrap_or_else(null)),
            "replace" => replace(tree, path, self.value.clone().unwrap_or_else(null)),
            "remove" => remove(tree, path).map(drop),
            other => Err(fault(&format!("unexpected kind of operation: {other:?}"))),
        }
    }

    /// What it guards, where that may be a version; asked after it held.
    pub(super) fn guard(&self, tree: Ref<'_>, kind: Kind) -> Option<Guard> {
        let way = self.path.as_ref().filter(|_| self.name == "test")?;
        let keys: Vec<&str> = way.iter().map(String::as_str).collect();
        let aspect = patch_reach::at(kind, &way.join("/"))?;
        let holds_version = match kind {
            Kind::FluxKustomization => matches!(keys.as_slice(), ["spec"] | ["spec", "patches" | "postBuild", ..]),
            _ => aspect == Aspect::Version,
        };
        let origin = find(tree, way).filter(|_| holds_version)?.origin();
        let key = patch_reach::data_key(&way.join("/")).filter(|_| kind == Kind::ConfigMap).map(str::to_owned);
        Some(Guard { path: join(way), aspect, key, way: way.clone(), origin })
    }

    fn test(&self, tree: &Value, path: &[String]) -> Result<(), Refused> {
        let found = find(tree.look(), path);
        let wanted = self.value.as_ref().map(Value::look);
        let holds = match (found, wanted) {
            (Some(found), Some(wanted)) => found.same(wanted),
            (None, wanted) => wanted.is_none_or(|wanted| wanted.kind() == Some(crate::yaml::ScalarType::Null)),
            (Some(found), None) => found.kind() == Some(crate::yaml::ScalarType::Null),
        };
        if holds { Ok(()) } else { Err(fault(&format!("testing value {} failed", join(path)))) }
    }

    fn transfer(&self, tree: &mut Value, from: &[String], path: &[String], there: bool) -> Result<(), Refused> {
        let value = if self.name == "move" {
            remove(tree, from)?
        } else {
            find(tree.look(), from).map_or_else(null, Ref::to_value)
        };
        if there { add(tree, path, value) } else { Ok(()) }
    }
}

fn fault(message: &str) -> Refused {
    Refused::Fault(message.to_owned())
}

fn unsure(message: String) -> Refused {
    Refused::Unsure(message)
}

fn missing(path: &[String]) -> Refused {
    Refused::Fault(format!("the path {} is not there", join(path)))
}

fn join(path: &[String]) -> String {
    path.iter().flat_map(|part| ["/", part]).collect()
}

fn null() -> Value {
    let kind = crate::yaml::ScalarType::Null;
    let origin = super::value::Origin::None("null".to_owned());
    Value::Made(std::sync::Arc::new(super::value::Made { text: String::new(), kind, origin }))
}

/// The segments of a JSON pointer, unescaped.
fn segments(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

fn find<'v>(value: Ref<'v>, path: &[String]) -> Option<Ref<'v>> {
    path.iter().try_fold(value, |value, key| {
        if value.is_map() {
            return value.get(key);
        }
        let items = value.items();
        items.get(index(key, items.len()).ok()?).copied()
    })
}

/// The container of a path's last segment.
fn holder<'v>(tree: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(tree, |value, key| {
        if value.is_map() {
            return value.get_mut(key);
        }
        let items = value.list_mut()?;
        let at = index(key, items.len()).ok()?;
        items.get_mut(at)
    })
}

fn index(key: &str, length: usize) -> Result<usize, Refused> {
    let number: i64 = key.parse().map_err(|_| Refused::Fault(format!("{key:?} is no index")))?;
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    // Negative indexes count from the end, as json-patch does by default.
    let number = if number < 0 { number + length } else { number };
    usize::try_from(number).map_err(|_| Refused::Fault(format!("the index {key} is out of bounds")))
}

fn add(tree: &mut Value, path: &[String], value: Value) -> Result<(), Refused> {
    let Some((last, way)) = path.split_last() else { return Err(missing(path)) };
    let holder = holder(tree, way).ok_or_else(|| missing(path))?;
    if holder.is_map() {
        holder.set(last, value);
        return Ok(());
    }
    let items = holder.list_mut().ok_or_else(|| missing(path))?;
    let at = if last == "-" { items.len() } else { index(last, items.len() + 1)? };
    if at > items.len() {
        return Err(Refused::Fault(format!("the index {last} is out of bounds")));
    }
    items.insert(at, value);
    Ok(())
}

fn replace(tree: &mut Value, path: &[String], value: Value) -> Result<(), Refused> {
    let Some((last, way)) = path.split_last() else {
        *tree = value;
        return Ok(());
    };
    let holder = holder(tree, way).ok_or_else(|| missing(path))?;
    if holder.is_map() {
        // This version of json-patch does not ask whether the key was there.
        holder.set(last, value);
        return Ok(());
    }
    let items = holder.list_mut().ok_or_else(|| missing(path))?;
    let at = index(last, items.len())?;
    *items.get_mut(at).ok_or_else(|| missing(path))? = value;
    Ok(())
}

fn remove(tree: &mut Value, path: &[String]) -> Result<Value, Refused> {
    let Some((last, way)) = path.split_last() else { return Err(fault("the whole object can't be removed")) };
    let holder = holder(tree, way).ok_or_else(|| missing(path))?;
    if holder.is_map() {
        let old = holder.look().get(last).map(Ref::to_value).ok_or_else(|| missing(path))?;
        holder.remove(last);
        return Ok(old);
    }
    let items = holder.list_mut().ok_or_else(|| missing(path))?;
    let at = index(last, items.len())?;
    if at >= items.len() {
        return Err(missing(path));
    }
    Ok(items.remove(at))
}
