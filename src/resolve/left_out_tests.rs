use super::Patterns;
use crate::inventory::{self, Context};
use std::sync::Arc;

/// Whether a file is left out of a tree with these `.sourceignore` files and this `spec.ignore`.
fn is_out(files: &[(&str, &str)], spec: Option<&str>, path: &str) -> bool {
    let facts: Vec<_> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), Arc::new(inventory::read_file(path, text.as_bytes()))))
        .collect();
    let inventory = inventory::gather(&facts, Context::default());
    Patterns::of(&inventory, spec.map(|text| (text, "spec.ignore"))).leaves_out(path).is_some()
}

#[test]
fn a_pattern_means_what_source_controller_makes_of_it() {
    let cases = [
        // A name holds at every depth, with all that lies below.
        ("docs", "docs/a.yaml", true),
        ("docs", "apps/docs/x/a.yaml", true),
        ("docs/", "apps/docs", false),
        ("docs/", "apps/docs/a.yaml", true),
        ("*.yaml", "apps/a.yaml", true),
        ("a?.yaml", "apps/ab.yaml", true),
        ("[a-c].yaml", "b.yaml", true),
        ("[^a-c].yaml", "b.yaml", false),
        ("[", "[", false),
        ("a\\*.yaml", "ab.yaml", false),
        ("a\\*.yaml", "a*.yaml", true),
        // With a slash it holds from the pattern's own directory.
        ("/apps", "apps/x/a.yaml", true),
        ("/apps", "clusters/apps/a.yaml", false),
        ("apps/x", "apps/x/a.yaml", true),
        ("apps/x", "y/apps/x/a.yaml", false),
        ("apps/*/old", "apps/x/old/a.yaml", true),
        ("apps/*/old", "apps/x/y/old/a.yaml", false),
        ("**/old", "apps/x/y/old/a.yaml", true),
        ("apps/**", "apps/x/a.yaml", true),
        ("/**/a.yaml", "apps/x/a.yaml", true),
        // `**` takes the first that fits and does not come back, unlike Git's.
        ("**/x/a.yaml", "x/y/x/a.yaml", false),
        ("a**/b", "ab/b", false),
        ("docs   ", "docs/a.yaml", true),
        ("#docs", "#docs", false),
        ("/", "a.yaml", false),
    ];
    for (pattern, path, out) in cases {
        assert_eq!(is_out(&[(".sourceignore", pattern)], None, path), out, "{pattern} {path}");
        assert_eq!(is_out(&[], Some(pattern), path), out, "{pattern} {path}");
    }
}

#[test]
fn the_last_pattern_that_matches_decides_and_spec_ignore_comes_last() {
    let root = [(".sourceignore", "# all but two\n\n/*\n!/clusters\r\n!/apps\n")];
    assert!(is_out(&root, None, "docs/a.yaml") && is_out(&root, None, "a.yaml"));
    assert!(!is_out(&root, None, "apps/x/a.yaml") && !is_out(&root, None, "clusters/a/b.yaml"));
    assert!(is_out(&root, Some("/apps/x"), "apps/x/a.yaml"));
    assert!(!is_out(&root, Some("!/docs"), "docs/a.yaml"));
    let below = [(".sourceignore", "/apps/x"), ("apps/.sourceignore", "!x\ny\n")];
    assert!(!is_out(&below, None, "apps/x/a.yaml"), "the deeper file has the say");
    assert!(is_out(&below, None, "apps/z/y/a.yaml") && !is_out(&below, None, "y/a.yaml"));
}

#[test]
fn the_default_list_counts_where_nobody_gives_a_pattern() {
    assert!(is_out(&[], None, ".github/a.yaml") && is_out(&[], Some("# nothing\n"), "x/.sops.yaml"));
    assert!(!is_out(&[], Some("docs"), ".github/a.yaml"));
    assert!(is_out(&[], Some("docs"), "x/.gitattributes"));
}
