use super::super::{
    Cluster, ClusterAccess, CommitVia, Config, Forge, GitHubAuth, Issue, Mode, Purpose, SecretRef, load,
};
use crate::model::Bump;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn local(text: &str) -> Result<Config, Vec<Issue>> {
    load(Some(Path::new("davit.yaml")), text, &[], Purpose::Local)
}

fn with_env(text: &str, pairs: &[(&str, &str)]) -> Result<Config, Vec<Issue>> {
    load(Some(Path::new("davit.yaml")), text, &env(pairs), Purpose::Local)
}

/// All issues as lines, as `davit check` prints them.
fn issues(result: Result<Config, Vec<Issue>>) -> Vec<String> {
    result.expect_err("it has issues").iter().map(ToString::to_string).collect()
}

/// The only issue.
fn issue(text: &str) -> String {
    let mut all = issues(local(text));
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let config = Config::default();
    assert_eq!(config.mode, Mode::Propose);
    assert_eq!(config.github.api_url.as_str(), "https://api.github.com/");
    assert_eq!(config.github.commit_via, CommitVia::Git);
    assert_eq!(config.git.cache_dir, PathBuf::from("/var/cache/davit"));
    assert_eq!(config.git.timeout, Duration::from_mins(2));
    assert_eq!(config.registries.max_index_size, 256 << 20);
    assert_eq!(config.policy.bump, Bump::Major);
    assert_eq!(config.pull_requests.labels, ["davit"]);
    assert_eq!((config.limits.open_pull_requests, config.limits.per_hour), (10, 4));
    assert_eq!(config.server.listen.port(), 8080);
}

#[test]
fn an_empty_file_and_sections_left_empty_mean_the_defaults() {
    for text in ["", "# nothing\n", "---\n", "policy:\ngithub:\nrepositories:\n"] {
        assert_eq!(local(text).unwrap().policy, Config::default().policy, "{text:?}");
    }
}

#[test]
fn the_clusters_version_keeps_its_text() {
    assert_eq!(local("").unwrap().cluster.kube_version, None);
    assert_eq!(local("cluster: {kubeVersion: \"\"}").unwrap().cluster.kube_version, None);
    for text in ["1.31.2", "v1.31.2+k3s1", "v1.31.2-gke.100"] {
        let config = local(&format!("cluster: {{kubeVersion: {text}}}")).unwrap();
        assert_eq!(config.cluster.kube_version.unwrap().text(), text);
    }
}

#[test]
fn the_cluster_is_named_and_reached_as_written() {
    let config = local(
        "cluster: {name: production, root: ./clusters/production/, access: kubeconfig, kubeconfigFile: /etc/kube, \
         context: admin@prod, secrets: true, timeout: 3s}",
    );
    let cluster = config.unwrap().cluster;
    assert_eq!(cluster.name.as_deref(), Some("production"));
    assert_eq!(cluster.root.as_deref(), Some("clusters/production"));
    let (file, context) = (Some(PathBuf::from("/etc/kube")), Some("admin@prod".to_owned()));
    assert_eq!(cluster.access, ClusterAccess::Kubeconfig { file, context });
    assert_eq!((cluster.secrets, cluster.timeout), (true, Duration::from_secs(3)));
    assert_eq!(local("cluster: {root: .}").unwrap().cluster.root.as_deref(), Some("."));
    assert_eq!(local("").unwrap().cluster, Cluster::default());
    let inside = with_env("", &[("DAVIT__CLUSTER__ACCESS", "inCluster")]).unwrap();
    assert_eq!(inside.cluster.access, ClusterAccess::InCluster);
}

#[test]
fn a_cluster_that_contradicts_itself_is_refused() {
    for (text, why) in [
        ("cluster: {access: incluster}", "expected one of none, inCluster, kubeconfig"),
        ("cluster: {secrets: true}", "needs access to the cluster"),
        ("cluster: {kubeconfigFile: x}", "is for access: kubeconfig only"),
        ("cluster: {access: inCluster, context: x}", "is for access: kubeconfig only"),
        ("cluster: {root: ../other}", "is a directory from the repository's root"),
        ("cluster: {root: /clusters/x}", "is a directory from the repository's root"),
        ("cluster: {name: \"a b\"}", "must be letters"),
        ("cluster: {timeout: 0s}", "must be more than nothing"),
        ("cluster: {kubeconfig: x}", "unknown key"),
    ] {
        assert!(issue(text).contains(why), "{text}: {}", issue(text));
    }
}

