//! Reads a configured secret, again at each use, so that rotation needs no restart. Never shows its text.

use crate::config::SecretRef;
use crate::model::{Problem, Reason};
use secrecy::{ExposeSecret, SecretString};

pub(super) async fn read(secret: &SecretRef) -> Result<SecretString, Problem> {
    match secret {
        SecretRef::Inline(text) => Ok(SecretString::from(text.expose_secret().to_owned())),
        SecretRef::File(path) => match tokio::fs::read_to_string(path).await {
            Ok(text) => Ok(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => {
                let message = format!("registries.hosts: passwordFile {}: {error}", path.display());
                Err(Problem::new(Reason::SourceUnauthorized, message))
            }
        },
    }
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
