//! What a patch or a replacement selects, as kustomize judges it: expressions that must match the whole text, and label
//! selectors. Where it can't be judged, it selects: a release is then unresolved rather than wrong.

use crate::yaml::Node;
use regex::{Regex, RegexBuilder};

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
    group: Option<Pattern>,
    kind: Option<Pattern>,
    name: Option<Pattern>,
    namespace: Option<Pattern>,
    labels: Option<String>,
    annotations: Option<String>,
}

impl Selector {
    pub(super) fn read(node: &Node) -> Self {
        let text = |key: &str| node.get(key).and_then(Node::text).filter(|t| !t.is_empty()).map(str::to_owned);
        Self {
            group: text("group").map(Pattern::new),
            kind: text("kind").map(Pattern::new),
            name: text("name").map(Pattern::new),
            namespace: text("namespace").map(Pattern::new),
            labels: text("labelSelector"),
            annotations: text("annotationSelector"),
        }
    }

    /// Whether it asks for a kind that a release hangs on.
    pub(super) fn names_flux_kind(&self) -> bool {
        const KINDS: [&str; 7] =
            ["HelmRelease", "HelmRepository", "OCIRepository", "HelmChart", "GitRepository", "Bucket", "Kustomization"];
        self.kind.is_some() && KINDS.iter().any(|kind| matches(self.kind.as_ref(), kind))
    }

    pub(super) fn selects(&self, subject: &Subject<'_>) -> bool {
        matches(self.group.as_ref(), subject.group)
            && matches(self.kind.as_ref(), subject.kind)
            && subject.identities.iter().any(|(namespace, name)| {
                let namespace = if namespace.is_empty() { "default" } else { namespace };
                matches(self.name.as_ref(), name) && matches(self.namespace.as_ref(), namespace)
            })
            && self.labels.as_deref().is_none_or(|selector| holds(selector, subject.labels))
            && self.annotations.as_deref().is_none_or(|selector| holds(selector, subject.annotations))
    }
}

/// An expression that must match the whole text, compiled once: a patch meets every object of its build.
#[derive(Debug, Clone)]
enum Pattern {
    /// Nothing in it is special.
    Text(String),
    /// The text itself, and the expression.
    Regex(String, Regex),
    /// It does not compile, so that nobody can tell what it selects.
    Anything,
}

impl Pattern {
    fn new(text: String) -> Self {
        if text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '/')) {
            return Self::Text(text);
        }
        match RegexBuilder::new(&format!("^(?:{text})$")).size_limit(1 << 20).build() {
            Ok(regex) => Self::Regex(text, regex),
            Err(_) => Self::Anything,
        }
    }
}

fn matches(pattern: Option<&Pattern>, text: &str) -> bool {
    match pattern {
        None | Some(Pattern::Anything) => true,
        Some(Pattern::Text(wanted)) => wanted == text,
        Some(Pattern::Regex(wanted, regex)) => wanted == text || regex.is_match(text),
    }
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
