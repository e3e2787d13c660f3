//! Chart.yaml, as Helm reads and validates it.

use super::{Refusal, fields};
use crate::model::{Contents, Dependency, Version};
use crate::yaml::{self, Node, NodeKind, ScalarType};

/// Most dependencies that are kept.
const DEPENDENCIES: usize = 200;
/// Longest text that is kept, in bytes.
pub(super) const LONGEST: usize = 512;

/// What Chart.yaml says; `requirements` is the file that charts of apiVersion v1 list their dependencies in.
pub(super) fn contents(chart_yaml: &[u8], requirements: Option<&[u8]>) -> Result<Contents, Refusal> {
    let root = first_document(chart_yaml)?;
    let root = root.as_ref().filter(|root| matches!(root.kind, NodeKind::Mapping(_)));
    let root = root.ok_or_else(|| Refusal::ChartYaml("it is no mapping".to_owned()))?;
    fields::check(root)?;
    let name = text(root, "name").ok_or_else(|| Refusal::ChartYaml("it has no name".to_owned()))?;
    if name.contains(['/', '\\']) || name == "." || name == ".." {
        return Err(Refusal::ChartYaml(format!("{name:?} is no name of a chart")));
    }
    let version = text(root, "version").ok_or_else(|| Refusal::ChartYaml("it has no version".to_owned()))?;
    if Version::loose(&version).is_none() {
        return Err(Refusal::ChartYaml(format!("{version:?} is not a semantic version")));
    }
    let api_version = text(root, "apiVersion").unwrap_or_else(|| "v1".to_owned());
    let mut dependencies = dependencies(root);
    if let Some(other) = requirements.map(first_document).transpose()?.flatten() {
        fields::check_requirements(&other)?;
        // Charts of apiVersion v2 list theirs in Chart.yaml.
        if api_version == "v1" {
            dependencies.extend(self::dependencies(&other));
        }
    }
    dependencies.sort();
    dependencies.truncate(DEPENDENCIES);
    Ok(Contents {
        name,
        version,
        api_version,
        kind: text(root, "type").unwrap_or_default(),
        kube_version: text(root, "kubeVersion"),
        app_version: text(root, "appVersion"),
        deprecated: root.get("deprecated").and_then(Node::scalar_type) == Some(ScalarType::Bool(true)),
        dependencies,
        crds: Vec::new(),
        size: 0,
    })
}

/// Helm reads the first document only.
fn first_document(bytes: &[u8]) -> Result<Option<Node>, Refusal> {
    let first = yaml::parse(bytes).documents.into_iter().next();
    first.map_or(Ok(None), |document| document.root.map_err(|error| Refusal::ChartYaml(error.to_string())))
}

/// A scalar that says something, of bounded length.
fn text(node: &Node, key: &str) -> Option<String> {
    let value = node.get(key).filter(|value| value.scalar_type() != Some(ScalarType::Null))?;
    let text = value.text()?;
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= LONGEST).last();
    end.map(|end| text[..end].to_owned())
}

fn dependencies(root: &Node) -> Vec<Dependency> {
    let listed = root.get("dependencies").map(Node::items).unwrap_or_default().iter().take(DEPENDENCIES);
    listed
        .filter_map(|item| {
            let name = text(item, "alias").or_else(|| text(item, "name"))?;
            Some(Dependency { name, version: text(item, "version").unwrap_or_default() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Refusal, contents};
    use crate::model::{Contents, Dependency};

    fn read(text: &str) -> Result<Contents, Refusal> {
        contents(text.as_bytes(), None)
    }

    #[test]
    fn every_field_that_counts_is_read_as_text() {
        let text = "apiVersion: v2\nname: web\nversion: 1.2.3+build\nappVersion: 1.10\nkubeVersion: \">=1.25.0-0\"\n\
                    deprecated: yes\ntype: application\ndependencies:\n- {name: redis, version: 1.x, alias: cache}\n\
                    - name: common\n";
        let dependency = |name: &str, version: &str| Dependency { name: name.into(), version: version.into() };
        let expected = Contents {
            name: "web".into(),
            version: "1.2.3+build".into(),
            api_version: "v2".into(),
            kind: "application".into(),
            kube_version: Some(">=1.25.0-0".into()),
            app_version: Some("1.10".into()),
            deprecated: true,
            dependencies: vec![dependency("cache", "1.x"), dependency("common", "")],
            crds: Vec::new(),
            size: 0,
        };
        assert_eq!(read(text), Ok(expected));
    }

    #[test]
    fn requirements_count_for_charts_of_helm_2_only() {
        let with = |api: &str| {
            let chart = format!("{api}name: a\nversion: 1.0.0\n");
            contents(chart.as_bytes(), Some(b"dependencies: [{name: redis, version: 1.0.0}]\n")).unwrap()
        };
        assert_eq!((with("").dependencies.len(), with("").api_version.as_str()), (1, "v1"));
        assert_eq!(with("apiVersion: v2\n").dependencies.len(), 0);
    }

    #[test]
    fn what_helm_does_not_install_is_refused() {
        for (text, says) in [
            ("", "no mapping"),
            ("- a\n", "no mapping"),
            ("name: a\n", "no version"),
            ("name:\nversion: 1.0.0\n", "no name"),
            ("name: ../a\nversion: 1.0.0\n", "no name of a chart"),
            ("name: a\nversion: one\n", "not a semantic version"),
            ("name: {{ x }\n", "line 1"),
            ("name: a\n\tversion: 1\n", "line 1"),
        ] {
            let refusal = read(text).unwrap_err();
            assert!(refusal.to_string().contains(says), "{text:?}: {refusal}");
        }
    }

    #[test]
    fn texts_and_lists_are_bounded() {
        let many = (0..500).map(|n| format!("- name: d{n}\n")).collect::<Vec<_>>().concat();
        let read = read(&format!("name: a\nversion: 1.0.0\nappVersion: {}\ndependencies:\n{many}", "ä".repeat(9000)));
        let read = read.unwrap();
        assert_eq!((read.app_version.unwrap().len(), read.dependencies.len()), (512, 200));
    }
}
