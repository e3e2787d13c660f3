use super::*;
use crate::model::{Contents, CrdUpgrade, Inside, Lookup, Reason, RowKind, TagRules, Version};
use std::collections::HashMap;

fn candidate(text: &str, size: u64) -> Candidate {
    Candidate {
        text: text.to_owned(),
        version: Version::strict(text).unwrap(),
        created: None,
        deprecated: false,
        app_version: None,
        digest: None,
        detailed: true,
        inside: Inside::Opened(Contents { size, ..Contents::default() }.into()),
    }
}

fn release() -> Release {
    Release {
        kind: RowKind::HelmRelease,
        cluster: None,
        kustomization: None,
        namespace: "media".to_owned(),
        name: "web".to_owned(),
        file: "web.yaml".into(),
        line: 1,
        chart: Some("web".to_owned()),
        source: None,
        site: None,
        current: Some("1.0.0".to_owned()),
        chart_kind: None,
        lookup: None,
        annotations: Arc::default(),
        notes: Vec::new(),
        digest_site: None,
        digest_stays: false,
        frame: None,
        chain: Vec::new(),
        problem: None,
        credentials: None,
        crds: CrdUpgrade::Skip,
    }
}

/// What is noted of a release whose target's archive, and whose index, are so large.
fn notes(kind: RowKind, lookup: &Lookup, archive: u64, index: Option<u64>) -> Vec<Note> {
    let release = Release { kind, lookup: Some(Arc::new(lookup.clone())), ..release() };
    let target = candidate("2.0.0", archive);
    let candidates = Candidates { versions: vec![target.clone()], large_index: index, ..Candidates::default() };
    let offers = HashMap::from([(Arc::new(lookup.clone()), Ok(Arc::new(candidates)))]);
    let decision = Decision {
        latest: None,
        target: Some(target),
        within_major: None,
        reason: Reason::NewerVersion,
        message: String::new(),
        dropped: Vec::new(),
        dropped_more: 0,
    };
    noted(&Arc::new(release), Some(&decision), &offers).notes.clone()
}

#[test]
fn a_target_over_the_limit_of_source_controller_is_noted_and_one_at_it_is_not() {
    let index = Lookup::index("https://example.com", "web");
    assert_eq!(notes(RowKind::HelmRelease, &index, flux_limits::CHART, None), Vec::new());
    let over = notes(RowKind::HelmRelease, &index, flux_limits::CHART + 1, None);
    let [Note::LargeArchive(text)] = &over[..] else { panic!("{over:?}") };
    assert!(text.contains("2.0.0 has 10.1 MiB") && text.contains("more than 10.0 MiB"), "{text}");
    let oci = |leading_v| {
        Lookup::oci("oci://h/web", TagRules { leading_v, by_version: !leading_v, underscore_is_plus: true }, false)
    };
    assert_eq!(notes(RowKind::HelmRelease, &oci(false), 20 << 20, None).len(), 1, "a HelmRepository of type oci");
    assert_eq!(notes(RowKind::HelmRelease, &oci(true), 20 << 20, None), Vec::new(), "an OCIRepository has no limit");
    assert_eq!(notes(RowKind::ChartDependency, &index, 20 << 20, None), Vec::new(), "nor has a dependency");
}

#[test]
fn an_index_over_the_limit_is_noted_wherever_source_controller_reads_it() {
    let index = Lookup::index("https://example.com", "web");
    for (kind, count) in
        [(RowKind::HelmRelease, 1), (RowKind::ChartDependency, 1), (RowKind::HelmChartInflationGenerator, 0)]
    {
        let all = notes(kind, &index, 0, Some(61));
        assert_eq!(all.len(), count, "{kind:?}");
        let says = |note: &Note| matches!(note, Note::LargeIndex(text) if text.contains("61 MiB"));
        assert!(all.iter().all(says), "{all:?}");
    }
}
