//! Versions in other places than a HelmRelease: each is found, said and raised, and nothing else changes.

use crate::person::{Person, release};
use serde_json::json;

#[test]
fn chart_dependencies_variables_inputs_and_inflated_charts_are_raised_byte_for_byte() {
    let person = Person::new();
    let url = person.charts.url();
    person.source();
    let files = [
        (
            "charts/app/Chart.yaml",
            format!(
                "apiVersion: v2\r\nname: app\r\nversion: 6.4.0\r\ndependencies:\r\n- name: podinfo # ours\r\n  version: \
                 '6.4.0'\r\n  repository: {url}/"
            ),
        ),
        (
            "other/kustomization.yaml",
            format!("helmCharts:\n- {{name: podinfo, repo: \"{url}\", version: 6.4.0, releaseName: inflated}}\n"),
        ),
        (
            "clusters/home/kustomization.yaml",
            "resources: [apps.yaml]\nconfigMapGenerator:\n- {name: versions, namespace: flux-system, envs: [all.env], \
             options: {disableNameSuffixHash: true}}\n"
                .to_owned(),
        ),
        ("clusters/home/all.env", "TOKEN=6.4.0\n# of all\nPODINFO=6.4.0\nLAST=x".to_owned()),
        (
            "clusters/home/apps.yaml",
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: \
             flux-system}\nspec:\n  path: ./apps\n  sourceRef: {kind: GitRepository, name: flux-system}\n  postBuild: \
             {substituteFrom: [{kind: ConfigMap, name: versions}]}\n"
                .to_owned(),
        ),
        (
            "flux/home.yaml",
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: home, namespace: \
             flux-system}\nspec: {path: ./clusters/home, sourceRef: {kind: GitRepository, name: flux-system}}\n"
                .to_owned(),
        ),
        ("apps/web.yaml", release("media", "web", "podinfo", "${PODINFO}", "")),
        (
            "apps/set.yaml",
            "apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSet\nmetadata: {name: set, namespace: \
             flux-system}\nspec:\n  inputs:\n  - {tenant: one, version: 6.4.0}\n  - tenant: two\n    version: \"6.5.0\" # \
             6.4.0\n  resources:\n  - apiVersion: helm.toolkit.fluxcd.io/v2\n    kind: HelmRelease\n    metadata: {name: \
             set-<< inputs.tenant >>, namespace: media}\n    spec:\n      chart:\n        spec: {chart: podinfo, version: \
             << inputs.version | quote >>, sourceRef: {kind: HelmRepository, name: charts, namespace: flux-system}}\n"
                .to_owned(),
        ),
    ];
    for (path, text) in &files {
        person.write(&format!("repo/{path}"), text);
    }
    let found = person.scan();
    for (id, kind) in [
        ("/app:podinfo", "ChartDependency"),
        ("/inflated", "HelmChartInflationGenerator"),
        ("media/web", "HelmRelease"),
        ("media/set-one", "HelmRelease"),
        ("media/set-two", "HelmRelease"),
    ] {
        let row = found.row(id);
        assert_eq!(
            (&row["kind"], &row["target"], &row["reason"]),
            (&json!(kind), &json!("7.0.0"), &json!("newer-version"))
        );
    }
    let explained = person.davit(&["explain", "app:podinfo", "repo"]).expect(0);
    assert!(explained.out.contains("source     ChartRepository: http://"), "{explained:?}");
    person.davit(&["apply", "repo"]).expect(0);
    let expected = |path: &str, text: &str| match path {
        "charts/app/Chart.yaml" => text.replace("'6.4.0'", "'7.0.0'"),
        "other/kustomization.yaml" => text.replace("6.4.0", "7.0.0"),
        "clusters/home/all.env" => text.replace("PODINFO=6.4.0", "PODINFO=7.0.0"),
        "apps/set.yaml" => text.replace("one, version: 6.4.0", "one, version: 7.0.0").replace("\"6.5.0\"", "\"7.0.0\""),
        _ => text.to_owned(),
    };
    for (path, text) in &files {
        assert_eq!(person.read(&format!("repo/{path}")), expected(path, text), "{path}");
    }
}

#[test]
fn a_lock_beside_chart_yaml_is_left_alone_and_said() {
    let person = Person::new();
    let dependency =
        format!("dependencies:\n- {{name: podinfo, version: 6.4.0, repository: \"{}\"}}\n", person.charts.url());
    person.write("repo/app/Chart.yaml", format!("apiVersion: v2\nname: app\nversion: 0.1.0\n{dependency}"));
    person.write("repo/app/Chart.lock", format!("{dependency}digest: sha256:x\ngenerated: \"2026-01-01T00:00:00Z\"\n"));
    let row = person.scan().row("/app:podinfo");
    assert_eq!((&row["reason"], &row["status"]), (&json!("chart-lock"), &json!("unresolved")));
    assert_eq!(row["latest"], "7.0.0", "what is newer is shown");
    assert!(row["message"].as_str().unwrap().contains("app/Chart.lock pins 6.4.0"), "{row}");
    let before = person.read("repo/app/Chart.yaml");
    person.davit(&["apply", "repo"]).expect(0);
    assert_eq!(person.read("repo/app/Chart.yaml"), before);
}

#[test]
fn flux_rule_10_and_11_an_update_names_every_cluster_that_builds_its_site() {
    let person = Person::new();
    person.write("repo/base/kustomization.yaml", "namespace: media\nresources: [web.yaml]\n");
    person.write("repo/base/web.yaml", release("media", "web", "podinfo", "6.4.0", ""));
    for cluster in ["production", "staging"] {
        let url = person.charts.url();
        person.write(
            &format!("repo/clusters/{cluster}/all.yaml"),
            format!(
                "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: all, namespace: \
                 flux-system}}\nspec: {{path: ./clusters/{cluster}, sourceRef: {{kind: GitRepository, name: \
                 flux-system}}}}\n---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: \
                 apps, namespace: flux-system}}\nspec: {{path: ./base, sourceRef: {{kind: GitRepository, name: \
                 flux-system}}}}\n---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: \
                 charts, namespace: flux-system}}\nspec: {{url: \"{url}\"}}\n"
            ),
        );
    }
    // One more release of the chart, in one of the clusters only.
    person.write("repo/clusters/staging/own.yaml", release("media", "own", "podinfo", "6.4.0", ""));
    let found = person.scan().json();
    let update = &found["updates"][0];
    assert_eq!(update["clusters"], json!(["clusters/production", "clusters/staging"]), "{found:#}");
    let explained = person.davit(&["explain", "media/web", "repo"]).expect(0);
    assert!(
        explained.out.contains("touches    clusters clusters/production, clusters/staging: they read the same bytes"),
        "{explained:?}"
    );
    let own = person.davit(&["explain", "media/own", "repo"]).expect(0);
    assert!(!own.out.contains("touches"), "{own:?}");
    let own = person.davit(&["explain", "media/own", "repo", "--format", "json"]).expect(0).json();
    assert_eq!(own["releases"][0]["clusters"], json!(["clusters/staging"]));
}
