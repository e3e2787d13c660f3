//! What people and programs say on a pull request: comments, labels, assignees, events.

use super::pulls::{find, find_mut, note, repo, repo_mut, update};
use super::render_pull;
use super::route::{Ask, demand, text, texts};
use super::state::{Comment, Label, Role, State};
use super::wire::{Answer, Out, Refusal};
use super::{render, state};
use serde_json::{Value, json};

pub(super) fn answer(state: &mut State, ask: &Ask<'_>, rest: &[&str]) -> Answer {
    let method = ask.request.method.as_str();
    match (method, rest) {
        ("GET", ["issues"]) => list(state, ask),
        ("GET", ["issues", "comments"]) => comments(state, ask, None),
        (_, ["issues", "comments", id]) => one_comment(state, ask, number(id)?),
        ("GET", ["labels"]) => {
            let repo = repo(state, ask.key)?;
            let items = repo.labels.iter().map(|label| render_pull::label(&state.url, repo, label)).collect();
            Out::page(ask.request, &state.url, items)
        }
        ("POST", ["labels"]) => create_label(state, ask),
        ("GET", ["labels", name]) => {
            let repo = repo(state, ask.key)?;
            let label = repo.labels.iter().find(|label| label.name.eq_ignore_ascii_case(name));
            Out::ok(render_pull::label(&state.url, repo, label.ok_or_else(Refusal::not_found)?))
        }
        ("GET", ["assignees" | "collaborators", login]) => {
            let known = repo(state, ask.key)?.roles.contains_key(&login.to_ascii_lowercase());
            if known { Out::none() } else { Err(Refusal::not_found()) }
        }
        (_, ["issues", id, rest @ ..]) => issue(state, ask, number(id)?, rest),
        _ => Err(Refusal::not_found()),
    }
}

fn number(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| Refusal::not_found())
}

fn issue(state: &mut State, ask: &Ask<'_>, id: u64, rest: &[&str]) -> Answer {
    let author = find(state, ask.key, id)?.author.clone();
    match (ask.request.method.as_str(), rest) {
        ("GET", []) => show(state, ask, id),
        ("PATCH", []) => {
            let (body, login) = (ask.json()?, ask.login()?);
            if login != author {
                demand(state, ask, Role::Write)?;
            }
            update(state, ask.key, id, login, &body)?;
            if body.get("labels").is_some() {
                find_mut(state, ask.key, id)?.labels.clear();
                add_labels(state, ask.key, id, login, texts(&body["labels"]))?;
            }
            if body.get("assignees").is_some() {
                find_mut(state, ask.key, id)?.assignees.clear();
                assign(state, ask, id, texts(&body["assignees"]), true)?;
            }
            show(state, ask, id)
        }
        ("GET", ["comments"]) => comments(state, ask, Some(id)),
        ("POST", ["comments"]) => {
            let body = ask.json()?;
            let comment = add_comment(state, ask.key, id, ask.login()?, text(&body, "IssueComment", "body")?)?;
            Out::created(render_pull::comment(&state.url, repo(state, ask.key)?, &comment))
        }
        ("GET", ["labels"]) => labels(state, ask, id, true),
        (method @ ("POST" | "PUT"), ["labels"]) => {
            let body = ask.json()?;
            if method == "PUT" {
                find_mut(state, ask.key, id)?.labels.clear();
            }
            let wanted = if body.is_array() { &body } else { &body["labels"] };
            add_labels(state, ask.key, id, ask.login()?, texts(wanted))?;
            labels(state, ask, id, false)
        }
        ("DELETE", ["labels"]) => {
            find_mut(state, ask.key, id)?.labels.clear();
            Out::none()
        }
        ("DELETE", ["labels", name]) => {
            let login = ask.login()?;
            let pull = find_mut(state, ask.key, id)?;
            let before = pull.labels.len();
            pull.labels.retain(|label| !label.eq_ignore_ascii_case(name));
            if pull.labels.len() == before {
                return Err(Refusal::new(404, "Label does not exist"));
            }
            note(state, ask.key, id, "unlabeled", Some(login), Some((*name).to_owned()))?;
            labels(state, ask, id, false)
        }
        (method @ ("POST" | "DELETE"), ["assignees"]) => {
            assign(state, ask, id, texts(&ask.json()?["assignees"]), method == "POST")?;
            let out = show(state, ask, id)?;
            Ok(Out { status: if method == "POST" { 201 } else { 200 }, ..out })
        }
        ("GET", ["events" | "timeline"]) => {
            let (repo, pull) = (repo(state, ask.key)?, find(state, ask.key, id)?);
            let mut events: Vec<Value> =
                pull.events.iter().map(|event| render_pull::event(&state.url, repo, event)).collect();
            for fields in events.iter_mut().filter_map(Value::as_object_mut).filter(|_| rest == ["timeline"]) {
                fields.shift_remove("assigner");
            }
            Out::page(ask.request, &state.url, events)
        }
        _ => Err(Refusal::not_found()),
    }
}

