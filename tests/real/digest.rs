//! Flux rule 6 against a real registry: a tag and the digest beside it move together, and only they.

use crate::oci_registry::{PushedChart, chart};
use crate::stage::Stage;

const PATH: &str = "apps/pinned.yaml";

fn pinned(tag: &str, digest: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: pinned, namespace: shop}}\n\
         spec:\n  url: oci://ghcr.io/acme/charts/pinned\n  ref:\n    digest: {digest}  # of the manifest\n    \
         tag: \"{tag}\"\n---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n\
         metadata: {{name: pinned, namespace: shop}}\nspec:\n  chartRef: {{kind: OCIRepository, name: pinned}}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flux_rule_06_a_tag_and_the_digest_beside_it_move_together() {
    let stage = Stage::new().await;
    let old = stage.registry.push("acme/charts/pinned", &chart("pinned", "1.0.0"), None).await;
    let new = stage.registry.push("acme/charts/pinned", &chart("pinned", "1.1.0"), None).await;
    let before = pinned("1.0.0", &old);
    stage.casey().push("main", "feat: a chart by its digest", &[(PATH, Some(&before))]).unwrap();
    stage.good().await;
    let pull = stage.pull("davit/pinned");
    assert_eq!(stage.file(&pull.branch, PATH), pinned("1.1.0", &new));
    assert!(pull.body.contains(&format!("| Digest | `{new}` moves with the tag |")), "{}", pull.body);
    assert!(!pull.body.contains("was moved"), "{}", pull.body);
    stage.silent().await;

    // Somebody pushes another chart under the old tag: worth a word, and nothing else.
    let again = PushedChart { deprecated: true, ..chart("pinned", "1.0.0") };
    let moved = stage.registry.push("acme/charts/pinned", &again, None).await;
    assert_ne!(moved, old);
    stage.good().await;
    let pull = stage.pull("davit/pinned");
    assert!(pull.body.contains("the tag 1.0.0 was moved") && pull.body.contains(&moved[..19]), "{}", pull.body);
    assert_eq!(stage.file(&pull.branch, PATH), pinned("1.1.0", &new));

    // With the newest tag, a digest of another manifest is no update.
    stage.rewrite(PATH, &before, &pinned("1.1.0", &old));
    stage.good().await;
    assert!(!stage.pull("davit/pinned").open);
    stage.silent().await;
    stage.lawful();
}
