//! The whole life of a repository over a local path: no program and no network is needed.

use super::{Change, Committed, Failure, Git, GitOptions, Repository, Wanted};
use crate::model::BlobId;
use crate::world::tree::TreeReader;
use git2::Oid;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

struct Site {
    _dir: tempfile::TempDir,
    remote: PathBuf,
    cache: PathBuf,
}

/// A bare remote with one commit on `main`: `a.yaml`, an executable `run.sh` and a symlink.
fn site() -> Site {
    super::init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let remote = dir.path().join("fleet.git");
    let repo = git2::Repository::init_bare(&remote).unwrap();
    repo.set_head("refs/heads/main").unwrap();
    let mut apps = repo.treebuilder(None).unwrap();
    apps.insert("hr.yaml", repo.blob(b"version: 1\n").unwrap(), 0o100_644).unwrap();
    let apps = apps.write().unwrap();
    let mut root = repo.treebuilder(None).unwrap();
    root.insert("a.yaml", repo.blob(b"a: 1\n").unwrap(), 0o100_644).unwrap();
    root.insert("run.sh", repo.blob(b"#!/bin/sh\n").unwrap(), 0o100_755).unwrap();
    root.insert("link", repo.blob(b"/etc/passwd").unwrap(), 0o120_000).unwrap();
    root.insert("new\nline", repo.blob(b"x").unwrap(), 0o100_644).unwrap();
    root.insert("apps", apps, 0o040_000).unwrap();
    let root = root.write().unwrap();
    commit(&repo, "main", root, &[]);
    let cache = dir.path().join("cache");
    Site { remote, cache, _dir: dir }
}

/// A commit with that tree on a branch of the remote, whatever stood there.
fn commit(repo: &git2::Repository, branch: &str, tree: Oid, parents: &[Oid]) -> Oid {
    let who = git2::Signature::new("A Person", "person@example.com", &git2::Time::new(1_700_000_000, 0)).unwrap();
    let parents: Vec<_> = parents.iter().map(|id| repo.find_commit(*id).unwrap()).collect();
    let tree = repo.find_tree(tree).unwrap();
    let id = repo.commit(None, &who, &who, "a change\n", &tree, &parents.iter().collect::<Vec<_>>()).unwrap();
    repo.reference(&format!("refs/heads/{branch}"), id, true, "").unwrap();
    id
}

impl Site {
    fn open(&self) -> Repository {
        let git = Git::new(GitOptions::anonymous(&self.cache), CancellationToken::new());
        git.repository("fleet", self.remote.to_str().unwrap()).unwrap()
    }

    fn raw(&self) -> git2::Repository {
        git2::Repository::open_bare(&self.remote).unwrap()
    }

    fn at(&self, branch: &str) -> Option<Oid> {
        self.raw().refname_to_id(&format!("refs/heads/{branch}")).ok()
    }
}

fn wanted() -> Wanted {
    Wanted { base: None, prefix: "davit/".to_owned(), pulls: Vec::new(), forks: Vec::new() }
}

fn change(base: Oid, files: &[(&str, &str)]) -> Change {
    Change {
        base,
        files: files.iter().map(|(p, c)| ((*p).to_owned(), c.as_bytes().to_vec())).collect(),
        message: "feat: raise\n".to_owned(),
        author: None,
        time: jiff::Timestamp::from_second(1_700_000_100).unwrap(),
    }
}

fn new(committed: Committed) -> Oid {
    match committed {
        Committed::New(oid) => oid,
        Committed::Unchanged => panic!("unchanged"),
    }
}

#[tokio::test]
async fn a_tree_shows_regular_files_only_and_names_what_it_left_out() {
    let site = site();
    let repo = site.open();
    let fetched = repo.fetch(wanted()).await.unwrap();
    assert_eq!(fetched.base_branch, "main");
    let listing = repo.tree(fetched.base_commit).await.unwrap();
    let paths: Vec<_> = listing.tree.files.iter().map(|f| (f.path.as_str(), f.size)).collect();
    assert_eq!(paths, [("a.yaml", 5), ("apps/hr.yaml", 11), ("run.sh", 10)]);
    let skipped: Vec<_> = listing.skipped.iter().map(|s| s.path.as_str()).collect();
    assert_eq!(skipped, ["link", "new\\nline"]);
    let file = &listing.tree.files[0];
    assert_eq!(repo.blob(&file.blob, 100).await.unwrap(), b"a: 1\n");
    assert!(matches!(repo.blob(&file.blob, 4).await.unwrap_err().kind, Failure::TooBig { size: 5, .. }));
    assert_eq!(repo.file(fetched.base_commit, "apps/hr.yaml", 100).await.unwrap(), b"version: 1\n");
    let missing = |path: &'static str| repo.file(fetched.base_commit, path, 100);
    assert!(matches!(missing("apps/none").await.unwrap_err().kind, Failure::Missing(_)));
    assert!(matches!(missing("link").await.unwrap_err().kind, Failure::Missing(_)));
    let none = BlobId("0".repeat(40));
    assert!(matches!(repo.blob(&none, 100).await.unwrap_err().kind, Failure::Missing(_)));
    let reader: TreeReader = repo.reader().await.unwrap();
    assert_eq!(reader.read(file, 100).unwrap(), b"a: 1\n");
}

