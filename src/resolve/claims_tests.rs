//! A source in Git under another URL than the configuration's, whose path is one here: nothing is read as a plain folder.

use super::resolve_tests::tree;
use super::{Resolution, resolve};
use crate::inventory::{self, Context};
use crate::model::Reason;

const APP: &str = "=== app/release.yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: plex, namespace: media}
spec: {chart: {spec: {chart: plex, version: 1.2.3, sourceRef: {kind: HelmRepository, name: charts}}}}
=== app/repository.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: media}
spec: {url: https://charts.example.com/}
";

fn at(url: &str, text: &str) -> Resolution {
    resolve(&inventory::gather(&tree(text), Context { repository_url: Some(url) }))
}

fn bootstrap(url: &str, path: &str) -> String {
    format!(
        "=== clusters/home/flux-system/gotk-sync.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: flux-system, namespace: flux-system}}
spec: {{url: '{url}'}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: flux-system, namespace: flux-system}}
spec: {{path: {path}, sourceRef: {{kind: GitRepository, name: flux-system}}}}
"
    )
}

fn instance(url: &str) -> String {
    format!(
        "=== clusters/home/flux.yaml
apiVersion: fluxcd.controlplane.io/v1
kind: FluxInstance
metadata: {{name: flux, namespace: flux-system}}
spec: {{sync: {{kind: GitRepository, url: '{url}', path: clusters/home}}}}
"
    )
}

#[test]
fn flux_rule_24_a_forges_second_name_for_ssh_is_the_same_repository() {
    let text = format!("{APP}{}", bootstrap("ssh://git@ssh.github.com:443/acme/fleet", "./app"));
    let row = &at("https://github.com/acme/fleet.git", &text).releases[0];
    assert_eq!(row.kustomization.as_ref().map(ToString::to_string).as_deref(), Some("flux-system/flux-system"));
    assert!(row.problem.is_none());
}

#[test]
fn flux_rule_24_a_source_with_another_url_whose_path_exists_here_makes_no_plain_folder_of_the_repository() {
    let (ours, theirs) = ("https://git.example.com/acme/fleet", "http://gitea.forge.svc:3000/acme/fleet.git");
    // The path of the source itself, the directory beside it, and the root that bootstrap may name.
    for text in
        [bootstrap(theirs, "./app"), bootstrap(theirs, "./clusters/home"), bootstrap(theirs, "./"), instance(theirs)]
    {
        let resolution = at(ours, &format!("{APP}{text}"));
        let problem = resolution.releases[0].problem.as_ref().unwrap_or_else(|| panic!("{text}"));
        assert_eq!(problem.reason, Reason::NotBuilt, "{text}");
        assert!(problem.message.contains(ours) && problem.message.contains(theirs), "{}", problem.message);
        assert!(resolution.problems.iter().any(|found| found.problem.reason == Reason::OutOfReach));
        let file = &*resolution.releases[0].file;
        assert!(resolution.doubtful.contains(file), "what is open for it is not closed: {:?}", resolution.doubtful);
    }
}

#[test]
fn flux_rule_24_a_source_with_another_url_and_a_path_that_is_not_here_says_nothing_of_this_repository() {
    let sync = "=== clusters/home/tenant.yaml\n".to_owned()
        + bootstrap("https://github.com/tenant/apps", "./deploy").split_once('\n').unwrap().1;
    assert_eq!(at("https://github.com/acme/fleet", &format!("{APP}{sync}")).releases[0].problem, None);
    // Every repository has a root.
    let sync = sync.replace("./deploy", "./");
    assert_eq!(at("https://github.com/acme/fleet", &format!("{APP}{sync}")).releases[0].problem, None);
}

#[test]
fn flux_rule_24_what_flux_sees_otherwise_of_this_repository_is_a_note() {
    let url = "https://github.com/acme/fleet";
    let notes = |more: &str| {
        let sync = bootstrap(url, "./app").replace(&format!("{{url: '{url}'}}"), &format!("{{url: '{url}', {more}}}"));
        let row = &at(url, &format!("{APP}{sync}")).releases[0];
        assert_eq!((row.kustomization.is_some(), &row.problem), (true, &None), "{more}");
        format!("{:?}", row.notes)
    };
    for branch in ["ignore: /docs", "ref: {branch: main}", "ref: {name: refs/heads/main}", "interval: 1m"] {
        assert_eq!(notes(branch), "[]");
    }
    for (more, told) in [
        ("ref: {branch: main, tag: v1.2.0}", "GitRepository flux-system is at the tag v1.2.0"),
        ("ref: {semver: '>=1.0.0'}", "is at the semver >=1.0.0"),
        ("ref: {tag: v1.2.0, commit: 0123abc}", "is at the commit 0123abc"),
        ("ref: {name: refs/tags/v1}", "is at the name refs/tags/v1"),
        ("ignore: '/${X}'", "the spec.ignore of GitRepository flux-system hangs on substitution"),
    ] {
        let notes = notes(more);
        assert!(notes.contains("AssumedSource") && notes.contains(told), "{more}: {notes}");
    }
}
