//! What a chart's archive says of itself, and what differs between two of them. Holds texts of strangers: whoever shows
//! them escapes them.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What an opened archive said: Chart.yaml's fields, and the files below `crds/`.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Contents {
    /// `name`
    pub name: String,
    /// `version`, as written.
    pub version: String,
    /// `apiVersion`; `v1` where none is written, as Helm takes it.
    pub api_version: String,
    /// `type`; empty for an application.
    pub kind: String,
    /// `kubeVersion`: the range of Kubernetes versions it can be installed on.
    pub kube_version: Option<String>,
    /// `appVersion`, as written.
    pub app_version: Option<String>,
    /// `deprecated`
    pub deprecated: bool,
    /// `dependencies`, sorted.
    pub dependencies: Vec<Dependency>,
    /// The files that Helm takes for CRDs, those of packaged sub-charts included, sorted by path.
    pub crds: Vec<CrdFile>,
    /// Bytes of the archive as it was fetched; 0 where that is not known.
    pub size: u64,
}

/// A chart that another one names as a part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
pub struct Dependency {
    /// The name it goes by: `alias`, else `name`.
    pub name: String,
    /// Its version or range.
    pub version: String,
}

/// One file below `crds/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct CrdFile {
    /// Path below the chart's directory: `crds/widgets.yaml`, `charts/widgets/crds/widgets.yaml`.
    pub path: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
}

/// Whether a candidate's archive was opened, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Inside {
    /// Nobody looked yet.
    #[default]
    Unopened,
    /// What it said.
    Opened(Arc<Contents>),
    /// It can't be installed as what Git asks for, whoever asks: broken, or another chart than its source says.
    Refused(Box<super::Problem>),
}

impl Inside {
    /// Whether nobody looked yet.
    pub fn is_unopened(&self) -> bool {
        *self == Self::Unopened
    }

    /// Whether it was found unusable.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// What it said, where it was opened.
    pub fn contents(&self) -> Option<&Arc<Contents>> {
        match self {
            Self::Opened(contents) => Some(contents),
            Self::Unopened | Self::Refused(_) => None,
        }
    }
}

/// What a HelmRelease lets an upgrade do to CRDs: `spec.upgrade.crds` (Flux rule 20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub enum CrdUpgrade {
    /// Nothing: also where the field is missing.
    #[default]
    Skip,
    /// New ones are made, those that are there stay as they are.
    Create,
    /// New ones are made, those that are there replaced.
    CreateReplace,
}

impl CrdUpgrade {
    /// From the field's text; what is no such word is refused by Flux, and means nothing here.
    pub fn parse(text: &str) -> Self {
        match text {
            "Create" => Self::Create,
            "CreateReplace" => Self::CreateReplace,
            _ => Self::Skip,
        }
    }

    /// Whether a change of a CRD reaches the cluster.
    pub fn applies(self, change: Change) -> bool {
        match self {
            Self::Skip => false,
            Self::Create => change == Change::Added,
            // Flux deletes no CRD; that one is gone from the chart changes nothing by itself.
            Self::CreateReplace => true,
        }
    }
}

/// How something differs between two versions of a chart.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Only the newer one has it.
    Added,
    /// Both have it, with other content.
    Changed,
    /// Only the older one has it.
    Removed,
}

impl Change {
    /// The word in output.
    pub fn code(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// A dependency that differs: its name, its version before and after.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct DependencyChange {
    /// The name it goes by.
    pub name: String,
    /// The version or range before; nothing for a new one.
    pub from: Option<String>,
    /// The version or range now; nothing for one that is gone.
    pub to: Option<String>,
}

impl Contents {
    /// The CRD files that differ from an older version's, sorted by path.
    pub fn crd_changes(&self, before: &Self) -> Vec<(Change, String)> {
        let files = |contents: &Self| -> BTreeMap<String, String> {
            contents.crds.iter().map(|crd| (crd.path.clone(), crd.digest.clone())).collect()
        };
        let changed = differing(&files(before), &files(self));
        changed.into_iter().map(|(path, from, to)| (kind_of(from.is_some(), to.is_some()), path)).collect()
    }

