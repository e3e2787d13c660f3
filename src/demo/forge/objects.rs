//! The git data API: blobs, trees, commits and references.

use super::bare;
use super::pulls::{repo, repo_mut, signature};
use super::render;
use super::route::{Ask, text, texts};
use super::state::State;
use super::wire::{Answer, Out, Refusal};
use git2::{Oid, Repository, Signature, Time};
use serde_json::{Value, json};

pub(super) fn answer(state: &mut State, ask: &Ask<'_>, rest: &[&str]) -> Answer {
    match (ask.request.method.as_str(), rest) {
        ("POST", ["blobs"]) => create_blob(state, ask),
        ("GET", ["blobs", sha]) => blob(state, ask, sha),
        ("POST", ["trees"]) => create_tree(state, ask),
        ("GET", ["trees", sha @ ..]) => tree(state, ask, &sha.join("/")),
        ("POST", ["commits"]) => create_commit(state, ask),
        ("GET", ["commits", sha]) => {
            let repo = repo(state, ask.key)?;
            let git = repo.open()?;
            let commit = git.find_commit(id(sha)?)?;
            Out::ok(render::git_commit(&state.url, repo, &commit))
        }
        ("GET", ["ref", name @ ..]) => {
            let repo = repo(state, ask.key)?;
            let name = format!("refs/{}", name.join("/"));
            let tip = bare::tip(&repo.open()?, &name).ok_or_else(Refusal::not_found)?;
            Out::ok(render::reference(&state.url, repo, &name, tip))
        }
        ("GET", ["matching-refs", name @ ..]) => matching(state, ask, &name.join("/")),
        ("POST", ["refs"]) => create_ref(state, ask),
        ("PATCH", ["refs", name @ ..]) => update_ref(state, ask, &name.join("/")),
        ("DELETE", ["refs", name @ ..]) => delete_ref(state, ask, &name.join("/")),
        _ => Err(Refusal::not_found()),
    }
}

fn id(sha: &str) -> Result<Oid, Refusal> {
    if sha.len() != 40 {
        return Err(Refusal::new(422, "The sha parameter must be exactly 40 characters and contain only [0-9a-f]."));
    }
    Oid::from_str(sha).map_err(|_| Refusal::new(422, "The sha parameter must contain only [0-9a-f]."))
}

fn create_blob(state: &mut State, ask: &Ask<'_>) -> Answer {
    use base64::Engine;
    let body = ask.json()?;
    let content = text(&body, "Blob", "content")?;
    let bytes = if body["encoding"].as_str() == Some("base64") {
        let clean: String = content.split_whitespace().collect();
        let decoded = base64::engine::general_purpose::STANDARD.decode(clean);
        decoded.map_err(|_| Refusal::new(422, "content is not valid Base64"))?
    } else {
        content.as_bytes().to_vec()
    };
    let repo = repo(state, ask.key)?;
    let id = repo.open()?.blob(&bytes)?;
    let url = format!("{}/repos/{}/git/blobs/{id}", state.url, repo.full_name());
    Out::created(json!({"sha": id.to_string(), "url": url}))
}

fn blob(state: &State, ask: &Ask<'_>, sha: &str) -> Answer {
    use base64::Engine;
    let repo = repo(state, ask.key)?;
    let git = repo.open()?;
    let blob = git.find_blob(id(sha)?)?;
    Out::ok(json!({
        "sha": sha, "node_id": render::node("Blob", sha), "size": blob.size(),
        "url": format!("{}/repos/{}/git/blobs/{sha}", state.url, repo.full_name()),
        "content": base64::engine::general_purpose::STANDARD.encode(blob.content()), "encoding": "base64",
    }))
}

fn render_tree(
    state: &State,
    key: &str,
    git: &Repository,
    tree: &git2::Tree<'_>,
    deep: bool,
) -> Result<Value, Refusal> {
    let api = format!("{}/repos/{}", state.url, repo(state, key)?.full_name());
    let mut items = Vec::new();
    tree.walk(git2::TreeWalkMode::PreOrder, |under, entry| {
        let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
        let (kind, id) = (entry.kind(), entry.id());
        let (word, object) = match kind {
            Some(git2::ObjectType::Tree) => ("tree", "trees"),
            Some(git2::ObjectType::Commit) => ("commit", "commits"),
            _ => ("blob", "blobs"),
        };
        let mut item = json!({
            "path": format!("{under}{name}"), "mode": format!("{:06o}", entry.filemode()), "type": word,
            "sha": id.to_string(), "url": format!("{api}/git/{object}/{id}"),
        });
        if let Ok(blob) = git.find_blob(id) {
            item["size"] = json!(blob.size());
        }
        items.push(item);
        if deep || word != "tree" { git2::TreeWalkResult::Ok } else { git2::TreeWalkResult::Skip }
    })?;
    let sha = tree.id();
    Ok(json!({"sha": sha.to_string(), "url": format!("{api}/git/trees/{sha}"), "tree": items, "truncated": false}))
}