/// A step of a plain generator: the same walk in every run.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[tokio::test]
async fn a_listing_made_from_an_earlier_one_is_the_listing() {
    const NAMES: [&str; 9] = [
        "a.yaml",
        "a/b.yaml",
        "a/b/c.yaml",
        "a-b/c.yaml",
        "a/b/d/e.yaml",
        "x/link",
        "a.b/c",
        "x/y/z.yaml",
        "x/new\nline",
    ];
    let site = site();
    let (raw, repo) = (site.raw(), site.open());
    let mut before = repo.tree(repo.fetch(wanted()).await.unwrap().base_commit).await.unwrap();
    let (mut tree, mut state, mut taken) = (raw.find_commit(site.at("main").unwrap()).unwrap().tree().unwrap(), 1, 0);
    for _ in 0..60 {
        let name = NAMES[usize::try_from(next(&mut state)).unwrap() % NAMES.len()];
        let mut update = git2::build::TreeUpdateBuilder::new();
        if next(&mut state).is_multiple_of(3) && tree.get_path(Path::new(name)).is_ok() {
            update.remove(name);
        } else {
            let mode = if name == "x/link" { git2::FileMode::Link } else { git2::FileMode::Blob };
            update.upsert(name, raw.blob(format!("{}", next(&mut state) % 4).as_bytes()).unwrap(), mode);
        }
        // A file can't stand where a directory does: the walk goes on from what there is.
        let Ok(id) = update.create_updated(&raw, &tree) else { continue };
        tree = raw.find_tree(id).unwrap();
        let parent = site.at("main").unwrap();
        let commit = commit(&raw, "main", id, &[parent]);
        assert_eq!(repo.fetch(wanted()).await.unwrap().base_commit, commit);
        let whole = repo.tree(commit).await.unwrap();
        let known = before
            .directories
            .iter()
            .filter(|(path, known)| whole.directories.get(*path).is_some_and(|w| w.id == known.id));
        taken += known.count();
        assert_eq!(repo.tree_after(commit, before).await.unwrap(), whole);
        before = whole;
    }
    assert!(taken > 60, "the walk shares directories");
}

#[tokio::test]
async fn files_are_read_and_named_together_as_they_are_alone() {
    let site = site();
    let repo = site.open();
    let commit = repo.fetch(wanted()).await.unwrap().base_commit;
    let paths: Vec<String> = ["a.yaml", "link", "apps", "apps/hr.yaml", "none"].map(str::to_owned).to_vec();
    let together = repo.files(commit, paths.clone(), 100).await.unwrap();
    let ids = repo.ids(commit, paths.clone()).await.unwrap();
    for (path, read) in paths.iter().zip(together) {
        assert_eq!(read, repo.file(commit, path, 100).await, "{path}");
        assert_eq!(ids.get(path).copied(), read.ok().and_then(|bytes| super::blob_id(&bytes)), "{path}");
    }
    assert_eq!(ids.len(), 2);
}

