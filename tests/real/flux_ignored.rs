//! What a GitRepository's artifact leaves out: generated `.sourceignore` files and `spec.ignore`, read by
//! source-controller's own package and by Davit. Every file holds a release, so that a difference is a release more or
//! less.

use crate::flux_build::{Files, referee_tree};
use crate::flux_generated::runner;
use crate::flux_referee::Referee;
use crate::flux_repository::URL;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::sample::select;
use proptest::test_runner::{TestCaseError, TestError};
use std::cell::RefCell;
use std::fmt::Write as _;

/// Parts of a pattern; names, globs, classes, escapes, and some that are none.
const PARTS: [&str; 24] = [
    "a", "b", "ab", "x.yaml", "y.yaml", "*", "**", "?", "a*", "*b", "*.yaml", "x.*", "[ab]", "[^a]", "[a-b]b", "\\a",
    "a\\", "[", "[]a]", "[b-a]", "a**", "", " ", "[a",
];
const DIRECTORIES: [&str; 3] = ["a", "b", "ab"];

fn pattern() -> impl Strategy<Value = String> {
    let parts = vec(select(PARTS.as_slice()), 1..4).prop_map(|parts| parts.join("/"));
    let ends =
        (select(["", "", "!", "/", "!/", "#"].as_slice()), select(["", "", "", "/", " ", "/ ", "\\ "].as_slice()));
    (ends, parts).prop_map(|((start, end), parts)| format!("{start}{parts}{end}"))
}

fn patterns() -> impl Strategy<Value = String> {
    let line = vec(pattern(), 0..4).prop_map(|lines| lines.join("\n") + "\n");
    // A first line that leaves all out gives the exceptions something to do.
    (any::<bool>(), line).prop_map(|(all, lines)| if all { format!("/*\n{lines}") } else { lines })
}

fn files() -> impl Strategy<Value = Files> {
    let directories = vec(select(DIRECTORIES.as_slice()), 0..4);
    let path = (directories, select(["x.yaml", "y.yaml"].as_slice())).prop_map(|(mut parts, name)| {
        parts.push(name);
        parts.join("/")
    });
    let ignore = || proptest::option::of(patterns());
    (vec(path, 1..10), ignore(), ignore(), ignore()).prop_map(|(mut paths, root, below, spec)| {
        paths.sort();
        paths.dedup();
        let mut files: Files = paths.iter().enumerate().map(|(n, path)| (path.clone(), release(n))).collect();
        files.extend(root.map(|text| (".sourceignore".to_owned(), text.into_bytes())));
        files.extend(below.map(|text| ("a/.sourceignore".to_owned(), text.into_bytes())));
        files.push(("clusters/one/flux-system/gotk-sync.yaml".to_owned(), sync(spec.as_deref())));
        files
    })
}

fn release(number: usize) -> Vec<u8> {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: r{number}, namespace: apps}}\n\
         spec: {{chart: {{spec: {{chart: c, version: 1.0.0, sourceRef: {{kind: HelmRepository, name: charts}}}}}}}}\n"
    )
    .into_bytes()
}

fn sync(ignore: Option<&str>) -> Vec<u8> {
    let mut text = format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: flux-system, namespace: \
         flux-system}}\nspec:\n  url: {URL}\n"
    );
    if let Some(ignore) = ignore {
        writeln!(text, "  ignore: {}", serde_json::Value::from(ignore)).unwrap();
    }
    text += "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: flux-system, namespace: \
             flux-system}\nspec: {path: ./, sourceRef: {kind: GitRepository, name: flux-system}}\n";
    text.into_bytes()
}

fn shown(files: &Files) -> String {
    files.iter().fold(String::new(), |mut text, (path, bytes)| {
        if path.ends_with("ignore") || path.ends_with("sync.yaml") {
            writeln!(text, "# {path}\n{}", String::from_utf8_lossy(bytes)).unwrap();
        } else {
            writeln!(text, "# {path}").unwrap();
        }
        text
    })
}

#[test]
fn what_an_artifact_leaves_out_is_what_source_controller_leaves_out() {
    let referee = RefCell::new(Referee::start());
    let (seen, all) = (RefCell::new(0), RefCell::new(0));
    let (mut runner, seed) = runner(300);
    let result = runner.run(&(files(), Just(())), |(files, ())| {
        let (walked, compared) = referee_tree(&mut referee.borrow_mut(), &files, Some(URL), false);
        *seen.borrow_mut() += compared.releases;
        *all.borrow_mut() += files.len();
        let broken = walked.failed.iter().map(|failed| &failed.error).find(|error| !error.contains("is empty"));
        match (compared.wrong.is_empty(), broken) {
            (true, None) => Ok(()),
            (_, broken) => Err(TestCaseError::fail(format!("{broken:?} {}", compared.wrong.join("\n")))),
        }
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, (files, ()))) => panic!("DAVIT_SEED={seed}: {why}\n{}", shown(&files)),
        Err(TestError::Abort(why)) => panic!("DAVIT_SEED={seed}: {why}"),
    }
    let (seen, all) = (seen.into_inner(), all.into_inner());
    println!("seed {seed}: {seen} releases seen of {all} files");
    assert!(
        seen * 5 > all && seen * 5 < all * 4,
        "patterns that leave out all or nothing prove little: {seen} of {all}"
    );
}
