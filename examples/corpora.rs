//! Real bump commits and real trees, counted: `cargo run --example corpora -- DIRECTORY` (or `DAVIT_CORPORA`), where the
//! directory holds `*.bumps.jsonl.gz` and `*.tree.tar.gz`. The judging is in `tests/shared/corpora.rs`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports")]

#[path = "../tests/shared/corpora.rs"]
mod corpora;

use std::path::Path;
use std::process::ExitCode;

fn run(directory: &Path) -> Result<bool, corpora::Failure> {
    let mut tally = corpora::bumps(directory)?;
    tally.add(corpora::trees(directory)?);
    for line in &tally.excluded {
        println!("left out: {line}");
    }
    for failure in &tally.failures {
        println!("FAILED: {failure}");
    }
    for (reason, count) in &tally.reasons {
        println!("{count:5} {reason}");
    }
    println!("{} of {} sites exact", tally.exact, tally.sites);
    println!("{} of {} upgrades proposed, and nothing else", tally.proposed, tally.upgrades);
    println!("{} of {} HelmReleases have a row", tally.with_row, tally.documents);
    Ok(tally.is_clean() && tally.sites > 0)
}

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).or_else(|| std::env::var_os("DAVIT_CORPORA")) else {
        eprintln!("usage: corpora DIRECTORY (or DAVIT_CORPORA)");
        return ExitCode::from(64);
    };
    match run(Path::new(&directory)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