#[test]
fn a_repository_takes_its_defaults_from_its_url() {
    let config = local(
        "repositories:\n\
         - url: git@github.com:acme/fleet.git\n\
         - url: https://git.example.com/team/apps\n\
         - {url: /srv/git/home.git, interval: 1h, forge: none}\n\
         - {url: https://git.example.com/team/mirror, github: acme/mirror}\n",
    )
    .unwrap();
    let [fleet, apps, home, mirror] = config.repositories.as_slice() else { panic!("four repositories") };
    assert!(matches!(&fleet.forge, Forge::GitHub(slug) if slug.to_string() == "acme/fleet"));
    assert_eq!((fleet.name.as_str(), fleet.interval), ("fleet", Duration::from_mins(10)));
    assert_eq!((apps.name.as_str(), &apps.forge), ("apps", &Forge::None));
    assert_eq!((home.name.as_str(), home.interval), ("home", Duration::from_hours(1)));
    assert!(matches!(&mirror.forge, Forge::GitHub(slug) if slug.name == "mirror"));
}

#[test]
fn a_repository_on_the_configured_enterprise_host_is_on_github() {
    let text = "github: {apiUrl: https://ghe.corp/api/v3}\nrepositories: [{url: https://ghe.corp/acme/fleet}]\n";
    assert!(matches!(local(text).unwrap().repositories[0].forge, Forge::GitHub(_)));
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    assert_eq!(issue("policy:\n  bmup: minor\n"), "davit.yaml:2:3: policy.bmup: unknown key; did you mean `bump`?");
    assert!(issue("github:\n  tokenfile: /x\n").ends_with("did you mean `tokenFile`?"));
    assert!(issue("github:\n  token_file: /x\n").ends_with("did you mean `tokenFile`?"));
    assert!(issue("limits: {zzz: 1}\n").ends_with("unknown key; known here: openPullRequests, perHour"));
}

#[test]
fn sections_whose_feature_is_not_built_yet_are_unknown() {
    for key in ["backup: {}", "commands: []", "notifications: []"] {
        assert!(issue(key).contains("unknown key"), "{key}");
    }
    assert!(issue("repositories: [{url: /a, role: platform}]").contains("repositories[0].role: unknown key"));
}

#[test]
fn a_wrong_type_is_refused_where_it_stands() {
    assert_eq!(
        issue("limits:\n  perHour: many\n"),
        "davit.yaml:2:12: limits.perHour: expected a whole number from 0 to 4294967295, found \"many\""
    );
    assert_eq!(issue("repositories: acme\n"), "davit.yaml:1:15: repositories: expected a list, found a single value");
    assert!(issue("paused: \"true\"\n").contains("without quotes"));
    assert!(issue("paused: yes\n").contains("expected true or false"));
    assert!(issue("mode: [report]\n").contains("expected one of propose, report, found a list"));
    assert!(issue("policy: {bump: mnior}\n").ends_with("did you mean minor?"));
    assert!(issue("- a\n").contains("expected a section (key: value), found a list"));
    assert!(issue("limits: {perHour: -1}\n").contains("from 0 to"));
    assert!(issue("limits: {perHour: 99999999999}\n").contains("from 0 to"));
}

#[test]
fn a_bare_number_stays_the_text_it_was_written_as() {
    let config = local("policy: {range: 1.10, ignore: [1.20, 0x10]}\n").unwrap();
    assert_eq!(
        (config.policy.range.as_str(), config.policy.ignore),
        ("1.10", vec!["1.20".to_owned(), "0x10".to_owned()])
    );
}

#[test]
fn every_problem_of_every_section_is_reported_at_once_in_order() {
    let text = "mode: propos\nrepositories:\n  - url: ftp://example.com/x\n    interval: 10\n  - {name: two}\npolicy:\n  minimumAge: soon\n  rules:\n    - match: {charts: [\"[\"]}\n      bump: minor\nlimit: {}\n";
    let all = issues(local(text));
    let starts: Vec<&str> = all.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        starts,
        [
            "davit.yaml:1:7",
            "davit.yaml:3:10",
            "davit.yaml:4:15",
            "davit.yaml:5:5",
            "davit.yaml:7:15",
            "davit.yaml:9:25",
            "davit.yaml:11:1"
        ],
        "{all:#?}"
    );
    assert!(all[3].contains("repositories[1].url: is missing; expected text"), "{}", all[3]);
}

