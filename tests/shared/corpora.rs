//! Holds discovery, policy and the editor against bump commits: a bot's or a person's change of chart versions must come
//! out of the files before it, byte for byte, and nothing else may be proposed. And against whole trees: every HelmRelease
//! that a dumb scan of the text sees has a row. Used by the tests and by `examples/corpora.rs`.

use base64::Engine as _;
use davit::edit::{self, Swap};
use davit::inventory::{self, Context, FileFacts};
use davit::model::{Candidate, Candidates, Contents, Inside, Lookup, Reason, Release, Site, UpdateSite, Version};
use davit::policy::{self, Mover, Outcome, Policy};
use davit::resolve;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub type Failure = Box<dyn std::error::Error>;

/// One commit whose whole change is chart versions.
#[derive(serde::Deserialize)]
pub struct Case {
    commit: String,
    files: Vec<File>,
}

#[derive(serde::Deserialize)]
struct File {
    path: String,
    before: Content,
    after: Content,
    sites: Vec<Listed>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Content {
    Text(String),
    Base64(String),
}

/// A site as the corpus lists it: the line of its key.
#[derive(serde::Deserialize)]
struct Listed {
    line: u32,
    path: String,
    from: String,
    new_line: String,
}

impl Content {
    fn bytes(&self) -> Result<Vec<u8>, Failure> {
        Ok(match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Base64(text) => base64::engine::general_purpose::STANDARD.decode(text)?,
        })
    }
}

/// What came of some cases or trees.
#[derive(Debug, Default)]
pub struct Tally {
    /// Sites found, and edited to the commit's bytes.
    pub exact: usize,
    /// Sites that are listed.
    pub sites: usize,
    /// Upgrades that a pass proposes by itself where the source offers the old and the new version only.
    pub proposed: usize,
    /// Listed steps that are upgrades by the shipped policy: no downgrade, no pre-release, no range.
    pub upgrades: usize,
    /// HelmRelease documents that have a row.
    pub with_row: usize,
    /// HelmRelease documents.
    pub documents: usize,
    /// Rows by reason.
    pub reasons: BTreeMap<String, usize>,
    /// Documents left out, with the reason.
    pub excluded: Vec<String>,
    /// What went wrong.
    pub failures: Vec<String>,
}

impl Tally {
    /// Adds another one's figures.
    pub fn add(&mut self, other: Tally) {
        self.exact += other.exact;
        self.sites += other.sites;
        self.proposed += other.proposed;
        self.upgrades += other.upgrades;
        self.with_row += other.with_row;
        self.documents += other.documents;
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        self.excluded.extend(other.excluded);
        self.failures.extend(other.failures);
    }

    /// Whether all is as it should be.
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty()
            && self.exact == self.sites
            && self.proposed == self.upgrades
            && self.with_row == self.documents
    }
}

type Files = Vec<(String, Arc<FileFacts>)>;

fn rows(files: &Files) -> Vec<Arc<Release>> {
    resolve::resolve(&inventory::gather(files, Context::default())).releases
}

/// A listed site, found by discovery, with what to write.
struct Wanted {
    file: String,
    site: Site,
    to: String,
}

/// One case: nothing is known but the files before.
pub fn replay(case: &Case) -> Tally {
    let mut tally = Tally { sites: case.files.iter().map(|file| file.sites.len()).sum(), ..Tally::default() };
    if let Err(error) = judge(case, &mut tally) {
        tally.failures.push(format!("{}: {error}", case.commit));
    }
    tally
}

fn judge(case: &Case, tally: &mut Tally) -> Result<(), Failure> {
    let mut before: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for file in &case.files {
        before.insert(&file.path, file.before.bytes()?);
    }
    let mut files: Files =
        before.iter().map(|(path, bytes)| ((*path).to_owned(), Arc::new(inventory::read_file(path, bytes)))).collect();
    let found = rows(&files);
    let mut wanted: Vec<Wanted> = Vec::new();
    for file in &case.files {
        for listed in &file.sites {
            let site = found.iter().filter_map(|row| row.site.as_ref()).find(|site| is(site, file, listed));
            let site = site.ok_or_else(|| format!("{}:{} {} is not found", file.path, listed.line, listed.path))?;
            wanted.push(Wanted { file: file.path.clone(), site: site.clone(), to: written(&listed.new_line)? });
        }
    }
    for file in &case.files {
        let swaps = wanted.iter().filter(|w| w.file == file.path);
        let swaps: Vec<Swap> = swaps.map(|w| Swap { site: w.site.clone(), to: w.to.clone() }).collect();
        if edit::apply(&before[file.path.as_str()], &swaps)? != file.after.bytes()? {
            return Err(format!("{}: the result differs from the commit", file.path).into());
        }
        tally.exact += file.sites.len();
    }
    // The repositories of the charts lie in files that the commit did not touch.
    files.push(("zz-sources.yaml".to_owned(), Arc::new(inventory::read_file("", missing_sources(&found).as_bytes()))));
    proposals(&rows(&files), &wanted, tally)
}

