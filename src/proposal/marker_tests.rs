use super::{Marker, Stage, body_to_close, body_to_write, text_differs};
use crate::proposal::{CloseReason, Mergeable, PullRequest, PullState, Text, Wanted};
use jiff::Timestamp;

fn wanted(key: &str, target: &str) -> Wanted {
    let text = Text {
        branch: "davit/x".into(),
        title: format!("update to {target}"),
        body: "Hello.\n".into(),
        commit_message: String::new(),
        labels: vec![],
        assignees: vec![],
        reviewers: vec![],
        draft: false,
        sites_hash: "s".into(),
        template_problem: None,
    };
    let (branch, key, target) = ("davit/x".to_owned(), key.to_owned(), target.to_owned());
    Wanted { key, branch, target, text, elsewhere: None, in_schedule: true }
}

fn pull(body: String) -> PullRequest {
    PullRequest {
        number: 1,
        title: String::new(),
        body,
        author: String::new(),
        base: "main".into(),
        head: "davit/x".into(),
        head_sha: String::new(),
        same_repository: true,
        draft: false,
        labels: vec![],
        state: PullState::Open,
        created: Timestamp::UNIX_EPOCH,
        updated: Timestamp::UNIX_EPOCH,
        url: String::new(),
        closed_by: None,
        mergeable: Mergeable::Unknown,
    }
}

#[test]
fn what_is_written_is_read_again() {
    let first = body_to_write(&wanted("k", "1.0.0"), "", Stage::Fresh);
    let marker = Marker::parse(&first).unwrap();
    assert!(first.starts_with("Hello.\n\n<!-- davit:{") && marker.fresh);
    let second = body_to_write(&wanted("k", "1.1.0"), &first, Stage::Same);
    let marker = Marker::parse(&second).unwrap();
    assert_eq!((marker.target.as_str(), marker.fresh), ("1.1.0", true));
    assert_eq!(marker.proposed, ["1.0.0", "1.1.0"]);
    assert!(!Marker::parse(&body_to_write(&wanted("k", "1.1.0"), &second, Stage::Settled)).unwrap().fresh);
}

#[test]
fn the_history_is_bounded() {
    let mut body = String::new();
    for i in 0..100 {
        body = body_to_write(&wanted("k", &format!("1.{i}.0")), &body, Stage::Same);
    }
    let marker = Marker::parse(&body).unwrap();
    assert_eq!((marker.proposed.len(), marker.proposed.last().unwrap().as_str()), (20, "1.99.0"));
}

#[test]
fn a_hostile_key_does_not_leave_the_comment() {
    let hostile = "oci://x/--><script>alert(1)</script><!-- davit:{}";
    let body = body_to_write(&wanted(hostile, "1.0.0"), "", Stage::Settled);
    assert_eq!(body.matches("-->").count(), 1);
    assert_eq!(body.matches("<!--").count(), 1);
    assert!(!body.contains("<script"));
    assert_eq!(Marker::parse(&body).unwrap().key, hostile);
}

#[test]
fn the_last_valid_marker_wins_over_what_stands_before_and_after() {
    let good = body_to_write(&wanted("k", "1.0.0"), "", Stage::Settled);
    let fake = good.replace("1.0.0", "9.9.9");
    let body = format!("{fake}\n{good}\n<!-- davit:{{\"v\":1}} --> <!-- davit:not json --> <!-- davit:");
    assert_eq!(Marker::parse(&body).unwrap().target, "1.0.0");
}

#[test]
fn a_body_without_end_costs_little_and_gives_nothing() {
    let huge = format!("<!-- davit:{{\"v\":1,\"key\":\"{}\",\"target\":\"1\"}} -->", "x".repeat(100_000));
    assert_eq!(Marker::parse(&huge), None);
    assert_eq!(Marker::parse(&"<!-- davit:".repeat(50_000)), None);
    for body in ["", "<!-- davit:", "<!-- davit: -->", "<!-- davit:{\"v\":2,\"key\":\"\",\"target\":\"\"} -->", "é -->"]
    {
        assert_eq!(Marker::parse(body), None, "{body}");
    }
}

#[test]
fn a_close_of_ours_is_written_into_the_body_and_lifted_by_the_next_text() {
    let w = wanted("k", "1.0.0");
    let mut pull = pull(body_to_write(&w, "", Stage::Settled));
    assert!(!text_differs(&w, &pull));
    pull.body = body_to_close(&pull, CloseReason::Obsolete);
    assert_eq!(Marker::parse(&pull.body).unwrap().closed.as_deref(), Some("obsolete"));
    assert!(pull.body.starts_with("Hello.\n") && text_differs(&w, &pull));
    pull.body = body_to_write(&w, &pull.body, Stage::Same);
    assert!(!text_differs(&w, &pull));
}

#[test]
fn a_close_is_known_as_ours_even_where_the_marker_was_taken_away() {
    let body = body_to_close(&pull("a person's words".into()), CloseReason::Obsolete);
    assert_eq!(Marker::parse(&body).unwrap().closed.as_deref(), Some("obsolete"));
}
