//! What a patch or a replacement selects, as kustomize judges it: expressions that must match the whole text, and label
//! selectors. Where it can't be judged, it selects: a release is then unresolved rather than wrong.

use crate::yaml::Node;
use regex::RegexBuilder;

/// The names, groups and labels an object answers to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) group: &'a str,
    pub(super) kind: &'a str,
    /// Namespace and name now, and those it had before: kustomize matches any of them.
    pub(super) identities: &'a [(String, String)],
    pub(super) labels: Option<&'a Node>,
    pub(super) annotations: Option<&'a Node>,
}

/// `target:` of a patch.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    group: Option<String>,
    kind: Option<String>,
    name: Option<String>,
    namespace: Option<String>,
    labels: Option<String>,
    annotations: Option<String>,
}

impl Selector {
    pub(super) fn read(node: &Node) -> Self {
        let text = |key: &str| node.get(key).and_then(Node::text).filter(|t| !t.is_empty()).map(str::to_owned);
        Self {
            group: text("group"),
            kind: text("kind"),
            name: text("name"),
            namespace: text("namespace"),
            labels: text("labelSelector"),
            annotations: text("annotationSelector"),
        }
    }

    /// A selector of one kind and name, as a strategic merge patch without target has.
    pub(super) fn exact(kind: &str, name: &str) -> Self {
        Self { kind: Some(regex::escape(kind)), name: Some(regex::escape(name)), ..Self::default() }
    }

    /// Whether it asks for a kind that a release hangs on.
    pub(super) fn names_flux_kind(&self) -> bool {
        const KINDS: [&str; 7] =
            ["HelmRelease", "HelmRepository", "OCIRepository", "HelmChart", "GitRepository", "Bucket", "Kustomization"];
        self.kind.is_some() && KINDS.iter().any(|kind| matches(self.kind.as_deref(), kind))
    }

    pub(super) fn selects(&self, subject: &Subject<'_>) -> bool {
        matches(self.group.as_deref(), subject.group)
            && matches(self.kind.as_deref(), subject.kind)
            && subject.identities.iter().any(|(namespace, name)| {
                let namespace = if namespace.is_empty() { "default" } else { namespace };
                matches(self.name.as_deref(), name) && matches(self.namespace.as_deref(), namespace)
            })
            && self.labels.as_deref().is_none_or(|selector| holds(selector, subject.labels))
            && self.annotations.as_deref().is_none_or(|selector| holds(selector, subject.annotations))
    }
}

fn matches(pattern: Option<&str>, text: &str) -> bool {
    let Some(pattern) = pattern else { return true };
    if pattern == text {
        return true;
    }
    let anchored = format!("^(?:{pattern})$");
    RegexBuilder::new(&anchored).size_limit(1 << 20).build().map_or(true, |regex| regex.is_match(text))
}

/// A Kubernetes label selector. `labels:` transformers of a kustomization may add labels that are not seen here, so a
/// wanted label that is absent does not rule an object out; one that has another value does.
fn holds(selector: &str, labels: Option<&Node>) -> bool {
    if selector.contains('(') {
        return true;
    }
    selector.split(',').all(|term| {
        let (key, value, wanted) = if let Some((key, value)) = term.split_once("!=") {
            (key, value, false)
        } else if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
            (key, value, true)
        } else {
            return true;
        };
        let actual = labels.and_then(|labels| labels.get(key.trim())).and_then(Node::text);
        actual.is_none_or(|actual| (actual == value.trim()) == wanted)
    })
}
