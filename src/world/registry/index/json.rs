//! An index in JSON, read as a stream. It keeps the wanted charts' entries only.

use super::entry::{Field, MOST_URLS};
use super::{Collected, Extract, IndexError, NO_API_VERSION, RawEntry, Wanted};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

pub(super) fn read(input: impl Read, wanted: Wanted) -> Result<BTreeMap<String, Extract>, IndexError> {
    let mut state = wanted;
    let mut json = serde_json::Deserializer::from_reader(input);
    let invalid = |e: serde_json::Error| IndexError::Invalid(format!("not a chart index: {e}"));
    let Head { entries, api_version } = Top(&mut state).deserialize(&mut json).map_err(invalid)?;
    json.end().map_err(invalid)?;
    if !entries {
        return Err(IndexError::Invalid("not a chart index: it has no entries".to_owned()));
    }
    if !api_version {
        return Err(IndexError::Invalid(NO_API_VERSION.to_owned()));
    }
    Ok(state.finish())
}

/// What an index has beside its charts.
#[derive(Default)]
struct Head {
    entries: bool,
    api_version: bool,
}

struct Top<'a>(&'a mut Wanted);
struct Charts<'a>(&'a mut Wanted);
struct Entries<'a>(&'a mut Collected);
struct OneEntry;

macro_rules! seed {
    ($type:ty, $value:ty) => {
        impl<'de> DeserializeSeed<'de> for $type {
            type Value = $value;
            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<$value, D::Error> {
                deserializer.deserialize_any(self)
            }
        }
    };
}
seed!(Top<'_>, Head);
seed!(Charts<'_>, ());
seed!(Entries<'_>, ());
seed!(OneEntry, RawEntry);

impl<'de> Visitor<'de> for Top<'_> {
    type Value = Head;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a chart index")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
        let mut head = Head::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "entries" => {
                    map.next_value_seed(Charts(self.0))?;
                    head.entries = true;
                }
                "apiVersion" => {
                    let text = map.next_value::<Option<String>>()?;
                    head.api_version = text.is_some_and(|text| !text.is_empty());
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(head)
    }
}

impl<'de> Visitor<'de> for Charts<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("charts by name")
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if self.0.sees(&name) {
                let mut collected = self.0.collector(&name);
                map.next_value_seed(Entries(&mut collected))?;
                self.0.put(&name, collected);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of chart versions")
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element_seed(OneEntry)? {
            self.0.take(entry).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for OneEntry {
    type Value = RawEntry;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a chart version")
    }
    fn visit_unit<E: Error>(self) -> Result<RawEntry, E> {
        Ok(RawEntry::default())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawEntry, A::Error> {
        let mut entry = RawEntry::default();
        while let Some(key) = map.next_key::<String>()? {
            match Field::of(key.as_bytes()) {
                Some(Field::Scalar(field)) => entry.set(field, scalar(&key, &map.next_value()?)?),
                Some(Field::Urls) => entry.urls = texts(&key, &map.next_value()?)?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(entry)
    }
}

fn text(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// The text of a field that is one; nothing for null.
fn scalar<E: Error>(key: &str, value: &serde_json::Value) -> Result<Option<String>, E> {
    if value.is_array() || value.is_object() {
        return Err(E::custom(format_args!("{key} of a version is no text")));
    }
    Ok(text(value))
}

fn texts<E: Error>(key: &str, value: &serde_json::Value) -> Result<Vec<String>, E> {
    match value {
        serde_json::Value::Array(list) => Ok(list.iter().filter_map(text).take(MOST_URLS).collect()),
        serde_json::Value::Null => Ok(Vec::new()),
        _ => Err(E::custom(format_args!("{key} of a version is no list"))),
    }
}