fn tree(state: &State, ask: &Ask<'_>, name: &str) -> Answer {
    let git = repo(state, ask.key)?.open()?;
    let named = bare::tip(&git, &format!("refs/heads/{name}")).or_else(|| Oid::from_str(name).ok());
    let object = git.find_object(named.ok_or_else(Refusal::not_found)?, None)?;
    let deep = ask.request.param("recursive").is_some();
    Out::ok(render_tree(state, ask.key, &git, &object.peel_to_tree()?, deep)?)
}

fn create_tree(state: &mut State, ask: &Ask<'_>) -> Answer {
    let body = ask.json()?;
    let git = repo(state, ask.key)?.open()?;
    let empty = git.treebuilder(None)?.write()?;
    let base = match body["base_tree"].as_str() {
        Some(sha) => {
            let object = git.find_object(id(sha)?, None).map_err(|_| Refusal::new(404, "Not Found"))?;
            object.peel_to_tree()?
        }
        None => git.find_tree(empty)?,
    };
    let items = body["tree"].as_array().ok_or_else(|| Refusal::new(422, "Invalid tree info"))?;
    let mut update = git2::build::TreeUpdateBuilder::new();
    for item in items {
        let bad = || Refusal::new(422, "tree.path contains a malformed path component");
        let path = item["path"].as_str().filter(|path| !path.is_empty()).ok_or_else(bad)?;
        let mode = match item["mode"].as_str() {
            Some("100755") => git2::FileMode::BlobExecutable,
            Some("040000") => git2::FileMode::Tree,
            Some("120000") => git2::FileMode::Link,
            _ => git2::FileMode::Blob,
        };
        match (&item["sha"], item["content"].as_str()) {
            (Value::String(sha), _) => {
                let object = id(sha)?;
                if git.find_object(object, None).is_err() {
                    return Err(Refusal::new(422, format!("tree.sha {sha} is not a valid blob")));
                }
                update.upsert(path, object, mode);
            }
            (_, Some(content)) => {
                update.upsert(path, git.blob(content.as_bytes())?, mode);
            }
            _ => {
                update.remove(path);
            }
        }
    }
    let made = update.create_updated(&git, &base)?;
    let value = render_tree(state, ask.key, &git, &git.find_tree(made)?, false)?;
    Out::created(value)
}

fn create_commit(state: &mut State, ask: &Ask<'_>) -> Answer {
    let (now, body) = (state.now(), ask.json()?);
    let login = ask.login()?.to_owned();
    let git = repo(state, ask.key)?.open()?;
    let message = text(&body, "Commit", "message")?;
    let tree = id(text(&body, "Commit", "tree")?)?;
    git.find_tree(tree).map_err(|_| Refusal::new(422, "Tree SHA does not exist"))?;
    let parents = texts(&body["parents"]).iter().map(|sha| id(sha)).collect::<Result<Vec<_>, _>>()?;
    if parents.iter().any(|parent| git.find_commit(*parent).is_err()) {
        return Err(Refusal::new(422, "Parent SHA does not exist or is not a commit object"));
    }
    let own = |value: &Value| -> Result<Option<Signature<'static>>, Refusal> {
        let (Some(name), Some(email)) = (value["name"].as_str(), value["email"].as_str()) else { return Ok(None) };
        let at = value["date"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok()).unwrap_or(now);
        Ok(Some(Signature::new(name, email, &Time::new(at.as_second(), 0))?))
    };
    let (author, committer) = (own(&body["author"])?, own(&body["committer"])?);
    // GitHub signs what an App commits, as long as it says nothing about who wrote it.
    let signed = ask.app() && author.is_none() && committer.is_none();
    let web = Signature::new("GitHub", &format!("noreply@{}", state.mail_host()), &Time::new(now.as_second(), 0))?;
    let author = author.map_or_else(|| signature(state, &login, now), Ok)?;
    let committer = committer.unwrap_or_else(|| if signed { web } else { author.clone() });
    let made = bare::commit(&git, tree, message, &parents, &author, &committer)?;
    let repo = repo_mut(state, ask.key)?;
    if signed {
        repo.signed.insert(made.to_string());
    }
    Out::created(render::git_commit(&state.url, self::repo(state, ask.key)?, &git.find_commit(made)?))
}

