//! An index in JSON, read as a stream. It keeps the wanted charts' entries only.

use super::entry::{Field, MOST_URLS};
use super::{Collected, Extract, IndexError, RawEntry, Wanted};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

pub(super) fn read(input: impl Read, wanted: Wanted) -> Result<BTreeMap<String, Extract>, IndexError> {
    let mut state = wanted;
    let mut json = serde_json::Deserializer::from_reader(input);
    let invalid = |e: serde_json::Error| IndexError::Invalid(format!("not a chart index: {e}"));
    let found = Top(&mut state).deserialize(&mut json).map_err(invalid)?;
    json.end().map_err(invalid)?;
    if !found {
        return Err(IndexError::Invalid("not a chart index: it has no entries".to_owned()));
    }
    Ok(state.finish())
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
seed!(Top<'_>, bool);
seed!(Charts<'_>, ());
seed!(Entries<'_>, ());
seed!(OneEntry, RawEntry);

impl<'de> Visitor<'de> for Top<'_> {
    type Value = bool;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a chart index")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "entries" {
                map.next_value_seed(Charts(self.0))?;
                found = true;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
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
                Some(Field::Scalar(field)) => entry.set(field, text(&map.next_value()?)),
                Some(Field::Urls) => entry.urls = texts(&map.next_value()?),
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

fn texts(value: &serde_json::Value) -> Vec<String> {
    value.as_array().map(|list| list.iter().filter_map(text).take(MOST_URLS).collect()).unwrap_or_default()
}
