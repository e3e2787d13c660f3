//! FluxInstances of the Flux Operator whose `spec.sync` leads to this repository (Flux rule 24): each becomes the Flux
//! Kustomization that the operator makes of it, with the patches of `spec.kustomize` on top. Sources: flux-operator,
//! docs/api/v1/fluxinstance.md.

use super::flux::{self, Judge};
use super::layer::Layer;
use super::object::{At, Object};
use super::patch::{Parsed, Reader};
use super::path;
use super::roots::cluster_directory;
use super::value::{Origin, Value};
use super::view::{Reads, View};
use super::world::{Lost, World};
use crate::inventory::{DocumentFacts, Inventory, Kind, same_repository};
use crate::model::{NsName, Reason, shown};
use std::sync::Arc;

/// What a FluxInstance syncs.
pub(super) struct Sync {
    /// The Kustomization that the operator makes.
    pub(super) object: Arc<Object>,
    pub(super) id: NsName,
    pub(super) cluster: String,
}

/// The FluxInstances that sync this repository; of the others, what is to be said.
pub(super) fn syncs(world: &mut World<'_>, judge: &Judge<'_>) -> Vec<Sync> {
    let mut found = Vec::new();
    let inventory = world.inventory;
    let parsed = Parsed::default();
    for (file, index, facts) in inventory.of_kind(Kind::FluxInstance) {
        let (Some(url), Some(written)) = (facts.text("spec.sync.url"), facts.text("spec.sync.path")) else { continue };
        let kind = facts.text("spec.sync.kind").unwrap_or("GitRepository");
        let ours = judge.url.as_deref().is_none_or(|ours| same_repository(ours, url));
        let object = kustomization(inventory, (file, index), facts, &parsed);
        let built = object.text("spec.path").unwrap_or(written);
        let directory = Some(path::clamped(built)).filter(|directory| inventory.directory(directory).is_some());
        let name = inventory.path(file);
        if let Some(directory) = directory.filter(|_| kind == "GitRepository" && ours) {
            let cluster = if directory.is_empty() { cluster_directory(path::parent(name)) } else { directory.clone() };
            let id = NsName { namespace: object.namespace().to_owned(), name: object.name().to_owned() };
            found.push(Sync { object: Arc::new(object), id, cluster });
            continue;
        }
        let what = format!("FluxInstance {} syncs {written} of", facts.name());
        let other = judge.url.as_deref().filter(|_| kind == "GitRepository" && !ours && !judge.is_member(url));
        let claim = other.zip(Some(path::clamped(written)).filter(|directory| judge.claims(directory, name)));
        let message = match claim {
            Some((ours, within)) => {
                let message = format!("{what} {}", flux::two_urls(url, ours));
                let told = format!("{name}:{}: {message}", facts.line);
                world.lost.push(Lost { within, reason: Reason::NotBuilt, message: told });
                message
            }
            None => format!("{what} {kind} {}, not this repository", shown(url)),
        };
        world.problems.push(Inventory::problem(name, facts.line, Reason::OutOfReach, message));
    }
    found
}

/// The Kustomization that the operator makes, patched.
fn kustomization(inventory: &Inventory, at: At, facts: &DocumentFacts, parsed: &Parsed) -> Object {
    let made = |text: &str| Value::string(text, Origin::None("the Flux Operator writes it".to_owned()));
    let namespace = if facts.namespace().is_empty() { "flux-system" } else { facts.namespace() };
    let name = facts.text("spec.sync.name").unwrap_or(namespace);
    let mut tree = Value::empty_map();
    for (keys, text) in [
        (&["apiVersion"][..], "kustomize.toolkit.fluxcd.io/v1"),
        (&["kind"], "Kustomization"),
        (&["metadata", "name"], name),
        (&["metadata", "namespace"], namespace),
        (&["spec", "interval"], "10m"),
        (&["spec", "path"], facts.text("spec.sync.path").unwrap_or_default()),
        (&["spec", "sourceRef", "kind"], "GitRepository"),
        (&["spec", "sourceRef", "name"], name),
    ] {
        tree.set_at(keys, made(text));
    }
    let instance = Object::new(at, facts);
    let object = Object::generated(at, Kind::FluxKustomization, facts.line, tree, false);
    let Some(holder) = instance.get("spec.kustomize") else { return object };
    let (reads, file) = (Reads::default(), Arc::from(inventory.path(at.0)));
    let whole = View::whole(inventory);
    let view = whole.noted(&reads);
    let reader = Reader { view: &view, file: &file, line: facts.line, directory: None, component: false, parsed };
    let layer = Layer::of_flux([None, None, None], reader.patches(holder));
    let mut objects = vec![object.clone()];
    // What the other patches are for is not looked at, so one that fails is the operator's to say.
    let _ = layer.apply(&mut objects, false, &mut Vec::new());
    objects.pop().unwrap_or(object)
}
