//! Who asks, and which part of the API answers.

use super::state::{Role, State};
use super::wire::{Answer, Out, Refusal};
use super::{app, graphql, objects, people, pulls, refs, render, talk};
use crate::demo::serve::Request;
use serde_json::{Value, json};

/// Who asks, where somebody does.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) login: String,
    /// An App's installation.
    pub(super) app: bool,
}

/// One request to one repository.
pub(super) struct Ask<'a> {
    pub(super) request: &'a Request,
    pub(super) caller: Option<&'a Caller>,
    /// Key of the repository.
    pub(super) key: &'a str,
}

impl Ask<'_> {
    /// Login of the caller; a request without a token writes nothing.
    pub(super) fn login(&self) -> Result<&str, Refusal> {
        self.caller.map(|caller| caller.login.as_str()).ok_or_else(|| Refusal::new(401, "Requires authentication"))
    }

    /// The request body as JSON; an empty one is an empty object.
    pub(super) fn json(&self) -> Result<Value, Refusal> {
        json_body(self.request)
    }

    pub(super) fn app(&self) -> bool {
        self.caller.is_some_and(|caller| caller.app)
    }
}

/// The request body as JSON.
pub(super) fn json_body(request: &Request) -> Result<Value, Refusal> {
    if request.body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(&request.body).map_err(|_| Refusal::new(400, "Problems parsing JSON"))
}

/// A field that must be a text.
pub(super) fn text<'a>(body: &'a Value, resource: &str, field: &str) -> Result<&'a str, Refusal> {
    body[field].as_str().ok_or_else(|| Refusal::field(resource, field, "missing_field"))
}

/// A field that is a list of texts; also where it is one text.
pub(super) fn texts(body: &Value) -> Vec<String> {
    match body {
        Value::Array(items) => {
            items.iter().filter_map(|i| i.as_str().or(i["name"].as_str())).map(str::to_owned).collect()
        }
        Value::String(one) => vec![one.clone()],
        _ => Vec::new(),
    }
}

/// Answers one request.
pub(super) fn answer(state: &mut State, request: &Request) -> Answer {
    let mut segments = request.segments();
    if segments.first().is_some_and(|s| s == "api") {
        // GitHub Enterprise Server: /api/v3/… and /api/graphql.
        segments.remove(0);
        if segments.first().is_some_and(|s| s == "v3") {
            segments.remove(0);
        }
    }
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    if parts.first() == Some(&"app") {
        return app::answer(state, request, &parts[1..]);
    }
    if let ("GET", ["repos", _, _, "installation"]) = (request.method.as_str(), parts.as_slice()) {
        return app::answer(state, request, &parts);
    }
    let caller = authenticate(state, request)?;
    let caller = caller.as_ref();
    let needed = || caller.ok_or_else(|| Refusal::new(401, "Requires authentication"));
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["user"]) => people::own(state, needed()?),
        ("GET", ["users", login]) => people::profile(state, login),
        ("GET", ["rate_limit"]) => people::rate_limit(state),
        ("GET", ["installation", "repositories"]) => app::repositories(state, request, needed()?),
        ("GET", ["search", "issues"]) => people::search(state, request, caller),
        ("POST", ["graphql"]) => graphql::answer(state, request, needed()?),
        ("GET", [owner, name, "pull", number]) => people::page(state, owner, name, number),
        (_, ["repos", owner, name, rest @ ..]) => {
            let key = format!("{owner}/{name}").to_ascii_lowercase();
            if let Some(now) = state.renamed.get(&key).filter(|_| !state.repos.contains_key(&key)) {
                return Ok(moved(state, request, now, rest));
            }
            let readable = readable(state, &key, caller);
            if !readable {
                return Err(Refusal::not_found());
            }
            state.refresh(&key)?;
            repository(state, &Ask { request, caller, key: &key }, rest)
        }
        _ => Err(Refusal::not_found()),
    }
}

