//! Secrets of registries: configured ones read again at each use, and those inside JSON. Never shows their text.

use crate::config::SecretRef;
use crate::model::{Problem, Reason};
use secrecy::SecretString;

/// A configured secret; the file is small, and read again at each use.
pub(super) fn read(secret: &SecretRef) -> Result<SecretString, Problem> {
    crate::world::secret::read(secret)
        .map_err(|e| Problem::new(Reason::SourceUnauthorized, format!("registries.hosts: {e}")))
}

/// For `#[serde(deserialize_with)]`: a secret within JSON.
pub(super) fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    <String as serde::Deserialize>::deserialize(deserializer).map(SecretString::from)
}

/// As [`text`], where it may be missing.
pub(super) fn optional<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    let text = <Option<String> as serde::Deserialize>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()).map(SecretString::from))
}
