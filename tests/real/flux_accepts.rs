//! Flux itself accepts the edit: the manifests as they are on the branch of Davit's pull request go to a real API server,
//! and the real source-controller pulls exactly the chart and version that the pull request names. helm-controller can't
//! run here, so the HelmChart that it would make of a release (Flux rule 2) is made by the test.

use crate::flux_referee::Referee;
use crate::oci_registry::{PushedChart, chart as pushed};
use crate::scan::scan;
use crate::source_controller::{Pulled, SourceController, source_controller};
use crate::stage::Stage;
use davit::demo::chart::chart;
use serde_json::{Value, json};
use std::ffi::OsStr;

const FILE: &str = "apps/accepted.yaml";
const HELM_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// A fleet and its forge, and Flux beside them. The chart is called `kettle` everywhere.
struct Case {
    stage: Stage,
    flux: &'static SourceController,
    namespace: String,
}

impl Case {
    async fn new() -> Self {
        let flux = source_controller().await;
        let (stage, namespace) = (Stage::new().await, flux.api.namespace("kitchen").await);
        Self { stage, flux, namespace }
    }

    /// Publishes a chart in the OCI registry. Gives the manifest's digest.
    async fn push(&self, version: &str, tag: Option<&str>) -> String {
        let chart = PushedChart { tag: tag.map(str::to_owned), ..pushed("kettle", version) };
        self.stage.registry.push("kitchen/kettle", &chart, None).await
    }