#[tokio::test]
async fn a_commit_keeps_modes_and_the_same_input_gives_the_same_id() {
    let site = site();
    let repo = site.open();
    let base = repo.fetch(wanted()).await.unwrap().base_commit;
    let files = [("apps/hr.yaml", "version: 2\n"), ("run.sh", "#!/bin/sh\nx\n"), ("new/dir/f", "n")];
    let first = new(repo.commit(change(base, &files)).await.unwrap());
    assert_eq!(new(repo.commit(change(base, &files)).await.unwrap()), first);
    assert_eq!(repo.changed_paths(base, first).await.unwrap(), ["apps/hr.yaml", "new/dir/f", "run.sh"]);
    repo.push("davit/x", first, None).await.unwrap();
    let raw = site.raw();
    let tree = raw.find_commit(first).unwrap().tree().unwrap();
    assert_eq!(tree.get_path(Path::new("run.sh")).unwrap().filemode(), 0o100_755);
    assert_eq!(tree.get_path(Path::new("link")).unwrap().filemode(), 0o120_000);
    assert_eq!(tree.get_path(Path::new("new/dir/f")).unwrap().filemode(), 0o100_644);
    let same = change(base, &[("a.yaml", "a: 1\n")]);
    assert_eq!(repo.commit(same).await.unwrap(), Committed::Unchanged);
    assert_eq!(repo.commit(change(base, &[])).await.unwrap(), Committed::Unchanged);
    for path in ["../x", ".git/config", "link", "a.yaml/x", "link/x", "apps", "", "x//y"] {
        let refused = repo.commit(change(base, &[(path, "x")])).await;
        assert!(matches!(refused.unwrap_err().kind, Failure::Invalid(_)), "{path}");
    }
}

#[tokio::test]
async fn a_push_is_bound_to_what_was_seen_and_may_be_repeated() {
    let site = site();
    let repo = site.open();
    let base = repo.fetch(wanted()).await.unwrap().base_commit;
    let one = new(repo.commit(change(base, &[("a.yaml", "a: 2\n")])).await.unwrap());
    let two = new(repo.commit(change(base, &[("a.yaml", "a: 3\n")])).await.unwrap());
    repo.push("davit/x", one, None).await.unwrap();
    repo.push("davit/x", one, None).await.unwrap();
    assert!(matches!(repo.push("davit/x", two, None).await.unwrap_err().kind, Failure::LeaseLost { .. }));
    assert!(matches!(repo.push("davit/x", two, Some(base)).await.unwrap_err().kind, Failure::LeaseLost { .. }));
    assert_eq!(site.at("davit/x"), Some(one));
    repo.push("davit/x", two, Some(one)).await.unwrap();
    assert_eq!(site.at("davit/x"), Some(two));
    assert!(matches!(repo.delete("davit/x", one).await.unwrap_err().kind, Failure::LeaseLost { .. }));
    repo.delete("davit/x", two).await.unwrap();
    repo.delete("davit/x", two).await.unwrap();
    assert_eq!(site.at("davit/x"), None);
    assert!(matches!(repo.push("davit/../x", two, None).await.unwrap_err().kind, Failure::Invalid(_)));
}

#[tokio::test]
async fn the_log_tells_our_commits_a_persons_and_a_merge_of_the_base_apart() {
    let site = site();
    let repo = site.open();
    let base = repo.fetch(wanted()).await.unwrap().base_commit;
    let ours = new(repo.commit(change(base, &[("a.yaml", "a: 2\n")])).await.unwrap());
    repo.push("davit/x", ours, None).await.unwrap();
    let raw = site.raw();
    let tree = |id| raw.find_commit(id).unwrap().tree_id();
    let moved = commit(&raw, "main", tree(base), &[base]);
    let merge = commit(&raw, "davit/x", tree(ours), &[ours, moved]);
    let fetched = repo.fetch(wanted()).await.unwrap();
    assert_eq!(fetched.base_commit, moved);
    assert_eq!(fetched.our_branches.get("davit/x"), Some(&merge));
    let log = repo.log(moved, merge).await.unwrap();
    assert_eq!(log.merge_base, Some(moved));
    assert_eq!(log.commits.iter().map(|c| (c.id, c.parents.len())).collect::<Vec<_>>(), [(merge, 2), (ours, 1)]);
    assert_eq!(log.commits[1].author.email, "davit@users.noreply.github.com");
    assert_eq!(log.commits[0].author.email, "person@example.com");
    assert_eq!(repo.merge_base(base, merge).await.unwrap(), Some(base));
    let orphan = commit(&raw, "davit/orphan", tree(ours), &[]);
    repo.fetch(wanted()).await.unwrap();
    assert_eq!(repo.merge_base(base, orphan).await.unwrap(), None);
    assert_eq!(repo.log(base, orphan).await.unwrap().merge_base, None);
}

