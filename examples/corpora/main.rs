//! Real bump commits and real trees, counted: `cargo run --example corpora -- DIRECTORY` (or `DAVIT_CORPORA`), where the
//! directory holds `*.bumps.jsonl.gz` and `*.tree.tar.gz`. The judging is in `tests/shared/corpora.rs`; what
//! `davit explain` says of every release of the trees, without a network, in `explained.rs`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports")]

#[path = "../../tests/shared/corpora.rs"]
mod corpora;
mod explained;

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
    let explained = explained::trees(directory)?;
    for failure in &explained.failures {
        println!("FAILED: {failure}");
    }
    for (reason, count) in &explained.reasons {
        println!("{count:5} explained by {reason}");
    }
    println!(
        "{} rows explained without a network, {} of them by another end",
        explained.rows,
        explained.failures.len()
    );
    Ok(tally.is_clean() && tally.sites > 0 && explained.rows > 0 && explained.failures.is_empty())
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
