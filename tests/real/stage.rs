//! A stage for whole runs of the real `davit once`: a fleet in a bare repository behind `git http-backend` over TLS,
//! the fake GitHub over the same repository, a real docker-registry and a chart index on loopback. The child process
//! gets a clean environment.

use crate::description::Description;
use crate::fleet_files::FILES;
use crate::git_server::{Fault as GitFault, GitServer};
use crate::oci_registry::{self, Door, OciRegistry};
use davit::demo::chart::chart;
use davit::demo::charts::ChartServer;
use davit::demo::fault::{Fault, Kind, Moment};
use davit::demo::forge::{Forge, Person, PullView, Role};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

pub const REPO: &str = "acme/fleet";
pub const TOKEN: &str = "token-of-davit";
const PASSWORD: &str = "password-of-git";
/// Longest that a run may take.
pub const LIMIT: Duration = Duration::from_mins(1);

/// What a run said.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// One external write of a run, in the order of the writes of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// The n-th push.
    Push(usize),
    /// A write at the forge: method, path, and how many equal ones came before it.
    Forge(String, String, usize),
}

/// What everybody can see: branches as trees, pull requests as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Branch to its message, its parent's message and its tree.
    pub branches: BTreeMap<String, String>,
    /// Pull requests by branch and number, without what differs from stage to stage.
    pub pulls: Vec<String>,
}

pub struct Stage {
    pub dir: tempfile::TempDir,
    pub bare: git2::Repository,
    pub git: GitServer,
    pub forge: Forge,
    pub charts: ChartServer,
    pub registry: OciRegistry,
    /// More of `davit.yaml`, by its first key.
    pub settings: BTreeMap<&'static str, String>,
    /// More under `repositories`, each a flow map.
    pub neighbours: Vec<String>,
    /// More keys of the fleet's entry.
    pub entry: String,
}

