//! `davit check`: every problem of the configuration at once.

use super::environment::configuration;
use super::exit::Exit;
use super::options::Options;
use super::{print, render};
use crate::config::Purpose;

pub(super) fn run(options: &Options) -> Exit {
    match configuration(options, Purpose::Check) {
        Ok(config) => {
            print(&format!(
                "The configuration is valid: {}.\n",
                render::count(config.repositories.len(), "repository")
            ));
            Exit::Done
        }
        Err(exit) => exit,
    }
}
