//! One Secret or one ServiceAccount, by its namespace and name. A Secret's text is in no message and no log.

use super::connection::Connection;
use super::refused;
use crate::model::{NsName, Problem};
use crate::witness::{AccountName, SecretData, SecretName};
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
    let body = get(connection, ("Secret", "secrets"), id, until).await?;
    values(body.expose_secret())
        .ok_or_else(|| refused::unknown(&format!("the Secret {id} can't be read: not a Secret")))
}

/// The Secrets that a ServiceAccount names for pulling images.
pub(super) async fn pull_secrets(
    connection: Option<&Connection>,
    name: &AccountName,
    until: Instant,
) -> Result<Vec<SecretName>, Problem> {
    let id = name.id();
    let body = get(connection, ("ServiceAccount", "serviceaccounts"), id, until).await?;
    let account: serde_json::Value = serde_json::from_slice(body.expose_secret())
        .map_err(|_| refused::unknown(&format!("the ServiceAccount {id} can't be read: not JSON")))?;
    Ok(name.pull_secrets(&account))
}

/// One object of the core group, by kind and resource.
async fn get(
    connection: Option<&Connection>,
    (kind, resource): (&str, &str),
    id: &NsName,
    until: Instant,
) -> Result<SecretSlice<u8>, Problem> {
    let Some(connection) = connection else {
        return Err(refused::unknown(&format!("the {kind} {id}: the cluster is not connected")));
    };
    if ![&id.namespace, &id.name].into_iter().all(|part| is_plain(part)) {
        return Err(refused::unknown(&format!("the {kind} {id}: no object can be called so")));
    }
    let path = format!("/api/v1/namespaces/{}/{resource}/{}", id.namespace, id.name);
    let body = connection.get(&path, until).await.map_err(|no| match no.status {
        Some(404) => refused::unknown(&format!("the cluster has no {kind} {id}")),
        _ => no.problem,
    })?;
    Ok(SecretSlice::from(body))
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
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}

fn values(body: &[u8]) -> Option<SecretData> {
    let secret: Secret = serde_json::from_slice(body).ok()?;
    let data = secret.data.unwrap_or_default().into_iter();
    let decoded = data.map(|(key, value)| {
        let value: SecretSlice<u8> = SecretSlice::from(value.into_bytes());
        Some((key, SecretSlice::from(STANDARD.decode(value.expose_secret()).ok()?)))
    });
    let decoded: Vec<(String, SecretSlice<u8>)> = decoded.collect::<Option<_>>()?;
    Some(SecretData::new(secret.kind.as_deref().unwrap_or_default(), decoded))
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
        let body = br#"{"kind":"Secret","type":"kubernetes.io/basic-auth","data":{"password":"aHVudGVyMg==","username":"bWU="}}"#;
        let data = values(body).unwrap();
        assert_eq!(
            (data.get("password").unwrap().expose_secret(), data.kind()),
            (&b"hunter2"[..], "kubernetes.io/basic-auth")
        );
        assert!(!format!("{data:?}").contains("hunter2"));
        assert!(values(b"{\"data\":{\"password\":\"%\"}}").is_none());
        assert!(values(b"nonsense").is_none());
        assert_eq!(values(b"{}").unwrap().kind(), "Opaque");
    }
}
