//! The fake forge, driven through all that it serves, answers as GitHub describes itself; and the judge sees what is
//! wrong.

use crate::description::Description;
use davit::demo::fault::Fault;
use davit::demo::forge::{Forge, Protection, Role};
use davit::demo::traffic::Exchange;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const REPO: &str = "acme/fleet";

struct Walk {
    forge: Forge,
    git: git2::Repository,
    _dir: tempfile::TempDir,
    client: reqwest::Client,
}

impl Walk {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let git = git2::Repository::init_bare(dir.path().join("fleet.git")).unwrap();
        let forge = Forge::start().unwrap();
        forge.add_repository(REPO, git.path(), "main");
        forge.add_token("admin", "acme");
        forge.add_token("davit", "davit");
        forge.set_role(REPO, "davit", Some(Role::Write));
        forge.set_role(REPO, "bob", Some(Role::Read));
        forge.add_token("bob", "bob");
        let files = [("apps/a.yaml", Some("v: 1\n")), ("b.yaml", Some("x\n"))];
        forge.person(REPO, "acme").push("main", "first", &files).unwrap();
        Self { forge, git, _dir: dir, client: reqwest::Client::new() }
    }

    async fn ask(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let path =
            if let Some(rest) = path.strip_prefix('~') { format!("/repos/{REPO}{rest}") } else { path.to_owned() };
        let mut request = self.client.request(method, format!("{}{path}", self.forge.url())).bearer_auth(token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("davit", "GET", path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn write(&self, wanted: u16, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask("davit", method, path, body).await;
        assert_eq!(status, wanted, "{method} {path}: {answer}");
        answer
    }

    fn push(&self, branch: &str, text: &str) -> String {
        self.forge.person(REPO, "davit").push(branch, "bump", &[("apps/a.yaml", Some(text))]).unwrap()
    }

    fn tip(&self, branch: &str) -> String {
        self.git.refname_to_id(&format!("refs/heads/{branch}")).unwrap().to_string()
    }
}

async fn pulls(walk: &Walk) {
    walk.push("davit/a", "v: 2\n");
    walk.push("davit/b", "v: 3\n");
    let open =
        |head: &str| json!({"title": "chore: bump", "head": head, "base": "main", "body": "why", "draft": false});
    walk.write(201, "POST", "~/pulls", open("davit/a")).await;
    walk.write(201, "POST", "~/pulls", open("acme:davit/b")).await;
    walk.write(422, "POST", "~/pulls", open("davit/a")).await;
    walk.write(422, "POST", "~/pulls", open("main")).await;
    walk.write(422, "POST", "~/pulls", open("missing")).await;
    assert_eq!(walk.ask("bob", "POST", "~/pulls", open("davit/a")).await.0, 403);
    walk.forge.person(REPO, "eve").open_from_fork("x", "main", "mine", &[("c.yaml", Some("c\n"))]).unwrap();
    walk.get("~/pulls?state=all&sort=updated&direction=asc&per_page=1&page=2").await;
    walk.get("~/pulls?head=acme:davit/a&base=main").await;
    walk.write(200, "PATCH", "~/pulls/1", json!({"title": "chore: better", "body": "because"})).await;
    walk.get("~/pulls/1/commits").await;
    walk.get("~/pulls/1/files?per_page=100").await;
    walk.get("~/pulls/1/comments").await;
    walk.write(200, "PATCH", "~/pulls/2", json!({"state": "closed"})).await;
    walk.write(200, "PATCH", "~/pulls/2", json!({"state": "open"})).await;
    walk.write(201, "POST", "~/pulls/1/requested_reviewers", json!({"reviewers": ["bob"]})).await;
    walk.write(422, "POST", "~/pulls/1/requested_reviewers", json!({"reviewers": ["nobody"]})).await;
    walk.get("~/pulls/1/requested_reviewers").await;
    walk.write(200, "DELETE", "~/pulls/1/requested_reviewers", json!({"reviewers": ["bob"]})).await;
    walk.write(200, "POST", "~/pulls/1/reviews", json!({"event": "COMMENT", "body": "hm"})).await;
    walk.write(422, "POST", "~/pulls/1/reviews", json!({"event": "APPROVE"})).await;
    assert_eq!(walk.ask("bob", "POST", "~/pulls/1/reviews", json!({"event": "APPROVE"})).await.0, 200);
    walk.get("~/pulls/1/reviews").await;
}

async fn issues(walk: &Walk) {
    walk.get("~/issues?state=all&creator=davit&labels=&per_page=5").await;
    walk.write(200, "PATCH", "~/issues/1", json!({"labels": ["davit"], "assignees": ["acme"]})).await;
    walk.write(201, "POST", "~/issues/1/assignees", json!({"assignees": ["bob", "nobody"]})).await;
    walk.write(200, "DELETE", "~/issues/1/assignees", json!({"assignees": ["bob"]})).await;
    let comment = walk.write(201, "POST", "~/issues/1/comments", json!({"body": "hello"})).await;
    let own = format!("~/issues/comments/{}", comment["id"]);
    walk.get("~/issues/1/comments?per_page=10&since=2020-01-01T00:00:00Z").await;
    walk.get("~/issues/comments").await;
    walk.get(&own).await;
    walk.write(200, "PATCH", &own, json!({"body": "changed"})).await;
    walk.write(204, "DELETE", &own, Value::Null).await;
    walk.write(200, "POST", "~/issues/1/labels", json!({"labels": ["one", "two"]})).await;
    walk.write(200, "PUT", "~/issues/1/labels", json!({"labels": ["one", "two"]})).await;
    walk.get("~/issues/1/labels").await;
    walk.write(200, "DELETE", "~/issues/1/labels/one", Value::Null).await;
    walk.write(404, "DELETE", "~/issues/1/labels/one", Value::Null).await;
    walk.write(204, "DELETE", "~/issues/1/labels", Value::Null).await;
    walk.write(201, "POST", "~/labels", json!({"name": "new", "color": "aabbcc", "description": "d"})).await;
    walk.write(422, "POST", "~/labels", json!({"name": "new"})).await;
    walk.get("~/labels").await;
    walk.get("~/labels/new").await;
    walk.write(404, "GET", "~/labels/none", Value::Null).await;
    walk.get("~/issues/1").await;
    walk.get("~/issues/1/events").await;
    walk.get("~/issues/1/timeline").await;
    walk.write(204, "GET", "~/assignees/bob", Value::Null).await;
    walk.write(404, "GET", "~/assignees/nobody", Value::Null).await;
    walk.write(204, "GET", "~/collaborators/bob", Value::Null).await;
    walk.get("/search/issues?q=repo:acme/fleet+is:pr+is:open+author:davit&per_page=10").await;
}

async fn commits(walk: &Walk) {
    let head = walk.tip("davit/a");
    let status =
        json!({"state": "success", "context": "davit", "description": "fine", "target_url": "https://example.com"});
    walk.write(201, "POST", &format!("~/statuses/{head}"), status).await;
    walk.get(&format!("~/commits/{head}/status")).await;
    walk.get(&format!("~/commits/{head}/statuses")).await;
    walk.get(&format!("~/commits/{head}/check-runs")).await;
    walk.get(&format!("~/commits/{head}/check-suites")).await;
    walk.get(&format!("~/commits/{head}/pulls")).await;
    walk.get(&format!("~/commits/{head}")).await;
    walk.get("~/commits?sha=davit/a&path=apps&per_page=3").await;
    walk.get("~/compare/main...davit/a").await;
    walk.get("~/contents/apps/a.yaml?ref=davit/a").await;
    walk.get("~/contents/apps").await;
    walk.write(404, "GET", "~/contents/none", Value::Null).await;
    walk.get("~/branches?protected=false").await;
    walk.get("~/branches/davit/a").await;
    walk.write(404, "GET", "~/branches/none", Value::Null).await;
    walk.write(403, "GET", "~/branches/main/protection", Value::Null).await;
    let rules = Protection { contexts: vec!["ci".into()], strict: true, approvals: 1, pull_request_only: true };
    walk.forge.protect(REPO, "main", Some(rules));
    for path in ["~/branches/main/protection", "~/branches/main/protection/required_status_checks"] {
        assert_eq!(walk.ask("admin", "GET", path, Value::Null).await.0, 200);
    }
    walk.get("~/branches/main").await;
    walk.get("~/rules/branches/main").await;
    walk.get("~/pulls/2").await;
    walk.write(405, "PUT", "~/pulls/2/merge", json!({})).await;
    walk.forge.protect(REPO, "main", None);
    assert_eq!(walk.ask("admin", "GET", "~/branches/main/protection", Value::Null).await.0, 404);
}

async fn objects(walk: &Walk) {
    let main = walk.tip("main");
    let blob = walk.write(201, "POST", "~/git/blobs", json!({"content": "djogMgo=", "encoding": "base64"})).await;
    walk.get(&format!("~/git/blobs/{}", blob["sha"].as_str().unwrap())).await;
    let entry = json!({"path": "apps/a.yaml", "mode": "100644", "type": "blob", "sha": blob["sha"]});
    let tree = walk.write(201, "POST", "~/git/trees", json!({"base_tree": main, "tree": [entry]})).await;
    walk.get(&format!("~/git/trees/{}?recursive=1", tree["sha"].as_str().unwrap())).await;
    let author = json!({"name": "davit", "email": "davit@example.com", "date": "2026-01-01T00:00:00Z"});
    let body = json!({"message": "m", "tree": tree["sha"], "parents": [main], "author": author});
    let commit = walk.write(201, "POST", "~/git/commits", body).await;
    walk.get(&format!("~/git/commits/{}", commit["sha"].as_str().unwrap())).await;
    let create = json!({"ref": "refs/heads/davit/api", "sha": commit["sha"]});
    walk.write(201, "POST", "~/git/refs", create.clone()).await;
    walk.write(422, "POST", "~/git/refs", create).await;
    walk.get("~/git/ref/heads/davit/api").await;
    walk.get("~/git/matching-refs/heads/davit/").await;
    walk.write(404, "GET", "~/git/ref/heads/none", Value::Null).await;
    walk.write(422, "PATCH", "~/git/refs/heads/davit/api", json!({"sha": main})).await;
    walk.write(200, "PATCH", "~/git/refs/heads/davit/api", json!({"sha": main, "force": true})).await;
    walk.write(204, "DELETE", "~/git/refs/heads/davit/api", Value::Null).await;
}

async fn merges(walk: &Walk) {
    walk.forge.person(REPO, "acme").push("main", "other", &[("b.yaml", Some("y\n"))]).unwrap();
    walk.write(202, "PUT", "~/pulls/1/update-branch", json!({})).await;
    walk.write(404, "GET", "~/pulls/1/merge", Value::Null).await;
    walk.write(409, "PUT", "~/pulls/1/merge", json!({"sha": walk.tip("main")})).await;
    walk.write(200, "PUT", "~/pulls/1/merge", json!({"merge_method": "squash", "commit_title": "t"})).await;
    walk.write(204, "GET", "~/pulls/1/merge", Value::Null).await;
    assert_eq!(walk.get("~/pulls/2").await["mergeable_state"], "dirty");
    walk.write(405, "PUT", "~/pulls/2/merge", json!({})).await;
    walk.get("~/pulls/1").await;
    walk.get("~/issues/1/timeline").await;
}

/// An App's token needs a signature of the right shape only: the fake holds no key.
fn app_token(app: u64) -> String {
    use base64::Engine;
    let pack = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({"iat": now - 30, "exp": now + 300, "iss": app.to_string()});
    let head = json!({"alg": "RS256", "typ": "JWT"});
    format!("{}.{}.{}", pack(head.to_string()), pack(claims.to_string()), pack("s".repeat(256)))
}

async fn apps(walk: &Walk) {
    walk.forge.add_app(7, "davit", 70);
    walk.forge.set_role(REPO, "davit[bot]", Some(Role::Write));
    let jwt = app_token(7);
    for path in ["/app", "/app/installations/70", "~/installation"] {
        assert_eq!(walk.ask(&jwt, "GET", path, Value::Null).await.0, 200, "{path}");
    }
    assert_eq!(walk.ask("davit", "POST", "/app/installations/70/access_tokens", Value::Null).await.0, 401);
    assert_eq!(walk.ask(&app_token(8), "POST", "/app/installations/70/access_tokens", Value::Null).await.0, 401);
    let (status, token) = walk.ask(&jwt, "POST", "/app/installations/70/access_tokens", json!({})).await;
    assert_eq!(status, 201, "{token}");
    let token = token["token"].as_str().unwrap();
    assert_eq!(walk.ask(token, "GET", "/installation/repositories", Value::Null).await.0, 200);
    assert_eq!(walk.ask(token, "GET", "/user", Value::Null).await.0, 403);
    walk.forge.expire_installation_tokens();
    assert_eq!(walk.ask(token, "GET", "/installation/repositories", Value::Null).await.0, 401);
}

async fn everything() -> Walk {
    let walk = Walk::start();
    for path in ["/user", "/users/davit", "/rate_limit", "~", "/api/v3/repos/acme/fleet"] {
        walk.get(path).await;
    }
    walk.write(404, "GET", "/repos/acme/none", Value::Null).await;
    assert_eq!(walk.ask("wrong", "GET", "/user", Value::Null).await.0, 401);
    pulls(&walk).await;
    issues(&walk).await;
    commits(&walk).await;
    objects(&walk).await;
    merges(&walk).await;
    apps(&walk).await;
    walk
}

#[tokio::test]
async fn the_whole_fake_answers_as_github_describes_itself() {
    let walk = everything().await;
    let description = Description::load();
    let exchanges = walk.forge.server.traffic.exchanges();
    let violations = description.violations(&exchanges);
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
    let seen: BTreeSet<String> = exchanges.iter().filter_map(|exchange| description.operation(exchange)).collect();
    let unseen: Vec<_> = description.operations().difference(&seen).cloned().collect();
    assert!(unseen.is_empty(), "never asked: {unseen:?}");
}

fn first(walk: &Walk, method: &str, path: &str) -> Exchange {
    let found = walk.forge.server.traffic.exchanges().into_iter().find(|e| e.method == method && e.path == path);
    found.unwrap()
}

#[tokio::test]
async fn the_judge_sees_what_is_wrong() {
    let walk = Walk::start();
    walk.push("davit/a", "v: 2\n");
    walk.write(201, "POST", "~/pulls", json!({"title": "t", "head": "davit/a", "base": "main"})).await;
    let good = first(&walk, "POST", "/repos/acme/fleet/pulls");
    let description = Description::load();
    assert_eq!(description.violations([&good]), Vec::<String>::new());
    let reply = |change: &dyn Fn(&mut Value)| {
        let mut body: Value = serde_json::from_slice(&good.reply).unwrap();
        change(&mut body);
        Exchange { reply: body.to_string().into(), ..good.clone() }
    };
    let wrong: Vec<(&str, Exchange)> = vec![
        ("a number as text", reply(&|body| body["number"] = json!("1"))),
        ("a missing field", reply(&|body| drop(body.as_object_mut().unwrap().remove("head")))),
        ("an unknown field", reply(&|body| body["surprise"] = json!(1))),
        ("an unknown field below", reply(&|body| body["head"]["user"]["surprise"] = json!(1))),
        ("null where none may be", reply(&|body| body["title"] = Value::Null)),
        ("an undeclared status", Exchange { status: Some(202), ..good.clone() }),
        ("an unknown path", Exchange { path: "/repos/acme/fleet/pullz".into(), ..good.clone() }),
        ("an unknown query", Exchange { query: vec![("a".into(), "b".into())], ..good.clone() }),
        ("a wrong request", Exchange { body: r#"{"title": 1, "head": "a", "base": "b"}"#.into(), ..good.clone() }),
        (
            "an extra request field",
            Exchange { body: r#"{"title":"t","head":"a","base":"b","x":1}"#.into(), ..good.clone() },
        ),
        ("a missing request field", Exchange { body: r#"{"title": "t"}"#.into(), ..good.clone() }),
    ];
    for (what, exchange) in wrong {
        assert!(!description.violations([&exchange]).is_empty(), "{what} passes");
    }
}

#[tokio::test]
async fn an_injected_fault_is_not_held_against_the_description() {
    let walk = Walk::start();
    walk.forge.server.fail(Fault::status("GET", "/user$", 500));
    assert_eq!(walk.ask("davit", "GET", "/user", Value::Null).await.0, 500);
    assert!(Description::load().violations(&walk.forge.server.traffic.exchanges()).is_empty());
}
