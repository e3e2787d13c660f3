//! Proof against real bump commits: for every site of every `*.bumps.jsonl.gz` in a directory, the file before, edited
//! by Davit, must equal the file after, byte for byte. The directory is the first argument or `DAVIT_CORPORA`.
//!
//! Decides nothing: a case names its site by line and path, and [`Discovery`] turns that into bytes to swap.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports")]

use base64::Engine as _;
use davit::edit::{self, Swap};
use davit::model::Site;
use davit::yaml::{self, Route};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

type Failure = Box<dyn std::error::Error>;

/// One commit whose whole change is chart versions.
#[derive(serde::Deserialize)]
struct Case {
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

/// A site as the corpus lists it.
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

/// How a listed site is found in the file before.
trait Discovery {
    /// The bytes of the site, or why they were not found.
    fn find(&self, file: &str, bytes: &[u8], listed: &Listed) -> Result<Site, Failure>;
}

/// By parsing alone: the document in which the listed path stands at the listed line.
struct ByLineAndPath;

impl Discovery for ByLineAndPath {
    fn find(&self, file: &str, bytes: &[u8], listed: &Listed) -> Result<Site, Failure> {
        let route: Route = listed.path.parse()?;
        let stream = yaml::parse(bytes);
        // An alias stands at the listed line, its bytes elsewhere: the key's line is what the corpus counts.
        let line = |root: &yaml::Node| {
            let (parent, key) = route.steps().split_at(route.steps().len().saturating_sub(1));
            let parent = root.find(&parent.iter().cloned().collect())?;
            match key.first()? {
                yaml::Step::Key(key) => parent.key_node(key).map(|key| key.line),
                yaml::Step::Index(index) => parent.items().get(*index).map(|item| item.line),
            }
        };
        let (document, root) = stream
            .roots()
            .find(|(_, root)| line(root) == Some(listed.line))
            .ok_or_else(|| format!("no document has {} at line {}", listed.path, listed.line))?;
        Ok(yaml::site(file, document.index, root, &route)?)
    }
}

/// One file of one commit: every listed site at once.
fn replay(discovery: &dyn Discovery, file: &File) -> Result<(), Failure> {
    let before = file.before.bytes()?;
    let mut swaps = Vec::new();
    for listed in &file.sites {
        let site = discovery.find(&file.path, &before, listed)?;
        if site.text != listed.from {
            return Err(format!("line {}: found {:?}, listed is {:?}", listed.line, site.text, listed.from).into());
        }
        swaps.push(Swap { to: written(&listed.new_line)?, site });
    }
    let edited = edit::apply(&before, &swaps)?;
    if edited == file.after.bytes()? { Ok(()) } else { Err("the result differs from the commit".into()) }
}

/// The version on the new line, read as YAML by a reader that is not ours.
fn written(line: &str) -> Result<String, Failure> {
    let value = line.split_once(':').ok_or("the new line has no key")?.1.trim();
    let value = value.strip_prefix('&').and_then(|v| v.split_once(' ')).map_or(value, |(_, rest)| rest.trim());
    let value = value.split_once(" #").map_or(value, |(value, _)| value.trim_end());
    Ok(value.trim_matches(['"', '\'']).to_owned())
}

fn corpora(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".bumps.jsonl.gz") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() { Err(format!("{} has no *.bumps.jsonl.gz", directory.display()).into()) } else { Ok(files) }
}

fn run(directory: &Path) -> Result<bool, Failure> {
    let (mut exact, mut all) = (0, 0);
    for path in corpora(directory)? {
        for line in BufReader::new(flate2::read::MultiGzDecoder::new(std::fs::File::open(&path)?)).lines() {
            let case: Case = serde_json::from_str(&line?)?;
            for file in &case.files {
                all += file.sites.len();
                match replay(&ByLineAndPath, file) {
                    Ok(()) => exact += file.sites.len(),
                    Err(error) => println!("{} {}: {error}", case.commit, file.path),
                }
            }
        }
    }
    println!("{exact} of {all} sites exact");
    Ok(all > 0 && exact == all)
}

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).or_else(|| std::env::var_os("DAVIT_CORPORA")) else {
        eprintln!("usage: bumps DIRECTORY (or DAVIT_CORPORA)");
        return ExitCode::from(64);
    };
    match run(Path::new(&directory)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
