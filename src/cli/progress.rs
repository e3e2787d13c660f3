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
/// Narrower than this nothing is laid out: lines then break where the terminal breaks them.
const FEWEST: usize = 40;

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

/// Who reads the result.
pub(super) fn reader() -> Reader {
    let output = std::io::stdout();
    if !output.is_terminal() {
        return Reader::Lines;
    }
    let terminal = terminal_size::terminal_size_of(&output).map(|(width, _)| usize::from(width.0));
    Reader::Terminal(columns(std::env::var("COLUMNS").ok().as_deref(), terminal))
}

/// What `COLUMNS` says, else the terminal itself; one that says nothing is taken for an ordinary one.
fn columns(said: Option<&str>, terminal: Option<usize>) -> usize {
    let said = said.and_then(|columns| columns.trim().parse().ok());
    said.into_iter().chain(terminal).find(|columns| *columns > 0).unwrap_or(COLUMNS).max(FEWEST)
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn columns_goes_before_the_terminal_and_nothing_is_narrower_than_can_be_read() {
        for (said, terminal, wanted) in [
            (Some("120"), Some(200), 120),
            (None, Some(200), 200),
            (Some("wide"), Some(200), 200),
            (Some("0"), Some(200), 200),
            (None, Some(0), 80),
            (Some(""), None, 80),
            (None, Some(20), 40),
            (Some("20"), Some(200), 40),
        ] {
            assert_eq!(columns(said, terminal), wanted, "{said:?} {terminal:?}");
        }
    }
}