#[tokio::test]
async fn a_forced_base_a_vanished_branch_and_an_emptied_repository_are_followed_or_named() {
    let site = site();
    let repo = site.open();
    let base = repo.fetch(wanted()).await.unwrap().base_commit;
    let raw = site.raw();
    let tree = raw.find_commit(base).unwrap().tree_id();
    commit(&raw, "davit/a", tree, &[base]);
    assert_eq!(repo.fetch(wanted()).await.unwrap().our_branches.len(), 1);
    raw.find_reference("refs/heads/davit/a").unwrap().delete().unwrap();
    commit(&raw, "davit/a/b", tree, &[base, base]);
    let forced = commit(&raw, "main", tree, &[]);
    let fetched = repo.fetch(wanted()).await.unwrap();
    assert_eq!(fetched.base_commit, forced);
    assert_eq!(fetched.our_branches.keys().collect::<Vec<_>>(), ["davit/a/b"]);
    let gone = repo.fetch(Wanted { base: Some("release".to_owned()), ..wanted() }).await.unwrap_err();
    assert_eq!(gone.kind, Failure::BranchMissing("release".to_owned()));
    raw.find_reference("refs/heads/main").unwrap().delete().unwrap();
    assert!(matches!(repo.fetch(wanted()).await.unwrap_err().kind, Failure::NoHead(_)));
    raw.find_reference("refs/heads/davit/a/b").unwrap().delete().unwrap();
    assert_eq!(repo.fetch(wanted()).await.unwrap_err().kind, Failure::Empty);
    std::fs::remove_dir_all(&site.remote).unwrap();
    assert!(matches!(repo.fetch(wanted()).await.unwrap_err().kind, Failure::NotFound(_)));
}

