//! Which refs are chosen, from what servers advertise.

use super::{Advertised, Failure, Wanted, select};
use git2::Oid;

fn oid(n: u8) -> Oid {
    Oid::from_str(&format!("{n:02x}").repeat(20)).unwrap()
}

fn remote(head: Option<u8>, target: Option<&str>, refs: &[(&str, u8)]) -> Advertised {
    Advertised {
        refs: refs.iter().map(|(name, n)| ((*name).to_owned(), oid(*n))).collect(),
        peeled: Vec::new(),
        head: head.map(oid),
        head_branch: target.map(str::to_owned),
    }
}

fn wanted(base: Option<&str>) -> Wanted {
    Wanted { base: base.map(str::to_owned), prefix: "davit/".to_owned(), pulls: vec![7], forks: vec![8] }
}

#[test]
fn only_the_base_our_branches_and_the_asked_pull_requests_are_chosen() {
    let refs = [
        ("refs/heads/main", 1),
        ("refs/heads/other", 2),
        ("refs/heads/davit/a", 3),
        ("refs/pull/7/head", 4),
        ("refs/pull/7/merge", 5),
        ("refs/pull/9/head", 6),
        ("refs/tags/v1", 7),
    ];
    let (fetched, refs) = select(&remote(Some(1), Some("refs/heads/main"), &refs), &wanted(None)).unwrap();
    assert_eq!(refs.keys().collect::<Vec<_>>(), ["refs/heads/davit/a", "refs/heads/main"]);
    assert_eq!((fetched.base_branch.as_str(), fetched.base_commit), ("main", oid(1)));
    assert_eq!(fetched.our_branches.len(), 1);
    assert_eq!(fetched.pull_heads.get(&7), Some(&oid(4)));
}

#[test]
fn an_empty_remote_an_unborn_head_and_a_missing_branch_are_three_clear_errors() {
    let failure = |remote: &Advertised, base| select(remote, &wanted(base)).map(|_| ()).unwrap_err();
    assert_eq!(failure(&remote(None, None, &[]), None), Failure::Empty);
    assert_eq!(failure(&remote(None, None, &[("refs/tags/v1", 1)]), None), Failure::Empty);
    let unborn = remote(None, Some("refs/heads/main"), &[("refs/heads/dev", 1)]);
    assert!(failure(&unborn, None).to_string().contains("main"));
    assert!(matches!(failure(&remote(None, None, &[("refs/heads/dev", 1)]), None), Failure::NoHead(_)));
    assert_eq!(failure(&unborn, Some("gone")), Failure::BranchMissing("gone".to_owned()));
}

#[test]
fn a_server_that_does_not_name_heads_branch_is_understood_by_its_commit() {
    let refs = [("refs/heads/dev", 1), ("refs/heads/main", 1), ("refs/heads/x", 2)];
    let (fetched, _) = select(&remote(Some(1), None, &refs), &wanted(None)).unwrap();
    assert_eq!(fetched.base_branch, "main");
    let (fetched, _) = select(&remote(Some(2), None, &refs), &wanted(None)).unwrap();
    assert_eq!(fetched.base_branch, "x");
}