fn matching(state: &State, ask: &Ask<'_>, prefix: &str) -> Answer {
    let repo = repo(state, ask.key)?;
    let git = repo.open()?;
    let mut items = Vec::new();
    for reference in git.references()? {
        let reference = reference?;
        let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
        if let Some(commit) = reference.peel_to_commit().ok().filter(|_| name.starts_with(&format!("refs/{prefix}"))) {
            items.push(render::reference(&state.url, repo, &name, commit.id()));
        }
    }
    Out::ok(Value::Array(items))
}

fn create_ref(state: &mut State, ask: &Ask<'_>) -> Answer {
    let body = ask.json()?;
    let name = text(&body, "Reference", "ref")?;
    let target = id(text(&body, "Reference", "sha")?)?;
    let repo = repo(state, ask.key)?;
    let git = repo.open()?;
    if !name.starts_with("refs/") || name.matches('/').count() < 2 || !git2::Reference::is_valid_name(name) {
        return Err(Refusal::new(422, "Reference name is invalid"));
    }
    git.find_commit(target).map_err(|_| Refusal::new(422, "Object does not exist"))?;
    if git.find_reference(name).is_ok() {
        return Err(Refusal::new(422, "Reference already exists"));
    }
    git.reference(name, target, false, "api")?;
    Out::created(render::reference(&state.url, repo, name, target))
}

fn update_ref(state: &mut State, ask: &Ask<'_>, name: &str) -> Answer {
    let body = ask.json()?;
    let (name, target) = (format!("refs/{name}"), id(text(&body, "Reference", "sha")?)?);
    let repo = repo(state, ask.key)?;
    let git = repo.open()?;
    let old = bare::tip(&git, &name).ok_or_else(|| Refusal::new(422, "Reference does not exist"))?;
    git.find_commit(target).map_err(|_| Refusal::new(422, "Object does not exist"))?;
    guard(state, ask.key, &name)?;
    if !body["force"].as_bool().unwrap_or(false) && !bare::holds(&git, target, old) {
        return Err(Refusal::new(422, "Update is not a fast forward"));
    }
    git.reference(&name, target, true, "api")?;
    let value = render::reference(&state.url, repo, &name, target);
    state.refresh(ask.key)?;
    Out::ok(value)
}

fn delete_ref(state: &mut State, ask: &Ask<'_>, name: &str) -> Answer {
    let name = format!("refs/{name}");
    let login = ask.login()?.to_owned();
    let git = repo(state, ask.key)?.open()?;
    let mut found = git.find_reference(&name).map_err(|_| Refusal::new(422, "Reference does not exist"))?;
    guard(state, ask.key, &name)?;
    found.delete()?;
    closed_by_deletion(state, ask.key, &name, &login)
}

/// A protected branch takes no direct push.
pub(super) fn guard(state: &State, key: &str, name: &str) -> Result<(), Refusal> {
    let branch = name.strip_prefix("refs/heads/").unwrap_or(name);
    match repo(state, key)?.protections.get(branch) {
        Some(rules) if rules.pull_request_only || rules.approvals > 0 => Err(Refusal::new(
            422,
            format!("Repository rule violations found\n\nChanges must be made through a pull request.\n\n{name}"),
        )),
        _ => Ok(()),
    }
}

/// Open pull requests of a deleted branch are closed by whoever deleted it.
pub(super) fn closed_by_deletion(state: &mut State, key: &str, name: &str, login: &str) -> Answer {
    let repo = repo(state, key)?;
    let gone = |pull: &&super::state::Pull| pull.open && pull.head_name(&repo.owner) == name;
    let numbers: Vec<u64> = repo.pulls.values().filter(gone).map(|pull| pull.number).collect();
    for number in numbers {
        super::pulls::close(state, key, number, login)?;
        super::pulls::note(state, key, number, "head_ref_deleted", Some(login), None)?;
    }
    state.refresh(key)?;
    Out::none()
}