fn show(state: &State, ask: &Ask<'_>, id: u64) -> Answer {
    Out::ok(render_pull::issue(&state.url, repo(state, ask.key)?, find(state, ask.key, id)?, true))
}

fn list(state: &State, ask: &Ask<'_>) -> Answer {
    let (request, repo) = (ask.request, repo(state, ask.key)?);
    let wanted = request.param("state").unwrap_or("open");
    let creator = request.param("creator");
    let names: Vec<&str> = request.param("labels").map(|l| l.split(',').collect()).unwrap_or_default();
    let admits = |pull: &&state::Pull| {
        (wanted == "all" || (wanted == "open") == pull.open)
            && creator.is_none_or(|login| login.eq_ignore_ascii_case(&pull.author))
            && names.iter().all(|name| pull.labels.iter().any(|label| label.eq_ignore_ascii_case(name)))
    };
    let mut pulls: Vec<_> = repo.pulls.values().filter(admits).collect();
    pulls.sort_by_key(|pull| if request.param("sort") == Some("updated") { pull.updated } else { pull.created });
    if request.param("direction").unwrap_or("desc") == "desc" {
        pulls.reverse();
    }
    Out::page(
        request,
        &state.url,
        pulls.into_iter().map(|pull| render_pull::issue(&state.url, repo, pull, false)).collect(),
    )
}

fn comments(state: &State, ask: &Ask<'_>, pull: Option<u64>) -> Answer {
    let repo = repo(state, ask.key)?;
    let since: Option<jiff::Timestamp> = ask.request.param("since").and_then(|text| text.parse().ok());
    let wanted = repo.comments.iter().filter(|comment| {
        pull.is_none_or(|pull| comment.pull == pull) && since.is_none_or(|since| comment.updated >= since)
    });
    Out::page(ask.request, &state.url, wanted.map(|comment| render_pull::comment(&state.url, repo, comment)).collect())
}

/// Adds a comment as somebody.
pub(super) fn add_comment(
    state: &mut State,
    key: &str,
    pull: u64,
    login: &str,
    body: &str,
) -> Result<Comment, Refusal> {
    let (id, now) = (state.next_id(), state.now());
    find_mut(state, key, pull)?.updated = now;
    let comment = Comment { id, pull, author: login.into(), body: body.into(), created: now, updated: now };
    repo_mut(state, key)?.comments.push(comment.clone());
    Ok(comment)
}

fn one_comment(state: &mut State, ask: &Ask<'_>, id: u64) -> Answer {
    let now = state.now();
    let body = ask.json()?;
    let list = &mut repo_mut(state, ask.key)?.comments;
    let index = list.iter().position(|comment| comment.id == id).ok_or_else(Refusal::not_found)?;
    match ask.request.method.as_str() {
        "PATCH" => {
            text(&body, "IssueComment", "body")?.clone_into(&mut list[index].body);
            list[index].updated = now;
        }
        "DELETE" => {
            list.remove(index);
            return Out::none();
        }
        "GET" => {}
        _ => return Err(Refusal::not_found()),
    }
    let repo = repo(state, ask.key)?;
    Out::ok(render_pull::comment(&state.url, repo, &repo.comments[index]))
}

