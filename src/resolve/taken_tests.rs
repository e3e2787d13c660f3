//! What of a neighbour's change is news to whom.

use super::*;
use crate::inventory::Kind;
use crate::model::Reason;
use crate::resolve::neighbours::tests::{Fleet, OCI, RELEASE, message, platform, reason, repository, root, tenant};

/// Number of the platform in every fleet here.
const PLATFORM: usize = 0;

/// The platform's tree changes and is looked at: for each of the others, whether that is news to it.
fn news(fleet: &mut Fleet, text: &str) -> Vec<bool> {
    let published = |fleet: &Fleet, number: usize| fleet.states[number].published().unwrap().clone();
    let others = 1..fleet.states.len();
    let before = published(fleet, PLATFORM);
    let taken = |fleet: &Fleet, number: usize| fleet.view(number).taken_by(&published(fleet, number));
    let had: Vec<Taken> = others.clone().map(|number| taken(fleet, number)).collect();
    fleet.change(PLATFORM, text);
    fleet.look(PLATFORM);
    let now = published(fleet, PLATFORM);
    let told = others.clone().map(|number| is_news(&published(fleet, number), Some(&before), &now));
    let told: Vec<bool> = told.collect();
    // What a member is told is what its next look differs in.
    let moved: Vec<bool> = others.zip(had).map(|(number, had)| taken(fleet, number).rows != had.rows).collect();
    assert_eq!(told, moved);
    told
}

/// A platform with two tenants in namespaces of their own and a source for each.
fn two_tenants() -> String {
    root("platform", "home")
        + &tenant("home", "shop", "  targetNamespace: shop\n")
        + &tenant("home", "till", "  targetNamespace: till\n")
        + "=== infra/charts.yaml\n"
        + &repository("charts", "https://charts.example.com")
        + "=== infra/others.yaml\n"
        + &repository("others", "https://others.example.com")
}

fn till() -> String {
    RELEASE.replace("name: web", "name: cash").replace("charts,", "others,")
}

#[test]
fn a_commit_of_the_platform_is_news_to_those_that_use_what_it_changed() {
    let platform = two_tenants();
    let mut fleet = Fleet::new(&[("platform", &platform), ("shop", RELEASE), ("till", &till())]).settled();
    assert_eq!((reason(fleet.only(1)), reason(fleet.only(2))), (None, None));
    assert_eq!(news(&mut fleet, &platform.replace("//charts.", "//new-charts.")), [true, false]);
    assert_eq!(news(&mut fleet, &platform.replace("//others.", "//new-others.")), [true, true], "one back, one new");
    assert_eq!(news(&mut fleet, &platform), [false, true]);
    // A Kustomization is news to whom it builds.
    assert_eq!(news(&mut fleet, &platform.replace("targetNamespace: till", "targetNamespace: desk")), [false, true]);
}

#[test]
fn a_file_or_a_source_that_nobody_uses_is_news_to_nobody() {
    let platform = two_tenants();
    let mut fleet = Fleet::new(&[("platform", &platform), ("shop", RELEASE), ("till", &till())]).settled();
    // It sorts before all the others: no file of theirs is another for that.
    let more =
        "=== clusters/home/a.yaml\n".to_owned() + &repository("unused", "https://unused.example.com") + &platform;
    assert_eq!(news(&mut fleet, &more), [false, false]);
    let gone = fleet.last[PLATFORM].published.clone();
    assert!(gone.sources.keys().any(|(.., name)| name == "unused"), "it is shown all the same");
    assert_eq!(news(&mut fleet, &platform), [false, false]);
}

#[test]
fn a_config_map_is_news_to_those_whose_kustomization_names_it() {
    let post = |map: &str| format!("  postBuild: {{substituteFrom: [{{kind: ConfigMap, name: {map}}}]}}\n");
    let map = |name: &str, value: &str| {
        format!(
            "=== infra/{name}.yaml\napiVersion: v1\nkind: ConfigMap\n\
             metadata: {{name: {name}, namespace: flux-system}}\ndata: {{web: {value}}}\n"
        )
    };
    let platform = |one: &str, other: &str| {
        root("platform", "home")
            + &tenant("home", "shop", &post("one"))
            + &tenant("home", "till", &post("other"))
            + &map("one", one)
            + &map("other", other)
    };
    let release = RELEASE.replace("1.0.0", "${web}");
    let mut fleet =
        Fleet::new(&[("platform", &platform("1.0.0", "1.0.0")), ("shop", &release), ("till", &release)]).settled();
    assert_eq!(news(&mut fleet, &platform("1.0.0", "1.1.0")), [false, true]);
    assert_eq!(news(&mut fleet, &platform("1.2.0", "1.1.0")), [true, false]);
}

#[test]
fn a_name_that_nobody_had_is_news_to_those_that_looked_for_it() {
    let without = root("platform", "home") + &tenant("home", "shop", "  targetNamespace: shop\n");
    let mut fleet = Fleet::new(&[("platform", &without), ("shop", RELEASE)]).settled();
    assert_eq!(reason(fleet.only(1)), Some(Reason::SourceMissing));
    let with = without.clone() + "=== infra/charts.yaml\n" + &repository("charts", "https://charts.example.com");
    assert_eq!(news(&mut fleet, &with), [true]);
    fleet.look(1);
    assert_eq!(reason(fleet.only(1)), None);
    assert_eq!(news(&mut fleet, &without), [true]);
}

