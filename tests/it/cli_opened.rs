//! A chart is opened before it is proposed: what `scan`, `explain` and `apply` say and ask for.

use crate::person::{Person, helm_repository, oci_repository, release, release_from, release_of_oci};
use davit::demo::chart::{Chart, chart};
use davit::demo::charts::ChartServer;
use davit::demo::fault::{Fault, Kind, Moment};
use davit::demo::serve::Reply;

fn archives(person: &Person) -> usize {
    person.charts.server.traffic.count("GET", "\\.tgz$")
}

fn with(charts: Vec<Chart>) -> Person {
    let person = Person::with_one_release();
    for chart in charts {
        person.charts.add(chart);
    }
    person
}

#[test]
fn flux_rule_07_a_scan_opens_what_it_proposes_and_nothing_else_and_never_twice() {
    let person = Person::with_one_release();
    for number in 0..158 {
        let name = format!("idle{number}");
        person.charts.add(chart(&name, "1.0.0"));
        person.write(&format!("repo/{name}.yaml"), release("apps", &name, &name, "1.0.0", ""));
    }
    person.charts.add(chart("api", "1.0.0"));
    person.charts.add(chart("api", "1.1.0"));
    for copy in ["a", "b"] {
        person.write(&format!("repo/api-{copy}.yaml"), release("apps", &format!("api-{copy}"), "api", "1.0.0", ""));
    }
    let said = person.scan();
    assert_eq!(said.row("apps/api-a")["target"], "1.1.0");
    assert_eq!(said.row("media/web")["target"], "7.0.0");
    assert_eq!(archives(&person), 2, "two charts of 160 are outdated");
    person.scan();
    assert_eq!(archives(&person), 2, "known by their digests");
}

#[test]
fn flux_rule_07_a_chart_that_is_another_than_its_index_says_gives_way_to_the_next_lower() {
    let person = with(vec![chart("podinfo", "8.0.0").inner("8.0.1"), chart("podinfo", "9.0.0").called("other")]);
    let row = person.scan().row("media/web");
    assert_eq!((&row["target"], &row["status"]), (&"7.0.0".into(), &"outdated".into()), "{row:#}");
    let explained = person.davit(&["explain", "web", "repo", "--format", "json"]).expect(0).json();
    let dropped = explained["releases"][0]["dropped"].as_array().unwrap().clone();
    let reasons: Vec<_> = dropped.iter().map(|one| (one["version"].as_str(), one["reason"].as_str())).collect();
    assert!(reasons.contains(&(Some("9.0.0"), Some("chart-differs"))), "{dropped:#?}");
    assert!(reasons.contains(&(Some("8.0.0"), Some("chart-differs"))), "{dropped:#?}");
}

#[test]
fn flux_rule_07_a_kube_version_that_the_cluster_does_not_meet_holds_the_chart_back() {
    let person = with(vec![chart("podinfo", "8.0.0").kube(">=1.32.0-0")]);
    assert_eq!(person.scan().row("media/web")["target"], "8.0.0", "an unknown cluster holds nothing back");
    person.write("davit.yaml", "cluster: {kubeVersion: v1.31.2+k3s1}\n");
    let row = person.scan().row("media/web");
    assert_eq!(row["target"], "7.0.0", "{row:#}");
    assert!(row["message"].as_str().unwrap().contains(">=1.32.0-0, and the cluster has v1.31.2+k3s1"), "{row:#}");
    person.write("repo/web.yaml", release("media", "web", "podinfo", "7.0.0", ""));
    let row = person.scan().row("media/web");
    assert_eq!((&row["status"], &row["reason"]), (&"skipped".into(), &"held-by-kube-version".into()), "{row:#}");
}

#[test]
fn flux_rule_07_a_cluster_that_never_answered_keeps_a_chart_with_a_kube_version_waiting() {
    let person = with(vec![chart("podinfo", "8.0.0").kube(">=1.32.0-0"), chart("api", "1.0.0"), chart("api", "1.1.0")]);
    person.write("repo/api.yaml", release("apps", "api", "api", "1.0.0", ""));
    person.write(
        "kubeconfig",
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n\
         contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: t}}]\n",
    );
    let access = format!("access: kubeconfig, kubeconfigFile: '{}'", person.dir().join("kubeconfig").display());
    person.write("davit.yaml", format!("cluster: {{{access}}}\n"));
    let said = person.scan();
    let row = said.row("media/web");
    assert_eq!((&row["status"], &row["reason"]), (&"failed".into(), &"kube-version-unknown".into()), "{row:#}");
    assert!(row["message"].as_str().unwrap().contains("8.0.0 needs Kubernetes >=1.32.0-0"), "{row:#}");
    assert_eq!(said.row("apps/api")["target"], "1.1.0", "a chart that asks for nothing waits for nobody");
    person.write("davit.yaml", format!("cluster: {{{access}, kubeVersion: v1.33.0}}\n"));
    assert_eq!(person.scan().row("media/web")["target"], "8.0.0");
}

