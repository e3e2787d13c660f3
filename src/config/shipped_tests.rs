//! What ships is current: the committed schema, and the sample with every key and its default.

use super::raw::RawConfig;
use super::shape::Shape;
use super::walk::join;
use super::{Config, Purpose, load, schema};
use std::collections::BTreeSet;
use std::path::Path;

const SAMPLE: &str = include_str!("../../docs/davit.sample.yaml");

/// The sample with its commented keys taken in: `#` and no space begins one.
fn with_commented_keys() -> String {
    let mut text = String::new();
    for line in SAMPLE.lines() {
        let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
        let inside = rest.strip_prefix('#').filter(|tail| !tail.starts_with(' ') || tail.starts_with("  "));
        let list = inside.is_some_and(|tail| tail.starts_with('-'));
        if list {
            // The empty list above gives way to the example.
            let at = text.rfind(": []\n").unwrap();
            text.replace_range(at + 1..at + 4, "");
        }
        text.extend([indent, inside.unwrap_or(rest), "\n"]);
    }
    text
}

fn keys(shape: &Shape, path: &str, all: &mut BTreeSet<String>) {
    match shape {
        Shape::Object { fields, .. } => {
            for (key, inner) in fields {
                let path = join(path, key);
                keys(inner, &path, all);
                all.insert(path);
            }
        }
        Shape::List(inner) => keys(inner, &format!("{path}[0]"), all),
        _ => {}
    }
}

#[test]
fn the_sample_loads_and_says_the_defaults() {
    let sample = load(Some(Path::new("docs/davit.sample.yaml")), SAMPLE, &[], Purpose::Local).unwrap();
    let shown = |config: &Config| {
        let mut config = config.clone();
        config.places = super::places::Places::default();
        format!("{config:#?}")
    };
    assert_eq!(shown(&sample), shown(&Config::default()));
}

#[test]
fn every_key_of_the_schema_is_in_the_sample_and_every_example_is_known() {
    let text = with_commented_keys();
    let issues = load(None, &text, &[], Purpose::Local).err().unwrap_or_default();
    // The sample shows both forms of each secret, which together are refused; nothing else may be wrong.
    let other: Vec<_> = issues.iter().filter(|i| !i.message.contains("both")).collect();
    assert!(other.is_empty(), "{other:#?}");
    let stream = crate::yaml::parse(text.as_bytes());
    let (_, root) = stream.roots().next().unwrap();
    let mut places = super::places::Places::new("sample");
    let mut found = Vec::new();
    let shape = Shape::of(&schema());
    let mut walk = super::walk::Walk {
        places: &mut places,
        issues: &mut found,
        origin: "sample".into(),
        lines: true,
        foreign: super::walk::nowhere,
    };
    walk.value(root, &shape, "");
    let mut all = BTreeSet::new();
    keys(&shape, "", &mut all);
    let missing: Vec<_> = all.iter().filter(|path| !places.has(path)).collect();
    assert!(missing.is_empty(), "not in docs/davit.sample.yaml: {missing:?}");
}

#[test]
fn the_committed_schema_is_current() {
    let current = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.schema.json");
    if std::env::var_os("DAVIT_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == current, "docs/config.schema.json is old: run this test with DAVIT_UPDATE_GOLDEN=1");
}

#[test]
fn every_key_of_the_schema_has_a_description() {
    fn undescribed(schema: &serde_json::Value, path: &str, out: &mut Vec<String>) {
        for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
            if inner["description"].as_str().is_none_or(str::is_empty) {
                out.push(join(path, key));
            }
            undescribed(inner, &join(path, key), out);
            undescribed(&inner["items"], &join(path, key), out);
        }
    }
    let mut out = Vec::new();
    undescribed(&schema(), "", &mut out);
    assert!(out.is_empty(), "{out:?}");
}

#[test]
fn the_schema_takes_the_sample_and_refuses_what_the_loader_refuses() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let value = |text: &str| serde_yaml::from_str::<serde_json::Value>(text).unwrap();
    let errors: Vec<_> = validator.iter_errors(&value(SAMPLE)).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    for bad in
        ["backup: {}", "limits: {perHour: many}", "policy: {bump: none}", "repositories: [{name: a}]", "paused: 1"]
    {
        assert!(!validator.is_valid(&value(bad)), "{bad}");
        assert!(load(None, bad, &[], Purpose::Local).is_err(), "{bad}");
    }
}

