//! Pull requests: list, open, change, merge.

use super::bare;
use super::render;
use super::render_pull;
use super::route::{Ask, demand, json_body, text, texts};
use super::state::{Event, Merged, Pull, Repo, Review, Role, State, head_name};
use super::wire::{Answer, Out, Refusal};
use git2::{Oid, Signature};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(super) fn answer(state: &mut State, ask: &Ask<'_>, rest: &[&str]) -> Answer {
    let method = ask.request.method.as_str();
    match (method, rest) {
        ("GET", []) => return list(state, ask),
        ("POST", []) => return create(state, ask),
        _ => {}
    }
    let [number, rest @ ..] = rest else { return Err(Refusal::not_found()) };
    let number: u64 = number.parse().map_err(|_| Refusal::not_found())?;
    let pull = find(state, ask.key, number)?;
    let (author, key) = (pull.author.clone(), ask.key);
    match (method, rest) {
        ("GET", []) => show(state, key, number),
        ("PATCH", []) => {
            if ask.login()? != author {
                demand(state, ask, Role::Write)?;
            }
            let body = ask.json()?;
            update(state, key, number, ask.login()?, &body)?;
            show(state, key, number)
        }
        ("GET", ["commits"]) => commits(state, ask, number),
        ("GET", ["files"]) => files(state, ask, number),
        ("GET", ["comments"]) => Out::page(ask.request, &state.url, Vec::new()),
        ("GET", ["merge"]) => match find(state, key, number)?.merged {
            Some(_) => Out::none(),
            None => Err(Refusal::not_found()),
        },
        ("PUT", ["merge"]) => {
            let body = ask.json()?;
            let sha = merge(state, key, number, ask.login()?, &body)?;
            Out::ok(json!({"sha": sha.to_string(), "merged": true, "message": "Pull Request successfully merged"}))
        }
        ("PUT", ["update-branch"]) => update_branch(state, ask, number),
        ("GET", ["reviews"]) => reviews(state, ask, number),
        ("POST", ["reviews"]) => review(state, ask, number),
        ("GET", ["requested_reviewers"]) => {
            let (repo, pull) = (repo(state, key)?, find(state, key, number)?);
            let users = pull.reviewers.iter().map(|login| render::user(&state.url, login));
            let teams = render_pull::teams(&state.url, repo, pull);
            Out::ok(json!({"users": users.collect::<Vec<_>>(), "teams": teams}))
        }
        ("POST" | "DELETE", ["requested_reviewers"]) => request_reviewers(state, ask, number, method == "POST"),
        _ => Err(Refusal::not_found()),
    }
}

pub(super) fn repo<'a>(state: &'a State, key: &str) -> Result<&'a Repo, Refusal> {
    state.repos.get(key).ok_or_else(Refusal::not_found)
}

pub(super) fn repo_mut<'a>(state: &'a mut State, key: &str) -> Result<&'a mut Repo, Refusal> {
    state.repos.get_mut(key).ok_or_else(Refusal::not_found)
}

pub(super) fn find<'a>(state: &'a State, key: &str, number: u64) -> Result<&'a Pull, Refusal> {
    repo(state, key)?.pulls.get(&number).ok_or_else(Refusal::not_found)
}

pub(super) fn find_mut<'a>(state: &'a mut State, key: &str, number: u64) -> Result<&'a mut Pull, Refusal> {
    repo_mut(state, key)?.pulls.get_mut(&number).ok_or_else(Refusal::not_found)
}

/// Notes an event on a pull request.
pub(super) fn note(
    state: &mut State,
    key: &str,
    number: u64,
    kind: &'static str,
    actor: Option<&str>,
    subject: Option<String>,
) -> Result<(), Refusal> {
    let (id, at) = (state.next_id(), state.now());
    let pull = find_mut(state, key, number)?;
    let commit = (kind == "merged").then_some(pull.merge_commit).flatten();
    pull.events.push(Event { id, kind, actor: actor.map(str::to_owned), at, subject, commit });
    pull.updated = at;
    Ok(())
}

