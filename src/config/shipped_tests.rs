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

#[test]
fn the_defaults_survive_the_config_crates_layers() {
    let layered = config::Config::try_from(&RawConfig::default()).unwrap().try_deserialize::<RawConfig>();
    assert_eq!(
        serde_json::to_value(layered.ok().unwrap()).unwrap(),
        serde_json::to_value(RawConfig::default()).unwrap()
    );
}
