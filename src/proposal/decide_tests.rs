#![expect(clippy::cloned_ref_to_slice_refs, reason = "the tests read better so")]

use super::decide;
use crate::proposal::{
    Action, BranchCommit, CloseReason, DeferReason, DeleteReason, Lease, LeaveReason, Mergeable, OurBranch, PullLink,
    PullRequest, PullState, RebuildReason, Signatures, Situation, Stage, Text, Unsure, Verb, Wanted, body_to_close,
    body_to_write,
};
use jiff::{SignedDuration, Timestamp};

const BRANCH: &str = "davit/app-template-abc123-5.x";

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

fn wanted_on(branch: &str, target: &str) -> Wanted {
    Wanted {
        key: format!("key of {branch}"),
        branch: branch.into(),
        target: target.into(),
        text: Text {
            branch: branch.into(),
            title: format!("chore(deps): update chart app-template to {target}"),
            body: format!("Updates to {target}."),
            commit_message: String::new(),
            labels: vec!["davit".into()],
            assignees: vec![],
            reviewers: vec![],
            draft: false,
            sites_hash: "sites".into(),
            template_problem: None,
        },
        elsewhere: None,
        in_schedule: true,
    }
}

fn wanted(target: &str) -> Wanted {
    wanted_on(BRANCH, target)
}

/// Our pull request for `w`, just as the engine leaves it.
fn pull_for(number: u64, w: &Wanted) -> PullRequest {
    PullRequest {
        number,
        title: w.text.title.clone(),
        body: body_to_write(w, "", Stage::Settled),
        author: "davit[bot]".into(),
        base: "main".into(),
        head: w.branch.clone(),
        head_sha: "head1".into(),
        same_repository: true,
        draft: false,
        labels: vec!["davit".into()],
        state: PullState::Open,
        created: ago(600),
        updated: ago(600),
        url: format!("https://github.com/acme/fleet/pull/{number}"),
        closed_by: None,
        mergeable: Mergeable::Clean,
    }
}

fn closed(mut pull: PullRequest, by: &str) -> PullRequest {
    pull.state = PullState::Closed;
    pull.closed_by = Some(by.into());
    pull
}

fn commit(sha: &str) -> BranchCommit {
    BranchCommit {
        sha: sha.into(),
        author_email: "davit@example.com".into(),
        committer_email: "davit@example.com".into(),
        message: format!("chore(deps): update\n\nDavit-Update: {BRANCH}\n"),
        retouched: false,
        merge_of_base: false,
        former_base: false,
    }
}

fn persons(sha: &str) -> BranchCommit {
    BranchCommit { author_email: "ann@example.com".into(), message: "tune values".into(), ..commit(sha) }
}

fn branch(name: &str) -> OurBranch {
    OurBranch {
        name: name.into(),
        head: "head1".into(),
        commits: Some(vec![commit("head1")]),
        holds_wanted: true,
        contains_base: false,
    }
}

fn stale() -> OurBranch {
    OurBranch { holds_wanted: false, ..branch(BRANCH) }
}

fn situation() -> Situation {
    Situation {
        login: "davit[bot]".into(),
        signatures: Signatures {
            authors: vec!["davit@example.com".into(), "1+davit[bot]@users.noreply.github.com".into()],
            forge: vec!["noreply@github.com".into()],
        },
        branch_prefix: "davit/".into(),
        base: "main".into(),
        report: false,
        paused: false,
        in_schedule: true,
        open_limit: 10,
        hourly_limit: 4,
        opened: vec![],
        unsure: Unsure::default(),
    }
}

fn run(wanted: &[Wanted], existing: &[PullRequest], branches: &[OurBranch]) -> Vec<Action> {
    decide(wanted, existing, branches, now(), &situation())
}

#[track_caller]
fn only(wanted: &[Wanted], existing: &[PullRequest], branches: &[OurBranch]) -> Verb {
    let mut actions = run(wanted, existing, branches);
    assert_eq!(actions.len(), 1, "{actions:?}");
    actions.remove(0).verb
}

fn at_head() -> Lease {
    Lease::At("head1".into())
}

#[test]
fn a_wanted_update_without_anything_is_opened_on_a_branch_that_must_not_exist() {
    assert_eq!(only(&[wanted("5.1.0")], &[], &[]), Verb::Open { push: Some(Lease::Absent) });
}

#[test]
fn a_pull_request_that_is_as_wanted_is_left() {
    let w = wanted("5.1.0");
    assert_eq!(only(&[w.clone()], &[pull_for(1, &w)], &[branch(BRANCH)]), Verb::Leave(LeaveReason::AsWanted));
}

