//! Who we are to GitHub: a token, or an App's installation. Files are read again at each use; an installation's token
//! is kept until it is about to run out. Nothing here is shown.

use crate::config::{GitHubAuth, SecretRef};
use crate::world::forge::ForgeError;
use crate::world::secret;
use jiff::{SignedDuration, Timestamp};
use octocrab::auth::{EncodingKey, create_jwt};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

/// An installation's token is renewed this long before its end.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

pub(super) struct Auth {
    config: Option<GitHubAuth>,
    installation: Mutex<Option<Installation>>,
}

/// An installation's token.
#[derive(Clone)]
pub(super) struct Installation {
    pub(super) token: SecretString,
    pub(super) until: Timestamp,
}

/// What a request needs.
pub(super) enum Need {
    /// This token; nothing where we have none.
    Token(Option<SecretString>),
    /// A new token of this installation first, asked for with this JWT.
    Installation { id: u64, jwt: SecretString },
}

impl Auth {
    pub(super) fn new(config: Option<GitHubAuth>) -> Self {
        Self { config, installation: Mutex::new(None) }
    }

    pub(super) fn is_app(&self) -> bool {
        matches!(self.config, Some(GitHubAuth::App { .. }))
    }

    /// The installation's token is kept behind this lock, so that one request renews it for all.
    pub(super) async fn kept(&self) -> tokio::sync::MutexGuard<'_, Option<Installation>> {
        self.installation.lock().await
    }

    /// What to send, given the kept token.
    pub(super) fn need(&self, kept: Option<&Installation>, now: Timestamp) -> Result<Need, ForgeError> {
        match &self.config {
            None => Ok(Need::Token(None)),
            Some(GitHubAuth::Token(secret)) => Ok(Need::Token(Some(read(secret)?))),
            Some(GitHubAuth::App { installation_id, .. }) => match kept {
                Some(kept) if kept.until.saturating_sub(MARGIN).is_ok_and(|end| end > now) => {
                    Ok(Need::Token(Some(kept.token.clone())))
                }
                _ => Ok(Need::Installation { id: *installation_id, jwt: self.jwt()? }),
            },
        }
    }

    /// The App's own token, for `/app` and for its installation's.
    pub(super) fn jwt(&self) -> Result<SecretString, ForgeError> {
        let fail =
            |detail: &str| ForgeError::Credentials { what: "signing in as a GitHub App".into(), detail: detail.into() };
        let Some(GitHubAuth::App { id, private_key, .. }) = &self.config else {
            return Err(fail("no App is configured"));
        };
        let pem = read(private_key)?;
        let key = EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes()).map_err(|_| {
            fail(
                "github.app.privateKeyFile holds no RSA private key in PEM: download a new one from the App's settings",
            )
        })?;
        let jwt = create_jwt((*id).into(), &key).map_err(|_| fail("the App's private key does not sign"))?;
        Ok(SecretString::from(jwt))
    }
}

fn read(secret: &SecretRef) -> Result<SecretString, ForgeError> {
    secret::read(secret)
        .map_err(|e| ForgeError::Credentials { what: "reading GitHub's credentials".into(), detail: e.to_string() })
}
