//! What the fields of a Chart.yaml may hold: Helm reads them into Go types, and refuses the chart where one does not fit.
//! Where Helm would read another name, version or range than is written (a number, a key in other letters, a merge), the
//! chart is refused too: nobody packs one so by `helm package`.

use super::Refusal;
use crate::yaml::{Node, NodeKind, ScalarType};
use std::collections::HashSet;

/// Texts that decide something: they must be written as texts.
const DECISIVE: [&str; 5] = ["name", "version", "apiVersion", "kubeVersion", "type"];
/// Texts that are shown: Helm makes one of a number too.
const TEXTS: [&str; 6] = ["home", "description", "icon", "condition", "tags", "appVersion"];
/// Lists of texts.
const LISTS: [&str; 2] = ["sources", "keywords"];
/// What else Helm reads.
const OTHERS: [&str; 4] = ["maintainers", "deprecated", "annotations", "dependencies"];

/// Checks a Chart.yaml's mapping.
///
/// # Errors
/// The field that Helm refuses, or that it would read otherwise than it is written.
pub(super) fn check(root: &Node) -> Result<(), Refusal> {
    own_letters(root)?;
    for field in DECISIVE {
        match present(root, field).map(|value| (value, value.scalar_type())) {
            None => {}
            Some((value, Some(ScalarType::String))) if plain(value) => {}
            _ => return refuse(format!("its {field} is not written as a plain text")),
        }
    }
    for field in TEXTS {
        all([present(root, field)], is_scalar, field)?;
    }
    for field in LISTS {
        texts(root, field)?;
    }
    if let Some(annotations) = present(root, "annotations") {
        all([Some(annotations)], is_mapping, "annotations")?;
        all(annotations.pairs().into_iter().map(|(_, value)| Some(value)), is_scalar, "annotations")?;
    }
    truth(root, "deprecated")?;
    for person in mappings(root, "maintainers")? {
        all(["name", "email", "url"].map(|field| present(person, field)), is_scalar, "maintainers")?;
    }
    dependencies(root)
}

/// Checks a requirements.yaml's mapping: Helm reads it over what Chart.yaml says, so it may hold dependencies alone.
///
/// # Errors
/// As [`check`], and any other field of Chart.yaml.
pub(super) fn check_requirements(root: &Node) -> Result<(), Refusal> {
    if root.scalar_type() == Some(ScalarType::Null) {
        return Ok(());
    }
    if !is_mapping(root) {
        return refuse("requirements.yaml is no mapping".to_owned());
    }
    own_letters(root)?;
    let known = DECISIVE.iter().chain(&TEXTS).chain(&LISTS).chain(&OTHERS);
    if let Some(field) = known.filter(|field| **field != "dependencies").find(|field| root.get(field).is_some()) {
        return refuse(format!("requirements.yaml says another {field}"));
    }
    dependencies(root)
}

fn refuse<T>(why: String) -> Result<T, Refusal> {
    Err(Refusal::ChartYaml(why))
}

/// Go's reader takes `Version` and `verſion` for `version`; which one counts is its secret.
fn own_letters(root: &Node) -> Result<(), Refusal> {
    let known = || DECISIVE.iter().chain(&TEXTS).chain(&LISTS).chain(&OTHERS);
    for entry in root.entries() {
        if entry.is_merge() {
            return refuse("it has a merge key".to_owned());
        }
        let Some(key) = entry.key.text() else { return refuse("it has a key that is no text".to_owned()) };
        let folded: String = key.chars().map(fold).collect();
        if let Some(field) = known().find(|field| **field != key && field.eq_ignore_ascii_case(&folded)) {
            return refuse(format!("Helm reads its key {key:?} as {field}"));
        }
    }
    Ok(())
}

/// The letters beyond ASCII that fold to one of it.
fn fold(letter: char) -> char {
    match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other,
    }
}

/// A text of bounded length that is the same after Helm has taken out what is not shown.
fn plain(value: &Node) -> bool {
    let shown = |text: &str| text.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    value.text().is_some_and(|text| text.len() <= super::metadata::LONGEST && shown(text))
}

/// The value of a field; null counts as absent.
fn present<'n>(node: &'n Node, field: &str) -> Option<&'n Node> {
    node.get(field).filter(|value| value.scalar_type() != Some(ScalarType::Null))
}

fn is_scalar(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Scalar { .. })
}

fn is_mapping(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Mapping(_))
}

fn all<'n>(
    values: impl IntoIterator<Item = Option<&'n Node>>,
    fits: fn(&Node) -> bool,
    field: &str,
) -> Result<(), Refusal> {
    if values.into_iter().flatten().all(fits) { Ok(()) } else { refuse(format!("its {field} holds what Helm refuses")) }
}

