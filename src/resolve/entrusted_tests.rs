use crate::model::{Note, Reason, Release, RowKind, SourceKind};
use crate::resolve::neighbours::tests::{BY_REF, Fleet, OCI, RELEASE, message, platform, reason, root, tenant};
use std::sync::Arc;

const VERSIONS: &str = "=== infra/versions.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: versions, namespace: flux-system}
data:
  db: 1.2.0
  web: 1.2.0
";

const POST: &str = "  targetNamespace: shop
  postBuild:
    substituteFrom: [{kind: ConfigMap, name: versions}]
";

fn by_variable() -> String {
    RELEASE.replace("1.0.0", "${web}")
}

fn site(release: &Release) -> Option<(&str, u32, &str)> {
    release.site.as_ref().map(|site| (&*site.file, site.line, site.text.as_str()))
}

#[test]
fn flux_rule_12_a_variable_that_only_a_tenant_reads_is_a_row_of_the_platform() {
    let fleet = Fleet::new(&[("platform", &(platform(POST) + VERSIONS)), ("shop", &by_variable())]).settled();
    assert_eq!(reason(fleet.only(1)), Some(Reason::InAnotherRepository));
    let row = fleet.only(0);
    assert_eq!(
        (row.kind, reason(row), row.current.as_deref()),
        (RowKind::HelmRelease, None, Some("1.2.0")),
        "{row:#?}"
    );
    assert_eq!((&*row.file, row.line), ("infra/versions.yaml", 6));
    assert_eq!(site(row), Some(("infra/versions.yaml", 6, "1.2.0")));
    assert_eq!((row.id().to_string(), row.cluster.as_deref()), ("shop/web".to_owned(), Some("clusters/home")));
    assert_eq!(row.kustomization.as_ref().unwrap().to_string(), "flux-system/shop");
    assert_eq!(row.lookup.as_ref().unwrap().canonical(), "https://charts.example.com#web");
    let user = "the release lies in another repository: shop/web (shop:apps/web.yaml:2)";
    assert!(row.notes.contains(&Note::Other(user.to_owned())), "{:?}", row.notes);
    // Its files are called as this repository calls them.
    assert!(row.chain.iter().all(|step| !step.file.starts_with("platform:")), "{:?}", row.chain);
    assert!(fleet.last[0].doubtful.is_empty() && fleet.last[1].doubtful.is_empty());
}

#[test]
fn fixed_text_around_a_variable_and_what_else_is_the_matter_come_with_it() {
    let release = by_variable().replace("${web}", "v${web}");
    let fleet = Fleet::new(&[("platform", &(platform(POST) + VERSIONS)), ("shop", &release)]).settled();
    assert_eq!(fleet.only(0).frame.as_ref().map(|frame| frame.prefix.as_str()), Some("v"));
    let release = by_variable().replace("spec:\n  chart:", "spec:\n  suspend: true\n  chart:");
    let fleet = Fleet::new(&[("platform", &(platform(POST) + VERSIONS)), ("shop", &release)]).settled();
    assert_eq!(reason(fleet.only(0)), Some(Reason::Suspended), "{:#?}", fleet.only(0));
    assert!(message(fleet.only(0)).starts_with("in the repository shop: "), "{}", message(fleet.only(0)));
    // Who reads it with other text around it holds both.
    let platform = platform(POST) + &tenant("home", "till", &POST.replace("shop", "till")) + VERSIONS;
    let release = by_variable().replace("${web}", "v${web}");
    let fleet = Fleet::new(&[("platform", &platform), ("shop", &release), ("till", &by_variable())]).settled();
    let reasons: Vec<_> = fleet.rows(0).iter().map(|row| reason(row)).collect();
    assert_eq!(reasons, [Some(Reason::NotEditable); 2]);
}

