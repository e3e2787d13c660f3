//! The client against the fake forge, over real HTTP.

use super::*;
use crate::config::{CommitVia, GitHubAuth, SecretRef};
use crate::demo::fault::{Fault, Kind, Moment};
use crate::demo::forge::{Forge as Fake, Role};
use crate::world::forge::FileChange;
use crate::world::retry::tests::StoppedClock;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

const REPO: &str = "acme/fleet";

struct Ground {
    fake: Fake,
    dir: tempfile::TempDir,
    clock: Arc<StoppedClock>,
}

fn ground() -> Ground {
    let dir = tempfile::tempdir().unwrap();
    let git = git2::Repository::init_bare(dir.path().join("fleet.git")).unwrap();
    let fake = Fake::start().unwrap();
    fake.add_repository(REPO, git.path(), "main");
    fake.add_token("t-davit", "davit");
    fake.set_role(REPO, "davit", Some(Role::Write));
    fake.person(REPO, "acme").push("main", "first", &[("a.yaml", Some("v: 1\n"))]).unwrap();
    Ground { fake, dir, clock: Arc::new(StoppedClock::at(Timestamp::now())) }
}

impl Ground {
    fn with(&self, auth: Option<GitHubAuth>, suffix: &str, timeout: Duration) -> GitHubForge {
        let config = crate::config::GitHub {
            api_url: format!("{}{suffix}", self.fake.url()).parse().unwrap(),
            auth,
            webhook_secret: None,
            commit_via: CommitVia::Git,
        };
        let repository = GitHubRepository { owner: "acme".into(), name: "fleet".into() };
        GitHub::new(&config, None, timeout, self.clock.clone()).unwrap().repository(&repository)
    }

    fn token(&self, token: &str) -> GitHubForge {
        let auth = GitHubAuth::Token(SecretRef::Inline(SecretString::from(token)));
        self.with(Some(auth), "", Duration::from_secs(20))
    }

    fn davit(&self) -> GitHubForge {
        self.token("t-davit")
    }

    fn push(&self, branch: &str) -> String {
        self.fake.person(REPO, "davit").push(branch, "bump", &[("a.yaml", Some("v: 2\n"))]).unwrap()
    }

    fn head(&self, branch: &str) -> Option<String> {
        let git = git2::Repository::open(self.dir.path().join("fleet.git")).unwrap();
        let id = git.refname_to_id(&format!("refs/heads/{branch}")).ok();
        id.map(|id| id.to_string())
    }

    fn count(&self, method: &str, path: &str) -> usize {
        self.fake.server.traffic.exchanges().iter().filter(|e| e.method == method && e.path == path).count()
    }
}

fn new(branch: &str) -> NewPullRequest {
    NewPullRequest { title: "bump".into(), body: "why".into(), head: branch.into(), base: "main".into(), draft: false }
}

#[tokio::test]
async fn a_pull_request_is_opened_read_written_and_closed() {
    let (ground, branch) = (ground(), "davit/a-abc123-1.x");
    let (forge, head) = (ground.davit(), ground.push(branch));
    assert_eq!(forge.login().await.unwrap(), "davit");
    let opened = forge.open(&NewPullRequest { draft: true, ..new(branch) }).await.unwrap();
    assert!(!opened.adopted && opened.pull.draft && opened.pull.same_repository);
    let number = opened.pull.number;
    forge.add_labels(number, &["davit".into()]).await.unwrap();
    forge.add_labels(number, &["davit".into(), "x".into()]).await.unwrap();
    forge.update(number, &TextChange { title: Some("new".into()), body: None }).await.unwrap();
    let open = forge.open_pull_requests().await.unwrap();
    assert_eq!(
        (open[0].title.as_str(), open[0].body.as_str(), open[0].head_sha.as_str()),
        ("new", "why", head.as_str())
    );
    assert_eq!(
        (open[0].labels.as_slice(), open[0].author.as_str()),
        (&["davit".to_owned(), "x".to_owned()][..], "davit")
    );
    assert_eq!(forge.pull_request(number).await.unwrap().state, PullState::Open);
    forge.close(number, "done").await.unwrap();
    forge.close(number, "done").await.unwrap();
    let past = forge.pull_requests_of(branch).await.unwrap();
    assert_eq!(
        (past[0].state, past[0].closed_by.as_deref(), past[0].body.as_str()),
        (PullState::Closed, Some("davit"), "done")
    );
}