fn list(state: &State, ask: &Ask<'_>) -> Answer {
    let (request, repo) = (ask.request, repo(state, ask.key)?);
    let wanted = request.param("state").unwrap_or("open");
    let head = request.param("head").filter(|head| head.contains(':'));
    let admits = |pull: &&Pull| {
        (wanted == "all" || (wanted == "open") == pull.open)
            && head.is_none_or(|head| head == format!("{}:{}", pull.head_owner, pull.head_ref))
            && request.param("base").is_none_or(|base| base == pull.base_ref)
    };
    let mut pulls: Vec<&Pull> = repo.pulls.values().filter(admits).collect();
    let by_update = request.param("sort") == Some("updated");
    pulls.sort_by_key(|pull| (if by_update { pull.updated } else { pull.created }, pull.number));
    if request.param("direction").unwrap_or("desc") == "desc" {
        pulls.reverse();
    }
    let items = pulls.into_iter().map(|pull| render_pull::pull(&state.url, repo, pull)).collect();
    Out::page(request, &state.url, items)
}

fn show(state: &mut State, key: &str, number: u64) -> Answer {
    let url = state.url.clone();
    let (repo, pull) = (repo(state, key)?, find(state, key, number)?);
    let git = repo.open()?;
    let base = bare::tip(&git, &format!("refs/heads/{}", pull.base_ref)).unwrap_or(pull.base);
    let judged = !repo.lazy_mergeability || pull.judged == Some((pull.head, base));
    let value = render_pull::whole_pull(&url, &git, repo, pull, judged)?;
    let seen = Some((pull.head, base));
    find_mut(state, key, number)?.judged = seen;
    Out::ok(value)
}

/// What a new pull request is made of.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) title: String,
    pub(super) body: Option<String>,
    pub(super) head_owner: String,
    pub(super) head_ref: String,
    pub(super) base_ref: String,
    pub(super) draft: bool,
    pub(super) maintainer_can_modify: bool,
}

fn create(state: &mut State, ask: &Ask<'_>) -> Answer {
    let body = json_body(ask.request)?;
    let owner = repo(state, ask.key)?.owner.clone();
    let head = text(&body, "PullRequest", "head")?;
    let (head_owner, head_ref) = head.split_once(':').unwrap_or((&owner, head));
    if head_owner.eq_ignore_ascii_case(&owner) {
        demand(state, ask, Role::Write)?;
    }
    let opening = Opening {
        title: text(&body, "PullRequest", "title")?.to_owned(),
        body: body["body"].as_str().map(str::to_owned),
        head_owner: head_owner.to_owned(),
        head_ref: head_ref.to_owned(),
        base_ref: text(&body, "PullRequest", "base")?.to_owned(),
        draft: body["draft"].as_bool().unwrap_or(false),
        maintainer_can_modify: body["maintainer_can_modify"].as_bool().unwrap_or(false),
    };
    let login = ask.login()?.to_owned();
    let number = open(state, ask.key, &login, opening)?;
    let Out { body, .. } = show(state, ask.key, number)?;
    Out::created(body.unwrap_or_default())
}

/// Opens a pull request as somebody, with GitHub's refusals.
pub(super) fn open(state: &mut State, key: &str, login: &str, opening: Opening) -> Result<u64, Refusal> {
    let (id, now) = (state.next_id(), state.now());
    let repo = repo_mut(state, key)?;
    let git = repo.open()?;
    let invalid = |field| Refusal::field("PullRequest", field, "invalid");
    let base = bare::tip(&git, &format!("refs/heads/{}", opening.base_ref)).ok_or_else(|| invalid("base"))?;
    let name = head_name(&repo.owner, &opening.head_owner, &opening.head_ref);
    let head = bare::tip(&git, &name).ok_or_else(|| invalid("head"))?;
    let same = |pull: &&Pull| {
        pull.open
            && pull.head_ref == opening.head_ref
            && pull.head_owner == opening.head_owner
            && pull.base_ref == opening.base_ref
    };
    if repo.pulls.values().any(|pull| same(&pull)) {
        let head = format!("{}:{}", opening.head_owner, opening.head_ref);
        return Err(Refusal::custom("PullRequest", format!("A pull request already exists for {head}.")));
    }
    if opening.draft && !repo.drafts {
        return Err(Refusal::custom("PullRequest", "Draft pull requests are not supported in this repository."));
    }
    if bare::holds(&git, base, head) {
        let message = format!("No commits between {} and {}", opening.base_ref, opening.head_ref);
        return Err(Refusal::custom("PullRequest", message));
    }
    let number = repo.pulls.keys().next_back().map_or(1, |last| last + 1);
    git.reference(&format!("refs/pull/{number}/head"), head, true, "opened")?;
    let pull = Pull {
        id,
        number,
        title: opening.title,
        body: opening.body,
        author: login.to_owned(),
        head_owner: opening.head_owner,
        head_ref: opening.head_ref,
        base_ref: opening.base_ref,
        head,
        base,
        base_seen: base,
        open: true,
        draft: opening.draft,
        maintainer_can_modify: opening.maintainer_can_modify,
        merged: None,
        merge_commit: None,
        closed_by: None,
        closed: None,
        created: now,
        updated: now,
        labels: Vec::new(),
        assignees: Vec::new(),
        reviewers: Vec::new(),
        teams: Vec::new(),
        reviews: Vec::new(),
        events: Vec::new(),
        judged: None,
    };
    repo.pulls.insert(number, pull);
    Ok(number)
}

