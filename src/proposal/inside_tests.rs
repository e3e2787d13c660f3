use crate::model::{Candidate, Contents, CrdFile, CrdUpgrade, Dependency, Inside, Note, Release, Update, Version};
use crate::proposal::render::tests::{candidate, release, site, update};
use crate::proposal::{Context, Style, render};
use std::sync::Arc;

fn opened(text: &str, crds: &[(&str, &str)], dependencies: &[(&str, &str)]) -> Candidate {
    let crd = |(path, digest): &(&str, &str)| CrdFile { path: (*path).into(), digest: (*digest).into() };
    let dependency = |(name, version): &(&str, &str)| Dependency { name: (*name).into(), version: (*version).into() };
    let contents = Contents {
        name: "app-template".into(),
        version: text.into(),
        crds: crds.iter().map(crd).collect(),
        dependencies: dependencies.iter().map(dependency).collect(),
        ..Contents::default()
    };
    Candidate { inside: Inside::Opened(Arc::new(contents)), ..candidate(text, "1") }
}

struct Stage {
    update: Update,
    releases: Vec<Release>,
    in_use: Vec<Candidate>,
    kube_version: Option<Version>,
}

impl Stage {
    fn new(before: Candidate, target: Candidate, crds: &[CrdUpgrade]) -> Self {
        let place = site("a.yaml", 9);
        let with =
            |(number, crds): (usize, &CrdUpgrade)| Release { crds: *crds, ..release(&format!("r{number}"), &place) };
        let releases: Vec<Release> = crds.iter().enumerate().map(with).collect();
        let update = Update { target, ..update(vec![place.clone()], releases.len()) };
        Self { update, releases, in_use: vec![before], kube_version: None }
    }

    fn body(&self) -> String {
        let context = Context {
            releases: &self.releases.iter().collect::<Vec<_>>(),
            in_use: &self.in_use,
            web: None,
            kube_version: self.kube_version.as_ref(),
            witnesses: &[],
            unchecked: &[],
        };
        let text = render(&self.update, &context, &Style::default());
        assert_eq!(text.template_problem, None);
        text.body
    }
}

#[test]
fn flux_rule_20_crds_that_the_upgrade_leaves_are_listed() {
    let before = opened("4.4.0", &[("crds/a.yaml", "1"), ("crds/b.yaml", "1"), ("crds/gone.yaml", "1")], &[]);
    let target = opened("5.1.0", &[("crds/a.yaml", "1"), ("crds/b.yaml", "2"), ("crds/new.yaml", "1")], &[]);
    let all = ["> - changed: `crds/b.yaml`", "> - removed: `crds/gone.yaml`", "> - added: `crds/new.yaml`"];
    let stage = |crds: &[CrdUpgrade]| Stage::new(before.clone(), target.clone(), crds).body();
    let skip = stage(&[CrdUpgrade::Skip, CrdUpgrade::CreateReplace]);
    assert!(
        skip.contains("`spec.upgrade.crds` is not `CreateReplace` in media/r0."),
        "the one that leaves them: {skip}"
    );
    assert!(all.iter().all(|line| skip.contains(line)), "{skip}");
    let create = stage(&[CrdUpgrade::Create]);
    assert!(create.contains(all[0]) && !create.contains(all[2]), "new ones are made: {create}");
    assert!(!stage(&[CrdUpgrade::CreateReplace]).contains("crds/"));
    let same = Stage::new(before.clone(), Candidate { text: "5.1.0".into(), ..before }, &[CrdUpgrade::Skip]).body();
    assert!(!same.contains("CRDs differ"), "{same}");
}

#[test]
fn many_crds_are_cut_and_their_texts_are_escaped() {
    let names: Vec<String> = (0..40).map(|n| format!("crds/{n:02}-@team-`x`|<!--.yaml")).collect();
    let crds: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let body = Stage::new(
        opened("4.4.0", &[], &[("a|b", "1")]),
        opened("5.1.0", &crds, &[("<b>@me", "2")]),
        &[CrdUpgrade::Skip],
    )
    .body();
    assert!(body.contains("> - and 10 more"), "{body}");
    assert_eq!(body.matches("> - added:").count(), 30);
    assert!(!body.contains("<!--.yaml") && !body.contains("<b>") && !body.contains("| a|b |"), "{body}");
}

