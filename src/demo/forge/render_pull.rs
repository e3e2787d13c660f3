//! Pull requests and what hangs on them in GitHub's JSON.

use super::bare;
use super::render::{maybe_user, node, repository, user};
use super::state::{Comment, Event, Label, Pull, Repo, Review};
use git2::{Oid, Repository};
use serde_json::{Value, json};

/// `label`
pub(super) fn label(url: &str, repo: &Repo, label: &Label) -> Value {
    json!({
        "id": label.id, "node_id": node("Label", label.id), "name": label.name, "color": label.color,
        "url": format!("{url}/repos/{}/labels/{}", repo.full_name(), label.name.replace(' ', "%20")),
        "description": label.description.as_deref().unwrap_or_default(), "default": false,
    })
}

/// Labels of a pull request.
pub(super) fn labels(url: &str, repo: &Repo, pull: &Pull) -> Vec<Value> {
    let known = |name: &String| repo.labels.iter().find(|label| label.name.eq_ignore_ascii_case(name));
    pull.labels.iter().filter_map(known).map(|found| label(url, repo, found)).collect()
}

fn association(repo: &Repo, login: &str) -> &'static str {
    if login.eq_ignore_ascii_case(&repo.owner) {
        "OWNER"
    } else if repo.roles.get(&login.to_ascii_lowercase()) >= Some(&super::state::Role::Write) {
        "COLLABORATOR"
    } else {
        "NONE"
    }
}

fn time(at: Option<jiff::Timestamp>) -> Value {
    at.map_or(Value::Null, |at| json!(at.to_string()))
}

fn users(url: &str, logins: &[String]) -> Vec<Value> {
    logins.iter().map(|login| user(url, login)).collect()
}

/// `team` for each team that is asked for a review.
pub(super) fn teams(url: &str, repo: &Repo, pull: &Pull) -> Vec<Value> {
    let one = |slug: &String| {
        let id = super::render::id_of(slug);
        let own = format!("{url}/organizations/1/team/{id}");
        json!({
            "id": id, "node_id": node("Team", id), "url": own, "members_url": format!("{own}/members{{/member}}"),
            "name": slug, "slug": slug, "description": "", "privacy": "closed", "permission": "push",
            "html_url": format!("{url}/orgs/{}/teams/{slug}", repo.owner), "type": "organization",
            "repositories_url": format!("{own}/repos"), "parent": null,
        })
    };
    pull.teams.iter().map(one).collect()
}

/// `pull-request-simple`, as lists have it.
pub(super) fn pull(url: &str, repo: &Repo, pull: &Pull) -> Value {
    let (api, html) = (format!("{url}/repos/{}", repo.full_name()), format!("{url}/{}", repo.full_name()));
    let n = pull.number;
    let (own, issue) = (format!("{api}/pulls/{n}"), format!("{api}/issues/{n}"));
    let side = |owner: &str, branch: &str, sha: Oid| {
        json!({
            "label": format!("{owner}:{branch}"), "ref": branch, "sha": sha.to_string(), "user": user(url, owner),
            "repo": repository(url, repo, owner),
        })
    };
    let urls = [
        ("self", own.clone()),
        ("html", format!("{html}/pull/{n}")),
        ("issue", issue.clone()),
        ("comments", format!("{issue}/comments")),
        ("review_comments", format!("{own}/comments")),
        ("review_comment", format!("{api}/pulls/comments{{/number}}")),
        ("commits", format!("{own}/commits")),
        ("statuses", format!("{api}/statuses/{}", pull.head)),
    ];
    let links: serde_json::Map<String, Value> =
        urls.iter().map(|(name, href)| ((*name).to_owned(), json!({"href": href}))).collect();
    json!({
        "url": own, "id": pull.id, "node_id": node("PullRequest", pull.id), "html_url": format!("{html}/pull/{n}"),
        "diff_url": format!("{html}/pull/{n}.diff"), "patch_url": format!("{html}/pull/{n}.patch"),
        "issue_url": issue, "number": n, "state": if pull.open { "open" } else { "closed" }, "locked": false,
        "title": pull.title, "user": user(url, &pull.author), "body": pull.body,
        "created_at": pull.created.to_string(), "updated_at": pull.updated.to_string(),
        "closed_at": time(pull.closed), "merged_at": time(pull.merged.as_ref().map(|m| m.at)),
        "merge_commit_sha": pull.merge_commit.map(|id| id.to_string()),
        "assignee": pull.assignees.first().map(|login| user(url, login)), "assignees": users(url, &pull.assignees),
        "requested_reviewers": users(url, &pull.reviewers), "requested_teams": teams(url, repo, pull),
        "labels": labels(url, repo, pull), "milestone": null, "draft": pull.draft,
        "commits_url": format!("{own}/commits"), "review_comments_url": format!("{own}/comments"),
        "review_comment_url": format!("{api}/pulls/comments{{/number}}"),
        "comments_url": format!("{issue}/comments"), "statuses_url": format!("{api}/statuses/{}", pull.head),
        "head": side(&pull.head_owner, &pull.head_ref, pull.head),
        "base": side(&repo.owner, &pull.base_ref, pull.base),
        "_links": links, "author_association": association(repo, &pull.author), "auto_merge": null,
        "active_lock_reason": null,
    })
}