#[test]
fn a_newer_target_updates_the_same_pull_request() {
    let verb = only(&[wanted("5.2.0")], &[pull_for(1, &wanted("5.1.0"))], &[stale()]);
    assert_eq!(verb, Verb::UpdateInPlace { push: at_head() });
}

#[test]
fn a_crash_between_the_push_of_an_update_and_its_text_is_healed_by_the_text() {
    assert_eq!(only(&[wanted("5.2.0")], &[pull_for(1, &wanted("5.1.0"))], &[branch(BRANCH)]), Verb::RefreshText);
}

#[test]
fn it_is_rebuilt_on_a_conflict() {
    let w = wanted("5.1.0");
    let pull = PullRequest { mergeable: Mergeable::Dirty, ..pull_for(1, &w) };
    let verb = only(&[w], &[pull], &[branch(BRANCH)]);
    assert_eq!(verb, Verb::Rebuild { push: at_head(), why: RebuildReason::Conflict });
}

#[test]
fn it_is_rebuilt_when_a_sites_file_changed_on_the_base() {
    let w = wanted("5.1.0");
    let verb = only(&[w.clone()], &[pull_for(1, &w)], &[stale()]);
    assert_eq!(verb, Verb::Rebuild { push: at_head(), why: RebuildReason::FileChanged });
}

#[test]
fn it_is_rebuilt_when_protection_demands_an_up_to_date_branch() {
    let w = wanted("5.1.0");
    let pull = PullRequest { mergeable: Mergeable::Behind, ..pull_for(1, &w) };
    let verb = only(&[w], &[pull], &[branch(BRANCH)]);
    assert_eq!(verb, Verb::Rebuild { push: at_head(), why: RebuildReason::Behind });
}

#[test]
fn it_is_not_rebuilt_at_every_merge_of_a_neighbour() {
    let w = wanted("5.1.0");
    for mergeable in [Mergeable::Clean, Mergeable::Blocked, Mergeable::Unknown] {
        let pull = PullRequest { mergeable, ..pull_for(1, &w) };
        assert_eq!(only(&[w.clone()], &[pull], &[branch(BRANCH)]), Verb::Leave(LeaveReason::AsWanted));
    }
}

#[test]
fn a_stale_word_of_the_forge_rebuilds_nothing_that_is_on_the_bases_head() {
    let w = wanted("5.1.0");
    for mergeable in [Mergeable::Behind, Mergeable::Dirty] {
        let pull = PullRequest { mergeable, ..pull_for(1, &w) };
        let fresh = OurBranch { contains_base: true, ..branch(BRANCH) };
        assert_eq!(only(&[w.clone()], &[pull], &[fresh]), Verb::Leave(LeaveReason::AsWanted));
    }
}

#[test]
fn a_persons_close_means_not_this_version() {
    let w = wanted("5.1.0");
    let pull = closed(pull_for(1, &w), "ann");
    assert_eq!(only(&[w.clone()], &[pull.clone()], &[branch(BRANCH)]), Verb::Leave(LeaveReason::ClosedByPerson));
    // The branch too may be gone: a person who deletes the branch of an open one closes it.
    assert_eq!(only(&[w], &[pull], &[]), Verb::Leave(LeaveReason::ClosedByPerson));
}

#[test]
fn a_persons_close_counts_even_where_the_person_shares_our_token() {
    let w = wanted("5.1.0");
    let pull = closed(pull_for(1, &w), "davit[bot]");
    assert_eq!(only(&[w], &[pull], &[]), Verb::Leave(LeaveReason::ClosedByPerson));
}

#[test]
fn a_persons_close_counts_where_the_marker_is_gone() {
    let w = wanted("5.1.0");
    let pull = PullRequest { body: "no thanks".into(), ..closed(pull_for(1, &w), "ann") };
    assert_eq!(only(&[w], &[pull], &[]), Verb::Leave(LeaveReason::ClosedByPerson));
}

#[test]
fn a_newer_target_opens_again_after_a_persons_close() {
    let pull = closed(pull_for(1, &wanted("5.1.0")), "ann");
    assert_eq!(only(&[wanted("5.2.0")], &[pull.clone()], &[stale()]), Verb::Open { push: Some(at_head()) });
    assert_eq!(only(&[wanted("5.2.0")], &[pull], &[]), Verb::Open { push: Some(Lease::Absent) });
}

