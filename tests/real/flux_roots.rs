//! Where the walk over a whole tree starts: every Flux Kustomization that no other one builds, and FluxInstances. Found
//! with the referee's own builds; only the clusters' names follow Davit's rule.

use crate::flux_referee::{key, text};
use crate::flux_walk::{Root, Tree, is_kustomization, normal};
use serde_json::{Value, json};
use std::collections::HashSet;

/// A Flux Kustomization as it stands in a file.
struct Written {
    file: String,
    object: Value,
    /// Files of the Kustomizations that it builds.
    children: HashSet<(String, String)>,
}

/// The roots of a tree.
pub fn roots(tree: &mut Tree<'_>) -> Vec<Root> {
    let root = tree.root.clone();
    let read = tree.referee.ask(&json!({"op": "read", "root": root})).unwrap();
    let mut written = Vec::new();
    let mut syncs = Vec::new();
    for file in read["files"].as_array().into_iter().flatten() {
        for object in file["objects"].as_array().into_iter().flatten() {
            let path = text(file, "/path").unwrap_or_default();
            if is_kustomization(object) && text(object, "/spec/sourceRef/kind") == Some("GitRepository") {
                written.push(Written { file: path.to_owned(), object: object.clone(), children: HashSet::new() });
            }
            if object["kind"] == "FluxInstance" {
                syncs.extend(sync(path, object));
            }
        }
    }
    let below = children(tree, &mut written);
    let synced: HashSet<(String, String)> = syncs.iter().flat_map(|sync| held(tree, &sync.kustomization)).collect();
    let mut seen = HashSet::new();
    mark(&written, synced, &mut seen);
    let mut roots = syncs;
    let free = (0..written.len()).filter(|number| !below.contains(&id(&written[*number])));
    for number in free.chain(0..written.len()).collect::<Vec<_>>() {
        let one = &written[number];
        if seen.contains(&id(one)) {
            continue;
        }
        mark(&written, HashSet::from([id(one)]), &mut seen);
        roots.push(Root { cluster: cluster(one), kustomization: one.object.clone() });
    }
    roots
}

fn id(written: &Written) -> (String, String) {
    (written.file.clone(), key(&written.object).1)
}

/// Fills in what each builds; gives back everything that another one builds.
fn children(tree: &mut Tree<'_>, written: &mut [Written]) -> HashSet<(String, String)> {
    let mut below = HashSet::new();
    for one in written.iter_mut() {
        one.children = held(tree, &one.object);
        let own = id(one);
        below.extend(one.children.iter().filter(|child| **child != own).cloned());
    }
    below
}

/// File and name of the Kustomizations that a Kustomization's directory holds.
fn held(tree: &mut Tree<'_>, kustomization: &Value) -> HashSet<(String, String)> {
    // Patches and substitution don't decide what is held, and may fail for want of a ConfigMap.
    let plain = json!({
        "apiVersion": kustomization["apiVersion"], "kind": "Kustomization", "metadata": kustomization["metadata"],
        "spec": {"path": kustomization["spec"]["path"], "buildMetadata": ["originAnnotations"]},
    });
    let root = tree.root.clone();
    let objects = tree.referee.build(&root, &plain, &[], true).unwrap_or_default();
    let directory = text(kustomization, "/spec/path").unwrap_or_default();
    let found = objects.iter().filter(|object| is_kustomization(object)).filter_map(|object| {
        let origin = object.pointer("/metadata/annotations/config.kubernetes.io~1origin")?.as_str()?;
        let path = origin.lines().find_map(|line| line.strip_prefix("path: "))?;
        Some((normal(directory, path.trim())?, key(object).1))
    });
    found.collect()
}

fn mark(written: &[Written], from: HashSet<(String, String)>, seen: &mut HashSet<(String, String)>) {
    let mut open: Vec<_> = from.into_iter().collect();
    while let Some(next) = open.pop() {
        if seen.insert(next.clone()) {
            open.extend(written.iter().filter(|one| id(one) == next).flat_map(|one| one.children.clone()));
        }
    }
}

/// Davit's name of a root's cluster: its own directory, else the one that the file lies in, without `flux-system`.
fn cluster(written: &Written) -> String {
    let path = normal("", text(&written.object, "/spec/path").unwrap_or_default()).unwrap_or_default();
    if !path.is_empty() && written.file.starts_with(&format!("{path}/")) { path } else { directory(&written.file) }
}

fn directory(file: &str) -> String {
    let parent = file.rsplit_once('/').map_or("", |(parent, _)| parent);
    let parent = parent.strip_suffix("flux-system").unwrap_or(parent).trim_end_matches('/');
    if parent.is_empty() { ".".to_owned() } else { parent.to_owned() }
}

/// FluxInstance `spec.sync`: the Kustomization that flux-operator makes of it.
fn sync(file: &str, instance: &Value) -> Option<Root> {
    let path = text(instance, "/spec/sync/path")?;
    let namespace = Some(key(instance).0).filter(|namespace| !namespace.is_empty());
    let namespace = namespace.unwrap_or_else(|| "flux-system".to_owned());
    let name = text(instance, "/spec/sync/name").unwrap_or(&namespace);
    let cluster = Some(normal("", path)?).filter(|path| !path.is_empty()).unwrap_or_else(|| directory(file));
    let kustomization = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"path": path, "sourceRef": {"kind": "GitRepository", "name": name}},
    });
    Some(Root { cluster, kustomization })
}
