//! `scan --format json` as a script sees it: every field of the contract, its type and its meaning.

use crate::person::{Person, helm_repository, oci_repository, release, release_of_oci};
use davit::model::{Reason, Status};
use serde_json::{Value, json};

/// The contract in hand, not derived from the types: what scripts were promised.
fn schema() -> Value {
    let reasons: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    let statuses: Vec<&str> = Status::ALL.iter().map(|status| status.code()).collect();
    let text = json!({"type": "string"});
    let maybe = json!({"type": ["string", "null"]});
    let from_one = json!({"type": "integer", "minimum": 1});
    let place = |more: Value| {
        let mut fields = json!({"file": text, "line": from_one, "column": from_one, "path": text});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let names: Vec<&String> = fields.as_object().unwrap().keys().collect();
        json!({"type": ["object", "null"], "required": names, "properties": fields})
    };
    let row = json!({
        "namespace": text, "name": text, "kind": {"const": "HelmRelease"}, "kustomization": maybe, "cluster": maybe,
        "file": text, "line": from_one, "chart": maybe,
        "source": {"type": ["object", "null"], "required": ["kind", "namespace", "name", "url"],
            "properties": {"kind": text, "namespace": text, "name": text, "url": maybe}},
        "site": place(json!({})),
        "current": maybe, "latest": maybe, "target": maybe,
        "bump": {"enum": ["major", "minor", "patch", "none"]},
        "status": {"enum": statuses}, "reason": {"enum": reasons}, "message": {"type": "string", "minLength": 1},
    });
    let update = json!({
        "key": text, "chart": text, "url": text, "to": text, "major": {"type": "integer", "minimum": 0},
        "branch": {"type": "string", "pattern": "^davit/"},
        "sites": {"type": "array", "minItems": 1, "items": place(json!({"from": text}))},
        "releases": {"type": "array", "minItems": 1, "items": text},
    });
    let object = |fields: Value| {
        let names: Vec<&String> = fields.as_object().unwrap().keys().collect();
        json!({"type": "object", "required": names, "properties": fields})
    };
    object(json!({
        "version": {"const": 1}, "repository": text, "revision": maybe,
        "releases": {"type": "array", "items": object(row)},
        "updates": {"type": "array", "items": object(update)},
    }))
}

