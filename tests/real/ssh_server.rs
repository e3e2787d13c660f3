//! A throwaway Debian sshd on a free loopback port, with keys made for it. Ends with this value.

use davit::config::SecretRef;
use davit::world::git::SshAuth;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct SshServer {
    pub port: u16,
    /// A known_hosts file with the server's true keys.
    pub known_hosts: PathBuf,
    dir: tempfile::TempDir,
    child: Child,
}

impl Drop for SshServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end; a missing one names its Debian package.
pub fn run(program: &str, package: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|e| panic!("can't run {program}: {e}; install the Debian package {package}"));
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Makes a key pair at `path`.
pub fn keygen(path: &Path, kind: &str, passphrase: &str) {
    let path = path.to_str().unwrap();
    run("ssh-keygen", "openssh-client", &["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", path]);
}

fn public(path: &Path) -> String {
    std::fs::read_to_string(path.with_extension("pub")).unwrap()
}

impl SshServer {
    /// Starts sshd with one host key of each kind; lets in whoever holds one of [`SshServer::key`].
    pub fn start() -> Self {
        let sshd = Path::new("/usr/sbin/sshd");
        assert!(sshd.exists(), "{} is missing: install the Debian package openssh-server", sshd.display());
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let mut authorised = String::new();
        for (name, kind, passphrase) in [
            ("ed25519", "ed25519", ""),
            ("rsa", "rsa", ""),
            ("ecdsa", "ecdsa", ""),
            ("locked", "ed25519", "open sesame"),
        ] {
            keygen(&at(name), kind, passphrase);
            authorised.push_str(&public(&at(name)));
        }
        keygen(&at("stranger"), "ed25519", "");
        keygen(&at("host"), "ed25519", "");
        keygen(&at("host_rsa"), "rsa", "");
        std::fs::write(at("authorized_keys"), authorised).unwrap();
        std::fs::write(at("passphrase"), "open sesame\n").unwrap();
        let (child, port) = spawn(sshd, dir.path());
        let known_hosts = at("known_hosts");
        let server = Self { port, known_hosts, dir, child };
        std::fs::write(&server.known_hosts, server.line("host", "") + &server.line("host_rsa", "")).unwrap();
        server
    }

    /// A known_hosts line that says this server has the key of that name.
    pub fn line(&self, key: &str, mark: &str) -> String {
        let public = public(&self.dir.path().join(key));
        let key: Vec<&str> = public.split_whitespace().take(2).collect();
        format!("{mark}[localhost]:{} {}\n", self.port, key.join(" "))
    }

    /// A known_hosts file with these lines.
    pub fn known(&self, name: &str, lines: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, lines).unwrap();
        path
    }

    /// The file of a key: `ed25519`, `rsa`, `ecdsa`, `locked` (with a passphrase), `stranger` (not let in).
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// That key as credentials.
    pub fn key(&self, name: &str) -> SshAuth {
        let passphrase = (name == "locked").then(|| SecretRef::File(self.file("passphrase")));
        SshAuth::Key { key: SecretRef::File(self.file(name)), passphrase }
    }

    /// The address of a directory on this machine.
    pub fn url(&self, path: &Path) -> String {
        format!("ssh://{}@localhost:{}{}", user(), self.port, path.display())
    }
}

fn user() -> String {
    run("id", "coreutils", &["-un"]).trim().to_owned()
}

/// Starts sshd on a free port. Another process may take the port first: then the next one is tried.
fn spawn(sshd: &Path, dir: &Path) -> (Child, u16) {
    if user() == "root" {
        std::fs::create_dir_all("/run/sshd").unwrap();
    }
    for _ in 0..10 {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = dir.join("sshd_config");
        let log = dir.join("sshd.log");
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {d}/host\nHostKey {d}/host_rsa\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
             AuthorizedKeysFile {d}/authorized_keys\nMaxAuthTries 20\n",
            d = dir.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new(sshd).args(["-D", "-f"]).arg(&config).arg("-E").arg(&log).spawn().unwrap();
        let limit = Instant::now() + Duration::from_secs(20);
        while Instant::now() < limit && child.try_wait().unwrap().is_none() {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            if said.contains(&format!("Server listening on 127.0.0.1 port {port}")) {
                return (child, port);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    panic!("sshd did not start: {}", std::fs::read_to_string(dir.join("sshd.log")).unwrap_or_default());
}

/// An ssh-agent with some keys. Ends with this value.
pub struct Agent {
    pub socket: PathBuf,
    child: Child,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Agent {
    pub fn start(dir: &Path, keys: &[PathBuf]) -> Self {
        let socket = dir.join("agent.sock");
        let child = Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).spawn();
        let child =
            child.unwrap_or_else(|e| panic!("can't run ssh-agent: {e}; install the Debian package openssh-client"));
        let limit = Instant::now() + Duration::from_secs(20);
        while !socket.exists() {
            assert!(Instant::now() < limit, "ssh-agent did not make its socket");
            std::thread::sleep(Duration::from_millis(10));
        }
        for key in keys {
            let added = Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &socket).status().unwrap();
            assert!(added.success(), "ssh-add {}", key.display());
        }
        Self { socket, child }
    }
}
