//! ResourceSets of the Flux Operator (Flux rule 19): their templates become objects, once per set of inputs. References
//! to inputs are followed, alone or with text around them, and the pipe to `quote`; the inputs are those written in the
//! set and those of Static input providers. Anything else is a typed reason that names the form. Sources: flux-operator,
//! docs/api/v1/resourceset.md and resourcesetinputprovider.md, internal/builder/resourceset.go.

use super::flux;
use super::object::{At, Object, Say};
use super::patch_reach::{self, Aspect};
use super::template::{self, Filled, Inputs};
use super::value::{Ref, Value};
use crate::inventory::{Inventory, Kind, Template};
use crate::model::{Reason, Step};
use std::collections::HashSet;
use std::sync::Arc;

/// Most objects that one set makes.
const MAX_OBJECTS: usize = 10_000;
/// The annotation of the operator that switches a set, or what it makes, off.
const RECONCILE: &str = "fluxcd.controlplane.io/reconcile";

/// A ResourceSet with its templates.
#[derive(Debug, Clone)]
pub(super) struct Set {
    set: Arc<Object>,
    templates: Vec<Arc<Object>>,
}

/// The document of the set that a template belongs to.
pub(super) fn holder(inventory: &Inventory, at: At) -> Option<At> {
    let before = inventory.documents(at.0).get(..at.1)?;
    let index = before.iter().rposition(|facts| facts.kind == Kind::ResourceSet && facts.template.is_none())?;
    Some((at.0, index))
}

/// The objects of a build without templates, and the sets that have some.
pub(super) fn apart(inventory: &Inventory, objects: &[Arc<Object>]) -> (Vec<Arc<Object>>, Vec<Set>) {
    let (plain, templates): (Vec<_>, Vec<_>) = objects.iter().cloned().partition(|object| object.template.is_none());
    let sets = plain.iter().filter(|object| object.kind == Kind::ResourceSet).map(|set| {
        let mut seen = HashSet::new();
        let own = templates.iter().filter(|t| holder(inventory, t.at) == Some(set.at) && seen.insert(t.at));
        Set { set: set.clone(), templates: own.cloned().collect() }
    });
    let sets = sets.filter(|set| !set.templates.is_empty()).collect();
    (plain, sets)
}

/// The objects of a build with what its sets make in the place of their templates.
pub(super) fn filled(inventory: &Inventory, objects: &[Arc<Object>], providers: &[Arc<Object>]) -> Vec<Arc<Object>> {
    let (mut objects, sets) = apart(inventory, objects);
    objects.extend(sets.iter().flat_map(|set| set.objects(inventory, providers)));
    objects
}

/// The input providers among objects.
pub(super) fn providers(objects: &[Arc<Object>]) -> impl Iterator<Item = Arc<Object>> {
    objects.iter().filter(|object| object.kind == Kind::ResourceSetInputProvider).cloned()
}

/// The inputs of a set, and why there may be more.
struct All {
    known: Vec<Inputs>,
    open: Option<String>,
}

impl Set {
    /// Whether it takes inputs from other objects, which may be built later.
    pub(super) fn waits(&self) -> bool {
        self.set.get("spec.inputsFrom").is_some_and(|from| !from.items().is_empty())
    }

    fn called(&self) -> String {
        let slash = if self.set.namespace().is_empty() { "" } else { "/" };
        format!("ResourceSet {}{slash}{}", self.set.namespace(), self.set.name())
    }

