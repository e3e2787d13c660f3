//! One Secret, by its namespace and name. Its text is in no message and no log.

use super::connection::Connection;
use super::refused;
use crate::model::{NsName, Problem};
use crate::witness::{SecretData, SecretName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice};
use std::collections::BTreeMap;
use tokio::time::Instant;

pub(super) async fn read(
    connection: Option<&Connection>,
    name: &SecretName,
    until: Instant,
) -> Result<SecretData, Problem> {
    let id = name.id();
    let Some(connection) = connection else {
        return Err(refused::unknown(&format!("the Secret {id}: the cluster is not connected")));
    };
    if ![&id.namespace, &id.name].into_iter().all(|part| is_plain(part)) {
        return Err(refused::unknown(&format!("the Secret {id}: no object can be called so")));
    }
    let path = path(id);
    let body = connection.get(&path, until).await.map_err(|no| match no.status {
        Some(404) => refused::unknown(&format!("the cluster has no Secret {id}")),
        _ => no.problem,
    })?;
    let body: SecretSlice<u8> = SecretSlice::from(body);
    values(body.expose_secret())
        .ok_or_else(|| refused::unknown(&format!("the Secret {id} can't be read: not a Secret")))
}

fn path(id: &NsName) -> String {
    format!("/api/v1/namespaces/{}/secrets/{}", id.namespace, id.name)
}

/// A DNS subdomain (RFC 1123), as Kubernetes asks for: nothing that could lead a path elsewhere.
fn is_plain(part: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    part.len() <= 253
        && part.bytes().all(inner)
        && part.starts_with(|c: char| c.is_ascii_alphanumeric())
        && part.ends_with(|c: char| c.is_ascii_alphanumeric())
}

#[derive(serde::Deserialize)]
struct Secret {
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}

fn values(body: &[u8]) -> Option<SecretData> {
    let secret: Secret = serde_json::from_slice(body).ok()?;
    let data = secret.data.unwrap_or_default().into_iter();
    data.map(|(key, value)| {
        let value: SecretSlice<u8> = SecretSlice::from(value.into_bytes());
        Some((key, SecretSlice::from(STANDARD.decode(value.expose_secret()).ok()?)))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::{is_plain, values};
    use secrecy::ExposeSecret as _;

    #[test]
    fn a_name_that_leads_a_path_elsewhere_is_no_name() {
        for good in ["registry-auth", "a.b", "x1"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in ["", "..", "../x", "a/b", "A", "a?limit=1", "a b", "-a", "a%2f"] {
            assert!(!is_plain(bad), "{bad}");
        }
    }

    #[test]
    fn values_are_decoded_and_never_shown() {
        let body = br#"{"kind":"Secret","data":{"password":"aHVudGVyMg==","username":"bWU="}}"#;
        let data = values(body).unwrap();
        assert_eq!(data["password"].expose_secret(), b"hunter2");
        assert!(!format!("{data:?}").contains("hunter2"));
        assert!(values(b"{\"data\":{\"password\":\"%\"}}").is_none());
        assert!(values(b"nonsense").is_none());
        assert!(values(b"{}").unwrap().is_empty());
    }
}
