//! `davit` as a child process against services on loopback: its log, its surfaces, its end. Ends every child that a
//! test leaves behind.

use davit::demo::Neighbours;
use davit::demo::neighbours::TOKEN;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a condition may take on a loaded machine.
pub const LIMIT: Duration = Duration::from_secs(90);

/// Everything on loopback, a directory, and the configuration that leads there.
pub struct Stage {
    pub dir: tempfile::TempDir,
    pub neighbours: Neighbours,
    /// The configuration; tests change it before they start Davit.
    pub config: String,
}

impl Stage {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let neighbours = Neighbours::start(dir.path()).unwrap();
        let config = neighbours.configuration()
            + "server: {listen: \"127.0.0.1:0\"}\nlimits: {openPullRequests: 50, perHour: 50}\n";
        let mut stage = Self { dir, neighbours, config };
        stage.file("token", TOKEN);
        stage.swap(&format!("  token: {TOKEN}\n"), "  tokenFile: {dir}/token\n");
        stage
    }

    /// Replaces a part of the configuration that must be there; `{dir}` stands for the directory.
    pub fn swap(&mut self, from: &str, to: &str) {
        assert!(self.config.contains(from), "{from:?} is not in\n{}", self.config);
        self.config = self.config.replacen(from, &to.replace("{dir}", &self.dir.path().to_string_lossy()), 1);
    }

    /// Adds keys to the repository.
    pub fn repository(&mut self, keys: &str) {
        self.swap("  forge: github\n", &format!("  forge: github\n  {keys}\n"));
    }

    /// Adds sections.
    pub fn add(&mut self, sections: &str) {
        self.config += &sections.replace("{dir}", &self.dir.path().to_string_lossy());
    }

    /// Writes a file into the directory.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Starts the daemon and waits until it is up.
    pub fn run(&self) -> Davit {
        let mut davit = self.start("run");
        davit.await_address();
        davit
    }

    /// Starts a command that needs no port.
    pub fn start(&self, command: &str) -> Davit {
        let config = self.file("davit.yaml", &self.config);
        Davit::start(&config, command)
    }

    /// Open pull requests that the forge has: branch, title, labels; sorted.
    pub fn pulls(&self) -> Vec<(String, String, Vec<String>)> {
        let pulls = self.neighbours.forge.pulls("acme/fleet");
        let mut open: Vec<_> = pulls.into_iter().filter(|p| p.open).map(|p| (p.branch, p.title, p.labels)).collect();
        open.sort();
        open
    }

    /// How often the forge was asked for the open pull requests: once a pass at least.
    pub fn looks(&self) -> usize {
        self.neighbours.forge.server.traffic.count("GET", "/pulls$")
    }

    /// Writes on the forge, by method and path.
    pub fn writes(&self) -> Vec<String> {
        let writes = self.neighbours.forge.server.traffic.writes();
        writes.into_iter().filter(|e| e.path != "/graphql").map(|e| format!("{} {}", e.method, e.path)).collect()
    }
}

/// The child.
pub struct Davit {
    child: Child,
    log: Arc<Mutex<String>>,
    readers: Vec<std::thread::JoinHandle<()>>,
    address: String,
}

impl Davit {
    pub fn start(config: &Path, command: &str) -> Self {
        let home = config.parent().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_davit"))
            .arg("--config")
            .arg(config)
            .arg(command)
            .env_clear()
            .env("HOME", home)
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let out: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        let reader = |stream| {
            let log = log.clone();
            std::thread::spawn(move || {
                for line in std::io::BufReader::new(stream).lines().map_while(Result::ok) {
                    log.lock().unwrap().push_str(&(line + "\n"));
                }
            })
        };
        let readers = out.into_iter().map(reader).collect();
        Self { child, log, readers, address: String::new() }
    }

    fn await_address(&mut self) {
        let address = regex::Regex::new(r#"address"?[=:]"?(127\.0\.0\.1:\d+)"#).unwrap();
        let log = self.log.clone();
        let mut found = None;
        wait_until(
            "the daemon is up",
            || log.lock().unwrap().clone(),
            || {
                found = address.captures(&log.lock().unwrap()).map(|c| c[1].to_owned());
                found.is_some() || self.child.try_wait().unwrap().is_some()
            },
        );
        self.address = found.unwrap_or_else(|| panic!("the daemon ended:\n{}", log.lock().unwrap()));
    }

    /// Standard output and standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Status, content type and body.
    pub fn ask(
        &self,
        request: impl FnOnce(reqwest::Client, String) -> reqwest::RequestBuilder,
    ) -> (u16, String, String) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build().unwrap();
            let answer = request(client, format!("http://{}", self.address)).send().await.unwrap();
            let kind = answer.headers().get("content-type").map(|v| v.to_str().unwrap().to_owned());
            (answer.status().as_u16(), kind.unwrap_or_default(), answer.text().await.unwrap())
        })
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.ask(|client, base| client.get(base + path));
        (status, body)
    }

    pub fn json(&self, path: &str) -> serde_json::Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Waits for the first pass of every repository.
    pub fn await_ready(&self) {
        self.wait("ready", || self.get("/ready").0 == 200);
    }

    /// Waits for a condition; shows the log where it does not come.
    pub fn wait(&self, what: &str, condition: impl FnMut() -> bool) {
        wait_until(what, || self.log(), condition);
    }

    pub fn signal(&self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").arg("-c").arg(kill).status().unwrap().success());
    }

    /// Waits for the end, at most `limit`.
    pub fn end(mut self, limit: Duration) -> (ExitStatus, String) {
        let until = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                for reader in self.readers.drain(..) {
                    reader.join().unwrap();
                }
                return (status, self.log());
            }
            assert!(Instant::now() < until, "still running:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGTERM, and the log of an orderly end.
    pub fn stop(self) -> String {
        self.signal();
        let (status, log) = self.end(LIMIT);
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }
}

impl Drop for Davit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn wait_until(what: &str, log: impl Fn() -> String, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < until, "never came to pass: {what}\n{}", log());
        std::thread::sleep(Duration::from_millis(30));
    }
}
