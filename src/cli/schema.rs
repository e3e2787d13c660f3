//! `davit schema config`: for editors.

use super::exit::Exit;
use super::options::SchemaOf;
use super::print;

pub(super) fn run(what: SchemaOf) -> Exit {
    let schema = match what {
        SchemaOf::Config => crate::config::schema(),
    };
    match serde_json::to_string_pretty(&schema) {
        Ok(text) if print(&format!("{text}\n")) => Exit::Done,
        _ => Exit::NoResult,
    }
}
