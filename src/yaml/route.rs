//! The way from a document's root to one value: `spec.inputs[2].version`. What people read and what edits follow.

use super::Node;
use std::fmt::Write as _;

/// Mapping keys and sequence indexes from the root down. Written with dots and brackets; a key that holds anything but
/// letters, digits, `_`, `-` and `/` stands in brackets as a JSON string: `metadata.annotations["a.b/c"]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Route(Vec<Step>);

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a sequence, from zero.
    Index(usize),
}

/// A text that is no route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a route such as spec.inputs[2].version")]
pub struct RouteError(String);

impl Route {
    /// The root itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// A route of plain keys: `Route::keys(["spec", "ref", "tag"])`.
    pub fn keys<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        Self(keys.into_iter().map(|key| Step::Key(key.to_owned())).collect())
    }

    /// This route and one key more.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    /// This route and one index more.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Self(steps)
    }
}

impl FromIterator<Step> for Route {
    fn from_iter<T: IntoIterator<Item = Step>>(steps: T) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl Node {
    /// The value at the end of a route, as [`Node::get`] finds each key.
    pub fn find(&self, route: &Route) -> Option<&Node> {
        route.0.iter().try_fold(self, |node, step| match step {
            Step::Key(key) => node.get(key),
            Step::Index(index) => node.items().get(*index),
        })
    }
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if !is_bare(key) => write!(f, "[{}]", serde_json::Value::from(key.as_str()))?,
                Step::Key(key) if depth == 0 => f.write_str(key)?,
                Step::Key(key) => {
                    f.write_char('.')?;
                    f.write_str(key)?;
                }
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for Route {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (step, after) = step(rest, steps.is_empty()).ok_or_else(|| RouteError(text.to_owned()))?;
            steps.push(step);
            rest = after;
        }
        Ok(Self(steps))
    }
}

/// The first step of a text, and what follows it.
fn step(text: &str, first: bool) -> Option<(Step, &str)> {
    if let Some(inside) = text.strip_prefix('[') {
        if inside.starts_with('"') {
            let mut keys = serde_json::Deserializer::from_str(inside).into_iter::<String>();
            let key = keys.next()?.ok()?;
            return Some((Step::Key(key), inside.get(keys.byte_offset()..)?.strip_prefix(']')?));
        }
        let (digits, after) = inside.split_once(']')?;
        return Some((Step::Index(digits.parse().ok()?), after));
    }
    let key = if first { text } else { text.strip_prefix('.')? };
    let end = key.find(['.', '[']).unwrap_or(key.len());
    let (key, after) = key.split_at(end);
    is_bare(key).then(|| (Step::Key(key.to_owned()), after))
}

fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/'))
}

impl TryFrom<String> for Route {
    type Error = RouteError;
    fn try_from(text: String) -> Result<Self, RouteError> {
        text.parse()
    }
}
impl From<Route> for String {
    fn from(route: Route) -> Self {
        route.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{Route, Step};

    #[test]
    fn a_route_reads_back_as_it_was_written() {
        for text in ["", "spec.ref.tag", "spec.inputs[2].version", "[0][1].a", r#"metadata.annotations["a.b/c"]"#] {
            assert_eq!(text.parse::<Route>().unwrap().to_string(), text);
        }
        for key in ["a.b", "", "a\"]b", "ü", "[0]", "a b", "\\", "0", "<<"] {
            let route = Route::keys(["x", key, "y"]).index(3);
            assert_eq!(route.to_string().parse::<Route>().unwrap(), route, "{route}");
        }
        assert_eq!(Route::root().key("a").index(1).steps(), [Step::Key("a".into()), Step::Index(1)]);
    }

    #[test]
    fn what_is_no_route_is_refused() {
        for text in [".a", "a.", "a..b", "a[", "a[x]", "a[\"b]", "a]b", "a b", "a[-1]", "a[\"b\"x]"] {
            assert!(text.parse::<Route>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_route_leads_through_mappings_sequences_and_aliases() {
        let stream = crate::yaml::parse(b"a: &a\n  - b.c: one\nd: *a\n");
        let root = stream.roots().next().unwrap().1;
        let found = |route: &str| root.find(&route.parse().unwrap()).and_then(crate::yaml::Node::text);
        assert_eq!(found(r#"d[0]["b.c"]"#), Some("one"));
        assert_eq!(found("d[1]"), None);
        assert_eq!(found("a.b"), None);
    }
}