    /// What the set makes. `providers`: the input providers of its cluster.
    pub(super) fn objects(&self, inventory: &Inventory, providers: &[Arc<Object>]) -> Vec<Arc<Object>> {
        let All { known, open } = self.inputs(providers);
        let mut made = Vec::new();
        let mut fault = None;
        let mut seen = HashSet::new();
        for template in &self.templates {
            for inputs in &known {
                if made.len() >= MAX_OBJECTS {
                    let why = format!("the set makes more than {MAX_OBJECTS} objects, and the rest is not followed");
                    made.push(self.unfilled(template, &why));
                    break;
                }
                let (object, missing) = self.fill(inventory, template, inputs);
                fault = fault.or(missing);
                let off = object.annotation(RECONCILE) == Some("disabled");
                let id = (object.kind, object.namespace().to_owned(), object.name().to_owned());
                // The operator keeps the first of equal names.
                if !off && seen.insert(id) {
                    made.push(object);
                }
            }
            made.extend(open.as_ref().map(|why| self.unfilled(template, why)));
        }
        let says = self.says(fault);
        for object in &mut made {
            object.says.extend(says.iter().cloned());
        }
        // The operator sets it last, over what a template says.
        flux::common_metadata(&self.set, &mut made);
        made.into_iter().map(Arc::new).collect()
    }

    /// What is said of everything that the set makes.
    fn says(&self, fault: Option<String>) -> Vec<Say> {
        let say = |aspect, reason, message| Say { aspect, key: None, reason, message };
        let mut says = self.set.says.clone();
        if let Some(missing) = fault {
            says.push(say(Aspect::Build, Reason::BuildFailed, format!("{} fails: {missing}", self.called())));
        }
        let written =
            ["resources", "resourcesTemplate", "steps"].iter().find(|f| self.set.get(&format!("spec.{f}")).is_some());
        if let Some(field) = written {
            let message = format!("a patch changes spec.{field} of {}", self.called());
            says.push(say(Aspect::Build, Reason::VersionInPatch, message));
        }
        if self.set.annotation(RECONCILE) == Some("disabled") {
            let message = format!("{} is switched off by its annotation {RECONCILE}", self.called());
            says.push(say(Aspect::Identity, Reason::Suspended, message));
        }
        says
    }

    /// A template as it stands, with the reason.
    fn unfilled(&self, template: &Object, why: &str) -> Object {
        let mut object = template.filled(template.tree().clone());
        object.unfilled = Some(Arc::from(format!("a template of {}: {why}", self.called())));
        object
    }

    /// The sets of inputs, in the operator's order: its own, then those of the providers by name.
    fn inputs(&self, providers: &[Arc<Object>]) -> All {
        let list = |route: &str| self.set.get(route).map(Ref::items).unwrap_or_default();
        if self.set.text("spec.inputStrategy.name").is_some_and(|name| name != "Flatten") {
            let name = self.set.text("spec.inputStrategy.name").unwrap_or_default();
            return All { known: Vec::new(), open: Some(format!("its inputStrategy {name} is not followed")) };
        }
        let own = list("spec.inputs").into_iter().map(|inputs| Inputs::of(&self.set, inputs.to_value()));
        let mut known: Vec<Inputs> = own.collect();
        let mut open = None;
        let mut others: Vec<&Arc<Object>> = Vec::new();
        for reference in list("spec.inputsFrom") {
            match self.provider(reference, providers) {
                Ok(provider) if others.iter().all(|other| other.name() != provider.name()) => others.push(provider),
                Ok(_) => {}
                Err(why) => open = open.or(Some(why)),
            }
        }
        others.sort_by_key(|provider| provider.name().to_owned());
        known.extend(others.iter().map(|provider| {
            let values = provider.get("spec.defaultValues").map_or_else(Value::empty_map, Ref::to_value);
            Inputs::of(provider, values)
        }));
        if known.is_empty() && open.is_none() {
            known.push(Inputs::none());
        }
        All { known, open }
    }

