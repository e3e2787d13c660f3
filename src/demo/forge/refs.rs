//! Branches and their protection, commits, statuses, comparisons and file contents.

use super::bare;
use super::pulls::{repo, repo_mut};
use super::render;
use super::route::{Ask, demand, text};
use super::state::{CommitStatus, Protection, Repo, Role, State};
use super::talk;
use super::wire::{Answer, Out, Refusal, slice};
use git2::{Oid, Repository};
use serde_json::{Value, json};

pub(super) fn answer(state: &mut State, ask: &Ask<'_>, rest: &[&str]) -> Answer {
    match (ask.request.method.as_str(), rest) {
        ("GET", ["branches"]) => branches(state, ask),
        ("GET", ["branches", name @ .., "protection"]) => {
            let rules = protection(state, ask, &name.join("/"))?;
            Out::ok(rules)
        }
        ("GET", ["branches", name @ .., "protection", "required_status_checks"]) => {
            let rules = protection(state, ask, &name.join("/"))?;
            match rules.get("required_status_checks") {
                Some(checks) => Out::ok(checks.clone()),
                None => Err(Refusal::new(404, "Required status checks not enabled")),
            }
        }
        ("GET", ["branches", name @ ..]) => branch(state, ask, &name.join("/")),
        ("GET", ["rules", "branches", name @ ..]) => rules(state, ask, &name.join("/")),
        ("GET", ["commits"]) => commits(state, ask),
        ("GET", ["commits", name @ .., "status"]) => combined(state, ask, &name.join("/")),
        ("GET", ["commits", name @ .., "statuses"]) => statuses(state, ask, &name.join("/")),
        ("GET", ["commits", _, .., "check-runs"]) => Out::ok(json!({"total_count": 0, "check_runs": []})),
        ("GET", ["commits", _, .., "check-suites"]) => Out::ok(json!({"total_count": 0, "check_suites": []})),
        ("GET", ["commits", name @ .., "pulls"]) => pulls_of(state, ask, &name.join("/")),
        ("GET", ["commits", name @ ..]) => commit(state, ask, &name.join("/")),
        ("POST", ["statuses", sha]) => create_status(state, ask, sha),
        ("GET", ["compare", range @ ..]) => compare(state, ask, &range.join("/")),
        ("GET", ["contents", path @ ..]) => contents(state, ask, &path.join("/")),
        _ => Err(Refusal::not_found()),
    }
}

/// A branch, tag or commit id.
fn resolve(git: &Repository, name: &str) -> Result<Oid, Refusal> {
    let named = [format!("refs/heads/{name}"), format!("refs/tags/{name}"), format!("refs/{name}")];
    if let Some(id) = named.iter().find_map(|name| bare::tip(git, name)) {
        return Ok(id);
    }
    let found = git.revparse_single(name).ok().and_then(|object| object.peel_to_commit().ok()).map(|c| c.id());
    found.ok_or_else(|| Refusal::new(422, format!("No commit found for SHA: {name}")))
}

fn checks(url: &str, repo: &Repo, branch: &str, rules: Option<&Protection>, detailed: bool) -> Value {
    let contexts = rules.map(|rules| rules.contexts.clone()).unwrap_or_default();
    let list: Vec<Value> = contexts.iter().map(|c| json!({"context": c, "app_id": null})).collect();
    let own = format!("{url}/repos/{}/branches/{branch}/protection/required_status_checks", repo.full_name());
    if detailed {
        let strict = rules.is_some_and(|rules| rules.strict);
        json!({"url": own, "strict": strict, "contexts": contexts, "contexts_url": format!("{own}/contexts"),
            "checks": list})
    } else {
        let level = if contexts.is_empty() && !rules.is_some_and(|rules| rules.strict) { "off" } else { "non_admins" };
        json!({"enforcement_level": level, "contexts": contexts, "checks": list})
    }
}

fn branch_head(url: &str, repo: &Repo, name: &str) -> Value {
    let rules = repo.protections.get(name);
    let own = format!("{url}/repos/{}/branches/{name}/protection", repo.full_name());
    json!({
        "name": name, "protected": rules.is_some(), "protection_url": own,
        "protection": {"enabled": rules.is_some(), "required_status_checks": checks(url, repo, name, rules, false)},
    })
}