fn objects(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() {
            objects(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

type Damage = fn(&Path);

#[tokio::test]
async fn a_damaged_cache_is_cloned_afresh() {
    let site = site();
    let first = site.open().fetch(wanted()).await.unwrap();
    let cache = std::fs::read_dir(&site.cache).unwrap().flatten().map(|e| e.path()).find(|p| p.is_dir()).unwrap();
    let damage: [(&str, Damage); 5] = [
        ("no objects", |c| std::fs::remove_dir_all(c.join("objects")).unwrap()),
        ("truncated objects", |c| {
            let mut files = Vec::new();
            objects(&c.join("objects"), &mut files);
            for file in files {
                std::fs::remove_file(&file).unwrap();
                std::fs::write(&file, "x").unwrap();
            }
        }),
        ("a broken HEAD", |c| std::fs::write(c.join("HEAD"), "\0").unwrap()),
        ("a broken ref", |c| std::fs::write(c.join("refs/davit/heads/main"), "nonsense").unwrap()),
        ("a file in its place", |c| {
            std::fs::remove_dir_all(c).unwrap();
            std::fs::write(c, "x").unwrap();
        }),
    ];
    for (name, damage) in damage {
        damage(&cache);
        let repo = site.open();
        assert_eq!(repo.fetch(wanted()).await.expect(name), first);
        assert_eq!(repo.tree(first.base_commit).await.expect(name).tree.files.len(), 3, "{name}");
        assert_eq!(repo.file(first.base_commit, "a.yaml", 9).await.expect(name), b"a: 1\n");
    }
}

#[tokio::test]
async fn a_blob_that_turns_out_damaged_is_healed_by_the_next_fetch() {
    let site = site();
    let repo = site.open();
    let base = repo.fetch(wanted()).await.unwrap().base_commit;
    let mut files = Vec::new();
    objects(&site.cache, &mut files);
    for file in files.iter().filter(|f| f.to_string_lossy().contains("objects")) {
        std::fs::remove_file(file).unwrap();
        std::fs::write(file, "x").unwrap();
    }
    assert!(repo.file(base, "a.yaml", 9).await.is_err());
    repo.fetch(wanted()).await.unwrap();
    assert_eq!(repo.file(base, "a.yaml", 9).await.unwrap(), b"a: 1\n");
}

#[tokio::test]
async fn file_urls_and_work_trees_are_remotes_too() {
    super::init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("work tree");
    let raw = git2::Repository::init(&work).unwrap();
    raw.set_head("refs/heads/trunk").unwrap();
    let mut root = raw.treebuilder(None).unwrap();
    root.insert("a.yaml", raw.blob(b"a: 1\n").unwrap(), 0o100_644).unwrap();
    commit(&raw, "trunk", root.write().unwrap(), &[]);
    let git = Git::new(GitOptions::anonymous(dir.path().join("cache")), CancellationToken::new());
    let url = url::Url::from_file_path(&work).unwrap();
    let repo = git.repository("w", url.as_str()).unwrap();
    assert_eq!(repo.fetch(wanted()).await.unwrap().base_branch, "trunk");
}

#[tokio::test]
async fn tags_are_listed_with_the_commits_behind_them() {
    let site = site();
    let raw = site.raw();
    let head = raw.find_object(site.at("main").unwrap(), None).unwrap();
    let who = git2::Signature::new("A", "a@example.com", &git2::Time::new(1, 0)).unwrap();
    raw.tag("v1.1.0", &head, &who, "annotated", false).unwrap();
    raw.tag_lightweight("v1.0.0", &head, false).unwrap();
    let git = Git::new(GitOptions::anonymous(&site.cache), CancellationToken::new());
    let tags = git.tags(site.remote.to_str().unwrap(), &super::Anonymous).await.unwrap();
    let shown: Vec<_> = tags.iter().map(|t| (t.name.as_str(), t.commit)).collect();
    assert_eq!(shown, [("v1.0.0", head.id()), ("v1.1.0", head.id())]);
}

#[tokio::test]
async fn shutdown_ends_a_call_as_cancelled() {
    let site = site();
    let shutdown = CancellationToken::new();
    let git = Git::new(GitOptions::anonymous(&site.cache), shutdown.clone());
    let repo = git.repository("fleet", site.remote.to_str().unwrap()).unwrap();
    shutdown.cancel();
    assert_eq!(repo.fetch(wanted()).await.unwrap_err().kind, Failure::Cancelled);
}

#[tokio::test]
async fn a_merge_is_automatic_only_where_nothing_was_decided_in_it() {
    let site = site();
    let raw = site.raw();
    let tree = |a: &str, b: &str| {
        let mut root = raw.treebuilder(None).unwrap();
        root.insert("a.yaml", raw.blob(a.as_bytes()).unwrap(), 0o100_644).unwrap();
        root.insert("b.yaml", raw.blob(b.as_bytes()).unwrap(), 0o100_644).unwrap();
        root.write().unwrap()
    };
    let start = commit(&raw, "main", tree("1", "1"), &[]);
    let ours = commit(&raw, "davit/x", tree("2", "1"), &[start]);
    let beside = commit(&raw, "main", tree("1", "2"), &[start]);
    let against = commit(&raw, "other", tree("3", "1"), &[start]);
    let merges = [
        (commit(&raw, "davit/by-itself", tree("2", "2"), &[ours, beside]), true),
        (commit(&raw, "davit/with-a-change", tree("2 and more", "2"), &[ours, beside]), false),
        (commit(&raw, "davit/resolved", tree("2", "1"), &[ours, against]), false),
        (commit(&raw, "davit/of-three", tree("2", "2"), &[ours, beside, start]), false),
        (ours, false),
    ];
    let repo = site.open();
    repo.fetch(Wanted { prefix: "davit/".into(), ..Wanted::default() }).await.unwrap();
    for (id, automatic) in merges {
        let info = repo.commit_info(id).await.unwrap();
        assert_eq!(repo.is_automatic_merge(&info).await.unwrap(), automatic, "{:?}", info.parents);
    }
}

#[tokio::test]
async fn absence_is_nothing_and_what_is_no_file_in_its_place_is_an_error() {
    let site = site();
    let raw = site.raw();
    let blob = raw.blob(b"x").unwrap();
    let empty = raw.treebuilder(None).unwrap().write().unwrap();
    let below = |name: &str, id: Oid, mode: i32| {
        let mut tree = raw.treebuilder(None).unwrap();
        tree.insert(name, id, mode).unwrap();
        tree.write().unwrap()
    };
    let base = site.at("main").unwrap();
    for (davit, mode, want) in [
        (blob, 0o120_000, "Err(.davit is a symlink, not a directory)"),
        (base, 0o160_000, "Err(.davit is a submodule, not a directory)"),
        (blob, 0o100_644, "Ok(false)"),
        (empty, 0o040_000, "Ok(false)"),
        (below("config.yaml", blob, 0o100_644), 0o040_000, "Ok(true)"),
        (below("config.yaml", blob, 0o120_000), 0o040_000, "Err(.davit/config.yaml is a symlink, not a regular file)"),
        (
            below("config.yaml", empty, 0o040_000),
            0o040_000,
            "Err(.davit/config.yaml is a directory, not a regular file)",
        ),
        (
            below("config.yaml", base, 0o160_000),
            0o040_000,
            "Err(.davit/config.yaml is a submodule, not a regular file)",
        ),
    ] {
        let at = commit(&raw, "main", below(".davit", davit, mode), &[]);
        let repo = site.open();
        repo.fetch(Wanted::default()).await.unwrap();
        let said = match repo.file_if_any(at, ".davit/config.yaml", 100).await {
            Ok(found) => format!("Ok({})", found.is_some()),
            Err(error) => format!("Err({})", error.kind),
        };
        assert_eq!(said, want);
    }
}
