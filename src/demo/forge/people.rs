//! What is not about one repository: accounts, rate limit, search, and a page for a browser.

use super::render;
use super::render_pull;
use super::route::{Caller, readable};
use super::state::State;
use super::wire::{Answer, HOURLY, Out, Refusal, slice};
use crate::demo::serve::Request;
use serde_json::{Value, json};

/// `GET /user`: an installation has none.
pub(super) fn own(state: &State, caller: &Caller) -> Answer {
    if caller.app {
        return Err(Refusal::no_right(true));
    }
    Out::ok(render::profile(&state.url, &caller.login))
}

/// `GET /users/{login}`
pub(super) fn profile(state: &State, login: &str) -> Answer {
    let known = state.tokens.values().any(|token| token.login.eq_ignore_ascii_case(login))
        || state.app.as_ref().is_some_and(|app| login == format!("{}[bot]", app.slug))
        || state.repos.values().any(|repo| repo.roles.contains_key(&login.to_ascii_lowercase()));
    if known { Out::ok(render::profile(&state.url, login)) } else { Err(Refusal::not_found()) }
}

/// `GET /rate_limit`
pub(super) fn rate_limit(state: &State) -> Answer {
    let reset = state.now().as_second() + 3600;
    let used = state.used.min(HOURLY);
    let core = json!({"limit": HOURLY, "remaining": HOURLY - used, "reset": reset, "used": used});
    let search = json!({"limit": 30, "remaining": 30, "reset": reset, "used": 0});
    Out::ok(json!({"resources": {"core": core, "search": search, "graphql": core}, "rate": core}))
}

/// `GET /search/issues`: the qualifiers repo, is, state, author, head, base, in:body words, label.
pub(super) fn search(state: &mut State, request: &Request, caller: Option<&Caller>) -> Answer {
    let Some(query) = request.param("q") else { return Err(Refusal::field("Search", "q", "missing")) };
    let query = query.to_owned();
    let keys: Vec<String> = state.repos.keys().filter(|key| readable(state, key, caller)).cloned().collect();
    for key in &keys {
        state.refresh(key)?;
    }
    let mut found = Vec::new();
    for repo in keys.iter().filter_map(|key| state.repos.get(key)) {
        for pull in repo.pulls.values().filter(|pull| query.split_whitespace().all(|term| admits(repo, pull, term))) {
            let mut item = render_pull::issue(&state.url, repo, pull, false);
            item["score"] = json!(1.0);
            found.push((pull.created, pull.number, item));
        }
    }
    found.sort_by_key(|(created, number, _)| std::cmp::Reverse((*created, *number)));
    let total = found.len();
    let (items, headers) = slice(request, &state.url, found.into_iter().map(|(_, _, item)| item).collect());
    let body = json!({"total_count": total, "incomplete_results": false, "search_type": "lexical", "items": items});
    Ok(Out { status: 200, body: Some(body), headers })
}

fn admits(repo: &super::state::Repo, pull: &super::state::Pull, term: &str) -> bool {
    let Some((name, value)) = term.split_once(':') else {
        let text = format!("{} {}", pull.title, pull.body.as_deref().unwrap_or_default()).to_ascii_lowercase();
        return text.contains(&term.trim_matches('"').to_ascii_lowercase());
    };
    let value = value.trim_matches('"');
    match name {
        "repo" => repo.full_name().eq_ignore_ascii_case(value),
        "author" => pull.author.trim_end_matches("[bot]").eq_ignore_ascii_case(value.trim_start_matches("app/")),
        "head" => pull.head_ref.starts_with(value),
        "base" => pull.base_ref == value,
        "label" => pull.labels.iter().any(|label| label.eq_ignore_ascii_case(value)),
        "is" | "state" | "type" => match value {
            "open" => pull.open,
            "closed" => !pull.open,
            "merged" => pull.merged.is_some(),
            "unmerged" => pull.merged.is_none(),
            "pr" | "pull-request" => true,
            "draft" => pull.draft,
            _ => false,
        },
        _ => false,
    }
}

/// A plain page for a person who follows `html_url` out of the demo.
pub(super) fn page(state: &mut State, owner: &str, name: &str, number: &str) -> Answer {
    let key = format!("{owner}/{name}").to_ascii_lowercase();
    state.refresh(&key)?;
    let repo = state.repos.get(&key).filter(|repo| !repo.private).ok_or_else(Refusal::not_found)?;
    let pull = number.parse().ok().and_then(|n: u64| repo.pulls.get(&n)).ok_or_else(Refusal::not_found)?;
    let status = if pull.merged.is_some() {
        "merged"
    } else if pull.open {
        "open"
    } else {
        "closed"
    };
    let diff = super::bare::changes(&repo.open()?, pull.base, pull.head)?;
    let diff: Vec<String> = diff.into_iter().map(|c| format!("{}\n{}", c.path, c.patch.unwrap_or_default())).collect();
    let text = format!(
        "<!doctype html><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>{title}</title>\
         <style>body{{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}}\
         pre{{overflow:auto;background:#8881;padding:1rem}}</style>\
         <h1>{title} <small>#{number} · {status}</small></h1><p>{author} · {head} → {base}</p>\
         <pre style=\"white-space:pre-wrap\">{body}</pre><pre>{diff}</pre>",
        title = escape(&pull.title),
        number = pull.number,
        author = escape(&pull.author),
        head = escape(&pull.head_ref),
        base = escape(&pull.base_ref),
        body = escape(pull.body.as_deref().unwrap_or_default()),
        diff = escape(&diff.join("\n\n")),
    );
    Ok(Out::new(200, Value::String(text)))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
