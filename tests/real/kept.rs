//! A program that runs as long as the test process does and not longer, however that ends: by a return, a panic, or a
//! signal. A value in a `static` is never dropped, so a shell beside the program watches a pipe that ends with us. Ends
//! nothing but the one process it started, by its id.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;

/// The shell becomes the program; what it left behind waits for the end of the pipe, ends the program, and removes the
/// program's directory.
const WATCHED: &str = "exec 3<&0
(read -r _ <&3; kill -KILL $$ 2>/dev/null; rm -rf \"$0\" || { sleep 1; rm -rf \"$0\"; }) >/dev/null 2>&1 &
exec \"$@\" 3<&- </dev/null";

/// The running program.
pub struct Kept {
    name: &'static str,
    child: Mutex<Child>,
    /// A directory of its own, removed when it ends.
    pub dir: PathBuf,
}

impl Kept {
    /// Starts a program with these arguments, and this environment and no other, in a directory that is its own from
    /// now on.
    pub fn start(
        name: &'static str,
        program: &Path,
        dir: tempfile::TempDir,
        arguments: &[String],
        environment: &[(&str, &OsStr)],
    ) -> Self {
        let dir = dir.keep();
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let child = Command::new("sh")
            .args(["-c", WATCHED])
            .arg(&dir)
            .arg(program)
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("HOME", &dir)
            .env("TMPDIR", &dir)
            .envs(environment.iter().copied())
            .current_dir(&dir)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|e| panic!("can't run sh: {e}"));
        Self { name, child: Mutex::new(child), dir }
    }

    /// How it ended, where it did.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap().try_wait().unwrap()
    }

    /// The end of what it logged, for a message.
    pub fn log(&self) -> String {
        let text = std::fs::read(self.dir.join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        format!("the last lines of {}:\n{}", self.name, lines[lines.len().saturating_sub(40)..].join("\n"))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        // The watcher ends it; its id is not free before we have waited.
        drop(child.stdin.take());
        let _ = child.wait();
    }
}

/// Free ports of this machine, all different. Another process may take one before its user does.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let held: [std::net::TcpListener; N] = std::array::from_fn(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

#[test]
fn a_program_and_its_directory_go_when_the_pipe_to_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let sleep = Kept::start("sleep", Path::new("sleep"), dir, &["600".to_owned()], &[]);
    let id = sleep.child.lock().unwrap().id();
    assert!(path.join("log").exists() && sleep.ended().is_none());
    drop(sleep);
    assert!(!Path::new("/proc").join(id.to_string()).exists());
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while path.exists() {
        assert!(std::time::Instant::now() < end, "{} is left", path.display());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
