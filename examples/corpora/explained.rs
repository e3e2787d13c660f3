//! What `davit explain` says of every release of the trees where no chart source answers: a decision, or a reason of
//! the closed list, with a sentence and the remedy.

use crate::corpora::{self, Failure};
use davit::config::{self, Purpose};
use davit::engine::look::{Files, Kube, Recollection, Request, Secrets, look};
use davit::engine::read::Filter;
use davit::engine::{json, services};
use davit::model::{Problem, Reason, Status};
use davit::policy::Rules;
use davit::resolve::Neighbours;
use davit::world::cache::Cache;
use davit::world::folder::Folder;
use davit::world::git::{Git, GitOptions};
use davit::world::tree::TreeReader;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What came of it.
#[derive(Default)]
pub struct Explained {
    pub rows: usize,
    /// Rows by kind and reason.
    pub reasons: BTreeMap<String, usize>,
    pub failures: Vec<String>,
}

/// Every tree of a directory of corpora.
pub fn trees(directory: &Path) -> Result<Explained, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut explained = Explained::default();
    for (name, files) in corpora::unpacked(directory)? {
        let scratch = tempfile::tempdir()?;
        let root = scratch.path().join("tree");
        for (path, bytes) in &files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(&root))?;
            std::fs::write(path, bytes)?;
        }
        runtime.block_on(tree(&name, &root, &scratch.path().join("cache"), &mut explained))?;
    }
    Ok(explained)
}

/// One tree: all of its sources are led to a port of loopback at which nobody listens.
async fn tree(name: &str, root: &Path, scratch: &Path, explained: &mut Explained) -> Result<(), Failure> {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mirrors = ["https", "http", "oci"].map(|scheme| {
        let to = if scheme == "oci" { "oci" } else { "http" };
        format!("{{from: '{scheme}://', to: '{to}://{nobody}/', insecure: true}}")
    });
    let text = format!("registries: {{mirrors: [{}], timeout: 2s}}\n", mirrors.join(", "));
    let issues = |issues: Vec<config::Issue>| issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let mut config = config::load(None, &text, &[], Purpose::Local).map_err(issues)?;
    config.git.cache_dir = scratch.to_owned();
    let git = Git::new(GitOptions::anonymous(scratch.to_owned()), tokio_util::sync::CancellationToken::new());
    let registry = services::registry(&config, git).map_err(|problem: Problem| problem.message)?;
    let folder = Arc::new(Folder::open(root)?);
    let (_, rules) = Rules::with_overlay(&config, &config::Overlay::default()).map_err(issues)?;
    let request = Request {
        files: Files::Tree(folder.read()?, TreeReader::Folder(folder)),
        shown: name.to_owned(),
        url: None,
        name: "",
        filter: Filter::new(&["**".to_owned()], &[]),
        rules: &rules,
        recollection: Arc::new(Recollection::default()),
        store: None,
        now: jiff::Timestamp::now(),
        branch_prefix: "davit/",
        kube: Kube::default(),
        neighbours: Neighbours::default(),
        fleet: None,
        secrets: Secrets::No,
    };
    let found = look(&registry, &Arc::new(Cache::in_memory()), request).await?;
    for (row, effective) in found.findings.rows.iter().zip(found.effective.iter()) {
        explained.rows += 1;
        let reason = row.reason.code();
        *explained.reasons.entry(format!("{} {reason}", row.release.kind.as_str())).or_default() += 1;
        let said = serde_json::to_value(json::explain(&found.findings, vec![(row, &effective.policy, None)]))?;
        let said = &said["releases"][0];
        let full = said["reason"] == reason && said["message"].as_str().is_some_and(|text| text.len() > 10);
        // A source that does not answer is the only failure that may come of it.
        let wrong = row.reason == Reason::InternalError
            || row.status() == Status::Failed && row.reason != Reason::SourceUnreachable
            || row.reason.remedy().is_empty();
        if wrong || !full {
            explained.failures.push(format!("{name}: {}: {reason}: {}", row.release.id(), row.message));
        }
    }
    Ok(())
}
