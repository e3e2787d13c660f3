//! Environment variables as a layer: `DAVIT__GITHUB__TOKEN_FILE` is `github.tokenFile`. Each segment is the key in
//! upper snake case, segments are joined by two underscores, the value is YAML and lists are given whole. A variable
//! with one underscore (`DAVIT_…`) is not ours. The `config` crate's own mapping reaches neither camelCase nor lists.

use super::places::Places;
use super::shape::{Shape, nearest};
use super::walk::{Walk, join, nowhere};
use super::{Issue, Place};
use config::{Map, Source, Value, ValueKind};

/// What all our variables begin with.
pub(super) const PREFIX: &str = "DAVIT__";

/// One variable, as a source of the `config` crate.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    /// `github.tokenFile`
    pub(super) path: String,
    pub(super) value: Value,
}

impl Source for Variable {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(Map::from_iter([(self.path.clone(), self.value.clone())]))
    }
}

/// Every variable of ours, sorted so that a section comes before its keys and the result never depends on the order
/// of the environment.
pub(super) fn variables(
    env: &[(String, String)],
    shape: &Shape,
    places: &mut Places,
    issues: &mut Vec<Issue>,
) -> Vec<Variable> {
    let mut ours: Vec<_> = env.iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    ours.sort();
    let mut layers = Vec::new();
    for (name, text) in ours {
        let place = Place { file: name.clone(), line: 0, column: 0 };
        match resolve(name, shape) {
            Ok((path, inner)) => {
                places.insert(&path, place);
                let walk = Walk { places, issues, origin: name.clone(), lines: false, foreign: nowhere };
                layers.extend(read(walk, &path, text, inner).map(|value| Variable { path, value }));
            }
            Err(message) => issues.push(Issue { place, path: String::new(), message }),
        }
    }
    layers
}

/// The key that a variable's name stands for.
fn resolve<'a>(name: &str, shape: &'a Shape) -> Result<(String, &'a Shape), String> {
    let (mut path, mut inner) = (String::new(), shape);
    for segment in name[PREFIX.len()..].split("__") {
        if matches!(inner, Shape::List(_)) {
            return Err(format!("{path} is a list, and lists are given whole, in one variable"));
        }
        let Some(key) = inner.keys().find(|key| upper_snake(key) == segment) else {
            let names: Vec<String> = inner.keys().map(upper_snake).collect();
            let hint = nearest(segment, names.iter().map(String::as_str));
            let hint =
                hint.map_or(String::new(), |known| format!("; did you mean `{}`?", name.replacen(segment, known, 1)));
            return Err(format!("unknown key{hint}"));
        };
        path = join(&path, key);
        inner = inner.field(key).unwrap_or(inner);
    }
    Ok((path, inner))
}

/// `tokenFile` as `TOKEN_FILE`.
pub(super) fn upper_snake(key: &str) -> String {
    let mut name = String::with_capacity(key.len() + 4);
    for letter in key.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// The value. A text without quotes around it is taken as it is: ` #` or `: ` in a password is part of it.
fn read(mut walk: Walk<'_>, path: &str, text: &str, shape: &Shape) -> Option<Value> {
    if *shape == Shape::Text && !text.starts_with(['"', '\'']) {
        return Some(Value::new(Some(&walk.origin), ValueKind::String(text.to_owned())));
    }
    let stream = crate::yaml::parse(text.as_bytes());
    match stream.documents.as_slice() {
        [] => None,
        [document] => match &document.root {
            Ok(root) => walk.value(root.as_ref()?, shape, path),
            Err(_) => refuse(&mut walk, path),
        },
        _ => refuse(&mut walk, path),
    }
}

/// The parser's message may quote the value, which may be a secret: say only that it is not YAML.
fn refuse(walk: &mut Walk<'_>, path: &str) -> Option<Value> {
    let place = Place { file: walk.origin.clone(), line: 0, column: 0 };
    let message = "the value is not valid YAML; put text with special characters in quotes".to_owned();
    walk.issues.push(Issue { place, path: path.to_owned(), message });
    None
}