/// Title, body, state and base, as `PATCH` of a pull request or its issue sets them.
pub(super) fn update(state: &mut State, key: &str, number: u64, login: &str, body: &Value) -> Result<(), Refusal> {
    let now = state.now();
    if let Some(title) = body["title"].as_str() {
        let pull = find_mut(state, key, number)?;
        let old = std::mem::replace(&mut pull.title, title.to_owned());
        if old != title {
            note(state, key, number, "renamed", Some(login), Some(format!("{old}\n{title}")))?;
        }
    }
    if let Some(text) = body.get("body") {
        let pull = find_mut(state, key, number)?;
        pull.body = text.as_str().map(str::to_owned);
        pull.updated = now;
    }
    if let Some(base) = body["base"].as_str() {
        let git = repo(state, key)?.open()?;
        let tip = bare::tip(&git, &format!("refs/heads/{base}"));
        let tip = tip.ok_or_else(|| Refusal::field("PullRequest", "base", "invalid"))?;
        let pull = find_mut(state, key, number)?;
        (pull.base_ref, pull.base, pull.base_seen) = (base.to_owned(), tip, tip);
    }
    if let Some(flag) = body["maintainer_can_modify"].as_bool() {
        find_mut(state, key, number)?.maintainer_can_modify = flag;
    }
    match body["state"].as_str() {
        Some("closed") => close(state, key, number, login),
        Some("open") => reopen(state, key, number, login),
        _ => Ok(()),
    }
}

/// Closes without merging; nothing happens where it is closed.
pub(super) fn close(state: &mut State, key: &str, number: u64, login: &str) -> Result<(), Refusal> {
    let now = state.now();
    let pull = find_mut(state, key, number)?;
    if !pull.open {
        return Ok(());
    }
    (pull.open, pull.closed, pull.closed_by) = (false, Some(now), Some(login.to_owned()));
    note(state, key, number, "closed", Some(login), None)
}

/// Opens a closed one again, where GitHub would.
pub(super) fn reopen(state: &mut State, key: &str, number: u64, login: &str) -> Result<(), Refusal> {
    let repo = repo(state, key)?;
    let (pull, git) = (find(state, key, number)?, repo.open()?);
    if pull.open {
        return Ok(());
    }
    let refuse = |why: String| {
        let message = format!("state cannot be changed. {why}");
        Refusal::invalid(json!([{"resource": "PullRequest", "code": "invalid", "field": "state", "message": message}]))
    };
    if pull.merged.is_some() {
        return Err(refuse("The pull request cannot be reopened.".into()));
    }
    let branch = &pull.head_ref;
    let head = bare::tip(&git, &pull.head_name(&repo.owner))
        .ok_or_else(|| refuse(format!("The {branch} branch has been deleted.")))?;
    if !bare::holds(&git, head, pull.head) {
        return Err(refuse(format!("The {branch} branch was force-pushed or recreated.")));
    }
    let same = |other: &Pull| other.open && other.head_ref == *branch && other.head_owner == pull.head_owner;
    if repo.pulls.values().any(same) {
        let message = format!("There is already an open pull request from {} to {}.", branch, pull.base_ref);
        return Err(refuse(message));
    }
    let pull = find_mut(state, key, number)?;
    (pull.open, pull.closed, pull.closed_by) = (true, None, None);
    note(state, key, number, "reopened", Some(login), None)?;
    state.refresh(key)?;
    Ok(())
}

fn commits(state: &State, ask: &Ask<'_>, number: u64) -> Answer {
    let (repo, pull) = (repo(state, ask.key)?, find(state, ask.key, number)?);
    let git = repo.open()?;
    let ids = bare::ahead(&git, pull.base, pull.head)?;
    let items =
        ids.into_iter().map(|id| render::commit_at(&state.url, repo, &git, id)).collect::<Result<Vec<_>, _>>()?;
    Out::page(ask.request, &state.url, items)
}

