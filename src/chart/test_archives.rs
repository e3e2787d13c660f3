//! Archives made by hand, honest and not, for the tests of this module.

use super::{Limits, Refusal, read};
use crate::model::Contents;
use std::io::Write;

pub(super) const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.2.3\n";

/// One tar entry as bytes: header, content, padding.
pub(super) fn entry(name: &[u8], kind: u8, content: &[u8]) -> Vec<u8> {
    sized(name, kind, content, content.len() as u64)
}

/// An entry whose header says another size than it has.
pub(super) fn sized(name: &[u8], kind: u8, content: &[u8], size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    header.set_size(size);
    header.set_mode(0o644);
    header.as_old_mut().linkflag = [kind];
    if matches!(kind, b'1' | b'2') {
        header.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
    }
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// A record of a POSIX extended header.
pub(super) fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    while format!("{length}{rest}").len() != length {
        length = format!("{length}{rest}").len();
    }
    format!("{length}{rest}").into_bytes()
}

/// Entries packed as they are.
pub(super) fn pack(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.extend_from_slice(&[0; 1024]);
    gzip(&bytes)
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// Files below `web/`.
pub(super) fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    packed_in("web", files)
}

pub(super) fn packed_in(top: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let entries = files.iter().map(|(path, text)| entry(format!("{top}/{path}").as_bytes(), b'0', text.as_bytes()));
    pack(&entries.collect::<Vec<_>>())
}

pub(super) fn open(archive: &[u8]) -> Result<Contents, Refusal> {
    read(&mut &archive[..], &Limits::HELM)
}

/// Limits that small archives reach.
pub(super) const SMALL: Limits = Limits {
    unpacked: 64 << 10,
    files: 16 << 10,
    file: 8 << 10,
    chart_yaml: 4 << 10,
    entries: 40,
    path: 120,
    depth: 2,
    crds: 5,
};