fn create_label(state: &mut State, ask: &Ask<'_>) -> Answer {
    let (id, body) = (state.next_id(), ask.json()?);
    let name = text(&body, "Label", "name")?.to_owned();
    let repo = repo_mut(state, ask.key)?;
    if repo.labels.iter().any(|label| label.name.eq_ignore_ascii_case(&name)) {
        return Err(Refusal::field("Label", "name", "already_exists"));
    }
    let color = body["color"].as_str().unwrap_or("ededed").trim_start_matches('#').to_owned();
    let label = Label { id, name, color, description: body["description"].as_str().map(str::to_owned) };
    repo.labels.push(label.clone());
    Out::created(render_pull::label(&state.url, self::repo(state, ask.key)?, &label))
}

fn labels(state: &State, ask: &Ask<'_>, id: u64, paged: bool) -> Answer {
    let (repo, pull) = (repo(state, ask.key)?, find(state, ask.key, id)?);
    let items = render_pull::labels(&state.url, repo, pull);
    if paged { Out::page(ask.request, &state.url, items) } else { Out::ok(Value::Array(items)) }
}

/// Adds labels; one that the repository does not have is made, as GitHub does.
pub(super) fn add_labels(
    state: &mut State,
    key: &str,
    id: u64,
    login: &str,
    names: Vec<String>,
) -> Result<(), Refusal> {
    if names.iter().any(|name| name.chars().count() > 50) {
        return Err(Refusal::custom("Label", "name is too long (maximum is 50 characters)"));
    }
    for name in names {
        let label = state.next_id();
        let repo = repo_mut(state, key)?;
        if !repo.labels.iter().any(|have| have.name.eq_ignore_ascii_case(&name)) {
            let color = "ededed".to_owned();
            repo.labels.push(Label { id: label, name: name.clone(), color, description: Some(String::new()) });
        }
        let pull = find_mut(state, key, id)?;
        if !pull.labels.iter().any(|have| have.eq_ignore_ascii_case(&name)) {
            pull.labels.push(name.clone());
            note(state, key, id, "labeled", Some(login), Some(name))?;
        }
    }
    Ok(())
}

/// Assigns; a login that cannot be assigned is left out without a word, as GitHub does.
fn assign(state: &mut State, ask: &Ask<'_>, id: u64, logins: Vec<String>, add: bool) -> Result<(), Refusal> {
    let actor = ask.login()?;
    for login in logins {
        let known = repo(state, ask.key)?.roles.contains_key(&login.to_ascii_lowercase());
        let pull = find_mut(state, ask.key, id)?;
        let there = pull.assignees.contains(&login);
        if !known || add == there {
            continue;
        }
        pull.assignees.retain(|have| *have != login);
        if add {
            pull.assignees.push(login.clone());
        }
        note(state, ask.key, id, if add { "assigned" } else { "unassigned" }, Some(actor), Some(login))?;
    }
    Ok(())
}

/// Commit status, as `POST /statuses/{sha}` and the combined view have it.
pub(super) fn status(url: &str, repo: &state::Repo, status: &state::CommitStatus) -> Value {
    let creator = render::user(url, &status.creator);
    json!({
        "url": format!("{url}/repos/{}/statuses/{}", repo.full_name(), status.sha), "id": status.id,
        "node_id": render::node("StatusContext", status.id), "avatar_url": creator["avatar_url"],
        "state": status.state, "description": status.description, "target_url": status.target_url,
        "context": status.context, "created_at": status.at.to_string(), "updated_at": status.at.to_string(),
        "creator": creator,
    })
}