fn files(state: &State, ask: &Ask<'_>, number: u64) -> Answer {
    let (repo, pull) = (repo(state, ask.key)?, find(state, ask.key, number)?);
    let changes = bare::changes(&repo.open()?, pull.base, pull.head)?;
    Out::page(ask.request, &state.url, render::files(&state.url, repo, pull.head, changes))
}

/// The signature of an account at a time.
pub(super) fn signature(state: &State, login: &str, at: Timestamp) -> Result<Signature<'static>, git2::Error> {
    let email = format!("{}+{login}@users.noreply.{}", render::id_of(login), state.mail_host());
    Signature::new(login, &email, &git2::Time::new(at.as_second(), 0))
}

/// Merges with a real commit in the bare repository and gives its id.
pub(super) fn merge(state: &mut State, key: &str, number: u64, login: &str, body: &Value) -> Result<Oid, Refusal> {
    let now = state.now();
    let (repo, pull) = (repo(state, key)?, find(state, key, number)?);
    let git = repo.open()?;
    let head = pull.head;
    if body["sha"].as_str().is_some_and(|sha| sha != head.to_string()) {
        return Err(Refusal::new(409, "Head branch was modified. Review and try the merge again."));
    }
    let refuse = |message: &str| Err(Refusal::new(405, message));
    let base_name = format!("refs/heads/{}", pull.base_ref);
    let (Some(base), true) = (bare::tip(&git, &base_name), pull.open) else {
        return refuse("Pull Request is not mergeable");
    };
    match render_pull::mergeability(&git, repo, pull)? {
        (_, "draft") => return refuse("Pull Request is still a draft"),
        (_, "blocked") => {
            return refuse("Repository rule violations found\n\nRequired checks or reviews are missing.\n\n");
        }
        (_, "behind") => return refuse("Head branch is out of date"),
        (Some(true), _) => {}
        _ => return refuse("Pull Request is not mergeable"),
    }
    let Some(tree) = bare::merged_tree(&git, base, head)? else { return refuse("Pull Request is not mergeable") };
    let squash = body["merge_method"].as_str() == Some("squash");
    let who = signature(state, login, now)?;
    let title = if squash {
        format!("{} (#{number})", pull.title)
    } else {
        format!("Merge pull request #{number} from {}/{}\n\n{}", pull.head_owner, pull.head_ref, pull.title)
    };
    let title = body["commit_title"].as_str().map_or(title, str::to_owned);
    let message = body["commit_message"].as_str().map_or(title.clone(), |text| format!("{title}\n\n{text}"));
    let parents = if squash { vec![base] } else { vec![base, head] };
    let merged = bare::commit(&git, tree, &message, &parents, &who, &who)?;
    git.reference(&base_name, merged, true, "merge")?;
    let (delete, head_name) = (repo.delete_branch_on_merge, pull.head_name(&repo.owner));
    let pull = find_mut(state, key, number)?;
    pull.merged = Some(Merged { by: Some(login.to_owned()), at: now });
    (pull.merge_commit, pull.base_seen) = (Some(merged), merged);
    (pull.open, pull.closed, pull.closed_by) = (false, Some(now), Some(login.to_owned()));
    note(state, key, number, "merged", Some(login), None)?;
    note(state, key, number, "closed", Some(login), None)?;
    if delete {
        git.find_reference(&head_name)?.delete()?;
        note(state, key, number, "head_ref_deleted", Some(login), None)?;
    }
    Ok(merged)
}

/// Merges the base into the head, as the button "Update branch" does.
fn update_branch(state: &mut State, ask: &Ask<'_>, number: u64) -> Answer {
    let body = ask.json()?;
    let login = ask.login()?;
    let pull = find(state, ask.key, number)?;
    if body["expected_head_sha"].as_str().is_some_and(|sha| sha != pull.head.to_string()) {
        return Err(Refusal::new(422, "expected head sha didn’t match current head ref."));
    }
    update_head(state, ask.key, number, login)?;
    let url = format!("{}/repos/{}/pulls/{number}", state.url, ask.key);
    Ok(Out::new(202, json!({"message": "Updating pull request branch.", "url": url})))
}

