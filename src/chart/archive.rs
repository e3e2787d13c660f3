//! The archive as a stream of entries. Every byte that is read, unpacked or remembered is counted; extended headers are
//! read here, with a limit, because a library would hold them in memory at any length.

use super::path::{Role, below, role};
use super::{Limits, Refusal, header, metadata};
use crate::model::{Contents, CrdFile};
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use tar::EntryType;

/// Longest extended header, in bytes.
const EXTENDED: u64 = 64 << 10;

/// Reads a packaged chart (`.tgz`). Stops at the archive's end; what follows it is not looked at, as in Helm.
///
/// # Errors
/// It is no chart, not one that Helm would load, or over a limit.
pub fn read(input: &mut dyn Read, limits: &Limits) -> Result<Contents, Refusal> {
    let unpacked = Cell::new(limits.unpacked);
    let mut reading = Reading { limits, unpacked: &unpacked, entries: 0, crds: BTreeMap::new() };
    let files = reading.archive(input, "", 0)?;
    let Some(chart_yaml) = files.chart_yaml else { return Err(Refusal::NoChartYaml) };
    let contents = metadata::contents(&chart_yaml, files.requirements.as_deref())?;
    let crds = reading.crds.into_iter().map(|(path, digest)| CrdFile { path, digest }).collect();
    Ok(Contents { crds, ..contents })
}

/// What is counted over an archive and those inside it.
struct Reading<'l> {
    limits: &'l Limits,
    /// Bytes that may still be unpacked.
    unpacked: &'l Cell<u64>,
    entries: usize,
    /// Digest by path.
    crds: BTreeMap<String, String>,
}

/// The files of one archive that are held in memory.
#[derive(Default)]
struct Files {
    chart_yaml: Option<Vec<u8>>,
    requirements: Option<Vec<u8>>,
}

/// What extended headers say of the next entry.
#[derive(Default)]
struct Extended {
    path: Option<String>,
    size: Option<u64>,
    sparse: bool,
}

