//! F6. Parse, dispatch, exit code. What commands do is in the floors below; here is only what they say.

mod apply;
mod check;
mod demo;
mod diff;
mod environment;
mod exit;
mod explain;
mod logging;
mod options;
mod progress;
mod render;
mod scan;
mod schema;
mod service;
mod target;

use clap::Parser;
use clap::error::ErrorKind;
use exit::Exit;
use options::{Command, Options};
use std::process::ExitCode;

/// Threads that wait for the network, at most.
const WORKERS: usize = 4;

/// Runs the command line of this process and gives its exit code.
pub fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => return usage(&error),
    };
    if let Err(error) = crate::world::init::process() {
        say(&format!("davit can't start: {error}"));
        return Exit::NoResult.into();
    }
    // What computes runs on blocking threads; for the waiting few workers do, however many cores a node has.
    let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(WORKERS));
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("davit can't start its runtime: {error}"));
            return Exit::NoResult.into();
        }
    };
    let exit = runtime.block_on(run(&options));
    // Threads that still wait for a disk or a resolver do not hold the process.
    runtime.shutdown_background();
    exit.into()
}

async fn run(options: &Options) -> Exit {
    match &options.command {
        Command::Scan(command) => scan::run(options, command).await,
        Command::Apply(command) => apply::run(options, command).await,
        Command::Explain(command) => explain::run(options, command).await,
        Command::Run => service::run(options).await,
        Command::Once => service::once(options).await,
        Command::Check => check::run(options),
        Command::Schema { what } => schema::run(*what),
        Command::Demo(command) => demo::run(options, command).await,
    }
}

/// Help and version are results; all else is wrong usage, with sysexits' code for it.
fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    match (printed, error.kind()) {
        (Ok(()), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => Exit::Done.into(),
        _ => Exit::Usage.into(),
    }
}

/// One line for a person, on standard error. A closed pipe is nobody's problem.
fn say(line: &str) {
    use std::io::Write as _;
    drop(writeln!(anstream::stderr(), "{line}"));
}

/// A result, on standard output; colours only where they are wanted. Whether it could be written.
fn print(text: &str) -> bool {
    use std::io::Write as _;
    let mut out = anstream::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// A result that is data: byte for byte.
fn print_exactly(bytes: &[u8]) -> bool {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// A result as JSON. What a terminal could take for a command is escaped, which JSON's readers undo.
fn print_json(value: &impl serde::Serialize) -> bool {
    use std::fmt::Write as _;
    let text = match serde_json::to_string_pretty(value) {
        Ok(text) => text,
        Err(error) => {
            say(&format!("the result can't be written as JSON: {error}"));
            return false;
        }
    };
    let mut safe = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if c != '\n' && render::is_unsafe(c) {
            // Writing to a String can't fail; every such character is below U+10000.
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    safe.push('\n');
    print_exactly(safe.as_bytes())
}

/// A reader who has seen enough (`davit scan | head`) is no failure; a full disk is one, and is said.
fn written(result: std::io::Result<()>) -> bool {
    match result {
        Ok(()) => true,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => true,
        Err(error) => {
            say(&format!("the result can't be written: {error}"));
            false
        }
    }
}
