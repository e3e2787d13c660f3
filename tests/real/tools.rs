//! Builds the Go programs of the tests once into a cache outside the checkout, so that a fresh clone on the same
//! machine finds them. Holds no versions itself: each program's go.mod pins its own. A directory without sources of its
//! own names in its go.mod, by a `tool` line, the package of another module that is built.

use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Go program of `tests/referees/<dir>`, built where no build of the same sources is in the cache yet.
///
/// The cache is `$DAVIT_TOOLS_DIR`, else `$XDG_CACHE_HOME/davit-tools`, else `~/.cache/davit-tools`; a build is kept
/// under the hash of the directory's `go.mod`, `go.sum`, `ldflags` (what the linker is told, one line) and `*.go`.
pub fn go_tool(name: &str, dir: &str) -> PathBuf {
    let sources = sources(dir);
    let cache = cache_dir();
    let tool = cache.join(format!("{name}-{}", fingerprint(&sources)));
    fs::create_dir_all(&cache).unwrap_or_else(|e| panic!("{}: {e}", cache.display()));
    // Test processes that run side by side build once; the lock goes with the handle, a crash included.
    let lock = fs::File::create(cache.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if !tool.exists() {
        build(name, &sources, &tool);
    }
    tool
}

/// The files of a Go module that the go.mod of `tests/referees/<dir>` pins, in Go's own module cache.
pub fn go_module(module: &str, dir: &str) -> PathBuf {
    let sources = sources(dir);
    let said = go(&sources, &["mod", "download", "-json", module].map(OsStr::new), module);
    let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
    PathBuf::from(said["Dir"].as_str().unwrap_or_else(|| panic!("go mod download of {module} names no directory")))
}

fn sources(dir: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/referees").join(dir)
}

fn build(name: &str, sources: &Path, tool: &Path) {
    let part = tool.with_extension(format!("part-{}", std::process::id()));
    let read = |file: &str| fs::read_to_string(sources.join(file)).unwrap_or_default();
    let ldflags = format!("-ldflags={}", read("ldflags").trim());
    let package = if read("go.mod").lines().any(|line| line.starts_with("tool ")) { "tool" } else { "." };
    let start = ["build", "-trimpath", "-buildvcs=false", "-mod=readonly", &ldflags, "-o"].map(OsStr::new);
    go(sources, &[&start[..], &[part.as_os_str(), OsStr::new(package)]].concat(), name);
    fs::rename(&part, tool).unwrap();
}

/// What a `go` command says in a directory of referees.
fn go(sources: &Path, arguments: &[&OsStr], what: &str) -> Vec<u8> {
    let output = Command::new("go").args(arguments).current_dir(sources).env("GOFLAGS", "").output();
    let output = output.unwrap_or_else(|e| {
        panic!(
            "can't run `go`, which the tests need for {what} ({}): {e}. Install Go {} or newer (https://go.dev/dl/, or \
             your distribution's package) and put it on PATH",
            sources.display(),
            wanted_go(sources)
        )
    });
    assert!(
        output.status.success(),
        "go {} in {} failed (it needs Go {} or newer and the Go module proxy):\n{}{}",
        arguments.join(OsStr::new(" ")).display(),
        sources.display(),
        wanted_go(sources),
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    );
    output.stdout
}

fn cache_dir() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("DAVIT_TOOLS_DIR")
        .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("davit-tools")))
        .or_else(|| set("HOME").map(|dir| dir.join(".cache/davit-tools")))
        .expect("set DAVIT_TOOLS_DIR: neither XDG_CACHE_HOME nor HOME says where built tools may be kept")
}

fn fingerprint(sources: &Path) -> String {
    let mut files: Vec<_> = fs::read_dir(sources)
        .unwrap_or_else(|e| panic!("{}: {e}", sources.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default();
            name == "go.mod" || name == "go.sum" || name == "ldflags" || path.extension().is_some_and(|e| e == "go")
        })
        .collect();
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let content = fs::read(&file).unwrap();
        hash.update(file.file_name().unwrap().as_encoded_bytes());
        hash.update([0]);
        hash.update(content.len().to_le_bytes());
        hash.update(&content);
    }
    hex::encode(hash.finalize())[..16].to_owned()
}

/// The version in the `go` line of go.mod.
fn wanted_go(sources: &Path) -> String {
    let module = fs::read_to_string(sources.join("go.mod")).unwrap_or_default();
    module.lines().find_map(|line| line.strip_prefix("go ")).unwrap_or("1.21").trim().to_owned()
}
