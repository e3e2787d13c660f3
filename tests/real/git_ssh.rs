//! Git over SSH against a real sshd: every kind of key, and every answer of known_hosts.

use crate::git_fleet::{Fleet, open, ours, wanted};
use crate::ssh_server::{Agent, SshServer, keygen};
use davit::world::git::{Failure, Git, GitOptions, SshAuth};
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn options(fleet: &Fleet, server: &SshServer, cache: &str, ssh: SshAuth) -> GitOptions {
    GitOptions { ssh: Some(ssh), known_hosts: vec![server.known_hosts.clone()], ..fleet.options(cache) }
}

async fn failure(options: GitOptions, url: &str) -> Failure {
    open(options, url).fetch(wanted()).await.unwrap_err().kind
}

#[tokio::test(flavor = "multi_thread")]
async fn clone_push_and_delete_over_ssh_with_every_kind_of_key() {
    let fleet = Fleet::new(60);
    let server = SshServer::start();
    let url = server.url(&fleet.path());
    for kind in ["ed25519", "rsa", "ecdsa", "locked"] {
        let repo = open(options(&fleet, &server, kind, server.key(kind)), &url);
        let fetched = repo.fetch(wanted()).await.unwrap();
        assert_eq!(Some(fetched.base_commit), fleet.at("main"), "{kind}");
        let branch = format!("davit/{kind}");
        let one = ours(&repo, fetched.base_commit, format!("version: {kind}\n").as_bytes()).await;
        repo.push(&branch, one, None).await.unwrap();
        assert_eq!(fleet.at(&branch), Some(one), "{kind}");
        repo.delete(&branch, one).await.unwrap();
        assert_eq!(fleet.at(&branch), None, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_offers_its_keys_until_one_is_taken() {
    let fleet = Fleet::new(2);
    let server = SshServer::start();
    let url = server.url(&fleet.path());
    let agent = Agent::start(fleet.dir.path(), &[server.file("stranger"), server.file("rsa")]);
    let auth = SshAuth::Agent { socket: agent.socket.clone() };
    open(options(&fleet, &server, "a", auth), &url).fetch(wanted()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let empty = Agent::start(dir.path(), &[]);
    let kind = failure(options(&fleet, &server, "b", SshAuth::Agent { socket: empty.socket.clone() }), &url).await;
    assert!(matches!(&kind, Failure::Unauthorized(t) if t.contains("all 0 keys")), "{kind:?}");
    let gone = SshAuth::Agent { socket: dir.path().join("none") };
    let kind = failure(options(&fleet, &server, "c", gone), &url).await;
    assert!(matches!(kind, Failure::Credentials(_)), "{kind:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_locked_or_missing_is_told_apart() {
    let fleet = Fleet::new(2);
    let server = SshServer::start();
    let url = server.url(&fleet.path());
    let kind = failure(options(&fleet, &server, "a", server.key("stranger")), &url).await;
    assert!(matches!(&kind, Failure::Unauthorized(t) if t.contains("stranger")), "{kind:?}");
    let SshAuth::Key { key, .. } = server.key("locked") else { panic!() };
    let kind = failure(options(&fleet, &server, "b", SshAuth::Key { key, passphrase: None }), &url).await;
    assert!(matches!(&kind, Failure::Credentials(t) if t.contains("git.ssh.passphraseFile")), "{kind:?}");
    let kind = failure(options(&fleet, &server, "c", server.key("none")), &url).await;
    assert!(matches!(&kind, Failure::Credentials(t) if t.contains("none")), "{kind:?}");
    let none = GitOptions { ssh: None, ..options(&fleet, &server, "d", server.key("ed25519")) };
    assert!(matches!(failure(none, &url).await, Failure::Unauthorized(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_never_trusted_on_first_use() {
    let fleet = Fleet::new(2);
    let server = SshServer::start();
    let url = server.url(&fleet.path());
    let with = |cache: &str, known: std::path::PathBuf| GitOptions {
        known_hosts: vec![known],
        ..options(&fleet, &server, cache, server.key("ed25519"))
    };
    let unknown = failure(with("a", server.known("empty", "other.example.com ssh-ed25519 AAAA\n")), &url).await;
    let Failure::HostKeyUnknown { remedy, .. } = &unknown else { panic!("{unknown:?}") };
    assert!(remedy.starts_with(&format!("ssh-keyscan -p {} localhost >> ", server.port)), "{remedy}");
    keygen(&server.file("impostor"), "ed25519", "");
    let changed = failure(with("b", server.known("wrong", &server.line("impostor", ""))), &url).await;
    assert!(matches!(changed, Failure::HostKeyChanged { .. }), "{changed:?}");
    let lines = server.line("host", "@revoked ") + &server.line("host", "");
    let revoked = failure(with("c", server.known("revoked", &lines)), &url).await;
    assert!(matches!(revoked, Failure::HostKeyRevoked { .. }), "{revoked:?}");
    let missing = failure(with("d", server.file("no_such_file")), &url).await;
    assert!(matches!(missing, Failure::KnownHosts { .. }), "{missing:?}");
    // Only the RSA key is known: that kind is asked for, as ssh does.
    open(with("e", server.known("rsa_only", &server.line("host_rsa", ""))), &url).fetch(wanted()).await.unwrap();
    // Hashed by ssh-keygen itself.
    let hashed = server.known("hashed", &server.line("host", ""));
    crate::ssh_server::run("ssh-keygen", "openssh-client", &["-q", "-H", "-f", hashed.to_str().unwrap()]);
    assert!(std::fs::read_to_string(&hashed).unwrap().starts_with("|1|"));
    open(with("f", hashed), &url).fetch(wanted()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_repository_and_a_protected_branch_are_clear_errors_over_ssh() {
    let fleet = Fleet::new(2);
    let server = SshServer::start();
    let none = server.url(Path::new("/nonexistent/fleet.git"));
    let kind = failure(options(&fleet, &server, "a", server.key("ed25519")), &none).await;
    assert!(matches!(kind, Failure::NotFound(_)), "{kind:?}");
    let repo = open(options(&fleet, &server, "b", server.key("ed25519")), &server.url(&fleet.path()));
    let base = repo.fetch(wanted()).await.unwrap().base_commit;
    let one = ours(&repo, base, b"version: 9\n").await;
    fleet.refuse_pushes("not on my watch");
    let error = repo.push("davit/x", one, None).await.unwrap_err();
    assert!(matches!(&error.kind, Failure::Protected { words, .. } if words.contains("not on my watch")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_listed_over_ssh_and_a_hung_host_ends_at_the_limit() {
    let fleet = Fleet::new(2);
    let server = SshServer::start();
    let raw = fleet.raw();
    let head = raw.find_object(fleet.at("main").unwrap(), None).unwrap();
    raw.tag_lightweight("v1", &head, false).unwrap();
    let git = Git::new(options(&fleet, &server, "a", server.key("ed25519")), CancellationToken::new());
    let tags = git.tags(&server.url(&fleet.path()), &davit::world::git::Anonymous).await.unwrap();
    assert_eq!(tags.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["v1"]);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ssh://git@localhost:{}/fleet.git", silent.local_addr().unwrap().port());
    let hung =
        GitOptions { timeout: Duration::from_millis(900), ..options(&fleet, &server, "b", server.key("ed25519")) };
    let result = tokio::time::timeout(Duration::from_mins(1), failure(hung, &url)).await;
    let kind = result.expect("the limit did not hold");
    assert!(matches!(kind, Failure::Timeout { .. }), "{kind:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_and_known_hosts_need_no_restart() {
    let fleet = Fleet::new(2);
    let server = SshServer::start();
    let url = server.url(&fleet.path());
    let (key, known) = (server.file("current"), server.known("known_now", ""));
    std::fs::copy(server.file("stranger"), &key).unwrap();
    let auth = SshAuth::Key { key: davit::config::SecretRef::File(key.clone()), passphrase: None };
    let options = GitOptions { known_hosts: vec![known.clone()], ..options(&fleet, &server, "a", auth) };
    let repo = open(options, &url);
    let asked = async || repo.fetch(wanted()).await.map(|_| ()).map_err(|error| error.kind);
    assert!(matches!(asked().await, Err(Failure::HostKeyUnknown { .. })));
    std::fs::copy(&server.known_hosts, &known).unwrap();
    assert!(matches!(asked().await, Err(Failure::Unauthorized(_))));
    std::fs::copy(server.file("ed25519"), &key).unwrap();
    asked().await.unwrap();
    std::fs::write(&known, server.line("host", "@revoked ")).unwrap();
    assert!(matches!(asked().await, Err(Failure::HostKeyRevoked { .. })));
}
