//! Git over HTTP against the real `git http-backend`: what works, and how each fault ends.

use crate::git_fleet::{Fleet, cached, open, ours, wanted};
use crate::git_server::{Fault, GitServer};
use davit::world::git::{Basic, Credentials, Failure, Git, GitOptions, Oid, Wanted};
use secrecy::SecretString;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn basic(user: &str, password: &str) -> Arc<dyn Credentials> {
    Arc::new(Basic { username: user.to_owned(), password: SecretString::from(password) })
}

fn trusting(fleet: &Fleet, server: &GitServer, cache: &str) -> GitOptions {
    GitOptions { ca_file: Some(server.ca_pem_path.clone()), ..fleet.options(cache) }
}

async fn failure(options: GitOptions, url: &str) -> Failure {
    open(options, url).fetch(wanted()).await.unwrap_err().kind
}

#[tokio::test]
async fn clone_read_commit_push_and_delete_over_https() {
    let fleet = Fleet::new(3);
    let server = GitServer::start(fleet.dir.path()).await;
    let repo = open(trusting(&fleet, &server, "a"), &format!("{}/fleet.git", server.url));
    let fetched = repo.fetch(wanted()).await.unwrap();
    assert_eq!(Some(fetched.base_commit), fleet.at("main"));
    assert_eq!(repo.file(fetched.base_commit, "apps/hr.yaml", 100).await.unwrap(), b"version: 2\n");
    let one = ours(&repo, fetched.base_commit, b"version: 9\n").await;
    repo.push("davit/x", one, None).await.unwrap();
    repo.push("davit/x", one, None).await.unwrap();
    assert_eq!(fleet.at("davit/x"), Some(one));
    assert_eq!(repo.fetch(wanted()).await.unwrap().our_branches.get("davit/x"), Some(&one));
    repo.delete("davit/x", one).await.unwrap();
    assert_eq!(fleet.at("davit/x"), None);
    assert!(repo.fetch(wanted()).await.unwrap().our_branches.is_empty());
}

#[tokio::test]
async fn a_push_larger_than_the_buffer_is_streamed() {
    let fleet = Fleet::new(3);
    let server = GitServer::start(fleet.dir.path()).await;
    let repo = open(trusting(&fleet, &server, "a"), &format!("{}/fleet.git", server.url));
    let base = repo.fetch(wanted()).await.unwrap().base_commit;
    let mut x = 88_172_645_463_325_252_u64;
    let noise: Vec<u8> = (0..3 << 20)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x.to_le_bytes()[0]
        })
        .collect();
    let big = ours(&repo, base, &noise).await;
    repo.push("davit/big", big, None).await.unwrap();
    assert_eq!(fleet.at("davit/big"), Some(big));
}

#[tokio::test]
async fn the_clone_is_shallow_and_an_unchanged_remote_costs_one_request() {
    let fleet = Fleet::new(80);
    let server = GitServer::start(fleet.dir.path()).await;
    let repo = open(trusting(&fleet, &server, "a"), &format!("{}/fleet.git", server.url));
    repo.fetch(wanted()).await.unwrap();
    let shallow = std::fs::read_to_string(cached(&fleet.cache("a")).join("shallow")).unwrap();
    assert_eq!(shallow.trim(), fleet.ancestor("main", 49).to_string());
    let before = server.requests().len();
    repo.fetch(wanted()).await.unwrap();
    assert_eq!(server.requests().len(), before + 1);
    // The next commits arrive, and a push from the cut history works.
    let next = fleet.commit("main", fleet.at("main"), "version: next\n");
    let fetched = repo.fetch(wanted()).await.unwrap();
    assert_eq!(fetched.base_commit, next);
    let one = ours(&repo, next, b"version: ours\n").await;
    repo.push("davit/x", one, None).await.unwrap();
    assert_eq!(fleet.at("davit/x"), Some(one));
}

