//! What must hold for any bytes. Each function panics where it does not; the fuzzer brings the bytes, and
//! `tests/it/fuzz_seeds.rs` the seeds.

use davit::chart::{self, Limits};
use davit::edit::{Swap, apply};
use davit::model::{Site, Version};
use davit::policy::Range;
use davit::world::registry::read_index;
use davit::yaml::{self, Node, Route, Stream};

/// Most scalars of one input that are edited: each edit parses the file twice.
const EDITS: usize = 24;

/// A file as documents: in order, and every position inside the file.
pub fn documents(data: &[u8]) {
    let stream = yaml::parse(data);
    let mut last = 0;
    for (index, document) in stream.documents.iter().enumerate() {
        assert_eq!(document.index, index, "documents are counted in order");
        assert!(document.start_line >= last, "documents begin in order");
        last = document.start_line;
    }
    each_scalar(&stream, data.len(), &mut |_, _, _, _| true);
}

/// Any scalar set to any text. The input is the new text up to the first line break, then the file. An edit keeps every
/// byte outside the site, reads back as the new text, and is proven by the editor, or it is refused.
pub fn edit(data: &[u8]) {
    let (to, file) = data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(0));
    let Ok(to) = std::str::from_utf8(to) else { return };
    let file = file.strip_prefix(b"\n").unwrap_or(file);
    let mut left = EDITS;
    each_scalar(&yaml::parse(file), file.len(), &mut |document, root, route, _| {
        if let Ok(site) = yaml::site("a.yaml", document, root, route) {
            swap(file, &site, to);
            if let Some(half) = (1..site.text.len()).find(|at| site.text.is_char_boundary(*at))
                && let Ok(part) = site.part(0..half)
            {
                swap(file, &part, to);
            }
        }
        if let Ok(held) = yaml::embedded("a.yaml", file, document, root, route) {
            each_scalar(&held.stream, file.len(), &mut |document, _, route, _| {
                if let Ok(site) = held.site(document, route) {
                    swap(file, &site, to);
                }
                left = left.saturating_sub(1);
                left > 0
            });
        }
        left = left.saturating_sub(1);
        left > 0
    });
}

fn swap(file: &[u8], site: &Site, to: &str) {
    assert_eq!(yaml::text_at(file, site).as_deref(), Some(site.text.as_str()), "a site reads as its text: {site:?}");
    let Ok(after) = apply(file, &[Swap { site: site.clone(), to: to.to_owned() }]) else { return };
    assert_eq!(&after[..site.start], &file[..site.start], "bytes before {site:?}");
    assert!(after.ends_with(&file[site.end..]), "bytes after {site:?}");
    assert_eq!(yaml::text_at(&after, site).as_deref(), Some(to), "the new text of {site:?}");
}

/// Walks every scalar until `take` has enough, and checks each node's place.
fn each_scalar(stream: &Stream, length: usize, take: &mut dyn FnMut(usize, &Node, &Route, &Node) -> bool) {
    for (document, root) in stream.roots() {
        let mut open = vec![(Route::root(), root)];
        let mut budget = 10_000_usize;
        while let Some((route, node)) = open.pop() {
            assert!(node.start <= node.end && node.end as usize <= length, "{route} stands outside the file");
            assert!(node.line > 0 && node.column > 0, "{route} has a line and a column");
            if node.text().is_some() && !take(document.index, root, &route, node) {
                return;
            }
            // Aliases make a small file a large tree.
            budget = budget.saturating_sub(1);
            if budget == 0 {
                break;
            }
            open.extend(node.items().iter().enumerate().map(|(index, item)| (route.index(index), item)));
            open.extend(node.pairs().into_iter().map(|(key, value)| (route.key(key), value)));
        }
    }
}

/// A chart index: read or refused, and every version is one.
pub fn index(data: &[u8]) {
    let Ok(file) = tempfile::NamedTempFile::new() else { return };
    if std::fs::write(file.path(), data).is_err() {
        return;
    }
    let wanted = ["web".to_owned(), "a".to_owned()];
    let Ok(found) = read_index(file.path(), &wanted) else { return };
    for candidates in found.values() {
        for candidate in &candidates.versions {
            assert!(Version::loose(&candidate.text).is_some(), "{:?} is no version", candidate.text);
        }
    }
}

/// A range: read or refused; it says the same of a version each time, and its text is what was written.
pub fn range(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(range) = Range::parse(text) else { return };
    let again = Range::parse(range.text());
    assert!(again.is_ok(), "{text:?}: a range's own text is a range");
    let Ok(again) = again else { return };
    for version in ["0.0.0", "1.2.3", "1.2.3-rc.1", "2.0.0+b", "18446744073709551615.0.0"] {
        if let Some(version) = Version::strict(version) {
            assert_eq!(range.admits(&version), again.admits(&version), "{text:?} of {version:?}");
        }
    }
}

/// Bytes as a packaged chart, and as what gzip unpacks to. Ends in a chart within the limits, or in a refusal.
pub fn archive(data: &[u8]) {
    const LIMITS: Limits = Limits {
        unpacked: 1 << 20,
        files: 256 << 10,
        file: 64 << 10,
        chart_yaml: 16 << 10,
        entries: 200,
        path: 256,
        depth: 3,
        crds: 20,
    };
    for bytes in [data.to_vec(), packed(data)] {
        let Ok(contents) = chart::read(&mut &bytes[..], &LIMITS) else { continue };
        assert!(
            !contents.name.is_empty() && Version::loose(&contents.version).is_some(),
            "a chart has both: {contents:?}"
        );
        assert!(contents.crds.len() <= LIMITS.crds, "CRDs are bounded");
        for crd in &contents.crds {
            let leads_out = crd.path.starts_with('/') || crd.path.split('/').any(|part| part == "..");
            assert!(!leads_out && crd.path.contains("crds/"), "a path below the chart: {crd:?}");
            assert_eq!(crd.digest.len(), 64, "a SHA-256");
        }
    }
}

/// Gzip without compressing: every byte of the input is a byte of the archive inside.
fn packed(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut left = data;
    loop {
        let (part, rest) = left.split_at(left.len().min(0xffff));
        let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
        bytes.push(u8::from(rest.is_empty()));
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&(!length).to_le_bytes());
        bytes.extend_from_slice(part);
        left = rest;
        if left.is_empty() {
            break;
        }
    }
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    bytes.extend_from_slice(&(!crc).to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(data.len()).unwrap_or(0).to_le_bytes());
    bytes
}
