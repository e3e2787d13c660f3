//! A GitHub App: its JSON Web Token opens installations, an installation's token opens repositories.

use super::render;
use super::route::Caller;
use super::state::{App, State, Token};
use super::wire::{Answer, Out, Refusal, slice};
use crate::demo::serve::Request;
use base64::Engine;
use serde_json::{Value, json};

/// How long an installation's token lives, in seconds.
const LIFE: i64 = 3600;

pub(super) fn answer(state: &mut State, request: &Request, rest: &[&str]) -> Answer {
    let app = judge(state, request)?;
    match (request.method.as_str(), rest) {
        ("GET", []) => Out::ok(integration(state, &app)),
        ("GET", ["installations", id]) if *id == app.installation.to_string() => Out::ok(installation(state, &app)),
        ("GET", ["repos", owner, name, "installation"]) => {
            let key = format!("{owner}/{name}").to_ascii_lowercase();
            let bot = format!("{}[bot]", app.slug).to_ascii_lowercase();
            let installed = state.repos.get(&key).is_some_and(|repo| repo.roles.contains_key(&bot));
            if installed { Out::ok(installation(state, &app)) } else { Err(Refusal::not_found()) }
        }
        ("POST", ["installations", id, "access_tokens"]) if *id == app.installation.to_string() => token(state, &app),
        _ => Err(Refusal::not_found()),
    }
}

/// Checks the shape, the issuer and the times of the App's token. The signature is not checked: the fake holds no key.
fn judge(state: &State, request: &Request) -> Result<App, Refusal> {
    let refuse = |message: &str| Refusal::new(401, message);
    let undecodable = || refuse("A JSON web token could not be decoded");
    let header = request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let parts: Vec<&str> = header.split('.').collect();
    let [head, claims, signature] = parts.as_slice() else { return Err(undecodable()) };
    let decode = |part: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).ok();
    let read = |part: &str| decode(part).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let (Some(head), Some(claims)) = (read(head), read(claims)) else { return Err(undecodable()) };
    if head["alg"] != "RS256" || decode(signature).is_none_or(|bytes| bytes.len() < 128) {
        return Err(undecodable());
    }
    let app = state.app.clone().ok_or_else(|| refuse("Integration not found"))?;
    let issuer = claims["iss"].as_u64().or_else(|| claims["iss"].as_str().and_then(|text| text.parse().ok()));
    if issuer != Some(app.id) {
        return Err(refuse("Integration not found"));
    }
    // Judged by the real time: the client's clock is not the forge's to set.
    let now = jiff::Timestamp::now().as_second();
    let (from, to) = (claims["iat"].as_i64().unwrap_or(i64::MAX), claims["exp"].as_i64().unwrap_or(0));
    if from > now + 60 {
        return Err(refuse(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        ));
    }
    if to <= now {
        return Err(refuse(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        ));
    }
    if to > now + 600 + 60 {
        return Err(refuse("'Expiration time' claim ('exp') is too far in the future"));
    }
    Ok(app)
}

fn permissions() -> Value {
    json!({"contents": "write", "metadata": "read", "pull_requests": "write", "statuses": "write"})
}

fn owner(state: &State) -> String {
    state.repos.values().next().map_or_else(|| "acme".into(), |repo| repo.owner.clone())
}

fn integration(state: &State, app: &App) -> Value {
    json!({
        "id": app.id, "slug": app.slug, "node_id": render::node("Integration", app.id),
        "owner": render::user(&state.url, &owner(state)), "name": app.slug, "description": null,
        "external_url": format!("{}/apps/{}", state.url, app.slug), "html_url": format!("{}/apps/{}", state.url, app.slug),
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "permissions": permissions(), "events": ["push", "pull_request"], "installations_count": 1,
    })
}

fn installation(state: &State, app: &App) -> Value {
    let (url, id) = (&state.url, app.installation);
    let mut account = render::user(url, &owner(state));
    if let Value::Object(fields) = &mut account {
        // The description of an installation's account is closed, and does not know it.
        fields.shift_remove("user_view_type");
    }
    json!({
        "id": id, "account": account, "repository_selection": "selected",
        "access_tokens_url": format!("{url}/app/installations/{id}/access_tokens"),
        "repositories_url": format!("{url}/installation/repositories"),
        "html_url": format!("{url}/settings/installations/{id}"), "app_id": app.id, "app_slug": app.slug,
        "target_id": account["id"], "target_type": "Organization", "permissions": permissions(),
        "events": ["push", "pull_request"], "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "single_file_name": null, "suspended_by": null, "suspended_at": null,
    })
}

fn token(state: &mut State, app: &App) -> Answer {
    let number = state.next_id();
    let end = state.now() + jiff::SignedDuration::from_secs(LIFE);
    let token = format!("ghs_{number:036}");
    state.tokens.insert(token.clone(), Token { login: format!("{}[bot]", app.slug), expires: Some(end) });
    Out::created(json!({
        "token": token, "expires_at": end.to_string(), "permissions": permissions(), "repository_selection": "selected",
    }))
}

/// `GET /installation/repositories`
pub(super) fn repositories(state: &State, request: &Request, caller: &Caller) -> Answer {
    if !caller.app {
        return Err(Refusal::new(
            403,
            "You must authenticate with an installation access token in order to list repositories for an installation.",
        ));
    }
    let seen = state.repos.values().filter(|repo| repo.roles.contains_key(&caller.login.to_ascii_lowercase()));
    let items: Vec<Value> = seen.map(|repo| render::repository(&state.url, repo, &repo.owner)).collect();
    let total = items.len();
    let (items, headers) = slice(request, &state.url, items);
    let body = json!({"total_count": total, "repository_selection": "selected", "repositories": items});
    Ok(Out { status: 200, body: Some(body), headers })
}
