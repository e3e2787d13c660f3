use super::{DockerConfig, Secret, from_docker, percent_decoded};
use secrecy::ExposeSecret;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(5);

async fn found(json: &str, host: &str) -> Option<String> {
    let config: DockerConfig = serde_json::from_str(json).unwrap();
    from_docker(&config, host, "a test", LIMIT).await.unwrap().map(|credential| match credential.secret {
        Secret::Basic { username, password } => format!("{username}:{}", password.expose_secret()),
        Secret::Identity(token) => format!("identity {}", token.expose_secret()),
    })
}

#[tokio::test]
async fn docker_config_entries_are_found_by_host_and_docker_hub_by_its_old_key() {
    let json = r#"{"auths": {
        "ghcr.io": {"auth": "dTpw"},
        "https://index.docker.io/v1/": {"username": "hub", "password": "secret"},
        "acr.example.com": {"auth": "dTpw", "identitytoken": "refresh"}}}"#;
    assert_eq!(found(json, "ghcr.io").await.as_deref(), Some("u:p"));
    assert_eq!(found(json, "registry-1.docker.io").await.as_deref(), Some("hub:secret"));
    assert_eq!(found(json, "acr.example.com").await.as_deref(), Some("identity refresh"));
    assert_eq!(found(json, "quay.io").await, None);
}

#[tokio::test]
async fn a_helper_that_is_not_installed_is_a_problem_that_names_it() {
    let config: DockerConfig = serde_json::from_str(r#"{"credHelpers": {"ghcr.io": "davit-test-missing"}}"#).unwrap();
    let problem = from_docker(&config, "ghcr.io", "a test", LIMIT).await.unwrap_err();
    assert!(problem.message.contains("docker-credential-davit-test-missing"), "{problem}");
    let config: DockerConfig = serde_json::from_str(r#"{"credHelpers": {"ghcr.io": "../../bin/sh"}}"#).unwrap();
    assert!(from_docker(&config, "ghcr.io", "a test", LIMIT).await.unwrap_err().message.contains("impossible name"));
}

#[test]
fn user_and_password_of_a_url_are_decoded() {
    assert_eq!(percent_decoded("p%40ss%"), "p@ss%");
    assert_eq!(percent_decoded("a%+5b"), "a%+5b", "a sign is no hexadecimal digit");
}
