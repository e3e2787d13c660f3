//! Where the walk over a whole tree starts: every Flux Kustomization that no other one builds, and FluxInstances. Found
//! with the referee's own builds; only the clusters' names follow Davit's rule.

use crate::flux_referee::{key, text};
use crate::flux_walk::{Root, Tree, is_kustomization, normal, source_ref};
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
    if tree.url.is_none() {
        tree.url = own_url(tree);
    }
    let known = tree.written.iter().filter(|(_, object)| is_kustomization(object) && tree.is_ours(object));
    let mut written: Vec<Written> = known
        .map(|(file, object)| Written { file: file.clone(), object: object.clone(), children: HashSet::new() })
        .collect();
    let instances: Vec<_> =
        tree.written.iter().filter(|(_, object)| object["kind"] == "FluxInstance").cloned().collect();
    let syncs: Vec<Root> = instances.iter().filter_map(|(file, object)| sync(tree, file, object)).collect();
    let below = children(tree, &mut written);
    let synced: HashSet<(String, String)> =
        syncs.iter().flat_map(|sync| held(tree, &sync.kustomization, &sync.cluster)).collect();
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

/// Bootstrap leaves a Kustomization in the directory that it builds: its GitRepository is this repository.
fn own_url(tree: &Tree<'_>) -> Option<String> {
    let mut own = tree.written.iter().filter(|(file, object)| {
        let path = normal("", text(object, "/spec/path").unwrap_or_default()).unwrap_or_default();
        is_kustomization(object) && !path.is_empty() && file.starts_with(&format!("{path}/"))
    });
    own.find_map(|(_, object)| {
        let (_, namespace, name) = source_ref(object);
        tree.urls(&namespace, &name).next().map(str::to_owned)
    })
}

fn id(written: &Written) -> (String, String) {
    (written.file.clone(), key(&written.object).1)
}

/// Fills in what each builds; gives back everything that another one builds.
fn children(tree: &mut Tree<'_>, written: &mut [Written]) -> HashSet<(String, String)> {
    let mut below = HashSet::new();
    for one in written.iter_mut() {
        one.children = held(tree, &one.object, &cluster(one));
        let own = id(one);
        below.extend(one.children.iter().filter(|child| **child != own).cloned());
    }
    below
}

/// File and name of the Kustomizations that a Kustomization's directory holds.
fn held(tree: &mut Tree<'_>, kustomization: &Value, cluster: &str) -> HashSet<(String, String)> {
    if source_ref(kustomization).0 != "GitRepository" {
        return HashSet::new();
    }
    // Patches and substitution don't decide what is held, and may fail for want of a ConfigMap.
    let plain = json!({
        "apiVersion": kustomization["apiVersion"], "kind": "Kustomization", "metadata": kustomization["metadata"],
        "spec": {"path": kustomization["spec"]["path"], "buildMetadata": ["originAnnotations"]},
    });
    let root = tree.seen(kustomization, cluster);
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
fn sync(tree: &mut Tree<'_>, file: &str, instance: &Value) -> Option<Root> {
    let path = text(instance, "/spec/sync/path")?;
    let url = text(instance, "/spec/sync/url")?;
    if tree.url.as_deref().is_some_and(|here| !davit::inventory::same_repository(here, url))
        || !tree.root.join(path).is_dir()
    {
        return None;
    }
    let namespace = Some(key(instance).0).filter(|namespace| !namespace.is_empty());
    let namespace = namespace.unwrap_or_else(|| "flux-system".to_owned());
    let name = text(instance, "/spec/sync/name").unwrap_or(&namespace);
    let kustomization = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"path": path, "sourceRef": {"kind": "GitRepository", "name": name}},
    });
    let kustomization = patched(tree, instance, &kustomization);
    let path = text(&kustomization, "/spec/path")?;
    let cluster = Some(normal("", path)?).filter(|path| !path.is_empty()).unwrap_or_else(|| directory(file));
    Some(Root { cluster, kustomization })
}

/// The operator gives what it makes to kustomize, with the patches of the instance: so does this, by a build of its own.
fn patched(tree: &mut Tree<'_>, instance: &Value, made: &Value) -> Value {
    let Some(patches) = instance.pointer("/spec/kustomize/patches") else { return made.clone() };
    let root = tree.scratch.join(format!("instance-{}", key(instance).1));
    std::fs::create_dir_all(&root).unwrap();
    std::fs::write(root.join("sync.yaml"), serde_json::to_vec(made).unwrap()).unwrap();
    let asked = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"namespace": "flux-system", "name": "instance"}, "spec": {"path": "./", "patches": patches},
    });
    let built = tree.referee.build(&root, &asked, &[], false).unwrap();
    built.into_iter().find(is_kustomization).unwrap()
}
