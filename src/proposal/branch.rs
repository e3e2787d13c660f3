//! Names of branches: deterministic, so that a pull request is found again, and safe whatever a chart is called.

use crate::model::Lookup;
use sha2::{Digest, Sha256};

/// Longest part of a name that comes from outside.
const PART: usize = 60;

/// `davit/<chart>-<first 6 of sha256(canonical URL)>-`: what every branch of one chart starts with.
pub fn branch_stem(prefix: &str, lookup: &Lookup) -> String {
    let hash = hex::encode(Sha256::digest(lookup.canonical().as_bytes()));
    let chart = safe_part(lookup.chart());
    format!("{prefix}{}-{}-", if chart.is_empty() { "chart" } else { &chart }, &hash[..6])
}

/// The stem, the series (`5` or `5.1`), `.x`, and the group where there is one.
pub fn branch_name(prefix: &str, lookup: &Lookup, series: &str, group: &str) -> String {
    let stem = branch_stem(prefix, lookup);
    let group = safe_part(group);
    if group.is_empty() { format!("{stem}{series}.x") } else { format!("{stem}{series}.x-{group}") }
}

/// Letters, digits, `.`, `_` and `-` stay; all else becomes `-`; no `..`, no `.lock`, no dot or dash at an end
/// (git-check-ref-format).
fn safe_part(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(PART) {
        let c = if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
        if !(matches!(c, '.' | '-') && out.ends_with(['.', '-'])) {
            out.push(c);
        }
    }
    let out = out.trim_matches(['.', '-']);
    out.strip_suffix(".lock").unwrap_or(out).trim_matches(['.', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::{branch_name, branch_stem};
    use crate::model::Lookup;

    fn index(chart: &str) -> Lookup {
        Lookup::Index { url: "https://charts.example.com".into(), chart: chart.into() }
    }

    #[test]
    fn a_branch_is_the_chart_six_of_the_hash_and_the_series() {
        // printf 'https://charts.example.com#grafana' | sha256sum
        let name = branch_name("davit/", &index("grafana"), "9", "");
        assert!(name.starts_with("davit/grafana-") && name.ends_with("-9.x"), "{name}");
        assert_eq!(name.len(), "davit/grafana-123456-9.x".len());
        assert!(name.starts_with(&branch_stem("davit/", &index("grafana"))));
    }

    #[test]
    fn a_group_is_appended() {
        assert!(branch_name("davit/", &index("grafana"), "9.1", "Team A").ends_with("-9.1.x-Team-A"));
    }

    #[test]
    fn a_hostile_name_does_not_escape_the_branch() {
        for chart in ["../../main", "a..b", "x.lock", "a b\n~^:?*[\\", "-x", ".hidden", "", "é", "@{1}"] {
            let name = branch_name("davit/", &index(chart), "1", chart);
            let rest = name.strip_prefix("davit/").unwrap();
            assert!(!rest.contains('/') && !rest.contains("..") && !rest.contains("@{"), "{name}");
            assert!(rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)), "{name}");
            assert!(
                !rest.starts_with(['.', '-']) && !rest.ends_with('.') && rest.strip_suffix(".lock").is_none(),
                "{name}"
            );
        }
    }
}
