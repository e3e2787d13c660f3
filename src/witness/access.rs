//! The way to one source, as the Secrets that it names say it (Flux rule 14). Nothing here is ever shown.

use secrecy::{SecretSlice, SecretString};
use url::Url;

/// Who we are to one host.
#[derive(Debug, Clone)]
pub struct Login {
    /// `the Secret media/auth`, for messages.
    pub origin: String,
    /// Host with its port where it is not the scheme's; the credentials are for it alone.
    pub host: String,
    /// User name.
    pub username: String,
    /// Password or token.
    pub password: SecretString,
}

/// What TLS needs beside the system's authorities.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// `the Secret media/tls`, for messages.
    pub origin: String,
    /// Authorities (PEM) that are trusted beside the system's.
    pub authorities: Option<SecretSlice<u8>>,
    /// A client's certificate and, after it, its key (PEM).
    pub identity: Option<SecretSlice<u8>>,
    /// SHA-256 of the authorities: another one needs another client.
    pub authorities_digest: String,
    /// SHA-256 of the client's certificate and key.
    pub identity_digest: String,
}

/// A proxy that every request of a source goes through.
#[derive(Debug, Clone)]
pub struct SourceProxy {
    /// `the Secret media/proxy`, for messages.
    pub origin: String,
    /// `http://` or `https://`, without a user.
    pub url: Url,
    /// User name and password, where it asks for them.
    pub login: Option<(String, SecretString)>,
    /// SHA-256 of everything: another one needs another client.
    pub digest: String,
}

/// Everything that a source's own Secrets give.
#[derive(Debug, Clone)]
pub struct Access {
    /// The objects that it comes from: what one source's Secrets show is no answer for another's. For messages too.
    pub account: String,
    /// The source's own host, with its port where it is not the scheme's.
    pub host: String,
    /// User and password.
    pub login: Option<Login>,
    /// Why there are none, though the source names an object that should have them.
    pub lacks: Option<String>,
    /// `passCredentials`: what is known of us may go to an archive's other host.
    pub pass: bool,
    /// Authorities and a client's certificate.
    pub certificates: Option<Certificates>,
    /// A proxy.
    pub proxy: Option<SourceProxy>,
}
