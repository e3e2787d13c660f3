//! What a source in Git says of the way to it (Flux rule 14): the objects that it names, by name alone. What they hold is
//! never in here.

use super::{NsName, SourceKind};

/// The objects that a source names, all in the source's own namespace. Flux rule 27 compares them, all together, with
/// those of the live source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct References {
    /// `spec.secretRef.name`: user and password, or Docker's JSON.
    pub secret: Option<String>,
    /// `spec.certSecretRef.name`: an authority, a client's certificate, or both.
    pub certificates: Option<String>,
    /// `spec.proxySecretRef.name` of an OCIRepository.
    pub proxy: Option<String>,
    /// `spec.serviceAccountName` of an OCIRepository: its image pull secrets.
    pub service_account: Option<String>,
    /// `spec.passCredentials` of a HelmRepository: what is known of us may go to an archive's other host.
    pub pass_credentials: bool,
}

impl References {
    /// Whether there is anything that could be read for the source.
    pub fn names_any(&self) -> bool {
        [&self.secret, &self.certificates, &self.proxy, &self.service_account].into_iter().any(Option::is_some)
    }
}

/// That a source in Git names credentials: what Flux rule 27 compares with the live source, and what the message of a
/// refused request says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct CredentialsHint {
    /// Kind of the source.
    pub kind: SourceKind,
    /// Namespace and name of the source; what it names lives in the same namespace.
    pub source: NsName,
    /// Its `spec.url` in force. May hold credentials: not for display.
    pub url: String,
    /// What it names.
    pub references: References,
    /// `spec.provider` of a source in an OCI registry, where it is a cloud's: `aws`, `gcp` or `azure`.
    pub provider: Option<String>,
}

impl CredentialsHint {
    /// Namespace and name of an object that the source names.
    pub fn beside(&self, name: &str) -> NsName {
        NsName { namespace: self.source.namespace.clone(), name: name.to_owned() }
    }

    /// `HelmRepository media/charts`
    pub fn place(&self) -> String {
        format!("{} {}", self.kind.as_str(), self.source)
    }

    /// Whether its URL is an OCI registry's.
    pub fn is_oci(&self) -> bool {
        self.kind == SourceKind::OciRepository
            || self.url.trim().get(..6).is_some_and(|s| s.eq_ignore_ascii_case("oci://"))
    }
}