#[test]
fn a_target_that_goes_back_to_a_closed_version_closes_the_present_one() {
    let refused = closed(pull_for(1, &wanted("5.1.0")), "ann");
    let present = pull_for(2, &wanted("5.2.0"));
    let verb = only(&[wanted("5.1.0")], &[refused, present], &[stale()]);
    assert_eq!(verb, Verb::Close { reason: CloseReason::Obsolete, delete: Some("head1".into()) });
}

#[test]
fn reopening_lifts_a_persons_close() {
    let w = wanted("5.1.0");
    assert_eq!(only(&[w.clone()], &[pull_for(1, &w)], &[branch(BRANCH)]), Verb::Leave(LeaveReason::AsWanted));
}

#[test]
fn our_own_close_is_not_a_persons() {
    let w = wanted("5.1.0");
    let mut pull = pull_for(1, &w);
    pull.body = body_to_close(&pull, CloseReason::Obsolete);
    let pull = closed(pull, "davit[bot]");
    assert_eq!(only(&[w], &[pull], &[]), Verb::Open { push: Some(Lease::Absent) });
}

#[test]
fn a_person_who_closes_again_what_we_had_closed_is_heard() {
    let w = wanted("5.1.0");
    let mut pull = pull_for(1, &w);
    pull.body = body_to_close(&pull, CloseReason::Obsolete);
    assert_eq!(only(&[w], &[closed(pull, "ann")], &[]), Verb::Leave(LeaveReason::ClosedByPerson));
}

#[test]
fn a_reopened_one_that_we_had_closed_gets_its_text_back() {
    let w = wanted("5.1.0");
    let mut pull = pull_for(1, &w);
    pull.body = body_to_close(&pull, CloseReason::Obsolete);
    assert_eq!(only(&[w], &[pull], &[branch(BRANCH)]), Verb::RefreshText);
}

#[test]
fn an_obsolete_one_is_closed_and_its_branch_deleted() {
    let verb = only(&[], &[pull_for(1, &wanted("5.1.0"))], &[branch(BRANCH)]);
    assert_eq!(verb, Verb::Close { reason: CloseReason::Obsolete, delete: Some("head1".into()) });
}

#[test]
fn nothing_is_closed_for_a_look_that_failed() {
    let pulls = [pull_for(1, &wanted("5.1.0"))];
    let stem = Unsure { all: false, charts: vec!["abc123".into()], ..Unsure::default() };
    let all = Unsure { all: true, ..Unsure::default() };
    let branch_itself = Unsure { branches: vec![BRANCH.into()], ..Unsure::default() };
    for unsure in [stem, all, branch_itself] {
        let situation = Situation { unsure, ..situation() };
        let actions = decide(&[], &pulls, &[branch(BRANCH)], now(), &situation);
        assert_eq!(actions[0].verb, Verb::Leave(LeaveReason::Unsure));
        let actions = decide(&[], &[], &[branch(BRANCH)], now(), &situation);
        assert_eq!(actions[0].verb, Verb::Leave(LeaveReason::Unsure));
    }
}

#[test]
fn sites_are_not_taken_off_a_branch_for_a_look_that_failed() {
    let w = wanted("5.1.0");
    let unsure = Unsure { charts: vec!["abc123".into()], ..Unsure::default() };
    let situation = Situation { unsure, ..situation() };
    let verb = |pull: PullRequest| decide(&[w.clone()], &[pull], &[stale()], now(), &situation)[0].verb.clone();
    assert_eq!(verb(pull_for(1, &w)), Verb::Leave(LeaveReason::Unsure));
    let conflict = PullRequest { mergeable: Mergeable::Dirty, ..pull_for(1, &w) };
    assert_eq!(verb(conflict), Verb::Rebuild { push: at_head(), why: RebuildReason::Conflict });
    assert_eq!(verb(pull_for(1, &wanted("5.0.0"))), Verb::UpdateInPlace { push: at_head() }, "a newer version goes on");
}

#[test]
fn a_crash_after_our_close_leaves_a_branch_that_is_deleted() {
    let mut pull = pull_for(1, &wanted("5.1.0"));
    pull.body = body_to_close(&pull, CloseReason::Obsolete);
    let verb = only(&[], &[closed(pull, "davit[bot]")], &[branch(BRANCH)]);
    assert_eq!(verb, Verb::DeleteBranch { head: "head1".into(), reason: DeleteReason::Closed });
}

