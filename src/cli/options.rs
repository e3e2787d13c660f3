//! The command line as typed. The help is written for somebody who meets Davit for the first time.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Raises Helm chart versions in Flux repositories by pull request.
#[derive(Debug, Parser)]
#[command(
    name = "davit",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Start with `davit demo` (the whole product on this machine) or `davit scan` in a GitOps repository."
)]
pub struct Options {
    /// Configuration file; without it ./davit.yaml is read if it is there.
    #[arg(long, short, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Log level: error, warn, info, debug or trace (or a tracing filter).
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log: Option<String>,
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole product on this machine: repository, registries and forge on loopback, nothing to configure.
    Demo(Demo),
    /// List every release, its version and what is newer, or why it can't be upgraded. Reads only.
    Scan(Scan),
    /// Write the newer versions into the files of a folder, byte for byte nothing else.
    Apply(Apply),
    /// Run the daemon: look at every repository on its interval and keep its pull requests.
    Run,
    /// Make one pass over every repository, then exit (for a CronJob).
    Once,
    /// Validate the configuration: every error at once, with file, line and column.
    Check,
    /// Tell how one release resolves: site, source, policy, and each candidate kept or dropped.
    Explain(Explain),
    /// Print a JSON Schema for editors.
    Schema {
        #[arg(value_enum)]
        what: SchemaOf,
    },
}

#[derive(Debug, Args)]
pub struct Demo {
    /// Exit when the story is told, with 0 if all is as it should be.
    #[arg(long)]
    pub once: bool,
    /// Where the status page listens [default: 127.0.0.1:8080, or a free port where that one is taken].
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,
}

#[derive(Debug, Args)]
pub struct Scan {
    /// A folder (read as it lies on disk) or the URL of a Git repository (cloned bare; one that the configuration lists
    /// is resolved with the others there).
    #[arg(default_value = ".", value_name = "PATH|URL")]
    pub target: String,
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Exit with 2 if something is outdated.
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, Args)]
pub struct Apply {
    /// The folder.
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Only this release; moves every consumer of a shared site, and prints them.
    #[arg(long, value_name = "[NS/]NAME")]
    pub only: Vec<String>,
    /// This version instead of the newest that policy admits (needs --only).
    #[arg(long, value_name = "VERSION", requires = "only")]
    pub to: Option<String>,
    /// Print the diff and write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// The release.
    #[arg(value_name = "[NS/]NAME")]
    pub release: String,
    /// A folder or the URL of a Git repository.
    #[arg(default_value = ".", value_name = "PATH|URL")]
    pub target: String,
    #[arg(long, short, value_enum, default_value_t = ExplainFormat::Text)]
    pub format: ExplainFormat,
}

/// How to print a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal.
    Table,
    /// The contract for scripts.
    Json,
    /// For an issue or a job summary.
    Markdown,
}

/// How to print an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// For a person.
    Text,
    /// For a script.
    Json,
}

/// Which schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// The configuration file.
    Config,
}