fn branches(state: &State, ask: &Ask<'_>) -> Answer {
    let repo = repo(state, ask.key)?;
    let git = repo.open()?;
    let mut items = Vec::new();
    for reference in git.references_glob("refs/heads/*")? {
        let reference = reference?;
        let full = String::from_utf8_lossy(reference.name_bytes()).into_owned();
        let (Some(name), Ok(commit)) = (full.strip_prefix("refs/heads/"), reference.peel_to_commit()) else { continue };
        let mut item = branch_head(&state.url, repo, name);
        let id = commit.id();
        let url = format!("{}/repos/{}/commits/{id}", state.url, repo.full_name());
        item["commit"] = json!({"sha": id.to_string(), "url": url});
        let wanted = ask.request.param("protected").and_then(|text| text.parse::<bool>().ok());
        if wanted.is_none_or(|wanted| item["protected"] == json!(wanted)) {
            items.push(item);
        }
    }
    Out::page(ask.request, &state.url, items)
}

fn branch(state: &State, ask: &Ask<'_>, name: &str) -> Answer {
    let repo = repo(state, ask.key)?;
    let git = repo.open()?;
    let tip = bare::tip(&git, &format!("refs/heads/{name}"));
    let tip = tip.ok_or_else(|| Refusal::new(404, "Branch not found"))?;
    let mut value = branch_head(&state.url, repo, name);
    value["commit"] = render::commit_at(&state.url, repo, &git, tip)?;
    let (api, html) = (&state.url, format!("{}/{}/tree/{name}", state.url, repo.full_name()));
    value["_links"] = json!({"self": format!("{api}/repos/{}/branches/{name}", repo.full_name()), "html": html});
    Out::ok(value)
}

/// `GET …/protection` needs the right to administer.
fn protection(state: &State, ask: &Ask<'_>, name: &str) -> Result<Value, Refusal> {
    demand(state, ask, Role::Admin)?;
    let repo = repo(state, ask.key)?;
    if bare::tip(&repo.open()?, &format!("refs/heads/{name}")).is_none() {
        return Err(Refusal::new(404, "Branch not found"));
    }
    let rules = repo.protections.get(name).ok_or_else(|| Refusal::new(404, "Branch not protected"))?;
    let own = format!("{}/repos/{}/branches/{name}/protection", state.url, repo.full_name());
    let mut value = json!({
        "url": own, "enforce_admins": {"url": format!("{own}/enforce_admins"), "enabled": false},
        "required_linear_history": {"enabled": false}, "allow_force_pushes": {"enabled": false},
        "allow_deletions": {"enabled": false}, "block_creations": {"enabled": false},
        "required_conversation_resolution": {"enabled": false}, "lock_branch": {"enabled": false},
        "allow_fork_syncing": {"enabled": false},
        "required_signatures": {"url": format!("{own}/required_signatures"), "enabled": false},
    });
    if rules.strict || !rules.contexts.is_empty() {
        value["required_status_checks"] = checks(&state.url, repo, name, Some(rules), true);
    }
    if rules.approvals > 0 || rules.pull_request_only {
        value["required_pull_request_reviews"] = json!({
            "url": format!("{own}/required_pull_request_reviews"), "dismiss_stale_reviews": false,
            "require_code_owner_reviews": false, "required_approving_review_count": rules.approvals,
            "require_last_push_approval": false,
        });
    }
    Ok(value)
}

/// `GET …/rules/branches/{branch}`: what everybody who reads may know.
fn rules(state: &State, ask: &Ask<'_>, name: &str) -> Answer {
    let repo = repo(state, ask.key)?;
    let source = |kind: &str| json!({"type": kind, "ruleset_source_type": "Repository", "ruleset_source": repo.full_name(), "ruleset_id": 1});
    let mut items = Vec::new();
    if let Some(rules) = repo.protections.get(name) {
        if rules.strict || !rules.contexts.is_empty() {
            let mut rule = source("required_status_checks");
            let list: Vec<Value> = rules.contexts.iter().map(|context| json!({"context": context})).collect();
            rule["parameters"] = json!({
                "required_status_checks": list, "strict_required_status_checks_policy": rules.strict,
            });
            items.push(rule);
        }
        if rules.approvals > 0 || rules.pull_request_only {
            let mut rule = source("pull_request");
            rule["parameters"] = json!({
                "required_approving_review_count": rules.approvals, "dismiss_stale_reviews_on_push": false,
                "require_code_owner_review": false, "require_last_push_approval": false,
                "required_review_thread_resolution": false,
            });
            items.push(rule);
        }
    }
    Out::page(ask.request, &state.url, items)
}

