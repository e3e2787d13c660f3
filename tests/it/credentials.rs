//! `user:password@` and `?token=…` in a URL that somebody wrote into Git: the lookups use it, and no surface shows it.

use crate::person::{Person, helm_repository, oci_repository, release, release_of_oci};
use crate::process::Stage;
use davit::demo::neighbours::REPOSITORY;
use davit::demo::sample;

const SECRET: &str = "hunter2-url";

/// A URL with the credentials in it.
fn with_credentials(url: &str) -> String {
    url.replace("://", &format!("://reader:{SECRET}@")) + &format!("?token={SECRET}")
}

fn person() -> Person {
    let person = Person::with_one_release();
    person.charts.require_login("reader", SECRET);
    // Over plain HTTP they are sent only where the configuration allows it.
    let host = person.charts.server.authority();
    person.write("davit.yaml", format!("registries: {{hosts: [{{host: \"{host}\", insecure: true}}]}}\n"));
    person.write("repo/source.yaml", helm_repository("charts", &with_credentials(&person.charts.url()), ""));
    let oci = format!("{}/charts/app", person.registry.url()).replace("://", &format!("://reader:{SECRET}@"));
    person.write("repo/app.yaml", oci_repository("app", "flux-system", &oci, "6.4.0"));
    person.write("repo/app-release.yaml", release_of_oci("app", "media", "app", ""));
    // A message of its own for every way in which a URL can be wrong.
    for (name, url) in [
        ("variable", format!("https://reader:{SECRET}@${{HOST}}/x")),
        ("scheme", format!("ftp://reader:{SECRET}@example.com/x")),
        ("port", format!("https://reader:{SECRET}@example.com:99999/x")),
        ("closed", format!("http://reader:{SECRET}@127.0.0.1:1/x?token={SECRET}")),
        ("query", format!("oci://example.com/x?token={SECRET}#part={SECRET}")),
    ] {
        person.write(&format!("repo/{name}-source.yaml"), helm_repository(name, &url, ""));
        let text = release("media", name, "podinfo", "6.4.0", "").replace("name: charts", &format!("name: {name}"));
        person.write(&format!("repo/{name}.yaml"), text);
    }
    let remote = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - https://reader:{SECRET}@example.com/x.yaml\n"
    );
    person.write("repo/remote/kustomization.yaml", remote);
    person
}

#[test]
fn no_command_shows_the_credentials_of_a_url_and_every_lookup_uses_them() {
    let person = person();
    let scan = person.scan();
    for release in ["media/web", "media/app"] {
        assert_eq!(scan.row(release)["status"], "outdated", "{:#}", scan.row(release));
    }
    assert_eq!(scan.row("media/web")["source"]["url"], format!("{}?token=***", person.charts.url()));
    let asked = person.charts.server.traffic.exchanges();
    assert!(asked.iter().all(|one| one.query == [("token".to_owned(), SECRET.to_owned())]), "the lookups use it");
    for args in [
        &["scan", "repo", "--format", "json"][..],
        &["scan", "repo", "--format", "table"],
        &["scan", "repo", "--format", "markdown"],
        &["scan", "repo", "--log", "trace"],
        &["explain", "web", "repo"],
        &["explain", "app", "repo", "--format", "json"],
        &["explain", "variable", "repo"],
        &["explain", "scheme", "repo"],
        &["explain", "port", "repo"],
        &["explain", "closed", "repo"],
        &["explain", "query", "repo"],
        &["apply", "repo", "--dry-run", "--only", "web"],
        &["apply", "repo", "--dry-run", "--only", "closed", "--to", "7.0.0"],
    ] {
        let said = person.davit(args).expect(0);
        assert!(!said.out.contains(SECRET) && !said.err.contains(SECRET), "{args:?}: {said:?}");
    }
    let url = with_credentials("https://127.0.0.1:1/fleet.git");
    for args in [&["scan", url.as_str()][..], &["explain", "web", &url], &["apply", &url]] {
        let said = person.davit(args).expect(1);
        assert!(!said.err.contains(SECRET) && said.err.contains("127.0.0.1:1"), "{args:?}: {said:?}");
    }
}

#[test]
fn no_surface_of_the_daemon_shows_the_credentials_of_a_url() {
    let mut stage = Stage::new();
    stage.add("log: {level: trace, format: json}\n");
    stage.neighbours.charts.require_login("reader", SECRET);
    let host = stage.neighbours.charts.server.authority();
    stage.swap("registries:\n", &format!("registries:\n  hosts:\n  - {{host: \"{host}\", insecure: true}}\n"));
    let path = "infrastructure/sources/charts.yaml";
    let (_, written) = sample::FILES.iter().find(|(name, _)| *name == path).unwrap();
    let url = with_credentials(&stage.neighbours.charts.url());
    let text = String::from_utf8(written.to_vec()).unwrap().replace("https://charts.example.com", &url);
    assert!(text.contains(SECRET), "{text}");
    let casey = stage.neighbours.forge.person(REPOSITORY, "casey");
    casey.push("main", "feat: a password", &[(path, Some(&text))]).unwrap();
    let davit = stage.run();
    davit.await_ready();
    let pulls = stage.neighbours.forge.pulls(REPOSITORY);
    assert!(pulls.iter().any(|pull| pull.branch.starts_with("davit/ingress-")), "the lookup works: {pulls:#?}");
    let mut said = String::new();
    for path in [
        "/",
        "/repositories/fleet",
        "/metrics",
        "/ready",
        "/api/v1/repositories",
        "/api/v1/repositories/fleet",
        "/api/v1/releases",
        "/api/v1/pulls",
    ] {
        let (status, body) = davit.get(path);
        assert_eq!(status, 200, "{path}");
        assert!(!body.contains(SECRET), "{path}: {body}");
        said += &body;
    }
    assert!(said.contains("ingress"), "the surfaces were not filled");
    for pull in &pulls {
        assert!(!format!("{pull:?}").contains(SECRET), "{pull:#?}");
    }
    let log = davit.stop();
    assert!(!log.contains(SECRET), "{:?}", log.lines().find(|line| line.contains(SECRET)));
}
