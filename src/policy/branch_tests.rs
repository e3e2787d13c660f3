use super::{MAX_BRANCH_LEN, Name, branch};
use proptest::prelude::{any, prop_assert, proptest};

fn name<'a>(chart: &'a str, label: &'a str, group: &'a str) -> Name<'a> {
    Name { canonical: "oci://ghcr.io/org/app", chart, label, group }
}

/// What `git check-ref-format --branch` refuses, from its manual.
fn check_ref_format(branch: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{branch:?}: {what}"));
    let bad = |c: char| c.is_ascii_control() || " ~^:?*[\\".contains(c);
    if branch.is_empty() || branch.starts_with(['-', '/']) || branch.ends_with(['/', '.']) || branch == "@" {
        return wrong("begins or ends badly");
    }
    if branch.contains("..") || branch.contains("@{") || branch.contains("//") || branch.chars().any(bad) {
        return wrong("holds what no reference may");
    }
    if branch.split('/').any(|part| part.starts_with('.') || part.to_ascii_lowercase().ends_with(".lock")) {
        return wrong("a part begins with a dot or ends in .lock");
    }
    Ok(())
}

#[test]
fn a_branch_names_chart_url_and_major() {
    // printf 'oci://ghcr.io/org/app' | sha256sum
    assert_eq!(branch("davit/", &name("app", "5.x", "")), "davit/app-91769a-5.x");
    assert_eq!(branch("bot-", &name("app", "4.9.x", "blue")), "bot-app-91769a-4.9.x-blue");
}

#[test]
fn a_hostile_name_does_not_escape_its_branch() {
    for chart in ["../../main", "a b~^:?*[\\", "-rf", "x.lock", "...", "", "HEAD", "日本語", "a\nb", "@{"] {
        for group in ["", "x.lock", "..", "-", "a/b", "v."] {
            let branch = branch("davit/", &name(chart, "1.x", group));
            check_ref_format(&branch).unwrap();
            assert_eq!(branch.matches('/').count(), 1, "{branch}");
        }
    }
}

#[test]
fn groups_that_look_alike_once_made_safe_have_different_branches() {
    let groups = ["a.", "a", "a-", "a/b", "a-b", "a..b", "a.b", "x.lock", "x-lock"];
    let mut branches: Vec<_> = groups.iter().map(|group| branch("davit/", &name("app", "1.x", group))).collect();
    branches.sort();
    branches.dedup();
    assert_eq!(branches.len(), groups.len());
}

#[test]
fn a_long_chart_name_is_cut_and_the_rest_stays() {
    let long = "a".repeat(500);
    let branch = branch("davit/", &name(&long, "1.x", "blue"));
    assert_eq!(branch.len(), MAX_BRANCH_LEN);
    assert!(branch.ends_with("-1.x-blue"));
}

proptest! {
    #[test]
    fn every_branch_is_a_reference_git_takes(chart in any::<String>(), group in any::<String>(), major in any::<u64>()) {
        let label = format!("{major}.x");
        let branch = branch("davit/", &name(&chart, &label, &group));
        prop_assert!(branch.len() <= MAX_BRANCH_LEN);
        prop_assert!(check_ref_format(&branch).is_ok(), "{:?}", check_ref_format(&branch));
    }
}