/// Whether it can be merged, and GitHub's word for the state it is in.
pub(super) fn mergeability(
    git: &Repository,
    repo: &Repo,
    pull: &Pull,
) -> Result<(Option<bool>, &'static str), git2::Error> {
    let Some(base) = bare::tip(git, &format!("refs/heads/{}", pull.base_ref)).filter(|_| pull.open) else {
        return Ok((None, "unknown"));
    };
    if bare::merged_tree(git, base, pull.head)?.is_none() {
        return Ok((Some(false), "dirty"));
    }
    if pull.draft {
        return Ok((Some(true), "draft"));
    }
    let head = pull.head.to_string();
    let latest = |context: &str| repo.statuses.iter().rev().find(|s| s.sha == head && s.context == context);
    if let Some(rules) = repo.protections.get(&pull.base_ref) {
        let green = |context: &String| latest(context).is_some_and(|status| status.state == "success");
        let approvals = approvals(pull);
        if approvals < rules.approvals || !rules.contexts.iter().all(green) {
            return Ok((Some(true), "blocked"));
        }
        if rules.strict && !bare::holds(git, pull.head, base) {
            return Ok((Some(true), "behind"));
        }
    }
    let contexts = repo.statuses.iter().filter(|s| s.sha == head).map(|s| s.context.as_str());
    let red = contexts.filter_map(latest).any(|status| status.state != "success");
    Ok((Some(true), if red { "unstable" } else { "clean" }))
}

/// How many people's last word is an approval.
pub(super) fn approvals(pull: &Pull) -> usize {
    let mut last = std::collections::BTreeMap::new();
    for review in pull.reviews.iter().filter(|review| review.state != "COMMENTED") {
        last.insert(review.author.as_str(), review.state);
    }
    last.values().filter(|state| **state == "APPROVED").count()
}

/// `pull-request`, as a single one is shown.
pub(super) fn whole_pull(
    url: &str,
    git: &Repository,
    repo: &Repo,
    found: &Pull,
    judged: bool,
) -> Result<Value, git2::Error> {
    let mut value = pull(url, repo, found);
    for team in value["requested_teams"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        // `team-simple` has no parent; a list's `team` has.
        team.shift_remove("parent");
    }
    let (mergeable, state) = if judged { mergeability(git, repo, found)? } else { (None, "unknown") };
    let changes = bare::changes(git, found.base, found.head)?;
    let commits = bare::ahead(git, found.base, found.head)?.len();
    let comments = repo.comments.iter().filter(|comment| comment.pull == found.number).count();
    let more = json!({
        "merged": found.merged.is_some(), "mergeable": mergeable, "rebaseable": mergeable, "mergeable_state": state,
        "merged_by": maybe_user(url, found.merged.as_ref().and_then(|merged| merged.by.as_deref())),
        "comments": comments, "review_comments": 0, "maintainer_can_modify": found.maintainer_can_modify,
        "commits": commits, "additions": changes.iter().map(|c| c.additions).sum::<usize>(),
        "deletions": changes.iter().map(|c| c.deletions).sum::<usize>(), "changed_files": changes.len(),
    });
    super::render::merge(&mut value, more);
    Ok(value)
}

