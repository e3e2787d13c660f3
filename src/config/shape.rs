//! The known keys and their types, read off the JSON Schema: one home for the schema that editors use, the walk over
//! a file and the names of environment variables.

use serde_json::Value;

/// What may stand at one place of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// A section.
    Object {
        /// Its keys, in the order of the schema.
        fields: Vec<(String, Shape)>,
        /// Those without a default.
        required: Vec<String>,
    },
    /// A list.
    List(Box<Shape>),
    /// One of some words.
    Choice(Vec<String>),
    /// A whole number up to a limit.
    Integer(u64),
    /// `true` or `false`.
    Boolean,
    /// Any text.
    Text,
}

impl Shape {
    /// The shape that a JSON Schema (subschemas inlined) describes.
    pub(super) fn of(schema: &Value) -> Self {
        if let Some(any) = schema["anyOf"].as_array() {
            return any.iter().find(|s| s["type"] != "null").map_or(Self::Text, Self::of);
        }
        if let Some(one) = schema["oneOf"].as_array() {
            return Self::Choice(one.iter().flat_map(words).collect());
        }
        if schema["enum"].is_array() || schema["const"].is_string() {
            return Self::Choice(words(schema));
        }
        match type_of(schema) {
            "object" => Self::object(schema),
            "array" => Self::List(Box::new(Self::of(&schema["items"]))),
            "boolean" => Self::Boolean,
            "integer" => Self::Integer(if schema["format"] == "uint32" { u64::from(u32::MAX) } else { u64::MAX }),
            _ => Self::Text,
        }
    }

    fn object(schema: &Value) -> Self {
        let fields = schema["properties"].as_object().into_iter().flatten();
        let fields = fields.map(|(key, value)| (key.clone(), Self::of(value))).collect();
        let required = schema["required"].as_array().into_iter().flatten();
        let required = required.filter_map(|key| key.as_str().map(str::to_owned)).collect();
        Self::Object { fields, required }
    }

    /// The shape under a key of a section.
    pub(super) fn field(&self, key: &str) -> Option<&Self> {
        let Self::Object { fields, .. } = self else { return None };
        fields.iter().find(|(name, _)| name == key).map(|(_, shape)| shape)
    }

    /// The keys of a section.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        let fields = if let Self::Object { fields, .. } = self { fields.as_slice() } else { &[] };
        fields.iter().map(|(name, _)| name.as_str())
    }

    /// What a message says was expected.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Object { .. } => "a section (key: value)".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Integer(_) => "a whole number".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Text => "text".to_owned(),
        }
    }
}

fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|t| *t != "null").unwrap_or("string"),
        other => other.as_str().unwrap_or("string"),
    }
}

fn words(schema: &Value) -> Vec<String> {
    if let Some(word) = schema["const"].as_str() {
        return vec![word.to_owned()];
    }
    schema["enum"].as_array().into_iter().flatten().filter_map(|w| w.as_str().map(str::to_owned)).collect()
}

/// The key whose name is nearest to a mistyped one.
pub(super) fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '-'], "");
    let key = plain(key);
    known
        .map(|name| (strsim::damerau_levenshtein(&key, &plain(name)), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