#[tokio::test]
async fn who_closed_and_what_was_merged_is_seen() {
    let (ground, forge) = {
        let g = ground();
        let f = g.davit();
        (g, f)
    };
    ground.push("davit/a");
    let number = forge.open(&new("davit/a")).await.unwrap().pull.number;
    assert_eq!(forge.pull_request(number).await.unwrap().mergeable, crate::proposal::Mergeable::Clean);
    ground.fake.person(REPO, "acme").close(number).unwrap();
    assert_eq!(forge.pull_requests_of("davit/a").await.unwrap()[0].closed_by.as_deref(), Some("acme"));
    ground.fake.person(REPO, "acme").reopen(number).unwrap();
    ground.fake.person(REPO, "acme").merge(number).unwrap();
    let pull = forge.pull_request(number).await.unwrap();
    assert_eq!((pull.state, pull.closed_by), (PullState::Merged, None));
}

#[tokio::test]
async fn an_open_pull_request_of_the_same_head_and_base_is_adopted() {
    let ground = ground();
    ground.push("davit/a");
    let forge = ground.davit();
    let first = forge.open(&new("davit/a")).await.unwrap();
    let second = forge.open(&new("davit/a")).await.unwrap();
    assert!(second.adopted);
    assert_eq!(first.pull.number, second.pull.number);
}

#[tokio::test]
async fn another_authors_pull_request_is_not_adopted() {
    let ground = ground();
    ground.push("davit/a");
    ground.fake.person(REPO, "acme").open("davit/a", "main", "mine", "").unwrap();
    let error = ground.davit().open(&new("davit/a")).await.unwrap_err();
    assert!(matches!(&error, ForgeError::Validation { errors, .. } if errors[0].contains("already exists")), "{error}");
}

#[tokio::test]
async fn a_failed_opening_is_sent_exactly_once() {
    let ground = ground();
    ground.push("davit/a");
    ground.fake.server.fail(Fault::status("POST", "/pulls$", 500).times(9));
    let error = ground.davit().open(&new("davit/a")).await.unwrap_err();
    assert!(matches!(error, ForgeError::Server { status: 500, .. }), "{error}");
    assert_eq!(ground.count("POST", "/repos/acme/fleet/pulls"), 1);
}

#[tokio::test]
async fn a_lost_answer_is_no_second_pull_request() {
    let ground = ground();
    ground.push("davit/a");
    let forge = ground.davit();
    ground.fake.server.fail(Fault::lost_answer("POST", "/pulls$"));
    assert!(forge.open(&new("davit/a")).await.is_err());
    assert!(forge.open(&new("davit/a")).await.unwrap().adopted);
    assert_eq!(ground.fake.pulls(REPO).len(), 1);
}

#[tokio::test]
async fn reading_is_tried_again_with_growing_pauses() {
    let ground = ground();
    ground.fake.server.fail(Fault::status("GET", "/pulls$", 502).times(2));
    assert!(ground.davit().open_pull_requests().await.unwrap().is_empty());
    assert_eq!(ground.clock.slept(), [Duration::from_millis(500), Duration::from_secs(1)]);
}

