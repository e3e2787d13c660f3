//! What the process was started with: the configuration, and the directories of the person who runs it.

use super::exit::Exit;
use super::options::Options;
use super::say;
use crate::config::{self, Config, Issue, Purpose};
use crate::policy::Rules;
use std::path::{Path, PathBuf};

/// The file that is read where none is named.
const DEFAULT_FILE: &str = "davit.yaml";

/// The file that is read: the one named, else ./davit.yaml where it is there.
pub(super) fn configuration_file(options: &Options) -> Option<&Path> {
    options.config.as_deref().or_else(|| Path::new(DEFAULT_FILE).is_file().then(|| Path::new(DEFAULT_FILE)))
}

/// The configuration for a purpose. Every problem is said, at once.
pub(super) fn configuration(options: &Options, purpose: Purpose) -> Result<Config, Exit> {
    let (path, text) = match file(configuration_file(options)) {
        Ok(found) => found,
        Err(message) => {
            say(&message);
            return Err(Exit::Configuration);
        }
    };
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    match config::load_with(path.as_deref(), &text, &environment, purpose, &above) {
        Ok(config) => Ok(config),
        Err(issues) => {
            for issue in &issues {
                say(&issue.to_string());
            }
            say(&format!("{} in the configuration", super::render::count(issues.len(), "problem")));
            Err(Exit::Configuration)
        }
    }
}

/// What only the floors above the configuration can judge: ranges, versions, globs.
fn above(config: &Config) -> Vec<Issue> {
    let issues = Rules::from_config(&config.policy).err().unwrap_or_default();
    let place = |path: &str| config.locate(path);
    issues
        .into_iter()
        .map(|issue| Issue { place: place(&issue.path), path: issue.path, message: issue.message })
        .collect()
}

fn file(named: Option<&Path>) -> Result<(Option<PathBuf>, String), String> {
    let Some(path) = named else { return Ok((None, String::new())) };
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((Some(path.to_owned()), text)),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// A cache directory of the person who runs the command: `$XDG_CACHE_HOME/davit`, `~/.cache/davit`; nothing where
/// nothing can be written there.
pub(super) fn personal_cache() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".cache")))
        .map(|base| base.join("davit"))
        .filter(|own| std::fs::create_dir_all(own).is_ok() && tempfile::tempfile_in(own).is_ok())
}
