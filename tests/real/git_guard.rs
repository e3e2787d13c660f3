//! A chart's Git repository is asked within the same reach as an index: what a public URL resolves to when it is
//! connected to must be public, over HTTPS and SSH alike.

use crate::git_fleet::Fleet;
use crate::git_server::{Fault, GitServer};
use crate::ssh_server::SshServer;
use davit::config::{Config, PrivateAddresses, RegistryHost};
use davit::model::{Lookup, Problem, Reason};
use davit::world::git::{Git, GitOptions};
use davit::world::registry::{Network, Options, Registry};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// Every name resolves to these addresses, one a question; the last one stays. One address is public at most.
struct Names {
    answers: Mutex<Vec<IpAddr>>,
    public: IpAddr,
}

impl Names {
    fn new(answers: &[u8], public: u8) -> Arc<Self> {
        let address = |last: &u8| IpAddr::from([127, 0, 0, *last]);
        let answers = answers.iter().rev().map(address).collect();
        Arc::new(Self { answers: Mutex::new(answers), public: address(&public) })
    }
}

#[async_trait::async_trait]
impl Network for Names {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        let mut answers = self.answers.lock().unwrap();
        Ok(vec![if answers.len() > 1 { answers.pop().unwrap() } else { answers[0] }])
    }

    fn is_private(&self, address: IpAddr) -> bool {
        address != self.public
    }
}

struct Case {
    allow: PrivateAddresses,
    /// What the name resolves to, question by question.
    answers: &'static [u8],
    /// Which of them is public.
    public: u8,
    /// Whether `registries.hosts` names the host.
    named: bool,
}

/// The tags of a repository, or why there are none.
async fn tags(git: &GitOptions, url: &str, case: &Case) -> Result<Vec<String>, Problem> {
    let cache = tempfile::tempdir().unwrap();
    let mut registries = Config::default().registries;
    registries.allow_private_addresses = case.allow;
    if case.named {
        let host = url.split("://").nth(1).unwrap().split('/').next().unwrap().rsplit('@').next().unwrap();
        registries.hosts.push(RegistryHost {
            host: host.to_owned(),
            paths: Vec::new(),
            username: None,
            password: None,
            ca_file: None,
            insecure: false,
            concurrency: 4,
        });
    }
    let clock = Arc::new(jiff::Timestamp::now);
    let mut options = Options::new(registries, cache.path().to_owned(), clock, &|_| None)
        .with_git_tags(Arc::new(Git::new(git.clone(), CancellationToken::new())));
    options.network = Names::new(case.answers, case.public);
    let candidates = Registry::new(options).candidates(&Lookup::git_tags(url)).await?;
    Ok(candidates.versions.iter().map(|candidate| candidate.text.clone()).collect())
}

fn tagged() -> Fleet {
    let fleet = Fleet::new(2);
    let raw = fleet.raw();
    let head = raw.find_object(fleet.at("main").unwrap(), None).unwrap();
    raw.tag_lightweight("1.0.0", &head, false).unwrap();
    fleet
}

/// What holds for every way to a repository at `127.0.0.1` whose host is a name.
async fn holds(git: &GitOptions, url: &str) {
    use PrivateAddresses::{Always, Auto, Never};
    let good = [
        Case { allow: Auto, answers: &[1], public: 1, named: false },
        Case { allow: Never, answers: &[1], public: 1, named: false },
        // The URL in Git is private itself.
        Case { allow: Auto, answers: &[1], public: 9, named: false },
        Case { allow: Always, answers: &[1], public: 9, named: false },
        Case { allow: Never, answers: &[1], public: 9, named: true },
        Case { allow: Auto, answers: &[9, 1], public: 9, named: true },
    ];
    for (n, case) in good.iter().enumerate() {
        assert_eq!(tags(git, url, case).await.unwrap(), ["1.0.0"], "{url} {n}");
    }
    let refused = [
        // Public when it is judged, private when it is connected to.
        Case { allow: Auto, answers: &[9, 1], public: 9, named: false },
        Case { allow: Never, answers: &[1], public: 9, named: false },
    ];
    for (n, case) in refused.iter().enumerate() {
        let problem = tags(git, url, case).await.unwrap_err();
        assert_eq!(problem.reason, Reason::SourcePrivateAddress, "{url} {n}: {problem}");
        let helps = ["registries.hosts", "allowPrivateAddresses", "fleet.git"];
        assert!(helps.iter().all(|word| problem.message.contains(word)), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_https_a_public_url_never_leads_to_a_private_machine() {
    let fleet = tagged();
    let server = GitServer::start(fleet.dir.path()).await;
    let options = GitOptions { ca_file: Some(server.ca_pem_path.clone()), ..fleet.options("a") };
    let url = format!("{}/fleet.git", server.url);
    holds(&options, &url).await;
    let seen = server.requests().len();
    let never = Case { allow: PrivateAddresses::Never, answers: &[1], public: 9, named: false };
    let literal = format!("https://127.0.0.1:{}/fleet.git", server.port());
    let problem = tags(&options, &literal, &never).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourcePrivateAddress, "{problem}");
    assert_eq!(server.requests().len(), seen, "nothing was asked");
    // A hop elsewhere is not followed at all.
    server.fault(Some(Fault::MovedAway));
    let public = Case { allow: PrivateAddresses::Auto, answers: &[1], public: 1, named: false };
    let problem = tags(&options, &url, &public).await.unwrap_err();
    assert!(problem.message.contains("another place"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_ssh_a_public_url_never_leads_to_a_private_machine() {
    let fleet = tagged();
    let server = SshServer::start();
    let (ssh, known_hosts) = (Some(server.key("ed25519")), vec![server.known_hosts.clone()]);
    let options = GitOptions { ssh, known_hosts, ..fleet.options("a") };
    let url = server.url(&fleet.path());
    holds(&options, &url).await;
    // An address that is written out is no name that could be judged later.
    let never = Case { allow: PrivateAddresses::Never, answers: &[1], public: 9, named: false };
    let problem = tags(&options, &url.replace("localhost", "127.0.0.1"), &never).await.unwrap_err();
    assert_eq!(problem.reason, Reason::SourcePrivateAddress, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_in_git_is_none_on_this_machine() {
    let fleet = tagged();
    let path = fleet.path().display().to_string();
    let open = Case { allow: PrivateAddresses::Always, answers: &[1], public: 1, named: false };
    for url in [path.clone(), format!("file://{path}"), "git@localhost:fleet.git".to_owned()] {
        let problem = tags(&fleet.options("a"), &url, &open).await.unwrap_err();
        assert_eq!(problem.reason, Reason::InvalidSource, "{url}: {problem}");
    }
}
