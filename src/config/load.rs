//! Defaults < file < environment, layered by the `config` crate; then the checks. All issues at once.

use super::check::check;
use super::environment::variables;
use super::places::Places;
use super::raw::RawConfig;
use super::shape::Shape;
use super::walk::{Walk, join, nowhere};
use super::{Config, Issue, Place};
use config::{Map, Source, Value, ValueKind};
use schemars::JsonSchema;
use std::path::Path;

/// What the configuration is loaded for; `run` and `once` need more than the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `davit run` and `davit once`: there must be repositories, and a way to sign in to their forge.
    Run,
    /// `davit check`: as `Run` as soon as there are repositories.
    Check,
    /// `davit scan`, `apply`, `explain`, `demo`: the defaults serve.
    Local,
}

/// The name that messages use where there is no file.
const NO_FILE: &str = "configuration";

/// Loads a configuration from the text of its file (empty where there is none) and the environment.
///
/// # Errors
/// Every issue there is, sorted by file, line and column.
pub fn load(path: Option<&Path>, text: &str, env: &[(String, String)], purpose: Purpose) -> Result<Config, Vec<Issue>> {
    load_with(path, text, env, purpose, &|_| Vec::new())
}

/// As [`load`], with the word of the floors above (ranges, templates) on what was read: their issues stand beside ours,
/// so that a person sees all of them at once.
///
/// # Errors
/// Every issue there is, sorted by file, line and column.
pub fn load_with(
    path: Option<&Path>,
    text: &str,
    env: &[(String, String)],
    purpose: Purpose,
    judge: &dyn Fn(&Config) -> Vec<Issue>,
) -> Result<Config, Vec<Issue>> {
    let file = path.map_or_else(|| NO_FILE.to_owned(), |p| p.display().to_string());
    let shape = Shape::of(&super::schema());
    let mut places = Places::new(&file);
    let mut issues = Vec::new();
    let from_file = file_layer(&file, text.as_bytes(), &shape, nowhere, &mut places, &mut issues);
    let from_env = variables(env, &shape, &mut places, &mut issues);
    let mut merged = match layered(from_file, from_env) {
        Ok(merged) => merged,
        Err(error) => {
            issues.push(whole(&file, &format!("the layers do not fit together: {error}")));
            return Err(sorted(issues));
        }
    };
    complete(&mut merged, &shape, "", &places, &mut issues);
    match merged.try_deserialize::<RawConfig>() {
        Ok(raw) => {
            let (config, mut found) = check(raw, purpose, places);
            found.extend(config.iter().flat_map(judge));
            finish((config, found), issues)
        }
        // Not the error's text: it may quote a secret.
        Err(_) if issues.is_empty() => Err(vec![whole(&file, "a value has the wrong type")]),
        Err(_) => Err(sorted(issues)),
    }
}

impl Default for Config {
    /// What serves where nothing is configured.
    #[expect(clippy::expect_used, reason = "a test holds that the defaults load without an issue")]
    fn default() -> Self {
        load(None, "", &[], Purpose::Local).expect("the defaults are valid")
    }
}

/// A file as a layer.
#[derive(Debug, Clone)]
struct FileLayer(Map<String, Value>);

impl Source for FileLayer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

/// Reads a file against a shape: what is right becomes a table.
pub(super) fn file_layer(
    file: &str,
    bytes: &[u8],
    shape: &Shape,
    foreign: fn(&str) -> Option<String>,
    places: &mut Places,
    issues: &mut Vec<Issue>,
) -> Map<String, Value> {
    let stream = crate::yaml::parse(bytes);
    let mut root = None;
    for document in &stream.documents {
        match &document.root {
            Err(error) => {
                let place = Place { file: file.to_owned(), line: error.line, column: error.column };
                issues.push(Issue {
                    place,
                    path: String::new(),
                    message: format!("not valid YAML: {}", error.message),
                });
            }
            Ok(None) => {}
            Ok(Some(_)) if root.is_some() => {
                let place = Place { file: file.to_owned(), line: document.start_line, column: 1 };
                let message = "a second document: the configuration is one".to_owned();
                issues.push(Issue { place, path: String::new(), message });
            }
            Ok(Some(node)) => root = Some(node),
        }
    }
    let mut walk = Walk { places, issues, origin: file.to_owned(), lines: true, foreign };
    match root.and_then(|node| walk.value(node, shape, "")).map(|value| value.kind) {
        Some(ValueKind::Table(table)) => table,
        _ => Map::new(),
    }
}