#[tokio::test]
async fn an_old_branch_behind_the_cut_gets_the_history_that_its_log_needs() {
    let fleet = Fleet::new(700);
    for (branch, back) in [("davit/old", 120), ("davit/ancient", 650)] {
        fleet.commit(branch, Some(fleet.ancestor("main", back)), "version: ours\n");
    }
    let server = GitServer::start(fleet.dir.path()).await;
    let repo = open(trusting(&fleet, &server, "a"), &format!("{}/fleet.git", server.url));
    let fetched = repo.fetch(wanted()).await.unwrap();
    for (branch, back) in [("davit/old", 120), ("davit/ancient", 650)] {
        let tip = fetched.our_branches[branch];
        let log = repo.log(fetched.base_commit, tip).await.unwrap();
        assert_eq!(log.merge_base, Some(fleet.ancestor("main", back)), "{branch}");
        assert_eq!(log.commits.iter().map(|c| c.id).collect::<Vec<_>>(), [tip], "{branch}");
    }
    assert!(
        !cached(&fleet.cache("a")).join("shallow").exists() || {
            std::fs::read_to_string(cached(&fleet.cache("a")).join("shallow")).unwrap().is_empty()
        }
    );
    let next = fleet.commit("main", fleet.at("main"), "version: next\n");
    assert_eq!(repo.fetch(wanted()).await.unwrap().base_commit, next);
}

#[tokio::test]
async fn history_that_an_answer_needed_once_stays_when_the_base_moves() {
    let fleet = Fleet::new(300);
    fleet.commit("davit/old", Some(fleet.ancestor("main", 120)), "version: ours\n");
    let server = GitServer::start(fleet.dir.path()).await;
    let url = format!("{}/fleet.git", server.url);
    let tip = fleet.at("davit/old").unwrap();
    {
        let repo = open(trusting(&fleet, &server, "a"), &url);
        let fetched = repo.fetch(wanted()).await.unwrap();
        repo.log(fetched.base_commit, tip).await.unwrap();
    }
    // Another process, too.
    let repo = open(trusting(&fleet, &server, "a"), &url);
    for n in 0..3 {
        let next = fleet.commit("main", fleet.at("main"), &format!("version: next {n}\n"));
        let fetched = repo.fetch(wanted()).await.unwrap();
        let before = server.requests().len();
        let log = repo.log(fetched.base_commit, tip).await.unwrap();
        assert_eq!((fetched.base_commit, log.commits.len()), (next, 1));
        assert_eq!(server.requests().len(), before, "no history is fetched again");
    }
}

#[tokio::test]
async fn a_pull_request_that_is_too_much_or_broken_costs_itself_alone() {
    let fleet = Fleet::new(3);
    let raw = fleet.raw();
    let pull = |number: u64, content: &str| {
        let head = fleet.commit("tmp", fleet.at("main"), content);
        raw.reference(&format!("refs/pull/{number}/head"), head, true, "").unwrap();
        head
    };
    let mut noise = 7_u64;
    let mut word = || {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", noise >> 32)
    };
    let big: String = (0..1 << 19).map(|_| word()).collect();
    let small = pull(1, "version: pull\n");
    pull(2, &big);
    raw.find_reference("refs/heads/tmp").unwrap().delete().unwrap();
    let server = GitServer::start(fleet.dir.path()).await;
    let options = GitOptions { heads_limit: 1 << 20, ..trusting(&fleet, &server, "a") };
    let repo = open(options, &format!("{}/fleet.git", server.url));
    let base = fleet.at("main").unwrap();
    for _ in 0..2 {
        let fetched = repo.fetch(Wanted { forks: vec![1, 2], ..wanted() }).await.unwrap();
        assert_eq!((fetched.base_commit, fetched.pull_heads), (base, [(1, small)].into()));
        let why = fetched.unread_pulls[&2].to_string();
        assert!(why.starts_with("the head of pull request #2 has ") && why.contains("more than 524288"), "{why}");
        assert!(fetched.unread_pulls[&2].is_lasting(), "no stranger's head holds back what Davit opens");
    }
    // The server itself can't read the third one.
    pull(3, "version: lost\n");
    let lost = Oid::hash_object(git2::ObjectType::Blob, b"version: lost\n").unwrap().to_string();
    std::fs::remove_file(fleet.path().join("objects").join(&lost[..2]).join(&lost[2..])).unwrap();
    let fetched = repo.fetch(Wanted { forks: vec![1, 3], ..wanted() }).await.unwrap();
    assert_eq!((fetched.base_commit, fetched.pull_heads), (base, [(1, small)].into()));
    let unread: Vec<_> = fetched.unread_pulls.iter().map(|(number, failure)| (*number, failure.is_lasting())).collect();
    assert_eq!(unread, [(3, true)]);
}