#[test]
fn bad_urls_say_what_is_wrong() {
    for (text, why) in [
        ("github: {apiUrl: api.github.com}", "not a URL"),
        ("github: {apiUrl: \"ftp://x/\"}", "must begin with https://"),
        ("repositories: [{url: \"ssh://\"}]", "no host"),
        ("repositories: [{url: \"http://git.example.com/a/b\"}]", "not encrypted"),
        ("registries: {mirrors: [{from: ghcr.io, to: \"oci://m/\"}]}", "must begin with"),
        ("registries: {mirrors: [{from: \"oci://a/\", to: \"https://m/\"}]}", "is replaced by an oci:// one"),
        ("registries: {mirrors: [{from: \"oci://a/\", to: \"oci://m\"}]}", "must both end"),
        ("registries: {hosts: [{host: \"https://ghcr.io\"}]}", "expected a host name"),
        ("cluster: {kubeVersion: latest}", "expected the cluster's whole version"),
        ("cluster: {kubeVersion: \"1.31\"}", "expected the cluster's whole version"),
        ("cluster: {kubeVersion: \">=1.31.0\"}", "expected the cluster's whole version"),
    ] {
        assert!(issue(text).contains(why), "{text}: {}", issue(text));
    }
}

#[test]
fn durations_and_sizes_that_cannot_be_are_refused() {
    for text in [
        "git: {timeout: 0s}",
        "git: {timeout: -5m}",
        "registries: {timeout: 10}",
        "registries: {maxIndexSize: big}",
        "registries: {maxChartSize: 0}",
        "policy: {minimumAge: 900w9999d}",
        "repositories: [{url: /a, interval: 0s}]",
        "repositories: [{url: /a, interval: 52w}]",
    ] {
        issue(text);
    }
}

#[test]
fn two_repositories_of_one_name_or_with_overlapping_paths_are_refused() {
    let text = "repositories:\n  - url: https://github.com/a/fleet\n  - url: https://github.com/b/fleet\n";
    assert_eq!(
        issue(text),
        "davit.yaml:3:5: repositories[1].name: \"fleet\" is the name of repositories[0] too; set a name of its own"
    );
    let text = "repositories:\n  - {url: https://github.com/a/b, name: x, paths: {include: [\"apps/**\"]}}\n  - {url: git@github.com:a/b.git, name: y}\n";
    assert!(issue(text).contains("reads the same files as repositories[0]"));
    let apart = text.replace("name: y", "name: y, forge: none, paths: {include: [\"infra/**\"]}");
    assert_eq!(local(&apart).unwrap().repositories.len(), 2);
    let branch = text.replace("name: y", "name: y, forge: none, branch: next");
    assert_eq!(local(&branch).unwrap().repositories.len(), 2);
}

#[test]
fn with_data_residency_the_api_is_beside_the_repositories() {
    let text = "github: {apiUrl: https://api.acme.ghe.com}\nrepositories: [{url: https://acme.ghe.com/a/b}]\n";
    let config = local(text).unwrap();
    assert!(matches!(&config.repositories[0].forge, Forge::GitHub(slug) if slug.to_string() == "a/b"));
}

#[test]
fn two_entries_that_open_pull_requests_on_one_repository_are_refused_with_the_remedy() {
    let text = |second: &str| {
        format!(
            "repositories:\n  - {{url: https://github.com/a/b, name: x, paths: {{include: [\"apps/**\"]}}}}\n  - {{{second}, name: y, paths: {{include: [\"infra/**\"]}}}}\n"
        )
    };
    for second in [
        "url: git@github.com:a/b.git",
        "url: https://github.com/A/B.git",
        "url: https://github.com/a/b, branch: next",
        "url: https://git.example.com/mirror/of-b, github: a/b",
    ] {
        let said = issue(&text(second));
        assert!(said.starts_with("davit.yaml:3:5: repositories[1]: opens pull requests on "), "{said}");
        assert!(said.contains("as repositories[0] does"), "{said}");
        assert!(said.contains("forge: none"), "{said}");
        assert_eq!(said.contains("paths.include"), !second.contains("branch:"), "{said}");
        assert_eq!(local(&text(&format!("{second}, forge: none"))).unwrap().repositories.len(), 2);
    }
    assert_eq!(local(&text("url: https://github.com/a/c")).unwrap().repositories.len(), 2);
}

#[test]
fn a_key_given_twice_a_second_document_and_broken_yaml_are_refused() {
    assert_eq!(issue("paused: true\npaused: false\n"), "davit.yaml:2:1: paused: is given twice");
    assert_eq!(
        issue("paused: true\n---\npaused: false\n"),
        "davit.yaml:2:1: a second document: the configuration is one"
    );
    assert!(issue("policy: {bump: minor\nlimits: ]\n").contains("not valid YAML"));
}

