//! Bare repositories with a history, made for the tests, and the client side of them.

use davit::world::git::{Change, Committed, Git, GitOptions, Oid, Repository, Wanted};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A directory with one bare repository, `fleet.git`, whose `main` has some commits.
pub struct Fleet {
    pub dir: tempfile::TempDir,
}

impl Fleet {
    /// `commits` commits on `main`, a minute apart; each changes `apps/hr.yaml`.
    pub fn new(commits: usize) -> Self {
        davit::world::git::init().unwrap();
        let fleet = Self { dir: tempfile::tempdir().unwrap() };
        let repo = git2::Repository::init_bare(fleet.path()).unwrap();
        repo.set_head("refs/heads/main").unwrap();
        let mut parent = None;
        for n in 0..commits {
            parent = Some(fleet.commit("main", parent, &format!("version: {n}\n")));
        }
        fleet
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("fleet.git")
    }

    pub fn raw(&self) -> git2::Repository {
        git2::Repository::open_bare(self.path()).unwrap()
    }

    /// A person's commit on a branch of the remote: `apps/hr.yaml` gets this content.
    pub fn commit(&self, branch: &str, parent: Option<Oid>, content: &str) -> Oid {
        let repo = self.raw();
        let parent = parent.map(|id| repo.find_commit(id).unwrap());
        let time = parent.as_ref().map_or(1_700_000_000, |p| p.time().seconds() + 60);
        let who = git2::Signature::new("A Person", "person@example.com", &git2::Time::new(time, 0)).unwrap();
        let mut apps = repo.treebuilder(None).unwrap();
        apps.insert("hr.yaml", repo.blob(content.as_bytes()).unwrap(), 0o100_644).unwrap();
        let mut root = repo.treebuilder(None).unwrap();
        root.insert("apps", apps.write().unwrap(), 0o040_000).unwrap();
        let tree = repo.find_tree(root.write().unwrap()).unwrap();
        let parents: Vec<_> = parent.iter().collect();
        let id = repo.commit(None, &who, &who, "a person's change\n", &tree, &parents).unwrap();
        repo.reference(&format!("refs/heads/{branch}"), id, true, "").unwrap();
        id
    }

    pub fn at(&self, branch: &str) -> Option<Oid> {
        self.raw().refname_to_id(&format!("refs/heads/{branch}")).ok()
    }

    /// The `back`th ancestor of a branch.
    pub fn ancestor(&self, branch: &str, back: usize) -> Oid {
        let repo = self.raw();
        let tip = repo.find_commit(self.at(branch).unwrap()).unwrap();
        (0..back).fold(tip, |commit, _| commit.parent(0).unwrap()).id()
    }

    /// A pre-receive hook that says this and refuses every push.
    pub fn refuse_pushes(&self, words: &str) {
        use std::os::unix::fs::PermissionsExt;
        let hook = self.path().join("hooks/pre-receive");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, format!("#!/bin/sh\necho '{words}' >&2\nexit 1\n")).unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A cache directory of its own.
    pub fn cache(&self, name: &str) -> PathBuf {
        self.dir.path().join("cache").join(name)
    }

    /// The options that tests change: anonymous, 20 s.
    pub fn options(&self, cache: &str) -> GitOptions {
        GitOptions { timeout: Duration::from_secs(20), ..GitOptions::anonymous(self.cache(cache)) }
    }
}

pub fn open(options: GitOptions, url: &str) -> Repository {
    Git::new(options, CancellationToken::new()).repository("fleet", url).unwrap()
}

pub fn wanted() -> Wanted {
    Wanted { base: None, prefix: "davit/".to_owned(), pulls: Vec::new(), forks: Vec::new() }
}

/// Our commit on top of `base`, in the bare copy only.
pub async fn ours(repo: &Repository, base: Oid, content: &[u8]) -> Oid {
    let change = Change {
        base,
        files: vec![("apps/hr.yaml".to_owned(), content.to_vec())],
        message: "feat: raise\n".to_owned(),
        author: None,
        time: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
    };
    match repo.commit(change).await.unwrap() {
        Committed::New(oid) => oid,
        Committed::Unchanged => panic!("the content is already there"),
    }
}

/// The one directory in a cache.
pub fn cached(root: &Path) -> PathBuf {
    std::fs::read_dir(root).unwrap().flatten().map(|e| e.path()).find(|p| p.is_dir()).unwrap()
}
