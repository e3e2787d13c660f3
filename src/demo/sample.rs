//! The sample GitOps repository and charts of `fixtures/demo`, embedded. A test holds the list against the directory.

/// What the chart repository offers (see [`super::chart::read_list`]).
pub const INDEX: &str = include_str!("../../fixtures/demo/charts/index.txt");
/// What the OCI registry offers.
pub const REGISTRY: &str = include_str!("../../fixtures/demo/charts/registry.txt");

macro_rules! files {
    ($($path:literal,)+) => { &[$(($path, include_bytes!(concat!("../../fixtures/demo/repo/", $path)) as &[u8]),)+] };
}

/// Path and content of every file of the repository, sorted by path.
pub const FILES: &[(&str, &[u8])] = files![
    "README.md",
    "apps/base/database/kustomization.yaml",
    "apps/base/database/release.yaml",
    "apps/base/podinfo/kustomization.yaml",
    "apps/base/podinfo/release.yaml",
    "apps/media/kustomization.yaml",
    "apps/media/movies.yaml",
    "apps/media/music.yaml",
    "apps/production/kustomization.yaml",
    "apps/production/legacy.yaml",
    "apps/production/portal.yaml",
    "apps/production/preview.yaml",
    "apps/staging/kustomization.yaml",
    "clusters/production/apps.yaml",
    "clusters/production/cluster-settings.yaml",
    "clusters/production/flux-system/gotk-sync.yaml",
    "clusters/production/flux-system/kustomization.yaml",
    "clusters/production/infrastructure.yaml",
    "clusters/production/kustomization.yaml",
    "clusters/staging/apps.yaml",
    "clusters/staging/flux-system/gotk-sync.yaml",
    "infrastructure/ingress.yaml",
    "infrastructure/kustomization.yaml",
    "infrastructure/monitoring.yaml",
    "infrastructure/secrets.sops.yaml",
    "infrastructure/sources/charts.yaml",
    "infrastructure/sources/kustomization.yaml",
    "infrastructure/sources/registry.yaml",
];

/// Seconds since 1970 of the sample's first commit: 2026-07-10T08:00:00Z.
const WHEN: i64 = 1_783_670_400;

/// What stands in the sample for the repository's own URL.
const OWN_URL: &str = "ssh://git@github.com/acme/fleet";

/// Writes the sample's one commit and gives its id; the same each time for one URL. The GitRepository of bootstrap gets
/// the URL under which Davit knows the repository, as it is in a real one (Flux rule 24).
///
/// # Errors
/// The repository cannot be written to.
pub fn commit(repository: &git2::Repository, own_url: &str) -> Result<git2::Oid, git2::Error> {
    let mut update = git2::build::TreeUpdateBuilder::new();
    for (path, content) in FILES {
        let blob = match std::str::from_utf8(content) {
            Ok(text) => repository.blob(text.replace(OWN_URL, own_url).as_bytes())?,
            Err(_) => repository.blob(content)?,
        };
        update.upsert(*path, blob, git2::FileMode::Blob);
    }
    let empty = repository.find_tree(repository.treebuilder(None)?.write()?)?;
    let tree = repository.find_tree(update.create_updated(repository, &empty)?)?;
    let who = git2::Signature::new("casey", "casey@example.com", &git2::Time::new(WHEN, 0))?;
    repository.commit(None, &who, &who, "feat: the fleet as it stands\n", &tree, &[])
}
