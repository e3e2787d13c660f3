use super::super::{Config, OVERLAY_PATH, Purpose, load, overlay};
use crate::model::Bump;

fn daemon() -> Config {
    let text = "policy: {bump: minor, rules: [{match: {charts: [a]}, bump: patch, labels: [a]}]}\npullRequests: {draft: true, titleTemplate: t}\n";
    load(None, text, &[], Purpose::Local).unwrap()
}

fn refused(text: &str) -> String {
    let issues = overlay(text.as_bytes(), OVERLAY_PATH).unwrap_err();
    issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_repositorys_values_win_over_the_daemons_keys_and_rules() {
    let text = "policy: {bump: major, rules: [{match: {charts: [b]}, bump: minor}]}\npullRequests: {labels: [mine], draft: false, titleTemplate: \"\"}\n";
    let settings = daemon().with_overlay(&overlay(text.as_bytes(), OVERLAY_PATH).unwrap());
    let bumps: Vec<_> = settings.policy.rules.iter().map(|r| (r.path.as_str(), r.bump)).collect();
    assert_eq!(
        bumps,
        [
            ("policy.rules[0]", Some(Bump::Patch)),
            (".davit/config.yaml policy", Some(Bump::Major)),
            (".davit/config.yaml policy.rules[0]", Some(Bump::Minor)),
        ]
    );
    assert_eq!(settings.policy.rules[1].labels.as_deref(), Some(["mine".to_owned()].as_slice()));
    assert_eq!((settings.pull_requests.draft, settings.pull_requests.title_template), (false, None));
}

#[test]
fn an_empty_file_changes_nothing() {
    assert_eq!(daemon().with_overlay(&overlay(b"", OVERLAY_PATH).unwrap()), daemon().settings());
}

#[test]
fn what_reaches_beyond_the_repository_is_refused_with_the_reason() {
    for text in [
        "registries: {mirrors: []}",
        "github: {apiUrl: https://evil.example}",
        "limits: {perHour: 1000}",
        "mode: propose",
        "git: {http: {insecure: true}}",
        "pullRequests: {bodyTemplateFile: /etc/passwd}",
        "pullRequests: {branchPrefix: release/}",
        "policy: {rules: [{match: {}, schedule: []}]}",
    ] {
        let message = refused(text);
        assert!(message.contains("can only be set by the daemon's own configuration"), "{text}: {message}");
        assert!(message.starts_with(".davit/config.yaml:1:"), "{message}");
    }
}

#[test]
fn a_mistyped_key_and_a_bad_value_are_refused_together() {
    let message = refused("policy: {bmup: minor, minimumAge: never}\n");
    assert!(message.contains("did you mean `bump`?") && message.contains("policy.minimumAge"), "{message}");
}
