//! F5. Logs. One line an event, to standard error; text or JSON. Whatever a repository or a registry puts into a field
//! stays within its line: control characters are replaced before they are written.

use std::io::{self, Write};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Starts logging for this process; a second call is refused and ignored (tests share a process).
///
/// # Errors
/// The filter does not parse.
pub fn init(filter: &str, format: Format) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("log level {filter:?}: {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(OneLine).with_ansi(false);
    let started = match format {
        Format::Text => builder.with_target(false).try_init(),
        Format::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
    };
    drop(started);
    Ok(())
}

/// Standard error, one line an event.
struct OneLine;

impl MakeWriter<'_> for OneLine {
    type Writer = OneLineWriter<io::Stderr>;
    fn make_writer(&self) -> Self::Writer {
        OneLineWriter(io::stderr())
    }
}

/// The subscriber writes each event with one call, so what is inside the last newline is one line's content.
struct OneLineWriter<W>(W);

impl<W: Write> Write for OneLineWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = event.strip_suffix(b"\n").unwrap_or(event);
        let text = String::from_utf8_lossy(line);
        let mut clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        clean.push('\n');
        self.0.write_all(clean.as_bytes())?;
        Ok(event.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_newline_and_an_escape_stays_on_its_line() {
        let mut writer = OneLineWriter(Vec::new());
        writer.write_all(b"INFO branch \"x\n2026 INFO forged\x1b[31m\"\n").unwrap();
        assert_eq!(writer.0, b"INFO branch \"x 2026 INFO forged [31m\"\n");
    }

    #[test]
    fn a_wrong_filter_is_named() {
        assert!(init("davit=loud", Format::Text).unwrap_err().contains("davit=loud"));
    }
}
