//! What a GitRepository's artifact leaves out of the tree: `.sourceignore` files, then `spec.ignore`, else
//! source-controller's own list (fluxcd/pkg/sourceignore, and SourceIgnoreFilter of fluxcd/pkg/artifact). A file that it
//! leaves out does not exist for Flux. The patterns are those of the controller, which are not quite Git's.

use super::artifact::Artifact;
use crate::inventory::{self, Context, Inventory, Kind};
use crate::yaml::Node;
use std::collections::HashMap;
use std::sync::Arc;

/// Never in an artifact, unless a pattern says otherwise.
const VCS: [&str; 4] = [".git/", ".gitignore", ".gitmodules", ".gitattributes"];
/// Left out where nobody gives a pattern.
const DEFAULT: [&str; 20] = [
    "*.jpg",
    "*.jpeg",
    "*.gif",
    "*.png",
    "*.wmv",
    "*.flv",
    "*.tar.gz",
    "*.zip",
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    "**/.goreleaser.yml",
    "**/.sops.yaml",
    "**/.flux.yaml",
];

/// The tree without what is left out.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) artifact: Arc<Artifact>,
    /// Files that are left out, and by what.
    pub(super) hidden: HashMap<usize, String>,
}

/// What is seen of the tree through a GitRepository with this `spec.ignore`, and where that stands; nothing where all of
/// it is seen that anybody reads.
pub(super) fn seen(inventory: &Inventory, spec: Option<(&str, &str)>) -> Option<Seen> {
    let patterns = Patterns::of(inventory, spec);
    let counts = |file: usize| patterns.given || inventory.files.get(file).is_some_and(|(_, facts)| !facts.is_empty());
    let all = inventory.files.iter().enumerate();
    let hidden: HashMap<usize, String> = all
        .filter_map(|(file, (path, _))| Some((file, patterns.leaves_out(path)?.to_owned())))
        .filter(|(file, _)| counts(*file))
        .collect();
    if hidden.is_empty() {
        return None;
    }
    let left = || inventory.files.iter().enumerate().filter(|(file, _)| !hidden.contains_key(file));
    let files: Vec<_> = left().map(|(_, listed)| listed.clone()).collect();
    let tree = inventory::gather(&files, Context { repository_url: inventory.repository_url.as_deref() });
    let back = left().map(|(file, _)| file).collect();
    Some(Seen { artifact: Arc::new(Artifact { tree, back }), hidden })
}

/// Patterns by the directory that they hold below, in the order of rising priority.
#[derive(Debug, Default)]
struct Patterns {
    by_directory: HashMap<String, Vec<Pattern>>,
    /// `spec.ignore`: above all others.
    last: Vec<Pattern>,
    /// Somebody gave one: then the default list does not count.
    given: bool,
}

impl Patterns {
    fn of(inventory: &Inventory, spec: Option<(&str, &str)>) -> Self {
        let mut patterns = Self::default();
        for (file, _, facts) in inventory.of_kind(Kind::IgnoreFile) {
            let path = inventory.path(file);
            let directory = super::path::parent(path);
            let lines = facts.tree.items().iter().filter_map(|line| Some((line.line, line.text()?)));
            let own = patterns.by_directory.entry(directory.to_owned()).or_default();
            own.extend(lines.map(|(line, text)| Pattern::parse(text, format!("{path}:{line} ({text})"))));
        }
        if let Some((text, place)) = spec {
            let lines = inventory::patterns(text);
            patterns.last.extend(lines.map(|(_, text)| Pattern::parse(text, format!("{place} ({text})"))));
        }
        patterns.given = !patterns.last.is_empty() || patterns.by_directory.values().any(|own| !own.is_empty());
        let own = |text: &&str| Pattern::parse(text, format!("source-controller by itself ({text})"));
        let default = if patterns.given { &[][..] } else { &DEFAULT[..] };
        let root = patterns.by_directory.entry(String::new()).or_default();
        root.splice(0..0, VCS.iter().chain(default).map(own));
        patterns
    }

    /// What leaves a file out, for a person; nothing where it stays.
    fn leaves_out(&self, path: &str) -> Option<&str> {
        let mut said = last(&self.last, path);
        let mut directory = super::path::parent(path);
        while said.is_none() {
            let below = if directory.is_empty() { path } else { path.get(directory.len() + 1..)? };
            said = self.by_directory.get(directory).and_then(|own| last(own, below));
            if directory.is_empty() {
                break;
            }
            directory = super::path::parent(directory);
        }
        said.filter(|pattern| !pattern.includes).map(|pattern| pattern.said.as_str())
    }
}

/// The last pattern that matches a path below their directory.
fn last<'p>(patterns: &'p [Pattern], path: &str) -> Option<&'p Pattern> {
    let parts: Vec<&str> = path.split('/').collect();
    patterns.iter().rev().find(|pattern| pattern.matches(&parts))
}

/// One pattern (fluxcd/pkg/sourceignore/gitignore, pattern.go).
#[derive(Debug)]
struct Pattern {
    parts: Vec<String>,
    /// `!`
    includes: bool,
    /// It ends in `/`.
    directory: bool,
    /// For a person: where it stands, and the pattern.
    said: String,
}