impl Reading<'_> {
    /// One archive; `prefix` is the sub-chart's place in the outermost chart, `charts/` at its end.
    fn archive(&mut self, input: &mut dyn Read, prefix: &str, depth: usize) -> Result<Files, Refusal> {
        let mut packed = BufReader::new(input);
        let head = packed.fill_buf().map_err(|error| self.broken(&error))?;
        if !head.starts_with(&[0x1f, 0x8b]) {
            let web_page = head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
            return Err(if head.is_empty() { Refusal::Truncated } else { Refusal::NotGzip { web_page } });
        }
        let counted = Counted { inner: MultiGzDecoder::new(packed), left: self.unpacked };
        let mut archive = tar::Archive::new(counted);
        let mut files = Files::default();
        let mut extended = Extended::default();
        let mut left = self.limits.files;
        let entries = archive.entries().map_err(|error| self.broken(&error))?;
        for entry in entries.raw(true) {
            let mut entry = entry.map_err(|error| self.broken(&error))?;
            self.entries += 1;
            if self.entries > self.limits.entries {
                return Err(Refusal::TooManyEntries(self.limits.entries));
            }
            header::check(entry.header())?;
            let kind = entry.header().entry_type();
            if kind.is_gnu_longlink() {
                continue;
            }
            if kind.is_pax_global_extensions() {
                // They say nothing of the next entry, and yet Helm refuses those that can't be read.
                self.extend(&mut Extended::default(), &mut entry)?;
                continue;
            }
            if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
                self.extend(&mut extended, &mut entry)?;
                continue;
            }
            let Extended { path, size, sparse } = std::mem::take(&mut extended);
            let name = path.map_or_else(|| header_path(entry.header()), Ok)?;
            if sparse || kind == EntryType::GNUSparse || size.is_some_and(|size| size != entry.size()) {
                return Err(Refusal::Sparse(name));
            }
            header::check_kind(kind, entry.header(), &name)?;
            if header::is_directory(kind, entry.header(), &name) {
                continue;
            }
            refuse_odd(kind, &name)?;
            let (top, path) = below(&name, self.limits.path)?;
            if entry.size() > self.limits.file {
                return Err(Refusal::FileTooLarge { path: name, limit: self.limits.file });
            }
            left = left.checked_sub(entry.size()).ok_or(Refusal::FilesTooLarge(self.limits.files))?;
            match role(&path) {
                Role::ChartYaml => self.keep(&mut files.chart_yaml, &mut entry)?,
                Role::Requirements => self.keep(&mut files.requirements, &mut entry)?,
                Role::Crd => {
                    let path = if depth == 0 { path } else { format!("{prefix}{top}/{path}") };
                    self.crd(path, &mut entry)?;
                }
                Role::Archive if depth >= self.limits.depth => return Err(Refusal::TooDeep(self.limits.depth)),
                Role::Archive => {
                    // Where the sub-chart lies, without the name of its file, which holds its version.
                    let own = if depth == 0 { String::new() } else { format!("{prefix}{top}/") };
                    let place = path.rsplit_once('/').map_or("", |(directory, _)| directory);
                    self.archive(&mut entry, &format!("{own}{place}/"), depth + 1)?;
                }
                Role::Other => {}
            }
        }
        self.end(&mut archive.into_inner())?;
        Ok(files)
    }

    /// The first empty block ends the archive for one reader, and two for Go's, which refuses anything else behind one.
    fn end(&self, behind: &mut impl Read) -> Result<(), Refusal> {
        let mut block = Vec::new();
        behind.take(512).read_to_end(&mut block).map_err(|error| self.broken(&error))?;
        match block.iter().all(|byte| *byte == 0) {
            true if matches!(block.len(), 0 | 512) => Ok(()),
            true => Err(Refusal::Truncated),
            false => Err(Refusal::Damaged("something stands behind the archive's end".to_owned())),
        }
    }

    fn keep(&self, kept: &mut Option<Vec<u8>>, entry: &mut impl Read) -> Result<(), Refusal> {
        if kept.is_some() {
            return Err(Refusal::TwoChartYaml);
        }
        let limit = self.limits.chart_yaml;
        let bytes = self.all(entry, limit)?.ok_or(Refusal::ChartYamlTooLarge(limit))?;
        *kept = Some(bytes);
        Ok(())
    }

    fn crd(&mut self, path: String, entry: &mut impl Read) -> Result<(), Refusal> {
        let mut hash = Sha256::new();
        let mut buffer = [0_u8; 8192];
        loop {
            match entry.read(&mut buffer).map_err(|error| self.broken(&error))? {
                0 => break,
                length => hash.update(&buffer[..length]),
            }
        }
        if self.crds.len() >= self.limits.crds {
            return Err(Refusal::TooManyCrds(self.limits.crds));
        }
        self.crds.insert(path, hex::encode(hash.finalize()));
        Ok(())
    }

    /// GNU's long name, or the records of POSIX (`path`, `size`).
    fn extend<R: Read>(&self, extended: &mut Extended, entry: &mut tar::Entry<'_, R>) -> Result<(), Refusal> {
        let too_long = || Refusal::PathTooLong(self.limits.path);
        let gnu = entry.header().entry_type().is_gnu_longname();
        let bytes = self.all(entry, EXTENDED)?.ok_or_else(too_long)?;
        // Which of two names counts is another question for each reader.
        let twice = |path: &Option<String>| match path {
            Some(name) => Err(Refusal::OddEntry(name.clone())),
            None => Ok(()),
        };
        if gnu {
            let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            twice(&extended.path)?;
            extended.path = Some(plain(name)?);
            return Ok(());
        }
        for record in tar::PaxExtensions::new(&bytes) {
            let record = record.map_err(|error| Refusal::Damaged(error.to_string()))?;
            header::check_record(record.key_bytes(), record.value_bytes())?;
            match record.key_bytes() {
                b"path" if extended.path.is_some() => twice(&extended.path)?,
                b"path" => extended.path = Some(plain(record.value_bytes())?),
                b"size" => extended.size = record.value().ok().and_then(|text| text.parse().ok()).or(Some(u64::MAX)),
                key if key.starts_with(b"GNU.sparse.") => extended.sparse = true,
                _ => {}
            }
        }
        Ok(())
    }

    /// Everything; nothing where it is more than the limit.
    fn all(&self, entry: &mut impl Read, limit: u64) -> Result<Option<Vec<u8>>, Refusal> {
        let mut bytes = Vec::new();
        entry.take(limit + 1).read_to_end(&mut bytes).map_err(|error| self.broken(&error))?;
        Ok((bytes.len() as u64 <= limit).then_some(bytes))
    }

    fn broken(&self, error: &std::io::Error) -> Refusal {
        if self.unpacked.get() == 0 {
            return Refusal::Bomb(self.limits.unpacked);
        }
        let text = error.to_string();
        // The tar reader has no kind of its own for these.
        let early = text.contains("unexpected EOF") || text.contains("failed to read entire block");
        if early || error.kind() == std::io::ErrorKind::UnexpectedEof {
            Refusal::Truncated
        } else {
            Refusal::Damaged(text)
        }
    }
}

/// The name in a header of its own; bytes that are no UTF-8 are refused.
fn header_path(header: &tar::Header) -> Result<String, Refusal> {
    plain(&header.path_bytes())
}

fn plain(bytes: &[u8]) -> Result<String, Refusal> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Refusal::OddPath(String::from_utf8_lossy(bytes).into_owned()))
}

fn refuse_odd(kind: EntryType, name: &str) -> Result<(), Refusal> {
    let name = || name.to_owned();
    match kind {
        EntryType::Regular | EntryType::Continuous => Ok(()),
        EntryType::Link | EntryType::Symlink => Err(Refusal::Link(name())),
        EntryType::Char | EntryType::Block | EntryType::Fifo => Err(Refusal::Device(name())),
        _ => Err(Refusal::OddEntry(name())),
    }
}

/// Counts what is unpacked; the end of the budget is an error.
struct Counted<'l, R> {
    inner: R,
    left: &'l Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let left = self.left.get().saturating_sub(length as u64);
        self.left.set(left);
        if left == 0 && length > 0 {
            return Err(std::io::Error::other("the limit of unpacked bytes"));
        }
        Ok(length)
    }
}