fn check(found: &Value) {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let errors: Vec<String> = validator.iter_errors(found).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{found:#}");
    for row in found["releases"].as_array().unwrap() {
        let reason = Reason::ALL.iter().find(|r| row["reason"] == r.code()).unwrap();
        assert_eq!(row["status"], reason.status().code(), "a reason belongs to one status");
        if row["status"] != "outdated" {
            assert_eq!((&row["target"], &row["bump"]), (&row["current"], &json!("none")), "{row:#}");
        }
    }
}

#[test]
fn every_field_of_the_contract_is_there_with_its_type_and_its_meaning() {
    let person = Person::new();
    // As a person writes it: upper case, a slash at the end.
    let url = person.charts.url().replace("127.0.0.1", "LOCALHOST") + "/";
    person.write("repo/ä/source.yaml", helm_repository("charts", &url, ""));
    let flow = "# é\nmetadata: {name: web, namespace: media}\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec: {\"é\": 1, chart: {spec: {chart: podinfo, version: 6.4.0, sourceRef: {kind: HelmRepository, name: charts, namespace: flux-system}}}}\n";
    person.write("repo/ä/web.yaml", flow);
    person.write("repo/ä/held.yaml", release("media", "held", "podinfo", "6.4.0", "davit.dev/bump: patch"));
    person.write("repo/ä/range.yaml", release("media", "range", "podinfo", "6.x", ""));
    person.write("repo/ä/lost.yaml", release("media", "lost", "absent", "1.0.0", ""));
    let said = person.scan();
    let all = said.json();
    check(&all);
    assert_eq!((&all["repository"], &all["revision"]), (&json!("repo"), &Value::Null));

    let web = said.row("media/web");
    let column = flow.lines().nth(4).unwrap().find("6.4.0").unwrap() + 1;
    let site = json!({"file": "ä/web.yaml", "line": 5, "column": column, "path": "spec.chart.spec.version"});
    assert_eq!(web["site"], site, "columns count UTF-8 bytes from 1");
    assert_eq!(web["line"], 4, "the line of `kind:`");
    assert_eq!(web["source"]["url"], url.as_str(), "as in Git");
    for (field, value) in [("current", "6.4.0"), ("latest", "7.0.0"), ("target", "7.0.0"), ("bump", "major")] {
        assert_eq!(web[field], value, "{field}");
    }
    assert_eq!((&web["status"], &web["reason"]), (&json!("outdated"), &json!("newer-version")));

    let held = said.row("media/held");
    assert_eq!((&held["latest"], &held["target"]), (&json!("7.0.0"), &json!("6.4.1")));
    assert_eq!((&held["status"], &held["bump"]), (&json!("outdated"), &json!("patch")));
    assert_eq!(said.row("media/range")["reason"], "floating-range");
    assert_eq!(said.row("media/lost")["reason"], "chart-missing");

    let updates = all["updates"].as_array().unwrap();
    assert_eq!(updates.len(), 2, "two targets are two updates");
    let update = updates.iter().find(|u| u["to"] == "7.0.0").unwrap();
    assert_eq!(update["url"], url.as_str(), "as in Git");
    assert_eq!((&update["chart"], &update["major"]), (&json!("podinfo"), &json!(7)));
    assert_eq!(update["releases"], json!(["media/web"]));
    assert_eq!((&update["sites"][0]["from"], &update["sites"][0]["column"]), (&json!("6.4.0"), &json!(column)));
}

#[test]
fn one_chart_url_is_one_update_whatever_its_sources_are_called() {
    let person = Person::new();
    let url = format!("{}/charts/app", person.registry.url());
    person.write("repo/one.yaml", oci_repository("one", "flux-system", &url, "6.4.0"));
    person.write("repo/two.yaml", oci_repository("two", "flux-system", &format!("{url}/"), "6.5.0"));
    for (name, source) in [("a", "one"), ("b", "one"), ("c", "two")] {
        person.write(&format!("repo/{name}.yaml"), release_of_oci(name, "media", source, ""));
    }
    let said = person.scan();
    let all = said.json();
    check(&all);
    let updates = all["updates"].as_array().unwrap();
    assert_eq!(updates.len(), 1, "{updates:#?}");
    assert_eq!(updates[0]["sites"].as_array().unwrap().len(), 2);
    assert_eq!(updates[0]["releases"], json!(["media/a", "media/b", "media/c"]));
    assert_eq!(updates[0]["url"], url.as_str());
    assert_eq!(updates[0]["key"], format!("{url}@7.x"));
    assert_eq!(said.row("media/a")["site"], said.row("media/b")["site"]);
    assert_eq!(said.row("media/a")["site"]["path"], "spec.ref.tag");
    assert_eq!(said.row("media/a")["source"]["kind"], "OCIRepository");
}

#[test]
fn a_mirror_answers_and_the_original_url_is_shown() {
    let person = Person::new();
    person.write("repo/source.yaml", helm_repository("charts", "https://charts.example.com/", ""));
    person.write("repo/web.yaml", release("media", "web", "podinfo", "6.4.0", ""));
    let mirror = format!(
        "registries:\n  mirrors:\n    - {{from: \"https://charts.example.com\", to: {}, insecure: true}}\n",
        person.charts.url()
    );
    person.write("davit.yaml", mirror);
    let said = person.scan();
    assert_eq!(said.row("media/web")["target"], "7.0.0", "{said:?}");
    assert_eq!(said.row("media/web")["source"]["url"], "https://charts.example.com/");
    assert_eq!(said.json()["updates"][0]["url"], "https://charts.example.com/");
    assert!(!said.out.contains("127.0.0.1"), "{}", said.out);
}

#[test]
fn a_repository_by_url_has_the_commit_it_was_read_at() {
    let person = Person::with_one_release();
    let bare = git2::Repository::init_bare(person.dir().join("fleet.git")).unwrap();
    bare.set_head("refs/heads/main").unwrap();
    let mut tree = bare.treebuilder(None).unwrap();
    for name in ["source.yaml", "web.yaml"] {
        let blob = bare.blob(person.read(&format!("repo/{name}")).as_bytes()).unwrap();
        tree.insert(name, blob, 0o100_644).unwrap();
    }
    let tree = bare.find_tree(tree.write().unwrap()).unwrap();
    let who = git2::Signature::now("a", "a@example.com").unwrap();
    let commit = bare.commit(Some("refs/heads/main"), &who, &who, "first", &tree, &[]).unwrap();
    let url = format!("file://{}", person.dir().join("fleet.git").display());
    let said = person.davit(&["scan", &url, "--format", "json"]).expect(0);
    check(&said.json());
    assert_eq!(said.json()["revision"], commit.to_string());
    assert_eq!(said.json()["repository"], url);
    assert_eq!(said.row("media/web")["target"], "7.0.0");
    let missing = format!("file://{}", person.dir().join("absent.git").display());
    let missing = person.davit(&["scan", &missing]).expect(1);
    assert_eq!((missing.out.as_str(), missing.err.lines().count()), ("", 1), "{missing:?}");
}

#[test]
fn a_base_that_two_clusters_build_is_two_rows_with_one_site() {
    let person = Person::new();
    person.source();
    std::fs::rename(person.repo().join("source.yaml"), person.dir().join("source.yaml")).unwrap();
    let source = person.read("source.yaml");
    person.write("repo/apps/source.yaml", source);
    person.write("repo/apps/web.yaml", release("media", "web", "podinfo", "6.4.0", ""));
    person.write("repo/stray/web.yaml", release("media", "stray", "podinfo", "6.4.0", ""));
    for cluster in ["staging", "production"] {
        let kustomization = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: flux-system}\n\
             spec: {interval: 1h, path: ./apps, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}\n";
        person.write(&format!("repo/clusters/{cluster}/apps.yaml"), kustomization);
    }
    let said = person.scan();
    let all = said.json();
    check(&all);
    let rows = all["releases"].as_array().unwrap();
    let web: Vec<&Value> = rows.iter().filter(|row| row["name"] == "web").collect();
    assert_eq!(web.len(), 2, "{all:#}");
    let mut clusters: Vec<&str> = web.iter().map(|row| row["cluster"].as_str().unwrap()).collect();
    clusters.sort_unstable();
    assert_eq!(clusters, ["clusters/production", "clusters/staging"]);
    assert_eq!(web[0]["site"], web[1]["site"]);
    assert!(web.iter().all(|row| row["kustomization"] == "flux-system/apps"));
    assert_eq!(all["updates"][0]["sites"].as_array().unwrap().len(), 1);
    assert_eq!(all["updates"][0]["releases"], json!(["media/web"]));
    let stray = said.row("media/stray");
    assert_eq!((&stray["reason"], &stray["kustomization"]), (&json!("not-built"), &Value::Null));
    assert_eq!(stray["site"]["file"], "stray/web.yaml", "its site is still shown");
    let table = person.davit(&["scan", "repo"]).out;
    assert!(table.contains("media/web [clusters/staging]"), "{table}");
    let explained = person.davit(&["explain", "web", "repo"]).out;
    assert!(explained.contains("of clusters/staging") && explained.contains("of clusters/production"), "{explained}");
}