    fn release(&self, version: &str) -> String {
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n\
             metadata: {{name: tea, namespace: {}}}\nspec:\n  interval: 1h\n  chart:\n    spec:\n      chart: kettle\n      \
             version: {version} # of the kettle\n      sourceRef: {{kind: HelmRepository, name: charts}}\n---\n",
            self.namespace
        )
    }

    /// The release of an HTTP chart repository.
    fn of_index(&self, version: &str) -> String {
        let repository = format!("{{url: \"{}/kitchen\", interval: 1h}}", self.stage.charts.url());
        self.release(version) + &self.source("HelmRepository", "charts", &repository)
    }

    /// The release of a HelmRepository of type `oci`.
    fn of_oci(&self, version: &str) -> String {
        let host = &self.stage.registry.host;
        let repository = format!("{{type: oci, insecure: true, url: \"oci://{host}/kitchen\", interval: 1h}}");
        self.release(version) + &self.source("HelmRepository", "charts", &repository)
    }

    /// A release of an OCIRepository with this `ref`; the release comes with it, that Davit knows what it is.
    fn of_artifact(&self, reference: &str) -> String {
        let spec = format!(
            "\n  interval: 1h\n  insecure: true\n  url: oci://{}/kitchen/kettle\n  layerSelector:\n    mediaType: \
             {HELM_LAYER}\n    operation: copy\n  ref:\n{reference}",
            self.stage.registry.host
        );
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: tea, namespace: {}}}\n\
             spec:\n  interval: 1h\n  chartRef: {{kind: OCIRepository, name: kettle}}\n---\n",
            self.namespace
        ) + &self.source("OCIRepository", "kettle", &spec)
    }

    fn source(&self, kind: &str, name: &str, spec: &str) -> String {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {}}}\n\
             spec: {spec}\n",
            self.namespace
        )
    }

    /// Lets Davit pass over a fleet with this file. Gives the version that its pull request names, and what Flux has
    /// pulled with the file as it is on the branch, which differs from the file before by `from` and `to` alone.
    async fn merged(&self, before: &str, edits: &[(&str, &str)]) -> (String, Pulled) {
        self.stage.casey().push("main", "feat: tea", &[(FILE, Some(before))]).unwrap();
        self.stage.good().await;
        let pull = self.stage.pull("davit/kettle-");
        let (title, named) = pull.title.rsplit_once(' ').unwrap();
        assert!(title.ends_with("update chart kettle to"), "{title}");
        let after = self.stage.file(&pull.branch, FILE);
        let wanted = edits.iter().fold(before.to_owned(), |text, (from, to)| text.replacen(from, to, 1));
        assert_eq!(after, wanted);
        self.stage.lawful();
        (named.to_owned(), self.pulled(&after).await.unwrap())
    }

    /// Applies a file, and waits for what source-controller makes of the chart in it.
    async fn pulled(&self, manifests: &str) -> Result<Pulled, String> {
        let named = |kind: &str, name: &str| {
            json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": kind,
                   "metadata": {"namespace": self.namespace, "name": name}})
        };
        let applied = self.flux.api.apply(manifests).await;
        let release = applied.iter().find(|o| o.types.as_ref().is_some_and(|t| t.kind == "HelmRelease")).unwrap();
        let release = serde_json::to_value(release).unwrap();
        if release["spec"]["chart"].is_null() {
            return self.flux.pulled(&named("OCIRepository", "kettle")).await;
        }
        if manifests.contains("http://") {
            self.flux.settled(&named("HelmRepository", "charts")).await.unwrap();
        }
        let chart = helm_chart_of(&release);
        self.flux.api.apply_object(&chart).await;
        self.flux.pulled(&chart).await
    }

    /// The row of the release in `davit scan` of a folder with this file alone.
    async fn row(&self, manifests: &str) -> Value {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tea.yaml"), manifests).unwrap();
        let output =
            scan(folder.path(), ".", &[("HOME", folder.path().as_os_str()), ("NO_COLOR", OsStr::new("1"))]).await;
        let said: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
        let rows = said["releases"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{said:#}");
        rows[0].clone()
    }
}

/// The HelmChart that helm-controller makes of a release with a chart template (Flux rule 2): named by the release's
/// namespace and name, in the source's namespace.
pub fn helm_chart_of(release: &Value) -> Value {
    let (metadata, template) = (&release["metadata"], &release["spec"]["chart"]["spec"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
    let mut source = template["sourceRef"].clone();
    let elsewhere = source.as_object_mut().unwrap().remove("namespace");
    json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart",
        "metadata": {"name": format!("{namespace}-{name}"), "namespace": elsewhere.unwrap_or(namespace.into())},
        "spec": {
            "chart": template["chart"],
            "version": template.get("version").cloned().unwrap_or_else(|| "*".into()),
            "sourceRef": source,
            "interval": release["spec"]["interval"],
        },
    })
}

fn kettle(revision: impl Into<String>, version: &str) -> Pulled {
    Pulled { revision: revision.into(), name: "kettle".to_owned(), version: version.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flux_pulls_the_version_of_an_http_index_that_davit_proposes() {
    let case = Case::new().await;
    for version in ["1.0.0", "1.4.0", "1.10.0", "1.5", "2.0.0-rc.1"] {
        case.stage.charts.add(chart("kettle", version));
    }
    let (named, pulled) = case.merged(&case.of_index("1.0.0"), &[("1.0.0", "1.10.0")]).await;
    assert_eq!(named, "1.10.0");
    assert_eq!(pulled, kettle("1.10.0", "1.10.0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flux_pulls_a_version_of_an_index_as_it_is_written_with_its_v_and_its_build() {
    let case = Case::new().await;
    for version in ["v1.0.0", "v1.1.0+build.7"] {
        case.stage.charts.add(chart("kettle", version));
    }
    let (named, pulled) = case.merged(&case.of_index("v1.0.0"), &[("v1.0.0", "v1.1.0+build.7")]).await;
    assert_eq!(named, "v1.1.0+build.7");
    assert_eq!(pulled, kettle("v1.1.0+build.7", "v1.1.0+build.7"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flux_pulls_the_version_of_an_oci_repository_of_charts_that_davit_proposes() {
    let case = Case::new().await;
    for version in ["1.0.0", "1.4.0", "1.10.0", "v2.0.0"] {
        case.push(version, None).await;
    }
    let (named, pulled) = case.merged(&case.of_oci("1.0.0"), &[("1.0.0", "1.10.0")]).await;
    assert_eq!(named, "1.10.0");
    assert_eq!(pulled, kettle("1.10.0", "1.10.0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flux_pulls_a_tag_with_an_underscore_by_the_plus_that_davit_writes_into_a_release() {
    let case = Case::new().await;
    for version in ["1.0.0+build.3", "1.1.0+build.7"] {
        case.push(version, None).await;
    }
    let before = case.of_oci("1.0.0+build.3");
    let (named, pulled) = case.merged(&before, &[("1.0.0+build.3", "1.1.0+build.7")]).await;
    assert_eq!(named, "1.1.0+build.7");
    assert_eq!(pulled, kettle("1.1.0+build.7", "1.1.0+build.7"));
    // With the tag's own letters it would not.
    let refused = case.pulled(&case.of_oci("1.1.0_build.7")).await.unwrap_err();
    assert!(refused.contains("1.1.0_build.7"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flux_pulls_the_tag_of_an_oci_repository_that_davit_proposes() {
    let case = Case::new().await;
    case.push("1.0.0", None).await;
    let digest = case.push("1.1.0", None).await;
    let (named, pulled) = case.merged(&case.of_artifact("    tag: 1.0.0\n"), &[("tag: 1.0.0", "tag: 1.1.0")]).await;
    assert_eq!(named, "1.1.0");
    assert_eq!(pulled, kettle(format!("1.1.0@{digest}"), "1.1.0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flux_pulls_a_tag_as_it_is_in_the_registry_with_its_v_and_its_underscore() {
    let case = Case::new().await;
    case.push("1.0.0+build.3", Some("v1.0.0_build.3")).await;
    let digest = case.push("1.1.0+build.7", Some("v1.1.0_build.7")).await;
    let before = case.of_artifact("    tag: v1.0.0_build.3\n");
    let (named, pulled) = case.merged(&before, &[("v1.0.0_build.3", "v1.1.0_build.7")]).await;
    assert_eq!(named, "v1.1.0_build.7");
    assert_eq!(pulled, kettle(format!("v1.1.0_build.7@{digest}"), "1.1.0+build.7"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flux_rule_06_flux_pulls_the_digest_that_davit_writes_beside_the_tag() {
    let case = Case::new().await;
    let old = case.push("1.0.0", None).await;
    let new = case.push("1.1.0", None).await;
    let before = case.of_artifact(&format!("    tag: 1.0.0\n    digest: {old}\n"));
    let (named, pulled) = case.merged(&before, &[("tag: 1.0.0", "tag: 1.1.0"), (&old, &new)]).await;
    assert_eq!(named, "1.1.0");
    // The digest is in force, the tag beside it documentation.
    assert_eq!(pulled, kettle(new, "1.1.0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flux_follows_a_range_to_the_version_that_davit_names_to_pin_it() {
    let case = Case::new().await;
    for version in ["1.0.0", "1.9.0", "1.10.0+build.7", "v3.0.0", "3.1", "4.0.0-rc.1"] {
        case.push(version, None).await;
        case.stage.charts.add(chart("kettle", version));
    }
    for (manifests, reason) in [
        (case.of_index("\"*\""), "floating-range"),
        (case.of_index("1.x"), "floating-range"),
        (case.of_oci("\"*\""), "floating-range"),
        (case.of_artifact("    semver: \"*\"\n"), "floating-semver"),
        (case.of_artifact("    semver: \"<3\"\n"), "floating-semver"),
        (case.of_artifact("    semver: \">=1.0.0-0\"\n"), "floating-semver"),
    ] {
        let row = case.row(&manifests).await;
        assert_eq!((row["status"].as_str(), row["reason"].as_str()), (Some("floating"), Some(reason)), "{row:#}");
        let pulled = case.pulled(&manifests).await.unwrap();
        let picked = pulled.revision.split('@').next().unwrap();
        let message = row["message"].as_str().unwrap();
        let named = message.strip_suffix(" to pin it").unwrap_or(message).rsplit(' ').next();
        assert_eq!(named, Some(picked), "{message}\n{manifests}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_flux_follows_through_a_filter_of_tags_is_not_guessed() {
    let case = Case::new().await;
    for version in ["1.0.0", "3.0.0"] {
        case.push(version, None).await;
    }
    let manifests = case.of_artifact("    semver: \"*\"\n    semverFilter: \"^1\"\n");
    let row = case.row(&manifests).await;
    assert_eq!((row["reason"].as_str(), &row["latest"]), (Some("floating-semver"), &Value::Null), "{row:#}");
    assert!(row["message"].as_str().unwrap().contains("the tags that match ^1"), "{row:#}");
    assert_eq!(case.pulled(&manifests).await.unwrap().version, "1.0.0");
}

/// Held by helm-controller's own functions on the object as the API server keeps it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flux_rule_02_a_helm_chart_is_named_by_its_object_whatever_the_release_is_called() {
    let case = Case::new().await;
    case.stage.charts.add(chart("kettle", "1.0.0"));
    let sources = case.flux.api.namespace("pantry").await;
    let mut referee = Referee::of("helm");
    for (names, release_name, release_namespace) in [
        ("", "tea", case.namespace.as_str()),
        ("  releaseName: pot\n", "pot", &case.namespace),
        ("  targetNamespace: hall\n", "hall-tea", "hall"),
        ("  releaseName: pot\n  targetNamespace: hall\n", "pot", "hall"),
    ] {
        let manifests = case.of_index("1.0.0").replacen("spec:\n", &format!("spec:\n{names}"), 1).replace(
            &format!("name: charts, namespace: {}", case.namespace),
            &format!("name: charts, namespace: {sources}"),
        );
        let manifests = manifests.replace("name: charts}", &format!("name: charts, namespace: {sources}}}"));
        let applied = case.flux.api.apply(&manifests).await;
        let release = serde_json::to_value(&applied[0]).unwrap();
        let theirs = referee.ask(&json!({"release": release})).unwrap();
        assert_eq!(
            (&theirs["releaseName"], &theirs["releaseNamespace"]),
            (&json!(release_name), &json!(release_namespace))
        );
        let chart = helm_chart_of(&release);
        assert_eq!(chart["metadata"], json!({"name": theirs["helmChartName"], "namespace": sources}));
        // The row is the object's, whatever Helm calls the release.
        let row = case.row(&manifests).await;
        assert_eq!((&row["namespace"], &row["name"]), (&json!(case.namespace), &json!("tea")), "{row:#}");
        case.flux.api.apply_object(&chart).await;
        assert_eq!(case.flux.pulled(&chart).await, Ok(kettle("1.0.0", "1.0.0")));
    }
}
