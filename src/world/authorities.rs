//! Further certificate authorities of a `caFile`, read again at each use: a rotated file needs no restart. What is built
//! on them is kept by whoever builds it, under the digest of the content.

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Largest bundle in bytes: the system's own has a quarter of a megabyte.
const LARGEST: u64 = 8 << 20;

/// A file of authorities as it is now.
#[derive(Clone)]
pub struct Authorities {
    /// The file.
    pub file: PathBuf,
    /// SHA-256 of the content: another one needs another client.
    pub digest: String,
    pem: Vec<u8>,
}

/// Why a file of authorities is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("caFile {}: {why}", file.display())]
pub struct Unusable {
    file: PathBuf,
    why: String,
}

impl Authorities {
    /// Reads the file. Blocks for the time of reading a small file.
    ///
    /// # Errors
    /// It can't be read, or is far larger than any bundle.
    pub fn read(file: &Path) -> Result<Self, Unusable> {
        use std::io::Read as _;
        let unusable = |why: String| Unusable { file: file.to_owned(), why };
        let mut pem = Vec::new();
        std::fs::File::open(file)
            .and_then(|opened| opened.take(LARGEST + 1).read_to_end(&mut pem))
            .map_err(|error| unusable(error.to_string()))?;
        if pem.len() as u64 > LARGEST {
            return Err(unusable(format!("larger than {LARGEST} bytes; is it the right file?")));
        }
        Ok(Self { file: file.to_owned(), digest: hex::encode(Sha256::digest(&pem)), pem })
    }

    /// The certificates in it, for `ClientBuilder::tls_certs_merge`.
    ///
    /// # Errors
    /// It holds none, or something that is none.
    pub fn certificates(&self) -> Result<Vec<reqwest::Certificate>, Unusable> {
        match reqwest::Certificate::from_pem_bundle(&self.pem) {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            _ => Err(Unusable { file: self.file.clone(), why: "holds no PEM certificate".to_owned() }),
        }
    }
}