    fn provider<'p>(&self, reference: Ref<'_>, providers: &'p [Arc<Object>]) -> Result<&'p Arc<Object>, String> {
        let Some(name) = reference.get("name").and_then(Ref::text) else {
            return Err("it takes inputs from whatever its selector finds in the cluster".to_owned());
        };
        let namespace = self.set.namespace();
        let mut named = providers.iter().filter(|p| p.name() == name && p.namespace() == namespace);
        let what = format!("the ResourceSetInputProvider {name}");
        match (named.next(), named.next()) {
            (None, _) => Err(format!("it takes inputs from {what}, which is not in the tree that was read")),
            (Some(_), Some(_)) => Err(format!("it takes inputs from {what}, of which there are several")),
            (Some(provider), None) => {
                let kind = provider.text("spec.type").unwrap_or("no type");
                match provider.says.first() {
                    _ if kind != "Static" => {
                        Err(format!("it takes inputs from {what} of type {kind}, which only the cluster sees"))
                    }
                    Some(say) => Err(format!("{what}: {}", say.message)),
                    None if provider.encrypted => Err(format!("{what} is encrypted with SOPS")),
                    None => Ok(provider),
                }
            }
        }
    }

    /// One object, and what the operator would fail on.
    fn fill(&self, inventory: &Inventory, template: &Object, inputs: &Inputs) -> (Object, Option<String>) {
        let as_text = template.template == Some(Template::Text);
        let mut run = Run {
            inputs,
            as_text,
            kind: template.kind,
            way: Vec::new(),
            says: Vec::new(),
            steps: Vec::new(),
            missing: None,
        };
        let tree = run.value(template.tree().look());
        let Run { says, steps, missing, .. } = run;
        let mut object = template.filled(tree);
        object.says.extend(says);
        let called = self.called();
        object.steps.extend(steps.into_iter().map(|(field, (at, line), what)| Step {
            field,
            file: Arc::from(inventory.path(at)),
            line,
            what: Arc::from(format!("{called} fills in {what}")),
        }));
        (object, missing)
    }
}

type FilledIn = (&'static str, (usize, u32), String);

/// One filling in.
struct Run<'r> {
    inputs: &'r Inputs,
    as_text: bool,
    kind: Kind,
    way: Vec<String>,
    says: Vec<Say>,
    steps: Vec<FilledIn>,
    missing: Option<String>,
}

impl Run<'_> {
    fn value(&mut self, value: Ref<'_>) -> Value {
        if value.kind().is_some() {
            return self.scalar(value);
        }
        if value.is_map() {
            let mut entries = Vec::new();
            for (key, below) in value.pairs() {
                self.way.push(key.to_owned());
                entries.push((Arc::from(key), self.value(below)));
                self.way.pop();
            }
            return Value::Map(Arc::new(entries));
        }
        Value::List(Arc::new(value.items().into_iter().map(|item| self.value(item)).collect()))
    }

    fn scalar(&mut self, value: Ref<'_>) -> Value {
        let Some(text) = value.text().filter(|text| text.contains("<<")) else { return value.to_value() };
        match template::fill(value, self.as_text, self.inputs) {
            Filled::Value(new) => {
                if let (Some(field), Some(place)) = (self.field(), template::first_place(text, self.inputs)) {
                    let shown = new.look().text().unwrap_or_default().to_owned();
                    self.steps.push((field, place, format!("{text}, which becomes {shown}")));
                }
                new
            }
            Filled::Missing(what) => {
                self.missing.get_or_insert(what);
                value.to_value()
            }
            Filled::Unknown(why) => {
                if let Some(aspect) = patch_reach::at(self.kind, &self.way.join("/")) {
                    let message = format!("{} in {text} is not followed: {why}", aspect.words());
                    self.says.push(Say { aspect, key: None, reason: Reason::ResourceSet, message });
                }
                value.to_value()
            }
        }
    }

    fn field(&self) -> Option<&'static str> {
        patch_reach::at(self.kind, &self.way.join("/"))?;
        Some(match self.way.last().map(String::as_str) {
            Some("version" | "tag" | "semver" | "digest") => "version",
            Some("url") => "url",
            Some("chart") => "chart",
            Some("namespace") => "namespace",
            Some("name") if self.way.len() == 2 => "name",
            Some("path") => "path",
            _ => "source",
        })
    }
}

#[cfg(test)]
#[path = "resource_set_tests.rs"]
mod tests;
