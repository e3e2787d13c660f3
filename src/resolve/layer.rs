//! One layer of a build: what one kustomization.yaml, with the Flux Kustomization that builds it, does to the objects
//! gathered so far. Order as in kustomize (configureBuiltinTransformers): strategic patches, patches, namespace, prefix,
//! suffix, labels, annotations, the old JSON patches, replacements, transformers.

use super::object::{Fault, Object, Place, Say};
use super::patch::{Patches, Reader};
use super::patch_reach::{self, Aspect};
use super::selector::Selector;
use super::value::{Origin, Ref, Value};
use crate::inventory::Kind;
use crate::model::{Reason, Step};
use std::collections::HashSet;
use std::sync::Arc;

/// A text with the place that says it.
pub(super) type Said = (Arc<str>, Place);

/// What one layer does.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    pub(super) namespace: Option<Said>,
    pub(super) prefix: Option<Said>,
    pub(super) suffix: Option<Said>,
    pub(super) patches: Patches,
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
    replacements: Vec<Replacement>,
    /// Transformers that are not followed.
    transformers: Option<Place>,
    /// Fields that its `configurations` add to kustomize's transformers.
    pub(super) configured: Vec<Configured>,
}

/// A field of a kind that a transformer reaches by configuration.
#[derive(Debug, Clone)]
pub(super) struct Configured {
    pub(super) place: Place,
    pub(super) kind: Option<String>,
    pub(super) path: String,
}

/// What a replacement writes to; without selectors it may write to anything.
#[derive(Debug, Clone)]
struct Replacement {
    place: Place,
    targets: Option<Vec<(Selector, Vec<String>)>>,
}

impl Layer {
    /// The layer of a kustomization.yaml (the caller adds what the Flux Kustomization says).
    pub(super) fn read(tree: Ref<'_>, reader: Reader<'_>) -> Self {
        let at = |node: Ref<'_>| Place {
            file: reader.file.clone(),
            line: node.line().map_or(reader.line, |(_, line)| line),
        };
        let said = |key: &str| {
            let node = tree.get(key)?;
            let text = node.text().filter(|text| !text.is_empty())?;
            Some((Arc::from(text), at(node)))
        };
        let strings = |node: Option<Ref<'_>>| {
            let pairs = node.map(Ref::pairs).unwrap_or_default().into_iter();
            pairs.filter_map(|(key, value)| Some((key.to_owned(), value.text()?.to_owned()))).collect::<Vec<_>>()
        };
        let list = |key: &str| tree.get(key).map(Ref::items).unwrap_or_default();
        let mut labels: Vec<_> = list("labels").into_iter().flat_map(|label| strings(label.get("pairs"))).collect();
        labels.extend(strings(tree.get("commonLabels")));
        let filled = list("labels").into_iter().filter(|label| label.get("pairs").is_some_and(Ref::is_filled));
        let fields = filled.flat_map(|label| label.get("fields").map(Ref::items).unwrap_or_default());
        let configured = fields.filter_map(|field| {
            let text = |key: &str| field.get(key).and_then(Ref::text).map(str::to_owned);
            Some(Configured { place: at(field), kind: text("kind"), path: text("path")? })
        });
        let configured = configured.collect();
        Self {
            namespace: said("namespace"),
            prefix: said("namePrefix"),
            suffix: said("nameSuffix"),
            patches: reader.patches(tree),
            labels,
            annotations: strings(tree.get("commonAnnotations")),
            replacements: list("replacements").into_iter().map(|node| Replacement::read(node, at(node))).collect(),
            transformers: tree.get("transformers").filter(|node| !node.items().is_empty()).map(at),
            configured,
        }
    }

    /// The layer of a Flux Kustomization: namespace, prefix, suffix and patches.
    pub(super) fn of_flux(said: [Option<Said>; 3], patches: Patches) -> Self {
        let [namespace, prefix, suffix] = said;
        Self { namespace, prefix, suffix, patches, ..Self::default() }
    }

    /// Takes over what a Flux Kustomization says on top (Flux rule 11): its namespace, prefix and suffix replace those of
    /// the kustomization.yaml at its path, its patches come after them.
    pub(super) fn take(&mut self, flux: &Layer) {
        for (own, other) in
            [(&mut self.namespace, &flux.namespace), (&mut self.prefix, &flux.prefix), (&mut self.suffix, &flux.suffix)]
        {
            if other.is_some() {
                own.clone_from(other);
            }
        }
        self.patches.early.extend(flux.patches.early.iter().cloned());
        self.patches.late.extend(flux.patches.late.iter().cloned());
    }

    /// Applies the layer. `complete`: every object of the layer was read. What its patches delete goes to `gone`.
    ///
    /// # Errors
    /// What kustomize fails on; the rest of the layer is done all the same.
    pub(super) fn apply(&self, objects: &mut Vec<Object>, complete: bool, gone: &mut Vec<Object>) -> Result<(), Fault> {
        let mut result = Ok(());
        // Templates of a ResourceSet are no objects of the build.
        let (mut own, templates): (Vec<Object>, Vec<Object>) =
            std::mem::take(objects).into_iter().partition(|object| object.template.is_none());
        for patch in &self.patches.early {
            result = result.and(patch.apply(&mut own, complete));
        }
        gone.extend(own.extract_if(.., |object| object.deleted));
        result = result.and(self.names(&mut own));
        self.metadata(&mut own);
        for patch in &self.patches.late {
            result = result.and(patch.apply(&mut own, complete));
        }
        gone.extend(own.extract_if(.., |object| object.deleted));
        for object in &mut own {
            for replacement in &self.replacements {
                replacement.judge(object);
            }
            self.transformed(object);
        }
        *objects = own;
        objects.extend(templates);
        result
    }

    /// Namespace, prefix and suffix; kustomize remembers each name before it changes it.
    fn names(&self, objects: &mut [Object]) -> Result<(), Fault> {
        if let Some((namespace, place)) = &self.namespace {
            let step = Step {
                field: "namespace",
                file: place.file.clone(),
                line: place.line,
                what: Arc::from(format!("the namespace is set to {namespace}")),
            };
            for object in objects.iter_mut() {
                object.remember();
                if object.namespace() != &**namespace {
                    object.set_namespace(namespace);
                    object.steps.push(step.clone());
                }
            }
            unique(objects, place)?;
        }
        for (said, before) in [(&self.prefix, true), (&self.suffix, false)] {
            let Some((text, place)) = said else { continue };
            for object in objects.iter_mut() {
                object.remember();
                let name: Arc<str> = Arc::from(if before {
                    format!("{text}{}", object.name())
                } else {
                    format!("{}{text}", object.name())
                });
                let what = Arc::from(format!("the name becomes {name}"));
                object.steps.push(Step { field: "name", file: place.file.clone(), line: place.line, what });
                object.set_name(name);
            }
        }
        Ok(())
    }

    /// Labels and annotations: selectors of later layers read them, and Flux's own.
    fn metadata(&self, objects: &mut [Object]) {
        for (field, pairs) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            for object in objects.iter_mut().filter(|_| !pairs.is_empty()) {
                for (key, value) in pairs {
                    let value = Value::string(value, Origin::None("a label".to_owned()));
                    object.tree_mut().set_at(&["metadata", field, key], value);
                }
            }
        }
    }

    /// What is not followed.
    fn transformed(&self, object: &mut Object) {
        let mut say = |aspect, message| {
            object.says.push(Say { aspect, key: None, reason: Reason::VersionInComponent, message });
        };
        if let Some(place) = &self.transformers {
            say(Aspect::Version, format!("{place} names transformers, which are not followed"));
        }
        for configured in &self.configured {
            let fits = configured.kind.as_deref().is_none_or(|kind| kind == object.kind.as_str());
            if let Some(aspect) = patch_reach::at(object.kind, &configured.path).filter(|_| fits) {
                let message = format!(
                    "the configuration at {} lets kustomize change {} ({})",
                    configured.place,
                    aspect.words(),
                    configured.path
                );
                object.says.push(Say { aspect, key: None, reason: Reason::VersionInComponent, message });
            }
        }
    }
}