/// The merge commit of "Update branch".
pub(super) fn update_head(state: &mut State, key: &str, number: u64, login: &str) -> Result<Oid, Refusal> {
    let now = state.now();
    let (repo, pull) = (repo(state, key)?, find(state, key, number)?);
    let git = repo.open()?;
    let base = bare::tip(&git, &format!("refs/heads/{}", pull.base_ref)).ok_or_else(Refusal::not_found)?;
    if bare::holds(&git, pull.head, base) {
        return Err(Refusal::new(422, "There are no new commits on the base branch."));
    }
    let tree = bare::merged_tree(&git, pull.head, base)?;
    let tree = tree.ok_or_else(|| Refusal::new(422, "merge conflict between base and head"))?;
    let who = signature(state, login, now)?;
    let message = format!("Merge branch '{}' into {}", pull.base_ref, pull.head_ref);
    let id = bare::commit(&git, tree, &message, &[pull.head, base], &who, &who)?;
    git.reference(&pull.head_name(&repo.owner), id, true, "update branch")?;
    state.refresh(key)?;
    Ok(id)
}

fn reviews(state: &State, ask: &Ask<'_>, number: u64) -> Answer {
    let (repo, pull) = (repo(state, ask.key)?, find(state, ask.key, number)?);
    let items = pull.reviews.iter().map(|review| render_pull::review(&state.url, repo, pull, review)).collect();
    Out::page(ask.request, &state.url, items)
}

fn review(state: &mut State, ask: &Ask<'_>, number: u64) -> Answer {
    let body = ask.json()?;
    let review = add_review(
        state,
        ask.key,
        number,
        ask.login()?,
        body["event"].as_str().unwrap_or("COMMENT"),
        body["body"].as_str().unwrap_or_default(),
    )?;
    let (repo, pull) = (repo(state, ask.key)?, find(state, ask.key, number)?);
    Out::ok(render_pull::review(&state.url, repo, pull, &review))
}

/// A review: `APPROVE`, `REQUEST_CHANGES` or `COMMENT`.
pub(super) fn add_review(
    state: &mut State,
    key: &str,
    number: u64,
    login: &str,
    event: &str,
    body: &str,
) -> Result<Review, Refusal> {
    let (id, at) = (state.next_id(), state.now());
    let pull = find_mut(state, key, number)?;
    if pull.author == login && event != "COMMENT" {
        let verb = if event == "APPROVE" { "approve" } else { "request changes on" };
        let message = format!("Can not {verb} your own pull request");
        return Err(Refusal { status: 422, message: "Unprocessable Entity".into(), errors: Some(json!([message])) });
    }
    let state = match event {
        "APPROVE" => "APPROVED",
        "REQUEST_CHANGES" => "CHANGES_REQUESTED",
        _ => "COMMENTED",
    };
    let review = Review { id, author: login.into(), state, body: body.into(), commit: pull.head, at };
    pull.reviewers.retain(|reviewer| reviewer != login);
    pull.reviews.push(review.clone());
    pull.updated = at;
    Ok(review)
}

fn request_reviewers(state: &mut State, ask: &Ask<'_>, number: u64, add: bool) -> Answer {
    let body = ask.json()?;
    let (repo, pull) = (repo(state, ask.key)?, find(state, ask.key, number)?);
    let wanted = texts(&body["reviewers"]);
    if wanted.contains(&pull.author) {
        return Err(Refusal::new(422, "Review cannot be requested from pull request author."));
    }
    let teams = texts(&body["team_reviewers"]);
    if !wanted.iter().all(|login| repo.roles.contains_key(&login.to_ascii_lowercase()))
        || !teams.iter().all(|slug| repo.teams.contains(slug))
    {
        let message = "Reviews may only be requested from collaborators. One or more of the users or teams you \
                       specified is not a collaborator of the";
        return Err(Refusal::new(422, format!("{message} {} repository.", repo.full_name())));
    }
    let actor = ask.login()?;
    for login in wanted {
        let pull = find_mut(state, ask.key, number)?;
        let there = pull.reviewers.contains(&login);
        if add == there {
            continue;
        }
        let kind = if add { "review_requested" } else { "review_request_removed" };
        pull.reviewers.retain(|have| *have != login);
        if add {
            pull.reviewers.push(login.clone());
        }
        note(state, ask.key, number, kind, Some(actor), Some(login))?;
    }
    let asked = &mut find_mut(state, ask.key, number)?.teams;
    asked.retain(|have| !teams.contains(have));
    if add {
        asked.extend(teams);
    }
    let (repo, pull) = (self::repo(state, ask.key)?, find(state, ask.key, number)?);
    let value = render_pull::pull(&state.url, repo, pull);
    if add { Out::created(value) } else { Out::ok(value) }
}
