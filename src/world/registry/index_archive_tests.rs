use super::{IndexArchive, Place};
use crate::model::Reason;

fn archive(repository: &str, url: Option<&str>) -> IndexArchive {
    IndexArchive {
        repository: repository.to_owned(),
        chart: "web".to_owned(),
        version: "1.2.0".to_owned(),
        place: Place { url: url.map(str::to_owned), digest: None },
    }
}

#[test]
fn urls_are_resolved_as_helm_does() {
    for (repository, url, expected) in [
        ("https://example.com/charts", "web-1.2.0.tgz", "https://example.com/charts/web-1.2.0.tgz"),
        ("https://example.com/charts/", "sub/web.tgz", "https://example.com/charts/sub/web.tgz"),
        ("https://example.com/charts", "/web.tgz", "https://example.com/web.tgz"),
        ("https://example.com/charts", "../web.tgz", "https://example.com/web.tgz"),
        ("https://example.com/charts?key=1", "web.tgz?other=2", "https://example.com/charts/web.tgz?key=1"),
        ("https://example.com/charts?key=1", "https://example.com/web.tgz", "https://example.com/web.tgz"),
        ("https://example.com/charts", "//cdn.example.com/web.tgz", "https://cdn.example.com/web.tgz"),
        (
            "https://example.com/charts",
            "https://cdn.example.com/web.tgz?sig=1",
            "https://cdn.example.com/web.tgz?sig=1",
        ),
        ("https://example.com", "web-1.2.0+b.tgz", "https://example.com/web-1.2.0+b.tgz"),
    ] {
        assert_eq!(archive(repository, Some(url)).url().unwrap().as_str(), expected, "{repository} {url}");
    }
}

#[test]
fn flux_rule_14_credentials_of_a_url_stay_with_its_scheme_host_and_port() {
    let repository = "https://user:hunter2@example.com/charts";
    for (url, user) in [
        ("web.tgz", "user"),
        ("https://example.com/web.tgz", "user"),
        ("https://example.com:8443/web.tgz", ""),
        ("http://example.com/web.tgz", ""),
        ("https://cdn.example.com/web.tgz", ""),
        ("https://somebody:else@cdn.example.com/web.tgz", ""),
    ] {
        let resolved = archive(repository, Some(url)).url().unwrap();
        assert_eq!(resolved.username(), user, "{url}");
        assert_eq!(resolved.password().is_some(), !user.is_empty(), "{url}");
    }
}

#[test]
fn what_flux_could_not_fetch_is_a_fault_of_the_version_and_shows_no_password() {
    let repository = "https://user:hunter2@example.com/charts";
    for (url, says) in [
        (None, "names no URL"),
        (Some(" "), "names no URL"),
        (Some("oci://registry.example.com/charts/web:1.2.0"), "HelmRepository of type oci"),
        (Some("file:///etc/passwd"), "neither https nor http"),
        (Some("ftp://example.com/web.tgz"), "neither https nor http"),
        (Some("https://"), "empty host"),
    ] {
        let problem = archive(repository, url).url().unwrap_err();
        assert_eq!(problem.reason, Reason::ChartInvalid);
        assert!(problem.message.contains(says) && problem.message.contains("web 1.2.0"), "{problem}");
        assert!(!problem.message.contains("hunter2"), "{problem}");
    }
}

#[test]
fn a_user_that_the_index_writes_is_not_said_to_come_from_git() {
    for (url, writer) in [
        ("web.tgz", "the URL in Git"),
        ("https://example.com/web.tgz", "the URL in Git"),
        ("https://other:hunter3@example.com/web.tgz", "the archive's URL in the index"),
    ] {
        let archive = archive("https://user:hunter2@example.com/charts", Some(url));
        assert_eq!(archive.writer(&archive.url().unwrap()), writer, "{url}");
    }
}