fn commits(state: &State, ask: &Ask<'_>) -> Answer {
    let repo = repo(state, ask.key)?;
    let git = repo.open()?;
    let start = resolve(&git, ask.request.param("sha").unwrap_or(&repo.default_branch))?;
    let mut walk = git.revwalk()?;
    walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::TIME)?;
    walk.push(start)?;
    let mut items = Vec::new();
    for id in walk {
        let commit = git.find_commit(id?)?;
        if let Some(path) = ask.request.param("path")
            && !bare::changes_of(&git, &commit)?.iter().any(|change| change.path.starts_with(path))
        {
            continue;
        }
        items.push(render::commit(&state.url, repo, &commit));
    }
    Out::page(ask.request, &state.url, items)
}

fn commit(state: &State, ask: &Ask<'_>, name: &str) -> Answer {
    let repo = repo(state, ask.key)?;
    let git = repo.open()?;
    let commit = git.find_commit(resolve(&git, name)?)?;
    let changes = bare::changes_of(&git, &commit)?;
    let (added, deleted) = changes.iter().fold((0, 0), |(a, d), c| (a + c.additions, d + c.deletions));
    let mut value = render::commit(&state.url, repo, &commit);
    value["stats"] = json!({"additions": added, "deletions": deleted, "total": added + deleted});
    value["files"] = json!(render::files(&state.url, repo, commit.id(), changes));
    Out::ok(value)
}

fn pulls_of(state: &State, ask: &Ask<'_>, name: &str) -> Answer {
    let repo = repo(state, ask.key)?;
    let git = repo.open()?;
    let id = resolve(&git, name)?;
    let holds = |pull: &&super::state::Pull| {
        pull.merge_commit == Some(id) || bare::ahead(&git, pull.base, pull.head).is_ok_and(|ids| ids.contains(&id))
    };
    let items = repo.pulls.values().filter(holds).map(|pull| super::render_pull::pull(&state.url, repo, pull));
    Out::page(ask.request, &state.url, items.collect())
}

/// The newest status of each context, newest first.
fn latest<'a>(repo: &'a Repo, sha: &str) -> Vec<&'a CommitStatus> {
    let mut seen = std::collections::BTreeSet::new();
    repo.statuses.iter().rev().filter(|s| s.sha == sha && seen.insert(s.context.as_str())).collect()
}

fn combined(state: &State, ask: &Ask<'_>, name: &str) -> Answer {
    let repo = repo(state, ask.key)?;
    let sha = resolve(&repo.open()?, name)?.to_string();
    let list = latest(repo, &sha);
    let overall = if list.iter().any(|s| matches!(s.state.as_str(), "failure" | "error")) {
        "failure"
    } else if list.is_empty() || list.iter().any(|s| s.state == "pending") {
        "pending"
    } else {
        "success"
    };
    let mut items: Vec<Value> = list.iter().map(|status| talk::status(&state.url, repo, status)).collect();
    for item in &mut items {
        if let Value::Object(map) = item {
            // `simple-commit-status` names no creator.
            map.shift_remove("creator");
        }
    }
    let total = items.len();
    let (items, headers) = slice(ask.request, &state.url, items);
    let api = format!("{}/repos/{}", state.url, repo.full_name());
    let body = json!({
        "state": overall, "statuses": items, "sha": sha, "total_count": total,
        "repository": render::small_repository(&state.url, repo, &repo.owner),
        "commit_url": format!("{api}/commits/{sha}"), "url": format!("{api}/commits/{sha}/status"),
    });
    Ok(Out { status: 200, body: Some(body), headers })
}

fn statuses(state: &State, ask: &Ask<'_>, name: &str) -> Answer {
    let repo = repo(state, ask.key)?;
    let sha = resolve(&repo.open()?, name)?.to_string();
    let list = repo.statuses.iter().rev().filter(|s| s.sha == sha);
    Out::page(ask.request, &state.url, list.map(|status| talk::status(&state.url, repo, status)).collect())
}

fn create_status(state: &mut State, ask: &Ask<'_>, sha: &str) -> Answer {
    let (id, at, body) = (state.next_id(), state.now(), ask.json()?);
    let creator = ask.login()?.to_owned();
    let wanted = text(&body, "Status", "state")?;
    if !matches!(wanted, "error" | "failure" | "pending" | "success") {
        return Err(Refusal::field("Status", "state", "invalid"));
    }
    let git = repo(state, ask.key)?.open()?;
    if Oid::from_str(sha).is_err() || git.find_commit(Oid::from_str(sha)?).is_err() {
        return Err(Refusal::new(422, format!("No commit found for SHA: {sha}")));
    }
    let field = |name: &str| body[name].as_str().map(str::to_owned);
    let status = CommitStatus {
        id,
        sha: sha.to_owned(),
        state: wanted.to_owned(),
        context: field("context").unwrap_or_else(|| "default".into()),
        description: field("description"),
        target_url: field("target_url"),
        creator,
        at,
    };
    repo_mut(state, ask.key)?.statuses.push(status.clone());
    Out::created(talk::status(&state.url, repo(state, ask.key)?, &status))
}