impl Stage {
    /// The fleet of `fleet_files.rs`, with newer versions of four of its charts on offer.
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bare = git2::Repository::init_bare(dir.path().join("git/fleet.git")).unwrap();
        bare.set_head("refs/heads/main").unwrap();
        let git = GitServer::start_with(&dir.path().join("git"), &[("git", PASSWORD)], true).await;
        let forge = Forge::start().unwrap();
        forge.add_repository(REPO, bare.path(), "main");
        forge.add_token(TOKEN, "davit");
        forge.set_role(REPO, "davit", Some(Role::Write));
        forge.set_role(REPO, "casey", Some(Role::Admin));
        let files: Vec<_> = FILES.iter().map(|(path, text)| (*path, Some(*text))).collect();
        forge.person(REPO, "casey").push("main", "feat: the fleet", &files).unwrap();
        let web = ["6.5.0", "6.7.1"].map(|version| chart("web", version));
        let cron = ["1.0.0", "1.0.4"].map(|version| chart("cron", version));
        let frozen = ["1.0.0", "2.0.0"].map(|version| chart("frozen", version));
        let charts = ChartServer::start([web.to_vec(), cron.to_vec(), frozen.to_vec()].concat()).unwrap();
        let registry = OciRegistry::start(&Door::Open).await;
        for (name, versions) in [("app-template", ["4.4.0", "5.1.0"]), ("cache", ["18.0.0", "18.2.0"])] {
            for version in versions {
                registry.push(&format!("acme/charts/{name}"), &oci_registry::chart(name, version), None).await;
            }
        }
        for (name, text) in [("token", TOKEN), ("password", PASSWORD)] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let settings = BTreeMap::from([
            ("limits", "{openPullRequests: 50, perHour: 50}".to_owned()),
            ("commitVia", "git".to_owned()),
            ("signIn", format!("tokenFile: {}", dir.path().join("token").display())),
        ]);
        Self { dir, bare, git, forge, charts, registry, settings, neighbours: Vec::new(), entry: String::new() }
    }

    pub fn casey(&self) -> Person<'_> {
        self.forge.person(REPO, "casey")
    }

    /// Casey changes a text of a file on the base.
    pub fn rewrite(&self, path: &str, from: &str, to: &str) {
        let (before, after) = (self.file("main", path), self.file("main", path).replace(from, to));
        assert_ne!(before, after, "{path} has no {from}");
        self.casey().push("main", "feat: a change by hand", &[(path, Some(&after))]).unwrap();
    }

    fn write_configuration(&self) {
        let dir = self.dir.path();
        let path = |name: &str| dir.join(name).display().to_string();
        let mut settings = self.settings.clone();
        let commit_via = settings.remove("commitVia").unwrap_or_default();
        let sign_in = settings.remove("signIn").unwrap_or_default();
        let author = if commit_via == "git" { "author: {name: davit, email: davit@example.com}" } else { "" };
        let mut text = format!(
            "repositories:\n  - {{url: \"{git}/fleet.git\", forge: github, github: {REPO}, branch: main{entry}}}\n",
            git = self.git.url,
            entry = self.entry,
        );
        for neighbour in &self.neighbours {
            let _ = writeln!(text, "  - {neighbour}");
        }
        let _ = write!(
            text,
            "github: {{apiUrl: \"{api}\", {sign_in}, commitVia: {commit_via}}}\n\
             git:\n  cacheDir: {cache}\n  timeout: 30s\n  {author}\n  \
             http: {{username: git, passwordFile: {password}, caFile: {ca}}}\n\
             registries:\n  mirrors:\n    - {{from: \"https://\", to: \"{charts}/\"}}\n    \
             - {{from: \"oci://ghcr.io/\", to: \"{registry}/\", insecure: true}}\n\
             store: {{path: {store}}}\n",
            api = self.forge.url(),
            cache = path("cache"),
            password = path("password"),
            ca = self.git.ca_pem_path.display(),
            charts = self.charts.url(),
            registry = format_args!("oci://{}", self.registry.host),
            store = path("davit.db"),
        );
        for (key, value) in &settings {
            let _ = writeln!(text, "{key}: {value}");
        }
        std::fs::write(dir.join("davit.yaml"), text).unwrap();
    }

    /// Starts `davit once` or `davit run`.
    pub fn spawn(&self, command: &str) -> Child {
        self.write_configuration();
        Command::new(env!("CARGO_BIN_EXE_davit"))
            .args([command, "--config"])
            .arg(self.dir.path().join("davit.yaml"))
            .current_dir(self.dir.path())
            .env_clear()
            .env("HOME", self.dir.path().join("home"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// One whole run.
    pub async fn once(&self) -> Run {
        said(self.spawn("once")).await
    }

    /// One whole run that waits somewhere (the fault is set); meanwhile something happens, then it goes on.
    pub async fn once_while(&self, waits: impl Fn() -> bool, meanwhile: impl FnOnce(&Child)) -> Run {
        let mut child = self.spawn("once");
        let end = Instant::now() + LIMIT;
        while !waits() {
            let status = child.try_wait().unwrap();
            assert!(status.is_none(), "the run ended ({status:?}) before it came there");
            assert!(Instant::now() < end, "the run never came there");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        meanwhile(&child);
        said(child).await
    }

    /// One run that must be a success.
    pub async fn good(&self) -> Run {
        let run = self.once().await;
        assert_eq!(run.code, Some(0), "{}\n{}", run.out, run.err);
        run
    }

    /// One run that must write nothing, anywhere.
    pub async fn silent(&self) -> Run {
        let before = (self.forge.server.traffic.writes().len(), self.git.pushes(), self.refs());
        let run = self.good().await;
        let writes = self.forge.server.traffic.writes();
        let said: Vec<_> = writes[before.0..].iter().map(|e| format!("{} {}", e.method, e.path)).collect();
        assert_eq!((writes.len(), self.git.pushes(), self.refs()), before, "{said:?}\n{}", run.out);
        run
    }

    /// Starts a run and kills it (SIGKILL) where it waits for the answer to this write, which is carried out first or
    /// not at all.
    pub async fn killed_at(&self, write: &Write, moment: Moment) {
        match write {
            Write::Push(n) if moment == Moment::Before => self.git.fault(Some(GitFault::HangBeforePush(*n))),
            Write::Push(n) => self.git.fault(Some(GitFault::HangAfterPush(*n))),
            Write::Forge(method, path, earlier) => {
                let path = format!("^{}$", regex::escape(path));
                self.forge.server.fail(Fault::new(method, &path, moment, Kind::Hang).after(*earlier));
            }
        }
        let faulted = || self.forge.server.traffic.exchanges().iter().filter(|e| e.faulted).count();
        let before = faulted();
        let mut child = self.spawn("once");
        let end = Instant::now() + LIMIT;
        while faulted() == before && !self.git.hanging() {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the run ended ({status}) before it came to {write:?}");
            }
            assert!(Instant::now() < end, "the run never came to {write:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        child.start_kill().unwrap();
        assert!(!child.wait().await.unwrap().success());
        self.git.fault(None);
        self.forge.server.faults.clear();
    }

    /// Every external write since the record was `(forge writes, pushes)` long.
    pub fn writes_since(&self, mark: (usize, usize)) -> Vec<Write> {
        let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
        let forge = self.forge.server.traffic.writes().into_iter().skip(mark.0).map(|exchange| {
            let earlier = seen.entry((exchange.method.clone(), exchange.path.clone())).or_default();
            *earlier += 1;
            Write::Forge(exchange.method, exchange.path, *earlier - 1)
        });
        (0..self.git.pushes() - mark.1).map(Write::Push).chain(forge.collect::<Vec<_>>()).collect()
    }

    /// Where the record stands, for [`Stage::writes_since`].
    pub fn mark(&self) -> (usize, usize) {
        (self.forge.server.traffic.writes().len(), self.git.pushes())
    }

    /// Every reference with its commit.
    pub fn refs(&self) -> BTreeMap<String, String> {
        let refs = self.bare.references().unwrap().map(Result::unwrap);
        refs.filter(|r| r.name().unwrap().starts_with("refs/heads/"))
            .map(|r| (r.name().unwrap().to_owned(), r.target().unwrap().to_string()))
            .collect()
    }

    /// The branches without `main`.
    pub fn branches(&self) -> Vec<String> {
        let names = self.refs().into_keys().filter_map(|name| name.strip_prefix("refs/heads/").map(str::to_owned));
        names.filter(|name| name != "main").collect()
    }

    pub fn tip(&self, branch: &str) -> git2::Commit<'_> {
        self.bare.find_reference(&format!("refs/heads/{branch}")).unwrap().peel_to_commit().unwrap()
    }

    /// A file as it is at a branch's head.
    pub fn file(&self, branch: &str, path: &str) -> String {
        let tree = self.tip(branch).tree().unwrap();
        let blob = tree.get_path(Path::new(path)).unwrap().to_object(&self.bare).unwrap().peel_to_blob().unwrap();
        String::from_utf8(blob.content().to_vec()).unwrap()
    }

    pub fn pulls(&self) -> Vec<PullView> {
        self.forge.pulls(REPO)
    }

    /// The newest pull request whose branch begins so.
    pub fn pull(&self, branch: &str) -> PullView {
        let all = self.pulls();
        let found = all.iter().rev().find(|p| p.branch.starts_with(branch));
        found.unwrap_or_else(|| panic!("no pull request on {branch}: {all:#?}")).clone()
    }

    /// What is to be the same whatever happened on the way.
    pub fn state(&self) -> State {
        let parent = |commit: &git2::Commit<'_>| commit.parent(0).map(|p| p.message().unwrap_or("").to_owned());
        let branch = |name: &str| {
            let tip = self.tip(name);
            format!("{:?} on {:?}: {}", tip.message(), parent(&tip).unwrap_or_default(), tip.tree_id())
        };
        let branches = self.branches().into_iter().chain(["main".to_owned()]);
        let branches = branches.map(|name| (name.clone(), branch(&name))).collect();
        let host = self.forge.url();
        let pulls = self.pulls().into_iter().map(|pull| PullView { head: String::new(), ..pull });
        // The marker's hash of the text is of the host too; that it is the right one shows in a silent run.
        let hash = regex::Regex::new(r#""text":"[0-9a-f]{32}""#).unwrap();
        let plain = |text: &str| hash.replace_all(text, "HASH").replace(&host, "FORGE");
        let pulls = pulls.map(|pull| PullView { body: plain(&pull.body), url: plain(&pull.url), ..pull });
        let pulls = pulls.map(|pull| format!("{pull:#?}")).collect();
        State { branches, pulls }
    }

    /// Every exchange with the forge so far is as GitHub describes itself.
    pub fn lawful(&self) {
        thread_local!(static DESCRIPTION: Description = Description::load());
        let exchanges = self.forge.server.traffic.exchanges();
        let found = DESCRIPTION.with(|description| description.violations(&exchanges));
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// What a run says until its end.
async fn said(child: Child) -> Run {
    let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await.expect("the run never ends").unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Run { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// SIGTERM.
pub fn terminate(child: &Child) {
    let kill = format!("kill -TERM {}", child.id().unwrap());
    assert!(std::process::Command::new("sh").arg("-c").arg(kill).status().unwrap().success());
}