#[tokio::test]
async fn a_branch_that_appears_behind_the_cut_is_fetched_whole_enough_to_work_on() {
    let fleet = Fleet::new(400);
    let server = GitServer::start(fleet.dir.path()).await;
    let repo = open(trusting(&fleet, &server, "a"), &format!("{}/fleet.git", server.url));
    repo.fetch(wanted()).await.unwrap();
    for back in [45, 60, 120, 330] {
        let branch = format!("davit/{back}");
        let parent = fleet.ancestor("main", back);
        let tip = fleet.commit(&branch, Some(parent), &format!("version: {back}\n"));
        let base = fleet.commit("main", fleet.at("main"), &format!("version: next {back}\n"));
        let fetched = repo.fetch(wanted()).await.unwrap();
        assert_eq!((fetched.base_commit, fetched.our_branches[&branch]), (base, tip));
        let log = repo.log(base, tip).await.unwrap();
        assert_eq!(log.merge_base, Some(parent), "{back}");
        assert_eq!(log.commits.len(), 1, "{back}");
        let more = ours(&repo, tip, format!("version: ours {back}\n").as_bytes()).await;
        repo.push(&branch, more, Some(tip)).await.unwrap();
        assert_eq!(fleet.at(&branch), Some(more));
    }
}

#[tokio::test]
async fn a_forced_base_and_a_vanished_branch_are_followed() {
    let fleet = Fleet::new(60);
    let server = GitServer::start(fleet.dir.path()).await;
    let repo = open(trusting(&fleet, &server, "a"), &format!("{}/fleet.git", server.url));
    fleet.commit("davit/x", fleet.at("main"), "version: ours\n");
    assert_eq!(repo.fetch(wanted()).await.unwrap().our_branches.len(), 1);
    let forced = fleet.commit("main", Some(fleet.ancestor("main", 55)), "version: forced\n");
    fleet.raw().find_reference("refs/heads/davit/x").unwrap().delete().unwrap();
    let fetched = repo.fetch(wanted()).await.unwrap();
    assert_eq!((fetched.base_commit, fetched.our_branches.len()), (forced, 0));
    assert_eq!(repo.file(forced, "apps/hr.yaml", 100).await.unwrap(), b"version: forced\n");
    let gone = repo.fetch(Wanted { base: Some("gone".to_owned()), ..wanted() }).await.unwrap_err();
    assert!(gone.to_string().contains("branch gone is missing"), "{gone}");
}

#[tokio::test]
async fn only_the_asked_pull_requests_are_fetched() {
    let fleet = Fleet::new(3);
    let head = fleet.commit("tmp", fleet.at("main"), "version: pull\n");
    let raw = fleet.raw();
    for number in [7, 8] {
        raw.reference(&format!("refs/pull/{number}/head"), head, true, "").unwrap();
    }
    let server = GitServer::start(fleet.dir.path()).await;
    let repo = open(trusting(&fleet, &server, "a"), &format!("{}/fleet.git", server.url));
    let fetched = repo.fetch(Wanted { pulls: vec![7, 99], ..wanted() }).await.unwrap();
    assert_eq!(fetched.pull_heads.into_iter().collect::<Vec<_>>(), [(7, head)]);
    assert_eq!(repo.changed_paths(fetched.base_commit, head).await.unwrap(), ["apps/hr.yaml"]);
}

#[tokio::test]
async fn an_empty_repository_and_an_unborn_head_are_clear_errors() {
    let fleet = Fleet::new(0);
    let server = GitServer::start(fleet.dir.path()).await;
    let url = format!("{}/fleet.git", server.url);
    assert_eq!(failure(trusting(&fleet, &server, "a"), &url).await, Failure::Empty);
    fleet.commit("dev", None, "version: 1\n");
    assert!(matches!(failure(trusting(&fleet, &server, "b"), &url).await, Failure::NoHead(_)));
}

#[tokio::test]
async fn a_lease_lost_between_look_and_push_changes_nothing() {
    let fleet = Fleet::new(3);
    let server = GitServer::start(fleet.dir.path()).await;
    let repo = open(trusting(&fleet, &server, "a"), &format!("{}/fleet.git", server.url));
    let base = repo.fetch(wanted()).await.unwrap().base_commit;
    let one = ours(&repo, base, b"version: 9\n").await;
    repo.push("davit/x", one, None).await.unwrap();
    let person = fleet.commit("davit/x", Some(one), "version: a person's\n");
    let two = ours(&repo, base, b"version: 10\n").await;
    for expect in [Some(one), None] {
        let error = repo.push("davit/x", two, expect).await.unwrap_err();
        assert!(matches!(error.kind, Failure::LeaseLost { .. }), "{error}");
    }
    let error = repo.delete("davit/x", one).await.unwrap_err();
    assert!(matches!(error.kind, Failure::LeaseLost { .. }), "{error}");
    assert_eq!(fleet.at("davit/x"), Some(person));
}