#[test]
fn the_branch_of_a_persons_close_stays_so_that_it_can_be_reopened() {
    let pull = closed(pull_for(1, &wanted("5.1.0")), "ann");
    assert_eq!(only(&[], &[pull], &[branch(BRANCH)]), Verb::Leave(LeaveReason::ClosedByPerson));
}

#[test]
fn the_branch_of_a_merged_one_is_deleted_and_nothing_else_happens() {
    let pull = PullRequest { state: PullState::Merged, ..pull_for(1, &wanted("5.1.0")) };
    let delete = Verb::DeleteBranch { head: "head1".into(), reason: DeleteReason::Merged };
    assert_eq!(only(&[], &[pull.clone()], &[branch(BRANCH)]), delete);
    // A person's commits that were merged with it are no reason to keep it.
    let mixed = OurBranch { commits: Some(vec![persons("head1")]), ..branch(BRANCH) };
    assert_eq!(only(&[], &[pull.clone()], &[mixed]), delete);
    // Somebody went on working on it.
    let moved = OurBranch { head: "head2".into(), commits: Some(vec![persons("head2")]), ..branch(BRANCH) };
    assert_eq!(only(&[], &[pull.clone()], &[moved]), Verb::Leave(LeaveReason::ForeignBranch));
    assert!(run(&[], &[pull], &[]).is_empty());
}

#[test]
fn a_newer_target_after_a_merge_takes_the_branch_over() {
    let pull = PullRequest { state: PullState::Merged, ..pull_for(1, &wanted("5.1.0")) };
    let verb = only(&[wanted("5.2.0")], &[pull], &[stale()]);
    assert_eq!(verb, Verb::Open { push: Some(at_head()) });
}

#[test]
fn what_was_merged_a_moment_ago_is_not_opened_again_before_the_base_shows_it() {
    let w = wanted("5.1.0");
    let merged = PullRequest { state: PullState::Merged, updated: ago(1), ..pull_for(1, &w) };
    assert_eq!(only(&[w.clone()], &[merged.clone()], &[]), Verb::Leave(LeaveReason::JustMerged));
    // Much later it is wanted again: somebody reverted it.
    let merged = PullRequest { updated: ago(60), ..merged };
    assert_eq!(only(&[w], &[merged], &[]), Verb::Open { push: Some(Lease::Absent) });
}

#[test]
fn what_somebody_else_proposes_is_not_proposed() {
    let other = PullLink { number: 9, url: "https://github.com/acme/fleet/pull/9".into() };
    let w = Wanted { elsewhere: Some(other.clone()), ..wanted("5.1.0") };
    let actions = run(std::slice::from_ref(&w), &[], &[]);
    assert_eq!((&actions[0].verb, &actions[0].pull), (&Verb::Leave(LeaveReason::ProposedElsewhere), &Some(other)));
    // Ours that was there first stays as it is: two tools must not close each other's.
    let verb = only(&[w], &[pull_for(1, &wanted("5.0.0"))], &[stale()]);
    assert_eq!(verb, Verb::Leave(LeaveReason::ProposedElsewhere));
}

#[test]
fn another_authors_pull_request_on_our_branch_name_is_never_touched() {
    let pull = PullRequest { author: "ann".into(), ..pull_for(1, &wanted("5.1.0")) };
    assert_eq!(only(&[wanted("5.2.0")], &[pull.clone()], &[stale()]), Verb::Leave(LeaveReason::BranchTaken));
    assert_eq!(only(&[], &[pull], &[stale()]), Verb::Leave(LeaveReason::BranchTaken));
}

#[test]
fn a_forks_branch_of_the_same_name_is_not_ours() {
    let fork = PullRequest { same_repository: false, ..pull_for(1, &wanted("5.1.0")) };
    assert_eq!(only(&[wanted("5.1.0")], &[fork.clone()], &[]), Verb::Open { push: Some(Lease::Absent) });
    assert!(run(&[], &[fork], &[]).is_empty());
}

#[test]
fn our_pull_request_that_goes_to_another_base_is_not_touched() {
    let pull = PullRequest { base: "release".into(), ..pull_for(1, &wanted("5.1.0")) };
    assert_eq!(only(&[wanted("5.1.0")], &[pull], &[stale()]), Verb::Leave(LeaveReason::BranchTaken));
}

#[test]
fn a_crash_between_push_and_open_is_healed_by_opening() {
    assert_eq!(only(&[wanted("5.1.0")], &[], &[branch(BRANCH)]), Verb::Open { push: None });
    assert_eq!(only(&[wanted("5.1.0")], &[], &[stale()]), Verb::Open { push: Some(at_head()) });
}

