//! Reads a configured secret, again at each use, so that a rotated file needs no restart. Never keeps nor shows it.

use crate::config::SecretRef;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest secret file in bytes: far above any key, far below anything else.
pub const MAX_SECRET: u64 = 64 * 1024;

/// Why a secret could not be had. Never holds its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file is not there or not readable.
    #[error("secret file {path}: {error}; it must be readable by the user Davit runs as")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is over [`MAX_SECRET`].
    #[error("secret file {path} is larger than {MAX_SECRET} bytes; is it the right file?")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is empty.
    #[error("secret file {path} is empty")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is not text.
    #[error("secret file {path} is not UTF-8 text")]
    NotText {
        /// The file.
        path: PathBuf,
    },
}

/// The secret, without a final line break. Blocks for the time of reading a small file.
pub fn read(secret: &SecretRef) -> Result<SecretString, SecretError> {
    match secret {
        SecretRef::Inline(text) => Ok(text.clone()),
        SecretRef::File(path) => read_file(path),
    }
}

fn read_file(path: &Path) -> Result<SecretString, SecretError> {
    let io = |error| SecretError::Io { path: path.to_owned(), error };
    let mut bytes = Zeroizing::new(Vec::new());
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(MAX_SECRET + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_SECRET {
        return Err(SecretError::TooLarge { path: path.to_owned() });
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::NotText { path: path.to_owned() })?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(SecretError::Empty { path: path.to_owned() });
    }
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::{MAX_SECRET, read};
    use crate::config::SecretRef;
    use secrecy::ExposeSecret;

    fn of(content: &[u8]) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let result = read(&SecretRef::File(file.path().to_owned()));
        result.map(|s| s.expose_secret().to_owned()).map_err(|e| e.to_string())
    }

    #[test]
    fn one_final_line_break_is_not_part_of_the_secret() {
        assert_eq!(of(b"token\n").as_deref(), Ok("token"));
        assert_eq!(of(b"token\r\n").as_deref(), Ok("token"));
        assert_eq!(of(b" to ken \n\n").as_deref(), Ok(" to ken \n"));
    }

    #[test]
    fn a_rotated_file_is_read_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let secret = SecretRef::File(file.path().to_owned());
        for content in ["one", "two"] {
            std::fs::write(file.path(), content).unwrap();
            assert_eq!(read(&secret).unwrap().expose_secret(), content);
        }
    }

    #[test]
    fn a_file_that_cannot_be_a_secret_is_refused_by_name_and_never_quoted() {
        let large = usize::try_from(MAX_SECRET).unwrap() + 1;
        for (content, why) in [(vec![b'x'; large], "larger"), (b"\n".to_vec(), "empty"), (b"x\xff".to_vec(), "UTF-8")] {
            let error = of(&content).unwrap_err();
            assert!(error.contains(why) && !error.contains("xx"), "{error}");
        }
        let error = read(&SecretRef::File("/nonexistent/token".into())).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/token") && error.contains("readable"), "{error}");
    }
}
