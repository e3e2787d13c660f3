//! One scalar of a ResourceSet's template, filled in with one set of inputs. The operator fills in the text of the YAML
//! and reads it again (Go templates with `<<` and `>>`): so does this, for the two forms that it knows, `<< inputs.a.b >>`
//! and `<< inputs.a.b | quote >>`.

use super::object::Object;
use super::substitute::{emit, framed, read};
use super::value::{Made, Origin, Ref, Value};
use crate::model::ScalarStyle;
use crate::yaml::{NodeKind, ScalarType};
use std::sync::Arc;

/// One set of inputs, with what the operator adds.
#[derive(Debug, Clone)]
pub(super) struct Inputs {
    values: Value,
    /// Kind, name and namespace of the object that gave them; nothing where there are no inputs at all.
    provider: Option<[String; 3]>,
}

impl Inputs {
    pub(super) fn of(object: &Object, values: Value) -> Self {
        let provider = [object.kind.as_str(), object.name(), object.namespace()].map(str::to_owned);
        Self { values, provider: Some(provider) }
    }

    pub(super) fn none() -> Self {
        Self { values: Value::empty_map(), provider: None }
    }

    /// What a reference means, with the bytes that hold it.
    fn get(&self, keys: &[&str]) -> Found<'_> {
        let shown = || keys.join(".");
        match (keys, &self.provider) {
            (_, None) => Found::Missing(format!("there are no inputs, and so no {}", shown())),
            (["id"], _) => Found::Unknown("the input id is known in the cluster only".to_owned()),
            (["provider", field], Some([kind, name, namespace])) => match *field {
                "apiVersion" => Found::Builtin("fluxcd.controlplane.io/v1"),
                "kind" => Found::Builtin(kind),
                "name" => Found::Builtin(name),
                "namespace" => Found::Builtin(namespace),
                _ => Found::Missing(format!("there is no input {}", shown())),
            },
            _ => match keys.iter().try_fold(self.values.look(), |value, key| value.get(key)) {
                None => Found::Missing(format!("there is no input {}", shown())),
                Some(value) if value.text().is_some_and(|text| text.contains("${")) => {
                    Found::Unknown(format!("the input {} hangs on substitution", shown()))
                }
                Some(value) => match value.kind() {
                    Some(ScalarType::String) => Found::Written(value),
                    Some(ScalarType::Bool(true)) => Found::Builtin("true"),
                    Some(ScalarType::Bool(false)) => Found::Builtin("false"),
                    Some(ScalarType::Number) if is_small(value.text().unwrap_or_default()) => Found::Written(value),
                    _ => Found::Unknown(format!("the input {} is no string: put it in quotes", shown())),
                },
            },
        }
    }
}

/// A number that JSON and Go print as it is written.
fn is_small(text: &str) -> bool {
    text.len() <= 15 && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
}