#[tokio::test]
async fn a_protected_branch_is_an_error_with_the_servers_words() {
    let fleet = Fleet::new(3);
    fleet.refuse_pushes("GH006: Protected branch update failed");
    let server = GitServer::start(fleet.dir.path()).await;
    let repo = open(trusting(&fleet, &server, "a"), &format!("{}/fleet.git", server.url));
    let base = repo.fetch(wanted()).await.unwrap().base_commit;
    let one = ours(&repo, base, b"version: 9\n").await;
    let error = repo.push("davit/x", one, None).await.unwrap_err();
    assert!(matches!(&error.kind, Failure::Protected { words, .. } if words.contains("GH006")), "{error}");
    assert_eq!(fleet.at("davit/x"), None);
}

#[tokio::test]
async fn credentials_are_asked_for_each_operation_and_never_printed() {
    struct Rotating(AtomicUsize);
    #[async_trait::async_trait]
    impl Credentials for Rotating {
        async fn basic(&self) -> Result<Option<Basic>, String> {
            let first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
            let password = if first { "hunter-right" } else { "hunter-wrong" };
            Ok(Some(Basic { username: "alice".to_owned(), password: SecretString::from(password) }))
        }
    }
    let fleet = Fleet::new(3);
    let server = GitServer::start_with(fleet.dir.path(), &[("alice", "hunter-right")], true).await;
    let url = format!("{}/fleet.git", server.url);
    let git = Git::new(trusting(&fleet, &server, "a"), CancellationToken::new());
    let repo = git.repository_with("fleet", &url, Arc::new(Rotating(AtomicUsize::new(0)))).unwrap();
    repo.fetch(wanted()).await.unwrap();
    let error = repo.fetch(wanted()).await.unwrap_err();
    assert!(matches!(&error.kind, Failure::Unauthorized(text) if text.contains("refused")), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter"));
    let anonymous = failure(trusting(&fleet, &server, "b"), &url).await;
    assert!(matches!(&anonymous, Failure::Unauthorized(text) if text.contains("needed")), "{anonymous}");
    // A refused fetch has not thrown the cached copy away.
    assert!(cached(&fleet.cache("a")).join("refs/davit/heads/main").exists());
}

#[tokio::test]
async fn fetches_side_by_side_never_see_each_others_credentials() {
    let fleet = Fleet::new(10);
    let server = GitServer::start_with(fleet.dir.path(), &[("alice", "right")], true).await;
    let url = format!("{}/fleet.git", server.url);
    let calls = (0..8).map(|n| {
        let git = Git::new(trusting(&fleet, &server, &n.to_string()), CancellationToken::new());
        let password = if n % 2 == 0 { "right" } else { "wrong" };
        let repo = git.repository_with("fleet", &url, basic("alice", password)).unwrap();
        async move { repo.fetch(wanted()).await.map_err(|e| e.kind) }
    });
    for (n, result) in futures_util::future::join_all(calls).await.into_iter().enumerate() {
        match result {
            Ok(_) => assert_eq!(n % 2, 0, "fetch {n} got in with a wrong password"),
            Err(kind) => assert!(n % 2 == 1 && matches!(kind, Failure::Unauthorized(_)), "fetch {n}: {kind}"),
        }
    }
}

#[tokio::test]
async fn an_unknown_authority_names_the_key_that_helps() {
    let fleet = Fleet::new(1);
    let server = GitServer::start(fleet.dir.path()).await;
    let kind = failure(fleet.options("a"), &format!("{}/fleet.git", server.url)).await;
    assert!(matches!(kind, Failure::Tls(_)), "{kind:?}");
    assert!(kind.to_string().contains("git.http.caFile"));
    let insecure = GitOptions { insecure: true, ..fleet.options("b") };
    open(insecure, &format!("{}/fleet.git", server.url)).fetch(wanted()).await.unwrap();
}

#[tokio::test]
async fn clear_text_is_taken_only_where_the_configuration_says_so() {
    let fleet = Fleet::new(1);
    let server = GitServer::start_with(fleet.dir.path(), &[], false).await;
    let url = format!("{}/fleet.git", server.url);
    let git = Git::new(fleet.options("a"), CancellationToken::new());
    assert!(matches!(git.repository("fleet", &url).unwrap_err().kind, Failure::ClearText(_)));
    assert_eq!(server.requests().len(), 0);
    let insecure = GitOptions { insecure: true, ..fleet.options("b") };
    open(insecure, &url).fetch(wanted()).await.unwrap();
}

type Judge = fn(&Failure) -> bool;

#[tokio::test]
async fn each_refusal_of_the_server_is_one_clear_error() {
    let fleet = Fleet::new(2);
    let server = GitServer::start(fleet.dir.path()).await;
    let url = format!("{}/fleet.git", server.url);
    let options = |n: usize| trusting(&fleet, &server, &format!("r{n}"));
    let cases: [(Fault, Judge); 8] = [
        (Fault::Status(401), |f| matches!(f, Failure::Unauthorized(_))),
        (Fault::Status(403), |f| matches!(f, Failure::Forbidden(t) if t.contains("the server says 403"))),
        (Fault::Status(404), |f| matches!(f, Failure::NotFound(_))),
        (Fault::PostStatus(413), |f| matches!(f, Failure::TooLarge(_))),
        (Fault::Status(500), |f| matches!(f, Failure::Server(t) if t.contains("500"))),
        (Fault::Html, |f| matches!(f, Failure::Server(t) if t.contains("no Git server"))),
        (Fault::MovedAway, |f| matches!(f, Failure::Server(t) if t.contains("another place"))),
        (Fault::CutPack, |f| matches!(f, Failure::Unreachable(_))),
    ];
    for (n, (fault, judge)) in cases.into_iter().enumerate() {
        server.fault(Some(fault));
        let kind = failure(options(n), &url).await;
        assert!(judge(&kind), "{fault:?}: {kind:?}");
        // The same cache heals as soon as the server does.
        server.fault(None);
        open(options(n), &url).fetch(wanted()).await.unwrap();
    }
    assert!(matches!(failure(options(99), &format!("{}/none.git", server.url)).await, Failure::NotFound(_)));
    server.fault(Some(Fault::MovedHere));
    open(options(98), &url).fetch(wanted()).await.unwrap();
    assert!(matches!(failure(options(97), "https://localhost:1/fleet.git").await, Failure::Unreachable(_)));
}

#[tokio::test]
async fn a_server_that_hangs_at_any_stage_ends_at_the_limit() {
    let fleet = Fleet::new(30);
    let server = GitServer::start(fleet.dir.path()).await;
    let url = format!("{}/fleet.git", server.url);
    for fault in [Fault::HangAtConnect, Fault::HangAtRefs, Fault::HangAtPost, Fault::HangInPack] {
        server.fault(Some(fault));
        let limit = Duration::from_millis(900);
        let options = GitOptions { timeout: limit, ..trusting(&fleet, &server, &format!("{fault:?}")) };
        // The outer limit only keeps a failing test from hanging.
        let result = tokio::time::timeout(Duration::from_mins(1), failure(options, &url)).await;
        let kind = result.unwrap_or_else(|_| panic!("{fault:?}: the limit did not hold"));
        match (fault, &kind) {
            // A handshake that never ends is a connection that fails.
            (Fault::HangAtConnect, Failure::Unreachable(_)) => {}
            (_, Failure::Timeout { .. }) => assert!(kind.to_string().contains("git.timeout"), "{kind}"),
            _ => panic!("{fault:?}: {kind:?}"),
        }
    }
}

#[tokio::test]
async fn shutdown_ends_a_call_under_way() {
    let fleet = Fleet::new(30);
    let server = GitServer::start(fleet.dir.path()).await;
    server.fault(Some(Fault::HangAtPost));
    let shutdown = CancellationToken::new();
    let git = Git::new(trusting(&fleet, &server, "a"), shutdown.clone());
    let repo = git.repository("fleet", &format!("{}/fleet.git", server.url)).unwrap();
    let call = tokio::spawn(async move { repo.fetch(wanted()).await.unwrap_err().kind });
    while !server.requests().iter().any(|r| r.starts_with("POST")) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    shutdown.cancel();
    assert_eq!(tokio::time::timeout(Duration::from_secs(15), call).await.unwrap().unwrap(), Failure::Cancelled);
}

#[tokio::test]
async fn a_call_nobody_waits_for_any_more_frees_the_repository() {
    let fleet = Fleet::new(30);
    let server = GitServer::start(fleet.dir.path()).await;
    server.fault(Some(Fault::HangAtPost));
    let options = GitOptions { timeout: Duration::from_mins(5), ..trusting(&fleet, &server, "a") };
    let repo = open(options, &format!("{}/fleet.git", server.url));
    let waiting = repo.clone();
    let call = tokio::spawn(async move { waiting.fetch(wanted()).await });
    while !server.requests().iter().any(|r| r.starts_with("POST")) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    call.abort();
    server.fault(None);
    let next = tokio::time::timeout(Duration::from_secs(20), repo.fetch(wanted())).await;
    next.expect("the abandoned call still holds the repository").unwrap();
}

#[tokio::test]
async fn a_corrupted_cache_is_cloned_again_over_the_network() {
    let fleet = Fleet::new(60);
    let server = GitServer::start(fleet.dir.path()).await;
    let url = format!("{}/fleet.git", server.url);
    open(trusting(&fleet, &server, "a"), &url).fetch(wanted()).await.unwrap();
    let packs = cached(&fleet.cache("a")).join("objects/pack");
    for entry in std::fs::read_dir(&packs).unwrap().flatten() {
        std::fs::remove_file(entry.path()).unwrap();
        std::fs::write(entry.path(), "half").unwrap();
    }
    let repo = open(trusting(&fleet, &server, "a"), &url);
    let fetched = repo.fetch(wanted()).await.unwrap();
    assert_eq!(repo.tree(fetched.base_commit).await.unwrap().tree.files.len(), 1);
}

#[tokio::test]
async fn tags_of_a_chart_source_are_listed_without_a_repository() {
    let fleet = Fleet::new(2);
    let raw = fleet.raw();
    let head = raw.find_object(fleet.at("main").unwrap(), None).unwrap();
    let who = git2::Signature::new("A", "a@example.com", &git2::Time::new(1, 0)).unwrap();
    raw.tag("1.1.0", &head, &who, "annotated", false).unwrap();
    raw.tag_lightweight("v1.0.0", &head, false).unwrap();
    let server = GitServer::start_with(fleet.dir.path(), &[("alice", "right")], true).await;
    let git = Git::new(trusting(&fleet, &server, "a"), CancellationToken::new());
    let url = format!("{}/fleet.git", server.url);
    let tags = git.tags(&url, basic("alice", "right").as_ref()).await.unwrap();
    let shown: Vec<_> = tags.iter().map(|t| (t.name.as_str(), t.commit)).collect();
    assert_eq!(shown, [("1.1.0", head.id()), ("v1.0.0", head.id())]);
    assert!(git.tags(&url, basic("alice", "wrong").as_ref()).await.is_err());
}

#[tokio::test]
async fn a_rotated_ca_file_and_password_file_need_no_restart() {
    let fleet = Fleet::new(2);
    let users = [("alice", "second")];
    let servers = [
        GitServer::start_with(fleet.dir.path(), &users, true).await,
        GitServer::start_with(fleet.dir.path(), &users, true).await,
    ];
    let (ca_file, password) = (fleet.dir.path().join("ca.pem"), fleet.dir.path().join("password"));
    std::fs::copy(&servers[0].ca_pem_path, &ca_file).unwrap();
    std::fs::write(&password, "first\n").unwrap();
    let options = GitOptions { ca_file: Some(ca_file.clone()), ..fleet.options("a") };
    let git = Git::new(options, CancellationToken::new());
    let secret = davit::config::SecretRef::File(password.clone());
    let alice = davit::world::git::Password { username: "alice".to_owned(), password: secret };
    let urls = servers.each_ref().map(|server| format!("{}/fleet.git", server.url));
    let asked = async |n: usize| git.tags(&urls[n], &alice).await.map(|_| ()).map_err(|error| error.kind);
    assert!(matches!(asked(0).await, Err(Failure::Unauthorized(_))));
    std::fs::write(&password, "second\n").unwrap();
    asked(0).await.unwrap();
    assert!(matches!(asked(1).await, Err(Failure::Tls(_))));
    std::fs::copy(&servers[1].ca_pem_path, &ca_file).unwrap();
    asked(1).await.unwrap();
    assert!(matches!(asked(0).await, Err(Failure::Tls(_))), "the former authority is trusted no more");
    std::fs::write(&ca_file, "no certificate").unwrap();
    let broken = asked(1).await.unwrap_err().to_string();
    assert!(broken.contains("git.http.caFile") && broken.contains("ca.pem"), "{broken}");
}
