//! `davit scan`: reads, prints, writes nothing.

use super::environment::configuration;
use super::exit::Exit;
use super::options::{Format, Options, Scan};
use super::{logging, print, print_json, render, target};
use crate::config::Purpose;
use crate::engine::json;
use crate::model::Status;

pub(super) async fn run(options: &Options, command: &Scan) -> Exit {
    logging::quiet(options);
    let mut config = match configuration(options, Purpose::Local) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let found = match target::find(&mut config, &command.target).await {
        Ok(found) => found.look.findings.clone(),
        Err(exit) => return exit,
    };
    let printed = match command.format {
        Format::Table => print(&render::table(&found, super::progress::reader())),
        Format::Markdown => print(&render::markdown(&found)),
        Format::Json => print_json(&json::scan(&found)),
    };
    if !printed {
        return Exit::NoResult;
    }
    if command.exit_code && found.count(Status::Outdated) > 0 { Exit::Outdated } else { Exit::Done }
}