#[test]
fn anchors_and_merge_keys_work_in_the_file() {
    let text = "repositories:\n  - &base {url: https://github.com/a/b, interval: 1h}\n  - {<<: *base, url: https://github.com/a/c}\n";
    let config = local(text).unwrap();
    assert_eq!((config.repositories[1].name.as_str(), config.repositories[1].interval), ("c", Duration::from_hours(1)));
}

#[test]
fn the_environment_wins_over_the_file_and_reaches_camel_case_keys_and_lists() {
    let config = with_env(
        "github: {apiUrl: https://ghe.corp/api/v3, tokenFile: /a}\npullRequests: {labels: [a, b]}\n",
        &[
            ("DAVIT__GITHUB__TOKEN_FILE", "/run/token"),
            ("DAVIT__PULL_REQUESTS__LABELS", "[x, \"y z\"]"),
            ("DAVIT__LIMITS__OPEN_PULL_REQUESTS", "3"),
            ("DAVIT__REPOSITORIES", "[{url: https://ghe.corp/a/b}]"),
            ("DAVIT__PAUSED", "true"),
            ("DAVIT_CONFIG", "not ours"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert!(
        matches!(&config.github.auth, Some(GitHubAuth::Token(SecretRef::File(path))) if path == Path::new("/run/token"))
    );
    assert_eq!(config.github.api_url.host_str(), Some("ghe.corp"));
    assert_eq!(config.pull_requests.labels, ["x", "y z"]);
    assert_eq!((config.limits.open_pull_requests, config.paused, config.repositories.len()), (3, true, 1));
}

#[test]
fn a_section_split_between_file_and_environment_is_complete() {
    let config = with_env(
        "github: {app: {id: 1}}\n",
        &[("DAVIT__GITHUB__APP__INSTALLATION_ID", "2"), ("DAVIT__GITHUB__APP__PRIVATE_KEY_FILE", "/k")],
    );
    assert!(matches!(config.unwrap().github.auth, Some(GitHubAuth::App { id: 1, installation_id: 2, .. })));
    assert!(issue("github: {app: {id: 1, privateKeyFile: /k}}\n").contains("github.app.installationId: is missing"));
}

#[test]
fn a_text_in_the_environment_keeps_what_yaml_would_take_away() {
    for (value, want) in [("a #b: c", "a #b: c"), ("*x", "*x"), ("\"q\\u0041\"", "qA"), ("123", "123")] {
        let config = with_env("", &[("DAVIT__GIT__AUTHOR__NAME", value)]).unwrap();
        assert_eq!(config.git.author.name, want);
    }
}

#[test]
fn an_empty_variable_unsets_a_text_of_the_file() {
    let config = with_env("github: {tokenFile: /a}\n", &[("DAVIT__GITHUB__TOKEN_FILE", "")]).unwrap();
    assert!(config.github.auth.is_none());
}

#[test]
fn unknown_and_broken_variables_are_issues_with_their_name() {
    let all = issues(with_env(
        "",
        &[
            ("DAVIT__GITHUB__TOKENFILE", "/x"),
            ("DAVIT__LIMITS__PER_HOUR", "x"),
            ("DAVIT__REPOSITORIES__0__URL", "/a"),
            ("DAVIT__MIRRORS", "[]"),
            ("DAVIT__POLICY__IGNORE", "[a"),
            ("DAVIT__", "x"),
        ],
    ));
    assert_eq!(all.len(), 6, "{all:#?}");
    assert_eq!(all[0], "DAVIT__: unknown key");
    assert_eq!(all[1], "DAVIT__GITHUB__TOKENFILE: unknown key; did you mean `DAVIT__GITHUB__TOKEN_FILE`?");
    assert!(all[2].starts_with("DAVIT__LIMITS__PER_HOUR: limits.perHour: expected a whole number"));
    assert_eq!(all[3], "DAVIT__MIRRORS: unknown key");
    assert!(all[4].contains("policy.ignore: the value is not valid YAML"));
    assert!(all[5].contains("lists are given whole"));
}

#[test]
fn a_secret_is_never_in_debug_nor_in_an_issue() {
    let text = "github: {token: hunter2-t, webhookSecret: hunter2-w}\nserver: {apiToken: hunter2-a}\ngit: {http: {password: hunter2-p}}\nregistries: {hosts: [{host: ghcr.io, username: u, password: hunter2-r}]}\n";
    let config = local(text).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let broken = format!("{text}zzz: 1\n").replace("apiToken: hunter2-a", "apiToken: hunter2-a, apiTokenFile: /x");
    let all = issues(local(&broken));
    assert!(all.iter().any(|i| i.contains("both server.apiToken and server.apiTokenFile are set")), "{all:#?}");
    assert!(!all.join("\n").contains("hunter2"));
    for wrong in [
        "github: {token: [hunter2]}",
        "github: {token: {hunter2: x}}",
        "repositories: [{url: \"https://u:hunter2@h/a/b\"}]",
    ] {
        let all = issues(local(wrong)).join("\n");
        assert!(!all.contains("hunter2"), "{all}");
    }
}

#[test]
fn the_daemon_needs_repositories_and_a_way_to_sign_in_and_scan_does_not() {
    let run = |text: &str| load(Some(Path::new("d.yaml")), text, &[], Purpose::Run);
    assert!(issues(run("")).join("").contains("repositories: at least one repository is needed"));
    let wrong = issues(run("repositories: [{url: 'ftp://example.com/a'}]")).join("\n");
    assert!(wrong.contains("repositories[0].url") && !wrong.contains("at least one repository"), "{wrong}");
    let text = "repositories: [{url: https://github.com/a/b}]\n";
    assert!(issues(run(text)).join("").contains("set github.tokenFile or github.app"));
    assert!(issues(load(None, text, &[], Purpose::Check)).join("").contains("set github.tokenFile"));
    assert!(local(text).is_ok() && load(None, "", &[], Purpose::Check).is_ok());
    assert!(run(&format!("{text}github: {{tokenFile: /t}}\n")).is_ok());
    assert!(run("repositories: [{url: /srv/a}]\n").is_ok());
}

#[test]
fn contradictions_are_named() {
    for (text, why) in [
        ("github: {commitVia: api}\ngit: {author: {name: me}}\n", "must be unset with github.commitVia: api"),
        ("github: {token: a, app: {id: 1, installationId: 2, privateKey: k}}\n", "both a token and an app"),
        ("github: {app: {id: 1, installationId: 2}}\n", "needs privateKeyFile"),
        ("registries: {hosts: [{host: a, username: u}]}\n", "without passwordFile"),
        ("registries: {hosts: [{host: a}, {host: A}]}\n", "given twice"),
        ("policy: {rules: [{match: {charts: [a]}}]}\n", "sets nothing"),
        ("pullRequests: {branchPrefix: \"\"}\n", "branchPrefix"),
        ("pullRequests: {branchPrefix: \"../\"}\n", "branchPrefix"),
        ("pullRequests: {titleTemplate: \"{{ x\"}\n", "not a minijinja template"),
        ("server: {listen: localhost}\n", "0.0.0.0:8080"),
        ("repositories: [{url: /a, paths: {include: [apps/]}}]\n", "write `apps/**`"),
        ("repositories: [{url: /a, paths: {exclude: [../x]}}]\n", "begin at the repository's root"),
        ("repositories: [{url: /a, name: \"a/../b\"}]\n", "must be letters"),
        ("repositories: [{url: /a, branch: \"a..b\"}]\n", "not the name of a branch"),
        ("repositories: [{url: /a, schedule: [\"mon 25:00-26:00\"]}]\n", "schedule[0]"),
        ("policy: {rules: [{bump: minor, schedule: [sometimes]}]}\n", "rules[0].schedule[0]"),
        ("repositories: [{url: /a, forge: github}]\n", "set github: owner/name"),
        ("repositories: [{url: /a, github: acme}]\n", "expected owner/name"),
    ] {
        assert!(issue(text).contains(why), "{text}: {}", issue(text));
    }
}

#[test]
fn a_path_is_located_where_it_is_written_or_in_the_section_around_it() {
    let config = local("policy:\n  rules:\n    - bump: minor\n    - range: \">=1\"\n").unwrap();
    let at = |path| (config.locate(path).line, config.locate(path).column);
    assert_eq!(at("policy.rules[1].range"), (4, 15));
    assert_eq!(at("policy.rules[1].ignore"), (4, 7));
    assert_eq!(at("policy.range"), (1, 1));
    assert_eq!(at("limits.perHour"), (0, 0));
    assert_eq!(config.policy.rules[1].path, "policy.rules[1]");
}

#[test]
fn a_registry_host_is_found_by_the_longest_path() {
    let config = local(
        "registries: {hosts: [{host: ghcr.io}, {host: ghcr.io, paths: [acme], concurrency: 2}, {host: ghcr.io, paths: [/acme/private/], concurrency: 1}]}\n",
    )
    .unwrap();
    let of = |path| config.registries.host("GHCR.io", path).map(|h| h.concurrency);
    assert_eq!(of("other/x"), Some(4));
    assert_eq!(of("acme/x"), Some(2));
    assert_eq!(of("acme-two/x"), Some(4));
    assert_eq!(of("acme/private/x"), Some(1));
    assert!(config.registries.host("quay.io", "x").is_none());
}