fn is(site: &Site, file: &File, listed: &Listed) -> bool {
    *site.file == *file.path
        && site.line == listed.line
        && (*site.path == *listed.path || site.path.ends_with(&format!(".{}", listed.path)))
        && site.text == listed.from
}

/// The version on the new line, read as YAML by a reader that is not ours.
fn written(line: &str) -> Result<String, Failure> {
    let value = line.split_once(':').ok_or("the new line has no key")?.1.trim();
    let value = value.strip_prefix('&').and_then(|v| v.split_once(' ')).map_or(value, |(_, rest)| rest.trim());
    let value = value.split_once(" #").map_or(value, |(value, _)| value.trim_end());
    Ok(value.trim_end_matches(['}', ',', ' ']).trim_matches(['"', '\'']).to_owned())
}

fn missing_sources(rows: &[Arc<Release>]) -> String {
    let missing = rows.iter().filter(|row| row.problem.as_ref().is_some_and(|p| p.reason == Reason::SourceMissing));
    let sources: BTreeSet<(&str, &str, &str)> = missing
        .filter_map(|row| row.source.as_ref())
        .map(|source| (source.kind.as_str(), source.namespace.as_str(), source.name.as_str()))
        .collect();
    let document = |(kind, namespace, name): &(&str, &str, &str)| {
        let namespace = if namespace.is_empty() { String::new() } else { format!(", namespace: \"{namespace}\"") };
        format!(
            "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: {kind}\nmetadata: {{name: \"{name}\"{namespace}}}\n\
             spec: {{url: https://charts.example.com/{name}}}\n"
        )
    };
    sources.iter().map(document).collect()
}

fn candidate(text: &str) -> Option<Candidate> {
    Some(Candidate {
        text: text.to_owned(),
        version: Version::strict(text)?,
        created: None,
        deprecated: false,
        app_version: None,
        digest: None,
        detailed: true,
        // Its archive says nothing: no more than is asked of the commit.
        inside: Inside::Opened(Contents::default().into()),
    })
}

/// A pass over sources that offer what is in use and what the commit went to, no more.
fn proposals(rows: &[Arc<Release>], wanted: &[Wanted], tally: &mut Tally) -> Result<(), Failure> {
    let target = |site: &Site| wanted.iter().find(|w| (&w.site.file, w.site.start) == (&site.file, site.start));
    let mut offers: BTreeMap<&Lookup, BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        let (Some(lookup), Some(site)) = (&row.lookup, &row.site) else { continue };
        let offer = offers.entry(lookup).or_default();
        offer.insert(&site.text);
        offer.extend(target(site).map(|wanted| wanted.to.as_str()));
    }
    let policy = Policy::default();
    let mut decided = Vec::new();
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.problem.is_none()) {
        let (Some(lookup), Some(current), Some(kind)) = (&row.lookup, &row.current, row.chart_kind) else { continue };
        let versions = offers[lookup.as_ref()].iter().filter_map(|text| candidate(text)).collect();
        let candidates = Candidates { versions, ..Candidates::default() };
        match policy::choose(current, kind, &candidates, &policy, jiff::Timestamp::UNIX_EPOCH, &|_| None) {
            Outcome::Decided(decision) => decided.push((index, decision)),
            Outcome::NeedsDetail(texts) => return Err(format!("details of {texts:?} are wanted without need").into()),
        }
    }
    let movers: Vec<Mover<'_>> = decided
        .iter()
        .map(|(index, decision)| Mover { index: *index, release: &rows[*index], decision, group: "", separate: false })
        .collect();
    let updates = policy::updates(&movers, &[], "davit/");
    let sites: Vec<&UpdateSite> = updates.iter().flat_map(|update| &update.sites).collect();
    for site in &sites {
        match target(&site.site) {
            Some(wanted) if wanted.to == site.to => {}
            _ => return Err(format!("{}:{} to {} is proposed too", site.site.file, site.site.line, site.to).into()),
        }
    }
    for wanted in wanted.iter().filter(|wanted| is_upgrade(wanted)) {
        tally.upgrades += 1;
        let held = sites.iter().any(|s| (&s.site.file, s.site.start) == (&wanted.site.file, wanted.site.start));
        if held {
            tally.proposed += 1;
        } else {
            let row = rows.iter().find(|row| row.site.as_ref().is_some_and(|site| site.start == wanted.site.start));
            let why = row.and_then(|row| row.problem.as_ref()).map_or("policy says no", |p| p.message.as_str());
            return Err(format!("{}:{} is not proposed: {why}", wanted.site.file, wanted.site.line).into());
        }
    }
    Ok(())
}

