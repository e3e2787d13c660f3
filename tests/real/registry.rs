//! Candidates and details against the real registry: anonymous, with passwords, and with signed tokens.

use super::oci_registry::{CREATED, Door, OciRegistry, basic, chart};
use super::token_service::{ISSUER, SERVICE, TokenService};
use davit::config::{Config, Registries, RegistryHost, SecretRef};
use davit::model::{Lookup, Problem, Reason, TagRules};
use davit::world::registry::{Options, Registry};
use std::sync::Arc;

/// A client with its own cache; `change` edits the configuration.
fn client(change: impl FnOnce(&mut Registries)) -> (tempfile::TempDir, Arc<Registry>) {
    let cache = tempfile::tempdir().unwrap();
    let mut registries = Config::default().registries;
    change(&mut registries);
    let clock = Arc::new(jiff::Timestamp::now);
    let options = Options::new(registries, cache.path().to_owned(), clock, &|_| None);
    (cache, Registry::new(options))
}

/// As an OCIRepository asks, with `insecure: true`: the registry speaks plain HTTP.
fn question(registry: &OciRegistry, name: &str) -> Lookup {
    let rules = TagRules { leading_v: true, by_version: false, underscore_is_plus: true };
    Lookup::oci(&format!("oci://{}/{name}", registry.host), rules, true)
}

fn entry(host: &str, password: &str) -> RegistryHost {
    RegistryHost {
        host: host.to_owned(),
        paths: Vec::new(),
        username: Some("davit".to_owned()),
        password: Some(SecretRef::Inline(password.to_owned().into())),
        ca_file: None,
        insecure: true,
        concurrency: 4,
    }
}

async fn versions(registry: &Arc<Registry>, lookup: &Lookup) -> Result<Vec<String>, Problem> {
    let candidates = registry.candidates(lookup).await?;
    let mut texts: Vec<_> = candidates.versions.iter().map(|one| one.text.clone()).collect();
    texts.sort();
    Ok(texts)
}

#[tokio::test]
async fn an_open_registry_gives_tags_and_what_a_chart_says_of_itself() {
    let registry = OciRegistry::start(&Door::Open).await;
    let digest = registry.push("charts/app", &chart("app", "1.2.0+build.5"), None).await;
    registry.push("charts/app", &chart("app", "1.1.0"), None).await;
    let mut old = chart("app", "1.0.0");
    old.deprecated = true;
    registry.push("charts/app", &old, None).await;
    let mut latest = chart("app", "1.1.0");
    latest.tag = Some("latest".to_owned());
    registry.push("charts/app", &latest, None).await;

    let (_cache, davit) = client(|_| {});
    let lookup = question(&registry, "charts/app");
    let candidates = davit.candidates(&lookup).await.unwrap();
    let mut texts: Vec<_> = candidates.versions.iter().map(|one| one.text.as_str()).collect();
    texts.sort_unstable();
    assert_eq!((texts.as_slice(), candidates.ignored), (["1.0.0", "1.1.0", "1.2.0_build.5"].as_slice(), 1));

    let new = davit.detail(&lookup, "1.2.0_build.5").await.unwrap();
    assert_eq!(new.digest, Some(digest));
    assert_eq!(new.created, Some(CREATED.parse().unwrap()));
    assert_eq!((new.app_version.as_deref(), new.deprecated, new.detailed), (Some("9.8.7"), false, true));
    assert!(davit.detail(&lookup, "1.0.0").await.unwrap().deprecated);
    let missing = davit.detail(&lookup, "7.7.7").await.unwrap_err();
    assert_eq!(missing.reason, Reason::ChartInvalid, "{missing}");
    let unknown = davit.candidates(&question(&registry, "charts/none")).await.unwrap_err();
    assert_eq!(unknown.reason, Reason::SourceNotFound, "{unknown}");
}

#[tokio::test]
async fn what_is_no_chart_is_refused_and_another_version_than_the_tags_shows_in_the_archive() {
    let registry = OciRegistry::start(&Door::Open).await;
    let mut image = chart("app", "1.0.0");
    image.config_type = "application/vnd.oci.image.config.v1+json".to_owned();
    registry.push("charts/image", &image, None).await;
    let mut mistagged = chart("app", "1.0.0");
    mistagged.tag = Some("1.0.1".to_owned());
    registry.push("charts/mistagged", &mistagged, None).await;
    let (_cache, davit) = client(|_| {});
    let question = |name: &str| question(&registry, &format!("charts/{name}"));
    assert!(davit.detail(&question("image"), "1.0.0").await.is_ok(), "an OCIRepository asks for its layer alone");
    let Lookup::Oci { url, rules, insecure } = question("image") else { panic!() };
    let helm = Lookup::Oci { url, rules: TagRules { by_version: true, ..rules }, insecure };
    let problem = davit.detail(&helm, "1.0.0").await.unwrap_err();
    assert_eq!(problem.reason, Reason::ChartInvalid, "{problem}");
    assert!(problem.message.contains("no Helm chart"), "{problem}");
    let mistagged = davit.detail(&question("mistagged"), "1.0.1").await.unwrap();
    assert_eq!(mistagged.app_version, None, "a config of another version says nothing of this one");
    assert_eq!(davit.open(&question("mistagged"), "1.0.1").await.unwrap().version, "1.0.0");
}

