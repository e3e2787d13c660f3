use super::told;
use crate::model::{
    CredentialsHint, Lookup, NsName, Problem, Reason, References, Release, RowKind, SourceKind, TagRules,
};

fn hint(kind: SourceKind, references: References, provider: Option<&str>) -> CredentialsHint {
    CredentialsHint {
        kind,
        source: NsName { namespace: "media".to_owned(), name: "app".to_owned() },
        url: "oci://registry.example.com:5000/acme/app".to_owned(),
        references,
        provider: provider.map(str::to_owned),
    }
}

fn release(hint: Option<&CredentialsHint>, insecure: bool) -> Release {
    let rules = TagRules { leading_v: true, by_version: false, underscore_is_plus: true };
    Release {
        kind: RowKind::HelmRelease,
        cluster: None,
        kustomization: None,
        namespace: "media".to_owned(),
        name: "app".to_owned(),
        file: "app.yaml".into(),
        line: 1,
        chart: None,
        source: None,
        site: None,
        digest_site: None,
        digest_stays: false,
        frame: None,
        current: None,
        chart_kind: None,
        lookup: Some(Lookup::oci("oci://registry.example.com:5000/acme/app", rules, insecure).into()),
        annotations: std::sync::Arc::default(),
        notes: Vec::new(),
        problem: None,
        chain: Vec::new(),
        crds: crate::model::CrdUpgrade::default(),
        credentials: hint.cloned().map(Into::into),
    }
}

/// What is said beside the problem itself.
fn said(hint: &CredentialsHint, reason: Reason) -> String {
    let problem = told(&release(Some(hint), false), &Problem::new(reason, "refused"));
    assert_eq!(problem.reason, reason);
    problem.message.strip_prefix("refused").unwrap().to_owned()
}

fn names(change: impl FnOnce(&mut References)) -> References {
    let mut references = References::default();
    change(&mut references);
    references
}

#[test]
fn flux_rule_14_what_a_source_names_and_nobody_reads_is_named_with_its_remedy() {
    let secret = hint(SourceKind::OciRepository, names(|r| r.secret = Some("auth".to_owned())), None);
    let text = said(&secret, Reason::SourceUnauthorized);
    assert!(text.contains("Secret media/auth") && text.contains("username and passwordFile"), "{text}");
    let tls = hint(SourceKind::OciRepository, names(|r| r.certificates = Some("tls".to_owned())), None);
    for reason in [Reason::SourceTls, Reason::SourceUnauthorized] {
        let text = said(&tls, reason);
        assert!(text.contains("media/tls") && text.contains("cluster.secrets: true"), "{text}");
    }
    assert!(said(&tls, Reason::SourceTls).contains("caFile for registry.example.com:5000 in registries.hosts"));
    let proxy = hint(SourceKind::OciRepository, names(|r| r.proxy = Some("way-out".to_owned())), None);
    let text = said(&proxy, Reason::SourceUnreachable);
    assert!(text.contains("proxy of the Secret media/way-out") && text.contains("HTTPS_PROXY"), "{text}");
    let account = hint(SourceKind::OciRepository, names(|r| r.service_account = Some("puller".to_owned())), None);
    let text = said(&account, Reason::SourceUnauthorized);
    assert!(text.contains("ServiceAccount media/puller") && text.contains("passwordFile"), "{text}");
    // A HelmRepository's old certificates stand in its secretRef.
    let old = hint(SourceKind::HelmRepository, names(|r| r.secret = Some("auth".to_owned())), None);
    assert!(said(&old, Reason::SourceTls).contains("Secret media/auth"));
    assert_eq!(said(&secret, Reason::SourceTls), "", "an OCIRepository's secretRef holds none");
}

#[test]
fn flux_rule_14_what_could_not_have_helped_is_not_brought_up() {
    let all = names(|r| {
        r.secret = Some("auth".to_owned());
        r.certificates = Some("tls".to_owned());
        r.proxy = Some("proxy".to_owned());
    });
    let all = hint(SourceKind::OciRepository, all, Some("aws"));
    for reason in [Reason::SourceNotFound, Reason::SourceInvalid, Reason::ChartMissing, Reason::SourceRateLimited] {
        assert_eq!(said(&all, reason), "", "{reason}");
    }
    // Where Secrets are read, the problem has said why one was not used.
    let mut read = release(Some(&all), false);
    read.lookup = read.lookup.map(|lookup| Lookup::clone(&lookup).signed(&all).into());
    assert_eq!(told(&read, &Problem::new(Reason::SourceUnauthorized, "refused")).message, "refused");
}

#[test]
fn flux_rule_14_a_clouds_identity_is_named_with_what_stands_in_for_it() {
    for (provider, helper) in [
        ("aws", "docker-credential-ecr-login"),
        ("gcp", "docker-credential-gcr"),
        ("azure", "docker-credential-acr-env"),
    ] {
        let cloud = hint(SourceKind::OciRepository, References::default(), Some(provider));
        let text = said(&cloud, Reason::SourceUnauthorized);
        assert!(text.contains(&format!("provider {provider}")) && text.contains(helper), "{text}");
        assert!(text.contains("OCIRepository media/app") && text.contains("for registry.example.com:5000"), "{text}");
    }
    let own = hint(SourceKind::OciRepository, names(|r| r.secret = Some("auth".to_owned())), Some("aws"));
    assert!(!said(&own, Reason::SourceUnauthorized).contains("provider"), "Flux takes the Secret, too");
}

#[test]
fn flux_rule_14_insecure_is_plain_http_and_no_reason_to_take_any_certificate() {
    let problem = Problem::new(Reason::SourceTls, "refused");
    let text = told(&release(None, true), &problem).message;
    assert!(text.contains("insecure: true for registry.example.com:5000 in registries.hosts"), "{text}");
    assert_eq!(told(&release(None, false), &problem).message, "refused");
    assert_eq!(told(&release(None, true), &Problem::new(Reason::SourceNotFound, "refused")).message, "refused");
}

#[test]
fn a_git_repositorys_tags_are_listed_by_nobody_in_particular() {
    let git = hint(SourceKind::GitRepository, names(|r| r.secret = Some("auth".to_owned())), None);
    let text = said(&git, Reason::SourceUnauthorized);
    assert!(text.contains("without credentials") && !text.contains("registries.hosts"), "{text}");
}
