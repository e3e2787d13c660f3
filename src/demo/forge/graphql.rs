//! The little of GraphQL that Davit uses: `updateRefs`, and the ids that it needs. Reads variables, not inline
//! arguments; anything else is answered with an error, as an unknown field is.

use super::bare;
use super::objects::{closed_by_deletion, guard};
use super::pulls::repo;
use super::render;
use super::route::{Caller, json_body, readable};
use super::state::{Role, State};
use super::wire::{Answer, Out, Refusal};
use crate::demo::serve::Request;
use git2::Oid;
use serde_json::{Value, json};

pub(super) fn answer(state: &mut State, request: &Request, caller: &Caller) -> Answer {
    let body = json_body(request)?;
    let query = body["query"].as_str().ok_or_else(|| Refusal::new(400, "A query attribute must be specified"))?;
    let variables = &body["variables"];
    if query.contains("updateRefs") {
        return match update_refs(state, caller, &variables["input"]) {
            Ok(()) => {
                let mutation = variables["input"]["clientMutationId"].clone();
                Out::ok(json!({"data": {"updateRefs": {"clientMutationId": mutation}}}))
            }
            Err(refusal) => {
                let kind = match refusal.status {
                    404 => "NOT_FOUND",
                    403 => "FORBIDDEN",
                    _ => "UNPROCESSABLE",
                };
                Out::ok(json!({
                    "data": {"updateRefs": null},
                    "errors": [{"type": kind, "path": ["updateRefs"], "message": refusal.message,
                        "locations": [{"line": 1, "column": 1}]}],
                }))
            }
        };
    }
    if query.contains("repository") {
        let text = |name: &str| variables[name].as_str().unwrap_or_default().to_owned();
        let key = format!("{}/{}", text("owner"), text("name")).to_ascii_lowercase();
        if !readable(state, &key, Some(caller)) {
            return Out::ok(json!({
                "data": {"repository": null},
                "errors": [{"type": "NOT_FOUND", "path": ["repository"], "locations": [{"line": 1, "column": 1}],
                    "message": format!("Could not resolve to a Repository with the name '{key}'.")}],
            }));
        }
        let id = render::node("Repository", repo(state, &key)?.id);
        return Out::ok(json!({"data": {"repository": {"id": id}}}));
    }
    if query.contains("viewer") {
        return Out::ok(json!({"data": {"viewer": {"login": caller.login}}}));
    }
    Out::ok(json!({"errors": [{"message": "this query is not part of the fake forge"}]}))
}

struct Step {
    name: String,
    old: Option<Oid>,
    new: Option<Oid>,
}

/// All or nothing, each reference only from the value that the caller saw.
fn update_refs(state: &mut State, caller: &Caller, input: &Value) -> Result<(), Refusal> {
    let wanted = input["repositoryId"].as_str().unwrap_or_default();
    let found = state.repos.iter().find(|(_, repo)| render::node("Repository", repo.id) == wanted);
    let missing = || Refusal::new(404, format!("Could not resolve to a node with the global id of '{wanted}'"));
    let key = found.map(|(key, _)| key.clone()).ok_or_else(missing)?;
    let role = repo(state, &key)?.roles.get(&caller.login.to_ascii_lowercase()).copied();
    if role < Some(Role::Write) {
        return Err(Refusal::no_right(caller.app));
    }
    let git = repo(state, &key)?.open()?;
    let updates = input["refUpdates"].as_array().cloned().unwrap_or_default();
    if updates.is_empty() {
        return Err(Refusal::new(422, "refUpdates must not be empty"));
    }
    let mut steps = Vec::new();
    for update in &updates {
        steps.push(check(&git, update)?);
    }
    for step in &steps {
        guard(state, &key, &step.name)?;
    }
    for step in steps {
        match step.new {
            Some(new) => {
                git.reference(&step.name, new, true, "updateRefs")?;
                state.refresh(&key)?;
            }
            None if step.old.is_some() => {
                git.find_reference(&step.name)?.delete()?;
                closed_by_deletion(state, &key, &step.name, &caller.login)?;
            }
            None => {}
        }
    }
    Ok(())
}

fn check(git: &git2::Repository, update: &Value) -> Result<Step, Refusal> {
    let refuse = |message: String| Refusal::new(422, message);
    let oid = |field: &str| -> Result<Option<Oid>, Refusal> {
        let text = update[field].as_str();
        text.map(|text| Oid::from_str(text).map_err(|_| refuse(format!("{field} is not a Git object id")))).transpose()
    };
    let name = update["name"].as_str().unwrap_or_default().to_owned();
    if !name.starts_with("refs/") || !git2::Reference::is_valid_name(&name) {
        return Err(refuse(format!("'{name}' is not a valid ref name")));
    }
    let zero = |id: &Oid| id.is_zero();
    let after = oid("afterOid")?.ok_or_else(|| refuse("afterOid is required".into()))?;
    let old = bare::tip(git, &name);
    if let Some(before) = oid("beforeOid")? {
        let expected = Some(before).filter(|id| !zero(id));
        if expected != old {
            let now = old.map_or_else(|| "absent".to_owned(), |id| id.to_string());
            return Err(refuse(format!("Reference update failed: {name} is {now}, expected {before}")));
        }
    }
    let new = Some(after).filter(|id| !zero(id));
    if let Some(new) = new {
        git.find_commit(new).map_err(|_| refuse(format!("{after} is not a commit of this repository")))?;
        let forced = update["force"].as_bool().unwrap_or(false);
        if old.is_some_and(|old| !bare::holds(git, new, old)) && !forced {
            return Err(refuse(format!("Reference update failed: {name} would not be a fast forward")));
        }
    }
    Ok(Step { name, old, new })
}
