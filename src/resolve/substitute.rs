//! Flux's substitution over the fields that matter (Flux rule 12). Flux substitutes in the text of the whole object, as
//! its YAML writer puts it, and reads that text again; here each scalar is written, substituted and read like that.

use super::envsubst::{self, Failure, Part};
use super::object::{Object, Place, Say};
use super::patch_reach::Aspect;
use super::value::{Made, Origin, Ref, Value};
use super::variables::{Variable, Variables};
use crate::inventory::Kind;
use crate::model::{Reason, Step};
use crate::yaml::{self, NodeKind, ScalarType};
use std::sync::Arc;

const DISABLED: &str = "kustomize.toolkit.fluxcd.io/substitute";

/// Substitutes in an object. `name` gives the names of files.
///
/// # Errors
/// What Flux fails on.
pub(super) fn apply(
    object: &mut Object,
    variables: &Variables,
    place: &Place,
    name: &mut dyn FnMut(usize) -> Arc<str>,
) -> Result<(), String> {
    // A template is substituted with the set that holds it: what it says of itself is for later.
    let off = object.template.is_none() && is_off(object);
    let plain = !has_dollar(object.tree().look()) && !object.name().contains('$') && !object.namespace().contains('$');
    if !variables.any || off || plain {
        return Ok(());
    }
    let kind = object.kind;
    let mut run = Run { variables, place, name, kind, way: Vec::new(), says: Vec::new(), steps: Vec::new() };
    let tree = object.tree_mut();
    if let Some(new) = run.value(tree.look())? {
        *tree = new;
    }
    let Run { says, steps, .. } = run;
    object.says.extend(says);
    object.steps.extend(steps);
    Ok(())
}

/// Whether an object asks for no substitution.
pub(super) fn is_off(object: &Object) -> bool {
    [object.label(DISABLED), object.annotation(DISABLED)].contains(&Some("disabled"))
}

/// Why a text that was left as it is has no value, as the build noted it: what it hangs on, for the end of a sentence.
/// Nothing where nobody substitutes.
pub(super) fn why_not(object: &Object, text: &str) -> Option<String> {
    if is_off(object) {
        return Some(format!("a variable, and the object has {DISABLED}: disabled, so that Flux leaves it as it is"));
    }
    let start = format!("{text} hangs on ");
    object.steps.iter().rev().find_map(|step| Some(step.what.strip_prefix(&*start)?.to_owned()))
}

fn has_dollar(value: Ref<'_>) -> bool {
    match value {
        Ref::Written(node, file) => match &node.kind {
            NodeKind::Scalar { text, .. } => text.contains('$'),
            NodeKind::Mapping(entries) => entries.iter().any(|entry| has_dollar(Ref::Written(&entry.value, file))),
            NodeKind::Sequence(items) => items.iter().any(|item| has_dollar(Ref::Written(item, file))),
        },
        Ref::Value(Value::Made(made)) => made.text.contains('$'),
        Ref::Value(Value::Map(entries)) => entries.iter().any(|(_, value)| has_dollar(value.look())),
        Ref::Value(Value::List(items)) => items.iter().any(|value| has_dollar(value.look())),
        Ref::Value(Value::Written(node, file)) => has_dollar(Ref::Written(node, *file)),
    }
}

struct Run<'r> {
    variables: &'r Variables,
    place: &'r Place,
    name: &'r mut dyn FnMut(usize) -> Arc<str>,
    kind: Kind,
    way: Vec<String>,
    says: Vec<Say>,
    steps: Vec<Step>,
}

