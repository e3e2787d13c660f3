//! Whose a branch is: ours, a person's, nobody's.

use super::*;

#[test]
fn a_branch_with_a_persons_commit_is_left_alone() {
    let w = wanted("5.2.0");
    let mine = OurBranch { commits: Some(vec![persons("head1"), commit("c0")]), ..stale() };
    let pull = pull_for(1, &wanted("5.1.0"));
    assert_eq!(only(&[w], &[pull.clone()], &[mine.clone()]), Verb::Leave(LeaveReason::PersonsCommits));
    // Not closed either when nothing wants it any more.
    assert_eq!(only(&[], &[pull], &[mine]), Verb::Leave(LeaveReason::PersonsCommits));
}

#[test]
fn a_commit_amended_by_a_person_is_a_persons() {
    let amended = BranchCommit { committer_email: "ann@example.com".into(), ..commit("head1") };
    let mine = OurBranch { commits: Some(vec![amended]), ..stale() };
    let pull = pull_for(1, &wanted("5.1.0"));
    assert_eq!(only(&[wanted("5.2.0")], &[pull], &[mine]), Verb::Leave(LeaveReason::PersonsCommits));
}

#[test]
fn a_commit_that_the_tokens_owner_amended_is_a_persons() {
    let bot = "1+davit[bot]@users.noreply.github.com";
    let pull = pull_for(1, &wanted("5.1.0"));
    let verb = |commit: BranchCommit| {
        let mine = OurBranch { commits: Some(vec![commit]), ..stale() };
        only(&[wanted("5.2.0")], &[pull.clone()], &[mine])
    };
    // The owner's address is one that our commits may carry; as committer of ours it says that somebody amended it.
    let amended = BranchCommit { committer_email: bot.into(), ..commit("head1") };
    assert_eq!(verb(amended), Verb::Leave(LeaveReason::PersonsCommits));
    // The owner's name stands on both, and the commit is younger than what it was made from.
    let again = BranchCommit { retouched: true, ..commit("head1") };
    assert_eq!(verb(again), Verb::Leave(LeaveReason::PersonsCommits));
    // What the API made of ours: its committer is the forge.
    let made =
        BranchCommit { author_email: bot.into(), committer_email: "noreply@github.com".into(), ..commit("head1") };
    assert_eq!(verb(made), Verb::UpdateInPlace { push: at_head() });
}

#[test]
fn nothing_is_opened_while_others_proposals_are_not_known_and_the_rest_goes_on() {
    let unsure = Unsure { elsewhere: true, ..Unsure::default() };
    let situation = Situation { unsure, ..situation() };
    let w = wanted("5.2.0");
    let actions = decide(&[w.clone()], &[], &[], now(), &situation);
    assert!(matches!(actions[0].verb, Verb::Defer { why: DeferReason::ElsewhereUnknown, .. }), "{actions:?}");
    let actions = decide(&[w], &[pull_for(1, &wanted("5.1.0"))], &[stale()], now(), &situation);
    assert_eq!(actions[0].verb, Verb::UpdateInPlace { push: at_head() });
}

#[test]
fn a_commit_of_our_author_without_the_trailer_is_a_persons() {
    // A person who runs Davit with their own token and name.
    let own = BranchCommit { message: "tune values".into(), ..commit("head1") };
    let mine = OurBranch { commits: Some(vec![own]), ..stale() };
    let pull = pull_for(1, &wanted("5.1.0"));
    assert_eq!(only(&[wanted("5.2.0")], &[pull], &[mine]), Verb::Leave(LeaveReason::PersonsCommits));
}

#[test]
fn a_merge_of_the_base_is_nobodys_commit() {
    let merge = BranchCommit { merge_of_base: true, committer_email: "noreply@github.com".into(), ..persons("head1") };
    let mine = OurBranch { commits: Some(vec![merge, commit("c0")]), ..stale() };
    let pull = pull_for(1, &wanted("5.1.0"));
    assert_eq!(only(&[wanted("5.2.0")], &[pull], &[mine]), Verb::UpdateInPlace { push: at_head() });
}

#[test]
fn what_our_commit_stands_on_is_nobodys_and_what_stands_on_it_is() {
    let w = wanted("5.1.0");
    let dropped = BranchCommit { former_base: true, ..persons("c0") };
    let forced = OurBranch { commits: Some(vec![commit("head1"), dropped.clone()]), ..stale() };
    let pull = pull_for(1, &w);
    assert!(matches!(only(&[w.clone()], &[pull.clone()], &[forced]), Verb::Rebuild { .. }));
    let pushed = OurBranch { commits: Some(vec![persons("head1"), commit("c1"), dropped]), ..stale() };
    assert_eq!(only(&[w], &[pull], &[pushed]), Verb::Leave(LeaveReason::PersonsCommits));
}

#[test]
fn an_unknown_history_is_left_alone() {
    let unknown = OurBranch { commits: None, ..stale() };
    let pull = pull_for(1, &wanted("5.1.0"));
    assert_eq!(only(&[wanted("5.2.0")], &[pull.clone()], &[unknown.clone()]), Verb::Leave(LeaveReason::BranchUnknown));
    assert_eq!(only(&[], &[pull.clone()], &[unknown.clone()]), Verb::Leave(LeaveReason::BranchUnknown));
    assert_eq!(only(&[wanted("5.2.0")], &[], &[unknown]), Verb::Leave(LeaveReason::BranchUnknown));
    assert_eq!(only(&[], &[pull], &[]), Verb::Leave(LeaveReason::BranchUnknown));
}