/// `issue`: the same pull request as an issue.
pub(super) fn issue(url: &str, repo: &Repo, pull: &Pull, whole: bool) -> Value {
    let (api, html) = (format!("{url}/repos/{}", repo.full_name()), format!("{url}/{}", repo.full_name()));
    let n = pull.number;
    let own = format!("{api}/issues/{n}");
    let comments = repo.comments.iter().filter(|comment| comment.pull == n).count();
    let mut value = json!({
        "url": own, "repository_url": api, "labels_url": format!("{own}/labels{{/name}}"),
        "comments_url": format!("{own}/comments"), "events_url": format!("{own}/events"),
        "timeline_url": format!("{own}/timeline"), "html_url": format!("{html}/pull/{n}"),
        "id": pull.id, "node_id": node("PullRequest", pull.id), "number": n, "title": pull.title,
        "user": user(url, &pull.author), "labels": labels(url, repo, pull),
        "state": if pull.open { "open" } else { "closed" }, "locked": false,
        "assignee": pull.assignees.first().map(|login| user(url, login)), "assignees": users(url, &pull.assignees),
        "milestone": null, "comments": comments, "created_at": pull.created.to_string(),
        "updated_at": pull.updated.to_string(), "closed_at": time(pull.closed),
        "author_association": association(repo, &pull.author), "active_lock_reason": null, "draft": pull.draft,
        "pull_request": {
            "url": format!("{api}/pulls/{n}"), "html_url": format!("{html}/pull/{n}"),
            "diff_url": format!("{html}/pull/{n}.diff"), "patch_url": format!("{html}/pull/{n}.patch"),
            "merged_at": time(pull.merged.as_ref().map(|m| m.at)),
        },
        "body": pull.body, "performed_via_github_app": null, "state_reason": null,
    });
    if whole {
        value["closed_by"] = maybe_user(url, pull.closed_by.as_deref());
    }
    value
}

/// `issue-comment`
pub(super) fn comment(url: &str, repo: &Repo, comment: &Comment) -> Value {
    let api = format!("{url}/repos/{}", repo.full_name());
    json!({
        "url": format!("{api}/issues/comments/{}", comment.id),
        "html_url": format!("{url}/{}/pull/{}#issuecomment-{}", repo.full_name(), comment.pull, comment.id),
        "issue_url": format!("{api}/issues/{}", comment.pull),
        "id": comment.id, "node_id": node("IssueComment", comment.id), "user": user(url, &comment.author),
        "created_at": comment.created.to_string(), "updated_at": comment.updated.to_string(),
        "author_association": association(repo, &comment.author), "body": comment.body,
        "performed_via_github_app": null,
    })
}

/// `pull-request-review`
pub(super) fn review(url: &str, repo: &Repo, pull: &Pull, review: &Review) -> Value {
    let own = format!("{url}/repos/{}/pulls/{}", repo.full_name(), pull.number);
    let html = format!("{url}/{}/pull/{}#pullrequestreview-{}", repo.full_name(), pull.number, review.id);
    json!({
        "id": review.id, "node_id": node("PullRequestReview", review.id), "user": user(url, &review.author),
        "body": review.body, "state": review.state, "html_url": html, "pull_request_url": own,
        "_links": {"html": {"href": html}, "pull_request": {"href": own}},
        "submitted_at": review.at.to_string(), "commit_id": review.commit.to_string(),
        "author_association": association(repo, &review.author),
    })
}

/// An entry of an issue's events and timeline.
pub(super) fn event(url: &str, repo: &Repo, event: &Event) -> Value {
    let api = format!("{url}/repos/{}", repo.full_name());
    let mut value = json!({
        "id": event.id, "node_id": node("Event", event.id), "url": format!("{api}/issues/events/{}", event.id),
        "actor": maybe_user(url, event.actor.as_deref()), "event": event.kind,
        "commit_id": event.commit.map(|id| id.to_string()),
        "commit_url": event.commit.map(|id| format!("{api}/commits/{id}")),
        "created_at": event.at.to_string(), "performed_via_github_app": null,
    });
    let Some(subject) = event.subject.as_deref() else { return value };
    match event.kind {
        "labeled" | "unlabeled" => {
            let color = repo.labels.iter().find(|l| l.name == subject).map_or("ededed", |l| l.color.as_str());
            value["label"] = json!({"name": subject, "color": color});
        }
        "assigned" | "unassigned" => {
            value["assignee"] = user(url, subject);
            value["assigner"] = maybe_user(url, event.actor.as_deref());
        }
        "review_requested" | "review_request_removed" => {
            value["review_requester"] = maybe_user(url, event.actor.as_deref());
            value["requested_reviewer"] = user(url, subject);
        }
        "renamed" => {
            let (from, to) = subject.split_once('\n').unwrap_or_default();
            value["rename"] = json!({"from": from, "to": to});
        }
        _ => {}
    }
    value
}
