//! F6. Parse, dispatch, exit code.

/// Runs the command line of this process and gives its exit code.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
