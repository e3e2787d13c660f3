//! `davit scan URL` of a repository that the configuration lists beside others: it is resolved with them, as `davit once`
//! would.

use crate::person::{Person, helm_repository, release};

/// A repository of these files at `file://…/NAME`; its URL.
pub fn repository(person: &Person, name: &str, files: &[(&str, String)]) -> String {
    let folder = person.dir().join(name);
    let git = git2::Repository::init(&folder).unwrap();
    git.set_head("refs/heads/main").unwrap();
    for (path, text) in files {
        person.write(&format!("{name}/{path}"), text);
    }
    let mut index = git.index().unwrap();
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
    let tree = git.find_tree(index.write_tree().unwrap()).unwrap();
    let who = git2::Signature::now("a", "a@example.com").unwrap();
    git.commit(Some("refs/heads/main"), &who, &who, "first", &tree, &[]).unwrap();
    url(person, name)
}

fn url(person: &Person, name: &str) -> String {
    format!("file://{}", person.dir().join(name).display())
}

fn builds(name: &str, url: &str, path: &str, more: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n\
         metadata: {{name: {name}, namespace: flux-system}}\nspec: {{url: \"{url}\"}}\n---\n\
         apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
         metadata: {{name: {name}, namespace: flux-system}}\n\
         spec:\n  path: {path}\n  sourceRef: {{kind: GitRepository, name: {name}}}\n{more}"
    )
}

/// A platform with the sources and one version, and a tenant with two releases; the configuration lists both.
fn fleet() -> Person {
    let person = Person::new();
    let post = "  postBuild: {substituteFrom: [{kind: ConfigMap, name: versions}]}\n";
    let versions = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: versions, namespace: flux-system}\n\
                    data: {web: 6.4.1}\n";
    let (platform, shop) = (url(&person, "platform"), url(&person, "shop"));
    let files = [
        ("clusters/home/flux-system.yaml", builds("flux-system", &platform, "./clusters/home", "")),
        ("clusters/home/shop.yaml", builds("shop", &shop, "./apps", post)),
        ("clusters/home/charts.yaml", helm_repository("charts", &person.charts.url(), "")),
        ("clusters/home/versions.yaml", versions.to_owned()),
    ];
    repository(&person, "platform", &files);
    let files = [
        ("apps/own.yaml", release("shop", "own", "podinfo", "6.4.0", "")),
        ("apps/web.yaml", release("shop", "web", "podinfo", "\"${web}\"", "")),
    ];
    repository(&person, "shop", &files);
    person.write(
        "fleet.yaml",
        format!("repositories:\n  - {{url: \"{platform}\", forge: none}}\n  - {{url: \"{shop}\", forge: none}}\n"),
    );
    person
}

#[test]
fn a_configured_url_is_resolved_with_its_neighbours() {
    let person = fleet();
    let (platform, shop) = (url(&person, "platform"), url(&person, "shop"));
    let scan = |url: &str| person.davit(&["scan", url, "--config", "fleet.yaml", "--format", "json"]).expect(0);
    let found = scan(&shop);
    let own = found.row("shop/own");
    assert_eq!((&own["target"], &own["status"]), (&"7.0.0".into(), &"outdated".into()), "{own:#}");
    assert_eq!(
        (&own["cluster"], &own["kustomization"]),
        (&"platform:clusters/home".into(), &"flux-system/shop".into())
    );
    assert_eq!(found.row("shop/web")["reason"], "in-another-repository");
    assert_eq!(found.json()["repository"], shop);
    assert_eq!(found.json()["problems"].as_array().unwrap().len(), 0, "{found:?}");
    // What the tenant reads and the platform holds is the platform's row.
    let web = scan(&platform).row("shop/web");
    assert_eq!((&web["target"], &web["current"]), (&"7.0.0".into(), &"6.4.1".into()), "{web:#}");
    assert_eq!(
        (&web["site"]["file"], &web["cluster"]),
        (&"clusters/home/versions.yaml".into(), &"clusters/home".into())
    );
    let explained = person.davit(&["explain", "shop/own", &shop, "--config", "fleet.yaml"]).expect(0);
    assert!(explained.out.contains("Kustomization flux-system/shop of platform:clusters/home"), "{explained:?}");
}

#[test]
fn without_the_configuration_a_repository_stands_alone() {
    let person = fleet();
    let found = person.davit(&["scan", &url(&person, "shop"), "--format", "json"]).expect(0);
    assert_eq!(found.row("shop/own")["reason"], "source-missing");
    // And so does a folder, whatever is configured.
    let found = person.davit(&["scan", "shop", "--config", "fleet.yaml", "--format", "json"]).expect(0);
    assert_eq!(found.row("shop/own")["reason"], "source-missing");
}

#[test]
fn a_neighbour_that_cannot_be_fetched_is_named_and_holds_what_it_may_have_a_say_in() {
    let person = fleet();
    std::fs::rename(person.dir().join("platform"), person.dir().join("gone")).unwrap();
    let shop = url(&person, "shop");
    let found = person.davit(&["scan", &shop, "--config", "fleet.yaml", "--format", "json"]).expect(0);
    assert_eq!(found.row("shop/own")["reason"], "repository-unread");
    let told = found.json()["problems"].to_string();
    assert!(told.contains("the repository platform was never read"), "{told}");
    let gone = person.davit(&["scan", &url(&person, "platform"), "--config", "fleet.yaml"]).expect(1);
    assert_eq!(gone.err.lines().count(), 1, "{gone:?}");
}
