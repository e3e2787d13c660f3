//! Users, repositories and commits in GitHub's JSON. Shapes follow GitHub's own description, which the tests hold.

use super::bare;
use super::state::Repo;
use git2::{Commit, Repository};
use serde_json::{Map, Value, json};

/// A number that belongs to a name for good.
pub(super) fn id_of(name: &str) -> u64 {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(name.to_ascii_lowercase().as_bytes());
    u64::from(u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) >> 2)
}

/// A node id: opaque to clients.
pub(super) fn node(kind: &str, id: impl std::fmt::Display) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(format!("{kind}:{id}"))
}

/// `simple-user`
pub(super) fn user(url: &str, login: &str) -> Value {
    let (id, api) = (id_of(login), format!("{url}/users/{login}"));
    let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
    json!({
        "login": login, "id": id, "node_id": node("User", id),
        "avatar_url": format!("{url}/avatars/{id}"), "gravatar_id": "",
        "url": api, "html_url": format!("{url}/{login}"),
        "followers_url": format!("{api}/followers"), "following_url": format!("{api}/following{{/other_user}}"),
        "gists_url": format!("{api}/gists{{/gist_id}}"), "starred_url": format!("{api}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{api}/subscriptions"), "organizations_url": format!("{api}/orgs"),
        "repos_url": format!("{api}/repos"), "events_url": format!("{api}/events{{/privacy}}"),
        "received_events_url": format!("{api}/received_events"),
        "type": kind, "user_view_type": "public", "site_admin": false,
    })
}

/// A user, or null.
pub(super) fn maybe_user(url: &str, login: Option<&str>) -> Value {
    login.map_or(Value::Null, |login| user(url, login))
}

/// `public-user`, what `GET /user` and `GET /users/{login}` say.
pub(super) fn profile(url: &str, login: &str) -> Value {
    let mut profile = user(url, login);
    let more = json!({
        "name": login, "company": null, "blog": "", "location": null, "email": null, "hireable": null, "bio": null,
        "twitter_username": null, "public_repos": 1, "public_gists": 0, "followers": 0, "following": 0,
        "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z",
    });
    merge(&mut profile, more);
    profile
}

/// Sets the fields of `more` in `value`.
pub(super) fn merge(value: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (value, more) {
        into.extend(more);
    }
}

