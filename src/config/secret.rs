//! A secret as configured: its text or the file that holds it. Never reads that file (that is `world::secret`), and
//! never shows either's content.

use secrecy::SecretString;
use std::path::PathBuf;

/// Where a secret is.
#[derive(Clone)]
pub enum SecretRef {
    /// Written in the configuration or the environment.
    Inline(SecretString),
    /// In a file, read again at each use.
    File(PathBuf),
}

impl std::fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inline(_) => f.write_str("Inline(…)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}