#[test]
fn flux_rule_07_what_can_t_be_opened_is_never_proposed_and_costs_nobody_else() {
    let person = Person::with_one_release();
    let broken = ChartServer::start(vec![chart("podinfo", "6.4.0"), chart("podinfo", "7.0.0")]).unwrap();
    broken.put("/charts/podinfo-7.0.0.tgz", "text/html", "<html>Sign in</html>");
    person.write("repo/broken.yaml", helm_repository("broken", &broken.url(), ""));
    person.write("repo/x.yaml", release_from("broken", "media", "x", "podinfo", "6.4.0", ""));
    let said = person.scan();
    let row = said.row("media/x");
    assert_eq!((&row["status"], &row["reason"]), (&"failed".into(), &"chart-invalid".into()), "{row:#}");
    let message = row["message"].as_str().unwrap();
    assert!(message.contains("podinfo 7.0.0") && message.contains("SHA-256"), "{message}");
    assert_eq!(said.row("media/web")["status"], "outdated");
    assert_eq!(person.davit(&["apply", "repo", "--only", "x"]).expect(0).out, "");
}

#[test]
fn flux_rule_20_explain_tells_what_changes_inside() {
    let person = Person::new();
    person.source();
    let base = chart("api", "1.0.0").app("1").needs("common", "1.0.0").file("crds/a.yaml", "one");
    let next = chart("api", "2.0.0").app("2").needs("common", "2.0.0").file("crds/a.yaml", "two").kube(">=1.25.0-0");
    person.charts.add(base);
    person.charts.add(next);
    person.write("repo/api.yaml", release("media", "api", "api", "1.0.0", ""));
    let text = person.davit(&["explain", "api", "repo"]).expect(0).out;
    for words in [
        "app version 1 → 2",
        "needs Kubernetes >=1.25.0-0; not checked: cluster.kubeVersion is not set",
        "dependency common 1.0.0 → 2.0.0",
        "crds/a.yaml changed; the upgrade leaves the cluster's as they are (spec.upgrade.crds)",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let with_crds = person.read("repo/api.yaml") + "  upgrade: {crds: CreateReplace}\n";
    person.write("repo/api.yaml", with_crds);
    let json = person.davit(&["explain", "api", "repo", "--format", "json"]).expect(0).json();
    let inside = &json["releases"][0]["inside"];
    assert_eq!(inside["crds"][0]["change"], "changed", "{json:#}");
    assert_eq!(inside["crds"][0]["applied"], true, "{json:#}");
    assert_eq!((&inside["appVersionFrom"], &inside["appVersionTo"]), (&"1".into(), &"2".into()));
}

#[test]
fn flux_rule_07_a_version_that_a_person_names_is_opened_too() {
    let person = with(vec![
        chart("podinfo", "8.0.0").inner("8.0.1"),
        chart("podinfo", "6.6.0").kube(">=1.32.0-0"),
        chart("podinfo", "6.7.0").of_type("library"),
    ]);
    person.write("davit.yaml", "cluster: {kubeVersion: 1.31.2}\n");
    let before = person.read("repo/web.yaml");
    for (version, says) in [("8.0.0", "which Flux refuses"), ("6.7.0", "does not install")] {
        let said = person.davit(&["apply", "repo", "--only", "web", "--to", version]).expect(1);
        assert!(said.err.contains(says), "{said:?}");
        assert_eq!(person.read("repo/web.yaml"), before);
    }
    let said = person.davit(&["apply", "repo", "--only", "web", "--to", "6.6.0"]).expect(0);
    assert!(said.err.contains(">=1.32.0-0, and the cluster has 1.31.2"), "a person may know better: {said:?}");
    assert_eq!(person.read("repo/web.yaml"), before.replace("6.4.0", "6.6.0"));
}

#[test]
fn flux_rule_07_a_tag_of_an_oci_repository_is_opened_by_its_layer() {
    let person = Person::new();
    person.registry.add("charts/tool", chart("tool", "1.0.0"));
    person.registry.add("charts/tool", chart("tool", "1.1.0").kube(">=1.32.0-0"));
    person.registry.add("charts/tool", chart("tool", "1.2.0").of_type("library"));
    person.write("davit.yaml", "cluster: {kubeVersion: 1.31.2}\n");
    person.write(
        "repo/tool.yaml",
        oci_repository("tool", "flux-system", &format!("{}/charts/tool", person.registry.url()), "1.0.0"),
    );
    person.write("repo/r.yaml", release_of_oci("tool", "media", "tool", ""));
    let row = person.scan().row("media/tool");
    assert_eq!((&row["target"], &row["reason"]), (&"1.0.0".into(), &"chart-invalid".into()), "{row:#}");
    let explained = person.davit(&["explain", "tool", "repo"]).expect(0).out;
    assert!(explained.contains("1.1.0: held-by-kube-version"), "{explained}");
}

#[test]
fn too_many_unusable_versions_hold_the_releases_that_want_them_and_nobody_else() {
    let person = Person::new();
    let tool = |version: &str| chart("tool", version);
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        person.registry.add("charts/tool", tool(version));
    }
    for number in 0..40 {
        person.registry.add("charts/tool", tool(&format!("3.{number}.0")).kube(">=1.40.0-0"));
    }
    person.write("davit.yaml", "cluster: {kubeVersion: 1.31.2}\n");
    let url = format!("{}/charts/tool", person.registry.url());
    for name in ["all", "some"] {
        person.write(&format!("repo/{name}-source.yaml"), oci_repository(name, "flux-system", &url, "1.0.0"));
    }
    person.write("repo/all.yaml", release_of_oci("all", "media", "all", ""));
    person.write("repo/some.yaml", release_of_oci("some", "media", "some", "davit.dev/bump: minor"));
    let said = person.scan();
    let row = said.row("media/all");
    assert_eq!((&row["target"], &row["reason"]), (&"1.0.0".into(), &"held-by-kube-version".into()), "{row:#}");
    let message = row["message"].as_str().unwrap();
    assert!(message.starts_with("3.39.0 needs Kubernetes >=1.40.0-0"), "the first refusal: {message}");
    assert!(message.contains("3.7.0, and what is older, was not looked at"), "{message}");
    assert_eq!(said.row("media/some")["target"], "1.1.0", "{said:?}");
    let manifests = |number: u32| person.registry.server.traffic.count("GET", &format!("manifests/3.{number}.0$"));
    assert_eq!((manifests(8), manifests(7)), (1, 0), "the bound stays");
    let explained = person.davit(&["explain", "all", "repo", "--format", "json"]).expect(0).json();
    assert_eq!(explained["releases"][0]["dropped"].as_array().unwrap().len(), 32, "{explained:#}");
}

