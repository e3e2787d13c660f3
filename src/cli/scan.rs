//! `davit scan`: reads, prints, writes nothing.

use super::environment::configuration;
use super::exit::Exit;
use super::options::{Format, Options, Scan};
use super::{logging, print, render, target};
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
    let text = match command.format {
        Format::Table => render::table(&found),
        Format::Markdown => render::markdown(&found),
        Format::Json => match serde_json::to_string_pretty(&json::scan(&found)) {
            Ok(text) => text + "\n",
            Err(error) => {
                super::say(&format!("the result can't be written as JSON: {error}"));
                return Exit::NoResult;
            }
        },
    };
    if !print(&text) {
        return Exit::NoResult;
    }
    if command.exit_code && found.count(Status::Outdated) > 0 { Exit::Outdated } else { Exit::Done }
}
