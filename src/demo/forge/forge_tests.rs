//! The forge over real HTTP, with a plain client.

use super::*;
use crate::demo::fault::{Fault, Kind, Moment};
use serde_json::{Value, json};
use std::time::Duration;

const REPO: &str = "acme/fleet";

struct Ground {
    forge: Forge,
    git: git2::Repository,
    _dir: tempfile::TempDir,
}

fn ground() -> Ground {
    let dir = tempfile::tempdir().unwrap();
    let git = git2::Repository::init_bare(dir.path().join("fleet.git")).unwrap();
    let forge = Forge::start().unwrap();
    forge.add_repository(REPO, git.path(), "main");
    forge.add_token("t-davit", "davit");
    forge.set_role(REPO, "davit", Some(Role::Write));
    forge.add_token("t-reader", "reader");
    forge.set_role(REPO, "reader", Some(Role::Read));
    forge.person(REPO, "acme").push("main", "first", &[("a.yaml", Some("v: 1\n")), ("b.yaml", Some("x\n"))]).unwrap();
    Ground { forge, git, _dir: dir }
}

impl Ground {
    async fn ask(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = reqwest::Client::new().request(method, format!("{}{path}", self.forge.url()));
        request = request.bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("t-davit", "GET", path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    fn push(&self, branch: &str, text: &str) -> String {
        self.forge.person(REPO, "davit").push(branch, "bump", &[("a.yaml", Some(text))]).unwrap()
    }

    async fn open(&self, branch: &str) -> (u16, Value) {
        let body = json!({"title": "bump", "head": branch, "base": "main", "body": "why"});
        self.ask("t-davit", "POST", "/repos/acme/fleet/pulls", Some(body)).await
    }
}

#[tokio::test]
async fn a_second_pull_request_for_a_branch_is_refused_in_github_s_words() {
    let ground = ground();
    ground.push("davit/a", "v: 2\n");
    let (status, pull) = ground.open("davit/a").await;
    assert_eq!((status, &pull["number"], &pull["mergeable_state"]), (201, &json!(1), &json!("clean")));
    let (status, error) = ground.open("davit/a").await;
    assert_eq!(status, 422);
    assert_eq!(error["errors"][0]["message"], "A pull request already exists for acme:davit/a.");
}

#[tokio::test]
async fn a_push_by_path_moves_the_head_and_a_deleted_branch_closes_the_pull_request() {
    let ground = ground();
    ground.push("davit/a", "v: 2\n");
    ground.open("davit/a").await;
    let head = ground.push("davit/a", "v: 3\n");
    let pull = ground.get("/repos/acme/fleet/pulls/1").await;
    assert_eq!(pull["head"]["sha"], head);
    assert_eq!(ground.git.refname_to_id("refs/pull/1/head").unwrap().to_string(), head);
    ground.git.find_reference("refs/heads/davit/a").unwrap().delete().unwrap();
    assert_eq!(ground.get("/repos/acme/fleet/pulls/1").await["state"], "closed");
}

#[tokio::test]
async fn a_merge_is_a_real_commit_on_the_base() {
    let ground = ground();
    ground.push("davit/a", "v: 2\n");
    ground.open("davit/a").await;
    let (status, merged) = ground.ask("t-davit", "PUT", "/repos/acme/fleet/pulls/1/merge", Some(json!({}))).await;
    assert_eq!(status, 200, "{merged}");
    let tip = ground.git.refname_to_id("refs/heads/main").unwrap();
    assert_eq!(merged["sha"], tip.to_string());
    assert_eq!(ground.git.find_commit(tip).unwrap().parent_count(), 2);
    let pull = ground.get("/repos/acme/fleet/pulls/1").await;
    assert_eq!(
        (&pull["merged"], &pull["state"], &pull["merged_by"]["login"]),
        (&json!(true), &json!("closed"), &json!("davit"))
    );
}

#[tokio::test]
async fn a_base_that_gets_the_commits_by_push_merges_and_one_in_conflict_is_dirty() {
    let ground = ground();
    ground.push("davit/a", "v: 2\n");
    ground.push("davit/b", "v: 9\n");
    ground.open("davit/a").await;
    ground.open("davit/b").await;
    let head = ground.git.refname_to_id("refs/heads/davit/a").unwrap();
    ground.git.reference("refs/heads/main", head, true, "push").unwrap();
    assert_eq!(ground.get("/repos/acme/fleet/pulls/1").await["merged"], true);
    assert_eq!(ground.get("/repos/acme/fleet/pulls/2").await["mergeable_state"], "dirty");
}

#[tokio::test]
async fn strict_protection_says_behind_until_the_branch_is_updated() {
    let ground = ground();
    ground.forge.protect(REPO, "main", Some(Protection { strict: true, ..Protection::default() }));
    ground.push("davit/a", "v: 2\n");
    ground.open("davit/a").await;
    ground.forge.person(REPO, "acme").push("main", "other", &[("b.yaml", Some("y\n"))]).unwrap();
    assert_eq!(ground.get("/repos/acme/fleet/pulls/1").await["mergeable_state"], "behind");
    ground.forge.person(REPO, "bob").update_branch(1).unwrap();
    assert_eq!(ground.get("/repos/acme/fleet/pulls/1").await["mergeable_state"], "clean");
    assert_eq!(ground.get("/repos/acme/fleet/rules/branches/main").await[0]["type"], "required_status_checks");
}

#[tokio::test]
async fn update_refs_moves_only_from_the_value_that_was_seen() {
    let ground = ground();
    let main = ground.git.refname_to_id("refs/heads/main").unwrap().to_string();
    let repository = ground.get("/repos/acme/fleet").await["node_id"].clone();
    let zero = "0".repeat(40);
    let move_ref = |before: &str, after: &str| {
        let update = json!({"name": "refs/heads/davit/x", "beforeOid": before, "afterOid": after});
        let input = json!({"repositoryId": repository, "refUpdates": [update]});
        let query = "mutation($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }";
        json!({"query": query, "variables": {"input": input}})
    };
    let (_, made) = ground.ask("t-davit", "POST", "/graphql", Some(move_ref(&zero, &main))).await;
    assert!(made["errors"].is_null(), "{made}");
    let (_, again) = ground.ask("t-davit", "POST", "/graphql", Some(move_ref(&zero, &main))).await;
    assert_eq!(again["errors"][0]["type"], "UNPROCESSABLE");
    let (_, gone) = ground.ask("t-davit", "POST", "/api/graphql", Some(move_ref(&main, &zero))).await;
    assert!(gone["errors"].is_null(), "{gone}");
    assert!(ground.git.find_reference("refs/heads/davit/x").is_err());
}

#[tokio::test]
async fn rights_follow_the_token() {
    let ground = ground();
    ground.push("davit/a", "v: 2\n");
    let body = json!({"title": "t", "head": "davit/a", "base": "main"});
    let path = "/repos/acme/fleet/pulls";
    assert_eq!(ground.ask("t-reader", "POST", path, Some(body.clone())).await.0, 403);
    assert_eq!(ground.ask("wrong", "GET", path, None).await.0, 401);
    ground.forge.set_private(REPO, true);
    ground.forge.set_role(REPO, "davit", None);
    assert_eq!(ground.ask("t-davit", "POST", path, Some(body)).await.0, 404);
}

#[tokio::test]
async fn lists_have_pages_and_an_unchanged_answer_is_a_304_without_a_type() {
    let ground = ground();
    for n in 0..3 {
        ground.push(&format!("davit/{n}"), &format!("v: {n}0\n"));
        assert_eq!(ground.open(&format!("davit/{n}")).await.0, 201);
    }
    let url = format!("{}/repos/acme/fleet/pulls?per_page=2", ground.forge.url());
    let first = reqwest::get(&url).await.unwrap();
    let link = first.headers()["link"].to_str().unwrap().to_owned();
    assert!(link.contains("page=2>; rel=\"next\""), "{link}");
    let tag = first.headers()["etag"].clone();
    let again = reqwest::Client::new().get(&url).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert!(again.headers().get("content-type").is_none());
}

#[tokio::test]
async fn a_lost_answer_leaves_the_work_done() {
    let ground = ground();
    ground.push("davit/a", "v: 2\n");
    ground.forge.server.fail(Fault::lost_answer("POST", "/pulls$"));
    let body = json!({"title": "t", "head": "davit/a", "base": "main"});
    let url = format!("{}/repos/acme/fleet/pulls", ground.forge.url());
    let lost = reqwest::Client::new().post(url).bearer_auth("t-davit").json(&body).send().await;
    assert!(lost.is_err());
    assert_eq!(ground.forge.pulls(REPO).len(), 1);
    assert_eq!(ground.forge.server.traffic.count("POST", "/pulls$"), 1);
}

#[tokio::test]
async fn a_hanging_request_does_not_hold_the_others_and_is_seen_while_it_hangs() {
    let ground = ground();
    ground.forge.server.fail(Fault::new("GET", "/user$", Moment::Before, Kind::Hang));
    let url = format!("{}/user", ground.forge.url());
    let hanging = tokio::spawn(reqwest::Client::new().get(&url).bearer_auth("t-davit").send());
    let traffic = ground.forge.server.traffic.clone();
    let seen = tokio::task::spawn_blocking(move || traffic.wait("GET", "/user$", 1, Duration::from_secs(10)));
    assert!(seen.await.unwrap());
    assert_eq!(ground.get("/user").await["login"], "davit");
    hanging.abort();
}

#[tokio::test]
async fn a_closed_pull_request_opens_again_unless_its_branch_moved_away() {
    let ground = ground();
    ground.push("davit/a", "v: 2\n");
    ground.open("davit/a").await;
    let person = ground.forge.person(REPO, "bob");
    person.close(1).unwrap();
    assert_eq!(ground.get("/repos/acme/fleet/issues/1").await["closed_by"]["login"], "bob");
    person.reopen(1).unwrap();
    person.close(1).unwrap();
    let main = ground.git.refname_to_id("refs/heads/main").unwrap().to_string();
    person.force("davit/a", &main).unwrap();
    assert!(person.reopen(1).unwrap_err().message.contains("force-pushed"));
}

#[tokio::test]
async fn the_git_data_api_makes_a_signed_commit_for_an_app() {
    let ground = ground();
    ground.forge.add_app(7, "davit", 70);
    ground.forge.set_role(REPO, "davit[bot]", Some(Role::Write));
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let token = Token { login: "davit[bot]".into(), expires: Some(end) };
    ground.forge.state().tokens.insert("ghs_x".into(), token);
    let main = ground.git.refname_to_id("refs/heads/main").unwrap().to_string();
    let base = "/repos/acme/fleet/git";
    let (_, tree) = ground
        .ask(
            "ghs_x",
            "POST",
            &format!("{base}/trees"),
            Some(json!({"base_tree": main, "tree": [{"path": "a.yaml", "mode": "100644", "type": "blob", "content": "v: 2\n"}]})),
        )
        .await;
    let body = json!({"message": "m", "tree": tree["sha"], "parents": [main]});
    let (status, commit) = ground.ask("ghs_x", "POST", &format!("{base}/commits"), Some(body)).await;
    assert_eq!((status, &commit["verification"]["verified"]), (201, &json!(true)));
    let body = json!({"ref": "refs/heads/davit/z", "sha": commit["sha"]});
    assert_eq!(ground.ask("ghs_x", "POST", &format!("{base}/refs"), Some(body)).await.0, 201);
    assert_eq!(ground.get("/repos/acme/fleet/contents/a.yaml?ref=davit/z").await["size"], 5);
}

#[tokio::test]
async fn octocrab_reads_and_writes_here() {
    let ground = ground();
    ground.push("davit/a", "v: 2\n");
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = octocrab::Octocrab::builder().base_uri(ground.forge.url()).unwrap();
    let client = client.personal_token("t-davit".to_owned()).build().unwrap();
    let pulls = client.pulls("acme", "fleet");
    let made = pulls.create("title", "davit/a", "main").body("b").send().await.unwrap();
    client.issues("acme", "fleet").add_labels(made.number, &["davit".to_owned()]).await.unwrap();
    client.issues("acme", "fleet").create_comment(made.number, "hello").await.unwrap();
    let list = pulls.list().state(octocrab::params::State::All).send().await.unwrap();
    assert_eq!(list.items[0].labels.as_ref().unwrap()[0].name, "davit");
    assert_eq!(
        client.issues("acme", "fleet").list_comments(1).send().await.unwrap().items[0].body.as_deref(),
        Some("hello")
    );
}
