//! `davit once` against real parts: the first run opens the pull requests, the second writes nothing.

use crate::stage::{REPO, Stage};
use davit::demo::forge::{PullView, Role};

/// Branch, file, what stands there and what is to stand there, releases in the table.
const WANTED: [(&str, &str, &str, &str, &[&str]); 4] = [
    (
        "davit/app-template-b89b57-5.x",
        "sources.yaml",
        "4.4.0",
        "5.1.0",
        &["media/plex", "media/radarr", "media/sonarr"],
    ),
    ("davit/cache-ea1400-18.x", "apps/cache.yaml", "18.0.0", "18.2.0", &["shop/cache"]),
    ("davit/cron-bf08b9-1.x", "apps/cron.yaml", "1.0.0", "1.0.4", &["shop/nightly", "shop/weekly"]),
    ("davit/web-ca7dd8-6.x", "apps/web.yaml", "6.5.0", "6.7.1", &["shop/web"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_run_opens_the_pull_requests_and_the_second_writes_nothing() {
    let stage = Stage::new().await;
    let run = stage.good().await;
    assert!(run.out.contains("fleet: 8 releases, 4 updates"), "{}", run.out);
    assert_eq!(stage.branches(), WANTED.map(|(branch, ..)| branch));
    let pulls = stage.pulls();
    assert_eq!(pulls.iter().map(|pull| pull.branch.as_str()).collect::<Vec<_>>(), WANTED.map(|(branch, ..)| branch));
    for (pull, (branch, path, from, to, releases)) in pulls.iter().zip(WANTED) {
        holds_one_commit_with_the_version_only(&stage, branch, path, from, to);
        describes(pull, path, from, to, releases);
    }
    stage.silent().await;
    stage.lawful();
}

fn holds_one_commit_with_the_version_only(stage: &Stage, branch: &str, path: &str, from: &str, to: &str) {
    let (tip, base) = (stage.tip(branch), stage.tip("main"));
    assert_eq!(tip.parent_ids().collect::<Vec<_>>(), [base.id()], "{branch}");
    assert_eq!(tip.author().email(), Ok("davit@example.com"));
    let diff = stage.bare.diff_tree_to_tree(Some(&base.tree().unwrap()), Some(&tip.tree().unwrap()), None).unwrap();
    let changed: Vec<_> = diff.deltas().map(|d| d.new_file().path().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(changed, [path]);
    assert_eq!(stage.file(branch, path), stage.file("main", path).replace(from, to));
}

fn describes(pull: &PullView, path: &str, from: &str, to: &str, releases: &[&str]) {
    assert!(pull.open && !pull.draft && pull.author == "davit", "{pull:#?}");
    assert!(pull.title.starts_with("chore(deps)") && pull.title.ends_with(&format!(" to {to}")), "{}", pull.title);
    // The repository's own `.davit/config.yaml` asks for both, and holds the chart `frozen` back.
    assert_eq!(pull.labels, ["charts", "davit"]);
    let rows: Vec<&str> = pull.body.lines().filter(|line| line.contains(&format!("[{path}:"))).collect();
    assert_eq!(rows.len(), releases.len(), "{}", pull.body);
    for (row, release) in rows.iter().zip(releases) {
        assert!(row.starts_with(&format!("| {release} | [{path}:")), "{row}");
        assert!(row.contains(&format!("/{REPO}/blob/main/{path}#L")), "{row}");
        assert!(row.ends_with(&format!("| `{from}` | `{to}` |")), "{row}");
    }
    assert!(pull.comments.is_empty(), "{:?}", pull.comments);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_made_by_the_forge_s_api_give_the_same_and_no_push_is_made() {
    let mut stage = Stage::new().await;
    stage.settings.insert("commitVia", "api".into());
    stage.good().await;
    assert_eq!(stage.branches(), WANTED.map(|(branch, ..)| branch));
    for (branch, path, from, to, _) in WANTED {
        let (tip, base) = (stage.tip(branch), stage.tip("main"));
        assert_eq!(tip.parent_ids().collect::<Vec<_>>(), [base.id()], "{branch}");
        assert_eq!(stage.file(branch, path), stage.file("main", path).replace(from, to));
    }
    assert_eq!(stage.git.pushes(), 0);
    stage.silent().await;
    // A newer version moves the branch, an update that the base has takes it away, and still nothing is pushed.
    stage.charts.add(davit::demo::chart::chart("web", "6.8.0"));
    stage.rewrite("apps/cache.yaml", "18.0.0", "18.2.0");
    stage.good().await;
    assert_eq!(
        stage.file("davit/web-ca7dd8-6.x", "apps/web.yaml"),
        stage.file("main", "apps/web.yaml").replace("6.5.0", "6.8.0")
    );
    assert_eq!(stage.branches().len(), 3);
    assert_eq!(stage.git.pushes(), 0);
    stage.silent().await;
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_github_app_commits_by_the_api_and_knows_its_own_again() {
    let mut stage = Stage::new().await;
    let key = stage.dir.path().join("app.pem");
    std::fs::write(&key, rsa_key()).unwrap();
    stage.forge.add_app(1, "davit", 7);
    stage.forge.set_role(REPO, "davit[bot]", Some(Role::Write));
    stage.settings.insert("signIn", format!("app: {{id: 1, installationId: 7, privateKeyFile: {}}}", key.display()));
    stage.settings.insert("commitVia", "api".into());
    stage.good().await;
    let pulls = stage.pulls();
    assert!(pulls.len() == 4 && pulls.iter().all(|pull| pull.author == "davit[bot]"), "{pulls:#?}");
    stage.charts.add(davit::demo::chart::chart("web", "6.8.0"));
    stage.good().await;
    assert!(stage.pull("davit/web").title.ends_with("to 6.8.0"));
    assert_eq!((stage.pulls().len(), stage.git.pushes()), (4, 0));
    stage.lawful();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enterprise_servers_addresses_are_known_again_by_the_next_process() {
    let mut stage = Stage::new().await;
    let key = stage.dir.path().join("app.pem");
    std::fs::write(&key, rsa_key()).unwrap();
    stage.forge.set_mail_host("127.0.0.1");
    stage.forge.add_app(1, "davit", 7);
    stage.forge.set_role(REPO, "davit[bot]", Some(Role::Write));
    stage.settings.insert("signIn", format!("app: {{id: 1, installationId: 7, privateKeyFile: {}}}", key.display()));
    stage.settings.insert("commitVia", "api".into());
    stage.good().await;
    let committer = stage.tip("davit/web-ca7dd8-6.x").committer().email().unwrap().to_owned();
    assert_eq!(committer, "noreply@127.0.0.1");
    stage.charts.add(davit::demo::chart::chart("web", "6.8.0"));
    stage.good().await;
    assert!(stage.pull("davit/web").title.ends_with("to 6.8.0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_our_account_opened_on_another_branch_is_proposed_elsewhere() {
    let stage = Stage::new().await;
    let theirs = stage.file("main", "apps/cache.yaml").replace("18.0.0", "18.2.0");
    let davit = stage.forge.person(REPO, "davit");
    davit.push("renovate/cache", "chore: cache", &[("apps/cache.yaml", Some(&theirs))]).unwrap();
    davit.open("renovate/cache", "main", "cache 18.2.0", "").unwrap();
    stage.good().await;
    let pulls = stage.pulls();
    assert!(!pulls.iter().any(|pull| pull.branch.starts_with("davit/cache")), "{pulls:#?}");
    assert!(pulls.iter().any(|pull| pull.branch.starts_with("davit/web")), "{pulls:#?}");
    stage.lawful();
}

fn rsa_key() -> String {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use base64::Engine as _;
    let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}