/// Where a renamed repository is; a write keeps its method.
fn moved(state: &State, request: &Request, now: &str, rest: &[&str]) -> Out {
    let mut tail = String::new();
    for part in rest {
        tail.push('/');
        tail.push_str(part);
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&request.query);
    let query = query.finish();
    let mark = if query.is_empty() { "" } else { "?" };
    let location = format!("{}/repos/{now}{tail}{mark}{query}", state.url);
    let status = if request.method == "GET" { 301 } else { 307 };
    let body =
        json!({"message": "Moved Permanently", "url": location, "documentation_url": "https://docs.github.com/rest"});
    Out { headers: vec![("location".to_owned(), location)], ..Out::new(status, body) }
}

/// Who the request is from.
fn authenticate(state: &State, request: &Request) -> Result<Option<Caller>, Refusal> {
    use base64::Engine;
    let Some(header) = request.header("authorization") else { return Ok(None) };
    let (scheme, value) = header.split_once(' ').unwrap_or(("", header));
    let token = if scheme.eq_ignore_ascii_case("basic") {
        let decoded = base64::engine::general_purpose::STANDARD.decode(value.trim()).unwrap_or_default();
        String::from_utf8_lossy(&decoded).split_once(':').map(|(_, password)| password.to_owned()).unwrap_or_default()
    } else {
        value.trim().to_owned()
    };
    let bad = || Refusal::new(401, "Bad credentials");
    let known = state.tokens.get(&token).ok_or_else(bad)?;
    if known.expires.is_some_and(|end| end <= state.now()) {
        return Err(bad());
    }
    Ok(Some(Caller { login: known.login.clone(), app: known.expires.is_some() }))
}

/// Whether the caller sees the repository at all.
pub(super) fn readable(state: &State, key: &str, caller: Option<&Caller>) -> bool {
    let Some(repo) = state.repos.get(key) else { return false };
    !repo.private || caller.is_some_and(|caller| repo.roles.contains_key(&caller.login.to_ascii_lowercase()))
}

/// Refuses callers below a role, in GitHub's words.
pub(super) fn demand(state: &State, ask: &Ask<'_>, role: Role) -> Result<(), Refusal> {
    let login = ask.login()?.to_ascii_lowercase();
    let has = state.repos.get(ask.key).and_then(|repo| repo.roles.get(&login).copied());
    if has >= Some(role) { Ok(()) } else { Err(Refusal::no_right(ask.app())) }
}

fn repository(state: &mut State, ask: &Ask<'_>, rest: &[&str]) -> Answer {
    let method = ask.request.method.as_str();
    if method != "GET" && state.repos.get(ask.key).is_some_and(|repo| repo.archived) {
        return Err(Refusal::new(403, "Repository was archived so is read-only."));
    }
    // Anyone may speak in a public repository, and open a pull request from a fork; all else needs the right to push.
    let open_to_all = matches!(
        (method, rest),
        ("GET" | "HEAD", _) | ("POST", ["pulls"] | ["issues", _, "comments"] | ["pulls", _, "reviews"])
    );
    if open_to_all {
        if method == "POST" {
            ask.login()?;
        }
    } else if !matches!((method, rest), ("PATCH", ["pulls" | "issues", ..])) {
        demand(state, ask, Role::Write)?;
    }
    match rest {
        [] if method == "GET" => {
            let login = ask.caller.map(|caller| caller.login.as_str());
            let repo = state.repos.get(ask.key).ok_or_else(Refusal::not_found)?;
            Out::ok(render::full_repository(&state.url, repo, login))
        }
        ["pulls", rest @ ..] => pulls::answer(state, ask, rest),
        ["issues" | "labels" | "assignees" | "collaborators", ..] => talk::answer(state, ask, rest),
        ["git", rest @ ..] => objects::answer(state, ask, rest),
        _ => refs::answer(state, ask, rest),
    }
}