impl Pattern {
    fn parse(text: &str, said: String) -> Self {
        let (includes, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        let text = if text.ends_with("\\ ") { text } else { text.trim_end_matches(' ') };
        let (directory, text) = text.strip_suffix('/').map_or((false, text), |rest| (true, rest));
        Self { parts: text.split('/').map(str::to_owned).collect(), includes, directory, said }
    }

    /// Whether a file at these parts of a path, or a directory that holds it, is meant.
    fn matches(&self, path: &[&str]) -> bool {
        match self.parts.as_slice() {
            [name] => self.by_name(name, path),
            parts => self.by_path(parts, path),
        }
    }

    fn by_name(&self, name: &str, path: &[&str]) -> bool {
        let found = path.iter().position(|part| glob(name, part));
        found.is_some_and(|at| !self.directory || at + 1 < path.len())
    }

    /// As the controller goes: `**` skips forward to the first part that fits and never comes back.
    fn by_path(&self, parts: &[String], mut path: &[&str]) -> bool {
        let (mut matched, mut far) = (false, false);
        for (number, part) in parts.iter().enumerate() {
            if part.is_empty() {
                far = false;
                continue;
            }
            if part == "**" {
                if number + 1 == parts.len() {
                    break;
                }
                far = true;
                continue;
            }
            if part.contains("**") || path.is_empty() {
                return false;
            }
            let at = if far { path.iter().position(|name| glob(part, name)) } else { glob(part, path[0]).then_some(0) };
            match at {
                Some(at) => (matched, path) = (true, path.get(at + 1..).unwrap_or_default()),
                None if far => (matched, path) = (false, &[]),
                None => return false,
            }
            far = false;
        }
        matched && !(self.directory && path.is_empty())
    }
}

/// Go's `filepath.Match` on one part of a path: `*`, `?`, `[a-z]`, `[^a-z]`, `\` before a character. A pattern that is none
/// matches nothing.
fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut from) = (0, 0);
    while at < pattern.len() {
        let star = pattern[at] == '*';
        while pattern.get(at) == Some(&'*') {
            at += 1;
        }
        let end = chunk(&pattern, at);
        let piece = &pattern[at..end];
        if star && piece.is_empty() {
            // The last star takes the rest.
            return true;
        }
        let longest = if star { name.len() } else { from };
        // The last piece has to reach the end.
        let fits = |start: usize| {
            let rest = piece_matches(piece, &name[start..])?;
            (end < pattern.len() || start + rest == name.len()).then_some(start + rest)
        };
        let Some(next) = (from..=longest).find_map(fits) else { return false };
        (at, from) = (end, next);
    }
    from == name.len()
}

/// Where the piece that starts here ends: at the next star outside of brackets.
fn chunk(pattern: &[char], from: usize) -> usize {
    let (mut at, mut inside) = (from, false);
    while at < pattern.len() {
        match pattern[at] {
            '\\' => at += 1,
            '[' => inside = true,
            ']' => inside = false,
            '*' if !inside => break,
            _ => {}
        }
        at += 1;
    }
    at.min(pattern.len())
}

/// How many characters of the name a piece without stars takes; nothing where it does not fit or is no pattern.
fn piece_matches(piece: &[char], name: &[char]) -> Option<usize> {
    let (mut at, mut taken) = (0, 0);
    while at < piece.len() {
        let next = *name.get(taken)?;
        taken += 1;
        match piece[at] {
            '?' => at += 1,
            '\\' => {
                if *piece.get(at + 1)? != next {
                    return None;
                }
                at += 2;
            }
            '[' => {
                let (fits, end) = class(piece, at + 1, next)?;
                if !fits {
                    return None;
                }
                at = end;
            }
            own if own == next => at += 1,
            _ => return None,
        }
    }
    Some(taken)
}

/// Whether a character is of the class that starts after its bracket, and where the class ends.
fn class(piece: &[char], start: usize, next: char) -> Option<(bool, usize)> {
    let negated = piece.get(start) == Some(&'^');
    let (mut at, mut found, mut ranges) = (start + usize::from(negated), false, 0);
    loop {
        if piece.get(at) == Some(&']') && ranges > 0 {
            return Some((found != negated, at + 1));
        }
        let low = one(piece, &mut at)?;
        let high = if piece.get(at) == Some(&'-') {
            at += 1;
            one(piece, &mut at)?
        } else {
            low
        };
        found |= (low..=high).contains(&next);
        ranges += 1;
    }
}

/// One character of a class; a bare `-` or `]` is none.
fn one(piece: &[char], at: &mut usize) -> Option<char> {
    let mut next = *piece.get(*at)?;
    if matches!(next, '-' | ']') {
        return None;
    }
    if next == '\\' {
        *at += 1;
        next = *piece.get(*at)?;
    }
    *at += 1;
    // A class has to end.
    (*at < piece.len()).then_some(next)
}

/// The `spec.ignore` of a GitRepository, where it says something.
pub(super) fn of_spec(tree: &Node) -> Option<&Node> {
    tree.at("spec.ignore").filter(|node| node.text().is_some())
}

#[cfg(test)]
#[path = "left_out_tests.rs"]
mod tests;