fn sequence<'n>(node: &'n Node, field: &str) -> Result<&'n [Node], Refusal> {
    match present(node, field) {
        None => Ok(&[]),
        Some(value) if matches!(value.kind, NodeKind::Sequence(_)) => Ok(value.items()),
        Some(_) => refuse(format!("its {field} is no list")),
    }
}

fn texts(node: &Node, field: &str) -> Result<(), Refusal> {
    all(sequence(node, field)?.iter().map(Some), is_scalar, field)
}

fn truth(node: &Node, field: &str) -> Result<(), Refusal> {
    let fits = |value: &Node| matches!(value.scalar_type(), Some(ScalarType::Bool(_)));
    all([present(node, field)], fits, field)
}

/// The items of a list of mappings, of which none may be empty.
fn mappings<'n>(node: &'n Node, field: &str) -> Result<&'n [Node], Refusal> {
    let items = sequence(node, field)?;
    all(items.iter().map(Some), is_mapping, field)?;
    Ok(items)
}

fn dependencies(root: &Node) -> Result<(), Refusal> {
    let mut names = HashSet::new();
    for item in mappings(root, "dependencies")? {
        let fields = ["name", "version", "repository", "condition", "alias"];
        all(fields.map(|field| present(item, field)), is_scalar, "dependencies")?;
        texts(item, "tags")?;
        truth(item, "enabled")?;
        sequence(item, "import-values")?;
        let text = |field: &str| present(item, field).and_then(Node::text).unwrap_or_default();
        let alias = text("alias");
        if !alias.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
            return refuse(format!("the alias {alias:?} of a dependency has letters that Helm refuses"));
        }
        if !names.insert(if alias.is_empty() { text("name") } else { alias }) {
            return refuse(format!(
                "it has two dependencies called {:?}",
                if alias.is_empty() { text("name") } else { alias }
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{check, check_requirements};
    use crate::yaml::Node;

    fn root(text: &str) -> Node {
        crate::yaml::parse(text.as_bytes()).documents.into_iter().next().unwrap().root.unwrap().unwrap()
    }

    #[test]
    fn what_helm_reads_as_it_is_written_is_let_through() {
        for more in [
            "",
            "appVersion: 1.10\ndescription: ~\nicon: true\n",
            "keywords: [web, 1, ~]\nsources: ~\nannotations: {a: 1, b: ~}\n",
            "maintainers: [{name: a, email: 1}]\ndeprecated: yes\nunknown: {a: [b]}\n",
            "dependencies: [{name: a, version: 1}, {name: a, alias: b_1, tags: [c], import-values: [d, {child: e}]}]\n",
        ] {
            let text = format!("apiVersion: v2\nname: web\nversion: 1.2.3\nkubeVersion: ' >=1.25.0-0'\n{more}");
            assert_eq!(check(&root(&text)), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_helm_refuses_or_reads_otherwise_is_refused() {
        for (more, says) in [
            ("version: 1.10", "its version is not written as a plain text"),
            ("name: 12", "its name is not"),
            ("kubeVersion: 1.20", "its kubeVersion is not"),
            ("name: \"we\\u200bb\"", "its name is not"),
            ("type: [application]", "its type is not"),
            ("Version: 9.9.9", "reads its key \"Version\" as version"),
            ("ver\u{17f}ion: 9.9.9", "as version"),
            ("\u{212a}ubeVersion: '>=9'", "as kubeVersion"),
            ("<<: {version: 9.9.9}", "a merge key"),
            ("[a]: b", "a key that is no text"),
            ("home: [a]", "its home holds"),
            ("keywords: web", "its keywords is no list"),
            ("annotations: {a: [b]}", "its annotations holds"),
            ("deprecated: 1", "its deprecated holds"),
            ("maintainers: [~]", "its maintainers holds"),
            ("dependencies: [~]", "its dependencies holds"),
            ("dependencies: [{name: a, enabled: 'no'}]", "its enabled holds"),
            ("dependencies: [{name: a, alias: x y}]", "alias \"x y\""),
            ("dependencies: [{name: a}, {name: b, alias: a}]", "two dependencies called \"a\""),
        ] {
            let refusal = check(&root(&format!("{more}\n"))).unwrap_err().to_string();
            assert!(refusal.contains(says), "{more}: {refusal}");
        }
        let long = format!("name: {}\n", "a".repeat(513));
        assert!(check(&root(&long)).is_err());
    }

    #[test]
    fn requirements_hold_dependencies_alone() {
        let good = ["dependencies: [{name: a}]", "~", "unknown: 1"];
        assert!(good.iter().all(|text| check_requirements(&root(text)).is_ok()));
        for text in ["version: 9.9.9", "Version: 9.9.9", "name: ~", "- a", "text", "dependencies: {}"] {
            assert!(check_requirements(&root(text)).is_err(), "{text}");
        }
    }
}