impl Run<'_> {
    /// The value with its variables replaced; nothing where it has none.
    fn value(&mut self, value: Ref<'_>) -> Result<Option<Value>, String> {
        if !has_dollar(value) {
            return Ok(None);
        }
        if value.kind().is_some() {
            return self.scalar(value);
        }
        if value.is_map() {
            let mut entries = Vec::new();
            for (key, below) in value.pairs() {
                self.way.push(key.to_owned());
                let new = self.value(below)?;
                self.way.pop();
                entries.push((Arc::from(key), new.unwrap_or_else(|| below.to_value())));
            }
            return Ok(Some(Value::Map(Arc::new(entries))));
        }
        let mut items = Vec::new();
        for below in value.items() {
            items.push(self.value(below)?.unwrap_or_else(|| below.to_value()));
        }
        Ok(Some(Value::List(Arc::new(items))))
    }

    fn scalar(&mut self, value: Ref<'_>) -> Result<Option<Value>, String> {
        if value.kind() != Some(ScalarType::String) {
            return Ok(None);
        }
        let text = value.text().unwrap_or_default();
        let find = |name: &str| self.variables.lookup(name);
        let written = emit(text);
        let parts = envsubst::parse(&written)?;
        let done = match envsubst::evaluate(&parts, &find) {
            Ok(done) => done,
            Err(Failure::Hidden(variable, why)) => {
                return Ok(Some(self.unknown(value, text, &format!("the variable {variable}, and {why}"))));
            }
            Err(Failure::Unsure(what)) => {
                return Ok(Some(self.unknown(value, text, &format!("{what}, which is not followed"))));
            }
        };
        let Some((new, kind)) = read(&done, &written) else {
            return Ok(Some(self.unknown(value, text, "a value that changes the YAML around it")));
        };
        let origin = self.origin(value, text);
        self.step(text, &new);
        Ok(Some(Value::Made(Arc::new(Made { text: new, kind, origin }))))
    }

    /// The bytes to edit: the one variable's definition, or its default here.
    fn origin(&mut self, value: Ref<'_>, text: &str) -> Origin {
        let composed = || Origin::None(format!("{text} is composed of several parts"));
        let Ok(parts) = envsubst::parse(text) else { return composed() };
        let calls: Vec<usize> =
            parts.iter().enumerate().filter(|(_, p)| matches!(p, Part::Call { .. })).map(|(i, _)| i).collect();
        let [at] = calls.as_slice() else { return composed() };
        let fixed = |parts: &[Part]| -> String {
            parts.iter().map(|part| if let Part::Text(text, _) = part { text.as_str() } else { "" }).collect()
        };
        let (prefix, suffix) =
            (fixed(parts.get(..*at).unwrap_or_default()), fixed(parts.get(at + 1..).unwrap_or_default()));
        let Some(Part::Call { name, operator, arguments }) = parts.get(*at) else { return composed() };
        if !matches!(operator.as_str(), "" | "=" | ":=" | ":-" | ":+" | ":?") {
            return Origin::None(format!("{text} changes the variable {name}"));
        }
        match self.variables.get(name) {
            Some(Variable::Known { text, origin, .. }) if !text.is_empty() => framed(origin.clone(), &prefix, &suffix),
            _ => match (arguments.as_slice(), value.origin()) {
                ([Part::Text(default, from)], Origin::Scalar { file, start }) => {
                    let part = Some((*from, from + default.len()));
                    Origin::Part { file, start, part, prefix, suffix }
                }
                _ => composed(),
            },
        }
    }

    /// A field that nobody can know keeps its text. What is looked up by it says so; of any other the object does.
    fn unknown(&mut self, value: Ref<'_>, text: &str, why: &str) -> Value {
        let place = self.place;
        let looked_up = matches!(
            self.way.last().map(String::as_str),
            Some("version" | "tag" | "semver" | "chart" | "name" | "url" | "path")
        ) && text.contains("${");
        if let Some(aspect) = self.aspect().filter(|aspect| *aspect != Aspect::Identity) {
            let message = format!("{} in {text} hangs on {why} (substituted by {place})", aspect.words());
            let step = format!("{text} hangs on {why}");
            self.steps.push(Step {
                field: "substitution",
                file: place.file.clone(),
                line: place.line,
                what: Arc::from(step),
            });
            if !looked_up {
                self.says.push(Say { aspect, key: None, reason: Reason::VersionInSubstitution, message });
            }
        }
        value.to_value()
    }

    /// What the field at hand means.
    fn aspect(&self) -> Option<Aspect> {
        super::patch_reach::at(self.kind, &self.way.join("/")).filter(|_| self.kind != Kind::ConfigMap)
    }

    fn step(&mut self, text: &str, new: &str) {
        if self.aspect().is_none() {
            return;
        }
        let field = match self.way.last().map(String::as_str) {
            Some("version" | "tag" | "semver" | "digest") => "version",
            Some("url") => "url",
            Some("chart") => "chart",
            Some("namespace") => "namespace",
            Some("name") if self.way.len() == 2 => "name",
            Some("path") => "path",
            _ => "source",
        };
        let parts = envsubst::parse(text).unwrap_or_default();
        let names = parts.iter().filter_map(|part| if let Part::Call { name, .. } = part { Some(name) } else { None });
        for name in names {
            let (file, line, what) = match self.variables.get(name) {
                Some(Variable::Known { line: Some((file, line)), text: value, .. }) => {
                    ((self.name)(*file), *line, format!("defines {name} as {value}"))
                }
                Some(Variable::Known { text: value, .. }) => {
                    (self.place.file.clone(), self.place.line, format!("substitutes {name} by {value}"))
                }
                _ => (self.place.file.clone(), self.place.line, format!("leaves {name} to its default")),
            };
            let what = Arc::from(format!("{what}: {text} becomes {new}"));
            self.steps.push(Step { field, file, line, what });
        }
    }
}