/// A Kustomization of the tenant's `./apps` on a GitRepository that it does not hold.
const AWAY: &str = "=== apps/more.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: more, namespace: flux-system}
spec:
  path: ./more
  targetNamespace: more
  sourceRef: {kind: GitRepository, name: extra}
";

fn extra(url: &str) -> String {
    format!(
        "=== infra/extra.yaml\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n\
         metadata: {{name: extra, namespace: flux-system}}\nspec: {{url: \"https://git.example.com/{url}\"}}\n"
    )
}

#[test]
fn a_kustomization_that_leads_away_follows_when_a_neighbour_says_where() {
    let without = platform("");
    let third = RELEASE.replace("apps/", "more/");
    let mut fleet = Fleet::new(&[("platform", &without), ("shop", AWAY), ("third", &third)]).settled();
    assert_eq!(reason(fleet.only(2)), None, "nobody builds it, and it has no root: {:#?}", fleet.only(2));
    assert!(fleet.only(2).kustomization.is_none());
    // Of two that have nothing to do with it, neither.
    assert_eq!(news(&mut fleet, &(without.clone() + &extra("third"))), [true, false]);
    let before = fleet.last[1].published.clone();
    fleet.look(1);
    assert!(is_news(&fleet.last[2].published, Some(&before), &fleet.last[1].published));
    fleet.look(2);
    let row = fleet.only(2);
    assert_eq!((row.namespace.as_str(), row.kustomization.as_ref().unwrap().name.as_str()), ("more", "more"));
    assert_eq!((row.cluster.as_deref(), reason(row)), (Some("platform:clusters/home"), None));
    // And when it says that it lies nowhere in the fleet.
    assert_eq!(news(&mut fleet, &(without.clone() + &extra("nowhere"))), [true, false]);
    fleet.look(1);
    assert_eq!(fleet.last[1].problems.len(), 1, "{:#?}", fleet.last[1].problems);
    assert!(fleet.last[1].problems[0].problem.message.contains("git.example.com/nowhere"));
}

#[test]
fn where_a_kustomization_leads_is_looked_for_whether_anybody_builds_it_or_not() {
    let fleet = Fleet::new(&[("platform", &platform("")), ("shop", &AWAY.replace("apps/", "old/"))]).settled();
    let name = (Kind::GitRepository, "flux-system".to_owned(), "extra".to_owned());
    assert!(fleet.last[1].published.wants.contains(&name), "{:?}", fleet.last[1].published.wants);
}

#[test]
fn a_neighbours_broken_document_and_its_repair_reach_what_is_left_alone_and_no_row() {
    let good = platform("  targetNamespace: shop\n");
    let broken = good.clone() + "=== infra/broken.yaml\nkind: HelmRepository\nspec: {url: [\n";
    // It looks for nothing: its own chart source is all it needs. One file of it is built by nobody.
    let own = RELEASE.to_owned()
        + "=== apps/charts.yaml\n"
        + &repository("charts", "https://charts.example.com")
        + &RELEASE.replace("apps/web.yaml", "old/web.yaml").replace("name: web", "name: old");
    let third = "=== apps/charts.yaml\n".to_owned() + &repository("third", "https://third.example.com");
    let mut fleet = Fleet::new(&[("platform", &broken), ("shop", &own), ("third", &third)]).settled();
    assert!(fleet.last[1].doubtful.contains("old/web.yaml"), "{:?}", fleet.last[1].doubtful);
    let (rows, published) = (fleet.last[1].releases.clone(), fleet.last[1].published.clone());
    let before = fleet.view(1).taken_by(&published);
    assert_eq!(news(&mut fleet, &good), [false, false]);
    let now = fleet.view(1).taken_by(&published);
    assert!(now.rows == before.rows && now != before, "its next look resolves again, and takes over every row");
    fleet.look(1);
    assert_eq!((&fleet.last[1].releases, fleet.last[1].doubtful.len()), (&rows, 0));
    // And back.
    assert_eq!(news(&mut fleet, &broken), [false, false]);
    assert_eq!(fleet.view(1).taken_by(&published), before);
}

#[test]
fn who_uses_a_source_is_news_to_the_one_that_holds_it() {
    let platform = root("platform", "home") + &tenant("home", "shop", "") + OCI;
    let by_ref = crate::resolve::neighbours::tests::BY_REF;
    let mut fleet = Fleet::new(&[("platform", &platform), ("shop", by_ref), ("third", RELEASE)]).settled();
    let before = fleet.last[1].published.clone();
    fleet.change(1, &by_ref.replace("name: web, namespace: shop", "name: web, namespace: desk"));
    fleet.look(1);
    let now = fleet.last[1].published.clone();
    assert!(is_news(&fleet.last[0].published, Some(&before), &now));
    assert!(!is_news(&fleet.last[2].published, Some(&before), &now));
    assert!(message(fleet.only(1)).contains("in the repository platform"));
}
