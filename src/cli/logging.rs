//! Which log lines a command shows: a person's command speaks for itself, the daemon tells what it does.

use super::options::Options;
use super::say;
use crate::config::{Config, LogFormat};
use crate::telemetry::{self, Format};

/// For commands whose output is their result: warnings and errors only, unless asked for more.
pub(super) fn quiet(options: &Options) {
    start(options.log.as_deref().unwrap_or("error"), Format::Text);
}

/// For the daemon: as configured; `--log` wins.
pub(super) fn as_configured(options: &Options, config: &Config) {
    let format = match config.log.format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    start(options.log.as_deref().unwrap_or(config.log.level.as_str()), format);
}

fn start(filter: &str, format: Format) {
    // Other crates' chatter helps nobody who did not ask for it by name; what kube's client failed on is a finding.
    let filter =
        if filter.contains(['=', ',']) { filter.to_owned() } else { format!("warn,kube_client=off,davit={filter}") };
    if let Err(error) = telemetry::init(&filter, format) {
        say(&error);
    }
}