/// A definition with fixed text around what refers to it.
pub(super) fn framed(origin: Origin, before: &str, after: &str) -> Origin {
    if before.is_empty() && after.is_empty() {
        return origin;
    }
    match origin {
        Origin::Scalar { file, start } => {
            Origin::Part { file, start, part: None, prefix: before.to_owned(), suffix: after.to_owned() }
        }
        Origin::Part { file, start, part, prefix, suffix } => {
            Origin::Part { file, start, part, prefix: format!("{before}{prefix}"), suffix: format!("{suffix}{after}") }
        }
        none @ Origin::None(_) => none,
    }
}

/// A string as Flux's YAML writer puts it (go-yaml 2 by way of sigs.k8s.io/yaml).
pub(super) fn emit(text: &str) -> String {
    if text.contains('\n') {
        return text.to_owned();
    }
    let printable = !text.chars().any(|c| c.is_control() || c == '\u{feff}');
    if !printable || ScalarType::of_plain(text) != ScalarType::String {
        return format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    if is_plain(text) { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

/// Whether a string may stand without quotes as a block mapping's value.
fn is_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return false };
    let blank_after = chars.next().is_none_or(|c| c == ' ' || c == '\t');
    let indicator = matches!(
        first,
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' | ' '
    );
    let special = ["---", "..."].iter().any(|start| text.starts_with(start))
        || [": ", ":\t", " #"].iter().any(|inside| text.contains(inside))
        || text.ends_with([' ', ':']);
    !(indicator || special || matches!(first, '?' | ':' | '-') && blank_after)
}

/// What the reader makes of the substituted text; nothing where it is no longer one scalar.
pub(super) fn read(done: &str, written: &str) -> Option<(String, ScalarType)> {
    if written.contains('\n') {
        return Some((done.to_owned(), ScalarType::String));
    }
    if done.contains('\n') {
        return None;
    }
    let stream = yaml::parse(format!("x: {done}\n").as_bytes());
    let [document] = stream.documents.as_slice() else { return None };
    let root = document.root.as_ref().ok()?.as_ref()?;
    if root.entries().len() != 1 {
        return None;
    }
    let node = root.get("x")?;
    Some((node.text()?.to_owned(), node.scalar_type()?))
}

#[cfg(test)]
#[path = "substitute_tests.rs"]
mod tests;
