//! The sizes that source-controller takes unless it was started with others (internal/helm/helm.go of source-controller
//! 1.9). Which flags a cluster's own has is not known here: what is over them is told, not held back.

use super::{Lookup, RowKind};

/// Largest packaged chart of a HelmRepository, in bytes; raised by `--helm-chart-max-size`. An OCIRepository's artifact
/// and a chart's dependencies have no such limit.
pub const CHART: u64 = 10 << 20;
/// Largest index of a HelmRepository, in bytes; raised by `--helm-index-max-size`.
pub const INDEX: u64 = 50 << 20;

/// Whether source-controller fetches a row's chart through a HelmRepository, and so refuses a large archive.
pub fn chart_is_limited(kind: RowKind, lookup: &Lookup) -> bool {
    let repository = match lookup.question() {
        Lookup::Index { .. } => true,
        // By version it is a HelmRepository's, by tag an OCIRepository's.
        Lookup::Oci { rules, .. } => rules.by_version,
        Lookup::GitTags { .. } | Lookup::Signed { .. } => false,
    };
    repository && matches!(kind, RowKind::HelmRelease | RowKind::HelmChart)
}

/// Whether source-controller reads the index that a row's chart is in.
pub fn index_is_limited(kind: RowKind) -> bool {
    match kind {
        RowKind::HelmRelease | RowKind::HelmChart | RowKind::OciRepository | RowKind::ChartDependency => true,
        // Flux builds with that plugin off (Flux rule 26).
        RowKind::HelmChartInflationGenerator => false,
    }
}

/// A size for a person: one decimal, so that what is just over a limit does not read as the limit.
pub fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10).div_ceil(1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::super::{Lookup, RowKind, TagRules};
    use super::{CHART, chart_is_limited, mebibytes};

    #[test]
    fn a_helm_repositorys_chart_is_limited_of_either_type_and_an_oci_repositorys_is_not() {
        let oci = |leading_v| {
            Lookup::oci("oci://h/x", TagRules { leading_v, by_version: !leading_v, underscore_is_plus: true }, false)
        };
        for (lookup, limited) in [
            (Lookup::index("https://h", "x"), true),
            (oci(false), true),
            (oci(true), false),
            (Lookup::git_tags("https://h/x"), false),
        ] {
            assert_eq!(chart_is_limited(RowKind::HelmRelease, &lookup), limited, "{lookup:?}");
            assert!(!chart_is_limited(RowKind::ChartDependency, &lookup), "{lookup:?}");
        }
    }

    #[test]
    fn one_byte_over_a_limit_does_not_read_as_the_limit() {
        assert_eq!((mebibytes(CHART), mebibytes(CHART + 1)), ("10.0 MiB".to_owned(), "10.1 MiB".to_owned()));
        assert_eq!((mebibytes(0), mebibytes(u64::MAX)), ("0.0 MiB".to_owned(), "1759218604441.6 MiB".to_owned()));
    }
}
