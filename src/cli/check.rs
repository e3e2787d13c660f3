//! `davit check`: every problem of the configuration at once.

use super::environment::{configuration, configuration_file};
use super::exit::Exit;
use super::options::Options;
use super::{print, render};
use crate::config::Purpose;

pub(super) fn run(options: &Options) -> Exit {
    let config = match configuration(options, Purpose::Check) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let repositories = render::count(config.repositories.len(), "repository");
    let told = match configuration_file(options) {
        Some(file) => format!("{} is valid: {repositories}.\n", render::clean(&file.to_string_lossy())),
        None => format!("There is no davit.yaml here, and --config names none: the defaults serve ({repositories}).\n"),
    };
    if print(&told) { Exit::Done } else { Exit::NoResult }
}