/// Every place below `value` that the shape knows, with what it has to be.
fn places(value: &serde_json::Value, shape: &Shape, path: &str, out: &mut Vec<(String, Shape)>) {
    out.push((path.to_owned(), shape.clone()));
    match shape {
        Shape::Object { fields, .. } => {
            for (key, inner) in fields.iter().filter(|(key, _)| !value[key].is_null()) {
                places(&value[key], inner, &format!("{path}/{key}"), out);
            }
        }
        Shape::List(inner) if !value[0].is_null() => places(&value[0], inner, &format!("{path}/0"), out),
        _ => {}
    }
}

#[test]
fn a_value_of_the_wrong_kind_anywhere_is_refused_by_the_schema_and_by_the_loader() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let whole: serde_json::Value = serde_yaml::from_str(&with_commented_keys()).unwrap();
    let mut all = Vec::new();
    places(&whole, &Shape::of(&schema()), "", &mut all);
    assert!(all.len() > 100, "the keys were not found: {all:#?}");
    let refused = |value: &serde_json::Value, path: &str| {
        assert!(!validator.is_valid(value), "the schema takes a wrong {path}");
        let text = serde_yaml::to_string(value).unwrap();
        let issues = load(None, &text, &[], Purpose::Local).err().unwrap_or_default();
        let place = path.trim_start_matches('/').replace('/', ".").replace(".0", "[0]");
        let found = issues.iter().any(|issue| issue.path.starts_with(&place) && !issue.message.contains("both"));
        assert!(found, "{path}: {issues:#?}");
    };
    for (path, shape) in &all {
        let wrong = match shape {
            Shape::Object { .. } | Shape::List(_) => serde_json::json!("text"),
            _ => serde_json::json!({"a": ["section"]}),
        };
        if !path.is_empty() {
            let mut value = whole.clone();
            *value.pointer_mut(path).unwrap() = wrong;
            refused(&value, path);
        }
        if matches!(shape, Shape::Object { .. }) {
            let mut value = whole.clone();
            value.pointer_mut(path).unwrap()["zzz"] = serde_json::json!(1);
            refused(&value, &format!("{path}/zzz"));
        }
    }
}

/// Keys that are no list's, with the name of their variable.
fn variables(shape: &Shape, path: &str, name: &str, out: &mut Vec<(String, String, Shape)>) {
    let Shape::Object { fields, .. } = shape else {
        return out.push((path.to_owned(), name.to_owned(), shape.clone()));
    };
    for (key, inner) in fields {
        variables(inner, &join(path, key), &format!("{name}__{}", super::environment::upper_snake(key)), out);
    }
}

#[test]
fn every_key_can_be_set_by_its_variable_and_a_wrong_value_names_it() {
    let shape = Shape::of(&schema());
    let mut all = Vec::new();
    variables(&shape, "", "DAVIT", &mut all);
    assert!(all.len() > 50, "the keys were not found: {all:#?}");
    let whole: serde_json::Value = serde_yaml::from_str(&with_commented_keys()).unwrap();
    for (path, name, shape) in &all {
        let pointer = format!("/{}", path.replace('.', "/"));
        let value = whole.pointer(&pointer).unwrap_or_else(|| panic!("{path} is not in the sample"));
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // A section with keys of its own that are required is given by the file.
        let file = if path.starts_with("github.app.") {
            "github: {app: {id: 1, installationId: 2, privateKeyFile: /k}}"
        } else {
            ""
        };
        let loaded = load(None, file, &[(name.clone(), text.clone())], Purpose::Local);
        let issues = loaded.as_ref().err().cloned().unwrap_or_default();
        assert!(!issues.iter().any(|issue| issue.message.contains("unknown")), "{name}={text}: {issues:#?}");
        if let Ok(config) = loaded {
            assert_eq!(config.locate(path).file, *name, "{path} comes from {name}");
        }
        if !matches!(shape, Shape::Text) {
            let wrong = load(None, file, &[(name.clone(), "{a: [section]}".to_owned())], Purpose::Local).unwrap_err();
            assert!(wrong.iter().any(|issue| issue.place.file == *name && issue.path == *path), "{name}: {wrong:#?}");
        }
    }
}

#[test]
fn the_defaults_survive_the_config_crates_layers() {
    let layered = config::Config::try_from(&RawConfig::default()).unwrap().try_deserialize::<RawConfig>();
    assert_eq!(
        serde_json::to_value(layered.ok().unwrap()).unwrap(),
        serde_json::to_value(RawConfig::default()).unwrap()
    );
}
