//! What kube says when something fails, as a problem. Texts that may quote a kubeconfig or a command's output are left
//! out: they hold credentials.

use crate::model::{Problem, Reason};
use kube::client::AuthError;
use kube::config::{InClusterError, KubeconfigError};

pub(super) fn unknown(message: &str) -> Problem {
    Problem::new(Reason::ClusterUnknown, message)
}

/// The status that the server answered with.
pub(super) fn status(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// A failed request for a path, or a client that can't be made. Where the server itself is out of reach, the path has no
/// say: whatever else is asked ends the same, and is said once.
pub(super) fn problem(server: &str, path: &str, error: &kube::Error) -> Problem {
    let why = match error {
        kube::Error::Api(status) => {
            let path = if status.code == 401 { "" } else { path };
            return unknown(&format!("{server}{path}: {}", answered(status.code, &status.message)));
        }
        kube::Error::Auth(error) => auth(error),
        kube::Error::InferKubeconfig(error) => return kubeconfig(server, error),
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
            "the answer is not JSON: is it a Kubernetes API?".to_owned()
        }
        kube::Error::Service(error) => match error.downcast_ref::<AuthError>() {
            Some(error) => auth(error),
            None => chain(error.as_ref()),
        },
        other => chain(other),
    };
    let hint = match why.contains("UnknownIssuer") {
        true => {
            ": no authority that Davit trusts issued it, be it certificate-authority of the kubeconfig or the pod's"
        }
        false => "",
    };
    unknown(&format!("{server}: {why}{hint}"))
}

fn answered(code: u16, message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    match code {
        401 => "the API server refused the credentials (401): the token is expired, revoked or for another cluster"
            .to_owned(),
        403 => format!("not allowed (403): {message}; docs/operations.md has the rights that Davit needs"),
        _ => format!("the API server answered {code}: {message}"),
    }
}

/// Without what a command wrote or a file holds.
fn auth(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecStart(error) => format!("the command that the kubeconfig names can't be started: {error}"),
        AuthError::AuthExecRun { .. } => "the command that the kubeconfig names failed".to_owned(),
        AuthError::MissingCommand => "the kubeconfig's exec has no command".to_owned(),
        _ => "the kubeconfig's credentials can't be used: is its user's password or auth-provider as kubectl takes it?"
            .to_owned(),
    }
}

pub(super) fn in_cluster(error: &InClusterError) -> Problem {
    unknown(&format!("cluster.access: inCluster: {}; is this a pod with a service account?", chain(error)))
}

pub(super) fn kubeconfig(place: &str, error: &KubeconfigError) -> Problem {
    let why = match error {
        KubeconfigError::Parse(_) => "it is not a kubeconfig: YAML that can't be read as one".to_owned(),
        KubeconfigError::ReadConfig(error, file) if *file.to_string_lossy() != *place => {
            format!("{}: {error}", file.display())
        }
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        KubeconfigError::FindPath => {
            "there is none: set cluster.kubeconfigFile, or $KUBECONFIG to a file that is there".to_owned()
        }
        KubeconfigError::CurrentContextNotSet => "it has no current context: set cluster.context".to_owned(),
        KubeconfigError::LoadContext(name) => format!("it has no context {name:?}"),
        KubeconfigError::LoadCertificateAuthority(_)
        | KubeconfigError::LoadClientCertificate(_)
        | KubeconfigError::LoadClientKey(_)
        | KubeconfigError::ParseCertificates(_) => {
            "its certificate-authority, client-certificate or client-key can't be read".to_owned()
        }
        KubeconfigError::ParseNoProxy(error) => format!("$NO_PROXY can't be read: {error}"),
        other => other.to_string(),
    };
    unknown(&format!("cluster.kubeconfigFile: {place}: {why}"))
}

/// An error and its causes, each said once.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn an_authority_that_is_not_the_servers_is_said_with_the_field_that_names_it() {
        let error = kube::Error::Service("invalid peer certificate: UnknownIssuer".into());
        let said = problem("https://k.example.com", "/version", &error).message;
        assert!(said.contains("UnknownIssuer") && said.contains("certificate-authority of the kubeconfig"), "{said}");
    }
}