    /// The dependencies that differ from an older version's, sorted by name.
    pub fn dependency_changes(&self, before: &Self) -> Vec<DependencyChange> {
        let versions = |contents: &Self| {
            let mut all: BTreeMap<String, String> = BTreeMap::new();
            for Dependency { name, version } in &contents.dependencies {
                // One name twice is one chart under two conditions.
                let known = all.entry(name.clone()).or_default();
                *known = if known.is_empty() { version.clone() } else { format!("{known}, {version}") };
            }
            all
        };
        let changed = differing(&versions(before), &versions(self));
        changed.into_iter().map(|(name, from, to)| DependencyChange { name, from, to }).collect()
    }
}

fn kind_of(before: bool, now: bool) -> Change {
    match (before, now) {
        (false, _) => Change::Added,
        (true, true) => Change::Changed,
        (true, false) => Change::Removed,
    }
}

/// Key, value before, value now: of what is not the same in both.
fn differing(
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
) -> Vec<(String, Option<String>, Option<String>)> {
    let keys: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    keys.into_iter()
        .filter(|key| before.get(*key) != now.get(*key))
        .map(|key| (key.clone(), before.get(key).cloned(), now.get(key).cloned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Change, Contents, CrdFile, CrdUpgrade, Dependency, DependencyChange};

    fn contents(crds: &[(&str, &str)], dependencies: &[(&str, &str)]) -> Contents {
        let crd = |(path, digest): &(&str, &str)| CrdFile { path: (*path).into(), digest: (*digest).into() };
        let dependency =
            |(name, version): &(&str, &str)| Dependency { name: (*name).into(), version: (*version).into() };
        Contents {
            crds: crds.iter().map(crd).collect(),
            dependencies: dependencies.iter().map(dependency).collect(),
            ..Contents::default()
        }
    }

    #[test]
    fn flux_rule_20_files_that_are_new_other_or_gone_are_told_apart() {
        let before = contents(&[("crds/a.yaml", "1"), ("crds/b.yaml", "1"), ("crds/c.yaml", "1")], &[]);
        let now = contents(&[("crds/a.yaml", "1"), ("crds/b.yaml", "2"), ("crds/d.yaml", "1")], &[]);
        let changes = now.crd_changes(&before);
        let expected =
            [(Change::Changed, "crds/b.yaml"), (Change::Removed, "crds/c.yaml"), (Change::Added, "crds/d.yaml")];
        assert_eq!(changes, expected.map(|(change, path)| (change, path.to_owned())));
        assert!(now.crd_changes(&now).is_empty());
    }

    #[test]
    fn flux_rule_20_skip_applies_nothing_create_only_what_is_new() {
        let all = [Change::Added, Change::Changed, Change::Removed];
        for (text, applied) in [
            ("Skip", [false; 3]),
            ("", [false; 3]),
            ("${CRDS}", [false; 3]),
            ("Create", [true, false, false]),
            ("CreateReplace", [true; 3]),
        ] {
            assert_eq!(all.map(|change| CrdUpgrade::parse(text).applies(change)), applied, "{text}");
        }
    }

    #[test]
    fn dependencies_are_compared_by_the_name_they_go_by() {
        let before = contents(&[], &[("a", "1.0.0"), ("b", "1.x"), ("b", "2.x"), ("c", "3")]);
        let now = contents(&[], &[("a", "1.1.0"), ("b", "1.x"), ("b", "2.x"), ("d", "4")]);
        let change = |name: &str, from: Option<&str>, to: Option<&str>| DependencyChange {
            name: name.into(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        let expected =
            [change("a", Some("1.0.0"), Some("1.1.0")), change("c", Some("3"), None), change("d", None, Some("4"))];
        assert_eq!(now.dependency_changes(&before), expected);
    }
}
