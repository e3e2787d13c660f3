//! A sign of life while a person waits, on standard error: a spinner where that is a terminal; elsewhere one plain line,
//! and only once the work has taken longer than anybody watches in silence.

use super::render::{Reader, clean};
use indicatif::ProgressBar;
use std::io::IsTerminal;
use std::time::Duration;

/// How long nothing is said where no spinner can turn.
const PATIENCE: Duration = Duration::from_secs(3);
/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// Shown until it is dropped.
pub(super) enum Progress {
    /// Turns.
    Spinner(ProgressBar),
    /// Says its line after a while.
    Line(tokio::task::JoinHandle<()>),
}

/// Starts with a word on what is being done. Needs the runtime.
pub(super) fn progress(doing: &str) -> Progress {
    tracing::info!("{doing}");
    let doing = clean(doing).into_owned();
    if !std::io::stderr().is_terminal() {
        return Progress::Line(tokio::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            super::say(&format!("{doing} …"));
        }));
    }
    let bar = ProgressBar::new_spinner().with_message(doing);
    bar.enable_steady_tick(Duration::from_millis(120));
    Progress::Spinner(bar)
}

impl Drop for Progress {
    fn drop(&mut self) {
        match self {
            Self::Spinner(bar) => bar.finish_and_clear(),
            Self::Line(task) => task.abort(),
        }
    }
}

/// Who reads the result. A terminal's width is what `COLUMNS` says.
pub(super) fn reader() -> Reader {
    if !std::io::stdout().is_terminal() {
        return Reader::Lines;
    }
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    Reader::Terminal(said.filter(|columns| *columns >= 40).unwrap_or(COLUMNS))
}