/// Templates of a repository's URLs, after the repository's own.
const REPO_URLS: [(&str, &str); 36] = [
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

/// `minimal-repository`: names and URLs.
pub(super) fn small_repository(url: &str, repo: &Repo, owner: &str) -> Value {
    let full = format!("{owner}/{}", repo.name);
    let api = format!("{url}/repos/{full}");
    let id = if owner.eq_ignore_ascii_case(&repo.owner) { repo.id } else { id_of(&full) };
    let mut map = Map::new();
    for (name, value) in [
        ("id", json!(id)),
        ("node_id", json!(node("Repository", id))),
        ("name", json!(repo.name)),
        ("full_name", json!(full)),
        ("private", json!(repo.private)),
        ("owner", user(url, owner)),
        ("html_url", json!(format!("{url}/{full}"))),
        ("description", Value::Null),
        ("fork", json!(!owner.eq_ignore_ascii_case(&repo.owner))),
        ("url", json!(api)),
    ] {
        map.insert(name.into(), value);
    }
    for (name, suffix) in REPO_URLS {
        map.insert(name.into(), json!(format!("{api}{suffix}")));
    }
    Value::Object(map)
}

/// `repository`, as pull requests carry it.
pub(super) fn repository(url: &str, repo: &Repo, owner: &str) -> Value {
    let mut value = small_repository(url, repo, owner);
    let html = format!("{url}/{owner}/{}", repo.name);
    let open = repo.pulls.values().filter(|pull| pull.open).count();
    let created = repo.created.to_string();
    let more = json!({
        "git_url": format!("{html}.git"), "ssh_url": format!("{html}.git"), "clone_url": format!("{html}.git"),
        "svn_url": html, "mirror_url": null, "homepage": null, "language": null, "license": null,
        "forks_count": 0, "forks": 0, "stargazers_count": 0, "watchers_count": 0, "watchers": 0, "size": 1,
        "default_branch": repo.default_branch, "open_issues_count": open, "open_issues": open,
        "is_template": false, "topics": [], "has_issues": true, "has_projects": false, "has_wiki": false,
        "has_pages": false, "has_downloads": true, "has_discussions": false, "archived": repo.archived, "disabled": false,
        "visibility": if repo.private { "private" } else { "public" },
        "pushed_at": created, "created_at": created, "updated_at": created,
        "allow_forking": true, "web_commit_signoff_required": false,
    });
    merge(&mut value, more);
    value
}

/// `full-repository`, what `GET /repos/{owner}/{repo}` says to this account.
pub(super) fn full_repository(url: &str, repo: &Repo, login: Option<&str>) -> Value {
    use super::state::Role;
    let mut value = repository(url, repo, &repo.owner);
    let role = login.and_then(|login| repo.roles.get(&login.to_ascii_lowercase()).copied());
    let (push, admin) = (role >= Some(Role::Write), role >= Some(Role::Admin));
    let more = json!({
        "network_count": 0, "subscribers_count": 0,
        "permissions": {"admin": admin, "maintain": admin, "push": push, "triage": push, "pull": true},
        "allow_rebase_merge": true, "allow_squash_merge": true, "allow_merge_commit": true, "allow_auto_merge": false,
        "delete_branch_on_merge": repo.delete_branch_on_merge, "allow_update_branch": true,
    });
    merge(&mut value, more);
    value
}

fn verification(signed: bool) -> Value {
    if signed {
        json!({"verified": true, "reason": "valid", "signature": "-----BEGIN PGP SIGNATURE-----", "payload": "",
            "verified_at": "2026-01-01T00:00:00Z"})
    } else {
        json!({"verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null})
    }
}

/// The login behind an address, where it is one of GitHub's own: `login@…` or `123+login@users.noreply.github.com`.
fn login_of(email: &str) -> Option<&str> {
    let name = email.strip_suffix("@users.noreply.github.com")?;
    Some(name.split_once('+').map_or(name, |(_, login)| login)).filter(|login| !login.is_empty())
}

/// `commit`
pub(super) fn commit(url: &str, repo: &Repo, commit: &Commit<'_>) -> Value {
    let sha = commit.id().to_string();
    let (author, committer) = (commit.author(), commit.committer());
    let account =
        |signature: &git2::Signature<'_>| maybe_user(url, login_of(&String::from_utf8_lossy(signature.email_bytes())));
    let api = format!("{url}/repos/{}", repo.full_name());
    let html = format!("{url}/{}", repo.full_name());
    let parents = commit.parent_ids().map(|id| {
        json!({"sha": id.to_string(), "url": format!("{api}/commits/{id}"), "html_url": format!("{html}/commit/{id}")})
    });
    json!({
        "sha": sha, "node_id": node("Commit", &sha),
        "commit": {
            "author": bare::person(&author), "committer": bare::person(&committer),
            "message": message(commit),
            "tree": {"sha": commit.tree_id().to_string(), "url": format!("{api}/git/trees/{}", commit.tree_id())},
            "url": format!("{api}/git/commits/{sha}"), "comment_count": 0,
            "verification": verification(repo.signed.contains(&sha)),
        },
        "url": format!("{api}/commits/{sha}"), "html_url": format!("{html}/commit/{sha}"),
        "comments_url": format!("{api}/commits/{sha}/comments"),
        "author": account(&author), "committer": account(&committer), "parents": parents.collect::<Vec<_>>(),
    })
}

/// `git-commit`
pub(super) fn git_commit(url: &str, repo: &Repo, commit: &Commit<'_>) -> Value {
    let sha = commit.id().to_string();
    let (api, html) = (format!("{url}/repos/{}", repo.full_name()), format!("{url}/{}", repo.full_name()));
    let parents = commit.parent_ids().map(|id| {
        json!({"sha": id.to_string(), "url": format!("{api}/git/commits/{id}"),
            "html_url": format!("{html}/commit/{id}")})
    });
    json!({
        "sha": sha, "node_id": node("Commit", &sha), "url": format!("{api}/git/commits/{sha}"),
        "html_url": format!("{html}/commit/{sha}"),
        "author": bare::person(&commit.author()), "committer": bare::person(&commit.committer()),
        "tree": {"sha": commit.tree_id().to_string(), "url": format!("{api}/git/trees/{}", commit.tree_id())},
        "message": message(commit), "parents": parents.collect::<Vec<_>>(),
        "verification": verification(repo.signed.contains(&sha)),
    })
}

fn message(commit: &Commit<'_>) -> String {
    String::from_utf8_lossy(commit.message_bytes()).trim_end_matches('\n').to_owned()
}

/// `diff-entry` for each change, as pull requests and commits list them.
pub(super) fn files(url: &str, repo: &Repo, at: git2::Oid, changes: Vec<bare::Change>) -> Vec<Value> {
    let (api, html) = (format!("{url}/repos/{}", repo.full_name()), format!("{url}/{}", repo.full_name()));
    let one = |change: bare::Change| {
        let mut file = json!({
            "sha": change.blob.to_string(), "filename": change.path, "status": change.status,
            "additions": change.additions, "deletions": change.deletions,
            "changes": change.additions + change.deletions,
            "blob_url": format!("{html}/blob/{at}/{}", change.path),
            "raw_url": format!("{html}/raw/{at}/{}", change.path),
            "contents_url": format!("{api}/contents/{}?ref={at}", change.path),
        });
        if let Some(patch) = change.patch {
            file["patch"] = json!(patch);
        }
        if let Some(previous) = change.previous {
            file["previous_filename"] = json!(previous);
        }
        file
    };
    changes.into_iter().map(one).collect()
}

/// `git-ref`
pub(super) fn reference(url: &str, repo: &Repo, name: &str, sha: git2::Oid) -> Value {
    let api = format!("{url}/repos/{}", repo.full_name());
    json!({
        "ref": name, "node_id": node("Ref", name), "url": format!("{api}/git/{name}"),
        "object": {"sha": sha.to_string(), "type": "commit", "url": format!("{api}/git/commits/{sha}")},
    })
}

/// `commit` of a pull request or a comparison, by id.
pub(super) fn commit_at(url: &str, repo: &Repo, git: &Repository, id: git2::Oid) -> Result<Value, git2::Error> {
    Ok(commit(url, repo, &git.find_commit(id)?))
}