#[test]
fn dependencies_that_change_are_a_table() {
    let before = opened("4.4.0", &[], &[("common", "1.0.0"), ("old", "2.0.0")]);
    let body =
        Stage::new(before, opened("5.1.0", &[], &[("common", "1.1.0"), ("fresh", "3.x")]), &[CrdUpgrade::Skip]).body();
    for line in ["| common | `1.0.0` | `1.1.0` |", "| fresh |  | `3.x` |", "| old | `2.0.0` |  |"] {
        assert!(body.contains(line), "{line}: {body}");
    }
}

#[test]
fn flux_rule_07_an_unknown_cluster_is_said_where_the_chart_has_a_kube_version() {
    let needs = |wanted: Option<&str>| {
        let contents = Contents { kube_version: wanted.map(str::to_owned), ..Contents::default() };
        Candidate { inside: Inside::Opened(Arc::new(contents)), ..candidate("5.1.0", "1") }
    };
    let mut stage = Stage::new(opened("4.4.0", &[], &[]), needs(Some(">=1.25.0-0")), &[CrdUpgrade::Skip]);
    let body = stage.body();
    assert!(body.contains("| Kubernetes | needs `>=1.25.0-0` |"), "{body}");
    assert!(body.contains("cluster.kubeVersion is not set"), "{body}");
    stage.kube_version = Version::strict("v1.31.2+k3s1");
    let body = stage.body();
    assert!(body.contains("needs `>=1.25.0-0`; the cluster has `v1.31.2+k3s1`"), "{body}");
    assert!(!body.contains("kubeVersion"), "{body}");
    let silent = Stage::new(opened("4.4.0", &[], &[]), needs(None), &[CrdUpgrade::Skip]).body();
    assert!(!silent.contains("ubernetes"), "{silent}");
}

#[test]
fn what_could_not_be_opened_is_said() {
    let mut stage =
        Stage::new(candidate("4.4.0", "1"), opened("5.1.0", &[("crds/a.yaml", "1")], &[]), &[CrdUpgrade::Skip]);
    stage.in_use[0].inside = Inside::Unopened;
    let body = stage.body();
    assert!(body.contains("the archive of 4.4.0 could not be opened") && !body.contains("CRDs differ"), "{body}");
}

#[test]
fn flux_rule_15_a_signature_that_was_not_checked_stands_on_the_pull_request() {
    let mut stage = Stage::new(opened("4.4.0", &[], &[]), opened("5.1.0", &[], &[]), &[CrdUpgrade::Skip]);
    assert!(!stage.body().contains("signature"));
    stage.releases[0].notes = vec![Note::SignatureUnchecked("a.yaml asks Flux to verify signatures".into())];
    let body = stage.body();
    let (_, unchecked) = body.split_once("### Not checked").unwrap();
    assert!(unchecked.contains("Flux refuses a version that is not signed. a.yaml asks Flux"), "{body}");
}

#[test]
fn an_archive_over_flux_s_limit_is_said_and_what_the_one_in_use_proves() {
    let sized = |text: &str, size: u64| {
        let contents = Contents { version: text.to_owned(), size, ..Contents::default() };
        Candidate { inside: Inside::Opened(Arc::new(contents)), ..candidate(text, "1") }
    };
    let body = |before: u64| {
        let mut stage = Stage::new(sized("4.4.0", before), sized("5.1.0", 12 << 20), &[CrdUpgrade::Skip]);
        stage.releases[0].notes = vec![Note::LargeArchive("the archive of 5.1.0 has 12.0 MiB".to_owned())];
        stage.body()
    };
    assert!(body(11 << 20).contains("4.4.0 in use is over it too (11.0 MiB)"), "{}", body(11 << 20));
    assert!(body(10 << 20).contains("5.1.0 has 12.0 MiB") && !body(10 << 20).contains("over it too"));
}