/// Two objects of one kind, namespace and name are an error.
pub(super) fn unique(objects: &[Object], place: &Place) -> Result<(), Fault> {
    let mut seen = HashSet::new();
    for object in objects.iter().filter(|object| object.template.is_none() && !object.deleted) {
        let (namespace, name) = object.id();
        let kind = object.text("kind").unwrap_or_default();
        if !seen.insert((object.text("apiVersion").unwrap_or_default(), kind, namespace, name)) {
            let message = format!("two objects are {kind} {namespace}/{name}");
            return Err(Fault { place: place.clone(), message });
        }
    }
    Ok(())
}

impl Replacement {
    fn read(node: Ref<'_>, place: Place) -> Self {
        let targets = node.get("targets").map(|targets| {
            let target = |target: Ref<'_>| {
                let paths = target.get("fieldPaths").map(Ref::items).unwrap_or_default();
                let mut paths: Vec<_> = paths.iter().filter_map(|path| path.text().map(str::to_owned)).collect();
                if paths.is_empty() {
                    paths.push("metadata.name".to_owned());
                }
                (target.get("select").map(Selector::read).unwrap_or_default(), paths)
            };
            targets.items().into_iter().map(target).collect()
        });
        Self { place, targets }
    }

    /// A field path such as `spec.ref.tag`, `spec.chart.spec.version` or `data.VERSION`; anything that starts elsewhere is
    /// harmless.
    fn judge(&self, object: &mut Object) {
        let say = |aspect: Aspect, key: Option<&str>| {
            let message = format!("the replacement at {} may set {}", self.place, aspect.words());
            Say { aspect, key: key.map(Arc::from), reason: Reason::VersionInComponent, message }
        };
        let Some(targets) = &self.targets else {
            object.says.extend(patch_reach::all(object.kind).first().map(|aspect| say(*aspect, None)));
            return;
        };
        let selected = targets.iter().filter(|(select, _)| select.selects(object)).flat_map(|(_, paths)| paths);
        let reached = selected.filter_map(|path| Some((path, patch_reach::at(object.kind, path)?)));
        let said: Vec<Say> = if object.kind == Kind::ConfigMap {
            reached.map(|(path, aspect)| say(aspect, patch_reach::data_key(path))).collect()
        } else {
            reached.take(1).map(|(_, aspect)| say(aspect, None)).collect()
        };
        object.says.extend(said);
    }
}