#[tokio::test]
async fn flux_rule_07_the_archive_of_a_tag_is_opened_also_behind_a_login() {
    let registry = OciRegistry::start(&Door::Basic("davit", "correct horse")).await;
    registry.push("charts/app", &chart("app", "1.2.0+build.5"), Some(&basic("davit", "correct horse"))).await;
    let lookup = question(&registry, "charts/app");
    let (_own, davit) = client(|registries| registries.hosts.push(entry(&registry.host, "correct horse")));
    let opened = davit.open(&lookup, "1.2.0_build.5").await.unwrap();
    assert_eq!((opened.name.as_str(), opened.version.as_str()), ("app", "1.2.0+build.5"));
    assert_eq!(opened.app_version.as_deref(), Some("9.8.7"));
    let (_own, stranger) = client(|_| {});
    let refused = stranger.open(&lookup, "1.2.0_build.5").await.unwrap_err();
    assert_eq!(refused.reason, Reason::SourceUnauthorized, "{refused}");
}

#[tokio::test]
async fn a_moved_tag_is_seen_though_the_old_manifest_is_remembered() {
    let registry = OciRegistry::start(&Door::Open).await;
    let first = registry.push("charts/app", &chart("app", "1.0.0"), None).await;
    let (cache, davit) = client(|_| {});
    let lookup = question(&registry, "charts/app");
    assert_eq!(davit.detail(&lookup, "1.0.0").await.unwrap().digest, Some(first.clone()));
    let mut moved = chart("app", "1.0.0");
    moved.deprecated = true;
    let second = registry.push("charts/app", &moved, None).await;
    assert_ne!(first, second);
    // A new process with the old cache.
    let clock = Arc::new(jiff::Timestamp::now);
    let later = Registry::new(Options::new(Config::default().registries, cache.path().to_owned(), clock, &|_| None));
    let seen = later.detail(&lookup, "1.0.0").await.unwrap();
    assert_eq!((seen.digest, seen.deprecated), (Some(second), true));
}

#[tokio::test]
async fn a_password_comes_from_the_configuration_or_from_dockers_and_a_wrong_one_is_named_by_its_key() {
    let registry = OciRegistry::start(&Door::Basic("davit", "correct horse")).await;
    registry.push("charts/app", &chart("app", "1.0.0"), Some(&basic("davit", "correct horse"))).await;
    let lookup = question(&registry, "charts/app");
    let host = registry.host.clone();

    let (_own, configured) = client(|registries| registries.hosts.push(entry(&host, "correct horse")));
    assert_eq!(versions(&configured, &lookup).await.unwrap(), ["1.0.0"]);
    assert!(configured.detail(&lookup, "1.0.0").await.unwrap().digest.is_some());

    let docker = tempfile::NamedTempFile::new().unwrap();
    let auth = basic("davit", "correct horse").replace("Basic ", "");
    let config = serde_json::json!({"auths": {&host: {"auth": auth}}});
    std::fs::write(docker.path(), config.to_string()).unwrap();
    let (_own, from_docker) = client(|registries| {
        registries.docker_config_file = Some(docker.path().to_owned());
        registries.hosts.push(RegistryHost { username: None, password: None, ..entry(&host, "") });
    });
    assert_eq!(versions(&from_docker, &lookup).await.unwrap(), ["1.0.0"]);

    let (_own, wrong) = client(|registries| registries.hosts.push(entry(&host, "hunter2")));
    let problem = versions(&wrong, &lookup).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourceUnauthorized, "{problem}");
    assert!(problem.message.contains("registries.hosts") && problem.message.contains(&host), "{problem}");
    assert!(problem.message.contains("passwordFile") && !problem.message.contains("hunter2"), "{problem}");

    let (_own, anonymous) = client(|_| {});
    let problem = versions(&anonymous, &lookup).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourceUnauthorized, "{problem}");
    assert!(problem.message.contains("give username and passwordFile"), "{problem}");
}

#[tokio::test]
async fn signed_tokens_open_public_charts_to_everybody_and_private_ones_to_a_user() {
    let service = TokenService::start("davit", "correct horse").await;
    let realm = format!("http://{}/token", service.host);
    let door = Door::Token { realm: &realm, issuer: ISSUER, service: SERVICE, bundle: &service.bundle };
    let registry = OciRegistry::start(&door).await;
    for name in ["open/app", "closed/app"] {
        registry.push(name, &chart("app", "1.0.0"), Some(&service.push_token(name))).await;
    }
    let (open, closed) = (question(&registry, "open/app"), question(&registry, "closed/app"));

    let (_own, anonymous) = client(|_| {});
    assert_eq!(versions(&anonymous, &open).await.unwrap(), ["1.0.0"]);
    assert!(anonymous.detail(&open, "1.0.0").await.unwrap().digest.is_some());
    assert_eq!(service.seen(), [("repository:open/app:pull".to_owned(), false)], "one token serves tags and details");
    let problem = versions(&anonymous, &closed).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourceUnauthorized, "{problem}");

    let (host, realm_host) = (registry.host.clone(), service.host.clone());
    let configure = |password: &'static str| {
        let entries = [entry(&host, password), RegistryHost { password: None, ..entry(&realm_host, "") }];
        client(|registries| registries.hosts.extend(entries))
    };
    let (_own, known) = configure("correct horse");
    assert_eq!(versions(&known, &closed).await.unwrap(), ["1.0.0"]);
    assert!(known.detail(&closed, "1.0.0").await.unwrap().digest.is_some());
    assert_eq!(service.seen().last().unwrap(), &("repository:closed/app:pull".to_owned(), true));

    let (_own, wrong) = configure("hunter2");
    let problem = versions(&wrong, &closed).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourceUnauthorized, "{problem}");
    assert!(problem.message.contains("registries.hosts") && !problem.message.contains("hunter2"), "{problem}");
}