fn compare(state: &State, ask: &Ask<'_>, range: &str) -> Answer {
    let repo = repo(state, ask.key)?;
    let git = repo.open()?;
    let (base, head) = range.split_once("...").ok_or_else(Refusal::not_found)?;
    let plain = |name: &str| name.rsplit(':').next().unwrap_or(name).to_owned();
    let missing = |_| Refusal::not_found();
    let (base, head) = (resolve(&git, &plain(base)).map_err(missing)?, resolve(&git, &plain(head)).map_err(missing)?);
    let merge_base = git.merge_base(base, head).map_err(|_| Refusal::new(404, "No common ancestor"))?;
    let (ahead, behind) = (bare::ahead(&git, base, head)?, bare::ahead(&git, head, base)?);
    let status = match (ahead.is_empty(), behind.is_empty()) {
        (true, true) => "identical",
        (false, true) => "ahead",
        (true, false) => "behind",
        (false, false) => "diverged",
    };
    let total = ahead.len();
    let show = |id| render::commit_at(&state.url, repo, &git, id);
    let commits = ahead.into_iter().map(show).collect::<Result<Vec<_>, _>>()?;
    let (commits, headers) = slice(ask.request, &state.url, commits);
    let (api, html) =
        (format!("{}/repos/{}", state.url, repo.full_name()), format!("{}/{}", state.url, repo.full_name()));
    let body = json!({
        "url": format!("{api}/compare/{range}"), "html_url": format!("{html}/compare/{range}"),
        "permalink_url": format!("{html}/compare/{base}...{head}"), "diff_url": format!("{html}/compare/{range}.diff"),
        "patch_url": format!("{html}/compare/{range}.patch"), "base_commit": show(base)?,
        "merge_base_commit": show(merge_base)?, "status": status, "ahead_by": total, "behind_by": behind.len(),
        "total_commits": total, "commits": commits,
        "files": render::files(&state.url, repo, head, bare::changes(&git, base, head)?),
    });
    Ok(Out { status: 200, body: Some(body), headers })
}

fn contents(state: &State, ask: &Ask<'_>, path: &str) -> Answer {
    use base64::Engine;
    let repo = repo(state, ask.key)?;
    let git = repo.open()?;
    let name = ask.request.param("ref").unwrap_or(&repo.default_branch);
    let id = resolve(&git, name).map_err(|_| Refusal::new(404, format!("No commit found for the ref {name}")))?;
    let tree = git.find_commit(id)?.tree()?;
    let (api, html) =
        (format!("{}/repos/{}", state.url, repo.full_name()), format!("{}/{}", state.url, repo.full_name()));
    let entry = |path: &str, id: Oid, file: bool, size: usize| {
        let own = format!("{api}/contents/{path}?ref={name}");
        let (page, object) = if file { ("blob", "blobs") } else { ("tree", "trees") };
        let (page, object) = (format!("{html}/{page}/{name}/{path}"), format!("{api}/git/{object}/{id}"));
        json!({
            "name": path.rsplit('/').next(), "path": path, "sha": id.to_string(), "size": size, "url": own,
            "html_url": page, "git_url": object,
            "download_url": file.then(|| format!("{html}/raw/{name}/{path}")), "type": if file { "file" } else { "dir" },
            "_links": {"self": own, "git": object, "html": page},
        })
    };
    let list = |tree: &git2::Tree<'_>, under: &str| -> Vec<Value> {
        let one = |item: git2::TreeEntry<'_>| {
            let name = String::from_utf8_lossy(item.name_bytes()).into_owned();
            let path = if under.is_empty() { name } else { format!("{under}/{name}") };
            let size = git.find_blob(item.id()).map(|blob| blob.size()).unwrap_or_default();
            entry(&path, item.id(), item.kind() == Some(git2::ObjectType::Blob), size)
        };
        tree.iter().map(one).collect()
    };
    if path.is_empty() {
        return Out::ok(Value::Array(list(&tree, "")));
    }
    let found = tree.get_path(std::path::Path::new(path))?.to_object(&git)?;
    if let Some(tree) = found.as_tree() {
        return Out::ok(Value::Array(list(tree, path)));
    }
    let blob = found.as_blob().ok_or_else(Refusal::not_found)?;
    let mut value = entry(path, blob.id(), true, blob.size());
    value["encoding"] = json!("base64");
    value["content"] = json!(base64::engine::general_purpose::STANDARD.encode(blob.content()));
    Out::ok(value)
}