#[test]
fn a_crash_between_push_and_open_whose_update_is_gone_leaves_no_branch() {
    let verb = only(&[], &[], &[branch(BRANCH)]);
    assert_eq!(verb, Verb::DeleteBranch { head: "head1".into(), reason: DeleteReason::Obsolete });
}

#[test]
fn a_branch_of_our_name_with_foreign_commits_is_left() {
    let foreign = OurBranch { commits: Some(vec![persons("head1")]), ..stale() };
    assert_eq!(only(&[wanted("5.1.0")], &[], &[foreign.clone()]), Verb::Leave(LeaveReason::ForeignBranch));
    assert_eq!(only(&[], &[], &[foreign]), Verb::Leave(LeaveReason::ForeignBranch));
}

#[test]
fn an_empty_branch_under_our_prefix_is_not_deleted() {
    let empty = OurBranch { commits: Some(vec![]), ..stale() };
    assert_eq!(only(&[], &[], &[empty.clone()]), Verb::Leave(LeaveReason::NotOurs));
    assert_eq!(only(&[wanted("5.1.0")], &[], &[empty]), Verb::Open { push: Some(at_head()) });
}

#[test]
fn a_crash_before_the_labels_is_finished_once() {
    let w = wanted("5.1.0");
    let mut pull = pull_for(1, &w);
    pull.body = body_to_write(&w, "", Stage::Fresh);
    assert_eq!(only(&[w.clone()], &[pull.clone()], &[branch(BRANCH)]), Verb::FinishOpening);
    // A person's later change of labels is respected: the settled body asks for nothing.
    pull.body = body_to_write(&w, &pull.body, Stage::Settled);
    pull.labels.clear();
    assert_eq!(only(&[w], &[pull], &[branch(BRANCH)]), Verb::Leave(LeaveReason::AsWanted));
}

#[test]
fn an_update_keeps_the_unfinished_opening_in_mind() {
    let fresh = body_to_write(&wanted("5.1.0"), "", Stage::Fresh);
    let w = wanted("5.2.0");
    let pull = PullRequest { body: body_to_write(&w, &fresh, Stage::Same), ..pull_for(1, &w) };
    assert_eq!(only(&[w], &[pull], &[branch(BRANCH)]), Verb::FinishOpening);
}

#[test]
fn text_is_written_again_only_when_ours_changed() {
    let w = wanted("5.1.0");
    let mut pull = pull_for(1, &w);
    pull.title = "a person's title".into();
    pull.body = pull.body.replace("Updates to", "**Please look**\r\n\r\nUpdates to");
    assert_eq!(only(&[w.clone()], &[pull.clone()], &[branch(BRANCH)]), Verb::Leave(LeaveReason::AsWanted));
    let mut w = w;
    w.text.body.push_str(" Now deprecated.");
    assert_eq!(only(&[w], &[pull], &[branch(BRANCH)]), Verb::RefreshText);
}

fn many(count: usize) -> Vec<Wanted> {
    (0..count).map(|i| wanted_on(&format!("davit/chart-{i:02}-abc123-1.x"), "1.2.0")).collect()
}

fn deferred(actions: &[Action]) -> Vec<(&str, DeferReason)> {
    let defer = |a: &Action| match a.verb {
        Verb::Defer { why, .. } => Some(why),
        _ => None,
    };
    actions.iter().filter_map(|a| Some((&a.branch["davit/chart-".len()..][..2], defer(a)?))).collect()
}

#[test]
fn no_more_are_opened_than_may_be_open() {
    let wanted = many(4);
    let existing = [pull_for(1, &wanted[0]), pull_for(2, &wanted[1])];
    let branches = [branch(&wanted[0].branch), branch(&wanted[1].branch)];
    let situation = Situation { open_limit: 3, ..situation() };
    let actions = decide(&wanted, &existing, &branches, now(), &situation);
    assert_eq!(deferred(&actions), [("03", DeferReason::OpenLimit)]);
}

#[test]
fn other_peoples_pull_requests_take_no_place() {
    let wanted = many(1);
    let other = PullRequest { author: "ann".into(), head: "davit/other".into(), ..pull_for(1, &wanted[0]) };
    let fork = PullRequest { same_repository: false, number: 2, ..pull_for(2, &wanted[0]) };
    let situation = Situation { open_limit: 1, ..situation() };
    let actions = decide(&wanted, &[other, fork], &[], now(), &situation);
    assert_eq!(deferred(&actions), []);
}

