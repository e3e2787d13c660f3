//! Holds the floors of the architecture: imports point down only, modules of one floor do not know each other where
//! the plan says so, and no IO below F3. Reads the sources as text; a path in a string or a comment does not count.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every module of the library with its floor.
pub(crate) const FLOORS: &[(&str, u8)] = &[
    ("model", 0),
    ("config", 1),
    ("yaml", 1),
    ("inventory", 2),
    ("resolve", 2),
    ("chart", 2),
    ("policy", 2),
    ("edit", 2),
    ("proposal", 2),
    ("witness", 2),
    ("world", 3),
    ("engine", 4),
    ("http", 5),
    ("telemetry", 5),
    ("demo", 5),
    ("cli", 6),
];

/// Imports against the rule, each with what would end it. One that is no longer needed fails the test.
const EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "resolve",
    "inventory",
    "what it resolves is the inventory, whose nouns hold YAML trees that model must not know",
)];

/// What does IO, none of it below F3.
const IO: &[&str] = &[
    "reqwest",
    "tokio",
    "std::fs",
    "std::net::Tcp",
    "std::process",
    "std::env",
    "git2",
    "rusqlite",
    "octocrab",
    "russh",
];

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

fn sources(directory: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|e| e == "rs") {
            all.push(path);
        }
    }
}

/// Product code of a file, without comments and text; tests may know everything.
fn product_code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(&text).to_owned();
    let line = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// `(module, file, code)` of every product file.
fn product() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut all = Vec::new();
    for path in files {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let top = name.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        if matches!(top.as_str(), "lib" | "main") || name.ends_with("_tests.rs") || name.ends_with("/tests.rs") {
            continue;
        }
        all.push((top, name, product_code(&path)));
    }
    assert!(all.len() > 30, "the sources were not found");
    all
}

/// The top modules that a piece of code names after `crate::`, lists in braces included.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for tail in code.split("crate::").skip(1) {
        let list = tail.strip_prefix('{').and_then(|inner| inner.split("};").next());
        for part in list.map_or_else(|| vec![tail], |list| list.split(',').collect()) {
            let name: String = part.trim_start().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if floor(&name).is_some() {
                found.insert(name);
            }
        }
    }
    found
}

#[test]
fn every_module_has_a_floor() {
    let unknown: BTreeSet<_> = product().into_iter().map(|(top, ..)| top).filter(|top| floor(top).is_none()).collect();
    assert!(unknown.is_empty(), "give these a floor in tests/it/floors.rs: {unknown:?}");
}

#[test]
fn imports_point_down_and_never_sideways_in_f2() {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for (top, file, code) in product() {
        for other in imports(&code) {
            let (Some(own), Some(its)) = (floor(&top), floor(&other)) else { continue };
            if other == top || (its <= own && (own != 2 || its != 2)) {
                continue;
            }
            match EXCEPTIONS.iter().find(|(from, to, _)| *from == top && *to == other) {
                Some(exception) => drop(used.insert(exception)),
                None => wrong.push(format!("src/{file} (F{own}) imports {other} (F{its})")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(used.len(), EXCEPTIONS.len(), "an exception is no longer needed: take it out");
}

#[test]
fn nothing_below_f3_does_io() {
    let mut wrong = Vec::new();
    for (top, file, code) in product() {
        if floor(&top).is_some_and(|floor| floor < 3) {
            wrong.extend(IO.iter().filter(|io| names(&code, io)).map(|io| format!("src/{file} uses {io}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether code names a path (`git2::…`, `use git2`), not a longer word that holds it.
fn names(code: &str, path: &str) -> bool {
    code.match_indices(path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + path.len()..];
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
            && (path.contains("::") || after.starts_with("::") || after.starts_with(';'))
    })
}

#[test]
fn the_reader_sees_what_it_must() {
    assert_eq!(imports("use crate::{model::Site, world};").into_iter().collect::<Vec<_>>(), ["model", "world"]);
    assert_eq!(imports("crate::engine::pass()").into_iter().collect::<Vec<_>>(), ["engine"]);
    assert!(names("let x = std::fs::read(p)", "std::fs") && names("use git2;", "git2") && !names("my_git2::x", "git2"));
}
