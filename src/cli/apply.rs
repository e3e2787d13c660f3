//! `davit apply`: the bumps of a folder, written into its files, byte for byte nothing else. Files are written one by
//! one, each whole or not at all; a second run finds nothing left to do.

use super::environment::configuration;
use super::exit::Exit;
use super::options::{Apply, Options};
use super::render::{clean, count};
use super::{diff, logging, print, say, target};
use crate::config::Purpose;
use crate::engine::edits::{self, Edited, Refused};
use crate::engine::local::{self, Selection};
use crate::model::UpdateSite;
use crate::world::folder::{FILE_LIMIT, Folder};
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
    if !command.path.exists() {
        say(&format!("{path}: no such folder (a URL can't be edited: clone it first)"));
        return Exit::NoResult;
    }
    let found = match target::find(&mut config, path).await {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let Some(folder) = found.folder else { return Exit::NoResult };
    let selection = match local::select(&found.look, &command.only, command.to.as_deref()) {
        Ok(selection) => selection,
        Err(problem) => {
            say(&problem.message);
            return Exit::NoResult;
        }
    };
    write(&folder, command, &selection)
}

fn write(folder: &Folder, command: &Apply, selection: &Selection) -> Exit {
    let mut out = String::new();
    let mut written = 0;
    let mut failed = false;
    let mut refused: Vec<Refused> = selection.refused.clone();
    for (path, sites) in edits::by_file(&selection.sites) {
        let (edited, no) = match folder.content(path, FILE_LIMIT) {
            Ok(bytes) => edits::edit_file(path, bytes, &sites),
            Err(problem) => {
                say(&problem.message);
                failed = true;
                continue;
            }
        };
        refused.extend(no);
        let Some(edited) = edited else { continue };
        match save(folder, command, &edited) {
            Ok(()) => {
                written += 1;
                if command.dry_run {
                    out.push_str(&diff::unified(&edited));
                } else {
                    list(&mut out, &sites, &refused);
                }
            }
            Err(message) => {
                say(&message);
                failed = true;
            }
        }
    }
    for note in &selection.notes {
        say(&clean(note));
    }
    for site in &refused {
        let place = &site.site.site;
        say(&format!("left as it is: {}:{}: {}", clean(&place.file), place.line, clean(&site.problem.message)));
    }
    if written == 0 && refused.is_empty() && !failed {
        say("Nothing to do: no release has a newer version that policy admits.");
    } else if !command.dry_run && written > 0 {
        let _ = writeln!(out, "{} changed.", count(written, "file"));
    }
    if !command.dry_run {
        consumers(&mut out, selection);
    }
    if !print(&out) || (failed && written == 0) { Exit::NoResult } else { Exit::Done }
}

fn save(folder: &Folder, command: &Apply, edited: &Edited) -> Result<(), String> {
    if command.dry_run {
        return Ok(());
    }
    folder.write(&edited.path, &edited.after).map_err(|problem| problem.message)
}

fn list(out: &mut String, sites: &[&UpdateSite], refused: &[Refused]) {
    for site in sites.iter().filter(|s| !refused.iter().any(|r| r.site == ***s)) {
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
    }
}

/// Everybody whom a changed site moves, named.
fn consumers(out: &mut String, selection: &Selection) {
    if !selection.moved.is_empty() {
        let names: Vec<String> = selection.moved.iter().map(|id| clean(&id.to_string()).into_owned()).collect();
        let _ = writeln!(out, "Moved: {}.", names.join(", "));
    }
}