#[test]
fn what_is_closed_in_this_pass_frees_its_place() {
    let wanted = many(2);
    let situation = Situation { open_limit: 1, ..situation() };
    let actions = decide(&wanted[1..], &[pull_for(1, &wanted[0])], &[branch(&wanted[0].branch)], now(), &situation);
    let verbs: Vec<_> = actions.iter().map(|a| a.verb.code()).collect();
    assert_eq!(verbs, ["close", "open"]);
}

#[test]
fn no_more_are_opened_in_an_hour_than_may_be() {
    let situation = Situation { hourly_limit: 3, opened: vec![ago(10), ago(59), ago(61)], ..situation() };
    let actions = decide(&many(3), &[], &[], now(), &situation);
    assert_eq!(deferred(&actions), [("01", DeferReason::HourlyLimit), ("02", DeferReason::HourlyLimit)]);
}

#[test]
fn an_opening_that_a_crash_kept_from_the_store_counts_for_the_hour() {
    let wanted = many(2);
    let seen = PullRequest { created: ago(5), ..pull_for(1, &wanted[0]) };
    let situation = Situation { hourly_limit: 1, ..situation() };
    let actions = decide(&wanted, &[seen], &[branch(&wanted[0].branch)], now(), &situation);
    assert_eq!(deferred(&actions), [("01", DeferReason::HourlyLimit)]);
}

#[test]
fn limits_hold_back_no_update_of_what_is_open() {
    let situation = Situation { open_limit: 1, hourly_limit: 0, ..situation() };
    let actions = decide(&[wanted("5.2.0")], &[pull_for(1, &wanted("5.1.0"))], &[stale()], now(), &situation);
    assert_eq!(actions[0].verb, Verb::UpdateInPlace { push: at_head() });
}

#[test]
fn outside_the_schedule_nothing_is_written() {
    let w = Wanted { in_schedule: false, ..wanted("5.1.0") };
    let Verb::Defer { why, instead } = only(&[w], &[], &[]) else { panic!("not deferred") };
    assert_eq!((why, instead.code()), (DeferReason::OutsideSchedule, "open"));
    let situation = Situation { in_schedule: false, ..situation() };
    let actions = decide(&[], &[pull_for(1, &wanted("5.1.0"))], &[branch(BRANCH)], now(), &situation);
    assert!(matches!(actions[0].verb, Verb::Defer { why: DeferReason::OutsideSchedule, .. }));
}

#[test]
fn paused_and_report_mode_write_nothing_and_say_what_they_would() {
    let report = Situation { report: true, paused: true, ..situation() };
    let paused = Situation { paused: true, ..situation() };
    for (situation, reason) in [(report, DeferReason::ReportMode), (paused, DeferReason::Paused)] {
        let existing = [pull_for(1, &wanted("5.1.0"))];
        let wanted = [wanted_on("davit/b", "1.0.0"), wanted("5.2.0")];
        for action in decide(&wanted, &existing, &[stale(), branch("davit/c")], now(), &situation) {
            let Verb::Defer { why, instead } = action.verb else { panic!("{action:?}") };
            assert_eq!(why, reason);
            assert!(instead.writes());
        }
    }
}

#[test]
fn the_order_does_not_depend_on_the_order_of_the_facts() {
    let mut wanted = many(5);
    let names = |actions: &[Action]| actions.iter().map(|a| a.branch.clone()).collect::<Vec<_>>();
    let forward = names(&run(&wanted, &[], &[branch("davit/b"), branch("davit/a")]));
    wanted.reverse();
    assert_eq!(names(&run(&wanted, &[], &[branch("davit/a"), branch("davit/b")])), forward);
    assert_eq!(forward[..2], ["davit/a", "davit/b"]);
}

#[test]
fn two_updates_on_one_branch_do_not_fight() {
    let actions = run(&[wanted("5.2.0"), wanted("5.1.0")], &[], &[]);
    let verbs: Vec<_> = actions.iter().map(|a| (a.wanted, a.verb.code())).collect();
    assert_eq!(verbs, [(Some(1), "open"), (Some(0), "leave")]);
}

#[test]
fn branches_outside_our_prefix_are_none_of_our_business() {
    let pull = PullRequest { head: "feature".into(), ..pull_for(1, &wanted("5.1.0")) };
    assert!(run(&[], &[pull], &[branch("feature")]).is_empty());
}

#[path = "whose_tests.rs"]
mod whose;