fn layered(file: Map<String, Value>, env: Vec<super::environment::Variable>) -> Result<Value, config::ConfigError> {
    let defaults = config::Config::try_from(&RawConfig::default())?;
    let mut builder = config::Config::builder().add_source(defaults).add_source(FileLayer(file));
    for variable in env {
        builder = builder.add_source(variable);
    }
    Ok(builder.build()?.cache)
}

/// Reports what is missing after all layers, and fills it (and what was broken) with something of the right type, so
/// that the checks of everything else still run.
pub(super) fn complete(value: &mut Value, shape: &Shape, path: &str, places: &Places, issues: &mut Vec<Issue>) {
    match shape {
        Shape::Object { fields, required } => {
            let mut table = match std::mem::take(&mut value.kind) {
                ValueKind::Table(table) => table,
                _ => Map::new(),
            };
            table.retain(|_, inner| inner.kind != ValueKind::Nil);
            for (key, inner) in fields {
                let path = join(path, key);
                let wanted = required.contains(key);
                if wanted && !table.contains_key(key) {
                    issues.push(missing(&path, inner, places));
                }
                if wanted || table.contains_key(key) {
                    complete(table.entry(key.clone()).or_default(), inner, &path, places, issues);
                }
            }
            value.kind = ValueKind::Table(table);
        }
        Shape::List(inner) => {
            if let ValueKind::Array(items) = &mut value.kind {
                for (index, item) in items.iter_mut().enumerate() {
                    complete(item, inner, &format!("{path}[{index}]"), places, issues);
                }
            }
        }
        _ if value.kind != ValueKind::Nil => {}
        Shape::Text => value.kind = ValueKind::String(String::new()),
        Shape::Integer(_) => value.kind = ValueKind::U64(0),
        Shape::Boolean => value.kind = ValueKind::Boolean(false),
        Shape::Choice(words) => value.kind = ValueKind::String(words.first().cloned().unwrap_or_default()),
    }
}

fn missing(path: &str, shape: &Shape, places: &Places) -> Issue {
    let message = format!("is missing; expected {}", shape.expected());
    Issue { place: places.locate(path), path: path.to_owned(), message }
}

pub(super) fn whole(file: &str, message: &str) -> Issue {
    let place = Place { file: file.to_owned(), line: 0, column: 0 };
    Issue { place, path: String::new(), message: message.to_owned() }
}

/// Joins the issues of the checks with those of the walk; what already has one gets no second one for being filled in.
pub(super) fn finish<T>((checked, found): (Option<T>, Vec<Issue>), mut issues: Vec<Issue>) -> Result<T, Vec<Issue>> {
    let known: Vec<String> = issues.iter().map(|i| i.path.clone()).filter(|p| !p.is_empty()).collect();
    let follows = |path: &str| {
        known
            .iter()
            .any(|k| path.strip_prefix(k.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])))
    };
    issues.extend(found.into_iter().filter(|issue| !follows(&issue.path)));
    match checked {
        Some(checked) if issues.is_empty() => Ok(checked),
        _ => Err(sorted(issues)),
    }
}

pub(super) fn sorted(mut issues: Vec<Issue>) -> Vec<Issue> {
    issues.sort();
    issues.dedup();
    issues
}

/// The JSON Schema of a raw type, subschemas inlined.
pub(super) fn schema_of<T: JsonSchema>() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
