//! `davit apply`: the bumps of a folder, written into its files, byte for byte nothing else. Files are written one by
//! one, each whole or not at all; a second run finds nothing left to do.

use super::environment::configuration;
use super::exit::Exit;
use super::options::{Apply, Options};
use super::render::{clean, count};
use super::target::{self, Found};
use super::{diff, logging, print_exactly, say};
use crate::config::Purpose;
use crate::engine::edits::{self, Edited, Refused};
use crate::engine::inside;
use crate::engine::local::{self, Selection};
use crate::model::{Problem, Site, UpdateSite, Version};
use crate::world::folder::{FILE_LIMIT, Folder};
use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

pub(super) async fn run(options: &Options, command: &Apply) -> Exit {
    logging::quiet(options);
    let mut config = match configuration(options, Purpose::Local) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let Some(path) = command.path.to_str() else {
        say("the path is not UTF-8");
        return Exit::Usage;
    };
    if !command.path.exists() && target::looks_remote(path) {
        say(&format!("{}: a URL can't be edited: clone it, then name the folder", clean(&crate::model::shown(path))));
        return Exit::NoResult;
    }
    let found = match target::find(&mut config, path).await {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let Some(folder) = &found.folder else { return Exit::NoResult };
    let selection = match select(&found, command, found.look.kube.version.as_ref()).await {
        Ok(selection) => selection,
        Err(problem) => {
            say(&clean(&problem.message));
            return Exit::NoResult;
        }
    };
    write(folder, command, &selection)
}

/// What to write; a version that a person names is opened first, like any other.
async fn select(found: &Found, command: &Apply, cluster: Option<&Version>) -> Result<Selection, Problem> {
    let Some(to) = command.to.as_deref() else { return local::select(&found.look, &command.only, None) };
    let (look, notes) = inside::named(&found.registry, &found.look, (&command.only, to), cluster).await?;
    let mut selection = local::select(&look, &command.only, Some(to))?;
    selection.notes.extend(notes);
    Ok(selection)
}

fn write(folder: &Folder, command: &Apply, selection: &Selection) -> Exit {
    let mut out = String::new();
    let mut written = 0;
    let mut failed = false;
    let mut refused: Vec<Refused> = selection.refused.clone();
    let mut done: Vec<&Site> = Vec::new();
    for (path, sites) in edits::by_file(&selection.sites) {
        let (edited, no) = match folder.content(path, FILE_LIMIT) {
            Ok(bytes) => edits::edit_file(path, bytes, &sites),
            Err(problem) => {
                say(&clean(&problem.message));
                failed = true;
                continue;
            }
        };
        let kept: Vec<&UpdateSite> =
            sites.into_iter().filter(|site| !no.iter().any(|refused| refused.site == **site)).collect();
        refused.extend(no);
        let Some(edited) = edited else { continue };
        match save(folder, command, &edited) {
            Ok(()) => {
                written += 1;
                done.extend(kept.iter().map(|site| &site.site));
                if command.dry_run {
                    out.push_str(&diff::unified(&edited));
                } else {
                    list(&mut out, &kept);
                }
            }
            Err(message) => {
                say(&clean(&message));
                failed = true;
            }
        }
    }
    for note in &selection.notes {
        say(&clean(note));
    }
    for site in &refused {
        let place = &site.site.site;
        say(&format!("left as it is: {}", clean(&placed(place, &site.problem.message))));
    }
    if written == 0 && refused.is_empty() && !failed {
        say(match &command.to {
            Some(_) => "Nothing to do: it stands there already.",
            None if command.only.is_empty() => "Nothing to do: no release has a newer version that policy admits.",
            None => "Nothing to do for what --only names.",
        });
    }
    let moved = consumers(selection, &done);
    if command.dry_run {
        // The diff is all that standard output holds: it goes into `git apply`.
        if !moved.is_empty() {
            say(&format!("Would move: {moved}."));
        }
    } else if written > 0 {
        let _ = writeln!(out, "{} changed.\nMoved: {moved}.", count(written, "file"));
    }
    // Who goes on to commit must know that a file is missing, however many are there.
    if !print_exactly(out.as_bytes()) || failed { Exit::NoResult } else { Exit::Done }
}

/// A message with its place before it, once.
fn placed(place: &Site, message: &str) -> String {
    let (line, file) = (format!("{}:{}: ", place.file, place.line), format!("{}: ", place.file));
    let message = message.strip_prefix(&line).or_else(|| message.strip_prefix(&file)).unwrap_or(message);
    format!("{line}{message}")
}

fn save(folder: &Folder, command: &Apply, edited: &Edited) -> Result<(), String> {
    if command.dry_run {
        return Ok(());
    }
    folder.write(&edited.path, &edited.after).map_err(|problem| problem.message)
}

fn list(out: &mut String, sites: &[&UpdateSite]) {
    for site in sites {
        let place = &site.site;
        let _ = writeln!(
            out,
            "{}:{}:{}  {} → {}",
            clean(&place.file),
            place.line,
            place.column,
            clean(&site.from),
            clean(&site.to)
        );
        if let Some(digest) = &site.digest {
            let (place, from) = (&digest.site, clean(&digest.site.text));
            let to = clean(&digest.to);
            let _ = writeln!(out, "{}:{}:{}  {from} → {to}", clean(&place.file), place.line, place.column);
        }
    }
}

/// Everybody whom a changed site moves, named once.
fn consumers(selection: &Selection, done: &[&Site]) -> String {
    let done: HashSet<&Site> = done.iter().copied().collect();
    let moved = selection.moved.iter().filter(|(site, _)| done.contains(site)).flat_map(|(_, ids)| ids);
    let names: BTreeSet<String> = moved.map(|id| clean(&id.to_string()).into_owned()).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Apply, Exit, Selection, UpdateSite, write};
    use crate::world::folder::Folder;

    #[test]
    fn one_file_that_fails_shows_in_the_exit_code_though_the_others_are_written() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.yaml"), "version: 1.0.0\n").unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let stream = crate::yaml::parse(b"version: 1.0.0\n");
        let root = stream.documents[0].root.as_ref().unwrap().as_ref().unwrap();
        let at = |file: &str| UpdateSite {
            site: crate::yaml::site(file, 0, root, &"version".parse().unwrap()).unwrap(),
            from: "1.0.0".into(),
            to: "2.0.0".into(),
            digest: None,
        };
        let command = Apply { path: dir.path().into(), only: vec![], to: None, dry_run: false };
        let mut selection = Selection::default();
        selection.sites.extend(["a.yaml", "gone.yaml"].map(at));
        assert_eq!(write(&folder, &command, &selection), Exit::NoResult);
        assert_eq!(std::fs::read(dir.path().join("a.yaml")).unwrap(), b"version: 2.0.0\n");
        std::fs::write(dir.path().join("a.yaml"), "version: 1.0.0\n").unwrap();
        selection.sites.pop();
        assert_eq!(write(&folder, &command, &selection), Exit::Done);
    }

    #[test]
    fn the_place_of_what_is_left_stands_once_before_its_message() {
        let stream = crate::yaml::parse(b"version: 1.0.0\n");
        let root = stream.documents[0].root.as_ref().unwrap().as_ref().unwrap();
        let site = crate::yaml::site("a.yaml", 0, root, &"version".parse().unwrap()).unwrap();
        for message in ["a.yaml:1: `version` moved", "a.yaml: `version` moved", "`version` moved"] {
            assert_eq!(super::placed(&site, message), "a.yaml:1: `version` moved");
        }
    }
}