#[test]
fn a_patch_of_the_platforms_kustomization_is_a_row_there() {
    let patch = "  targetNamespace: shop
  patches:
    - target: {kind: HelmRelease}
      patch: |
        - {op: replace, path: /spec/chart/spec/version, value: 1.1.0}
";
    let fleet = Fleet::new(&[("platform", &platform(patch)), ("shop", RELEASE)]).settled();
    let row = fleet.only(0);
    assert_eq!((reason(row), site(row)), (None, Some(("clusters/home/shop.yaml", 16, "1.1.0"))), "{row:#?}");
    assert!(row.site.as_ref().unwrap().shown_path().contains("patches[0].patch"), "{:?}", row.site);
}

#[test]
fn a_git_tag_of_the_platform_is_a_row_there_and_an_oci_repository_is_one_anyway() {
    let git = "=== infra/git.yaml
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: charts, namespace: flux-system}
spec: {url: \"https://git.example.com/charts\", ref: {tag: v1.0.0}}
";
    let release = RELEASE.replace("chart: web", "chart: ./web").replace("kind: HelmRepository", "kind: GitRepository");
    let platform = root("platform", "home") + &tenant("home", "shop", "  targetNamespace: shop\n");
    let fleet = Fleet::new(&[("platform", &(platform.clone() + git)), ("shop", &release)]).settled();
    let row = fleet.only(0);
    assert_eq!((reason(row), site(row)), (None, Some(("infra/git.yaml", 4, "v1.0.0"))), "{row:#?}");
    assert_eq!(row.source.as_ref().unwrap().kind, SourceKind::GitRepository);
    let fleet = Fleet::new(&[("platform", &(platform + OCI)), ("shop", BY_REF)]).settled();
    assert_eq!(fleet.only(0).kind, RowKind::OciRepository, "one row for it, not two");
}

#[test]
fn what_a_third_repository_defines_is_a_row_there_and_of_nobody_else() {
    let third = VERSIONS.replace("infra/", "apps/");
    let platform = platform(POST) + &tenant("home", "third", "");
    let fleet = Fleet::new(&[("platform", &platform), ("shop", &by_variable()), ("third", &third)]).settled();
    assert!(fleet.rows(0).is_empty(), "{:#?}", fleet.rows(0));
    let row = fleet.only(2);
    assert_eq!(
        (site(row), row.cluster.as_deref()),
        (Some(("apps/versions.yaml", 6, "1.2.0")), Some("platform:clusters/home"))
    );
}

#[test]
fn while_the_tenant_is_behind_no_place_is_taken_for_the_one_that_was_meant() {
    let good = platform(POST) + VERSIONS;
    let mut fleet = Fleet::new(&[("platform", &good), ("shop", &by_variable())]).settled();
    let row = fleet.last[0].releases.clone();
    // Where `web` stood stands `db` now, in as many bytes and with the same value.
    let moved = good.replace("  db: 1.2.0\n  web: 1.2.0\n", "  id: 1.2.0\n  db: 1.2.0\n  web: 1.2.0\n");
    fleet.change(0, &moved);
    fleet.look(0);
    assert!(fleet.rows(0).is_empty(), "{:#?}", fleet.rows(0));
    assert!(fleet.last[0].doubtful.contains("infra/versions.yaml"), "and nothing of it is closed");
    assert!(fleet.look(1), "the tenant follows");
    fleet.look(0);
    assert_eq!(site(fleet.only(0)), Some(("infra/versions.yaml", 7, "1.2.0")));
    assert!(fleet.last[0].doubtful.is_empty());
    // What the tenant does not take moves nothing.
    fleet.change(0, &(moved + "=== infra/more.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n"));
    fleet.look(0);
    assert_eq!(fleet.rows(0).len(), row.len());
}

#[test]
fn a_tenant_that_was_never_read_may_read_any_version_that_stands_here() {
    let mut fleet = Fleet::new(&[("platform", &(platform(POST) + VERSIONS)), ("shop", &by_variable())]);
    fleet.states[1] = crate::resolve::State::Failed(Arc::from("no route to host"));
    fleet.look(0);
    assert!(fleet.last[0].doubtful.contains("infra/versions.yaml"), "{:?}", fleet.last[0].doubtful);
}
