//! The whole seam to a forge, each function over real HTTP, every exchange held against GitHub's own description. What
//! no pass uses yet (reviews, commit status) is held here too.

use crate::description::Description;
use davit::config::{CommitVia, GitHub as Config, GitHubAuth, GitHubRepository, SecretRef};
use davit::demo::forge::{Forge as Fake, Role};
use davit::demo::traffic::Exchange;
use davit::world::forge::{
    CommitStatus, FileChange, Forge, ForgeError, GitHub, GitHubForge, Mergeable, NewCommit, NewPullRequest, PullState,
    Review, StatusState, TextChange, Verdict,
};
use davit::world::retry::SystemClock;
use std::sync::Arc;
use std::time::Duration;

const REPO: &str = "acme/fleet";
const BRANCH: &str = "davit/a-abc123-1.x";

struct Ground {
    fake: Fake,
    forge: GitHubForge,
    git: git2::Repository,
    _dir: tempfile::TempDir,
}

fn ground() -> Ground {
    let dir = tempfile::tempdir().unwrap();
    let git = git2::Repository::init_bare(dir.path().join("fleet.git")).unwrap();
    let fake = Fake::start().unwrap();
    fake.add_repository(REPO, git.path(), "main");
    fake.add_token("t-davit", "davit");
    for (login, role) in [("davit", Role::Write), ("casey", Role::Admin)] {
        fake.set_role(REPO, login, Some(role));
    }
    fake.person(REPO, "casey").push("main", "first", &[("a.yaml", Some("v: 1\n"))]).unwrap();
    let config = Config {
        api_url: fake.url().parse().unwrap(),
        auth: Some(GitHubAuth::Token(SecretRef::Inline("t-davit".into()))),
        webhook_secret: None,
        commit_via: CommitVia::Api,
    };
    let name = GitHubRepository { owner: "acme".into(), name: "fleet".into() };
    let github = GitHub::new(&config, None, Duration::from_secs(20), Arc::new(SystemClock)).unwrap();
    Ground { forge: github.repository(&name), fake, git, _dir: dir }
}

/// A commit by the API, and a pull request for it.
async fn opened(forge: &dyn Forge) -> (u64, String) {
    let parent = forge.branch_head("main").await.unwrap().unwrap();
    let files = vec![FileChange { path: "a.yaml".into(), content: b"v: 2\n".to_vec(), executable: false }];
    let sha = forge.create_commit(&NewCommit { parent, message: "bump".into(), files }).await.unwrap();
    forge.move_branch(BRANCH, None, Some(&sha)).await.unwrap();
    let new = NewPullRequest {
        title: "bump".into(),
        body: "why".into(),
        head: BRANCH.into(),
        base: "main".into(),
        draft: false,
    };
    (forge.open(&new).await.unwrap().pull.number, sha)
}

#[tokio::test]
async fn every_function_of_the_seam_speaks_github_s_language() {
    let ground = ground();
    let forge: &dyn Forge = &ground.forge;
    assert_eq!((forge.name(), forge.login().await.unwrap().as_str()), (REPO, "davit"));
    assert!(!forge.signatures().await.unwrap().authors.is_empty());
    assert!(forge.git_credentials().await.unwrap().is_some());
    let (number, sha) = opened(forge).await;
    assert_eq!(forge.open_pull_requests().await.unwrap().len(), 1);
    assert_eq!(forge.pull_request(number).await.unwrap().mergeable, Mergeable::Clean);
    forge.update(number, &TextChange { title: Some("better".into()), body: Some("because".into()) }).await.unwrap();
    forge.add_labels(number, &["davit".into()]).await.unwrap();
    forge.add_assignees(number, &["casey".into()]).await.unwrap();
    ground.fake.add_team(REPO, "ops");
    forge.request_reviewers(number, &["casey".into(), "acme/ops".into()]).await.unwrap();
    forge.comment(number, "<!-- davit:x -->", "hello").await.unwrap();

    let status = CommitStatus {
        context: "davit".into(),
        state: StatusState::Pending,
        description: "x".repeat(200),
        url: Some("https://example.com/run".into()),
    };
    forge.set_status(&sha, &status).await.unwrap();
    for state in [StatusState::Error, StatusState::Failure, StatusState::Success] {
        forge.set_status(&sha, &CommitStatus { state, url: None, ..status.clone() }).await.unwrap();
    }
    ground.fake.person(REPO, "casey").approve(number).unwrap();
    let reviews = forge.reviews(number).await.unwrap();
    assert_eq!(reviews, [Review { author: "casey".into(), verdict: Verdict::Approved, sha: Some(sha.clone()) }]);

    forge.close(number, "done").await.unwrap();
    forge.move_branch(BRANCH, Some(&sha), None).await.unwrap();
    let past = forge.pull_requests_of(BRANCH).await.unwrap();
    assert_eq!((past.len(), past[0].state, past[0].closed_by.as_deref()), (1, PullState::Closed, Some("davit")));
    let exchanges = ground.fake.server.traffic.exchanges();
    let states: Vec<_> = exchanges.iter().filter(|e| e.path.contains("/statuses/")).map(Exchange::json).collect();
    assert_eq!(
        states.iter().map(|s| s["state"].as_str().unwrap()).collect::<Vec<_>>(),
        ["pending", "error", "failure", "success"]
    );
    assert_eq!(states[0]["description"].as_str().unwrap().len(), 140, "GitHub takes no longer one");
    assert_eq!(Description::load().violations(&exchanges), Vec::<String>::new());
    assert!(ground.git.find_reference(&format!("refs/heads/{BRANCH}")).is_err());
}

#[tokio::test]
async fn who_cannot_be_asked_keeps_nobody_else_out() {
    let ground = ground();
    let forge: &dyn Forge = &ground.forge;
    let (number, _) = opened(forge).await;
    let names = ["casey", "davit", "acme/none"].map(str::to_owned);
    let Err(ForgeError::Validation { errors, .. }) = forge.request_reviewers(number, &names).await else {
        panic!("two of three can't be asked")
    };
    assert!(
        matches!(errors.as_slice(), [a, b] if a.starts_with("davit: ") && b.starts_with("acme/none: ")),
        "{errors:?}"
    );
    let names = ["stranger", "casey"].map(str::to_owned);
    let Err(ForgeError::Validation { errors, .. }) = forge.add_assignees(number, &names).await else {
        panic!("a stranger can't be assigned")
    };
    assert_eq!(errors, ["stranger"]);
    let pull = &ground.fake.pulls(REPO)[0];
    assert_eq!((&pull.reviewers, &pull.assignees), (&vec!["casey".to_owned()], &vec!["casey".to_owned()]));
    assert_eq!(Description::load().violations(&ground.fake.server.traffic.exchanges()), Vec::<String>::new());
}
