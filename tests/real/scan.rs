//! `davit scan` as a child with an environment of its own: what it sees of proxies and homes is the test's alone.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

/// `davit scan TARGET --format json` in a directory, with these variables and nothing else.
pub async fn scan(directory: &Path, target: &str, environment: &[(&str, &OsStr)]) -> Output {
    let child = tokio::process::Command::new(env!("CARGO_BIN_EXE_davit"))
        .args(["scan", target, "--format", "json"])
        .current_dir(directory)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let output = tokio::time::timeout(Duration::from_mins(2), child.wait_with_output());
    output.await.expect("the scan never ends").unwrap()
}
