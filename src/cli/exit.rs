//! The exit codes of product.md, in one place.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, also where some sites were refused (the output shows it).
    Done,
    /// No result.
    NoResult,
    /// Something is outdated, and `--exit-code` asked to be told.
    Outdated,
    /// The command line is wrong.
    Usage,
    /// The configuration is wrong.
    Configuration,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::NoResult => 1,
            Exit::Outdated => 2,
            Exit::Usage => 64,
            Exit::Configuration => 78,
        })
    }
}
