//! Paths inside an archive: made relative to the chart's directory as Helm does, and what a path stands for.

use super::Refusal;

/// What a file is to Helm, by its path below the chart's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    ChartYaml,
    /// Dependencies of a chart of apiVersion v1.
    Requirements,
    Crd,
    /// A packaged sub-chart.
    Archive,
    Other,
}

/// The directory that the entry lies in, and its path below that.
pub(super) fn below(name: &str, longest: usize) -> Result<(&str, String), Refusal> {
    if name.len() > longest {
        return Err(Refusal::PathTooLong(longest));
    }
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Refusal::OddPath(name.to_owned()));
    }
    // Packed on Windows, as Helm reads it: the backslash is the separator.
    let separator = if name.contains('\\') { '\\' } else { '/' };
    let (top, rest) = name.split_once(separator).unwrap_or((name, ""));
    let rest = rest.replace(separator, "/");
    if top.is_empty() || rest.starts_with('/') || has_drive(top) || has_drive(&rest) {
        return Err(Refusal::AbsolutePath(name.to_owned()));
    }
    if top == ".." || top.starts_with("../") || rest.split('/').any(|part| part.starts_with("..")) {
        return Err(Refusal::ParentDirectory(name.to_owned()));
    }
    let parts: Vec<&str> = rest.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.is_empty() {
        return Err(Refusal::OutsideDirectory(name.to_owned()));
    }
    Ok((top, parts.join("/")))
}

/// `C:`, `C:/x`
fn has_drive(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes.get(2), None | Some(b'/'))
}

/// What Helm takes a file for. Directories of sub-charts that begin with `_` or `.` are none.
pub(super) fn role(path: &str) -> Role {
    match path {
        "Chart.yaml" => return Role::ChartYaml,
        "requirements.yaml" => return Role::Requirements,
        _ => {}
    }
    let mut path = path;
    loop {
        if path.starts_with("crds/") {
            return if is_manifest(path) { Role::Crd } else { Role::Other };
        }
        let Some(sub) = path.strip_prefix("charts/").filter(|sub| !sub.starts_with(['_', '.'])) else {
            return Role::Other;
        };
        match sub.split_once('/') {
            Some((_, inner)) => path = inner,
            // In small letters only, as Helm has it.
            None => {
                return if sub.rsplit_once('.').is_some_and(|(_, extension)| extension == "tgz") {
                    Role::Archive
                } else {
                    Role::Other
                };
            }
        }
    }
}

fn is_manifest(path: &str) -> bool {
    let extension = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    extension.is_some_and(|found| ["yaml", "yml", "json"].iter().any(|known| found.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::{Refusal, Role, below, role};

    #[test]
    fn the_first_directory_is_taken_off_whatever_it_is_called() {
        for (name, top, rest) in [
            ("web/Chart.yaml", "web", "Chart.yaml"),
            ("web\\templates\\a.yaml", "web", "templates/a.yaml"),
            ("other/templates/./a//b.yaml", "other", "templates/a/b.yaml"),
            ("./web/Chart.yaml", ".", "web/Chart.yaml"),
        ] {
            assert_eq!(below(name, 100), Ok((top, rest.to_owned())), "{name}");
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for name in ["/etc/passwd", "web//etc/passwd", "C:\\x\\Chart.yaml", "web/C:/x", "\\\\host\\share\\x"] {
            assert!(matches!(below(name, 100), Err(Refusal::AbsolutePath(_))), "{name}: {:?}", below(name, 100));
        }
        for name in ["../x/Chart.yaml", "web/../Chart.yaml", "web/a/../../b", "web\\..\\x", "web/..x"] {
            assert!(matches!(below(name, 100), Err(Refusal::ParentDirectory(_))), "{name}: {:?}", below(name, 100));
        }
        for name in ["Chart.yaml", "web/", "web/.", "web/./"] {
            assert!(matches!(below(name, 100), Err(Refusal::OutsideDirectory(_))), "{name}: {:?}", below(name, 100));
        }
        assert!(matches!(below("web/a\u{7}b", 100), Err(Refusal::OddPath(_))));
        assert_eq!(below(&"x".repeat(101), 100), Err(Refusal::PathTooLong(100)));
    }

    #[test]
    fn flux_rule_20_crds_of_the_chart_and_of_its_sub_charts_are_found_as_helm_does() {
        for (path, expected) in [
            ("Chart.yaml", Role::ChartYaml),
            ("requirements.yaml", Role::Requirements),
            ("crds/a.yaml", Role::Crd),
            ("crds/deep/er/a.YML", Role::Crd),
            ("crds/a.json", Role::Crd),
            ("crds/README.md", Role::Other),
            ("crds/yaml", Role::Other),
            ("templates/crds/a.yaml", Role::Other),
            ("charts/sub/crds/a.yaml", Role::Crd),
            ("charts/sub/charts/deeper/crds/a.yaml", Role::Crd),
            ("charts/sub/Chart.yaml", Role::Other),
            ("charts/sub-1.0.0.tgz", Role::Archive),
            ("charts/sub/charts/deeper-1.0.0.tgz", Role::Archive),
            ("charts/_sub/crds/a.yaml", Role::Other),
            ("charts/.sub/crds/a.yaml", Role::Other),
            ("charts/README.md", Role::Other),
            ("files/charts/sub-1.0.0.tgz", Role::Other),
        ] {
            assert_eq!(role(path), expected, "{path}");
        }
    }
}