#[test]
fn tags_that_are_no_charts_by_the_dozen_are_named_by_the_first_of_them() {
    let person = Person::new();
    person.registry.add("charts/tool", chart("tool", "1.0.0"));
    for number in 0..70 {
        person.registry.add_tag("charts/tool", &format!("9.{number}.0"));
    }
    let image = r#"{"config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:0"}}"#;
    let image = Kind::Answer(Reply::new(200, "application/vnd.oci.image.manifest.v1+json", image));
    person.registry.server.fail(Fault::new("GET", "manifests/9", Moment::Before, image).times(100));
    let url = format!("{}/charts/tool", person.registry.url());
    person.write("repo/tool.yaml", oci_repository("tool", "flux-system", &url, "1.0.0"));
    person.write("repo/r.yaml", release_of_oci("tool", "media", "tool", ""));
    let row = person.scan().row("media/tool");
    assert_eq!((&row["target"], &row["status"]), (&"1.0.0".into(), &"failed".into()), "{row:#}");
    let message = row["message"].as_str().unwrap();
    assert!(message.contains("9.69.0: no Helm chart") && message.contains("9.5.0, and what is older"), "{message}");
}

#[test]
fn an_archive_that_flux_refuses_by_default_is_proposed_and_said_and_held_back_by_maxchartsize() {
    let person = Person::with_one_release();
    let mut archive = chart("podinfo", "8.0.0").archive();
    archive.resize(11 << 20, 0);
    let index = "apiVersion: v1\nentries:\n  podinfo:\n  - name: podinfo\n    urls:\n    - big.tgz\n    version: 8.0.0\n  - name: podinfo\n    urls:\n    - \
                 charts/podinfo-6.5.0.tgz\n    version: 6.5.0\n  - name: podinfo\n    urls:\n    - charts/podinfo-6.4.0.tgz\n    version: 6.4.0\n";
    person.charts.put("/index.yaml", "text/yaml", index);
    person.charts.put("/big.tgz", "application/gzip", archive);
    let row = person.scan().row("media/web");
    assert_eq!((&row["target"], &row["notes"][0]["kind"]), (&"8.0.0".into(), &"large-archive".into()), "{row:#}");
    let explained = person.davit(&["explain", "web", "repo"]).expect(0).out;
    assert!(explained.contains("the archive of 8.0.0 has 11.0 MiB: source-controller refuses"), "{explained}");
    assert!(explained.contains("archive 0.1 MiB → 11.0 MiB"), "{explained}");
    person.write("davit.yaml", "registries: {maxChartSize: 10MiB}\n");
    let row = person.scan().row("media/web");
    assert_eq!((&row["target"], &row["notes"]), (&"6.5.0".into(), &serde_json::json!([])), "{row:#}");
    assert!(row["message"].as_str().unwrap().contains("raise registries.maxChartSize"), "{row:#}");
}