#[tokio::test]
async fn a_hanging_forge_costs_its_timeout() {
    let ground = ground();
    ground.push("davit/a");
    ground.fake.server.fail(Fault::new("POST", "/pulls$", Moment::Before, Kind::Hang));
    let auth = GitHubAuth::Token(SecretRef::Inline(SecretString::from("t-davit")));
    let forge = ground.with(Some(auth), "", Duration::from_millis(300));
    let error = forge.open(&new("davit/a")).await.unwrap_err();
    assert!(matches!(error, ForgeError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn a_forge_that_is_not_there_is_unreachable() {
    let ground = ground();
    let config = crate::config::GitHub {
        api_url: "http://127.0.0.1:1".parse().unwrap(),
        auth: None,
        webhook_secret: None,
        commit_via: CommitVia::Git,
    };
    let github = GitHub::new(&config, None, Duration::from_secs(5), ground.clock.clone()).unwrap();
    let forge = github.repository(&GitHubRepository { owner: "a".into(), name: "b".into() });
    let error = forge.open_pull_requests().await.unwrap_err();
    assert!(matches!(error, ForgeError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("a/b: looking the repository up"), "{error}");
}

#[tokio::test]
async fn a_short_rate_limit_is_waited_for_also_by_a_write() {
    let ground = ground();
    ground.push("davit/a");
    ground.fake.server.fail(Fault::secondary_limit("POST", "/pulls$", 7));
    ground.davit().open(&new("davit/a")).await.unwrap();
    assert_eq!(ground.clock.slept(), [Duration::from_secs(7)]);
    assert_eq!(ground.count("POST", "/repos/acme/fleet/pulls"), 2);
}

#[tokio::test]
async fn a_long_rate_limit_is_an_error_with_its_end_and_nothing_is_asked_before() {
    let ground = ground();
    let forge = ground.davit();
    let reset = ground.clock.now().as_second() + 1800;
    ground.fake.server.fail(Fault::rate_limit("GET", "/pulls$", reset));
    for _ in 0..2 {
        let error = forge.open_pull_requests().await.unwrap_err();
        assert!(matches!(error, ForgeError::RateLimited { until, .. } if until.as_second() == reset + 1), "{error}");
    }
    assert_eq!(ground.count("GET", "/repos/acme/fleet/pulls"), 1);
    ground.clock.sleep(Duration::from_secs(1802)).await;
    assert!(forge.open_pull_requests().await.is_ok());
}

#[tokio::test]
async fn a_rotated_token_file_needs_no_restart() {
    let ground = ground();
    let path = ground.dir.path().join("token");
    std::fs::write(&path, "t-davit\n").unwrap();
    let auth = GitHubAuth::Token(SecretRef::File(path.clone()));
    let forge = ground.with(Some(auth), "", Duration::from_secs(20));
    assert_eq!(forge.login().await.unwrap(), "davit");
    ground.fake.revoke_token("t-davit");
    ground.fake.add_token("t-next", "davit");
    let error = forge.login().await.unwrap_err();
    assert!(matches!(error, ForgeError::Unauthorized { .. }) && !error.to_string().contains("t-davit"), "{error}");
    std::fs::write(&path, "t-next\n").unwrap();
    assert_eq!(forge.login().await.unwrap(), "davit");
    assert_eq!(forge.git_credentials().await.unwrap().unwrap().password.expose_secret(), "t-next");
    std::fs::remove_file(&path).unwrap();
    let error = forge.login().await.unwrap_err();
    assert!(matches!(&error, ForgeError::Credentials { detail, .. } if detail.contains("token")), "{error}");
}

#[tokio::test]
async fn a_token_that_lost_its_rights_is_told_which_permission_to_have() {
    let ground = ground();
    ground.push("davit/a");
    let forge = ground.davit();
    let number = forge.open(&new("davit/a")).await.unwrap().pull.number;
    ground.fake.set_role(REPO, "davit", Some(Role::Read));
    let error = forge.add_labels(number, &["davit".into()]).await.unwrap_err();
    assert!(matches!(error, ForgeError::Forbidden { .. }), "{error}");
    assert!(error.to_string().contains("pull requests: write"), "{error}");
    ground.fake.set_private(REPO, true);
    ground.fake.set_role(REPO, "davit", None);
    let error = forge.open_pull_requests().await.unwrap_err();
    assert!(matches!(error, ForgeError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn an_unchanged_list_is_asked_for_conditionally() {
    let ground = ground();
    let forge = ground.davit();
    ground.push("davit/a");
    forge.open(&new("davit/a")).await.unwrap();
    let first = forge.open_pull_requests().await.unwrap();
    assert_eq!(forge.open_pull_requests().await.unwrap(), first);
    let statuses: Vec<_> = ground
        .fake
        .server
        .traffic
        .exchanges()
        .iter()
        .filter(|e| e.method == "GET" && e.path.ends_with("/pulls"))
        .map(|e| e.status)
        .collect();
    assert_eq!(statuses, [Some(200), Some(304)]);
    forge.close(first[0].number, "").await.unwrap();
    assert!(forge.open_pull_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn every_page_of_a_list_is_read() {
    let ground = ground();
    for i in 0..103 {
        ground.push(&format!("davit/n{i}"));
        ground.fake.person(REPO, "davit").open(&format!("davit/n{i}"), "main", "t", "").unwrap();
    }
    assert_eq!(ground.davit().open_pull_requests().await.unwrap().len(), 103);
    assert_eq!(ground.count("GET", "/repos/acme/fleet/pulls"), 2);
}

#[tokio::test]
async fn our_comment_is_written_once_and_edited_after() {
    let ground = ground();
    ground.push("davit/a");
    let forge = ground.davit();
    let number = forge.open(&new("davit/a")).await.unwrap().pull.number;
    ground.fake.person(REPO, "acme").comment(number, "not ours <!-- davit:why -->").unwrap();
    for text in ["one", "one", "two"] {
        forge.comment(number, "<!-- davit:why -->", text).await.unwrap();
    }
    let comments = ground.fake.pulls(REPO)[0].comments.clone();
    assert_eq!(comments.len(), 2);
    assert_eq!(comments[1], ("davit".to_owned(), "two\n\n<!-- davit:why -->".to_owned()));
}

#[tokio::test]
async fn an_answer_that_is_html_or_endless_is_an_error() {
    let ground = ground();
    let html = crate::demo::serve::Reply::new(200, "text/html", "<html>login</html>");
    ground.fake.server.fail(Fault::new("GET", "/pulls$", Moment::Before, Kind::Answer(html)));
    let error = ground.davit().open_pull_requests().await.unwrap_err();
    assert!(matches!(&error, ForgeError::Protocol { detail, .. } if detail.contains("HTML")), "{error}");
    ground.fake.server.fail(Fault::new("GET", "/pulls$", Moment::Before, Kind::Endless));
    let error = ground.davit().open_pull_requests().await.unwrap_err();
    assert!(matches!(&error, ForgeError::Protocol { detail, .. } if detail.contains("larger")), "{error}");
}

#[tokio::test]
async fn no_redirect_carries_the_token_to_another_host() {
    let ground = ground();
    let away = crate::demo::serve::Reply::empty(302).with("location", "http://127.0.0.2:9/x");
    ground.fake.server.fail(Fault::new("GET", "/pulls$", Moment::Before, Kind::Answer(away)));
    let error = ground.davit().open_pull_requests().await.unwrap_err();
    assert!(matches!(&error, ForgeError::Protocol { detail, .. } if detail.contains("another host")), "{error}");
}

#[tokio::test]
async fn a_commit_through_the_api_is_exact_and_moves_the_branch_only_from_where_it_was() {
    let ground = ground();
    let forge = ground.davit();
    let base = forge.branch_head("main").await.unwrap().unwrap();
    let content = b"\xef\xbb\xbfv: 2\r\n\xff no newline".to_vec();
    let file = FileChange { path: "a.yaml".into(), content: content.clone(), executable: false };
    let commit = NewCommit { parent: base.clone(), message: "bump\n\nDavit-Update: x\n".into(), files: vec![file] };
    let sha = forge.create_commit(&commit).await.unwrap();
    assert_eq!(forge.branch_head("davit/a").await.unwrap(), None);

    forge.move_branch("davit/a", None, Some(&sha)).await.unwrap();
    assert_eq!(ground.head("davit/a").as_deref(), Some(sha.as_str()));
    // Again, as after a lost answer.
    forge.move_branch("davit/a", None, Some(&sha)).await.unwrap();
    let git = git2::Repository::open(ground.dir.path().join("fleet.git")).unwrap();
    let tree = git.find_commit(sha.parse().unwrap()).unwrap().tree().unwrap();
    assert_eq!(git.find_blob(tree.get_name("a.yaml").unwrap().id()).unwrap().content(), content);

    // A person pushed: their commit stays.
    let persons = ground.fake.person(REPO, "acme").push("davit/a", "mine", &[("b.yaml", Some("x"))]).unwrap();
    let error = forge.move_branch("davit/a", Some(&sha), Some(&base)).await.unwrap_err();
    assert!(matches!(error, ForgeError::Conflict { .. }), "{error}");
    let error = forge.move_branch("davit/a", Some(&sha), None).await.unwrap_err();
    assert!(matches!(error, ForgeError::Conflict { .. }), "{error}");
    assert_eq!(ground.head("davit/a"), Some(persons.clone()));

    // Backwards, then away, then away again.
    forge.move_branch("davit/a", Some(&persons), Some(&sha)).await.unwrap();
    forge.move_branch("davit/a", Some(&sha), None).await.unwrap();
    forge.move_branch("davit/a", Some(&sha), None).await.unwrap();
    assert_eq!(ground.head("davit/a"), None);
}

#[tokio::test]
async fn enterprise_has_its_graphql_beside_the_rest() {
    let ground = ground();
    let auth = GitHubAuth::Token(SecretRef::Inline(SecretString::from("t-davit")));
    let forge = ground.with(Some(auth), "/api/v3/", Duration::from_secs(20));
    let base = forge.branch_head("main").await.unwrap().unwrap();
    forge.move_branch("davit/a", None, Some(&base)).await.unwrap();
    assert_eq!(ground.count("POST", "/api/graphql"), 2);
    assert_eq!(ground.count("GET", "/api/v3/repos/acme/fleet/git/ref/heads/main"), 1);
}

fn app(key: &Path) -> GitHubAuth {
    GitHubAuth::App { id: 7, installation_id: 70, private_key: SecretRef::File(key.to_owned()) }
}

/// A throwaway RSA key, made for each test.
fn pem(path: &Path) {
    use aws_lc_rs::encoding::AsDer;
    let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().unwrap();
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der.as_ref());
    std::fs::write(path, format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")).unwrap();
}

#[tokio::test]
async fn an_app_signs_in_keeps_its_installations_token_and_renews_it() {
    let ground = ground();
    ground.fake.add_app(7, "davit", 70);
    ground.fake.set_role(REPO, "davit[bot]", Some(Role::Write));
    let key = ground.dir.path().join("app.pem");
    pem(&key);
    let forge = ground.with(Some(app(&key)), "", Duration::from_secs(20));
    let asked = || ground.count("POST", "/app/installations/70/access_tokens");
    assert_eq!(forge.login().await.unwrap(), "davit[bot]");
    ground.push("davit/a");
    let opened = forge.open(&new("davit/a")).await.unwrap();
    assert_eq!(opened.pull.author, "davit[bot]");
    forge.open_pull_requests().await.unwrap();
    assert_eq!(asked(), 1);
    let first = forge.git_credentials().await.unwrap().unwrap();
    assert_eq!((first.username.as_str(), asked()), ("x-access-token", 1));

    // Near its end it is renewed before use.
    ground.clock.sleep(Duration::from_mins(56)).await;
    ground.fake.set_clock(Some(ground.clock.now()));
    let second = forge.git_credentials().await.unwrap().unwrap();
    assert_ne!(first.password.expose_secret(), second.password.expose_secret());
    assert_eq!(asked(), 2);

    // Revoked early: one 401, then a new one.
    ground.fake.expire_installation_tokens();
    forge.open_pull_requests().await.unwrap();
    assert_eq!(asked(), 3);
}

#[tokio::test]
async fn an_enterprise_server_has_addresses_of_its_own_and_what_it_made_says_which() {
    let ground = ground();
    ground.fake.add_app(7, "davit", 70);
    ground.fake.set_role(REPO, "davit[bot]", Some(Role::Write));
    let key = ground.dir.path().join("app.pem");
    pem(&key);
    let forge = ground.with(Some(app(&key)), "", Duration::from_secs(20));
    let known = forge.signatures().await.unwrap();
    let host = ground.fake.url().parse::<url::Url>().unwrap().host_str().unwrap().to_owned();
    for host in [host.as_str(), "github.com"] {
        assert!(known.authors.iter().any(|a| a.ends_with(&format!("+davit[bot]@users.noreply.{host}"))), "{known:?}");
        assert!(known.forge.contains(&format!("noreply@{host}")), "{known:?}");
    }
    // An administrator can set another host for mail.
    ground.fake.set_mail_host("mail.ghe.corp");
    let parent = forge.branch_head("main").await.unwrap().unwrap();
    let files = vec![FileChange { path: "a.yaml".into(), content: b"a: 1\n".to_vec(), executable: false }];
    forge.create_commit(&NewCommit { parent, message: "m".into(), files }).await.unwrap();
    let known = forge.signatures().await.unwrap();
    assert!(known.authors.iter().any(|a| a.ends_with("+davit[bot]@users.noreply.mail.ghe.corp")), "{known:?}");
    assert!(known.forge.contains(&"noreply@mail.ghe.corp".to_owned()), "{known:?}");
    // What a person's account made of its own is that person's, committer and all.
    assert!(!known.forge.iter().any(|email| email.contains('+')), "{known:?}");
}

#[tokio::test]
async fn a_key_file_that_is_none_is_named_and_not_shown() {
    let ground = ground();
    let key = ground.dir.path().join("app.pem");
    std::fs::write(&key, "very secret, not a PEM").unwrap();
    let forge = ground.with(Some(app(&key)), "", Duration::from_secs(20));
    let error = forge.open_pull_requests().await.unwrap_err();
    assert!(matches!(&error, ForgeError::Credentials { detail, .. } if detail.contains("PEM")), "{error}");
    assert!(!format!("{error} {error:?}").contains("very secret"));
}

#[tokio::test]
async fn a_ca_file_that_is_none_is_named() {
    let ground = ground();
    let path = ground.dir.path().join("ca.pem");
    let config = crate::config::GitHub {
        api_url: ground.fake.url().parse().unwrap(),
        auth: None,
        webhook_secret: None,
        commit_via: CommitVia::Git,
    };
    let make = || GitHub::new(&config, Some(&path), Duration::from_secs(1), ground.clock.clone());
    assert!(make().unwrap_err().to_string().contains("ca.pem: No such file"));
}

#[tokio::test]
async fn a_secondary_limit_of_graphql_with_status_200_is_obeyed() {
    let ground = ground();
    let forge = ground.davit();
    let base = forge.branch_head("main").await.unwrap().unwrap();
    let body = r#"{"data":null,"errors":[{"message":"You have exceeded a secondary rate limit. Please wait."}]}"#;
    let reply = crate::demo::serve::Reply::new(200, "application/json", body).with("retry-after", "900");
    ground.fake.server.fail(Fault::new("POST", "/graphql$", Moment::Before, Kind::Answer(reply)));
    let until = ground.clock.now() + jiff::SignedDuration::from_secs(900);
    for _ in 0..2 {
        let error = forge.move_branch("davit/a", None, Some(&base)).await.unwrap_err();
        assert!(matches!(error, ForgeError::RateLimited { .. }), "{error}");
    }
    let error = forge.login().await.unwrap_err();
    assert!(matches!(error, ForgeError::RateLimited { until: end, .. } if end >= until), "{error}");
    assert_eq!((ground.count("POST", "/graphql"), ground.count("GET", "/user")), (1, 0));
}