fn is_upgrade(wanted: &Wanted) -> bool {
    match (Version::strict(&wanted.site.text), Version::strict(&wanted.to)) {
        (Some(from), Some(to)) => to > from && (to.semver().pre.is_empty() || !from.semver().pre.is_empty()),
        _ => false,
    }
}

/// A whole tree: every HelmRelease document has a row with a status.
pub fn census(name: &str, files: &[(String, Vec<u8>)]) -> Tally {
    let facts: Files =
        files.iter().map(|(path, bytes)| (path.clone(), Arc::new(inventory::read_file(path, bytes)))).collect();
    let rows = rows(&facts);
    let mut tally = Tally::default();
    for row in &rows {
        let reason = row.problem.as_ref().map_or("(to be asked)", |problem| problem.reason.code());
        *tally.reasons.entry(format!("{} {reason}", row.kind.as_str())).or_default() += 1;
        if row.problem.is_none() && (row.site.is_none() || row.lookup.is_none()) {
            tally.failures.push(format!("{name}: {} has neither a site and a question nor a reason", row.id()));
        }
    }
    let placed: BTreeSet<(&str, u32)> = rows.iter().map(|row| (row.file.as_ref(), row.line)).collect();
    let patches = patches(files);
    for (file, line) in documents(files) {
        if patches.contains(file) {
            tally.excluded.push(format!("{name}: {file}:{line} is a patch of a kustomization.yaml"));
            continue;
        }
        tally.documents += 1;
        if placed.contains(&(file, line)) {
            tally.with_row += 1;
        } else {
            tally.failures.push(format!("{name}: {file}:{line} has no row"));
        }
    }
    tally
}

/// `kind: HelmRelease` with Flux's group in one piece of text between `---` lines: file and line.
fn documents(files: &[(String, Vec<u8>)]) -> Vec<(&str, u32)> {
    let mut found = Vec::new();
    for (path, bytes) in files {
        let text = String::from_utf8_lossy(bytes);
        let (mut kind, mut flux) = (None, false);
        for (line, number) in text.lines().chain(["---"]).zip(1u32..) {
            if line.starts_with("---") {
                found.extend(kind.take().filter(|_| flux).map(|line| (path.as_str(), line)));
                flux = false;
            }
            let plain = line.replace(['"', '\''], "");
            if plain.split('#').next().is_some_and(|line| line.trim_end() == "kind: HelmRelease") {
                kind = Some(number);
            }
            flux |= plain.starts_with("apiVersion: helm.toolkit.fluxcd.io/");
        }
    }
    found
}

/// Files that a kustomization.yaml names as `path:`, or in its list `patchesStrategicMerge`.
fn patches(files: &[(String, Vec<u8>)]) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with("kustomization.yaml")) {
        let directory = Path::new(path).parent().unwrap_or(Path::new(""));
        let mut strategic = false;
        for line in String::from_utf8_lossy(bytes).lines() {
            if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
                strategic = line.starts_with("patchesStrategicMerge:");
            }
            let item = line.trim().trim_start_matches("- ").trim();
            if let Some(file) = item.strip_prefix("path:").or_else(|| strategic.then_some(item)) {
                let file = file.trim().trim_start_matches("./");
                named.extend(directory.join(file).to_str().map(str::to_owned));
            }
        }
    }
    named
}

/// The cases of a `jsonl` text.
pub fn cases(reader: impl BufRead) -> Result<Vec<Case>, Failure> {
    reader.lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

fn packed(directory: &Path, ending: &str) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(ending) {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() { Err(format!("{} has no *{ending}", directory.display()).into()) } else { Ok(files) }
}

/// Every `*.bumps.jsonl.gz` of a directory.
pub fn bumps(directory: &Path) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    for path in packed(directory, ".bumps.jsonl.gz")? {
        let reader = std::io::BufReader::new(flate2::read::MultiGzDecoder::new(std::fs::File::open(&path)?));
        for case in cases(reader)? {
            tally.add(replay(&case));
        }
    }
    Ok(tally)
}

/// Every `*.tree.tar.gz` of a directory.
pub fn trees(directory: &Path) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    for (name, files) in unpacked(directory)? {
        tally.add(census(&name, &files));
    }
    Ok(tally)
}

/// A tree's name, and path and bytes of its files.
pub type Unpacked = (String, Vec<(String, Vec<u8>)>);

/// Every `*.tree.tar.gz` of a directory.
pub fn unpacked(directory: &Path) -> Result<Vec<Unpacked>, Failure> {
    let mut trees = Vec::new();
    for path in packed(directory, ".tree.tar.gz")? {
        let mut archive = tar::Archive::new(flate2::read::MultiGzDecoder::new(std::fs::File::open(&path)?));
        let mut files = Vec::new();
        for entry in archive.entries()? {
            let mut entry = entry?;
            let name = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
            if entry.header().entry_type().is_file() && inventory::reads(&name) {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                files.push((name, bytes));
            }
        }
        trees.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), files));
    }
    Ok(trees)
}
