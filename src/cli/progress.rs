//! A sign of life while a person waits: a spinner on standard error, only where that is a terminal. Elsewhere nothing
//! moves; `--log info` tells there what is being done.

use indicatif::ProgressBar;
use std::io::IsTerminal;
use std::time::Duration;

/// Turns until it is dropped.
pub(super) struct Spinner(ProgressBar);

/// Starts one with a word on what is being done.
pub(super) fn spinner(doing: &str) -> Spinner {
    tracing::info!("{doing}");
    if !std::io::stderr().is_terminal() {
        return Spinner(ProgressBar::hidden());
    }
    let bar = ProgressBar::new_spinner().with_message(super::render::clean(doing).into_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    Spinner(bar)
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Whether the result goes to a person's terminal.
pub(super) fn to_terminal() -> bool {
    std::io::stdout().is_terminal()
}
