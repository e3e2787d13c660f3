//! What a patch or a replacement selects, as kustomize judges it: expressions that must match the whole text, against the
//! name at the start of the build or the one in force, and Kubernetes label selectors.

use super::object::Object;
use super::value::Ref;
use regex::{Regex, RegexBuilder};

/// `target:` of a patch.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    group: Option<Pattern>,
    version: Option<Pattern>,
    kind: Option<Pattern>,
    name: Option<Pattern>,
    namespace: Option<Pattern>,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
    /// What kustomize refuses about it.
    pub(super) fault: Option<String>,
}

impl Selector {
    pub(super) fn read(node: Ref<'_>) -> Self {
        let text = |key: &str| node.get(key).and_then(Ref::text).filter(|text| !text.is_empty());
        let mut fault = None;
        let mut pattern = |key: &str| text(key).and_then(|text| Pattern::new(text).map_err(|e| fault = Some(e)).ok());
        let (group, version, kind) = (pattern("group"), pattern("version"), pattern("kind"));
        let (name, namespace) = (pattern("name"), pattern("namespace"));
        let mut requirements = |key: &str| {
            let parsed = text(key).map(requirements).transpose();
            parsed.map_err(|error| fault = Some(error)).ok().flatten().unwrap_or_default()
        };
        let (labels, annotations) = (requirements("labelSelector"), requirements("annotationSelector"));
        Self { group, version, kind, name, namespace, labels, annotations, fault }
    }

    /// Whether it has a name, which `patchesJson6902` asks for.
    pub(super) fn has_name(&self) -> bool {
        self.name.is_some()
    }

    pub(super) fn selects(&self, object: &Object) -> bool {
        let (group, version) = object.group_version();
        let (first, now) = (object.first_id(), object.id());
        let matches = |pattern: &Option<Pattern>, text: &str| pattern.as_ref().is_none_or(|p| p.matches(text));
        matches(&self.group, group)
            && matches(&self.version, version)
            && matches(&self.kind, object.text("kind").unwrap_or_default())
            && (matches(&self.name, first.1) || matches(&self.name, now.1))
            && (matches(&self.namespace, first.0) || matches(&self.namespace, now.0))
            && self.labels.iter().all(|requirement| requirement.holds(object.label(&requirement.key)))
            && self.annotations.iter().all(|requirement| requirement.holds(object.annotation(&requirement.key)))
    }
}

/// An expression that must match the whole text, compiled once: a patch meets every object of its build.
#[derive(Debug, Clone)]
enum Pattern {
    /// Nothing in it is special.
    Text(String),
    Regex(Regex),
}

impl Pattern {
    fn new(text: &str) -> Result<Self, String> {
        if text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '/')) {
            return Ok(Self::Text(text.to_owned()));
        }
        let regex = RegexBuilder::new(&format!("^(?:{text})$")).size_limit(1 << 20).build();
        regex.map(Self::Regex).map_err(|_| format!("{text:?} is no regular expression"))
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Text(wanted) => wanted == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

/// One term of a label selector.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    /// The values, and whether one of them is wanted; nothing where only the key counts.
    values: Option<Vec<String>>,
    wanted: bool,
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let Some(values) = &self.values else { return value.is_some() == self.wanted };
        let among = value.is_some_and(|value| values.iter().any(|known| known == value));
        // `!=` and `notin` hold for what has no such label.
        among == self.wanted
    }
}

/// `a=b,c!=d,e in (f,g),h notin (i),j,!k`
fn requirements(selector: &str) -> Result<Vec<Requirement>, String> {
    terms(selector).into_iter().filter(|term| !term.trim().is_empty()).map(|term| requirement(term.trim())).collect()
}

/// Splits at commas outside parentheses.
fn terms(selector: &str) -> Vec<&str> {
    let (mut depth, mut start, mut terms) = (0_u32, 0, Vec::new());
    for (at, c) in selector.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                terms.push(&selector[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&selector[start..]);
    terms
}

fn requirement(term: &str) -> Result<Requirement, String> {
    let new = |key: &str, values: Option<Vec<String>>, wanted: bool| {
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(format!("{term:?} is no label selector"));
        }
        Ok(Requirement { key: key.to_owned(), values, wanted })
    };
    if let Some((before, list)) = term.split_once('(') {
        let list = list.trim_end().strip_suffix(')').ok_or_else(|| format!("{term:?} is no label selector"))?;
        let values = list.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = before.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(key), Some("in"), None) => new(key, Some(values), true),
            (Some(key), Some("notin"), None) => new(key, Some(values), false),
            _ => Err(format!("{term:?} is no label selector")),
        };
    }
    let one = |value: &str| Some(vec![value.trim().to_owned()]);
    if let Some((key, value)) = term.split_once("!=") {
        new(key, one(value), false)
    } else if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        new(key, one(value), true)
    } else if let Some(key) = term.strip_prefix('!') {
        new(key, None, false)
    } else {
        new(term, None, true)
    }
}

#[cfg(test)]
mod tests {
    use super::requirements;

    #[test]
    fn label_selectors_mean_what_kubernetes_reads() {
        let holds = |selector: &str, value: Option<&str>| requirements(selector).unwrap()[0].holds(value);
        assert!(holds("a=b", Some("b")) && holds("a == b", Some("b")) && !holds("a=b", None));
        assert!(holds("a!=b", None) && holds("a!=b", Some("c")) && !holds("a!=b", Some("b")));
        assert!(holds("a in (b, c)", Some("c")) && !holds("a in (b,c)", None));
        assert!(holds("a notin (b,c)", None) && !holds("a notin (b,c)", Some("b")));
        assert!(holds("a", Some("")) && !holds("a", None) && holds("!a", None) && !holds("!a", Some("x")));
        assert_eq!(requirements("a=b,c in (d,e),!f").unwrap().len(), 3);
        assert!(requirements("a b").is_err() && requirements("a in b").is_err());
    }
}
