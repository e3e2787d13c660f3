//! A disk that is full, read-only or damaged: one clear error with the remedy, nothing lost, and the next run with space
//! does what is left. The limit on file sizes stands in for a full disk: it needs no rights.

use crate::process::Stage;
use std::path::Path;
use std::process::{Command, Stdio};

/// Exit code and everything that `davit once` says, where no file may grow beyond so many KiB.
fn once(stage: &Stage, kib: Option<u32>) -> (Option<i32>, String) {
    let config = stage.file("davit.yaml", &stage.config);
    let mut command = match kib {
        Some(kib) => {
            // dash counts in blocks of 512 bytes; the signal would end the process without a word.
            let mut shell = Command::new("sh");
            shell.args(["-c", "trap '' XFSZ; ulimit -f $0; exec \"$@\""]).arg((kib * 2).to_string());
            shell.arg(env!("CARGO_BIN_EXE_davit"));
            shell
        }
        None => Command::new(env!("CARGO_BIN_EXE_davit")),
    };
    let output = command
        .args(["once", "--config"])
        .arg(config)
        .env_clear()
        .env("HOME", stage.dir.path())
        .env("PATH", "/usr/bin:/bin")
        .current_dir(stage.dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

/// Text that no compression makes smaller.
fn noise(bytes: usize) -> String {
    let mut x = 88_172_645_463_325_252_u64;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        format!("{x:016x}")
    };
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        text += &next();
    }
    text
}

fn says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn an_index_that_does_not_fit_costs_its_own_charts_and_the_next_run_does_them() {
    let mut stage = Stage::new();
    let comments = "# one line of a long index\n".repeat(20_000);
    let body = fetched(&format!("{}/index.yaml", stage.neighbours.charts.url())) + &comments;
    stage.neighbours.charts.put("/index.yaml", "text/yaml", body);
    stage.add("log: {level: warn}\n");
    let (code, said) = once(&stage, Some(256));
    says(&said, &["source-error", "index.yaml", "git.cacheDir", &stage.dir.path().join("cache").display().to_string()]);
    assert_eq!(said.matches("source-error").count(), 1, "one line for all its releases: {said}");
    let opened = stage.pulls();
    assert!(!opened.is_empty(), "the registry's charts go on ({code:?}): {said}");
    let (code, said) = once(&stage, None);
    assert_eq!(code, Some(0), "{said}");
    let all = stage.pulls();
    assert!(all.len() > opened.len() && opened.iter().all(|pull| all.contains(pull)), "{said}");
}

#[test]
fn a_repository_that_does_not_fit_is_one_error_and_the_next_run_opens_everything() {
    let stage = Stage::new();
    let casey = stage.neighbours.forge.person("acme/fleet", "casey");
    casey.push("main", "feat: a large file", &[("large.txt", Some(&noise(2 << 20)))]).unwrap();
    let (code, said) = once(&stage, Some(512));
    assert_eq!((code, stage.pulls().len()), (Some(1), 0), "{said}");
    says(&said, &["no space left under", "git.cacheDir", &stage.dir.path().join("cache").display().to_string()]);
    assert_eq!(once(&stage, None).0, Some(0));
    assert!(!stage.pulls().is_empty());
}

#[test]
fn a_store_that_cannot_grow_ends_the_start_with_its_name_and_a_damaged_one_is_never_overwritten() {
    let stage = Stage::new();
    let store = stage.dir.path().join("davit.db");
    let (code, said) = once(&stage, Some(4));
    assert_eq!((code, stage.pulls().len()), (Some(1), 0), "{said}");
    says(&said, &["store.path", "davit.db", "free some space"]);
    for half in [&b"SQLite format 3\0 and then nothing"[..], &noise(9000).into_bytes()] {
        for left in ["davit.db-wal", "davit.db-shm"] {
            let _ = std::fs::remove_file(stage.dir.path().join(left));
        }
        std::fs::write(&store, half).unwrap();
        let (code, said) = once(&stage, None);
        assert_eq!((code, stage.pulls().len()), (Some(1), 0), "{said}");
        says(&said, &["davit.db", "damaged", "move it away"]);
        assert_eq!(std::fs::read(&store).unwrap(), half, "a person may want to mend it");
    }
    std::fs::remove_file(&store).unwrap();
    assert_eq!(once(&stage, None).0, Some(0));
    assert!(!stage.pulls().is_empty());
}

#[test]
fn a_damaged_cache_is_made_anew_and_a_place_that_cannot_be_written_is_named() {
    let mut stage = Stage::new();
    let cache = stage.dir.path().join("cache");
    std::fs::create_dir_all(&cache).unwrap();
    std::fs::write(cache.join("cache.db"), noise(9000)).unwrap();
    let (code, said) = once(&stage, None);
    assert_eq!(code, Some(0), "{said}");
    says(&said, &["cache.db", "made anew"]);
    let opened = stage.pulls();
    assert!(!opened.is_empty());
    // Half a file, as a crash of the machine leaves it.
    cut(&cache.join("cache.db"));
    cut_bodies(&cache);
    let (code, said) = once(&stage, None);
    assert_eq!((code, stage.pulls()), (Some(0), opened), "{said}");
    let file = stage.file("no-directory", "");
    let from = serde_json::Value::from(cache.display().to_string()).to_string();
    stage.swap(&from, "{dir}/no-directory/cache");
    let (code, said) = once(&stage, None);
    assert_eq!(code, Some(1), "{said}");
    says(&said, &["cache directory", &file.display().to_string(), "git.cacheDir"]);
}

fn cut(file: &Path) {
    let length = std::fs::metadata(file).unwrap().len();
    std::fs::File::options().write(true).open(file).unwrap().set_len(length / 3).unwrap();
}

/// Cuts every body of an index short.
fn cut_bodies(cache: &Path) {
    let mut cut_some = false;
    for shelf in std::fs::read_dir(cache.join("registry/charts-v1/index")).unwrap().flatten() {
        for file in std::fs::read_dir(shelf.path()).unwrap().flatten() {
            if file.file_name().to_string_lossy().starts_with("body-") {
                cut(&file.path());
                cut_some = true;
            }
        }
    }
    assert!(cut_some);
}

fn fetched(url: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let answer = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
        answer.error_for_status().unwrap().text().await.unwrap()
    })
}
