//! Golden directories: `fixtures/trees/<case>/tree/` is a repository, `expected.json` its rows, each judged by hand
//! against Flux's rules. `DAVIT_UPDATE_GOLDEN=1` writes them anew; read the difference before you believe it.

use davit::inventory::{self, Context};
use davit::model::Release;
use davit::resolve;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

fn rows(case: &Path) -> Vec<Arc<Release>> {
    let root = case.join("tree");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    let file = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let facts = |name: &str| Arc::new(inventory::read_file(name, &std::fs::read(&path).unwrap()));
        inventory::reads(&name).then(|| (name.clone(), facts(&name)))
    };
    let files: Vec<_> = paths.into_iter().filter_map(file).collect();
    // The URL is known where a file beside the tree says it.
    let url = std::fs::read_to_string(case.join("url.txt")).ok();
    let context = Context { repository_url: url.as_deref().map(str::trim) };
    resolve::resolve(&inventory::gather(&files, context)).releases
}

/// One row as JSON: what the rules decide, not how it is said.
fn row(release: &Release) -> serde_json::Value {
    serde_json::json!({
        "kind": release.kind.as_str(),
        "cluster": release.cluster,
        "kustomization": release.kustomization.as_ref().map(ToString::to_string),
        "namespace": release.namespace,
        "name": release.name,
        "file": format!("{}:{}", release.file, release.line),
        "source": release.source.as_ref().map(|s| format!("{} {}/{}", s.kind.as_str(), s.namespace, s.name)),
        "question": release.lookup.as_deref().map(davit::model::Lookup::canonical),
        "site": release.site.as_ref().map(|s| format!("{}:{}:{} {}", s.file, s.line, s.column, s.shown_path())),
        "current": release.current,
        "reason": release.problem.as_ref().map(|problem| problem.reason.code()),
    })
}

#[test]
fn every_tree_gives_the_rows_that_flux_would_apply() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/trees");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 20, "the golden trees were not found");
    let mut wrong = Vec::new();
    for case in cases {
        let golden = case.join("expected.json");
        let rows: Vec<_> = rows(&case).iter().map(|release| row(release)).collect();
        let actual = serde_json::to_string_pretty(&rows).unwrap() + "\n";
        if std::env::var_os("DAVIT_UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &actual).unwrap();
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != actual {
            wrong.push(format!("{} is not what came out:\n{actual}", golden.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