enum Found<'i> {
    /// A scalar that somebody wrote.
    Written(Ref<'i>),
    /// What the operator or a type says.
    Builtin(&'i str),
    Missing(String),
    Unknown(String),
}

/// What came of a scalar.
pub(super) enum Filled {
    Value(Value),
    /// The operator fails on it.
    Missing(String),
    /// It can't be told from here.
    Unknown(String),
}

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
enum Part<'t> {
    Text(&'t str),
    Input { keys: Vec<&'t str>, quoted: bool },
}

/// The pieces of a text; the error is the first action of another form.
fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<<") {
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        let (action, after) = after.split_once(">>").ok_or_else(|| format!("<<{after} is never closed"))?;
        let other = || format!("<<{action}>> is no plain reference to an input");
        let (reference, pipe) = action.split_once('|').map_or((action, None), |(a, b)| (a, Some(b.trim())));
        let keys = reference.trim().strip_prefix("inputs.").ok_or_else(other)?;
        let keys: Vec<&str> = keys.split('.').collect();
        if !keys.iter().all(|key| is_key(key)) || !matches!(pipe, None | Some("quote")) {
            return Err(other());
        }
        parts.push(Part::Input { keys, quoted: pipe.is_some() });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// A field name of a Go template.
fn is_key(key: &str) -> bool {
    key.chars().next().is_some_and(|c| c == '_' || c.is_alphabetic())
        && key.chars().all(|c| c == '_' || c.is_alphanumeric())
}

/// Fills a scalar in. `as_text`: the template is text, and so the scalar's quotes count.
pub(super) fn fill(value: Ref<'_>, as_text: bool, inputs: &Inputs) -> Filled {
    let text = value.text().unwrap_or_default();
    let written = if as_text { as_written(value, text) } else { emit(text) };
    let pieces = match parts(&written) {
        Ok(pieces) => pieces,
        Err(form) => return Filled::Unknown(form),
    };
    let (mut done, mut origins) = (String::with_capacity(written.len()), Vec::new());
    for piece in &pieces {
        let (keys, quoted) = match piece {
            Part::Text(text) => {
                done.push_str(text);
                continue;
            }
            Part::Input { keys, quoted } => (keys, quoted),
        };
        let found = match inputs.get(keys) {
            Found::Written(value) => {
                origins.push(value.origin());
                value.text().unwrap_or_default()
            }
            Found::Builtin(text) => text,
            Found::Missing(what) => return Filled::Missing(what),
            Found::Unknown(why) => return Filled::Unknown(why),
        };
        if *quoted {
            if found.contains(['"', '\\']) || found.chars().any(char::is_control) {
                return Filled::Unknown("the input holds what quote would escape".to_owned());
            }
            done.push('"');
            done.push_str(found);
            done.push('"');
        } else {
            done.push_str(found);
        }
    }
    let Some((new, kind)) = read(&done, &written) else {
        return Filled::Unknown("filled in, it is no longer one value".to_owned());
    };
    let origin = match origins.pop() {
        Some(origin) if origins.is_empty() => around(text, origin, &new),
        _ => Origin::None(format!("{text} is composed of several inputs")),
    };
    Filled::Value(Value::Made(Arc::new(Made { text: new, kind, origin })))
}

/// The scalar as it stands in the text, as far as its reading goes.
fn as_written(value: Ref<'_>, text: &str) -> String {
    let style = match value {
        Ref::Written(node, _) => match &node.kind {
            NodeKind::Scalar { style, .. } => *style,
            _ => ScalarStyle::Plain,
        },
        Ref::Value(_) => return emit(text),
    };
    match style {
        ScalarStyle::Single => format!("'{}'", text.replace('\'', "''")),
        ScalarStyle::Double => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        _ => text.to_owned(),
    }
}

/// The origin of the one input with the fixed text around it in the finished value.
fn around(text: &str, origin: Origin, new: &str) -> Origin {
    let composed = || Origin::None(format!("{text} changes the input"));
    let Ok(pieces) = parts(text) else { return composed() };
    // The pieces of the written form and of the value differ by quotes at most, which are text.
    let inputs = |piece: &Part<'_>| matches!(piece, Part::Input { .. });
    let Some(number) = pieces.iter().position(inputs).filter(|_| pieces.iter().filter(|p| inputs(p)).count() == 1)
    else {
        return composed();
    };
    let fixed = |pieces: &[Part<'_>]| -> String {
        pieces.iter().map(|piece| if let Part::Text(text) = piece { *text } else { "" }).collect()
    };
    let before = fixed(pieces.get(..number).unwrap_or_default());
    let after = fixed(pieces.get(number + 1..).unwrap_or_default());
    if new.len() < before.len() + after.len() || !new.starts_with(&before) || !new.ends_with(&after) {
        return composed();
    }
    framed(origin, &before, &after)
}

/// File and line of the first input that a text refers to.
pub(super) fn first_place(text: &str, inputs: &Inputs) -> Option<(usize, u32)> {
    parts(text).ok()?.iter().find_map(|piece| match piece {
        Part::Input { keys, .. } => match inputs.get(keys) {
            Found::Written(value) => value.line(),
            _ => None,
        },
        Part::Text(_) => None,
    })
}
